"""What a baseline is once its name is known: a law of answers, learned from the pilot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.model.draws import draw_options
from surveyeval.model.protocol import Answers, Interviews
from surveyeval.task.routing import asked
from surveyeval.task.task import Task

__all__ = ["Bound", "ItemLaw", "Law"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Item number and earlier answers (option indices, -1 absent) to (n, K) option probabilities.
Bound = Callable[[int, Mapping[str, IntArray]], FloatArray]


class Law(Protocol):
    """A law of whole answer vectors given profile and arm. The pilot's weights are positive and have mean 1."""

    def fit(self, task: Task, pilot: Sample) -> None:
        """Learn from the pilot."""

    def answer(self, interviews: Interviews) -> Answers:
        """Draw answers from the host's uniforms."""


class ItemLaw(ABC):
    """A law that gives the probability of each item's options given profile, arm and earlier answers."""

    @abstractmethod
    def fit(self, task: Task, pilot: Sample) -> None:
        """Learn from the pilot, whose weights are positive and have mean 1."""

    @abstractmethod
    def bind(self, task: Task, people: Sample) -> Bound:
        """The law for these people."""

    def answer(self, interviews: Interviews) -> Answers:
        """Draw item by item, each given the answers drawn before it."""
        task, people = interviews.task, interviews.people
        law = self.bind(task, people)
        answers: dict[str, IntArray] = {}
        probabilities: dict[str, FloatArray] = {}
        for number, item in enumerate(task.items):
            table = law(number, answers)
            drawn = draw_options(table, interviews.uniforms[:, number])
            if item.spec.ask_if is not None:
                put = asked(task, people, item, answers)
                table, drawn = np.where(put[:, None], table, np.nan), np.where(put, drawn, -1)
            probabilities[item.name], answers[item.name] = table, drawn
        return Answers(answers, probabilities=probabilities)

    def log_prob(self, interviews: Interviews, answers: Sample) -> dict[str, FloatArray]:
        """Natural log-probability of given answers, each given the earlier ones; NaN where not answered."""
        law, rows = self.bind(interviews.task, interviews.people), np.arange(len(interviews))
        result = {}
        for number, item in enumerate(interviews.task.items):
            chosen = answers.answers[item.name]
            picked = law(number, answers.answers)[rows, np.maximum(chosen, 0)]
            with np.errstate(divide="ignore"):
                result[item.name] = np.where(chosen >= 0, np.log(picked), np.nan)
        return result
