"""Built-in sources of human rows. Each is registered by name; a task writes ``use: NAME:REFERENCE``."""

from __future__ import annotations

import hashlib
import pkgutil
from pathlib import Path
from typing import Protocol

from surveyeval.data.readers import Table, read_table, to_codes
from surveyeval.errors import DataError, did_you_mean
from surveyeval.plugins import registry

__all__ = ["FileSource", "Source", "StatsmodelsSource", "open_source"]


class Source(Protocol):
    """Reads human rows."""

    def read(self, reference: str, folder: Path, encoding: str) -> Table:
        """Rows as codes; `folder` is where the task file lies."""


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
        frame = to_codes(module.load_pandas().data)
        checksum = hashlib.sha256(frame.to_csv(index=False, lineterminator="\n").encode()).hexdigest()
        return Table(frame, checksum, f"statsmodels:{reference}")


class FileSource:
    """A CSV or parquet file beside the task file (``file:answers.csv``)."""

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
    table = source.read(reference, folder, encoding)
    if sha256 is not None and table.sha256 != sha256:
        raise DataError(
            f"sha256 is {table.sha256}, the task says {sha256}",
            file=table.name,
            field="source.sha256",
            hint="the file is not the one that the task was written for",
        )
    return table
