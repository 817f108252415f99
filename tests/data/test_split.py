from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveyeval.data.sample import Sample
from surveyeval.data.split import make_split
from surveyeval.data.weights import kish
from surveyeval.errors import ConfigError


def people(sizes: list[int], seed: int = 0) -> Sample:
    arm = np.repeat([f"arm{k}" for k in range(len(sizes))], sizes).astype(object)
    np.random.default_rng(seed).shuffle(arm)
    return Sample(respondent=np.array([f"p{i}" for i in range(sum(sizes))], dtype=object), arm=arm)


@given(st.lists(st.integers(20, 120), min_size=1, max_size=8), st.text(max_size=5))
@settings(max_examples=40, deadline=None)
def test_everybody_stands_once_and_prefixes_are_balanced(sizes: list[int], key: str) -> None:
    sample = people(sizes)
    split = make_split(sample, key)
    assert sorted(split.order) == list(range(sample.n))
    assert np.concatenate([split.pool, split.test]).tolist() == split.order.tolist()
    for k, size in enumerate(sizes):
        seen = np.cumsum(sample.arm[split.order] == f"arm{k}")
        expected = np.arange(1, sample.n + 1) * size / sample.n
        assert np.abs(seen - expected).max() <= 1.6 + 0.5 * len(sizes)


def test_sizes() -> None:
    assert len(make_split(people([944]), "k").pool) == 236
    assert len(make_split(people([100]), "k").pool) == 30  # a quarter would be too few
    assert len(make_split(people([40]), "k").pool) == 20  # half is left to test


def test_a_split_belongs_to_its_key() -> None:
    sample = people([60, 60])
    assert make_split(sample, "a").hash == make_split(sample, "a").hash
    assert make_split(sample, "a").hash != make_split(sample, "b").hash
    assert make_split(sample, "a").order.tolist() != make_split(sample, "b").order.tolist()


def test_pilots_are_nested_and_never_tested() -> None:
    split = make_split(people([50, 50, 50, 50]), "k")
    previous: list[int] = []
    for size in (1, 10, 40, 50, 120):
        pilot, test = split.divide(size)
        assert len(pilot) == size
        assert pilot[: len(previous)].tolist() == previous
        assert not set(pilot) & set(test)
        assert test.tolist() == split.test.tolist()[max(0, size - 50) :]
        previous = pilot.tolist()


def test_share_of_all_people() -> None:
    split = make_split(people([200]), "k")
    assert len(split.divide(0.25)[0]) == 50
    assert len(split.divide(0.2)[0]) == 40
    assert len(split.divide(0.01)[0]) == 30  # never fewer than 30 by share


@pytest.mark.parametrize("pilot", [0, -3, float("nan"), float("inf"), 200, 500])
def test_impossible_pilots(pilot: float) -> None:
    with pytest.raises(ConfigError, match="pilot"):
        make_split(people([200]), "k").divide(pilot)


def test_kish_by_hand() -> None:
    assert kish([2, 2, 2]) == pytest.approx(3)
    assert kish([1, 0, 3]) == pytest.approx(16 / 10)
    assert kish([0, 0]) == 0
    np.testing.assert_allclose(kish([[1, 1], [1, 3]]), [2, 1.6])


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=30), st.floats(0.1, 10))
def test_kish_bounds_and_scale(weights: list[float], factor: float) -> None:
    n_eff = float(kish(weights))
    assert 1 - 1e-9 <= n_eff <= len(weights) + 1e-9
    assert float(kish(np.array(weights) * factor)) == pytest.approx(n_eff)
