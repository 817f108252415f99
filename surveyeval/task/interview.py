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
    stem : str
        The user turn without the instruction how to answer, for ways of asking that bring their own.
    labels : tuple of str
        ``labels[k]`` is what the k-th option shown says; with ``options: text`` the same as `answers`.
    """

    item: str
    text: str
    answers: tuple[str, ...]
    order: tuple[int, ...]
    stem: str = ""
    labels: tuple[str, ...] = ()


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
    examples : tuple of (Interview, tuple of str)
        Other people's interviews with their answers, shown before this one; questions may be missing from them.
    """

    key: str
    system: str | None
    opening: str
    questions: tuple[Question, ...]
    mode: Literal["sequential", "independent"]
    examples: tuple[tuple[Interview, tuple[str, ...]], ...] = ()

    def _system(self) -> tuple[Message, ...]:
        return () if self.system is None else (Message("system", self.system),)

    def _opened(self, text: str) -> Message:
        return Message("user", f"{self.opening}\n\n{text}" if self.opening else text)

    def _turns(self, given: Sequence[str], text: str | None = None) -> list[Message]:
        """The questions up to the one that follows the given answers, without what stands before them."""
        texts = [question.text for question in self.questions[: len(given) + 1]]
        if text is not None:
            texts[-1] = text
        turns = [self._opened(texts[0])]
        for answer, asked in zip(given, texts[1:], strict=True):
            turns += [Message("assistant", answer), Message("user", asked)]
        return turns

    def messages(self, given: Sequence[str] = (), text: str | None = None) -> tuple[Message, ...]:
        """Everything up to and including the question that follows the given assistant answers.

        The messages for ``given`` and one more answer extend the messages for ``given``, unless that question is put in
        other words (`text`).
        """
        shown = [
            turn
            for example, answers in self.examples
            for turn in (*example._turns(answers[:-1]), Message("assistant", answers[-1]))
        ]
        return (*self._system(), *shown, *self._turns(given, text))

    def messages_for(self, j: int, text: str | None = None) -> tuple[Message, ...]:
        """Question j alone, as ``independent`` interviews put it; `text` puts it in other words."""
        question = self.questions[j]
        shown = [
            turn
            for example, answers in self.examples
            for asked, answer in zip(example.questions, answers, strict=True)
            if asked.item == question.item
            for turn in (example._opened(asked.text), Message("assistant", answer))
        ]
        return (*self._system(), *shown, self._opened(question.text if text is None else text))
