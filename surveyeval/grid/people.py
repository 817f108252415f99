"""The people of a study: one test set for the whole grid, and pilots from everybody else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.files import digest
from surveyeval.data.sample import Sample
from surveyeval.data.split import Split, make_split
from surveyeval.engine.experiment import split_people
from surveyeval.errors import ConfigError, did_you_mean
from surveyeval.grid.crossfit import folds
from surveyeval.grid.plan import Design
from surveyeval.task.human import HumanData
from surveyeval.task.task import Task
from surveyeval.tuning.options import PilotDesign
from surveyeval.tuning.pilot import Pilot, choose_pilot, without_items

__all__ = ["Holdout", "StudyPeople", "read_holdout"]


@dataclass(frozen=True)
class Holdout:
    """What nobody is trained on: an arm, a level of a profile column, or an item."""

    kind: str
    name: str
    level: str = ""

    @property
    def label(self) -> str:
        """As written."""
        return f"{self.kind}={self.name}" + (f"={self.level}" if self.level else "")

    def rows(self, task: Task, people: Sample) -> NDArray[np.bool_]:
        """(n,) mask of the people held out; nobody for an item."""
        if self.kind == "arm":
            return np.asarray(people.arm == self.name)
        if self.kind == "group":
            index, labels = task.groups(people, self.name)
            return np.asarray(index == labels.index(self.level))
        return np.zeros(people.n, dtype=bool)


def read_holdout(task: Task, people: Sample, text: str) -> Holdout:
    """Read ``arm=NAME``, ``item=NAME`` or ``group=COLUMN=LEVEL``.

    Raises
    ------
    ConfigError
        When there is no such arm, item, column or level.
    """
    kind, _, rest = text.partition("=")
    if kind == "arm":
        known = [arm.key for arm in task.arms] if task.is_experiment else []
        _known(text, rest, known, f"arms of task {task.name!r}")
        return Holdout("arm", rest)
    if kind == "item":
        _known(text, rest, [item.name for item in task.items], f"items of task {task.name!r}")
        return Holdout("item", rest)
    column, _, level = rest.partition("=")
    able = [name for name, kind in task.column_types.items() if kind.levels and kind.origin not in ("item", "arm")]
    _known(text, column, able, "profile columns with levels")
    labels = task.groups(people, column)[1]
    _known(text, level, labels, f"levels of {column!r}")
    return Holdout("group", column, level)


def _known(text: str, name: str, known: list[str] | tuple[str, ...], what: str) -> None:
    if name not in known:
        hint = did_you_mean(name, known) or f"{what}: {', '.join(known) or 'none'}"
        raise ConfigError(f"holdout {text!r}: there is no {name!r}", hint=hint)


@dataclass(frozen=True, eq=False)
class StudyPeople:
    """Everybody of one task, divided for a study.

    Parameters
    ----------
    task : Task
    human : HumanData
    share : float
        Of all people, the last of the split, stratified by arm: the test people.
    limit : int, optional
        The first so many of them only.
    holdout : Holdout, optional
    fold : (int, int), optional
        Number of the fold that is tested, and number of folds; `share` is not used then.
    """

    task: Task
    human: HumanData
    share: float
    limit: int | None = None
    holdout: Holdout | None = None
    fold: tuple[int, int] | None = None

    @cached_property
    def split(self) -> Split:
        """The task's own permutation, divided at the study's place."""
        return self._divided(0)

    def _parts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        order = split_people(self.task, self.human).order
        if self.fold is not None:
            number, count = self.fold
            tested = folds(self.human.sample, count, f"{self.task.name}:{self.human.sha256}")[order] == number
            return order[~tested], order[tested]
        boundary = len(order) - round(self.share * len(order))
        return order[:boundary], order[boundary:]

    def _divided(self, draw: int) -> Split:
        pool, test = self._parts()
        if draw:
            inner = make_split(self.human.sample.take(pool), f"{self.task.name}:{self.human.sha256}:draw {draw}")
            pool = pool[inner.order]
        key = digest([len(pool), list(self.human.sample.respondent[np.concatenate([pool, test])])])
        return Split(np.concatenate([pool, test]), pool, test, key)

    @cached_property
    def test(self) -> Sample:
        """The test people, the same for the whole grid."""
        rows = self.split.test if self.limit is None else self.split.test[: self.limit]
        return self.human.sample.take(rows)

    def pilot(self, design: Design) -> Pilot:
        """The pilot of a design.

        Raises
        ------
        ConfigError
            When more people are asked for than there are outside the test set.
        """
        order = self._divided(design.draw).pool
        people = self.human.sample
        if self.holdout is not None:
            order = order[~self.holdout.rows(self.task, people)[order]]
        own = Split(np.concatenate([order, self.split.test]), order, self.split.test, self.split.hash)
        size = self._size(design, order)
        scope = None if design.scope == "all" else design.scope
        balance = None if design.balance == "random" else design.balance
        return choose_pilot(self.task, self.human, own, PilotDesign(size=size, scope=scope, balance=balance))

    def _size(self, design: Design, order: NDArray[np.int64]) -> int:
        arm = design.scope.removeprefix("arm=")
        in_scope = np.ones(self.human.sample.n, dtype=bool)
        if design.scope != "all":
            in_scope = np.asarray(self.human.sample.arm == arm)
        able, words = in_scope, "people in scope"
        if design.balance in self.task.column_types:
            # Balancing passes over people whose level is not known, and would go on to the test people.
            able = in_scope & (self.task.groups(self.human.sample, design.balance)[0] >= 0)
            words = f"people in scope with a known {design.balance!r}"
        available = int(able[order].sum())
        if design.size == "all":
            return available
        wanted = float(design.size)
        size = round(wanted * int(in_scope.sum())) if wanted < 1 else int(wanted)
        if size > available:
            raise ConfigError(
                f"a pilot of {design.size} ({size} people) is asked for, and {available} {words} are outside the test set",
                hint="write a smaller size, or all",
            )
        return size

    def trained(self, pilot: Pilot) -> Sample:
        """The pilot's people with their weights, and without the item that is held out."""
        people = pilot.sample(self.human.sample)
        if self.holdout is None or self.holdout.kind != "item":
            return people
        return without_items(people, [self.holdout.name])

    def unseen(self, pilot: Pilot) -> NDArray[np.bool_]:
        """(n test,) mask of test people in an arm, or a group, that nobody of the pilot is in."""
        arms = set(self.human.sample.arm[pilot.rows])
        unseen = np.array([arm not in arms for arm in self.test.arm], dtype=bool)
        if self.holdout is not None:
            unseen |= self.holdout.rows(self.task, self.test)
        return unseen
