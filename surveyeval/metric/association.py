"""Association of answers that should go together, such as beliefs with actions, where no rule says what follows.

Within arms, so that a treatment that moves both does not count as coherence, and pooled over arms on Fisher's scale.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.metric._tabulate import Bound, GroupedSums, Memo, arm_grouping, kish, once, ratio
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.task.task import Item, Task

__all__ = ["Association", "beliefs", "cramers_v", "pairs_of", "spearman"]

FloatArray = NDArray[np.float64]

#: Associations closer to 1 than this have no Fisher transform worth the name.
_NEARLY_ONE = 1 - 1e-9


def beliefs(task: Task) -> tuple[Item, ...]:
    """Items from which actions should follow: beliefs, or attitudes where a task asks no belief."""
    for role in ("belief", "attitude"):
        found = tuple(item for item in task.measured if item.role == role)
        if found:
            return found
    return ()


def pairs_of(task: Task) -> tuple[tuple[Item, Item], ...]:
    """Pairs of items whose association is compared: those that the task declares, or every belief with every action."""
    if task.spec.associations:
        asked = {item.name: item for item in task.measured}
        return tuple(
            (asked[declared.predictor], asked[outcome])
            for declared in task.spec.associations
            for outcome in declared.outcomes
            if declared.predictor in asked and outcome in asked
        )
    return tuple((belief, task.item(action)) for action in task.actions for belief in beliefs(task))


def spearman(table: FloatArray) -> FloatArray:
    """Spearman correlation with midranks, from tables of weighted counts.

    Parameters
    ----------
    table : (..., K, L) float array
        Rows and columns in ascending order.

    Returns
    -------
    (...) float array
        In [-1, 1]; NaN where one of the two does not vary.

    Notes
    -----
    Pearson correlation of midranks. Source: Kendall (1945), Biometrika 33, on ties.
    """
    total = table.sum(axis=(-2, -1))
    centred = []
    for axis in (-1, -2):
        margin = table.sum(axis=axis)
        centred.append(np.cumsum(margin, axis=-1) - margin / 2 - total[..., None] / 2)
    row, column = centred
    covariance = np.einsum("...kl,...k,...l->...", table, row, column)
    spread = [
        np.sum(table.sum(axis=axis) * ranks**2, axis=-1) for axis, ranks in zip((-1, -2), (row, column), strict=True)
    ]
    # A single category has spread 0 but for rounding, in units of the cubed total.
    flat = (spread[0] <= 1e-12 * total**3) | (spread[1] <= 1e-12 * total**3)
    return np.clip(ratio(covariance, np.where(flat, 0.0, np.sqrt(spread[0] * spread[1]))), -1, 1)


def cramers_v(table: FloatArray, n: FloatArray) -> FloatArray:
    """Cramer's V, corrected for the association that a finite sample shows by chance.

    Parameters
    ----------
    table : (..., K, L) float array
        Weighted counts; empty rows and columns do not count as categories.
    n : (...) float array
        Effective number of respondents behind the table.

    Returns
    -------
    (...) float array
        In [0, 1]; NaN where one of the two does not vary.

    Notes
    -----
    Source: Bergsma (2013), Journal of the Korean Statistical Society 42.
    """
    total = table.sum(axis=(-2, -1), keepdims=True)
    share = ratio(table, np.broadcast_to(total, table.shape))
    rows, columns = share.sum(axis=-1, keepdims=True), share.sum(axis=-2, keepdims=True)
    expected = rows * columns
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = (share - expected) ** 2 / expected
        np.copyto(terms, 0.0, where=~(expected > 0))
        phi2 = terms.sum(axis=(-2, -1))
        k, m = (rows > 0).sum(axis=(-2, -1)), (columns > 0).sum(axis=(-2, -1))
        corrected = np.maximum(phi2 - (k - 1) * (m - 1) / (n - 1), 0.0)
        smaller = np.minimum(k - (k - 1) ** 2 / (n - 1), m - (m - 1) ** 2 / (n - 1)) - 1
        return np.where((smaller > 0) & (n > 1), np.sqrt(np.minimum(corrected / smaller, 1.0)), np.nan)


class _Pair:
    """Association of two items in one sample; called belief and action, which is what they are in most tasks."""

    def __init__(self, task: Task, sample: Sample, belief: Item, action: Item, cache: dict[Any, Any]) -> None:
        self.ranked = all(item.ordered or item.k == 2 for item in (belief, action))
        first, second = (np.argsort(np.argsort(item.values, kind="stable")) for item in (belief, action))
        self._shape = (belief.k, action.k)
        rows = np.flatnonzero(sample.answered(belief.name) & sample.answered(action.name))
        cells = np.zeros((sample.n, belief.k * action.k + 1))
        cells[rows, first[sample.answers[belief.name][rows]] * action.k + second[sample.answers[action.name][rows]]] = 1
        cells[rows, -1] = 1
        self.any = bool(len(rows))
        self._sums = GroupedSums(cells, arm_grouping(task, sample, cache))
        self._memo = Memo()

    def pooled(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(B,) association pooled over arms, and effective number of respondents."""
        return self._memo.get("pooled", weights, lambda: self._pooled(weights))

    def _pooled(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        sums, squares = self._sums.both(weights)
        squares = squares[:, :, -1]
        table = sums[:, :, :-1].reshape(*sums.shape[:2], *self._shape)
        n = kish(sums[:, :, -1], squares)
        by_arm = spearman(table) if self.ranked else cramers_v(table, n)
        weight = np.where(np.isnan(by_arm), 0.0, np.maximum(n - 3, 0.0))
        z = np.arctanh(np.clip(np.nan_to_num(by_arm), -_NEARLY_ONE, _NEARLY_ONE))
        mean = ratio(np.sum(weight * z, axis=1), weight.sum(axis=1))
        # Where one of the two is the same for everybody in every arm, nothing goes with anything: association 0.
        constant = np.isnan(mean) & (n.sum(axis=1) > 0)
        overall = kish(sums[:, :, -1].sum(axis=1), squares.sum(axis=1))
        return np.where(constant, 0.0, np.tanh(mean)), overall


class Association:
    """Association between answers that should go together, within arms: of each belief with each action, if not declared.

    The task names the pairs under ``associations:``. Where it does not, they are all beliefs with all actions; beliefs are
    the items of that role, or attitudes where there are none.

    Spearman's correlation with midranks where both items are ordered or have two options (signed), Bergsma's
    bias-corrected Cramer's V otherwise. Arms are pooled as the mean of Fisher's z with weights n - 3; arms in which one
    of the two does not vary are left out, and an association without any other arm counts as 0. The second item of a
    pair, the action, stands in the row's ``term`` where there are several. ``association_strength`` is the mean over pairs
    of the absolute value: a headline of its axis where the pairs are declared or there is no rule.

    Range
    -----
    -1 to 1; Cramer's V and the strength 0 to 1.

    Direction and target
    --------------------
    The target is people's own association, on either side: over-coherence is as wrong as its lack. The loss of a pair
    is the distance from people's; that of the strength is the mean over pairs of these, so that errors in opposite
    directions do not cancel.

    Assumptions
    -----------
    A monotone relation where items are ordered; one association for all arms.

    When it misleads
    ----------------
    For rules in which two beliefs matter together, such as a voter between two candidates: use a rule then. A relation
    that is not monotone is 0 for it. Less spread in beliefs lowers an association although the tie is the same.

    Interval and estimand
    ---------------------
    The association in the population of simulated respondents, beside people's.

    References
    ----------
    Kendall (1945), Biometrika 33, on midranks; Bergsma (2013), Journal of the Korean Statistical Society 42; Fisher
    (1921), Metron 1.
    """

    spec: ClassVar[MetricSpec] = MetricSpec(
        "association",
        "coherence",
        "association of beliefs with actions or of declared pairs",
        "target",
        "marginal",
        unit="ratio",
        range=(-1.0, 1.0),
    )

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""
        if task.spec.associations:
            return None if pairs_of(task) else "no two items of the declared associations are asked"
        if not task.actions:
            return "no asked item has the role action"
        return None if beliefs(task) else "no asked item has the role belief or attitude"

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples."""
        chosen = pairs_of(task)
        several = len({action.name for _, action in chosen}) > 1
        headline = bool(task.spec.associations) or not task.spec.coherence
        keys = [Key("association_strength", headline=headline)]
        keys += [
            Key(self.spec.name, item=belief.name, term=action.name if several else "") for belief, action in chosen
        ]
        pairs, status = [], {}
        for key, (belief, action) in zip(keys[1:], chosen, strict=True):
            where = ("association", belief.name, action.name)
            sides = [
                once(cache, sample, where, lambda sample=sample, b=belief, a=action: _Pair(task, sample, b, a, cache))  # type: ignore[misc]
                for sample in (human, simulated)
            ]
            pairs.append(sides)
            for side, whom in zip(sides, ("person", "simulated respondent"), strict=True):
                if not side.any:
                    status[key] = ("not_estimable", f"no {whom} answered both {belief.name} and {action.name}")
        if status:
            status[keys[0]] = next(iter(status.values()))

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            value, loss, n_eff = [], [], []
            for people, rows in pairs:
                (theirs, n), (made, s) = people.pooled(human_weights), rows.pooled(simulated_weights)
                value.append(made)
                loss.append(np.abs(made - theirs))
                n_eff.append(np.minimum(n, s))
            strength, error = np.mean(np.abs(value), axis=0), np.mean(loss, axis=0)
            return Values(
                keys,
                np.stack([strength, *value], axis=1),
                np.stack([error, *loss], axis=1),
                status=status,
                n_eff=np.stack([np.min(n_eff, axis=0), *n_eff], axis=1),
            )

        return Bound(compute)
