"""Populations whose every number is known, and samples drawn from them: what benchmarks/interval_coverage.py measures with.

A small survey of four ordered items, one action and four regions. Its law is a table of probabilities of all 1,250 answer
vectors for each region, so that population values are sums over it. People are drawn one by one; or with unequal
probability by region, weighted by the inverse; or as clusters of strata that are sampled at different rates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from surveyeval.data.sample import NO_ARM, Sample
from surveyeval.task.schema import TaskSpec
from surveyeval.task.task import Task

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SCALE = ("trust", "worth", "fair", "hope")
ITEMS = (*SCALE, "act")
POINTS = 5
#: All answer vectors: (1250, 5) option indices.
STATES = np.indices((POINTS,) * len(SCALE) + (2,)).reshape(len(ITEMS), -1).T
REGIONS = ("north", "south", "west", "east")
SHARES = np.array([0.4, 0.3, 0.2, 0.1])
_RAW = np.array([-1.0, 0.3, 1.0, 1.6])
#: Where the regions stand: mean 0 and variance 1 in the population.
SCORES = (_RAW - SHARES @ _RAW) / np.sqrt(SHARES @ (_RAW - SHARES @ _RAW) ** 2)
#: Of a standard normal: shares of .10, .20, .30, .25, .15.
CUTS = norm.ppf([0.10, 0.30, 0.60, 0.85])
#: Chances of people of each region to be drawn, in the weighted design; the rarest region is oversampled most.
RATES = np.array([0.5, 1.0, 2.0, 3.0])
#: Strata come in three kinds: where they stand, and the weight of their people (the inverse of the sampling rate).
STRATA = ((-0.3, 1.0), (0.0, 2.0), (0.3, 3.0))
#: A PSU stands this far above or below its stratum, at even odds.
PSU = 0.35

_OPTIONS = {str(code): f"point {code}" for code in range(1, POINTS + 1)}
_TASK: dict[str, Any] = {
    "name": "coverage", "version": "1", "title": "A survey with a known law",
    "source": {"use": "file:none.csv", "provenance": "synthetic", "licence": "none", "citation": "none"},
    "profile": {"region": {"column": "region", "labels": {name: name for name in REGIONS}}},
    "items": [
        *({"name": name, "role": "belief", "kind": "ordinal", "question": "?", "options": _OPTIONS} for name in SCALE),
        {"name": "act", "role": "action", "kind": "binary", "question": "?", "options": {"no": "no", "yes": "yes"}},
    ],
    "cells": ["region"],
    "patterns": list(SCALE),
    "coherence": [{"name": "trusting", "applies": "trust != 3", "follows": '(act == "yes") == (trust > 3)'}],
    "regressions": [
        {"name": "worth", "formula": "worth ~ trust + region", "family": "ols",
         "blocks": {"belief": ["trust"], "demographic": ["region"]}},
        {"name": "act", "formula": "act ~ trust + region", "family": "logit",
         "blocks": {"belief": ["trust"], "demographic": ["region"]}},
    ],
    "equivalence": {"share": 0.1, "mean_sd": 0.2, "gap": 0.1, "sd_ratio": 0.25, "reason": "for the intervals"},
}  # fmt: skip


@cache
def task() -> Task:
    return Task(TaskSpec.model_validate(_TASK), Path(), "coverage.yaml", "0")


@dataclass(frozen=True)
class Law:
    """Probabilities of answers given region and place; the defaults are people's.

    Parameters
    ----------
    explained : float
        Share of the variance of what lies behind an answer that the region explains.
    shift, spread : float
        Added to, and multiplied with, what lies behind the answers within a region.
    slope : float
        Effect of `trust` on the action, in logits.
    """

    explained: float = 0.25
    shift: float = 0.0
    spread: float = 1.0
    slope: float = 0.7

    def table(self, place: float = 0.0) -> FloatArray:
        """(4, 1250) probability of each answer vector, by region, where people stand `place` higher."""
        return _table(self, place)


@cache
def _table(law: Law, place: float) -> FloatArray:
    result = np.ones((len(REGIONS), len(STATES)))
    rest = np.sqrt(1 - law.explained)
    for region, score in enumerate(SCORES):
        middle = np.sqrt(law.explained) * score + law.shift + place
        sd = rest * law.spread
        trust = STATES[:, 0]
        result[region] *= _ordered(np.array([middle]), sd)[0][trust]
        others = _ordered(middle + 0.5 * sd * (np.arange(POINTS) - 2) / 1.2, 0.85 * sd)
        for item in range(1, len(SCALE)):
            result[region] *= others[trust, STATES[:, item]]
        acts = expit(-0.2 + law.slope * (trust - 2) + 0.5 * score)
        result[region] *= np.where(STATES[:, -1] == 1, acts, 1 - acts)
    return result


def _ordered(middle: FloatArray, sd: float) -> FloatArray:
    """(m, 5) probabilities of the points of a scale."""
    below = norm.cdf((CUTS - middle[:, None]) / sd)
    return np.diff(np.column_stack([np.zeros(len(middle)), below, np.ones(len(middle))]), axis=1)


#: Simulators: the law itself; answers too high and too alike, and too coherent; answers too low.
SIMULATORS = {"right": {}, "narrow": {"shift": 0.4, "spread": 0.7, "slope": 1.4}, "low": {"shift": -0.3}}


@dataclass(frozen=True)
class World:
    """A population and the way in which people are drawn from it.

    Parameters
    ----------
    design : {"simple", "weighted", "clustered"}
    explained : float
        Of `Law`.
    """

    design: str
    explained: float = 0.25

    def law(self, simulator: str = "right") -> Law:
        return Law(self.explained, **SIMULATORS[simulator])

    def population(self, simulator: str = "right") -> FloatArray:
        """(4, 1250) share of each region and answer vector in the population; simulators other than the right one know no
        places.
        """
        if self.design != "clustered" or simulator != "right":
            return SHARES[:, None] * self.law(simulator).table()
        total = sum(weight for _, weight in STRATA)
        return SHARES[:, None] * sum(
            weight / total / 2 * self.law().table(place + unit) for place, weight in STRATA for unit in (-PSU, PSU)
        )

    def people(self, n: int, rng: np.random.Generator) -> Sample:
        """Respondents without answers: regions, weights, strata and PSUs."""
        chances = SHARES * (RATES if self.design == "weighted" else 1)
        region = rng.choice(len(REGIONS), n, p=chances / chances.sum())
        weight = 1 / RATES[region] if self.design == "weighted" else np.ones(n)
        stratum, psu = None, None
        if self.design == "clustered":
            number, unit = self.units(n)
            stratum, psu = _text(number), _text(unit)
            weight = np.array([weight for _, weight in STRATA])[number % len(STRATA)]
        return Sample(
            respondent=_text(np.arange(n)), arm=np.full(n, NO_ARM, dtype=object),
            profile={"region": np.array(REGIONS, dtype=object)[region]},
            weight=weight / weight.mean(), stratum=stratum, psu=psu,
        )  # fmt: skip

    @staticmethod
    def units(n: int) -> tuple[IntArray, IntArray]:
        """Number of the stratum and of the PSU of each of 60, 240 or 960 people."""
        strata, per_stratum = {60: (6, 2), 240: (24, 2), 960: (24, 4)}[n]
        size = n // (strata * per_stratum)
        unit = np.arange(n) // size
        return unit // per_stratum, unit

    def answered(self, people: Sample, simulator: str, rng: np.random.Generator, *, simulated: bool = True) -> Sample:
        """People with answers by the law of a simulator, new PSUs being drawn where it is the right one."""
        region = self._regions(people)
        place = np.zeros(people.n)
        if self.design == "clustered" and simulator == "right":
            number, unit = self.units(people.n)
            signs = rng.choice([-PSU, PSU], unit.max() + 1)
            place = np.array([place for place, _ in STRATA])[number % len(STRATA)] + signs[unit]
        state = np.empty(people.n, dtype=np.int64)
        law = self.law(simulator)
        for one in np.unique(place):
            cumulative = _cumulative(law, float(one))
            for number in range(len(REGIONS)):
                rows = np.flatnonzero((place == one) & (region == number))
                state[rows] = np.searchsorted(cumulative[number], rng.random(len(rows)), side="right")
        answers = {item: STATES[state, j] for j, item in enumerate(ITEMS)}
        return people.with_answers(answers, simulated=simulated)

    def scored(self, sample: Sample, people: Sample, simulator: str) -> Sample:
        """A simulated sample with log-probabilities of people's own answers."""
        steps = conditional(self.law(simulator))
        region = self._regions(people)
        answers = np.column_stack([people.answers[item] for item in ITEMS])
        index = np.ravel_multi_index(tuple(answers.T), (POINTS,) * len(SCALE) + (2,))
        scores = {item: np.log(steps[j, region, index]) for j, item in enumerate(ITEMS)}
        return sample.with_answers(sample.answers, states=sample.states, log_prob=scores)

    @staticmethod
    def _regions(people: Sample) -> IntArray:
        index = {name: number for number, name in enumerate(REGIONS)}
        return np.array([index[name] for name in people.profile["region"]], dtype=np.int64)


