"""Whole-column arithmetic and logic with missing as a third value.

A `Cells` pair is values and a mask of where they count. Logic is Kleene's: *false and missing* is false, *true or
missing* is true, everything else with a missing part is missing. Arithmetic that has no finite answer is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["TOLERANCE", "Cells", "arithmetic", "band", "compare", "conjunction", "disjunction", "member", "negation"]

#: Numbers this close (relative to the larger of 1 and their size) are equal. Decimals written in a task file, such as
#: 0.1 + 0.2 and 0.3, are meant to be equal although their binary approximations differ, and ties decide rules.
TOLERANCE = 1e-9

BoolArray = NDArray[np.bool_]


class Cells(NamedTuple):
    """Values, and where they count. Both have shape (n,)."""

    values: NDArray[Any]
    valid: BoolArray


def _both(parts: Sequence[Cells]) -> BoolArray:
    valid = parts[0].valid
    for part in parts[1:]:
        valid = valid & part.valid
    return valid


def arithmetic(operation: Callable[..., NDArray[np.float64]], *parts: Cells) -> Cells:
    """Apply a numpy function to numbers; what is not finite (a division by zero, a logarithm of 0) is missing."""
    with np.errstate(all="ignore"):
        values = operation(*(part.values for part in parts))
    return Cells(values, _both(parts) & np.isfinite(values))


def negation(part: Cells) -> Cells:
    """Not."""
    return Cells(~part.values, part.valid)


def conjunction(left: Cells, right: Cells) -> Cells:
    """And: false wherever one side is known to be false."""
    false = (left.valid & ~left.values) | (right.valid & ~right.values)
    return Cells(~false & left.values & right.values, false | (left.valid & right.valid))


def disjunction(left: Cells, right: Cells) -> Cells:
    """Or: true wherever one side is known to be true."""
    true = (left.valid & left.values) | (right.valid & right.values)
    return Cells(true, true | (left.valid & right.valid))


def _slack(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    return TOLERANCE * np.maximum(1.0, np.maximum(np.abs(left), np.abs(right)))


def compare(operator: str, left: Cells, right: Cells, *, numbers: bool) -> Cells:
    """One comparison, named as Jinja names it (``eq``, ``ne``, ``lt``, ``lteq``, ``gt``, ``gteq``)."""
    valid = left.valid & right.valid
    if not numbers:
        equal = np.asarray(left.values == right.values, dtype=bool)
        return Cells(equal if operator == "eq" else ~equal, valid)
    with np.errstate(invalid="ignore", over="ignore"):
        difference = left.values - right.values
        slack = _slack(left.values, right.values)
        match operator:
            case "eq":
                values = np.abs(difference) <= slack
            case "ne":
                values = np.abs(difference) > slack
            case "lt":
                values = difference < -slack
            case "lteq":
                values = difference <= slack
            case "gt":
                values = difference > slack
            case _:
                values = difference >= -slack
    return Cells(values, valid)


def member(part: Cells, candidates: Sequence[Any], *, numbers: bool) -> Cells:
    """Whether a value is one of some constants."""
    found: BoolArray = np.zeros(np.shape(part.values), dtype=bool)
    for candidate in candidates:
        other = Cells(np.asarray(candidate), np.asarray(True))
        found = found | compare("eq", part, other, numbers=numbers).values
    return Cells(found, part.valid)


def band(part: Cells, bounds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Index of the band that a number is in; bounds are lower ends and belong to their band. -1 below the first."""
    values = np.where(part.valid, part.values, -np.inf)
    finite = np.where(part.valid, part.values, 0.0)
    return np.searchsorted(bounds, values + _slack(finite, finite), side="right").astype(np.int64) - 1
