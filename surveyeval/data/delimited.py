"""CSV and TSV files as rows of text, with their lines."""

from __future__ import annotations

import codecs
import csv
import io
import re
from contextlib import suppress
from pathlib import Path

import pandas as pd

from surveyeval.data.table import check_header
from surveyeval.errors import DataError

__all__ = ["read_delimited"]

#: Marks at the beginning of a file that tell its encoding. UTF-32 before UTF-16, whose mark it begins with.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HALVES = re.compile("[\ud800-\udfff]")
_UNPRINTABLE = re.compile("[\x80-\x9f]")


def read_delimited(raw: bytes, path: Path, encoding: str = "utf-8") -> tuple[pd.DataFrame, tuple[int, ...]]:
    """Rows of a delimited file, and the line on which each ends.

    Parameters
    ----------
    raw : bytes
    path : Path
        ``.tsv`` has tabs between cells, everything else commas.
    encoding : str
        What the task declares. A mark at the beginning of the file (BOM) tells more than the default.

    Returns
    -------
    frame : DataFrame of str
        As written: nothing is taken for missing, nothing is a number.
    lines : tuple of int

    Raises
    ------
    DataError
        When the text cannot be decoded, or is no table; with line and column.
    """
    text = _text(raw, path, encoding)
    tabs = path.suffix.lower() == ".tsv"
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if tabs else ",", strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise DataError(f"is no valid CSV: {error}", file=str(path), line=reader.line_num) from error
    if not rows:
        raise DataError("is empty", file=str(path), hint="the first line names the columns")
    names = rows[0][1]
    if len(names) == 1 and (other := next((mark for mark in ";\t|" if mark in names[0]), None)):
        word = {";": "semicolons", "\t": "tabs", "|": "bars"}[other]
        hint = "name it .tsv" if other == "\t" else "save it with commas, or with tabs as .tsv"
        raise DataError(f"has {word} between cells, not commas", file=str(path), line=1, hint=hint)
    header = check_header(names, str(path), 1)
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise DataError(f"row has {len(row)} cells, the header has {len(header)}", file=str(path), line=line)
    frame = pd.DataFrame([row for _, row in rows[1:]], columns=header, dtype=object)
    return frame, tuple(line for line, _ in rows[1:])


def _text(raw: bytes, path: Path, encoding: str) -> str:
    try:
        declared = codecs.lookup(encoding).name
    except (LookupError, ValueError) as error:
        raise DataError(f"there is no encoding {encoding!r}", file=str(path), field="source.encoding") from error
    marked = next((name for mark, name in _MARKS if raw.startswith(mark)), None)
    if marked and declared not in ("utf-8", "utf-8-sig") and not declared.startswith(marked):
        raise DataError(
            f"begins with the mark of {marked}, and source.encoding is {encoding}",
            file=str(path),
            field="source.encoding",
            hint=f"set source.encoding: {marked}",
        )
    used = marked if marked and declared in ("utf-8", "utf-8-sig") else encoding
    try:
        text = raw.decode(used).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        after = ""
        line = raw[: error.start].count(b"\n") + 1
        with suppress(UnicodeError):  # some encodings cannot leave out what they do not know
            before = raw[: error.start].decode(used, errors="ignore").splitlines()
            after = f" after {before[-1][-12:]!r}" if before and before[-1] else ""
        raise DataError(
            f"is not {used}: byte 0x{raw[error.start]:02x}{after}",
            file=str(path),
            line=line,
            hint="set source.encoding, for example cp1252 (Windows) or latin-1",
        ) from error
    except LookupError as error:  # codecs that are none of text: hex, base64, rot13
        raise DataError(
            f"{encoding!r} is no encoding of text",
            file=str(path),
            field="source.encoding",
            hint="write utf-8 or cp1252",
        ) from error
    except UnicodeError as error:  # utf-16 without a mark, and the like
        raise DataError(f"is not {used}: {error}", file=str(path), field="source.encoding") from error
    if "\0" in text:
        hint = "give a text file with comma-separated values; for UTF-16 without a mark set source.encoding: utf-16-le"
        raise DataError("holds binary data", file=str(path), hint=hint)
    if _HALVES.search(text):
        raise DataError(
            f"holds halves of characters, which encoding {encoding!r} allows and no file can hold",
            file=str(path),
            field="source.encoding",
        )
    if declared == "iso8859-1" and (found := _UNPRINTABLE.search(text)):
        # Windows files are often called latin-1: every byte then has a meaning, but not the one that was written.
        raise DataError(
            f"holds the control character U+{ord(found[0]):04X}, which nobody types",
            file=str(path),
            line=text[: found.start()].count("\n") + 1,
            hint="set source.encoding: cp1252",
        )
    return text
