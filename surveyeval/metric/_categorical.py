"""Likelihoods of outcomes of several categories, for many sets of weights at once.

Both models have the mean bias-reducing adjustment of Firth (1993) as an option. It has the form of added pseudo-responses:
a row's indicator of outcome k becomes ``y_k + tr(V D2_k) / 2``, with V the covariance of the row's linear predictors and D2_k
the second derivatives of the probability of outcome k. For the multinomial logit that is the maximum of the likelihood with
Jeffreys' penalty (Kosmidis and Firth 2011, Biometrika 98); for the ordered logit there is no such likelihood, and the zero of
the adjusted score is the estimate (Kosmidis 2014, Journal of the Royal Statistical Society B 76). With two outcomes both are
Firth's logit. Estimates are finite where a term separates the outcomes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surveyeval.metric._batches import Packed

__all__ = ["MultinomialLogit", "OrderedLogit"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Scores = tuple[FloatArray, FloatArray, FloatArray]


class MultinomialLogit:
    """Outcome 0 is the reference. Parameters: the p coefficients of outcome 1, of outcome 2, ...

    Parameters
    ----------
    X : (n, p) float array
        Intercept first, columns on comparable scales.
    y : (n,) int array of 0 to `outcomes` - 1
    outcomes : int
    """

    def __init__(self, X: FloatArray, y: IntArray, outcomes: int) -> None:
        self.X, self.free, self.packed = X, outcomes - 1, Packed(X)
        self.chosen = (y == np.arange(1, outcomes)[:, None]).astype(float)

    def start(self, w: FloatArray) -> FloatArray:
        """Shares of the outcomes, half a respondent added to each."""
        counts = w @ self.chosen.T + 0.5
        theta = np.zeros((len(w), self.free, self.X.shape[1]))
        rest = w.sum(axis=1, keepdims=True) - counts.sum(axis=1, keepdims=True) + 0.5 * (self.free + 1)
        theta[:, :, 0] = np.log(counts / rest)
        return theta.reshape(len(w), -1)

    def proper(self, theta: FloatArray) -> BoolArray:
        """Always."""
        return np.asarray(np.isfinite(theta).all(axis=1))

    def probabilities(self, theta: FloatArray) -> FloatArray:
        """(outcomes - 1, b, n) probabilities of the outcomes after the reference."""
        eta = theta.reshape(len(theta), self.free, -1).transpose(1, 0, 2) @ self.X.T
        top = np.maximum(eta.max(axis=0), 0.0)
        eta -= top
        mu = np.exp(eta, out=eta)
        mu /= mu.sum(axis=0) + np.exp(-top)
        return mu

    def scores(self, theta: FloatArray, w: FloatArray, *, reduced: bool = True) -> Scores:
        """See `surveyeval.metric._zeros.Likelihood`."""
        b, free, p = len(theta), self.free, self.X.shape[1]
        mu = self.probabilities(theta)
        information = np.empty((b, free, p, free, p))
        for k in range(free):
            for m in range(k, free):
                block = self.packed.gram(w * mu[k] * ((k == m) - mu[m]))
                information[:, k, :, m] = information[:, m, :, k] = block
        flat = information.reshape(b, free * p, free * p)
        inverse: FloatArray = np.asarray(np.linalg.inv(flat), dtype=float)
        residual = self.chosen[:, None] - mu
        if reduced:
            residual += self._pseudo(mu, inverse.reshape(b, free, p, free, p))
        residual *= w
        return (residual @ self.X).transpose(1, 0, 2).reshape(b, -1), flat, inverse

    def observed(self, theta: FloatArray, w: FloatArray) -> FloatArray:
        """(P, P) observed information for (P,) parameters and (n,) weights: the expected one, the link being canonical."""
        return np.asarray(self.scores(theta[None], w[None], reduced=False)[1][0])

    def _pseudo(self, mu: FloatArray, inverse: FloatArray) -> FloatArray:
        """(free, b, n) ``tr(V D2_k) / 2``."""
        own, times = np.empty_like(mu), np.zeros_like(mu)
        for k in range(self.free):
            for m in range(k, self.free):
                block = inverse[:, k, :, m]
                v = self.packed.quadratic((block + block.transpose(0, 2, 1)) / 2)
                times[k] += v * mu[m]
                if m == k:
                    own[k] = v
                else:
                    times[m] += v * mu[k]
        common = 2 * (mu * times).sum(axis=0) - (mu * own).sum(axis=0)
        return np.asarray(0.5 * mu * (own - 2 * times + common))

    def contributions(self, theta: FloatArray, w: FloatArray) -> FloatArray:
        """(b, n, P) each row's part of the score, without adjustment."""
        residual = w * (self.chosen[:, None] - self.probabilities(theta))
        return np.concatenate([one[..., None] * self.X for one in residual], axis=-1)


