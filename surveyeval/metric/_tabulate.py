"""Weighted tabulations, the common ground of all metrics that look at shares, means or variances.

Everything that depends on answers alone is done once per sample; what depends on weights is a matrix product for all
weight vectors at once. Samples are held weakly, because floors are redrawn in every split and must not pile up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
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
    "Grouping",
    "Layout",
    "Memo",
    "Table",
    "arm_grouping",
    "arm_index",
    "group_index",
    "kish",
    "once",
    "ratio",
    "remembered",
    "table_by_arm",
    "table_by_group",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
T = TypeVar("T")

#: Numbers in columns that are held as they are used (8 MiB).
_SMALL = 2**20
#: Numbers in a weight matrix that is put in order as a whole (32 MiB); larger ones are taken in parts, and not kept.
_LARGEST = 2**22


@dataclass(frozen=True, eq=False)
class Bound:
    """A comparison made of one function of (human weights, simulated weights, seed)."""

    compute: Callable[[FloatArray, FloatArray, int], Values]

    def values(self, human: FloatArray, simulated: FloatArray, seed: int) -> Values:
        """Values for B pairs of weight vectors."""
        return self.compute(human, simulated, seed)


def _frozen(array: FloatArray) -> bool:
    return not array.flags.writeable and (array.base is None or not array.base.flags.writeable)


def _same(one: FloatArray, other: FloatArray) -> bool:
    """Whether two arrays hold the same numbers; cheap where they are the same memory and nobody can write to it."""
    if one is other and _frozen(one):
        return True
    if one.shape != other.shape:
        return False
    place, its = one.__array_interface__, other.__array_interface__
    if place["data"] == its["data"] and place["strides"] == its["strides"] and _frozen(one) and _frozen(other):
        return True
    # What differs mostly does so in the first row.
    return np.array_equal(one[:1], other[:1]) and np.array_equal(one[1:], other[1:])


def _taken(result: Any, rows: IntArray | slice) -> Any:
    """The part of a result that belongs to some of the sets of weights."""
    if isinstance(result, np.ndarray):
        return result[rows]
    if isinstance(result, list | tuple):
        return type(result)(_taken(part, rows) for part in result)
    if hasattr(result, "taken"):
        return result.taken(rows)
    return replace(result, **{each.name: _taken(getattr(result, each.name), rows) for each in fields(result)})


def _exchanged(one: FloatArray, other: FloatArray) -> bool:
    """Whether two matrices are the two sides of the same halves: rows 0 and 1 of one are rows 1 and 0 of the other, ..."""
    if one.shape != other.shape or not len(one) or len(one) % 2:
        return False
    return np.array_equal(one[::2], other[1::2]) and np.array_equal(one[1::2], other[::2])


def remembered(
    compute: Callable[[FloatArray, FloatArray, int], Values],
) -> Callable[[FloatArray, FloatArray, int], Values]:
    """The same function, which does not compute again what it was asked last. For distances that several metrics use."""
    last: list[tuple[FloatArray, FloatArray, Values]] = []

    def values(human: FloatArray, simulated: FloatArray, seed: int) -> Values:
        if not (last and _same(last[0][0], human) and _same(last[0][1], simulated)):
            kept = [weights if _frozen(weights) else weights.copy() for weights in (human, simulated)]
            last[:] = [(kept[0], kept[1], compute(human, simulated, seed))]
        return last[0][2]

    return values


class Memo:
    """Remembers the last few results of functions of a weight matrix, compared by content.

    All metrics of one split are asked for the same weights; identity of the array would not do, since callers may
    fill one buffer again and again, unless it cannot be written to. Those who ask for the first few sets of weights of a
    remembered matrix get the first few results, and those who ask for its pairs of rows exchanged, as people do who stand
    on both sides of a comparison, get the results exchanged: a result is an array with a row for each set of weights, a
    list, tuple or dataclass of such, or has a method `taken` that takes their numbers or a slice of them.
    """

    def __init__(self, size: int = 3) -> None:
        self._size = size
        #: Weights, their first row as bytes, and the result.
        self._entries: dict[Any, deque[tuple[FloatArray, bytes, Any]]] = {}

    def get(self, key: Any, weights: FloatArray, make: Callable[[], T]) -> T:
        """The result for these weights, made now if it is not remembered."""
        entries = self._entries.setdefault(key, deque(maxlen=self._size))
        frozen = _frozen(weights)
        if frozen:
            for seen, _, result in entries:
                if seen is weights:
                    return result  # type: ignore[no-any-return]
        # What differs mostly does so in the first row.
        first, second = weights[:1].tobytes(), weights[1:2].tobytes()
        rows = len(weights)
        for seen, head, result in entries:
            if head == first and len(seen) == rows and _same(seen, weights):
                return result  # type: ignore[no-any-return]
        for seen, head, result in entries:
            if head == first and rows < len(seen) and _same(seen[:rows], weights):
                return _taken(result, slice(rows))  # type: ignore[no-any-return]
        for seen, head, result in entries:
            if head == second and rows <= len(seen) and _exchanged(seen[:rows], weights):
                made: T = _taken(result, np.arange(rows) ^ 1)
                break
        else:
            made = make()
        entries.append((weights if frozen else weights.copy(), first, made))
        return made


def once(cache: dict[Any, Any], sample: Sample, key: Any, make: Callable[[], T]) -> T:
    """What `make` returns, computed once per sample for as long as the sample lives."""
    held = cache.setdefault(("tabulate", "samples"), WeakKeyDictionary()).setdefault(sample, {})
    if key not in held:
        held[key] = make()
    return held[key]  # type: ignore[no-any-return]


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Elementwise quotient, NaN where the denominator is zero."""
    zero = denominator == 0
    if not zero.any():
        return np.asarray(numerator / denominator)
    nothing = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    return np.asarray(np.divide(numerator, denominator, out=nothing, where=~zero))


