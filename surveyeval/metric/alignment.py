"""Alignment: distance between the distributions of answers of people and of simulated respondents.

The overall value is the mean over items of the distance *within* arms, arms weighted by their number of people, since
errors in opposite directions cancel when arms are pooled. The pooled distance is given beside it, under the name of
the metric with ``_pooled``. A task without arms has one arm and no pooled values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any, ClassVar
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.metric._tabulate import Bound, Layout, Table, once, ratio, remembered, table_by_arm
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.task.task import Task

__all__ = ["JSDistance", "TotalVariation", "Wasserstein", "js_distance", "total_variation", "wasserstein"]

FloatArray = NDArray[np.float64]


def total_variation(p: FloatArray, q: FloatArray, layout: Layout) -> FloatArray:
    """Half the sum of absolute differences of shares.

    Parameters
    ----------
    p, q : (..., C) float arrays
        Shares of the options of all items side by side.
    layout : Layout

    Returns
    -------
    (..., J) float array
        In [0, 1]; NaN for an item without shares.
    """
    return np.asarray(0.5 * np.add.reduceat(np.abs(p - q), layout.starts, axis=-1))


def js_distance(p: FloatArray, q: FloatArray, layout: Layout) -> FloatArray:
    """Jensen-Shannon distance: the square root of the divergence with logarithms to base 2.

    Parameters and result as in `total_variation`; in [0, 1]. Endres and Schindelin (2003), IEEE Transactions on
    Information Theory 49.
    """
    middle = p + q
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = p * np.log2(2 * p / middle), q * np.log2(2 * q / middle)
    # 0 log 0 is 0; the comparison is written so that NaN stays NaN.
    np.copyto(one, 0.0, where=p == 0)
    np.copyto(other, 0.0, where=q == 0)
    one += other
    divergence = 0.5 * np.add.reduceat(one, layout.starts, axis=-1)
    return np.asarray(np.sqrt(np.maximum(divergence, 0.0)))


def wasserstein(p: FloatArray, q: FloatArray, layout: Layout) -> FloatArray:
    """Wasserstein distance of order 1 on the options' values, as a share of the scale.

    Parameters and result as in `total_variation`; in [0, 1]. NaN for items without order.
    """
    below, gaps, known = _scale(layout)
    difference = p - q
    result = np.abs(np.nan_to_num(difference) @ below) @ gaps
    result[..., ~known] = np.nan
    result[np.isnan(difference[..., layout.starts])] = np.nan
    return np.asarray(result)


@lru_cache(maxsize=16)
def _scale(layout: Layout) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Which options lie below each step of a scale (C, steps), the steps as shares of the scale (steps, J), who has one."""
    below, gaps = np.zeros((layout.width, layout.width)), np.zeros((layout.width, len(layout.items)))
    known = np.array([item.ordered and np.ptp(item.values) > 0 for item in layout.items], dtype=bool)
    for j, (item, columns) in enumerate(zip(layout.items, layout.slices, strict=True)):
        if known[j]:
            order = np.argsort(item.values, kind="stable")
            for step, gap in enumerate(np.diff(item.values[order])):
                below[columns.start + order[: step + 1], columns.start + step] = 1
                gaps[columns.start + step, j] = gap / np.ptp(item.values)
    used = gaps.any(axis=1)
    return below[:, used], gaps[used], known


def _missing_cells(task: Task, human: Table, simulated: Table) -> dict[int, str]:
    """Items that can't be compared because one side has no answer at all, in an arm or altogether."""
    reasons = {}
    for j, item in enumerate(human.layout.items):
        people, rows = human.n_answered[:, j], simulated.n_answered[:, j]
        if not people.any():
            reasons[j] = f"nobody among the people answered {item.name!r}"
        elif not rows.any():
            reasons[j] = f"no simulated answer to {item.name!r}"
        else:
            empty = [arm.label for arm, n, s in zip(task.arms, people, rows, strict=True) if n and not s]
            if empty:
                reasons[j] = f"no simulated answer to {item.name!r} in arm {', '.join(empty)}"
    return reasons


