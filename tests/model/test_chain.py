"""Logits against statsmodels, scikit-learn and the exact law of the synthetic task."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from statsmodels.miscmodels.ordinal_model import OrderedModel

from surveyeval.data.sample import Sample
from surveyeval.model.baselines import make_baseline
from surveyeval.model.chain import ItemLogits
from surveyeval.model.logits import MULTINOMIAL, ORDERED, PENALTIES, choose_penalty, fit_multinomial, fit_ordered
from surveyeval.model.protocol import Interviews
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.task import Task
from tests.model.disclosure_law import DisclosureLaw
from tests.model.helpers import ask, make_sample, make_task

SLOPES = np.array([0.8, -0.5, 0.0])


def nominal(n: int, k: int = 3) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    return X, (X @ rng.normal(size=(3, k)) + rng.gumbel(size=(n, k))).argmax(axis=1), rng


def ordered(n: int) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, 3))
    return X, np.searchsorted([-1.5, 0.0, 0.7], X @ SLOPES + rng.logistic(size=n)), rng


def test_the_multinomial_logit_without_penalty_equals_statsmodels() -> None:
    X, y, _ = nominal(300)
    beta = fit_multinomial(X, y, np.ones(300), 3, 1e-7)
    expected = sm.MNLogit(y, sm.add_constant(X)).fit(disp=0).params
    np.testing.assert_allclose((beta - beta[:, :1])[:, 1:], expected, atol=2e-3)


def test_the_ordered_logit_without_penalty_equals_statsmodels() -> None:
    X, y, _ = ordered(400)
    found = fit_ordered(X, y, np.ones(400), 4, 1e-7)
    model = OrderedModel(y, X, distr="logit")
    expected = model.fit(method="bfgs", disp=0, gtol=1e-7)
    np.testing.assert_allclose(found[3:], expected.params[:3], atol=1e-3)
    np.testing.assert_allclose(found[:3], model.transform_threshold_params(expected.params)[1:-1], atol=1e-3)
    log_p = ORDERED.log_probabilities(X, found, 4)
    np.testing.assert_allclose(np.exp(log_p), model.predict(expected.params), atol=1e-3)


@pytest.mark.parametrize("penalty", [1.0, 30.0])
def test_the_penalised_multinomial_logit_with_weights_equals_scikit_learn(penalty: float) -> None:
    X, y, rng = nominal(200)
    weight = rng.uniform(0.2, 3, 200)
    theirs = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=5000).fit(X, y, weight)
    log_p = MULTINOMIAL.log_probabilities(X, fit_multinomial(X, y, weight, 3, penalty), 3)
    np.testing.assert_allclose(np.exp(log_p), theirs.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("penalty", [1.0, 30.0])
def test_the_penalised_ordered_logit_of_two_options_equals_scikit_learn(penalty: float) -> None:
    X, y, rng = ordered(200)
    y, weight = (y > 1).astype(np.int64), rng.uniform(0.2, 3, 200)
    theirs = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=5000).fit(X, y, weight)
    found = fit_ordered(X, y, weight, 2, penalty)
    np.testing.assert_allclose(found, [-theirs.intercept_[0], *theirs.coef_[0]], atol=1e-4)


def test_ordered_probabilities_are_differences_of_the_logistic_function_also_far_out() -> None:
    parameters = np.array([-1.0, 0.5, 2.0])
    X = np.array([[-3.0], [0.0], [4.0]])
    below = expit(np.array([-1.0, 0.5]) - 2.0 * X)
    expected = np.diff(np.hstack([np.zeros((3, 1)), below, np.ones((3, 1))]), axis=1)
    np.testing.assert_allclose(np.exp(ORDERED.log_probabilities(X, parameters, 3)), expected, rtol=1e-10)
    far = ORDERED.log_probabilities(np.array([[500.0], [-500.0]]), parameters, 3)
    assert np.isfinite(far).all()
    assert far[0, 0] == pytest.approx(-1.0 - 1000)


@pytest.mark.parametrize("fit", [fit_multinomial, fit_ordered])
def test_a_weight_of_two_is_two_people(fit) -> None:
    X, y, rng = ordered(80)
    twice = rng.integers(1, 3, 80)
    weighted = fit(X, y, twice.astype(float), 4, 3.0)
    repeated = fit(X.repeat(twice, axis=0), y.repeat(twice), np.ones(twice.sum()), 4, 3.0)
    np.testing.assert_allclose(weighted, repeated, atol=1e-3)


@pytest.mark.parametrize("logit", [MULTINOMIAL, ORDERED])
def test_without_predictors_a_smoothed_logit_is_smoothed_counts(logit) -> None:
    y = np.array([0, 0, 0, 2, 2])
    found = logit.fit_smoothed(np.zeros((5, 0)), y, np.ones(5), 3, 1.0)
    shares = np.exp(logit.log_probabilities(np.zeros((1, 0)), found, 3))[0]
    np.testing.assert_allclose(shares, np.array([3.5, 0.5, 2.5]) / 6.5, atol=1e-5)


def test_noise_gets_a_strong_penalty_and_a_strong_predictor_a_weak_one() -> None:
    X, y, rng = ordered(200)
    for logit in (MULTINOMIAL, ORDERED):
        assert choose_penalty(logit, rng.normal(size=(200, 10)), y, np.ones(200), 4) >= PENALTIES[1]
        assert choose_penalty(logit, 3 * X, (X[:, 0] > 0).astype(np.int64), np.ones(200), 2) == PENALTIES[-1]


def disclosure() -> tuple[Task, Sample, Sample]:
    task = load_task("disclosure")
    people = load_human(task).sample
    order = np.random.default_rng(3).permutation(people.n)
    return task, people.take(order[:232]), people.take(order[232:])


def test_earlier_answers_help_and_nothing_beats_the_exact_law() -> None:
    task, pilot, test = disclosure()
    interviews = Interviews(task, test.without_answers(), np.zeros((test.n, len(task.items))))
    bits = {"law": -sum(DisclosureLaw().log_prob(interviews, test).values()).mean() / np.log(2)}
    for name in ("chain", "logit", "marginal"):
        baseline = make_baseline(name)
        baseline.fit(task, pilot)
        bits[name] = -sum(baseline.log_prob(interviews, test).values()).mean() / np.log(2)
    assert list(bits) == sorted(bits, key=bits.__getitem__)


def test_the_logit_ignores_earlier_answers_and_the_chain_does_not() -> None:
    task = make_task()
    rng = np.random.default_rng(0)
    belief = rng.integers(0, 3, 200)
    pilot = make_sample(task, {"belief": belief, "act": (belief > 1).astype(np.int64)})
    people = make_sample(task, {"belief": [0, 2], "act": [1, 1]})
    scores = {}
    for name in ("logit", "chain"):
        baseline = make_baseline(name)
        baseline.fit(task, pilot)
        scores[name] = baseline.log_prob(ask(task, people.without_answers()), people)["act"]
    assert scores["logit"][0] == pytest.approx(scores["logit"][1])
    assert scores["chain"][1] - scores["chain"][0] > 2


def test_an_ordinal_field_counts_by_its_values_whatever_its_codes() -> None:
    options = {
        "low": {"label": "low", "value": 1},
        "mid": {"label": "mid", "value": 2},
        "top": {"label": "top", "value": 9},
    }
    first = {"name": "first", "role": "belief", "kind": "ordinal", "question": "?", "options": options}
    second = {
        "name": "act",
        "role": "action",
        "kind": "nominal",
        "question": "?",
        "options": {"no": "No", "yes": "Yes"},
    }
    content = make_task().spec.model_dump() | {"profile_sets": {"known": ["age", "first"]}}
    task = make_task(
        items=[first, second], profile_sets=content["profile_sets"], patterns=[], coherence=[], derived={}, cells=[]
    )
    task = Task(task.spec, task.folder, task.file, task.content_hash, "known")
    codes = ["low", "mid", "top"] * 20
    pilot = make_sample(task, {"act": [code == "top" for code in codes]})
    pilot.profile["first"] = np.array(codes, dtype=object)  # type: ignore[index]
    law = ItemLogits(earlier_answers=False)
    law.fit(task, pilot)
    share = law.answer(ask(task, pilot.without_answers())).probabilities["act"][:3, 1]
    # With values 1, 2 and 9 the middle is seven times as far from the top as from the bottom.
    logit = np.log(share / (1 - share))
    assert (logit[2] - logit[1]) / (logit[1] - logit[0]) == pytest.approx(7)
