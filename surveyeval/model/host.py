"""The host: interviews any model, draws the answers, and keeps what was probable."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample, State
from surveyeval.model.draws import draw_options
from surveyeval.model.protocol import Answers, Interviews, OptionScores, Request, Respondent, Scorer
from surveyeval.task.interview import Interview
from surveyeval.task.render import interviews as render_interviews

__all__ = ["block_size", "log_prob", "simulate"]

FloatArray = NDArray[np.float64]


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
    model: Respondent | Scorer, interviews: Interviews, progress: Callable[[int], None] | None = None
) -> Answers:
    """Answer a batch of interviews.

    Parameters
    ----------
    model : Respondent or Scorer
    interviews : Interviews
    progress : callable, optional
        Called with the number of interviews done so far.

    Returns
    -------
    Answers
        Scores that are not finite, or have no mass on any option, give state ``INVALID``, never a default answer.
    """
    if not isinstance(model, Scorer):
        return model.answer(interviews)
    task, n = interviews.task, len(interviews)
    rendered = render_interviews(task, interviews.people, interviews.hidden)
    given: list[list[str]] = [[] for _ in range(n)]
    answers, states, probabilities, mass = {}, {}, {}, {}
    for j, item in enumerate(task.items):
        requests = [_request(interview, j, given[row]) for row, interview in enumerate(rendered)]
        scored = [_declared(s, i.questions[j].order) for s, i in zip(model.score(requests), rendered, strict=True)]
        table = np.array([row for row, _ in scored])
        valid = np.isfinite(table).all(axis=1)
        drawn = np.full(n, -1, dtype=np.int64)
        drawn[valid] = draw_options(table[valid], interviews.uniforms[valid, j])
        answers[item.name], probabilities[item.name] = drawn, table
        states[item.name] = np.where(valid, State.ANSWERED, State.INVALID).astype(np.int8)
        mass[item.name] = np.array([total for _, total in scored])
        if task.spec.interview.mode == "sequential":
            for row, interview in enumerate(rendered):
                question = interview.questions[j]
                if drawn[row] >= 0:
                    given[row].append(question.answers[question.order.index(int(drawn[row]))])
                else:
                    given[row].append("")
        if progress is not None:
            progress(n * (j + 1) // len(task.items))
    model.release([interview.key for interview in rendered])
    return Answers(answers, states, probabilities, mass)


def _request(interview: Interview, j: int, given: list[str]) -> Request:
    question = interview.questions[j]
    if interview.mode == "independent":
        return Request(f"{interview.key}/{j}", interview.messages_for(j), question.answers)
    return Request(interview.key, interview.messages(given[:j]), question.answers)


def log_prob(model: Respondent | Scorer, interviews: Interviews, people: Sample) -> dict[str, FloatArray]:
    """Natural log-probability of the people's own answers, each given the person's earlier answers.

    A sequential interview is read in one teacher-forced pass. After an item that the person did not answer, a sequential
    interview cannot go on as it was, so that item and all later ones are NaN.

    Returns
    -------
    dict of item to (n,) float array
        Renormalised over the options.
    """
    if not isinstance(model, Scorer):
        return model.log_prob(interviews, people)
    task, n = interviews.task, len(interviews)
    rendered = render_interviews(task, people.without_answers(), interviews.hidden)
    result = {item.name: np.full(n, np.nan) for item in task.items}
    paths: list[list[Request]] = []
    places: list[list[tuple[int, int]]] = []
    for row, interview in enumerate(rendered):
        chosen = [int(people.answers[item.name][row]) for item in task.items]
        texts = [
            q.answers[q.order.index(index)] if index >= 0 else ""
            for q, index in zip(interview.questions, chosen, strict=True)
        ]
        if interview.mode == "independent":
            asked = [j for j, index in enumerate(chosen) if index >= 0]
            paths += [[_request(interview, j, [])] for j in asked]
            places += [[(row, j)] for j in asked]
        else:
            stop = next((j for j, index in enumerate(chosen) if index < 0), len(chosen))
            if stop:
                paths.append([_request(interview, j, texts) for j in range(stop)])
                places.append([(row, j) for j in range(stop)])
    for path, where in zip(model.score_paths(paths), places, strict=True):
        for scores, (row, j) in zip(path, where, strict=True):
            table, _ = _declared(scores, rendered[row].questions[j].order)
            item = task.items[j]
            picked = table[int(people.answers[item.name][row])]
            result[item.name][row] = (
                np.log(picked) if np.isfinite(picked) and picked > 0 else -np.inf if picked == 0 else np.nan
            )
    return result
