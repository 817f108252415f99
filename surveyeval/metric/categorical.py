"""Regressions of outcomes with several categories for many sets of zero-one weights at once: ordered and multinomial logit.

As in `surveyeval.metric.regression` all fits of one call share a design matrix. Estimates have Firth's bias reduction on both
sides, always: halves often lack a category among some group, where maximum likelihood has no finite estimate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from surveyeval.metric._batches import families
from surveyeval.metric._categorical import MultinomialLogit, OrderedLogit
from surveyeval.metric._zeros import climb, follow
from surveyeval.metric.regression import Fits, _estimable_columns

__all__ = ["CategoricalFits", "Part", "firth_multinomial", "firth_ordered", "influences", "model_of"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Part:
    """Fits of one call that share rows, outcomes and columns.

    Parameters
    ----------
    ordered : bool
    members : (b,) int array
        Rows of the weight matrix.
    rows : int array
        Respondents with weight in any of them.
    outcomes : (K,) int array
        Outcomes that somebody has, the first of them the reference of a multinomial logit.
    columns : int array
        Columns of the design that are estimable, the intercept first.
    parameter : (b, P) float array
        Multinomial: coefficients of the second outcome, of the third, ...; ordered: cuts, then slopes.
    covariance : (b, P, P) float array
    """

    ordered: bool
    members: IntArray
    rows: IntArray
    outcomes: IntArray
    columns: IntArray
    parameter: FloatArray
    covariance: FloatArray


@dataclass(frozen=True, eq=False)
class CategoricalFits(Fits):
    """`Fits` with what effects and joint tests need of them.

    Parameters
    ----------
    coefficient, se : (B, c) float arrays
        Multinomial: the p coefficients of outcome 1, of outcome 2, ...; ordered: NaN in place of an intercept, then slopes.
    parts : sequence of Part
        Fits that were found.
    """

    parts: Sequence[Part]

    def taken(self, rows: IntArray | slice) -> CategoricalFits:
        """The fits to some sets of weights, none of them twice."""
        place = np.full(len(self.coefficient), -1)
        asked = np.arange(len(place))[rows]
        place[asked] = np.arange(len(asked))
        kept = []
        for part in self.parts:
            own = np.flatnonzero(place[part.members] >= 0)
            if len(own):
                members, parameter, covariance = place[part.members[own]], part.parameter[own], part.covariance[own]
                kept.append(replace(part, members=members, parameter=parameter, covariance=covariance))
        return CategoricalFits(self.coefficient[rows], self.se[rows], kept)


def firth_ordered(X: FloatArray, y: IntArray, weight: FloatArray, outcomes: int) -> CategoricalFits:
    """Proportional-odds logit with bias reduction and model-based standard errors.

    Parameters
    ----------
    X : (n, p) float array
        The intercept first; it is taken up by the cuts between outcomes.
    y : (n,) int array of 0 to `outcomes` - 1
    weight : (B, n) float array
        Zero-one. Survey weights are refused by the caller: model-based errors would be wrong.
    outcomes : int

    Returns
    -------
    CategoricalFits
        NaN where all have the same outcome or the iteration does not converge. An outcome that nobody has changes nothing:
        the cuts around it are one.

    Notes
    -----
    ``P(y <= k) = logistic(cut_k - x slopes)``, so that slopes have the sign of their effect, as in R's ``polr``. Estimates
    are the zero of the bias-reducing adjusted score, standard errors those of the expected information there. Two outcomes
    give Firth's logit. Source: McCullagh (1980), Journal of the Royal Statistical Society B 42; Kosmidis (2014), ibid. 76.
    """
    return _fit(X, y, weight, outcomes, ordered=True)


def firth_multinomial(X: FloatArray, y: IntArray, weight: FloatArray, outcomes: int) -> CategoricalFits:
    """Baseline-category logit with Jeffreys' penalty and model-based standard errors.

    Parameters
    ----------
    X : (n, p) float array
        The intercept first.
    y : (n,) int array of 0 to `outcomes` - 1
        Outcome 0 is the reference.
    weight : (B, n) float array
        Zero-one, as for `firth_ordered`.
    outcomes : int

    Returns
    -------
    CategoricalFits
        The equation of an outcome that nobody has is NaN, and all are where nobody has the reference.

    Notes
    -----
    Maximises log-likelihood + 0.5 log det of the information, which removes the bias of first order. Two outcomes give
    Firth's logit. Source: Kosmidis and Firth (2011), Multinomial logit bias reduction via the Poisson log-linear model,
    Biometrika 98.
    """
    return _fit(X, y, weight, outcomes, ordered=False)


def model_of(
    X: FloatArray, y: IntArray, outcomes: IntArray, columns: IntArray, *, ordered: bool
) -> MultinomialLogit | OrderedLogit:
    """The likelihood of some outcomes and columns."""
    place = np.searchsorted(outcomes, y)
    if ordered:
        return OrderedLogit(X[:, columns[1:]], place, len(outcomes))
    return MultinomialLogit(X[:, columns], place, len(outcomes))


def _fit(X: FloatArray, y: IntArray, weight: FloatArray, outcomes: int, *, ordered: bool) -> CategoricalFits:
    p = X.shape[1]
    shape = (len(weight), p if ordered else (outcomes - 1) * p)
    coefficient, se = np.full(shape, np.nan), np.full(shape, np.nan)
    parts = list(_parts(X, y, weight, outcomes, ordered))
    for part in parts:
        error = np.sqrt(np.maximum(np.einsum("bpp->bp", part.covariance), 0.0))
        where, own = _places(part, p)
        place = np.ix_(part.members, where)
        coefficient[place], se[place] = part.parameter[:, own], error[:, own]
    return CategoricalFits(coefficient, se, parts)


def _places(part: Part, p: int) -> tuple[IntArray, slice]:
    """Where the coefficients of a part stand among those of the whole, and which of its parameters they are."""
    if part.ordered:
        return part.columns[1:], slice(len(part.outcomes) - 1, None)
    return ((part.outcomes[1:, None] - 1) * p + part.columns).reshape(-1), slice(None)


def influences(X: FloatArray, y: IntArray, fits: CategoricalFits, weight: FloatArray) -> FloatArray:
    """How far each row moves each coefficient, to first order: inverse information times its part of the score.

    Parameters
    ----------
    X, y, weight
        Those that the fits were made with.
    fits : CategoricalFits

    Returns
    -------
    (B, n, c) float array
        0 for coefficients that are not estimable.
    """
    found = np.zeros((len(weight), len(X), fits.coefficient.shape[1]))
    for part in fits.parts:
        model = model_of(X[part.rows], y[part.rows], part.outcomes, part.columns, ordered=part.ordered)
        moved = model.contributions(part.parameter, weight[np.ix_(part.members, part.rows)]) @ part.covariance
        where, own = _places(part, X.shape[1])
        found[np.ix_(part.members, part.rows, where)] = moved[:, :, own]
    return found


def _parts(X: FloatArray, y: IntArray, weight: FloatArray, outcomes: int, ordered: bool) -> Iterator[Part]:
    """Sets of weights with the same outcomes and columns that resemble each other, fitted together."""
    there = weight @ (y[:, None] == np.arange(outcomes)).astype(float) > 0
    columns = _estimable_columns(X, weight)
    usable = (there.sum(axis=1) > 1) & (columns.sum(axis=1) > 1) & columns[:, 0]
    if not ordered:
        usable &= there[:, 0]
    alike: dict[bytes, list[int]] = {}
    for b in np.flatnonzero(usable):
        alike.setdefault(there[b].tobytes() + columns[b].tobytes(), []).append(int(b))
    for members in alike.values():
        own = np.array(members)
        some, kept = np.flatnonzero(there[own[0]]), np.flatnonzero(columns[own[0]])
        scale = np.abs(X[:, kept]).max(axis=0)
        for family in families(weight[own], whole=True):
            rows = family.columns
            Z = X[np.ix_(rows, kept)] / scale
            model = model_of(Z, y[rows], some, np.arange(len(kept)), ordered=ordered)
            w = weight[np.ix_(own[family.members], rows)]
            theta, covariance, found = _solve(model, w, family.start)
            unit = np.concatenate([np.ones(len(some) - 1), scale[1:]]) if ordered else np.tile(scale, len(some) - 1)
            found &= np.isfinite(theta).all(axis=1) & np.isfinite(covariance).all(axis=(1, 2))
            yield Part(
                ordered, own[family.members][found], rows, some, kept,
                theta[found] / unit, covariance[found] / (unit[:, None] * unit),
            )  # fmt: skip


def _solve(
    model: MultinomialLogit | OrderedLogit, weight: FloatArray, start: FloatArray
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Together from the first fit; where that meets trouble, alone."""
    size = model.start(weight[:1]).shape[1]
    theta, covariance = np.full((len(weight), size), np.nan), np.full((len(weight), size, size), np.nan)
    found = np.zeros(len(weight), dtype=bool)
    if len(weight) > 1:
        with suppress(np.linalg.LinAlgError):
            theta, covariance, found = follow(model, weight, start)
    for b in np.flatnonzero(~found):
        for begin in (theta[b], None) if np.isfinite(theta[b]).all() else (None,):
            try:
                one = climb(model, weight[b], begin)
            except np.linalg.LinAlgError:
                continue
            if one[2]:
                theta[b], covariance[b], found[b] = one
                break
    return theta, covariance, found
