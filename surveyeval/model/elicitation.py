"""Ways of getting an answer out of a language model at one place of an interview.

The host walks interviews and knows nothing of how answers are got; an `Elicitation` knows nothing of interviews. The
built-in ones are ``choice`` (`Choice`, here), ``generate`` and ``verbalized``; plugins may register others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import State
from surveyeval.model.calibrate import Calibration
from surveyeval.model.draws import draw_options
from surveyeval.model.protocol import Message, OptionScores, Request
from surveyeval.task.interview import Interview, Question

__all__ = ["Choice", "Elicitation", "Place", "Reply"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Place:
    """One place of one interview where an answer is due.

    Parameters
    ----------
    interview : Interview
    j : int
        Number of the question in the interview.
    given : tuple of str
        Assistant turns before it; empty in independent interviews.
    uniform : float
        The place's uniform number, in [0, 1).
    """

    interview: Interview
    j: int
    given: tuple[str, ...] = ()
    uniform: float = 0.0

    @property
    def key(self) -> str:
        """Names the conversation for the backend."""
        independent = self.interview.mode == "independent"
        return f"{self.interview.key}/{self.j}" if independent else self.interview.key

    @property
    def question(self) -> Question:
        """The question that is due."""
        return self.interview.questions[self.j]

    @property
    def seed(self) -> int:
        """Seed of sampling for backends that write, from 0 to 2**31 - 1."""
        return int(self.uniform * 2**31)

    def messages(self, text: str | None = None) -> tuple[Message, ...]:
        """The conversation up to the question; `text` puts the question in other words."""
        if self.interview.mode == "independent":
            return self.interview.messages_for(self.j, text)
        return self.interview.messages(self.given, text)

    def request(self) -> Request:
        """The question with all its options, for a scorer."""
        return Request(self.key, self.messages(), self.question.answers, self.interview.mode != "independent")


@dataclass(frozen=True, eq=False)
class Reply:
    """What came of one place.

    Parameters
    ----------
    option : int
        Index in the item's declared order; -1 where there is no answer.
    state : State
        ``ANSWERED``, ``REFUSED`` (the model declined), ``DONT_KNOW`` (it says that it does not know) or ``INVALID`` (no
        answer can be read).
    probabilities : (K,) float array, optional
        Over options in declared order, calibrated, summing to 1.
    mass : float
        Probability of all options together before renormalisation, or what stated percentages summed to, over 100; NaN
        where it is not known.
    text : str, optional
        What the model wrote.
    said : str, optional
        What stands in the conversation where there is no option; by default what the model wrote, reasoning left out. Where
        that is empty, the conversation goes on without the question.
    """

    option: int
    state: State
    probabilities: FloatArray | None = None
    mass: float = np.nan
    text: str | None = None
    said: str | None = None


class Elicitation(Protocol):
    """A way of asking."""

    name: ClassVar[str]
    #: The method of the model that it calls.
    needs: ClassVar[Literal["score", "generate"]]
    #: Whether it gives probabilities of options, hence a joint log-loss.
    distribution: ClassVar[bool]

    def ask(self, model: Any, places: Sequence[Place], calibration: Calibration) -> list[Reply]:
        """Answers at these places, in order; every random choice comes from the place's uniform number or seed."""

    def forced(self, model: Any, paths: Sequence[Sequence[Place]]) -> list[list[FloatArray]]:
        """Probabilities of options in declared order, without calibration, at every place of every path; NaN where there
        are none. The places of a path belong to one interview and extend each other. Only when ``distribution``.
        """

    def smoothed(self, probabilities: FloatArray) -> FloatArray:
        """(n, K) probabilities as a log-loss takes them: unchanged where they are the model's own, without zeros where they
        are statements or counts. Only when ``distribution``.
        """


class Choice:
    """Probabilities of the options as the model's next words, drawn outside the model."""

    name: ClassVar[str] = "choice"
    needs: ClassVar[Literal["score", "generate"]] = "score"
    distribution: ClassVar[bool] = True

    def ask(self, model: Any, places: Sequence[Place], calibration: Calibration) -> list[Reply]:
        """Scores that are not finite, or have no mass on any option, are ``INVALID``, never a default answer."""
        replies = []
        for place, scores in zip(places, model.score([place.request() for place in places]), strict=True):
            raw, mass = declared(scores, place.question.order)
            table = calibration.apply(place.question.item, raw[None])
            option = int(draw_options(table, np.array([place.uniform]))[0]) if np.isfinite(table).all() else -1
            state = State.ANSWERED if option >= 0 else State.INVALID
            replies.append(Reply(option, state, table[0], mass))
        return replies

    def forced(self, model: Any, paths: Sequence[Sequence[Place]]) -> list[list[FloatArray]]:
        """One pass over each interview where the model can do that."""
        found = model.score_paths([[place.request() for place in path] for path in paths])
        return [
            [declared(one, place.question.order)[0] for place, one in zip(path, scores, strict=True)]
            for path, scores in zip(paths, found, strict=True)
        ]

    def smoothed(self, probabilities: FloatArray) -> FloatArray:
        """Unchanged: scored probabilities need no smoothing."""
        return probabilities


def declared(scores: OptionScores, order: tuple[int, ...]) -> tuple[FloatArray, float]:
    """Probabilities renormalised over options in declared order, and their mass; NaN when nothing is left to renormalise."""
    probabilities = np.full(len(order), np.nan)
    raw = np.exp(scores.log_prob)
    mass = float(raw.sum())
    if np.isfinite(raw).all() and mass > 0:
        probabilities[list(order)] = raw / mass
    return probabilities, mass
