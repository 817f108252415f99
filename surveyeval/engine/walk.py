"""An interview walked by the host that walks real ones, with a listener in the model's place: what would be asked, and in which words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from surveyeval.data.sample import Sample
from surveyeval.model import host
from surveyeval.model.elicitation import Elicitation
from surveyeval.model.protocol import (
    Capabilities,
    Fingerprint,
    Interviews,
    Message,
    OptionScores,
    Request,
    Text,
    TextRequest,
)
from surveyeval.task.interview import Interview, Question
from surveyeval.task.render import interviews
from surveyeval.task.task import Task

__all__ = ["asked", "walk"]


class _Listener:
    """Stands in for a model: keeps what it is asked, and gives the first option shown."""

    capabilities = Capabilities(("choice", "generate", "verbalized"))

    def __init__(self, questions: Sequence[Question], elicitation: Elicitation) -> None:
        self.heard: list[tuple[Message, ...]] = []
        self._questions, self._elicitation = questions, elicitation

    def fingerprint(self) -> Fingerprint:
        return Fingerprint("content", "none")

    def banners(self) -> Sequence[str]:
        return ()

    def load(self) -> None:
        pass

    def release(self, interviews: Sequence[str]) -> None:
        pass

    def render(self, messages: Sequence[Message]) -> str:
        return ""

    def score(self, requests: Sequence[Request]) -> list[OptionScores]:
        self.heard += [one.messages for one in requests]
        first = [np.full(len(one.options), -50.0) for one in requests]
        for scores in first:
            scores[0] = 0.0
        return [OptionScores(scores) for scores in first]

    def score_paths(self, paths: Sequence[Sequence[Request]]) -> list[list[OptionScores]]:
        return [self.score(path) for path in paths]

    def generate(self, requests: Sequence[TextRequest]) -> list[Text]:
        self.heard += [one.messages for one in requests]
        return [Text(self._answer(one.messages)) for one in requests]

    def _answer(self, messages: Sequence[Message]) -> str:
        question = asked(self._questions, messages)
        if not self._elicitation.distribution:
            return question.answers[0]
        shares = [100, *[0] * (len(question.answers) - 1)]
        return "\n".join(f"{answer}: {share}%" for answer, share in zip(question.answers, shares, strict=True))


def asked(questions: Sequence[Question], messages: Sequence[Message]) -> Question:
    """The question that a conversation ends with."""
    said = messages[-1].content
    inside = [one for one in questions if (one.stem or one.text) in said]
    return max(inside or questions, key=lambda one: len(one.stem or one.text))


def walk(
    task: Task, person: Sample, elicitation: Elicitation, hidden: frozenset[str] = frozenset()
) -> tuple[Interview, list[tuple[Question, tuple[Message, ...]]]]:
    """One respondent's interview, and each question with its conversation, along the first options shown.

    Parameters
    ----------
    task : Task
    person : Sample
        One row.
    elicitation : Elicitation
    hidden : frozenset of str
        Profile fields that are not shown.
    """
    interview = interviews(task, person, hidden)[0]
    listener = _Listener(interview.questions, elicitation)
    host.simulate(
        listener, Interviews(task, person, np.zeros((1, len(task.items))), hidden=hidden), elicitation=elicitation
    )
    places, left = [], list(interview.questions)
    for messages in listener.heard:
        question = asked(left or interview.questions, messages)
        left = [one for one in left if one is not question]  # two items may ask the same
        places.append((question, messages))
    return interview, places
