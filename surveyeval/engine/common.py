"""Runs that may be compared in pairs, and the test people that all of them simulated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from surveyeval.data.sample import Sample
from surveyeval.engine.experiment import split_people
from surveyeval.engine.readable import understood
from surveyeval.engine.responses import samples
from surveyeval.engine.run import Run, find_runs
from surveyeval.errors import RunError, did_you_mean
from surveyeval.task.human import HumanData, load_human
from surveyeval.task.load import load_task
from surveyeval.task.task import Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FEWEST",
    "answered_people",
    "check_pairable",
    "common_people",
    "distinct_names",
    "divided",
    "find_run",
    "reopen",
    "samples_of",
]

#: With fewer common people even the headline would rest on halves below 15 people.
FEWEST = 30


def find_run(text: str | Path | Run, folder: str | Path = "runs") -> Run:
    """A run by its directory, or by the beginning of its name or identity below a folder; a run is itself.

    Raises
    ------
    RunError
        When nothing, or more than one run, is named so.
    """
    if isinstance(text, Run):
        return text
    if Path(text).is_dir():
        return Run(text)
    known = {run.folder.name: run for run in find_runs(folder)}
    found = [run for name, run in known.items() if name.startswith(str(text)) or run.id.startswith(str(text))]
    found = found or [run for name, run in known.items() if str(text) in name]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(run.folder.name for run in found)
        raise RunError(f"{str(text)!r} names {len(found)} runs: {names}", hint="write more of the name")
    hint = did_you_mean(str(text), known) or f"`surveyeval ls runs -o {folder}` lists the runs of a folder"
    raise RunError(f"there is no run {str(text)!r}, neither a directory nor below {folder}", hint=hint)


def check_pairable(runs: Sequence[Run]) -> None:
    """Refuse runs that differ in more than which test people they simulated; the message says in what, and how.

    Raises
    ------
    RunError
    """
    if len({run.id for run in runs}) < len(runs) or len(runs) < 2:
        raise RunError(
            "a comparison needs at least two different runs", hint="`surveyeval ls runs` lists the runs of a folder"
        )
    parts: tuple[tuple[str, Callable[[Mapping[str, Any]], Any]], ...] = (
        ("the task", lambda m: m["task"]["name"]),
        ("the version of the task", lambda m: m["task"]["version"]),
        ("the task file", lambda m: m["identity"]["task"]),
        ("the profile set", lambda m: m["identity"]["profile_set"]),
        ("the provenance of the data", lambda m: m["task"].get("provenance")),
        ("the data", lambda m: m["identity"]["data"]),
        ("the split", lambda m: m["identity"]["split"]),
        ("the number of pilot people", lambda m: m["split"]["pilot"]),
        ("the pilot", lambda m: m["identity"]["pilot"]),
    )
    first = runs[0]
    for words, get in parts:
        for other in runs[1:]:
            ours, theirs = get(first.manifest), get(other.manifest)
            if ours != theirs:
                raise RunError(
                    f"these runs cannot be compared: {words} differs, {_short(ours)} in {first.folder.name} and "
                    f"{_short(theirs)} in {other.folder.name}",
                    hint="run all models in one command, or with the same options",
                )


def _short(value: Any) -> str:
    text = str(value)
    return f"{text[:12]}…" if len(text) > 20 else text


def distinct_names(runs: Sequence[Run]) -> list[str]:
    """Names of the models, numbered where several runs use one name."""
    names: list[str] = []
    for position, run in enumerate(runs):
        number = 1 + sum(earlier.model == run.model for earlier in runs[:position])
        names.append(run.model if number == 1 else f"{run.model} #{number}")
    return names


def reopen(stored: Run) -> tuple[Task, HumanData]:
    """The task and the people of a run, as they are now.

    Raises
    ------
    RunError
        When either is not as it was.
    """
    with understood(stored.folder):
        config, recorded = stored.config, stored.manifest["identity"]
        task = load_task(config["task"], profile_set=config.get("profile_set"))
        if task.content_hash != recorded["task"]:
            raise RunError(
                "the task file has changed since this run",
                file=stored.folder.name,
                hint="the run directory holds the task.yaml it was made with",
            )
        people = load_human(task, data=config.get("data"), provenance=config.get("provenance"))
        if people.sha256 != recorded["data"]:
            raise RunError(
                "the data have changed since this run",
                file=stored.folder.name,
                hint=f"the run was made on data with sha256 {recorded['data']}",
            )
        return task, people


def divided(task: Task, human: HumanData, pilot: float) -> tuple[Sample, Sample]:
    """The pilot and all test people of a task."""
    pilot_rows, test_rows = split_people(task, human).divide(pilot)
    return human.sample.take(pilot_rows), human.sample.take(test_rows)


def answered_people(task: Task, human: HumanData, responses: pd.DataFrame) -> Sample:
    """The people that a run has answers of, in the order of the split. A study divides people otherwise than other runs."""
    everybody = human.sample.take(split_people(task, human).order)
    answered = set(responses["respondent"])
    return everybody.take(np.array([name in answered for name in everybody.respondent], dtype=bool))


def common_people(test: Sample, runs: Sequence[Run]) -> tuple[Sample, list[str]]:
    """The test people that every run simulated, and what must be said of the comparison.

    Parameters
    ----------
    test : Sample
        All test people of the split, before any limit.
    runs : sequence of Run

    Raises
    ------
    RunError
        When fewer than `FEWEST` are left.
    """
    answered = [set(run.responses["respondent"]) for run in runs]
    everywhere = set.intersection(*answered)
    rows = np.array([row for row, person in enumerate(test.respondent) if person in everywhere], dtype=np.int64)
    names = distinct_names(runs)
    notes = []
    if any(own != everywhere for own in answered):
        sizes = ", ".join(
            f"{name} {len(own)}{' (limited)' if run.manifest.get('limited') else ''}"
            for name, own, run in zip(names, answered, runs, strict=True)
        )
        notes.append(f"Only the {len(rows)} test people that all runs simulated are compared, of {sizes}.")
        unpaired = [
            name for name, run in zip(names, runs, strict=True) if not run.responses["paired"].to_numpy(bool).all()
        ]
        if unpaired:
            raise RunError(
                f"the rows of {unpaired[0]} belong to nobody, so there are no common people of runs of different size",
                hint="run all models with the same --limit",
            )
    if len(rows) < FEWEST:
        raise RunError(
            f"these runs have {len(rows)} test people in common, {FEWEST} are needed",
            hint="run all models in one command, or with the same --limit",
        )
    return test.take(rows), [*notes, *_differences(names, runs)]


def _differences(names: Sequence[str], runs: Sequence[Run]) -> list[str]:
    """Options that make models differ in more than the model, in words."""
    notes = []
    parts: tuple[tuple[str, Callable[[Run], str]], ...] = (
        ("ways of asking", lambda run: str((run.manifest.get("elicitation") or {}).get("text", ""))),
        ("hidden profile fields", lambda run: ", ".join(run.manifest["options"]["hidden"]) or "none"),
        ("draws", lambda run: str(run.manifest["options"]["draws"])),
        ("seeds", lambda run: str(run.manifest["options"]["seed"])),
    )
    for words, get in parts:
        values = [get(run) for run in runs]
        # baselines and files are not asked, which is no difference in asking
        if len({value for value in values if value}) > 1:
            listed = "; ".join(f"{name} {value}" for name, value in zip(names, values, strict=True) if value)
            notes.append(f"The runs differ in {words}: {listed}.")
    return notes


def samples_of(task: Task, people: Sample, run: Run) -> list[Sample]:
    """Simulated samples of a run for some of its people, one for each draw."""
    rows = run.responses
    rows = rows[rows["respondent"].isin(set(people.respondent))]
    return samples(task, people, int(run.manifest["options"]["draws"]), rows)
