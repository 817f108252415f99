"""Survey files of Qualtrics (.qsf): JSON that holds questions, options, the flow, and who is asked what.

What can be said in a task file is taken over; everything else becomes a note for the person who looks through the draft. The
format is not published: what is read here follows from files as they are written, and unknown parts are named, not guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from surveyeval.errors import DataError
from surveyeval.task.qsf_flow import Flow, read_flow
from surveyeval.task.qsf_logic import all_of, display_logic, skips
from surveyeval.task.questionnaire import Choice, Question, Questionnaire, Row, plain

__all__ = ["read_qsf"]

_MOST_BYTES = 50_000_000
_MOST_QUESTIONS = 5_000
_MULTIPLE = frozenset(["MAVR", "MAHR", "MACOL", "MSB"])
_PIPED = re.compile(r"\$\{[a-z]+://[^}]*\}")
_LEFT_OUT = {
    "TE": "an open question", "Timing": "times on the page", "Meta": "facts about the browser", "Captcha": "a captcha",
    "RO": "a ranking", "CS": "a constant sum", "SBS": "tables side by side", "FileUpload": "an uploaded file",
    "HotSpot": "a hot spot", "HeatMap": "a heat map", "DD": "a drill-down", "PGR": "pick, group and rank", "Draw": "a signature",
    "TreeSelect": "a drill-down", "HL": "a text highlight", "SS": "a graphic slider",
}  # fmt: skip


def read_qsf(path: Path) -> Questionnaire:
    """Read a survey file of Qualtrics.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Questionnaire
        Questions in the order of the survey's flow; those in the trash are left out.

    Raises
    ------
    DataError
        When the file cannot be read, or is no survey of Qualtrics.
    """
    content = _loaded(path)
    elements = [one for one in _listed(content.get("SurveyElements")) if isinstance(one, dict)]
    found: dict[str, Question] = {}
    payloads: dict[str, Mapping[str, Any]] = {}
    for element in elements:
        payload = element.get("Payload")
        if element.get("Element") == "SQ" and isinstance(payload, dict):
            key = str(payload.get("QuestionID") or element.get("PrimaryAttribute"))
            payloads[key], found[key] = payload, _question(key, payload)
    if len(found) > _MOST_QUESTIONS:
        raise DataError(f"holds {len(found):,} questions, at most {_MOST_QUESTIONS:,} are read", file=str(path))
    if not found:
        raise DataError(
            "holds no questions", file=str(path), hint="give the file that Tools > Import/Export > Export Survey writes"
        )
    blocks, flow = (
        next((one.get("Payload") for one in elements if one.get("Element") == kind), None) for kind in ("BL", "FL")
    )
    order = read_flow(blocks, flow, found)
    if not order.questions:
        order = read_flow({"all": {"ID": "all", "BlockElements": [{"QuestionID": key} for key in found]}}, None, found)
        order.notes.append("the flow of the survey names no question: all stand here, in the order of the file")
    questions = _routed(order, payloads)
    entry = content.get("SurveyEntry")
    title = plain(entry.get("SurveyName")) if isinstance(entry, dict) else ""
    used = {one.key for one in questions}
    trashed = [one.name for key, one in found.items() if key not in used and one.kind not in ("text", "other")]
    notes = list(order.notes)
    if trashed:
        notes.append(f"questions that the flow does not reach are left out: {', '.join(trashed)}")
    arms, leaving = tuple(order.assignments), tuple(order.leaving)
    return Questionnaire(path.name, title, tuple(questions), arms, order.shuffled, tuple(notes), leaving)


def _loaded(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"is larger than {_MOST_BYTES // 1_000_000} MB", file=str(path))
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
        # escapes may stand for halves of characters, which no file can hold
        content = json.loads(json.dumps(content, ensure_ascii=False).encode("utf-8", "replace"))
    except FileNotFoundError as error:
        raise DataError("there is no such survey file", file=str(path)) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=str(path)) from error
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise DataError(f"is no JSON: {error}", file=str(path), line=line) from error
    if not isinstance(content, dict) or "SurveyElements" not in content:
        raise DataError(
            "is no survey file of Qualtrics: it has no SurveyElements",
            file=str(path),
            hint="give the file that Tools > Import/Export > Export Survey writes",
        )
    return content


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _entries(value: object) -> dict[str, Any]:
    """A mapping; PHP writes one whose keys are 0, 1, ... as a list."""
    if isinstance(value, list):
        return {str(number): one for number, one in enumerate(value)}
    return {str(key): one for key, one in value.items()} if isinstance(value, dict) else {}


# ---- one question --------------------------------------------------------------------------------------------------------


def _question(key: str, payload: Mapping[str, Any]) -> Question:
    kind, selector = str(payload.get("QuestionType")), str(payload.get("Selector"))
    name = plain(payload.get("DataExportTag")) or key
    text = plain(payload.get("QuestionText"))
    notes = tuple(f"piped text: {one}" for one in dict.fromkeys(_PIPED.findall(text)))
    base = Question(key, name, text, "other", notes=notes)
    if kind == "DB":
        return replace(base, kind="text")
    if kind == "MC":
        choices = tuple(_choices(payload, "Choices", "ChoiceOrder", name))
        random, pinned = _random(payload)
        choices = tuple(replace(one, pinned=one.pinned or (random and one.key in pinned)) for one in choices)
        return replace(base, kind="multiple" if selector in _MULTIPLE else "single", choices=choices, random=random)
    if kind == "Matrix" and selector in ("Likert", "Bipolar") and payload.get("SubSelector") in (
        "SingleAnswer", "DL", None, "",
    ):  # fmt: skip
        rows = tuple(_rows(payload, name))
        answers = tuple(_choices(payload, "Answers", "AnswerOrder", name))
        return replace(base, kind="battery", rows=rows, choices=answers, random=_random(payload)[0])
    if kind == "Slider":
        rows, points = tuple(_rows(payload, name)), _points(payload)
        if points and len(rows) == 1:  # one slider: its label, if any, stands below the question
            return replace(base, name=rows[0].column, kind="single", points=points)
        if points:
            return replace(base, kind="battery", rows=rows, points=points)
    if kind == "TE" and _validated(payload) in ("ValidNumber", "ValidAge"):
        return replace(base, kind="number")
    what = _LEFT_OUT.get(kind, f"a question of type {kind} {selector}")
    if kind == "Matrix":
        what = "a table in which several answers, or texts, can be given"
    return replace(base, notes=(*notes, what))


def _choices(payload: Mapping[str, Any], field: str, order: str, name: str) -> Iterator[Choice]:
    """Options in the order shown, with their codes in the data."""
    options, recoded = _entries(payload.get(field)), _entries(payload.get("RecodeValues"))
    listed = [str(one) for one in _listed(payload.get(order)) if str(one) in options] or list(options)
    for key in dict.fromkeys(listed):
        option = options[key] if isinstance(options[key], dict) else {"Display": options[key]}
        code = plain(recoded.get(key, key)) or key
        alone = bool(option.get("ExclusiveAnswer"))
        yield Choice(key, code, plain(option.get("Display")) or code, f"{name}_{key}", pinned=alone, exclusive=alone)


def _rows(payload: Mapping[str, Any], name: str) -> Iterator[Row]:
    """Statements, with the columns that hold the answers."""
    tags = _entries(payload.get("ChoiceDataExportTags"))
    options = _entries(payload.get("Choices"))
    listed = [str(one) for one in _listed(payload.get("ChoiceOrder")) if str(one) in options] or list(options)
    for key in dict.fromkeys(listed):
        option = options[key] if isinstance(options[key], dict) else {"Display": options[key]}
        yield Row(key, plain(tags.get(key)) or f"{name}_{key}", plain(option.get("Display")))


def _random(payload: Mapping[str, Any]) -> tuple[bool, frozenset[str]]:
    """Whether options are shuffled, and which of them keep their places."""
    found = payload.get("Randomization")
    if not isinstance(found, dict) or found.get("Type") in (None, "None", ""):
        return False, frozenset()
    advanced = found.get("Advanced")
    fixed = _listed(advanced.get("FixedOrder")) if isinstance(advanced, dict) else []
    return True, frozenset(str(one) for one in fixed if not str(one).startswith("{~"))


def _points(payload: Mapping[str, Any]) -> tuple[float, ...]:
    """Up to eleven points from one end of a slider to the other; none where its ends are unknown."""
    found = payload.get("Configuration")
    if not isinstance(found, dict):
        return ()
    try:
        low, high = float(found["CSSliderMin"]), float(found["CSSliderMax"])
    except (KeyError, TypeError, ValueError):
        return ()
    if not (low < high and abs(low) < 1e12 and abs(high) < 1e12):
        return ()
    whole = low.is_integer() and high.is_integer() and high - low <= 10
    steps = int(high - low) if whole else 10
    return tuple(round(low + (high - low) * number / steps, 6) for number in range(steps + 1))


def _validated(payload: Mapping[str, Any]) -> str:
    settings = payload.get("Validation")
    settings = settings.get("Settings") if isinstance(settings, dict) else None
    return str(settings.get("ContentType") or "") if isinstance(settings, dict) else ""


# ---- who is asked --------------------------------------------------------------------------------------------------------


def _routed(order: Flow, payloads: Mapping[str, Mapping[str, Any]]) -> list[Question]:
    """Questions in the order of the flow, with who is asked."""
    made = []
    skipped = skips(order, payloads)
    for question, when in zip(order.questions, order.conditions, strict=True):
        own = display_logic(payloads[question.key].get("DisplayLogic"))
        beyond, notes = skipped.get(question.key, ([], []))
        every = [one for one in (when, own, *beyond) if one is not None]
        made.append(replace(question, when=all_of(every), notes=(*question.notes, *notes)))
    return made
