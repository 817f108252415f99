"""Average marginal effects: logits on the scale of probabilities, where people and simulation can be compared.

The size of a logit coefficient is relative to the residual spread, so that a simulation with less noise has larger ones
everywhere although no effect is larger. The average over respondents of the derivative of the probability, ``b_j mean
mu (1 - mu)``, does not have this fault. Each column of the design is its own variable, also dummies and products, so that
every term has one effect and the same ones are compared on both sides; for least squares it is the coefficient.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surveyeval.metric.coefficients import CoefficientMetric, Fitter, Terms, both, exaggeration, share, share_differing
from surveyeval.metric.protocol import MetricSpec
from surveyeval.metric.regression import Fits

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
    p = X.shape[1]
    known = np.isfinite(fits.coefficient)
    beta = np.where(known, fits.coefficient, 0.0)
    mu = 1 / (1 + np.exp(-np.clip(beta @ X.T, -500, 500)))
    curve = weight * mu * (1 - mu)
    outer = (X[:, :, None] * X[:, None, :]).reshape(len(X), p * p)
    information = (curve @ outer).reshape(-1, p, p) * (known[:, :, None] & known[:, None, :])
    places = np.arange(p)
    information[:, places, places] += ~known
    covariance = np.linalg.pinv(information, hermitian=True)
    total = weight.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = curve.sum(axis=1, keepdims=True) / total
        slope = np.where(known, (curve * (1 - 2 * mu)) @ X / total, 0.0)
        along = np.einsum("bpq,bq->bp", covariance, slope)
        variance = mean**2 * np.einsum("bpp->bp", covariance) + 2 * mean * beta * along
        variance += beta**2 * np.sum(slope * along, axis=1, keepdims=True)
        effect, se = mean * beta, np.sqrt(np.maximum(variance, 0.0))
    usable = known & np.isfinite(fits.se) & (places > 0)
    return Fits(np.where(usable, effect, np.nan), np.where(usable, se, np.nan))


class _OnEffects(CoefficientMetric):
    """Shared: compares average marginal effects instead of coefficients."""

    headline = False

    def terms(self, fitter: Fitter, weight: FloatArray) -> Terms:
        """Effects of all regressions side by side; coefficients of least squares are effects already."""

        def make() -> Terms:
            parts = []
            for (family, design), fits in zip(fitter.designs, fitter.fits(weight), strict=True):
                rows = design.valid
                own = logit_effects(design.X[rows], fits, weight[:, rows]) if family == "logit" else fits
                parts.append((own.coefficient[:, 1:], own.se[:, 1:]))
            return Terms(np.hstack([b for b, _ in parts]), np.hstack([se for _, se in parts]))

        return fitter.memo.get("effects", weight, make)


def _rms_difference(h: Terms, s: Terms) -> FloatArray:
    known = both(h, s)
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.where(known, (s.b - h.b) ** 2 / (h.se**2 + s.se**2), 0.0)
    return np.sqrt(share(squares.sum(axis=1), known.sum(axis=1).astype(float)))


class AverageMarginalEffects(_OnEffects):
    """Root mean squared difference of average marginal effects, simulation minus people, in its own standard error.

    At least 0, lower is better; two samples of people give about 1. Over all terms of logits and of least squares, and by
    block. Assumes that the regressions are worth comparing at all; terms are not weighted by their importance. Misleads
    at small size, where large differences are within their error: see `AMEExaggeration` for their direction.

    Source: Greene (2012), Econometric Analysis, section 17.3.2; Mood (2010), European Sociological Review 26, on why
    logits of different samples do not compare.
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
    """Share of terms whose average marginal effects differ by more than 1.96 standard errors of the difference.

    Range 0 to 1, lower is better; about .05 between two samples of people. `ShareDiffering` on the scale on which logits
    compare. Misleads at small size, where nothing differs significantly from anything.

    Source: Mood (2010), European Sociological Review 26.
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
    """Slope of simulated on human average marginal effects, through the origin, free of people's noise. Target 1.

    `Exaggeration` on the scale on which logits compare: above 1 effects are exaggerated, below 1 flattened. Undefined
    where people's effects are mostly noise (denominator within 3 of its standard errors). A band over splits.

    Source: Fuller (1987), Measurement Error Models, section 3.1; Mood (2010), European Sociological Review 26.
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
