"""Contrasts between groups: do groups that lie above average among people lie above average in the simulation?

Rank agreement over four or five groups is no statistic. Here all deviations of a group's mean from the mean of the item
are taken together, over groups and items, and the simulated ones are regressed on people's through the origin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.metric._tabulate import Bound, Table, ratio, table_by_group
from surveyeval.metric.protocol import UNPAIRED, Key, MetricSpec, Values
from surveyeval.metric.subgroups import SMALLEST_HALF
from surveyeval.task.task import Item, Task

__all__ = ["FEWEST", "GroupContrastSlope", "scores"]

FloatArray = NDArray[np.float64]

#: Deviations that a slope needs at least.
FEWEST = 12
#: The denominator must be this many standard errors above zero.
_RESOLVED = 3.0


def scores(item: Item) -> FloatArray | None:
    """(K,) number of each option as a share of the scale: values of ordered items, the last of two options; else None."""
    if item.ordered and np.ptp(item.values) > 0:
        return np.asarray((item.values - item.values.min()) / np.ptp(item.values))
    return np.array([0.0, 1.0]) if item.k == 2 else None


@dataclass(frozen=True, eq=False)
class _Deviations:
    """(B, cells) deviations of group means from item means, and two variances of each.

    ``variance`` takes each group's own spread, and is unbiased; ``smooth`` takes the spread pooled over groups, and is
    nearly free of the chance that it shares with the deviation, so that it can serve as a weight.
    """

    value: FloatArray
    variance: FloatArray
    smooth: FloatArray


def _deviations(table: Table, weights: FloatArray, groups: NDArray[np.bool_], items: list[int]) -> _Deviations:
    key = ("deviations", groups.tobytes(), *items)
    return table.of(key, weights, lambda: _centred(table, weights, groups, items))


def _centred(table: Table, weights: FloatArray, groups: NDArray[np.bool_], items: list[int]) -> _Deviations:
    values = [scores(item) if j in items else None for j, item in enumerate(table.layout.items)]
    first, second = (matrix[:, items] for matrix in table.layout.moments(values))
    counts = table.counts(weights)[:, groups]
    W, Q = table.total(weights)[:, groups][:, :, items], table.squares(weights)[:, groups][:, :, items]
    mean = ratio(counts @ first, W)
    within = np.maximum(counts @ second - W * mean**2, 0.0)
    noise, spread = ratio(Q, W), ratio(Q, W * W)
    own = _positive(within, W - noise) * spread
    pooled = _positive(within.sum(axis=1, keepdims=True), (W - noise).sum(axis=1, keepdims=True)) * spread
    share = ratio(W, np.broadcast_to(W.sum(axis=1, keepdims=True), W.shape))
    deviation = mean - np.sum(share * mean, axis=1, keepdims=True)
    # m_g - sum_h share_h m_h: the group's own mean enters with 1 - share_g, the others with minus their share.
    parts = (deviation, _of_deviation(own, share), _of_deviation(pooled, share))
    return _Deviations(*(part.transpose(0, 2, 1).reshape(len(weights), -1) for part in parts))


def _of_deviation(variance: FloatArray, share: FloatArray) -> FloatArray:
    everybody = np.sum(share**2 * variance, axis=1, keepdims=True)
    return np.asarray(variance * (1 - 2 * share) + everybody)


def _positive(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator > 1e-9, numerator / denominator, np.nan)


class GroupContrastSlope:
    """Slope of simulated on human deviations of groups from the item mean, freed of people's sampling noise.

    ``slope = sum w d_H d_S / sum w (d_H^2 - v_H)`` with deviations d of a group's mean from the mean of the item, their
    sampling variances v and weights ``w = 1 / (v_H + v_S)``: through the origin, since deviations are centred by
    construction. Cells are (group x item) over the groups of a subgroup with at least 15 effective people in a half,
    and over ordered items (values as a share of the scale) and items with two options. Arms are pooled. The value
    without a group is over all subgroups together.

    Range
    -----
    Unbounded.

    Direction and target
    --------------------
    The target is 1. Above 1 the simulation exaggerates differences between groups, at 0 it knows none, below 0 it has
    them the wrong way round. The loss is the distance from 1.

    Assumptions
    -----------
    At least 12 deviations, and people's groups that differ beyond noise: the slope is undefined unless its denominator
    exceeds 3 of its standard errors. Items from which the subgroup is derived are left out.

    When it misleads
    ----------------
    Where one large difference carries the slope: see the rows of the single subgroups. Deviations within an item add up
    to zero, which the standard error of the denominator ignores. A slope of 1 goes with any amount of scatter.

    Interval and estimand
    ---------------------
    The slope between the populations; not given where any split leaves it undefined. A ratio with a denominator near 0 has no interval
    worth the name, so that a band over splits is shown and no `recovered`.

    References
    ----------
    Fuller (1987), Measurement Error Models, section 3.1.
    """

    spec: ClassVar[MetricSpec] = MetricSpec(
        "group_contrast_slope",
        "subgroups",
        "slope of simulated on human deviations of groups from the item mean",
        "target",
        "marginal",
        interval="band",
        splits=20,
        unit="slope",
        recoverable=False,
        clusters="refused",
    )

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""
        if not task.spec.subgroups:
            return "the task declares no subgroups"
        return None if any(scores(item) is not None for item in task.measured) else "no item is ordered or binary"

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples."""
        keys: list[Key] = []
        status: dict[Key, tuple[str, str]] = {}
        parts = []
        for subgroup in task.spec.subgroups:
            people, _ = table_by_group(task, human, None, subgroup, cache)
            rows, _ = table_by_group(task, human, simulated, subgroup, cache)
            derived_from = task.inputs(subgroup)
            items = [
                j for j, item in enumerate(task.measured) if scores(item) is not None and item.name not in derived_from
            ]
            large = people.n_eff(people.weight)[0].min(axis=1) >= 2 * SMALLEST_HALF
            keys.append(Key(self.spec.name, group=subgroup))
            reason = _too_few(int(large.sum()), len(items), f"{subgroup}: ")
            if reason:
                status[keys[-1]] = ("not_applicable", reason)
            elif not rows.n_answered[np.ix_(large, items)].all():
                status[keys[-1]] = ("not_estimable", f"an item has no simulated answer in a group of {subgroup}")
            parts.append((people, rows, large, items))
        cells = sum(int(large.sum()) * len(items) for _, _, large, items in parts if large.sum() > 1)
        if len(parts) > 1:
            keys.append(Key(self.spec.name))
            lacking = [status[key] for key in keys[:-1] if status.get(key, ("",))[0] == "not_estimable"]
            if cells < FEWEST:
                status[keys[-1]] = ("not_applicable", f"{cells} groups x items, {FEWEST} are needed")
            elif lacking:
                status[keys[-1]] = lacking[0]
        if not simulated.paired:
            status = dict.fromkeys(keys, ("not_applicable", UNPAIRED))

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            found: list[tuple[_Deviations, _Deviations]] = []
            value, n_eff = [], []
            for people, rows, large, items in parts:
                sides = ((people, human_weights), (rows, simulated_weights))
                n = [t.pooled_n_eff(w).min(axis=1) for t, w in sides]
                n_eff.append(np.minimum(*n))
                if large.sum() < 2 or not items:
                    value.append(np.full(len(human_weights), np.nan))
                    continue
                theirs, made = (_deviations(table, w, large, items) for table, w in sides)
                found.append((theirs, made))
                value.append(_slope([(theirs, made)]))
            if len(parts) > 1:
                value.append(_slope(found) if found else np.full(len(human_weights), np.nan))
                n_eff.append(np.min(n_eff, axis=0))
            result = np.stack(value, axis=1)
            result[:, [key in status for key in keys]] = np.nan
            return Values(keys, result, np.abs(result - 1), status=status, n_eff=np.stack(n_eff, axis=1))

        return Bound(compute)


