"""Stored answers are checked before they are used: a run directory may come from somebody else, and a checksum is no promise."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import State
from surveyeval.errors import RunError, SurveyevalError
from surveyeval.task.task import Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_fits", "check_responses", "check_rows", "readable", "record_content"]

_FLOATS = ("probabilities", "mass", "log_prob")
_NEEDED = ("respondent", "draw", "item", "code", "state", "mass", "log_prob", "probabilities", "paired")
_STATES = frozenset(state.name.lower() for state in State)
#: Probabilities are sums of exponentials.
_ROUNDING = 1e-6
_HINT = "the file was not written by surveyeval, or was changed; run again"


def record_content(text: str | bytes) -> dict[str, Any]:
    """Plain data of one record of a response log, of the shape that `surveyeval.engine.store.BlockAnswers` needs.

    Parameters
    ----------
    text : str or bytes
        JSON.

    Raises
    ------
    ValueError
        When it is anything else; the message says what.
    """
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(content, dict):
        raise ValueError("it is no JSON object")
    block = content.get("block")
    if not (isinstance(block, list) and len(block) == 4 and all(_is_count(one) for one in block)):
        raise ValueError("it names no block")
    rows = block[3] - block[2]
    if rows < 0:
        raise ValueError("its block ends before it begins")
    if not isinstance(content.get("paired"), bool):
        raise ValueError("it does not say whether rows are paired")
    for kind in ("answers", "states", *_FLOATS):
        if not isinstance(content.get(kind), dict):
            raise ValueError(f"it has no {kind}")
    for kind in ("answers", "states"):
        if not all(_is_list(column, rows) and all(map(_is_small, column)) for column in content[kind].values()):
            raise ValueError(f"its {kind} are no {rows} whole numbers")
    if set(content["answers"]) != set(content["states"]):
        raise ValueError("its answers and states are about different items")
    known = {int(state) for state in State}
    if any(state not in known for column in content["states"].values() for state in column):
        raise ValueError("it has a state that is none")
    for kind in _FLOATS:
        wide = kind == "probabilities"
        if not all(_is_list(column, rows) and _are_numbers(column, wide) for column in content[kind].values()):
            raise ValueError(f"its {kind} are no numbers")
    texts = content.get("texts", {})
    if not isinstance(texts, dict) or not all(
        _is_list(column, rows) and all(one is None or isinstance(one, str) for one in column)
        for column in texts.values()
    ):
        raise ValueError("its texts are none")
    notes = content.get("notes", [])
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise ValueError("its notes are no texts")
    if not all(_is_number(content.get(name, 0.0)) for name in ("cached", "seconds")):
        raise ValueError("its times are no numbers")
    failed = content.get("failed", [])
    shape = [int, str, str, str]
    if not isinstance(failed, list) or not all(
        isinstance(one, list) and list(map(type, one)) == shape for one in failed
    ):
        raise ValueError("its failed answers are none")
    return content


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _is_small(value: object) -> bool:
    return type(value) is int and -1 <= value < 2**31


def _is_list(value: object, length: int) -> bool:
    return isinstance(value, list) and len(value) == length


def _is_number(value: object) -> bool:
    if value is None or value == "-inf":
        return True
    return type(value) is float or (type(value) is int and abs(value) < 2**53)


def _are_numbers(column: list[Any], wide: bool) -> bool:
    if not wide:
        return all(map(_is_number, column))
    widths = {len(row) if isinstance(row, list) else -1 for row in column}
    return len(widths) <= 1 and -1 not in widths and all(_is_number(one) for row in column for one in row)


def check_fits(task: Task, n: int, content: Mapping[str, Any], block: tuple[int, int], file: str) -> None:
    """Refuse answers of a block that this task cannot have: options that are none, rows of nobody.

    Parameters
    ----------
    task : Task
    n : int
        Test respondents.
    content : mapping of str to mapping of item to array
        ``answers`` and ``probabilities``.
    block : (int, int)
        First row, and the row after the last.
    file : str
        How messages name the log.

    Raises
    ------
    RunError
    """
    if block[1] > n:
        raise RunError("has answers of more respondents than there are", file=file, hint=_HINT)
    for item in task.items:
        answers = content["answers"].get(item.name)
        if answers is None or len(answers) != block[1] - block[0] or (answers >= item.k).any():
            raise RunError(f"has answers to {item.name!r} that this item does not have", file=file, hint=_HINT)
        given = content["probabilities"].get(item.name)
        if given is not None and given.shape != (len(answers), item.k):
            raise RunError(f"has probabilities of {item.name!r} for other options than it has", file=file, hint=_HINT)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say of a parquet file that cannot be read which one it is; the errors of its reader share no base.

    Raises
    ------
    RunError
    """
    try:
        yield
    except SurveyevalError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise RunError(f"is no readable table of responses: {reason}", file=str(path), hint=_HINT) from error


def check_rows(count: int, most: int, file: str) -> None:
    """Refuse a table with more rows than there can be answers: a few kilobytes of parquet can stand for billions.

    Raises
    ------
    RunError
    """
    if count > most:
        raise RunError(f"has {count:,} rows, and there can be {most:,} answers", file=file, hint=_HINT)


def check_responses(task: Task, frame: pd.DataFrame, file: str = "responses.parquet") -> None:
    """Refuse rows of a table of responses whose columns do not hold what they are said to hold.

    Parameters
    ----------
    task : Task
        Options of items are counted in it.
    frame : DataFrame
    file : str
        How messages name it.

    Raises
    ------
    RunError
        With the column that does not fit.
    """
    missing = [name for name in _NEEDED if name not in frame.columns]
    if missing or not frame.columns.is_unique:
        said = f"lacks the columns {', '.join(missing)}" if missing else "has a column twice"
        raise RunError(said, file=file, hint=_HINT)
    for name in ("respondent", "item", "state", "code"):
        if not all(isinstance(value, str) or (name == "code" and _is_nothing(value)) for value in frame[name]):
            raise _wrong(name, file)
    if not set(frame["state"]) <= _STATES:
        raise _wrong("state", file)
    for name in ("draw", "mass", "log_prob"):
        _check_numbers(frame[name], name, file)
    if not all(isinstance(value, (bool, np.bool_)) for value in frame["paired"]):
        raise _wrong("paired", file)
    options = {item.name: item.k for item in task.items}
    for item, given in zip(frame["item"], frame["probabilities"], strict=True):
        if not _is_nothing(given):
            _check_probabilities(given, options.get(item), file)


def _is_nothing(value: object) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _wrong(column: str, file: str) -> RunError:
    return RunError("holds a value that it cannot have", file=file, field=column, hint=_HINT)


def _check_numbers(column: pd.Series[Any], name: str, file: str) -> None:
    try:
        values = column.to_numpy(dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        raise _wrong(name, file) from error
    whole = name != "draw" or (np.isfinite(values).all() and (values == np.floor(values)).all())
    if not whole or np.isposinf(values).any():
        raise _wrong(name, file)


def _check_probabilities(given: object, k: int | None, file: str) -> None:
    try:
        values: NDArray[np.float64] = np.asarray(given, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        raise _wrong("probabilities", file) from error
    wrong = values.ndim != 1 or (k is not None and len(values) != k)
    if wrong or not ((np.isnan(values)) | ((values >= 0) & (values <= 1 + _ROUNDING))).all():
        raise _wrong("probabilities", file)
