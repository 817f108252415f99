"""Dispersion: do simulated answers spread as people's do, item by item and within arms?

``sd_ratio`` is for ordered items, ``gini_simpson_ratio`` for nominal and binary ones. Both have the target 1: the
standard deviation (or the probability that two respondents disagree) of the simulated half over that of the human half.
Moments are plain weighted averages, without a correction for degrees of freedom: it would cancel between halves of
equal size, and without it a weight of 2 is the same as a repeated row.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.metric._tabulate import Bound, Layout, Table, ratio, table_by_arm
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.task.task import Item, Task

__all__ = ["GiniSimpsonRatio", "LowSpread", "SDRatio", "within_arm_spread"]

FloatArray = NDArray[np.float64]

#: Below this share of the squared scale a variance is rounding error.
_NO_VARIANCE = 1e-12


def _variance(shares: FloatArray, layout: Layout) -> FloatArray:
    """(..., J) variance of ordered items as a share of the squared scale; Gini-Simpson index of the others."""
    result = np.empty((*shares.shape[:-1], len(layout.items)))
    for j, (item, columns) in enumerate(zip(layout.items, layout.slices, strict=True)):
        p = shares[..., columns]
        if item.ordered:
            value = (item.values - item.values.mean()) / max(float(np.ptp(item.values)), np.finfo(float).tiny)
            result[..., j] = p @ value**2 - (p @ value) ** 2
        else:
            result[..., j] = 1 - np.sum(p**2, axis=-1)
    return np.where(result < _NO_VARIANCE, 0.0, result)


def within_arm_spread(table: Table, weights: FloatArray) -> FloatArray:
    """(B, J) within-arm variance (ordered items) or Gini-Simpson index (others), averaged over arms by their weight."""
    total = table.total(weights)
    by_arm = np.where(total > 0, _variance(table.shares(weights), table.layout), 0.0)
    return ratio(np.sum(total * by_arm, axis=1), total.sum(axis=1))


class _Spread:
    """Shared by the ratios: one value per item and their median."""

    spec: ClassVar[MetricSpec]
    headline: ClassVar[bool] = False
    power: ClassVar[float] = 1.0

    @staticmethod
    def wanted(item: Item) -> bool:
        """Whether the item belongs to this ratio."""
        return item.ordered

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""
        return None if any(map(self.wanted, task.items)) else "no item of the task has the kind of options it needs"

    def keys(self, names: list[str]) -> list[Key]:
        """What is returned: the summary first."""
        return [Key(self.spec.name, headline=self.headline), *(Key(self.spec.name, item=name) for name in names)]

    def summarise(self, times: FloatArray, estimable: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
        """Values and losses in the order of `keys`, from (B, J) ratios."""
        error = np.abs(times - 1)
        overall = [_median(x[:, estimable]) for x in (times, error)]
        # The median of the errors, not the error of the median: 0.5 and 1.5 do not make a good simulator.
        return np.column_stack([overall[0], times]), np.column_stack([overall[1], error])

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples."""
        people, rows = table_by_arm(task, human, cache), table_by_arm(task, simulated, cache)
        wanted = [j for j, item in enumerate(task.items) if self.wanted(item)]
        keys = self.keys([task.items[j].name for j in wanted])
        theirs, own = (within_arm_spread(table, table.weight)[0, wanted] for table in (people, rows))
        estimable = theirs > 0
        status: dict[Key, tuple[str, str]] = {}
        flags: dict[Key, tuple[str, ...]] = {}
        for key in keys:
            chosen = [i for i, j in enumerate(wanted) if key.item in ("", task.items[j].name)]
            if not estimable[chosen].any():
                status[key] = ("not_estimable", "people do not differ within arms")
            elif np.isnan(own[chosen]).any():
                status[key] = ("not_estimable", "an item has no simulated answer")
            elif (own[chosen][estimable[chosen]] == 0).any():
                flags[key] = ("collapsed",)

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            spread = [
                within_arm_spread(table, w)[:, wanted]
                for table, w in ((people, human_weights), (rows, simulated_weights))
            ]
            value, loss = self.summarise(ratio(spread[1], spread[0]) ** self.power, estimable)
            n_item = np.minimum(people.pooled_n_eff(human_weights), rows.pooled_n_eff(simulated_weights))[:, wanted]
            n_eff = np.column_stack([n_item.min(axis=1), n_item])[:, : len(keys)]
            return Values(keys, value, loss, status=status, flags=flags, n_eff=n_eff)

        return Bound(compute)


def _median(values: FloatArray) -> FloatArray:
    """(B,) median over the items that vary among the people of this half; NaN without any."""
    result = np.full(len(values), np.nan)
    some = ~np.isnan(values).all(axis=1)
    result[some] = np.nanmedian(values[some], axis=1)
    return result


def _spec(name: str, summary: str, floor: str) -> MetricSpec:
    return MetricSpec(name, "heterogeneity", summary, "target", floor, unit="ratio", range=(0.0, None))


class SDRatio(_Spread):
    """Pooled within-arm standard deviation of simulated answers over people's, per ordered item and their median."""

    spec = _spec("sd_ratio", "standard deviation of simulated answers over people's", "mode")
    headline = True
    power = 0.5


class GiniSimpsonRatio(_Spread):
    """Probability that two simulated respondents of an arm disagree over that of two people, per nominal item."""

    spec = _spec("gini_simpson_ratio", "disagreement within simulated arms over people's, nominal items", "mode")

    @staticmethod
    def wanted(item: Item) -> bool:
        """Whether the item belongs to this ratio."""
        return not item.ordered


class LowSpread(SDRatio):
    """Share of ordered items whose SD ratio is below 0.9."""

    spec = MetricSpec(
        "low_spread_share",
        "heterogeneity",
        "share of ordered items whose standard deviation is below 0.9 of people's",
        "target",
        "mode",
        interval="band",
        unit="share",
        range=(0.0, 1.0),
        recoverable=False,
    )

    def keys(self, names: list[str]) -> list[Key]:
        """What is returned."""
        return [Key(self.spec.name)]

    def summarise(self, times: FloatArray, estimable: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
        """The share and its distance from 0, the share without any collapse."""
        known = times[:, estimable]
        share = ratio(np.sum(known < 0.9, axis=1).astype(float), np.sum(~np.isnan(known), axis=1).astype(float))
        return share[:, None], share[:, None]
