"""Personas: is the simulation of this person nearer to this person than simulations of other people are?

Swapping personas within an arm leaves every population metric as it is. Here predictions are exchanged among people of the
same arm and the same demographic cell, so that what is left to find is what the profile says beyond the cell.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.data.seeds import generator
from surveyeval.metric._subsample import SUBSAMPLE, subsample
from surveyeval.metric._tabulate import Bound, arm_index, kish, once, ratio
from surveyeval.metric.accuracy import people_of, predictions
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.task.task import Task

__all__ = ["PersonaGain", "PersonaSwap"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_TIMES = 999


class _Agreement:
    """How well each prediction fits each person of the same arm and cell: one square table for each of them."""

    def __init__(self, task: Task, human: Sample, simulated: Sample, cache: dict[Any, Any]) -> None:
        self.reason, self.note = "", ""
        self.strata: list[tuple[IntArray, FloatArray]] = []
        given = predictions(task, simulated)
        if isinstance(given, str):
            self.reason = given
            return
        person = people_of(human, simulated)
        answered = np.stack([(person >= 0) & human.answered(item.name)[person] for item in task.measured], axis=1)
        number = answered.sum(axis=1)
        # Sorted by respondent, so that permutations do not depend on the order of rows.
        order = np.argsort(simulated.respondent.astype(str), kind="stable")
        known = number > 0
        rows = np.flatnonzero(known)
        kept = rows[subsample(simulated.respondent[rows], "persona")]
        if len(kept) < len(rows):
            self.note = f"a random subsample of {len(kept):,} of {len(rows):,} rows, since rows are compared in pairs"
            known = np.zeros(simulated.n, dtype=bool)
            known[kept] = True
        order = order[known[order]]
        stratum = _strata(task, simulated, cache)
        for one in np.unique(stratum[order]):
            rows = order[stratum[order] == one]
            if len(rows) < 2:
                continue
            fit = np.zeros((len(rows), len(rows)))
            for j, item in enumerate(task.measured):
                p = given[item.name][rows]
                chosen = np.where(answered[rows, j], human.answers[item.name][person[rows]], 0)
                fit += np.where(answered[rows, j], p[:, chosen], 0.0).T
            self.strata.append((rows, fit / number[rows][:, None]))
        if not self.strata:
            self.reason = "no arm and cell holds two people with answers and a simulated row"


def _strata(task: Task, sample: Sample, cache: dict[Any, Any]) -> IntArray:
    """(n,) number of each row's arm and declared cell."""
    number = arm_index(task, sample, cache)
    for name in task.spec.cells:
        index, labels = task.groups(sample, name)
        number = number * (len(labels) + 1) + index + 1
    return number


