"""Choosing the people to train on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.files import digest
from surveyeval.data.sample import Sample, State
from surveyeval.data.split import Split
from surveyeval.errors import ConfigError, did_you_mean
from surveyeval.task.human import HumanData
from surveyeval.task.task import Task
from surveyeval.tuning.options import PilotDesign

__all__ = ["Pilot", "choose_pilot", "pilot_record", "without_items"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

#: Balancing needs levels; a column with more of them than this is a number or an identifier.
MOST_LEVELS = 50


@dataclass(frozen=True, eq=False)
class Pilot:
    """The people chosen.

    Parameters
    ----------
    rows : (m,) int array
        Rows of the human sample, in the order of the split.
    weight : (m,) float array
        Survey weight times inverse sampling weight, mean 1: with it, a balanced pilot stands for the people in scope.
    balanced : bool
        Whether the sampling weights differ.
    """

    rows: IntArray
    weight: FloatArray
    balanced: bool

    def sample(self, people: Sample) -> Sample:
        """The people chosen, with these weights."""
        return replace(people.take(self.rows), weight=self.weight)


def choose_pilot(task: Task, human: HumanData, split: Split, design: PilotDesign) -> Pilot:
    """Choose the pilot of a design: deterministic, and nested in every larger pilot of the same design.

    Parameters
    ----------
    task : Task
    human : HumanData
    split : Split
        Of the same people.
    design : PilotDesign

    Raises
    ------
    ConfigError
        When the scope, the column to balance or a field to hide does not exist, or too few people are in scope; when
        nobody chosen has a survey weight above 0.
    """
    people = human.sample
    for name in design.hide:
        if name not in task.profile:
            hint = did_you_mean(name, task.profile) or f"the profile has {', '.join(task.profile) or 'no fields'}"
            raise ConfigError(f"cannot hide {name!r}: it is not in the profile of task {task.name!r}", hint=hint)
    in_scope = _in_scope(task, people, design.scope)
    order = split.order[in_scope[split.order]]
    size = round(design.size * len(order)) if design.size < 1 else int(design.size)
    if not 2 <= size < len(order) or (design.size >= 1 and size != design.size):
        raise ConfigError(
            f"a pilot of {size if design.size < 1 else f'{design.size:g}'} people cannot be taken from {len(order)} in scope",
            hint="--pilot takes at least 2 people and leaves some to test on; below 1 it is a share",
        )
    if design.balance is None:
        rows = order[:size]
        return Pilot(rows, _scaled(people.weight[rows]), balanced=False)
    level = _levels(task, people, design.balance)
    known = order[level[order] >= 0]
    rows = _balanced(known, level, np.isin(known, split.pool), size)
    if len(rows) < size:
        raise ConfigError(
            f"only {len(rows)} people in scope have a known {design.balance!r}, and {size} are asked for",
            hint="ask for fewer with --pilot",
        )
    shares = {g: (level[known] == g).mean() / (level[rows] == g).mean() for g in set(level[rows].tolist())}
    factor = np.array([shares[int(g)] for g in level[rows]])
    return Pilot(rows, _scaled(people.weight[rows] * factor), balanced=True)


def _scaled(weight: FloatArray) -> FloatArray:
    if not weight.sum() > 0:
        raise ConfigError(
            f"the {len(weight)} people of the pilot have no survey weight", hint="ask for more with --pilot"
        )
    return np.asarray(weight / weight.mean())


def _in_scope(task: Task, people: Sample, scope: str | None) -> NDArray[np.bool_]:
    if scope is None:
        return np.ones(people.n, dtype=bool)
    kind, equals, name = scope.partition("=")
    keys = [arm.key for arm in task.arms]
    if kind != "arm" or not equals:
        raise ConfigError(f"scope {scope!r} is not written arm=NAME", hint=f"arms: {', '.join(keys)}")
    if not task.is_experiment:
        raise ConfigError(f"task {task.name!r} has no arms", hint="it is no experiment: leave --scope out")
    if name not in keys:
        hint = did_you_mean(name, keys) or f"arms: {', '.join(keys)}"
        raise ConfigError(f"task {task.name!r} has no arm {name!r}", hint=hint)
    return np.asarray(people.arm == name)


def _levels(task: Task, people: Sample, column: str) -> IntArray:
    """(n,) number of each person's level, -1 where it is missing."""
    types = task.column_types
    able = [name for name, kind in types.items() if kind.given and kind.origin != "arm"]
    if column not in able:
        hint = did_you_mean(column, able) or f"profile columns: {', '.join(able)}"
        raise ConfigError(f"cannot balance over {column!r}: it is no profile column of task {task.name!r}", hint=hint)
    if not (types[column].levels or types[column].kind == "boolean"):
        raise ConfigError(
            f"cannot balance over {column!r}: it has no declared levels",
            hint="balance over a derived column, for example cut(age, 18, 35, 50, 65)",
        )
    index, labels = task.groups(people, column)
    if len(labels) > MOST_LEVELS:
        raise ConfigError(f"cannot balance over {column!r}: it has {len(labels)} levels")
    return index


def _balanced(order: IntArray, level: IntArray, in_pool: NDArray[np.bool_], size: int) -> IntArray:
    """The first `size` people when every level sends its next person in turn; a level that is used up drops out.

    The pool comes first, whatever the size, so that pilots are nested; beyond it, levels that fell behind catch up.
    """
    turn = np.empty(len(order), dtype=np.int64)
    for g in np.unique(level[order]):
        own = np.flatnonzero(level[order] == g)
        turn[own] = np.arange(len(own))
    chosen: IntArray = order[np.lexsort((np.arange(len(order)), turn, ~in_pool))][:size]
    return chosen


def pilot_record(task: Task, human: HumanData, pilot: Pilot, design: PilotDesign) -> dict[str, Any]:
    """What an adapter keeps of its pilot: counts, the design, and salted hashes of the identifiers."""
    names = list(human.sample.respondent[pilot.rows])
    # The salt keeps hashes of one data set from being looked up in another's; it is no secret.
    salt = digest([human.sha256, task.name, design.model_dump(mode="json")])[:32]
    arms = human.sample.arm[pilot.rows]
    return {
        "people": len(names),
        "design": design.model_dump(mode="json"),
        "arms": {arm.key: int((arms == arm.key).sum()) for arm in task.arms if (arms == arm.key).any()},
        "salt": salt,
        "hashes": sorted(hashlib.sha256(f"{salt}:{name}".encode()).hexdigest() for name in names),
    }


def without_items(people: Sample, names: Iterable[str]) -> Sample:
    """The same people as if they had not been asked these items."""
    answers, states = dict(people.answers), dict(people.states)
    for name in names:
        answers[name] = np.full(people.n, -1, dtype=np.int64)
        states[name] = np.full(people.n, State.NOT_ASKED, dtype=np.int8)
    return replace(people, answers=answers, states=states)
