"""Individual accuracy: does the simulation of this person answer as this person did?

Predictions are the probabilities of the options where the model gives them. Answers drawn from them would only add noise:
a drawn answer hits with the probability that the option had. A model without probabilities is judged by its answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.metric._tabulate import Bound, GroupedSums, arm_grouping, kish, ratio
from surveyeval.metric.contrasts import scores
from surveyeval.metric.individual import nothing_known
from surveyeval.metric.protocol import UNPAIRED, Key, MetricSpec, Values
from surveyeval.task.task import Task

__all__ = ["Accuracy", "PearsonR", "people_of", "predictions"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def predictions(task: Task, simulated: Sample) -> Mapping[str, FloatArray] | str:
    """Probabilities of the options of every item for every simulated row, or why there are none.

    Returns
    -------
    mapping of item name to (n, K) float array
        Rows without a prediction are zero throughout.
    """
    if not simulated.paired:
        return UNPAIRED
    found = {}
    for item in task.measured:
        given = simulated.probabilities.get(item.name)
        if given is None:
            if item.name in simulated.log_prob:
                # Such a sample knows how probable the person's own answer was; its answers need not be the model's.
                return f"the probabilities of the options of {item.name} are not known"
            given = np.zeros((simulated.n, item.k))
            rows = np.flatnonzero(simulated.answered(item.name))
            given[rows, simulated.answers[item.name][rows]] = 1.0
        found[item.name] = np.nan_to_num(given)
    return found


def people_of(human: Sample, simulated: Sample) -> IntArray:
    """(n_simulated,) row of the person that each simulated row was made for, -1 without one."""
    rows = {respondent: row for row, respondent in enumerate(human.respondent)}
    return np.array([rows.get(respondent, -1) for respondent in simulated.respondent], dtype=np.int64)


def _inapplicable(keys: list[Key], reason: str) -> Bound:
    status = dict.fromkeys(keys, ("not_applicable", reason))

    def nothing(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
        return Values(keys, np.full((len(simulated_weights), len(keys)), np.nan), status=status)

    return Bound(nothing)


class Accuracy:
    """Share of people's answers that the simulation of the same person gives.

    ``accuracy`` is the mean probability of the person's own answer, ``mean P(y)``, which is what drawn answers hit on
    average; ``accuracy_modal`` the share for which it is the most probable option (ties share). Per item, and mean over
    items. An answer without a prediction is a miss, since skipping hard answers would pay otherwise.

    Range
    -----
    0 to 1.

    Direction and target
    --------------------
    Higher is better; there is no human reference without a retest, and 1 is out of reach for people who were asked
    again as well.

    Assumptions
    -----------
    Rows are made for persons. In sequential interviews predictions follow the simulation's own earlier answers.

    When it misleads
    ----------------
    Without its floors: the modal answer of the arm alone is often right more than half of the time. As a goal: always
    giving the most probable option raises the first value and ruins every distribution; the log-loss does not have this
    fault.

    Interval and estimand
    ---------------------
    The mean over the population of people, for this model as it is; a jackknife over people on the whole test sample,
    as the items of one person are not independent.

    References
    ----------
    Argyle et al. (2023), Out of one, many, Political Analysis 31, study 2; Gneiting and Raftery (2007), Journal of the
    American Statistical Association 102, on scores.
    """

    spec: ClassVar[MetricSpec] = MetricSpec(
        "accuracy",
        "individual",
        "probability that the simulation of a person gives this person's answer",
        "higher",
        "marginal",
        unit="share",
        range=(0.0, 1.0),
    )

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""
        return nothing_known(task)

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples; only the weights of the simulated side are used, since rows are paired."""
        names = [item.name for item in task.measured]
        keys = [Key(name, item=item) for name in ("accuracy", "accuracy_modal") for item in ("", *names)]
        given = predictions(task, simulated)
        if isinstance(given, str):
            return _inapplicable(keys, given)
        person = people_of(human, simulated)
        hits = np.zeros((2, simulated.n, len(names)))
        member = np.zeros((simulated.n, len(names)))
        for j, name in enumerate(names):
            rows = np.flatnonzero((person >= 0) & human.answered(name)[person])
            answer, p = human.answers[name][person[rows]], given[name][rows]
            best = (p == p.max(axis=1, keepdims=True)) & (p > 0)
            chosen = np.arange(len(rows))
            hits[0, rows, j] = p[chosen, answer]
            hits[1, rows, j] = best[chosen, answer] / np.maximum(best.sum(axis=1), 1)
            member[rows, j] = 1
        status = {
            key: ("not_estimable", "no person with a simulated row answered")
            for key in keys
            if not (member[:, names.index(key.item)].any() if key.item else member.any(axis=0).all())
        }

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            total = simulated_weights @ member
            n = kish(total, (simulated_weights**2) @ member)
            value, n_eff = [], []
            for one in hits:
                by_item = ratio(simulated_weights @ one, total)
                value += [by_item.mean(axis=1, keepdims=True), by_item]
                n_eff += [n.min(axis=1, keepdims=True), n]
            return Values(keys, np.hstack(value), status=status, n_eff=np.hstack(n_eff))

        return Bound(compute)


