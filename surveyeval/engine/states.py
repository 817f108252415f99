"""Why an item has, or has not, an answer: counts of states by group of respondents, on both sides.

States stay apart: not asked is not missing, an answer that cannot be read (`invalid`) is no refusal, and an interview that
was not run says nothing of anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from surveyeval.data.sample import Sample, State
from surveyeval.task.task import Task

__all__ = ["states_by_group"]


def states_by_group(task: Task, human: Sample, simulated: Sequence[Sample]) -> Iterator[dict[str, Any]]:
    """Counts of the states of every item within every group of the task's subgroups and within every arm.

    Parameters
    ----------
    task : Task
    human : Sample
    simulated : sequence of Sample
        One for each draw; counts are over all draws, shares are of the rows of the group. Simulated rows are in the group
        of the person whose profile they were given; rows that stand for no person are counted by arm only.

    Yields
    ------
    dict
        ``item``, ``subgroup`` (empty for arms), ``group`` (key of the arm, or label), ``side``, ``state``, ``count``,
        ``share``. States that do not occur are left out.
    """
    for subgroup, group, side, samples, masks in _cells(task, human, simulated):
        total = sum(int(mask.sum()) for mask in masks)
        for item in task.items:
            counts = np.zeros(len(State), dtype=int)
            for sample, mask in zip(samples, masks, strict=True):
                counts += np.bincount(sample.states[item.name][mask], minlength=len(State))
            for state in State:
                if counts[state]:
                    count = int(counts[state])
                    yield {"item": item.name, "subgroup": subgroup, "group": group, "side": side,
                           "state": state.name.lower(), "count": count, "share": count / total}  # fmt: skip


def _cells(
    task: Task, human: Sample, simulated: Sequence[Sample]
) -> Iterator[tuple[str, str, str, Sequence[Sample], list[Any]]]:
    sides = (("people", [human]), ("simulation", list(simulated)))
    for arm in task.arms if task.is_experiment else ():
        for side, samples in sides:
            yield "", arm.key, side, samples, [np.asarray(sample.arm == arm.key) for sample in samples]
    for subgroup in task.spec.subgroups:
        index, labels = task.groups(human, subgroup)  # the person's value on both sides
        for k, label in enumerate(labels):
            for side, samples in sides:
                if all(sample.paired for sample in samples):
                    yield subgroup, label, side, samples, [index == k for _ in samples]
