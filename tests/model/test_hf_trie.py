"""What is cut into rows covers the trie: each node once but for short beginnings, and nothing before its parent."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveyeval.model import hf_trie
from surveyeval.model.hf_trie import Trie, Unit, plan

texts = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=9).map(tuple), min_size=1, max_size=25)


def beginnings(texts: list[tuple[int, ...]]) -> set[tuple[int, ...]]:
    """Everything that some text begins with: the nodes of the trie."""
    return {text[: size + 1] for text in texts for size in range(len(text))}


def rows(units: list[Unit], before: tuple[int, ...] = ()) -> list[tuple[tuple[int, ...], Unit]]:
    """All units with the nodes that their rows hold already."""
    return [one for unit in units for one in [(before, unit), *rows(unit.then, (*before, *unit.nodes))]]


def cut(texts: list[tuple[int, ...]], *, growing: bool = False, branching: bool = True) -> tuple[Trie, list[Unit]]:
    trie = Trie()
    ends = [trie.add(text) for text in texts]
    units = plan(trie, ends, ends, lambda node: "root" if node == 0 else None, growing=growing, branching=branching)
    assert {source for source, _ in units} <= {"root"}
    return trie, [unit for _, unit in units]


@given(texts, st.booleans(), st.booleans(), st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=150, deadline=None)
def test_every_node_is_read_after_what_stands_before_it(
    texts: list[tuple[int, ...]], growing: bool, branching: bool, width: int, saved: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hf_trie, "WIDTH", width)
        patch.setattr(hf_trie, "JOINED", width)
        patch.setattr(hf_trie, "SAVED", saved)
        trie, units = cut(texts, growing=growing, branching=branching)
    read = []
    for before, unit in rows(units):
        known = {0, *before}
        for node in unit.nodes:
            assert node not in known
            assert trie.parent[node] in known
            known.add(node)
        read += unit.nodes
        ends = [node for node in unit.nodes if trie.tokens(node) in set(texts)]
        assert unit.ends == len(ends)
        if not branching:
            assert all(trie.parent[b] == a for a, b in zip(unit.nodes, unit.nodes[1:], strict=False))
    assert {trie.tokens(node) for node in read} == beginnings(texts)
    if saved == 1:
        assert len(read) == len(beginnings(texts))


@given(texts)
@settings(max_examples=50, deadline=None)
def test_prompts_that_go_on_stand_in_rows_of_their_own(texts: list[tuple[int, ...]]) -> None:
    trie, units = cut(texts, growing=True)
    for _, unit in rows(units):
        ends = [node for node in unit.nodes if trie.tokens(node) in set(texts)]
        # one line of tokens may pass several ends
        lines = [end for end in ends if not any(end in trie.path(other) for other in ends if other != end)]
        assert len(lines) <= 1


def test_only_what_was_not_read_is_read_again() -> None:
    trie = Trie()
    old = trie.add((1, 2, 3))
    new, other = trie.add((1, 2, 3, 4, 5)), trie.add((1, 2, 6))
    held = {0: "root", **dict.fromkeys(trie.path(old), "row")}
    units = plan(trie, [new, other], [new, other], held.get, growing=True, branching=True)
    assert [(source, [trie.token[node] for node in unit.nodes]) for source, unit in units] == [
        ("row", [4, 5]),
        ("row", [6]),
    ]


def test_a_long_beginning_is_read_in_a_pass_of_its_own() -> None:
    shared = tuple(range(100))
    branches = [(*shared, 1000 + number, *range(200)) for number in range(3)]
    _, units = cut(branches)
    assert [len(unit.nodes) for unit in units] == [100]
    assert [len(unit.nodes) for unit in units[0].then] == [201] * 3


def test_a_short_beginning_is_read_by_each_row_that_needs_it() -> None:
    branches = [(7, 1000 + number, *range(200)) for number in range(3)]
    _, units = cut(branches)
    assert [len(unit.nodes) for unit in units] == [202] * 3
    assert not any(unit.then for unit in units)


def test_an_interview_with_options_on_the_way_is_one_row() -> None:
    """A long line with short branches has little beside it, however long it is."""
    line = tuple(range(2000))
    options = [(*line[:place], 5000 + number, 1) for place in range(50, 2000, 50) for number in range(3)]
    _, units = cut([line, *options])
    assert [len(unit.nodes) for unit in units] == [2000 + 39 * 3 * 2]
