"""Routing: who is asked an item, by the respondent's own answers to the items before it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample, State
from surveyeval.task.task import Item, Task

__all__ = ["asked", "follow"]

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


def asked(task: Task, people: Sample, item: Item, answers: Mapping[str, IntArray]) -> BoolArray:
    """Who is put an item.

    Parameters
    ----------
    task : Task
    people : Sample
        Arm and profile are used.
    item : Item
    answers : mapping of item to (n,) int array
        Option indices, -1 where there is none; items that are left out count as not answered.

    Returns
    -------
    (n,) bool array
        Everybody where the item has no ``ask_if``. Where the rule needs an answer that was not given it is not true, so the
        item is not put, as a questionnaire's filter has it.
    """
    if item.spec.ask_if is None:
        return np.ones(people.n, dtype=bool)
    none = np.full(people.n, -1, dtype=np.int64)
    known = people.with_answers({other.name: answers.get(other.name, none) for other in task.items})
    rule = task.rule(known, item.spec.ask_if)
    return np.asarray(rule.valid & rule.values.astype(bool))


def follow(
    task: Task, people: Sample, answers: Mapping[str, IntArray], states: Mapping[str, NDArray[np.int8]] | None
) -> tuple[dict[str, IntArray], dict[str, NDArray[np.int8]] | None]:
    """Answers without those to items that are not put, in the order of the items.

    Returns
    -------
    (answers, states)
        As given where no item has a rule. `states` may be None on return only then.
    """
    kept = dict(answers)
    if all(item.spec.ask_if is None for item in task.items):
        return kept, None if states is None else dict(states)
    filled = dict(states or people.with_answers(answers).states)
    for item in task.items:
        left_out = ~asked(task, people, item, kept)
        kept[item.name] = np.where(left_out, -1, kept[item.name])
        filled[item.name] = np.where(left_out, np.int8(State.NOT_ASKED), filled[item.name])
    return kept, filled
