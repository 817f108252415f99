"""Regressions for many sets of weights at once.

All fits of one call share a design matrix; weights decide who is in. Estimators: least squares with HC2 errors, and
logit with Firth's penalty, which is finite under separation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fits", "firth_logit", "ols_hc2"]

FloatArray = NDArray[np.float64]

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


def _estimable(X: FloatArray, weight: FloatArray) -> NDArray[np.bool_]:
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


def _full_rank(X: FloatArray, weight: FloatArray) -> NDArray[np.bool_]:
    """(B,) whether X'WX is safely invertible for each set of weights."""
    scale = np.abs(X).max(axis=0, initial=0.0)
    scaled = X / np.where(scale > 0, scale, 1.0)
    gram = np.einsum("bn,np,nq->bpq", (weight > 0).astype(float), scaled, scaled, optimize=True)
    values = np.linalg.eigvalsh(gram)
    return np.asarray(values[:, 0] > RANK_TOLERANCE * np.maximum(values[:, -1], 1e-300))


def _by_rank(X: FloatArray, y: FloatArray, weight: FloatArray, fit: object) -> Fits:
    """Fit full-rank cases together, and the others with those that can estimate the same columns."""
    B, p = len(weight), X.shape[1]
    coefficient, se = np.full((B, p), np.nan), np.full((B, p), np.nan)
    full = _full_rank(X, weight)
    assert callable(fit)
    if full.any():
        coefficient[full], se[full] = fit(X, y, weight[full])
    alike: dict[bytes, list[int]] = {}
    for b in np.flatnonzero(~full):
        alike.setdefault(_estimable(X, weight[b]).tobytes(), []).append(int(b))
    for mask, rows in alike.items():
        columns = np.flatnonzero(np.frombuffer(mask, dtype=bool))
        if len(columns):
            part, error = fit(X[:, columns], y, weight[rows])
            place = np.ix_(np.array(rows), columns)
            coefficient[place], se[place] = part, error
    return Fits(coefficient, se)


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
        Where the residual variance is zero the standard error is NaN: a perfect fit is never significance.

    Notes
    -----
    Source: MacKinnon and White (1985). Equals statsmodels' OLS (WLS) with ``cov_type="HC2"``.
    """
    return _by_rank(X, y, weight, _ols)


def _ols(X: FloatArray, y: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    n, p = X.shape
    outer = (X[:, :, None] * X[:, None, :]).reshape(n, p * p)
    inverse = np.linalg.inv((weight @ outer).reshape(-1, p, p))
    beta = np.einsum("bpq,bq->bp", inverse, weight @ (X * y[:, None]))
    residual = y - beta @ X.T
    leverage = weight * ((inverse.reshape(-1, p * p)) @ outer.T)
    scaled = np.where(weight > 0, (weight * residual) ** 2 / np.maximum(1 - leverage, 1e-12), 0.0)
    meat = (scaled @ outer).reshape(-1, p, p)
    variance = np.einsum("bpq,bqr,brp->bp", inverse, meat, inverse, optimize=True)
    spread = (weight * residual**2).sum(axis=1) / np.maximum((weight * (y - y.mean()) ** 2).sum(axis=1), 1e-300)
    se = np.sqrt(np.maximum(variance, 0.0))
    se[(spread < 1e-20) | ((weight > 0).sum(axis=1) <= p)] = np.nan
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
    Maximises log-likelihood + 0.5 log det(X'WX) by Newton steps on the modified score, with the step halved while the
    penalised likelihood falls. Source: Firth (1993), Biometrika 80; Heinze and Schemper (2002), Statistics in Medicine 21.
    """
    return _by_rank(X, y, weight, _firth)


def _firth(X: FloatArray, y: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    n, p = X.shape
    outer = (X[:, :, None] * X[:, None, :]).reshape(n, p * p)
    B = len(weight)
    beta = np.zeros((B, p))

    def state(b: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        eta = np.clip(b @ X.T, -500, 500)
        mu = 1 / (1 + np.exp(-eta))
        information = ((w * mu * (1 - mu)) @ outer).reshape(-1, p, p)
        sign, logdet = np.linalg.slogdet(information)
        value = (w * (y * eta - np.logaddexp(0, eta))).sum(axis=1) + 0.5 * np.where(sign > 0, logdet, -np.inf)
        return mu, information, value

    mu, information, value = state(beta, weight)
    active = np.ones(B, dtype=bool)
    for _ in range(60):
        rows = np.flatnonzero(active)
        if len(rows) == 0:
            break
        w, m = weight[rows], mu[rows]
        inverse = np.linalg.pinv(information[rows], hermitian=True)
        hat = w * m * (1 - m) * (inverse.reshape(-1, p * p) @ outer.T)
        score = (w * (y - m) + hat * (0.5 - m)) @ X
        step = np.einsum("bpq,bq->bp", inverse, score)
        step *= np.minimum(1.0, 5.0 / np.maximum(np.abs(step).max(axis=1), 1e-300))[:, None]
        for _halving in range(12):
            trial = beta[rows] + step
            new_mu, new_information, new_value = state(trial, w)
            worse = ~(new_value >= value[rows] - 1e-12)
            if not worse.any():
                break
            step[worse] /= 2
        beta[rows], mu[rows], information[rows], value[rows] = trial, new_mu, new_information, new_value
        active[rows] = np.abs(step).max(axis=1) > 1e-9
    covariance = np.linalg.pinv(information, hermitian=True)
    se = np.sqrt(np.maximum(np.einsum("bpp->bp", covariance), 0.0))
    chosen = (weight * y).sum(axis=1)
    failed = active | (chosen == 0) | (chosen == weight.sum(axis=1))
    beta[failed], se[failed] = np.nan, np.nan
    return beta, se
