"""Can a classifier tell simulated respondents from people?

All answers together, and how they hang together, in one number: whatever distinguishes the two joint laws in a way that the
features below can express raises the area under the curve above one half.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.data.seeds import generator
from surveyeval.metric._tabulate import Bound, arm_index, kish, once
from surveyeval.metric.contrasts import scores
from surveyeval.metric.protocol import UNPAIRED, Key, MetricSpec, Values
from surveyeval.task.task import Task

__all__ = ["ClassifierAUC", "Folds", "area_under_curve"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_FOLDS = 5
#: Penalty on standardised columns, relative to a total weight of 1.
_RIDGE = 0.01
#: Rows whose features are held at a time; and number of rows up to which they are kept for a second use.
_ROWS, _ROWS_KEPT = 4096, 8192
#: Products are added, kind by kind, while there are no more columns than this.
_MOST_COLUMNS = 350


def area_under_curve(score: FloatArray, label: NDArray[np.bool_], weight: FloatArray) -> float:
    """Probability that a random row with the label has the higher score, ties counting half.

    Parameters
    ----------
    score : (n,) float array
    label : (n,) bool array
    weight : (n,) float array

    Returns
    -------
    float
        In [0, 1]; NaN where one of the labels has no weight.

    Notes
    -----
    Source: Hanley and McNeil (1982), Radiology 143.

    Examples
    --------
    >>> import numpy as np
    >>> area_under_curve(np.array([1.0, 2.0, 3.0]), np.array([False, True, True]), np.ones(3))
    1.0
    """
    _, level = np.unique(score, return_inverse=True)
    one, zero = (np.bincount(level, np.where(chosen, weight, 0.0)) for chosen in (label, ~label))
    total = one.sum() * zero.sum()
    return float(one @ (np.cumsum(zero) - zero / 2) / total) if total > 0 else float("nan")


class _Columns:
    """Answers, profile and arm of one sample as numbers, 0 where unknown once they are centred."""

    def __init__(self, task: Task, sample: Sample, cache: dict[Any, Any]) -> None:
        answers, owner, squares = [], [], []
        for j, item in enumerate(task.measured):
            index, score = sample.answers[item.name], scores(item)
            known = index >= 0
            if score is not None:
                own = [np.where(known, score[index], np.nan)]
                squares += [2 * np.square(own[0] - 0.5)] if item.k > 2 else []
            else:
                own = [np.where(known, index == k, np.nan) for k in range(item.k)]
            answers += own
            owner += [j] * len(own)
        self.answers, self.owner = np.column_stack(answers), np.array(owner)
        self.squares = np.column_stack(squares) if squares else np.empty((sample.n, 0))
        self.profile = _profile(task, sample, cache) if sample.paired else None


def _profile(task: Task, sample: Sample, cache: dict[Any, Any]) -> FloatArray:
    columns = []
    for name in task.profile:
        found = task.column(sample, name)
        if found.type.kind == "code":
            codes = [code for code, _ in found.type.levels][1:]
            columns += [np.where(found.valid, found.values == code, np.nan) for code in codes]
        else:
            columns.append(np.where(found.valid, found.values.astype(float), np.nan))
    arm = arm_index(task, sample, cache)
    columns += [(arm == number).astype(float) for number in range(1, len(task.arms))]
    return np.column_stack(columns) if columns else np.empty((sample.n, 0))


def _features(columns: _Columns, rows: IntArray, scaling: list[FloatArray], *, with_profile: bool) -> FloatArray:
    """Standardised columns and their products, of some rows."""
    kinds = [columns.answers, columns.squares, *([columns.profile] if with_profile else [])]
    a, s, *profile = (
        np.nan_to_num((x[rows] - mean) / sd) for x, (mean, sd) in zip(kinds, scaling, strict=True) if x is not None
    )
    parts, width = [np.ones((len(rows), 1)), a, s], 1 + a.shape[1] + s.shape[1]
    for p in profile:
        parts.append(p)
        width += p.shape[1]
        if width + a.shape[1] * p.shape[1] <= _MOST_COLUMNS:
            parts.append((a[:, :, None] * p[:, None, :]).reshape(len(rows), -1))
            width += a.shape[1] * p.shape[1]
    first, second = np.triu_indices(a.shape[1], 1)
    apart = columns.owner[first] != columns.owner[second]
    if width + int(apart.sum()) <= _MOST_COLUMNS:
        parts.append(a[:, first[apart]] * a[:, second[apart]])
    return np.hstack(parts)


def _scaling(human: FloatArray, simulated: FloatArray, w: FloatArray, v: FloatArray) -> FloatArray:
    """(2, C) weighted mean and standard deviation of the columns of both sides together; deviation 1 for constants."""
    both, weight = np.vstack([human, simulated]), np.concatenate([w, v])[:, None]
    known = ~np.isnan(both)
    filled, total = np.where(known, both, 0.0), np.maximum((weight * known).sum(axis=0), 1e-300)
    mean = (weight * filled).sum(axis=0) / total
    sd = np.sqrt((weight * np.where(known, both - mean, 0.0) ** 2).sum(axis=0) / total)
    return np.stack([mean, np.where(sd > 1e-9, sd, 1.0)])


class ClassifierAUC:
    """Out-of-fold area under the curve of a linear classifier of people against simulated respondents.

    The probability that the classifier gives a random simulated respondent a higher score than a random person.
    ``classifier_auc`` sees the answers: values of ordered items (a share of the scale) and their squares, one column
    for each option of others, and products of columns of different items. ``classifier_auc_profile`` sees profile and
    arm as well, with products of answers and profile; since profiles agree by construction it asks whether the law of
    answers *given* the profile is people's. Products are left out, kind by kind, beyond 350 columns. A missing answer
    takes the mean.

    The classifier is a ridge discriminant, which is the first Newton step of penalised logistic regression for two
    classes of equal weight and ranks nearly alike at a tenth of the cost. Five folds are made of respondents: a person
    and the simulation of this person share a profile and stay together, or the profile would leak from one fold to the
    other. The value is the mean of the areas within folds, which is exactly 0.5 in expectation between samples of one
    law; the area over pooled folds is below it.

    Range
    -----
    0 to 1; values a little below 0.5 are sampling noise.

    Direction and target
    --------------------
    The target is 0.5: the two can't be told apart. The loss is the distance from 0.5.

    Assumptions
    -----------
    Differences show in the features: squares and products of two answers. What takes three answers together to see is
    not seen.

    When it misleads
    ----------------
    In small samples, where differences are real and not found: an area near 0.5 is no evidence of equality. And the
    other way round: one trivial peculiarity, such as an option that the model never gives, makes the area large
    although everything else is right.

    Interval and estimand
    ---------------------
    What a classifier trained on four fifths of two halves finds; more respondents find more. It costs too much for a
    jackknife: 5 splits, no interval, and only the first two sets of weights of a call are computed.

    References
    ----------
    Lopez-Paz and Oquab (2017), Revisiting classifier two-sample tests, ICLR; Kim, Ramdas, Singh and Wasserman (2021),
    Annals of Statistics 49; Hanley and McNeil (1982), Radiology 143.
    """

    spec: ClassVar[MetricSpec] = MetricSpec(
        "classifier_auc",
        "alignment",
        "area under the curve of a classifier of people against simulated respondents",
        "target",
        "uniform",
        interval="none",
        splits=5,
        unit="ratio",
        range=(0.0, 1.0),
        recoverable=False,
    )

    def applicable(self, task: Task) -> str | None:
        """None: every task has answers."""
        return None

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples."""
        keys = [Key("classifier_auc"), *([Key("classifier_auc_profile", floor="marginal")] if task.profile else [])]
        people, rows = (
            once(cache, sample, "classifier", lambda s=sample: _Columns(task, s, cache))  # type: ignore[misc]
            for sample in (human, simulated)
        )
        same = simulated.respondent is human.respondent
        names = human.respondent if same else np.concatenate([human.respondent, simulated.respondent])
        found, number = np.unique(names.astype(str), return_inverse=True)
        if same and human.psu is not None:  # members of a PSU resemble each other: they stay in one fold
            number = human.units()
            found = np.unique(number)
        identity = (number, number) if same else (number[: human.n], number[human.n :])
        status: dict[Key, tuple[str, str]] = {}
        if not any(simulated.answered(item.name).any() for item in task.measured):
            status = dict.fromkeys(keys, ("not_estimable", "no simulated answer"))
        elif not simulated.paired:
            status = dict.fromkeys(keys[1:], ("not_applicable", UNPAIRED))

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            fold_of = generator(seed, "classifier").permutation(len(found)) % _FOLDS
            folds = tuple(fold_of[one] for one in identity)
            value = np.full((len(human_weights), len(keys)), np.nan)
            n_eff = [kish(w.sum(axis=1), (w * w).sum(axis=1)) for w in (human_weights, simulated_weights)]
            for b in range(min(len(human_weights), 2)):
                for q, key in enumerate(keys):
                    if key not in status:
                        sides = ((people, human_weights[b], folds[0]), (rows, simulated_weights[b], folds[1]))
                        value[b, q] = _area(sides, with_profile=q == 1)
            n = np.repeat(np.minimum(*n_eff)[:, None], len(keys), axis=1)
            return Values(keys, value, np.abs(value - 0.5), status=status, n_eff=n)

        return Bound(compute)


