"""Formulas of prediction-powered inference for a mean, on plain arrays.

n people are asked, N more are only predicted. rho is the correlation of answers and predictions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["FEWEST", "adjusted_rho2", "design", "effective_sample_size", "out_of_fold_rho2", "power_tuning"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: People asked: a tenth of those at hand, within these limits; with too few, intervals are not what they say.
FEWEST, MOST, SHARE = 30, 100, 10
#: Most predicted people for each person asked.
PREDICTED = 9
FOLDS = 5


def design(people: int) -> tuple[int, int] | None:
    """How many of `people` are asked, n, and how many are only predicted, N; None when there are too few for both.

    n is a tenth of them, at least 30 and at most 100; N is the rest, at most 9 n.

    Examples
    --------
    >>> design(708), design(100), design(59), design(3000)
    ((71, 637), (30, 70), None, (100, 900))
    """
    if people < 2 * FEWEST:
        return None
    n = min(max(FEWEST, round(people / SHARE)), MOST)
    return n, min(people - n, PREDICTED * n)


def effective_sample_size(rho2: ArrayLike, n: float, N: float) -> FloatArray:
    """Number of people whose plain mean is as precise as n answers with N further predictions.

    n (n + N) / (n + (1 - rho^2) N): n when predictions are useless, n + N when they are perfect.

    Source: Angelopoulos, Duchi and Zrnic (2023), PPI++, arXiv 2311.01453: variance of the mean at the best power tuning.

    Examples
    --------
    >>> effective_sample_size([0.0, 0.5, 1.0], 50, 450).tolist()
    [50.0, 90.9090909090909, 500.0]
    """
    return np.asarray(n * (n + N) / (n + (1 - np.asarray(rho2, dtype=float)) * N))


def adjusted_rho2(rho2: ArrayLike, n: ArrayLike, *, cut: bool = True) -> FloatArray:
    """Squared correlation, freed of what n pairs give by chance: max(0, 1 - (1 - rho^2) (n - 1) / (n - 2)).

    Where the truth is 0, rho^2 of 30 pairs is .034 on average, which would be 3.6% more people for nothing. NaN unless
    n > 2. Without `cut` it may be below 0: cut at 0 it is above 0 on average where the truth is 0, so that a mean over
    items would show a gain that is none.
    """
    raw, size = np.broadcast_arrays(np.asarray(rho2, dtype=float), np.asarray(n, dtype=float))
    known = size > 2
    factor = np.divide(size - 1, size - 2, out=np.ones(size.shape), where=known)
    adjusted = 1 - (1 - raw) * factor
    return np.where(known, np.maximum(0.0, adjusted) if cut else adjusted, np.nan)


def out_of_fold_rho2(
    weights: FloatArray, answer: FloatArray, prediction: FloatArray, arm: IntArray, fold: IntArray
) -> FloatArray:
    """Share of the variance within arms that predictions explain, judged on people who did not set the slope.

    Means by arm and one slope are fitted to all folds but one, and answers of that fold predicted with and without the
    slope: 1 - (squared errors with it) / (squared errors without it). At most 1; below 0 where predictions do harm. A
    slope below 0 is taken for 0, as `power_tuning` does: predictions that run against the answers get no weight.

    Parameters
    ----------
    weights : (B, n) float array
        0 for people who do not count.
    answer, prediction : (n,) float arrays
    arm, fold : (n,) int arrays
        Numbered from 0.

    Returns
    -------
    (B,) float array
        NaN where answers do not vary. 0 where predictions do not vary within arms.
    """
    y = answer - answer.mean()
    f = prediction - prediction.mean()
    columns = np.stack([np.ones_like(y), y, f, y * y, y * f, f * f], axis=1)
    arms, folds = int(arm.max()) + 1, int(fold.max()) + 1
    sums = np.zeros((len(weights), arms, folds, 6))
    for a in range(arms):
        for k in range(folds):
            rows = np.flatnonzero((arm == a) & (fold == k))
            sums[:, a, k] = weights[:, rows] @ columns[rows]
    rest = sums.sum(axis=2, keepdims=True) - sums
    mass = rest[..., 0]
    # What is left of a sum after subtraction may be a rounding error and no person at all.
    known = mass > 1e-9 * sums[..., 0].sum(axis=(1, 2))[:, None, None]
    mean_y, mean_f = (np.divide(rest[..., c], mass, out=np.zeros_like(mass), where=known) for c in (1, 2))
    covariance = np.where(known, rest[..., 4] - mean_f * rest[..., 1], 0.0).sum(axis=1)
    variance = np.where(known, rest[..., 5] - mean_f * rest[..., 2], 0.0).sum(axis=1)
    varies = variance > 1e-12 * mass.sum(axis=1)
    slope = np.divide(covariance, variance, out=np.zeros_like(variance), where=varies & (covariance > 0))[:, None, :]
    s, sy, sf, syy, syf, sff = np.moveaxis(sums, -1, 0)
    without = syy - 2 * mean_y * sy + mean_y**2 * s
    cross = syf - mean_y * sf - mean_f * sy + mean_y * mean_f * s
    spread = sff - 2 * mean_f * sf + mean_f**2 * s
    with_slope = without - 2 * slope * cross + slope**2 * spread
    total = np.where(known, without, 0.0).sum(axis=(1, 2))
    left = np.where(known, with_slope, 0.0).sum(axis=(1, 2))
    some = total > 1e-12 * weights.sum(axis=1)
    return np.where(some, 1 - np.divide(left, total, out=np.zeros_like(total), where=some), np.nan)


def power_tuning(answer: FloatArray, prediction: FloatArray, predicted: FloatArray) -> FloatArray:
    """How much weight predictions get: lambda of PPI++, in [0, 1]; 0 where predictions do not vary.

    Parameters
    ----------
    answer, prediction : (n, D) float arrays
        Of people asked, a column for each problem.
    predicted : (N, D) float array
        Predictions of the others.

    Returns
    -------
    (D,) float array
        cov(answer, prediction) / ((1 + n / N) var(prediction)), as ppi_py computes it for one column at a time.

    Notes
    -----
    ppi_py's own choice for many columns (``lam_optim_mode="element"``) builds a matrix of columns by columns.
    """
    n, N = len(prediction), len(predicted)
    covariance = np.mean((answer - answer.mean(axis=0)) * (prediction - prediction.mean(axis=0)), axis=0)
    # The variance of both together, from their parts: nothing large is copied.
    within = n * prediction.var(axis=0) + N * predicted.var(axis=0)
    between = n * N / (n + N) * (prediction.mean(axis=0) - predicted.mean(axis=0)) ** 2
    variance = (within + between) / (n + N - 1)
    varies = variance > 1e-12
    best = np.divide(covariance, (1 + n / N) * variance, out=np.zeros_like(variance), where=varies)
    return np.asarray(np.clip(best, 0, 1))
