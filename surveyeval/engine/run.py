"""A run: one task with one model on one split, stored as one self-describing directory."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surveyeval.errors import RunError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Run", "find_runs"]


class Run:
    """An opened run directory.

    Parameters
    ----------
    folder : Path
        A directory with ``manifest.json``.

    Raises
    ------
    RunError
        When the directory holds no readable manifest.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        path = self.folder / "manifest.json"
        try:
            self.manifest: dict[str, Any] = json.loads(path.read_text())
            self.manifest["task"]["name"], self.manifest["model"]["name"], self.manifest["status"]
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
        """``running`` (or interrupted, see `held`), ``simulated`` (answers complete), ``complete`` (scored) or ``failed``."""
        return str(self.manifest["status"])

    @property
    def card(self) -> Path:
        """Path of the report card of this run alone."""
        return self.folder / "report.html"

    @cached_property
    def config(self) -> dict[str, Any]:
        """The configuration that repeats this run (valid for ``--config``)."""
        import yaml

        loaded: dict[str, Any] = yaml.safe_load((self.folder / "config.yaml").read_text())
        return loaded

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """All estimates in long form, a row for each quantity."""
        from surveyeval.engine.estimates import from_records

        return from_records(self._read_json("metrics.json")["estimates"])

    @cached_property
    def tables(self) -> dict[str, Any]:
        """Descriptive tables: distributions, coefficients, coherence, states."""
        tables: dict[str, Any] = self._read_json("tables.json")
        return tables

    @cached_property
    def responses(self) -> pd.DataFrame:
        """Simulated answers, a row for each respondent, draw and item."""
        import pandas as pd

        path = self.folder / "responses.parquet"
        if not path.exists():
            raise RunError(
                "the answers of this run are not complete",
                file=str(self.folder),
                hint="the same `surveyeval run` command continues it",
            )
        return pd.read_parquet(path)

    @property
    def scored(self) -> bool:
        """Whether metrics and tables are on disk."""
        return (self.folder / "metrics.json").exists() and (self.folder / "tables.json").exists()

    def save(self) -> None:
        """Write the manifest."""
        from surveyeval.data.files import write_atomically

        write_atomically(self.folder / "manifest.json", json.dumps(self.manifest, indent=1, ensure_ascii=False) + "\n")

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
        with (self.folder / ".lock").open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise RunError(
                    "another process is working on this run",
                    file=str(self.folder),
                    hint="wait for it, or stop it and run the command again",
                ) from error
            yield

    def _read_json(self, name: str) -> Any:
        try:
            return json.loads((self.folder / name).read_text())
        except FileNotFoundError as error:
            raise RunError(
                f"has no {name}: it is not scored", file=str(self.folder), hint=f"run `surveyeval score {self.folder}`"
            ) from error


def find_runs(folder: Path | str) -> list[Run]:
    """Runs below a folder, oldest first; what cannot be read is left out."""
    found = []
    for path in sorted(Path(folder).glob("*/manifest.json")):
        try:
            found.append(Run(path.parent))
        except RunError:
            continue
    return found
