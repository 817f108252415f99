"""Built-in sources of human rows. Each is registered by name; a task writes ``use: NAME:REFERENCE``."""

from __future__ import annotations

import pkgutil
from pathlib import Path
from typing import Protocol, runtime_checkable

from surveyeval.data.readers import read_table
from surveyeval.data.table import Table, checksum, to_codes
from surveyeval.errors import DataError, did_you_mean
from surveyeval.plugins import registry

__all__ = ["CheckedSource", "FetchedSource", "FileSource", "Source", "StatsmodelsSource", "open_source", "wanting"]


class Source(Protocol):
    """Reads human rows."""

    def read(self, reference: str, folder: Path, encoding: str) -> Table:
        """Rows as codes; `folder` is where the task file lies."""


@runtime_checkable
class CheckedSource(Source, Protocol):
    """A source that must know the checksum before it reads, since it fetches what it reads."""

    def read_checked(self, reference: str, folder: Path, encoding: str, sha256: str) -> Table:
        """Rows as codes, of a file with this sha256 and no other."""


@runtime_checkable
class FetchedSource(Source, Protocol):
    """A source that may have to fetch what it reads."""

    def wanting(self, reference: str, folder: Path, sha256: str | None) -> str | None:
        """How the rows come to this machine, where they are not on it yet; fetches nothing."""


class StatsmodelsSource:
    """Data sets that come with statsmodels (``statsmodels:anes96``)."""

    def read(self, reference: str, folder: Path, encoding: str) -> Table:
        """Read a data set by name."""
        import statsmodels.datasets as datasets

        names = [
            module.name for module in pkgutil.iter_modules(datasets.__path__) if module.ispkg and module.name != "tests"
        ]
        if reference not in names:
            raise DataError(f"statsmodels has no data set {reference!r}", hint=did_you_mean(reference, names))
        module = __import__(f"statsmodels.datasets.{reference}", fromlist=["load_pandas"])
        where = f"statsmodels:{reference}"
        frame = to_codes(module.load_pandas().data, where)
        return Table(frame, checksum(frame), where)


class FileSource:
    """A file beside the task file (``file:answers.csv``); `surveyeval.data.readers.read_table` says which are read."""

    def read(self, reference: str, folder: Path, encoding: str) -> Table:
        """Read a file inside the task's folder."""
        path = (folder / reference).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise DataError(
                f"{reference!r} lies outside the task's folder",
                field="source.use",
                hint="put the file beside the task file, or give it with --data TASK=PATH",
            )
        return read_table(path, encoding)


def open_source(use: str, folder: Path, encoding: str = "utf-8", sha256: str | None = None) -> Table:
    """Read the rows of a source.

    Raises
    ------
    DataError
        When the rows cannot be read, or their checksum is not the one declared.
    ConfigError
        When no source has that name.
    """
    scheme, _, reference = use.partition(":")
    source: Source = registry().get("source", scheme).load()()
    if sha256 is not None and isinstance(source, CheckedSource):
        table = source.read_checked(reference, folder, encoding, sha256)
    else:
        table = source.read(reference, folder, encoding)
    if sha256 is not None and table.sha256 != sha256:
        raise DataError(
            f"sha256 is {table.sha256}, the task says {sha256}",
            file=table.name,
            field="source.sha256",
            hint="the file is not the one that the task was written for",
        )
    return table


def wanting(use: str, folder: Path, sha256: str | None = None) -> str | None:
    """How the rows of a source come to this machine; None where nothing has to be fetched. Fetches nothing itself.

    Raises
    ------
    ConfigError
        When no source has that name.
    """
    scheme, _, reference = use.partition(":")
    source: Source = registry().get("source", scheme).load()()
    return source.wanting(reference, folder, sha256) if isinstance(source, FetchedSource) else None
