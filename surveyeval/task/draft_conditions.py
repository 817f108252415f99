"""Conditions of a questionnaire as rules of a task file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from surveyeval.task.questionnaire import Combined, Comparison, Condition, Unknown

__all__ = ["Subject", "rule_of"]


@dataclass(frozen=True)
class Subject:
    """A question that stands in the task file, as rules see it.

    Parameters
    ----------
    kind : str
        ``code`` (nominal and binary), ``rank`` (ordinal items: places from 1), ``level`` (ordinal profile fields: their codes as
        numbers), ``number``, or ``ticked`` (check-all).
    names : mapping of str to str
        Key of a statement or option, or nothing, -> name.
    codes : mapping of str to str
        Key of an option -> code; what counts as missing is not among them.
    order : tuple of str
        Codes in the order shown.
    """

    kind: str
    names: Mapping[str, str]
    codes: Mapping[str, str]
    order: tuple[str, ...] = ()


class _CannotSayError(ValueError):
    """The condition is about something that is not in the task file."""


def rule_of(
    condition: Condition, subjects: Mapping[str, Subject], arms: Mapping[tuple[str, str], tuple[str, str]] | None = None
) -> tuple[str, list[str]]:
    """A condition in the language of rules.

    Parameters
    ----------
    condition : Condition
    subjects : mapping of str to Subject
        Questions that come before, by key.
    arms : mapping of (str, str) to (str, str), optional
        Column and code of a condition of the experiment, as the questionnaire has them -> name and code in rules.

    Returns
    -------
    rule : str
        Empty where nothing could be said, or where only a part could be said of alternatives.
    unknown : list of str
        What could not be said, in the words of the file. Of conditions that hold together, the others are in the rule.
    """
    parts = condition.parts if isinstance(condition, Combined) and condition.operator == "and" else (condition,)
    said: list[str] = []
    unknown: list[str] = []
    for part in parts:
        if isinstance(part, Combined) and part.operator == "and":
            inner, more = rule_of(part, subjects, arms)
            said += [inner] if inner else []
            unknown += more
            continue
        try:
            said.append(_rule(part, subjects, arms or {}))
        except _CannotSayError as error:
            unknown.append(str(error))
    return " and ".join(dict.fromkeys(said)), unknown


def _rule(
    condition: Condition, subjects: Mapping[str, Subject], arms: Mapping[tuple[str, str], tuple[str, str]]
) -> str:
    if isinstance(condition, Unknown):
        raise _CannotSayError(condition.text)
    if isinstance(condition, Combined):
        parts = [_rule(part, subjects, arms) for part in condition.parts]
        if condition.operator == "not":
            return f"not ({parts[0]})"
        return "(" + f" {condition.operator} ".join(parts) + ")"
    if not condition.question:
        if (condition.row, condition.choice) in arms:
            name, code = arms[condition.row, condition.choice]
            return f"{name} {condition.operator} {json.dumps(code, ensure_ascii=False)}"
        raise _CannotSayError(f"{condition.row} {condition.operator} {condition.choice}")
    return _test(condition, subjects.get(condition.question))


def _test(test: Comparison, subject: Subject | None) -> str:
    said = f"{test.question} {test.operator} {test.choice or test.number}"
    if subject is None:
        raise _CannotSayError(f"{said}, a question that is no item of the task")
    if test.number is not None:
        if subject.kind != "number":
            raise _CannotSayError(said)
        return f"{subject.names['']} {test.operator} {test.number:g}"
    key = test.choice if subject.kind == "ticked" else test.row
    name, code = subject.names.get(key), subject.codes.get(test.choice)
    if name is None or code is None or test.operator not in ("==", "!="):
        raise _CannotSayError(f"{said}, which is no answer of an item")
    if subject.kind == "rank":
        return f"{name} {test.operator} {subject.order.index(code) + 1}"
    if subject.kind == "level":
        return f"{name} {test.operator} {float(code):g}"
    if subject.kind == "number":
        raise _CannotSayError(said)
    return f"{name} {test.operator} {json.dumps(code, ensure_ascii=False)}"
