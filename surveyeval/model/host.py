"""The host: interviews any model, draws the answers, and keeps what was probable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample, State
from surveyeval.model.calibrate import Calibration
from surveyeval.model.draws import draw_options
from surveyeval.model.protocol import Answers, Interviews, OptionScores, Request, Respondent, Scorer
from surveyeval.task.interview import Interview
from surveyeval.task.render import interviews as render_interviews
from surveyeval.task.task import Task

__all__ = ["Preparation", "block_size", "forced", "log_prob", "simulate"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Example = tuple[Interview, tuple[str, ...]]


@dataclass(frozen=True)
class Preparation:
    """What a scorer takes from the pilot before the first interview; the default is nothing.

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


def block_size(model: Respondent | Scorer) -> int | None:
    """Interviews answered together: the model's own block size, or None for all at once."""
    return getattr(model, "block_size", None) if isinstance(model, Scorer) else None


def _declared(scores: OptionScores, order: tuple[int, ...]) -> tuple[FloatArray, float]:
    """Probabilities renormalised over options in declared order, and their mass; NaN when nothing is left to renormalise."""
    probabilities = np.full(len(order), np.nan)
    raw = np.exp(scores.log_prob)
    mass = float(raw.sum())
    if np.isfinite(raw).all() and mass > 0:
        probabilities[list(order)] = raw / mass
    return probabilities, mass


def simulate(
    model: Respondent | Scorer,
    interviews: Interviews,
    progress: Callable[[int], None] | None = None,
    preparation: Preparation | None = None,
) -> Answers:
    """Answer a batch of interviews.

    Parameters
    ----------
    model : Respondent or Scorer
    interviews : Interviews
    progress : callable, optional
        Called with the number of interviews done so far.
    preparation : Preparation, optional
        Of a scorer that uses the pilot.

    Returns
    -------
    Answers
        Scores that are not finite, or have no mass on any option, give state ``INVALID``, never a default answer.
    """
    if not isinstance(model, Scorer):
        return model.answer(interviews)
    preparation = preparation or Preparation()
    task, n = interviews.task, len(interviews)
    rendered = preparation.render(task, interviews.people, interviews.hidden)
    given: list[list[str]] = [[] for _ in range(n)]
    answers = {item.name: np.full(n, -1, dtype=np.int64) for item in task.items}
    probabilities = {item.name: np.full((n, item.k), np.nan) for item in task.items}
    mass = {item.name: np.full(n, np.nan) for item in task.items}
    asked = 0
    for rows in preparation.groups(interviews.people):
        for j, item in enumerate(task.items):
            scores = model.score([_request(rendered[row], j, given[row]) for row in rows])
            found = [_declared(one, rendered[row].questions[j].order) for one, row in zip(scores, rows, strict=True)]
            table = preparation.calibration.apply(item.name, np.array([declared for declared, _ in found]))
            valid = np.isfinite(table).all(axis=1)
            drawn = np.full(len(rows), -1, dtype=np.int64)
            drawn[valid] = draw_options(table[valid], interviews.uniforms[rows[valid], j])
            answers[item.name][rows], probabilities[item.name][rows] = drawn, table
            mass[item.name][rows] = [total for _, total in found]
            if task.spec.interview.mode == "sequential":
                for row, index in zip(rows, drawn, strict=True):
                    question = rendered[row].questions[j]
                    given[row].append(question.answers[question.order.index(int(index))] if index >= 0 else "")
            asked += len(rows)
            if progress is not None:
                progress(asked // len(task.items))
        model.release([rendered[row].key for row in rows])
    states = {
        name: np.where(column >= 0, State.ANSWERED, State.INVALID).astype(np.int8) for name, column in answers.items()
    }
    return Answers(answers, states, probabilities, mass)


def _request(interview: Interview, j: int, given: list[str]) -> Request:
    question = interview.questions[j]
    if interview.mode == "independent":
        return Request(f"{interview.key}/{j}", interview.messages_for(j), question.answers)
    return Request(interview.key, interview.messages(given[:j]), question.answers)


def forced(
    model: Scorer, task: Task, people: Sample, hidden: frozenset[str], preparation: Preparation
) -> dict[str, FloatArray]:
    """Option probabilities for people's interviews as they went, each item given the person's earlier answers.

    A sequential interview is read in one teacher-forced pass. After an item that the person was asked and did not answer, a
    sequential interview cannot go on as it was, so that item and all later ones are NaN.

    Returns
    -------
    dict of item to (n, K) float array
        Renormalised over the options and calibrated, declared order; NaN rows where the person gave no answer.
    """
    rendered = preparation.render(task, people, hidden)
    tables = {item.name: np.full((people.n, item.k), np.nan) for item in task.items}
    for rows in preparation.groups(people):
        for batch in _paths(task, people, rendered, rows):
            found = model.score_paths([[request for _, _, request in path] for path in batch])
            for path, scores in zip(batch, found, strict=True):
                for (row, j, _), one in zip(path, scores, strict=True):
                    tables[task.items[j].name][row], _ = _declared(one, rendered[row].questions[j].order)
    return {item: preparation.calibration.apply(item, table) for item, table in tables.items()}


def _paths(
    task: Task, people: Sample, rendered: list[Interview], rows: IntArray
) -> list[list[list[tuple[int, int, Request]]]]:
    """Requests with their row and item, as paths of one interview; paths that are read together begin alike."""
    if task.spec.interview.mode == "independent":
        return [
            [[(row, j, _request(rendered[row], j, []))] for row in rows if people.answers[item.name][row] >= 0]
            for j, item in enumerate(task.items)
        ]
    paths = []
    for row in rows:
        # what a person was not asked is no part of their interview
        asked = [j for j, item in enumerate(task.items) if people.states[item.name][row] != State.NOT_ASKED]
        interview = replace(rendered[row], questions=tuple(rendered[row].questions[j] for j in asked))
        chosen = [int(people.answers[task.items[j].name][row]) for j in asked]
        stop = next((place for place, index in enumerate(chosen) if index < 0), len(chosen))
        given = [q.answers[q.order.index(i)] for q, i in zip(interview.questions, chosen[:stop], strict=False)]
        if stop:
            paths.append([(row, asked[place], _request(interview, place, given)) for place in range(stop)])
    return [paths]


def log_prob(
    model: Respondent | Scorer, interviews: Interviews, people: Sample, preparation: Preparation | None = None
) -> dict[str, FloatArray]:
    """Natural log-probability of the people's own answers, each given the person's earlier answers.

    Returns
    -------
    dict of item to (n,) float array
        Renormalised over the options; NaN where there is no answer, or it could not be scored.
    """
    if not isinstance(model, Scorer):
        return model.log_prob(interviews, people)
    tables = forced(model, interviews.task, people, interviews.hidden, preparation or Preparation())
    result = {}
    for item, table in tables.items():
        chosen = people.answers[item]
        picked = table[np.arange(people.n), np.maximum(chosen, 0)]
        with np.errstate(divide="ignore"):
            result[item] = np.where(chosen >= 0, np.log(picked), np.nan)
    return result
