"""Individual accuracy, correlation and persona exchange, against loops, numpy and exact permutations."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from metric_samples import as_simulated, make_sample, make_task, single

from surveyeval.metric.accuracy import Accuracy, PearsonR
from surveyeval.metric.persona import PersonaGain, PersonaSwap

TASK = make_task(cells=["region"])
HUMAN = make_sample(TASK, 120, 1)


def with_probabilities(human, seed, **changes):
    rng = np.random.default_rng(seed)
    tables = {item.name: rng.dirichlet(np.ones(item.k), human.n) for item in TASK.items} | changes
    answers = as_simulated(human, seed, task=TASK).answers
    return human.with_answers(answers, probabilities=tables)


SIMULATED = with_probabilities(HUMAN, 2)


def values(metric, simulated=SIMULATED, human=HUMAN, weight=None):
    w = human.weight[None, :] if weight is None else weight
    return metric().compare(TASK, human, simulated, human, {}).values(w, w, 0)


def test_accuracy_is_the_probability_of_the_persons_own_answer():
    found, hits = values(Accuracy), []
    for item in TASK.items:
        rows = np.flatnonzero(HUMAN.answered(item.name))
        table, answer = SIMULATED.probabilities[item.name][rows], HUMAN.answers[item.name][rows]
        own = np.average(table[np.arange(len(rows)), answer], weights=HUMAN.weight[rows])
        modal = np.average(table.argmax(axis=1) == answer, weights=HUMAN.weight[rows])
        hits.append((own, modal))
        assert single(found, "accuracy", item=item.name) == pytest.approx(own)
        assert single(found, "accuracy_modal", item=item.name) == pytest.approx(modal)
    own, modal = np.mean(hits, axis=0)
    assert single(found, "accuracy", item="") == pytest.approx(own)
    assert single(found, "accuracy_modal", item="") == pytest.approx(modal)


def test_a_model_without_probabilities_is_judged_by_its_answers():
    same = values(Accuracy, HUMAN.with_answers(HUMAN.answers))
    assert (same.value == 1).all()
    own = {"trust": np.where(np.arange(120) % 2, HUMAN.answers["trust"], (HUMAN.answers["trust"] + 1) % 5)}
    half = values(Accuracy, HUMAN.with_answers({**HUMAN.answers, **own}))
    rows = HUMAN.answered("trust")
    expected = np.average((np.arange(120) % 2)[rows], weights=HUMAN.weight[rows])
    assert single(half, "accuracy", item="trust") == pytest.approx(expected)


def test_answers_that_are_the_persons_own_are_not_taken_for_predictions():
    scored = replace(HUMAN, simulated=True, log_prob={item.name: np.zeros(120) for item in TASK.items})
    for metric in (Accuracy, PearsonR, PersonaGain, PersonaSwap):
        found = values(metric, scored)
        assert {status for status, _ in found.status.values()} == {"not_applicable"}
        assert np.isnan(found.value).all()


def test_ties_share_and_no_prediction_is_a_miss():
    table = np.tile([0.4, 0.4, 0.2, 0, 0], (120, 1))
    human = HUMAN.with_answers({**HUMAN.answers, "trust": np.zeros(120, np.int64)}, simulated=False)
    found = values(Accuracy, with_probabilities(human, 3, trust=table), human)
    assert single(found, "accuracy_modal", item="trust") == pytest.approx(0.5)
    table = np.where(np.arange(120)[:, None] < 60, np.nan, table)
    ones = np.ones((1, 120))
    found = values(Accuracy, with_probabilities(human, 3, trust=table), human, ones)
    assert single(found, "accuracy", item="trust") == pytest.approx(0.2)


def test_the_correlation_is_that_of_deviations_from_arm_means():
    found, all_r = values(PearsonR), []
    for name in ("trust", "risk", "act"):
        item, rows = TASK.item(name), np.flatnonzero(HUMAN.answered(name))
        score = item.values if item.ordered else np.array([0.0, 1.0])
        x, y = SIMULATED.probabilities[name][rows] @ score, score[HUMAN.answers[name][rows]]
        w, arm = HUMAN.weight[rows], HUMAN.arm[rows]
        for z in (x, y):
            for key in "ab":
                z[arm == key] -= np.average(z[arm == key], weights=w[arm == key])
        r = (w * x * y).sum() / np.sqrt((w * x * x).sum() * (w * y * y).sum())
        all_r.append(r)
        assert single(found, "pearson_r", item=name) == pytest.approx(r)
    assert single(found, "pearson_r", item="") == pytest.approx(np.mean(all_r))


def test_a_prediction_by_arm_alone_has_no_correlation():
    table = np.where((HUMAN.arm == "a")[:, None], [0.1, 0.2, 0.3, 0.2, 0.2], [0.4, 0.3, 0.1, 0.1, 0.1])
    found = values(PearsonR, with_probabilities(HUMAN, 3, trust=table))
    assert single(found, "pearson_r", item="trust") == 0
    same = HUMAN.with_answers({**HUMAN.answers, "trust": np.full(120, 2)}, simulated=False)
    found = values(PearsonR, human=same)
    assert found.status[next(key for key in found.keys if key.item == "trust")][0] == "not_estimable"
    assert np.isfinite(single(found, "pearson_r", item=""))


def strata():
    return [np.flatnonzero((HUMAN.arm == arm) & (HUMAN.profile["region"] == code)) for arm in "ab" for code in "nsw"]


def fit(i, k):
    """How well the prediction of row k fits person i."""
    given = [
        SIMULATED.probabilities[item.name][k][HUMAN.answers[item.name][i]]
        for item in TASK.items
        if HUMAN.answers[item.name][i] >= 0
    ]
    return np.mean(given) if given else None


def test_the_gain_is_over_others_of_the_same_arm_and_cell():
    top = bottom = 0.0
    for rows in strata():
        rows = [i for i in rows if fit(i, i) is not None]
        for i in rows:
            others = [k for k in rows if k != i]
            mean = np.average([fit(i, k) for k in others], weights=HUMAN.weight[others])
            top += HUMAN.weight[i] * (fit(i, i) - mean)
            bottom += HUMAN.weight[i]
    assert single(values(PersonaGain), "persona_gain") == pytest.approx(top / bottom)


def test_the_permutation_test_agrees_with_all_permutations():
    task = make_task(arms=None)
    human = make_sample(task, 5, 3, missing=0.0, weighted=False)
    rng = np.random.default_rng(4)
    tables = {item.name: rng.dirichlet(np.ones(item.k), 5) for item in task.items}
    simulated, ones = human.with_answers(human.answers, probabilities=tables), np.ones((1, 5))
    found = PersonaSwap().compare(task, human, simulated, human, {}).values(ones, ones, 0)
    A = np.array(
        [
            [np.mean([tables[j.name][k][human.answers[j.name][i]] for j in task.items]) for k in range(5)]
            for i in range(5)
        ]
    )
    sums = [sum(A[i, k] for i, k in enumerate(order)) for order in permutations(range(5))]
    exact = np.mean(np.array(sums) >= np.trace(A) - 1e-12)
    assert single(found, "persona_swap") == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 999) + 0.002)


def test_knowing_people_is_found_and_knowing_cells_is_not():
    known = {item.name: np.full((120, item.k), 0.3 / item.k) for item in TASK.items}
    for item in TASK.items:
        rows = np.flatnonzero(HUMAN.answered(item.name))
        known[item.name][rows, HUMAN.answers[item.name][rows]] += 0.7
    assert single(values(PersonaSwap, with_probabilities(HUMAN, 5, **known)), "persona_swap") == 0.001
    cell = {item.name: np.empty((120, item.k)) for item in TASK.items}
    for seed, rows in enumerate(strata()):
        for item in TASK.items:
            cell[item.name][rows] = np.random.default_rng(seed).dirichlet(np.ones(item.k))
    simulated = with_probabilities(HUMAN, 6, **cell)
    assert single(values(PersonaSwap, simulated), "persona_swap") == 1
    assert single(values(PersonaGain, simulated), "persona_gain") == pytest.approx(0, abs=1e-12)
