"""The classifier two-sample test against scikit-learn, R, and laws that must hold."""

from dataclasses import replace

import numpy as np
import pytest
from metric_samples import as_simulated, half_weights, make_sample, make_task, single
from r_values import expected, samples
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from surveyeval.metric.classifier import ClassifierAUC, area_under_curve

TASK = make_task()


def auc(human, simulated, name="classifier_auc", weights=None, seed=0):
    left, right = weights or (np.ones((1, human.n)), np.ones((1, simulated.n)))
    return single(ClassifierAUC().compare(TASK, human, simulated, human, {}).values(left, right, seed), name)


def test_the_area_is_that_of_r_and_of_scikit_learn():
    human, simulated = samples()
    score = np.concatenate([sample.answers["trust"] for sample in (human, simulated)]).astype(float)
    label = np.arange(len(score)) >= human.n
    assert area_under_curve(score, label, np.ones(len(score))) == pytest.approx(expected()["area under the curve"])
    weight = np.random.default_rng(0).uniform(0.2, 3, len(score))
    assert area_under_curve(score, label, weight) == pytest.approx(roc_auc_score(label, score, sample_weight=weight))


def structured(sample, seed):
    """The same marginals on average, but trust and act go together."""
    rng = np.random.default_rng(seed)
    act = (rng.random(sample.n) < np.array([0.01, 0.05, 0.5, 0.95, 0.99])[sample.answers["trust"]]).astype(np.int64)
    return {**sample.answers, "act": act}


def test_joint_structure_is_found_as_well_as_by_logistic_regression():
    human = make_sample(TASK, 400, 1, missing=0.0, weighted=False)
    human = human.with_answers(structured(human, 2), simulated=False)
    other = make_sample(TASK, 400, 3, missing=0.0, weighted=False)
    shuffled = structured(other, 4)
    simulated = human.with_answers({**shuffled, "act": shuffled["act"][np.random.default_rng(5).permutation(400)]})
    found = auc(human, simulated)
    numbers = np.vstack(
        [
            np.column_stack([TASK.item(name).values[s.answers[name]] for name in ("trust", "risk", "act")])
            for s in (human, simulated)
        ]
    )
    places = np.concatenate([s.answers["place"] for s in (human, simulated)])
    X = np.column_stack([numbers, places == 0, places == 1]).astype(float)
    y, groups = np.arange(800) >= 400, np.tile(np.arange(400), 2)
    model = make_pipeline(StandardScaler(), PolynomialFeatures(2), LogisticRegression(max_iter=2000))
    areas = [
        roc_auc_score(y[test], model.fit(X[train], y[train]).predict_proba(X[test])[:, 1])
        for train, test in GroupKFold(5, shuffle=True, random_state=0).split(X, y, groups)
    ]
    assert found == pytest.approx(np.mean(areas), abs=0.02)
    assert found > 0.65


def test_two_samples_of_one_law_are_at_one_half_on_average():
    found = [
        auc(make_sample(TASK, 60, 2 * k, missing=0.0), make_sample(TASK, 60, 2 * k + 1, missing=0.0)) for k in range(60)
    ]
    assert abs(np.mean(found) - 0.5) < 4 * np.std(found) / np.sqrt(60)


def test_an_exact_copy_is_at_one_half_and_a_constant_is_not():
    human = make_sample(TASK, 200, 1, missing=0.0, weighted=False)
    assert auc(human, human.with_answers(human.answers)) == pytest.approx(0.5)
    constant = human.with_answers({item.name: np.zeros(200, np.int64) for item in TASK.items})
    assert auc(human, constant) > 0.95


def test_only_the_second_version_sees_that_the_profile_is_ignored():
    human = make_sample(TASK, 600, 1, missing=0.0, weighted=False, effect=1.5)
    order = np.random.default_rng(0).permutation(600)
    within = np.concatenate([order[human.arm[order] == arm] for arm in "ab"])
    place = np.concatenate([np.flatnonzero(human.arm == arm) for arm in "ab"])
    swapped = {name: column.copy() for name, column in human.answers.items()}
    for column in swapped.values():
        column[place] = column[within]
    weights = half_weights(human, 1, 3)
    simulated = human.with_answers(swapped)
    assert auc(human, simulated, weights=weights) < 0.56
    assert auc(human, simulated, "classifier_auc_profile", weights=weights) > 0.65


def test_unpaired_rows_have_no_profile_to_look_at():
    human = make_sample(TASK, 60, 1)
    unpaired = replace(as_simulated(human, 2, task=TASK), paired=False)
    values = ClassifierAUC().compare(TASK, human, unpaired, human, {}).values(*[np.ones((1, 60))] * 2, 0)
    assert values.status[values.keys[1]][0] == "not_applicable"
    assert np.isfinite(values.value[0, 0])


@pytest.mark.parametrize("name", ["classifier_auc", "classifier_auc_profile"])
def test_rows_taken_in_blocks_give_the_same_area(monkeypatch, name):
    human = make_sample(TASK, 300, 1)
    simulated = as_simulated(human, 2, task=TASK)
    weights = half_weights(human, 1, 1)
    whole = auc(human, simulated, name, weights)
    monkeypatch.setattr("surveyeval.metric.classifier._ROWS", 7)
    assert auc(human, simulated, name, weights) == pytest.approx(whole, rel=1e-9)
    monkeypatch.setattr("surveyeval.metric.classifier._ROWS_KEPT", 0)
    assert auc(human, simulated, name, weights) == pytest.approx(whole, rel=1e-9)
