"""Sets of weights that resemble each other: what many fits to parts of the same rows have in common.

The weight vectors of a half split are the two halves, and each half with one jackknife group after the other removed. Rows
without weight cost as much as others, so fits are made half by half, on the rows of that half alone, and each begins where
the fit to the whole half ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Family", "Packed", "batches", "families"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Numbers in the largest array of one batch of fits (8 MiB): more sets of weights are fitted in several batches.
_LARGEST = 2**20
#: The same where arrays are gone through many times in a row (512 KiB, what fits into the cache of a core).
_NEAR = 2**16
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


def families(weight: FloatArray | NDArray[np.bool_], *, whole: bool = False) -> Iterator[Family]:
    """Sets of weights in groups, each a largest one and those within it; what has no such order is one group.

    Parameters
    ----------
    weight : (B, n) float or bool array
        At least 0.
    whole : bool
        Do not divide groups by their size: for those who do so themselves, after what they do once for a group.
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
        most = len(members) if whole else max(_LARGEST // max(len(columns), 1), 1)
        for begin in range(0, len(members), most):
            yield Family(members[begin : begin + most], columns, start)


def batches(members: IntArray, n: int) -> Iterator[IntArray]:
    """Parts of a group whose (members, n) arrays are gone through many times in a row."""
    most = max(_NEAR // max(n, 1), 1)
    for begin in range(0, len(members), most):
        yield members[begin : begin + most]


class Packed:
    """Products of the columns of a design, each pair once.

    Parameters
    ----------
    X : (n, p) float array
    """

    def __init__(self, X: FloatArray) -> None:
        self.X, self.p = X, X.shape[1]
        self._one, self._other = np.triu_indices(self.p)
        place = np.empty((self.p, self.p), dtype=np.int64)
        place[self._one, self._other] = place[self._other, self._one] = np.arange(len(self._one))
        self._place = place.reshape(-1)
        self._twice = np.where(self._one == self._other, 1.0, 2.0)

    @cached_property
    def _products(self) -> FloatArray:
        return np.asarray(self.X[:, self._one] * self.X[:, self._other])

    def gram(self, weight: FloatArray) -> FloatArray:
        """(b, p, p) ``X' diag(w) X`` for each row of (b, n) weights."""
        if len(weight) == 1:  # going through all products would take longer
            return np.asarray(((self.X * weight[0][:, None]).T @ self.X)[None])
        return np.asarray((weight @ self._products)[:, self._place].reshape(len(weight), self.p, self.p))

    def quadratic(self, matrix: NDArray[Any]) -> FloatArray:
        """(b, n) ``x' M x`` for each of (b, p, p) symmetric matrices and each row x of the design."""
        if len(matrix) == 1:
            return np.asarray(np.vecdot(self.X @ matrix[0], self.X)[None])
        return np.asarray((matrix[:, self._one, self._other] * self._twice) @ self._products.T)
