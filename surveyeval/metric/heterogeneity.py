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

from abc import ABC, abstractmethod
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
#: A simulation with fewer than people's patterns over this, shuffled or not, has too few to say whether answers hang together.
_FEWER = 10


def _spec(name: str, summary: str, unit: str, upper: float | None = 1.0, *, recoverable: bool = True) -> MetricSpec:
    return MetricSpec(
        name,
        "heterogeneity",
        summary,
        "target",
        "marginal",
        unit=unit,
        range=(0.0, upper),
        recoverable=recoverable,
        weights="ignored",
    )


class _PatternMetric(ABC):
    """Shared by the metrics on patterns: one value per pair of halves, from two pattern tables."""

    spec: ClassVar[MetricSpec]
    headline: ClassVar[bool] = False
    fewest_items: ClassVar[int] = 1
    binned: ClassVar[bool] = True

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

    def collapsed(self, people: PatternTable, rows: PatternTable) -> str:
        """Why the simulated rows have too few patterns for the metric to say anything, or nothing."""
        return ""

    def pair(self, people: PatternTable, rows: PatternTable, pilot: PatternTable | None) -> Any:
        """What depends on both samples but not on weights."""
        return None

    @abstractmethod
    def compute(
        self, people: PatternTable, rows: PatternTable, pair: Any, weights: tuple[FloatArray, FloatArray], seed: int
    ) -> tuple[list[FloatArray], list[FloatArray]]:
        """Values and losses, a (B,) array for each key."""

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples."""
        items, keys = self.items(task), self.keys()
        people, rows = (pattern_table(task, sample, items, cache, binned=self.binned) for sample in (human, simulated))
        known = pattern_table(task, pilot, items, cache, binned=self.binned) if pilot.items else None
        pair = self.pair(people, rows, known)
        status = {}
        for table, whom in ((people, "nobody among the people"), (rows, "no simulated respondent")):
            if not table.complete.any():
                status = dict.fromkeys(keys, ("not_estimable", f"{whom} answered all of {', '.join(items)}"))
        flags = self.flags(task, people, human)
        if not status and (reason := self.collapsed(people, rows)):
            status = dict.fromkeys(keys, ("not_estimable", reason))
            flags = (*flags, "collapsed")
        if reason := self.ruled_out(human, pilot):
            status = dict.fromkeys(keys, ("not_applicable", reason))

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
    """Distinct patterns of answers in a half, and their ratio to people's.

    A pattern is the whole row of answers to the items that the task declares under ``patterns:``, grouped where an item
    has ``bins:``; not being asked is one more symbol. Both sides are rarefied to the smaller number of respondents h
    with all of these items answered: ``E[U_h] = sum_s 1 - C(n - n_s, h) / C(n, h)``, n_s of n respondents having
    pattern s. ``unique_patterns`` is the count of the simulated half, ``unique_patterns_ratio`` that count over
    people's.

    Range
    -----
    1 to the number of respondents in a half; the ratio is at least 0.

    Direction and target
    --------------------
    The target is people's own count, on either side. The loss of both values is ``|log ratio|``.

    Assumptions
    -----------
    Counted without weights: a weight says how many people a respondent stands for, not how many patterns these would
    show. Respondents with an unanswered pattern item have no pattern.

    When it misleads
    ----------------
    Alone: it is nearly blind to how answers hang together, since independent columns often give about as many patterns
    as people. Noise makes up for collapse: the mode with the right share of random answers reaches any count, with
    patterns that no person has (see `Coverage`). Flagged ``uninformative`` when nearly every person, or nearly every
    possible pattern, is unique already: then every lively simulator gets it right.

    Interval and estimand
    ---------------------
    The expected count at the half size, which grows with the size: counts at different sizes do not compare. Resampling
    with replacement would destroy it, the jackknife does not.

    References
    ----------
    Hurlbert (1971), The nonconcept of species diversity, Ecology 52.
    """

    spec = _spec("unique_patterns", "distinct patterns of answers at the size of the smaller half", "count", None)
    headline = True

    def keys(self) -> list[Key]:
        """What is returned."""
        return [Key("unique_patterns", headline=True), Key("unique_patterns_ratio")]

    def flags(self, task: Task, people: PatternTable, human: Sample) -> tuple[str, ...]:
        """``uninformative`` when the human count is close to its bounds."""
        n, distinct = int(people.complete.sum()), len(people.support)
        possible = float(np.prod([float(task.item(name).bins.max() + 1) for name in task.patterns]))
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
    """Distinct patterns over the number when each item is shuffled apart: below 1 when answers hang together.

    ``U / mean U(shuffled)``: the distinct patterns of the simulated half over their mean number when the answers to
    each item are dealt out anew among the respondents of the arm (4 shuffles for each half). Shuffles are seeded by
    split, so that equal samples give equal ratios.

    Range
    -----
    At least 0, around 1.

    Direction and target
    --------------------
    The target is people's own ratio, on either side; people may lie above 1. The loss is the distance from it.

    Assumptions
    -----------
    As `UniquePatterns`; two pattern items at least.

    When it misleads
    ----------------
    With few respondents for many possible patterns nearly all are unique in both, and the ratio is near 1 whatever the
    structure. It is one number for all relations together: the right ratio may come from wrong relations. A simulation
    that has collapsed would have the ratio 1 whatever it was, which may be near people's, so it has none: not estimable
    (flag ``collapsed``) where shuffling can change nothing, since no arm has two items with different answers, and where
    both the rows and the shuffled rows show fewer than a tenth of people's distinct patterns. How far the collapse is
    from people is said by `UniquePatterns`, which stands for the axis where one value has to.

    Interval and estimand
    ---------------------
    The expected ratio at the half size. It depends on the size, as both counts do.

    References
    ----------
    The null model of ecology (Gotelli 2000, Ecology 81) with the columns permuted within arms.
    """

    spec = _spec("structure_ratio", "distinct patterns over distinct patterns with items shuffled", "ratio", None)
    headline = True
    fewest_items = 2

    def collapsed(self, people: PatternTable, rows: PatternTable) -> str:
        """Nothing can hang together where nothing varies, and few patterns move the ratio as little as none."""
        if not rows.shuffling_matters:
            return "simulated respondents of an arm differ in one pattern item at most, so shuffling changes nothing"
        # as many rows cannot show more patterns than there are rows: few complete rows are no collapse
        own, theirs = len(rows.support), min(len(people.support), int(rows.complete.sum()))
        if _FEWER * own >= theirs:
            return ""
        shuffled = rows.shuffled_unique(np.ones((1, len(rows.complete))), 0, _SHUFFLES)[0]
        if _FEWER * shuffled >= theirs:
            return ""
        said = f"{own} distinct simulated patterns, {shuffled:.0f} after shuffling"
        return f"{said}, are less than a tenth of people's {theirs}"

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
    """Share of people whose pattern of answers occurs in the simulated half.

    ``sum over people of half A of [pattern in S_B] / number of people``: mass of people, not types. Beside real people
    stands what a second sample of the same law is expected to cover, estimated from the human half itself: ``1 - sum_s
    (n_s / n) C(n - n_s, m) / C(n - 1, m)`` for a covering sample of size m, which is Good and Turing's ``1 - f1 / n``
    for m = n - 1, with f1 patterns seen once.

    Range
    -----
    0 to 1.

    Direction and target
    --------------------
    The target is what a second sample of people covers; the loss is the distance from that, on either side: a simulator
    that lists the common patterns covers more than people do.

    Assumptions
    -----------
    Independent respondents: in cluster samples neighbours repeat each other and the expected coverage is too high.
    Counted without weights.

    When it misleads
    ----------------
    With many pattern items hardly anything is covered, by people either; with few, nearly everything is. Answers drawn
    from each arm's shares cover well where relations between items are weak.

    Interval and estimand
    ---------------------
    The expected coverage of h people by h simulated rows, h being the half size.

    References
    ----------
    Good (1953), Biometrika 40; Chao and Jost (2012), Coverage-based rarefaction and extrapolation, Ecology 93.
    """

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
    """Share of simulated respondents whose pattern of answers does not occur in the human half.

    ``sum over simulated rows of half B of [pattern not in H_A] / number of rows``. A second sample of the same law is
    expected to show ``f1 / n``, with f1 patterns seen once among n people (Good and Turing).

    Range
    -----
    0 to 1.

    Direction and target
    --------------------
    The target is the novelty of a second sample of people; the loss is the distance from that, on either side.

    Assumptions
    -----------
    As `Coverage`.

    When it misleads
    ----------------
    Collapse has no novelty at all: two-sided reading is needed, and `Coverage` beside it. New patterns are not wrong
    ones: most patterns that people have are not in a half of some hundred people.

    Interval and estimand
    ---------------------
    The expected share of h simulated rows that is new to h people, h being the half size.

    References
    ----------
    Good (1953), The population frequencies of species and the estimation of population parameters, Biometrika 40.
    """

    spec = _spec("novelty", "share of simulated respondents with a pattern not seen among people", "share")

    def compute(
        self, people: PatternTable, rows: PatternTable, pair: Any, weights: tuple[FloatArray, FloatArray], seed: int
    ) -> tuple[list[FloatArray], list[FloatArray]]:
        """Novelty and its distance from what a second human sample is expected to show."""
        theirs, own = people.counts(weights[0]), rows.counts(weights[1])
        value = 1 - _share_found(own, pair[1], theirs, pair[0])
        return [value], [np.abs(value - (1 - people.good_turing(weights[0])))]


class Simpson(_PatternMetric):
    """Probability that two respondents of the half have different patterns of answers.

    ``1 - sum_s n_s (n_s - 1) / (n (n - 1))``, n_s of n simulated respondents having pattern s.

    Range
    -----
    0 to 1.

    Direction and target
    --------------------
    The target is people's own value, on either side; the loss is the distance from it.

    Assumptions
    -----------
    Counted without weights, over respondents with all pattern items answered.

    When it misleads
    ----------------
    It is about the common patterns and close to 1 wherever there are many: .98 and .99 are far apart, and the eye does
    not see it. Independent columns are often as diverse as people.

    Interval and estimand
    ---------------------
    The index of the population: unlike a count of patterns its expectation does not depend on the size.

    References
    ----------
    Simpson (1949), Measurement of diversity, Nature 163.
    """

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
    """Share of simulated respondents who repeat a pilot respondent on every pattern item and action.

    ``sum over simulated rows of [answers equal those of some pilot row] / number of rows`` over the pattern items and
    the actions. Descriptive: people repeat each other too, and the reference is the same share among the test people.

    Range
    -----
    0 to 1.

    Direction and target
    --------------------
    The target is people's own share, on either side; the loss is the distance from it.

    Assumptions
    -----------
    Pilot and test people are different people; under cross-fitting they are not, and the metric does not apply.

    When it misleads
    ----------------
    With few items and a large pilot everybody repeats somebody. A model that recites pilot rows and changes an answer
    here and there passes it: see `LongestCopy`. Resampled pilot rows are people, so that copying is no fault of the
    answers: the question is what the model adds to the pilot.

    Interval and estimand
    ---------------------
    The expected share among h rows, given this pilot; it grows with the size of the pilot.

    References
    ----------
    Replicated uniques in work on synthetic data, for instance Nowok, Raab and Dibben (2016), Journal of Statistical
    Software 74, here all repetitions.
    """

    spec = _spec(
        "pilot_copies", "share of respondents who repeat a pilot respondent exactly", "share", recoverable=False
    )
    binned = False  # exactly: answers, not groups of them

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
