"""Label swap: is a simulation further from people than it would be if the two had changed places at random?

Exact at any size, without halves: if the simulated answers of a person have the law of that person's own, exchanging the
two changes nothing but by chance. See `surveyeval.engine.exchange` for how exchanges are made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.engine.exchange import (
    Pool,
    by_binding,
    by_weights,
    dealt_within_arms,
    exchanged_within_units,
    observed_loss,
    under_exchange,
)
from surveyeval.engine.processes import processors, spread
from surveyeval.engine.tested import Tested
from surveyeval.metric.classifier import ClassifierAUC
from surveyeval.metric.classifier_swap import swapped_areas
from surveyeval.metric.protocol import Key, Metric, OverSplits, Values

__all__ = ["EXCHANGES", "FEWER_EXCHANGES", "FEWEST_EXCHANGES", "MOST_DRAWS", "LabelSwaps"]

FloatArray = NDArray[np.float64]

#: Exchanges of a label swap; fewer where every exchange costs regressions, fewest where answers are tabulated anew.
EXCHANGES, FEWER_EXCHANGES, FEWEST_EXCHANGES = 999, 199, 99
#: Exchanges that are counted at a time, and exchanges times rows from which on further processes are worth while.
_PIECE, _WORTHWHILE = 50, 100_000
#: Draws that take part in an exchange: all their orders are equally likely, and the pool grows with each.
MOST_DRAWS = 5
#: Metrics that ask for fewer splits than this are dear.
_CHEAP_SPLITS = 50
#: Share of second samples of people that are closer than a simulation flagged `too_close`.
_CLOSER = 0.025
_TOO_CLOSE = (
    "closer than 97.5% of second samples of people would be: answers of these people were copied, or profiles determine "
    "them"
)


@dataclass(frozen=True, eq=False)
class _Swap:
    """A metric under exchanges; without `pooled` it is bound anew for each, with `refused` it is not tested."""

    metric: Metric
    keys: Sequence[Key]
    times: int
    observed: FloatArray = field(default_factory=lambda: np.zeros(0))
    pooled: Callable[[NDArray[np.int8], int], FloatArray] | None = None
    refused: str = ""


class LabelSwaps:
    """Label swaps of one model.

    Parameters
    ----------
    tested : Tested
    quick : bool
        A tenth of the exchanges.
    """

    def __init__(self, tested: Tested, *, quick: bool) -> None:
        self.tested, self.task, self.human, self.pilot = tested, tested.make.task, tested.human, tested.pilot
        self.draws, self.seed = tested.draws, tested.make.seed
        self.pool = Pool(self.human, self.draws[:MOST_DRAWS])
        every = (EXCHANGES, FEWER_EXCHANGES, FEWEST_EXCHANGES)
        self.many, self.fewer, self.fewest = ((times + 1) // 10 - 1 if quick else times for times in every)
        self.unit = "respondents" if self.human.psu is None else "primary sampling units"

    def rows(self, metrics: Sequence[Metric], headlines: frozenset[str]) -> Iterator[dict[str, Any]]:
        """Rows of the population metrics with a headline, named in `headlines`: it, and what it is made of."""
        chosen = [
            under_exchange(metric)
            for metric in metrics
            if metric.spec.axis != "individual" and metric.spec.name in headlines and not isinstance(metric, OverSplits)
        ]
        own = [metric for metric in chosen if _ours(metric)]
        swaps = self._swaps(own)
        exceeded, close = self._count(swaps), self._too_close(swaps)
        for metric in (one for one in chosen if not _ours(one)):
            # Whatever a plugin raises costs its own tests, and nobody else's. Our own may raise: that is a mistake.
            try:
                tried = self._swaps([metric])
                counted, near = self._count(tried), self._too_close(tried)
            except Exception as error:
                reason = f"the metric failed under exchanges: {type(error).__name__}: {error}"
                yield self.tested.row(metric, Key(metric.spec.name), status="not_applicable", reason=reason)
                continue
            swaps, exceeded, close = [*swaps, *tried], exceeded | counted, close | near
        for swap in swaps:
            for q, key in enumerate(swap.keys):
                found = self.tested.row(swap.metric, key)
                if found["status"] == "ok" and swap.refused:
                    found |= {"status": "not_applicable", "reason": swap.refused}
                elif found["status"] == "ok":
                    found |= self.p(swap.metric, key, exceeded[id(swap)][q], swap.times)
                    if (id(swap), q) in close:
                        found |= {"flags": "too_close", "reason": _TOO_CLOSE}
                yield found

    def _swaps(self, metrics: Sequence[Metric]) -> list[_Swap]:
        """How metrics answer for exchanges, how many they are asked for, and what is observed.

        A metric depends on samples through weights alone if the pool gives what binding anew gives: for what is observed
        and for two exchanges. Otherwise it is bound anew, which is slow; and if that does not give the estimate either,
        the metric does not depend on answers alone.
        """
        tried = np.vstack([self.pool.observed[None], next(self.exchanges(2))])
        anew = by_binding(metrics, self.task, self.pool, self.pilot, tried, self.seed)
        direct: dict[Any, Any] = {}
        stacked: dict[Any, Any] = {}
        return [
            self._swap(metric, tried, losses, direct, stacked) for metric, losses in zip(metrics, anew, strict=True)
        ]

    def _swap(
        self, metric: Metric, tried: NDArray[np.int8], anew: FloatArray, direct: dict[Any, Any], stacked: dict[Any, Any]
    ) -> _Swap:
        keys = self._values(metric, direct).keys
        if not self.pool.paired and self.human.psu is not None:
            return _Swap(metric, keys, 0, refused="people come in clusters, and rows are not paired with them")
        draws = self.draws[:MOST_DRAWS]
        if not _same(anew[0], observed_loss(metric, self.task, self.human, draws, self.pilot, direct, self.seed)):
            return _Swap(metric, keys, 0, refused="it looks at more than answers, which alone can be exchanged")
        pooled = by_weights(metric, self.task, self.pool, self.pilot, stacked)
        if _same(pooled(tried, self.seed), anew):
            times = self.many if metric.spec.splits >= _CHEAP_SPLITS else self.fewer
            return _Swap(metric, keys, times, anew[0], pooled)
        if _ours(metric):
            return _Swap(metric, keys, self.fewest, anew[0])
        return _Swap(metric, keys, 0, refused="it depends on samples through more than weights, which takes too long")

    def _values(self, metric: Metric, cache: dict[Any, Any]) -> Values:
        comparison = metric.compare(self.task, self.human, self.draws[0], self.pilot, cache)
        return comparison.values(self.human.weight[None], self.draws[0].weight[None], self.seed)

    def exchanges(self, times: int) -> Iterator[NDArray[np.int8]]:
        """Random roles, `times` rows in all."""
        make = exchanged_within_units if self.pool.paired else dealt_within_arms
        return make(self.pool, times, self.seed)

    def _count(self, swaps: Sequence[_Swap]) -> dict[int, NDArray[np.int64]]:
        """Number of exchanges whose loss is at least the observed one; undefined ones count as such."""
        exceeded = {id(swap): np.zeros(len(swap.keys), dtype=np.int64) for swap in swaps}
        work = _Counting(self, swaps)
        times = max((swap.times for swap in swaps), default=0)
        # What a plugin computes with may not bear being forked.
        alone = times * self.pool.rows.n < _WORTHWHILE or not all(_ours(swap.metric) for swap in swaps)
        for counts in spread(work, -(-times // _PIECE), 1 if alone else processors()):
            for number, count in counts.items():
                exceeded[id(swaps[number])] += count
        return exceeded

    def _too_close(self, swaps: Sequence[_Swap]) -> set[tuple[int, int]]:
        """Headline distances of distributions that are below what second samples of people would have.

        People and simulated rows are dealt out anew within arms, which gives distances of independent samples of this size
        and law. (The reference belongs to halves, whose distances are larger.)
        """
        distances = {
            id(swap): (swap, swap.pooled)
            for swap in swaps
            if swap.pooled is not None and swap.metric.spec.axis == "alignment" and swap.metric.spec.unit == "distance"
        }
        dealt: dict[int, list[FloatArray]] = {number: [] for number in distances}
        for roles in dealt_within_arms(self.pool, self.many, self.seed) if distances else ():
            for number, (_, pooled) in distances.items():
                dealt[number].append(pooled(roles, self.seed))
        close = set()
        for number, (swap, _) in distances.items():
            lowest = np.quantile(np.vstack(dealt[number]), _CLOSER, axis=0)
            below = swap.observed < lowest - _rounding(swap.observed)
            close |= {(number, q) for q, key in enumerate(swap.keys) if key.headline and below[q]}
        return close

    def classifier(self, metrics: Sequence[Metric]) -> Iterator[dict[str, Any]]:
        """Label swap of the classifier's area, of the first draw: is it larger than after exchanges?"""
        first = self.draws[0]
        for metric in (one for one in metrics if isinstance(one, ClassifierAUC)):
            alike = self.pool.paired and np.array_equal(self.human.weight, first.weight)
            values = self._values(metric, {})
            pool = Pool(self.human, [first])
            roles = (
                np.vstack([pool.observed[None], *exchanged_within_units(pool, self.fewer, self.seed)])
                if alike
                else None
            )
            for key in values.keys:
                row = self.tested.row(metric, key)
                if row["status"] == "ok" and roles is None:
                    row |= {
                        "status": "not_applicable",
                        "reason": "only rows paired with people of the same weight are exchanged",
                    }
                elif row["status"] == "ok" and roles is not None:
                    areas = swapped_areas(
                        self.task, self.human, first, roles[:, : self.human.n] == 1, self.seed,
                        with_profile=key.name.endswith("profile"),
                    )  # fmt: skip
                    row |= self.p(metric, key, int(np.sum(areas[1:] >= areas[0] - 1e-12)), self.fewer)
                yield row

    def p(self, metric: Metric, key: Key, exceeded: int, times: int) -> dict[str, Any]:
        """Columns of a tested row."""
        how = f"{times} exchanges within {self.unit}" if self.pool.paired else f"{times} permutations within arms"
        return {
            "p": (1 + int(exceeded)) / (1 + times),
            "interval_method": "label swap",
            "family": _family(metric.spec.axis, key),
            "estimand": f"value in the full test sample; p: {how}",
        }


