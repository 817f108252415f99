"""Regressions on a full sample, as the original analysis would print them.

Least squares and maximum-likelihood logit by statsmodels, with errors that follow from how people were drawn: HC2 and
model-based errors for respondents drawn one by one, CR2 for least squares on clusters, and linearised errors under weights
or strata. (The cross-half comparison of coefficients uses other estimators: halves are often separated.) A term that the
sample cannot tell is named with its reason, and the others are still estimated.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from surveyeval.data.design import Design, simple_design
from surveyeval.engine.design_based import linearised
from surveyeval.metric.clustered import cr2

__all__ = ["Fit", "fit_logit", "fit_ols", "unidentified"]

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
        ``HC2``, ``CR2``, ``model`` or ``linearised``.
    """

    n: int
    coefficient: FloatArray
    error: FloatArray
    low: FloatArray
    high: FloatArray
    reason: tuple[str, ...]
    errors: str


def fit_ols(X: FloatArray, y: FloatArray, weight: FloatArray, design: Design | None = None) -> Fit:
    """Least squares with t intervals; weighted where the weights differ.

    Parameters
    ----------
    X : (n, p) float array
        The intercept first.
    y, weight : (n,) float arrays
    design : Design, optional
        Strata and PSUs of these rows; default: respondents drawn one by one.

    Notes
    -----
    Errors are HC2 (MacKinnon and White 1985); in clusters without weights and strata CR2 with Satterthwaite's degrees of
    freedom (Bell and McCaffrey 2002); else linearised (Binder 1983), with the degrees of freedom of the design, as by R's
    svyglm.
    """
    from statsmodels.regression.linear_model import WLS

    weighted = bool(len(weight)) and not np.all(weight == weight[0])
    stratified, clustered = (False, False) if design is None else (design.stratified, design.clustered)
    errors = "linearised" if weighted or stratified else "CR2" if clustered else "HC2"
    reasons = unidentified(X)
    kept = np.array([not reason for reason in reasons])
    if len(y) <= kept.sum() or np.ptp(y) == 0:
        return _nothing(
            X, y, errors, "the response does not vary" if len(y) and np.ptp(y) == 0 else "too few complete rows"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = WLS(y, X[:, kept], weights=weight / weight.mean()).fit(cov_type="HC2", use_t=True)
    # A perfect fit has no residual variance: its zero standard errors would make every term significant.
    if np.max(np.abs(result.resid)) <= 1e-10 * max(1.0, float(np.max(np.abs(y)))):
        return _nothing(X, y, errors, "no residual variance")
    if errors == "HC2":
        if not np.all(np.isfinite(result.bse)):
            return _nothing(X, y, errors, "a row determines a coefficient alone")
        return _spread(X, y, kept, result.params, result.bse, stats.t.ppf(0.975, result.df_resid), reasons, errors)
    if errors == "CR2":
        assert design is not None
        if len(np.unique(design.unit)) <= kept.sum():
            return _nothing(X, y, errors, "no more PSUs than coefficients")
        error, freedom = cr2(X[:, kept], np.asarray(result.resid), design.unit)
        return _spread(X, y, kept, result.params, error, stats.t.ppf(0.975, freedom), reasons, errors)
    scores = X[:, kept] * (weight * np.asarray(result.resid))[:, None]
    bread = np.linalg.inv((X[:, kept] * weight[:, None]).T @ X[:, kept])
    return _linearised(X, y, kept, np.asarray(result.params), scores @ bread, design, reasons)


def fit_logit(X: FloatArray, y: FloatArray, weight: FloatArray, design: Design | None = None) -> Fit:
    """Maximum-likelihood logit with model-based errors; under a design or weights, pseudo-likelihood with linearised ones.

    Parameters
    ----------
    X : (n, p) float array
        The intercept first.
    y : (n,) float array of 0 and 1
    weight : (n,) float array
    design : Design, optional
        Strata and PSUs of these rows; default: respondents drawn one by one.

    Notes
    -----
    Separated terms have no finite estimate: they are found by linear programming (Konis 2007), named, and the others are
    estimated on the rows that the separation leaves undetermined, which is the limit of maximum likelihood. Linearised
    errors: Binder (1983), with the degrees of freedom of the design, as by R's svyglm.
    """
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    weighted = bool(len(weight)) and not np.all(weight == weight[0])
    plain = not weighted and (design is None or not (design.stratified or design.clustered))
    errors = "model" if plain else "linearised"
    if len(y) == 0 or np.ptp(y) == 0:
        return _nothing(X, y, errors, "the response does not vary")
    reasons = list(unidentified(X))
    kept = np.array([not reason for reason in reasons])
    infinite, rows = _separation(X[:, kept], y)
    for column in np.flatnonzero(kept)[infinite]:
        reasons[column] = "separation: some values leave only one outcome"
    kept = np.array([not reason for reason in reasons])
    used = np.flatnonzero(kept)
    if infinite.any():
        # On the rows that are left, sums of the infinite coefficients are finite: their columns stay, and tell nothing.
        runaway = [j for j, reason in enumerate(reasons) if reason.startswith("separation")]
        order = np.array([*(j for j in runaway if j == 0), *used, *(j for j in runaway if j)])
        alone = np.array([not reason for reason in unidentified(X[rows][:, order])])
        for column in order[~alone]:
            if kept[column]:
                reasons[column] = "separation leaves no rows to estimate it"
        used, kept = order[alone], np.array([not reason for reason in reasons])
    if not kept.any() or rows.sum() <= len(used) or np.ptp(y[rows]) == 0:
        return _nothing(X, y, errors, "separation: the response is predicted without error")
    design_matrix, w, told = X[rows][:, used], weight[rows], kept[used]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = GLM(y[rows], design_matrix, family=Binomial(), var_weights=w / w.mean())
        result = model.fit(maxiter=100)
    if not result.converged or not np.all(np.isfinite(result.bse)):
        return _nothing(X, y, errors, "maximum likelihood did not converge")
    if plain:
        return _spread(X, y, kept, result.params[told], result.bse[told], _Z, tuple(reasons), errors)
    p = np.asarray(result.fittedvalues)
    scores = design_matrix * (w * (y[rows] - p))[:, None]
    bread = np.linalg.inv((design_matrix * (w * p * (1 - p))[:, None]).T @ design_matrix)
    within = (simple_design(len(y)) if design is None else design).take(rows)
    estimate = np.asarray(result.params)[told]
    return _linearised(X, y, kept, estimate, (scores @ bread)[:, told], within, tuple(reasons))


def _linearised(
    X: FloatArray,
    y: FloatArray,
    kept: BoolArray,
    estimate: FloatArray,
    influence: FloatArray,
    design: Design | None,
    reasons: tuple[str, ...],
) -> Fit:
    design = simple_design(len(y)) if design is None else design
    freedom = design.degrees_of_freedom + 1 - int(kept.sum())
    if freedom < 1:
        reason = (
            f"{design.degrees_of_freedom} degrees of freedom of the design are too few for {kept.sum()} coefficients"
        )
        return _nothing(X, y, "linearised", reason)
    error = np.sqrt(np.maximum(np.diag(linearised(influence, design)), 0.0))
    return _spread(X, y, kept, estimate, error, stats.t.ppf(0.975, freedom), reasons, "linearised")


def unidentified(X: FloatArray) -> tuple[str, ...]:
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
    half_width: float | FloatArray,
    reasons: tuple[str, ...],
    errors: str,
) -> Fit:
    coefficient, standard_error = np.full(X.shape[1], np.nan), np.full(X.shape[1], np.nan)
    coefficient[kept], standard_error[kept] = estimate, error
    reach = np.full(X.shape[1], np.nan)
    reach[kept] = half_width * error
    low, high = coefficient - reach, coefficient + reach
    return Fit(len(y), coefficient, standard_error, low, high, reasons, errors)


def _nothing(X: FloatArray, y: FloatArray, errors: str, reason: str) -> Fit:
    empty = np.full(X.shape[1], np.nan)
    return Fit(len(y), empty, empty, empty, empty, (reason,) * X.shape[1], errors)
