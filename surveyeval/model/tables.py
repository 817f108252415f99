"""Tables of counts: baselines whose probabilities depend on the arm and the demographic cell only."""

from __future__ import annotations

import numpy as np
from jinja2 import Environment, meta
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.model.laws import Bound, ItemLaw
from surveyeval.task.task import Item, Task

__all__ = ["PSEUDO_PEOPLE", "SMOOTHING", "Tables", "arm_numbers", "smoothed", "weighted_counts"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Added to the count of every option, so that an answer absent from a small pilot is not impossible.
SMOOTHING = 0.5
#: Weight of the arm's distribution in a cell, in people.
PSEUDO_PEOPLE = 10.0


def arm_numbers(task: Task, people: Sample) -> IntArray:
    """(n,) position of each person's arm in ``task.arms``."""
    position = {arm.key: number for number, arm in enumerate(task.arms)}
    return np.array([position[arm] for arm in people.arm], dtype=np.int64)


def weighted_counts(task: Task, pilot: Sample, item: Item, cell: IntArray, cells: int) -> FloatArray:
    """(arms, cells, K) sums of the weights of those who gave each answer."""
    chosen = pilot.answers[item.name]
    rows = chosen >= 0
    counts = np.zeros((len(task.arms), cells, item.k))
    np.add.at(counts, (arm_numbers(task, pilot)[rows], cell[rows], chosen[rows]), pilot.weight[rows])
    return counts


def smoothed(by_arm: FloatArray) -> FloatArray:
    """(arms, K) smoothed distributions within arms; the pooled one for an arm in which nobody answered."""
    pooled = by_arm.sum(axis=0) + SMOOTHING
    marginal: FloatArray = (by_arm + SMOOTHING) / (by_arm + SMOOTHING).sum(axis=1, keepdims=True)
    marginal[by_arm.sum(axis=1) == 0] = pooled / pooled.sum()
    return marginal


class Tables(ItemLaw):
    """One table lookup for each item.

    Parameters
    ----------
    name : {"uniform", "mode", "pooled", "marginal", "cell"}
    hidden : frozenset of str
        Profile fields that cells must not use, directly or through derived columns.
    """

    def __init__(self, name: str, hidden: frozenset[str] = frozenset()) -> None:
        self.name, self.hidden = name, hidden
        self._tables: list[FloatArray] = []

    def fit(self, task: Task, pilot: Sample) -> None:
        """Count the pilot's answers."""
        cell, cells = self._cells(task, pilot)
        self._tables = [self._table(weighted_counts(task, pilot, item, cell, cells)) for item in task.items]

    def _table(self, counts: FloatArray) -> FloatArray:
        """(arms, cells, K) probabilities from weighted counts; one cell where the name needs no cells."""
        arms, _, k = counts.shape
        by_arm = counts.sum(axis=1)
        everybody = by_arm.sum(axis=0)
        marginal = smoothed(by_arm)
        if self.name == "uniform":
            table = np.full((arms, 1, k), 1 / k)
        elif self.name == "pooled":
            table = np.tile((everybody + SMOOTHING) / (everybody + SMOOTHING).sum(), (arms, 1, 1))
        elif self.name == "mode":
            modal = np.where(by_arm.sum(axis=1) == 0, everybody.argmax(), by_arm.argmax(axis=1))
            table = np.eye(k)[modal][:, None, :]
        elif self.name == "marginal":
            table = marginal[:, None, :]
        else:
            mixed = counts + PSEUDO_PEOPLE * marginal[:, None, :]
            table = mixed / mixed.sum(axis=2, keepdims=True)
        return table

    def _cells(self, task: Task, people: Sample) -> tuple[IntArray, int]:
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
        """The law for these people; earlier answers do not matter."""
        arm, (cell, _) = arm_numbers(task, people), self._cells(task, people)
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
