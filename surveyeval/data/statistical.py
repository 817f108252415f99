"""Files of SPSS (.sav, .zsav) and Stata (.dta) as tables of codes, with their labels and user-missing codes."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surveyeval.data.codes import code
from surveyeval.data.table import Table, check_header
from surveyeval.errors import DataError, MissingExtraError

__all__ = ["read_statistical"]

#: Measurement levels of SPSS; other files say "unknown".
_MEASURES = ("nominal", "ordinal", "scale")
_Read = Callable[..., tuple[dict[str, list[Any]], Any]]


def read_statistical(raw: bytes, path: Path, sha256: str, encoding: str = "utf-8") -> Table:
    """Read a file of SPSS or Stata.

    Numbers, not labels, are the codes, as everywhere: ``1``, ``98``. Codes that the file counts as missing stay codes;
    Stata's extended missing values are ``.a`` to ``.z``. The system-missing value is a blank cell.

    Parameters
    ----------
    raw : bytes
    path : Path
    sha256 : str
        Of `raw`.
    encoding : str
        Anything but the default replaces what the file says of its own text.

    Raises
    ------
    DataError
        When the file cannot be read.
    MissingExtraError
        When pyreadstat is not installed.
    """
    try:
        import pyreadstat
    except ImportError as error:
        raise MissingExtraError(
            f"{path.name}: files of SPSS and Stata need pyreadstat", hint='pip install "surveyeval-harness[data]"'
        ) from error
    stata = path.suffix.lower() == ".dta"
    read = pyreadstat.read_dta if stata else pyreadstat.read_sav
    declared = _declared(encoding, path)
    if declared is None and stata and _before_unicode(raw):
        declared = _guessed(read, raw, path)
    values, about = _read(read, raw, path, declared)
    header = check_header(about.column_names, str(path))
    kinds: Mapping[str, str] = about.readstat_variable_types
    columns, labels, user_missing = {}, {}, {}
    for name, original in zip(header, about.column_names, strict=True):
        coded = _coder(kinds.get(original, ""), stata)
        columns[name] = _column(values[original], coded)
        words = about.variable_value_labels.get(original, {})
        labels[name] = {key: str(word) for value, word in words.items() if (key := coded(value)) is not None}
        missing = [*about.missing_ranges.get(original, ()), *about.missing_user_values.get(original, ())]
        inside = {key for value in [*values[original], *words] if _within(value, missing) and (key := coded(value))}
        user_missing[name] = frozenset(inside)
    return Table(
        pd.DataFrame(columns, columns=header, index=range(int(about.number_rows)), dtype=object),
        sha256,
        path.name,
        labels={name: words for name, words in labels.items() if words},
        questions={str(name): str(text) for name, text in about.column_names_to_labels.items() if text},
        user_missing={name: found for name, found in user_missing.items() if found},
        measures={
            name: measure
            for name, original in zip(header, about.column_names, strict=True)
            if (measure := (about.variable_measure or {}).get(original, "")) in _MEASURES
        },
    )


def _declared(encoding: str, path: Path) -> str | None:
    """A declared encoding by the name that iconv has for it; None for the default."""
    try:
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError) as error:
        raise DataError(f"there is no encoding {encoding!r}", file=str(path), field="source.encoding") from error
    return None if name in ("utf-8", "utf-8-sig") else name.replace("iso8859-", "iso-8859-")


def _before_unicode(raw: bytes) -> bool:
    """Whether a file of Stata is older than version 14, which does not tell how text is written."""
    return raw.startswith(b"<stata_dta><header><release>117") or not raw.startswith(b"<stata_dta>")


def _guessed(read: _Read, raw: bytes, path: Path) -> str | None:
    """UTF-8 where all text of an old file of Stata is valid UTF-8, else None: what pyreadstat takes it for.

    Stata wrote the code page of its machine, other programs write UTF-8. Read with a meaning for every byte first:
    asked for UTF-8, pyreadstat drops what is incomplete at the end of a text, such as an accented last letter.
    """
    values, about = _read(read, raw, path, "iso-8859-1")
    texts = [*about.column_names, *about.column_names_to_labels.values()]
    for column in [*values.values(), *map(dict.values, about.variable_value_labels.values())]:
        texts += column
    try:
        for text in texts:
            if isinstance(text, str):
                text.encode("latin-1").decode()
    except UnicodeDecodeError:
        return None
    return "utf-8"


def _read(read: _Read, raw: bytes, path: Path, encoding: str | None) -> tuple[dict[str, list[Any]], Any]:
    """Values, and what the file says of them."""
    try:
        return read(io.BytesIO(raw), encoding=encoding, user_missing=True, output_format="dict")
    except UnicodeDecodeError as error:
        raise _unreadable(path, f"its text is not {error.encoding}: {error.reason}", True) from error
    except Exception as error:  # pyreadstat's own errors share no base
        raise _unreadable(path, str(error), "encoding" in str(error) or "character set" in str(error)) from error


def _unreadable(path: Path, why: str, text: bool) -> DataError:
    hint = "set source.encoding to what its text is written in, for example cp1252" if text else None
    return DataError(f"is no readable {path.suffix.lower()} file: {why}", file=str(path), hint=hint)


def _coder(kind: str, stata: bool) -> Callable[[Any], str | None]:
    """How values of a variable become codes."""
    if kind == "string":
        return code

    def coded(value: Any) -> str | None:
        if isinstance(value, str):  # pyreadstat gives Stata's .a as "a"
            return f".{value}" if stata and value else code(value)
        if kind == "float" and isinstance(value, float):
            return code(np.float32(value))  # in double precision 0.1 would be 0.10000000149011612
        return code(value)

    return coded


def _column(values: list[Any], coded: Callable[[Any], str | None]) -> NDArray[np.object_]:
    column = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        column[row] = coded(value)
    return column


def _within(value: Any, missing: list[Any]) -> bool:
    """Whether the file counts a value as missing: by a range of numbers, a single text, or one of Stata's letters."""
    for one in missing:
        low, high = (one["lo"], one["hi"]) if isinstance(one, Mapping) else (one, one)
        if isinstance(value, str) or isinstance(low, str):
            if isinstance(value, str) and isinstance(low, str) and value.rstrip() == low.rstrip():
                return True
        elif isinstance(value, (int, float)) and low <= value <= high:
            return True
    return False
