"""People's own answers, spoiled by degrees: what a metric should notice, with a dial from 0 (a copy) to 1.

    noise          each answer is replaced, with this probability, by any option
    collapse       ... by the most frequent option of the arm
    shuffled       ... by that of another respondent of the arm, so that shares stay and relations go
    stereotyped    ... by one that lies away from the mean of all, as if groups differed four times as much
    over-coherent  actions that contradict beliefs are brought in line, with this probability

Whoever asks for it also gets the probabilities with which answers were drawn and, of each person's own answer, the
logarithm, for scores of probabilities. The metric pages draw their figures with this (docs/metric_figures.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.data.seeds import generator
from surveyeval.task.task import Item, Task

__all__ = ["KINDS", "corrupt"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: What can be done to a sample, in the order of the figures.
KINDS = ("noise", "collapse", "shuffled", "stereotyped", "over-coherent")
#: At level 1 groups lie this many times further from the mean of all than they do among people, and once more.
STRETCH = 3.0


@dataclass(frozen=True, eq=False)
class _Item:
    """One item of a sample: whose answers are known, and who belongs together."""

    item: Item
    answer: IntArray
    known: NDArray[np.bool_]
    arm: IntArray
    group: IntArray
    weight: FloatArray
    derived: bool

    def shares(self, cell: IntArray) -> FloatArray:
        """(n, K) weighted shares of the options among the respondents of the same cell."""
        counts = np.zeros((int(cell.max(initial=0)) + 1, self.item.k))
        np.add.at(counts, (cell[self.known], self.answer[self.known]), self.weight[self.known])
        total = counts.sum(axis=1, keepdims=True)
        return np.divide(counts, total, out=np.full_like(counts, 1 / self.item.k), where=total > 0)[cell]


def corrupt(
    task: Task,
    sample: Sample,
    kind: str,
    level: float,
    *,
    subgroup: str = "",
    scored: bool = False,
    seed: int = 0,
) -> Sample:
    """A simulated sample: the answers of `sample`, spoiled.

    Parameters
    ----------
    task : Task
    sample : Sample
        People with answers. What they did not answer stays unanswered.
    kind : str
        One of `KINDS`.
    level : float
        From 0, an exact copy, to 1. What is spoiled at one level is spoiled at higher ones.
    subgroup : str
        Whose differences are stretched, on other items than those it is derived from; default: the task's first subgroup.
    scored : bool
        Whether to state probabilities; minus infinity where the person's own answer can't come out.
    seed : int

    Returns
    -------
    Sample
        Simulated; with ``probabilities`` and ``log_prob`` if `scored`.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
    if not 0 <= level <= 1:
        raise ValueError(f"level {level} is not between 0 and 1")
    if kind == "over-coherent":
        laws = _coherent(task, sample)
    else:
        laws = {one.item.name: _LAWS[kind](one) for one in _items(task, sample, subgroup)}
    answers, probabilities, log_prob = {}, {}, {}
    for item in task.items:
        own, (touched, law) = sample.answers[item.name], laws[item.name]
        known, share = sample.answered(item.name), level * touched
        # Actions of a rule are changed together.
        rng = generator(seed, "corrupt", kind, "" if kind == "over-coherent" else item.name)
        u, v = rng.random(sample.n), rng.random(sample.n)
        replaced = known & (u < share)
        if kind == "shuffled":
            drawn = _exchanged(own, replaced, _arms(task, sample), v)
        else:
            drawn = np.minimum((v[:, None] >= np.cumsum(law, axis=1)).sum(axis=1), item.k - 1)
        answers[item.name] = np.where(replaced, drawn, own).astype(np.int64)
        copy = (own[:, None] == np.arange(item.k)) * 1.0
        probabilities[item.name] = np.where(known[:, None], (1 - share[:, None]) * copy + share[:, None] * law, 0.0)
        with np.errstate(divide="ignore"):
            mine = np.log(probabilities[item.name][np.arange(sample.n), np.maximum(own, 0)])
        log_prob[item.name] = np.where(known, mine, np.nan)
    if not scored:
        return sample.with_answers(answers, states=sample.states)
    return sample.with_answers(answers, states=sample.states, probabilities=probabilities, log_prob=log_prob)


