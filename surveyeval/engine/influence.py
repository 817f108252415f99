"""Ratios of sums of weights, with what each respondent contributes to their error.

A share, a mean or a variance within arms is a ratio of weighted sums, ``sum w u / sum w v``. To first order its error is
the sum over respondents of the influence ``w (u - ratio v) / sum w v``, and so is the error of everything computed from
ratios. The sampling design decides how influences add up, see `surveyeval.engine.design_based.linearised`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Linear", "weighted_ratio"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Linear:
    """A value and (n,) influences of respondents on it. NaN where the ratio is undefined."""

    value: float
    influence: FloatArray

    def times(self, factor: float) -> Linear:
        """Multiple of the value."""
        return Linear(factor * self.value, factor * self.influence)

    def of(self, value: float, slope: float) -> Linear:
        """A smooth function of the value, by its own value and its derivative."""
        return Linear(value, slope * self.influence)


def weighted_ratio(top: FloatArray, bottom: FloatArray, weight: FloatArray) -> Linear:
    """Mean over draws of ``sum w top / sum w bottom``.

    Parameters
    ----------
    top, bottom : (D, n) float arrays
        One row for each draw; draws are averaged and never pooled.
    weight : (n,) float array

    Returns
    -------
    Linear
        The influence of a respondent is the mean over draws, so that draws of one respondent are not taken for more people.
    """
    total = bottom @ weight
    if not (total > 0).all():
        return Linear(float("nan"), np.full(len(weight), np.nan))
    value = (top @ weight) / total
    influence = weight * (top - value[:, None] * bottom) / total[:, None]
    return Linear(float(value.mean()), influence.mean(axis=0))