class _Counting:
    """Counts exchanges by pieces, which may be asked for in any ascending selection."""

    def __init__(self, swaps: LabelSwaps, tested: Sequence[_Swap]) -> None:
        self.swaps, self.tested = swaps, tested
        self.anew = [number for number, swap in enumerate(tested) if swap.times and swap.pooled is None]
        self._exchanges = swaps.exchanges(max((swap.times for swap in tested), default=0))
        self._chunk, self._begin = np.zeros((0, 0), dtype=np.int8), 0

    def __call__(self, piece: int) -> dict[int, NDArray[np.int64]]:
        """By number of the swap, how many exchanges of a piece have a loss that is at least the observed one."""
        first, end = piece * _PIECE, (piece + 1) * _PIECE
        counts: dict[int, NDArray[np.int64]] = {}
        while first < end and (roles := self._roles(first, end)) is not None:
            for number, loss in self._losses(roles, first):
                observed = self.tested[number].observed
                exceeded = np.sum(~(loss < observed - _rounding(observed)), axis=0)
                counts[number] = counts.get(number, 0) + exceeded
            first += len(roles)
        return counts

    def _roles(self, first: int, end: int) -> NDArray[np.int8] | None:
        while first >= self._begin + len(self._chunk):
            self._begin += len(self._chunk)
            chunk = next(self._exchanges, None)
            if chunk is None:
                return None
            self._chunk = chunk
        return self._chunk[first - self._begin : end - self._begin]

    def _losses(self, roles: NDArray[np.int8], done: int) -> Iterator[tuple[int, FloatArray]]:
        swaps = self.swaps
        left = roles[: max(swaps.fewest - done, 0)]
        if len(left):
            metrics = [self.tested[number].metric for number in self.anew]
            losses = by_binding(metrics, swaps.task, swaps.pool, swaps.pilot, left, swaps.seed)
            yield from zip(self.anew, losses, strict=True)
        for number, swap in enumerate(self.tested):
            if swap.pooled is not None and swap.times > done:
                yield number, swap.pooled(roles[: swap.times - done], swaps.seed)


def _family(axis: str, key: Key) -> str:
    """Headlines of an axis are one family; what they are made of are families by what they are divided by."""
    if key.headline:
        return f"difference: {axis}"
    parts = [name for name in ("item", "group", "arm", "regression", "term", "rule", "block") if getattr(key, name)]
    return f"difference: {axis}, by {' and '.join(parts)}" if parts else f"difference: {axis}, further values"


def _ours(metric: Metric) -> bool:
    return type(metric).__module__.startswith("surveyeval.")


def _same(one: FloatArray, other: FloatArray) -> bool:
    return bool(np.allclose(one, other, rtol=1e-9, atol=1e-10, equal_nan=True))


def _rounding(loss: FloatArray) -> FloatArray:
    """Losses that are equal but for the order of summation are ties."""
    return np.asarray(1e-9 * np.abs(loss) + 1e-10)
