"""Penalised logits for one item: multinomial for options without an order, ordered (proportional odds) for a scale.

Both have a ridge on the slopes, chosen by cross-validation on the pilot, and take half a person for every option.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit, log_softmax

from surveyeval.model.tables import SMOOTHING

__all__ = ["MULTINOMIAL", "ORDERED", "PENALTIES", "Logit", "choose_penalty", "fit_multinomial", "fit_ordered"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Ridge penalties on slopes to choose from, strongest first; intercepts are free. Half the penalty times the squared norm
#: is added to the negative log-likelihood: the prior of a slope has SD 1 / sqrt(penalty).
PENALTIES = (100.0, 30.0, 10.0, 3.0, 1.0)
FOLDS = 5


def fit_multinomial(
    X: FloatArray,
    y: IntArray,
    weight: FloatArray,
    k: int,
    penalty: float,
    *,
    start: FloatArray | None = None,
    tolerance: float = 1e-10,
) -> FloatArray:
    """Penalised multinomial logit.

    Parameters
    ----------
    X : (n, p) float array
        Predictors, without a column of ones.
    y : (n,) int array
        Categories from 0 to k - 1.
    weight : (n,) float array
    k : int
    penalty : float
        Ridge on the slopes.
    start : (1 + p, k) float array, optional
        Coefficients to start from.
    tolerance : float
        Relative change of the objective at which to stop.

    Returns
    -------
    (1 + p, k) float array
        Intercepts, then slopes; the parametrisation is symmetric (no reference category).
    """
    design, onehot = _with_intercept(X), np.eye(k)[y]
    penalised = np.full((design.shape[1], 1), penalty)
    penalised[0] = 1e-6  # fixes the level of the symmetric parametrisation
    if start is None:
        start = np.zeros((design.shape[1], k))
        start[0] = np.log(weight @ onehot + 1e-3)
        start[0] -= start[0].mean()

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        beta = flat.reshape(-1, k)
        log_p = log_softmax(design @ beta, axis=1)
        loss = -(weight @ (onehot * log_p)).sum() + 0.5 * (penalised * beta**2).sum()
        gradient = design.T @ (weight[:, None] * (np.exp(log_p) - onehot)) + penalised * beta
        return float(loss), gradient.ravel()

    return _minimise(objective, start.ravel(), tolerance).reshape(-1, k)


def fit_ordered(
    X: FloatArray,
    y: IntArray,
    weight: FloatArray,
    k: int,
    penalty: float,
    *,
    start: FloatArray | None = None,
    tolerance: float = 1e-10,
) -> FloatArray:
    """Penalised ordered logit: P(y <= j) = logistic(threshold_j - X slopes).

    Parameters are those of `fit_multinomial`, with categories in their order.

    Returns
    -------
    (k - 1 + p,) float array
        Thresholds in ascending order, then slopes.

    References
    ----------
    McCullagh (1980), Regression models for ordinal data, Journal of the Royal Statistical Society B 42.
    """
    if start is None:
        below = np.cumsum(np.bincount(y, weight, minlength=k) + 1e-3)
        start = np.concatenate([np.log(below[:-1] / (below[-1] - below[:-1])), np.zeros(X.shape[1])])

    # Gaps enter by their logarithms, so that thresholds cannot cross; the loss is convex in the thresholds themselves,
    # hence has one minimum in either form.
    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        gaps, slopes = np.exp(flat[1 : k - 1]), flat[k - 1 :]
        edges = np.concatenate([[-np.inf], flat[0] + np.concatenate([[0.0], np.cumsum(gaps)]), [np.inf]])
        eta = X @ slopes
        upper, lower, gap = edges[y + 1] - eta, edges[y] - eta, np.diff(edges)[y]
        loss = -(weight @ _log_interval(upper, lower, gap)) + 0.5 * penalty * (slopes @ slopes)
        by_eta = weight * (expit(-upper) - expit(lower))
        by_gap = weight / np.expm1(gap)
        by_edge = np.bincount(y + 1, weight * expit(-upper) + by_gap, minlength=k + 1)
        by_edge -= np.bincount(y, weight * expit(lower) + by_gap, minlength=k + 1)
        by_threshold = by_edge[1:-1]
        after = np.cumsum(by_threshold[::-1])[::-1]  # a gap moves all thresholds above it
        return float(loss), np.concatenate([[-after[0]], -gaps * after[1:], X.T @ by_eta + penalty * slopes])

    inside = np.concatenate([start[:1], np.log(np.diff(start[: k - 1])), start[k - 1 :]])
    found = _minimise(objective, inside, tolerance)
    found[1 : k - 1] = found[0] + np.cumsum(np.exp(found[1 : k - 1]))
    return found


def _log_interval(upper: FloatArray, lower: FloatArray, gap: FloatArray) -> FloatArray:
    """log(logistic(upper) - logistic(lower)) without cancellation; gap is upper - lower."""
    result: FloatArray = log_expit(upper) + log_expit(-lower) + np.log(-np.expm1(-gap))
    return result


def _minimise(
    objective: Callable[[FloatArray], tuple[float, FloatArray]], start: FloatArray, tolerance: float
) -> FloatArray:
    options: Any = {"maxiter": 1000, "ftol": tolerance, "gtol": 1e-5}
    found: FloatArray = minimize(objective, start, jac=True, method="L-BFGS-B", options=options).x
    return found


def _with_intercept(X: FloatArray) -> FloatArray:
    return np.hstack([np.ones((len(X), 1)), X])


@dataclass(frozen=True)
class Logit:
    """A kind of logit: how it is fitted, and the (n, k) log-probabilities that its parameters give to rows of X."""

    fit: Callable[..., FloatArray]
    log_probabilities: Callable[[FloatArray, FloatArray, int], FloatArray]

    def fit_smoothed(
        self, X: FloatArray, y: IntArray, weight: FloatArray, k: int, penalty: float, **how: Any
    ) -> FloatArray:
        """Fit with `SMOOTHING` people more for every option, whose predictors are all 0 (the average, if X is centred)."""
        padded = np.vstack([X, np.zeros((k, X.shape[1]))])
        counted = np.concatenate([weight, np.full(k, SMOOTHING)])
        return self.fit(padded, np.concatenate([y, np.arange(k)]), counted, k, penalty, **how)


def _multinomial(X: FloatArray, beta: FloatArray, k: int) -> FloatArray:
    log_p: FloatArray = log_softmax(_with_intercept(X) @ beta, axis=1)
    return log_p


def _ordered(X: FloatArray, parameters: FloatArray, k: int) -> FloatArray:
    edges = np.concatenate([[-np.inf], parameters[: k - 1], [np.inf]])
    eta = (X @ parameters[k - 1 :])[:, None]
    return _log_interval(edges[1:] - eta, edges[:-1] - eta, np.diff(edges))


MULTINOMIAL = Logit(fit_multinomial, _multinomial)
ORDERED = Logit(fit_ordered, _ordered)


def choose_penalty(logit: Logit, X: FloatArray, y: IntArray, weight: FloatArray, k: int) -> float:
    """The penalty of `PENALTIES` with the smallest log-loss over five folds of the pilot; the strongest of ties.

    Rows are dealt to folds by a fixed permutation, so that the choice depends on the pilot alone.
    """
    fold = np.random.default_rng(0).permutation(len(y)) % FOLDS
    loss = dict.fromkeys(PENALTIES, 0.0)
    for held_out in range(FOLDS):
        test, train = fold == held_out, fold != held_out
        found = None
        for penalty in PENALTIES:
            found = logit.fit_smoothed(X[train], y[train], weight[train], k, penalty, start=found, tolerance=1e-5)
            log_p = logit.log_probabilities(X[test], found, k)
            loss[penalty] -= float(weight[test] @ log_p[np.arange(test.sum()), y[test]])
    return min(PENALTIES, key=lambda penalty: loss[penalty])
