"""Data files as tables of codes."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surveyeval.data.codes import code
from surveyeval.data.delimited import read_delimited
from surveyeval.data.limesurvey import from_limesurvey, is_limesurvey
from surveyeval.data.qualtrics import is_qualtrics, kept_columns, qualtrics_table
from surveyeval.data.table import Table, check_header, to_codes
from surveyeval.errors import DataError

__all__ = ["ENDINGS", "Table", "read_table", "to_codes", "without_identifying"]

#: Endings of the files that are read.
ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".sav", ".zsav", ".dta")


def read_table(path: Path, encoding: str = "utf-8") -> Table:
    """Read a data file: CSV, TSV, parquet, SPSS (.sav, .zsav) or Stata (.dta).

    CSV files of Qualtrics and LimeSurvey are known by their header; columns that tell who people are stay out of them.

    Parameters
    ----------
    path : Path
        Its ending tells what it is.
    encoding : str
        What the task declares. Files of SPSS and Stata say themselves how their text is written; for them, anything but
        the default means that they are wrong.

    Raises
    ------
    DataError
        When the file is missing, unreadable, ragged, or has an empty or repeated header; with line and column.
    MissingExtraError
        When a file of SPSS or Stata is read without pyreadstat.
    """
    name, suffix = path.name, path.suffix.lower()
    if suffix not in ENDINGS and not path.is_dir() and path.exists():
        raise DataError(
            f"files of type {path.suffix or 'unknown'!r} are not read",
            file=str(path),
            hint=f"give {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}",
        )
    if path.exists() and not path.is_file() and not path.is_dir():  # a pipe or a device would be read for ever
        raise DataError("is no file", file=str(path))
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError("there is no such data file", file=str(path)) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=str(path)) from error
    sha256 = hashlib.sha256(raw).hexdigest()
    if suffix == ".parquet":
        return Table(_parquet(raw, path), sha256, name)
    if suffix in (".sav", ".zsav", ".dta"):
        from surveyeval.data.statistical import read_statistical

        return read_statistical(raw, path, sha256, encoding)
    frame, lines = read_delimited(raw, path, encoding)
    if is_qualtrics(frame):
        return qualtrics_table(frame, lines, sha256, path)
    table = Table(to_codes(frame, str(path)), sha256, name, lines)
    return from_limesurvey(table) if is_limesurvey(list(table.frame.columns)) else table


def without_identifying(raw: bytes, path: Path, encoding: str = "utf-8") -> bytes | None:
    """An export of Qualtrics or LimeSurvey without the columns that tell who people are; None for any other text file."""
    frame, _ = read_delimited(raw, path, encoding)
    columns = list(map(str, frame.columns))
    if is_qualtrics(frame):
        kept = kept_columns(frame)
    elif is_limesurvey(columns):
        kept = list(from_limesurvey(Table(frame.astype(object), "", path.name)).frame.columns)
    else:
        return None
    if kept == columns:
        return None
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
    writer.writerow(kept)
    writer.writerows(frame[kept].to_numpy().tolist())
    return written.getvalue().encode(encoding)


def _parquet(raw: bytes, path: Path) -> pd.DataFrame:
    """Read without pandas, which would turn whole numbers with gaps into floats and take some columns for the index."""
    import pyarrow.parquet as parquet

    try:
        opened = parquet.ParquetFile(io.BytesIO(raw))
        # a few kilobytes can stand for billions of cells, of which each takes eight bytes or more
        if opened.metadata.num_rows * opened.metadata.num_columns * 8 > os.sysconf("SC_PHYS_PAGES") * os.sysconf(
            "SC_PAGE_SIZE"
        ):
            raise DataError(
                f"has {opened.metadata.num_rows:,} rows, more than the memory of this machine holds", file=str(path)
            )
        arrow = opened.read()
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"is no readable parquet file: {error}", file=str(path)) from error
    header = check_header(arrow.column_names, str(path))
    columns: dict[str, NDArray[np.object_]] = {}
    for number, name in enumerate(header):
        column = np.empty(arrow.num_rows, dtype=object)
        for row, value in enumerate(_values(arrow.column(number))):
            if isinstance(value, (bytes, list, dict)):
                value = _text(value, path, name, row)
            column[row] = code(value)
        columns[name] = column
    return pd.DataFrame(columns, columns=header, index=range(arrow.num_rows), dtype=object)


def _values(column: Any) -> Iterator[Any]:
    import pyarrow

    short = pyarrow.types.is_float32(column.type) or pyarrow.types.is_float16(column.type)
    for value in column.to_pylist():
        # In double precision 0.1 would be 0.10000000149011612.
        yield np.float32(value) if short and value is not None else value


def _text(value: bytes | list[Any] | dict[Any, Any], path: Path, column: str, row: int) -> str:
    if not isinstance(value, bytes):
        hint = "put each value into a column of its own"
        raise DataError(f"column {column!r}, row {row + 1}: holds several values", file=str(path), hint=hint)
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"column {column!r}, row {row + 1}: is no text", file=str(path)) from error
