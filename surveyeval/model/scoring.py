"""Probabilities of options as disjoint events.

An option's probability is that of answers which begin with the option's tokens and with no longer option of the same
item: the longest match, as a parser would read the answer ("Agree strongly" is not "Agree"). No length normalisation, and
no assumption about what follows. So the probabilities of an item's options sum to at most 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from surveyeval.errors import ModelError

__all__ = ["disjoint", "option_tokens"]

Tokens = tuple[int, ...]


def option_tokens(
    encode: Callable[[str], Sequence[int]], prompt: str, answers: Sequence[str]
) -> tuple[Tokens, list[Tokens]]:
    """Tokens of a prompt and of each answer as its continuation.

    Where a tokenizer merges the end of the prompt with the beginning of an answer, the prompt is cut to the tokens that
    all continuations share, and the rest counts to the answers.

    Raises
    ------
    ModelError
        When two answers have the same tokens.
    """
    whole = [tuple(encode(prompt + answer)) for answer in answers]
    shared = tuple(encode(prompt))
    for tokens in whole:
        length = 0
        for one, other in zip(shared, tokens, strict=False):
            if one != other:
                break
            length += 1
        shared = shared[:length]
    options = [tokens[len(shared) :] for tokens in whole]
    if len(set(options)) < len(options) or not all(options):
        raise ModelError(
            f"the tokenizer cannot tell these options apart: {', '.join(map(repr, answers))}",
            hint="use interview.options: letters or numbers",
        )
    return shared, options


def disjoint(begins: Sequence[float], options: Sequence[Tokens]) -> NDArray[np.float64]:
    """Log-probabilities of longest matches from log-probabilities of beginning with each option.

    Parameters
    ----------
    begins : (k,) floats
        Natural log-probability that the answer begins with the option's tokens.
    options : k token tuples, all different

    Returns
    -------
    (k,) float array
    """
    result = np.array(begins, dtype=float)
    for index in sorted(range(len(options)), key=lambda i: -len(options[i])):
        own = options[index]
        longer = [j for j, other in enumerate(options) if len(other) > len(own) and other[: len(own)] == own]
        if longer:
            rest = np.exp(result[index]) - np.exp(result[longer]).sum()
            result[index] = np.log(rest) if rest > 0 else -np.inf
    return result
