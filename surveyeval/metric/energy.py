"""Energy distance between the answers of people and of simulated respondents, without the bias of small samples.

The distance of two respondents is the mean over items of |x - y| / range for ordered items and of [x != y] for the others.
Such a distance is a sum over items, so its energy distance is the mean of the items' own: it sees marginal distributions
and nothing of how answers hang together. In return it needs no pairs of respondents. Everything is a function of weighted
counts, exact at any size, where a program that compares all pairs would have to take a subsample.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.metric._tabulate import Bound, Table, kish, ratio, table_by_arm
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.task.task import Item, Task

__all__ = ["EnergyDistance"]

FloatArray = NDArray[np.float64]


def _between_options(item: Item) -> FloatArray:
    """(K, K) distance between the options of an item, at most 1."""
    scale = float(np.ptp(item.values))
    if item.ordered and scale > 0:
        return np.abs(item.values[:, None] - item.values[None, :]) / scale
    return 1.0 - np.eye(item.k)


class EnergyDistance:
    """Energy distance without the bias of small samples, per item and mean over items.

    ``E = 2 E d(X, Y) - E d(X, X') - E d(Y, Y')`` with X, X' from people and Y, Y' from simulated respondents; d is ``|x
    - y| / range`` for ordered items and ``[x != y]`` for the others. The expectations are U-statistics: no respondent
    is compared with itself. The value of an item is the mean over arms of the value within the arm, arms weighted by
    their people.

    Range
    -----
    -1 to 2. Negative values are not cut off.

    Direction and target
    --------------------
    Lower is better. Between two samples of the same law the expectation is exactly 0 at any size, so that about half of
    the references are negative.

    Assumptions
    -----------
    Survey weights do not depend on the answer. The declared values of options measure distances between answers.

    When it misleads
    ----------------
    About joint structure: the distance of two respondents is a sum over items, so that only marginal distributions
    enter and shuffled columns pass. It is on the scale of squared differences: half the difference of shares is a
    quarter of the value, and small values are hard to read. Location and spread add up and can't be told apart.

    Interval and estimand
    ---------------------
    The energy distance between the two populations itself: the only distance here whose expectation does not depend on
    the size.

    References
    ----------
    Szekely and Rizzo (2013), Energy statistics: a class of statistics based on distances, Journal of Statistical
    Planning and Inference 143.
    """

    spec: ClassVar[MetricSpec] = MetricSpec(
        "energy_distance",
        "alignment",
        "energy distance between answers, 0 on average between samples of one law",
        "lower",
        "uniform",
        unit="distance",
        range=(-1.0, 2.0),
    )

    def applicable(self, task: Task) -> str | None:
        """None: every task has answers."""
        return None

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples."""
        people, rows = table_by_arm(task, human, cache), table_by_arm(task, simulated, cache)
        keys = [Key(self.spec.name), *(Key(self.spec.name, item=item.name) for item in task.measured)]
        distances = [_between_options(item) for item in task.measured]
        status: dict[Key, tuple[str, str]] = {}
        for item, key, n, s in zip(task.measured, keys[1:], people.n_answered.T, rows.n_answered.T, strict=True):
            if not ((n >= 2) & (s >= 2)).any():
                status[key] = ("not_estimable", f"no arm has two answers to {item.name!r} on both sides")
        if status:
            status[keys[0]] = ("not_estimable", "; ".join(reason for _, reason in status.values()))

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            by_arm = _energy(people, human_weights, rows, simulated_weights, distances)
            weight = np.where(np.isnan(by_arm), 0.0, people.total(human_weights))
            by_item = ratio(np.sum(weight * np.nan_to_num(by_arm), axis=1), weight.sum(axis=1))
            n_item = np.minimum(people.pooled_n_eff(human_weights), rows.pooled_n_eff(simulated_weights))
            value = np.column_stack([by_item.mean(axis=1), by_item])
            return Values(keys, value, status=status, n_eff=np.column_stack([n_item.min(axis=1), n_item]))

        return Bound(compute)


def _energy(
    people: Table, human_weights: FloatArray, rows: Table, simulated_weights: FloatArray, distances: list[FloatArray]
) -> FloatArray:
    """(B, G, J) energy distance within groups; NaN where a side has fewer than two respondents with weight."""
    layout = people.layout
    between = np.zeros((layout.width, layout.width))
    for d, place in zip(distances, layout.slices, strict=True):
        between[place, place] = d
    sides = ((people, human_weights), (rows, simulated_weights))
    within = [
        table.of("energy within", w, lambda table=table, w=w: _within(table, w, between))  # type: ignore[misc]
        for table, w in sides
    ]
    pairs = people.total(human_weights) * rows.total(simulated_weights)
    products = (people.counts(human_weights) @ between) * rows.counts(simulated_weights)
    across = ratio(np.add.reduceat(products, layout.starts, axis=2), pairs)
    return np.asarray(2 * across - within[0] - within[1])


def _within(table: Table, weights: FloatArray, between: FloatArray) -> FloatArray:
    """(B, G, J) mean distance of two respondents of one side."""
    counts, total, squares = table.counts(weights), table.total(weights), table.squares(weights)
    # A respondent is at distance 0 from itself, so leaving those pairs out changes the denominator alone.
    pairs = np.where(kish(total, squares) > 1 + 1e-9, total * total - squares, 0.0)
    return ratio(np.add.reduceat((counts @ between) * counts, table.layout.starts, axis=2), pairs)
