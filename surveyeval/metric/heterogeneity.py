"""Heterogeneity: do simulated respondents differ among themselves as people do?

Every metric here has the people as its target: more patterns than people have is as wrong as fewer, and people may lie
on either side of what independent columns would give. Patterns are over the items that the task declares
(``patterns:``), of respondents with all of them answered, and counted without weights.

Coverage and novelty compare two samples, so their target is not a value of one sample alone. The target used is what a
*second sample of the same law* would get, estimated without bias from the human half itself: by Good and Turing's
argument a pattern seen once in a sample is as likely to be new as the next respondent's. With f1 patterns seen once
among n people, an independent sample of the same size covers 1 - f1/n of the law, and f1/n of it is novel. The loss is
the distance from that, two-sided: a simulator that lists the common patterns covers more than people do.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.metric._patterns import PatternTable, expected_coverage, pattern_table, rarefied
from surveyeval.metric._tabulate import Bound, ratio
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.task.task import Task

__all__ = ["Coverage", "Novelty", "PilotCopies", "Simpson", "StructureRatio", "UniquePatterns"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: Shuffles per half; their mean over 50 splits and both directions rests on 400.
_SHUFFLES = 4


def _spec(name: str, summary: str, unit: str, upper: float | None = 1.0, *, recoverable: bool = True) -> MetricSpec:
    return MetricSpec(
        name, "heterogeneity", summary, "target", "marginal", unit=unit, range=(0.0, upper), recoverable=recoverable
    )


class _PatternMetric:
    """Shared by the metrics on patterns: one value per pair of halves, from two pattern tables."""

    spec: ClassVar[MetricSpec]
    headline: ClassVar[bool] = False
    fewest_items: ClassVar[int] = 1

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""
        if len(task.patterns) < self.fewest_items:
            asked = f"{len(task.patterns)} of the declared pattern items are asked"
            return f"{asked}; {self.fewest_items} needed" if task.patterns else "the task declares no pattern items"
        return None

    def items(self, task: Task) -> tuple[str, ...]:
        """Items that make up the pattern."""
        return task.patterns

    def keys(self) -> list[Key]:
        """What is returned."""
        return [Key(self.spec.name, headline=self.headline)]

    def flags(self, task: Task, people: PatternTable, human: Sample) -> tuple[str, ...]:
        """Flags of the headline value, from the human sample."""
        return ()

    def ruled_out(self, human: Sample, pilot: Sample) -> str:
        """Why the people and the pilot rule out the metric, or nothing."""
        return ""

    def pair(self, people: PatternTable, rows: PatternTable, pilot: PatternTable | None) -> Any:
        """What depends on both samples but not on weights."""
        return None

    def compute(
        self, people: PatternTable, rows: PatternTable, pair: Any, weights: tuple[FloatArray, FloatArray], seed: int
    ) -> tuple[list[FloatArray], list[FloatArray]]:
        """Values and losses, a (B,) array for each key."""
        raise NotImplementedError

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples."""
        items, keys = self.items(task), self.keys()
        people, rows = (pattern_table(task, sample, items, cache) for sample in (human, simulated))
        pair = self.pair(people, rows, pattern_table(task, pilot, items, cache) if pilot.items else None)
        status = {}
        for table, whom in ((people, "nobody among the people"), (rows, "no simulated respondent")):
            if not table.complete.any():
                status = dict.fromkeys(keys, ("not_estimable", f"{whom} answered all of {', '.join(items)}"))
        if reason := self.ruled_out(human, pilot):
            status = dict.fromkeys(keys, ("not_applicable", reason))
        flags = self.flags(task, people, human)

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            value, loss = self.compute(people, rows, pair, (human_weights, simulated_weights), seed)
            n = np.minimum(people.active(human_weights).sum(axis=1), rows.active(simulated_weights).sum(axis=1))
            n_eff = np.repeat(n[:, None], len(keys), axis=1).astype(float)
            return Values(
                keys,
                np.stack(value, axis=1),
                np.stack(loss, axis=1),
                status=status,
                flags=dict.fromkeys(keys, flags) if flags else {},
                n_eff=n_eff,
            )

        return Bound(compute)


