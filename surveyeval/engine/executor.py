"""Who answers the blocks of a run, in any order; the runner alone writes what it gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from surveyeval.engine.asking import Asker
from surveyeval.engine.plan import Block
from surveyeval.engine.store import BlockAnswers

__all__ = ["Answering", "InThisProcess"]


class Answering(Protocol):
    """Answers blocks."""

    def finished(
        self, blocks: Sequence[Block], first: Callable[[Block], BlockAnswers], begin: Callable[[], None]
    ) -> Iterator[BlockAnswers]:
        """Blocks as they are finished. Each comes at least once: one that the runner has already is dropped there.

        Parameters
        ----------
        blocks : sequence of Block
            In the order of the plan, so draw 0 comes before later draws.
        first : callable
            Gives the answers of draw 0 of the people of a block, once the runner has stored them.
        begin : callable
            To be called before a model is asked.
        """


class InThisProcess:
    """One block after the other.

    Parameters
    ----------
    asker : Asker
    """

    def __init__(self, asker: Asker) -> None:
        self.asker = asker

    def finished(
        self, blocks: Sequence[Block], first: Callable[[Block], BlockAnswers], begin: Callable[[], None]
    ) -> Iterator[BlockAnswers]:
        """Blocks in the order given."""
        for block in blocks:
            yield self.asker.answer(block, first, begin)
