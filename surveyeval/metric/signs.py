"""Further comparisons of coefficients: wrong signs, overlap of intervals, and agreement with a known truth.

See `surveyeval.metric.coefficients` for what is fitted. Where a task declares the true coefficients of synthetic rows
(``truth:``), signs are compared with these instead of people's, whose own significance depends on their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from surveyeval.data.sample import Sample
from surveyeval.metric.coefficients import (
    CoefficientMetric,
    Compared,
    Terms,
    share,
    sign_f1,
    sign_fpr,
    significant,
    usable_regressions,
)
from surveyeval.metric.protocol import MetricSpec
from surveyeval.task.schema import RegressionSpec
from surveyeval.task.task import Task

__all__ = ["IntervalOverlap", "TruthF1", "TruthFPR", "WrongSignShare", "interval_overlap"]

FloatArray = NDArray[np.float64]

_REACH = float(stats.norm.ppf(0.975))


def interval_overlap(b1: FloatArray, se1: FloatArray, b2: FloatArray, se2: FloatArray) -> FloatArray:
    """Overlap of 95% intervals: half the sum of the shares of each interval that lies in the other.

    Parameters
    ----------
    b1, se1, b2, se2 : float arrays
        Coefficients and standard errors.

    Returns
    -------
    float array
        In [0, 1]; NaN where one of them is.

    Notes
    -----
    Source: Karr, Kohnen, Oganian, Reiter and Sanil (2006), The American Statistician 60.

    Examples
    --------
    >>> import numpy as np
    >>> interval_overlap(np.array([0.0]), np.array([1.0]), np.array([0.0]), np.array([0.5]))  # one lies in the other
    array([0.75])
    """
    low = np.maximum(b1 - _REACH * se1, b2 - _REACH * se2)
    high = np.minimum(b1 + _REACH * se1, b2 + _REACH * se2)
    common = np.maximum(high - low, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(0.5 * (common / (2 * _REACH * se1) + common / (2 * _REACH * se2)))


def _wrong_sign(h: Terms, s: Terms) -> FloatArray:
    t, p = significant(h), significant(s)
    return share(((t != 0) & (p == -t)).sum(axis=1).astype(float), (t != 0).sum(axis=1).astype(float))


def _mean_overlap(h: Terms, s: Terms) -> FloatArray:
    known = np.isfinite(h.b) & np.isfinite(h.se)
    # A term that the simulation cannot estimate shares nothing with people's interval.
    overlap = np.where(known, np.nan_to_num(interval_overlap(h.b, h.se, s.b, s.se)), 0.0)
    return share(overlap.sum(axis=1), known.sum(axis=1).astype(float))


class WrongSignShare(CoefficientMetric):
    """Share of terms significant among people that are significant with the opposite sign in the simulation.

    ``#{t != 0, p = -t} / #{t != 0}``, t and p being the significant signs of `SignF1`. It stays out of the false
    positive rate, whose terms are those that are not significant among people.

    Range
    -----
    0 to 1; undefined where nothing is significant among people.

    Direction and target
    --------------------
    Lower is better; 0 is usual between samples of people.

    Assumptions
    -----------
    As `SignF1`.

    When it misleads
    ----------------
    At small size, where hardly anything is significant on both sides, and in simulations without effects: the share is
    0 for that reason. See F1.

    Interval and estimand
    ---------------------
    A count of threshold crossings has no confidence interval: the band over splits is shown, and no `recovered`.

    References
    ----------
    Error of sign in Gelman and Carlin (2014), Perspectives on Psychological Science 9, with people as the truth.
    """

    spec = MetricSpec(
        "wrong_sign_share",
        "coefficients",
        "significant with the opposite sign, among terms significant among people",
        "lower",
        "marginal",
        "band",
        20,
        "share",
        (0.0, 1.0),
        recoverable=False,
    )
    headline = False
    compute = staticmethod(_wrong_sign)


class IntervalOverlap(CoefficientMetric):
    """Mean overlap of the 95% intervals of coefficients, people's and the simulation's.

    ``mean of 1/2 (o / len_H + o / len_S)`` over terms, with ``o = max(0, min(high_H, high_S) - max(low_H, low_S))``:
    half the sum of the shares of each interval that lies in the other. Not estimable in the simulation counts as no
    overlap.

    Range
    -----
    0 to 1.

    Direction and target
    --------------------
    Higher is better; two halves of people reach about .7, not 1.

    Assumptions
    -----------
    Intervals are right on both sides, and of about the same width.

    When it misleads
    ----------------
    By rewarding width: a noisy simulation has wide intervals that hold people's whole, which alone is worth one half.

    Interval and estimand
    ---------------------
    The expected overlap at the half size; where coefficients differ it falls as the size grows.

    References
    ----------
    Karr, Kohnen, Oganian, Reiter and Sanil (2006), A framework for evaluating the utility of data altered to protect
    confidentiality, The American Statistician 60.
    """

    spec = MetricSpec(
        "interval_overlap",
        "coefficients",
        "overlap of 95% intervals of coefficients",
        "higher",
        "marginal",
        splits=20,
        unit="share",
        range=(0.0, 1.0),
    )
    headline = False
    compute = staticmethod(_mean_overlap)


class _AgainstTruth(CoefficientMetric):
    """Shared by both: the task's true coefficients take the place of people's."""

    headline = False

    def applicable(self, task: Task) -> str | None:
        """None, or why there is nothing to compare."""
        if not task.spec.truth:
            return "the task declares no true coefficients"
        return super().applicable(task)

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Compared:
        """Bind to two samples."""
        return _ComparedWithTruth(self, task, human, simulated, cache)


class _ComparedWithTruth(Compared):
    def __init__(
        self, metric: CoefficientMetric, task: Task, human: Sample, simulated: Sample, cache: dict[Any, Any]
    ) -> None:
        super().__init__(metric, task, human, simulated, cache)
        regressions, _ = usable_regressions(task, human)
        self.truth = _true_terms(task, regressions, [design.coefficients for _, design in self.human.designs])

    def people(self, weight: FloatArray) -> Terms:
        """The truth, which is the same in every half."""
        return Terms(*(np.broadcast_to(x, (len(weight), len(x))) for x in (self.truth.b, self.truth.se)))


def _true_terms(task: Task, regressions: Sequence[RegressionSpec], terms: Sequence[Sequence[tuple[str, str]]]) -> Terms:
    """True coefficients with errors so small that everything but zero is significant; NaN where none is declared."""
    declared = task.spec.truth or {}
    b = np.array(
        [
            declared.get(regression.name, {}).get(term, np.nan)
            for regression, own in zip(regressions, terms, strict=True)
            for term, _ in own
        ]
    )
    return Terms(b, np.where(b == 0, 1.0, np.abs(b) / 1e3))


def _truth_spec(name: str, summary: str, direction: Any) -> MetricSpec:
    return MetricSpec(
        name, "coefficients", summary, direction, "marginal", "band", 20, "share", (0.0, 1.0), recoverable=False
    )


class TruthF1(_AgainstTruth):
    """F1 of significant signs against the true coefficients that a synthetic task declares.

    ``F1 = 2 TP / (#{p != 0} + #{t != 0})`` as in `SignF1`, t being the sign of the true coefficient. A term counts as
    true when its declared coefficient is not exactly 0; regressions and terms without a declared value are left out.

    Range
    -----
    0 to 1; undefined without true terms.

    Direction and target
    --------------------
    Higher is better. The reference is what people of the same number reach: it measures their power.

    Assumptions
    -----------
    The declared coefficients are those that the rows were made with.

    When it misleads
    ----------------
    A simulation above the reference has less noise than people, which is no merit by itself. It exists for synthetic
    tasks only and says nothing of people.

    Interval and estimand
    ---------------------
    A count of threshold crossings has no confidence interval: the band over splits is shown, and no `recovered`.

    References
    ----------
    van Rijsbergen (1979), Information Retrieval, chapter 7; the truth is the task's ``truth:``.
    """

    spec = _truth_spec("truth_f1", "F1 of significant signs against the true coefficients", "higher")
    compute = staticmethod(sign_f1)


class TruthFPR(_AgainstTruth):
    """Share of terms whose true coefficient is exactly 0 that are significant in the simulation.

    ``#{t = 0, p != 0} / #{t = 0}``, t being the true coefficient. Unlike the rate against people this one compares with
    the level of the test: terms with small true effects are not among its null terms.

    Range
    -----
    0 to 1; undefined without terms that are declared to be 0.

    Direction and target
    --------------------
    Lower is better; about .05 for people.

    Assumptions
    -----------
    The declared coefficients are those that the rows were made with, and standard errors are right.

    When it misleads
    ----------------
    With a handful of null terms it moves in large steps. A simulator without any effect has the perfect rate.

    Interval and estimand
    ---------------------
    A count of threshold crossings has no confidence interval: the band over splits is shown, and no `recovered`.

    References
    ----------
    The size of a test; the truth is the task's ``truth:``.
    """

    spec = _truth_spec("truth_fpr", "significant although the true coefficient is 0", "lower")
    compute = staticmethod(sign_fpr)
