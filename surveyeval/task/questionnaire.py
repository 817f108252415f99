"""A questionnaire as the file of a survey platform has it, before it is a task file.

Readers of such files (`surveyeval.task.qsf`, `surveyeval.task.lss`) make one; `surveyeval.task.draft_questionnaire` writes the
task file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
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
    """One response option: how the questionnaire names it, its code in the data, its words, and its column in a check-all."""

    key: str
    code: str
    label: str
    column: str = ""
    pinned: bool = False


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
        Whether the options are shuffled.
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
    """Conditions to which people were assigned: the column of the data, and (code, label, text shown) of each."""

    column: str
    levels: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Questionnaire:
    """Questions in the order asked.

    Parameters
    ----------
    file : str
        Name of the file.
    title : str
    questions : tuple of Question
    arms : ArmSet, optional
    shuffled : tuple of tuple of str
        Keys of neighbouring questions that are asked in an order of each respondent's own.
    notes : tuple of str
        What could not be taken over.
    """

    file: str
    title: str
    questions: tuple[Question, ...]
    arms: ArmSet | None = None
    shuffled: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = field(default=())


class _Text(HTMLParser):
    """Collects what is read; tags that end a line become blanks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._silent += tag in ("script", "style")
        if tag in ("br", "p", "div", "li", "td", "tr", "h1", "h2", "h3", "h4"):
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(0, self._silent - (tag in ("script", "style")))
        if tag in ("p", "div", "li", "td", "tr"):
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def plain(markup: object) -> str:
    """The words of a text with HTML in it, on one line.

    Examples
    --------
    >>> plain("<p>How <b>old</b> are&nbsp;you?<br>In years</p>")
    'How old are you? In years'
    """
    reader = _Text()
    reader.feed(str(markup or ""))
    reader.close()
    # JSON may hold halves of characters, which no file can
    return " ".join("".join(reader.parts).split()).encode("utf-8", "replace").decode()
