"""Codes are text.

Data files are read as text, with nothing taken for missing: ``None``, ``NA``, ``01`` and ``Yes`` are codes like any
other until a task says what they mean. Only whole numbers lose a trailing ``.0``, since the same code is 1 in one file
and 1.0 in another.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["code", "codes"]

_WHOLE = re.compile(r"-?\d+\.0+")
#: Columns of these kinds are read number by number: pandas gives their numbers in double precision, in which 0.1 is
#: 0.10000000149011612.
_SHORT = ("float16", "float32")


def code(value: Any) -> str | None:
    """One value as a code; None for a blank or absent cell.

    Examples
    --------
    >>> [code(value) for value in (1.0, "1.0", "01", "NA", True, " ", None, 0.5)]
    ['1', '1', '01', 'NA', 'True', None, None, '0.5']
    """
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, (float, np.floating)):
        if np.isnan(value):
            return None
        if float(value).is_integer():
            return str(int(value))
    text = str(value).strip()
    if not text:
        return None
    if not _WHOLE.fullmatch(text):
        return text
    whole = text.split(".")[0]
    return "0" if whole == "-0" else whole


def codes(column: pd.Series) -> NDArray[np.object_]:
    """A column as codes: object array of str, None where blank."""
    result = np.empty(len(column), dtype=object)
    kind = str(column.dtype).lower()
    values = column.to_numpy(dtype=kind, na_value=np.nan) if kind in _SHORT else column
    for row, (value, blank) in enumerate(zip(values, column.isna(), strict=True)):
        result[row] = None if blank else code(value)
    return result
