"""Label swap for the classifier: the area under the curve after people and simulated rows were exchanged.

Exchanges leave the pool of rows as it is, and with it every feature and every product of features; only the labels change.
So all fits share their factorisations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.data.seeds import generator
from surveyeval.metric.classifier import _FOLDS, Folds, _Columns, _scaling, area_under_curve
from surveyeval.task.task import Task

__all__ = ["swapped_areas"]

FloatArray = NDArray[np.float64]


def swapped_areas(
    task: Task, human: Sample, simulated: Sample, swapped: NDArray[np.bool_], seed: int, *, with_profile: bool
) -> FloatArray:
    """Areas of `ClassifierAUC` for paired samples in which some people and simulated rows have changed places.

    Parameters
    ----------
    task : Task
    human, simulated : Sample
        Paired: row i of both belongs to one respondent, with one weight.
    swapped : (B, n) bool array
        Whether the two rows of a respondent have changed places.
    seed : int
        Seed of the folds.
    with_profile : bool
        Whether the classifier sees profile and arm.

    Returns
    -------
    (B,) float array
        In [0, 1]; the first two values that the metric itself gives, where nothing is swapped.
    """
    rows = np.flatnonzero(human.weight > 0)
    if human.psu is None:
        found, number = np.unique(human.respondent.astype(str), return_inverse=True)
    else:  # a PSU is in one fold, as in the metric
        number = human.units()
        found = np.unique(number)
    fold = (generator(seed, "classifier").permutation(len(found)) % _FOLDS)[number[rows]]
    sides = [_Columns(task, sample, {}) for sample in (human, simulated)]
    w = human.weight[rows] / human.weight[rows].sum() / 2
    kinds = ["answers", "squares", *(["profile"] if with_profile else [])]
    people, made = sides
    scaling = [_scaling(getattr(people, kind)[rows], getattr(made, kind)[rows], w, w) for kind in kinds]
    folds = Folds([(side, rows, fold) for side in sides], scaling, with_profile=with_profile)
    weight = np.tile(w, 2)
    label = np.hstack([swapped[:, rows], ~swapped[:, rows]]).T
    areas = [
        [
            area_under_curve(score, chosen, weight[part])
            for score, chosen in zip(np.round(scores, 9).T, label[part].T, strict=True)
        ]
        for part, scores in folds.scores(2 * label.astype(np.int8) - 1, weight)
    ]
    return np.asarray(np.mean(areas, axis=0)) if areas else np.full(len(swapped), np.nan)
