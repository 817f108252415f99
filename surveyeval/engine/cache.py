"""The response cache: what language models answered before, on this machine, in one SQLite file.

An entry is one block of answers, filed under a digest of everything that determines it (`surveyeval.engine.cache_keys`),
so it is found only where asking again would give the same. Interviews and profiles are in the digest, not in the file;
what a model wrote is in the file.

The cache only ever saves time: a file that is damaged, locked, full or of another format is said once, and the run goes on
without it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surveyeval.memo import cache_folder

__all__ = ["FORMAT", "NO_CACHE", "About", "ResponseCache", "connected", "open_cache", "path_of_responses"]

#: Of the file; another number is another layout.
FORMAT = 1
#: Environment variable that switches the cache off, whatever is asked for.
NO_CACHE = "SURVEYEVAL_NO_CACHE"
#: Seconds that another process may hold the file.
PATIENCE = 10.0

_TABLE = """
create table if not exists responses (
    key text primary key,
    kind text not null,
    task text not null,
    model text not null,
    string text not null,
    fingerprint text not null,
    elicitation text not null,
    interviews integer not null,
    asked real not null,
    seconds real not null,
    code text not null,
    content blob not null
)
"""


@dataclass(frozen=True)
class About:
    """What is told of an entry in listings; an entry is never found by it.

    Parameters
    ----------
    task : str
    model : str
        Name on cards.
    string : str
        Canonical model string.
    fingerprint : str
        ``kind:value``.
    elicitation : str
    code : str
        Digest of the code that asked; entries of other code are never found.
    """

    task: str
    model: str
    string: str
    fingerprint: str
    elicitation: str
    code: str


def path_of_responses() -> Path:
    """The file, in the user's cache folder (``SURVEYEVAL_CACHE``)."""
    return cache_folder() / "responses.sqlite"


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, opened and made ready; made if it is not there.

    Raises
    ------
    OSError, sqlite3.Error
        When it cannot be used.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # what models wrote may repeat a profile: nobody else reads it
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
        (found,) = connection.execute("pragma user_version").fetchone()
        if found == 0:
            with connection:
                connection.execute(_TABLE)
                connection.execute(f"pragma user_version = {FORMAT}")
        elif found != FORMAT:
            raise sqlite3.DatabaseError(f"it has format {found}, this version of surveyeval reads {FORMAT}")
        yield connection


class ResponseCache:
    """Finds and keeps entries, until the file fails.

    Parameters
    ----------
    path : Path, optional
        None: nothing is found and nothing is kept.
    read : bool
        False: only keep (``--again``).
    """

    def __init__(self, path: Path | None, *, read: bool = True) -> None:
        self._path, self._reads, self._writes = path, read and path is not None, path is not None
        self._tell: Callable[[str], None] = lambda text: None

    def telling(self, tell: Callable[[str], None]) -> ResponseCache:
        """Itself, with somebody to tell when the file fails."""
        self._tell = tell
        return self

    @property
    def used(self) -> bool:
        """Whether anything can be found or kept."""
        return self._reads or self._writes

    def get(self, key: str) -> dict[str, Any] | None:
        """The content of an entry, with ``asked`` (seconds since 1970) and ``seconds``; None when there is none."""
        if not self._reads or self._path is None:
            return None
        row = None
        with self._failing(reading=True):
            if self._path.exists():
                with connected(self._path) as connection:
                    found = connection.execute("select content, asked, seconds from responses where key = ?", [key])
                    row = found.fetchone()
        if row is None:
            return None
        try:
            content: dict[str, Any] = json.loads(zlib.decompress(row[0]))
        except (zlib.error, ValueError, TypeError):
            return None  # a damaged entry is none; it is written again
        return {**content, "asked": float(row[1]), "seconds": float(row[2])}

    def put(
        self, key: str, kind: str, about: About, content: Mapping[str, Any], *, interviews: int, seconds: float
    ) -> None:
        """Keep an entry, in place of one with the same key."""
        if not self._writes or self._path is None:
            return
        packed = zlib.compress(json.dumps(content, separators=(",", ":")).encode())
        row: list[str | float | bytes] = [
            key,
            kind,
            about.task,
            about.model,
            about.string,
            about.fingerprint,
            about.elicitation,
        ]
        row += [interviews, time.time(), seconds, about.code, packed]
        with self._failing(reading=False), connected(self._path) as connection, connection:
            connection.execute(f"insert or replace into responses values ({','.join('?' * len(row))})", row)  # noqa: S608 - question marks only

    @contextmanager
    def _failing(self, *, reading: bool) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self._writes = False
            self._reads = self._reads and not reading
            what = "used" if reading else "written to"
            self._tell(
                f"the response cache {self._path} cannot be {what} ({error}); the run goes on without it. "
                "`surveyeval cache info` tells more"
            )


def open_cache(*, use: bool = True, again: bool = False) -> ResponseCache:
    """The user's response cache.

    Parameters
    ----------
    use : bool
        False, or the environment variable ``SURVEYEVAL_NO_CACHE``: one that holds nothing.
    again : bool
        Keep answers, but find none.
    """
    if not use or os.environ.get(NO_CACHE):
        return ResponseCache(None)
    path = None
    with suppress(RuntimeError):  # no home directory
        path = path_of_responses()
    return ResponseCache(path, read=not again)
