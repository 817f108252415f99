"""Ridge-penalised multinomial logit for many sets of weights at once, with approximate leave-one-out predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MultinomialFits", "log_share", "multinomial_logit"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_MOST_STEPS = 50
_TOLERANCE = 1e-10


@dataclass(frozen=True, eq=False)
class MultinomialFits:
    """Results of B fits with K outcomes and p columns.

    Parameters
    ----------
    coefficient : (B, p, K - 1) float array
        Outcome 0 is the reference. NaN where a set of weights is empty.
    left_out : (B, n) float array
        Natural log-probability of each row's own outcome, had the fit been made without that row; NaN for rows without
        weight.
    """

    coefficient: FloatArray
    left_out: FloatArray


def log_share(X: FloatArray, y: IntArray, coefficient: FloatArray) -> FloatArray:
    """(B, n) natural log-probability of the outcomes y under B sets of coefficients."""
    return _own(_with_reference(_predict(X, coefficient)), y)


def _predict(X: FloatArray, coefficient: FloatArray) -> FloatArray:
    """(B, n, K - 1) linear predictors."""
    B, p, outcomes = coefficient.shape
    flat = X @ coefficient.transpose(1, 0, 2).reshape(p, B * outcomes)
    return flat.reshape(len(X), B, outcomes).transpose(1, 0, 2)


def _with_reference(eta: FloatArray) -> FloatArray:
    return np.concatenate([np.zeros((*eta.shape[:-1], 1)), eta], axis=-1)


def _own(eta: FloatArray, y: IntArray) -> FloatArray:
    largest = eta.max(axis=-1, keepdims=True)
    total = largest[..., 0] + np.log(np.exp(eta - largest).sum(axis=-1))
    chosen = np.take_along_axis(eta, np.broadcast_to(y[None, :, None], (*eta.shape[:-1], 1)), axis=-1)[..., 0]
    return np.asarray(chosen - total)


def multinomial_logit(X: FloatArray, y: IntArray, weight: FloatArray, outcomes: int, ridge: float) -> MultinomialFits:
    """Fit by Newton's method, and predict every row from the others.

    Parameters
    ----------
    X : (n, p) float array
        Intercept first; the other columns on comparable scales.
    y : (n,) int array
        Outcome of each row, 0 to `outcomes` - 1.
    weight : (B, n) float array
        At least 0; only their proportions matter, since each row is scaled to add up to its effective size.
    outcomes : int
    ridge : float
        Penalty ``ridge / 2`` times the sum over columns of the squared deviations of the K coefficients (that of the
        reference being 0) from their mean, in units of one respondent: which outcome is the reference does not matter.
        A hundredth of it falls on the intercept, so that an outcome that nobody chose stays finite.

    Returns
    -------
    MultinomialFits

    Notes
    -----
    A row is left out by one Newton step from the full fit, which is exact for least squares and of second order here.
    Source: Rad and Maleki (2020), Journal of the Royal Statistical Society B 82.
    """
    n, p = X.shape
    B, free = len(weight), outcomes - 1
    total, squares = weight.sum(axis=1), (weight**2).sum(axis=1)
    some = total > 0
    scaled = np.where(some[:, None], weight * (total / np.where(some, squares, 1.0))[:, None], 0.0)
    outer = (X[:, :, None] * X[:, None, :]).reshape(n, p * p)
    chosen = (y[:, None] == np.arange(1, outcomes)[None, :]).astype(float)
    penalty = np.full(p, ridge)
    penalty[0] = ridge / 100

    def state(beta: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Probabilities (b, n, free), gradient (b, p, free) and value of the penalised loss (b,)."""
        eta = _with_reference(_predict(X, beta))
        shrunk = penalty[:, None] * (beta - beta.sum(axis=2, keepdims=True) / outcomes)
        loss = -(w * _own(eta, y)).sum(axis=1) + 0.5 * (shrunk * beta).sum(axis=(1, 2))
        mu = np.exp(eta - eta.max(axis=-1, keepdims=True))
        mu = (mu / mu.sum(axis=-1, keepdims=True))[..., 1:]
        residual = w[:, :, None] * (mu - chosen)
        gradient = (residual.transpose(0, 2, 1) @ X).transpose(0, 2, 1) + shrunk
        return mu, gradient, loss

    def hessian(mu: FloatArray, w: FloatArray) -> FloatArray:
        """(b, p free, p free), parameters ordered by column of X, then outcome."""
        H = np.zeros((len(w), p, free, p, free))
        for k in range(free):
            for m in range(k, free):
                curve = w * (mu[:, :, k] * ((k == m) - mu[:, :, m]))
                block = (curve @ outer).reshape(-1, p, p)
                block[:, np.arange(p), np.arange(p)] += penalty * ((k == m) - 1 / outcomes)
                H[:, :, k, :, m] = H[:, :, m, :, k] = block
        return H.reshape(len(w), p * free, p * free)

    # All sets of weights are close to each other: the fit to their mean is a start one or two steps from the end.
    beta = np.zeros((1, p, free))
    if some.any():
        beta = _newton(beta, scaled[some].mean(axis=0, keepdims=True), state, hessian)
    beta = _newton(np.repeat(beta, B, axis=0), scaled, state, hessian)
    mu, _, _ = state(beta, scaled)
    inverse = np.linalg.inv(hessian(mu, scaled)).reshape(B, p, free, p, free)
    # M_i = x_i' H^-1 x_i, a small matrix for each row: how far the row's own residual moves its own predictor.
    move = np.empty((B, n, free, free))
    for k in range(free):
        for m in range(free):
            move[:, :, k, m] = inverse[:, :, k, :, m].reshape(B, p * p) @ outer.T
    curve = scaled[:, :, None, None] * (mu[..., :, None] * (np.eye(free) - mu[..., None, :]))
    residual = scaled[:, :, None] * (mu - chosen)
    step = np.linalg.solve(np.eye(free) - move @ curve, (move @ residual[..., None]))[..., 0]
    left_out = _own(_with_reference(_predict(X, beta) + step), y)
    beta[~some] = np.nan
    return MultinomialFits(beta, np.where(weight > 0, left_out, np.nan))


def _newton(beta: FloatArray, weight: FloatArray, state, hessian) -> FloatArray:  # type: ignore[no-untyped-def]
    """Minimise from `beta`, each set of weights by its own steps, halved while the loss rises."""
    beta = beta.copy()
    active = np.arange(len(beta))
    mu, gradient, loss = state(beta, weight)
    for _ in range(_MOST_STEPS):
        if not len(active):
            break
        w, start = weight[active], beta[active]
        shape = start.shape
        solved = np.linalg.solve(hessian(mu, w), gradient.reshape(len(active), -1)[..., None])
        step = -solved.reshape(shape)
        for _halving in range(30):
            trial = start + step
            mu, gradient, new = state(trial, w)
            worse = new > loss + 1e-12 * np.abs(loss)
            if not worse.any():
                break
            step[worse] /= 2
        beta[active], loss = trial, new
        going = np.abs(step).max(axis=(1, 2)) > _TOLERANCE
        active, mu, gradient, loss = active[going], mu[going], gradient[going], loss[going]
    return beta
