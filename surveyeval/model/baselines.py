"""Statistical baselines, fitted on the pilot. They stand beside every model, and serve as floors.

uniform    every option with the same probability
mode       the pilot's most frequent answer within the arm
pooled     the pilot's distribution, arms ignored
marginal   the pilot's distribution within the arm
cell       the pilot's distribution within arm and demographic cell, shrunk to the arm's by 10 pseudo-people
chain      a regularised multinomial logit on profile, arm and earlier answers, item by item
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from surveyeval.data.sample import Sample, State
from surveyeval.errors import ConfigError, ModelError, did_you_mean
from surveyeval.model.draws import draw_options
from surveyeval.model.protocol import Answers, Capabilities, Fingerprint, Interviews
from surveyeval.task.task import Task

__all__ = ["BASELINES", "Baseline", "BaselineOptions", "make_baseline"]

FloatArray = NDArray[np.float64]

BASELINES = ("uniform", "mode", "pooled", "marginal", "cell", "chain")
#: Added to the count of every option, so that an answer absent from a small pilot is not impossible.
SMOOTHING = 0.5
#: Weight of the arm's distribution in a cell, in people.
PSEUDO_PEOPLE = 10.0


class BaselineOptions(BaseModel):
    """Baselines have no options."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Conditional(Protocol):
    """Option probabilities for people, item by item; `given` holds earlier answers (option indices, -1 absent)."""

    def fit(self, task: Task, pilot: Sample) -> None: ...

    def probabilities(
        self, task: Task, people: Sample, item: int, given: dict[str, NDArray[np.int64]]
    ) -> FloatArray: ...


class Baseline:
    """One baseline by name."""

    def __init__(self, reference: str, options: BaselineOptions | None = None) -> None:
        if reference not in BASELINES:
            hint = did_you_mean(reference, BASELINES) or f"baselines: {', '.join(BASELINES)}"
            raise ConfigError(f"there is no baseline {reference!r}", hint=hint)
        self.name = reference
        self.capabilities = Capabilities(log_prob=reference != "mode", needs_pilot=True)
        self._conditional: _Conditional | None = None
        self._pilot_hash = ""

    def fit(self, task: Task, pilot: Sample) -> None:
        """Count the pilot's answers."""
        conditional: _Conditional
        if self.name == "chain":
            from surveyeval.model.chain import Chain

            conditional = Chain()
        else:
            conditional = _Table(self.name)
        conditional.fit(task, pilot)
        self._conditional = conditional
        digest = hashlib.sha256("\x1f".join(pilot.respondent).encode())
        for name, column in pilot.answers.items():
            digest.update(name.encode() + np.ascontiguousarray(column).tobytes())
        digest.update(pilot.weight.tobytes())
        self._pilot_hash = digest.hexdigest()

    def fingerprint(self) -> Fingerprint:
        """Hash of the name and the pilot's answers."""
        value = hashlib.sha256(f"{self.name}:{self._pilot_hash}:1".encode()).hexdigest()
        return Fingerprint("content", value, {"baseline": self.name})

    def banners(self) -> Sequence[str]:
        """None."""
        return ()

    def _ready(self) -> _Conditional:
        if self._conditional is None:
            raise ModelError(f"baseline {self.name!r} is not fitted", hint="call fit(task, pilot) first")
        return self._conditional

    def answer(self, interviews: Interviews) -> Answers:
        """Draw answers; items are independent given arm and cell, except in ``chain``."""
        conditional = self._ready()
        task, people = interviews.task, interviews.people
        answers: dict[str, NDArray[np.int64]] = {}
        probabilities: dict[str, FloatArray] = {}
        for number, item in enumerate(task.items):
            table = conditional.probabilities(task, people, number, answers)
            probabilities[item.name] = table
            answers[item.name] = draw_options(table, interviews.uniforms[:, number])
        states = {name: np.full(people.n, State.ANSWERED, dtype=np.int8) for name in answers}
        return Answers(answers, states, probabilities)

    def log_prob(self, interviews: Interviews, answers: Sample) -> dict[str, FloatArray]:
        """Natural log-probability of given answers, each given the earlier ones."""
        conditional = self._ready()
        task, people = interviews.task, interviews.people
        result = {}
        for number, item in enumerate(task.items):
            table = conditional.probabilities(task, people, number, dict(answers.answers))
            chosen = answers.answers[item.name]
            picked = table[np.arange(people.n), np.maximum(chosen, 0)]
            with np.errstate(divide="ignore"):
                result[item.name] = np.where(chosen >= 0, np.log(picked), np.nan)
        return result


def make_baseline(name: str) -> Baseline:
    """A baseline that is still to be fitted."""
    return Baseline(name)


class _Table:
    """Baselines whose probabilities depend on the arm and the demographic cell only: one table lookup an item."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._tables: list[FloatArray] = []
        self._arms: dict[str, int] = {}

    def fit(self, task: Task, pilot: Sample) -> None:
        self._arms = {arm.key: number for number, arm in enumerate(task.arms)}
        arm, cell, cells = self._arm(pilot), *self._cells(task, pilot)
        weight = pilot.weight / pilot.weight.mean() if pilot.n and pilot.weight.sum() > 0 else pilot.weight
        for item in task.items:
            chosen = pilot.answers[item.name]
            rows = chosen >= 0
            counts = np.zeros((len(self._arms), cells, item.k))
            np.add.at(counts, (arm[rows], cell[rows], chosen[rows]), weight[rows])
            self._tables.append(self._table(counts))

    def _table(self, counts: FloatArray) -> FloatArray:
        arms, _, k = counts.shape
        by_arm = counts.sum(axis=1)
        everybody = by_arm.sum(axis=0)
        pooled = (everybody + SMOOTHING) / (everybody + SMOOTHING).sum()
        empty = by_arm.sum(axis=1) == 0
        marginal = (by_arm + SMOOTHING) / (by_arm + SMOOTHING).sum(axis=1, keepdims=True)
        marginal[empty] = pooled  # nobody of this arm is in the pilot
        if self.name == "uniform":
            table = np.full((arms, 1, k), 1 / k)
        elif self.name == "pooled":
            table = np.broadcast_to(pooled, (arms, 1, k)).copy()
        elif self.name == "mode":
            modal = np.where(empty, everybody.argmax(), by_arm.argmax(axis=1))
            table = np.eye(k)[modal][:, None, :]
        elif self.name == "marginal":
            table = marginal[:, None, :]
        else:
            mixed = counts + PSEUDO_PEOPLE * marginal[:, None, :]
            table = mixed / mixed.sum(axis=2, keepdims=True)
        return table

    def _arm(self, people: Sample) -> NDArray[np.int64]:
        return np.array([self._arms[arm] for arm in people.arm], dtype=np.int64)

    def _cells(self, task: Task, people: Sample) -> tuple[NDArray[np.int64], int]:
        """Cell of every person; a missing demographic is a level of its own."""
        cell, count = np.zeros(people.n, dtype=np.int64), 1
        if self.name == "cell":
            for column in task.spec.cells:
                index, labels = task.groups(people, column)
                cell = cell * (len(labels) + 1) + index + 1
                count *= len(labels) + 1
        return cell, count

    def probabilities(self, task: Task, people: Sample, item: int, given: dict[str, NDArray[np.int64]]) -> FloatArray:
        cell, _ = self._cells(task, people)
        return self._tables[item][self._arm(people), cell]