@cache
def _cumulative(law: Law, place: float) -> FloatArray:
    cumulative = np.cumsum(law.table(place), axis=1)
    cumulative[:, -1] = np.inf  # rounding
    return cumulative


@cache
def conditional(law: Law) -> FloatArray:
    """(5, 4, 1250) probability of each answer given region and earlier answers, for every answer vector."""
    joint = law.table().reshape(len(REGIONS), *(POINTS,) * len(SCALE), 2)
    steps = []
    before = np.ones_like(joint)
    for item in range(len(ITEMS)):
        later = tuple(range(item + 2, joint.ndim))
        now = np.broadcast_to(joint.sum(axis=later, keepdims=True), joint.shape)
        steps.append((now / before).reshape(len(REGIONS), -1))
        before = now
    return np.array(steps)


def _text(column: IntArray) -> NDArray[np.object_]:
    return np.array([str(one) for one in column], dtype=object)


# ---- population values ------------------------------------------------------------------------------------------------


def marginal(population: FloatArray, item: str) -> FloatArray:
    """Shares of the options of an item."""
    return np.bincount(STATES[:, ITEMS.index(item)], weights=population.sum(axis=0))


def spread(shares: FloatArray) -> tuple[float, float]:
    """Mean and standard deviation of a scale from 1."""
    points = np.arange(1, len(shares) + 1)
    mean = float(shares @ points)
    return mean, float(np.sqrt(shares @ (points - mean) ** 2))


