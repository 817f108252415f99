"""Likelihoods of outcomes of several categories, for many sets of weights at once.

Both models have the mean bias-reducing adjustment of Firth (1993) as an option. It has the form of added pseudo-responses:
a row's indicator of outcome k becomes ``y_k + tr(V D2_k) / 2``, with V the covariance of the row's linear predictors and D2_k
the second derivatives of the probability of outcome k. For the multinomial logit that is the maximum of the likelihood with
Jeffreys' penalty (Kosmidis and Firth 2011, Biometrika 98); for the ordered logit there is no such likelihood, and the zero of
the adjusted score is the estimate (Kosmidis 2014, Journal of the Royal Statistical Society B 76). With two outcomes both are
Firth's logit. Estimates are finite where a term separates the outcomes.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from surveyeval.metric._batches import Packed

__all__ = ["MultinomialLogit", "OrderedLogit"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
#: Linear predictors and cuts are taken for no farther than this from the middle of the cuts.
_FARTHEST = 300.0
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

    def of_rows(self, theta: FloatArray, inverse: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See `surveyeval.metric._zeros.Likelihood`."""
        mu, p = self.probabilities(theta[None]), self.X.shape[1]
        added = self._pseudo(mu, inverse.reshape(1, self.free, p, self.free, p))
        by_row = [np.hstack([one[0][:, None] * self.X for one in part]) for part in (self.chosen[:, None] - mu, added)]
        return by_row[0], by_row[1]

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
        self.Z, self.y, self.cuts = Z, y, outcomes - 1
        self.chosen = (y == np.arange(outcomes)[:, None]).astype(float)
        #: Rows in the order of outcomes, so that those of one outcome are a slice; None where they are in it already.
        self._order = None if (y[1:] >= y[:-1]).all() else np.argsort(y, kind="stable")
        ordered = Z if self._order is None else Z[self._order]
        self._packed = Packed(ordered)
        bounds = np.searchsorted(np.sort(y), np.arange(outcomes + 1))
        self._own_rows = [slice(int(first), int(last)) for first, last in pairwise(bounds)]
        self._with_one = np.column_stack([np.ones(len(Z)), ordered])

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
        self._at_cuts(theta, self.Z, below[1:-1], above[1:-1])
        return below, above

    def _at_cuts(self, theta: FloatArray, Z: FloatArray, below: FloatArray, above: FloatArray) -> None:
        """Fill in (cuts, b, n) P(y < k) and one minus it; odds are a product, so that one exponential serves all cuts."""
        q = self.cuts
        cuts = theta[:, :q]
        middle = cuts.mean(axis=1, keepdims=True)
        odds = theta[:, q:] @ Z.T
        odds -= middle
        np.clip(odds, -_FARTHEST, _FARTHEST, out=odds)
        np.exp(odds, out=odds)
        factors = np.exp(np.clip(middle - cuts, -_FARTHEST, _FARTHEST))
        for k in range(q):
            np.multiply(odds, factors[:, k, None], out=above[k])
            np.add(above[k], 1.0, out=below[k])
            np.reciprocal(below[k], out=below[k])
            above[k] *= below[k]

    def _apart(self, theta: FloatArray) -> FloatArray:
        """(cuts - 1, b) one minus the ratio of the odds at neighbouring cuts."""
        return np.maximum(-np.expm1(-np.diff(theta[:, : self.cuts], axis=1)), 1e-300).T

    def _ratios(self, theta: FloatArray, below: FloatArray, above: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Density at cut k over the probability of the outcome below it, and over that of the outcome above it."""
        apart = np.ones((self.cuts + 1, len(theta), 1))
        apart[1:-1, :, 0] = self._apart(theta)
        return above[1:-1] / (above[:-2] * apart[:-1]), below[1:-1] / (below[2:] * apart[1:])

    def scores(self, theta: FloatArray, w: FloatArray, *, reduced: bool = True) -> Scores:
        """See `surveyeval.metric._zeros.Likelihood`.

        With the density d_k at cut k and the probability of the outcome between two cuts, d_k d_k+1 over that probability is
        ``P(y <= k) P(y > k + 1)`` over one minus the ratio of the odds: no entry needs a quotient of small numbers.
        """
        q, m = self.cuts, self.Z.shape[1]
        if self._order is not None:
            w = w[:, self._order]
        one = self._with_one
        below, above = np.empty((q, *w.shape)), np.empty((q, *w.shape))
        self._at_cuts(theta, one[:, 1:], below, above)
        apart = self._apart(theta)
        both, beside = self._beside(below, above, w)
        shared = np.vecdot(beside, one[:, 0]) / apart
        across = both @ one
        information = np.zeros((len(theta), q + m, q + m))
        places = np.arange(q)
        information[:, places, places] = across[:, :, 0].T
        information[:, places[:-1], places[:-1]] += shared.T
        information[:, places[1:], places[1:]] += shared.T
        information[:, places[:-1], places[1:]] = information[:, places[1:], places[:-1]] = -shared.T
        information[:, :q, q:] = -across[:, :, 1:].transpose(1, 0, 2)
        information[:, q:, :q] = -across[:, :, 1:].transpose(1, 2, 0)
        information[:, q:, q:] = self._packed.gram(both.sum(axis=0))
        inverse = np.linalg.inv(information)
        cut, slope = self._of_outcomes(w, below, above, apart)
        if reduced:
            bend = self._bend(below, above, inverse)
            along = np.zeros_like(slope)
            for k in range(q):
                both[k] *= bend[k]
                along += both[k]
                if k + 1 < q:
                    bend[k] -= bend[k + 1]
            cut += np.vecdot(both, one[:, 0])
            moved = np.vecdot(beside, bend[:-1]) / apart
            cut[:-1] += moved
            cut[1:] -= moved
            slope += along
        return np.hstack([cut.T, -(slope @ one[:, 1:])]), information, inverse

    def _beside(self, below: FloatArray, above: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weight times density times the probability of the two outcomes beside a cut; and what neighbouring cuts share."""
        q = self.cuts
        both, beside = below * above, below[:-1] * above[1:]
        for k in range(q):
            both[k] *= (below[k + 1] if k + 1 < q else 1.0) - (below[k - 1] if k else 0.0)
            both[k] *= w
            if k + 1 < q:
                beside[k] *= w
        return both, beside

    def of_rows(self, theta: FloatArray, inverse: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See `surveyeval.metric._zeros.Likelihood`."""
        theta, one = theta[None], self._with_one
        below, above = np.empty((self.cuts, 1, len(one))), np.empty((self.cuts, 1, len(one)))
        self._at_cuts(theta, one[:, 1:], below, above)
        both, beside = self._beside(below, above, np.ones((1, len(one))))
        bend = self._bend(below, above, inverse[None])
        cut = both * bend
        along = cut.sum(axis=0)
        moved = beside * (bend[:-1] - bend[1:]) / self._apart(theta)[:, :, None]
        cut[:-1] += moved
        cut[1:] -= moved
        added = np.empty((len(one), theta.shape[1]))
        added[slice(None) if self._order is None else self._order] = np.hstack([cut[:, 0].T, -along.T * one[:, 1:]])
        return self.contributions(theta, np.ones((1, len(one))))[0], added

    def _of_outcomes(
        self, w: FloatArray, below: FloatArray, above: FloatArray, apart: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """(cuts, b) scores of cuts without adjustment, and (b, n) minus those of each row's linear predictor."""
        q = self.cuts
        cut, slope = np.zeros((q, len(w))), np.empty_like(w)
        for k, rows in enumerate(self._own_rows):  # outcome k lies above cut k - 1 and below cut k, counted from 0
            own = slope[:, rows]
            if k == 0:
                own[:] = above[0][:, rows]
                cut[0] += np.vecdot(w[:, rows], own)
            elif k == q:
                np.negative(below[-1][:, rows], out=own)
                cut[-1] += np.vecdot(w[:, rows], own)
            else:
                np.subtract(above[k][:, rows], below[k - 1][:, rows], out=own)
                cut[k] += np.vecdot(w[:, rows], above[k][:, rows] / above[k - 1][:, rows]) / apart[k - 1]
                cut[k - 1] -= np.vecdot(w[:, rows], below[k - 1][:, rows] / below[k][:, rows]) / apart[k - 1]
            own *= w[:, rows]
        return cut, slope

    def _bend(self, below: FloatArray, above: FloatArray, inverse: FloatArray) -> FloatArray:
        """(cuts, b, n) half the slope of the density over the density, times the variance of the linear predictor."""
        q = self.cuts
        bend = above - below
        common = self._packed.quadratic(inverse[:, q:, q:])
        ends = np.concatenate([inverse[:, range(q), range(q), None], -2 * inverse[:, :q, q:]], axis=2)
        for k in range(q):
            variance = ends[:, k] @ self._with_one.T
            variance += common
            bend[k] *= variance
        bend *= 0.5
        return bend

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

    def contributions(self, theta: FloatArray, w: FloatArray) -> FloatArray:
        """(b, n, P) each row's part of the score, without adjustment."""
        below, above = self.cumulative(theta)
        lower, upper = self._ratios(theta, below, above)
        cut = self.chosen[:-1, None] * lower - self.chosen[1:, None] * upper
        slope = self._own(above) - self._own(below, 0)
        return np.concatenate([(w * cut).transpose(1, 2, 0), -(w * slope)[..., None] * self.Z], axis=-1)
