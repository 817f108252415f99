"""Statistical baselines, fitted on the pilot. They stand beside every model, and serve as floors.

uniform    every option with the same probability
mode       the pilot's most frequent answer within the arm
pooled     the pilot's distribution, arms ignored
marginal   the pilot's distribution within the arm
cell       the pilot's distribution within arm and demographic cell, shrunk to the arm's by 10 pseudo-people
chain      a regularised multinomial logit on profile, arm and earlier answers, item by item

Counts carry the pilot's weights, scaled to mean 1, and 0.5 people more for every option. An arm (or an item within it) that
nobody of the pilot answered gets the pooled distribution, and the fingerprint's details say so. Hidden profile fields are
seen by none of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from jinja2 import Environment, meta
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


#: Item number and earlier answers (option indices, -1 absent) to (n, K) option probabilities.
Bound = Callable[[int, Mapping[str, NDArray[np.int64]]], FloatArray]


class _Conditional(Protocol):
    """A fitted law of each item given profile, arm and earlier answers."""

    def fit(self, task: Task, pilot: Sample) -> None: ...

    def bind(self, task: Task, people: Sample) -> Bound: ...


class Baseline:
    """One baseline by name.

    Parameters
    ----------
    reference : str
        One of `BASELINES`.
    options : BaselineOptions, optional

    Raises
    ------
    ConfigError
        When there is no baseline of that name.
    """

    def __init__(self, reference: str, options: BaselineOptions | None = None) -> None:
        if reference not in BASELINES:
            hint = did_you_mean(reference, BASELINES) or f"baselines: {', '.join(BASELINES)}"
            raise ConfigError(f"there is no baseline {reference!r}", hint=hint)
        self.name = reference
        self.capabilities = Capabilities(log_prob=reference != "mode", needs_pilot=True)
        self._pilot: Sample | None = None
        self._fitted: dict[frozenset[str], _Conditional] = {}
        self._pilot_hash = ""
        self._details: dict[str, Any] = {}

    def fit(self, task: Task, pilot: Sample) -> None:
        """Learn from the pilot.

        Raises
        ------
        ModelError
            When the pilot has no rows, or no weight.
        """
        if self.name != "uniform" and not pilot.weight.sum() > 0:
            raise ModelError(
                f"baseline {self.name!r} has nobody to learn from: the pilot has {pilot.n} rows and no weight",
                hint="set people aside with --pilot, for example --pilot 0.25",
            )
        self._pilot, self._fitted = pilot, {}
        self._pilot_hash = _hash(pilot)
        self._details = {} if self.name == "uniform" else {"pilot_people": pilot.n, **_absent(task, pilot)}
        self._law(task, frozenset())

    def _law(self, task: Task, hidden: frozenset[str]) -> _Conditional:
        """The law fitted without the hidden fields; fitted when first asked for."""
        if self._pilot is None:
            raise ModelError(f"baseline {self.name!r} is not fitted", hint="call fit(task, pilot) first")
        if hidden not in self._fitted:
            conditional: _Conditional
            if self.name == "chain":
                from surveyeval.model.chain import Chain

                conditional = Chain(hidden)
            else:
                conditional = _Table(self.name, hidden)
            conditional.fit(task, self._pilot)
            self._fitted[hidden] = conditional
        return self._fitted[hidden]

    def fingerprint(self) -> Fingerprint:
        """Hash of the name and of the pilot's arms, profiles, weights and answers."""
        value = hashlib.sha256(f"{self.name}:{self._pilot_hash}:2".encode()).hexdigest()
        return Fingerprint("content", value, {"baseline": self.name, **self._details})

    def banners(self) -> Sequence[str]:
        """A sentence where the pilot lacks an arm."""
        arms = self._details.get("arms_not_in_pilot")
        if not arms:
            return ()
        return (f"Nobody of the pilot was in {', '.join(arms)}: the pilot's other arms stand in.",)

    def answer(self, interviews: Interviews) -> Answers:
        """Draw answers; items are independent given arm and cell, except in ``chain``."""
        task, people = interviews.task, interviews.people
        law = self._law(task, interviews.hidden).bind(task, people)
        answers: dict[str, NDArray[np.int64]] = {}
        probabilities: dict[str, FloatArray] = {}
        for number, item in enumerate(task.items):
            table = law(number, answers)
            probabilities[item.name] = table
            answers[item.name] = draw_options(table, interviews.uniforms[:, number])
        states = {name: np.full(people.n, State.ANSWERED, dtype=np.int8) for name in answers}
        return Answers(answers, states, probabilities)

    def log_prob(self, interviews: Interviews, answers: Sample) -> dict[str, FloatArray]:
        """Natural log-probability of given answers, each given the earlier ones; NaN where not answered."""
        task, people = interviews.task, interviews.people
        law = self._law(task, interviews.hidden).bind(task, people)
        result = {}
        for number, item in enumerate(task.items):
            chosen = answers.answers[item.name]
            picked = law(number, answers.answers)[np.arange(people.n), np.maximum(chosen, 0)]
            with np.errstate(divide="ignore"):
                result[item.name] = np.where(chosen >= 0, np.log(picked), np.nan)
        return result


