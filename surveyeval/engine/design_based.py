"""Standard errors of the full sample that follow from how people were drawn: strata, PSUs and weights.

Taylor linearisation: an estimate is, to first order, a sum over respondents of their scores, and the variance of that sum
is the variance of the totals of PSUs within strata, PSUs taken as drawn with replacement. No finite-population correction.
Respondents outside a domain (an arm, those who answered) have score 0 and stay part of the design.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from surveyeval.data.design import Design, LonelyPSU, design_of, simple_design
from surveyeval.data.sample import Sample
from surveyeval.data.weights import kish

__all__ = ["Survey", "linearised", "mean", "share_interval", "survey_of", "wilson"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Survey:
    """A sample's weights and design.

    Parameters
    ----------
    weight : (n,) float array
    design : Design
    plain : bool
        Neither weights nor strata nor PSUs: the textbook formulas of simple random sampling apply.
    """

    weight: FloatArray
    design: Design
    plain: bool


def survey_of(sample: Sample, lonely_psu: LonelyPSU = "error") -> Survey:
    """Weights and design of a sample.

    Raises
    ------
    DataError
        For strata with one PSU, see `surveyeval.data.design.design_of`.
    """
    design = design_of(sample, lonely_psu)
    plain = design is None and not sample.weighted
    return Survey(sample.weight, simple_design(sample.n) if design is None else design, plain)


def linearised(scores: FloatArray, design: Design) -> FloatArray:
    """Covariance matrix of the sum of scores.

    Parameters
    ----------
    scores : (n, k) float array
        Weighted influence of each respondent on each of k estimates.
    design : Design

    Returns
    -------
    (k, k) float array
        sum_h n_h / (n_h - 1) sum_i (z_hi - mean z_h) (z_hi - mean z_h)', with z_hi the total of PSU i of stratum h. A
        stratum with one PSU adds nothing.

    Notes
    -----
    Source: Binder (1983), On the variances of asymptotically normal estimators from complex surveys, International
    Statistical Review 51. Equals R's survey::svyrecvar without finite-population correction.
    """
    totals = np.zeros((design.n_units, scores.shape[1]))
    np.add.at(totals, design.unit, scores)
    sizes = design.units_in_stratum
    means = np.zeros((design.n_strata, scores.shape[1]))
    np.add.at(means, design.stratum_of_unit, totals)
    deviations = totals - (means / np.maximum(sizes, 1)[:, None])[design.stratum_of_unit]
    factor = np.where(sizes > 1, sizes / np.maximum(sizes - 1, 1), 0.0)
    return np.asarray((deviations * factor[design.stratum_of_unit, None]).T @ deviations)


def mean(y: FloatArray, rows: BoolArray, survey: Survey) -> tuple[FloatArray, FloatArray]:
    """Weighted means of columns in a domain, with their standard errors.

    Parameters
    ----------
    y : (n, k) float array
        Shares are means of zeros and ones. Values outside the domain are not looked at.
    rows : (n,) bool array
        The domain.
    survey : Survey

    Returns
    -------
    mean, standard error : (k,) float arrays
        NaN for an empty domain; the error is NaN too where one PSU holds the whole domain.

    Notes
    -----
    The ratio estimator of R's survey::svymean and svyby.
    """
    weight = np.where(rows, survey.weight, 0.0)
    total = weight.sum()
    if not total > 0:
        return np.full(y.shape[1], np.nan), np.full(y.shape[1], np.nan)
    inside = np.where(rows[:, None], y, 0.0)
    value = weight @ inside / total
    scores = weight[:, None] * (inside - value) / total
    if survey.design.take(rows & (weight > 0)).degrees_of_freedom < 1:
        return value, np.full(y.shape[1], np.nan)
    return value, np.sqrt(np.maximum(np.diag(linearised(scores, survey.design)), 0.0))


def wilson(share: float, n: float, level: float = 0.95, degrees_of_freedom: float = np.inf) -> tuple[float, float]:
    """Wilson score interval of a share; `n` may be an effective sample size.

    Source: Wilson (1927), Journal of the American Statistical Association 22; with the degrees of freedom of a design,
    Dean and Pagano (2015), Journal of Survey Statistics and Methodology 3.

    Examples
    --------
    >>> low, high = wilson(0.5, 100)
    >>> round(low, 4), round(high, 4)
    (0.4038, 0.5962)
    """
    if not n > 0 or not degrees_of_freedom > 0:
        return float("nan"), float("nan")
    z2 = float(stats.t.ppf(0.5 + level / 2, degrees_of_freedom)) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = float(np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n)))) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def share_interval(
    share: float, error: float, rows: BoolArray, survey: Survey, level: float = 0.95
) -> tuple[float, float]:
    """Wilson interval of a share in a domain, at the sample size that a simple random sample of that error would have.

    Parameters
    ----------
    share, error : float
        From `mean`.
    rows : (n,) bool array
    survey : Survey

    Notes
    -----
    Where everybody gave the same answer there is no error to go by: then Kish's effective size is taken, and with clusters
    the number of PSUs, as answers within one may all be alike.
    """
    if survey.plain:
        return wilson(share, float(rows.sum()), level)
    inside = survey.design.take(rows & (survey.weight > 0))
    if error > 0 and 0 < share < 1:
        n = share * (1 - share) / error**2
    else:
        n = float(len(np.unique(inside.unit))) if inside.clustered else float(kish(survey.weight[rows]))
    return wilson(share, n, level, inside.degrees_of_freedom)
