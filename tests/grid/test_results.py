from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveyeval.engine.estimates import make_table
from surveyeval.grid.results import (
    BreakEven,
    Selection,
    break_even,
    gains_over,
    mean_over_draws,
    reference_of,
    told_apart,
)

DESIGN = {"profile_set": "core", "holdout": "", "part": "all", "scope": "all", "balance": "random", "profile": "shown"}


def estimates(rows):
    """Estimates with the columns of a grid; each row names its method, pilot, draw and value."""
    base = {"task": "anes96", "metric": "js_distance", "name": "js_distance", "quantity": "matched", "status": "ok"}
    table = make_table([{**base, **row} for row in rows])
    own = {name: [row.get(name, default) for row in rows]
           for name, default in (("method", ""), ("base", ""), ("size", "60"), ("n_pilot", 60), ("draw", 0),
                                 ("seconds", 1.0), ("tokens", 0.0))}  # fmt: skip
    seeds = pd.array([row.get("tuning_seed") for row in rows], dtype="Int64")
    return table.assign(**DESIGN, **own, tuning_seed=seeds)


def means(curves):
    """What `mean_over_draws` gives for curves written as {method: {size: value}}."""
    rows = [
        {
            "method": name,
            "base": "" if name.startswith("baseline:") else "m",
            "size": str(size),
            "n_pilot": size,
            "value": value,
        }
        for name, curve in curves.items()
        for size, value in curve.items()
    ]
    return mean_over_draws(estimates(rows))


# ---- means and bands -------------------------------------------------------------------------------------------------


def test_draws_and_seeds_are_averaged_with_their_range():
    rows = [
        {"method": "lora", "base": "m", "draw": draw, "tuning_seed": seed, "value": value, "low": value - 0.1,
         "high": value + 0.3, "seconds": 10.0 * (draw + 1), "tokens": 100.0}
        for draw, seed, value in ((0, 0, 0.2), (0, 1, 0.4), (1, 0, 0.9), (1, 1, 0.1))
    ]  # fmt: skip
    found = mean_over_draws(estimates(rows))
    assert len(found) == 1
    one = found.iloc[0]
    assert one["value"] == pytest.approx((0.2 + 0.4 + 0.9 + 0.1) / 4)
    assert (one["least"], one["most"], one["runs"]) == (0.1, 0.9, 4)
    assert (one["low"], one["high"]) == (pytest.approx(0.3), pytest.approx(0.7))
    assert (one["seconds"], one["tokens"]) == (15.0, 100.0)


def test_runs_without_a_value_are_left_out_and_named_when_there_is_no_other():
    bad = {"status": "not_estimable", "reason": "undefined", "value": math.nan}
    rows = [
        {"method": "lora", "base": "m", "draw": 0, "value": 0.5},
        {"method": "lora", "base": "m", "draw": 1, **bad},
        {"method": "base", "base": "m", **bad},
        {"method": "", "model": "human-half", "quantity": "reference", "value": 0.1},
    ]
    found = mean_over_draws(estimates(rows)).set_index("method")
    assert found.loc["lora", ["value", "runs", "status", "reason"]].tolist() == [0.5, 1, "ok", ""]
    assert found.loc["base", ["runs", "status", "reason"]].tolist() == [0, "not_estimable", "undefined"]
    assert math.isnan(found.loc["base", "value"])
    assert len(found) == 2
    assert mean_over_draws(estimates(rows[-1:])).empty


def test_designs_parts_and_bases_are_kept_apart():
    rows = [
        {"method": "lora", "base": base, "size": size, "value": 1.0} for base in ("a", "b") for size in ("30", "60")
    ]
    table = estimates(rows)
    assert len(mean_over_draws(pd.concat([table, table.assign(part="unseen"), table.assign(scope="arm=x")]))) == 12


def test_a_gain_is_that_over_the_one_named():
    rows = [
        {"method": "lora", "base": "m", "quantity": "gain_over", "floor_name": name, "value": value}
        for name, value in (("baseline:cell", 0.2), ("baseline:marginal", 0.7))
    ]
    assert gains_over(estimates(rows), Selection("js_distance"), "baseline:cell")["value"].tolist() == [0.2]


def test_people_are_read_from_the_reference_of_everybody():
    rows = [{"quantity": "reference", "model": "human-half", "value": 0.06, "low": 0.05, "high": 0.07}]
    table = estimates(rows)
    assert reference_of(table, Selection("js_distance")) == (0.06, 0.05, 0.07)
    assert reference_of(table.assign(part="seen"), Selection("js_distance")) is None


@pytest.mark.parametrize(
    ("low", "high", "least", "most", "words"),
    [
        (0.1, 0.3, 0.05, 0.4, "better"),
        (-0.3, -0.1, -0.4, -0.05, "worse"),
        (-0.1, 0.3, 0.1, 0.2, "not told apart"),
        (0.1, 0.3, -0.05, 0.4, "not told apart"),  # pilot draws disagree
        (-0.3, -0.1, -0.4, 0.05, "not told apart"),
        (math.nan, math.nan, 0.1, 0.2, ""),
    ],
)
def test_better_and_worse_need_the_interval_and_every_draw(low, high, least, most, words):
    assert told_apart({"status": "ok", "low": low, "high": high, "least": least, "most": most}) == words


