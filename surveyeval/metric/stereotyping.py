"""Stereotyping: do groups differ among simulated respondents as much as they do among people?

Two questions that are easily confused. `Stereotyping` compares the *spread of group means*, freed of the spread that
sampling alone produces. `GroupDeterminism` compares the *share of variance* that the group explains; it rises also when
groups keep their means and lose their inner variety.

With weights w, group totals W_g, Q_g = sum of w^2 in the group and m_g the weighted mean, the within-group variance is
``s2 = sum_g sum_i w (x - m_g)^2 / (W - sum_g Q_g / W_g)`` and the variance between groups is
``(sum_g W_g (m_g - m)^2 - s2 (sum_g Q_g / W_g - Q / W)) / (W - sum_g W_g^2 / W)``: both are unbiased when the weights do
not depend on the answer, and for equal weights they are MSW and (MSB - MSW) / n0 of the analysis of variance.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.metric._tabulate import Bound, Table, arm_index, once, ratio, table_by_group
from surveyeval.metric.protocol import UNPAIRED, Key, MetricSpec, Values
from surveyeval.task.task import Task

__all__ = ["GroupDeterminism", "Stereotyping", "variance_components"]

FloatArray = NDArray[np.float64]

#: The human component must be this many standard errors above zero before anything is compared with it.
_RESOLVED = 2.5
_JACKKNIFE_GROUPS = 40


def variance_components(
    table: Table, weights: FloatArray, wanted: list[int]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Between-group variance, within-group variance and total variance of ordered items.

    Parameters
    ----------
    table : Table
        Tabulated by group.
    weights : (B, n) float array
    wanted : list of int
        Numbers of the items, all of them ordered.

    Returns
    -------
    between, within, total : (B, J) float arrays
        In squared units of the item's values. `between` is not truncated: under no difference it is negative half of
        the time. NaN with fewer than two groups, or no more answers than groups.
    """
    return table.of(("components", *wanted), weights, lambda: _components(table, weights, wanted))


def _components(table: Table, weights: FloatArray, wanted: list[int]) -> tuple[FloatArray, FloatArray, FloatArray]:
    values = [item.values - item.values.mean() if j in wanted else None for j, item in enumerate(table.layout.items)]
    first, second = (matrix[:, wanted] for matrix in table.layout.moments(values))
    counts = table.counts(weights)
    W_g, Q_g = table.total(weights)[:, :, wanted], table.squares(weights)[:, :, wanted]
    W, Q = W_g.sum(axis=1), Q_g.sum(axis=1)
    mean_g = np.nan_to_num(ratio(counts @ first, W_g))
    mean = ratio(np.sum(W_g * mean_g, axis=1), W)
    sum_within = np.sum(counts @ second - W_g * mean_g**2, axis=1)
    sum_between = np.sum(W_g * (mean_g - mean[:, None]) ** 2, axis=1)
    noise_g = np.sum(np.nan_to_num(ratio(Q_g, W_g)), axis=1)
    noise = ratio(Q, W)
    within = _positive_ratio(np.maximum(sum_within, 0.0), W - noise_g)
    between = _positive_ratio(sum_between - within * (noise_g - noise), W - ratio(np.sum(W_g**2, axis=1), W))
    total = _positive_ratio(np.maximum(sum_within, 0.0) + sum_between, W - noise)
    return between, within, total


def _positive_ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Quotient; NaN where the denominator is zero but for rounding, or below."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator > 1e-9, numerator / denominator, np.nan)


def _ordered(task: Task) -> list[int]:
    return [j for j, item in enumerate(task.measured) if item.ordered]


