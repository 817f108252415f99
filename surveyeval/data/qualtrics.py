"""CSV files of Qualtrics: below the names of the columns stand the questions, and below these what each column is.

A file is taken for such an export by its third row, whose cells are JSON with an ``ImportId``. Nothing has to be declared.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from surveyeval.data.check_all import fill_unticked, often_ticked
from surveyeval.data.identifying import identifying
from surveyeval.data.table import Table, to_codes
from surveyeval.errors import DataError

__all__ = ["is_qualtrics", "kept_columns", "qualtrics_table"]

#: Values of the column Status in rows that are no respondents.
_PREVIEWS = frozenset(["survey preview", "survey test", "spam preview", "offline preview", "1", "2", "9", "17"])
#: Values of the column Finished in rows of people who have left before the end.
_LEFT = frozenset(["0", "false"])
#: What the third row calls the order in which a randomiser of the flow displayed its parts.
_DISPLAYED = re.compile(r"FL_\d+_DO")
_SELECTED = re.compile(r"\s+-\s+Selected Choice(?:\s+-?\s*(?P<choice>.*\S))?\s*$", re.DOTALL)


@dataclass(frozen=True)
class _Head:
    """What the three rows say of a column."""

    name: str
    text: str
    import_id: str
    choice: str | None

    @property
    def question(self) -> str | None:
        """The question that the column belongs to; None where it belongs to none."""
        found = re.match(r"QID\d+", self.import_id)
        return found[0] if found else None

    @property
    def option(self) -> str | None:
        """The words of the option that the column is about, in a check-all question."""
        selected = _SELECTED.search(self.text)
        if selected and selected["choice"]:
            return selected["choice"]
        return self.text.rpartition(" - ")[2].strip() if " - " in self.text else None


def is_qualtrics(frame: pd.DataFrame) -> bool:
    """Whether rows below a header begin with those of a Qualtrics export.

    Parameters
    ----------
    frame : DataFrame of str
        All rows below the first.
    """
    return len(frame) >= 2 and all(_import(str(cell)) is not None for cell in frame.iloc[1])


def qualtrics_table(frame: pd.DataFrame, lines: Sequence[int], sha256: str, path: Path) -> Table:
    """Rows of respondents, with the questions, and without columns that tell who people are.

    Rows of previews are left out. Of check-all questions with a column for each option, ``1`` stands for a tick and ``0`` for
    none, once a person has ticked one of the options; who has ticked none has blank cells, as in the file.

    Parameters
    ----------
    frame : DataFrame of str
        All rows below the first.
    lines : sequence of int
        The line on which each ends.
    sha256 : str
        Of the file.
    path : Path

    Returns
    -------
    Table
        ``withheld`` names the columns that are left out, ``notes`` says what was done.

    Raises
    ------
    DataError
        When it has no rows of respondents.
    """
    heads = _heads(frame)
    people, kept = frame.iloc[2:], np.array(lines[2:], dtype=np.int64)
    if len(people) == 0:
        raise DataError("is a Qualtrics export without responses", file=str(path))
    notes = ["it is a Qualtrics export: its second and third row are no respondents"]
    previews = _previews(people, heads)
    if previews.any():
        notes.append(f"{int(previews.sum())} rows of previews and tests are left out")
        people, kept = people[~previews], kept[~previews]
    unfinished = _unfinished(people, heads)
    if unfinished:
        notes.append(
            f"{unfinished} of {len(people)} responses are not finished; unless source.keep leaves them out they count, with what they "
            "answered"
        )
    withheld = {one.name: told for one in heads if (told := identifying([one.name, one.import_id])) is not None}
    codes = to_codes(people.drop(columns=list(withheld)).reset_index(drop=True), str(path))
    codes = _with_displayed(heads, codes)
    ticked = _check_all([one for one in heads if one.name not in withheld], codes)
    for columns in ticked.values():
        fill_unticked(codes, columns, "1", "0")
    if ticked:
        names = ", ".join(columns[0].rpartition("_")[0] or columns[0] for columns in ticked.values())
        notes.append(f"check-all questions are read as 1 and 0, of everybody who ticked something: {names}")
    questions = {one.name: _said(one) for one in heads if one.question and one.text and one.name not in withheld}
    return Table(
        codes, sha256, path.name, tuple(int(line) for line in kept), questions=questions, withheld=withheld, notes=tuple(notes)
    )  # fmt: skip


def kept_columns(frame: pd.DataFrame) -> list[str]:
    """Columns of an export that do not tell who people are."""
    return [one.name for one in _heads(frame) if identifying([one.name, one.import_id]) is None]


def _import(cell: str) -> Mapping[str, object] | None:
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "ImportId" in found else None


def _heads(frame: pd.DataFrame) -> list[_Head]:
    heads = []
    for name, text, cell in zip(frame.columns, frame.iloc[0], frame.iloc[1], strict=True):
        about = _import(str(cell)) or {}
        choice = about.get("choiceId")
        heads.append(
            _Head(str(name), str(text).strip(), str(about.get("ImportId")), None if choice is None else str(choice))
        )
    return heads


def _said(head: _Head) -> str:
    return " ".join(_SELECTED.sub("", head.text).split())


def _previews(people: pd.DataFrame, heads: Sequence[_Head]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    status = next((one.name for one in heads if one.import_id == "status"), None)
    if status is None:
        return np.zeros(len(people), dtype=bool)
    return np.array([str(value).strip().casefold() in _PREVIEWS for value in people[status]], dtype=bool)


def _unfinished(people: pd.DataFrame, heads: Sequence[_Head]) -> int:
    finished = next((one.name for one in heads if one.import_id == "finished"), None)
    if finished is None:
        return 0
    return sum(str(value).strip().casefold() in _LEFT for value in people[finished])


def _with_displayed(heads: Sequence[_Head], codes: pd.DataFrame) -> pd.DataFrame:
    """A column for each randomiser of the flow that stands in several, one for each of its parts.

    An export has either a column such as ``FL_7_DO`` with the parts that were displayed, and bars between them, or, with fields of
    several values split, a column for each part with its place. Both become the first.
    """
    groups: dict[str, list[_Head]] = defaultdict(list)
    for one in heads:
        if one.choice is not None and _DISPLAYED.fullmatch(one.import_id) and one.name in codes.columns:
            groups[one.import_id].append(one)
    added: dict[str, list[str | None]] = {}
    for name, group in groups.items():
        if name in codes.columns:
            continue
        places = codes[[one.name for one in group]].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
        parts = [str(one.choice) for one in group]
        added[name] = [
            "|".join(parts[number] for number in np.argsort(row, kind="stable") if not np.isnan(row[number])) or None
            for row in places
        ]
    return codes.assign(**{name: pd.Series(cells, index=codes.index, dtype=object) for name, cells in added.items()})


def _check_all(heads: Sequence[_Head], codes: pd.DataFrame) -> dict[str, list[str]]:
    """Questions with a column for each option, by their number.

    The rows above the answers say so, or the answers do: each column holds the words of its own option, or nothing but 1.
    """
    groups: dict[str, list[_Head]] = defaultdict(list)
    for one in heads:
        if one.question and re.fullmatch(r"QID\d+(?:_\d+)?", one.import_id):
            groups[one.question].append(one)
    found = {}
    for question, group in groups.items():
        values = [set(codes[one.name].dropna()) for one in group]
        if len(group) < 2 or any(len(one) > 1 for one in values) or not any(values):
            continue
        stated = all(
            one.choice is not None or ((match := _SELECTED.search(one.text)) and match["choice"]) for one in group
        )
        worded = all(value <= {one.option} for one, value in zip(group, values, strict=True))
        if stated or worded or often_ticked(codes, [one.name for one in group], "1"):
            found[question] = [one.name for one in group]
    return found
