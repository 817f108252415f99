"""Average marginal effects: logits on the scale of probabilities, where people and simulation can be compared.

The size of a logit coefficient is relative to the residual spread, so that a simulation with less noise has larger ones
everywhere although no effect is larger. The average over respondents of the derivative of the probability, ``b_j mean
mu (1 - mu)``, does not have this fault. Each column of the design is its own variable, also dummies and products, so that
every term has one effect and the same ones are compared on both sides; for least squares it is the coefficient.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surveyeval.metric._batches import Packed, families
from surveyeval.metric.categorical import CategoricalFits
from surveyeval.metric.categorical_effects import multinomial_effects, ordered_effects
from surveyeval.metric.coefficients import CoefficientMetric, Fitter, Terms, both, exaggeration, share, share_differing
from surveyeval.metric.protocol import MetricSpec
from surveyeval.metric.regression import Fits
from surveyeval.task.formulas import Design

__all__ = ["AMEExaggeration", "AMEShareDiffering", "AverageMarginalEffects", "logit_effects"]

FloatArray = NDArray[np.float64]


def logit_effects(X: FloatArray, fits: Fits, weight: FloatArray) -> Fits:
    """Average marginal effects of logits with standard errors by the delta method.

    Parameters
    ----------
    X : (n, p) float array
        Design, the intercept first.
    fits : Fits
        (B, p) coefficients; NaN where not estimable.
    weight : (B, n) float array
        Those that the fits were made with.

    Returns
    -------
    Fits
        (B, p); NaN for the intercept and where not estimable.

    Notes
    -----
    With ``m = mean mu (1 - mu)`` and ``g = mean mu (1 - mu)(1 - 2 mu) x`` the gradient of effect j is ``m e_j + b_j g``;
    the covariance of coefficients is the inverse information. Equals statsmodels' ``get_margeff(at="overall")`` for the
    same coefficients. Source: Greene (2012), Econometric Analysis, 7th edition, section 17.3.2.
    """
    effect, se = np.full(fits.coefficient.shape, np.nan), np.full(fits.coefficient.shape, np.nan)
    for family in families(weight):
        rows, columns = family.members, family.columns
        effect[rows], se[rows] = _effects(X[columns], fits.coefficient[rows], weight[np.ix_(rows, columns)])
    usable = np.isfinite(fits.coefficient) & np.isfinite(fits.se) & (np.arange(X.shape[1]) > 0)
    return Fits(np.where(usable, effect, np.nan), np.where(usable, se, np.nan))


def _effects(X: FloatArray, coefficient: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    known = np.isfinite(coefficient)
    beta = np.where(known, coefficient, 0.0)
    mu = 1 / (1 + np.exp(-np.clip(beta @ X.T, -500, 500)))
    curve = weight * mu * (1 - mu)
    information = Packed(X).gram(curve) * (known[:, :, None] & known[:, None, :])
    places = np.arange(X.shape[1])
    information[:, places, places] += ~known
    covariance = _inverse(information)
    total = weight.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = curve.sum(axis=1, keepdims=True) / total
        slope = np.where(known, (curve * (1 - 2 * mu)) @ X / total, 0.0)
        along = np.einsum("bpq,bq->bp", covariance, slope)
        variance = mean**2 * np.einsum("bpp->bp", covariance) + 2 * mean * beta * along
        variance += beta**2 * np.sum(slope * along, axis=1, keepdims=True)
        return mean * beta, np.sqrt(np.maximum(variance, 0.0))


def _inverse(information: FloatArray) -> FloatArray:
    """Inverses; pseudo-inverses where one of the matrices is nearly singular."""
    try:
        inverse = np.linalg.inv(information)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(information, hermitian=True))
    condition = np.linalg.norm(inverse, axis=(1, 2)) * np.linalg.norm(information, axis=(1, 2))
    safe = (condition < 1e12).all()
    return np.asarray(inverse if safe else np.linalg.pinv(information, hermitian=True), dtype=float)


def _effects_of(family: str, design: Design, fits: Fits, weight: FloatArray) -> Fits:
    """Effects of one regression, each outcome's intercept first; coefficients of least squares are effects already."""
    rows = design.valid
    if family == "logit":
        return logit_effects(design.X[rows], fits, weight[:, rows])
    if not isinstance(fits, CategoricalFits):
        return fits
    X, y = design.X[rows], design.y[rows].astype(np.int64)
    if family == "ordered":
        return ordered_effects(X, y, fits, weight[:, rows], np.array(design.values))
    return multinomial_effects(X, y, fits, weight[:, rows], len(design.outcomes))


