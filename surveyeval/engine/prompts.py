"""What a model is shown, as an example for the reader: real words, an invented person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from surveyeval.model.calibrate import Calibration
from surveyeval.model.elicitation import Elicitation, Place
from surveyeval.model.protocol import Message, OptionScores, Request, Text, TextRequest
from surveyeval.task.render import composed_person, interviews
from surveyeval.task.task import Task

__all__ = ["examples"]


class _Listener:
    """Stands in for a model, and keeps what it is asked first."""

    def __init__(self) -> None:
        self.heard: tuple[Message, ...] | None = None

    def _hear(self, requests: Sequence[Request | TextRequest]) -> None:
        if self.heard is None and requests:
            self.heard = requests[0].messages

    def score(self, requests: Sequence[Request]) -> list[OptionScores]:
        self._hear(requests)
        return [OptionScores(np.full(len(one.options), -np.log(len(one.options)))) for one in requests]

    def generate(self, requests: Sequence[TextRequest]) -> list[Text]:
        self._hear(requests)
        return [Text("") for _ in requests]


def examples(task: Task, hidden: frozenset[str], elicitation: Elicitation) -> Iterator[tuple[str, tuple[Message, ...]]]:
    """One conversation for each arm, as the elicitation puts it to a model.

    It ends with the last question of a sequential interview, after the first option of every earlier one, or is the first
    question of an independent interview.
    """
    person = composed_person(task)
    for arm in task.arms:
        interview = interviews(task, replace(person, arm=np.array([arm.key], dtype=object)), hidden)[0]
        if interview.mode == "independent":
            place = Place(interview, 0)
        else:
            given = tuple(question.answers[0] for question in interview.questions[:-1])
            place = Place(interview, len(given), given)
        yield arm.key, _put(place, elicitation)


def _put(place: Place, elicitation: Elicitation) -> tuple[Message, ...]:
    listener = _Listener()
    try:
        elicitation.ask(listener, [place], Calibration())
    except Exception:
        # a plugin's way of asking may want more of a model than a listener has; the example costs nobody the run
        return listener.heard or place.messages()
    return listener.heard or place.messages()
