"""A study as one call: read the file, run the grid, collect what was found, render the card."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surveyeval import __version__
from surveyeval.data.files import replacing, write_atomically
from surveyeval.engine.executors import Executor
from surveyeval.engine.manifest import environment, now
from surveyeval.errors import ConfigError
from surveyeval.grid.people import Holdout, StudyPeople, read_holdout
from surveyeval.grid.plan import Design, designs, variants
from surveyeval.grid.results import GRID, Selection, mean_over_draws
from surveyeval.grid.spec import StudySpec, read_study
from surveyeval.grid.task_study import TaskStudy
from surveyeval.metric.protocol import Metric
from surveyeval.progress import Progress, Silent
from surveyeval.task.human import HumanData, load_human
from surveyeval.task.load import load_task
from surveyeval.task.task import Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Study", "load_study", "run_study"]


@dataclass(frozen=True, eq=False)
class Study:
    """A finished study.

    Parameters
    ----------
    spec : StudySpec
    folder : Path
    estimates : DataFrame
        Long form, with the columns of the grid: ``method``, ``base``, ``size``, ``n_pilot``, ``scope``, ``balance``,
        ``profile``, ``draw``, ``tuning_seed``, ``part`` (all, seen, unseen people), ``holdout``, ``seconds``, ``tokens``.
    """

    spec: StudySpec
    folder: Path
    estimates: pd.DataFrame

    @property
    def card(self) -> Path:
        """Path of the study's card."""
        return self.folder / "report.html"

    def means(self, metric: str, quantity: str = "matched", **where: str) -> pd.DataFrame:
        """One value of each method on each design, averaged over pilot draws and training seeds."""
        return mean_over_draws(Selection(metric, quantity, where).of(self.estimates))

    @cached_property
    def table(self) -> pd.DataFrame:
        """The headlines of all designs, averaged over draws and seeds: a row for each design, method and metric."""
        import pandas as pd

        head = self.estimates[self.estimates["headline"].astype(bool)]
        keys = ["metric", "name", "quantity", "group", "rule", "block", "floor_name"]
        parts = []
        for key, part in head.groupby(keys, sort=False):
            means = mean_over_draws(part)
            named: dict[str, Any] = dict(zip(keys, key if isinstance(key, tuple) else (key,), strict=True))
            parts.append(means.assign(**named))
        table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*keys, *GRID])
        front = ["task", "method", "base", "n_pilot", "size", "metric", "name", "quantity", "value", "least", "most"]
        return table[[*front, *(name for name in table.columns if name not in front)]]


def run_study(
    spec: StudySpec,
    text: str,
    folder: Path,
    *,
    metrics: Sequence[Metric],
    progress: Progress | None = None,
    command: str = "",
    executor: Executor | None = None,
) -> Study:
    """Run a study; what is finished in `folder` is not done again.

    Parameters
    ----------
    spec : StudySpec
    text : str
        The study file, to be stored beside the results.
    folder : Path
    metrics : sequence of Metric
    progress : Progress, optional
    command : str
        For the manifests.
    executor : Executor, optional
        Where language models answer; default: in this process.

    Raises
    ------
    SurveyevalError
        When a task, a model or a pilot of the grid does not work; everything is checked before the first training.
    """
    import pandas as pd

    progress = progress or Silent()
    opened = [_opened(choice.name, choice.profile_set) for choice in spec.tasks]
    planned = list(designs(spec.pilots, spec.baseline_sizes))
    for task, human in opened:
        _check(spec, task, human, planned)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "study.yaml", text)
    tables = []
    jobs = [
        (task, human, holdout, design)
        for task, human in opened
        for holdout in [None, *(read_holdout(task, human.sample, text) for text in spec.holdout)]
        for design in planned
        if holdout is None or not design.baselines_only
    ]
    total = sum(len(variants(spec, design)) for *_, design in jobs)
    done = 0

    given = {id(task): choice.name for choice, (task, _) in zip(spec.tasks, opened, strict=True)}

    def of(task: Task, human: HumanData, holdout: Holdout | None) -> TaskStudy:
        return TaskStudy(
            spec,
            task,
            given[id(task)],
            human,
            folder,
            metrics=metrics,
            progress=progress,
            command=command,
            holdout=holdout,
            executor=executor,
        )

    if executor is not None:
        due: dict[Path, Callable[..., object]] = {}
        for task, human, holdout, design in jobs:
            due |= of(task, human, holdout).trainings(design)
        for target in due:
            target.parent.mkdir(parents=True, exist_ok=True)
        executor.train(due, progress)
    for task, human, holdout, design in jobs:
        words = f"{task.name}, {design.label}, draw {design.draw + 1}{f', {holdout.label} held out' if holdout else ''}"
        progress.note(f"[{done} of {total} variants done] {words}")
        study = of(task, human, holdout)
        tables.append(study.run(design))
        done += len(variants(spec, design))
    estimates = pd.concat(tables, ignore_index=True)
    _store(spec, folder, estimates, opened)
    return Study(spec, folder, estimates)


def _opened(name: str, profile_set: str | None) -> tuple[Task, HumanData]:
    task = load_task(name, profile_set=profile_set)
    return task, load_human(task)


def _check(spec: StudySpec, task: Task, human: HumanData, planned: Sequence[Design]) -> None:
    """Choose every pilot once, so that a mistake in the last design does not cost the first ones."""
    holdouts = [None, *(read_holdout(task, human.sample, text) for text in spec.holdout)]
    fold = (0, spec.crossfit) if spec.crossfit else None
    for holdout in holdouts:
        people = StudyPeople(task, human, spec.test, spec.limit, holdout, fold)
        for design in planned:
            design.hidden(task)
            people.pilot(design)


def _store(spec: StudySpec, folder: Path, estimates: pd.DataFrame, opened: Sequence[tuple[Task, HumanData]]) -> None:
    content: dict[str, Any] = {
        "format": 1,
        "name": spec.name,
        "title": spec.title,
        "surveyeval": __version__,
        "finished": now().isoformat(timespec="seconds"),
        "tasks": [
            {"name": task.name, "version": task.version, "title": task.title, "provenance": human.provenance,
             "profile_set": task.profile_set, "people": human.sample.n, "licence": human.licence}
            for task, human in opened
        ],
        "environment": environment(),
    }  # fmt: skip
    write_atomically(folder / "study.json", json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    with replacing(folder / "estimates.parquet") as temporary, temporary.open("w+b") as stream:
        estimates.to_parquet(stream, index=False)
        stream.flush()
        os.fsync(stream.fileno())


def load_study(folder: Path) -> Study:
    """A finished study from its folder.

    Raises
    ------
    ConfigError
        When the folder holds none.
    """
    import pandas as pd

    if not (folder / "estimates.parquet").exists():
        raise ConfigError("holds no finished study", file=str(folder), hint="`surveyeval study FILE` makes one")
    return Study(read_study(folder / "study.yaml"), folder, pd.read_parquet(folder / "estimates.parquet"))
