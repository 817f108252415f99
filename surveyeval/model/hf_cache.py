"""Key-value caches of transformers models: what their rows hold, and copies of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.model.hf_trie import Trie, Unit
from surveyeval.model.scoring import Tokens

__all__ = ["Held", "Member", "Row", "gather", "shared_beginning", "together"]

IntArray = NDArray[np.int64]

#: What a pass costs beside its tokens, as a share of the tokens of the largest one.
PASS = 1 / 16
#: A pass of this share is full enough: rows that would have to be copied to join it are read apart.
FULL = 1 / 8


class Held:
    """A cache and where its tokens stand.

    Parameters
    ----------
    cache : transformers cache
    positions : (rows, columns) int array
        Position of each column's token in its text; -1 where there is none.
    shared : bool
        Others begin with it too, so it must stay as it is.
    """

    def __init__(self, cache: Any, positions: IntArray, *, shared: bool = False) -> None:
        self.cache = cache
        self.positions = positions
        self.shared = shared

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.positions.shape[0])

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.positions.shape[1])


class Row:
    """A row of a cache, which holds nodes of a trie and whatever stands before them.

    Parameters
    ----------
    held : Held or None
        None: nothing was read.
    index : int
    columns : dict of node to column
    """

    def __init__(self, held: Held | None, index: int, columns: dict[int, int]) -> None:
        self.held = held
        self.index = index
        self.columns = columns
        self._seen: tuple[int, IntArray] = (0, np.zeros(0, dtype=np.int64))

    def sight(self, trie: Trie, node: int) -> IntArray:
        """Columns of the node and what stands before it, in order."""
        # a row mostly grows at its end, so what was found last is gone on from
        known, before = self._seen
        fresh, place = [], node
        while place not in (known, 0):
            fresh.append(self.columns[place])
            place = trie.parent[place]
        before = before if place == known else before[:0]
        found = np.concatenate([before, np.array(fresh[::-1], dtype=np.int64)])
        self._seen = (node, found)
        return found


Member = tuple[Row, Unit]


def together(
    level: Sequence[Member], trie: Trie, budget: int, *, copying: bool
) -> Iterator[tuple[Held | None, list[Member]]]:
    """Units that are read in one pass.

    Parameters
    ----------
    level : sequence of (Row, Unit)
        Rows, and what each is to read next.
    budget : int
        Tokens of a pass, padding included; a single row may have more.
    copying : bool
        Copy rows always.

    Yields
    ------
    held, members
        The cache that grows in place, with members in its order; or None, and rows are copied.
    """
    by_held: dict[Held | None, list[Member]] = {}
    for row, unit in level:
        by_held.setdefault(row.held, []).append((row, unit))
    begun: list[Member] = []
    for held, members in by_held.items():
        if held is None:
            yield from ((None, chunk) for chunk in _chunks(members, budget))
        elif not copying and _grows(held, members, trie, budget, alone=len(by_held) == 1):
            yield held, sorted(members, key=lambda member: member[0].index)
        else:
            begun += members
    yield from ((None, chunk) for chunk in _chunks(begun, budget))


def _grows(held: Held, members: list[Member], trie: Trie, budget: int, *, alone: bool) -> bool:
    """Whether a cache is gone on with as it is, which saves a copy."""
    rows, count = held.rows, len(members)
    if held.shared or len({row.index for row, _ in members}) < count:
        return False
    width = max(len(unit.nodes) for _, unit in members)
    used = sum(len(unit.nodes) for _, unit in members)
    alive = sum(trie.depth[trie.parent[unit.nodes[0]]] for _, unit in members)
    return (
        (alone or rows * width >= FULL * budget)
        and (rows == 1 or rows * width <= budget)
        # rows that do not go on are padded: reading a token takes about as long as copying a hundred
        and (rows - count) * width * 100 <= rows * held.width
        and 4 * used >= 3 * count * width
        and 2 * alive >= count * held.width
    )


def _chunks(members: list[Member], budget: int) -> Iterator[list[Member]]:
    """Rows of about the same length, so that padding and passes together cost least."""
    members = sorted(members, key=lambda member: -len(member[1].nodes))
    sizes = [len(unit.nodes) for _, unit in members]
    cost, cut = [0.0], [0]
    each = PASS * budget
    for stop in range(1, len(sizes) + 1):
        best = (cost[stop - 1] + sizes[stop - 1] + each, stop - 1)
        for start in range(stop - 2, -1, -1):  # the longest row stands first
            tokens = sizes[start] * (stop - start)
            if tokens > budget:
                break
            best = min(best, (cost[start] + tokens + each, start))
        cost.append(best[0])
        cut.append(best[1])
    bounds = [len(sizes)]
    while bounds[-1]:
        bounds.append(cut[bounds[-1]])
    for start, stop in pairwise(bounds[::-1]):
        yield members[start:stop]


def gather(sources: Sequence[tuple[Row, IntArray]]) -> tuple[Any, IntArray]:
    """A new cache of some columns of some rows, which may repeat; shorter rows are padded on the left.

    Returns
    -------
    cache : transformers cache
        Tensors of the old ones are left as they are.
    positions : (rows, columns) int array
    """
    import torch

    width = max(len(columns) for _, columns in sources)
    table = np.zeros((len(sources), width), dtype=np.int64)
    positions = np.full((len(sources), width), -1, dtype=np.int64)
    for number, (row, columns) in enumerate(sources):
        if row.held is not None and len(columns):
            table[number, width - len(columns) :] = columns
            positions[number, width - len(columns) :] = row.held.positions[row.index, columns]
    parts: list[tuple[Held, Any, Any, Any]] = []
    for held, group in groupby(enumerate(sources), key=lambda one: one[1][0].held):
        assert held is not None, "rows without a cache are read apart"
        members = list(group)
        rows = np.array([row.index for _, (row, _) in members])
        columns = table[members[0][0] : members[-1][0] + 1]
        device = held.cache.layers[0].keys.device
        parts.append(
            (held, _slice(rows, columns), torch.from_numpy(rows).to(device), torch.from_numpy(columns).to(device))
        )

    def taken(held: Held, same: tuple[int, int, int] | None, rows: Any, columns: Any, layer: int, name: str) -> Any:
        tensor = getattr(held.cache.layers[layer], name)
        if same is not None:  # one row for all: a view, since growing copies anyway
            index, first, last = same
            return tensor[index : index + 1, :, first:last].expand(len(rows), -1, -1, -1)
        return tensor[rows[:, None], :, columns].transpose(1, 2)

    with torch.inference_mode():
        first = parts[0][0].cache
        cache = copy.copy(first)
        cache.layers = [copy.copy(layer) for layer in first.layers]
        for number, layer in enumerate(cache.layers):
            for name in ("keys", "values"):
                found = [taken(*part, number, name) for part in parts]
                setattr(layer, name, found[0] if len(found) == 1 else torch.cat(found))
    return cache, positions


def _slice(rows: IntArray, columns: IntArray) -> tuple[int, int, int] | None:
    """Row, first and last column, if all rows are the same stretch of the same row."""
    first = columns[0, 0]
    stretch = np.arange(first, first + columns.shape[1])
    if (rows == rows[0]).all() and (columns == stretch).all():
        return int(rows[0]), int(first), int(first) + columns.shape[1]
    return None


def shared_beginning(prompts: Sequence[Tokens]) -> int:
    """Length of what all prompts begin with; the last token of every prompt is left to be read."""
    low, high = min(prompts), max(prompts)
    shared = next((place for place, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return min(shared, *(len(prompt) - 1 for prompt in prompts))
