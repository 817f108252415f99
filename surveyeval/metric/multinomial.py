"""Ridge-penalised multinomial logit for many sets of weights at once, with approximate leave-one-out predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surveyeval.metric._batches import Packed, batches, families

__all__ = ["MultinomialFits", "log_share", "multinomial_logit"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_MOST_STEPS = 50
#: Steps are Newton's with the exact Hessian: what is left after one is of the order of its square.
_TOLERANCE = 1e-6
#: Longest first step that is taken without looking where it leads.
_LONGEST = 3.0


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
        At least 0; only their proportions matter, since each row is scaled to add up to its effective size. Sets of weights
        that resemble each other are fitted together, from the fit to the largest of them.
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
    B, n, p, free = len(weight), len(X), X.shape[1], outcomes - 1
    coefficient, left_out = np.full((B, p, free), np.nan), np.full((B, n), np.nan)
    for family in families(weight, whole=True):
        columns = family.columns
        if len(columns):
            model = _Model(X[columns], y[columns], outcomes, ridge)
            place = np.ix_(family.members, columns)
            coefficient[family.members], left_out[place] = model.fit(weight[place], family.start)
    return MultinomialFits(coefficient, left_out)


def _effective(weight: FloatArray) -> FloatArray:
    """Each row scaled to add up to its effective size; rows without weight stay zero."""
    total, squares = weight.sum(axis=1, keepdims=True), np.square(weight).sum(axis=1, keepdims=True)
    return np.asarray(weight * np.divide(total, squares, out=np.zeros_like(total), where=squares > 0))


class _Model:
    """The penalised loss of some respondents, for many sets of weights."""

    def __init__(self, X: FloatArray, y: IntArray, outcomes: int, ridge: float) -> None:
        self.X, self.y, self.outcomes, self.free = X, y, outcomes, outcomes - 1
        self.packed = Packed(X)
        self.chosen = (y[:, None] == np.arange(1, outcomes)[None, :]).astype(float)
        self.penalty = np.full(X.shape[1], ridge)
        self.penalty[0] = ridge / 100

    def state(self, beta: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Probabilities (b, n, free), gradient (b, p, free) and value of the penalised loss (b,)."""
        eta = _with_reference(_predict(self.X, beta))
        eta -= eta.max(axis=-1, keepdims=True)
        mu = np.exp(eta)
        total = mu.sum(axis=-1)
        rows = np.arange(len(self.y))
        own = eta[:, rows, self.y] - np.log(total)
        mu = mu[..., 1:] / total[..., None]
        shrunk = self.penalty[:, None] * (beta - beta.sum(axis=2, keepdims=True) / self.outcomes)
        loss = -(w * own).sum(axis=1) + 0.5 * (shrunk * beta).sum(axis=(1, 2))
        residual = w[:, :, None] * (mu - self.chosen)
        gradient = (residual.transpose(0, 2, 1) @ self.X).transpose(0, 2, 1) + shrunk
        return mu, gradient, loss

    def hessian(self, mu: FloatArray, w: FloatArray) -> FloatArray:
        """(b, p free, p free), parameters ordered by column of X, then outcome."""
        p, free = self.X.shape[1], self.free
        H = np.zeros((len(w), p, free, p, free))
        places = np.arange(p)
        for k in range(free):
            for m in range(k, free):
                block = self.packed.gram(w * mu[:, :, k] * ((k == m) - mu[:, :, m]))
                block[:, places, places] += self.penalty * ((k == m) - 1 / self.outcomes)
                H[:, :, k, :, m] = H[:, :, m, :, k] = block
        return H.reshape(len(w), p * free, p * free)

    def fit(self, weight: FloatArray, start: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Coefficients (B, p, free) and log-probabilities of rows that are left out (B, n), from the fit to `start`."""
        p, free = self.X.shape[1], self.free
        first = _newton(np.zeros((1, p, free)), _effective(start[None]), self.state, self.hessian)
        beta, left_out = self._begin(_effective(weight), _effective(start[None]), first), np.empty(weight.shape)
        for some in batches(np.arange(len(weight)), len(self.X) * free):
            beta[some], left_out[some] = self._others(weight[some], beta[some])
        return beta, left_out

    def _begin(self, w: FloatArray, start: FloatArray, first: FloatArray) -> FloatArray:
        """(B, p, free) one step from the first fit, where all begin, so that products of rows are made once for all."""
        mu, _, _ = self.state(first, start)
        by_row = ((mu[0] - self.chosen)[:, None] * self.X[:, :, None]).reshape(len(self.X), -1)
        shrunk = self.penalty[:, None] * (first[0] - first[0].sum(axis=1, keepdims=True) / self.outcomes)
        step = np.linalg.solve(self.hessian(mu, start)[0], (w @ by_row + shrunk.reshape(-1)).T).T
        # Where few have weight the first Hessian is no guide.
        near = np.abs(step).max(axis=1, keepdims=True, initial=0.0) < _LONGEST
        return np.asarray(first - np.where(near, step, 0.0).reshape(len(w), *first.shape[1:]))

    def _others(self, weight: FloatArray, beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        B, p, free = len(weight), self.X.shape[1], self.free
        some = weight.sum(axis=1) > 0
        w = _effective(weight)
        beta = _newton(beta, w, self.state, self.hessian)
        mu, _, _ = self.state(beta, w)
        inverse = np.linalg.inv(self.hessian(mu, w)).reshape(B, p, free, p, free)
        # M_i = x_i' H^-1 x_i, a small matrix for each row: how far the row's own residual moves its own predictor.
        move = np.empty((B, len(self.y), free, free))
        for k in range(free):
            for m in range(k, free):
                block = inverse[:, :, k, :, m]
                move[:, :, k, m] = move[:, :, m, k] = self.packed.quadratic((block + block.transpose(0, 2, 1)) / 2)
        curve = w[:, :, None, None] * (mu[..., :, None] * (np.eye(free) - mu[..., None, :]))
        residual = w[:, :, None] * (mu - self.chosen)
        step = np.linalg.solve(np.eye(free) - move @ curve, (move @ residual[..., None]))[..., 0]
        left_out = _own(_with_reference(_predict(self.X, beta) + step), self.y)
        beta[~some] = np.nan
        return beta, np.where(weight > 0, left_out, np.nan)


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
    beta[active] = np.nan  # those that did not get there
    return beta
