"""What holds for every baseline, and tables of counts by hand."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveyeval.data.sample import Sample, State
from surveyeval.errors import ConfigError, ModelError
from surveyeval.model.baselines import BASELINES, Baseline, make_baseline
from surveyeval.model.protocol import Answers, Interviews
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.schema import TaskSpec
from surveyeval.task.task import Task
from tests.model.helpers import ask, make_sample, make_task


@pytest.fixture
def task(tmp_path) -> Task:
    spec = TaskSpec.model_validate(
        {
            "name": "small", "version": "1", "title": "Small",
            "source": {"use": "file:x.csv", "provenance": "human", "licence": "x", "citation": "x"},
            "profile": {"sex": {"column": "sex", "labels": {"f": "woman", "m": "man"}}},
            "arms": {"column": "arm", "levels": {"c": {"label": "control"}, "t": {"label": "treated"}}},
            "items": [{"name": "vote", "role": "action", "kind": "nominal", "question": "?", "options": {"x": "X", "y": "Y", "z": "Z"}}],
            "cells": ["sex"],
        }
    )  # fmt: skip
    return Task(spec, tmp_path, "small.yaml", "0")


def sample(rows: list[tuple[str, str, int]]) -> Sample:
    arm, sex, vote = zip(*rows, strict=True)
    n = len(rows)
    answers = {"vote": np.array(vote)}
    people = Sample(
        np.array([f"p{i}" for i in range(n)], dtype=object),
        np.array(arm, dtype=object),
        profile={"sex": np.array(sex, dtype=object)},
    )
    return people.with_answers(answers, simulated=False)


PILOT = [("c", "f", 0), ("c", "f", 0), ("c", "m", 1), ("t", "f", 2), ("t", "m", 2), ("t", "m", 1)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("uniform", [1 / 3, 1 / 3, 1 / 3]),
        ("pooled", np.array([2.5, 2.5, 2.5]) / 7.5),
        ("marginal", np.array([2.5, 1.5, 0.5]) / 4.5),
        ("mode", [1, 0, 0]),
        ("cell", (np.array([2, 0, 0]) + 10 * np.array([2.5, 1.5, 0.5]) / 4.5) / 12),
    ],
)
def test_probabilities_are_counts(task: Task, name: str, expected: list[float]) -> None:
    baseline = make_baseline(name)
    baseline.fit(task, sample(PILOT))
    people = sample([("c", "f", 0)])
    answers = baseline.answer(Interviews(task, people.without_answers(), np.array([[0.99]])))
    np.testing.assert_allclose(answers.probabilities["vote"][0], expected)
    assert expected[answers.answers["vote"][0]] > 0
    if name != "mode":
        scores = baseline.log_prob(Interviews(task, people.without_answers(), np.zeros((1, 1))), people)
        assert scores["vote"][0] == pytest.approx(np.log(expected[0]))


def test_an_arm_that_the_pilot_lacks_gets_the_pooled_distribution(task: Task) -> None:
    baseline = make_baseline("marginal")
    baseline.fit(task, sample([row for row in PILOT if row[0] == "c"]))
    people = sample([("t", "f", 0)]).without_answers()
    table = baseline.answer(Interviews(task, people, np.zeros((1, 1)))).probabilities["vote"]
    np.testing.assert_allclose(table[0], np.array([2.5, 1.5, 0.5]) / 4.5)


def test_unknown_and_unfitted_baselines_say_what_to_do(task: Task) -> None:
    with pytest.raises(ConfigError, match="did you mean 'marginal'"):
        make_baseline("marginals")
    with pytest.raises(ModelError, match="call fit"):
        make_baseline("cell").answer(Interviews(task, sample(PILOT).without_answers(), np.zeros((6, 1))))


def test_the_chain_uses_profile_arm_and_earlier_answers_and_its_scores_are_probabilities(task: Task) -> None:
    baseline = make_baseline("chain")
    baseline.fit(task, sample(PILOT * 10))
    people = sample(PILOT)
    interviews = Interviews(task, people.without_answers(), np.full((6, 1), 0.5))
    table = baseline.answer(interviews).probabilities["vote"]
    np.testing.assert_allclose(table.sum(axis=1), 1)
    assert table[0, 0] > table[3, 0]
    np.testing.assert_allclose(
        baseline.log_prob(interviews, people)["vote"], np.log(table[np.arange(6), people.answers["vote"]])
    )


# ---- every baseline on the shipped tasks -------------------------------------------------------------------------------


@cache
def fitted(task_name: str, name: str) -> tuple[Task, Sample, Baseline]:
    task = load_task(task_name)
    people = load_human(task).sample
    baseline = make_baseline(name)
    baseline.fit(task, people.take(np.arange(120)))
    return task, people.take(np.arange(120, people.n)), baseline


def agree(whole: Answers, part: Answers, rows: np.ndarray) -> None:
    for item, column in part.answers.items():
        np.testing.assert_array_equal(whole.answers[item][rows], column)
    for item, table in part.probabilities.items():
        np.testing.assert_allclose(whole.probabilities[item][rows], table, atol=1e-12)


@pytest.mark.parametrize("task_name", ["anes96", "disclosure"])
@pytest.mark.parametrize("name", BASELINES)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_draws_are_a_function_of_each_persons_own_uniforms_and_probabilities_are_probabilities(
    task_name: str, name: str, seed: int
) -> None:
    task, test, baseline = fitted(task_name, name)
    rng = np.random.default_rng(seed)
    people = test.take(rng.choice(test.n, 12, replace=False)).without_answers()
    uniforms = rng.random((12, len(task.items)))
    whole = baseline.answer(Interviews(task, people, uniforms))
    agree(whole, baseline.answer(Interviews(task, people, uniforms, draw=1)), np.arange(12))
    for row in range(12):
        alone = Interviews(task, people.take(np.array([row])), uniforms[[row]])
        agree(whole, baseline.answer(alone), np.array([row]))
    for item in task.items:
        assert set(whole.answers[item.name]) <= set(range(item.k))
        if name != "hotdeck":
            table = whole.probabilities[item.name]
            assert np.isfinite(table).all()
            assert (table >= 0).all()
            np.testing.assert_allclose(table.sum(axis=1), 1)
            assert (table[np.arange(12), whole.answers[item.name]] > 0).all()


@pytest.mark.parametrize("task_name", ["anes96", "disclosure"])
@pytest.mark.parametrize("name", ["uniform", "pooled", "marginal", "cell", "logit", "chain"])
def test_probabilities_of_the_drawn_answers_are_their_log_probabilities(task_name: str, name: str) -> None:
    task, test, baseline = fitted(task_name, name)
    interviews = ask(task, test.without_answers())
    given_answers = baseline.answer(interviews)
    scores = baseline.log_prob(interviews, test.with_answers(given_answers.answers))
    for item, table in given_answers.probabilities.items():
        picked = table[np.arange(test.n), given_answers.answers[item]]
        np.testing.assert_allclose(scores[item], np.log(picked))


# ---- every baseline on awkward pilots ----------------------------------------------------------------------------------


def awkward(task: Task, n: int = 30) -> Sample:
    """Thirty people of one arm, one age, some of unknown sex; nobody answers the second item."""
    rng = np.random.default_rng(0)
    sexes = ["f", "m", None]
    return make_sample(
        task, {"belief": [*rng.integers(-1, 3, n)], "act": [-1] * n}, arm=["c"] * n, age=["40"] * n,
        sex=[sexes[value] for value in rng.integers(0, 3, n)], weight=list(rng.uniform(0, 2, n)),
    )  # fmt: skip


@pytest.mark.parametrize("name", BASELINES)
def test_a_small_pilot_with_an_absent_arm_an_item_without_answers_and_a_constant_field(name: str) -> None:
    task = make_task()
    baseline = make_baseline(name)
    baseline.fit(task, awkward(task))
    people = make_sample(task, {"belief": [0] * 4, "act": [0] * 4}, arm=["c", "t", "c", "t"], age=["40", "90", None, "18"],
                         sex=["f", None, "m", "f"])  # fmt: skip
    given_answers = baseline.answer(ask(task, people.without_answers()))
    if name == "hotdeck":
        assert given_answers.states is not None
        assert set(given_answers.states["act"]) == {State.REFUSED}
        assert set(given_answers.answers["act"]) == {-1}
    elif name != "mode":
        np.testing.assert_allclose(given_answers.probabilities["act"], 0.5, atol=1e-6)
        assert np.isfinite(given_answers.probabilities["belief"]).all()
    if name != "uniform":
        assert baseline.banners() == ("Nobody of the pilot was in treated: the pilot's other arms stand in.",)


def varied(task: Task, n: int = 60, **changes: object) -> Sample:
    """Answers that depend on age and sex, with weights."""
    rng = np.random.default_rng(1)
    age, man = rng.integers(18, 80, n), rng.random(n) < 0.5
    belief = np.clip((age / 30 + rng.normal(size=n)).astype(int), 0, 2)
    act = (belief + man + rng.normal(size=n) > 1.5).astype(int)
    parts = {
        "arm": ["c", "t"] * (n // 2), "age": [str(a) for a in age], "sex": ["m" if m else "f" for m in man],
        "weight": list(rng.uniform(0.3, 3, n)),
    }  # fmt: skip
    return make_sample(task, {"belief": belief, "act": act}, **{**parts, **changes})  # type: ignore[arg-type]


def outcome(name: str, task: Task, pilot: Sample, people: Sample, **how: object) -> Answers:
    baseline = make_baseline(name)
    baseline.fit(task, pilot)
    return baseline.answer(ask(task, people.without_answers(), **how))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", BASELINES)
def test_only_ratios_of_weights_count_and_a_weight_of_zero_is_nobody(name: str) -> None:
    task = make_task()
    pilot, people = varied(task), varied(task, 20)
    plain = outcome(name, task, pilot, people)
    scaled = varied(task, weight=list(pilot.weight * 7))
    agree(plain, outcome(name, task, scaled, people), np.arange(20))
    kept = np.arange(60) < 50
    without = outcome(name, task, pilot.take(kept), people)
    agree(without, outcome(name, task, varied(task, weight=list(pilot.weight * kept)), people), np.arange(20))


@pytest.mark.parametrize("name", sorted(set(BASELINES) - {"uniform"}))
def test_weights_undo_a_pilot_that_has_too_many_of_one_kind(name: str) -> None:
    task = make_task()
    # Nine women who choose No to one man who chooses Yes, weighted back to even.
    pilot = make_sample(task, {"belief": [0] * 90 + [2] * 10, "act": [0] * 90 + [1] * 10}, sex=["f"] * 90 + ["m"] * 10,
                        weight=[1.0] * 90 + [9.5] * 10)  # fmt: skip
    people = make_sample(task, {"belief": [0] * 2000, "act": [0] * 2000})
    given_answers = outcome(name, task, pilot, people, hidden=["sex", "age"])
    share = given_answers.answers["act"].mean()
    assert share == 1 if name == "mode" else abs(share - 0.51) < 0.05


@pytest.mark.parametrize("name", BASELINES)
def test_hidden_fields_and_the_answers_of_those_who_are_simulated_are_not_seen(name: str) -> None:
    task = make_task()
    pilot, people = varied(task), varied(task, 20)
    other = varied(task, 20, age=["18"] * 20, sex=["f"] * 20)
    for hidden, stranger in ((["age", "sex"], other), ([], people.without_answers())):
        agree(outcome(name, task, pilot, people, hidden=hidden), outcome(name, task, pilot, stranger, hidden=hidden),
              np.arange(20))  # fmt: skip


@pytest.mark.parametrize("name", ["cell", "logit", "chain", "copula"])
def test_a_field_that_predicts_answers_changes_probabilities(name: str) -> None:
    task = make_task()
    pilot = varied(task, 400)
    young = make_sample(task, {"belief": [0] * 2, "act": [0] * 2}, age=["20", "75"])
    low, high = outcome(name, task, pilot, young).probabilities["belief"]
    assert high[2] > low[2] + 0.2


def test_fingerprints_differ_by_name_and_by_anything_of_the_pilot() -> None:
    task = make_task()
    pilot = varied(task)
    other_state = make_sample(
        task, {**pilot.answers, "act": [-1, *pilot.answers["act"][1:]]}, weight=list(pilot.weight)
    )
    unknown = make_sample(task, {**pilot.answers, "act": [-1, *pilot.answers["act"][1:]]}, weight=list(pilot.weight),
                          missing=State.DONT_KNOW)  # fmt: skip
    pilots = [pilot, varied(task, weight=None), varied(task, age=["50"] * 60), varied(task, arm=["c"] * 60), pilot.take(
        np.arange(59)), other_state, unknown]  # fmt: skip
    values = set()
    for name in BASELINES:
        for each in pilots:
            baseline = make_baseline(name)
            baseline.fit(task, each)
            values.add(baseline.fingerprint().value)
            again = make_baseline(name)
            again.fit(task, each)
            assert again.fingerprint() == baseline.fingerprint()
    assert len(values) == len(BASELINES) * len(pilots)


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_needs_a_pilot_and_says_whether_it_has_log_probabilities(name: str) -> None:
    capabilities = make_baseline(name).capabilities
    assert capabilities.needs_pilot
    assert capabilities.log_prob == (name not in ("mode", "hotdeck", "copula"))
    if name != "uniform":
        with pytest.raises(ModelError, match="nobody to learn from"):
            make_baseline(name).fit(make_task(), varied(make_task(), weight=[0.0] * 60))