class PearsonR:
    """Correlation within arms of the expected simulated answer with the person's own.

    ``cov(x, y) / sqrt(var x var y)`` with y the person's answer and x the mean of the option values under the model's
    probabilities, both as deviations from the mean of their arm, since the effect of a treatment is no knowledge of a
    person. Per item, and mean over items. A prediction that is the same for everybody in an arm counts as 0.

    Range
    -----
    -1 to 1.

    Direction and target
    --------------------
    Higher is better; there is no human reference without a retest, and the bar is the best baseline on the same pilot.

    Assumptions
    -----------
    Ordered items and items with two options only. Rows without a prediction do not enter: see the effective size.

    When it misleads
    ----------------
    Where models give drawn answers and no probabilities: draws attenuate it, and a perfect model of the law reaches
    only the share of variance that the profile explains. On skewed items few people decide. A correlation sees neither
    a shift nor the wrong spread.

    Interval and estimand
    ---------------------
    The mean over items of the correlation in the population of people, for this model as it is; a jackknife over people
    on the whole test sample.

    References
    ----------
    Pearson's correlation; attenuation by noise as in Spearman (1904), American Journal of Psychology 15.
    """

    spec: ClassVar[MetricSpec] = MetricSpec(
        "pearson_r",
        "individual",
        "correlation of expected simulated answers with the person's own, within arms",
        "higher",
        "marginal",
        unit="ratio",
        range=(-1.0, 1.0),
    )

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""
        if not any(scores(item) is not None for item in task.measured):
            return "no item is ordered or binary"
        return nothing_known(task)

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples; only the weights of the simulated side are used, since rows are paired."""
        items = [(item, score) for item in task.measured if (score := scores(item)) is not None]
        keys = [Key(self.spec.name), *(Key(self.spec.name, item=item.name) for item, _ in items)]
        given = predictions(task, simulated)
        if isinstance(given, str):
            return _inapplicable(keys, given)
        person, arm = people_of(human, simulated), arm_grouping(task, simulated, cache)
        sums = []
        for item, score in items:
            p = given[item.name]
            known = (person >= 0) & human.answered(item.name)[person] & (p.sum(axis=1) > 0)
            y = np.where(known, score[human.answers[item.name][person]], 0.0)
            x = np.where(known, p @ score, 0.0)
            columns = np.column_stack([known, x, y, x * x, y * y, x * y]).astype(float)
            sums.append((GroupedSums(columns, arm), known.astype(float)))
        all_weights = simulated.weight[None, :]
        varying = np.array([np.isfinite(_within(total(all_weights))[0]) for total, _ in sums])
        reason = "people do not differ within arms, or have no simulated row"
        status = {key: ("not_estimable", reason) for key, ok in zip(keys[1:], varying, strict=True) if not ok}
        if not varying.any():
            status[keys[0]] = ("not_estimable", reason)

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            r = np.stack([_within(total(simulated_weights)) for total, _ in sums], axis=1)
            member = np.stack([known for _, known in sums], axis=1)
            n = kish(simulated_weights @ member, (simulated_weights**2) @ member)
            if not varying.any():
                return Values(
                    keys, np.full((len(r), len(keys)), np.nan), status=status, n_eff=np.zeros((len(r), len(keys)))
                )
            overall, least = r[:, varying].mean(axis=1), n[:, varying].min(axis=1)
            return Values(keys, np.column_stack([overall, r]), status=status, n_eff=np.column_stack([least, n]))

        return Bound(compute)


def _within(sums: FloatArray) -> FloatArray:
    """(B,) correlation within groups from (B, G, 6) sums of 1, x, y, xx, yy, xy; 0 where x, NaN where y is constant."""
    W, x, y, xx, yy, xy = np.moveaxis(sums, 2, 0)
    mean = np.nan_to_num(ratio(np.ones_like(W), W))
    sxx, syy, sxy = ((a - b * c * mean).sum(axis=1) for a, b, c in ((xx, x, x), (yy, y, y), (xy, x, y)))
    total = W.sum(axis=1)
    # Values are shares of the scale, so that a variance below this is rounding error.
    constant_x, constant_y = sxx <= 1e-12 * total, syy <= 1e-12 * total
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.clip(sxy / np.sqrt(np.maximum(sxx, 0) * np.maximum(syy, 0)), -1, 1)
    return np.where(constant_y, np.nan, np.where(constant_x, 0.0, r))