def _area(sides: tuple[tuple[_Columns, FloatArray, IntArray], ...], *, with_profile: bool) -> float:
    chosen = [np.flatnonzero(weight > 0) for _, weight, _ in sides]
    if not all(len(rows) for rows in chosen):
        return float("nan")
    # Both classes weigh one half, whatever their numbers.
    w, v = (weight[rows] / weight[rows].sum() / 2 for (_, weight, _), rows in zip(sides, chosen, strict=True))
    parts = [
        [getattr(columns, kind)[rows] for (columns, _, _), rows in zip(sides, chosen, strict=True)]
        for kind in ("answers", "squares", *(["profile"] if with_profile else []))
    ]
    scaling = [_scaling(one, other, w, v) for one, other in parts]
    folds = Folds(
        [(columns, rows, own[rows]) for (columns, _, own), rows in zip(sides, chosen, strict=True)],
        scaling,
        with_profile=with_profile,
    )
    label = np.concatenate([np.zeros(len(w), dtype=bool), np.ones(len(v), dtype=bool)])
    weight = np.concatenate([w, v])
    areas = [
        # Rounded, so that equal answers are ties whatever the order in which they were added up.
        area_under_curve(np.round(score[:, 0], 9), label[rows], weight[rows])
        for rows, score in folds.scores(np.where(label, 1.0, -1.0)[:, None], weight)
        if label[rows].any() and not label[rows].all()
    ]
    return float(np.mean(areas)) if areas else float("nan")


