"""Intervals as they come out: their width beside the classical one, and how often they hold the truth.

Here all answers are known, so that asking some people and predicting the others can be played through. The test people
of one set of weights are the population, and their weighted mean is the truth. In each draw n people are asked and N
more predicted, all drawn at random with replacement in proportion to their weights. (Taking the rest of the same people
as the N would be sampling without replacement from a small population, where intervals hold the truth more often than
they would outside.)
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from functools import cache as remember
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from surveyeval.data.sample import Sample
from surveyeval.data.seeds import generator
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.task.task import Task

from surveyeval_ppi.formulas import power_tuning
from surveyeval_ppi.layout import Layout, layout_of
from surveyeval_ppi.pairs import Pairs, fixed_order, once

__all__ = ["DRAWS", "LEVEL", "Coverage", "WidthRatio", "mean_intervals"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEVEL = 0.95
#: Draws for each set of weights; a run has 2 x splits sets.
DRAWS = 20
#: Numbers held at once: what fits into a processor's cache.
_CHUNK = 100_000


@remember
def _ppi_py() -> Any:
    # Importing ppi_py silences every warning of the process, and takes seconds.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ppi_py
    return ppi_py


def mean_intervals(
    answer: FloatArray, prediction: FloatArray, predicted: FloatArray, lam: FloatArray | float | None = None
) -> tuple[FloatArray, FloatArray]:
    """95% intervals of the mean by ppi_py, a column for each problem.

    Parameters
    ----------
    answer, prediction : (n, D) float arrays
        Of people asked.
    predicted : (N, D) float array
    lam : (D,) float array or float, optional
        Weight of the predictions; default: `power_tuning`. 0 gives the classical interval.

    Returns
    -------
    low, high : (D,) float arrays
    """
    chosen = power_tuning(answer, prediction, predicted) if lam is None else lam
    low, high = _ppi_py().ppi_mean_ci(answer, prediction, predicted, alpha=1 - LEVEL, lam=chosen)
    return np.asarray(low), np.asarray(high)


@dataclass(frozen=True, eq=False)
class _Outcome:
    """(B, J) results over draws; NaN for items that are not used."""

    width_ratio: FloatArray
    coverage: FloatArray
    classical: FloatArray


class _Draws:
    """Plays the draws of one sample; remembers the last outcome, since two metrics ask for the same."""

    def __init__(self, layout: Layout, simulated: Sample, items: int) -> None:
        self._layout, self._items, self._respondents = layout, items, simulated.respondent
        self._centred = {j: _within_arms(pairs, simulated) for j, (pairs, _) in layout.usable.items()}
        self._last: deque[tuple[int, FloatArray, _Outcome]] = deque(maxlen=1)

    def outcome(self, weights: FloatArray, seed: int) -> _Outcome:
        """(B, J) results for (B, n) weights of the simulated rows."""
        for known, seen, result in self._last:
            if known == seed and np.array_equal(seen, weights):
                return result
        order = fixed_order(self._respondents, seed)
        shape = (3, len(weights), self._items)
        found = np.full(shape, np.nan)
        drawn: dict[bytes, IntArray] = {}
        for j, (pairs, (n, N)) in self._layout.usable.items():
            key = pairs.answered.tobytes()
            if key not in drawn:
                drawn = {key: _draw_rows(weights * pairs.answered, order, n + N, seed)}
            found[:, :, j] = self._play(pairs, self._centred[j], weights, drawn[key], n)
        result = _Outcome(*found)
        self._last.append((seed, weights.copy(), result))
        return result

    def _play(self, pairs: Pairs, centred: FloatArray, weights: FloatArray, rows: IntArray, n: int) -> FloatArray:
        """(3, B) width ratio, coverage and classical coverage over the draws; `rows` is (B, n + N, DRAWS)."""
        result = np.full((3, len(weights)), np.nan)
        mass = weights * pairs.answered
        total = mass.sum(axis=1)
        some = np.flatnonzero(total > 0)
        step = max(1, _CHUNK // (rows.shape[1] * DRAWS))
        for start in range(0, len(some), step):
            block = some[start : start + step]
            # Draws of all sets of weights stand side by side: one column for each.
            chosen = rows[block].transpose(1, 0, 2).reshape(rows.shape[1], -1)
            asked, others = chosen[:n], chosen[n:]
            truth = np.repeat(mass[block] @ pairs.answer / total[block], DRAWS)
            answer, prediction, predicted = pairs.answer[asked], centred[asked], centred[others]
            low, high = mean_intervals(answer, prediction, predicted)
            plain_low, plain_high = mean_intervals(answer, prediction, predicted[:1], 0.0)
            by_draw = (
                high - low,
                plain_high - plain_low,
                (low <= truth) & (truth <= high),
                (plain_low <= truth) & (truth <= plain_high),
            )
            width, plain, held, plain_held = (one.reshape(-1, DRAWS).mean(axis=1) for one in by_draw)
            result[0, block] = np.divide(width, plain, out=np.full(len(block), np.nan), where=plain > 0)
            result[1, block], result[2, block] = held, plain_held
        return result


def _within_arms(pairs: Pairs, simulated: Sample) -> FloatArray:
    """Predictions as differences from their arm's mean: knowing the arm is no merit of the model."""
    _, arm = np.unique(simulated.arm.astype(str), return_inverse=True)
    mass = np.bincount(arm, simulated.weight)
    total = np.bincount(arm, simulated.weight * pairs.prediction)
    mean = np.divide(total, mass, out=np.zeros(len(mass)), where=mass > 0)
    return np.asarray(pairs.prediction - mean[arm])


