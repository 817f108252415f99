"""The elicitation ``generate``: the model writes its answer, and the answer is read from the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from surveyeval.data.sample import State
from surveyeval.errors import CapabilityError
from surveyeval.model.calibrate import Calibration
from surveyeval.model.elicitation import Place, Reply
from surveyeval.model.protocol import TextRequest
from surveyeval.model.reading import read_answer

__all__ = ["Generate", "GenerateOptions"]


class GenerateOptions(BaseModel):
    """Options of ``generate``; they are part of a run's identity."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_tokens: int = Field(64, ge=1, description="tokens written at most; a model that reasons first needs many more")
    temperature: float = Field(
        1.0, ge=0, allow_inf_nan=False, description="of sampling; 0: always the most probable token, in every draw"
    )


class Generate:
    """The question is put as for ``choice``; what the model writes is sampled with the place's seed and read.

    A text that names no option, or several, is ``INVALID``; one that declines is ``REFUSED``, one that says that it does not
    know ``DONT_KNOW``, where these are no options (`surveyeval.model.reading`). There are no probabilities of options, hence
    no log-loss.
    """

    name: ClassVar[str] = "generate"
    needs: ClassVar[Literal["score", "generate"]] = "generate"
    distribution: ClassVar[bool] = False

    def __init__(self, options: GenerateOptions | None = None) -> None:
        self.options = options or GenerateOptions()

    @property
    def temperature(self) -> float:
        """Of the sampling; at 0 asking again gives the same text."""
        return self.options.temperature

    def ask(self, model: Any, places: Sequence[Place], calibration: Calibration) -> list[Reply]:
        """Texts at these places, and what is read from them; there is nothing to calibrate."""
        options = self.options
        requests = [
            TextRequest(place.key, place.messages(), place.seed, options.max_tokens, self.temperature)
            for place in places
        ]
        replies = []
        for place, written in zip(places, model.generate(requests), strict=True):
            read = read_answer(written.text, place.question, written.ended)
            option = place.question.order[read.option] if read.option is not None else -1
            replies.append(Reply(option, State(read.state), text=written.text))
        return replies

    def forced(self, model: Any, paths: Sequence[Sequence[Place]]) -> list[list[NDArray[np.float64]]]:
        """Not possible: one text is one answer.

        Raises
        ------
        CapabilityError
        """
        raise CapabilityError("generate gives no probabilities of options", hint="choice and verbalized do")

    def smoothed(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """As they are."""
        return probabilities
