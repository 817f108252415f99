"""Losses of several samples over the same half splits: what paired differences and plans of a study are made from.

The recipe is that of `surveyeval.engine.evaluate`, without floors: the same masks, seeds and jackknife groups, so that a
difference of losses here equals the difference of two models' `excess` there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.design import LonelyPSU, design_of
from surveyeval.data.sample import Sample
from surveyeval.data.seeds import generator
from surveyeval.engine.tracks import loss_of
from surveyeval.metric.protocol import Key, Metric, OverSplits, Values
from surveyeval.metric.resampling import Jackknife, halves, jackknife_factors, jackknife_groups, jackknife_of
from surveyeval.progress import Progress, Silent
from surveyeval.task.task import Task

__all__ = ["Losses", "Paired", "losses", "with_headlines"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Losses:
    """What one simulated sample, averaged over its draws, loses on one metric. Lower is closer to people.

    Parameters
    ----------
    keys : sequence of Key
    by_split : (splits, 1 + groups, keys) float array
        The first row of a split is everybody, then each jackknife group is left out; without a jackknife there is one row.
        For individual metrics, whose people are not halved, there is one split.
    status : mapping of Key to (status, reason)
        For what is not ``ok``.
    n_eff : (keys,) float array or None
        Effective respondents behind a value, in a half where people are halved.
    """

    keys: Sequence[Key]
    by_split: FloatArray
    status: Mapping[Key, tuple[str, str]] = field(default_factory=dict)
    n_eff: FloatArray | None = None

    @property
    def loss(self) -> FloatArray:
        """(1 + groups, keys) mean over splits."""
        return np.asarray(self.by_split.mean(axis=0))


@dataclass(frozen=True, eq=False)
class Paired:
    """Losses by (metric, name), and how their jackknife replicates make a standard error."""

    losses: Mapping[tuple[str, str], Losses]
    jackknife: Jackknife


def with_headlines(task: Task, human: Sample, pilot: Sample, metrics: Sequence[Metric]) -> list[Metric]:
    """Metrics that apply to the task and have a headline there; not those whose value needs all splits at once."""
    cache: dict[Any, Any] = {}
    weight = human.weight[None, :].repeat(2, axis=0)

    def headlined(metric: Metric) -> bool:
        values = metric.compare(task, human, human, pilot, cache).values(weight, weight, 0)
        return any(key.headline for key in values.keys)

    found = []
    for metric in metrics:
        try:
            if (
                (metric.applicable(task) or metric.spec.refusal(human)) is None
                and not isinstance(metric, OverSplits)
                and headlined(metric)
            ):
                found.append(metric)
        except Exception:  # a plugin's metric that fails costs its own lines only; our own may raise
            if type(metric).__module__.startswith("surveyeval."):
                raise
    return found


def losses(
    task: Task,
    human: Sample,
    simulated: Mapping[str, Sequence[Sample]],
    pilot: Sample,
    *,
    metrics: Sequence[Metric],
    seed: int = 0,
    splits: int | None = None,
    lonely_psu: LonelyPSU | None = None,
    progress: Progress | None = None,
) -> Paired:
    """Losses of every sample on every metric, over the same splits and jackknife groups.

    Parameters
    ----------
    task : Task
    human : Sample
        Test respondents with answers.
    simulated : mapping of name to samples
        One complete sample for each draw, rows in the order of `human`; losses are averaged over draws.
    pilot : Sample
    metrics : sequence of Metric
        Those that apply to the task.
    seed : int
    splits : int, optional
        Random half splits; default: what each metric asks for.
    lonely_psu : {"error", "collapse", "certainty"}, optional
        Default: what the task says.
    progress : Progress, optional

    Returns
    -------
    Paired
    """
    progress = progress or Silent()
    design = design_of(human, lonely_psu or task.spec.source.lonely_psu)
    group = jackknife_groups(human.arm, seed, design)
    cache: dict[Any, Any] = {}
    found: dict[tuple[str, str], Losses] = {}
    population = [metric for metric in metrics if metric.spec.axis != "individual"]
    wanted = {id(metric): splits or metric.spec.splits for metric in population}
    bound = {
        (id(metric), name, number): metric.compare(task, human, sample, pilot, cache)
        for metric in population
        for name, draws in simulated.items()
        for number, sample in enumerate(draws)
    }
    by_split: dict[tuple[int, str, int], list[FloatArray]] = {}
    last: dict[tuple[int, str, int], Values] = {}
    status: dict[tuple[int, str, int], dict[Key, tuple[str, str]]] = {}
    total = max(wanted.values(), default=0)
    progress.phase("comparing", total)
    for split in range(total):
        weights = halves(human.arm, group, seed, split, design)
        shuffle = int(generator(seed, "shuffle", str(split)).integers(2**31))
        for metric in population:
            if split >= wanted[id(metric)]:
                continue
            rows = slice(None) if metric.spec.interval == "jackknife" else slice(2)
            for name, draws in simulated.items():
                for number, sample in enumerate(draws):
                    key = (id(metric), name, number)
                    values = bound[key].values(
                        weights.human[rows] * human.weight, weights.simulated[rows] * sample.weight, shuffle
                    )
                    last[key] = values
                    status.setdefault(key, {}).update(values.status)
                    pairs = loss_of(values, metric.spec).reshape(-1, 2, len(values.keys))
                    by_split.setdefault(key, []).append(pairs.mean(axis=1))
        progress.advance(1)
    progress.finish()
    for metric in population:
        for name, draws in simulated.items():
            each = [np.array(by_split[id(metric), name, number]) for number in range(len(draws))]
            first = last[id(metric), name, 0]
            size = None if first.n_eff is None else first.n_eff[:2].min(axis=0)
            found[metric.spec.name, name] = Losses(first.keys, np.mean(each, axis=0), status[id(metric), name, 0], size)
    kept = jackknife_factors(group, design)
    for metric in metrics:
        if metric.spec.axis == "individual":
            for name, draws in simulated.items():
                sample = draws[0]  # scored answers of people are the same in every draw
                comparison = metric.compare(task, human, sample, pilot, cache)
                values = comparison.values(kept * human.weight, kept * sample.weight, seed)
                size = None if values.n_eff is None else values.n_eff[0]
                found[metric.spec.name, name] = Losses(
                    values.keys, loss_of(values, metric.spec)[None], values.status, size
                )
    return Paired(found, jackknife_of(group, design))
