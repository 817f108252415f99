"""Which columns of the data belong to a question of a survey file, and whether the data are those of the survey at all."""

from __future__ import annotations

from surveyeval.data.table import Table
from surveyeval.errors import DataError
from surveyeval.task.questionnaire import Question, Questionnaire

__all__ = ["check_columns", "columns_of"]

_SHOWN = 8


def columns_of(question: Question) -> list[str]:
    """Columns that may hold the answers to a question."""
    if question.kind == "multiple":
        options = [name for one in question.choices for name in (one.column, f"{question.name}_{one.code}")]
        return list(dict.fromkeys([*options, question.name]))
    return [one.column for one in question.rows] if question.rows else [question.name]


def check_columns(survey: Questionnaire, table: Table) -> str:
    """Look whether the data are answers to this survey.

    Parameters
    ----------
    survey : Questionnaire
    table : Table

    Returns
    -------
    str
        Which questions have no column, where fewer than half have one; else nothing.

    Raises
    ------
    DataError
        When no question has a column.
    """
    there = {*map(str, table.frame.columns), *map(str, table.withheld)}
    asked = [one for one in survey.questions if one.kind not in ("text", "other")]
    absent = [one.name for one in asked if not there & set(columns_of(one))]
    if not asked or 2 * len(absent) <= len(asked):
        return ""
    if len(absent) == len(asked):
        raise DataError(
            f"no question of {survey.file} has a column in {table.name}",
            file=table.name,
            hint=f"its columns are {_listed(list(map(str, table.frame.columns)))}; the questions are {_listed(absent)}: "
            "give the answers to this survey",
        )
    return (
        f"{len(absent)} of {len(asked)} questions of {survey.file} have no column in {table.name}; look whether these are its "
        f"answers: {', '.join(absent)}"
    )


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
