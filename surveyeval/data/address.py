"""Where a recipe gets its file from. Light: task files are checked with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from surveyeval.errors import DataError

__all__ = ["Address", "parse_address"]

_FILE = re.compile(r"[A-Za-z0-9][\w.+-]*", re.ASCII)


@dataclass(frozen=True)
class Address:
    """An address on the web, and the name of the file that it gives."""

    url: str
    host: str
    file: str


def parse_address(reference: str) -> Address:
    """Read ``https://host/path/file.csv``, or ``https://host/path?id=3#file.csv`` where the path does not name the file.

    Raises
    ------
    DataError
        When it is no https address, holds a password, or names no file.

    Examples
    --------
    >>> parse_address("https://example.org/v1/answers.csv").file
    'answers.csv'
    >>> parse_address("https://example.org/access?id=3#answers.sav")
    Address(url='https://example.org/access?id=3', host='example.org', file='answers.sav')
    """
    hint = "write recipe:https://HOST/PATH/FILE"
    try:
        parts = urlsplit(reference)
        host = parts.hostname
    except ValueError as error:
        raise DataError(f"{reference!r} is no address: {error}", field="source.use", hint=hint) from error
    if parts.scheme != "https" or not host:
        raise DataError(f"{reference!r} is no https address", field="source.use", hint=hint)
    if parts.username is not None or parts.password is not None:
        raise DataError(
            "the address holds a name or password", field="source.use", hint="a recipe can name open files only"
        )
    file = unquote(parts.fragment or parts.path.rpartition("/")[2])
    if not _FILE.fullmatch(file):
        raise DataError(
            f"{reference!r} names no file",
            field="source.use",
            hint="add the file's name: recipe:https://...#answers.csv",
        )
    return Address(parts._replace(fragment="").geturl(), host, file)