def test_nothing_is_said_of_a_gain_that_is_not_there():
    assert told_apart(None) == ""
    assert told_apart({"status": "not_estimable", "low": 0.1, "high": 0.2, "least": 0.1, "most": 0.2}) == ""


# ---- break-even ------------------------------------------------------------------------------------------------------

CHAIN = {10: 10.0, 100: 6.0}  # straight over the logarithm of size


@pytest.mark.parametrize(
    ("error", "people"),
    [(10.0, 10), (8.0, math.sqrt(10 * 100)), (7.0, 10**1.75), (6.0, 100)],
)
def test_break_even_lies_on_the_straight_line_between_two_sizes(error, people):
    (found,) = break_even(means({"baseline:chain": CHAIN, "lora": {50: error}}), ["lora"])
    assert found.people == pytest.approx(people)
    assert found.at_most == (error == 10.0)
    assert (found.method, found.base, found.n_pilot, found.baseline) == ("lora", "m", 50, "baseline:chain")


def test_a_model_better_than_every_pilot_has_no_break_even():
    (found,) = break_even(
        means({"baseline:chain": CHAIN, "baseline:cell": {10: 7.0, 200: 6.5}, "lora": {50: 5.0}}), ["lora"]
    )
    assert found.people is None
    assert found.adds
    assert found.words == "more than 200"
    assert found.baseline == "baseline:chain"  # the one that comes nearest


def test_the_first_baseline_to_get_there_counts():
    curves = {"baseline:chain": CHAIN, "baseline:cell": {10: 9.0, 100: 7.0}, "lora": {20: 8.5, 40: 7.5}}
    early, late = break_even(means(curves), ["lora"])
    assert (early.baseline, late.baseline) == ("baseline:cell", "baseline:chain")
    assert early.people == pytest.approx(10**1.25)
    assert late.people == pytest.approx(10**1.625)


def test_the_smallest_pilot_alone_may_already_do():
    curves = {"baseline:marginal": {15: 8.0, 60: 7.9}, "baseline:cell": {15: 7.8, 60: 7.7}, "base": {60: 11.0}}
    (found,) = break_even(means(curves), ["base"])
    assert (found.people, found.at_most, found.adds) == (15, True, False)
    assert found.baseline == "baseline:cell"
    assert found.words == "at most 15"


def test_a_baseline_that_gets_worse_counts_from_where_it_first_gets_there():
    (found,) = break_even(means({"baseline:chain": {10: 9.0, 20: 7.0, 40: 8.5}, "lora": {40: 8.0}}), ["lora"])
    assert found.people == pytest.approx(10 * 2**0.5)


@pytest.mark.parametrize(
    ("method", "people", "adds"),
    [("lora", 90.0, True), ("lora", 60.0, False), ("lora", 40.0, False), ("base", 40.0, True), ("lora", None, True)],
)
def test_a_model_adds_something_when_the_pilot_alone_needs_more_people_than_it_used(method, people, adds):
    assert BreakEven(method, "m", 60.0, 7.0, "baseline:cell", people).adds is adds


def test_draws_give_a_range():
    rows = [{"method": "lora", "base": "m", "n_pilot": 50, "size": "50", "draw": draw, "value": value}
            for draw, value in enumerate((7.0, 8.0, 9.0))]  # fmt: skip
    rows += [
        {"method": "baseline:chain", "n_pilot": size, "size": str(size), "value": value}
        for size, value in CHAIN.items()
    ]
    (found,) = break_even(mean_over_draws(estimates(rows)), ["lora"])
    assert found.people == pytest.approx(10**1.5)
    assert (found.fewest, found.most) == (pytest.approx(10**1.25), pytest.approx(10**1.75))
    assert found.range == "18 to 56"
    assert break_even(mean_over_draws(estimates(rows[:1] + rows[3:])), ["lora"])[0].range == ""


def test_without_baselines_there_is_no_break_even():
    assert break_even(means({"lora": {50: 5.0}, "baseline:uniform": {50: 9.0}}), ["lora"]) == []


@given(
    st.lists(st.floats(0.1, 10), min_size=2, max_size=6, unique=True),
    st.lists(st.integers(5, 500), min_size=6, max_size=6, unique=True),
    st.floats(0.1, 10),
)
def test_break_even_agrees_with_numpy_on_curves_that_fall(values, sizes, error):
    falling, sizes = sorted(values, reverse=True), sorted(sizes)[: len(values)]
    curve = dict(zip(sizes, falling, strict=True))
    (found,) = break_even(means({"baseline:chain": curve, "lora": {50: error}}), ["lora"])
    if error < falling[-1]:
        assert found.people is None
    elif error >= falling[0]:
        assert (found.people, found.at_most) == (sizes[0], True)
    else:
        expected = np.exp(np.interp(-error, [-value for value in falling], np.log(sizes)))
        assert found.people == pytest.approx(expected)
