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
    squares = (w**2).sum(axis=-1)
    return np.divide(w.sum(axis=-1) ** 2, squares, out=np.zeros_like(squares), where=squares > 0)
