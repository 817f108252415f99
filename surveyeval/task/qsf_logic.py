"""Display logic, skip logic and branches of Qualtrics as conditions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from surveyeval.task.questionnaire import Combined, Comparison, Condition, Unknown, plain

if TYPE_CHECKING:
    from surveyeval.task.qsf_flow import Flow

__all__ = ["all_of", "display_logic", "skips"]

_OPTION = re.compile(r"q://(?P<question>QID\d+)/SelectableChoice/(?P<choice>\d+)")
_ENTRY = re.compile(r"q://(?P<question>QID\d+)/(?:ChoiceTextEntryValue(?:/1)?|ChoiceNumericEntryValue(?:/1)?)")
#: Parts of one condition, and conditions of one question, that are put into words; no rule could hold more.
_MOST = 100
_COMPARED = {
    "EqualTo": "==", "NotEqualTo": "!=", "GreaterThan": ">", "GreaterThanOrEqual": ">=", "LessThan": "<", "LessThanOrEqual": "<=",
}  # fmt: skip
_CHOSEN = {"Selected": "==", "NotSelected": "!="}


def all_of(conditions: Sequence[Condition]) -> Condition | None:
    """All conditions together; None for none."""
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return Combined("and", tuple(conditions))


def display_logic(value: object) -> Condition | None:
    """The condition of a display logic, or of a branch; None where there is none.

    Its outer entries are groups, joined by their ``Type`` (AndIf, OrIf), its inner ones expressions, joined by their
    ``Conjuction`` (so spelled). Without brackets the first binds first, as the editor shows it.
    """
    if not isinstance(value, dict):
        return None
    found: Condition | None = None
    if sum(len(_numbered(group)) for group in _numbered(value)) > _MOST:
        return Unknown(f"a condition of more than {_MOST} parts")
    for group in _numbered(value):
        inner: Condition | None = None
        for expression in _numbered(group):
            joined = str(expression.get("Conjuction") or expression.get("Conjunction") or "And")
            inner = _joined(inner, _expression(expression), joined)
        if inner is not None:
            found = _joined(found, inner, "Or" if str(group.get("Type")) == "OrIf" else "And")
    return found


def _numbered(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    keys = sorted((key for key in value if re.fullmatch(r"[0-9]{1,9}", str(key))), key=int)
    return [value[key] for key in keys if isinstance(value[key], dict)]


def _joined(before: Condition | None, after: Condition, how: str) -> Condition:
    if before is None:
        return after
    operator = "or" if how.casefold() == "or" else "and"
    return Combined("or" if operator == "or" else "and", (before, after))


def _expression(value: Mapping[str, Any]) -> Condition:
    operator = str(value.get("Operator"))
    said = plain(value.get("Description")) or f"{value.get('LeftOperand')} {operator} {value.get('RightOperand', '')}"
    unknown = Unknown(" ".join(said.split()))
    kind, left = value.get("LogicType"), str(value.get("LeftOperand") or value.get("ChoiceLocator") or "")
    if kind == "EmbeddedField" and operator in ("EqualTo", "NotEqualTo"):
        return Comparison("", _COMPARED[operator], choice=str(value.get("RightOperand", "")), row=left)
    if kind != "Question" or str(value.get("QuestionIsInLoop", "no")).casefold() not in ("no", ""):
        return unknown
    option = _OPTION.fullmatch(str(value.get("ChoiceLocator") or left))
    if option and operator in _CHOSEN:
        return Comparison(option["question"], _CHOSEN[operator], choice=option["choice"])
    entry = _ENTRY.fullmatch(left)
    if entry and operator in _COMPARED:
        try:
            return Comparison(entry["question"], _COMPARED[operator], number=float(str(value.get("RightOperand"))))
        except ValueError:
            return unknown
    return unknown


def skips(order: Flow, payloads: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[list[Condition], list[str]]]:
    """What skip logic says of the questions that are jumped over, and what it says that no rule can say.

    Returns
    -------
    dict
        Key of a question -> conditions under which it is still reached, and notes.
    """
    found: dict[str, tuple[list[Condition], list[str]]] = {}
    keys = [one.key for one in order.questions]
    for place, key in enumerate(keys):
        value = payloads[key].get("SkipLogic")
        rules = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
        for rule in rules:
            if not isinstance(rule, dict):
                continue
            where = str(rule.get("SkipToDestination") or "")
            option = _OPTION.fullmatch(str(rule.get("ChoiceLocator") or rule.get("Locator") or ""))
            said = " ".join(plain(rule.get("Description")).split()) or f"{rule.get('Condition')} leads to {where}"
            condition = str(rule.get("Condition"))
            if option is None or condition not in _CHOSEN:
                found.setdefault(key, ([], []))[1].append(f"skip logic that no rule says: {said}")
                continue
            if where == "ENDOFSURVEY":
                order.leaving.append(Comparison(option["question"], _CHOSEN[condition], choice=option["choice"]))
                continue
            stay = Comparison(option["question"], "!=" if condition == "Selected" else "==", choice=option["choice"])
            over = _jumped(order, place, where)
            if over is None:
                found.setdefault(key, ([], []))[1].append(f"skip logic whose destination is not found: {said}")
            for other in over or ():
                conditions, notes = found.setdefault(other, ([], []))
                if len(conditions) < _MOST:
                    conditions.append(stay)
                elif not notes:
                    notes.append(f"skip logic that no rule says: more than {_MOST} conditions")
    return found


def _jumped(order: Flow, place: int, where: str) -> list[str] | None:
    """Keys of the questions between one and where its skip logic leads; None where that is nowhere."""
    keys = [one.key for one in order.questions]
    if where == "ENDOFBLOCK":
        block = order.blocks[place]
        return [key for number, key in enumerate(keys) if number > place and order.blocks[number] == block]
    return keys[place + 1 : keys.index(where)] if where in keys[place + 1 :] else None
