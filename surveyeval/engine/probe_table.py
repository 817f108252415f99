"""How far answers move between forms of a questionnaire, against how far they move by nothing that matters.

All distances are total variations between mean answers of the same simulated respondents, within each arm and averaged over
arms by the weight of their people. Where a model gives probabilities, these are averaged; otherwise the answers drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from surveyeval.data.design import Design, design_of
from surveyeval.data.sample import Sample
from surveyeval.data.seeds import generator
from surveyeval.task.forms import KINDS, Form
from surveyeval.task.task import Task

__all__ = ["COLUMNS", "Answered", "odd_ones", "probe_table"]

FloatArray = NDArray[np.float64]

#: Columns of a probe's table.
COLUMNS = (
    "item", "kind", "forms", "change", "reference", "largest", "excess", "low", "high", "among", "people_published", "people_other",
    "nearer", "odd_one_out", "reading",
)  # fmt: skip
REPLICATES = 400
LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Answered:
    """Answers in one form, by item: (n, K) probabilities or shares of draws for each respondent, NaN rows where none."""

    items: Mapping[str, FloatArray]
    exact: bool

    @classmethod
    def of(cls, task: Task, samples: Sequence[Sample]) -> Answered:
        """From the simulated samples of one run, draws together."""
        exact, items = True, {}
        for item in task.items:
            tables = []
            for sample in samples:
                given = sample.probabilities.get(item.name)
                if given is None:
                    chosen = sample.answers[item.name]
                    given = np.where((chosen >= 0)[:, None], np.eye(item.k)[np.maximum(chosen, 0)], np.nan)
                    exact = False
                tables.append(given)
            known = [np.asarray(~np.isnan(table).any(axis=1)) for table in tables]
            count = np.sum(known, axis=0)
            total = np.sum(
                [np.where(held[:, None], table, 0.0) for held, table in zip(known, tables, strict=True)], axis=0
            )
            items[item.name] = np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], np.nan)
        return cls(items, exact)


class _Distances:
    """Total variations between forms of one item, for many sets of respondents' weights at once."""

    def __init__(self, people: Sample, weights: FloatArray) -> None:
        self.weights = weights
        self.arms = [people.arm == arm for arm in dict.fromkeys(people.arm)]

    def between(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """(B,) mean over arms of the total variation between two tables of answers; NaN where in an arm only one has any."""
        total = np.zeros(len(self.weights))
        whole = np.zeros(len(self.weights))
        for inside in self.arms:
            if not any((inside & ~np.isnan(table).any(axis=1)).any() for table in (first, second)):
                continue  # the item is not asked in this arm
            size = self.weights[:, inside].sum(axis=1)
            gone = np.abs(self._mean(first, inside) - self._mean(second, inside)).sum(axis=1) / 2
            total += np.where(size > 0, size * gone, 0.0)
            whole += size
        distance: FloatArray = np.divide(total, whole, out=np.full(len(whole), np.nan), where=whole > 0)
        return distance

    def _mean(self, table: FloatArray, inside: NDArray[np.bool_]) -> FloatArray:
        known = inside & ~np.isnan(table).any(axis=1)
        weights = self.weights[:, known]
        with np.errstate(invalid="ignore", divide="ignore"):
            means: FloatArray = weights @ table[known] / weights.sum(axis=1, keepdims=True)
        return means


def probe_table(
    task: Task,
    people: Sample,
    published: Answered,
    again: Answered | None,
    forms: Sequence[tuple[Form, Answered]],
    seed: int = 0,
) -> pd.DataFrame:
    """Changes of each item in each kind of form.

    Parameters
    ----------
    task : Task
        In its published form.
    people : Sample
        The test people, with their answers, arms and weights.
    published, again : Answered
        The published form; and once more with other random numbers, where answers depend on some. Other forms are to have
        random numbers of their own then, or they are nearer to the published form than forms are to each other.
    forms : sequence of (Form, Answered)
    seed : int
        Of the resampling of respondents.

    Returns
    -------
    DataFrame
        A row for each item and kind, with `COLUMNS`. ``change``: total variation between the published form and another, mean
        over the forms of the kind. ``reference``: the mean change between two forms in which only marks differ, each drawn with
        random numbers of its own where answers are drawn; ``largest``: the largest single such change, or change of the
        published form drawn anew. ``excess``: change minus reference, with an interval over respondents (PSUs within
        strata where the task has a design; none where all of an arm read the same: nothing varies over them).
        ``among``: mean change between the other forms of the kind. ``people_published`` and ``people_other``: distances from
        people's answers; ``nearer``: how much nearer the published form is. ``odd_one_out``: whether the
        published form lies further from the other forms than each of them (two other forms or more).
    """
    design = design_of(people, task.spec.source.lonely_psu, file=task.file)
    distances = _Distances(people, np.concatenate([people.weight[None, :], _resampled(people, seed, design)]))
    rows = []
    for item in task.measured:
        own = published.items[item.name]
        chosen = people.answers[item.name]
        asked = np.where((chosen >= 0)[:, None], np.eye(item.k)[np.maximum(chosen, 0)], np.nan)
        plain = [one.items[item.name] for form, one in forms if form.kind == "typography"]
        reference, largest = _reference(distances, own, plain, None if again is None else again.items[item.name])
        for kind in KINDS:
            others = [one.items[item.name] for form, one in forms if form.kind == kind and item.name in form.items]
            if others:
                found = _changes(distances, own, others, reference)
                near, *far = (float(distances.between(asked, one)[0]) for one in (own, *others))
                away = float(np.mean(far))
                found |= {"people_published": near, "people_other": away, "nearer": away - near, "largest": largest}
                reading = _reading(found["change"], found["reference"], largest, found["low"], found["high"])
                rows.append({"item": item.name, "kind": kind, **found, "reading": reading})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _reference(
    distances: _Distances, own: FloatArray, plain: Sequence[FloatArray], again: FloatArray | None
) -> tuple[FloatArray, float]:
    """How far answers move by nothing that matters, for every set of weights, and the largest single such change."""
    marks = [distances.between(first, second) for first, second in combinations(plain, 2)]
    redrawn = [] if again is None else [distances.between(own, again)]
    if not marks and not redrawn:
        return np.full(len(distances.weights), np.nan), np.nan
    # A mean, and not the larger of two: the larger of two noisy values lies above what nothing that matters changes.
    return np.mean(marks or redrawn, axis=0), float(max(one[0] for one in (*marks, *redrawn)))


def _changes(
    distances: _Distances, own: FloatArray, others: Sequence[FloatArray], reference: FloatArray
) -> dict[str, Any]:
    """Changes from the published form to the others of a kind, and among these."""
    changes = [distances.between(own, other) for other in others]
    among = {
        pair: float(distances.between(others[pair[0]], others[pair[1]])[0])
        for pair in combinations(range(len(others)), 2)
    }
    change = np.mean(changes, axis=0)
    low, high = _interval((change - reference)[1:])
    return {
        "forms": len(others), "change": float(change[0]), "reference": float(reference[0]), "excess": float(change[0] - reference[0]),
        "low": low, "high": high, "among": float(np.mean(list(among.values()))) if among else np.nan,
        "odd_one_out": _odd([float(one[0]) for one in changes], among),
    }  # fmt: skip


def _resampled(people: Sample, seed: int, design: Design | None = None) -> FloatArray:
    """(B, n) weights of respondents drawn with replacement within arms, or of PSUs drawn within strata.

    Of the m PSUs of a stratum, m - 1 are drawn and raised by m / (m - 1), without which few PSUs would vary too little; the
    PSU of a stratum that was drawn with certainty stays. Source: Rao and Wu (1988), Resampling inference with complex
    survey data, Journal of the American Statistical Association 83.
    """
    rng = generator(seed, "probe")
    if design is not None:
        of_unit = np.ones((REPLICATES, design.n_units))
        for stratum, size in enumerate(design.units_in_stratum):
            if size > 1:
                units = np.flatnonzero(design.stratum_of_unit == stratum)
                counts = rng.multinomial(size - 1, np.full(size, 1 / size), REPLICATES)
                of_unit[:, units] = counts * (size / (size - 1))
        return of_unit[:, design.unit] * people.weight
    drawn = np.zeros((REPLICATES, people.n))
    for arm in dict.fromkeys(people.arm):
        inside = np.flatnonzero(people.arm == arm)
        drawn[:, inside] = rng.multinomial(len(inside), np.full(len(inside), 1 / len(inside)), REPLICATES)
    return drawn * people.weight


def _interval(values: FloatArray) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if len(known) < len(values) / 2:
        return np.nan, np.nan
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if high - low < 1e-9:  # everybody in an arm read the same, so that no resampling changes anything
        return np.nan, np.nan
    return float(low), float(high)


def _odd(changes: Sequence[float], pairs: Mapping[tuple[int, int], float]) -> object:
    """Whether the published form has the largest mean distance from the others; None with fewer than two, or not known."""
    if len(changes) < 2 or not np.isfinite([*changes, *pairs.values()]).all():
        return None
    others = []
    for number, change in enumerate(changes):
        to_others = [value for pair, value in pairs.items() if number in pair]
        others.append((change + sum(to_others)) / len(changes))
    return bool(np.mean(changes) > max(others))


def _reading(change: float, reference: float, largest: float, low: float, high: float) -> str:
    """In words; a change counts as more only if it also exceeds every single change of the reference."""
    if np.isnan(change) or np.isnan(reference):
        return "no reference"
    if np.isnan(low):
        return "above the reference" if change > largest else "not above the reference"
    if low > 0 and change > largest:
        return "more than the reference"
    return "less than the reference" if high < 0 else "within the reference"


def odd_ones(table: pd.DataFrame) -> list[dict[str, object]]:
    """For each kind with two forms or more: in how many items the published form is the odd one out, and by chance.

    Were published and other forms alike to a model, each of m + 1 forms would be the odd one out equally often; ``p`` is the
    binomial probability of so many items or more. It takes items as independent.
    """
    found: list[dict[str, object]] = []
    for kind, rows in table[table["odd_one_out"].notna()].groupby("kind", sort=False):
        count, items = int(rows["odd_one_out"].astype(bool).sum()), len(rows)
        chance = float((1 / (rows["forms"] + 1)).mean())
        p = float(stats.binomtest(count, items, chance, alternative="greater").pvalue)
        found.append({"kind": str(kind), "odd": count, "items": items, "expected": items * chance, "p": p})
    return found
