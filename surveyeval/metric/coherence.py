"""Belief-action coherence: do actions follow from beliefs as often as they do among people?

A rule of the task says of each respondent that the action follows, contradicts or is undetermined. The *gap* is the
share of contradictions among the determined. *Coherence* corrects it for chance: ``1 - gap / gap0`` with gap0 the gap
to be expected when actions are dealt out anew within arms, so that it is Cohen's kappa for rules: 0 when actions ignore
beliefs, 1 without contradictions. People are the target on both sides: no gap at all is as wrong as too much.

gap0 needs no shuffling. If action a has the share q_a in an arm, respondent i there contradicts with probability
``sum_a q_a [i would contradict with a]``; the expectation is a sum of products of arm totals. It is the ratio of
the expected weighted counts, equal to the mean over shuffles where the rule applies by beliefs alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.metric._tabulate import Bound, GroupedSums, Grouping, Memo, arm_grouping, kish, once, ratio
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.task.schema import CoherenceRule
from surveyeval.task.task import Task

__all__ = ["Coherence", "Gap", "UndeterminedShare", "rule_outcomes"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_FOLLOWS, _CONTRADICTS, _UNDETERMINED = 1, 0, -1


class _Outcomes:
    """Outcomes of one rule in one sample, by arm."""

    def __init__(self, outcome: NDArray[np.int8], arm: Grouping) -> None:
        columns = np.column_stack([outcome == kind for kind in (_FOLLOWS, _CONTRADICTS, _UNDETERMINED)]).astype(float)
        self.determined = np.asarray(outcome >= _CONTRADICTS)
        self.evaluable = np.asarray(outcome >= _UNDETERMINED)
        self._sums = GroupedSums(columns, arm)
        self._memo = Memo()

    def sums(self, weights: FloatArray) -> FloatArray:
        """(B, A, 3) weight of those who follow, contradict, are undetermined."""
        return self._both(weights)[0]

    def squares(self, weights: FloatArray) -> FloatArray:
        """(B, A, 3) squared weights likewise."""
        return self._both(weights)[1]

    def _both(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        return self._memo.get("sums", weights, lambda: self._sums.both(weights))

    def n_eff(self, weights: FloatArray, kinds: int) -> tuple[FloatArray, FloatArray]:
        """(B,) and (B, A) effective number of respondents with one of the first `kinds` outcomes."""
        total, squares = (x[:, :, :kinds].sum(axis=2) for x in (self.sums(weights), self.squares(weights)))
        return kish(total.sum(axis=1), squares.sum(axis=1)), kish(total, squares)


class _Chance:
    """What the rule would say if actions were dealt out anew within arms."""

    def __init__(self, task: Task, sample: Sample, rule: CoherenceRule, known: _Outcomes, arm: Grouping) -> None:
        # Who cannot be evaluated neither holds beliefs nor lends an action.
        rows = np.flatnonzero(known.evaluable)
        actions = np.column_stack([sample.answers[name] for name in task.actions])[rows]
        vectors, number = np.unique(actions, axis=0, return_inverse=True)
        taken = np.zeros((sample.n, len(vectors)))
        taken[rows, number.reshape(-1)] = 1
        columns = [taken]
        outcomes = np.zeros((sample.n, len(vectors)), dtype=np.int8)
        for a, vector in enumerate(vectors):
            outcomes[:, a] = task.coherence(_with_actions(sample, task.actions, vector), rule)
        for kind in (_CONTRADICTS, _FOLLOWS):
            columns.append((outcomes == kind) & known.evaluable[:, None])
        self._sums = GroupedSums(np.concatenate(columns, axis=1), arm)
        self._memo = Memo()

    def gap(self, weights: FloatArray) -> FloatArray:
        """(B,) expected gap."""
        return self._memo.get("gap", weights, lambda: self._gap(weights))

    def _gap(self, weights: FloatArray) -> FloatArray:
        taken, contradicts, follows = np.split(self._sums(weights), 3, axis=2)
        share = np.nan_to_num(ratio(taken, taken.sum(axis=2, keepdims=True)))
        against, along = (np.sum(share * x, axis=(1, 2)) for x in (contradicts, follows))
        return ratio(against, against + along)


def _with_actions(sample: Sample, actions: tuple[str, ...], vector: IntArray) -> Sample:
    """The same respondents, all of whom took the same actions."""
    answers, states = dict(sample.answers), dict(sample.states)
    for name, option in zip(actions, vector, strict=True):
        answers[name] = np.full(sample.n, option, dtype=np.int64)
        if option >= 0:
            states[name] = np.zeros(sample.n, dtype=np.int8)
    return replace(sample, answers=answers, states=states)


def rule_outcomes(task: Task, sample: Sample, rule: CoherenceRule, cache: dict[Any, Any]) -> _Outcomes:
    """Outcomes of a rule in a sample, by arm, found once per sample."""

    def make() -> _Outcomes:
        return _Outcomes(task.coherence(sample, rule), arm_grouping(task, sample, cache))

    return once(cache, sample, ("coherence", rule.name), make)


def _chance(task: Task, sample: Sample, rule: CoherenceRule, cache: dict[Any, Any]) -> _Chance:
    known = rule_outcomes(task, sample, rule, cache)
    return once(
        cache,
        sample,
        ("chance", rule.name),
        lambda: _Chance(task, sample, rule, known, arm_grouping(task, sample, cache)),
    )


class _RuleMetric(ABC):
    """Shared by the metrics on rules: a value of each side per rule, the loss is their distance."""

    spec: ClassVar[MetricSpec]
    headline: ClassVar[bool] = False
    #: 2: only the determined count; 3: the undetermined as well.
    kinds: ClassVar[int] = 2

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""
        return None if task.spec.coherence else "the task declares no coherence rule"

    def arms(self, task: Task) -> tuple[str, ...]:
        """Arms that get a value of their own."""
        return ()

    @abstractmethod
    def side(
        self, task: Task, sample: Sample, rule: CoherenceRule, weights: FloatArray, cache: dict[Any, Any]
    ) -> FloatArray:
        """(B, 1 + number of arms) values of one side."""

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples."""
        keys: list[Key] = []
        status: dict[Key, tuple[str, str]] = {}
        rules = task.spec.coherence
        for rule in rules:
            own = [Key(self.spec.name, rule=rule.name, headline=self.headline)]
            own += [Key(self.spec.name, rule=rule.name, arm=arm) for arm in self.arms(task)]
            for sample, whom in ((human, "person"), (simulated, "simulated respondent")):
                outcomes = rule_outcomes(task, sample, rule, cache)
                if not (outcomes.determined if self.kinds == 2 else outcomes.evaluable).any():
                    reason = f"the rule says nothing about any {whom}"
                    status |= dict.fromkeys(own, ("not_estimable", reason))
            keys += own

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            value, loss, n_eff = [], [], []
            for rule in rules:
                sides, sizes = [], []
                for sample, weights in ((human, human_weights), (simulated, simulated_weights)):
                    sides.append(self.side(task, sample, rule, weights, cache))
                    overall, by_arm = rule_outcomes(task, sample, rule, cache).n_eff(weights, self.kinds)
                    sizes.append(np.column_stack([overall, by_arm])[:, : sides[-1].shape[1]])
                value.append(sides[1])
                loss.append(np.abs(sides[1] - sides[0]))
                n_eff.append(np.minimum(*sizes))
            value_, loss_, n_eff_ = (np.concatenate(x, axis=1) for x in (value, loss, n_eff))
            return Values(keys, value_, loss_, status=status, n_eff=n_eff_)

        return Bound(compute)


