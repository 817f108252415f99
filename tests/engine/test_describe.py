from __future__ import annotations

import json

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from surveyeval.data.sample import State
from surveyeval.engine.describe import describe, size_status
from surveyeval.engine.design_based import wilson
from surveyeval.engine.full_regression import fit_logit, fit_ols
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task

RNG = np.random.default_rng(11)


@given(st.integers(0, 60), st.integers(1, 60))
def test_wilson_interval_is_that_of_statsmodels(successes, n):
    successes = min(successes, n)
    expected = proportion_confint(successes, n, method="wilson")
    np.testing.assert_allclose(wilson(successes / n, n), expected, atol=1e-12)


def test_wilson_interval_without_people_is_undefined():
    assert np.isnan(wilson(0.5, 0)).all()


@pytest.mark.parametrize(("half", "status"), [(14.9, "skipped"), (15.0, "grey"), (29.9, "grey"), (30.0, "ok")])
def test_size_rules(half, status):
    assert size_status(half) == status


def _data(n=160):
    X = np.column_stack([np.ones(n), RNG.normal(size=n), RNG.integers(0, 2, n)])
    y = X @ [0.2, 0.5, -0.4] + RNG.normal(size=n) * (1 + X[:, 2])
    return X, y, np.ones(n)


def test_least_squares_has_the_errors_of_statsmodels_ols():
    X, y, w = _data()
    expected = sm.OLS(y, X).fit(cov_type="HC2", use_t=True)
    fit = fit_ols(X, y, w)
    np.testing.assert_allclose(fit.coefficient, expected.params, atol=1e-10)
    np.testing.assert_allclose(fit.error, expected.bse, atol=1e-10)
    np.testing.assert_allclose(np.column_stack([fit.low, fit.high]), expected.conf_int(), atol=1e-10)
    assert fit.errors == "HC2"


def test_logit_has_the_errors_of_statsmodels_logit():
    X, latent, w = _data()
    y = (latent > 0).astype(float)
    expected = sm.Logit(y, X).fit(disp=0)
    fit = fit_logit(X, y, w)
    np.testing.assert_allclose(fit.coefficient, expected.params, atol=1e-6)
    np.testing.assert_allclose(fit.error, expected.bse, atol=1e-6)
    assert fit.errors == "model"


def test_weighted_logit_has_sandwich_errors():
    X, latent, _ = _data()
    y, w = (latent > 0).astype(float), RNG.uniform(0.3, 3, len(latent))
    fit = fit_logit(X, y, w)
    # The sandwich by hand: weighted scores around the weighted information.
    p = 1 / (1 + np.exp(-X @ fit.coefficient))
    np.testing.assert_allclose(X.T @ (w * (y - p)), 0, atol=1e-6)
    bread = np.linalg.inv((X * (w * p * (1 - p))[:, None]).T @ X)
    scores = X * (w * (y - p))[:, None]
    centred = scores - scores.mean(axis=0)
    meat = len(y) / (len(y) - 1) * centred.T @ centred
    np.testing.assert_allclose(fit.error, np.sqrt(np.diag(bread @ meat @ bread)), rtol=1e-6)
    assert fit.errors == "linearised"


def test_terms_that_the_sample_cannot_tell_are_named_and_the_others_estimated():
    X, y, w = _data()
    wide = np.column_stack([X, X[:, 1] * 2, np.zeros(len(y))])
    fit = fit_ols(wide, y, w)
    np.testing.assert_allclose(fit.coefficient[:3], sm.OLS(y, X).fit().params, atol=1e-10)
    assert np.isnan(fit.coefficient[3:]).all()
    assert "determined by the other terms" in fit.reason[3]
    assert "does not vary" in fit.reason[4]


def test_separated_logit_term_is_named_and_the_limit_of_the_others_is_found():
    n = 120
    group = (np.arange(n) < 20).astype(float)
    x = RNG.normal(size=n)
    y = (x + RNG.logistic(size=n) > 0).astype(float)
    y[group == 1] = 1.0
    X = np.column_stack([np.ones(n), x, group])
    fit = fit_logit(X, y, np.ones(n))
    rest = group == 0
    expected = sm.Logit(y[rest], X[rest][:, :2]).fit(disp=0)
    np.testing.assert_allclose(fit.coefficient[:2], expected.params, atol=1e-6)
    assert np.isnan(fit.coefficient[2])
    assert "separation" in fit.reason[2]


def test_a_separated_reference_group_takes_the_intercept_along_and_leaves_the_others():
    n = 400
    group = (np.arange(n) < 150).astype(float)
    x = RNG.normal(size=n)
    y = (1 + x + RNG.logistic(size=n) > 0).astype(float)
    y[group == 0] = 1.0
    fit = fit_logit(np.column_stack([np.ones(n), x, group]), y, np.ones(n))
    rest = group == 1
    expected = sm.Logit(y[rest], sm.add_constant(x[rest])).fit(disp=0)
    assert fit.coefficient[1] == pytest.approx(expected.params[1], abs=1e-6)
    assert fit.error[1] == pytest.approx(expected.bse[1], abs=1e-5)
    assert np.isnan(fit.coefficient[[0, 2]]).all()


def test_complete_separation_and_constant_responses_give_no_coefficient():
    x = np.linspace(-1, 1, 40)
    X, w = np.column_stack([np.ones(40), x]), np.ones(40)
    for fit in (fit_logit(X, (x > 0).astype(float), w), fit_logit(X, np.ones(40), w), fit_ols(X, np.ones(40), w)):
        assert np.isnan(fit.coefficient).all()
        assert all(fit.reason)


