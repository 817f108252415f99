"""Regressions for many sets of weights at once.

All fits of one call share a design matrix; weights decide who is in. Estimators: least squares with HC2 errors, and
logit with Firth's penalty, which is finite under separation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.metric._batches import Packed, families
from surveyeval.metric._firth import climb, follow

__all__ = ["Fits", "firth_logit", "ols_hc2"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
_Fit = Callable[[FloatArray, FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
_FastFit = Callable[[FloatArray, FloatArray, FloatArray, FloatArray], tuple[FloatArray, FloatArray, BoolArray]]

#: Singular values below this share of the largest make a design rank deficient.
RANK_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Fits:
    """Results of B fits.

    Parameters
    ----------
    coefficient, se : (B, p) float arrays
        NaN where not estimable.
    """

    coefficient: FloatArray
    se: FloatArray


def _estimable(X: FloatArray, weight: FloatArray) -> BoolArray:
    """(p,) mask of columns that are no combination of earlier ones among rows with weight."""
    rows = X[weight > 0]
    kept: list[int] = []
    mask = np.zeros(X.shape[1], dtype=bool)
    basis = np.zeros((len(rows), 0))
    for column in range(X.shape[1]):
        vector = rows[:, column]
        rest = vector - basis @ (basis.T @ vector)
        rest = rest - basis @ (basis.T @ rest)
        size = np.linalg.norm(rest)
        if size > RANK_TOLERANCE * max(1.0, float(np.linalg.norm(vector))) and len(kept) < len(rows):
            basis = np.column_stack([basis, rest / size])
            kept.append(column)
            mask[column] = True
    return mask


def _full_rank(X: FloatArray, weight: FloatArray) -> BoolArray:
    """(B,) whether X'WX is safely invertible for each set of weights."""
    scale = np.abs(X).max(axis=0, initial=0.0)
    scaled = X / np.where(scale > 0, scale, 1.0)
    gram = Packed(scaled).gram((weight > 0).astype(float))
    values = np.linalg.eigvalsh(gram)
    return np.asarray(values[:, 0] > RANK_TOLERANCE * np.maximum(values[:, -1], 1e-300))


def _estimable_columns(X: FloatArray, weight: FloatArray) -> BoolArray:
    """(B, p) `_estimable` for each set of weights."""
    columns = np.ones((len(weight), X.shape[1]), dtype=bool)
    lacking = np.flatnonzero(~_full_rank(X, weight))
    if not len(lacking):
        return columns
    # What is a combination of earlier columns among all rows is one among some of them.
    columns[lacking] = shared = _estimable(X, weight[lacking].sum(axis=0))
    if shared.any():
        lacking = lacking[~_full_rank(X[:, shared], weight[lacking])]
    for b in lacking:
        columns[b] = _estimable(X, weight[b])
    return columns


def _in_batches(
    X: FloatArray, y: FloatArray, weight: FloatArray, fast: _FastFit, safe: _Fit, *, whole: bool = False
) -> Fits:
    """Fit sets of weights that resemble each other together."""
    B, p = len(weight), X.shape[1]
    coefficient, se = np.full((B, p), np.nan), np.full((B, p), np.nan)
    for family in families(weight, whole=whole):
        rows = family.members, family.columns
        part = _fit(X[rows[1]], y[rows[1]], weight[np.ix_(*rows)], family.start, fast, safe)
        coefficient[rows[0]], se[rows[0]] = part
    return Fits(coefficient, se)


def _fit(
    X: FloatArray, y: FloatArray, weight: FloatArray, start: FloatArray, fast: _FastFit, safe: _Fit
) -> tuple[FloatArray, FloatArray]:
    """Fit together; where that meets trouble with those that can estimate the same columns, then alone, then safely."""
    coefficient, se, found = fast(X, y, weight, start)
    left = np.flatnonzero(~found)
    if not len(left):
        return coefficient, se
    coefficient[left], se[left] = np.nan, np.nan
    columns_of = _estimable_columns(X, weight[left])
    full = columns_of.all(axis=1)
    for b in left[full]:
        alone = None if np.array_equal(start, weight[b]) else fast(X, y, weight[b : b + 1], weight[b])
        tried = alone[:2] if alone is not None and alone[2].all() else safe(X, y, weight[b : b + 1])
        coefficient[b], se[b] = tried[0][0], tried[1][0]
    alike: dict[bytes, list[int]] = {}
    for b, mask_of in zip(left[~full], columns_of[~full], strict=True):
        alike.setdefault(mask_of.tobytes(), []).append(int(b))
    for mask, rows in alike.items():
        columns = np.flatnonzero(np.frombuffer(mask, dtype=bool))
        place = np.ix_(np.array(rows), columns)
        if 0 < len(columns) < X.shape[1]:
            coefficient[place], se[place] = _fit(X[:, columns], y, weight[rows], start, fast, safe)
        elif len(columns):
            coefficient[place], se[place] = safe(X, y, weight[rows])
    return coefficient, se


