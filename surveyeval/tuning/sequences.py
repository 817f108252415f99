"""Training rows: one person's interview as tokens, with what is to be learned at each answer.

Tokens come from the same requests, the same template and the same functions as in scoring, so what is trained is what is
scored. An interview whose template only appends is one row; otherwise each answer is a row of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample, State
from surveyeval.errors import CapabilityError
from surveyeval.model.hf import HFModel
from surveyeval.model.protocol import Request
from surveyeval.model.scoring import Tokens
from surveyeval.task.interview import Interview, Message
from surveyeval.task.render import interviews as render_interviews
from surveyeval.task.task import Task

__all__ = ["Choice", "Row", "make_rows"]


@dataclass(frozen=True)
class Choice:
    """A place where an option is chosen: the options' tokens, and the probability that each is to have."""

    place: int
    tokens: Tokens
    target: tuple[float, ...]


@dataclass(frozen=True)
class Row:
    """One sequence of tokens.

    Parameters
    ----------
    tokens : tuple of int
    labels : tuple of (int, int)
        Place whose logits are read, and the token that should follow there: answers and the end of their turn.
    choices : tuple of Choice
        For the objective ``distribution``.
    person : int
        Row of the pilot.
    """

    tokens: Tokens
    labels: tuple[tuple[int, int], ...]
    choices: tuple[Choice, ...]
    person: int

    @property
    def length(self) -> int:
        """Number of tokens that must be read: nothing is learned after the last place."""
        last = [place for place, _ in self.labels] + [choice.place for choice in self.choices]
        return max(last) + 1


@dataclass(frozen=True, eq=False)
class _Step:
    """One answer within an interview: prompt, chosen option, all options, and the token that ends the turn."""

    prompt: Tokens
    options: list[Tokens]
    chosen: int
    end: int | None
    item: str
    order: tuple[int, ...]


def make_rows(
    model: HFModel,
    task: Task,
    people: Sample,
    hidden: frozenset[str],
    targets: Mapping[str, NDArray[np.float64]] | None = None,
) -> list[Row]:
    """Turn people's interviews into training rows.

    Parameters
    ----------
    model : HFModel
        The base; gives tokens.
    task : Task
    people : Sample
        With answers. A sequential interview ends at the first item that a person was asked and did not answer.
    hidden : frozenset of str
        Profile fields that are left out.
    targets : mapping of item to (n, K) float array, optional
        Distribution over options in declared order for each person: the objective ``distribution``. Without it, the
        person's own answers are the target.

    Raises
    ------
    CapabilityError
        With targets, when an option has more than one token.
    """
    rows: list[Row] = []
    for person, interview in enumerate(render_interviews(task, people.without_answers(), hidden)):
        # what a person was not asked is no part of their interview
        put = tuple(q for q in interview.questions if people.states[q.item][person] != State.NOT_ASKED)
        chosen = [int(people.answers[question.item][person]) for question in put]
        steps = _steps(model, replace(interview, questions=put), chosen)
        if targets is None:
            rows += _answer_rows(steps, person)
        else:
            rows += _choice_rows(steps, person, targets)
    return rows


def _steps(model: HFModel, interview: Interview, chosen: Sequence[int]) -> list[_Step]:
    steps: list[_Step] = []
    given: list[str] = []
    sequential = interview.mode == "sequential"
    for j, (question, index) in enumerate(zip(interview.questions, chosen, strict=True)):
        if index < 0:
            if sequential:
                break
            continue
        messages = interview.messages(given) if sequential else interview.messages_for(j)
        shown = question.order.index(index)
        answer = question.answers[shown]
        prompt, options = model.tokens(Request(interview.key, messages, question.answers))
        steps.append(
            _Step(
                prompt,
                options,
                shown,
                _turn_end(model, messages, answer, prompt + options[shown]),
                question.item,
                question.order,
            )
        )
        given.append(answer)
    return steps


def _turn_end(model: HFModel, messages: Sequence[Message], answer: str, read: Tokens) -> int | None:
    """The token that the template puts after an answer; None where the text goes on without one, or it is read already."""
    if model.options.terminator == "end":
        return None
    whole = model.encode(model.chat.finished(messages, answer))
    return whole[len(read)] if len(whole) > len(read) and whole[: len(read)] == read else None


def _answer_rows(steps: Sequence[_Step], person: int) -> list[Row]:
    pieces = [(step.prompt + step.options[step.chosen], step) for step in steps]
    endings = [read + ((step.end,) if step.end is not None else ()) for read, step in pieces]
    if not steps:
        return []
    if all(later.prompt[: len(whole)] == whole for whole, later in zip(endings, steps[1:], strict=False)):
        labels = [label for step in steps for label in _labels(step)]
        return [Row(endings[-1], tuple(labels), (), person)]
    return [Row(whole, tuple(_labels(step)), (), person) for whole, step in zip(endings, steps, strict=True)]


def _labels(step: _Step) -> list[tuple[int, int]]:
    wanted = step.options[step.chosen] + ((step.end,) if step.end is not None else ())
    return [(len(step.prompt) - 1 + offset, token) for offset, token in enumerate(wanted)]


def _choice_rows(steps: Sequence[_Step], person: int, targets: Mapping[str, NDArray[np.float64]]) -> list[Row]:
    if not steps:
        return []
    choices = []
    for step in steps:
        if any(len(option) > 1 for option in step.options):
            raise CapabilityError(
                f"objective 'distribution' needs options of one token, and those of item {step.item!r} have more",
                hint="set interview.options: letters and no ?terminator=end, or use --objective answers",
            )
        wanted = targets[step.item][person]
        choices.append(
            Choice(
                len(step.prompt) - 1,
                tuple(option[0] for option in step.options),
                tuple(float(wanted[index]) for index in step.order),
            )
        )
    last = steps[-1].prompt
    if all(last[: len(step.prompt)] == step.prompt for step in steps):
        return [Row(last, (), tuple(choices), person)]
    return [Row(step.prompt, (), (choice,), person) for step, choice in zip(steps, choices, strict=True)]