def _hash(pilot: Sample) -> str:
    """Hash of everything of the pilot that a baseline can learn from."""
    digest = hashlib.sha256(pilot.weight.tobytes())
    columns: dict[str, Any] = {"arm": pilot.arm, **pilot.profile, **pilot.answers}
    for name, column in columns.items():
        digest.update("\x1f".join([name, *map(str, column)]).encode() + b"\x1e")
    return digest.hexdigest()


def _absent(task: Task, pilot: Sample) -> dict[str, list[str]]:
    absent = [arm.label for arm in task.arms if not (pilot.arm == arm.key).any()]
    return {"arms_not_in_pilot": absent} if absent else {}


def make_baseline(name: str) -> Baseline:
    """A baseline that is still to be fitted."""
    return Baseline(name)


class _Table:
    """Baselines whose probabilities depend on the arm and the demographic cell only: one table lookup for each item."""

    def __init__(self, name: str, hidden: frozenset[str] = frozenset()) -> None:
        self.name, self.hidden = name, hidden
        self._tables: list[FloatArray] = []
        self._arms: dict[str, int] = {}

    def fit(self, task: Task, pilot: Sample) -> None:
        self._arms = {arm.key: number for number, arm in enumerate(task.arms)}
        arm, cell, cells = self._arm(pilot), *self._cells(task, pilot)
        weight = pilot.weight / pilot.weight.mean() if pilot.weight.sum() > 0 else pilot.weight
        for item in task.items:
            chosen = pilot.answers[item.name]
            rows = chosen >= 0
            counts = np.zeros((len(self._arms), cells, item.k))
            np.add.at(counts, (arm[rows], cell[rows], chosen[rows]), weight[rows])
            self._tables.append(self._table(counts))

    def _table(self, counts: FloatArray) -> FloatArray:
        """(arms, cells, K) probabilities from weighted counts; one cell where the name needs no cells."""
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
            table = np.tile(pooled, (arms, 1, 1))
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
        """Cell of every person, from 0; a missing demographic is a level of its own."""
        cell, count = np.zeros(people.n, dtype=np.int64), 1
        if self.name == "cell":
            for column in task.spec.cells:
                if not _uses(task, column) & self.hidden:
                    index, labels = task.groups(people, column)
                    cell = cell * (len(labels) + 1) + index + 1
                    count *= len(labels) + 1
        return cell, count

    def bind(self, task: Task, people: Sample) -> Bound:
        arm, (cell, _) = self._arm(people), self._cells(task, people)
        return lambda item, given: self._tables[item][arm, cell]


def _uses(task: Task, column: str) -> set[str]:
    """The column and everything that it is derived from."""
    found, pending = set(), {column}
    while pending:
        name = pending.pop()
        found.add(name)
        if name in task.spec.derived:
            expression = Environment(autoescape=True).parse("{{ " + task.spec.derived[name] + " }}")
            pending |= meta.find_undeclared_variables(expression) - found
    return found
