"""What is counted of a run's blocks while they pass, so that they need not be kept."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from surveyeval.data.sample import State
from surveyeval.engine.store import BlockAnswers

__all__ = ["Tally", "failures"]

#: Different errors that a manifest quotes.
_QUOTED = 5
#: A count in a note, and not a number that is part of a name: gpt-4o-2024-05-13, llama3.1, toy:7.
_COUNT = re.compile(r"(?<![\w.:/@-])\d[\d,.]*+(?![\w:/@-])")


@dataclass
class _Block:
    states: Counter[int]
    interviews: int
    written: bool
    cached: float | None
    seconds: float
    errors: Counter[str]


@dataclass
class Tally:
    """Counts by block: a block that is answered again replaces itself.

    Attributes
    ----------
    said : dict
        What models noted, each once. A note that counts is told anew with every block: the last one holds.
    """

    said: dict[str, str] = field(default_factory=dict)
    _blocks: dict[int, _Block] = field(default_factory=dict)

    def add(self, record: BlockAnswers) -> None:
        """Count a block."""
        states: Counter[int] = Counter()
        for column in record.states.values():
            for state, count in enumerate(np.bincount(column, minlength=len(State)).tolist()):
                states[state] += count
        self.note(record.notes)
        self._blocks[record.block.number] = _Block(
            states,
            record.block.stop - record.block.start,
            bool(record.texts),
            record.cached,
            record.seconds,
            Counter(one.error for one in record.failed),
        )

    def note(self, notes: Iterable[str]) -> None:
        """Keep notes."""
        self.said |= {_COUNT.sub("0", note): note for note in notes}

    @property
    def counting(self) -> bool:
        """Whether models counted something in their notes."""
        return any(_COUNT.search(note) for note in self.said.values())

    def failed(self, number: int) -> bool:
        """Whether answers of a block failed."""
        return bool(self._blocks[number].errors)

    @property
    def interviews(self) -> int:
        """Interviews of all blocks."""
        return sum(block.interviews for block in self._blocks.values())

    @property
    def written(self) -> bool:
        """Whether answers were read from texts."""
        return any(block.written for block in self._blocks.values())

    @property
    def errors(self) -> Counter[str]:
        """Failed answers by their error."""
        return sum((block.errors for block in self._blocks.values()), Counter())

    def counts(self) -> dict[str, int]:
        """Numbers of answers by their state, as in manifests."""
        total = sum((block.states for block in self._blocks.values()), Counter())
        return {state.name.lower(): total[state]
                for state in (State.ANSWERED, State.INVALID, State.REFUSED, State.DONT_KNOW)}  # fmt: skip

    def cached(self) -> dict[str, Any] | None:
        """What of a run came from the response cache; None when nothing did.

        Returns
        -------
        dict
            ``blocks`` and ``interviews``, ``first`` and ``last``: when they were asked, ``seconds``: what that took.
        """
        found = [block for block in self._blocks.values() if block.cached is not None]
        if not found:
            return None
        times = [datetime.fromtimestamp(block.cached or 0.0, UTC).isoformat(timespec="seconds") for block in found]
        return {
            "blocks": len(found),
            "interviews": sum(block.interviews for block in found),
            "first": min(times),
            "last": max(times),
            "seconds": round(sum(block.seconds for block in found), 1),
        }


def failures(tally: Tally) -> dict[str, Any]:
    """What a manifest says of failed answers: their number, and the most frequent errors with theirs."""
    errors = tally.errors
    return {"answers": sum(errors.values()), "errors": [list(one) for one in errors.most_common(_QUOTED)]}