def ols_hc2(X: FloatArray, y: FloatArray, weight: FloatArray) -> Fits:
    """Weighted least squares with HC2 standard errors.

    Parameters
    ----------
    X : (n, p) float array
    y : (n,) float array
    weight : (B, n) float array

    Returns
    -------
    Fits
        Where the residual variance, all of it or that behind a coefficient, is zero the standard error is NaN: a perfect fit
        is never significance.

    Notes
    -----
    Source: MacKinnon and White (1985). Equals statsmodels' OLS (WLS) with ``cov_type="HC2"``.
    """
    return _in_batches(X, y, weight, _ols_of_full_rank, _ols)


def _ols_of_full_rank(
    X: FloatArray, y: FloatArray, weight: FloatArray, start: FloatArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Fits, and which of them are safely of full rank."""
    p = X.shape[1]
    scale = np.abs(X).max(axis=0, initial=0.0)
    if len(X) and (scale > 0).all():
        Z = X / scale
        packed = Packed(Z)
        try:
            inverse = np.linalg.inv(packed.gram(weight))
        except np.linalg.LinAlgError:
            pass
        else:
            beta, se = _ols_from(Z, y, weight, packed, inverse)
            # The smallest eigenvalue of the unweighted products is at least that of the weighted ones over the largest
            # weight; the largest is at most the trace.
            least = 1 / (np.linalg.norm(inverse, axis=(1, 2)) * weight.max(axis=1, initial=0.0))
            return beta / scale, se / scale, least > RANK_TOLERANCE * np.sum(Z * Z)
    return np.full((len(weight), p), np.nan), np.full((len(weight), p), np.nan), np.zeros(len(weight), dtype=bool)


def _ols(X: FloatArray, y: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    packed = Packed(X)
    return _ols_from(X, y, weight, packed, np.linalg.inv(packed.gram(weight)))


def _ols_from(
    X: FloatArray, y: FloatArray, weight: FloatArray, packed: Packed, inverse: NDArray[Any]
) -> tuple[FloatArray, FloatArray]:
    p = X.shape[1]
    beta = np.einsum("bpq,bq->bp", inverse, weight @ (X * y[:, None]))
    residual = y - beta @ X.T
    leverage = weight * packed.quadratic(inverse)
    scaled = np.where(weight > 0, (weight * residual) ** 2 / np.maximum(1 - leverage, 1e-12), 0.0)
    covariance = inverse @ packed.gram(scaled) @ inverse
    # What is left of a constant response is rounding, too, however small its variance.
    rounding = 1e-20 * (weight @ (y - y.mean()) ** 2) + 1e-24 * (weight @ y**2)
    variance = np.maximum(np.einsum("bpp->bp", covariance), 0.0)
    # So is what is left where the rows that a coefficient rests on do not vary, although others do.
    mean_square = (weight * residual**2).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-300)
    variance[variance <= 1e-20 * mean_square[:, None] * np.einsum("bpp->bp", inverse)] = np.nan
    se = np.sqrt(variance)
    se[((weight * residual**2).sum(axis=1) <= rounding) | ((weight > 0).sum(axis=1) <= p)] = np.nan
    return beta, se


def firth_logit(X: FloatArray, y: FloatArray, weight: FloatArray) -> Fits:
    """Logit with Firth's penalty and model-based standard errors.

    Parameters
    ----------
    X : (n, p) float array
    y : (n,) float array of 0 and 1
    weight : (B, n) float array
        Zero-one. Survey weights are refused by the caller: model-based errors would be wrong.

    Returns
    -------
    Fits
        NaN where the response does not vary or the iteration does not converge.

    Notes
    -----
    Maximises log-likelihood + 0.5 log det(X'WX). Sets of weights that resemble each other (a half, and that half without one
    jackknife group after the other) start from the first one's maximum; where that fails, Newton steps on the modified score
    are halved while the penalised likelihood falls. Source: Firth (1993), Biometrika 80; Heinze and Schemper (2002),
    Statistics in Medicine 21.
    """
    return _in_batches(X, y, weight, follow, climb, whole=True)
