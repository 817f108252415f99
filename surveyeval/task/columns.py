"""Typed columns: what a name in a rule, formula or subgroup list stands for.

Ordinal and numeric things are numbers, nominal ones are codes, comparisons are truth values. Missing is a third value,
carried as ``valid``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Column", "ColumnType"]


@dataclass(frozen=True)
class ColumnType:
    """Kind of a column, known without data.

    Parameters
    ----------
    kind : {"number", "code", "boolean"}
    levels : tuple of (code, label)
        Declared levels of a code column, in order. A number that comes from ordered codes keeps them, so that
        ``C(x)`` and subgroups know them; other numbers and truth values have none.
    origin : {"item", "profile", "arm", "derived"}
        Whether the value is simulated (``item``), given (``profile``, ``arm``) or computed. A derived column is
        computed from given things only when ``given`` is true.
    given : bool
        True when the value does not depend on any item, so that it is the person's own on both sides.
    values : tuple of float
        For a number with levels: the number of each level, in the order of `levels`.
    """

    kind: Literal["number", "code", "boolean"]
    levels: tuple[tuple[str, str], ...] = ()
    origin: Literal["item", "profile", "arm", "derived", "constant"] = "profile"
    given: bool = True
    values: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Column:
    """Values of one column for every row of a sample.

    Parameters
    ----------
    type : ColumnType
    values : (n,) array
        float64 for numbers, object (str) for codes, bool for truth values; content is arbitrary where not valid.
    valid : (n,) bool array
    index : (n,) int64 array, optional
        Position in ``type.levels``, -1 where not valid, for columns with levels whose position is known already.
    """

    type: ColumnType
    values: NDArray[Any]
    valid: NDArray[np.bool_]
    index: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.values)
