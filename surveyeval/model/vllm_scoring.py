"""Probabilities of options from an engine that gives the next token's probability, for tokens that are named to it.

The options of an item are a tree of tokens. Wherever it branches, that is after every proper beginning of an option, the
engine is asked once for the tokens that go on; what it already read of the beginning it keeps. No probability is taken from
a list of the most probable tokens, so none is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from surveyeval.errors import ModelError
from surveyeval.model.protocol import OptionScores
from surveyeval.model.scoring import Tokens, disjoint

__all__ = ["AT_ONCE", "Ask", "branches", "score"]

#: Tokens that may be named to the engine in one request.
AT_ONCE = 128

#: Takes prompts, and for each the tokens asked for; gives for each the natural log-probability of these as its next token.
Ask = Callable[[Sequence[Tokens], Sequence[Sequence[int]]], Sequence[Mapping[int, float]]]


def branches(options: Sequence[Tokens]) -> dict[Tokens, list[int]]:
    """For every proper beginning of an option, the tokens with which options go on.

    Examples
    --------
    >>> branches([(5,), (7, 1), (7, 2)])
    {(): [5, 7], (7,): [1, 2]}
    """
    found: dict[Tokens, set[int]] = {}
    for option in options:
        for size, token in enumerate(option):
            found.setdefault(option[:size], set()).add(token)
    return {beginning: sorted(found[beginning]) for beginning in sorted(found)}


def score(prepared: Sequence[tuple[Tokens, Sequence[Tokens]]], ask: Ask) -> list[OptionScores]:
    """Scores of requests, all of whose branches are asked for together.

    Parameters
    ----------
    prepared : (n,) pairs of a prompt and its options
    ask : callable

    Returns
    -------
    (n,) list of OptionScores

    Raises
    ------
    ModelError
        When the engine leaves out a token that it was asked for.
    """
    places: list[tuple[int, Tokens]] = []
    prompts: list[Tokens] = []
    wanted: list[list[int]] = []
    for row, (prompt, options) in enumerate(prepared):
        for beginning, following in branches(options).items():
            for start in range(0, len(following), AT_ONCE):
                places.append((row, beginning))
                prompts.append((*prompt, *beginning))
                wanted.append(following[start : start + AT_ONCE])
    known: dict[tuple[int, Tokens], float] = {}
    for (row, beginning), tokens, given in zip(places, wanted, ask(prompts, wanted), strict=True):
        lacking = [token for token in tokens if token not in given]
        if lacking:
            raise ModelError(f"the engine gave no probability for {len(lacking)} of {len(tokens)} tokens of options")
        for token in tokens:
            known[row, (*beginning, token)] = given[token]
    return [
        OptionScores(
            disjoint(
                [sum(known[row, option[: size + 1]] for size in range(len(option))) for option in options], options
            )
        )
        for row, (_, options) in enumerate(prepared)
    ]