class UniquePatterns(_PatternMetric):
    """Distinct patterns in a half, both sides rarefied to the smaller one, and the ratio to people's.

    The loss is the absolute log ratio. Flagged ``uninformative`` when nearly every person, or nearly every possible
    pattern, is unique already.
    """

    spec = _spec("unique_patterns", "distinct patterns of answers at the size of the smaller half", "count", None)
    headline = True

    def keys(self) -> list[Key]:
        """What is returned."""
        return [Key("unique_patterns", headline=True), Key("unique_patterns_ratio")]

    def flags(self, task: Task, people: PatternTable, human: Sample) -> tuple[str, ...]:
        """``uninformative`` when the human count is close to its bounds."""
        n, distinct = int(people.complete.sum()), len(people.support)
        possible = float(np.prod([float(task.item(name).k) for name in task.patterns]))
        return ("uninformative",) if distinct > 0.95 * n or distinct > 0.9 * possible else ()

    def compute(
        self, people: PatternTable, rows: PatternTable, pair: Any, weights: tuple[FloatArray, FloatArray], seed: int
    ) -> tuple[list[FloatArray], list[FloatArray]]:
        """Rarefied counts and the absolute log ratio."""
        theirs, own = people.counts(weights[0]), rows.counts(weights[1])
        size = np.minimum(theirs.sum(axis=1), own.sum(axis=1))
        human, simulated = rarefied(theirs, size), rarefied(own, size)
        times = ratio(simulated, human)
        with np.errstate(divide="ignore"):
            loss = np.where(size > 0, np.abs(np.log(times)), np.nan)
        return [np.where(size > 0, simulated, np.nan), times], [loss, loss]


class StructureRatio(_PatternMetric):
    """Distinct patterns over the number when each item is shuffled apart within arm: below 1 when answers hang together.

    Shuffled by seeds that are shared within a split, so that equal samples give equal ratios.
    """

    spec = _spec("structure_ratio", "distinct patterns over distinct patterns with items shuffled", "ratio", None)
    headline = True
    fewest_items = 2

    def compute(
        self, people: PatternTable, rows: PatternTable, pair: Any, weights: tuple[FloatArray, FloatArray], seed: int
    ) -> tuple[list[FloatArray], list[FloatArray]]:
        """Ratio of the simulated half and its distance from the human half's."""
        human, simulated = (
            ratio(
                np.sum(table.counts(weight) > 0, axis=1).astype(float), table.shuffled_unique(weight, seed, _SHUFFLES)
            )
            for table, weight in zip((people, rows), weights, strict=True)
        )
        return [simulated], [np.abs(simulated - human)]


class _Overlap(_PatternMetric):
    """Coverage and novelty: which patterns of one sample occur in the other."""

    def pair(self, people: PatternTable, rows: PatternTable, pilot: PatternTable | None) -> tuple[IntArray, IntArray]:
        """Positions of the patterns that both samples know."""
        _, theirs, own = np.intersect1d(people.support, rows.support, assume_unique=True, return_indices=True)
        return theirs, own


def _share_found(counts: IntArray, shared: IntArray, others: IntArray, others_shared: IntArray) -> FloatArray:
    """(B,) share of respondents whose pattern the other half holds; NaN where either half is empty."""
    found = np.sum(counts[:, shared] * (others[:, others_shared] > 0), axis=1)
    share = ratio(found.astype(float), counts.sum(axis=1).astype(float))
    return np.where(others.any(axis=1), share, np.nan)