class OrderedLogit:
    """``P(y <= k) = logistic(cut_k - z slopes)``. Parameters: the cuts, then the slopes.

    Parameters
    ----------
    Z : (n, m) float array
        Without an intercept, columns on comparable scales.
    y : (n,) int array of 0 to `outcomes` - 1
    outcomes : int
    """

    def __init__(self, Z: FloatArray, y: IntArray, outcomes: int) -> None:
        self.Z, self.y, self.cuts, self.packed = Z, y, outcomes - 1, Packed(Z)
        self.chosen = (y == np.arange(outcomes)[:, None]).astype(float)

    def start(self, w: FloatArray) -> FloatArray:
        """Cuts of the shares of the outcomes, half a respondent added to each."""
        counts = np.cumsum(w @ self.chosen.T + 0.5, axis=1)
        share = counts[:, :-1] / counts[:, -1:]
        return np.hstack([np.log(share / (1 - share)), np.zeros((len(w), self.Z.shape[1]))])

    def proper(self, theta: FloatArray) -> BoolArray:
        """Whether cuts ascend."""
        rising = (np.diff(theta[:, : self.cuts], axis=1) > 1e-12).all(axis=1)
        return np.asarray(np.isfinite(theta).all(axis=1) & rising)

    def cumulative(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(cuts + 2, b, n) P(y < k) for k from 0 to outcomes, and one minus it, both without cancellation."""
        b, n, q = len(theta), len(self.Z), self.cuts
        below, above = np.empty((q + 2, b, n)), np.empty((q + 2, b, n))
        below[0], below[-1], above[0], above[-1] = 0.0, 1.0, 1.0, 0.0
        eta = theta[:, :q].T[:, :, None] - theta[:, q:] @ self.Z.T
        np.clip(eta, -500, 500, out=eta)
        tail = np.exp(-np.abs(eta))
        near, far = 1 / (1 + tail), tail / (1 + tail)
        below[1:-1], above[1:-1] = np.where(eta > 0, near, far), np.where(eta > 0, far, near)
        return below, above

    def _ratios(self, theta: FloatArray, below: FloatArray, above: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Density at cut k over the probability of the outcome below it, and over that of the outcome above it."""
        apart = np.ones((self.cuts + 1, len(theta), 1))
        apart[1:-1, :, 0] = np.maximum(-np.expm1(-np.diff(theta[:, : self.cuts], axis=1)), 1e-300).T
        return above[1:-1] / (above[:-2] * apart[:-1]), below[1:-1] / (below[2:] * apart[1:])

    def scores(self, theta: FloatArray, w: FloatArray, *, reduced: bool = True) -> Scores:
        """See `surveyeval.metric._zeros.Likelihood`."""
        q, m = self.cuts, self.Z.shape[1]
        below, above = self.cumulative(theta)
        lower, upper = self._ratios(theta, below, above)
        density = below[1:-1] * above[1:-1]
        both = density * (below[2:] - below[:-2])
        information = np.empty((len(theta), q + m, q + m))
        places = np.arange(q)
        information[:, :q, :q] = 0.0
        information[:, places, places] = np.sum(w * density * (lower + upper), axis=-1).T
        beside = -np.sum(w * upper[:-1] * density[1:], axis=-1).T
        information[:, places[:-1], places[1:]] = information[:, places[1:], places[:-1]] = beside
        across = -(w * both) @ self.Z
        information[:, :q, q:] = across.transpose(1, 0, 2)
        information[:, q:, :q] = across.transpose(1, 2, 0)
        information[:, q:, q:] = self.packed.gram(w * both.sum(axis=0))
        inverse = np.linalg.inv(information)
        cut = self.chosen[:-1, None] * lower - self.chosen[1:, None] * upper
        slope = self._own(above) - self._own(below, 0)
        if reduced:
            pseudo = self._pseudo(density, below, above, inverse)
            first, last = np.zeros_like(pseudo[:1]), np.zeros_like(pseudo[:1])
            change = np.diff(np.concatenate([first, pseudo, last]), axis=0)
            cut += change[:-1] * lower - change[1:] * upper
            slope = slope + (pseudo * (below[2:] - below[:-2])).sum(axis=0)
        score = np.hstack([np.sum(w * cut, axis=-1).T, -(w * slope) @ self.Z])
        return score, information, inverse

    def observed(self, theta: FloatArray, w: FloatArray) -> FloatArray:
        """(P, P) observed information for (P,) parameters and (n,) weights."""
        q, m = self.cuts, self.Z.shape[1]
        below, above = self.cumulative(theta[None])
        density = (below[1:-1] * above[1:-1])[:, 0]
        found = np.zeros((q + m, q + m))
        for k in range(q):  # -log P(y = k) is convex in the cut above, in the cut below and in their distance
            beside = w * density[k] * (self.chosen[k] + self.chosen[k + 1])
            found[k, k] += beside.sum()
            found[k, q:] = found[q:, k] = -beside @ self.Z
            found[q:, q:] += (self.Z * beside[:, None]).T @ self.Z
            if k:
                gap = theta[k] - theta[k - 1]
                bend = np.exp(-gap) / np.expm1(-gap) ** 2 * (w @ self.chosen[k])
                found[[k, k - 1], [k, k - 1]] += bend
                found[[k, k - 1], [k - 1, k]] -= bend
        return found

    def _own(self, cumulative: FloatArray, shift: int = 1) -> FloatArray:
        """(b, n) entry of each row's own outcome."""
        return cumulative[self.y + shift, :, np.arange(len(self.y))].T

    def _pseudo(self, density: FloatArray, below: FloatArray, above: FloatArray, inverse: FloatArray) -> FloatArray:
        """(cuts, b, n) half the second derivative at each cut times the variance of the linear predictor there."""
        q = self.cuts
        places = np.arange(q)
        v = self.packed.quadratic(inverse[:, q:, q:]) - 2 * (inverse[:, :q, q:].transpose(1, 0, 2) @ self.Z.T)
        v += inverse[:, places, places].T[:, :, None]
        return np.asarray(0.5 * density * (above[1:-1] - below[1:-1]) * v)

    def contributions(self, theta: FloatArray, w: FloatArray) -> FloatArray:
        """(b, n, P) each row's part of the score, without adjustment."""
        below, above = self.cumulative(theta)
        lower, upper = self._ratios(theta, below, above)
        cut = self.chosen[:-1, None] * lower - self.chosen[1:, None] * upper
        slope = self._own(above) - self._own(below, 0)
        return np.concatenate([(w * cut).transpose(1, 2, 0), -(w * slope)[..., None] * self.Z], axis=-1)
