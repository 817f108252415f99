"""A task from a data frame, as in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surveyeval.data.codes import code
from surveyeval.data.files import digest, write_atomically
from surveyeval.data.table import Table, to_codes
from surveyeval.errors import ConfigError
from surveyeval.task.check import check_document
from surveyeval.task.document import parse_document
from surveyeval.task.expand import expand
from surveyeval.task.human import check_rows
from surveyeval.task.load import load_task
from surveyeval.task.task import Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["task_from_frame"]

_DATA, _TASK = "answers.csv", "the task"


def task_from_frame(
    frame: pd.DataFrame,
    spec: Mapping[str, Any] | str,
    *,
    folder: str | Path | None = None,
    profile_set: str | None = None,
) -> Task:
    """Make a task of a data frame with people's answers.

    Frame and task are written to a folder, so that runs can be scored and reported later, by anybody who has the folder.

    Parameters
    ----------
    frame : DataFrame
        A row for each person. Values become codes as everywhere: 1 and 1.0 are ``"1"``, NaN and None are blank, nothing else
        is missing; of categories it is what they say. The index is left out.
    spec : mapping or str
        What a task file says, as a mapping or as YAML. ``source`` needs provenance, licence and citation; ``source.use`` is
        filled in.
    folder : path, optional
        Where to write; default: ``runs/tasks/NAME-HASH``. An existing task there must be the same.
    profile_set : str, optional
        One of the task's profile sets; default: the first.

    Returns
    -------
    Task
        For ``surveyeval.run(task=...)``.

    Raises
    ------
    ConfigError
        With everything that is wrong in `spec`, or when `folder` holds another task.
    DataError
        When a column has no name, or two have the same; and with everything that does not fit `spec`: absent columns, codes
        that are no option, identifiers that stand twice.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"vote": [1, 2, 1]})
    >>> spec = {
    ...     "name": "vote", "version": 1, "title": "A vote",
    ...     "source": {"provenance": "synthetic", "licence": "CC0", "citation": "nobody"},
    ...     "items": [{"name": "vote", "role": "action", "kind": "binary", "question": "Whom?", "options": {1: "A", 2: "B"}}],
    ... }
    >>> task_from_frame(frame, spec).items[0].codes  # doctest: +SKIP
    ('1', '2')
    """
    import yaml

    value = parse_document(spec, _TASK).value if isinstance(spec, str) else _text(spec)
    if not isinstance(value, dict):
        raise ConfigError(
            "the task is no mapping", hint="give what a task file says: name, version, title, source, items"
        )
    source = value.get("source")
    if source is not None and not isinstance(source, dict):
        raise ConfigError("source is no mapping", field="source", hint="give provenance, licence and citation")
    given = (source or {}).get("use")
    if given not in (None, f"file:{_DATA}"):
        raise ConfigError(
            f"source.use is {given!r}, and the rows are those of the data frame",
            field="source.use",
            hint="leave it out",
        )
    value = {**value, "source": {"use": f"file:{_DATA}", **(source or {})}}
    codes = to_codes(frame, "the data frame")
    rows = codes.to_csv(index=False, lineterminator="\n")
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)
    _check(text, codes, Path(folder) if folder is not None else None, profile_set)
    target = Path(folder) if folder is not None else _default(value, rows)
    for name, content in (("task.yaml", text), (_DATA, rows)):
        path = target / name
        if path.exists() and path.read_text() != content:
            raise ConfigError(f"there is another {name} already", file=str(target), hint="choose another folder")
    target.mkdir(parents=True, exist_ok=True)
    write_atomically(target / _DATA, rows)
    write_atomically(target / "task.yaml", text)
    return load_task(target / "task.yaml", profile_set=profile_set)


def _check(text: str, codes: pd.DataFrame, folder: Path | None, profile_set: str | None) -> None:
    """Refuse a task, or rows, before anything is written, in words of what was given: lines are those of no file.

    Raises
    ------
    ConfigError, DataError
    """
    try:
        document = expand(parse_document(text, _TASK), folder)
        spec, problems = check_document(document)
    except ConfigError as error:
        spec, problems = None, list(error.problems)
    if problems or spec is None:
        own = [replace(one, line=None, column=None) if one.file == _TASK else one for one in problems]
        raise ConfigError(problems=own)
    sets = list(spec.profile_sets) or ["default"]
    chosen = profile_set if profile_set in sets else sets[0]
    task = Task(spec, folder or Path(), _TASK, "", chosen or sets[0], "")
    check_rows(task, Table(codes, "", "the data frame"))


def _default(value: Mapping[str, Any], rows: str) -> Path:
    name = value.get("name")
    safe = "".join(one if one.isalnum() or one in "_.-" else "-" for one in str(name or "task"))[:60]
    return Path("runs") / "tasks" / f"{safe}-{digest([value, rows])[:8]}"


def _text(value: Any) -> Any:
    """Plain data as a task file says them: every scalar is text, keys too."""
    if isinstance(value, Mapping):
        return {code(key) or "": _text(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_text(one) for one in value]
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return code(value)
