"""What a model behind a server has used, and the budget at which it stops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from surveyeval.errors import BudgetError
from surveyeval.model.openai_options import OpenAIOptions

__all__ = ["Meter"]

#: Characters of a token where a server does not count: about right for English.
_CHARACTERS = 4


@dataclass
class Meter:
    """Counts calls, tokens and money from the start of the command.

    A call is counted when it is sent, whatever comes of it; tokens when the server has told them, or else estimated.

    Parameters
    ----------
    options : OpenAIOptions
    """

    options: OpenAIOptions
    calls: int = 0
    repeated: int = 0
    read: int = 0
    written: int = 0
    estimated: int = 0

    @property
    def cost(self) -> float | None:
        """Money at the prices given; None without prices."""
        price_in, price_out = self.options.price_in, self.options.price_out
        if price_in is None and price_out is None:
            return None
        return (self.read * (price_in or 0.0) + self.written * (price_out or 0.0)) / 1e6

    def begin(self, *, again: bool) -> None:
        """Count a call that is about to be sent.

        Raises
        ------
        BudgetError
            When a budget is used up: the call must not be sent.
        """
        options, cost = self.options, self.cost
        for budget, used, option, what in (
            (options.max_calls, self.calls, "max_calls", "calls"),
            (options.max_total_tokens, self.read + self.written, "max_total_tokens", "tokens"),
            (options.max_cost, cost or 0.0, "max_cost", "in money"),
        ):
            if budget is not None and used >= budget:
                raise BudgetError(
                    f"the budget of {budget:,} {what} is used up ({self.sentence()})",
                    field=option,
                    hint="blocks of interviews that were finished are on disk, and the same command continues with a new "
                    f"budget; a larger ?{option}= gets further (it does not change the run)",
                )
        self.calls += 1
        self.repeated += again

    def end(self, usage: object, sent: int, received: int) -> None:
        """Count the tokens of an answered call.

        Parameters
        ----------
        usage : object
            What the server says, to be distrusted.
        sent, received : int
            Characters, for an estimate where the server says nothing usable.
        """
        told = usage if isinstance(usage, Mapping) else {}
        read, written = _count(told.get("prompt_tokens")), _count(told.get("completion_tokens"))
        if read is None or written is None:
            self.estimated += 1
            read, written = -(-sent // _CHARACTERS), -(-received // _CHARACTERS)
        self.read += read
        self.written += written

    def sentence(self) -> str:
        """What was used, for notes and messages."""
        parts = [f"{self.calls:,} call" + ("s" if self.calls != 1 else "")]
        if self.repeated:
            parts[0] += f", {self.repeated:,} of them repeated after a failure"
        parts.append(f"{self.read:,} tokens read and {self.written:,} written")
        if self.estimated:
            parts.append(f"estimated from characters in {self.estimated:,}")
        if self.cost is not None:
            parts.append(f"{self.cost:.4g} in money at the prices given")
        return "; ".join(parts)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
