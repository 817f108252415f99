"""Places, fronts and differences against brute force and closed forms."""

from __future__ import annotations

import itertools
import random

import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from surveyeval.board.pareto import dominance, front
from surveyeval.board.ranks import Resolved, line_key, places, resolve
from surveyeval.reporting.lines import Line, Value
from surveyeval.reporting.quantities import quantity


def line(excess: list[tuple[float, float, float] | None], metric: str = "js_distance") -> Line:
    models = [{} if one is None else {"excess": Value(*one), "matched": Value(*one)} for one in excess]
    return Line(
        "alignment", metric, metric, "", "", "", "", "", "", "", True, "lower", "uniform", quantity(metric, metric),
        Value(0.1), {}, models,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_places_are_those_of_all_orders_that_the_differences_allow(seed: int) -> None:
    rng = random.Random(seed)
    centre = [rng.uniform(0, 4) for _ in range(5)]
    pairs = [
        Resolved(i, j, centre[j] - centre[i], "not told apart" if abs(centre[i] - centre[j]) < 1 else "better" if centre[i] < centre[j] else "worse")
        for i, j in itertools.combinations(range(5), 2)
    ]  # fmt: skip
    allowed = [
        order for order in itertools.permutations(range(5))
        if all(order.index(i) < order.index(j) for i in range(5) for j in range(5) if centre[j] - centre[i] >= 1)
    ]  # fmt: skip
    found = places(pairs, range(5))
    for model in range(5):
        at = [order.index(model) + 1 for order in allowed]
        assert (found[model].best, found[model].worst) == (min(at), max(at))


def test_places_say_one_number_or_from_to_and_nothing_without_a_test() -> None:
    told = places([Resolved(0, 1, 1.0, "better")], [0, 1])
    assert [str(told[0]), str(told[1])] == ["1", "2"]
    assert str(places([Resolved(0, 1, 1.0, "not told apart")], [0, 1])[0]) == "1 to 2"
    assert places([Resolved(0, 1, 1.0, "no test")], [0, 1]) == {}


@pytest.mark.parametrize("seed", range(20))
def test_the_front_holds_what_no_other_point_beats(seed: int) -> None:
    rng = random.Random(seed)
    points = [(rng.randint(0, 6) / 2, rng.randint(0, 6) / 2) for _ in range(9)]
    beaten = {
        p for p, q in itertools.product(points, points) if q != p and q[0] <= p[0] and q[1] <= p[1]
    }  # fmt: skip
    assert {points[position] for position in front(points)} == set(points) - beaten


def test_differences_from_intervals_take_the_largest_error_and_are_adjusted_within_the_metric() -> None:
    reach = stats.t.ppf(0.975, 19)
    values = [(0.1, 0.01), (0.2, 0.02), (0.9, 0.03)]  # value, standard error
    one = line([(value, value - reach * se, value + reach * se) for value, se in values])
    found = resolve([one], [0, 1, 2])[line_key(one)]
    raw = [
        2 * stats.t.sf((values[j][0] - values[i][0]) / (values[i][1] + values[j][1]), 19)
        for i, j in ((0, 1), (0, 2), (1, 2))
    ]
    decided, adjusted, *_ = multipletests(raw, 0.05, "fdr_bh")
    assert [pair.p_adjusted for pair in found] == pytest.approx(list(adjusted))
    assert [pair.outcome == "better" for pair in found] == list(decided)
    assert [pair.difference for pair in found] == pytest.approx([0.1, 0.8, 0.7])


def test_values_without_an_interval_are_not_tested_and_those_without_a_value_not_compared() -> None:
    one = line([(0.1, None, None), (0.2, None, None), None])  # type: ignore[list-item]
    assert [(pair.first, pair.second, pair.outcome) for pair in resolve([one], [0, 1, 2])[line_key(one)]] == [
        (0, 1, "no test")
    ]


def test_a_model_is_beaten_only_by_one_that_is_nearer_everywhere_and_told_apart_somewhere() -> None:
    first = line([(0.1, 0.0, 0.2), (0.2, 0.1, 0.3), (0.05, 0.0, 0.1)])
    second = line([(0.1, 0.0, 0.2), (0.9, 0.8, 1.0), (0.5, 0.4, 0.6)], "wasserstein")
    pairs = {
        line_key(second): [Resolved(0, 1, 0.8, "better"), Resolved(0, 2, 0.4, "better"), Resolved(1, 2, -0.4, "worse")]
    }
    found = dominance([first, second], pairs, [0, 1, 2])
    assert [one.by for one in found] == [(), (0, 2), ()]
    assert [one.by for one in dominance([first, second], {}, [0, 1, 2])] == [(), (), ()]


def test_a_value_that_one_lacks_saves_it_from_nothing_and_beats_nobody() -> None:
    first = line([(0.1, 0.0, 0.2), (0.5, 0.4, 0.6)])
    second = line([(0.1, 0.0, 0.2), None], "wasserstein")  # type: ignore[list-item]
    pairs = {line_key(first): [Resolved(0, 1, 0.4, "better")]}
    assert [one.by for one in dominance([first, second], pairs, [0, 1])] == [(), (0,)]
    first = line([(0.5, 0.4, 0.6), (0.1, 0.0, 0.2)])
    pairs = {line_key(first): [Resolved(0, 1, -0.4, "worse")]}
    found = dominance([first, second], pairs, [0, 1])
    assert [(one.by, one.compared) for one in found] == [((), 2), ((), 1)]
