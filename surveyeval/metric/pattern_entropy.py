"""Heterogeneity beyond counts: how much of the law of patterns a sample has seen, and the entropy of that law.

Both correct for what a sample of this size cannot have seen; the plug-in entropy of a few hundred respondents, most of
them with a pattern of their own, is close to the logarithm of their number whatever the law.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.metric._patterns import PatternTable, expected_coverage
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
    """Entropy in bits of the patterns of the simulated half (Chao-Shen); the loss is the distance from people's.

    At least 0, the target is people's own value on either side. Counted without weights, over respondents with all
    pattern items answered. Misleads where nearly every pattern is seen once: the correction then rests on a handful of
    repeated patterns, and the interval is wide.

    Source: Chao and Shen (2003), Environmental and Ecological Statistics 10.
    """

    spec = MetricSpec(
        "pattern_entropy",
        "heterogeneity",
        "entropy of answer patterns, corrected for patterns not seen",
        "target",
        "marginal",
        unit="bits",
        range=(0.0, None),
    )

    def compute(
        self, people: PatternTable, rows: PatternTable, pair: Any, weights: tuple[FloatArray, FloatArray], seed: int
    ) -> tuple[list[FloatArray], list[FloatArray]]:
        """Entropy of the simulated half and its distance from the human half's."""
        human, simulated = (chao_shen(t.counts(w)) for t, w in zip((people, rows), weights, strict=True))
        return [simulated], [np.abs(simulated - human)]


class GoodTuring(_PatternMetric):
    """Share of its own law that a half has seen, ``1 - f1 / n`` with f1 patterns seen once; target: people's.

    Range 0 to 1. The reference, people's own value, is a check on `Coverage`: a second sample of the same people is
    expected to cover just this much of them, without a second sample being needed.

    Assumes independent respondents. Misleads under cluster samples, where neighbours repeat each other.

    Source: Good (1953), Biometrika 40.
    """

    spec = MetricSpec(
        "good_turing",
        "heterogeneity",
        "share of its own law of patterns that a half has seen",
        "target",
        "marginal",
        unit="share",
        range=(0.0, 1.0),
    )

    def compute(
        self, people: PatternTable, rows: PatternTable, pair: Any, weights: tuple[FloatArray, FloatArray], seed: int
    ) -> tuple[list[FloatArray], list[FloatArray]]:
        """Estimated coverage of the simulated half and its distance from the human half's."""
        counts = (people.counts(weights[0]), rows.counts(weights[1]))
        # At size n - 1, which larger sizes are treated as, the expected coverage is Good and Turing's.
        human, simulated = (expected_coverage(c, c.sum(axis=1)) for c in counts)
        return [simulated], [np.abs(simulated - human)]