def _draw_rows(weights: FloatArray, order: IntArray, size: int, seed: int) -> IntArray:
    """(B, size, DRAWS) rows drawn with replacement in proportion to weights, from the same random numbers for all."""
    uniform = generator(seed, "surveyeval-ppi", "draws").random((size, DRAWS))
    rows = np.zeros((len(weights), size, DRAWS), dtype=np.int64)
    for b, own in enumerate(weights):
        members = order[own[order] > 0]
        if len(members):
            cumulative = np.cumsum(own[members])
            place = np.searchsorted(cumulative / cumulative[-1], uniform, side="right")
            rows[b] = members[np.minimum(place, len(members) - 1)]
    return rows


class _Played(ABC):
    """Shared by the two metrics that are read off the draws."""

    spec: ClassVar[MetricSpec]

    def applicable(self, task: Task) -> str | None:
        """None: every task has answers that can be predicted."""
        return None

    def names(self) -> tuple[str, ...]:
        """Names of the values, the first of which is the metric's own."""
        return (self.spec.name,)

    @abstractmethod
    def read(self, outcome: _Outcome) -> tuple[FloatArray, ...]:
        """(B, J) array for each name."""

    def loss(self, value: FloatArray) -> FloatArray | None:
        """Distance from the target, for metrics that have one."""
        return None

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> _Bound:
        """Bind to two samples, of which only the weights of the simulated one are used, since rows are pairs."""
        items = [item.name for item in task.items]
        keys = []
        for name in self.names():
            keys += [Key(name, headline=name == self.spec.name), *(Key(name, item=item) for item in items)]
        layout = layout_of(task, human, simulated, pilot, keys, cache)
        draws = once(cache, "draws", simulated, lambda: _Draws(layout, simulated, len(items)))
        return _Bound(self, keys, layout, draws)


class _Bound:
    def __init__(self, metric: _Played, keys: list[Key], layout: Layout, draws: _Draws) -> None:
        self._metric, self._keys, self._layout, self._draws = metric, keys, layout, draws

    def values(self, human: FloatArray, simulated: FloatArray, seed: int) -> Values:
        """Values for weights of the simulated rows."""
        columns = []
        for by_item in self._metric.read(self._draws.outcome(simulated, seed)):
            columns += [self._layout.mean_over_items(by_item)[:, None], by_item]
        value = np.concatenate(columns, axis=1)
        return Values(self._keys, value, self._metric.loss(value), status=self._layout.status, flags=self._layout.flags)


