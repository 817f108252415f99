"""Half splits and the delete-a-group jackknife, as rows of weights.

Both respect the sampling design: a PSU goes whole into one half and one group, and both are balanced over arms and strata.
Without a design every respondent is a PSU in one stratum, and the weights are zero or one. In strata, a group is removed
from the strata that it has a share in, and the other PSUs of these strata stand for it: that keeps differences between
strata, which no sample can vary, out of the standard error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from surveyeval.data.seeds import generator

if TYPE_CHECKING:
    from surveyeval.data.design import Design

__all__ = [
    "Halves",
    "Jackknife",
    "half_sizes",
    "halves",
    "jackknife_factors",
    "jackknife_groups",
    "jackknife_interval",
    "jackknife_of",
    "jackknife_se",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
ObjectArray = NDArray[np.object_]

#: Groups of the jackknife: 40, and 20 below 200 respondents.
GROUPS, FEWER_GROUPS, FEW = 40, 20, 200


@dataclass(frozen=True, eq=False)
class Halves:
    """Weights of one split.

    Parameters
    ----------
    human, simulated : (2 (1 + G), n) float arrays
        Row 0: people of half A against simulated stand-ins of half B. Row 1: the other way round. Then the same pair with
        jackknife group 1 removed from both sides, and so on.
    """

    human: FloatArray
    simulated: FloatArray


@dataclass(frozen=True, eq=False)
class Jackknife:
    """How G replicates make a standard error.

    Parameters
    ----------
    scale : (G,) float array
        What the squared deviation of each replicate counts: 1 minus the share of PSUs removed.
    block : (G,) int array
        Replicates of one block remove groups of the same strata; deviations are from their block's mean.
    degrees_of_freedom : int
        Groups minus blocks.
    """

    scale: FloatArray
    block: IntArray
    degrees_of_freedom: int


def jackknife_groups(arm: ObjectArray, seed: int, design: Design | None = None) -> IntArray:
    """Group of every respondent, balanced over arms: 40 groups, 20 when there are fewer than 200 respondents.

    Parameters
    ----------
    arm : (n,) object array of str
    seed : int
    design : Design, optional
        Groups are made of whole PSUs. Strata with at least as many PSUs as there are groups share all groups; smaller ones
        have groups of their own, or share them with strata of similar size, at least two in each. So there may be up to
        twice as many groups. Where strata of unlike size share groups, errors are a little too wide.

    Returns
    -------
    (n,) int array
        From 0; -1 for strata that were drawn with certainty, which are never removed.

    Notes
    -----
    Source: Kott (2001), The delete-a-group jackknife, Journal of Official Statistics 17; strata that share groups: Rust and
    Rao (1996), Variance estimation for complex surveys using replication techniques, Statistical Methods in Medical
    Research 5.
    """
    budget = GROUPS if len(arm) >= FEW else FEWER_GROUPS
    rng = generator(seed, "jackknife")
    if design is not None:
        return _groups_in_strata(arm, design, budget, rng)
    count = min(budget, len(arm))
    group = np.empty(len(arm), dtype=np.int64)
    start = 0
    for key in np.unique(arm.astype(str)):
        rows = np.flatnonzero(arm == key)
        group[rows[rng.permutation(len(rows))]] = (start + np.arange(len(rows))) % count
        start += len(rows)
    return group


def _groups_in_strata(arm: ObjectArray, design: Design, budget: int, rng: np.random.Generator) -> IntArray:
    _, key = _arms_of_units(arm, design)
    of_unit = np.full(design.n_units, -1, dtype=np.int64)
    first = 0
    for strata, count in _blocks(design.units_in_stratum, budget):
        # Dealing begins at another group in each stratum, so that no group gets the first arm of all of them.
        starts = rng.permutation(len(strata)) % count
        for stratum, start in zip(strata, starts, strict=True):
            units = np.flatnonzero(design.stratum_of_unit == stratum)
            units = units[np.lexsort((rng.random(len(units)), key[units]))]
            of_unit[units] = first + (start + np.arange(len(units))) % count
        first += count
    return of_unit[design.unit]


def _blocks(sizes: IntArray, budget: int) -> Iterator[tuple[IntArray, int]]:
    """Strata that share groups, and the number of these groups; none of them has more groups than PSUs."""
    large = np.flatnonzero(sizes >= budget)
    if len(large):
        yield large, budget
    small = np.flatnonzero((sizes > 1) & (sizes < budget))
    if len(small):
        blocks = min(len(small), budget // 2)
        for strata in np.array_split(small[np.argsort(sizes[small], kind="stable")], blocks):
            yield strata, int(min(sizes[strata].min(), max(2, budget // blocks)))


def _arms_of_units(arm: ObjectArray, design: Design) -> tuple[IntArray, IntArray]:
    """(m, A) respondents of each PSU by arm, and (m,) its arm, or A when it has several."""
    keys, number = np.unique(arm.astype(str), return_inverse=True)
    counts = np.bincount(design.unit * len(keys) + number, minlength=design.n_units * len(keys))
    table = counts.reshape(design.n_units, len(keys)).astype(np.int64)
    only = np.where((table > 0).sum(axis=1) == 1, table.argmax(axis=1), len(keys))
    return table, only.astype(np.int64)


def jackknife_factors(group: IntArray, design: Design | None = None) -> FloatArray:
    """What weights are multiplied with in each replicate.

    Parameters
    ----------
    group : (n,) int array
        From `jackknife_groups`.
    design : Design, optional
        The design of those groups.

    Returns
    -------
    (1 + G, n) float array
        Row 0 is ones. In row g group g - 1 has 0; where it has PSUs of a stratum, the other PSUs of that stratum are raised
        by (PSUs) / (PSUs left); everybody else has 1.
    """
    count = int(group.max()) + 1
    kept = np.vstack([np.ones(len(group), dtype=bool), *(group != number for number in range(count))]).astype(float)
    if design is not None and design.n_strata > 1:
        sizes = design.units_in_stratum
        removed = _removed(group, design)
        kept[1:] *= (sizes / (sizes - removed))[:, design.stratum]
    return kept


def _removed(group: IntArray, design: Design) -> IntArray:
    """(G, H) PSUs of each stratum that each group removes."""
    of_unit = np.full(design.n_units, -1, dtype=np.int64)
    of_unit[design.unit] = group
    table = np.zeros((int(group.max()) + 1, design.n_strata), dtype=np.int64)
    known = of_unit >= 0
    np.add.at(table, (of_unit[known], design.stratum_of_unit[known]), 1)
    return table


def jackknife_of(group: IntArray, design: Design | None = None) -> Jackknife:
    """How replicates with these groups removed make a standard error."""
    count = int(group.max()) + 1
    if design is None or design.n_strata == 1:
        return Jackknife(np.full(count, (count - 1) / count), np.zeros(count, dtype=np.int64), count - 1)
    removed = _removed(group, design)
    touched = removed > 0
    # Every stratum of a block has PSUs in all its groups, so the first stratum of a group names its block.
    block = np.unique(touched.argmax(axis=1), return_inverse=True)[1].astype(np.int64)
    sizes = touched * design.units_in_stratum
    scale = 1 - removed.sum(axis=1) / sizes.sum(axis=1)
    return Jackknife(scale, block, count - int(block.max()) - 1)


def halves(arm: ObjectArray, group: IntArray, seed: int, split: int, design: Design | None = None) -> Halves:
    """Random halves of equal size within every arm; the odd respondent of an arm sits out.

    With a design, PSUs go whole into one half. PSUs of one arm and stratum are paired at random, and one of each pair goes
    into each half, so that the halves are as alike as whole PSUs can be; then as many respondents of the larger half of an
    arm as it has more sit out.
    """
    in_a, in_b = _membership(arm, seed, split, design)
    kept = jackknife_factors(group, design)
    a, b = kept * in_a, kept * in_b
    shape = (2 * len(kept), len(arm))
    return Halves(np.stack([a, b], axis=1).reshape(shape), np.stack([b, a], axis=1).reshape(shape))


def _membership(arm: ObjectArray, seed: int, split: int, design: Design | None) -> tuple[BoolArray, BoolArray]:
    rng = generator(seed, "split", str(split))
    in_a, in_b = np.zeros(len(arm), dtype=bool), np.zeros(len(arm), dtype=bool)
    if design is not None:
        side = _sides(arm, design, rng)[design.unit]
        in_a, in_b = side > 0, side < 0
        for key in np.unique(arm.astype(str)):
            rows = arm == key
            for larger, smaller in ((in_a, in_b), (in_b, in_a)):
                surplus = int((larger & rows).sum()) - int((smaller & rows).sum())
                if surplus > 0:
                    larger[rng.permutation(np.flatnonzero(larger & rows))[:surplus]] = False
        return in_a, in_b
    for key in np.unique(arm.astype(str)):
        rows = rng.permutation(np.flatnonzero(arm == key))
        size = len(rows) // 2
        in_a[rows[:size]] = True
        in_b[rows[size : 2 * size]] = True
    return in_a, in_b


def _sides(arm: ObjectArray, design: Design, rng: np.random.Generator) -> IntArray:
    """(m,) 1 for PSUs of half A, -1 for those of half B."""
    table, key = _arms_of_units(arm, design)
    order = np.lexsort((rng.random(design.n_units), design.stratum_of_unit, key))
    first = np.searchsorted(key[order], key[order])
    place = np.arange(design.n_units) - first  # within the arm
    alone = (place % 2 == 0) & (np.append(key[order][1:], -1) != key[order])
    leading = np.flatnonzero((place % 2 == 0) & ~alone)
    side = np.zeros(design.n_units, dtype=np.int64)
    if (
        table.sum() == design.n_units
    ):  # PSUs of one respondent: any coin keeps the halves equal, and the odd ones sit out
        coin = rng.integers(0, 2, len(leading)) * 2 - 1
        side[order[leading]], side[order[leading + 1]] = coin, -coin
        return side
    surplus = np.zeros(table.shape[1], dtype=np.int64)
    pairs = [(order[one], order[one + 1]) for one in leading[rng.permutation(len(leading))]]
    for one, other in [*pairs, *((unit, -1) for unit in order[alone])]:
        difference = table[one] - (table[other] if other >= 0 else 0)
        here, there = np.abs(surplus + difference).sum(), np.abs(surplus - difference).sum()
        sign = rng.choice([-1, 1]) if here == there else (1 if here < there else -1)
        surplus += sign * difference
        side[one] = sign
        if other >= 0:
            side[other] = -sign
    return side


def half_sizes(arm: ObjectArray, seed: int, splits: int, design: Design | None = None) -> dict[str, float]:
    """Respondents of each arm in a half; their mean over splits where PSUs of unequal size make it vary."""
    keys, counts = np.unique(arm.astype(str), return_counts=True)
    if design is None or not design.clustered:
        return dict(zip(keys.tolist(), (counts // 2).astype(float).tolist(), strict=True))
    members = np.mean([_membership(arm, seed, split, design)[0] for split in range(splits)], axis=0)
    return {str(key): float(members[arm == key].sum()) for key in keys}


def jackknife_se(replicates: FloatArray, jackknife: Jackknife | None = None) -> FloatArray:
    """Standard error from delete-a-group replicates.

    Parameters
    ----------
    replicates : (G, ...) float array
        The statistic with one group removed.
    jackknife : Jackknife, optional
        For groups in strata, see `jackknife_of`; default: groups of one stratum.

    Returns
    -------
    (...) float array
        sqrt((G - 1) / G * sum (replicate - mean)^2); in strata sqrt(sum scale * (replicate - mean of its block)^2).

    Notes
    -----
    Source: Kott (2001), The delete-a-group jackknife, Journal of Official Statistics 17; Wolter (2007), Introduction to
    Variance Estimation, 4.5 (strata).
    """
    count = replicates.shape[0]
    if jackknife is None:
        deviations = replicates - replicates.mean(axis=0)
        return np.asarray(np.sqrt((count - 1) / count * (deviations**2).sum(axis=0)))
    total = np.zeros(replicates.shape[1:])
    for number in range(int(jackknife.block.max()) + 1):
        own = jackknife.block == number
        deviations = replicates[own] - replicates[own].mean(axis=0)
        total = total + np.tensordot(jackknife.scale[own], deviations**2, axes=1)
    return np.asarray(np.sqrt(total))


def jackknife_interval(
    value: FloatArray, replicates: FloatArray, level: float = 0.95, jackknife: Jackknife | None = None
) -> tuple[FloatArray, FloatArray]:
    """Give the t interval with G - 1 degrees of freedom, or those of the design."""
    freedom = replicates.shape[0] - 1 if jackknife is None else jackknife.degrees_of_freedom
    reach = stats.t.ppf(0.5 + level / 2, freedom) * jackknife_se(replicates, jackknife)
    return value - reach, value + reach
