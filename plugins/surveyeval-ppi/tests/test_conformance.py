"""Laws that hold for every metric of the package, alone and through surveyeval's evaluator."""

from dataclasses import replace

import numpy as np
import pytest
from ppi_samples import copy_of, full, make_people, make_task, scales, shuffled, status, value
from surveyeval.engine.evaluate import evaluate

from surveyeval_ppi.intervals import Coverage, WidthRatio
from surveyeval_ppi.k_hat import KHat
from surveyeval_ppi.layout import DRAWN
from surveyeval_ppi.people import PeopleEquivalent
from surveyeval_ppi.sample_size import EffectiveSampleSize

PAIRED = [EffectiveSampleSize, WidthRatio, Coverage]
POPULATION = [PeopleEquivalent, KHat]
EVERY = [*PAIRED, *POPULATION]

TASK = make_task(scales(40), arms=("a", "b"))
LATENT = np.random.default_rng(1).normal(size=(160, 40))
PEOPLE = make_people(TASK, 160, 1, weighted=True, missing=0.03, latent=LATENT)
ROWS = PEOPLE.with_answers(
    make_people(TASK, 160, 2, latent=0.6 * LATENT + 0.8 * np.random.default_rng(2).normal(size=LATENT.shape)).answers
)
PILOT = make_people(TASK, 60, 9)


def weights(rows=4, seed=5):
    chosen = np.random.default_rng(seed).random((rows, PEOPLE.n)) < 0.5
    return chosen * PEOPLE.weight, ~chosen * PEOPLE.weight


def results(metric, people=PEOPLE, rows=ROWS, both=None, seed=11, pilot=PILOT):
    left, right = weights() if both is None else both
    return metric().compare(TASK, people, rows, pilot, {}).values(left, right, seed)


def same(one, other):
    np.testing.assert_allclose(one.value, other.value, rtol=1e-9, atol=1e-12)
    assert one.status == other.status
    assert one.flags == other.flags


@pytest.mark.parametrize("metric", EVERY)
def test_shapes_fit_and_values_are_in_range(metric):
    found, (low, high) = results(metric), metric.spec.range
    assert metric().applicable(TASK) is None
    assert found.value.shape == (4, len(found.keys))
    assert len(set(found.keys)) == len(found.keys)
    assert np.isfinite(found.value).all()
    assert (found.value >= low).all()
    assert high is None or (found.value <= high).all()
    assert [key.headline for key in found.keys].count(True) >= 1


@pytest.mark.parametrize("metric", EVERY)
def test_the_same_seed_gives_the_same_and_rows_may_be_sorted_otherwise(metric):
    same(results(metric), results(metric))
    order = np.random.default_rng(0).permutation(PEOPLE.n)
    moved = results(metric, PEOPLE.take(order), ROWS.take(order), tuple(own[:, order] for own in weights()))
    same(results(metric), moved)


@pytest.mark.parametrize("metric", PAIRED)
def test_pairs_go_by_identifier_and_not_by_place(metric):
    order = np.random.default_rng(0).permutation(PEOPLE.n)
    left, right = weights()
    same(results(metric), results(metric, rows=ROWS.take(order), both=(left, right[:, order])))


@pytest.mark.parametrize("metric", [EffectiveSampleSize, WidthRatio, Coverage, KHat])
def test_another_seed_draws_otherwise(metric):
    assert (results(metric).value != results(metric, seed=12).value).any()


