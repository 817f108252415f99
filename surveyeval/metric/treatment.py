"""Treatment effects: do arms move the answers as they do among people, over all arms and items at once?

Contrasts against one control arm share that arm and its errors. Here the mean of every arm is taken as its deviation from
the mean of all arms, item by item, so that no arm is singled out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.metric._tabulate import Bound, Table, ratio, table_by_arm
from surveyeval.metric.contrasts import FEWEST, scores
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.task.task import Task

__all__ = ["TreatmentCorrelation", "TreatmentRMSE"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Moments:
    """(B,) moments of arm means centred per item, over arms and items, and what sampling adds to the variances."""

    variance_h: FloatArray
    variance_s: FloatArray
    covariance: FloatArray
    noise_h: FloatArray
    noise_s: FloatArray
    mse: FloatArray

    @property
    def signal_h(self) -> FloatArray:
        """Variance of people's arm means beyond sampling noise."""
        return self.variance_h - self.noise_h

    @property
    def signal_s(self) -> FloatArray:
        """Likewise of the simulated ones."""
        return self.variance_s - self.noise_s


def _arm_means(table: Table, weights: FloatArray, items: list[int]) -> tuple[FloatArray, FloatArray]:
    """(B, A, J) means as a share of the scale and their sampling variances; NaN for fewer than two respondents."""
    return table.of(("arm means", *items), weights, lambda: _means(table, weights, items))


def _means(table: Table, weights: FloatArray, items: list[int]) -> tuple[FloatArray, FloatArray]:
    values = [scores(item) if j in items else None for j, item in enumerate(table.layout.items)]
    first, second = (matrix[:, items] for matrix in table.layout.moments(values))
    counts, W, Q = table.counts(weights), table.total(weights)[:, :, items], table.squares(weights)[:, :, items]
    mean = ratio(counts @ first, W)
    within = np.maximum(counts @ second - W * mean**2, 0.0)
    free = W - ratio(Q, W)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(free > 1e-9, within / free, np.nan) * ratio(Q, W * W)
    return mean, variance


def _moments(
    people: Table, human_weights: FloatArray, rows: Table, simulated_weights: FloatArray, items: list[int]
) -> _Moments:
    h, v = _arm_means(people, human_weights, items)
    s, u = _arm_means(rows, simulated_weights, items)
    known = np.isfinite(h) & np.isfinite(s) & np.isfinite(v) & np.isfinite(u)
    arms = known.sum(axis=1, keepdims=True).astype(float)

    def centred(x: FloatArray) -> FloatArray:
        x = np.where(known, x, 0.0)
        return np.where(known, x - np.nan_to_num(ratio(x.sum(axis=1, keepdims=True), arms)), 0.0)

    free = np.maximum(arms[:, 0] - 1, 0.0)
    total = free.sum(axis=1)
    H, S = centred(h), centred(s)

    def pooled(x: FloatArray) -> FloatArray:
        return ratio(x.sum(axis=(1, 2)), total)

    def noise(x: FloatArray) -> FloatArray:
        # The expected sum of squares of an item is (A - 1) times the mean sampling variance of its A arms.
        mean = np.nan_to_num(ratio(np.where(known, x, 0.0).sum(axis=1), arms[:, 0]))
        return ratio(np.sum(free * mean, axis=1), total)

    cells = arms.sum(axis=(1, 2))
    mse = ratio(np.sum((S - H) ** 2, axis=(1, 2)), cells)
    return _Moments(pooled(H * H), pooled(S * S), pooled(H * S), noise(v), noise(u), mse)


