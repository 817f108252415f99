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
    tiny = np.finfo(float).tiny
    values = [
        (item.values - item.values.mean()) / max(float(np.ptp(item.values)), tiny) if item.ordered else None
        for item in layout.items
    ]
    first, second = layout.moments(values)
    ordered = np.array([item.ordered for item in layout.items])
    known = np.nan_to_num(shares)
    variance = known @ second - (known @ first) ** 2
    result = np.where(ordered, variance, 1 - np.add.reduceat(shares**2, layout.starts, axis=-1))
    result[np.isnan(shares[..., layout.starts])] = np.nan
    result[result < _NO_VARIANCE] = 0.0
    return np.asarray(result)


def within_arm_spread(table: Table, weights: FloatArray) -> FloatArray:
    """(B, J) within-arm variance (ordered items) or Gini-Simpson index (others), averaged over arms by their weight."""
    return table.of("spread", weights, lambda: _within_arms(table, weights))


def _within_arms(table: Table, weights: FloatArray) -> FloatArray:
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
        return None if any(map(self.wanted, task.measured)) else "no item of the task has the kind of options it needs"

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
        wanted = [j for j, item in enumerate(task.measured) if self.wanted(item)]
        keys = self.keys([task.measured[j].name for j in wanted])
        theirs, own = (within_arm_spread(table, table.weight)[0, wanted] for table in (people, rows))
        estimable = theirs > 0
        status: dict[Key, tuple[str, str]] = {}
        flags: dict[Key, tuple[str, ...]] = {}
        for key in keys:
            chosen = [i for i, j in enumerate(wanted) if key.item in ("", task.measured[j].name)]
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
    """Pooled within-arm standard deviation of simulated answers over people's, per ordered item.

    ``sqrt(V_S / V_H)`` with V the mean over arms, by weight, of the variance within the arm; the overall value is the
    median over items. Moments are plain weighted averages: a correction for degrees of freedom would cancel between
    halves of equal size, and without it a weight of 2 is the same as a repeated row.

    Range
    -----
    At least 0.

    Direction and target
    --------------------
    The target is 1. The loss of an item is ``|ratio - 1|``, that of the overall value the median of these, since ratios
    of 0.5 and 1.5 do not make a good simulator.

    Assumptions
    -----------
    The declared values of options measure distances between answers. Items on which people do not differ within arms
    leave the comparison, by name.

    When it misleads
    ----------------
    The right spread at the wrong place passes, and so do two camps for a bell. A median over items hides a minority
    that has collapsed: see `LowSpread`, and the flag ``collapsed`` where nobody differs. Noise widens: a mixture of the
    mode and random answers has any ratio.

    Interval and estimand
    ---------------------
    The ratio of the populations' spreads, with a small bias of a ratio at the half size that the reference shows.

    References
    ----------
    Bisbee, Clinton, Dorff, Kenkel and Larson (2024), Synthetic replacements for human survey data?, Political Analysis
    32, on the lack of variance among simulated respondents.
    """

    spec = _spec("sd_ratio", "standard deviation of simulated answers over people's", "mode")
    headline = True
    power = 0.5


class GiniSimpsonRatio(_Spread):
    """Probability that two simulated respondents of an arm disagree over that of two people, per nominal item.

    ``(1 - sum_k q_k^2) / (1 - sum_k p_k^2)``, means over arms by weight; the overall value is the median over items
    without order, those with two options among them. The counterpart of `SDRatio` where there is no standard deviation.

    Range
    -----
    At least 0.

    Direction and target
    --------------------
    The target is 1; the loss is the distance from 1, for the overall value the median of the items' distances.

    Assumptions
    -----------
    None on order. Items on which all people of an arm agree leave the comparison.

    When it misleads
    ----------------
    Disagreement about the wrong options counts as much as about the right ones: shares of .3 and .7 the wrong way round
    have the ratio 1. Near one half the index of two options hardly moves.

    Interval and estimand
    ---------------------
    The ratio of the populations' indices, with a small bias of a ratio at the half size that the reference shows.

    References
    ----------
    Gini (1912), Variabilita e mutabilita; Simpson (1949), Measurement of diversity, Nature 163.
    """

    spec = _spec("gini_simpson_ratio", "disagreement within simulated arms over people's, nominal items", "mode")

    @staticmethod
    def wanted(item: Item) -> bool:
        """Whether the item belongs to this ratio."""
        return not item.ordered


class LowSpread(SDRatio):
    """Share of ordered items whose standard deviation is below 0.9 of people's.

    ``#{items with SD ratio < 0.9} / #{items}``, with the ratio of `SDRatio`.

    Range
    -----
    0 to 1.

    Direction and target
    --------------------
    Read towards 0, the share without any collapse, which is where the loss is measured from; two halves of people are
    above it where few people answered.

    Assumptions
    -----------
    As `SDRatio`. The limit of 0.9 is a convention.

    When it misleads
    ----------------
    With few items it moves in large steps, and an item at .89 counts as much as one at 0. Too much spread does not
    count: uniform answers have the best possible value.

    Interval and estimand
    ---------------------
    A count of threshold crossings has no confidence interval: the band over splits is shown, and no `recovered`.

    References
    ----------
    The threshold is this project's; the ratio is that of `SDRatio`.
    """

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
