"""Association, transport and the error of the gap, against R, scipy and brute force."""

import numpy as np
import pytest
from metric_samples import as_simulated, half_weights, make_sample, make_task, single
from r_values import TASK as R_TASK
from r_values import expected, samples
from scipy import optimize, stats
from scipy.special import log_softmax

from surveyeval.metric.association import Association, cramers_v, spearman
from surveyeval.metric.coherence import Gap
from surveyeval.metric.gap_error import GapDifference, GapError
from surveyeval.metric.multinomial import log_share, multinomial_logit
from surveyeval.metric.transport import Transport
from surveyeval.task.task import Task

TASK = make_task()
HUMAN = make_sample(TASK, 200, 1)
SIMULATED = as_simulated(HUMAN, 2, task=TASK)


def test_associations_within_arms_agree_with_r():
    human, simulated = samples()
    ones, told = np.ones((1, human.n)), expected()
    values = Association().compare(R_TASK, human, simulated, human, {}).values(ones, ones, 0)
    errors = []
    for belief in ("trust", "risk", "place"):
        value = single(values, "association", item=belief)
        assert value == pytest.approx(told[f"association {belief} simulated"])
        errors.append(abs(value - told[f"association {belief} human"]))
    assert values.loss[0, 0] == pytest.approx(np.mean(errors))
    strength = np.mean([abs(told[f"association {belief} simulated"]) for belief in ("trust", "risk", "place")])
    assert single(values, "association_strength") == pytest.approx(strength)


def test_spearman_is_scipys_and_a_weight_is_a_repetition():
    rng = np.random.default_rng(0)
    x, y, w = rng.integers(0, 5, 80), rng.integers(0, 3, 80), rng.integers(1, 4, 80)
    table = np.zeros((5, 3))
    np.add.at(table, (x, y), w)
    repeated = stats.spearmanr(np.repeat(x, w), np.repeat(y, w)).statistic
    assert spearman(table) == pytest.approx(repeated)
    assert np.isnan(spearman(np.array([[3.0, 4.0], [0.0, 0.0]])))
    assert spearman(np.diag([3.0, 4.0, 5.0])) == pytest.approx(1)


def test_independent_answers_have_no_association_on_average():
    tables = np.random.default_rng(0).multinomial(60, np.full(12, 1 / 12), size=400).reshape(400, 3, 4)
    found = cramers_v(tables.astype(float), np.full(400, 60.0))
    plain = [stats.contingency.association(table, method="cramer") for table in tables if (table.sum(axis=0) > 0).all()]
    assert np.mean(found) < 0.5 * np.mean(plain)
    assert np.median(found**2) < 0.01


def test_constant_actions_have_no_association():
    constant = HUMAN.with_answers({**HUMAN.answers, "act": np.zeros(200, np.int64)})
    w = HUMAN.weight[None, :]
    values = Association().compare(TASK, HUMAN, constant, HUMAN, {}).values(w, w, 0)
    assert (values.value == 0).all()


def test_several_actions_are_told_apart():
    items = [
        {**item, "role": "action" if item["name"] in ("risk", "act") else item["role"]}
        for item in TASK.spec.model_dump()["items"]
    ]
    task = make_task(items=items, patterns=[], coherence=[])
    human = make_sample(task, 60, 1)
    w = human.weight[None, :]
    for metric in (Association, Transport):
        values = metric().compare(task, human, human, human, {}).values(w, w, 0)
        assert len(set(values.keys)) == len(values.keys)
    assert {key.term for key in Association().compare(task, human, human, human, {}).values(w, w, 0).keys} == {
        "",
        "risk",
        "act",
    }


def test_the_gap_is_compared_arm_by_arm_without_cancelling():
    left, right = half_weights(HUMAN, 1, 3)
    left, right = left * HUMAN.weight, right * HUMAN.weight
    gaps = {}
    for side, sample, weight in (("human", HUMAN, left), ("simulated", SIMULATED, right)):
        values = Gap().compare(TASK, sample, sample, HUMAN, {}).values(weight, weight, 0)
        gaps[side] = {arm: single(values, "gap", arm=arm) for arm in ("", "a", "b")}
    error = GapError().compare(TASK, HUMAN, SIMULATED, HUMAN, {}).values(left, right, 0)
    signed = GapDifference().compare(TASK, HUMAN, SIMULATED, HUMAN, {}).values(left, right, 0)
    difference = {arm: gaps["simulated"][arm] - gaps["human"][arm] for arm in gaps["human"]}
    for arm, value in difference.items():
        assert single(signed, "gap_difference", arm=arm) == pytest.approx(value)
        assert single(error, "gap_error", arm=arm) == pytest.approx(abs(value))
    trust, act = (HUMAN.answers[name] for name in ("trust", "act"))
    determined = (trust >= 0) & (trust != 2) & (act >= 0)
    people = [left[0][determined & (HUMAN.arm == arm)].sum() for arm in "ab"]
    by_arm = [difference["a"], difference["b"]]
    assert single(signed, "gap_difference_arms") == pytest.approx(np.average(by_arm, weights=people))
    assert single(error, "gap_error_arms") == pytest.approx(np.average(np.abs(by_arm), weights=people))


