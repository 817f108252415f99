"""Attention checks, and questions that were asked twice: against counts by hand and statsmodels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from surveyeval.data.sample import State
from surveyeval.engine.describe import describe
from surveyeval.engine.evaluate import evaluate
from surveyeval.metric.accuracy import Accuracy, PearsonR
from surveyeval.metric.association import pairs_of
from surveyeval.metric.individual import JointLogLoss, LogLoss
from tests.engine.small import SCALE, respondents, small_task

ITEMS = [
    {"name": "trust", "role": "belief", "kind": "ordinal", "question": "?", "options": SCALE},
    {"name": "act", "role": "action", "kind": "binary", "question": "?", "options": {"no": "no", "yes": "yes"}},
    {"name": "trust_again", "role": "belief", "kind": "ordinal", "question": "?", "options": SCALE, "retest": "trust"},
    {"name": "awake", "role": "attention", "kind": "nominal", "question": "Tick the second.", "expected": "b",
     "options": {"a": "one", "b": "two", "c": "three"}},
]  # fmt: skip
TASK = small_task(items=ITEMS)


def answers(people, seed, *, same=0.7, simulated=False):
    rng = np.random.default_rng(seed)
    trust = rng.integers(0, 4, people.n)
    again = np.where(rng.random(people.n) < same, trust, rng.integers(0, 4, people.n))
    given = {
        "trust": trust,
        "act": rng.integers(0, 2, people.n),
        "trust_again": again,
        "awake": rng.integers(0, 3, people.n),
    }
    for name, share in (("trust", 0.05), ("trust_again", 0.2), ("awake", 0.1)):
        given[name] = np.where(rng.random(people.n) < share, -1, given[name])
    return people.with_answers(given, simulated=simulated)


PILOT = answers(respondents(80, 1), 2)
PEOPLE = replace(answers(respondents(160, 3, weight=np.random.default_rng(5).uniform(0.5, 2, 160)), 4))
ROWS = answers(PEOPLE.without_answers(), 6, same=1.0, simulated=True)


def table(name, side, human=PEOPLE, rows=(ROWS,)):
    (found,) = [row for row in describe(TASK, human, list(rows), PILOT)[name] if row["side"] == side]
    return found


def test_agreement_with_oneself_is_counted_among_those_with_both_answers():
    kept = [i for i in range(PEOPLE.n) if PEOPLE.answers["trust"][i] >= 0 and PEOPLE.answers["trust_again"][i] >= 0]
    first, again, w = (one[kept] for one in (PEOPLE.answers["trust"], PEOPLE.answers["trust_again"], PEOPLE.weight))
    people = table("retest", "people")
    assert people["n"] == len(kept) < PEOPLE.n
    assert people["agreement"] == pytest.approx(sum(w[first == again]) / sum(w))
    assert people["low"] < people["agreement"] < people["high"]
    correlation = DescrStatsW(np.column_stack([first, again]).astype(float), weights=w).corrcoef[0, 1]
    assert people["r"] == pytest.approx(correlation)
    simulated = table("retest", "simulation")
    assert (simulated["agreement"], simulated["low"]) == (1.0, None)


def test_agreement_without_weights_has_the_wilson_interval():
    plain = replace(PEOPLE, weight=np.ones(PEOPLE.n))
    row = table("retest", "people", plain)
    successes = round(row["agreement"] * row["n"])
    assert (row["low"], row["high"]) == pytest.approx(proportion_confint(successes, row["n"], method="wilson"))


def test_who_passes_an_attention_check():
    row = table("attention", "people", replace(PEOPLE, weight=np.ones(PEOPLE.n)))
    given = [one for one in PEOPLE.answers["awake"].tolist() if one >= 0]
    assert (row["answered"], row["passed"]) == (len(given), given.count(1))
    assert row["unanswered"] == PEOPLE.n - len(given)
    assert (row["low"], row["high"]) == pytest.approx(proportion_confint(given.count(1), len(given), method="wilson"))
    assert row["expected"] == "two"


def test_who_was_not_asked_neither_passes_nor_fails():
    states = {**PEOPLE.states, "awake": np.where(PEOPLE.answers["awake"] < 0, np.int8(State.NOT_ASKED), np.int8(0))}
    row = table("attention", "people", replace(PEOPLE, states=states))
    assert row["unanswered"] == 0


def test_draws_are_averaged():
    other = answers(PEOPLE.without_answers(), 7, same=0.5, simulated=True)
    mean = np.mean([table("retest", "simulation", rows=(one,))["agreement"] for one in (ROWS, other)])
    assert table("retest", "simulation", rows=(ROWS, other))["agreement"] == pytest.approx(mean)


def test_people_are_the_yardstick_of_measures_of_individuals_where_they_answered_twice():
    found = evaluate(TASK, PEOPLE, {"m": [ROWS]}, PILOT, metrics=[Accuracy(), PearsonR(), LogLoss(), JointLogLoss()],
                     splits=2, tests=False)  # fmt: skip
    reference = found[found["quantity"] == "reference"].set_index(["name", "item"])
    known = reference[reference["status"] == "ok"]
    assert sorted(known.index) == [("accuracy", "trust"), ("accuracy_modal", "trust"), ("pearson_r", "trust")]
    assert set(reference[reference["status"] != "ok"]["reason"]) == {"none available"}
    row = table("retest", "people")
    assert known.loc[("accuracy", "trust"), "value"] == pytest.approx(row["agreement"])
    assert known.loc[("pearson_r", "trust"), "value"] == pytest.approx(row["r"])
    assert known.loc[("accuracy", "trust"), "n_human"] == row["n"]
    # the model is compared with people on those who answered twice
    both = (PEOPLE.answers["trust"] >= 0) & (PEOPLE.answers["trust_again"] >= 0)
    hit = np.average((ROWS.answers["trust"] == PEOPLE.answers["trust"])[both], weights=PEOPLE.weight[both])
    excess = found[(found["quantity"] == "excess") & (found["name"] == "accuracy")].set_index("item")
    assert list(excess.index) == ["trust"]
    assert excess.loc["trust", "value"] == pytest.approx(row["agreement"] - hit)
    assert excess.loc["trust", "low"] < excess.loc["trust", "value"] < excess.loc["trust", "high"]
    assert set(found[found["item"] != ""]["item"]) == {"trust", "act"}  # a retest is no further item


def test_without_a_retest_there_is_none():
    task = small_task(items=ITEMS[:2])
    found = evaluate(task, PEOPLE, {"m": [ROWS]}, PILOT, metrics=[Accuracy()], splits=2, tests=False)
    assert not (found["quantity"] == "excess").any()
    assert set(found[found["quantity"] == "reference"]["status"]) == {"not_applicable"}
    assert describe(task, PEOPLE, [ROWS], PILOT)["retest"] == []
    assert describe(task, PEOPLE, [ROWS], PILOT)["attention"] == []


def test_an_action_that_is_asked_twice_is_no_further_action():
    again = {**ITEMS[1], "name": "act_again", "retest": "act"}
    task = small_task(items=[*ITEMS[:2], again])
    assert task.actions == ("act",)
    assert {(one.name, other.name) for one, other in pairs_of(task)} == {("trust", "act")}