def _too_few(groups: int, items: int, where: str = "") -> str:
    if groups < 2:
        return f"{where}fewer than two groups have {2 * SMALLEST_HALF} effective people"
    return f"{where}{groups * items} groups x items, {FEWEST} are needed" if groups * items < FEWEST else ""


def _slope(found: list[tuple[_Deviations, _Deviations]]) -> FloatArray:
    """(B,) errors-in-variables slope through the origin; NaN where people's deviations are mostly noise."""
    h, v, smooth_h = (np.concatenate([getattr(one, name) for one, _ in found], axis=1) for name in _FIELDS)
    s, _, smooth_s = (np.concatenate([getattr(one, name) for _, one in found], axis=1) for name in _FIELDS)
    spread = smooth_h + smooth_s
    with np.errstate(divide="ignore", invalid="ignore"):
        known = np.isfinite(h) & np.isfinite(s) & np.isfinite(v) & (spread > 0)
        w = np.where(known, 1 / spread, 0.0)
        top = np.sum(np.where(known, w * h * s, 0.0), axis=1)
        bottom = np.sum(np.where(known, w * (h**2 - v), 0.0), axis=1)
        # variance of d^2 for a normal d: 4 d^2 v + 2 v^2, with d^2 estimated without bias
        noise = np.sum(np.where(known, w**2 * (4 * np.maximum(h**2 - v, 0) * v + 2 * v**2), 0.0), axis=1)
        return np.where((bottom > 0) & (bottom > _RESOLVED * np.sqrt(noise)), top / bottom, np.nan)


_FIELDS = ("value", "variance", "smooth")
