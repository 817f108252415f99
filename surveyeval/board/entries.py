"""What may stand on a leaderboard: runs and submissions, opened, and what each is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surveyeval.board.submission import Submission, make_submission, open_submission
from surveyeval.engine.closeness import NEARER, too_close
from surveyeval.engine.common import find_run
from surveyeval.engine.run import Run, find_runs
from surveyeval.errors import ConfigError, RunError, SurveyevalError
from surveyeval.reporting.view import RunView
from surveyeval.reporting.words import SYNTHETIC

if TYPE_CHECKING:
    from surveyeval.board.findings import Checked

__all__ = ["Entry", "open_entries"]

#: Model schemes that are no candidates: their rows come from people's answers, or from a script.
_SCRIPTED = ("scripted",)
#: Schemes of models that come with the package to try it out.
_DEMONSTRATION = ("embedded",)
#: What is to be known of models of a kind.
_REMARKS = {
    "scripted": "not ranked: it is a check of the pipeline and may know people’s answers",
    "demonstration": "small enough to come with the package, and says nothing about models that people use",
}


@dataclass(frozen=True, eq=False)
class Entry:
    """One run on a leaderboard.

    Parameters
    ----------
    submission : Submission
        What of it may be published; everything on a site is made from it.
    run : Run or None
        The run directory, where there is one on this machine.
    checked : Checked or None
        Outcome of the check, for submissions.
    """

    submission: Submission
    run: Run | None = None
    checked: Checked | None = field(default=None)

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What was run."""
        return self.submission.manifest

    @cached_property
    def view(self) -> RunView:
        """The run as cards see it."""
        return self.submission.view

    @property
    def id(self) -> str:
        """Identity of the run."""
        return str(self.manifest["id"])

    @property
    def model(self) -> str:
        """Name of the model."""
        return str(self.manifest["model"]["name"])

    @property
    def scheme(self) -> str:
        """Scheme of the model string."""
        return str(self.manifest["model"]["string"]).partition(":")[0]

    @property
    def kind(self) -> str:
        """``model``, ``demonstration``, ``baseline`` or ``scripted``."""
        if self.scheme in _DEMONSTRATION or _base(self.manifest).startswith(tuple(f"{one}:" for one in _DEMONSTRATION)):
            return "demonstration"
        if self.scheme in _SCRIPTED:
            return "scripted"
        return "baseline" if self.scheme == "baseline" else "model"

    @cached_property
    def nearer(self) -> str:
        """What is to be said where answers are nearer to people than people are to each other; empty elsewhere."""
        if not too_close(self.view.estimates, self.model):
            return ""
        return NEARER if self.manifest["task"]["provenance"] == "human" else SYNTHETIC.own(NEARER)

    @property
    def remarks(self) -> list[str]:
        """What stands beside the model in the list of a board."""
        said = [*map(str, self.manifest["model"]["banners"]), self.nearer, _REMARKS.get(self.kind, "")]
        return [one for one in said if one]

    @property
    def origin(self) -> str:
        """Where the numbers come from."""
        if self.run is not None:
            return "run directory"
        return "submission, checked" if self.checked is None or self.checked.ok else "submission with problems"


def _base(manifest: Mapping[str, Any]) -> str:
    """Model string of what an adapter was trained on, where the fingerprint tells."""
    adapter = manifest["model"]["fingerprint"]["details"].get("adapter")
    return str(adapter.get("base", "")) if isinstance(adapter, Mapping) else ""


def open_entries(chosen: Iterable[str | Path | Run], folder: str | Path = "runs") -> tuple[list[Entry], list[str]]:
    """Open runs and submissions.

    Parameters
    ----------
    chosen : iterable of str, Path or Run
        Run directories, folders of run directories, beginnings of names of runs below `folder`, and files of submissions.
    folder : path

    Returns
    -------
    list of Entry
        Each run once; a run directory is preferred to a submission of the same run.
    list of str
        What was left out, and why.

    Raises
    ------
    SurveyevalError
        When something named cannot be opened, or nothing is left.
    """
    from surveyeval.board.check import check_submission

    runs: list[Run] = []
    entries: list[Entry] = []
    notes: list[str] = []
    for one in chosen:
        path = Path(one) if not isinstance(one, Run) else one.folder
        if isinstance(one, Run) or (path / "manifest.json").is_file():
            runs.append(one if isinstance(one, Run) else Run(path))
        elif path.is_dir():
            runs += _below(path, notes)
        elif path.is_file():
            submission = open_submission(path)
            entries.append(Entry(submission, checked=check_submission(submission)))
        else:
            runs.append(find_run(str(one), folder))
    found: dict[str, Entry] = {}
    for run in runs:
        if run.status != "complete" or not run.scored:
            notes.append(f"{run.folder.name} is left out: it is {run.status} and not scored.")
            continue
        try:
            found.setdefault(run.id, Entry(make_submission(run), run))
        except RunError as error:
            notes.append(f"{run.folder.name} is left out: it {error.problems[0].message}.")
        except (KeyError, TypeError, ValueError) as error:
            notes.append(
                f"{run.folder.name} is left out: an earlier version made it ({type(error).__name__}: {error})."
            )
    for entry in entries:
        if entry.checked is not None and not entry.checked.ok:
            notes.append(
                f"{entry.submission.file} is left out: {entry.checked.problems[0]}; see surveyeval leaderboard --check."
            )
        elif entry.id in found:
            notes.append(f"{entry.submission.file} is the run {found[entry.id].model} once more, and stands once.")
        else:
            found[entry.id] = entry
    if not found:
        raise ConfigError(
            " ".join(["there is nothing to put on a leaderboard.", *notes]), hint="`surveyeval ls runs` lists runs"
        )
    return list(found.values()), notes


def _below(folder: Path, notes: list[str]) -> list[Run]:
    found = find_runs(folder)
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix in (".zip", ".json"):
            notes.append(f"{path.name} in {folder.name} is no run; name submissions one by one.")
    if not found:
        raise RunError(
            "holds no run", file=str(folder), hint="`surveyeval ls runs -o FOLDER` lists the runs of a folder"
        )
    return found


def known_not_comparable(manifest: Mapping[str, Any]) -> bool:
    """Whether the same task file on this machine says that its results rank nobody, whatever a submission says."""
    try:
        from surveyeval.task.load import load_task

        task = load_task(str(manifest["task"]["name"]), profile_set=str(manifest["task"]["profile_set"]))
    except SurveyevalError:
        return False
    return task.content_hash == manifest["task"]["hash"] and task.spec.comparable is False
