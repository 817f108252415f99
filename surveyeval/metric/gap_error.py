"""How far the belief-action gap of the simulation is from people's: the distance, its sign, and arm by arm.

A simulation that is too coherent in one arm and too incoherent in another has the right gap on average. The mean over
arms of the distance within arms does not let the two cancel.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.metric._tabulate import Bound, ratio
from surveyeval.metric.coherence import Gap, rule_outcomes
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.task.task import Task

__all__ = ["GapDifference", "GapError"]

FloatArray = NDArray[np.float64]


def _spec(name: str, summary: str, direction: Literal["lower", "target"], lowest: float) -> MetricSpec:
    return MetricSpec(name, "coherence", summary, direction, "marginal", unit="share", range=(lowest, 1.0))


class _GapContrast:
    """Shared by both: gaps of the two sides, overall and by arm."""

    spec: ClassVar[MetricSpec]
    #: Whether errors in opposite directions cancel.
    signed: ClassVar[bool]

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""
        return Gap().applicable(task)

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples."""
        name, gap = self.spec.name, Gap()
        arms = gap.arms(task)
        keys: list[Key] = []
        status: dict[Key, tuple[str, str]] = {}
        for rule in task.spec.coherence:
            own = [Key(name, rule=rule.name), *(Key(name, rule=rule.name, arm=arm) for arm in arms)]
            own += [Key(f"{name}_arms", rule=rule.name)] if arms else []
            for sample, whom in ((human, "person"), (simulated, "simulated respondent")):
                if not rule_outcomes(task, sample, rule, cache).determined.any():
                    status |= dict.fromkeys(own, ("not_estimable", f"the rule says nothing about any {whom}"))
            keys += own

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            value, n_eff = [], []
            for rule in task.spec.coherence:
                sides = ((human, human_weights), (simulated, simulated_weights))
                theirs, made = (gap.side(task, sample, rule, weights, cache) for sample, weights in sides)
                sizes = [rule_outcomes(task, sample, rule, cache).n_eff(weights, 2) for sample, weights in sides]
                overall, by_arm = (np.minimum(*pair) for pair in zip(*sizes, strict=True))
                difference = made - theirs if self.signed else np.abs(made - theirs)
                value.append(difference)
                n_eff.append(np.column_stack([overall, by_arm])[:, : difference.shape[1]])
                if arms:
                    people = rule_outcomes(task, human, rule, cache).sums(human_weights)[:, :, :2].sum(axis=2)
                    # An arm without a determined respondent on one of the sides has no gap to compare.
                    weight = np.where(np.isnan(difference[:, 1:]), 0.0, people)
                    total = np.sum(weight * np.nan_to_num(difference[:, 1:]), axis=1)
                    value.append(ratio(total, weight.sum(axis=1))[:, None])
                    n_eff.append(overall[:, None])
            result = np.concatenate(value, axis=1)
            result[:, [key in status for key in keys]] = np.nan
            return Values(keys, result, np.abs(result), status=status, n_eff=np.concatenate(n_eff, axis=1))

        return Bound(compute)


class GapError(_GapContrast):
    """Distance of the belief-action gap from people's, overall and arm by arm.

    ``|gap(simulation) - gap(people)|`` per rule, in an experiment also per arm; ``gap_error_arms`` is the mean over
    arms, weighted by their determined people, so that errors in opposite directions do not cancel.

    Range
    -----
    0 to 1.

    Direction and target
    --------------------
    Lower is better, 0 is the same gap. Two halves of people differ too, the more the smaller the arm: read arms beside
    their reference.

    Assumptions
    -----------
    The task's rule; both sides have respondents about whom it says something.

    When it misleads
    ----------------
    Alone: the right gap may come from actions that follow no belief at all (see `Coherence`). It does not say whether
    the simulation is too coherent or too incoherent: see `GapDifference`.

    Interval and estimand
    ---------------------
    The expected distance between the gaps of two halves; it is above 0 also for people.

    References
    ----------
    The rule is the task's; the absolute error of a proportion.
    """

    spec = _spec("gap_error", "distance of the belief-action gap from people's", "lower", 0.0)
    signed = False


class GapDifference(_GapContrast):
    """Belief-action gap minus people's: below 0 the simulation is more coherent than people.

    ``gap(simulation) - gap(people)`` per rule and arm. ``gap_difference_arms`` is the mean over arms, in which errors
    of opposite sign cancel: beside `GapError` it shows that they do.

    Range
    -----
    -1 to 1.

    Direction and target
    --------------------
    The target is 0; the loss is the absolute value.

    Assumptions
    -----------
    The task's rule; both sides have respondents about whom it says something.

    When it misleads
    ----------------
    As the gap does: the difference is 0 also for a simulator whose actions follow from nothing and happen to contradict
    as often.

    Interval and estimand
    ---------------------
    The difference of the two populations' gaps: unlike a distance it has the expectation 0 between samples of people.

    References
    ----------
    The rule is the task's; the difference of two proportions.
    """

    spec = _spec("gap_difference", "belief-action gap minus people's, below 0 too coherent", "target", -1.0)
    signed = True
