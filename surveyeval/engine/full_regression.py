"""Regressions on a full sample, as the original analysis would print them.

Least squares with HC2 errors and maximum-likelihood logit with model-based errors, by statsmodels. (The cross-half
comparison of coefficients uses other estimators: halves are often separated.) A term that the sample cannot tell is
named with its reason, and the others are still estimated.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

__all__ = ["Fit", "fit_logit", "fit_ols"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: Half-width of 95% intervals in standard errors, for model-based logit errors.
_Z = float(stats.norm.ppf(0.975))


@dataclass(frozen=True, eq=False)
class Fit:
    """Coefficients of one regression; entry 0 is the intercept.

    Parameters
    ----------
    n : int
        Complete rows.
    coefficient, error, low, high : (p,) float arrays
        NaN where not estimable.
    reason : tuple of str
        Why a coefficient is not estimable; empty where it is.
    errors : str
        ``HC2``, ``model`` or ``sandwich`` (weighted logit).
    """

    n: int
    coefficient: FloatArray
    error: FloatArray
    low: FloatArray
    high: FloatArray
    reason: tuple[str, ...]
    errors: str


def fit_ols(X: FloatArray, y: FloatArray, weight: FloatArray) -> Fit:
    """Least squares with HC2 errors and t intervals; weighted where the weights differ.

    Source of HC2: MacKinnon and White (1985).
    """
    from statsmodels.regression.linear_model import WLS

    reasons = _unidentified(X)
    kept = np.array([not reason for reason in reasons])
    if len(y) <= kept.sum() or np.ptp(y) == 0:
        return _nothing(
            X, y, "HC2", "the response does not vary" if len(y) and np.ptp(y) == 0 else "too few complete rows"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = WLS(y, X[:, kept], weights=weight / weight.mean()).fit(cov_type="HC2", use_t=True)
    if not np.all(np.isfinite(result.bse)):
        return _nothing(X, y, "HC2", "a row determines a coefficient alone")
    # A perfect fit has no residual variance: its zero standard errors would make every term significant.
    if np.max(np.abs(result.resid)) <= 1e-10 * max(1.0, float(np.max(np.abs(y)))):
        return _nothing(X, y, "HC2", "no residual variance")
    return _spread(X, y, kept, result.params, result.bse, stats.t.ppf(0.975, result.df_resid), reasons, "HC2")


def fit_logit(X: FloatArray, y: FloatArray, weight: FloatArray) -> Fit:
    """Maximum-likelihood logit with model-based errors; pseudo-likelihood with sandwich errors under weights.

    Separated terms have no finite estimate: they are found by linear programming (Konis 2007), named, and the others are
    estimated on the rows that the separation leaves undetermined, which is the limit of maximum likelihood.
    """
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    weighted = bool(len(weight)) and not np.all(weight == weight[0])
    errors = "sandwich" if weighted else "model"
    if len(y) == 0 or np.ptp(y) == 0:
        return _nothing(X, y, errors, "the response does not vary")
    reasons = list(_unidentified(X))
    kept = np.array([not reason for reason in reasons])
    infinite, rows = _separation(X[:, kept], y)
    for column in np.flatnonzero(kept)[infinite]:
        reasons[column] = "separation: some values leave only one outcome"
    kept = np.array([not reason for reason in reasons])
    if infinite.any():
        for column, reason in enumerate(_unidentified(np.where(kept, X, 0.0)[rows])):
            if kept[column] and reason:
                reasons[column] = "separation leaves no rows to estimate it"
        kept = np.array([not reason for reason in reasons])
    if not kept.any() or rows.sum() <= kept.sum() or np.ptp(y[rows]) == 0:
        return _nothing(X, y, errors, "separation: the response is predicted without error")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = GLM(y[rows], X[rows][:, kept], family=Binomial(), var_weights=weight[rows] / weight[rows].mean())
        result = model.fit(cov_type="HC0" if weighted else "nonrobust", maxiter=100)
    if not result.converged or not np.all(np.isfinite(result.bse)):
        return _nothing(X, y, errors, "maximum likelihood did not converge")
    return _spread(X, y, kept, result.params, result.bse, _Z, tuple(reasons), errors)


def _unidentified(X: FloatArray) -> tuple[str, ...]:
    """A reason for each column that the columns before it already determine; empty for the others."""
    reasons: list[str] = []
    basis = np.empty((len(X), 0))
    for j in range(X.shape[1]):
        column = X[:, j]
        if j and (len(column) == 0 or np.ptp(column) == 0):
            reasons.append("does not vary in this sample")
            continue
        rest = column - basis @ (basis.T @ column)
        rest = rest - basis @ (basis.T @ rest)
        norm = float(np.linalg.norm(rest))
        if norm <= 1e-8 * max(float(np.linalg.norm(column)), 1e-300):
            reasons.append("is determined by the other terms in this sample")
            continue
        basis = np.column_stack([basis, rest / norm])
        reasons.append("")
    return tuple(reasons)


def _separation(X: FloatArray, y: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Columns with infinite maximum-likelihood estimates, and the rows that stay undetermined.

    The linear programme looks for a direction along which no row is on the wrong side and some are on the right side.
    """
    scale = np.abs(X).max(axis=0)
    signed = np.where(y > 0, 1.0, -1.0)[:, None] * (X / scale)
    solution = optimize.linprog(
        -signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(y)), bounds=(-1, 1), method="highs"
    )
    direction = np.asarray(solution.x, dtype=float) if solution.status == 0 else np.zeros(X.shape[1])
    margin = signed @ direction
    if margin.max(initial=0.0) <= 1e-7:
        return np.zeros(X.shape[1], dtype=bool), np.ones(len(y), dtype=bool)
    return np.abs(direction) > 1e-7, margin <= 1e-7


def _spread(
    X: FloatArray,
    y: FloatArray,
    kept: BoolArray,
    estimate: FloatArray,
    error: FloatArray,
    half_width: float,
    reasons: tuple[str, ...],
    errors: str,
) -> Fit:
    coefficient, standard_error = np.full(X.shape[1], np.nan), np.full(X.shape[1], np.nan)
    coefficient[kept], standard_error[kept] = estimate, error
    low, high = coefficient - half_width * standard_error, coefficient + half_width * standard_error
    return Fit(len(y), coefficient, standard_error, low, high, reasons, errors)


def _nothing(X: FloatArray, y: FloatArray, errors: str, reason: str) -> Fit:
    empty = np.full(X.shape[1], np.nan)
    return Fit(len(y), empty, empty, empty, empty, (reason,) * X.shape[1], errors)
