"""A recorded subsample for metrics that compare respondents in pairs, whose number grows with the square of the sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.seeds import generator

__all__ = ["MOST_IN_PAIRS", "SUBSAMPLE", "subsample"]

#: Respondents of a side that are compared in pairs; of more, a subsample is.
MOST_IN_PAIRS = 5000
#: Flag of a value that rests on a subsample.
SUBSAMPLE = "subsample"


def subsample(respondent: NDArray[np.object_], purpose: str, most: int = MOST_IN_PAIRS) -> NDArray[np.int64]:
    """Rows that are compared in pairs: all of them, or a random subset of the respondents.

    Parameters
    ----------
    respondent : (n,) object array of str
        Samples of the same respondents give the same subset, in whatever order.
    purpose : str
        Separates the random numbers of different metrics.
    most : int

    Returns
    -------
    int array
        Row numbers, ascending.
    """
    if len(respondent) <= most:
        return np.arange(len(respondent))
    order = np.argsort(respondent.astype(str), kind="stable")
    kept = generator(0, "subsample", purpose).permutation(len(respondent))[:most]
    return np.sort(order[kept])
