"""People equivalent: how many randomly chosen people would miss the mean by as much as the simulation does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from surveyeval.data.sample import Sample
from surveyeval.data.weights import kish
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.task.task import Task

from surveyeval_ppi.pairs import log_loss_of_count, target_values

__all__ = ["PeopleEquivalent", "equivalents", "squared_error_quantile"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

POINT, LOWER = "people_equivalent", "people_equivalent_at_least"
#: Probability with which the true squared error is below its upper limit.
CONFIDENCE = 0.95


def squared_error_quantile(trace: FloatArray, trace_of_square: FloatArray) -> FloatArray:
    """95% quantile of the squared length of a normal error, from its covariance's trace and that of its square.

    Exact for one mean, where it is 3.84 se^2; otherwise Satterthwaite's approximation by a multiple of chi-squared.

    Source: Satterthwaite (1946), An approximate distribution of estimates of variance components, Biometrics Bulletin 2.
    """
    some = trace > 0
    scale = np.divide(trace_of_square, trace, out=np.ones_like(trace), where=some)
    freedom = np.divide(trace, scale, out=np.ones_like(trace), where=some)
    return np.where(some, scale * stats.chi2.ppf(CONFIDENCE, freedom), 0.0)


def equivalents(
    variance: FloatArray, squared: FloatArray, noise: FloatArray, noise_of_square: FloatArray, people: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """People equivalent and its lower limit; NaN where people do not differ.

    Parameters
    ----------
    variance : float array
        sigma^2, variance of people's answers (or its mean over items).
    squared : float array
        (mean_S - mean_H)^2 (or its mean).
    noise, noise_of_square : float arrays
        Trace of the covariance of mean_S - mean_H, which is se_S^2 + se_H^2 for one mean, and trace of its square.
    people : float array
        Number of people behind mean_H.

    Returns
    -------
    point : float array
        sigma^2 / b^2 with b^2 = squared - noise, and at most people / 3.84: b^2 may be estimated at 0 and below, and no
        more can be shown with so many people even if the simulation hits their mean exactly and without noise of its own.
    lower : float array
        sigma^2 over the upper limit of b^2: by the triangle inequality, with 95% probability
        b <= sqrt(squared) + sqrt(quantile of the squared error).
    """
    some = variance > 1e-12

    def over(number: FloatArray, by: FloatArray) -> FloatArray:
        return np.divide(number, by, out=np.full_like(number, np.nan), where=some & (by > 0))

    least = stats.chi2.ppf(CONFIDENCE, 1) * over(variance, people)
    reach = squared_error_quantile(noise, noise_of_square)
    point = over(variance, np.fmax(squared - noise, least))
    return point, over(variance, (np.sqrt(squared) + np.sqrt(reach)) ** 2)


@dataclass(frozen=True, eq=False)
class _Side:
    """Answers of one side as numbers 0 to 1, by arm."""

    value: FloatArray
    answered: BoolArray
    rows: list[NDArray[np.int64]]

    def moments(self, weights: FloatArray, arm: int) -> tuple[FloatArray, ...]:
        """(B, J) mean, variance and sum of weights, and the (B, J, J) covariance of means, within an arm.

        Means are ratios, linearised; n / (n - 1) with Kish's n makes variances unbiased for equal weights. NaN with fewer
        than two respondents.
        """
        rows = self.rows[arm]
        held, value = self.answered[rows].astype(float), self.value[rows]
        own = weights[:, rows]
        total, squares = own @ held, (own * own) @ held
        some = total > 0

        def over(number: FloatArray, by: FloatArray) -> FloatArray:
            return np.divide(number, by, out=np.full_like(number, np.nan), where=some)

        size = over(total**2, squares)
        free = np.divide(size, size - 1, out=np.full_like(size, np.nan), where=size > 1 + 1e-9)
        mean = over(own @ (held * value), total)
        deviation = held * (value - np.nan_to_num(mean)[:, None, :])
        variance = over(np.einsum("bi,bij->bj", own, deviation**2), total) * free
        influence = own[:, :, None] * deviation * over(np.ones_like(total), total)[:, None, :]
        scale = np.sqrt(free)
        covariance = np.matmul(influence.transpose(0, 2, 1), influence) * scale[:, :, None] * scale[:, None, :]
        return mean, variance, total, covariance


def _side(task: Task, sample: Sample, pilot: Sample) -> _Side:
    value = np.zeros((sample.n, len(task.items)))
    answered = np.zeros((sample.n, len(task.items)), dtype=bool)
    for j, item in enumerate(task.items):
        codes = sample.answers.get(item.name, np.full(sample.n, -1))
        answered[:, j] = codes >= 0
        value[:, j] = np.where(answered[:, j], target_values(item, pilot)[codes], 0.0)
    rows = [np.flatnonzero(sample.arm == arm.key) for arm in task.arms]
    return _Side(value, answered, rows)


class PeopleEquivalent:
    """Sample size whose mean misses the population's by as much as the simulation's mean does, apart from noise.

    ``sigma^2 / b^2`` with ``b^2 = (mean_S - mean_H)^2 - se_H^2 - se_S^2``, by item (within arms, arms weighted by their
    people), and pooled: mean sigma^2 over mean b^2, each item on the range 0 to 1. Both sides are answers, never
    expectations, so that people are put through the same hole. ``people_equivalent_at_least`` has 95% confidence. In
    words: asking this model is like asking this many randomly chosen people, and adding simulated rows does not raise
    it.

    Range
    -----
    0 to n / 3.84, n being the people that it is measured with; even a perfect model can't be shown to be worth more.

    Direction and target
    --------------------
    Higher is better; the reference is what real people of the other half reach.

    Assumptions
    -----------
    Items of one task have errors of the same kind, or their pooled value means little. Of items without order, the
    share of one option is taken: the one that most people of the pilot chose.

    When it misleads
    ----------------
    It is about means alone: shares of the pilot hit the mean and know nothing of anybody. Values at the ceiling are a
    statement about the number of test people, not about the model.

    Interval and estimand
    ---------------------
    The ratio for this population and model; capped, so that a jackknife would be far too sure: a band over splits, and
    the lower limit as a value of its own.

    References
    ----------
    Satterthwaite (1946), Biometrics Bulletin 2, for the lower limit; the value is this project's.
    """

    spec = MetricSpec(
        POINT,
        "worth",
        "people chosen at random whose mean is as far off; more simulated rows do not raise it; n over 3.84 at most",
        "higher",
        "uniform",
        interval="band",  # capped, so that the jackknife would be far too sure
        splits=20,
        unit="count",
        range=(0.0, None),
        recoverable=False,
        label="Worth in people",
        help="people chosen at random whose mean is as far off; n over 3.84 at most",
    )

    def applicable(self, task: Task) -> str | None:
        """None: every item has a mean, or the share of an option."""
        return None

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> _Bound:
        """Bind to two samples, which need not be paired."""
        items = [item.name for item in task.items]
        keys = []
        for name in (POINT, LOWER):
            keys += [Key(name, headline=True), *(Key(name, item=item) for item in items)]
        sides = (_side(task, human, pilot), _side(task, simulated, pilot))
        return _Bound(keys, items, *sides)


class _Bound:
    def __init__(self, keys: list[Key], items: list[str], people: _Side, rows: _Side) -> None:
        self._keys, self._people, self._rows = keys, people, rows
        bad = {}
        for j, item in enumerate(items):
            given = people.value[people.answered[:, j], j]
            if len(given) < 2:
                bad[item] = f"{len(given)} people answered {item!r}"
            elif not np.ptp(given):
                bad[item] = f"people do not differ in their answers to {item!r}"
            elif not rows.answered[:, j].any():
                bad[item] = f"no simulated answer to {item!r}"
        self._used = [j for j, item in enumerate(items) if item not in bad]
        self._items = len(items)
        reasons = bad if self._used else {"": next(iter(bad.values()), "the task has no items"), **bad}
        self._status = {key: ("not_estimable", reasons[key.item]) for key in keys if key.item in reasons}

    def values(self, human: FloatArray, simulated: FloatArray, seed: int) -> Values:
        """Values for weights."""
        count, used = len(human), self._used
        value = np.full((count, len(self._keys)), np.nan)
        size = np.repeat(np.minimum(kish(human), kish(simulated))[:, None], len(self._keys), axis=1)
        if not used:
            return Values(self._keys, value, status=self._status, n_eff=size)
        arms = []
        for arm in range(len(self._people.rows)):
            mean, sigma2, total, error = (one[..., used] for one in self._people.moments(human, arm))
            other, _, _, other_error = (one[..., used] for one in self._rows.moments(simulated, arm))
            arms.append((sigma2, (mean - other) ** 2, error[:, used] + other_error[:, used], total))
        # An arm without two answers on either side says nothing about the item; the others stand for it.
        share = np.stack([np.where(np.isfinite(arm[1] + _diagonal(arm[2])), arm[3], 0.0) for arm in arms])
        mass = share.sum(axis=0)
        share = np.divide(share, mass, out=np.zeros_like(share), where=mass > 0)
        variance, squared, noise, noise_2 = (np.zeros((count, len(used))) for _ in range(4))
        noise_of_square = np.zeros(count)
        for own, (sigma2, difference2, both, _) in zip(share, arms, strict=True):
            variance += own * np.nan_to_num(sigma2)
            squared += own * np.nan_to_num(difference2)
            noise += own * np.nan_to_num(_diagonal(both))
            noise_2 += (own * np.nan_to_num(_diagonal(both))) ** 2
            root = np.sqrt(own)
            weighted = np.nan_to_num(both) * root[:, :, None] * root[:, None, :]
            noise_of_square += (weighted**2).sum(axis=(1, 2))
        answered = kish(human[:, None, :] * self._people.answered.T[used])
        by_item = equivalents(variance, squared, noise, noise_2, answered)
        pooled = equivalents(
            variance.mean(axis=1),
            squared.mean(axis=1),
            noise.mean(axis=1),
            noise_of_square / len(used) ** 2,
            answered.min(axis=1),
        )
        known = (mass > 0).all(axis=1)
        for offset, item_values, overall in zip((0, 1 + self._items), by_item, pooled, strict=True):
            value[:, [offset + 1 + j for j in used]] = np.where(mass > 0, item_values, np.nan)
            value[:, offset] = np.where(known, overall, np.nan)
        return Values(self._keys, value, log_loss_of_count(value), status=self._status, n_eff=size)


def _diagonal(covariance: FloatArray) -> FloatArray:
    return np.diagonal(covariance, axis1=1, axis2=2)