def _spec(
    name: str,
    summary: str,
    direction: Literal["lower", "target"],
    unit: str,
    highest: float | None,
    label: str,
    help: str,
) -> MetricSpec:
    # One draw more or less that holds the truth is a jump, which the jackknife cannot follow: a band over splits.
    return MetricSpec(
        name, "worth", summary, direction, "marginal", interval="band", splits=10, unit=unit, range=(0.0, highest),
        recoverable=False, label=label, help=help,
    )  # fmt: skip


class WidthRatio(_Played):
    """Mean width of 95% PPI++ intervals over that of classical intervals from the same people asked.

    ``mean width(PPI++) / mean width(classical)`` over draws of n people asked and N more predicted, with replacement
    and in proportion to survey weights, per item and mean over items. The square of its inverse is about the effective
    sample size over n.

    Range
    -----
    At least 0.

    Direction and target
    --------------------
    Lower is better; 1: the model adds nothing. There is no human reference.

    Assumptions
    -----------
    The test people of a set of weights are the population, so that the truth is known; intervals are those of
    ppi-python with a tuned weight of the predictions.

    When it misleads
    ----------------
    As PPI++ sets its tuning on the same few answers, the ratio is a little better than deserved, and just below 1 for a
    useless model: whether there is a gain is for the interval of `EffectiveSampleSize` to say. Read it with `Coverage`
    beside it.

    Interval and estimand
    ---------------------
    The expected ratio at this n and N. A band over splits.

    References
    ----------
    Angelopoulos, Duchi and Zrnic (2023), PPI++: Efficient prediction-powered inference, arXiv 2311.01453.
    """

    spec = _spec(
        "ppi_width_ratio", "width of the 95% PPI++ interval over the classical one; 1 adds nothing", "lower", "ratio",
        None, "Width of intervals with the model", "95% PPI++ interval over the classical one; 1 adds nothing",
    )  # fmt: skip

    def read(self, outcome: _Outcome) -> tuple[FloatArray, ...]:
        """Width ratios."""
        return (outcome.width_ratio,)


class Coverage(_Played):
    """Share of draws in which the 95% PPI++ interval holds the mean of the people's answers.

    ``#{draws with low <= mean <= high} / #{draws}`` over draws of n people asked and N more predicted, per item and
    mean over items. ``classical_coverage`` is that of the classical interval from the same people asked.

    Range
    -----
    0 to 1.

    Direction and target
    --------------------
    The target is 95%; the loss is the distance from it. There is no human reference.

    Assumptions
    -----------
    The test people of a set of weights are the population, so that the truth is known.

    When it misleads
    ----------------
    At 30 people the classical interval falls short too where answers are skewed: read the two side by side. Right
    coverage says nothing of use: the interval that ignores the model has it as well.

    Interval and estimand
    ---------------------
    The coverage at this n and N. One draw more or less that holds the truth is a jump, which a jackknife cannot follow:
    a band over splits.

    References
    ----------
    Angelopoulos, Bates, Fannjiang, Jordan and Zrnic (2023), Prediction-powered inference, Science 382.
    """

    spec = _spec(
        "ppi_coverage", "how often the 95% PPI++ interval holds people's mean; the target is 95%", "target", "share",
        1.0, "Coverage of intervals with the model", "how often the 95% PPI++ interval holds people's mean",
    )  # fmt: skip

    def names(self) -> tuple[str, ...]:
        """Both intervals."""
        return ("ppi_coverage", "classical_coverage")

    def read(self, outcome: _Outcome) -> tuple[FloatArray, ...]:
        """Coverage of both."""
        return outcome.coverage, outcome.classical

    def loss(self, value: FloatArray) -> FloatArray:
        """Distance from 95%."""
        return np.abs(value - LEVEL)
