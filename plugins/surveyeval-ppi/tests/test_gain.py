"""Estimation with rectification: answers that say nothing of anybody must not pass, useful ones must."""

from __future__ import annotations

import numpy as np
import pytest
from ppi_samples import make_people, make_task, scales, value
from surveyeval.engine.evaluate import evaluate
from surveyeval.reporting.use import judge
from surveyeval.reporting.uses import judge_uses
from surveyeval.reporting.view import RunView

from surveyeval_ppi.intervals import Coverage, WidthRatio
from surveyeval_ppi.sample_size import EffectiveSampleSize

TASK = make_task(scales(5))
PILOT = make_people(TASK, 60, 9)
DRAWS = 25


def drawn(seed, n, correlation):
    """People whose items hang together, and predictions of their answers."""
    rng = np.random.default_rng(seed)
    latent = 0.6 * rng.normal(size=(n, 1)) + 0.8 * rng.normal(size=(n, 5))
    guess = correlation * latent + np.sqrt(1 - correlation**2) * rng.normal(size=(n, 5))
    people = make_people(TASK, n, seed, latent=latent)
    return people, people.with_answers(make_people(TASK, n, seed, latent=guess).answers)


def uniform(seed, n):
    people, _ = drawn(seed, n, 0.0)
    rng = np.random.default_rng(seed + 1000)
    return people, people.with_answers({name: rng.integers(0, 5, n) for name in people.answers})


def evaluated(people, rows, metrics, splits=5):
    return evaluate(TASK, people, {"m": [rows]}, PILOT, metrics=[one() for one in metrics], splits=splits, tests=False)


def overall(table, name):
    (row,) = table[(table["quantity"] == "matched") & (table["name"] == name) & (table["item"] == "")].to_dict(
        "records"
    )
    return row


def verdict(people, rows):
    """What the use table says of a run with these estimates, with its check of the gain."""
    table = evaluated(people, rows, [EffectiveSampleSize, WidthRatio, Coverage])
    manifest = {
        "task": {"provenance": "human", "equivalence": None},
        "model": {"name": "m", "string": "file:rows.csv", "fingerprint": {"details": {}}},
        "options": {"splits": 5},
    }
    run = RunView(manifest, table, {"sizes": {"n_human": people.n}, "states": [], "coefficients": []})
    (found,) = (one for one in judge_uses(run, judge(run)) if one.key == "rectified")
    return found


@pytest.mark.parametrize("n", [120, 500])
def test_random_answers_show_a_gain_no_more_often_than_chance_allows(n):
    """Of 25 draws none has an interval above the people asked: more than one has probability .13 at 2.5% each."""
    passed, values = 0, []
    for seed in range(DRAWS):
        table = evaluated(*uniform(seed, n), [EffectiveSampleSize], splits=3)
        uncut, asked = overall(table, "effective_sample_size_uncut"), overall(table, "people_asked")
        assert asked["value"] == {120: 30, 500: 50}[n]
        passed += uncut["low"] > asked["value"]
        values.append(uncut["value"] / asked["value"])
    assert passed <= 1
    assert np.mean(values) <= 1


def test_cut_at_the_people_asked_many_items_together_would_show_a_gain_from_nothing():
    task = make_task(scales(40))
    people = make_people(task, 300, 1)
    rng = np.random.default_rng(2)
    rows = people.with_answers({name: rng.integers(0, 5, 300) for name in people.answers})
    bound = EffectiveSampleSize().compare(task, people, rows, PILOT, {})
    found = bound.values(people.weight[None], rows.weight[None], 1)
    asked = value(found, "people_asked")
    assert value(found, "ppi_n_eff") > asked == 30
    assert value(found, "effective_sample_size_uncut") < asked


def test_uniform_answers_are_not_supported_although_their_intervals_are_narrower():
    found = verdict(*uniform(3, 500))
    assert found.verdict != "supported"
    covers, narrower = found.checks
    assert covers.result == "passed"
    assert narrower.result in ("failed", "open")
    table = evaluated(*uniform(3, 500), [WidthRatio])
    assert overall(table, "ppi_width_ratio")["high"] < 1  # what the verdict must not rest on


def test_useful_answers_are_supported():
    found = verdict(*drawn(4, 500, 0.6))
    assert found.verdict == "supported"
    for seed in range(5):
        table = evaluated(*drawn(seed, 120, 0.6), [EffectiveSampleSize], splits=3)
        assert overall(table, "effective_sample_size_uncut")["low"] > overall(table, "people_asked")["value"]


def test_answers_that_run_against_peoples_are_no_gain():
    people, rows = drawn(5, 300, 0.9)
    against = people.with_answers({name: 4 - column for name, column in rows.answers.items()})
    table = evaluated(people, against, [EffectiveSampleSize, WidthRatio], splits=3)
    assert overall(table, "ppi_width_ratio")["value"] > 0.99
    assert overall(table, "effective_sample_size_uncut")["high"] <= overall(table, "people_asked")["value"]
    assert overall(table, "ppi_n_eff")["value"] == pytest.approx(30)
