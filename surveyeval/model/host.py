"""The host: interviews any model, draws the answers, and keeps what was probable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample, State
from surveyeval.model.calibrate import Calibration
from surveyeval.model.elicitation import Choice, Elicitation, Place, Reply
from surveyeval.model.plain_text import without_reasoning
from surveyeval.model.protocol import Answers, Failed, Interviews, LanguageModel, Respondent
from surveyeval.model.remembered import Memory, Remembered
from surveyeval.model.routing import routed
from surveyeval.task.interview import Interview, Question
from surveyeval.task.render import interviews as render_interviews
from surveyeval.task.routing import asked
from surveyeval.task.task import Task

__all__ = ["Preparation", "block_size", "forced", "log_prob", "simulate"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Example = tuple[Interview, tuple[str, ...]]


@dataclass(frozen=True)
class Preparation:
    """What a language model takes from the pilot before the first interview; the default is nothing.

    Parameters
    ----------
    examples : mapping of arm to examples
        Interviews of pilot people with their answers, shown before each interview of the arm.
    calibration : Calibration
    """

    examples: Mapping[str, tuple[Example, ...]] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)

    def render(self, task: Task, people: Sample, hidden: frozenset[str]) -> list[Interview]:
        """Interviews of these people, examples included."""
        rendered = render_interviews(task, people.without_answers(), hidden)
        if not self.examples:
            return rendered
        return [
            replace(interview, examples=self.examples.get(str(arm), ()))
            for interview, arm in zip(rendered, people.arm, strict=True)
        ]

    def groups(self, people: Sample) -> list[IntArray]:
        """Rows that are interviewed side by side: all, or, with examples, each arm's, since their prompts begin alike."""
        if not self.examples:
            return [np.arange(people.n)]
        return [np.flatnonzero(people.arm == arm) for arm in dict.fromkeys(people.arm)]


def block_size(model: Respondent | LanguageModel, n: int | None = None) -> int | None:
    """Interviews answered together: the model's own block size, or None for all at once.

    Parameters
    ----------
    model : Respondent or LanguageModel
        One that answers whole tables may name a size as well, where its rows do not depend on each other.
    n : int, optional
        Respondents. A table that is no larger than a block is answered at once.
    """
    size: int | None = getattr(model, "block_size", None)
    if size is not None and n is not None and size >= n and not isinstance(model, LanguageModel):
        return None
    return size


