"""Laws that every source of human rows obeys."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from surveyeval.data.sources import CheckedSource, Source
from surveyeval.data.table import Table
from surveyeval.errors import DataError, SurveyevalError
from surveyeval.testing.laws import check_laws

__all__ = ["SOURCE_LAWS", "check_source"]


@dataclass(frozen=True)
class _Tried:
    make: Callable[[], Source]
    reference: str
    folder: Path
    unknown: str

    def read(self) -> Table:
        return self.make().read(self.reference, self.folder, "utf-8")


def check_source(
    make: Callable[[], Source],
    reference: str,
    folder: str | Path = ".",
    *,
    unknown: str = "there-is-nothing-of-this-name",
    without: Mapping[str, str] | None = None,
) -> None:
    """Check that a source obeys the laws.

    Parameters
    ----------
    make : callable
        Gives the source when called without arguments; usually its class.
    reference : str
        What a task writes after ``use: NAME:``, and the source can read.
    folder : path
        Where the task file would lie.
    unknown : str
        A reference that the source cannot read.
    without : mapping of law to reason, optional
        Laws (names of `SOURCE_LAWS`) that do not fit this source.

    Raises
    ------
    AssertionError
        Names the source and the law it breaks.
    ValueError
        When `without` names no law, or gives no reason.
    """
    tried = _Tried(make, reference, Path(folder), unknown)
    check_laws(SOURCE_LAWS, tried, f"source {type(make()).__name__}", without)


def _codes(tried: _Tried) -> None:
    table = tried.read()
    assert isinstance(table, Table), "it gives a Table"
    assert len(table.frame), "it has rows"
    names = list(table.frame.columns)
    assert all(isinstance(name, str) and name for name in names), "every column has a name"
    assert len(set(names)) == len(names), "no name of a column stands twice"
    for name in names:
        wrong = [cell for cell in table.frame[name] if not (cell is None or (isinstance(cell, str) and cell))]
        assert not wrong, (
            f"cells of {name!r} are codes as text, or None where blank, not {wrong[0]!r}: surveyeval.data.table.to_codes"
        )


def _named(tried: _Tried) -> None:
    table = tried.read()
    assert table.name.strip(), "the table has a name for messages"
    assert re.fullmatch(r"[0-9a-f]{64}", table.sha256), f"sha256 has 64 hexadecimal digits, not {table.sha256!r}"
    assert not table.lines or len(table.lines) == len(table.frame), "every row has its line, or none has"
    known = set(table.frame.columns)
    for what in ("labels", "questions", "user_missing"):
        beyond = set(getattr(table, what)) - known
        assert not beyond, f"{what} are of columns that there are, not {sorted(beyond)}"


def _again(tried: _Tried) -> None:
    first, second = tried.read(), tried.read()
    assert first.sha256 == second.sha256, "the same checksum when read again"
    assert first.frame.equals(second.frame), "the same rows when read again"


def _refused(tried: _Tried) -> None:
    try:
        tried.make().read(tried.unknown, tried.folder, "utf-8")
    except SurveyevalError:
        return
    except Exception as error:
        raise AssertionError(
            f"{tried.unknown!r} is a {type(error).__name__}, and should be a DataError that says what there is: {error}"
        ) from error
    raise AssertionError(f"{tried.unknown!r} is read as if it were there")


def _checked(tried: _Tried) -> None:
    source = tried.make()
    if not isinstance(source, CheckedSource):
        return
    try:
        source.read_checked(tried.reference, tried.folder, "utf-8", "0" * 64)
    except DataError:
        return
    raise AssertionError("a file with another checksum is refused")


#: Every law by its name, in words.
SOURCE_LAWS: Mapping[str, Callable[[_Tried], None]] = {
    "it gives codes as text": _codes,
    "the table says what it is": _named,
    "the rows are the same when read again": _again,
    "what is not there is refused in words": _refused,
    "another checksum is refused": _checked,
}
