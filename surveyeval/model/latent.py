"""Latent normal variables behind answers in categories: scores, correlations, shrinkage.

Functions of arrays; `surveyeval.model.copula` puts them together.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import cumulative_trapezoid
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

__all__ = [
    "category_scores",
    "latent_item_correlation",
    "latent_profile_correlation",
    "pair_correlations",
    "positive_definite",
    "rank_scores",
    "shrinkage",
    "thresholds",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: Largest latent correlation that is looked for.
_LARGEST = 0.99
_GRID = np.linspace(-np.arcsin(_LARGEST), np.arcsin(_LARGEST), 201)


def category_scores(p: FloatArray) -> FloatArray:
    """Midrank normal scores: normal quantile of the middle of each category's share.

    Parameters
    ----------
    p : (..., K) float array
        Positive probabilities in the order of the categories.

    Examples
    --------
    >>> import numpy as np
    >>> category_scores(np.array([0.25, 0.5, 0.25])).round(2).tolist()
    [-1.15, 0.0, 1.15]
    """
    scores: FloatArray = ndtri(np.cumsum(p, axis=-1) - p / 2)
    return scores


def rank_scores(values: FloatArray, weight: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """Function that turns values into normal scores of their midranks among these weighted values; NaN stays NaN.

    Half a person below and above keeps scores of values outside the range finite.
    """
    known = ~np.isnan(values)
    levels, place = np.unique(values[known], return_inverse=True)
    below = np.concatenate([[0.0], np.cumsum(np.bincount(place, weight[known], minlength=len(levels)))])

    def scores(new: FloatArray) -> FloatArray:
        midrank = (below[np.searchsorted(levels, new)] + below[np.searchsorted(levels, new, side="right")]) / 2
        return np.where(np.isnan(new), np.nan, ndtri((midrank + 0.5) / (below[-1] + 1)))

    return scores


def pair_correlations(values: FloatArray, observed: BoolArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted correlations of columns over the rows that have both, and the variance of each.

    Parameters
    ----------
    values : (n, p) float array
        Columns of mean 0; whatever is not observed is ignored.
    observed : (n, p) bool array
    weight : (n,) float array

    Returns
    -------
    correlation, variance : (p, p) float arrays
        Variances are those of a weighted mean of products of standardised values. 0 and 0 where a column does not vary.
    """
    z = np.where(observed, values, 0.0)
    seen = observed.astype(float)
    product, square = z.T @ (weight[:, None] * z), (z**2).T @ (weight[:, None] * seen)
    scale = np.sqrt(square * square.T)
    moving = scale > 1e-9 * weight.sum()
    correlation = np.divide(product, scale, out=np.zeros_like(product), where=moving)
    # Products of standardised values have mean r; the variance of that mean is sum w^2 (u - r)^2 / (sum w)^2.
    w2 = (weight**2)[:, None]
    both = seen.T @ (weight[:, None] * seen)
    per_person = np.divide(both, scale, out=np.zeros_like(product), where=moving)
    spread = (z**2).T @ (w2 * z**2) * per_person**2
    spread += correlation**2 * (seen.T @ (w2 * seen)) - 2 * correlation * per_person * (z.T @ (w2 * z))
    variance = np.divide(spread, both**2, out=np.zeros_like(product), where=moving)
    return correlation, np.maximum(variance, 0.0)


def shrinkage(correlation: FloatArray, variance: FloatArray) -> float:
    """Intensity in [0, 1] with which correlations are to be shrunk to 0: expected squared noise over squared size.

    References
    ----------
    Ledoit and Wolf (2004), Journal of Multivariate Analysis 88; the estimate is that of Schäfer and Strimmer (2005),
    Statistical Applications in Genetics and Molecular Biology 4, for a target without correlations.
    """
    size = float((correlation**2).sum())
    return min(1.0, float(variance.sum()) / size) if size > 0 else 1.0


def positive_definite(correlation: FloatArray, smallest: float) -> FloatArray:
    """The matrix shrunk to the identity just so far that no eigenvalue is below `smallest` (in (0, 1))."""
    identity = np.eye(len(correlation))
    lowest = float(np.linalg.eigvalsh(correlation)[0])
    if lowest >= smallest:
        return correlation
    return identity + (1 - smallest) / (1 - lowest) * (correlation - identity)


