"""From stored answers to estimates and tables. Needs no model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from surveyeval.data.files import file_hashes, write_atomically
from surveyeval.data.sample import Sample
from surveyeval.engine.describe import describe
from surveyeval.engine.estimates import to_records
from surveyeval.engine.evaluate import evaluate
from surveyeval.engine.experiment import Experiment
from surveyeval.engine.journal import Journal
from surveyeval.engine.run import Run
from surveyeval.engine.runner import simulated_samples
from surveyeval.engine.store import ResponseLog
from surveyeval.errors import RunError
from surveyeval.metric.individual import NO_PROBABILITY
from surveyeval.metric.protocol import Metric
from surveyeval.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_same_people", "score", "scored"]


def check_same_people(runs: Sequence[Run]) -> None:
    """Refuse runs that do not share task, data, profile set, test people and pilot, naming what differs."""
    for part, words in (
        ("task", "the task file"),
        ("profile_set", "the profile set"),
        ("data", "the data"),
        ("split", "the split"),
        ("test", "the test people"),
        ("pilot", "the pilot"),
    ):
        if len({run.manifest["identity"][part] for run in runs}) > 1:
            names = ", ".join(run.folder.name for run in runs)
            raise RunError(
                f"these runs differ in {words} and cannot stand side by side: {names}",
                hint="run all models in one command, or with the same options",
            )


def score(
    experiment: Experiment,
    runs: Sequence[Run],
    metrics: Sequence[Metric],
    progress: Progress,
    simulated: Mapping[str, Sequence[Sample]] | None = None,
) -> None:
    """Compute and store estimates and tables of runs; all runs share splits, floors and human halves.

    Parameters
    ----------
    experiment : Experiment
    runs : sequence of Run
    metrics : sequence of Metric
    progress : Progress
    simulated : mapping of model name to samples, optional
        Default: those of the finished runs.
    """
    if simulated is None:
        simulated = {run.model: simulated_samples(experiment, run) for run in runs}
        for run in runs:  # left where a run was stopped after its answers were whole
            Journal(run.folder).clear()
            if ResponseLog(run.folder).path.exists():
                ResponseLog(run.folder).remove()
    for run, content, tables in scored(experiment, runs, metrics, progress, simulated):
        write_atomically(run.folder / "metrics.json", content)
        write_atomically(run.folder / "tables.json", tables)
        run.manifest["sha256"] = {
            **run.manifest.get("sha256", {}), **file_hashes(run.folder, "metrics.json", "tables.json"),
        }  # fmt: skip
        if run.status != "partial":
            run.manifest["status"] = "complete"
        run.save()


def scored(
    experiment: Experiment,
    runs: Sequence[Run],
    metrics: Sequence[Metric],
    progress: Progress,
    simulated: Mapping[str, Sequence[Sample]],
) -> Iterator[tuple[Run, str, str]]:
    """Each run with the texts of its ``metrics.json`` and ``tables.json``; nothing is written."""
    options = experiment.options
    progress.phase("scoring", 0)

    def count(done: int, total: int) -> None:
        if done == 0 or (done == 1 and not started):
            progress.phase("scoring", total)
            started.append(done)
        progress.advance(done - position[0])
        position[0] = done

    started: list[int] = []
    position = [0]
    table = evaluate(
        experiment.task,
        experiment.test,
        simulated,
        experiment.pilot,
        metrics=metrics,
        seed=options.seed,
        splits=options.splits,
        hidden=frozenset(options.hidden),
        progress=count,
    )
    progress.finish()
    for run in runs:
        # Rows without a model say which metrics do not apply, or failed, and why.
        rows = table[table["model"].isin([run.model, ""]) | table["quantity"].isin(["reference", "floor"])]
        rows = _with_elicitation(rows, run)
        content: dict[str, Any] = {"format": 1, "identity": run.id}
        if "partial" in run.manifest:
            content["partial"] = run.manifest["partial"]
        content["estimates"] = to_records(rows)
        tables = describe(experiment.task, experiment.test, simulated[run.model], experiment.pilot)
        yield (
            run,
            json.dumps(content, indent=0, allow_nan=False) + "\n",
            json.dumps(tables, indent=0, allow_nan=False) + "\n",
        )


def _with_elicitation(rows: pd.DataFrame, run: Run) -> pd.DataFrame:
    """Estimates that blame the way of asking, and not the model, for probabilities that it cannot give."""
    asked = run.manifest.get("elicitation") or {"distribution": True}
    if asked["distribution"]:
        return rows
    own = (rows["model"] == run.model) & rows["reason"].fillna("").str.startswith(NO_PROBABILITY)
    reason = f"answers were obtained by {asked['name']}, which gives no probability of people's answers"
    return rows.assign(reason=rows["reason"].where(~own, reason))
