"""Heterogeneity beyond counts: how much of the law of patterns a sample has seen, and the entropy of that law.

Both correct for what a sample of this size cannot have seen; the plug-in entropy of a few hundred respondents, most of
them with a pattern of their own, is close to the logarithm of their number whatever the law.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.metric._patterns import PatternTable
from surveyeval.metric.heterogeneity import _PatternMetric
from surveyeval.metric.protocol import MetricSpec

__all__ = ["GoodTuring", "PatternEntropy", "chao_shen"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def chao_shen(counts: IntArray) -> FloatArray:
    """Entropy in bits of the law behind counts, by Chao and Shen's estimator.

    Shares are shrunk by Good and Turing's coverage C = 1 - f1/n and each term is divided by the probability that its
    pattern was seen at all: ``-sum C p log2(C p) / (1 - (1 - C p)^n)``. When all patterns are seen once, f1 is taken as
    n - 1, since a coverage of zero says nothing.

    Parameters
    ----------
    counts : (B, S) int array
        Respondents with each pattern.

    Returns
    -------
    (B,) float array
        At least 0; NaN for fewer than two respondents.

    Notes
    -----
    Source: Chao and Shen (2003), Environmental and Ecological Statistics 10.

    Examples
    --------
    >>> import numpy as np
    >>> chao_shen(np.array([[500, 500]])).round(3)  # nothing is unseen, and two patterns share evenly
    array([1.])
    """
    n = counts.sum(axis=1).astype(float)
    once = np.minimum(np.sum(counts == 1, axis=1), n - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = (1 - once / n)[:, None] * counts / n[:, None]
        seen = -np.expm1(n[:, None] * np.log1p(-np.minimum(p, 1.0)))
        terms = np.where(p > 0, -p * np.log2(p) / seen, 0.0)
    return np.where(n >= 2, np.maximum(terms.sum(axis=1), 0.0), np.nan)


class PatternEntropy(_PatternMetric):
    """Entropy in bits of the patterns of the simulated half, corrected for patterns not seen.

    ``-sum_s C p_s log2(C p_s) / (1 - (1 - C p_s)^n)`` with the shares p of the patterns among n respondents and the
    coverage ``C = 1 - f1 / n``, f1 patterns being seen once (Chao and Shen). The plug-in entropy of a few hundred
    respondents is close to the logarithm of their number whatever the law.

    Range
    -----
    At least 0.

    Direction and target
    --------------------
    The target is people's own value, on either side; the loss is the distance from it.

    Assumptions
    -----------
    Independent respondents, counted without weights, with all pattern items answered.

    When it misleads
    ----------------
    Where nearly every pattern is seen once: the correction then rests on a handful of repeated patterns, and the
    interval is wide. Independent columns can have people's entropy: it is diversity, not structure.

    Interval and estimand
    ---------------------
    The entropy of the population, nearly freed of the bias of small samples.

    References
    ----------
    Chao and Shen (2003), Nonparametric estimation of Shannon's index of diversity when there are unseen species in
    sample, Environmental and Ecological Statistics 10.
    """

    spec = MetricSpec(
        "pattern_entropy",
        "heterogeneity",
        "entropy of answer patterns, corrected for patterns not seen",
        "target",
        "marginal",
        unit="bits",
        range=(0.0, None),
        weights="ignored",
    )

    def compute(
        self, people: PatternTable, rows: PatternTable, pair: Any, weights: tuple[FloatArray, FloatArray], seed: int
    ) -> tuple[list[FloatArray], list[FloatArray]]:
        """Entropy of the simulated half and its distance from the human half's."""
        human, simulated = (
            table.of("entropy", own, lambda table=table, own=own: chao_shen(table.counts(own)))  # type: ignore[misc]
            for table, own in zip((people, rows), weights, strict=True)
        )
        return [simulated], [np.abs(simulated - human)]


class GoodTuring(_PatternMetric):
    """Share of its own law of patterns that a half has seen.

    ``1 - f1 / n`` with f1 patterns seen once among n simulated respondents. The reference, people's own value, is a
    check on `Coverage`: a second sample of the same people is expected to cover just this much of them, without a
    second sample being needed.

    Range
    -----
    0 to 1.

    Direction and target
    --------------------
    The target is people's own value, on either side; the loss is the distance from it.

    Assumptions
    -----------
    Independent respondents, counted without weights, with all pattern items answered.

    When it misleads
    ----------------
    Under cluster samples, where neighbours repeat each other. It never looks at which patterns these are: a simulator
    with people's number of rare patterns, all of them wrong, has people's value.

    Interval and estimand
    ---------------------
    The expected share at the half size; it grows with the size.

    References
    ----------
    Good (1953), The population frequencies of species and the estimation of population parameters, Biometrika 40.
    """

    spec = MetricSpec(
        "good_turing",
        "heterogeneity",
        "share of its own law of patterns that a half has seen",
        "target",
        "marginal",
        unit="share",
        range=(0.0, 1.0),
        weights="ignored",
    )

    def compute(
        self, people: PatternTable, rows: PatternTable, pair: Any, weights: tuple[FloatArray, FloatArray], seed: int
    ) -> tuple[list[FloatArray], list[FloatArray]]:
        """Estimated coverage of the simulated half and its distance from the human half's."""
        human, simulated = people.good_turing(weights[0]), rows.good_turing(weights[1])
        return [simulated], [np.abs(simulated - human)]