def test_a_fit_without_residual_variance_is_never_significant():
    x = np.linspace(-1, 1, 40)
    fit = fit_ols(np.column_stack([np.ones(40), x]), 2 * x + 1, np.ones(40))
    assert np.isnan(fit.error).all()
    assert fit.reason[1] == "no residual variance"


@pytest.fixture(scope="module")
def anes96():
    task = load_task("anes96")
    human = load_human(task).sample
    people = human.take(np.arange(200, human.n))
    simulated = [people.with_answers(people.answers), people.with_answers(human.take(np.arange(people.n)).answers)]
    return task, people, simulated, human.take(np.arange(200))


def test_tables_are_json_and_name_every_part(anes96):
    tables = describe(*anes96)
    assert set(tables) == {
        "sizes", "distributions", "means", "coefficients", "coherence", "states", "states_by_group", "bounds", "mass", "groups",
        "attention", "retest",
    }  # fmt: skip
    json.dumps(tables, allow_nan=False)
    assert tables["sizes"]["n_human"] == anes96[1].n
    assert tables["sizes"]["draws"] == 2


def test_simulated_shares_are_the_mean_over_draws_and_human_shares_are_counted(anes96):
    _task, people, simulated, _ = anes96
    rows = [row for row in describe(*anes96)["distributions"] if row["item"] == "vote"]
    for k, row in enumerate(rows):
        assert row["human"] == pytest.approx((people.answers["vote"] == k).mean())
        assert row["simulated"] == pytest.approx(np.mean([(s.answers["vote"] == k).mean() for s in simulated]))
        assert row["human_low"] < row["human"] < row["human_high"]
        assert row["basis"] == "draws"


def test_weights_enter_shares_and_their_effective_sample_size(anes96):
    from dataclasses import replace

    task, people, simulated, pilot = anes96
    w = np.where(people.answers["vote"] == 0, 3.0, 1.0)
    row = describe(task, replace(people, weight=w), simulated, pilot)["distributions"]
    row = next(r for r in row if r["item"] == "vote")
    share = w[people.answers["vote"] == 0].sum() / w.sum()
    # The ratio estimator by hand; its error says how many people drawn at random would know as much.
    scores = w * ((people.answers["vote"] == 0) - share) / w.sum()
    n_eff = share * (1 - share) / (people.n / (people.n - 1) * (scores**2).sum())
    assert row["human"] == pytest.approx(share)
    assert (row["human_low"], row["human_high"]) == pytest.approx(wilson(share, n_eff, degrees_of_freedom=people.n - 1))


def test_a_copy_of_the_people_has_their_coefficients(anes96):
    rows = describe(*anes96)["coefficients"]
    assert rows
    for row in rows:
        assert row["status"] == "ok"
        assert row["simulated"] == pytest.approx(row["human"])


def test_coherence_counts_agree_with_the_rule(anes96):
    task, people, _, _ = anes96
    outcome = task.coherence(people, task.spec.coherence[0])
    row = next(r for r in describe(*anes96)["coherence"] if r["side"] == "people" and r["arm"] == "")
    assert row["follows"] == (outcome == 1).sum()
    assert row["contradicts"] == (outcome == 0).sum()
    assert row["gap"] == pytest.approx((outcome == 0).sum() / (outcome >= 0).sum())
    low, high = proportion_confint((outcome == 0).sum(), (outcome >= 0).sum(), method="wilson")
    assert (row["gap_low"], row["gap_high"]) == pytest.approx((low, high))


def test_invalid_answers_and_option_mass_are_told(anes96):
    task, people, _, pilot = anes96
    answers = {name: column.copy() for name, column in people.answers.items()}
    answers["vote"][:10] = -1
    mass = {"vote": np.linspace(0, 1, people.n)}
    tables = describe(task, people, [people.with_answers(answers, mass=mass)], pilot)
    row = next(r for r in tables["states"] if r["side"] == "simulation" and r["state"] == State.INVALID.name.lower())
    assert (row["item"], row["count"]) == ("vote", 10)
    assert tables["mass"] == [
        {"item": "vote", "mean": pytest.approx(0.5), "p05": pytest.approx(0.05), "min": pytest.approx(0.0)}
    ]


def test_group_sizes(anes96):
    _task, people, _, _ = anes96
    rows = [row for row in describe(*anes96)["groups"] if row["subgroup"] == "age_band"]
    assert [row["group"] for row in rows] == ["18-34", "35-49", "50-64", "65+"]
    assert sum(row["n"] for row in rows) == people.n
    assert all(row["half_n_eff"] == row["n"] / 2 for row in rows)


def test_independent_interviews_use_exact_probabilities(anes96):
    task, people, _, pilot = anes96
    from dataclasses import replace

    interview = task.spec.interview.model_copy(update={"mode": "independent"})
    independent = replace(task, spec=task.spec.model_copy(update={"interview": interview}))
    p = np.tile([0.25, 0.75], (people.n, 1))
    drawn = people.with_answers(people.answers, probabilities={"vote": p})
    rows = [r for r in describe(independent, people, [drawn], pilot)["distributions"] if r["item"] == "vote"]
    assert [row["simulated"] for row in rows] == pytest.approx([0.25, 0.75])
    assert rows[0]["basis"] == "probabilities"