class _Alignment(ABC):
    """Shared by the three distances."""

    spec: ClassVar[MetricSpec]
    ordered_only: ClassVar[bool] = False

    @staticmethod
    @abstractmethod
    def distance(p: FloatArray, q: FloatArray, layout: Layout) -> FloatArray:
        """Distance of two distributions of each key, (B, Q)."""

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""
        if self.ordered_only and not any(item.ordered for item in task.measured):
            return "no item has ordered options"
        return None

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples, once for all metrics that use the distance."""
        key = (self.spec.name, id(human), "pairs")
        kept, bound = once(cache, simulated, key, lambda: (ref(human), self._bind(task, human, simulated, cache)))
        return bound if kept() is human else self._bind(task, human, simulated, cache)

    def _bind(self, task: Task, human: Sample, simulated: Sample, cache: dict[Any, Any]) -> Bound:
        people, rows = table_by_arm(task, human, cache), table_by_arm(task, simulated, cache)
        wanted = [j for j, item in enumerate(task.measured) if item.ordered or not self.ordered_only]
        names = [task.measured[j].name for j in wanted]
        name, arms = self.spec.name, task.arms if task.is_experiment else ()
        keys = [Key(name, headline=True), *(Key(name, item=item) for item in names)]
        keys += [Key(name, arm=arm.key, floor="pooled") for arm in arms]
        if arms:
            keys += [Key(f"{name}_pooled"), *(Key(f"{name}_pooled", item=item) for item in names)]
        reasons = _missing_cells(task, people, rows)
        status = {}
        for key in keys:
            concerned = [reasons[j] for j in wanted if j in reasons and key.item in ("", task.measured[j].name)]
            if concerned:
                status[key] = ("not_estimable", "; ".join(concerned))
        blocked = np.array([key in status for key in keys])

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            p, q = people.shares(human_weights), rows.shares(simulated_weights)
            by_arm = self.distance(p, q, people.layout)[:, :, wanted]
            # An arm that is empty in this half, on either side, is left out of the average.
            arm_weight = np.where(np.isnan(by_arm), 0.0, people.total(human_weights)[:, :, wanted])
            by_item = ratio(np.sum(arm_weight * np.nan_to_num(by_arm), axis=1), arm_weight.sum(axis=1))
            n_item = np.minimum(people.pooled_n_eff(human_weights), rows.pooled_n_eff(simulated_weights))[:, wanted]
            n_all = n_item.min(axis=1, keepdims=True)
            value, n_eff = [by_item.mean(axis=1, keepdims=True), by_item], [n_all, n_item]
            if arms:
                n_arm = np.minimum(people.n_eff(human_weights), rows.n_eff(simulated_weights))[:, :, wanted]
                pooled = self.distance(
                    people.pooled_shares(human_weights), rows.pooled_shares(simulated_weights), people.layout
                )[:, wanted]
                value += [by_arm.mean(axis=2), pooled.mean(axis=1, keepdims=True), pooled]
                n_eff += [n_arm.min(axis=2), n_all, n_item]
            result = np.concatenate(value, axis=1)
            result[:, blocked] = np.nan
            return Values(keys, result, status=status, n_eff=np.concatenate(n_eff, axis=1))

        return Bound(remembered(compute))


def _spec(name: str, summary: str) -> MetricSpec:
    return MetricSpec(name, "alignment", summary, "lower", "uniform", unit="distance", range=(0.0, 1.0))


class TotalVariation(_Alignment):
    """Total variation distance per item, per arm and overall.

    ``TV = 1/2 sum_k |p_k - q_k|`` over the options k of an item, with the shares p among people and q among simulated
    respondents: the share of simulated answers that would have to change option. The value of an item is the mean over
    arms of the distance within the arm, arms weighted by their people; the overall value is the plain mean over items.
    ``total_variation_pooled`` pools the arms first, so that errors in opposite directions cancel in it.

    Range
    -----
    0 (the same shares) to 1 (no option in common).

    Direction and target
    --------------------
    Lower is better. People of the other half are not at 0: sampling alone keeps two samples apart, the more so the
    smaller they are and the more options an item has.

    Assumptions
    -----------
    Options have no order: a neighbouring answer is as wrong as the opposite one. Only those who answered count, on both
    sides, with the survey weight of the person.

    When it misleads
    ----------------
    It sees one item at a time: shuffled columns and exchanged personas pass. The shares of a pilot come nearly as close
    as a second sample of people, so that a good value does not show that a model is worth anything to someone who has a
    pilot. Values at different sizes do not compare.

    Interval and estimand
    ---------------------
    The expected distance between h simulated and h human answers, h being the half size; it is larger than the distance
    between the two populations.

    References
    ----------
    Gibbs and Su (2002), On choosing and bounding probability metrics, International Statistical Review 70.
    """

    spec = _spec("total_variation", "half the sum of absolute differences of shares")
    distance = staticmethod(total_variation)


class JSDistance(_Alignment):
    """Jensen-Shannon distance per item, per arm and overall.

    ``JS = sqrt(1/2 sum_k p_k log2(p_k / m_k) + 1/2 sum_k q_k log2(q_k / m_k))`` with ``m = (p + q) / 2``, the shares p
    among people and q among simulated respondents. The value of an item is the mean over arms of the distance within
    the arm, arms weighted by their people; the overall value is the plain mean over items. ``js_distance_pooled`` pools
    the arms first, so that errors in opposite directions cancel in it.

    Range
    -----
    0 (the same shares) to 1 (no option in common).

    Direction and target
    --------------------
    Lower is better. People of the other half are not at 0: sampling alone keeps two samples apart, the more so the
    smaller they are and the more options an item has.

    Assumptions
    -----------
    Options have no order. Only those who answered count, on both sides, with the survey weight of the person. Options
    that nobody chose need no smoothing.

    When it misleads
    ----------------
    It sees one item at a time: shuffled columns and exchanged personas pass. The square root makes small differences
    look large: near 0 it grows in proportion to the difference of shares, and rare options that one side never gives
    weigh more than in the total variation. The shares of a pilot come nearly as close as a second sample of people.

    Interval and estimand
    ---------------------
    The expected distance between h simulated and h human answers, h being the half size; it is larger than the distance
    between the two populations, for which a percentile bootstrap would not be valid.

    References
    ----------
    Lin (1991), IEEE Transactions on Information Theory 37; Endres and Schindelin (2003), IEEE Transactions on
    Information Theory 49, on the square root.
    """

    spec = _spec("js_distance", "Jensen-Shannon distance, base 2")
    distance = staticmethod(js_distance)


class Wasserstein(_Alignment):
    """Normalised Wasserstein distance per ordered item, per arm and over all ordered items.

    ``W = sum_i |F_p(v_i) - F_q(v_i)| (v_(i+1) - v_i) / (v_K - v_1)`` with options sorted by their values v and the
    cumulative shares F_p among people and F_q among simulated respondents: how far answers would have to move on
    average, as a share of the scale. Means over arms and items as for the other distances; ``wasserstein_pooled`` pools
    the arms first.

    Range
    -----
    0 (the same shares) to 1 (all people at one end, all simulated respondents at the other).

    Direction and target
    --------------------
    Lower is better. People of the other half are not at 0: sampling alone keeps two samples apart.

    Assumptions
    -----------
    The declared values of options measure distances between answers; without declared values, ranks do. Items without
    order do not enter, and the card says how many do.

    When it misleads
    ----------------
    Distances to the middle are short: a simulator that always gives the middle of the scale is at most .5 from
    anything, and often looks close. A shift of everybody by a little and of a few by a lot are the same. It sees one
    item at a time: shuffled columns and exchanged personas pass.

    Interval and estimand
    ---------------------
    The expected distance between h simulated and h human answers, h being the half size; it is larger than the distance
    between the two populations.

    References
    ----------
    Vallender (1974), Calculation of the Wasserstein distance between probability distributions on the line, Theory of
    Probability and Its Applications 18.
    """

    spec = _spec("wasserstein", "distance between ordered distributions, share of the scale")
    ordered_only = True
    distance = staticmethod(wasserstein)
