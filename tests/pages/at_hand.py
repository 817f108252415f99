"""What the commands of a page find in its folder: runs, a tiny model, and files that a reader would have."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import surveyeval
from tests.model import tiny
from tests.pages.blocks import ROOT
from tests.pages.stand_ins import VOTERS

__all__ = ["AtHand", "make"]


def make(folder: Path) -> AtHand:
    """Make a tiny model and three runs, in a folder."""
    model = tiny.save("llama", folder / "model", positions=4096)
    models = ["baseline:cell", "baseline:marginal", "baseline:chain"]
    runs = surveyeval.run(task=str(VOTERS), model=models, limit=40, splits=2, output=folder / "runs", cache=False)
    return AtHand(model, [run.folder for run in runs])


class AtHand:
    """What commands of pages find: a tiny model, and three runs.

    Parameters
    ----------
    model : Path
        Folder of a language model.
    runs : sequence of Path
        Run directories of one task, in the order FIRST, SECOND, THIRD.
    """

    def __init__(self, model: Path, runs: Sequence[Path]) -> None:
        self.model, self.runs = model, runs
        #: Commands that need not be run again on another page.
        self.done: set[tuple[str, ...]] = set()

    def put(self, page: str, folder: Path) -> None:
        """Put into a folder what a reader of the page would have."""
        if "runs/FIRST" in (ROOT / page).read_text() or "RUN" in (ROOT / page).read_text():
            for name, run in zip(("FIRST", "SECOND", "THIRD"), self.runs, strict=True):
                shutil.copytree(run, folder / "runs" / name)
        platforms = ROOT / "tests" / "data" / "platforms"
        for name, source in FILES.get(page, {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if source.startswith("docs/"):
                shutil.copy(ROOT / source, folder / name)
            elif source.startswith("platforms/"):
                shutil.copy(platforms / source.removeprefix("platforms/"), folder / name)
            elif source == _VOTERS:
                _voters(folder / name)
            elif source == _SUBMISSION:
                surveyeval.export(self.runs[2], output=folder / name)
            else:
                (folder / name).write_text(source)


_ANSWERS = "id,age,gender,trust_parliament,trust_police,voted\n" + "".join(
    f"{n},{20 + n},{'woman' if n % 2 else 'man'},{1 + n % 5},{1 + n % 4},{'Yes' if n % 3 else 'No'}\n"
    for n in range(1, 41)
)
_TASK = """\
name: trust
version: "1.0"
title: Trust in the police, an invented survey
source: {use: file:answers.csv, provenance: human, licence: CC0, citation: nobody}
profile:
  age: {column: age, text: "You are {{ value }} years old."}
items:
  - name: trust_police
    role: belief
    kind: ordinal
    question: How far do you trust the police?
    options: {"1": not at all, "2": a little, "3": rather, "4": fully}
  - {name: voted, role: action, kind: binary, question: Did you vote, options: {"No": "no", "Yes": "yes"}}
"""
_PEOPLE = "age\n34\n51\n27\n"
_MINE = {"mine/task.yaml": _TASK, "mine/answers.csv": _ANSWERS, "people.csv": _PEOPLE}
_TRUST = {"trust/task.yaml": _TASK, "trust/answers.csv": _ANSWERS}
_VOTERS, _SUBMISSION = "the people of anes96", "a submission of the third run"
#: Page -> files that its commands are about and that it does not make itself.
FILES = {
    "docs/reference/commands.md": {"answers.csv": _ANSWERS, **_MINE},
    "docs/how-to/data.md": {
        "survey.qsf": "platforms/travel.qsf",
        "export.csv": "platforms/travel.csv",
        "mine.csv": _VOTERS,
    },
    "docs/how-to/from-qualtrics.md": {
        "candidates.qsf": "docs/assets/qualtrics/candidates.qsf",
        "candidates.csv": "docs/assets/qualtrics/candidates.csv",
    },
    "docs/how-to/leaderboards.md": {"from-elsewhere.zip": _SUBMISSION},
    "docs/how-to/long-runs.md": {"mine.csv": _VOTERS},
    "docs/how-to/own-survey.md": {"answers.csv": _ANSWERS, **_TRUST},
    "docs/how-to/probes.md": _TRUST,
    "docs/how-to/sharing.md": _MINE,
    "docs/how-to/suites.md": _TRUST,
}


def _voters(file: Path) -> None:
    """The people of anes96, as a file of somebody's own."""
    import statsmodels.api as sm

    sm.datasets.anes96.load_pandas().data.to_csv(file, index=False)
