"""Weighted tabulations, the common ground of all metrics that look at shares, means or variances.

Everything that depends on answers alone is done once per sample; what depends on weights is a matrix product for all
weight vectors at once. Samples are held weakly, because floors are redrawn in every split and must not pile up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.metric.protocol import Values
from surveyeval.task.task import Item, Task

__all__ = [
    "Bound",
    "GroupedSums",
    "Layout",
    "Memo",
    "Table",
    "arm_index",
    "group_index",
    "kish",
    "once",
    "ratio",
    "table_by_arm",
    "table_by_group",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Bound:
    """A comparison made of one function of (human weights, simulated weights, seed)."""

    compute: Callable[[FloatArray, FloatArray, int], Values]

    def values(self, human: FloatArray, simulated: FloatArray, seed: int) -> Values:
        """Values for B pairs of weight vectors."""
        return self.compute(human, simulated, seed)


class Memo:
    """Remembers the last few results of a function of a weight matrix, compared by content.

    All metrics of one split are asked for the same weights; identity of the array would not do, since callers may
    fill one buffer again and again.
    """

    def __init__(self, size: int = 4) -> None:
        self._entries: deque[tuple[Any, FloatArray, Any]] = deque(maxlen=size)

    def get(self, key: Any, weights: FloatArray, make: Callable[[], T]) -> T:
        """The result for these weights, made now if it is not remembered."""
        for known, seen, result in self._entries:
            if known == key and np.array_equal(seen, weights):
                return result  # type: ignore[no-any-return]
        made = make()
        self._entries.append((key, weights.copy(), made))
        return made


def once(cache: dict[Any, Any], sample: Sample, key: Any, make: Callable[[], T]) -> T:
    """What `make` returns, computed once per sample for as long as the sample lives."""
    held = cache.setdefault(("tabulate", "samples"), WeakKeyDictionary()).setdefault(sample, {})
    if key not in held:
        held[key] = make()
    return held[key]  # type: ignore[no-any-return]


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Elementwise quotient, NaN where the denominator is zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator == 0, np.nan, numerator / denominator)


def kish(total: FloatArray, squares: FloatArray) -> FloatArray:
    """Kish's effective sample size from sums of weights and of squared weights; 0 for an empty cell.

    Kish, L. (1965), *Survey Sampling*, section 11.7.
    """
    return np.nan_to_num(ratio(total * total, squares))


class GroupedSums:
    """Weighted sums of columns within groups of respondents, for many weight vectors at once.

    Parameters
    ----------
    columns : (n, C) float array
    group : (n,) int array
        From 0 to ``n_groups`` - 1; rows with -1 belong to no group.
    n_groups : int
    """

    def __init__(self, columns: FloatArray, group: IntArray, n_groups: int) -> None:
        order = np.argsort(group, kind="stable")
        self._order = order[np.searchsorted(group[order], 0) :]
        bounds = np.searchsorted(group[self._order], np.arange(n_groups + 1))
        self._blocks = [slice(int(a), int(b)) for a, b in pairwise(bounds)]
        self._columns = np.ascontiguousarray(columns[self._order], dtype=float)

    def __call__(self, weights: FloatArray) -> FloatArray:
        """(B, n_groups, C) sums for (B, n) weights."""
        # One small product per group is n_groups times cheaper than one product with a mostly empty matrix.
        rows = weights[:, self._order]
        return np.stack([rows[:, block] @ self._columns[block] for block in self._blocks], axis=1)


@dataclass(frozen=True)
class Layout:
    """Where each item's options stand when the options of several items are put side by side."""

    items: tuple[Item, ...]

    @cached_property
    def starts(self) -> IntArray:
        """(J,) first column of each item."""
        return np.concatenate([[0], np.cumsum([item.k for item in self.items])[:-1]]).astype(np.int64)

    @cached_property
    def width(self) -> int:
        """Number of options of all items together."""
        return sum(item.k for item in self.items)

    @cached_property
    def item_of_column(self) -> IntArray:
        """(C,) number of the item that each column belongs to."""
        return np.repeat(np.arange(len(self.items)), [item.k for item in self.items])

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Columns of each item."""
        return tuple(
            slice(int(start), int(start) + item.k) for start, item in zip(self.starts, self.items, strict=True)
        )


class Table:
    """Weighted counts of every option of every item within groups of respondents.

    Parameters
    ----------
    layout : Layout
    sample : Sample
    group : (n,) int array
    n_groups : int
    """

    def __init__(self, layout: Layout, sample: Sample, group: IntArray, n_groups: int) -> None:
        self.layout = layout
        n = sample.n
        one_hot = np.zeros((n, layout.width))
        answered = np.zeros((n, len(layout.items)))
        for j, (item, start) in enumerate(zip(layout.items, layout.starts, strict=True)):
            rows = np.flatnonzero(sample.answered(item.name))
            one_hot[rows, start + sample.answers[item.name][rows]] = 1
            answered[rows, j] = 1
        self._counts = GroupedSums(one_hot, group, n_groups)
        self._answered = GroupedSums(answered, group, n_groups)
        #: (G, J) respondents with an answer, whatever their weight.
        self.n_answered = self._answered(np.ones((1, n)))[0]
        #: Counts under the sample's own weights, for what is decided before any split.
        self.weight = sample.weight[None, :]
        self._memo = Memo()

    def counts(self, weights: FloatArray) -> FloatArray:
        """(B, G, C) sums of weights by option."""
        return self._memo.get("counts", weights, lambda: self._counts(weights))

    def total(self, weights: FloatArray) -> FloatArray:
        """(B, G, J) sums of weights of those who answered the item."""
        return np.add.reduceat(self.counts(weights), self.layout.starts, axis=2)

    def squares(self, weights: FloatArray) -> FloatArray:
        """(B, G, J) sums of squared weights of those who answered the item."""
        return self._memo.get("squares", weights, lambda: self._answered(weights * weights))

    def shares(self, weights: FloatArray) -> FloatArray:
        """(B, G, C) shares of options within group and item; NaN where nobody answered."""
        return self._memo.get("shares", weights, lambda: self._share(self.counts(weights)))

    def pooled_shares(self, weights: FloatArray) -> FloatArray:
        """(B, C) shares of options within item, groups pooled."""
        return self._memo.get("pooled", weights, lambda: self._share(self.counts(weights).sum(axis=1)))

    def _share(self, counts: FloatArray) -> FloatArray:
        total = np.add.reduceat(counts, self.layout.starts, axis=-1)
        return ratio(counts, total[..., self.layout.item_of_column])

    def n_eff(self, weights: FloatArray) -> FloatArray:
        """(B, G, J) effective number of respondents who answered the item."""
        return kish(self.total(weights), self.squares(weights))

    def pooled_n_eff(self, weights: FloatArray) -> FloatArray:
        """(B, J) effective number of respondents who answered the item, groups pooled."""
        return kish(self.total(weights).sum(axis=1), self.squares(weights).sum(axis=1))


def arm_index(task: Task, sample: Sample, cache: dict[Any, Any]) -> IntArray:
    """(n,) number of each respondent's arm in declared order, -1 for an arm that the task does not declare."""

    def make() -> IntArray:
        number = {arm.key: position for position, arm in enumerate(task.arms)}
        return np.array([number.get(arm, -1) for arm in sample.arm], dtype=np.int64)

    return once(cache, sample, "arm", make)