def kish(total: FloatArray, squares: FloatArray) -> FloatArray:
    """Kish's effective sample size from sums of weights and of squared weights; 0 for an empty cell.

    Kish, L. (1965), *Survey Sampling*, section 11.7.
    """
    zero = squares == 0
    if not zero.any():
        return np.asarray(total * total / squares)
    return np.asarray(np.divide(total * total, squares, out=np.zeros(total.shape), where=~zero))


class Grouping:
    """Which group each respondent belongs to, and weights in the order of groups.

    Samples of the same people share it, so that weights are put in order once for all of them.

    Parameters
    ----------
    index : (n,) int array
        From 0 to ``n_groups`` - 1; rows with -1 belong to no group.
    n_groups : int
    """

    def __init__(self, index: IntArray, n_groups: int) -> None:
        order = np.argsort(index, kind="stable")
        self.index, self.n_groups = index, n_groups
        self.order = order[np.searchsorted(index[order], 0) :]
        bounds = np.searchsorted(index[self.order], np.arange(n_groups + 1))
        self.blocks = [slice(int(a), int(b)) for a, b in pairwise(bounds)]
        self._memo = Memo()

    def parts(self, weights: FloatArray, *, squared: bool) -> Iterator[tuple[slice, FloatArray]]:
        """Rows of the matrix and their weights, in the order of groups; in parts where the matrix is large."""
        if weights.size <= _LARGEST:
            yield slice(None), self._squares(weights) if squared else self._sorted(weights)
            return
        step = max(_LARGEST // max(weights.shape[1], 1), 1)
        for start in range(0, len(weights), step):
            rows = slice(start, start + step)
            part = np.take(weights[rows], self.order, axis=1)
            yield rows, part * part if squared else part

    def zero_one(self, weights: FloatArray) -> bool:
        """Whether weights are their own squares."""
        return bool(self._memo.get("zero-one", weights, lambda: np.all(weights == weights.astype(bool), axis=1)).all())

    def _sorted(self, weights: FloatArray) -> FloatArray:
        return self._memo.get("sorted", weights, lambda: np.take(weights, self.order, axis=1))

    def _squares(self, weights: FloatArray) -> FloatArray:
        return self._memo.get("squares", weights, lambda: np.square(self._sorted(weights)))


class GroupedSums:
    """Weighted sums of columns within groups of respondents, for many weight vectors at once.

    Parameters
    ----------
    columns : (n, C) float array
    grouping : Grouping
    """

    def __init__(self, columns: FloatArray, grouping: Grouping) -> None:
        self._grouping = grouping
        self._columns = np.ascontiguousarray(columns[grouping.order], dtype=float)
        if self._columns.size > _SMALL and np.array_equal(self._columns, self._columns.astype(np.int8)):
            self._columns = self._columns.astype(np.int8)  # indicators of many respondents: an eighth of the memory

    def __call__(self, weights: FloatArray, *, squared: bool = False) -> FloatArray:
        """(B, n_groups, C) sums for (B, n) weights, or for their squares."""
        result = np.empty((len(weights), self._grouping.n_groups, self._columns.shape[1]))
        for part, rows in self._grouping.parts(weights, squared=squared):
            # One small product per group is n_groups times cheaper than one product with a mostly empty matrix.
            for group, block in enumerate(self._grouping.blocks):
                result[part, group] = rows[:, block] @ self._columns[block].astype(float, copy=False)
        return result

    def both(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Sums of weights and of squared weights."""
        sums = self(weights)
        return sums, sums if self._grouping.zero_one(weights) else self(weights, squared=True)


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

    def moments(self, values: Sequence[FloatArray | None]) -> tuple[FloatArray, FloatArray]:
        """(C, J) matrices that turn counts of options into sums of values and of squared values for each item.

        Parameters
        ----------
        values : sequence of (K,) float arrays or None
            Number of each option; items without numbers have zeros.
        """
        first = np.zeros((self.width, len(self.items)))
        for j, (own, columns) in enumerate(zip(values, self.slices, strict=True)):
            if own is not None:
                first[columns, j] = own
        return first, first**2

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
    grouping : Grouping
    """

    def __init__(self, layout: Layout, sample: Sample, grouping: Grouping) -> None:
        self.layout = layout
        n = sample.n
        one_hot = np.zeros((n, layout.width))
        answered = np.zeros((n, len(layout.items)))
        for j, (item, start) in enumerate(zip(layout.items, layout.starts, strict=True)):
            rows = np.flatnonzero(sample.answered(item.name))
            one_hot[rows, start + sample.answers[item.name][rows]] = 1
            answered[rows, j] = 1
        self._grouping = grouping
        self._counts = GroupedSums(one_hot, grouping)
        self._answered = GroupedSums(answered, grouping)
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
        return self._memo.get(
            "total", weights, lambda: np.add.reduceat(self.counts(weights), self.layout.starts, axis=2)
        )

    def squares(self, weights: FloatArray) -> FloatArray:
        """(B, G, J) sums of squared weights of those who answered the item."""
        return self._memo.get("squares", weights, lambda: self._squares(weights))

    def _squares(self, weights: FloatArray) -> FloatArray:
        if self._grouping.zero_one(weights):
            return self.total(weights)
        return self._answered(weights, squared=True)

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
        return self._memo.get("n_eff", weights, lambda: kish(self.total(weights), self.squares(weights)))

    def pooled_n_eff(self, weights: FloatArray) -> FloatArray:
        """(B, J) effective number of respondents who answered the item, groups pooled."""
        return self._memo.get(
            "pooled n_eff", weights, lambda: kish(self.total(weights).sum(axis=1), self.squares(weights).sum(axis=1))
        )

    def of(self, key: Any, weights: FloatArray, make: Callable[[], T]) -> T:
        """Whatever else follows from the table and weights, an array with a row for each set of weights, made once."""
        return self._memo.get(key, weights, make)


def arm_index(task: Task, sample: Sample, cache: dict[Any, Any]) -> IntArray:
    """(n,) number of each respondent's arm in declared order, -1 for an arm that the task does not declare."""
    return arm_grouping(task, sample, cache).index


def arm_grouping(task: Task, sample: Sample, cache: dict[Any, Any]) -> Grouping:
    """Arms of a sample in declared order, found once for all samples that share the column."""

    def make() -> Grouping:
        number = {arm.key: position for position, arm in enumerate(task.arms)}
        index = np.array([number.get(arm, -1) for arm in sample.arm], dtype=np.int64)
        return Grouping(index, len(task.arms))

    return _shared(cache, "arm", sample.arm, make)


def _shared(cache: dict[Any, Any], purpose: str, column: NDArray[Any], make: Callable[[], Grouping]) -> Grouping:
    """A grouping found once for a column; the column is kept with it, so that its id stays its own."""
    key = ("tabulate", purpose, id(column))
    if key not in cache:
        cache[key] = (column, make())
    found: Grouping = cache[key][1]
    return found


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
        lambda: Table(Layout(task.measured), sample, arm_grouping(task, sample, cache)),
    )


def table_by_group(
    task: Task, human: Sample, simulated: Sample | None, subgroup: str, cache: dict[Any, Any]
) -> tuple[Table, tuple[str, ...]]:
    """Options of all asked items by group of one subgroup, and the group labels."""
    sample = human if simulated is None else simulated
    index, labels = group_index(task, human, simulated, subgroup, cache)

    def make() -> Table:
        grouping = _shared(cache, f"groups by {subgroup}", index, lambda: Grouping(index, len(labels)))
        return Table(Layout(task.measured), sample, grouping)

    return once(cache, sample, ("table", subgroup), make), labels