class Folds:
    """Out-of-fold scores of the ridge discriminant, from features that are held for some thousand rows at a time.

    Parameters
    ----------
    sides : sequence of (columns, rows, folds)
        Rows of each sample, and the fold of each of them.
    scaling : list of (2, C) float arrays
        From `_scaling`, for each kind of columns.
    with_profile : bool
    """

    def __init__(
        self, sides: Sequence[tuple[_Columns, IntArray, IntArray]], scaling: list[FloatArray], *, with_profile: bool
    ) -> None:
        self._sides, self._scaling, self._with_profile = sides, scaling, with_profile
        self._starts = np.cumsum([0, *(len(rows) for _, rows, _ in sides)])
        self._kept: dict[tuple[int, int], FloatArray] | None = {} if self._starts[-1] <= _ROWS_KEPT else None

    def _blocks(self, fold: int) -> Iterator[tuple[IntArray, FloatArray]]:
        """Positions among the rows of all sides, and features, of the rows of one fold."""
        number = 0
        for (columns, rows, folds), start in zip(self._sides, self._starts, strict=False):
            own = np.flatnonzero(folds == fold)
            for begin in range(0, len(own), _ROWS):
                part = own[begin : begin + _ROWS]
                Z = None if self._kept is None else self._kept.get((fold, number))
                if Z is None:
                    Z = _features(columns, rows[part], self._scaling, with_profile=self._with_profile)
                    if self._kept is not None:
                        self._kept[fold, number] = Z
                number += 1
                yield start + part, Z

    def scores(self, y: NDArray[Any], weight: FloatArray) -> Iterator[tuple[IntArray, FloatArray]]:
        """For each fold positions and (rows, targets) scores from a fit to the other folds.

        Parameters
        ----------
        y : (n, targets) float or int array
            Rows of all sides one after the other.
        weight : (n,) float array
        """
        grams, moments = [], []
        for fold in range(_FOLDS):
            gram, moment = np.zeros((0, 0)), np.zeros((0, 0))
            for rows, Z in self._blocks(fold):
                weighted = Z * weight[rows, None]
                one, other = weighted.T @ Z, weighted.T @ y[rows].astype(float)
                gram, moment = (gram + one, moment + other) if gram.size else (one, other)
            if gram.size:
                grams.append((fold, gram))
                moments.append(moment)
        if not grams:
            return
        gram, moment = np.sum([one for _, one in grams], axis=0), np.sum(moments, axis=0)
        penalty = np.full(len(gram), _RIDGE)
        penalty[0] = 1e-9
        for (fold, less), fewer in zip(grams, moments, strict=True):
            beta = np.linalg.solve(gram - less + np.diag(penalty), moment - fewer)
            parts = [(rows, Z @ beta) for rows, Z in self._blocks(fold)]
            yield np.concatenate([rows for rows, _ in parts]), np.vstack([score for _, score in parts])
