"""The exact law of the synthetic task `disclosure`, written down again from its published coefficients.

A simulator that is right about everything: what an axis says of it is what the axis says of a second human sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_softmax

from surveyeval.data.sample import Sample
from surveyeval.model.draws import draw_options
from surveyeval.model.protocol import Answers, Capabilities, Fingerprint, Interviews
from surveyeval.task.task import Task

FloatArray = NDArray[np.float64]
Given = Mapping[str, NDArray[np.int64]]
ITEMS = ("believed", "location", "detect_a", "detect_b", "priority", "action")


def ordered(eta: FloatArray, cuts: Sequence[float]) -> FloatArray:
    """P(y <= k) = logistic(cut_k - eta)."""
    below = expit(np.asarray(cuts) - eta[:, None])
    n = len(eta)
    return np.diff(np.column_stack([np.zeros(n), below, np.ones(n)]), axis=1)


def softmax(*utilities: FloatArray) -> FloatArray:
    return np.exp(log_softmax(np.column_stack(np.broadcast_arrays(*utilities)), axis=1))


class Person:
    """What the law needs to know of people before the first item.

    `demographic` multiplies every effect of age and gender, `treatment` those of valuation and verification on what is
    believed and on where the measures are thought to be; 1 is the law itself.
    """

    def __init__(self, task: Task, people: Sample, demographic: float = 1.0, treatment: float = 1.0) -> None:
        factors = {arm.key: arm.factors for arm in task.arms}
        self.message_a = np.array([factors[arm]["message"] == "a" for arm in people.arm])
        self.unequal = np.array([factors[arm]["valuation"] == "unequal" for arm in people.arm])
        self.verified = np.array([factors[arm]["statement"] == "verified" for arm in people.arm])
        self.decades = demographic * (people.profile["age"].astype(float) - 40) / 10
        self.man = demographic * (people.profile["gender"] == "Man")
        self.treatment = treatment

    def believed(self, given: Given) -> FloatArray:
        congruent, incongruent = self.unequal & self.message_a, self.unequal & ~self.message_a
        eta = self.treatment * (0.80 * self.verified + 0.35 * congruent - 0.60 * incongruent) + 0.15 * self.decades
        return ordered(eta, (-2.3, -1.0, 0.7, 2.4))

    def location(self, given: Given) -> FloatArray:
        trust = given["believed"] - 2.0
        congruent, incongruent = self.unequal & self.message_a, self.unequal & ~self.message_a
        announced = 1.0 + 0.80 * trust + self.treatment * (0.40 * congruent - 0.50 * incongruent)
        at_a, at_b = np.where(self.message_a, announced, 0.0), np.where(self.message_a, 0.0, announced)
        return softmax(at_a, at_b, -0.4 + 0.30 * trust, -1.0 - 0.40 * trust)

    def _detect(self, given: Given, target: int, announced: NDArray[np.bool_]) -> FloatArray:
        place = given["location"]
        where = np.choose(place, [2.4 if target == 0 else -0.3, -0.3 if target == 0 else 2.4, 1.4, -1.4])
        trust = (given["believed"] - 2.0) * announced
        return ordered(where + 0.40 * trust + 0.10 * self.decades - 0.25 * self.man, (-3.4, -1.3, 1.0, 3.2))

    def detect_a(self, given: Given) -> FloatArray:
        return self._detect(given, 0, self.message_a)

    def detect_b(self, given: Given) -> FloatArray:
        return self._detect(given, 1, ~self.message_a)

    def priority(self, given: Given) -> FloatArray:
        return softmax(np.where(self.unequal, 2.4, -2.4), np.zeros(1), np.where(self.unequal, -1.5, -2.6))

    def action(self, given: Given) -> FloatArray:
        caught_a, caught_b = 0.1 + 0.2 * given["detect_a"], 0.1 + 0.2 * given["detect_b"]
        a = (1 - caught_a) * np.where(self.unequal, 1.8, 1.2) - caught_a
        b = (1 - caught_b) * np.where(self.unequal, 0.6, 1.2) - caught_b
        attack = 0.15 - 0.15 * self.decades + 0.30 * self.man
        return softmax(4.7 * a + attack, 4.7 * b + attack, np.zeros(1))


class DisclosureLaw:
    """A Respondent that follows the law, or a law that is wrong in one respect (see `Person`)."""

    capabilities = Capabilities(log_prob=True)

    def __init__(
        self, reference: str = "", options: object = None, *, demographic: float = 1.0, treatment: float = 1.0
    ) -> None:
        self.demographic, self.treatment = demographic, treatment

    def person(self, interviews: Interviews) -> Person:
        return Person(interviews.task, interviews.people, self.demographic, self.treatment)

    def fit(self, task: Task, pilot: Sample) -> None:
        pass

    def fingerprint(self) -> Fingerprint:
        return Fingerprint("content", "law")

    def banners(self) -> Sequence[str]:
        return ()

    def answer(self, interviews: Interviews) -> Answers:
        person, answers, probabilities = self.person(interviews), {}, {}
        for number, item in enumerate(ITEMS):
            probabilities[item] = getattr(person, item)(answers)
            answers[item] = draw_options(probabilities[item], interviews.uniforms[:, number])
        return Answers(answers, probabilities=probabilities)

    def log_prob(self, interviews: Interviews, answers: Sample) -> dict[str, FloatArray]:
        person, rows = self.person(interviews), np.arange(len(interviews))
        return {item: np.log(getattr(person, item)(answers.answers)[rows, answers.answers[item]]) for item in ITEMS}
