"""Which items can be used, for what reason others cannot, and how items make up the overall value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from surveyeval.data.sample import Sample
from surveyeval.metric.protocol import Key
from surveyeval.task.task import Task

from surveyeval_ppi.formulas import FEWEST, design
from surveyeval_ppi.pairs import Pairs, once, pairs_of, why_not_paired

__all__ = ["DRAWN", "Layout", "layout_of"]

FloatArray = NDArray[np.float64]

#: Flag of values whose predictions are single simulated answers, which are noisier than expected answers.
DRAWN = "from-single-answers"


@dataclass(frozen=True, eq=False)
class Layout:
    """Items of one comparison.

    Parameters
    ----------
    usable : mapping of item number to (pairs, (n, N))
    status, flags : mappings of Key
        As in `surveyeval.metric.protocol.Values`.
    """

    usable: Mapping[int, tuple[Pairs, tuple[int, int]]]
    status: Mapping[Key, tuple[str, str]]
    flags: Mapping[Key, tuple[str, ...]]

    def mean_over_items(self, by_item: FloatArray) -> FloatArray:
        """(B,) mean of (B, J) values over usable items; NaN where one of them is not defined, or there is none."""
        if not self.usable:
            return np.full(len(by_item), np.nan)
        return np.asarray(by_item[:, list(self.usable)].mean(axis=1))


def layout_of(
    task: Task, human: Sample, simulated: Sample, pilot: Sample, keys: Sequence[Key], cache: dict[Any, Any]
) -> Layout:
    """Sort items into those that can be used and those that cannot; `keys` are of an item, or over all items."""
    reason = why_not_paired(simulated)
    if reason:
        return Layout({}, dict.fromkeys(keys, ("not_applicable", reason)), {})
    usable: dict[int, tuple[Pairs, tuple[int, int]]] = {}
    bad: dict[str, tuple[str, str]] = {}
    drawn: set[str] = set()
    found = once(cache, "pairs", simulated, lambda: pairs_of(task, human, simulated, pilot))
    for j, (item, pairs) in enumerate(zip(task.items, found, strict=True)):
        people = int(pairs.answered.sum())
        sizes = design(people)
        if sizes is None:
            bad[item.name] = (
                "too_small",
                f"{people} people answered {item.name!r}; {2 * FEWEST} are needed: {FEWEST} asked and as many predicted",
            )
        elif pairs.problem:
            bad[item.name] = ("not_estimable", pairs.problem)
        else:
            usable[j] = (pairs, sizes)
            drawn |= {item.name} if pairs.drawn else set()
    status = {key: bad[key.item] for key in keys if key.item in bad}
    if not usable:
        first = next(iter(bad.values()), ("not_estimable", "the task has no items"))
        status |= {key: first for key in keys if not key.item}
    flags = {key: (DRAWN,) for key in keys if key.item in drawn or (drawn and not key.item)}
    return Layout(usable, status, {key: flag for key, flag in flags.items() if key not in status})
