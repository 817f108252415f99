"""Average marginal effects of ordered and multinomial logits, on scales where people and simulation can be compared.

An ordered logit has one effect for each term, on the expected response in the units of its options, like that of least
squares. A multinomial logit has one for each term and outcome, on the outcome's probability; the reference has its own, so
that nothing depends on which outcome that is. Standard errors are by the delta method.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from surveyeval.metric._batches import batches
from surveyeval.metric._categorical import MultinomialLogit, OrderedLogit
from surveyeval.metric.categorical import CategoricalFits, Part, model_of
from surveyeval.metric.regression import Fits

__all__ = ["multinomial_effects", "ordered_effects"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def ordered_effects(X: FloatArray, y: IntArray, fits: CategoricalFits, weight: FloatArray, values: FloatArray) -> Fits:
    """Average marginal effects of an ordered logit on the expected response.

    Parameters
    ----------
    X : (n, p) float array
        Design, the intercept first.
    y : (n,) int array
    fits : CategoricalFits
        Of (B, n) weights.
    weight : (B, n) float array
        Those that the fits were made with.
    values : (K,) float array
        Number of each outcome.

    Returns
    -------
    Fits
        (B, p); NaN for the intercept and where not estimable.

    Notes
    -----
    With the density g_k at cut k the effect of term j is ``b_j mean sum_k (v_k+1 - v_k) g_k``. Source: Greene and Hensher
    (2010), Modeling Ordered Choices, section 5.2.
    """
    effect, se = np.full(fits.coefficient.shape, np.nan), np.full(fits.coefficient.shape, np.nan)
    for whole in fits.parts:
        model = _model(X, y, whole)
        assert isinstance(model, OrderedLogit)
        for part in _divided(whole):
            w = weight[np.ix_(part.members, part.rows)]
            place = np.ix_(part.members, part.columns[1:])
            effect[place], se[place] = _ordered(model, part, w, np.diff(values[part.outcomes]))
    return Fits(effect, se)


def multinomial_effects(X: FloatArray, y: IntArray, fits: CategoricalFits, weight: FloatArray, outcomes: int) -> Fits:
    """Average marginal effects of a multinomial logit on the probability of each outcome.

    Parameters
    ----------
    X, y, fits, weight
        As in `ordered_effects`.
    outcomes : int

    Returns
    -------
    Fits
        (B, outcomes p): all columns of the design for the reference, for outcome 1, ...; NaN for intercepts, for outcomes
        that nobody has, and where not estimable.

    Notes
    -----
    The effect of term j on outcome c is ``mean mu_c (b_cj - sum_d mu_d b_dj)``. Equals statsmodels' ``get_margeff`` for the
    same coefficients. Source: Greene (2012), Econometric Analysis, 7th edition, section 18.2.3.
    """
    p = X.shape[1]
    shape = (len(weight), outcomes * p)
    effect, se = np.full(shape, np.nan), np.full(shape, np.nan)
    for whole in fits.parts:
        model = _model(X, y, whole)
        assert isinstance(model, MultinomialLogit)
        columns = (whole.outcomes[:, None] * p + whole.columns[1:]).reshape(-1)
        for part in _divided(whole):
            place = np.ix_(part.members, columns)
            effect[place], se[place] = _multinomial(model, part, weight[np.ix_(part.members, part.rows)])
    return Fits(effect, se)


def _model(X: FloatArray, y: IntArray, part: Part) -> MultinomialLogit | OrderedLogit:
    return model_of(X[part.rows], y[part.rows], part.outcomes, part.columns, ordered=part.ordered)


def _divided(part: Part) -> Iterator[Part]:
    """A part in batches of its fits."""
    for some in batches(np.arange(len(part.members)), len(part.rows)):
        yield replace(
            part, members=part.members[some], parameter=part.parameter[some], covariance=part.covariance[some]
        )


def _error(gradient: FloatArray, covariance: FloatArray) -> FloatArray:
    """(b, e) standard errors of e effects with (b, e, P) gradients."""
    return np.asarray(np.sqrt(np.maximum(np.sum((gradient @ covariance) * gradient, axis=-1), 0.0)))


def _ordered(model: OrderedLogit, part: Part, w: FloatArray, steps: FloatArray) -> tuple[FloatArray, FloatArray]:
    q = model.cuts
    below, above = model.cumulative(part.parameter)
    total = w.sum(axis=1, keepdims=True)
    density = steps[:, None, None] * below[1:-1] * above[1:-1]
    bend = density * (above[1:-1] - below[1:-1])
    mean = np.sum(w * density.sum(axis=0), axis=1, keepdims=True) / total
    slopes = part.parameter[:, q:]
    along = np.hstack([np.sum(w * bend, axis=-1).T, -(w * bend.sum(axis=0)) @ model.Z]) / total
    gradient = slopes[:, :, None] * along[:, None, :]
    places = np.arange(slopes.shape[1])
    gradient[:, places, q + places] += mean
    return mean * slopes, _error(gradient, part.covariance)


def _multinomial(model: MultinomialLogit, part: Part, w: FloatArray) -> tuple[FloatArray, FloatArray]:
    b, K, p = len(w), model.free + 1, model.X.shape[1]
    mu = model.probabilities(part.parameter)
    mu = np.concatenate([1 - mu.sum(axis=0, keepdims=True), mu])
    beta = np.zeros((b, K, p))
    beta[:, 1:] = part.parameter.reshape(b, K - 1, p)
    share = w / w.sum(axis=1, keepdims=True)
    # Means over respondents of x times products of one, two and three probabilities; x starts with 1.
    one = np.stack([(share * mu[c]) @ model.X for c in range(K)], axis=1)
    two, three = np.empty((b, K, K, p)), np.empty((b, K, K, K, p))
    for c in range(K):
        for d in range(c, K):
            pair = share * mu[c] * mu[d]
            two[:, c, d] = two[:, d, c] = pair @ model.X
            for f in range(d, K):
                moment = (pair * mu[f]) @ model.X
                for i, j, k in {(c, d, f), (c, f, d), (d, c, f), (d, f, c), (f, c, d), (f, d, c)}:
                    three[:, i, j, k] = moment
    same = np.eye(K)
    spread = same * one[..., None, :, 0] - two[..., 0]  # mean mu_c ([c = d] - mu_d)
    effect = np.einsum("bcd,bdj->bcj", spread, beta)
    # d effect_cj / d b_dl, by the product rule
    third = np.einsum("bfj,bcdfl->bcjdl", beta, three)
    second = np.einsum("bfj,bcfl->bcjl", beta, two)
    gradient = 2 * third
    gradient -= beta[:, :, :, None, None] * two[:, :, None]
    gradient -= beta.transpose(0, 2, 1)[:, None, :, :, None] * two[:, :, None]
    for c in range(K):
        gradient[:, c, :, c] += beta[:, c, :, None] * one[:, c, None, :] - second[:, c]
    places = np.arange(p)
    gradient[:, :, places, :, places] += spread
    free = gradient[:, :, 1:, 1:].reshape(b, K * (p - 1), (K - 1) * p)
    return effect[:, :, 1:].reshape(b, -1), _error(free, part.covariance)