def _arms(task: Task, sample: Sample) -> IntArray:
    number = {arm.key: a for a, arm in enumerate(task.arms)}
    return np.array([number[key] for key in sample.arm], dtype=np.int64)


def _items(task: Task, sample: Sample, subgroup: str) -> list[_Item]:
    group, derived_from = np.zeros(sample.n, dtype=np.int64), frozenset[str]()
    named = subgroup or next(iter(task.spec.subgroups), "")
    if named:
        group = np.asarray(task.groups(sample, named)[0], dtype=np.int64) + 1  # 0: unknown
        derived_from = task.inputs(named)
    arm = _arms(task, sample)
    return [
        _Item(
            item,
            sample.answers[item.name],
            sample.answered(item.name),
            arm,
            group,
            sample.weight,
            item.name in derived_from,
        )
        for item in task.items
    ]


_Law = tuple[FloatArray, FloatArray]  # whose answers may be replaced (n,), zeros and ones, and what by (n, K)


def _noise(one: _Item) -> _Law:
    n = len(one.answer)
    return np.ones(n), np.full((n, one.item.k), 1 / one.item.k)


def _collapse(one: _Item) -> _Law:
    shares = one.shares(one.arm)
    return np.ones(len(one.answer)), _first(shares == shares.max(axis=1, keepdims=True))


def _shuffled(one: _Item) -> _Law:
    return np.ones(len(one.answer)), one.shares(one.arm)


def _stereotyped(one: _Item) -> _Law:
    """Shift a group's answers away from the mean of all; answers without order move to the group's most frequent."""
    n, k = len(one.answer), one.item.k
    touched = ((one.group > 0) & ~one.derived) * 1.0
    in_group = one.shares(one.group)
    if not one.item.ordered and k > 2:
        return touched, _first(in_group == in_group.max(axis=1, keepdims=True))
    rank = np.argsort(np.argsort(one.item.values, kind="stable")) if one.item.ordered else np.arange(k)
    overall = one.shares(np.zeros(n, dtype=np.int64))
    place = np.clip(rank[np.maximum(one.answer, 0)] + STRETCH * (in_group @ rank - overall @ rank), 0, k - 1)
    # A place between two options is either of them, with probabilities that keep the mean.
    return touched, np.maximum(1 - np.abs(place[:, None] - rank[None, :]), 0.0)


def _first(mask: NDArray[np.bool_]) -> FloatArray:
    """(n, K) one for the first true column of each row."""
    return ((np.cumsum(mask, axis=1) == 1) & mask).astype(float)


def _exchanged(answer: IntArray, chosen: NDArray[np.bool_], arm: IntArray, order: FloatArray) -> IntArray:
    """Answers of the chosen respondents of an arm, handed round among them."""
    result = answer.copy()
    for one in np.unique(arm):
        rows = np.flatnonzero(chosen & (arm == one))
        result[rows] = answer[rows[np.argsort(order[rows], kind="stable")]]
    return result


def _coherent(task: Task, sample: Sample) -> dict[str, _Law]:
    """Laws under which actions that contradict the task's first rule are replaced by such as follow from it."""
    laws = {item.name: (np.zeros(sample.n), np.full((sample.n, item.k), 1 / item.k)) for item in task.items}
    for rule in task.spec.coherence[:1]:
        names = task.rule_actions(rule)
        wrong = task.coherence(sample, rule) == 0
        law: Mapping[str, FloatArray] = {name: np.zeros((sample.n, task.item(name).k)) for name in names}
        for options in product(*(range(task.item(name).k) for name in names)):
            actions = dict(zip(names, options, strict=True))
            follows = task.coherence_if(sample, rule, actions) == 1
            for name, option in actions.items():
                law[name][follows & (law[name].sum(axis=1) == 0), option] = 1.0
        for name in names:
            possible = wrong & (law[name].sum(axis=1) > 0)
            laws[name] = (possible * 1.0, law[name])
    return laws


_LAWS: Mapping[str, Callable[[_Item], _Law]] = {
    "noise": _noise,
    "collapse": _collapse,
    "shuffled": _shuffled,
    "stereotyped": _stereotyped,
}
