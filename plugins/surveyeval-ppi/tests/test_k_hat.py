import numpy as np
from ppi_samples import copy_of, full, make_people, make_task, scales, shuffled, status, value

from surveyeval_ppi.k_hat import KHat, missed_share

TASK = make_task(scales(40, points=11))


def by_definition(rows, people):
    found = []
    for k in range(1, len(rows) + 1):
        missed = 0
        for j, mean in enumerate(people):
            own = rows[:k, j][~np.isnan(rows[:k, j])]
            reach = 1.959963984540054 * np.sqrt(2) * np.nanstd(rows[:, j]) / np.sqrt(max(len(own), 1))
            missed += bool(len(own)) and abs(own.mean() - mean) > reach
        found.append(missed / len(people))
    return found


def test_missed_share_is_the_definition():
    rng = np.random.default_rng(1)
    rows = rng.random((60, 45))
    rows[rng.random(rows.shape) < 0.1] = np.nan
    people = rng.uniform(0.3, 0.7, 45)
    np.testing.assert_allclose(missed_share(rows, people), by_definition(rows, people))


def test_a_faithful_simulation_goes_further_than_a_biased_one():
    people = make_people(TASK, 300, 1)
    faithful = shuffled(people, 2)
    biased = people.with_answers({name: np.minimum(column + 2, 10) for name, column in faithful.answers.items()})
    far, near = (value(full(KHat, TASK, people, rows), "k_hat") for rows in (faithful, biased))
    assert far == 300
    # a bias of .73 standard deviations shows once 1.96 sqrt(2 / k) is about as small
    assert 1 <= near < 30


def test_few_items_are_refused_with_the_reason():
    assert KHat().applicable(TASK) is None
    assert "12 items" in KHat().applicable(make_task(scales(12)))


def test_items_that_nobody_answered_do_not_count():
    people = make_people(TASK, 100, 1)
    silent = people.with_answers({**people.answers, "q3": np.full(100, -1)}, simulated=False)
    found = full(KHat, TASK, silent, copy_of(people))
    assert status(found, "k_hat")[0] == "not_estimable"
    assert np.isnan(value(found, "k_hat"))


def test_a_row_of_no_weight_is_no_row():
    people = make_people(TASK, 200, 1)
    rows = shuffled(people, 2)
    weights = np.ones((1, 200))
    some = weights * (np.arange(200) < 120)
    bound = KHat().compare(TASK, people, rows, people, {})
    assert bound.values(weights, some, 4).value[0, 0] == 120
