"""People's answers and the model's predictions of them, item by item, as numbers between 0 and 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from surveyeval.data.sample import Sample
from surveyeval.metric.protocol import UNPAIRED
from surveyeval.task.task import Item, Task

__all__ = [
    "NO_REFERENCE",
    "Pairs",
    "fixed_order",
    "log_loss_of_count",
    "once",
    "pairs_of",
    "target_values",
    "why_not_paired",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
T = TypeVar("T")

#: People against themselves would be perfect predictions, and against others none at all.
NO_REFERENCE = "none available: people's own answers would predict themselves"


@dataclass(frozen=True, eq=False)
class Pairs:
    """One item: what people answered and what was predicted for the same people, a row for each simulated row.

    Parameters
    ----------
    answer : (n,) float array
        People's answers, 0 to 1; 0 where there is none.
    answered : (n,) bool array
    prediction : (n,) float array
        0 to 1. Rows without a prediction have the mean of their arm: leaving them out would make skipping hard people pay.
    drawn : bool
        Whether predictions are single simulated answers (at least in part), for want of probabilities.
    problem : str
        Why there is nothing to compare; empty otherwise.
    """

    answer: FloatArray
    answered: BoolArray
    prediction: FloatArray
    drawn: bool
    problem: str = ""


def target_values(item: Item, pilot: Sample) -> FloatArray:
    """(K,) number of each option: a mean of these is what is estimated.

    Ordered items: the declared value, brought to the range 0 to 1. Others: 1 for the option that most people of the
    *pilot* chose, so that the choice owes nothing to the people on whom it is tried; the mean is that option's share.
    """
    if item.ordered:
        span = float(np.ptp(item.values))
        return np.asarray((item.values - item.values.min()) / span) if span else np.zeros(item.k)
    chosen = pilot.answers.get(item.name, np.zeros(0, dtype=np.int64))
    known = chosen >= 0
    counts = np.bincount(chosen[known], weights=pilot.weight[known], minlength=item.k)
    return np.asarray(np.arange(item.k) == np.argmax(counts), dtype=float)


def why_not_paired(simulated: Sample) -> str:
    """Why predictions cannot be set beside the answers of the same people; empty if they can."""
    if not simulated.simulated:
        return NO_REFERENCE
    return "" if simulated.paired else UNPAIRED


def pairs_of(task: Task, human: Sample, simulated: Sample, pilot: Sample) -> list[Pairs]:
    """Pairs for each item of the task; rows are those of `simulated`."""
    row_of = {respondent: row for row, respondent in enumerate(human.respondent)}
    row = np.array([row_of.get(respondent, -1) for respondent in simulated.respondent], dtype=np.int64)
    _, arm = np.unique(simulated.arm.astype(str), return_inverse=True)
    found = []
    for item in task.items:
        values = target_values(item, pilot)
        given = np.where(row >= 0, human.answers[item.name][row], -1)
        prediction, drawn = _predictions(item, values, simulated)
        problem = "" if np.isfinite(prediction).any() else f"no simulated answer to {item.name!r}"
        answered = given >= 0
        answer = np.where(answered, values[given], 0.0)
        if not answered.any() or np.ptp(answer[answered]) == 0:
            problem = problem or f"people do not differ in their answers to {item.name!r}"
        found.append(Pairs(answer, answered, _filled(prediction, arm, simulated.weight), drawn, problem))
    return found


def _predictions(item: Item, values: FloatArray, simulated: Sample) -> tuple[FloatArray, bool]:
    """Expected answer where option probabilities were stored, else the simulated answer, else NaN."""
    codes = simulated.answers.get(item.name, np.full(simulated.n, -1))
    drawn = np.where(codes >= 0, values[codes], np.nan)
    table = simulated.probabilities.get(item.name)
    if table is None:
        return drawn, True
    expected = table @ values
    return np.where(np.isfinite(expected), expected, drawn), bool((~np.isfinite(expected) & np.isfinite(drawn)).any())


def _filled(prediction: FloatArray, arm: IntArray, weight: FloatArray) -> FloatArray:
    """Rows without a prediction get their arm's mean; an arm without any gets the mean over all."""
    known = np.isfinite(prediction)
    if not known.any():
        return np.zeros(len(prediction))
    value = np.where(known, prediction, 0.0)
    heavy = weight * known
    total, mass = np.bincount(arm, heavy * value), np.bincount(arm, heavy)
    overall = total.sum() / mass.sum() if mass.sum() else 0.0
    mean = np.divide(total, mass, out=np.full(len(mass), overall), where=mass > 0)
    return np.where(known, prediction, mean[arm])


def fixed_order(respondents: Sequence[str] | NDArray[np.object_], seed: int) -> IntArray:
    """A random order of rows that depends on the seed and the respondents' identifiers, and not on how rows are sorted."""
    keys = [blake2b(f"{seed}\x1f{respondent}".encode(), digest_size=8).digest() for respondent in respondents]
    return np.array(sorted(range(len(keys)), key=lambda row: (keys[row], str(respondents[row]))), dtype=np.int64)


def log_loss_of_count(value: FloatArray, least: float = 0.0) -> FloatArray:
    """Loss of a count of which more is better: differences are log ratios, as for all counts on surveyeval's cards."""
    kept = np.where(np.isnan(value), np.nan, np.maximum(value, least))
    return np.asarray(-np.log(kept))


def once(cache: dict[Any, Any], name: str, sample: Sample, make: Callable[[], T]) -> T:
    """What `make` returns, computed once for as long as the sample lives; floors are redrawn and must not pile up."""
    held = cache.setdefault("surveyeval-ppi", WeakKeyDictionary()).setdefault(sample, {})
    if name not in held:
        held[name] = make()
    return held[name]  # type: ignore[no-any-return]
