"""Prompts and options as a trie of tokens, and how it is cut into rows of passes.

Nothing here knows of models. A token that many prompts have at the same place stands in the trie once, and is to be read
once. What is read in one row of one pass is a `Unit`: some nodes of the trie, each after its parent. Its nodes need not
follow each other in one line: a row may hold the branches of a whole subtree.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from surveyeval.model.scoring import Tokens

__all__ = ["Trie", "Unit", "plan"]

#: Branches that stand side by side in one row: every token's attention is computed over all of them.
WIDTH = 256
#: Small branches are put in one row up to so many tokens.
JOINED = 128
#: A beginning is read in a pass of its own if that saves so many tokens; else every row that needs it reads it again.
SAVED = 64

Source = TypeVar("Source")


class Trie:
    """Token sequences with common beginnings. Node 0 is the empty sequence; a node's number is above its parent's."""

    def __init__(self) -> None:
        self.parent = [-1]
        self.token = [-1]
        #: Tokens up to and including the node's own, so its position is one less.
        self.depth = [0]
        self._children: list[dict[int, int]] = [{}]

    def add(self, tokens: Iterable[int], node: int = 0) -> int:
        """The node that is reached from `node` by these tokens; what is missing is added."""
        for token in tokens:
            child = self._children[node].get(token)
            if child is None:
                child = self._children[node][token] = len(self.parent)
                self.parent.append(node)
                self.token.append(token)
                self.depth.append(self.depth[node] + 1)
                self._children.append({})
            node = child
        return node

    def path(self, node: int) -> list[int]:
        """The node and what stands before it, from the first token on."""
        nodes = []
        while node:
            nodes.append(node)
            node = self.parent[node]
        return nodes[::-1]

    def tokens(self, node: int) -> Tokens:
        """The sequence that ends at the node."""
        return tuple(self.token[one] for one in self.path(node))


@dataclass(frozen=True, eq=False)
class Unit:
    """What one row reads in one pass.

    Parameters
    ----------
    nodes : list of int
        Each after its parent, where that is not read yet.
    ends : int
        Prompts that end in it.
    then : list of Unit
        What is read after it, in rows of later passes that begin with a copy of this one.
    """

    nodes: list[int]
    ends: int
    then: list[Unit] = field(default_factory=list)


def plan(
    trie: Trie,
    wanted: Collection[int],
    ends: Collection[int],
    source: Callable[[int], Source | None],
    *,
    growing: bool,
    branching: bool,
) -> list[tuple[Source, Unit]]:
    """Rows in which all wanted nodes are read.

    Parameters
    ----------
    trie : Trie
    wanted : collection of int
        Nodes that are not read.
    ends : collection of int
        Nodes where a prompt ends.
    source : callable
        Where a node was read; None if it was not. The root counts as read.
    growing : bool
        Prompts will go on, so each gets a row of its own.
    branching : bool
        Whether a row may hold branches; else it is one line of tokens.

    Returns
    -------
    list of (source, Unit)
        In the order in which the nodes were added.
    """
    needed: set[int] = set()
    tops: dict[int, None] = {}
    for node in sorted(wanted):
        while node not in needed and source(node) is None:
            needed.add(node)
            above = trie.parent[node]
            if source(above) is not None:
                tops[node] = None
            node = above
    cut = _Cut(trie, needed, tops, frozenset(ends), growing=growing, branching=branching)
    by_source: dict[Source, list[Unit]] = {}
    for top in sorted(tops):
        held = source(trie.parent[top])
        assert held is not None
        by_source.setdefault(held, []).extend(cut.units(top))
    return [(held, unit) for held, units in by_source.items() for unit in cut.joined(units)]


class _Cut:
    """Cuts subtrees into units."""

    def __init__(
        self,
        trie: Trie,
        needed: set[int],
        tops: Collection[int],
        ends: frozenset[int],
        *,
        growing: bool,
        branching: bool,
    ) -> None:
        self._growing, self._branching, self._ends = growing, branching, ends
        self._children: dict[int, list[int]] = {node: [] for node in needed}
        self._size, self._height = dict.fromkeys(needed, 1), dict.fromkeys(needed, 1)
        self._tips = {node: int(node in ends) for node in needed}
        for node in sorted(needed):
            if node not in tops:
                self._children[trie.parent[node]].append(node)
        for node in sorted(needed, reverse=True):
            below = self._children[node]
            self._size[node] += sum(self._size[child] for child in below)
            self._height[node] += max((self._height[child] for child in below), default=0)
            self._tips[node] += sum(self._tips[child] for child in below)

    def units(self, top: int) -> list[Unit]:
        """Units that hold everything at and below a node."""
        if self._fits(top):
            return [Unit(self._below(top), self._tips[top])]
        run = [top]
        while len(self._children[run[-1]]) == 1:
            run.append(self._children[run[-1]][0])
        branches = self.joined([unit for child in self._children[run[-1]] for unit in self.units(child)])
        ends = sum(node in self._ends for node in run)
        if (len(branches) - 1) * len(run) >= SAVED:
            return [Unit(run, ends, branches)]
        return [Unit(run + unit.nodes, ends + unit.ends, unit.then) for unit in branches]

    def joined(self, units: list[Unit]) -> list[Unit]:
        """Small units that may stand in one row, put together; they follow the same tokens."""
        if not self._branching:
            return units
        result: list[Unit] = []
        for unit in units:
            last = result[-1] if result else None
            if (
                last is not None
                and not (last.then or unit.then)
                and len(last.nodes) + len(unit.nodes) <= JOINED
                and not (self._growing and last.ends + unit.ends > 1)
            ):
                result[-1] = Unit(last.nodes + unit.nodes, last.ends + unit.ends)
            else:
                result.append(unit)
        return result

    def _fits(self, top: int) -> bool:
        beside = self._size[top] - self._height[top]
        if beside == 0:
            return True
        return self._branching and beside <= WIDTH and not (self._growing and self._tips[top] > 1)

    def _below(self, top: int) -> list[int]:
        nodes, waiting = [], [top]
        while waiting:
            node = waiting.pop()
            nodes.append(node)
            waiting += reversed(self._children[node])
        return nodes