def group_index(
    task: Task, human: Sample, simulated: Sample | None, subgroup: str, cache: dict[Any, Any]
) -> tuple[IntArray, tuple[str, ...]]:
    """Group of each simulated (or, without it, human) row and the labels: the person's value on both sides."""
    index, labels = once(cache, human, ("group", subgroup), lambda: task.groups(human, subgroup))
    if simulated is None or simulated is human:
        return index, labels
    same_people = simulated.paired and (
        simulated.respondent is human.respondent or np.array_equal(simulated.respondent, human.respondent)
    )
    if same_people:
        return index, labels
    return once(cache, simulated, ("group", subgroup), lambda: task.groups(simulated, subgroup))


def table_by_arm(task: Task, sample: Sample, cache: dict[Any, Any]) -> Table:
    """Options of all asked items by arm."""
    return once(
        cache,
        sample,
        ("table", "arm"),
        lambda: Table(Layout(task.items), sample, arm_index(task, sample, cache), len(task.arms)),
    )


def table_by_group(
    task: Task, human: Sample, simulated: Sample | None, subgroup: str, cache: dict[Any, Any]
) -> tuple[Table, tuple[str, ...]]:
    """Options of all asked items by group of one subgroup, and the group labels."""
    sample = human if simulated is None else simulated
    index, labels = group_index(task, human, simulated, subgroup, cache)
    make: Callable[[], Table] = lambda: Table(Layout(task.items), sample, index, len(labels))  # noqa: E731
    return once(cache, sample, ("table", subgroup), make), labels
