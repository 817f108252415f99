"""Check-all questions with a column for each option, in exports that leave blank what is not ticked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

__all__ = ["fill_unticked", "often_ticked"]

#: So many ticks tell a check-all question from a battery in which everybody happens to give one answer.
_TICKS = 10


def often_ticked(frame: pd.DataFrame, columns: Sequence[str], yes: str) -> bool:
    """Whether columns hold nothing but one code and blanks, each some blanks, and that code often."""
    marked = frame[list(columns)].notna()
    only = all(set(frame[column].dropna()) <= {yes} for column in columns)
    return len(columns) > 1 and only and int(marked.to_numpy().sum()) >= _TICKS and not bool(marked.all().any())


def fill_unticked(frame: pd.DataFrame, columns: Sequence[str], yes: str, no: str) -> None:
    """Write a code into each cell of everybody who ticked one of the options; who ticked none keeps blank cells."""
    marked = frame[list(columns)].notna().to_numpy()
    put = marked.any(axis=1)
    for number, column in enumerate(columns):
        cells = np.full(len(frame), None, dtype=object)
        cells[put] = no
        cells[marked[:, number]] = yes
        frame[column] = pd.Series(cells, index=frame.index, dtype=object)  # else pandas makes strings of it
