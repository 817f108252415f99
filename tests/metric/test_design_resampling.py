"""Halves and jackknife groups of clustered and stratified samples, against what a design demands of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveyeval.data.design import Design, design_of
from surveyeval.data.sample import Sample
from surveyeval.metric.resampling import (
    half_sizes,
    halves,
    jackknife_factors,
    jackknife_groups,
    jackknife_interval,
    jackknife_of,
    jackknife_se,
)


def text(column) -> np.ndarray:
    return np.array([str(one) for one in column], dtype=object)


def sampled(arm, stratum=None, psu=None) -> Sample:
    return Sample(
        respondent=text(range(len(arm))),
        arm=text(arm),
        stratum=None if stratum is None else text(stratum),
        psu=None if psu is None else text(psu),
    )


@st.composite
def designs(draw) -> tuple[Sample, Design]:
    """Samples of up to 400 people in up to 40 PSUs, with arms nested in PSUs or crossed with them."""
    n_units = draw(st.integers(4, 40))
    sizes = np.array(draw(st.lists(st.integers(1, 10), min_size=n_units, max_size=n_units)))
    n_strata = draw(st.integers(1, n_units // 2))
    stratum = np.arange(n_units) % n_strata
    arms = draw(st.integers(1, 3))
    unit = np.repeat(np.arange(n_units), sizes)
    arm = (np.arange(n_units) // n_strata % arms)[unit] if draw(st.booleans()) else np.arange(len(unit)) % arms
    sample = sampled(arm, stratum[unit] if draw(st.booleans()) else None, unit)
    design = design_of(sample)
    assert design is not None
    return sample, design


@given(designs(), st.integers(0, 3))
@settings(deadline=None, max_examples=60)
def test_psus_are_never_divided(drawn: tuple[Sample, Design], seed: int) -> None:
    sample, design = drawn
    group = jackknife_groups(sample.arm, seed, design)
    weights = halves(sample.arm, group, seed, 0, design)
    a, b = weights.human[0] > 0, weights.simulated[0] > 0
    for unit in range(design.n_units):
        members = design.unit == unit
        assert not (a[members].any() and b[members].any())
        assert len(np.unique(group[members])) == 1
    for key in np.unique(sample.arm.astype(str)):
        assert a[sample.arm == key].sum() == b[sample.arm == key].sum()
    np.testing.assert_array_equal(weights.human[1] > 0, b)
    again = halves(sample.arm, group, seed, 0, design)
    np.testing.assert_array_equal(weights.human, again.human)


@given(designs(), st.integers(0, 3))
@settings(deadline=None, max_examples=60)
def test_groups_leave_every_stratum_its_share(drawn: tuple[Sample, Design], seed: int) -> None:
    sample, design = drawn
    group = jackknife_groups(sample.arm, seed, design)
    factors, jackknife = jackknife_factors(group, design), jackknife_of(group, design)
    assert len(factors) == 1 + group.max() + 1 == 1 + len(jackknife.scale)
    np.testing.assert_array_equal(factors[0], 1)
    assert jackknife.degrees_of_freedom >= 1
    first = np.unique(design.unit, return_index=True)[1]  # one member of each PSU
    for number, row in enumerate(factors[1:]):
        np.testing.assert_array_equal(row == 0, group == number)
        if design.n_strata > 1:  # the PSUs that are left stand for those removed
            sums = np.bincount(design.stratum_of_unit, weights=row[first], minlength=design.n_strata)
            np.testing.assert_allclose(sums, design.units_in_stratum)


@pytest.mark.parametrize("sizes", [(2, 2, 2, 2), (3, 4, 5), (5,), (2, 9, 6), (60, 80, 45), (50, 3, 4)])
def test_the_jackknife_estimates_the_design_variance_of_a_total_without_bias(sizes: tuple[int, ...]) -> None:
    """Over all ways of dealing PSUs to groups, in closed form.

    Removing m of n PSUs changes a total by n / (n - m) times (m mean - their sum), whose mean square is n m / (n - m) S^2;
    the scale makes the sum over groups n S^2.
    """
    stratum = np.repeat(np.arange(len(sizes)), sizes)
    sample = sampled(np.zeros(len(stratum)), stratum)
    design = design_of(sample)
    assert design is not None
    group = jackknife_groups(sample.arm, 0, design)
    jackknife = jackknife_of(group, design)
    found = np.zeros(len(sizes))
    for number in range(group.max() + 1):
        for h, n in enumerate(sizes):
            m = np.sum((group == number) & (stratum == h))
            if m:
                found[h] += jackknife.scale[number] * n * m / (n - m)
    np.testing.assert_allclose(found, sizes, rtol=0.01)


@pytest.mark.parametrize(
    ("sizes", "groups", "freedom"),
    [
        ((60, 80, 100), 40, 39),  # large strata share all groups
        ((8, 8, 8), 18, 15),  # few people, at most 20 groups: six in each stratum
        ((2,) * 30, 20, 10),  # strata of two PSUs share pairs of groups
        ((100,), 20, 19),
    ],
)
def test_number_of_groups(sizes: tuple[int, ...], groups: int, freedom: int) -> None:
    stratum = np.repeat(np.arange(len(sizes)), sizes)
    sample = sampled(np.zeros(len(stratum)), stratum)
    design = design_of(sample)
    group = jackknife_groups(sample.arm, 0, design)
    assert group.max() + 1 == groups
    assert jackknife_of(group, design).degrees_of_freedom == freedom


def test_differences_between_strata_do_not_enter_the_error() -> None:
    stratum = np.repeat([0, 1], 100)
    sample = sampled(np.zeros(200), stratum)
    design = design_of(sample)
    group = jackknife_groups(sample.arm, 0, design)
    factors = jackknife_factors(group, design)
    values = factors @ stratum / factors.sum(axis=1)
    assert jackknife_se(values[1:], jackknife_of(group, design)) == pytest.approx(0, abs=1e-12)


def test_without_strata_the_formula_is_the_ordinary_one() -> None:
    unit = np.repeat(np.arange(30), 4)
    sample = sampled(np.zeros(120), psu=unit)
    design = design_of(sample)
    group = jackknife_groups(sample.arm, 0, design)
    replicates = np.random.default_rng(0).normal(size=(group.max() + 1, 3))
    jackknife = jackknife_of(group, design)
    np.testing.assert_allclose(jackknife_se(replicates, jackknife), jackknife_se(replicates))
    value = replicates.mean(axis=0)
    np.testing.assert_allclose(
        jackknife_interval(value, replicates, 0.95, jackknife), jackknife_interval(value, replicates, 0.95)
    )


def test_strata_without_psus_are_halved_evenly() -> None:
    stratum, arm = np.repeat([0, 1, 2], 40), np.tile([0, 1], 60)
    sample = sampled(arm, stratum)
    design = design_of(sample)
    group = jackknife_groups(sample.arm, 0, design)
    weights = halves(sample.arm, group, 0, 1, design)
    for h in range(3):
        for key in range(2):
            inside = (stratum == h) & (arm == key)
            assert (weights.human[0][inside] > 0).sum() == (weights.human[1][inside] > 0).sum() == 10
    assert half_sizes(sample.arm, 0, 5, design) == {"0": 30.0, "1": 30.0}


def test_psus_of_unequal_size_cost_few_people() -> None:
    sizes = np.random.default_rng(1).integers(14, 68, 160)
    unit = np.repeat(np.arange(160), sizes)
    sample = sampled(np.zeros(len(unit)), psu=unit)
    (half,) = half_sizes(sample.arm, 0, 20, design_of(sample)).values()
    assert len(unit) / 2 - 68 <= half <= len(unit) / 2


def test_a_stratum_drawn_with_certainty_is_never_removed() -> None:
    sample = sampled(np.zeros(50), np.repeat([0, 1], [40, 10]), np.repeat(np.arange(5), 10))
    design = design_of(sample, "certainty")
    assert design is not None
    group = jackknife_groups(sample.arm, 0, design)
    assert (group[40:] == -1).all()
    assert (jackknife_factors(group, design)[:, 40:] == 1).all()


def test_units_of_a_sample() -> None:
    sample = sampled(np.zeros(6), [1, 1, 1, 2, 2, 2], [7, 8, 7, 7, 7, 9])
    unit = sample.units()
    pairs = {(str(h), str(p)): int(u) for h, p, u in zip(sample.stratum, sample.psu, unit, strict=True)}
    assert len(set(unit.tolist())) == 4 == len(pairs)
    assert unit[0] == unit[2] != unit[3] == unit[4]
    np.testing.assert_array_equal(sampled(np.zeros(3)).units(), [0, 1, 2])
    np.testing.assert_array_equal(sample.with_answers({}).units(), unit)
    np.testing.assert_array_equal(sample.take(np.array([5, 0])).psu, ["9", "7"])
