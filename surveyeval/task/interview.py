"""The interview: what is said to one simulated respondent, turn by turn.

Plain data. `surveyeval.task.render` makes interviews from a task; models read them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Interview", "Message", "Question"]


@dataclass(frozen=True)
class Message:
    """One turn of a conversation: role is ``system``, ``user`` or ``assistant``."""

    role: str
    content: str


@dataclass(frozen=True)
class Question:
    """One item as it is shown.

    Parameters
    ----------
    item : str
        Name of the item.
    text : str
        The user turn: question, options and instruction.
    answers : tuple of str
        ``answers[k]`` is the text that counts as choosing the k-th option shown.
    order : tuple of int
        ``order[k]`` is the index, in the item's declared order, of the k-th option shown.
    """

    item: str
    text: str
    answers: tuple[str, ...]
    order: tuple[int, ...]


@dataclass(frozen=True)
class Interview:
    """The conversation with one simulated respondent.

    Parameters
    ----------
    key : str
        Identifier of the respondent, unique within a sample.
    system : str or None
        System turn; None when the task has none.
    opening : str
        Introduction, profile and vignette; may be empty.
    questions : tuple of Question
        In the order asked.
    mode : {"sequential", "independent"}
        Whether later questions see earlier answers.
    """

    key: str
    system: str | None
    opening: str
    questions: tuple[Question, ...]
    mode: Literal["sequential", "independent"]

    def _first(self, question: Question) -> tuple[Message, ...]:
        system = () if self.system is None else (Message("system", self.system),)
        text = f"{self.opening}\n\n{question.text}" if self.opening else question.text
        return (*system, Message("user", text))

    def messages(self, given: Sequence[str] = ()) -> tuple[Message, ...]:
        """Everything up to and including the question that follows the given assistant answers.

        The messages for ``given`` and one more answer extend the messages for ``given``.
        """
        turns = list(self._first(self.questions[0]))
        for answer, question in zip(given, self.questions[1 : len(given) + 1], strict=True):
            turns += [Message("assistant", answer), Message("user", question.text)]
        return tuple(turns)

    def messages_for(self, j: int) -> tuple[Message, ...]:
        """Question j alone, as ``independent`` interviews put it."""
        return self._first(self.questions[j])
