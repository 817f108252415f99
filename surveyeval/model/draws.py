"""Drawing an option from probabilities, the one way in which every model does it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_options"]


def draw_options(probabilities: NDArray[np.float64], uniform: NDArray[np.float64]) -> NDArray[np.int64]:
    """Draw one option for each row by inverting the cumulative distribution over options in declared order.

    Parameters
    ----------
    probabilities : (n, K) float array
        Not negative; rows need not sum to 1, they are renormalised.
    uniform : (n,) float array
        Uniform numbers in [0, 1).

    Returns
    -------
    (n,) int64 array
        Index of the option drawn. An option of probability 0 is never drawn. -1 where a row has no mass or is not
        finite, for the caller to record as invalid.

    Examples
    --------
    >>> import numpy as np
    >>> draw_options(np.array([[0.2, 0.0, 0.8], [2.0, 2.0, 0.0]]), np.array([0.2, 0.49]))
    array([2, 0])
    """
    cumulative = np.cumsum(probabilities, axis=1)
    total = cumulative[:, -1]
    chosen = (cumulative <= (uniform * total)[:, None]).sum(axis=1)
    # Rounding can put the target at the total itself; then the last option that has any probability is meant.
    beyond = chosen >= probabilities.shape[1]
    if beyond.any():
        last = probabilities.shape[1] - 1 - np.argmax(probabilities[:, ::-1] > 0, axis=1)
        chosen = np.where(beyond, last, chosen)
    usable = np.isfinite(total) & (total > 0)
    return np.where(usable, chosen, -1).astype(np.int64)