class Coverage(_Overlap):
    """Share of people whose pattern occurs in the simulated half."""

    spec = _spec("coverage", "share of people whose pattern the simulated half holds", "share")
    headline = True

    def compute(
        self, people: PatternTable, rows: PatternTable, pair: Any, weights: tuple[FloatArray, FloatArray], seed: int
    ) -> tuple[list[FloatArray], list[FloatArray]]:
        """Coverage and its distance from what an equally large second human sample is expected to cover."""
        theirs, own = people.counts(weights[0]), rows.counts(weights[1])
        value = _share_found(theirs, pair[0], own, pair[1])
        return [value], [np.abs(value - expected_coverage(theirs, own.sum(axis=1)))]


class Novelty(_Overlap):
    """Share of simulated respondents whose pattern does not occur in the human half."""

    spec = _spec("novelty", "share of simulated respondents with a pattern not seen among people", "share")

    def compute(
        self, people: PatternTable, rows: PatternTable, pair: Any, weights: tuple[FloatArray, FloatArray], seed: int
    ) -> tuple[list[FloatArray], list[FloatArray]]:
        """Novelty and its distance from what a second human sample is expected to show."""
        theirs, own = people.counts(weights[0]), rows.counts(weights[1])
        value = 1 - _share_found(own, pair[1], theirs, pair[0])
        return [value], [np.abs(value - (1 - expected_coverage(theirs, theirs.sum(axis=1))))]


class Simpson(_PatternMetric):
    """Probability that two respondents of the half have different patterns, ``1 - sum n_s (n_s - 1) / (n (n - 1))``."""

    spec = _spec("simpson", "probability that two respondents have different patterns", "share")

    def compute(
        self, people: PatternTable, rows: PatternTable, pair: Any, weights: tuple[FloatArray, FloatArray], seed: int
    ) -> tuple[list[FloatArray], list[FloatArray]]:
        """Index of the simulated half and its distance from the human half's."""
        human, simulated = (self._index(t.counts(w)) for t, w in zip((people, rows), weights, strict=True))
        return [simulated], [np.abs(simulated - human)]

    @staticmethod
    def _index(counts: IntArray) -> FloatArray:
        n = counts.sum(axis=1).astype(float)
        return 1 - ratio(np.sum(counts * (counts - 1.0), axis=1), n * (n - 1))


class PilotCopies(_PatternMetric):
    """Share of simulated respondents who repeat a pilot respondent on every pattern item and action. Descriptive.

    People repeat each other too: read it beside the same share among the test people (the reference).
    """

    spec = _spec(
        "pilot_copies", "share of respondents who repeat a pilot respondent exactly", "share", recoverable=False
    )

    def items(self, task: Task) -> tuple[str, ...]:
        """Pattern items and actions."""
        return tuple(dict.fromkeys((*task.patterns, *task.actions)))

    def ruled_out(self, human: Sample, pilot: Sample) -> str:
        """Cross-fitting: everybody is a pilot respondent of other folds, so everybody repeats themselves."""
        overlap = not set(human.respondent).isdisjoint(pilot.respondent)
        return "test people are pilot respondents of other folds, so they repeat themselves" if overlap else ""

    def pair(self, people: PatternTable, rows: PatternTable, pilot: PatternTable | None) -> tuple[BoolArray, BoolArray]:
        """Which distinct patterns of each side occur in the pilot."""
        known = people.support[:0] if pilot is None else pilot.support
        return np.isin(people.support, known), np.isin(rows.support, known)

    def compute(
        self, people: PatternTable, rows: PatternTable, pair: Any, weights: tuple[FloatArray, FloatArray], seed: int
    ) -> tuple[list[FloatArray], list[FloatArray]]:
        """Share of the simulated half and its distance from the human half's."""
        human, simulated = (
            ratio((counts @ known).astype(float), counts.sum(axis=1).astype(float))
            for counts, known in zip((people.counts(weights[0]), rows.counts(weights[1])), pair, strict=True)
        )
        return [simulated], [np.abs(simulated - human)]