def _spec(name: str, summary: str, lowest: float | None = 0.0) -> MetricSpec:
    return MetricSpec(name, "coherence", summary, "target", "marginal", unit="share", range=(lowest, 1.0))


class Gap(_RuleMetric):
    """Belief-action gap: share of contradictions among those about whom the rule says something.

    ``gap = contradicts / (follows + contradicts)``, in weights, per rule and, in an experiment, per arm. The task's
    rule says of each respondent whether the action follows from the beliefs, contradicts them, or is undetermined.

    Range
    -----
    0 to 1.

    Direction and target
    --------------------
    The target is people's own gap, on either side: no gap at all is as wrong as too much. The loss is the distance from
    it.

    Assumptions
    -----------
    The task's rule. Respondents with an unanswered input are not evaluable, undetermined ones not counted (see
    `UndeterminedShare`).

    When it misleads
    ----------------
    Alone: independent beliefs with an action tuned to the gap pass, and so do resampled pilot rows; `Coherence` and
    `StructureRatio` catch the former. A simulator can empty the denominator with undetermined answers. Too coherent in
    one arm and too incoherent in another cancel overall: see `GapError`.

    Interval and estimand
    ---------------------
    The gap of the population of simulated respondents, beside people's.

    References
    ----------
    The rule is the task's. Wang, Hunt, Tang and Joseph (2025), arXiv 2511.21218, for the gap of simulated respondents
    beside people's.
    """

    spec = _spec("gap", "share whose action contradicts their beliefs")
    headline = True

    def arms(self, task: Task) -> tuple[str, ...]:
        """Every arm of an experiment."""
        return tuple(arm.key for arm in task.arms) if task.is_experiment else ()

    def side(
        self, task: Task, sample: Sample, rule: CoherenceRule, weights: FloatArray, cache: dict[Any, Any]
    ) -> FloatArray:
        """Gap overall and by arm."""
        sums = rule_outcomes(task, sample, rule, cache).sums(weights)
        gaps = [_gap(sums.sum(axis=1))[:, None]]
        if task.is_experiment:
            gaps.append(_gap(sums))
        return np.concatenate(gaps, axis=1)