class _BetweenGroups(ABC):
    """Shared by both metrics: one key per declared subgroup."""

    spec: ClassVar[MetricSpec]

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""
        if not task.spec.subgroups:
            return "the task declares no subgroups"
        return None if _ordered(task) else "no item has ordered options"

    def keys(self, subgroup: str) -> list[Key]:
        """What is returned for one subgroup."""
        return [Key(self.spec.name, group=subgroup, headline=True)]

    def status(
        self, task: Task, human: Sample, table: Table, subgroup: str, cache: dict[Any, Any]
    ) -> tuple[str, str] | None:
        """Why the people alone rule out a comparison, if they do."""
        return None

    @abstractmethod
    def pair(self, people: FloatArray, rows: FloatArray, whole: float) -> tuple[list[FloatArray], list[FloatArray]]:
        """Values and losses per key from one (B,) statistic of each side; `whole` is that of all people at hand."""

    @abstractmethod
    def statistic(self, table: Table, weights: FloatArray, wanted: list[int], scale: FloatArray) -> FloatArray:
        """(B,) statistic of one side; `scale` holds people's standard deviation per item."""

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples."""
        keys: list[Key] = []
        status: dict[Key, tuple[str, str]] = {}
        parts = []
        for subgroup in task.spec.subgroups:
            people, _ = table_by_group(task, human, None, subgroup, cache)
            rows, _ = table_by_group(task, human, simulated, subgroup, cache)
            own = self.keys(subgroup)
            scale = np.sqrt(np.nan_to_num(variance_components(people, people.weight, _ordered(task))[2][0]))
            wanted = [j for j, sd in zip(_ordered(task), scale, strict=True) if sd > 0]
            if not simulated.paired:
                status |= dict.fromkeys(own, ("not_applicable", UNPAIRED))
            elif not wanted:
                status |= dict.fromkeys(own, ("not_estimable", "people do not differ on any ordered item"))
            elif not rows.n_answered[:, wanted].any(axis=0).all():
                status |= dict.fromkeys(own, ("not_estimable", "an item has no simulated answer"))
            elif reason := self.status(task, human, people, subgroup, cache):
                status[own[0]] = reason  # the first key is a comparison with people; the others stand by themselves
            keys += own
            scale = scale[scale > 0]
            whole = float(self.statistic(people, people.weight, wanted, scale)[0]) if wanted else np.nan
            parts.append((people, rows, wanted, scale, whole, len(own)))

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            value, loss, n_eff = [], [], []
            for people, rows, wanted, scale, whole, n_keys in parts:
                sides = ((people, human_weights), (rows, simulated_weights))
                if wanted:
                    theirs, drawn = (self.statistic(table, w, wanted, scale) for table, w in sides)
                    made = self.pair(theirs, drawn, whole)
                else:
                    made = ([np.full(len(human_weights), np.nan)] * n_keys,) * 2
                value += made[0]
                loss += made[1]
                n = [t.pooled_n_eff(w).min(axis=1) for t, w in sides]
                n_eff += [np.minimum(*n)] * n_keys
            return Values(
                keys, np.stack(value, axis=1), np.stack(loss, axis=1), status=status, n_eff=np.stack(n_eff, axis=1)
            )

        return Bound(compute)


class Stereotyping(_BetweenGroups):
    """Standard deviation between groups, simulated over people's: above 1 group differences are exaggerated.

    ``sqrt(max(0, B_S)) / sqrt(max(0, B_H))`` with B the between-group variance freed of sampling noise, which is ``(MSB
    - MSW) / n0`` of the analysis of variance for equal weights. Components are averaged over ordered items in units of
    people's variance *before* the negative part is cut off, since the average of truncated components would not vanish
    where there are no differences. ``between_group_sd`` is the simulated half's own value.

    Range
    -----
    At least 0.

    Direction and target
    --------------------
    The target is 1 (``between_group_sd``: people's own). The loss is the difference of the two standard deviations, which
    is defined also in halves where people's component is not positive; the ratio is missing there. That of the ratio is
    in units of the standard deviation between groups of all people at hand, so that 0.1 is a tenth of people's difference.

    Assumptions
    -----------
    Weights do not depend on the answer. Resolved only where people's own component is above 0 by 2.5 jackknife standard
    errors. A simulated row belongs to the group of its person.

    When it misleads
    ----------------
    It adds up all groups of a subgroup: one exaggerated and one lost difference cancel. Only sizes of differences
    enter, not their direction: see `GroupContrastSlope`. Differences on one item can be made up for by another.

    Interval and estimand
    ---------------------
    The ratio of the populations' components; its sampling is skewed where people's component is small. Intervals of
    differences take the unit of the loss, people's standard deviation between groups, as known.

    References
    ----------
    Searle, Casella and McCulloch (1992), Variance Components, section 3.6; exaggeration of group differences by
    language models: Cheng, Piccardi and Yang (2023), CoMPosT, EMNLP.
    """

    spec = MetricSpec(
        "stereotyping",
        "stereotyping",
        "spread of group means over people's, freed of sampling noise",
        "target",
        "marginal",
        unit="ratio",
        range=(0.0, None),
        clusters="refused",
    )

    def keys(self, subgroup: str) -> list[Key]:
        """The ratio and the simulated side of it."""
        return [Key("stereotyping", group=subgroup, headline=True), Key("between_group_sd", group=subgroup)]

    def statistic(self, table: Table, weights: FloatArray, wanted: list[int], scale: FloatArray) -> FloatArray:
        """(B,) mean between-group variance in units of people's variance, not truncated."""
        return np.asarray((variance_components(table, weights, wanted)[0] / scale**2).mean(axis=1))

    def pair(self, people: FloatArray, rows: FloatArray, whole: float) -> tuple[list[FloatArray], list[FloatArray]]:
        """The ratio, the simulated value and the loss of both."""
        human, simulated = np.sqrt(np.maximum(people, 0.0)), np.sqrt(np.maximum(rows, 0.0))
        loss = np.abs(simulated - human)
        return [ratio(simulated, human), simulated], [loss / self.unit(whole), loss]

    def unit(self, whole: float) -> float:
        """People's standard deviation between groups, in which the loss of the ratio is given; NaN where there is none."""
        return float(np.sqrt(whole)) if whole > 0 else np.nan

    def under_exchange(self) -> Stereotyping:
        """The same with a loss whose unit does not change when people and simulated rows change places."""
        return _InAnswers()

    def status(
        self, task: Task, human: Sample, table: Table, subgroup: str, cache: dict[Any, Any]
    ) -> tuple[str, str] | None:
        """Whether people's own component can be told from zero, by a jackknife of the human sample."""
        wanted, arm = _ordered(task), arm_index(task, human, cache)

        def component() -> tuple[float, float]:
            # Jackknife groups balanced over arms: positions within arm, dealt out in turn.
            dealt = np.argsort(np.argsort(arm, kind="stable"), kind="stable") % _JACKKNIFE_GROUPS
            kept = dealt[None, :] != np.arange(_JACKKNIFE_GROUPS)[:, None]
            weights = np.concatenate([table.weight, np.where(kept, human.weight, 0.0)])
            between, _, total = variance_components(table, weights, wanted)
            varying = np.nan_to_num(total[0]) > 0
            value = (between[:, varying] / total[0, varying]).mean(axis=1)
            left = value[1:][np.isfinite(value[1:])]  # without some people a handful may leave no variance
            spread = np.sum((left - left.mean()) ** 2) if len(left) > 1 else np.nan
            return float(value[0]), float(np.sqrt((_JACKKNIFE_GROUPS - 1) / _JACKKNIFE_GROUPS * spread))

        value, error = once(cache, human, ("stereotyping", subgroup), component)
        if not value > 0:
            return ("not_estimable", "people's groups do not differ beyond sampling noise")
        if not value >= _RESOLVED * error:
            return ("not_resolved", f"people's differences between groups are within {_RESOLVED} standard errors of 0")
        return None


class _InAnswers(Stereotyping):
    """In people's standard deviations of answers, for tests: a p-value does not depend on a constant unit."""

    def unit(self, whole: float) -> float:
        """One."""
        return 1.0


class GroupDeterminism(_BetweenGroups):
    """Share of variance that the group explains (epsilon squared), mean over ordered items.

    ``1 - within / total`` with both variances unbiased, so that a group that explains nothing has the expectation 0 at
    any size. An item on which nobody differs counts 0: there is nothing to explain.

    Range
    -----
    At most 1; a little below 0 by chance.

    Direction and target
    --------------------
    The target is people's own share, on either side; the loss is the distance from it.

    Assumptions
    -----------
    Weights do not depend on the answer. The declared values of options measure distances between answers. A simulated
    row belongs to the group of its person.

    When it misleads
    ----------------
    As a measure of stereotyping: the same group means with half the spread within groups raise it just as larger
    differences do. Read it with `Stereotyping` and `SDRatio`.

    Interval and estimand
    ---------------------
    The population's share, nearly without the bias of the plug-in eta squared, which grows as samples shrink.

    References
    ----------
    Kelley (1935), An unbiased correlation ratio measure, Proceedings of the National Academy of Sciences 21.
    """

    spec = MetricSpec(
        "group_determinism",
        "stereotyping",
        "share of variance explained by the group, freed of sampling noise",
        "target",
        "marginal",
        unit="share",
        range=(None, 1.0),
        clusters="refused",
    )

    def keys(self, subgroup: str) -> list[Key]:
        """One key; `Stereotyping` has the headline."""
        return [Key(self.spec.name, group=subgroup)]

    def statistic(self, table: Table, weights: FloatArray, wanted: list[int], scale: FloatArray) -> FloatArray:
        """(B,) epsilon squared, mean over items."""
        _, within, total = variance_components(table, weights, wanted)
        constant = total < 1e-12 * scale**2
        share = 1 - ratio(within, np.where(constant, 1.0, total))
        return np.asarray(np.where(constant, 0.0, share).mean(axis=1))

    def pair(self, people: FloatArray, rows: FloatArray, whole: float) -> tuple[list[FloatArray], list[FloatArray]]:
        """The simulated value and its distance from people's."""
        return [rows], [np.abs(rows - people)]