class _OnEffects(CoefficientMetric):
    """Shared: compares average marginal effects instead of coefficients."""

    def names(self, design: Design) -> tuple[tuple[str, str], ...]:
        """Name and block of each effect of a regression."""
        return design.effects

    def terms(self, fitter: Fitter, weight: FloatArray) -> Terms:
        """Effects of all regressions side by side."""

        def make() -> Terms:
            parts = []
            for (family, design), fits in zip(fitter.designs, fitter.fits(weight), strict=True):
                own = _effects_of(family, design, fits, weight / fitter.scale)
                effects = np.arange(own.coefficient.shape[1]) % design.X.shape[1] > 0
                parts.append((own.coefficient[:, effects], own.se[:, effects]))
            return Terms(np.hstack([b for b, _ in parts]), np.hstack([se for _, se in parts]))

        return fitter.memo.get("effects", weight, make)


def _rms_difference(h: Terms, s: Terms) -> FloatArray:
    known = both(h, s)
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.where(known, (s.b - h.b) ** 2 / (h.se**2 + s.se**2), 0.0)
    return np.sqrt(share(squares.sum(axis=1), known.sum(axis=1).astype(float)))


class AverageMarginalEffects(_OnEffects):
    """Root mean squared difference of average marginal effects, in its own standard error.

    ``sqrt(mean (e_S - e_H)^2 / (se_H^2 + se_S^2))`` over the terms of logits and of least squares, and by block. The
    effect of a term in a logit is ``b mean mu (1 - mu)``, the mean derivative of the probability, with standard errors
    by the delta method; for least squares it is the coefficient. In a multinomial logit a term has an effect on the
    probability of each outcome, the reference among them; in an ordered one it has one, on the expected response in
    the units of its options.

    Range
    -----
    At least 0.

    Direction and target
    --------------------
    Lower is better; two samples of people give about 1.

    Assumptions
    -----------
    The regressions are worth comparing at all; terms are not weighted by their importance. Each column of the design is
    its own variable, also dummies and products.

    When it misleads
    ----------------
    At small size, where large differences are within their error; noise in simulated rows widens the errors as well.
    See `AMEExaggeration` for the direction.

    Interval and estimand
    ---------------------
    The expected value at the half size; it grows with the size where effects differ.

    References
    ----------
    Greene (2012), Econometric Analysis, 7th edition, section 17.3.2; Mood (2010), European Sociological Review 26, on
    why logits of different samples do not compare.
    """

    spec = MetricSpec(
        "average_marginal_effects",
        "coefficients",
        "distance of average marginal effects in standard errors",
        "lower",
        "marginal",
        splits=20,
        unit="standard errors",
        range=(0.0, None),
    )
    compute = staticmethod(_rms_difference)


class AMEShareDiffering(_OnEffects):
    """Share of terms whose average marginal effects differ at the 5% level.

    ``#{|e_H - e_S| / sqrt(se_H^2 + se_S^2) > 1.96} / #{terms}``: `ShareDiffering` on the scale on which logits compare.

    Range
    -----
    0 to 1.

    Direction and target
    --------------------
    Lower is better; about .05 between two samples of people.

    Assumptions
    -----------
    The two sides are independent, and the standard errors of the delta method are right.

    When it misleads
    ----------------
    At small size, where nothing differs significantly from anything. Noise in simulated rows widens their errors, which
    hides differences. Terms count alike, whatever their importance.

    Interval and estimand
    ---------------------
    The expected share at the half size; with more respondents more terms differ.

    References
    ----------
    Mood (2010), European Sociological Review 26; Clogg, Petkova and Haritou (1995), American Journal of Sociology 100.
    """

    spec = MetricSpec(
        "ame_share_differing",
        "coefficients",
        "average marginal effects that differ at the 5% level",
        "lower",
        "marginal",
        splits=20,
        unit="share",
        range=(0.0, 1.0),
    )
    compute = staticmethod(share_differing)


class AMEExaggeration(_OnEffects):
    """Slope of simulated on human average marginal effects, through the origin, free of people's noise.

    ``sum w e_H e_S / sum w (e_H^2 - se_H^2)`` with ``w = 1 / (se_H^2 + se_S^2)``: `Exaggeration` on the scale on which
    logits compare.

    Range
    -----
    Unbounded.

    Direction and target
    --------------------
    The target is 1. Above 1 effects are exaggerated, below 1 flattened. The loss is the distance from 1.

    Assumptions
    -----------
    Errors of the two sides are independent. Undefined where people's effects are mostly noise: the denominator must
    exceed 3 of its standard errors.

    When it misleads
    ----------------
    A slope of 1 goes with any amount of scatter, and blocks of terms may make up for each other.

    Interval and estimand
    ---------------------
    The slope between the populations' effects; not given where any split leaves it undefined. A band over splits, and no `recovered`.

    References
    ----------
    Fuller (1987), Measurement Error Models, section 3.1; Mood (2010), European Sociological Review 26.
    """

    spec = MetricSpec(
        "ame_exaggeration",
        "coefficients",
        "slope of simulated on human average marginal effects",
        "target",
        "marginal",
        "band",
        20,
        "slope",
        recoverable=False,
    )
    compute = staticmethod(exaggeration)

    def loss(self, value: FloatArray) -> FloatArray | None:
        """Distance from 1."""
        return np.asarray(np.abs(value - 1))
