"""Individual: how probable was what this very person answered?

The only axis that sees whether a profile means anything: swapping personas within arms leaves every population metric
unchanged. Values are computed on all test people at once, each against the model's probabilities for that person.
There is no human reference without a retest. Floors are baselines fitted on the pilot, scored on the same people.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample, State
from surveyeval.metric._tabulate import Bound, kish, ratio
from surveyeval.metric.protocol import UNPAIRED, Key, MetricSpec, Values
from surveyeval.task.task import Task

__all__ = ["NO_PROBABILITY", "JointLogLoss", "LogLoss", "nothing_known"]

FloatArray = NDArray[np.float64]
#: How the reason begins where a simulated sample has no probabilities.
NO_PROBABILITY = "the model gives no probability of people's answers"


def _bits(task: Task, human: Sample, simulated: Sample) -> FloatArray | str:
    """(n, J) bits per simulated row and item, NaN where the person gave no answer; or why there are none.

    Infinity where a model gave an answer no probability at all.
    """
    if not simulated.paired:
        return UNPAIRED
    absent = [item.name for item in task.measured if item.name not in simulated.log_prob]
    if absent:
        return f"{NO_PROBABILITY} to {', '.join(absent)}"
    rows = {respondent: row for row, respondent in enumerate(human.respondent)}
    position = np.array([rows.get(respondent, -1) for respondent in simulated.respondent], dtype=np.int64)
    bits = np.full((simulated.n, len(task.measured)), np.nan)
    unscored = np.zeros(simulated.n, dtype=bool)
    # A sequential interview cannot go on as it was after an item that the person was asked and did not answer. What is
    # scored follows from the people alone, so that it is the same for every model and differences are paired.
    heard = np.ones(human.n, dtype=bool)
    place = {item.name: j for j, item in enumerate(task.measured)}
    for item in task.items:  # an attention check or a retest without an answer ends what is scored, too
        answered = (position >= 0) & (human.answered(item.name) & heard)[position]
        if task.spec.interview.mode == "sequential":
            heard &= human.answered(item.name) | (human.states[item.name] == State.NOT_ASKED)
        if item.name not in place:
            continue
        j = place[item.name]
        bits[answered, j] = -simulated.log_prob[item.name][answered] / np.log(2)
        lacking = answered & np.isnan(bits[:, j])
        if answered.any() and lacking[answered].all():
            return f"{NO_PROBABILITY} to {item.name}"
        unscored |= lacking
    # A person with an answer that was not scored drops out as a whole; otherwise skipping hard answers would pay.
    bits[unscored] = np.nan
    return bits


def nothing_known(task: Task) -> str | None:
    """Why a task says nothing about individuals: neither a profile nor an earlier answer tells them apart."""
    if task.profile or len(task.measured) > 1:
        return None
    return "the task has no profile and one item, so that nothing tells respondents apart but their arm"


class _LogLoss(ABC):
    """Shared by the joint and the itemwise loss."""

    spec: MetricSpec

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""
        return nothing_known(task)

    @abstractmethod
    def keys(self, task: Task) -> list[Key]:
        """What is returned."""

    @abstractmethod
    def columns(self, bits: FloatArray) -> FloatArray:
        """(n, Q) bits that are averaged over respondents for each key; NaN where a respondent does not count."""

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples; only the weights of the simulated side are used, since rows are paired."""
        keys = self.keys(task)
        bits = _bits(task, human, simulated)
        if isinstance(bits, str):
            status = dict.fromkeys(keys, ("not_applicable", bits))

            def nothing(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
                return Values(keys, np.full((len(simulated_weights), len(keys)), np.nan), status=status)

            return Bound(nothing)
        columns = self.columns(bits)
        counted = ~np.isnan(columns)
        # Infinity times a zero weight would be NaN: count the infinities apart.
        infinite = np.isinf(columns).astype(float)
        finite = np.where(counted & np.isfinite(columns), columns, 0.0)
        member = counted.astype(float)

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            total = simulated_weights @ member
            value = ratio(simulated_weights @ finite, total)
            value[simulated_weights @ infinite > 0] = np.inf
            return Values(keys, value, n_eff=kish(total, (simulated_weights**2) @ member))

        return Bound(compute)


class JointLogLoss(_LogLoss):
    """Bits per respondent for the person's whole interview, each answer given the earlier ones.

    ``-mean over people of sum_j log2 P(y_j | profile, arm, y_1 ... y_(j-1))``: minus the logarithm of the probability
    of everything that the person answered. It is the value to read first.

    Range
    -----
    At least 0; infinite where a model gave an answer no probability at all.

    Direction and target
    --------------------
    Lower is better: a strictly proper score of the joint law of the answers, lowest in expectation for the true law.
    There is no human reference without a retest; the bar is the best baseline fitted on the same pilot.

    Assumptions
    -----------
    The model states probabilities of options, and was scored on people's own answers. After an item that a person was
    asked and did not answer, the rest of a sequential interview is not scored, for every model alike.

    When it misleads
    ----------------
    In absolute size: bits depend on the number of items and options, and people's own uncertainty sets a limit that
    nobody knows. A model with good ranks and overconfident probabilities is punished for the latter alone. One answer
    given no probability is infinite bits.

    Interval and estimand
    ---------------------
    The mean over the population of people, for this model as it is; a jackknife over people on the whole test sample,
    not halves. Differences between models are paired.

    References
    ----------
    Gneiting and Raftery (2007), Strictly proper scoring rules, prediction, and estimation, Journal of the American
    Statistical Association 102.
    """

    spec = MetricSpec(
        "joint_log_loss",
        "individual",
        "bits per respondent for all answers, each given the earlier ones",
        "lower",
        "marginal",
        unit="bits",
        range=(0.0, None),
    )

    def keys(self, task: Task) -> list[Key]:
        """One value."""
        return [Key("joint_log_loss", headline=True)]

    def columns(self, bits: FloatArray) -> FloatArray:
        """Sum over answered items; NaN for people who answered nothing."""
        answered = ~np.isnan(bits)
        return np.where(answered.any(axis=1), np.sum(np.where(answered, bits, 0.0), axis=1), np.nan)[:, None]


class LogLoss(_LogLoss):
    """Bits per answer for each item, given the person's earlier answers.

    ``-mean log2 P(y_j | profile, arm, y_1 ... y_(j-1))`` over the people who answered item j. The sum over items is in
    `JointLogLoss`.

    Range
    -----
    At least 0; infinite where a model gave an answer no probability at all.

    Direction and target
    --------------------
    Lower is better; there is no human reference without a retest. Uniform answers cost log2 K bits.

    Assumptions
    -----------
    As `JointLogLoss`.

    When it misleads
    ----------------
    An item late in a sequential interview is predicted from the person's own earlier answers: few bits there are no
    merit of the profile. Items with more options cost more bits.

    Interval and estimand
    ---------------------
    The mean over the population of people, for this model as it is; a jackknife over people on the whole test sample.

    References
    ----------
    Good (1952), Rational decisions, Journal of the Royal Statistical Society B 14; Gneiting and Raftery (2007), Journal
    of the American Statistical Association 102.
    """

    spec = MetricSpec(
        "log_loss",
        "individual",
        "bits per answer, given the earlier ones",
        "lower",
        "marginal",
        unit="bits",
        range=(0.0, None),
    )

    def keys(self, task: Task) -> list[Key]:
        """One value per item; the mean over items is in `JointLogLoss` already, as a sum."""
        return [Key("log_loss", item=item.name) for item in task.measured]

    def columns(self, bits: FloatArray) -> FloatArray:
        """Bits as they are."""
        return bits