class _Persona(ABC):
    """Shared by both: agreement tables, found once per sample."""

    spec: ClassVar[MetricSpec]

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""
        return None if task.profile else "the task has no profile"

    @abstractmethod
    def compute(self, agreement: _Agreement, weights: FloatArray, seed: int) -> FloatArray:
        """(B,) values."""

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples; only the weights of the simulated side are used, since rows are paired."""
        key = Key(self.spec.name)
        agreement = once(cache, simulated, "persona", lambda: _Agreement(task, human, simulated, cache))
        status = {key: ("not_applicable", agreement.reason)} if agreement.reason else {}
        flags = {key: (SUBSAMPLE,)} if agreement.note else {}
        if agreement.note and not status:
            status = {key: ("ok", agreement.note)}

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            if agreement.reason:
                nothing = np.full((len(simulated_weights), 1), np.nan)
                return Values([key], nothing, status=status)
            rows = np.concatenate([rows for rows, _ in agreement.strata])
            counted = simulated_weights[:, rows]
            n_eff = kish(counted.sum(axis=1), (counted**2).sum(axis=1))[:, None]
            value = self.compute(agreement, simulated_weights, seed)[:, None]
            return Values([key], value, status=status, flags=flags, n_eff=n_eff)

        return Bound(compute)


def _spec(
    name: str, summary: str, direction: Literal["lower", "higher"], interval: Literal["jackknife", "none"], low: float
) -> MetricSpec:
    return MetricSpec(
        name, "individual", summary, direction, "marginal", interval, unit="share", range=(low, 1.0), recoverable=False
    )


class PersonaGain(_Persona):
    """Accuracy with the person's own simulation minus accuracy with those of others in the same arm and cell.

    ``mean over people of (P_own(y) - mean P_other(y))``, with the probability P that a prediction gives to the person's
    answers y, mean over the answered items. Others are averaged exactly, not drawn; cells are the task's ``cells:``.
    People alone in their arm and cell do not count.

    Range
    -----
    -1 to 1.

    Direction and target
    --------------------
    Higher is better; 0 where the profile says nothing beyond arm and cell. In shares of answers: .02 means that two
    answers in a hundred are owed to the persona. There is no human reference.

    Assumptions
    -----------
    Rows are made for persons, and the task has a profile.

    When it misleads
    ----------------
    Where cells are nearly unique already: then there is nobody to exchange with. It is about the persona, not about
    quality: predictions that are wrong for everybody in the same way have no gain, and so have perfect ones when all
    people of a cell answer alike.

    Interval and estimand
    ---------------------
    The mean over the population of people, for this model as it is; a jackknife over people on the whole test sample.

    References
    ----------
    A permutation contrast, Edgington and Onghena (2007), Randomization Tests.
    """

    spec = _spec(
        "persona_gain", "accuracy owed to the person's own profile beyond arm and cell", "higher", "jackknife", -1.0
    )

    def compute(self, agreement: _Agreement, weights: FloatArray, seed: int) -> FloatArray:
        """Weighted mean of the differences."""
        top, bottom = np.zeros(len(weights)), np.zeros(len(weights))
        for rows, fit in agreement.strata:
            w = weights[:, rows]
            own = np.diagonal(fit)
            others = w.sum(axis=1, keepdims=True) - w
            counted = np.where(others > 1e-9 * w.sum(axis=1, keepdims=True), w, 0.0)
            mean = np.nan_to_num(ratio(w @ fit.T - w * own, np.where(counted > 0, others, 0.0)))
            top += np.sum(counted * (own - mean), axis=1)
            bottom += counted.sum(axis=1)
        gain = ratio(top, bottom)
        # Equal predictions cancel but for rounding, whose interval would look like knowledge.
        return np.where(np.abs(gain) < 1e-12, 0.0, gain)


class PersonaSwap(_Persona):
    """p-value of the permutation test that personas within arm and cell could be exchanged.

    ``(1 + #{exchanges that fit as well}) / 1000`` with 999 random exchanges of predictions among people of the same arm
    and cell. The fit is the mean probability that predictions give to people's answers.

    Range
    -----
    1/1000 to 1.

    Direction and target
    --------------------
    Low: predictions belong to their persons. It is a test, and has no human reference.

    Assumptions
    -----------
    Exact under the hypothesis that predictions carry nothing of the person beyond arm and cell.

    When it misleads
    ----------------
    Its size says nothing of how much is known, for which see `PersonaGain`: with many people the smallest knowledge
    gives the smallest p. A large p is no evidence that personas mean nothing.

    Interval and estimand
    ---------------------
    A p-value of the whole test sample; it has no interval, and only the first two sets of weights of a call are
    computed, the rest is NaN.

    References
    ----------
    Phipson and Smyth (2010), Statistical Applications in Genetics and Molecular Biology 9, on the 1 +.
    """

    spec = _spec(
        "persona_swap", "permutation p: could personas of one arm and cell be exchanged?", "lower", "none", 0.0
    )

    def compute(self, agreement: _Agreement, weights: FloatArray, seed: int) -> FloatArray:
        """Share of exchanges that fit people's answers at least as well."""
        result = np.full(len(weights), np.nan)
        for b in range(min(len(weights), 2)):
            own, exchanged, rng = 0.0, np.zeros(_TIMES), generator(seed, "persona")
            total = weights[b].sum()
            if not total > 0:
                continue
            for rows, fit in agreement.strata:
                inside = weights[b, rows] > 0
                w, table = weights[b, rows][inside] / total, fit[np.ix_(inside, inside)]
                places = np.argsort(rng.random((_TIMES, len(rows)))[:, inside], axis=1)
                own += float(w @ np.diagonal(table))
                exchanged += table[np.arange(len(w))[None, :], places] @ w
            result[b] = (1 + np.sum(exchanged >= own - 1e-12)) / (_TIMES + 1)
        return result
