"""A run whose scoring takes no time, but still depends on every answer, for tests that repeat it at every step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from surveyeval import api
from surveyeval.data.sample import Sample
from surveyeval.engine.estimates import make_table
from tests.engine.talkers import Talker, run
from tests.reliability.disk import steps_of
from tests.tuning import survey

#: Files that a run leaves, and that do not depend on when it was made.
KEPT = ("metrics.json", "tables.json", "responses.parquet", "prompts.jsonl", "task.yaml", "config.yaml")


def estimates(task: Any, human: Sample, simulated: Mapping[str, Sequence[Sample]], *others: Any, **options: Any) -> Any:
    """A row for each item and draw, whose value is made of all answers."""
    return make_table(
        {"task": task.name, "version": task.version, "model": model, "quantity": "estimate", "metric": "sum", "name": "sum",
         "item": item, "block": str(draw), "status": "ok", "value": float(sum(a * (i + 1) for i, a in enumerate(one.answers[item].tolist())))}
        for model, draws in simulated.items() for draw, one in enumerate(draws) for item in one.items
    )  # fmt: skip


def quicken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put something quick in the place of what takes time in a run and writes nothing."""
    monkeypatch.setattr("surveyeval.engine.score.evaluate", estimates)
    monkeypatch.setattr("surveyeval.engine.score.describe", lambda *given: {"nothing": []})
    monkeypatch.setattr(api, "metrics", lambda progress=None: [])

    def card(views: Sequence[Any]) -> Any:
        return type("Card", (), {"html": views[0].estimates.to_csv(), "markdown": views[0].estimates.to_csv()})

    monkeypatch.setattr("surveyeval.reporting.written.render", card)
    monkeypatch.setattr("surveyeval.engine.outcome.environment", dict)
    monkeypatch.setattr("surveyeval.engine.manifest.environment", dict)


class Command:
    """The same command, over and over.

    Parameters
    ----------
    monkeypatch : MonkeyPatch
    folder : Path
        Where the survey is.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, **options: Any) -> None:
        self._patch, self.folder, self.options = monkeypatch, folder, options
        self.make: Callable[[], Any] = lambda: Talker(block=3)

    def __call__(self, output: Path, **changes: Any) -> Any:
        options = {"draws": 2, "limit": 6, **self.options, **changes}
        return run(self._patch, self.folder, output, self.make(), **options)

    def quickly(self, output: Path) -> None:
        """The command on a disk that takes its time to sync nothing."""
        steps_of(output, lambda: self(output))


def kept(folder: Path) -> dict[str, bytes]:
    """The bytes of what a finished run below a folder leaves; there is one."""
    (one,) = [path.parent for path in folder.glob("*/manifest.json")]
    return {name: (one / name).read_bytes() for name in KEPT}


def written(folder: Path, **parts: Any) -> Path:
    """A survey."""
    return survey.write(folder, survey.people(60, missing=0.05), **parts)
