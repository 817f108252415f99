"""Data files as tables of codes."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from surveyeval.data.codes import codes
from surveyeval.errors import DataError

__all__ = ["Table", "read_table", "to_codes"]


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of a source as text.

    Parameters
    ----------
    frame : DataFrame of str or None
    sha256 : str
        Of the file's bytes, or of the canonical CSV for data that come with a package.
    name : str
        How messages name it.
    lines : tuple of int
        Line of each row in the file, for messages; empty where a source has no lines.
    """

    frame: pd.DataFrame
    sha256: str
    name: str
    lines: tuple[int, ...] = ()

    def line(self, row: int) -> int | None:
        """Line of a row in the file; None where the source has no lines."""
        return self.lines[row] if row < len(self.lines) else None


def to_codes(frame: pd.DataFrame) -> pd.DataFrame:
    """Every cell as a code."""
    return pd.DataFrame({str(name): codes(frame[name]) for name in frame.columns}, dtype=object)


def read_table(path: Path, encoding: str = "utf-8") -> Table:
    """Read a CSV or parquet file.

    Raises
    ------
    DataError
        When the file is missing, unreadable, ragged, or has an empty or repeated header; with line and column.
    """
    name = path.name
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError("there is no such data file", file=str(path)) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=str(path)) from error
    checksum = hashlib.sha256(raw).hexdigest()
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        try:
            return Table(to_codes(pd.read_parquet(io.BytesIO(raw))), checksum, name)
        except Exception as error:
            raise DataError(f"is no readable parquet file: {error}", file=str(path)) from error
    if suffix not in (".csv", ".tsv", ".txt"):
        raise DataError(
            f"files of type {path.suffix or 'unknown'!r} are not read", file=str(path), hint="give .csv or .parquet"
        )
    frame, lines = _csv(raw, path, encoding)
    return Table(frame, checksum, name, lines)


def _csv(raw: bytes, path: Path, encoding: str) -> tuple[pd.DataFrame, tuple[int, ...]]:
    try:
        text = raw.decode("utf-8-sig" if encoding.lower().replace("-", "") == "utf8" else encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise DataError(
            f"is not {encoding}", file=str(path), line=line, hint="set source.encoding, for example latin-1"
        ) from error
    except LookupError as error:
        raise DataError(f"there is no encoding {encoding!r}", file=str(path), field="source.encoding") from error
    if "\0" in text:
        raise DataError("holds binary data", file=str(path), hint="give a text file with comma-separated values")
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True
    )
    try:
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise DataError(f"is no valid CSV: {error}", file=str(path), line=reader.line_num) from error
    if not rows:
        raise DataError("is empty", file=str(path), hint="the first line names the columns")
    header = [column.strip() for column in rows[0][1]]
    for number, column in enumerate(header, start=1):
        if not column or column in header[: number - 1]:
            what = f"column {column!r} stands twice" if column else "a column has no name"
            raise DataError(what, file=str(path), line=1, column=number)
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise DataError(f"row has {len(row)} cells, the header has {len(header)}", file=str(path), line=line)
    frame = pd.DataFrame([row for _, row in rows[1:]], columns=header, dtype=object)
    return to_codes(frame), tuple(line for line, _ in rows[1:])
