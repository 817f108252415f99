"""A run: one task with one model on one split, stored as one self-describing directory."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surveyeval.data import files
from surveyeval.engine.readable import check_manifest, check_members, read_config, read_json, understood
from surveyeval.errors import RunError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["UNFINISHED", "Run", "find_runs", "locked", "on_disk"]

#: Statuses of runs that the same command continues.
UNFINISHED = ("running", "incomplete")


class Run:
    """An opened run directory.

    Parameters
    ----------
    folder : Path
        A directory with ``manifest.json``.

    Raises
    ------
    RunError
        When the directory holds no readable manifest, or a pipe, a device or a socket.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.manifest: dict[str, Any] = {}
        self.reload()

    def reload(self) -> None:
        """Read the manifest again, which another process may have changed.

        Raises
        ------
        RunError
        """
        folder, path = self.folder, self.folder / "manifest.json"
        check_members(folder)
        try:
            manifest = read_json(path)
            check_manifest(manifest)
            self.manifest = manifest
        except FileNotFoundError as error:
            raise RunError(
                "is no run directory: it has no manifest.json",
                file=str(folder),
                hint="`surveyeval ls runs` lists the runs of a folder",
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"manifest is damaged: {error}", file=str(path)) from error

    def __repr__(self) -> str:
        return f"Run({self.folder.name!r}, {self.status})"

    def _repr_html_(self) -> str:
        from surveyeval.engine.notebook import runs_html

        return runs_html([self])

    @property
    def id(self) -> str:
        """Identity: sha256 over task, data, split, model, options and plan."""
        return str(self.manifest["id"])

    @property
    def task(self) -> str:
        """Name of the task."""
        return str(self.manifest["task"]["name"])

    @property
    def model(self) -> str:
        """Name of the model on cards."""
        return str(self.manifest["model"]["name"])

    @property
    def status(self) -> str:
        """``running`` (or interrupted, see `held`), ``incomplete`` (some answers failed, to be tried again), ``simulated``
        (answers complete), ``complete`` (scored), ``partial`` (what there was of an unfinished run, scored) or ``failed``.
        """
        return str(self.manifest["status"])

    @property
    def card(self) -> Path:
        """Path of the report card of this run alone."""
        return self.folder / "report.html"

    @cached_property
    def config(self) -> dict[str, Any]:
        """The configuration that repeats this run (valid for ``--config``)."""
        return read_config(self.folder / "config.yaml")

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """All estimates in long form, a row for each quantity."""
        from surveyeval.engine.estimates import from_records

        with understood(self.folder / "metrics.json"):
            return from_records(self._read_json("metrics.json")["estimates"])

    @cached_property
    def tables(self) -> dict[str, Any]:
        """Descriptive tables: distributions, coefficients, coherence, states."""
        tables: dict[str, Any] = self._read_json("tables.json")
        return tables

    @cached_property
    def responses(self) -> pd.DataFrame:
        """Simulated answers, a row for each respondent, draw and item.

        Raises
        ------
        RunError
            When there is no such table, it cannot be read, or it has more than twice the rows that the manifest counts.
        """
        import pandas as pd
        import pyarrow.parquet as pq

        from surveyeval.engine.foreign import check_rows, readable

        path = self.responses_path
        with understood(self.folder):
            # twice: which answers are there a second time is for `verify` to say
            most = 2 * int(self.manifest["counts"]["interviews"]) * len(self.manifest["task"]["wording"])
        with readable(path):
            check_rows(pq.read_metadata(path).num_rows, most, path.name)
            return pd.read_parquet(path)

    @property
    def responses_path(self) -> Path:
        """The table of simulated answers.

        Raises
        ------
        RunError
            When there is none, because the run is not finished.
        """
        path = self.folder / "responses.parquet"
        if not path.exists() or self.status in UNFINISHED:
            raise RunError(
                "the answers of this run are not complete",
                file=str(self.folder),
                hint="the same `surveyeval run` command continues it; `surveyeval score --partial` scores what there is",
            )
        return path

    @property
    def scored(self) -> bool:
        """Whether metrics and tables are on disk, and belong to all answers."""
        if self.status not in ("complete", "partial"):
            return False
        return (self.folder / "metrics.json").exists() and (self.folder / "tables.json").exists()

    def save(self) -> None:
        """Write the manifest."""
        files.write_atomically(
            self.folder / "manifest.json", json.dumps(self.manifest, indent=1, ensure_ascii=False) + "\n"
        )

    @property
    def held(self) -> bool:
        """Whether a process is working on the run at this moment; as far as this machine can tell."""
        try:
            with (self.folder / ".lock").open() as stream:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process.

        Raises
        ------
        RunError
            When another process holds it.
        """
        with files.held(self.folder / ".lock") as alone:
            if not alone:
                raise RunError(
                    "another process is working on this run",
                    file=str(self.folder),
                    hint="wait for it, or stop it and run the command again",
                )
            yield

    def _read_json(self, name: str) -> Any:
        try:
            return read_json(self.folder / name)
        except FileNotFoundError as error:
            raise RunError(
                f"has no {name}: it is not scored", file=str(self.folder), hint=f"run `surveyeval score {self.folder}`"
            ) from error


@contextmanager
def locked(runs: Iterable[Run]) -> Iterator[None]:
    """Hold several runs for this process.

    Raises
    ------
    RunError
        When another process holds one of them.
    """
    with ExitStack() as stack:
        for run in runs:
            stack.enter_context(run.locked())
        yield


@contextmanager
def on_disk(folder: Path) -> Iterator[None]:
    """Say what a disk that takes nothing means for the run.

    Raises
    ------
    RunError
        Instead of an OSError of a disk that is full, read-only or broken, and of what `surveyeval.data.files` says of it.
    """
    try:
        yield
    except (OSError, RunError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        if not isinstance(cause, OSError) or cause.errno not in files.DISK:
            raise
        named = cause.filename if isinstance(error, OSError) else error.problems[0].file
        raise RunError(
            f"cannot be written to: {os.strerror(cause.errno)}",
            file=str(named or folder),
            hint="what was answered is on disk; make room, and the same command continues",
        ) from cause


def find_runs(folder: Path | str) -> list[Run]:
    """Runs below a folder, oldest first; what cannot be read is left out."""
    found = []
    for path in sorted(Path(folder).glob("*/manifest.json")):
        try:
            found.append(Run(path.parent))
        except RunError:
            continue
    return found
