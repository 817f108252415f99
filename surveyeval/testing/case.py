"""What a metric is tried on: two samples of one survey, and human copies spoiled by noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.metric.protocol import Metric, Values
from surveyeval.task.task import Task
from surveyeval.testing.survey import make_people, make_survey

__all__ = ["Case", "others_with_noise", "own_with_noise", "usual_case"]

FloatArray = NDArray[np.float64]
Weights = tuple[FloatArray, FloatArray]

#: Least noise of an own answer.
LEAST = 0.05


@dataclass(frozen=True, eq=False)
class Case:
    """What a metric is tried on.

    Parameters
    ----------
    task : Task
    human : Sample
        People with answers.
    simulated : Sample
        Simulated rows of the same respondents in the same order, not a copy; with probabilities and log-probabilities if
        the metric needs them.
    pilot : Sample
        Other people.
    second : Sample
        A second sample of people of the same law and profiles, the start of graded noise.
    """

    task: Task
    human: Sample
    simulated: Sample
    pilot: Sample
    second: Sample

    def weights(self, rows: int = 4, seed: int = 5) -> Weights:
        """(rows, n) zero-one masks of random halves, people of one against simulated rows of the other."""
        chosen = np.random.default_rng(seed).random((rows, self.human.n)) < 0.5
        return chosen.astype(float), (~chosen).astype(float)

    def values(
        self,
        metric: Metric,
        human: Sample | None = None,
        simulated: Sample | None = None,
        weights: Weights | None = None,
        pilot: Sample | None = None,
        seed: int = 11,
    ) -> Values:
        """What the metric says of two samples, by default those of the case, in random halves."""
        left, right = self.weights() if weights is None else weights
        h, s = human or self.human, simulated or self.simulated
        bound = metric.compare(self.task, h, s, self.pilot if pilot is None else pilot, {})
        return bound.values(left * h.weight, right * s.weight, seed)


@lru_cache(maxsize=4)
def usual_case(weighted: bool) -> Case:
    """The invented survey, 320 people a side."""
    task = make_survey()
    human = make_people(task, 320, 1, weighted=weighted, missing=0.05)
    rng = np.random.default_rng(3)
    made = make_people(task, 320, 2, weighted=weighted, missing=0.05, groups=0.5)
    simulated = human.with_answers(
        made.answers,
        log_prob={
            item.name: np.where(human.answered(item.name), np.log(rng.uniform(0.05, 0.9, human.n)), np.nan)
            for item in task.items
        },
        probabilities={item.name: rng.dirichlet(np.ones(item.k), human.n) for item in task.items},
    )
    return Case(
        task, human, simulated, make_people(task, 60, 9, profiles=9, prefix="pilot"),
        second=make_people(task, 320, 4, weighted=weighted),
    )  # fmt: skip


def others_with_noise(case: Case, share: float, seed: int) -> Sample:
    """The second sample of people, a share of whose answers is replaced by uniform noise."""
    rng, n = np.random.default_rng(seed), case.human.n
    return case.human.with_answers(
        {
            item.name: np.where(rng.random(n) < share, rng.integers(0, item.k, n), case.second.answers[item.name])
            for item in case.task.items
        }
    )


def own_with_noise(case: Case, share: float, seed: int) -> Sample:
    """The people's own answers, a share of them replaced, with the probabilities of that."""
    rng, n = np.random.default_rng(seed), case.human.n
    share = max(share, LEAST)  # a probability of 0 has no logarithm
    answers, probabilities, scores = {}, {}, {}
    for item in case.task.items:
        own = case.human.answers[item.name]
        known = own >= 0
        answers[item.name] = np.where(rng.random(n) < share, rng.integers(0, item.k, n), np.where(known, own, 0))
        right = (own[:, None] == np.arange(item.k)) | ~known[:, None] & (np.arange(item.k) == 0)
        probabilities[item.name] = (1 - share) * right + share / item.k
        scores[item.name] = np.where(known, np.log(1 - share + share / item.k), np.nan)
    return case.human.with_answers(answers, probabilities=probabilities, log_prob=scores)