def _gap(sums: FloatArray) -> FloatArray:
    return ratio(sums[..., 1], sums[..., 0] + sums[..., 1])


class UndeterminedShare(_RuleMetric):
    """Share of respondents about whom the rule says nothing: ties, and rules that do not apply.

    ``undetermined / (follows + contradicts + undetermined)``, in weights, per rule.

    Range
    -----
    0 to 1.

    Direction and target
    --------------------
    The target is people's own share, on either side; the loss is the distance from it.

    Assumptions
    -----------
    The task's rule; respondents with an unanswered input are left out.

    When it misleads
    ----------------
    It is no measure of coherence. It tells whether the gap is about as many simulated respondents as people: with a
    share far from people's the two gaps are about different kinds of respondents.

    Interval and estimand
    ---------------------
    The share in the population of simulated respondents, beside people's.

    References
    ----------
    The rule is the task's; a proportion.
    """

    spec = _spec("undetermined_share", "share about whom the rule says nothing")
    kinds = 3

    def side(
        self, task: Task, sample: Sample, rule: CoherenceRule, weights: FloatArray, cache: dict[Any, Any]
    ) -> FloatArray:
        """Share overall."""
        sums = rule_outcomes(task, sample, rule, cache).sums(weights).sum(axis=1)
        return ratio(sums[:, 2], sums.sum(axis=1))[:, None]


class Coherence(_RuleMetric):
    """Gap corrected for chance: 1 without contradictions, 0 as if actions were dealt out at random.

    ``1 - gap / gap0``, gap0 being the gap that is expected when actions are dealt out anew within arms: Cohen's kappa
    for rules. It is computed without shuffling: with the share q_a of action a in the arm, a respondent contradicts
    with probability ``sum_a q_a [would contradict with a]``. 0 where chance alone never contradicts: then no coherence
    can show.

    Range
    -----
    At most 1; below 0 where actions contradict beliefs more often than by chance.

    Direction and target
    --------------------
    The target is people's own value, on either side: over-coherence is as wrong as incoherence. The loss is the
    distance from it.

    Assumptions
    -----------
    The task's rule. gap0 is a ratio of expected weighted counts, equal to the mean over shuffles where the rule applies
    by beliefs alone.

    When it misleads
    ----------------
    Like every kappa it depends on the shares of actions: where nearly everybody takes the same action, gap0 is small
    and a few respondents move the value far. Resampled pilot rows pass it: they are people.

    Interval and estimand
    ---------------------
    The value of the population of simulated respondents, beside people's.

    References
    ----------
    Cohen (1960), A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20, applied
    to rules.
    """

    spec = _spec("coherence", "gap corrected for chance, 1 without contradictions, 0 as if by chance", None)
    headline = True

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""
        return super().applicable(task) or (None if task.actions else "no asked item has the role action")

    def side(
        self, task: Task, sample: Sample, rule: CoherenceRule, weights: FloatArray, cache: dict[Any, Any]
    ) -> FloatArray:
        """Coherence overall."""
        gap = _gap(rule_outcomes(task, sample, rule, cache).sums(weights).sum(axis=1))
        by_chance = _chance(task, sample, rule, cache).gap(weights)
        corrected = 1 - ratio(gap, by_chance)
        return np.where(by_chance == 0, 0.0, corrected)[:, None]
