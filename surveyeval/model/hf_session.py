"""Interviews that go on side by side: what was read of them, and where."""

from __future__ import annotations

from collections.abc import Sequence

from surveyeval.model.hf_cache import Row
from surveyeval.model.hf_trie import Trie
from surveyeval.model.scoring import Tokens

__all__ = ["Session"]


class Session:
    """The trie of interviews that go on side by side, and where its nodes were read."""

    def __init__(self) -> None:
        self.trie = Trie()
        self.home: dict[int, Row] = {}
        #: Interview -> its last prompt, the node where it ends, and whether `score` was asked about it.
        self.live: dict[str, tuple[Tokens, int, bool]] = {}
        self._rows: dict[Row, None] = {}
        self.clear()

    def clear(self) -> None:
        """Nothing was read."""
        self.home = {0: Row(None, 0, {})}
        self._rows = {}

    def goes_on(self, key: str, prompt: Tokens) -> bool:
        """Whether a prompt extends the last one of its interview."""
        old = self.live.get(key)
        return old is not None and prompt[: len(old[0])] == old[0]

    def later(self, key: str, prompt: Tokens) -> bool:
        """Whether a prompt may be a later one of a live interview, and not that of an interview which begins anew."""
        return key in self.live and len(prompt) > len(self.live[key][0])

    def begin(self, row: Row) -> None:
        """Go on from what a row holds, which stays."""
        self.home.update(dict.fromkeys(row.columns, row))

    def put(self, row: Row, nodes: Sequence[int], source: Row) -> None:
        """A row has read some nodes."""
        self._rows[row] = None
        self.home.update(dict.fromkeys(nodes, row))
        if row is not source:  # it holds a copy of what stands before them, which outlives the source
            for node in row.columns:
                if self.home.get(node) in self._rows:
                    self.home[node] = row

    def prune(self) -> None:
        """Forget rows that no interview ends in."""
        wanted = dict.fromkeys(self.home[node] for _, node, _ in self.live.values() if node in self.home)
        dropped = [row for row in self._rows if row not in wanted]
        self._rows = {row: None for row in self._rows if row in wanted}
        for row in dropped:
            for node in row.columns:
                if self.home.get(node) is row:
                    del self.home[node]
        if dropped:
            for row in self._rows:
                for node in row.columns:
                    self.home.setdefault(node, row)
