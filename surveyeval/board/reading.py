"""Files that strangers wrote, read within limits: no path leaves the archive, nothing is larger or deeper than it may be."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from surveyeval.errors import DataError

__all__ = ["MOST_BYTES", "MOST_UNPACKED", "parse_json", "read_archive", "read_bytes"]

#: Largest file that is opened, and largest content of an archive.
MOST_BYTES, MOST_UNPACKED = 32_000_000, 96_000_000
#: Deepest nesting of JSON, and most values in it.
DEEPEST, MOST_VALUES = 24, 4_000_000

_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[{]|[\]}]|,', re.DOTALL)


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises
    ------
    DataError
        When it cannot be read or is larger than `MOST_BYTES`.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=str(path)) from error
    if len(content) > MOST_BYTES:
        raise DataError(
            f"is larger than {MOST_BYTES // 1_000_000} MB",
            file=str(path),
            hint="`surveyeval export RUN` makes a submission",
        )
    return content


def read_archive(path: Path, wanted: Mapping[str, bool]) -> dict[str, bytes]:
    """Members of a zip file. Nothing is written anywhere.

    Parameters
    ----------
    path : Path
    wanted : mapping of name to bool
        Members that it may hold, and whether it must.

    Raises
    ------
    DataError
        When it holds anything else, a name twice, an encrypted member, or more than `MOST_UNPACKED` bytes.
    """
    from io import BytesIO

    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(BytesIO(read_bytes(path))) as archive:
            left = MOST_UNPACKED
            for member in archive.infolist():
                if member.filename not in wanted:
                    raise DataError(
                        f"holds {member.filename[:80]!r}, which is no part of a submission",
                        file=str(path),
                        hint=f"it may hold {', '.join(wanted)}",
                    )
                if member.filename in found:
                    raise DataError(f"holds {member.filename!r} twice", file=str(path))
                if member.flag_bits & 1:
                    raise DataError(f"{member.filename!r} is encrypted", file=str(path))
                with archive.open(member) as stream:
                    content = stream.read(left + 1)  # what the archive says of its size is not trusted
                left -= len(content)
                if left < 0:
                    raise DataError(f"unpacks to more than {MOST_UNPACKED // 1_000_000} MB", file=str(path))
                found[member.filename] = content
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError) as error:
        raise DataError(f"is no readable zip file: {error}", file=str(path)) from error
    for name, needed in wanted.items():
        if needed and name not in found:
            raise DataError(f"has no {name}", file=str(path), hint="`surveyeval export RUN` makes a submission")
    return found


def parse_json(content: bytes, file: str) -> Any:
    """Plain data from JSON.

    Raises
    ------
    DataError
        When it is no JSON, nested deeper than `DEEPEST`, holds more than `MOST_VALUES` values, a number that is none (NaN,
        Infinity, 1e999) or a key twice.
    """
    _measure(content, file)
    try:
        return json.loads(
            content.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_refused, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise DataError(f"is no JSON that a submission may hold: {str(error)[:200]}", file=file) from error


def _measure(content: bytes, file: str) -> None:
    """Depth and size before anything is built."""
    depth = values = 0
    for token in _TOKENS.finditer(content):
        first = content[token.start()]
        if first in b"[{":
            depth += 1
            values += 1
            if depth > DEEPEST:
                raise DataError(f"is nested deeper than {DEEPEST} levels", file=file)
        elif first in b"]}":
            depth -= 1
        elif first in b",":
            values += 1
        if values > MOST_VALUES:
            raise DataError(f"holds more than {MOST_VALUES:,} values", file=file)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object holds a key twice")
    return found


def _refused(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:20]} is too large a number")
    return value
