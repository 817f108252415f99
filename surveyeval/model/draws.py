"""From option probabilities and uniform numbers to answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_options"]


def draw_options(probabilities: NDArray[np.float64], uniform: NDArray[np.float64]) -> NDArray[np.int64]:
    """Inverse distribution function over options in declared order.

    Parameters
    ----------
    probabilities : (n, K) float array
        Non-negative, with a positive sum; renormalised here.
    uniform : (n,) float array
        In [0, 1).

    Returns
    -------
    (n,) int64 array
        The first option whose cumulative probability exceeds the number; an option of probability 0 is never drawn.

    Examples
    --------
    >>> draw_options(np.array([[0.2, 0.0, 0.8]] * 3), np.array([0.1, 0.2, 0.999])).tolist()
    [0, 2, 2]
    """
    cumulative = np.cumsum(probabilities, axis=1)
    threshold = uniform * cumulative[:, -1]
    drawn = (cumulative <= threshold[:, None]).sum(axis=1)
    # uniform * total can round up to total; the last option with mass is meant then
    last = probabilities.shape[1] - 1 - np.argmax(probabilities[:, ::-1] > 0, axis=1)
    return np.asarray(np.minimum(drawn, last), dtype=np.int64)
