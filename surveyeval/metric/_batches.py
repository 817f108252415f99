"""Sets of weights that resemble each other: what many fits to parts of the same rows have in common.

The weight vectors of a half split are the two halves, and each half with one jackknife group after the other removed. Rows
without weight cost as much as others, so fits are made half by half, on the rows of that half alone, and each begins where
the fit to the whole half ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Family", "Packed", "families"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Numbers in the largest array of one batch of fits (8 MiB): more sets of weights are fitted in several batches.
_LARGEST = 2**20
#: So many sets of weights, none of which lies within another, are fitted together.
_SEVERAL = 8


@dataclass(frozen=True, eq=False)
class Family:
    """Sets of weights that are fitted together.

    Parameters
    ----------
    members : (b,) int array
        Rows of the weight matrix.
    columns : int array
        Respondents with weight in any of them.
    start : (columns,) float array
        Weights of the fit from which the others begin.
    """

    members: IntArray
    columns: IntArray
    start: FloatArray


def families(weight: FloatArray | NDArray[np.bool_]) -> Iterator[Family]:
    """Sets of weights in groups, each a largest one and those within it; what has no such order is one group.

    Parameters
    ----------
    weight : (B, n) float or bool array
        At least 0.
    """
    inside = weight > 0
    left = np.argsort(-inside.sum(axis=1), kind="stable")
    while len(left):
        first = left[0]
        columns, outside = np.flatnonzero(inside[first]), np.flatnonzero(~inside[first])
        belongs = ~inside[np.ix_(left, outside)].any(axis=1)
        if belongs.sum() == 1 and len(left) >= _SEVERAL:
            columns = np.flatnonzero(inside[left].any(axis=0))
            members, left, start = left, left[:0], weight[np.ix_(left, columns)].mean(axis=0)
        else:
            members, left, start = left[belongs], left[~belongs], weight[first, columns]
        most = max(_LARGEST // max(len(columns), 1), 1)
        for begin in range(0, len(members), most):
            yield Family(members[begin : begin + most], columns, start)


class Packed:
    """Products of the columns of a design, each pair once.

    Parameters
    ----------
    X : (n, p) float array
    """

    def __init__(self, X: FloatArray) -> None:
        self.p = X.shape[1]
        self._one, self._other = np.triu_indices(self.p)
        self._products = X[:, self._one] * X[:, self._other]
        place = np.empty((self.p, self.p), dtype=np.int64)
        place[self._one, self._other] = place[self._other, self._one] = np.arange(len(self._one))
        self._place = place.reshape(-1)
        self._twice = np.where(self._one == self._other, 1.0, 2.0)

    def gram(self, weight: FloatArray) -> FloatArray:
        """(b, p, p) ``X' diag(w) X`` for each row of (b, n) weights."""
        return np.asarray((weight @ self._products)[:, self._place].reshape(len(weight), self.p, self.p))

    def quadratic(self, matrix: NDArray[Any]) -> FloatArray:
        """(b, n) ``x' M x`` for each of (b, p, p) symmetric matrices and each row x of the design."""
        return np.asarray((matrix[:, self._one, self._other] * self._twice) @ self._products.T)
