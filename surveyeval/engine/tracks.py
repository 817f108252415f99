"""What one sample gave for one metric over all splits: value and loss, full and with each jackknife group removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from surveyeval.metric.protocol import Key, MetricSpec, OverSplits, Values

__all__ = ["Track", "loss_of", "over_splits"]

FloatArray = NDArray[np.float64]


@dataclass(eq=False)
class Track:
    """Sums over splits; `finished` gives the means.

    ``value`` and ``loss`` are (1 + groups, keys): the first row is everybody.
    """

    keys: Sequence[Key] = ()
    value: FloatArray = field(default_factory=lambda: np.zeros(0))
    loss: FloatArray = field(default_factory=lambda: np.zeros(0))
    by_split: list[FloatArray] = field(default_factory=list)
    count: int = 0
    status: dict[Key, tuple[str, str]] = field(default_factory=dict)
    flags: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    n_eff: FloatArray | None = None

    def add(self, values: Values, spec: MetricSpec) -> None:
        """Add one split: the two directions are averaged."""
        value, loss = ((both[0::2] + both[1::2]) / 2 for both in (values.value, loss_of(values, spec)))
        if self.count == 0:
            self.keys, self.value, self.loss = values.keys, np.zeros_like(value), np.zeros_like(loss)
        self.value += value
        self.loss += loss
        self.by_split.append(value[0])
        self.count += 1
        self.status.update(values.status)
        self.flags.update(values.flags)
        if values.n_eff is not None:
            least = values.n_eff[:2].min(axis=0)
            self.n_eff = least if self.n_eff is None else self.n_eff + least

    def finished(self) -> Track:
        """Means over splits."""
        count = max(self.count, 1)
        size = None if self.n_eff is None else self.n_eff / count
        return replace(self, value=self.value / count, loss=self.loss / count, n_eff=size)


def loss_of(values: Values, spec: MetricSpec) -> FloatArray:
    """The metric's own loss, or its value with the sign that makes lower better."""
    if values.loss is not None:
        return values.loss
    return -values.value if spec.direction == "higher" else values.value


def over_splits(metric: OverSplits, track: Track, reference: Track) -> Track:
    """What a metric makes of all splits of one sample together; both tracks are finished."""
    sizes = np.zeros(len(reference.keys)) if reference.n_eff is None else reference.n_eff
    keys, values, status = metric.over_splits(
        tuple(track.keys), np.array(track.by_split), np.array(reference.by_split), sizes, track.status
    )
    mean = values.mean(axis=0, keepdims=True)
    return Track(keys, mean, mean, list(values), track.count, status)
