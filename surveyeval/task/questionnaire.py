"""A questionnaire as the file of a survey platform has it, before it is a task file.

Readers of such files (`surveyeval.task.qsf`, `surveyeval.task.lss`) make one; `surveyeval.task.draft_questionnaire` writes the
task file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from html import unescape
from typing import Literal

__all__ = [
    "ArmSet",
    "Choice",
    "Combined",
    "Comparison",
    "Condition",
    "Question",
    "Questionnaire",
    "Row",
    "Unknown",
    "plain",
]


@dataclass(frozen=True)
class Choice:
    """One response option: how the questionnaire names it, its code in the data, its words, and its column in a check-all.

    ``exclusive``: in a check-all, ticking it takes the other ticks away.
    """

    key: str
    code: str
    label: str
    column: str = ""
    pinned: bool = False
    exclusive: bool = False


@dataclass(frozen=True)
class Row:
    """One statement of a battery."""

    key: str
    column: str
    statement: str


@dataclass(frozen=True)
class Comparison:
    """A test of one answer.

    Parameters
    ----------
    question : str
        Key of the question, or nothing where an arm is tested.
    operator : str
        ``==``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``.
    choice : str
        Key of the option, or code of the arm; of a check-all question the option that is (``==``) or is not ticked.
    row : str
        Key of the statement, in a battery.
    number : float, optional
        What a number is compared with.
    """

    question: str
    operator: str
    choice: str = ""
    row: str = ""
    number: float | None = None


@dataclass(frozen=True)
class Combined:
    """Conditions joined by ``and`` or ``or``, or one that is denied (``not``)."""

    operator: Literal["and", "or", "not"]
    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Unknown:
    """A condition that cannot be said as a rule, in the words of the file."""

    text: str


Condition = Comparison | Combined | Unknown


@dataclass(frozen=True)
class Question:
    """One question.

    Parameters
    ----------
    key : str
        How the file refers to it.
    name : str
        How the data call it: the column, or the beginning of its columns.
    text : str
    kind : str
        ``single`` and ``multiple`` have choices, ``battery`` rows and choices (or points), ``number`` perhaps points; ``text``
        (shown, not asked) and ``other`` are no items.
    choices : tuple of Choice
        In the order shown.
    rows : tuple of Row
    points : tuple of float
        Of a slider.
    when : Condition, optional
        Who is asked; None: everybody.
    random : bool
        Whether the options are shuffled; of a battery, the statements.
    ticked : (str, str)
        Codes of a check-all question's columns for ticked and not ticked.
    notes : tuple of str
        What a person should look at.
    """

    key: str
    name: str
    text: str
    kind: Literal["single", "multiple", "battery", "number", "text", "other"]
    choices: tuple[Choice, ...] = ()
    rows: tuple[Row, ...] = ()
    points: tuple[float, ...] = ()
    when: Condition | None = None
    random: bool = False
    ticked: tuple[str, str] = ("1", "0")
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ArmSet:
    """Conditions to which people were assigned at random.

    Parameters
    ----------
    column : str
        Of the data, or what it is called where the order of randomised parts is exported.
    levels : tuple of (str, str, str)
        Code, label and text shown of each.
    also : tuple of tuple of str
        For each level, what else the data may call it.
    before : tuple of str
        Keys of the questions that stand before the assignment.
    """

    column: str
    levels: tuple[tuple[str, str, str], ...]
    also: tuple[tuple[str, ...], ...] = ()
    before: tuple[str, ...] = ()


@dataclass(frozen=True)
class Questionnaire:
    """Questions in the order asked.

    Parameters
    ----------
    file : str
        Name of the file.
    title : str
    questions : tuple of Question
    assignments : tuple of ArmSet
        Every random assignment to one of several parts, in order.
    shuffled : tuple of tuple of str
        Keys of neighbouring questions that are asked in an order of each respondent's own.
    notes : tuple of str
        What could not be taken over.
    leaving : tuple of Comparison
        Who answers so has reached the end of the survey.
    """

    file: str
    title: str
    questions: tuple[Question, ...]
    assignments: tuple[ArmSet, ...] = ()
    shuffled: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = field(default=())
    leaving: tuple[Comparison, ...] = ()


#: Characters of a text that are read; the questions of a survey have some hundreds.
_LONGEST = 20_000
#: A tag. Bounds keep the time linear in the text: the parser of the standard library takes the square of it, or more.
_TAG = re.compile(
    r"<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9:-]{0,40})(?![A-Za-z0-9:-])"
    r"(?:[^>\"']{1,500}+|\"[^\"]{0,2000}+\"|'[^']{0,2000}+'){0,60}+>|<[!?][^>]{0,2000}+>"
)
_BREAKS = frozenset(["br", "p", "div", "li", "td", "tr", "h1", "h2", "h3", "h4"])
_SILENT = frozenset(["script", "style"])


def _words(text: str) -> Iterator[str]:
    """What is read of a text with tags; tags that end a line become blanks."""
    place, lowered = 0, text.lower()
    while (start := text.find("<", place)) >= 0:
        yield text[place:start]
        tag = _TAG.match(text, start)
        if tag is None:
            yield "<"
            place = start + 1
            continue
        name, place = (tag["name"] or "").lower(), tag.end()
        if name in _SILENT and not tag["end"]:
            place = lowered.find(f"</{name}", place)
            if place < 0:
                return
        elif name in _BREAKS:
            yield " "
    yield text[place:]


def _without_comments(text: str) -> str:
    """HTML without its comments. Those that do not end cost the parser time by the square of their number."""
    kept, place = [], 0
    while (start := text.find("<!--", place)) >= 0:
        kept.append(text[place:start])
        end = text.find("-->", start + 4)
        if end < 0:
            return "".join(kept)
        place = end + 3
    return "".join([*kept, text[place:]])


def plain(markup: object) -> str:
    """The words of a text with HTML in it, on one line.

    Examples
    --------
    >>> plain("<p>How <b>old</b> are&nbsp;you?<br>In years</p>")
    'How old are you? In years'
    """
    said = "".join(_words(_without_comments(str(markup or "")[:_LONGEST])))
    with suppress(ValueError):  # a character by a number of thousands of digits
        said = unescape(said)
    # JSON may hold halves of characters, which no file can
    return " ".join(said.split()).encode("utf-8", "replace").decode()
