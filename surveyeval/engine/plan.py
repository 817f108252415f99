"""The plan of a run: which interviews are answered together.

A block is the unit of writing, resuming and caching, and is never re-formed: a batch of another shape changes
low-precision numbers and so some draws. The plan is a pure function of the test respondents, the number of draws and
the model's block size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from surveyeval.data.files import digest

__all__ = ["Block", "Plan", "make_plan"]


@dataclass(frozen=True)
class Block:
    """Interviews ``start`` to ``stop`` (exclusive) of the test respondents, for one draw."""

    number: int
    draw: int
    start: int
    stop: int


@dataclass(frozen=True)
class Plan:
    """All blocks of a run, in the order in which they are answered."""

    blocks: tuple[Block, ...]
    block_size: int
    hash: str


def make_plan(respondents: Sequence[str], draws: int, block_size: int | None) -> Plan:
    """Plan `draws` simulated samples of the respondents.

    Parameters
    ----------
    respondents : sequence of str
        Test respondents in order.
    draws : int
        Number of simulated samples.
    block_size : int or None
        Interviews answered together; None: all of a draw.
    """
    size = block_size or max(len(respondents), 1)
    blocks = [
        (draw, start, min(start + size, len(respondents)))
        for draw in range(draws)
        for start in range(0, len(respondents), size)
    ]
    return Plan(
        tuple(Block(number, *block) for number, block in enumerate(blocks)),
        size,
        digest({"respondents": list(respondents), "draws": draws, "block_size": size}),
    )
