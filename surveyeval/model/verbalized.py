"""The elicitation ``verbalized``: the model states a percentage for every option, and the answer is drawn outside it.

Source: Tian et al. (2023), Just Ask for Calibration, for asking for percentages in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from surveyeval.data.sample import State
from surveyeval.model.calibrate import Calibration
from surveyeval.model.draws import draw_options
from surveyeval.model.elicitation import Place, Reply
from surveyeval.model.percentages import read_percentages
from surveyeval.model.protocol import TextRequest
from surveyeval.task.interview import Question

__all__ = ["Verbalized", "VerbalizedOptions", "question_text"]

FloatArray = NDArray[np.float64]

#: A stated distribution counts as so many draws where the probability of a single answer is needed.
DRAWS = 100
#: Added to the count of every option then.
SMOOTHING = 0.5


class VerbalizedOptions(BaseModel):
    """Options of ``verbalized``; they are part of a run's identity."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_tokens: int = Field(256, ge=1, description="tokens written at most; a model that reasons first needs many more")
    temperature: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="of sampling the percentages; 0: always the most probable token"
    )


def question_text(question: Question) -> str:
    """The question with its options, and the request for percentages in place of that for one answer."""
    form = "\n".join(f"{answer}: ...%" for answer in question.answers)
    return (
        f"{question.stem or question.text}\n"
        "How likely are you to choose each answer? Give a percentage for every answer, one line each, in this form:\n"
        f"{form}\n"
        "The percentages add up to 100%."
    )


class Verbalized:
    """The model states percentages; the answer is drawn from them with the place's uniform number.

    Earlier turns of an interview keep their ordinary form, with the answers drawn. Every option needs exactly one percentage
    and their sum must be near 100, else the place is ``INVALID`` (`surveyeval.model.percentages`). They are renormalised;
    the sum as stated, over 100, is kept as the mass (and so may be a little above 1).

    Draws use what was stated. For a log-loss, to which a stated 0 would be infinitely wrong, see `smoothed`.
    """

    name: ClassVar[str] = "verbalized"
    needs: ClassVar[Literal["score", "generate"]] = "generate"
    distribution: ClassVar[bool] = True

    def __init__(self, options: VerbalizedOptions | None = None) -> None:
        self.options = options or VerbalizedOptions()

    @property
    def temperature(self) -> float:
        """Of the sampling; at 0 asking again gives the same text."""
        return self.options.temperature

    def ask(self, model: Any, places: Sequence[Place], calibration: Calibration) -> list[Reply]:
        """Percentages at these places, and the options drawn from them; they are not calibrated."""
        options = self.options
        requests = [
            TextRequest(
                place.key,
                place.messages(question_text(place.question)),
                place.seed,
                options.max_tokens,
                self.temperature,
            )
            for place in places
        ]
        replies = []
        for place, written in zip(places, model.generate(requests), strict=True):
            read = read_percentages(written.text, place.question, written.ended)
            if read.values is None:
                # percentages, or a refusal of them, are no answer to the question as it stands in later conversations
                replies.append(Reply(-1, read.state, text=written.text, said=""))
                continue
            total = read.values.sum()
            probabilities = np.empty(len(read.values))
            probabilities[list(place.question.order)] = read.values / total
            option = int(draw_options(probabilities[None], np.array([place.uniform]))[0])
            replies.append(Reply(option, State.ANSWERED, probabilities, float(total) / 100, written.text))
        return replies

    def forced(self, model: Any, paths: Sequence[Sequence[Place]]) -> list[list[FloatArray]]:
        """Percentages stated along the person's own path, as shares; NaN where none can be read."""
        replies = iter(self.ask(model, [place for path in paths for place in path], Calibration()))
        found = []
        for path in paths:
            stated = [(place, next(replies).probabilities) for place in path]
            found.append([np.full(len(place.question.order), np.nan) if p is None else p for place, p in stated])
        return found

    def smoothed(self, probabilities: FloatArray) -> FloatArray:
        """As if each distribution were counted in 100 draws: (100 p + 0.5) / (100 + 0.5 K).

        Examples
        --------
        >>> Verbalized().smoothed(np.array([[1.0, 0.0]])).round(4).tolist()
        [[0.995, 0.005]]
        """
        total = DRAWS + SMOOTHING * probabilities.shape[1]
        smoothed: FloatArray = (DRAWS * probabilities + SMOOTHING) / total
        return smoothed
