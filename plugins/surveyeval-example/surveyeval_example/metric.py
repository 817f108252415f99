"""A metric: how often people answer at the ends of a scale (extreme response style, Greenleaf 1992)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from surveyeval.data.sample import Sample
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.task.task import Item, Task

FloatArray = NDArray[np.float64]


class EndShare:
    """Share of answers at the first or last option of ordered items, averaged over items.

    A metric says what it is (`spec`), to which tasks it applies, and gives values for many weights at once: halves,
    subgroups and jackknife groups are weights, and surveyeval decides which are needed.
    """

    spec = MetricSpec(
        "example_ends",
        "response style",
        "share of answers at the ends of scales",
        direction="target",  # best where the people are, not at an extreme
        floor="uniform",  # what somebody reaches who knows nothing of this
        unit="share",
        range=(0.0, 1.0),
        label="Answers at the ends (example)",  # says whose it is: another plugin may count the same
        help="share of answers at the first or last option of a scale; best where people are",
    )

    def applicable(self, task: Task) -> str | None:
        """None, or why it says nothing about this task: the reason stands on the card."""
        return None if _scales(task) else "no item is an ordered scale of three options or more"

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> _Bound:
        """Bind to two samples: what does not depend on weights is done once."""
        return _Bound(_scales(task), human, simulated)


class _Bound:
    def __init__(self, items: list[Item], human: Sample, simulated: Sample) -> None:
        self._keys = [
            Key("example_ends", headline=True),  # the value that stands for the axis
            *(Key("example_ends", item=item.name) for item in items),
        ]
        self._human, self._simulated = (_columns(items, one) for one in (human, simulated))

    def values(self, human: FloatArray, simulated: FloatArray, seed: int) -> Values:
        """Values for B pairs of weights, (B, n) each: a row of values for each pair."""
        people, rows = _shares(self._human, human), _shares(self._simulated, simulated)
        # the loss says how far from the target a value is; lower is better
        return Values(self._keys, rows, loss=np.abs(rows - people))


def _scales(task: Task) -> list[Item]:
    return [item for item in task.items if item.ordered and item.k >= 3]


def _columns(items: list[Item], sample: Sample) -> tuple[FloatArray, FloatArray]:
    """(n, J) whether an answer is at an end, and whether there is an answer."""
    codes = np.column_stack([sample.answers[item.name] for item in items])
    last = np.array([item.k - 1 for item in items])
    return ((codes == 0) | (codes == last)).astype(float), (codes >= 0).astype(float)


def _shares(columns: tuple[FloatArray, FloatArray], weights: FloatArray) -> FloatArray:
    """(B, 1 + J) mean over items, then each item; NaN where nobody answered."""
    ends, answered = columns
    total = weights @ answered
    by_item = np.divide(weights @ ends, total, out=np.full_like(total, np.nan), where=total > 0)
    return np.column_stack([by_item.mean(axis=1), by_item])