def simulate(
    model: Respondent | LanguageModel,
    interviews: Interviews,
    progress: Callable[[int], None] | None = None,
    preparation: Preparation | None = None,
    elicitation: Elicitation | None = None,
    memory: Memory | None = None,
) -> Answers:
    """Answer a batch of interviews.

    Parameters
    ----------
    model : Respondent, Scorer or Generator
    interviews : Interviews
    progress : callable, optional
        Called with the number of interviews done so far.
    preparation : Preparation, optional
        Of a language model that uses the pilot.
    elicitation : Elicitation, optional
        How language models are asked; default `Choice`.
    memory : Memory, optional
        Of a language model that answers requests one by one: what it replied before to the same batch is not asked again,
        and replies that could not be had are failed answers instead of an error.

    Returns
    -------
    Answers
        Where no answer can be had, the state says why; there is never a default answer. A sequential interview goes on
        with what the model wrote there, reasoning left out; where that is nothing, as if the question had not been put: an
        empty turn is refused by some servers, and whatever stood in its place would be imitated.
    """
    if not isinstance(model, LanguageModel):
        answers = model.answer(interviews)
        # Whoever answers a whole table may know nothing of filters; rows made from people's answers have people's own.
        return answers if model.capabilities.needs_answers else routed(interviews, answers)
    preparation, elicitation = preparation or Preparation(), elicitation or Choice()
    task, n = interviews.task, len(interviews)
    rendered = preparation.render(task, interviews.people, interviews.hidden)
    found = _Table(task, n)
    kept: list[tuple[Question, ...]] = [()] * n  # what stands in the conversation so far
    given: list[tuple[str, ...]] = [()] * n
    done, places = 0, range(len(task.items))
    column = {item.name: j for j, item in enumerate(task.items)}
    independent = task.spec.interview.mode == "independent"
    asked_of: Any = model if memory is None else Remembered(model, memory, "simulation")
    stopped: set[int] = set()
    for rows in preparation.groups(interviews.people):
        opened: dict[str, None] = {}
        # questions that do not see each other's answers are put together, so that a backend can share what they share
        for together in [places] if independent else [[p] for p in places]:
            put = [
                (row, p, column[rendered[row].questions[p].item])
                for row in rows
                for p in together
                if row not in stopped
            ]
            put = found.leave_out(interviews.people, put)
            to_ask = [
                Place(rendered[row], p, (), interviews.uniforms[row, j])
                if independent
                else _next(rendered[row], p, kept[row], given[row], interviews.uniforms[row, j])
                for row, p, j in put
            ]
            replies = elicitation.ask(asked_of, to_ask, preparation.calibration) if to_ask else []
            failed = asked_of.take_failed() if isinstance(asked_of, Remembered) else {}
            for (row, p, j), place, reply in zip(put, to_ask, replies, strict=True):
                if place.key in failed:
                    found.fail(row, j, failed[place.key])
                    if not independent:  # what follows would follow something else
                        stopped.add(row)
                    continue
                found.put(row, j, reply)
                said = _said(rendered[row].questions[p], reply)
                if said:
                    kept[row], given[row] = (*kept[row], rendered[row].questions[p]), (*given[row], said)
            opened |= dict.fromkeys(place.key for place in to_ask)
            done += len(rows) * len(together)
            if progress is not None:
                progress(done // len(task.items))
        model.release(list(opened))
    return found.answers()


def _next(interview: Interview, p: int, kept: tuple[Question, ...], given: tuple[str, ...], uniform: float) -> Place:
    """The question in place p after those that stand in the conversation."""
    if len(kept) < p:
        interview = replace(interview, questions=(*kept, *interview.questions[p:]))
    return Place(interview, len(kept), given, uniform)


def _said(question: Question, reply: Reply) -> str:
    """What stands in the conversation as the answer: the option as it was shown, else what was written, if anything."""
    if reply.option >= 0:
        return question.answers[question.order.index(reply.option)]
    said = without_reasoning(reply.text or "") if reply.said is None else reply.said
    return (said or "").strip()


class _Table:
    """Replies as columns."""

    def __init__(self, task: Task, n: int) -> None:
        self._task = task
        self._items = [item.name for item in task.items]
        self._option = {item.name: np.full(n, -1, dtype=np.int64) for item in task.items}
        self._state = {item.name: np.full(n, State.NOT_RUN, dtype=np.int8) for item in task.items}
        self._probabilities = {item.name: np.full((n, item.k), np.nan) for item in task.items}
        self._mass = {item.name: np.full(n, np.nan) for item in task.items}
        self._text = {item.name: np.full(n, None, dtype=object) for item in task.items}
        self._failed: list[Failed] = []

    def leave_out(self, people: Sample, put: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
        """Questions (row, place, item) without those that the row's answers so far route around, which are marked."""
        filtered = {j for _, _, j in put if self._task.items[j].spec.ask_if is not None}
        if not filtered:
            return put
        masks = {j: asked(self._task, people, self._task.items[j], self._option) for j in filtered}
        kept = []
        for row, p, j in put:
            if j in masks and not masks[j][row]:
                self._state[self._items[j]][row] = State.NOT_ASKED
            else:
                kept.append((row, p, j))
        return kept

    def put(self, row: int, j: int, reply: Reply) -> None:
        item = self._items[j]
        self._option[item][row], self._state[item][row] = reply.option, reply.state
        self._mass[item][row], self._text[item][row] = reply.mass, reply.text
        if reply.probabilities is not None:
            self._probabilities[item][row] = reply.probabilities

    def fail(self, row: int, j: int, error: str) -> None:
        self._failed.append(Failed(int(row), self._items[j], "simulation", error))

    def answers(self) -> Answers:
        def known(columns: dict[str, Any]) -> dict[str, Any]:
            """Columns that hold something; an elicitation without probabilities has none of these."""
            kept = any(np.isfinite(column).any() for column in columns.values())
            return columns if kept else {}

        written = any(text is not None for column in self._text.values() for text in column)
        return Answers(
            self._option,
            self._state,
            known(self._probabilities),
            known(self._mass),
            self._text if written else {},
            failed=tuple(self._failed),
        )


def forced(
    model: LanguageModel,
    task: Task,
    people: Sample,
    hidden: frozenset[str],
    preparation: Preparation,
    elicitation: Elicitation | None = None,
    uniforms: FloatArray | None = None,
    memory: Memory | None = None,
    failed: list[Failed] | None = None,
) -> dict[str, FloatArray]:
    """Option probabilities for people's interviews as they went, each item given the person's earlier answers.

    A sequential interview is read in one teacher-forced pass where the model can do that. After an item that the person was
    asked and did not answer, a sequential interview cannot go on as it was, so that item and all later ones are NaN.

    Parameters
    ----------
    model, task, people, hidden, preparation, elicitation
        People with answers; the rest as in `simulate`.
    uniforms : (n, J) float array, optional
        As in `Interviews`; only ways of asking that sample texts need them.
    memory : Memory, optional
        As in `simulate`.
    failed : list, optional
        Where failed answers are added; their rows are NaN.

    Returns
    -------
    dict of item to (n, K) float array
        Renormalised over the options and calibrated, declared order; NaN rows where the person gave no answer.
    """
    elicitation = elicitation or Choice()
    rendered = preparation.render(task, people, hidden)
    tables = {item.name: np.full((people.n, item.k), np.nan) for item in task.items}
    asked_of: Any = model if memory is None else Remembered(model, memory, "person")
    for rows in preparation.groups(people):
        paths = _paths(task, people, rendered, rows, uniforms)
        found = elicitation.forced(asked_of, [[place for _, _, place in path] for path in paths])
        errors = asked_of.take_failed() if isinstance(asked_of, Remembered) else {}
        model.release(list(dict.fromkeys(place.key for path in paths for _, _, place in path)))
        for path, probabilities in zip(paths, found, strict=True):
            error = errors.get(path[0][2].key)
            if error is not None:
                row, j, _ = path[0]
                if failed is not None:
                    failed.append(Failed(int(row), task.items[j].name, "person", error))
                continue
            for (row, j, _), one in zip(path, probabilities, strict=True):
                tables[task.items[j].name][row] = one
    return {item: preparation.calibration.apply(item, table) for item, table in tables.items()}


def _paths(
    task: Task, people: Sample, rendered: list[Interview], rows: IntArray, uniforms: FloatArray | None
) -> list[list[tuple[int, int, Place]]]:
    """Places with their row and item, as paths of one interview."""
    numbers = np.zeros((people.n, len(task.items))) if uniforms is None else uniforms
    column = {item.name: j for j, item in enumerate(task.items)}
    if task.spec.interview.mode == "independent":
        return [
            [(row, column[question.item], Place(rendered[row], p, uniform=numbers[row, column[question.item]]))]
            for row in rows
            for p, question in enumerate(rendered[row].questions)
            if people.answers[question.item][row] >= 0
        ]
    paths = []
    for row in rows:
        # what a person was not asked is no part of their interview
        questions = [q for q in rendered[row].questions if people.states[q.item][row] != State.NOT_ASKED]
        columns = [column[question.item] for question in questions]
        interview = replace(rendered[row], questions=tuple(questions))
        chosen = [int(people.answers[question.item][row]) for question in questions]
        stop = next((place for place, index in enumerate(chosen) if index < 0), len(chosen))
        given = tuple(q.answers[q.order.index(i)] for q, i in zip(interview.questions, chosen[:stop], strict=False))
        if stop:
            paths.append(
                [
                    (row, columns[place], Place(interview, place, given[:place], numbers[row, columns[place]]))
                    for place in range(stop)
                ]
            )
    return paths


def log_prob(
    model: Respondent | LanguageModel,
    interviews: Interviews,
    people: Sample,
    preparation: Preparation | None = None,
    elicitation: Elicitation | None = None,
    simulated: Answers | None = None,
    memory: Memory | None = None,
    failed: list[Failed] | None = None,
) -> dict[str, FloatArray]:
    """Natural log-probability of the people's own answers, each given the person's earlier answers.

    Parameters
    ----------
    model, interviews, preparation, elicitation
        As in `simulate`.
    people : Sample
        With answers.
    simulated : Answers, optional
        Of the same interviews. Where questions are independent their probabilities are those asked for, and nothing is
        asked again.
    memory, failed : optional
        As in `forced`.

    Returns
    -------
    dict of item to (n,) float array
        Renormalised over the options; NaN where there is no answer, or it could not be scored. Empty where the way of
        asking gives no probabilities.
    """
    if not isinstance(model, LanguageModel):
        return model.log_prob(interviews, people)
    elicitation = elicitation or Choice()
    if not elicitation.distribution:
        return {}
    task = interviews.task
    if simulated is not None and simulated.probabilities and task.spec.interview.mode == "independent":
        tables = dict(simulated.probabilities)
    else:
        tables = forced(
            model, task, people, interviews.hidden, preparation or Preparation(), elicitation, interviews.uniforms,
            memory, failed,
        )  # fmt: skip
    result = {}
    for item, table in tables.items():
        chosen = people.answers[item]
        picked = elicitation.smoothed(table)[np.arange(people.n), np.maximum(chosen, 0)]
        with np.errstate(divide="ignore"):
            result[item] = np.where(chosen >= 0, np.log(picked), np.nan)
    return result
