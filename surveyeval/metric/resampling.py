"""Half splits and the delete-a-group jackknife, as rows of zero-one weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from surveyeval.data.seeds import generator

__all__ = ["Halves", "halves", "jackknife_groups", "jackknife_interval", "jackknife_se"]

FloatArray = NDArray[np.float64]

#: Groups of the jackknife: 40, and 20 below 200 respondents.
GROUPS, FEWER_GROUPS, FEW = 40, 20, 200


@dataclass(frozen=True, eq=False)
class Halves:
    """Weights of one split.

    Parameters
    ----------
    human, simulated : (2 (1 + G), n) float arrays
        Row 0: people of half A against simulated stand-ins of half B. Row 1: the other way round. Then the same pair with
        jackknife group 1 removed from both sides, and so on.
    """

    human: FloatArray
    simulated: FloatArray


def jackknife_groups(arm: NDArray[np.object_], seed: int) -> NDArray[np.int64]:
    """Group of every respondent, balanced over arms: 40 groups, 20 when there are fewer than 200 respondents."""
    count = min(GROUPS if len(arm) >= FEW else FEWER_GROUPS, len(arm))
    rng = generator(seed, "jackknife")
    group = np.empty(len(arm), dtype=np.int64)
    start = 0
    for key in np.unique(arm.astype(str)):
        rows = np.flatnonzero(arm == key)
        group[rows[rng.permutation(len(rows))]] = (start + np.arange(len(rows))) % count
        start += len(rows)
    return group


def halves(arm: NDArray[np.object_], group: NDArray[np.int64], seed: int, split: int) -> Halves:
    """Random halves of equal size within every arm; the odd respondent of an arm sits out."""
    rng = generator(seed, "split", str(split))
    in_a = np.zeros(len(arm), dtype=bool)
    in_b = np.zeros(len(arm), dtype=bool)
    for key in np.unique(arm.astype(str)):
        rows = rng.permutation(np.flatnonzero(arm == key))
        size = len(rows) // 2
        in_a[rows[:size]] = True
        in_b[rows[size : 2 * size]] = True
    kept = np.vstack([np.ones(len(arm), dtype=bool), *(group != number for number in range(group.max() + 1))])
    a, b = kept & in_a, kept & in_b
    shape = (2 * len(kept), len(arm))
    human = np.stack([a, b], axis=1).reshape(shape).astype(float)
    simulated = np.stack([b, a], axis=1).reshape(shape).astype(float)
    return Halves(human, simulated)


def jackknife_se(replicates: FloatArray) -> FloatArray:
    """Standard error from delete-a-group replicates.

    Parameters
    ----------
    replicates : (G, ...) float array
        The statistic with one group removed.

    Returns
    -------
    (...) float array
        sqrt((G - 1) / G * sum (replicate - mean)^2).

    Notes
    -----
    Source: Kott (2001), The delete-a-group jackknife, Journal of Official Statistics 17.
    """
    count = replicates.shape[0]
    deviations = replicates - replicates.mean(axis=0)
    return np.asarray(np.sqrt((count - 1) / count * (deviations**2).sum(axis=0)))


def jackknife_interval(value: FloatArray, replicates: FloatArray, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Give the t interval with G - 1 degrees of freedom."""
    reach = stats.t.ppf(0.5 + level / 2, replicates.shape[0] - 1) * jackknife_se(replicates)
    return value - reach, value + reach
