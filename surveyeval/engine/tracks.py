"""What one sample gave for one metric over all splits: value and loss, full and with each jackknife group removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from surveyeval.metric.protocol import Key, MetricSpec, OverSplits, Values

__all__ = ["Halved", "Track", "loss_of", "over_splits"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Halved:
    """What one split gave: the mean of its two directions. Small, since it travels between processes.

    Parameters
    ----------
    keys : sequence of Key, optional
        The same in every split, so the first one's are enough.
    value, loss : (1 + groups, keys) float arrays
    n_eff : (keys,) float array, optional
    status, flags : mapping of a key's number to what is known of it
    """

    keys: Sequence[Key] | None
    value: FloatArray
    loss: FloatArray
    n_eff: FloatArray | None
    status: dict[int, tuple[str, str]]
    flags: dict[int, tuple[str, ...]]

    @classmethod
    def of(cls, values: Values, spec: MetricSpec, *, named: bool) -> Halved:
        """From the values of both directions; with the keys if `named`."""
        value, loss = ((both[0::2] + both[1::2]) / 2 for both in (values.value, loss_of(values, spec)))
        least = None if values.n_eff is None else values.n_eff[:2].min(axis=0)
        place = {key: number for number, key in enumerate(values.keys)} if values.status or values.flags else {}
        status = {place[key]: known for key, known in values.status.items() if key in place}
        flags = {place[key]: known for key, known in values.flags.items() if key in place}
        return cls(tuple(values.keys) if named else None, value, loss, least, status, flags)


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

    def add(self, halved: Halved) -> None:
        """Add one split; the first one has the keys."""
        if self.count == 0:
            assert halved.keys is not None
            self.keys, self.value, self.loss = halved.keys, np.zeros_like(halved.value), np.zeros_like(halved.loss)
        self.value += halved.value
        self.loss += halved.loss
        self.by_split.append(halved.value[0])
        self.count += 1
        self.status.update((self.keys[number], known) for number, known in halved.status.items())
        self.flags.update((self.keys[number], known) for number, known in halved.flags.items())
        if halved.n_eff is not None:
            self.n_eff = halved.n_eff if self.n_eff is None else self.n_eff + halved.n_eff

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
