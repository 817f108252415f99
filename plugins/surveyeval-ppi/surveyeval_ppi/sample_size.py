"""Effective sample size: what the model adds to people who are asked anyway."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from surveyeval.data.sample import Sample
from surveyeval.data.weights import kish
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.task.task import Task

from surveyeval_ppi.formulas import FOLDS, adjusted_rho2, effective_sample_size, out_of_fold_rho2
from surveyeval_ppi.layout import Layout, layout_of
from surveyeval_ppi.pairs import fixed_order, log_loss_of_count

__all__ = ["ASKED", "UNCUT", "EffectiveSampleSize"]

#: Beside the metric's own value: how many people were asked, and the value that may fall below them.
ASKED, UNCUT = "people_asked", "effective_sample_size_uncut"

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class EffectiveSampleSize:
    """People whose plain mean is as precise as that of people asked together with the model's predictions.

    ``n (n + N) / (n + (1 - rho^2) N)`` for n people asked and N more predicted by the model (PPI++): between n, the
    model adds nothing, and n + N, it knows every answer. rho is the correlation of answers and predictions within arms,
    out of fold and adjusted for the number of pairs, among the people whose simulated rows have a weight. n is a tenth
    of the test people who answered the item, at least 30 and at most 100, and N the rest, at most 9 n; they do not
    change with the half, so that the value is the same question at every size. Overall: mean over items.
    ``people_asked`` is n, and ``effective_sample_size_uncut`` the overall value with an adjusted rho^2 that may be below 0: cut at 0,
    a value can't be below n, and that of useless predictions is above n on average. Whether there is a gain at all is read
    off the interval of the uncut value: above n, or not.

    Range
    -----
    n to n + N; the uncut value falls below n where predictions do not hold out of fold.

    Direction and target
    --------------------
    Higher is better; there is no human reference, since people's own answers would predict themselves. Predictions that
    run against the answers count as useless: PPI++ gives no negative weight. Compare with `baseline:cell` and
    `baseline:chain` on the same pilot.

    Assumptions
    -----------
    The n people are a random sample of those to be described, and somebody who uses the model asks them and corrects
    with PPI++. It is about means.

    When it misleads
    ----------------
    As a number of people saved without asking any: without the n people the model's bias stays (see
    `PeopleEquivalent`). Single answers understate: if predictions explain a share r of the variance, single draws from
    them explain r^2.

    Interval and estimand
    ---------------------
    The precision for this model in the population of the test people, mean over items.

    References
    ----------
    Angelopoulos, Duchi and Zrnic (2023), PPI++: Efficient prediction-powered inference, arXiv 2311.01453.
    """

    spec = MetricSpec(
        "ppi_n_eff",
        "worth",
        "people whose mean is as precise as that of the people asked (a tenth, 30 to 100) with the model's predictions",
        "higher",
        "marginal",
        splits=20,
        unit="count",
        range=(0.0, None),
        recoverable=False,
        label="Effective sample size",
        help="people whose mean is as precise as that of the people asked together with the model",
    )

    def applicable(self, task: Task) -> str | None:
        """None: every task has answers that can be predicted."""
        return None

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> _Bound:
        """Bind to two samples, of which only the weights of the simulated one are used, since rows are pairs."""
        keys = [Key("ppi_n_eff", headline=True), *(Key("ppi_n_eff", item=item.name) for item in task.items)]
        keys += [Key(UNCUT), Key(ASKED)]
        return _Bound(keys, layout_of(task, human, simulated, pilot, keys, cache), simulated)


class _Bound:
    def __init__(self, keys: list[Key], layout: Layout, simulated: Sample) -> None:
        self._keys, self._layout, self._respondents = keys, layout, simulated.respondent
        _, arm = np.unique(simulated.arm.astype(str), return_inverse=True)
        self._arm: IntArray = arm.astype(np.int64)

    def values(self, human: FloatArray, simulated: FloatArray, seed: int) -> Values:
        """Values for weights of the simulated rows."""
        layout, B, J = self._layout, len(simulated), len(self._keys) - 3
        by_item, size = np.full((3, B, J), np.nan), np.full((B, J), np.nan)
        fold = _folds(fixed_order(self._respondents, seed), self._arm) if layout.usable else np.zeros(0)
        for j, (pairs, (n, N)) in layout.usable.items():
            rows = np.flatnonzero(pairs.answered)
            weights = simulated[:, rows]
            size[:, j] = kish(weights)
            rho2 = out_of_fold_rho2(
                weights, pairs.answer[rows], pairs.prediction[rows], self._arm[rows], fold[rows].astype(np.int64)
            )
            for which, cut in enumerate((True, False)):
                by_item[which, :, j] = effective_sample_size(adjusted_rho2(rho2, size[:, j], cut=cut), n, N)
            by_item[2, :, j] = np.where(np.isfinite(by_item[0, :, j]), n, np.nan)
        overall, uncut, asked = map(layout.mean_over_items, by_item)
        value = np.column_stack([overall, by_item[0], uncut, asked])
        least = np.nanmin(size, axis=1) if layout.usable else np.full(B, np.nan)
        sizes = np.column_stack([least, size, least, least])
        loss = log_loss_of_count(value)
        return Values(self._keys, value, loss, status=layout.status, flags=layout.flags, n_eff=np.nan_to_num(sizes))


def _folds(order: IntArray, arm: IntArray) -> IntArray:
    """Fold of each row, balanced over arms."""
    fold = np.empty(len(order), dtype=np.int64)
    for a in np.unique(arm):
        rows = order[arm[order] == a]
        fold[rows] = np.arange(len(rows)) % FOLDS
    return fold