def penalised(X, y, w, outcomes, ridge):
    """The same fit by a general optimiser."""
    p = X.shape[1]
    penalty = np.full((p, 1), ridge)
    penalty[0] = ridge / 100
    scaled = w * w.sum() / (w**2).sum()

    def loss(b):
        beta = b.reshape(p, outcomes - 1)
        every = np.column_stack([np.zeros(p), beta])
        spread = every - every.mean(axis=1, keepdims=True)
        own = log_softmax(X @ every, axis=1)[np.arange(len(y)), y]
        return -(scaled * own).sum() + 0.5 * (penalty * spread**2).sum()

    found = optimize.minimize(loss, np.zeros(p * (outcomes - 1)), method="BFGS", options={"gtol": 1e-7})
    return found.x.reshape(p, outcomes - 1)


@pytest.mark.parametrize("outcomes", [2, 3])
def test_the_multinomial_logit_minimises_the_penalised_loss(outcomes):
    rng = np.random.default_rng(1)
    X = np.column_stack([np.ones(90), rng.uniform(-1, 1, (90, 2))])
    y = np.minimum((X[:, 1] + rng.normal(0, 0.8, 90) > 0).astype(int) + (X[:, 2] > 0.5), outcomes - 1)
    weight = rng.uniform(0.2, 2, (3, 90)) * (rng.random((3, 90)) < 0.8)
    fits = multinomial_logit(X, y, weight, outcomes, 0.1)
    for b in range(3):
        np.testing.assert_allclose(fits.coefficient[b], penalised(X, y, weight[b], outcomes, 0.1), atol=1e-4)
    eta = np.column_stack([np.zeros(90), X @ fits.coefficient[0]])
    np.testing.assert_allclose(
        log_share(X, y, fits.coefficient)[0], log_softmax(eta, axis=1)[np.arange(90), y], atol=1e-12
    )


def test_the_reference_outcome_does_not_matter():
    rng = np.random.default_rng(3)
    X, y = np.column_stack([np.ones(60), rng.uniform(-1, 1, (60, 2))]), rng.integers(0, 3, 60)
    ones = np.ones((1, 60))
    one, other = (multinomial_logit(X, outcome, ones, 3, 0.5) for outcome in (y, (y + 1) % 3))
    np.testing.assert_allclose(one.left_out, other.left_out, atol=1e-9)
    np.testing.assert_allclose(
        log_share(X, y, one.coefficient), log_share(X, (y + 1) % 3, other.coefficient), atol=1e-9
    )


@pytest.mark.parametrize("outcomes", [2, 3])
def test_leaving_a_row_out_is_nearly_what_fitting_without_it_gives(outcomes):
    rng = np.random.default_rng(2)
    X = np.column_stack([np.ones(60), rng.uniform(-1, 1, (60, 2))])
    y = np.minimum((2 * X[:, 1] + rng.normal(0, 1, 60) > 0).astype(int) + (rng.random(60) < 0.3), outcomes - 1)
    ones = np.ones((1, 60))
    told = multinomial_logit(X, y, ones, outcomes, 0.1).left_out[0]
    exact, inside = [], log_share(X, y, multinomial_logit(X, y, ones, outcomes, 0.1).coefficient)[0]
    for i in range(60):
        kept = np.arange(60) != i
        fits = multinomial_logit(X[kept], y[kept], ones[:, kept], outcomes, 0.1)
        exact.append(log_share(X[[i]], y[[i]], fits.coefficient)[0, 0])
    np.testing.assert_allclose(told, exact, atol=0.01, rtol=0.03)
    assert abs(told.mean() - np.mean(exact)) < 0.1 * abs(inside.mean() - np.mean(exact))


def test_an_outcome_that_nobody_chose_and_separation_stay_finite():
    X = np.column_stack([np.ones(30), np.linspace(-1, 1, 30)])
    y = (X[:, 1] > 0).astype(int)
    fits = multinomial_logit(X, y, np.stack([np.ones(30), np.zeros(30)]), 3, 0.1)
    assert np.isfinite(fits.coefficient[0]).all()
    assert np.isfinite(fits.left_out[0]).all()
    assert np.isnan(fits.coefficient[1]).all()


