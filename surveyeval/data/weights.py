"""Effective sample size."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["kish"]


def kish(weights: ArrayLike) -> NDArray[np.float64]:
    """Kish's effective sample size, (sum w)^2 / sum w^2, along the last axis; 0 where all weights are 0.

    Source: Kish (1965), Survey Sampling.

    Examples
    --------
    >>> float(kish([1, 1, 1, 1])), float(kish([1, 0, 3]))
    (4.0, 1.6)
    """
    w = np.asarray(weights, dtype=float)
    squares = np.asarray((w**2).sum(axis=-1))
    totals = np.asarray(w.sum(axis=-1) ** 2)
    result: NDArray[np.float64] = np.divide(totals, squares, out=np.zeros_like(totals), where=squares > 0)
    return result
