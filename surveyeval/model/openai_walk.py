"""Probabilities of options from the most probable next tokens, which a server gives as texts.

An answer is followed token by token along the options. A token counts where its text is an option, or the beginning of one;
then the model is asked again after that beginning (completions only). What is not among the tokens that a server returns is
never imputed: an option that is not reached has probability 0 here, and how much it could have had is told apart.

In a chat, the answer is one token, white space before it apart: some servers return "A", others " A".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from surveyeval.model.openai_replies import Tokens
from surveyeval.model.protocol import OptionScores

__all__ = ["Walk"]

#: Beginnings that are less probable than this are not followed.
NEGLIGIBLE = 1e-6


class Walk:
    """The options of one place.

    Parameters
    ----------
    options : sequence of str
        Texts that go on from the prompt.
    one_token : bool
        Whether an answer can be one token only (chats).
    """

    def __init__(self, options: Sequence[str], *, one_token: bool) -> None:
        self._options, self._one = tuple(options), one_token
        self._replies: dict[str, Tokens] = {}

    def due(self) -> list[str]:
        """Beginnings after which the next tokens must be asked for; none when the walk is over."""
        if self._one:
            return [] if self._replies else [""]
        reached, _ = self._reached()
        return [text for text, p in reached.items() if text not in self._replies and p > NEGLIGIBLE]

    def take(self, beginning: str, tokens: Tokens) -> None:
        """The most probable tokens after a beginning."""
        if self._one:
            tokens = [(text.lstrip(), value) for text, value in tokens]
        self._replies[beginning] = tokens

    def scores(self) -> OptionScores:
        """Scores of the options: log 0 for one that was not reached; not a number for all when none was."""
        _, begins = self._reached()
        if not self.reached_any:
            return OptionScores(np.full(len(begins), np.nan))
        # longest match: what goes on to a longer option is an answer of that one
        ends = [p * (1.0 - self._goes_on(option)) for p, option in zip(begins, self._options, strict=True)]
        with np.errstate(divide="ignore"):
            return OptionScores(np.log(np.maximum(ends, 0.0)))

    @property
    def outside(self) -> float | None:
        """Probability that an option which was not reached has at most; None where all were."""
        reached, begins = self._reached()
        bounds = [0.0]
        absent = [option for option, p in zip(self._options, begins, strict=True) if p == 0]
        for option in absent:
            bound = 0.0
            for beginning, p in reached.items():
                if option.startswith(beginning) and option != beginning:
                    tokens = self._replies.get(beginning)
                    bound += p * (1.0 if tokens is None else self._least(tokens))
            bounds.append(bound)
        return max(bounds) if absent else None

    @property
    def reached_any(self) -> bool:
        """Whether any option was reached."""
        return any(self._reached()[1])

    @property
    def missing(self) -> float:
        """Probability of the tokens that the server did not return for the first place of the answer."""
        return max(0.0, 1.0 - math.fsum(math.exp(value) for _, value in self._replies.get("", [])))

    @staticmethod
    def _least(tokens: Tokens) -> float:
        """Probability that a token which was not returned has at most.

        The tokens are the most probable ones and, with some servers, the one that was drawn: were this the least of them,
        the next to least would be the bound. It is taken always, since the servers don't say.
        """
        values = sorted(math.exp(value) for _, value in tokens)
        unseen = max(0.0, 1.0 - math.fsum(values))
        return min(values[1], unseen) if len(values) > 1 else unseen

    def _goes_on(self, beginning: str) -> float:
        """Probability that an answer with this beginning, a token's end at its end, goes on to a longer option."""
        found = 0.0
        if not self._one:
            for text, value in self._replies.get(beginning, []):
                whole = beginning + text
                if text and whole in self._options:
                    found += math.exp(value)
                elif text and any(option.startswith(whole) for option in self._options):
                    found += math.exp(value) * self._goes_on(whole)
        return found

    def _reached(self) -> tuple[dict[str, float], list[float]]:
        """Probability that an answer has a beginning, with a token's end at its end; and the same of whole options."""
        reached, begins = {"": 1.0}, [0.0] * len(self._options)
        waiting = [""]
        while waiting:
            # the shortest first: whatever leads to a beginning is shorter than it
            beginning = min(waiting, key=len)
            waiting.remove(beginning)
            for text, value in self._replies.get(beginning, []):
                if not text:
                    continue
                whole, p = beginning + text, reached[beginning] * math.exp(value)
                for index, option in enumerate(self._options):
                    begins[index] += p if option == whole else 0.0
                if not self._one and any(option.startswith(whole) and option != whole for option in self._options):
                    if whole not in reached:
                        waiting.append(whole)
                    reached[whole] = reached.get(whole, 0.0) + p
        return reached, begins
