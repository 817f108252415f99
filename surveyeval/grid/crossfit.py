"""Everybody simulated by a model that never saw them: fitted on the other folds, asked about one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample, State
from surveyeval.data.seeds import generator
from surveyeval.model.protocol import Answers, Fingerprint, Interviews, Respondent
from surveyeval.task.task import Task

__all__ = ["CrossFitted", "folds"]

FloatArray = NDArray[np.float64]


def folds(people: Sample, count: int, key: str) -> NDArray[np.int64]:
    """Fold of every person, balanced over arms."""
    fold = np.empty(people.n, dtype=np.int64)
    start = 0
    for arm in np.unique(people.arm.astype(str)):
        rows = np.flatnonzero(people.arm == arm)
        dealt = generator(0, "crossfit", key, arm).permutation(len(rows))
        fold[rows[dealt]] = (start + np.arange(len(rows))) % count
        start += len(rows)
    return fold


class CrossFitted:
    """A respondent made of one fitted respondent for each fold: a floor for people of all folds.

    Parameters
    ----------
    members : sequence of Respondent
        For each fold, fitted on people of other folds.
    fold_of : mapping of respondent to fold
    """

    def __init__(self, members: Sequence[Respondent], fold_of: Mapping[str, int]) -> None:
        self.members, self.fold_of = members, fold_of
        self.capabilities = members[0].capabilities

    def fingerprint(self) -> Fingerprint:
        """Of all members together."""
        values = "|".join(member.fingerprint().value for member in self.members)
        return Fingerprint("content", hashlib.sha256(values.encode()).hexdigest(), {"folds": len(self.members)})

    def banners(self) -> Sequence[str]:
        """How the rows came about."""
        return (f"Cross-fitted: everybody is simulated by one of {len(self.members)} models that never saw them.",)

    def fit(self, task: Task, pilot: Sample) -> None:
        """Members are fitted already."""

    def _parts(self, interviews: Interviews) -> Iterator[tuple[NDArray[np.int64], Respondent, Interviews]]:
        fold = np.array([self.fold_of[name] for name in interviews.people.respondent], dtype=np.int64)
        for number, member in enumerate(self.members):
            rows = np.flatnonzero(fold == number)
            if len(rows):
                taken = replace(interviews, people=interviews.people.take(rows), uniforms=interviews.uniforms[rows])
                yield rows, member, taken

    def answer(self, interviews: Interviews) -> Answers:
        """Each person by the member that never saw them."""
        task, n = interviews.task, len(interviews)
        answers = {item.name: np.full(n, -1, dtype=np.int64) for item in task.items}
        states = {item.name: np.full(n, State.NOT_RUN, dtype=np.int8) for item in task.items}
        for rows, member, taken in self._parts(interviews):
            part = member.answer(taken)
            filled = taken.people.without_answers().with_answers(part.answers, states=part.states)
            for item in task.items:
                answers[item.name][rows] = filled.answers[item.name]
                states[item.name][rows] = filled.states[item.name]
        return Answers(answers, states)

    def log_prob(self, interviews: Interviews, answers: Sample) -> dict[str, FloatArray]:
        """Likewise."""
        result: dict[str, FloatArray] = {}
        for rows, member, taken in self._parts(interviews):
            for item, values in member.log_prob(taken, answers.take(rows)).items():
                result.setdefault(item, np.full(len(interviews), np.nan))[rows] = values
        return result