def latent_item_correlation(r: float, p: FloatArray, q: FloatArray, share: FloatArray) -> float:
    """Correlation of two normal variables whose categories have scores that correlate by r.

    The covariance of the scores of a bivariate normal with correlation sin(t) is, summed over thresholds h of one and k of
    the other, the integral over t of the product of both scores' steps there and of the normal density; it increases with
    the correlation, so it is tabulated and inverted. A moment version of the polychoric correlation.

    Parameters
    ----------
    r : float
        Correlation of the midrank scores, within arms.
    p, q : (arms, K) float arrays
        Positive probabilities of the categories in each arm.
    share : (arms,) float array
        Weight of each arm; sums to 1.

    Returns
    -------
    float
        In [-0.99, 0.99].

    References
    ----------
    Olsson (1979), Psychometrika 44 (polychoric); Drezner and Wesolowsky (1990), Journal of Statistical Computation and
    Simulation 35 (the integral).
    """
    covariance = np.zeros_like(_GRID)
    size = np.zeros(2)
    for p_arm, q_arm, weight in zip(p, q, share, strict=True):
        h, k = (ndtri(np.cumsum(m)[:-1]) for m in (p_arm, q_arm))
        steps = np.multiply.outer(np.diff(category_scores(p_arm)), np.diff(category_scores(q_arm)))
        sine, cosine = np.sin(_GRID), np.cos(_GRID)
        power = h[:, None, None] ** 2 - 2 * h[:, None, None] * k[:, None] * sine + k[:, None] ** 2
        density = np.exp(-power / (2 * cosine**2)) / (2 * np.pi)
        covariance += weight * np.einsum("hk,hkt->t", steps, density)
        size += weight * np.array([_score_variance(p_arm), _score_variance(q_arm)])
    table = cumulative_trapezoid(covariance, _GRID, initial=0.0)
    table -= table[len(_GRID) // 2]
    return float(np.sin(np.interp(r * np.sqrt(size.prod()), table, _GRID)))


def latent_profile_correlation(r: FloatArray, p: FloatArray, share: FloatArray) -> FloatArray:
    """Correlations of a normal variable with given columns, from those of its categories' scores (polyserial).

    Parameters
    ----------
    r : (c,) float array
        Correlations of the midrank scores with the columns, within arms.
    p : (arms, K) float array
        Positive probabilities of the categories in each arm.
    share : (arms,) float array

    Returns
    -------
    (c,) float array
        In [-0.99, 0.99].

    References
    ----------
    Olsson, Drasgow and Dorans (1982), The polyserial correlation coefficient, Psychometrika 47.
    """
    cuts = ndtri(np.cumsum(p, axis=1)[:, :-1])
    density = np.exp(-(cuts**2) / 2) / np.sqrt(2 * np.pi)
    slope = share @ (np.diff(category_scores(p), axis=1) * density).sum(axis=1)
    size = share @ np.array([_score_variance(arm) for arm in p])
    found: FloatArray = np.clip(r * np.sqrt(size) / slope, -_LARGEST, _LARGEST)
    return found


def _score_variance(p: FloatArray) -> float:
    scores = category_scores(p)
    return float(p @ scores**2 - (p @ scores) ** 2)


def thresholds(p: FloatArray, mean: FloatArray, weight: FloatArray, sd: float) -> FloatArray:
    """Thresholds at which a mixture of normals has given shares of categories.

    Parameters
    ----------
    p : (K,) float array
        Positive probabilities of the categories; sum to 1.
    mean, weight : (n,) float arrays
        The mixture: one normal for each person.
    sd : float
        Standard deviation of all normals.

    Returns
    -------
    (K - 1,) float array
        Ascending.
    """
    low, high = float(mean.min() - 40 * sd), float(mean.max() + 40 * sd)

    def below(cut: float) -> float:
        return float(np.average(ndtr((cut - mean) / sd), weights=weight))

    cuts = [brentq(lambda cut, share=share: below(cut) - share, low, high) for share in np.cumsum(p)[:-1]]
    return np.maximum.accumulate(np.array(cuts))
