"""Halves and jackknife groups against their definitions; the jackknife against a closed form."""

from __future__ import annotations

import numpy as np
import pytest

from surveyeval.metric.resampling import halves, jackknife_groups, jackknife_se


@pytest.mark.parametrize(("n", "groups"), [(150, 20), (400, 40)])
def test_groups_are_balanced_over_arms(n: int, groups: int) -> None:
    arm = np.array(["a", "b"] * (n // 2), dtype=object)
    group = jackknife_groups(arm, 0)
    assert group.max() + 1 == groups
    for key in ("a", "b"):
        counts = np.bincount(group[arm == key], minlength=groups)
        assert counts.max() - counts.min() <= 1


def test_halves_are_disjoint_equal_and_stratified() -> None:
    arm = np.array(["a"] * 41 + ["b"] * 60, dtype=object)
    group = jackknife_groups(arm, 0)
    weights = halves(arm, group, 0, 3)
    a, b = weights.human[0], weights.simulated[0]
    assert not (a * b).any()
    for key, size in (("a", 20), ("b", 30)):
        assert a[arm == key].sum() == b[arm == key].sum() == size
    np.testing.assert_array_equal(weights.human[1], b)
    np.testing.assert_array_equal(weights.human[2], a * (group != 0))
    np.testing.assert_array_equal(weights.simulated[3], a * (group != 0))
    assert not np.array_equal(weights.human[0], halves(arm, group, 0, 4).human[0])
    np.testing.assert_array_equal(weights.human, halves(arm, group, 0, 3).human)


def test_the_jackknife_of_a_mean_with_one_person_a_group_is_its_standard_error() -> None:
    x = np.random.default_rng(0).normal(size=40)
    replicates = np.array([np.delete(x, i).mean() for i in range(40)])
    assert jackknife_se(replicates) == pytest.approx(x.std(ddof=1) / np.sqrt(40))
