"""Label swap for the classifier: the area under the curve after people and simulated rows were exchanged.

Exchanges leave the pool of rows as it is, and with it every feature and every product of features; only the labels change.
So all fits share their factorisations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.data.seeds import generator
from surveyeval.metric.classifier import _FOLDS, _RIDGE, _Columns, _features, _scaling, area_under_curve
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
    found, number = np.unique(human.respondent.astype(str), return_inverse=True)
    fold = np.tile((generator(seed, "classifier").permutation(len(found)) % _FOLDS)[number[rows]], 2)
    sides = [_Columns(task, sample, {}) for sample in (human, simulated)]
    w = human.weight[rows] / human.weight[rows].sum() / 2
    kinds = ["answers", "squares", *(["profile"] if with_profile else [])]
    people, made = sides
    scaling = [_scaling(getattr(people, kind)[rows], getattr(made, kind)[rows], w, w) for kind in kinds]
    Z = np.vstack([_features(side, rows, scaling, with_profile=with_profile) for side in sides])
    weight = np.tile(w, 2)
    label = np.hstack([swapped[:, rows], ~swapped[:, rows]])
    weighted = Z * weight[:, None]
    own = [np.flatnonzero(fold == number) for number in range(_FOLDS)]
    grams = [weighted[part].T @ Z[part] for part in own]
    moments = [weighted[part].T @ np.where(label[:, part], 1.0, -1.0).T for part in own]
    gram, moment = np.sum(grams, axis=0), np.sum(moments, axis=0)
    penalty = np.full(Z.shape[1], _RIDGE)
    penalty[0] = 1e-9
    areas = []
    for part, less, fewer in zip(own, grams, moments, strict=True):
        if not len(part):
            continue
        score = np.round(Z[part] @ np.linalg.solve(gram - less + np.diag(penalty), moment - fewer), 9)
        areas.append([area_under_curve(score[:, b], label[b, part], weight[part]) for b in range(len(label))])
    return np.asarray(np.mean(areas, axis=0)) if areas else np.full(len(label), np.nan)
