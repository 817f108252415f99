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


def code(value: Any) -> str | None:
    """One value as a code; None for a blank or absent cell.

    Examples
    --------
    >>> [code(value) for value in (1.0, "1.0", "01", "NA", True, " ", None, 0.5)]
    ['1', '1', '01', 'NA', 'True', None, None, '0.5']
    """
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    text = str(value).strip()
    if not text:
        return None
    return text.split(".")[0] if _WHOLE.fullmatch(text) else text


def codes(column: pd.Series) -> NDArray[np.object_]:
    """A column as codes: object array of str, None where blank."""
    result = np.empty(len(column), dtype=object)
    for row, (value, blank) in enumerate(zip(column, column.isna(), strict=True)):
        result[row] = None if blank else code(value)
    return result