class _Treatment(ABC):
    """Shared by both: arm means of items with a scale."""

    spec: ClassVar[MetricSpec]

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""
        if not task.is_experiment:
            return "the task is no experiment"
        cells = len(task.arms) * len(self.items(task))
        return None if cells >= FEWEST else f"{cells} arms x items, {FEWEST} are needed"

    def items(self, task: Task) -> list[int]:
        """Ordered items and items with two options."""
        return [j for j, item in enumerate(task.measured) if scores(item) is not None]

    def keys(self) -> list[Key]:
        """What is returned."""
        return [Key(self.spec.name, block="treatment", floor="pooled")]

    @abstractmethod
    def compute(self, moments: _Moments) -> tuple[list[FloatArray], list[FloatArray]]:
        """Values and losses, a (B,) array for each key."""

    def verdict(self, full: _Moments) -> tuple[tuple[str, str] | None, tuple[str, ...]]:
        """Status and flags of all keys, from the moments of the whole samples."""
        return None, ()

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples."""
        people, rows = table_by_arm(task, human, cache), table_by_arm(task, simulated, cache)
        items, keys = self.items(task), self.keys()
        status: dict[Key, tuple[str, str]] = {}
        flags: dict[Key, tuple[str, ...]] = {}
        silent = [task.measured[j].name for j in items if not (rows.n_answered[:, j] > 1).all()]
        if silent:
            status = dict.fromkeys(keys, ("not_estimable", f"an arm without simulated answers to {', '.join(silent)}"))
        else:
            found, marked = self.verdict(_moments(people, people.weight, rows, rows.weight, items))
            status = dict.fromkeys(keys, found) if found else {}
            flags = dict.fromkeys(keys, marked) if marked else {}

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            value, loss = self.compute(_moments(people, human_weights, rows, simulated_weights, items))
            result = np.stack(value, axis=1)
            result[:, [key in status for key in keys]] = np.nan
            sizes = [
                t.n_eff(w)[:, :, items].min(axis=(1, 2))
                for t, w in ((people, human_weights), (rows, simulated_weights))
            ]
            n_eff = np.repeat(np.minimum(*sizes)[:, None], len(keys), axis=1)
            return Values(keys, result, np.stack(loss, axis=1), status=status, flags=flags, n_eff=n_eff)

        return Bound(compute)


class TreatmentCorrelation(_Treatment):
    """Correlation of simulated and human arm means centred per item, freed of sampling noise.

    ``r_adj = cov(m_H, m_S) / sqrt((var m_H - mean se_H^2)(var m_S - mean se_S^2))`` over arms x items, m being the mean
    of an arm minus that of all arms, as a share of the scale. No arm is singled out as the control, whose errors all
    contrasts would share. ``treatment_slope`` is ``cov(m_H, m_S) / (var m_H - mean se_H^2)``.

    Range
    -----
    Unbounded: noise carries both past 1.

    Direction and target
    --------------------
    The target of both is 1. A slope above 1 overstates effects: a correlation of 1 with a slope of 3 is no faithful
    simulation. The loss is the distance from 1.

    Assumptions
    -----------
    Respondents of different arms are different people. At least 12 arms x items; ordered items and items with two
    options enter.

    When it misleads
    ----------------
    Where one item with a large effect carries it all. Undefined, and said so, where a bracket is not positive: where
    people's arms do not differ beyond noise, or (flag ``collapsed``) the simulation's do not.

    Interval and estimand
    ---------------------
    The correlation between the populations' effects; not given where any split leaves it undefined. A ratio with uncertain brackets: a
    band over splits, and no `recovered`.

    References
    ----------
    Spearman (1904), American Journal of Psychology 15, on the correction for attenuation.
    """

    spec = MetricSpec(
        "treatment_r_adj",
        "coefficients",
        "correlation of arm means centred per item, freed of sampling noise",
        "target",
        "pooled",
        interval="band",
        splits=20,
        unit="slope",
        recoverable=False,
        clusters="refused",
    )

    def keys(self) -> list[Key]:
        """The correlation and the slope."""
        return [*super().keys(), Key("treatment_slope", block="treatment", floor="pooled")]

    def verdict(self, full: _Moments) -> tuple[tuple[str, str] | None, tuple[str, ...]]:
        """Whether people's arms differ at all, and the simulation's."""
        if not full.signal_h[0] > 0:
            return ("not_estimable", "people's arms do not differ beyond sampling noise"), ()
        return None, () if full.signal_s[0] > 0 else ("collapsed",)

    def compute(self, moments: _Moments) -> tuple[list[FloatArray], list[FloatArray]]:
        """Correlation and slope, and their distances from 1."""
        h, s = (np.where(x > 0, x, np.nan) for x in (moments.signal_h, moments.signal_s))
        value = [moments.covariance / np.sqrt(h * s), moments.covariance / h]
        return value, [np.abs(x - 1) for x in value]


class TreatmentRMSE(_Treatment):
    """Root mean squared difference of arm means centred per item, as a share of the scale.

    ``sqrt(mean (m_S - m_H)^2)`` over arms x items, m being the mean of an arm minus that of all arms. A general shift
    of an item's answers does not enter, only how arms differ.

    Range
    -----
    0 to 1.

    Direction and target
    --------------------
    Lower is better. Sampling noise of both sides is in it: read it beside its reference.

    Assumptions
    -----------
    At least 12 arms x items; ordered items and items with two options enter.

    When it misleads
    ----------------
    Where effects are small beside the noise of an arm's mean: then a simulation without any effect is as near as a
    second sample of people, and nothing is resolved.

    Interval and estimand
    ---------------------
    The expected error between h simulated rows and h people, h being the half size; it is larger than that between the
    populations.

    References
    ----------
    The root mean squared error; centring as in `TreatmentCorrelation`.
    """

    spec = MetricSpec(
        "treatment_rmse",
        "coefficients",
        "distance of arm means centred per item, share of the scale",
        "lower",
        "pooled",
        splits=20,
        unit="distance",
        range=(0.0, 1.0),
        clusters="refused",
    )

    def compute(self, moments: _Moments) -> tuple[list[FloatArray], list[FloatArray]]:
        """The error, which is its own loss."""
        value = np.sqrt(moments.mse)
        return [value], [value]
