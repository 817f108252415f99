"""Conversations, and distances between what two engines say of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from surveyeval.model.protocol import OptionScores, Request
from surveyeval.task.interview import Message

#: Largest total variation between two engines in float32.
BOUND = 1e-3
LETTERS = ("A", "B", "C")
#: One begins another, and two have their first word alike.
WORDS = ("Agree", "Agree strongly", "Disagree", "Disagree strongly", "Neither agree nor disagree")


def conversation(step: int, name: str = "r") -> tuple[Message, ...]:
    turns = [Message("system", "You are in a survey."), Message("user", f"You are {name}. Very good or bad?")]
    for number in range(step):
        turns += [Message("assistant", LETTERS[number % 3]), Message("user", f"Question {number + 2}: agree?")]
    return tuple(turns)


def requests(step: int, options: tuple[str, ...] = LETTERS, n: int = 4, **parts: Any) -> list[Request]:
    return [Request(f"r{number}", conversation(step, "x" * (3 * number + 1)), options, **parts) for number in range(n)]


def total_variation(one: np.ndarray, other: np.ndarray) -> float:
    """Half the sum of absolute differences of probabilities, with what is on no option as a further outcome."""
    p, q = (np.append(values, 1 - values.sum()) for values in (one, other))
    return float(np.abs(p - q).sum() / 2)


def assert_alike(found: Sequence[OptionScores], expected: Sequence[OptionScores]) -> None:
    """As raw probabilities, and renormalised over the options, which says more where these are improbable together."""
    for one, other in zip(found, expected, strict=True):
        p, q = np.exp(one.log_prob), np.exp(other.log_prob)
        assert total_variation(p, q) <= BOUND
        assert total_variation(p / p.sum(), q / q.sum()) <= BOUND
        assert 0 < one.mass <= 1 + 1e-6
