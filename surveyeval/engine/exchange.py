"""Exchanges of people and simulated rows, for tests that need no theory beyond symmetry.

If the simulated answers of a person have the law of that person's own, it does not matter which of them are called the
person's: people and simulated rows are exchanged at random within each respondent (within each primary sampling unit as a
whole, where the sample has any), and the metric is computed anew. Rows that belong to nobody in particular are dealt out
anew within arms.

All rows, people's and those of all draws, stand in one pool. An exchange gives every row of the pool a role: 0 for people,
d for draw d. For a metric that depends on samples through weights alone, an exchange is nothing but two weight vectors over
the pool, so that a thousand of them are a few matrix products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample, concatenate
from surveyeval.data.seeds import generator
from surveyeval.engine.tracks import loss_of
from surveyeval.metric.protocol import Comparison, Metric
from surveyeval.task.task import Task

__all__ = [
    "Pool",
    "by_binding",
    "by_weights",
    "dealt_within_arms",
    "exchanged_within_units",
    "observed_loss",
    "under_exchange",
]

FloatArray = NDArray[np.float64]
RoleArray = NDArray[np.int8]

#: Entries of one chunk of weights: 8 megabytes for each side, and metrics remember a few chunks.
_ENTRIES = 1_000_000


@dataclass(frozen=True, eq=False)
class _Pooled(Sample):
    """All rows of a pool, of which those with weight play the part."""

    @property
    def weighted(self) -> bool:
        """Whether the weights differ between the rows that take part."""
        part = self.weight[self.weight > 0]
        return bool(len(part)) and not np.all(part == part[0])


class Pool:
    """People and one or more draws of simulated rows.

    Parameters
    ----------
    human : Sample
    draws : sequence of Sample
        Where the rows are paired, in the order of `human`.

    Attributes
    ----------
    observed : (rows,) int8 array
        Role that each row has in truth.
    """

    def __init__(self, human: Sample, draws: Sequence[Sample]) -> None:
        # Only answers are exchanged: what else is known of simulated rows is not known of people.
        self.human, self.paired = human, all(one.paired for one in draws)
        parts = [replace(one, probabilities={}, log_prob={}, mass={}) for one in (human, *draws)]
        if not self.paired:  # weights go with rows that are dealt out, so the unit of people's must not matter
            parts = [replace(one, weight=one.weight / one.weight.mean()) for one in parts]
        self.rows = concatenate(parts)
        self.observed: RoleArray = np.repeat(np.arange(len(parts)), [one.n for one in parts]).astype(np.int8)
        self.roles = len(parts)

    def chunk(self) -> int:
        """Number of exchanges that are made at a time."""
        return max(1, _ENTRIES // max(self.rows.n, 1))

    def stacked(self, role: int) -> Sample:
        """All rows, with the weight of those that play the role in truth, and 0 for the others."""
        columns = {one.name: getattr(self.rows, one.name) for one in fields(Sample)}
        weight = np.where(self.observed == role, self.rows.weight, 0.0)
        return _Pooled(**{**columns, "weight": weight, "simulated": role > 0, "paired": role == 0 or self.paired})

    def taken(self, roles: RoleArray, role: int) -> Sample:
        """The rows that play a role in one exchange, as a sample of their own."""
        if not self.paired:
            return replace(self.rows.take(np.flatnonzero(roles == role)), simulated=role > 0, paired=role == 0)
        n = self.human.n
        draw = np.argmax(roles.reshape(self.roles, n) == role, axis=0)
        rows = self.rows.take(draw * n + np.arange(n))
        return replace(rows, respondent=self.human.respondent, simulated=role > 0, paired=True)


def exchanged_within_units(pool: Pool, times: int, seed: int) -> Iterator[RoleArray]:
    """Random roles for paired rows: a person and the simulated rows of this person change places.

    With one draw the two are exchanged with probability 1/2; with D draws all (D + 1)! orders are equally likely.

    Yields
    ------
    (B, rows) int8 array
        `times` rows in all.
    """
    rng, unit = generator(seed, "label swap"), pool.human.units()
    units = int(unit.max()) + 1
    for size in _sizes(times, pool.chunk()):
        order = np.argsort(rng.random((size, pool.roles, units)), axis=1).astype(np.int8)
        yield np.ascontiguousarray(order[:, :, unit].reshape(size, -1))


def dealt_within_arms(pool: Pool, times: int, seed: int) -> Iterator[RoleArray]:
    """Random roles for rows of nobody in particular: all rows of an arm are dealt out anew. Yields as the above."""
    rng = generator(seed, "permutation within arms")
    arm = np.unique(pool.rows.arm.astype(str), return_inverse=True)[1]
    by_arm = [np.flatnonzero(arm == number) for number in range(int(arm.max()) + 1)]
    for size in _sizes(times, pool.chunk()):
        roles = np.empty((size, pool.rows.n), dtype=np.int8)
        for rows in by_arm:
            roles[:, rows] = pool.observed[rows][np.argsort(rng.random((size, len(rows))), axis=1)]
        yield roles


def _sizes(times: int, chunk: int) -> Iterator[int]:
    for start in range(0, times, chunk):
        yield min(chunk, times - start)


def under_exchange(metric: Metric) -> Metric:
    """The metric whose losses are compared: another one where its own loss is in a unit found from people.

    People change places too, so the unit would change with every exchange, and might vanish.
    """
    make: Callable[[], Metric] | None = getattr(metric, "under_exchange", None)
    return metric if make is None else make()


def by_weights(
    metric: Metric, task: Task, pool: Pool, pilot: Sample, cache: dict[Any, Any]
) -> Callable[..., FloatArray]:
    """A function of (roles, seed) to (B, Q) losses, mean over draws, that never leaves the pool.

    `cache` is shared by all metrics of one pool.
    """
    if "stacked" not in cache:
        cache["stacked"] = [pool.stacked(role) for role in range(pool.roles)]
    sides: list[Sample] = cache["stacked"]
    bound: list[Comparison] = [metric.compare(task, sides[0], side, pilot, cache) for side in sides[1:]]

    def losses(roles: RoleArray, seed: int) -> FloatArray:
        weight = _weights(pool, roles, cache)
        found = [
            loss_of(one.values(weight[0], own, seed), metric.spec) for one, own in zip(bound, weight[1:], strict=True)
        ]
        return np.asarray(np.mean(found, axis=0))

    return losses


def _weights(pool: Pool, roles: RoleArray, cache: dict[Any, Any]) -> list[FloatArray]:
    """Weights of each role, found once for all metrics that are asked for the same exchanges; nobody may write to them."""
    known: tuple[RoleArray, list[FloatArray]] | None = cache.get("exchanged")
    if known is None or not np.array_equal(known[0][: len(roles)], roles):
        made = [(roles == role) * pool.rows.weight for role in range(pool.roles)]
        for one in made:
            one.flags.writeable = False
        known = cache["exchanged"] = (roles.copy(), made)
    return [one[: len(roles)] for one in known[1]]


def by_binding(
    metrics: Sequence[Metric], task: Task, pool: Pool, pilot: Sample, roles: RoleArray, seed: int
) -> list[FloatArray]:
    """(B, Q) losses of each metric for metrics that look at more than weights: they are bound anew for every exchange."""
    found: list[list[FloatArray]] = [[] for _ in metrics]
    for one in roles if metrics else ():
        cache: dict[Any, Any] = {}
        sides = [pool.taken(one, role) for role in range(pool.roles)]
        for metric, losses in zip(metrics, found, strict=True):
            by_draw = [_loss(metric, task, sides[0], side, pilot, cache, seed) for side in sides[1:]]
            losses.append(np.asarray(np.mean(by_draw, axis=0)))
    return [np.stack(losses) if losses else np.zeros((0, 0)) for losses in found]


def _loss(
    metric: Metric, task: Task, people: Sample, rows: Sample, pilot: Sample, cache: dict[Any, Any], seed: int
) -> FloatArray:
    values = metric.compare(task, people, rows, pilot, cache).values(people.weight[None], rows.weight[None], seed)
    return np.asarray(loss_of(values, metric.spec)[0])


def observed_loss(
    metric: Metric, task: Task, human: Sample, draws: Sequence[Sample], pilot: Sample, cache: dict[Any, Any], seed: int
) -> FloatArray:
    """(Q,) loss of the samples as they are, mean over draws."""
    return np.asarray(np.mean([_loss(metric, task, human, one, pilot, cache, seed) for one in draws], axis=0))
