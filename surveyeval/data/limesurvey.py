"""CSV files of LimeSurvey, known by the columns that it puts before the answers."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from surveyeval.data.check_all import fill_unticked, often_ticked
from surveyeval.data.identifying import identifying
from surveyeval.data.table import Table

__all__ = ["from_limesurvey", "is_limesurvey"]

#: Columns before the answers, in an export with codes and in one with full texts as heads.
_FIRST = (
    ("id", "submitdate", "lastpage", "startlanguage"),
    ("Response ID", "Date submitted", "Last page", "Start language"),
)
_ABOUT = ("ipaddr", "IP address", "token", "Access code", "refurl", "Referrer URL", "email", "firstname", "lastname")


def is_limesurvey(columns: Sequence[str]) -> bool:
    """Whether a file has the columns that LimeSurvey puts first."""
    return any(set(first) <= set(columns) for first in _FIRST)


def from_limesurvey(table: Table) -> Table:
    """The table without columns that tell who people are.

    Of check-all questions whose columns hold nothing but ``Y``, a blank becomes ``N`` once a person has ticked one of the options;
    other codes, and all rows, stay as they are.
    """
    withheld = {
        str(column): told
        for column in table.frame.columns
        if (told := identifying([str(column)]) or ("identifier of a list of addresses" if column in _ABOUT else None))
    }
    finished = next((column for column in ("submitdate", "Date submitted") if column in table.frame), None)
    notes = ["it is an export of LimeSurvey"]
    unfinished = 0 if finished is None else int(table.frame[finished].isna().sum())
    if unfinished:
        notes.append(f"{unfinished} without a date of submission did not finish, and they count")
    frame = table.frame.drop(columns=list(withheld))
    ticked = _check_all(frame)
    for columns in ticked.values():
        fill_unticked(frame, columns, "Y", "N")
    if ticked:
        notes.append(f"check-all questions are read as Y and N, of everybody who ticked something: {', '.join(ticked)}")
    return replace(table, frame=frame, withheld=withheld, notes=tuple(notes))


def _check_all(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Columns ``question[option]`` that hold nothing but Y, by question; an export without N leaves what is not ticked blank."""
    groups: dict[str, list[str]] = defaultdict(list)
    for column in map(str, frame.columns):
        if found := re.fullmatch(r"(\w+)\[\w+\]", column):
            groups[found[1]].append(column)
    return {question: columns for question, columns in groups.items() if often_ticked(frame, columns, "Y")}
