"""Baselines against counts by hand; the chain against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from surveyeval.data.sample import Sample
from surveyeval.errors import ConfigError, ModelError
from surveyeval.model.baselines import make_baseline
from surveyeval.model.chain import fit_multinomial
from surveyeval.model.protocol import Interviews
from surveyeval.task.schema import TaskSpec
from surveyeval.task.task import Task


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


def test_the_multinomial_logit_without_penalty_equals_statsmodels() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(300), rng.normal(size=(300, 2))])
    y = (X @ rng.normal(size=(3, 3)) + rng.gumbel(size=(300, 3))).argmax(axis=1)
    beta = fit_multinomial(X, y, np.ones(300), 3, 1e-7)
    expected = sm.MNLogit(y, X).fit(disp=0).params
    np.testing.assert_allclose((beta - beta[:, :1])[:, 1:], expected, atol=2e-3)


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
