"""Rows of a source as text, with what their file says of its columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from surveyeval.data.codes import codes
from surveyeval.errors import DataError

__all__ = ["Table", "check_header", "checksum", "to_codes"]


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of a source as text.

    Parameters
    ----------
    frame : DataFrame of str or None
        Codes; None where a cell is blank.
    sha256 : str
        Of the file's bytes, or of the canonical CSV for data that come with a package.
    name : str
        How messages name it.
    lines : tuple of int
        Line of each row in the file, for messages; empty where a source has no lines.
    labels : mapping of str to mapping of str to str, optional
        Column -> code -> words, where the file has value labels. They explain codes in messages and help to write a task
        file; what a simulated respondent reads is always the task's own text.
    questions : mapping of str to str, optional
        Column -> its label in the file.
    user_missing : mapping of str to frozenset of str, optional
        Column -> codes that the file counts as missing. They stay codes: the task says of each which state it is.
    withheld : mapping of str to str, optional
        Columns of the file that are not in `frame` since they tell who people are, with what they tell.
    notes : tuple of str, optional
        What reading did that a person should know.
    measures : mapping of str to str, optional
        Column -> ``nominal``, ``ordinal`` or ``scale``, where the file says how its codes are to be read.
    """

    frame: pd.DataFrame
    sha256: str
    name: str
    lines: tuple[int, ...] = ()
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    questions: Mapping[str, str] = field(default_factory=dict)
    user_missing: Mapping[str, frozenset[str]] = field(default_factory=dict)
    withheld: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    measures: Mapping[str, str] = field(default_factory=dict)

    def line(self, row: int) -> int | None:
        """Line of a row in the file; None where the source has no lines."""
        return self.lines[row] if row < len(self.lines) else None

    def says(self, column: str, code: str) -> str:
        """What the file says of a code, for messages; empty when it says nothing.

        Examples
        --------
        >>> table = Table(pd.DataFrame(), "", "", labels={"vote": {"9": "Refused"}}, user_missing={"vote": {"9"}})
        >>> table.says("vote", "9")
        "the file labels it 'Refused' and counts it as missing"
        """
        label = self.labels.get(column, {}).get(code)
        parts = [f"labels it {label!r}"] if label else []
        if code in self.user_missing.get(column, ()):
            parts.append("counts it as missing")
        return f"the file {' and '.join(parts)}" if parts else ""


def check_header(columns: Iterable[object], file: str, line: int | None = None) -> list[str]:
    """Names of columns as text; each must be there once.

    Raises
    ------
    DataError
        When a name is empty or stands twice, with the number of the column.
    """
    header = [str(column).strip() for column in columns]
    seen: set[str] = set()
    for number, column in enumerate(header, start=1):
        place = number if line is not None else None
        which = "" if line is not None else f" (column {number})"
        if not column:
            hint = "name it; R leaves its row names out with write.csv(..., row.names = FALSE)" if number == 1 else None
            raise DataError(f"a column has no name{which}", file=file, line=line, column=place, hint=hint)
        if column in seen:
            raise DataError(f"column {column!r} stands twice{which}", file=file, line=line, column=place)
        seen.add(column)
    return header


def to_codes(frame: pd.DataFrame, file: str = "the table") -> pd.DataFrame:
    """Every cell as a code.

    Raises
    ------
    DataError
        When a column has no name, or two have the same.
    """
    header = check_header(frame.columns, file)
    columns = {name: codes(frame.iloc[:, number]) for number, name in enumerate(header)}
    return pd.DataFrame(columns, columns=header, index=range(len(frame)), dtype=object)


def checksum(frame: pd.DataFrame) -> str:
    """sha256 of the canonical CSV of codes: what data that come with a package are known by."""
    return hashlib.sha256(frame.to_csv(index=False, lineterminator="\n").encode()).hexdigest()