def gap(population: FloatArray) -> float:
    """Share whose action contradicts their trust, among those with any opinion."""
    trust, act = STATES[:, 0], STATES[:, -1]
    states = population.sum(axis=0)
    return float(states[(trust != 2) & ((act == 1) != (trust > 2))].sum() / states[trust != 2].sum())


def js(p: FloatArray, q: FloatArray) -> float:
    """Jensen-Shannon distance to base 2."""
    from scipy.spatial.distance import jensenshannon

    return float(jensenshannon(p, q, base=2))


def least_squares(population: FloatArray) -> FloatArray:
    """Slopes of `worth` on `trust` and region in the population."""
    design = np.array([
        [1.0, 1.0 + state[0], *(float(region == other) for other in range(1, len(REGIONS)))]
        for region in range(len(REGIONS)) for state in STATES
    ])  # fmt: skip
    y = np.tile(1.0 + STATES[:, 1], len(REGIONS))
    weight = population.ravel()
    return np.asarray(np.linalg.solve((design * weight[:, None]).T @ design, design.T @ (weight * y))[1:])


def exact(world: World) -> Iterator[tuple[str, float]]:
    """Population values of everything that is estimated from full samples, by the name of its interval."""
    people, narrow = world.population(), world.population("narrow")
    for item in ITEMS:
        shares = marginal(people, item)
        yield from ((f"share/{item}/{k}", float(share)) for k, share in enumerate(shares))
        differences = marginal(narrow, item) - shares
        yield from ((f"difference of shares/{item}/{k}", float(one)) for k, one in enumerate(differences))
        if item == "act":
            continue
        (mean, sd), (other, other_sd) = spread(shares), spread(marginal(narrow, item))
        yield f"mean/{item}", mean
        yield f"difference of means/{item}", (other - mean) / sd
        yield f"log SD ratio/{item}", float(np.log(other_sd / sd))
    yield "gap/people", gap(people)
    yield "difference of gaps/", gap(narrow) - gap(people)
    for term, slope in zip(("trust", *REGIONS[1:]), least_squares(people), strict=True):
        yield f"OLS/{term}", float(slope)
    # Regions differ from the first by half of their distance in standard deviations; trust is worth 0.7, by the law.
    yield "logit/trust", world.law().slope
    for region, score in zip(REGIONS[1:], SCORES[1:], strict=True):
        yield f"logit/{region}", 0.5 * float(score - SCORES[0])


def population_distances(world: World) -> Mapping[str, float]:
    """Distance between the laws themselves, which no interval here is about: mean over items."""
    people = world.population()
    return {
        name: float(np.mean([js(marginal(people, item), marginal(world.population(name), item)) for item in ITEMS]))
        for name in SIMULATORS
    }
