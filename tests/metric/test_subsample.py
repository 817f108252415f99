"""Respondents that are compared in pairs: all, or a subsample that the result names."""

from __future__ import annotations

import numpy as np
import pytest
from metric_samples import as_simulated, make_sample, make_task

from surveyeval.metric._subsample import subsample
from surveyeval.metric.copies import LongestCopy
from surveyeval.metric.persona import PersonaGain, PersonaSwap

TASK = make_task(cells=["region"])


def renamed(sample, prefix):
    sample.respondent[:] = [f"{prefix}{name}" for name in sample.respondent]
    return sample


@pytest.fixture(scope="module")
def samples():
    people = make_sample(TASK, 5200, 1, weighted=False)
    return people, as_simulated(people, 2, task=TASK), renamed(make_sample(TASK, 5300, 3, weighted=False), "pilot ")


def test_up_to_the_limit_everybody_is_compared():
    names = np.array([f"r{i}" for i in range(5000)], dtype=object)
    np.testing.assert_array_equal(subsample(names, "x"), np.arange(5000))


def test_the_same_respondents_are_taken_in_whatever_order():
    names = np.array([f"r{i}" for i in range(6000)], dtype=object)
    turned = np.random.default_rng(0).permutation(names)
    kept = subsample(names, "x")
    assert len(kept) == 5000
    assert len(set(kept)) == 5000
    assert set(names[kept]) == set(turned[subsample(turned, "x")])
    assert set(names[kept]) != set(names[subsample(names, "y")])


@pytest.mark.parametrize("metric", [LongestCopy(), PersonaGain(), PersonaSwap()], ids=lambda one: one.spec.name)
def test_a_subsample_is_named_with_its_size(metric, samples):
    people, rows, pilot = samples
    ones = np.ones((2, people.n))
    values = metric.compare(TASK, people, rows, pilot, {}).values(ones, ones, 0)
    again = metric.compare(TASK, people, rows, pilot, {}).values(ones, ones, 0)
    np.testing.assert_array_equal(values.value, again.value)
    assert np.isfinite(values.value).all()
    for key in values.keys:
        assert values.flags[key] == ("subsample",)
        status, reason = values.status[key]
        assert status == "ok"
        assert "5,000 of 5," in reason
    assert (values.n_eff <= 5000).all()


def test_the_longest_copy_of_a_subsample_is_that_of_its_rows(samples):
    people, rows, pilot = samples
    ones = np.ones((1, people.n))
    found = LongestCopy().compare(TASK, people, rows, pilot, {}).values(ones, ones, 0)
    kept, of = subsample(rows.respondent, "copies"), subsample(pilot.respondent, "copies of")
    fields = [(rows.answers[item.name], pilot.answers[item.name]) for item in TASK.items]
    closest = []
    for i in kept[:400]:
        agreed = (rows.profile["region"][i] == pilot.profile["region"][of]).astype(int)
        agreed += rows.arm[i] == pilot.arm[of]
        for own, theirs in fields:
            agreed += (own[i] == theirs[of]) & (own[i] >= 0)
        closest.append(agreed.max() / 6)
    first = np.zeros((1, people.n))
    first[0, kept[:400]] = 1
    some = LongestCopy().compare(TASK, people, rows, pilot, {}).values(ones, first, 0)
    np.testing.assert_allclose(some.value[0], [max(closest), np.mean(closest)])
    assert found.value[0, 0] >= some.value[0, 0]


def test_small_samples_carry_no_flag():
    people = make_sample(TASK, 120, 1, weighted=False)
    rows, pilot = as_simulated(people, 2, task=TASK), renamed(make_sample(TASK, 60, 3, weighted=False), "pilot ")
    ones = np.ones((2, 120))
    for metric in (LongestCopy(), PersonaGain(), PersonaSwap()):
        values = metric.compare(TASK, people, rows, pilot, {}).values(ones, ones, 0)
        assert not values.flags
        assert not values.status