def acting(sample, slope, seed):
    trust = np.maximum(sample.answers["trust"], 0)
    act = np.random.default_rng(seed).random(sample.n) < 1 / (1 + np.exp(-slope * (trust - 2.0)))
    return {**sample.answers, "act": act.astype(np.int64)}


def test_transport_has_people_as_its_target_on_both_sides():
    human = make_sample(TASK, 600, 3, missing=0.0, weighted=False)
    human = human.with_answers(acting(human, 1.5, 1), simulated=False)
    found = {}
    for slope in (0.0, 1.5, 6.0):
        made = human.with_answers(acting(make_sample(TASK, 600, 5, missing=0.0), slope, 2))
        ones = np.ones((1, 600))
        values = Transport().compare(TASK, human, made, human, {}).values(ones, ones, 0)
        found[slope] = single(values, "transport"), values.loss[0, 0]
    assert found[6.0][0] < found[1.5][0] < found[0.0][0]
    assert found[1.5][1] < 0.5 * min(found[0.0][1], found[6.0][1])


def test_transport_is_the_log_loss_of_a_model_of_the_people():
    left, right = half_weights(HUMAN, 1, 3)
    values = Transport().compare(TASK, HUMAN, SIMULATED, HUMAN, {}).values(left, right, 0)

    def table(sample, mask):
        names = ("trust", "place", "risk", "act")
        rows = np.flatnonzero((mask > 0) & np.all([sample.answers[name] >= 0 for name in names], axis=0))
        trust, place, risk, act = (sample.answers[name][rows] for name in names)
        X = np.column_stack(
            [np.ones(len(rows)), sample.arm[rows] == "a", sample.arm[rows] == "b", trust / 2 - 1,
             place == 0, place == 1, place == 2, np.array([-1, -0.5, 1])[risk]]
        )  # fmt: skip
        return X.astype(float), act

    X, y = table(HUMAN, left[0])
    beta = penalised(X, y, np.ones(len(y)), 2, 0.1)
    Z, act = table(SIMULATED, right[0])
    eta = np.column_stack([np.zeros(len(act)), Z @ beta])
    bits = -log_softmax(eta, axis=1)[np.arange(len(act)), act] / np.log(2)
    assert single(values, "transport") == pytest.approx(bits.mean(), rel=1e-4)


# ---- declared pairs ----------------------------------------------------------------------------------------------------


def test_declared_pairs_replace_beliefs_and_actions():
    """Attitudes of a survey without any action: within each arm scipy's correlation, pooled by Fisher's z."""
    items = [{**item.spec.model_dump(exclude_none=True), "role": "attitude"} for item in TASK.all_items]
    declared = [{"predictor": "trust", "outcomes": ["risk"]}, {"predictor": "risk", "outcomes": ["act"]}]
    task = make_task(items=items, coherence=[], associations=declared)
    assert task.actions == ()
    assert Association().applicable(task) is None
    human = make_sample(task, 200, 1, weighted=False)
    ones = np.ones((1, human.n))
    values = Association().compare(task, human, human, human, {}).values(ones, ones, 0)
    assert [(key.item, key.term) for key in values.keys] == [("", ""), ("trust", "risk"), ("risk", "act")]
    for key, found in zip(values.keys[1:], values.value[0, 1:], strict=True):
        z, weight = [], []
        for arm in ("a", "b"):
            rows = (human.arm == arm) & human.answered(key.item) & human.answered(key.term)
            columns = (human.answers[name][rows] for name in (key.item, key.term))
            z.append(np.arctanh(stats.spearmanr(*columns).statistic))
            weight.append(rows.sum() - 3)
        assert found == pytest.approx(np.tanh(np.average(z, weights=weight)))


def test_the_strength_is_a_headline_where_pairs_are_declared_or_no_rule_is():
    def headline(task):
        sample = make_sample(task, 60, 1)
        ones = np.ones((1, 60))
        return Association().compare(task, sample, sample, sample, {}).values(ones, ones, 0).keys[0].headline

    declared = [{"predictor": "trust", "outcomes": ["act"]}]
    assert not headline(TASK)
    assert headline(make_task(coherence=[]))
    assert headline(make_task(associations=declared))


def test_pairs_that_are_not_asked_are_left_out():
    sets = {"core": ["region"], "core+trust": ["region", "trust"]}
    task = make_task(profile_sets=sets, associations=[{"predictor": "trust", "outcomes": ["act"]}])
    assert Association().applicable(task) is None
    known = Task(task.spec, task.folder, task.file, "0", "core+trust")
    assert "no two items of the declared associations are asked" in Association().applicable(known)
