"""Ordered and multinomial logits on a full sample, as the original analysis would print them.

Maximum likelihood by Newton's method, with errors that follow from how people were drawn, as in
`surveyeval.engine.full_regression`: model-based for respondents drawn one by one, linearised under weights, strata or PSUs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from surveyeval.data.design import Design, simple_design
from surveyeval.engine.design_based import linearised
from surveyeval.engine.full_regression import Fit, unidentified
from surveyeval.metric._categorical import MultinomialLogit, OrderedLogit
from surveyeval.metric._zeros import climb

__all__ = ["fit_multinomial", "fit_ordered"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_Z = float(stats.norm.ppf(0.975))
_NOBODY = "nobody has this outcome"


def fit_ordered(X: FloatArray, y: IntArray, weight: FloatArray, outcomes: int, design: Design | None = None) -> Fit:
    """Proportional-odds logit; entry 0 of the result, which stands for the cuts, is not estimable.

    Parameters
    ----------
    X : (n, p) float array
        The intercept first; it is taken up by the cuts between outcomes.
    y : (n,) int array of 0 to `outcomes` - 1
    weight : (n,) float array
    outcomes : int
    design : Design, optional
        Strata and PSUs of these rows; default: respondents drawn one by one.

    Notes
    -----
    Slopes have the sign of their effect. Model-based errors are those of the observed information, as by R's MASS::polr;
    linearised errors (Binder 1983) equal those of survey::svyolr. Source: McCullagh (1980), Journal of the Royal
    Statistical Society B 42.
    """
    some, place = np.unique(y, return_inverse=True)
    errors = _errors(weight, design)
    if len(some) < 2:
        return _nothing(X.shape[1], len(y), errors, "the response does not vary")
    reasons = list(unidentified(X))
    reasons[0] = "taken up by the cuts"
    kept = np.array([not reason for reason in reasons])
    scale = np.abs(X[:, kept]).max(axis=0)
    model = OrderedLogit(X[:, kept] / scale, place, len(some))
    infinite = _ordered_separation(model.Z, place, len(some))[len(some) - 1 :]
    if infinite.any():
        return _separated(X.shape[1], len(y), errors, reasons, np.flatnonzero(kept)[infinite])
    found = _fitted(model, weight, design, errors)
    if isinstance(found, str):
        return _nothing(X.shape[1], len(y), errors, found)
    own = slice(len(some) - 1, None)
    return _spread(found, own, scale, np.flatnonzero(kept), tuple(reasons), len(y), errors)


def fit_multinomial(X: FloatArray, y: IntArray, weight: FloatArray, outcomes: int, design: Design | None = None) -> Fit:
    """Baseline-category logit: the p coefficients of outcome 1, of outcome 2, ..., outcome 0 being the reference.

    Parameters
    ----------
    X : (n, p) float array
        The intercept first.
    y, weight, outcomes, design
        As in `fit_ordered`.

    Notes
    -----
    Equals R's nnet::multinom at its maximum; model-based or linearised errors.
    """
    p = X.shape[1]
    size, errors = (outcomes - 1) * p, _errors(weight, design)
    some, place = np.unique(y, return_inverse=True)
    if len(some) < 2:
        return _nothing(size, len(y), errors, "the response does not vary")
    if some[0] != 0:
        return _nothing(size, len(y), errors, "nobody has the outcome that the others are compared with")
    columns = list(unidentified(X))
    kept = np.flatnonzero([not reason for reason in columns])
    reasons = [columns[j] if k in some else _NOBODY for k in range(1, outcomes) for j in range(p)]
    where = ((some[1:, None] - 1) * p + kept).reshape(-1)
    scale = np.abs(X[:, kept]).max(axis=0)
    model = MultinomialLogit(X[:, kept] / scale, place, len(some))
    infinite = _multinomial_separation(model.X, place, len(some))
    if infinite.any():
        return _separated(size, len(y), errors, reasons, where[infinite])
    found = _fitted(model, weight, design, errors)
    if isinstance(found, str):
        return _nothing(size, len(y), errors, found)
    return _spread(found, slice(None), np.tile(scale, len(some) - 1), where, tuple(reasons), len(y), errors)


@dataclass(frozen=True, eq=False)
class _Found:
    """Parameters, their standard errors, and the half-width of intervals in these."""

    estimate: FloatArray
    error: FloatArray
    half_width: float


def _errors(weight: FloatArray, design: Design | None) -> str:
    weighted = bool(len(weight)) and not np.all(weight == weight[0])
    drawn = design is not None and (design.stratified or design.clustered)
    return "linearised" if weighted or drawn else "model"


def _fitted(
    model: OrderedLogit | MultinomialLogit, weight: FloatArray, design: Design | None, errors: str
) -> _Found | str:
    """Maximum likelihood with its errors, or why there is none."""
    w = weight / weight.mean()
    size = model.start(w[None]).shape[1]
    if len(w) <= size:
        return "too few complete rows"
    try:
        estimate, _, converged = climb(model, w, reduced=False)
        bread = np.linalg.inv(model.observed(estimate, w))
    except np.linalg.LinAlgError:
        converged = False
    if not converged or not (np.diag(bread) > 0).all():
        return "maximum likelihood did not converge"
    if errors == "model":
        return _Found(estimate, np.sqrt(np.diag(bread)), _Z)
    drawn = simple_design(len(w)) if design is None else design
    freedom = drawn.degrees_of_freedom + 1 - size
    if freedom < 1:
        return f"{drawn.degrees_of_freedom} degrees of freedom of the design are too few for {size} coefficients"
    influence = model.contributions(estimate[None], w[None])[0] @ bread
    error = np.sqrt(np.maximum(np.diag(linearised(influence, drawn)), 0.0))
    return _Found(estimate, error, float(stats.t.ppf(0.975, freedom)))


def _spread(
    found: _Found, own: slice, scale: FloatArray, where: IntArray, reasons: tuple[str, ...], n: int, errors: str
) -> Fit:
    coefficient, error = np.full(len(reasons), np.nan), np.full(len(reasons), np.nan)
    coefficient[where], error[where] = found.estimate[own] / scale, found.error[own] / scale
    reach = found.half_width * error
    return Fit(n, coefficient, error, coefficient - reach, coefficient + reach, reasons, errors)


def _nothing(size: int, n: int, errors: str, reason: str) -> Fit:
    empty = np.full(size, np.nan)
    return Fit(n, empty, empty, empty, empty, (reason,) * size, errors)


def _separated(size: int, n: int, errors: str, reasons: list[str], infinite: IntArray) -> Fit:
    """No estimates: the finite ones would be those of the rows and outcomes that the separation leaves undetermined."""
    own = {int(j) for j in infinite}
    said = [
        reason or ("separation: some values rule out an outcome" if j in own else "other terms separate the outcomes")
        for j, reason in enumerate(reasons)
    ]
    return replace(_nothing(size, n, errors, ""), reason=tuple(said))


def _recession(rows: FloatArray) -> BoolArray:
    """Parameters that run to infinity: the entries of a direction d with ``rows d >= 0`` and not all 0 (Konis 2007)."""
    solution = optimize.linprog(-rows.sum(axis=0), A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=(-1, 1), method="highs")
    direction = np.asarray(solution.x, dtype=float) if solution.status == 0 else np.zeros(rows.shape[1])
    if (rows @ direction).max(initial=0.0) <= 1e-7:
        return np.zeros(rows.shape[1], dtype=bool)
    return np.asarray(np.abs(direction) > 1e-7)


def _ordered_separation(Z: FloatArray, y: IntArray, outcomes: int) -> BoolArray:
    """Cuts and slopes without a finite estimate."""
    cut = np.eye(outcomes - 1)
    upper, lower = y < outcomes - 1, y > 0
    above = np.hstack([cut[y[upper]], -Z[upper]])  # the cut above an outcome may rise
    below = np.hstack([-cut[y[lower] - 1], Z[lower]])  # and the one below it fall
    return _recession(np.vstack([above, below]))


def _multinomial_separation(X: FloatArray, y: IntArray, outcomes: int) -> BoolArray:
    """Coefficients without a finite estimate."""
    p, parts = X.shape[1], []
    for own in range(outcomes):
        rows = X[y == own]
        for other in range(outcomes):
            if other == own:
                continue
            part = np.zeros((len(rows), outcomes, p))
            part[:, own] = rows
            part[:, other] = -rows
            parts.append(part[:, 1:].reshape(len(rows), -1))
    return _recession(np.vstack(parts))