@pytest.mark.parametrize("metric", EVERY)
def test_many_weights_at_once_are_the_same_as_one_by_one(metric):
    left, right = weights()
    together = results(metric)
    for b in range(4):
        alone = results(metric, both=(left[b : b + 1], right[b : b + 1]))
        np.testing.assert_allclose(alone.value[0], together.value[b], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("metric", EVERY)
def test_the_scale_of_weights_does_not_matter(metric):
    left, right = weights()
    same(results(metric), results(metric, both=(8 * left, 8 * right)))


@pytest.mark.parametrize("metric", EVERY)
def test_the_inputs_are_left_as_they_are(metric):
    left, right = weights()
    kept = left.copy(), right.copy(), {name: column.copy() for name, column in ROWS.answers.items()}
    results(metric, both=(left, right))
    np.testing.assert_array_equal(left, kept[0])
    np.testing.assert_array_equal(right, kept[1])
    for name, column in kept[2].items():
        np.testing.assert_array_equal(ROWS.answers[name], column)


# ---- copies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", POPULATION)
def test_an_exact_copy_is_the_other_half_of_the_people(metric):
    np.testing.assert_array_equal(results(metric, rows=PEOPLE).value, results(metric, rows=copy_of(PEOPLE)).value)


def test_an_exact_copy_is_as_good_as_asking_everybody():
    task = make_task(scales(2))
    people = make_people(task, 400, 3)
    found = full(EffectiveSampleSize, task, people, copy_of(people))
    assert value(found, "ppi_n_eff") == pytest.approx(400)  # n = 40, N = 360
    assert value(full(EffectiveSampleSize, task, people, shuffled(people, 1)), "ppi_n_eff") == pytest.approx(
        40, rel=0.05
    )


@pytest.fixture(scope="module")
def evaluated():
    task = make_task(scales(2), arms=("a", "b"))
    people, pilot = make_people(task, 160, 3), make_people(task, 60, 4)
    simulated = {"copy": [copy_of(people)], "shuffled": [shuffled(people, 5)]}
    return evaluate(task, people, simulated, pilot, metrics=[metric() for metric in EVERY], splits=3)


def test_matched_is_the_reference_for_a_copy_wherever_people_have_a_reference(evaluated):
    table = evaluated[(evaluated["metric"] == "people_equivalent")]
    keys = ["name", "item"]
    reference = table[table["quantity"] == "reference"].set_index(keys)["value"]
    matched = table[(table["quantity"] == "matched") & (table["model"] == "copy")].set_index(keys)["value"]
    assert len(reference) == 6
    assert reference.notna().all()
    np.testing.assert_array_equal(matched, reference.loc[matched.index])


def test_pairs_have_no_reference_and_say_so(evaluated):
    table = evaluated[evaluated["metric"].str.startswith("ppi_") & (evaluated["quantity"] == "reference")]
    assert set(table["status"]) == {"not_applicable"}
    assert table["reason"].str.startswith("none available").all()
    matched = evaluated[(evaluated["name"] == "ppi_n_eff") & (evaluated["quantity"] == "matched")]
    known = matched[matched["item"] == ""].set_index("model")["value"]
    assert known["copy"] == pytest.approx(160)
    assert known["shuffled"] == pytest.approx(30, rel=0.1)


def test_a_task_with_few_items_has_no_k_hat(evaluated):
    (row,) = evaluated[evaluated["metric"] == "k_hat"].to_dict("records")
    assert (row["status"], row["reason"]) == (
        "not_applicable", "the task has 2 items, and k-hat is a statement about 40 or more",
    )  # fmt: skip


# ---- what cannot be said, and why --------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", PAIRED)
def test_unpaired_rows_are_not_applicable_with_the_reason(metric):
    found = results(metric, rows=replace(ROWS, paired=False))
    assert np.isnan(found.value).all()
    assert {found.status[key] for key in found.keys} == {
        ("not_applicable", "simulated rows are not paired with people, so nothing is known of their profiles")
    }


@pytest.mark.parametrize("metric", POPULATION)
def test_unpaired_rows_have_means_all_the_same(metric):
    same(results(metric), results(metric, rows=replace(ROWS, paired=False)))


@pytest.mark.parametrize("metric", PAIRED)
def test_few_people_are_too_few(metric):
    task = make_task(scales(2))
    people = make_people(task, 59, 1)
    found = full(metric, task, people, shuffled(people, 2))
    assert np.isnan(found.value).all()
    assert status(found, metric.spec.name) == (
        "too_small", "59 people answered 'q0'; 60 are needed: 30 asked and as many predicted",
    )  # fmt: skip


@pytest.mark.parametrize("metric", [EffectiveSampleSize, WidthRatio, Coverage, PeopleEquivalent])
def test_an_item_that_says_nothing_is_named_and_left_out(metric):
    task = make_task(scales(4))
    people = make_people(task, 200, 1)
    people = people.with_answers({**people.answers, "q1": np.full(200, 2)}, simulated=False)
    rows = shuffled(people, 2).with_answers({**people.answers, "q2": np.full(200, -1), "q0": np.full(200, 1)})
    found = full(metric, task, people, rows)
    assert status(found, metric.spec.name, "q1") == ("not_estimable", "people do not differ in their answers to 'q1'")
    assert status(found, metric.spec.name, "q2") == ("not_estimable", "no simulated answer to 'q2'")
    assert np.isfinite([value(found, metric.spec.name, item) for item in ("", "q0", "q3")]).all()
    if metric is EffectiveSampleSize:  # a prediction that is the same for all is worth nothing
        assert value(found, "ppi_n_eff", "q0") == pytest.approx(30)


@pytest.mark.parametrize("metric", EVERY)
def test_no_answers_at_all_break_nothing(metric):
    empty = PEOPLE.with_answers({name: np.full(PEOPLE.n, -1) for name in PEOPLE.answers})
    found = results(metric, rows=empty)
    assert not np.isinf(found.value).any()
    if metric is not KHat:
        assert np.isnan(found.value).all()
        assert {found.status[key][0] for key in found.keys} == {"not_estimable"}
    silent = replace(empty, simulated=False)
    found = results(metric, people=silent)
    assert np.isnan(found.value).all()
    assert {kind for kind, _ in found.status.values()} <= {"not_estimable", "too_small"}
    assert found.status


@pytest.mark.parametrize("metric", EVERY)
def test_weights_of_nobody_are_undefined_and_no_error(metric):
    left, right = weights()
    found = results(metric, both=(0 * left, 0 * right))
    assert np.isnan(found.value).all()


def test_skipping_people_who_are_hard_to_predict_does_not_pay():
    task = make_task(scales(1))
    people = make_people(task, 400, 3)
    good = np.random.default_rng(1).random(400) < 0.3
    right, wrong = people.answers["q0"], shuffled(people, 2).answers["q0"]
    guessing = full(EffectiveSampleSize, task, people, people.with_answers({"q0": np.where(good, right, wrong)}))
    skipping = full(EffectiveSampleSize, task, people, people.with_answers({"q0": np.where(good, right, -1)}))
    asking_them_alone = 400
    assert value(guessing, "ppi_n_eff") < value(skipping, "ppi_n_eff") < asking_them_alone / 3


# ---- predictions -------------------------------------------------------------------------------------------------


def test_expected_answers_are_used_where_probabilities_are_stored():
    """The model knows a variable that explains half of the variance; one draw from what it knows is noisier."""
    task = make_task(scales(1, points=2))
    rng = np.random.default_rng(4)
    known = rng.random(4000)
    people = make_people(task, 4000, 3)
    people = people.with_answers({"q0": (rng.random(4000) < known).astype(int)}, simulated=False)
    drawn = people.with_answers({"q0": (rng.random(4000) < known).astype(int)})
    stored = replace(drawn, probabilities={"q0": np.column_stack([1 - known, known])})
    # var(known) = 1/12, var(answer) = 1/4: rho^2 = 1/3 with expectations, its square with draws; n = 100, N = 900
    for rows, rho2, flags in ((stored, 1 / 3, ()), (drawn, 1 / 9, (DRAWN,))):
        found = full(EffectiveSampleSize, task, people, rows)
        assert value(found, "ppi_n_eff") == pytest.approx(100 * 1000 / (100 + (1 - rho2) * 900), rel=0.05)
        assert {found.flags.get(key, ()) for key in found.keys} == {flags}


def test_rows_without_probabilities_fall_back_to_their_answers():
    task = make_task(scales(1, points=2))
    people = make_people(task, 200, 3)
    table = np.full((200, 2), np.nan)
    rows = replace(copy_of(people), probabilities={"q0": table})
    found = full(EffectiveSampleSize, task, people, rows)
    assert value(found, "ppi_n_eff") == pytest.approx(200)
    assert found.flags[found.keys[0]] == (DRAWN,)


def test_knowing_the_arm_is_no_merit():
    task = make_task(scales(1), arms=("a", "b"))
    second = np.arange(400) % 2
    people = make_people(task, 400, 3, latent=np.random.default_rng(2).normal(size=(400, 1)) + 2.0 * second[:, None])
    rows = people.with_answers({"q0": np.where(second, 4, 0)})
    assert value(full(EffectiveSampleSize, task, people, rows), "ppi_n_eff") == pytest.approx(40)


@pytest.mark.parametrize("metric", [EffectiveSampleSize, PeopleEquivalent])
def test_differences_of_counts_are_log_ratios(metric):
    one, other = results(metric), results(metric, rows=shuffled(PEOPLE, 3))
    np.testing.assert_allclose(other.loss - one.loss, np.log(one.value / other.value))
