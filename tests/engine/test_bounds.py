"""Bounds for invalid answers, against every way to fill in the missing answers of tiny samples."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from surveyeval import api
from surveyeval.data.sample import Sample, State
from surveyeval.engine.bounds import bounds, js_bounds, share_bounds, total_variation_bounds, wasserstein_bounds
from surveyeval.engine.describe import describe
from surveyeval.engine.evaluate import evaluate
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.task import Task

FloatArray = NDArray[np.float64]


def _shares(answers: list[int], k: int) -> FloatArray:
    return np.bincount(answers, minlength=k) / max(len(answers), 1)


@st.composite
def tiny(draw: st.DrawFn) -> tuple[int, list[int], list[int], int]:
    """Options, answers of people, usable simulated answers, and how many of the latter are missing."""
    k = draw(st.integers(2, 4))
    options = st.integers(0, k - 1)
    people = draw(st.lists(options, min_size=1, max_size=8))
    usable = draw(st.lists(options, min_size=1, max_size=6))
    return k, people, usable, draw(st.integers(0, 3))


def _filled(k: int, usable: list[int], missing: int) -> list[FloatArray]:
    """Shares of every complete sample."""
    return [_shares([*usable, *filling], k) for filling in product(range(k), repeat=missing)]


@given(tiny())
@settings(deadline=None)
def test_shares_are_bounded_by_the_extreme_fillings(case: tuple[int, list[int], list[int], int]) -> None:
    k, _, usable, missing = case
    found = np.array(_filled(k, usable, missing))
    low, high = share_bounds(_shares(usable, k), missing / (len(usable) + missing))
    np.testing.assert_allclose(low, found.min(axis=0), atol=1e-12)
    np.testing.assert_allclose(high, found.max(axis=0), atol=1e-12)


def _distances(name: str, people: FloatArray, filled: list[FloatArray], values: FloatArray) -> FloatArray:
    if name == "total_variation":
        return np.array([np.abs(people - one).sum() / 2 for one in filled])
    if name == "js_distance":
        with np.errstate(invalid="ignore"):  # scipy takes the root of a rounding error below 0
            return np.asarray(np.nan_to_num([jensenshannon(people, one, base=2) for one in filled]))
    return np.array([wasserstein_distance(values, values, people, one) for one in filled]) / np.ptp(values)


def _bounds(name: str, people: FloatArray, usable: FloatArray, share: float, values: FloatArray) -> tuple[float, float]:
    if name == "wasserstein":
        return wasserstein_bounds(people, usable, share, values)
    return (total_variation_bounds if name == "total_variation" else js_bounds)(people, usable, share)


@pytest.mark.parametrize("name", ["total_variation", "js_distance", "wasserstein"])
@given(case=tiny(), shuffled=st.permutations([1.0, 2.0, 4.0, 7.0]))
@settings(deadline=None)
def test_distances_are_bounded_by_every_filling(
    name: str, case: tuple[int, list[int], list[int], int], shuffled: list[float]
) -> None:
    k, people_answers, usable_answers, missing = case
    values = np.array(shuffled[:k])
    people, usable = _shares(people_answers, k), _shares(usable_answers, k)
    low, high = _bounds(name, people, usable, missing / (len(usable_answers) + missing), values)
    found = _distances(name, people, _filled(k, usable_answers, missing), values)
    assert low <= found.min() + 1e-7
    assert high == pytest.approx(found.max(), abs=1e-7)  # the largest is reached with all on one option


@pytest.mark.parametrize("name", ["total_variation", "js_distance", "wasserstein"])
@given(case=tiny())
@settings(deadline=None, max_examples=25)
def test_the_smallest_distance_is_approached_by_finer_fillings(
    name: str, case: tuple[int, list[int], list[int], int]
) -> None:
    """Counts of the finer samples are enumerated as compositions, so that a part is 1/24 of a missing answer."""
    k, people_answers, usable_answers, missing = case
    values = np.array([1.0, 2.0, 4.0, 7.0])[:k]
    people, usable = _shares(people_answers, k), _shares(usable_answers, k)
    share = missing / (len(usable_answers) + missing)
    steps = 24
    fillings = [np.array(one) / steps for one in product(range(steps + 1), repeat=k) if sum(one) == steps]
    filled = [(1 - share) * usable + share * filling for filling in fillings]
    low, _ = _bounds(name, people, usable, share, values)
    found = _distances(name, people, filled, values).min()
    # the square root has no slope bound at 0; elsewhere a step moves a distance by less than its own size
    slack = np.sqrt(2 * share / steps) if name == "js_distance" else 2 * share / steps
    assert low - 1e-7 <= found <= low + slack + 1e-7


def test_the_largest_wasserstein_distance_need_not_lie_at_an_end_of_the_scale() -> None:
    people = np.array([0.5, 0.0, 0.0, 0.0, 0.5])
    usable = np.array([0.0, 0.0, 1.0, 0.0, 0.0])
    values = np.arange(5.0)
    _, high = wasserstein_bounds(people, usable, 0.4, values)
    ends = [wasserstein_distance(values, values, people, 0.6 * usable + 0.4 * np.eye(5)[k]) / 4 for k in (0, 4)]
    assert high > max(ends) + 0.05


@pytest.fixture(scope="module")
def anes96() -> tuple[Task, Sample, Sample]:
    task = load_task("anes96")
    human = load_human(task).sample
    return task, human.take(np.arange(300, 500)), human.take(np.arange(300))


def _with_invalid(people: Sample, counts: dict[str, int], state: State = State.INVALID) -> Sample:
    answers = {name: column.copy() for name, column in people.answers.items()}
    states = {name: column.copy() for name, column in people.states.items()}
    for name, count in counts.items():
        answers[name][:count] = -1
        states[name][:count] = state
    return people.with_answers(answers, states=states)


def test_only_items_above_five_per_cent_are_bounded(anes96: tuple[Task, Sample, Sample]) -> None:
    task, people, _ = anes96
    rows = list(bounds(task, people, [_with_invalid(people, {"vote": 11, "self_lr": 10})]))
    assert {row["item"] for row in rows if row["item"]} == {"vote"}
    refused = _with_invalid(people, {"vote": 50}, State.REFUSED)
    assert list(bounds(task, people, [refused])) == []  # refusing is an answer of another kind, not an unreadable one
    not_run = _with_invalid(people, {"vote": 50}, State.NOT_RUN)
    assert next(bounds(task, people, [not_run]))["invalid"] == pytest.approx(0.25)


def test_regressions_that_use_such_an_item_have_no_bounds_and_say_so(anes96: tuple[Task, Sample, Sample]) -> None:
    task, people, _ = anes96
    rows = [row for row in bounds(task, people, [_with_invalid(people, {"vote": 60})]) if not row["item"]]
    using = [one.name for one in task.spec.regressions if one.formula.startswith("vote")]
    assert using
    assert [row["option"] for row in rows] == using
    assert all(row["status"] == "not_applicable" and "uses vote" in row["reason"] for row in rows)


def test_values_are_those_of_the_estimates(anes96: tuple[Task, Sample, Sample]) -> None:
    task, people, pilot = anes96
    simulated = _with_invalid(people, {"self_lr": 40})
    table = evaluate(task, people, {"one": [simulated]}, pilot, metrics=api.metrics(), splits=2)
    full = table[(table["quantity"] == "estimate") & (table["item"] == "self_lr")].set_index("metric")["value"]
    compared = set()
    for row in describe(task, people, [simulated], pilot)["bounds"]:
        if row["measure"] in ("total_variation", "js_distance", "wasserstein"):  # type: ignore[index]
            assert row["value"] == pytest.approx(full[row["measure"]])  # type: ignore[index]
            assert row["low"] <= row["value"] <= row["high"]  # type: ignore[index]
            compared.add(row["measure"])  # type: ignore[index]
    assert compared == {"total_variation", "js_distance", "wasserstein"}


def test_arms_are_filled_in_apart_and_draws_are_averaged() -> None:
    task = load_task("disclosure")
    human = load_human(task).sample.take(np.arange(240))
    item = task.items[0]
    draws = [_with_invalid(human, {item.name: count}) for count in (60, 30)]
    rows = {row["measure"]: row for row in bounds(task, human, draws) if row["item"] == item.name}
    expected = np.zeros(2)
    for one, arm in [(one, arm) for one in draws for arm in task.arms]:
        own, theirs = one.take(np.asarray(one.arm == arm.key)), human.take(np.asarray(human.arm == arm.key))
        usable = own.answers[item.name][own.answered(item.name)]
        people = _shares(theirs.answers[item.name].tolist(), item.k)
        share = float(Fraction(own.n - len(usable), own.n))
        expected += (
            np.array(total_variation_bounds(people, _shares(usable.tolist(), item.k), share)) * theirs.n / len(draws)
        )
    assert (rows["total_variation"]["low"], rows["total_variation"]["high"]) == pytest.approx(expected / human.n)


def test_an_item_without_a_usable_answer_has_no_bounds(anes96: tuple[Task, Sample, Sample]) -> None:
    task, people, _ = anes96
    row = next(bounds(task, people, [_with_invalid(people, {"vote": people.n})]))
    assert (row["status"], row["value"]) == ("not_estimable", None)
