"""Stored runs compared with each other, from their answers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from surveyeval.engine.closeness import NEARER, too_close
from surveyeval.engine.common import check_pairable, common_people, distinct_names, divided, reopen, samples_of
from surveyeval.engine.compare import compare_samples
from surveyeval.engine.run import Run
from surveyeval.metric.protocol import Metric
from surveyeval.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison", "compare_runs"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Paired differences between models.

    Parameters
    ----------
    task : str
    title : str
    provenance : str
        ``human`` or ``synthetic``.
    models : tuple of str
        In the order of the runs; the same name twice is numbered.
    people : int
        Common test people.
    table : DataFrame
        See `surveyeval.engine.compare.compare_samples`.
    notes : tuple of str
        What the runs differ in apart from the model, and which of them are nearer to people than people are to each other.
    """

    task: str
    title: str
    provenance: str
    models: tuple[str, ...]
    people: int
    table: pd.DataFrame
    notes: tuple[str, ...]


def compare_runs(
    runs: Sequence[Run], metrics: Sequence[Metric], *, splits: int | None = None, progress: Progress | None = None
) -> Comparison:
    """Compare the models of finished runs on the test people that all of them simulated.

    Parameters
    ----------
    runs : sequence of Run
    metrics : sequence of Metric
    splits : int, optional
        Random half splits; default: those of the runs, where they agree.
    progress : Progress, optional

    Raises
    ------
    RunError
        When the runs differ in task, data or pilot, or a run is not finished.
    """
    check_pairable(runs)
    task, human = reopen(runs[0])
    options = runs[0].manifest["options"]
    pilot, test = divided(task, human, options["pilot"])
    people, notes = common_people(test, runs)
    names = distinct_names(runs)
    asked = {run.manifest["options"]["splits"] for run in runs}
    table = compare_samples(
        task,
        people,
        {name: samples_of(task, people, run) for name, run in zip(names, runs, strict=True)},
        pilot,
        metrics=metrics,
        seed=options["seed"],
        splits=splits or (asked.pop() if len(asked) == 1 else None),
        progress=progress,
    )
    notes = [
        *notes,
        *(
            f"{name} is {NEARER}"
            for name, run in zip(names, runs, strict=True)
            if run.scored and too_close(run.estimates, run.manifest["model"]["name"])
        ),
    ]
    described = runs[0].manifest["task"]
    return Comparison(
        task.name, described["title"], described["provenance"], tuple(names), people.n, table, tuple(notes)
    )
