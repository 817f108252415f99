"""Reading the percentages that a text states for an item's options.

Every option must have exactly one, none below 0, and together they must come near 100. Options are never filled in, and
what is read from a text that states something else is nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import State
from surveyeval.model.nonresponse import nonresponse
from surveyeval.model.option_names import OptionNames, option_names
from surveyeval.model.plain_text import lines_of, plain, without_reasoning
from surveyeval.model.reading import LONGEST
from surveyeval.task.interview import Question

__all__ = ["TOLERANCE", "Percentages", "read_percentages"]

FloatArray = NDArray[np.float64]

#: How far from 100 the stated percentages may sum: people and models round.
TOLERANCE = 5.0

_NUMBER = r"(?:\d{1,3}(?:\.\d{1,10})?|\.\d{1,10})"
_FOLLOWS = re.compile(rf"(?P<sign>(?:[\s:=|\"'()~-]|[=-]>|\.(?!\d))*?)(?P<number>-?{_NUMBER})(?![\w.]*\d)(?: percent)?")
_LEADS = re.compile(rf"[\s\"'(\[-]*(?P<number>-?{_NUMBER}) percent(?: (?:for|to|on|of)\b)?[\s:=|\"')>-]*")
_RANGE = re.compile(rf"\s*(?:-|to|or|and)\s*{_NUMBER}\b(?! *[.):])")
#: Where a line with several percentages may be parted, tried in this order.
_PARTINGS = (re.compile(r"[,;|](?!\d)"), re.compile(r"(?<=percent) (?=\S)"))


@dataclass(frozen=True, eq=False)
class Percentages:
    """What was read.

    Parameters
    ----------
    values : (K,) float array or None
        Percentages in the order shown, as stated; None where they cannot be taken.
    state : State
        ``ANSWERED``, ``REFUSED``, ``DONT_KNOW`` or ``INVALID``.
    reason : str
        Why there are none.
    """

    values: FloatArray | None
    state: State
    reason: str = ""


class _WrongError(Exception):
    """Percentages that cannot be taken, and why."""


def read_percentages(text: str, question: Question, ended: str = "stop") -> Percentages:
    """Read the percentage that a text states for every option.

    Parameters
    ----------
    text : str
        Lines such as "A: 20%", "A) Yes - 20 percent" or "20% B", the same on one line with commas between, or JSON. Numbers
        without a percent sign count as percentages, or as shares where they sum to 1.
    question : Question
    ended : {"stop", "length", "refused"}
        As in `surveyeval.model.protocol.Text`.

    Examples
    --------
    >>> question = Question("x", "", ("A", "B"), (0, 1), "", ("Yes", "No"))
    >>> read_percentages("A: 20%, B) No - 80 %", question).values.tolist()
    [20.0, 80.0]
    >>> read_percentages("A: 20%", question).reason
    "it states no percentage for 'B'"
    """
    if ended == "refused":
        return Percentages(None, State.REFUSED, "the model declined")
    written = without_reasoning(text)
    if written is None:
        return Percentages(None, State.INVALID, "its reasoning was cut off")
    if len(written) > LONGEST:
        return Percentages(None, State.INVALID, f"it has more than {LONGEST} characters")
    read, names = plain(written), option_names(question)
    try:
        stated = list(_in_json(read, names) or _in_lines(read, names, cut=ended == "length"))
        if not stated:
            state = nonresponse(read) or State.INVALID
            said = {State.REFUSED: "the model declined", State.DONT_KNOW: "the model says that it does not know"}
            return Percentages(None, state, said.get(state, "it states no percentages"))
        return Percentages(_checked(stated, question.answers), State.ANSWERED)
    except _WrongError as error:
        return Percentages(None, State.INVALID, str(error))


@dataclass(frozen=True)
class Stated:
    """A percentage for an option, the words that state it, and whether a percent sign is among them."""

    option: int
    value: float
    written: str
    percent: bool


def _checked(stated: list[Stated], answers: tuple[str, ...]) -> FloatArray:
    values = np.full(len(answers), np.nan)
    for one in stated:
        if np.isfinite(values[one.option]):
            raise _WrongError(f"it states two percentages for {answers[one.option]!r}")
        if one.value < 0:
            raise _WrongError(f"it states a percentage below 0 for {answers[one.option]!r}")
        values[one.option] = one.value
    missing = [repr(answer) for answer, value in zip(answers, values, strict=True) if np.isnan(value)]
    if missing:
        raise _WrongError(f"it states no percentage for {', '.join(missing)}")
    if not any(one.percent for one in stated) and abs(100 * values.sum() - 100) <= TOLERANCE:
        values = 100 * values
    if abs(values.sum() - 100) > TOLERANCE:
        raise _WrongError(f"its percentages sum to {values.sum():g}")
    return values


def _in_lines(text: str, names: OptionNames, *, cut: bool) -> Iterator[Stated]:
    """Option and percentage of every line, or part of a line, that states one."""
    lines = lines_of(text)
    for number, line in enumerate(lines):
        found = [one for one in [_one(line, names)] if one]
        for parting in _PARTINGS:
            parted = [one for part in parting.split(line) if (one := _one(part, names))]
            if len(parted) > 1:
                found = parted
                break
        last = number == len(lines) - 1
        if cut and last and found and not found[-1].percent and line.endswith(found[-1].written):
            raise _WrongError("it was cut off within a percentage")
        yield from found


def _one(part: str, names: OptionNames) -> Stated | None:
    """The option and the percentage of a part of a text that states one."""
    # "A: 10 percent" states 10 percent for A, even where A itself says "10 percent"
    for named in names.references(part):
        found = _FOLLOWS.match(part, named.end)
        if found:
            return _stated(part, found, named.option)
    found = _LEADS.match(part)
    behind = names.references(part, found.end()) if found else []
    return _stated(part, found, behind[0].option) if found and behind else None


def _stated(part: str, found: re.Match[str], option: int) -> Stated:
    number, sign = found["number"], found.groupdict().get("sign")
    if _RANGE.match(part, found.end("number")) or _RANGE.match(part, found.end()):
        raise _WrongError("it states a range")
    # a dash right after the option separates ("A -20"), after another sign it is a minus ("A: -20")
    if sign is not None and not sign.strip():
        number = number.removeprefix("-")
    return Stated(option, float(number), found[0], "percent" in found[0])


def _in_json(text: str, names: OptionNames) -> list[Stated]:
    """Options and percentages of a JSON object; empty where there is none, or it is about something else."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        return []
    try:
        pairs: Any = json.loads(text[start : end + 1], object_pairs_hook=list)
    except (ValueError, RecursionError):
        return []
    while isinstance(pairs, list) and len(pairs) == 1 and isinstance(pairs[0][1], list):
        pairs = pairs[0][1]  # {"percentages": {...}}
    stated: list[Stated] = []
    for pair in pairs if isinstance(pairs, list) else []:
        key, value = pair if isinstance(pair, tuple) else ("", None)
        named = names.references(key)
        match = re.fullmatch(rf" ?(-?{_NUMBER})( percent)? ?", str(value))
        if not named or key[named[0].end :].strip(" .:)") or match is None:
            return []
        stated.append(Stated(named[0].option, float(match[1]), match[0], match[2] is not None))
    return stated
