import numpy as np
import pytest
from ppi_samples import copy_of, full, make_people, make_task, scales, shuffled, value
from scipy import stats

from surveyeval_ppi.people import PeopleEquivalent, squared_error_quantile

POINT, LOWER = "people_equivalent", "people_equivalent_at_least"
ONE = make_task(scales(1, points=11))


def numbers(sample):
    return sample.answers["q0"] / 10


def test_one_item_by_hand():
    people = make_people(ONE, 300, 1)
    rows = make_people(ONE, 300, 2, latent=np.random.default_rng(3).normal(0.5, 1, (300, 1)))
    rows = people.with_answers(rows.answers)
    y, s = numbers(people), numbers(rows)
    noise = y.var(ddof=1) / 300 + s.var(ddof=1) / 300
    b2 = (s.mean() - y.mean()) ** 2 - noise
    found = full(PeopleEquivalent, ONE, people, rows)
    for item in ("", "q0"):
        assert value(found, POINT, item) == pytest.approx(y.var(ddof=1) / b2)
        upper = abs(s.mean() - y.mean()) + 1.959964 * np.sqrt(noise)
        assert value(found, LOWER, item) == pytest.approx(y.var(ddof=1) / upper**2, rel=1e-5)


def test_several_items_by_hand():
    task = make_task(scales(3, points=11))
    rng = np.random.default_rng(4)
    people = make_people(task, 250, 1, latent=rng.normal(size=(250, 3)) + rng.normal(size=(250, 1)))
    rows = people.with_answers(make_people(task, 250, 2, latent=rng.normal(0.6, 1.2, (250, 3))).answers)
    y, s = (np.column_stack([sample.answers[f"q{j}"] / 10 for j in range(3)]) for sample in (people, rows))
    error = (np.cov(y.T) + np.cov(s.T)) / 250
    squared = (y.mean(axis=0) - s.mean(axis=0)) ** 2
    sigma2 = y.var(axis=0, ddof=1)
    found = full(PeopleEquivalent, task, people, rows)
    assert value(found, POINT) == pytest.approx(sigma2.mean() / (squared.mean() - np.trace(error) / 3))
    # the limit of the length of the error by drawing it
    length = np.linalg.norm(rng.multivariate_normal(np.zeros(3), error, 200_000), axis=1)
    upper = (np.sqrt(squared.sum()) + np.quantile(length, 0.95)) ** 2 / 3
    assert value(found, LOWER) == pytest.approx(sigma2.mean() / upper, rel=0.02)


@pytest.mark.parametrize("eigenvalues", [[1.0], [1.0, 1.0, 1.0], [3.0, 1.0, 0.5, 0.1], [1.0] * 20])
def test_the_quantile_of_the_squared_error(eigenvalues):
    lam = np.array(eigenvalues)
    drawn = np.random.default_rng(5).chisquare(1, (200_000, len(lam))) @ lam
    found = squared_error_quantile(np.array(lam.sum()), np.array((lam**2).sum()))
    assert found == pytest.approx(np.quantile(drawn, 0.95), rel=0.025)
    if len(lam) == 1:
        assert found == pytest.approx(1.959964**2, rel=1e-6)


def test_the_lower_limit_is_below_the_truth_at_least_95_times_in_100():
    rng = np.random.default_rng(6)
    # answers are on a fine grid, so that means and variances are those of the normal variables that they cut
    truth, held, points = (1 / 0.3) ** 2, [], []
    task = make_task(scales(1, points=41))
    for _ in range(300):
        people = make_people(task, 200, 0, latent=rng.normal(0, 1, (200, 1)) / 2)
        rows = people.with_answers(make_people(task, 200, 0, latent=rng.normal(0.3, 1, (200, 1)) / 2).answers)
        found = full(PeopleEquivalent, task, people, rows)
        held.append(value(found, LOWER) <= truth)
        points.append(1 / value(found, POINT))
    assert np.mean(held) >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 300)
    # 1 / people equivalent is b^2 / sigma^2, without bias but for the cap at 3.84 / n
    assert np.mean(points) == pytest.approx(0.09, abs=0.01)


def test_the_ceiling_is_n_over_3_84():
    people = make_people(ONE, 384, 1)
    found = full(PeopleEquivalent, ONE, people, copy_of(people))
    assert value(found, POINT) == pytest.approx(384 / stats.chi2.ppf(0.95, 1))
    # an exact hit with as much noise as people have can be certified for half of that
    assert value(found, LOWER) == pytest.approx(384 / stats.chi2.ppf(0.95, 1) / 2)


def test_more_simulated_rows_are_not_more_people():
    people = make_people(ONE, 300, 1)
    rows = people.with_answers(
        make_people(ONE, 300, 2, latent=np.random.default_rng(3).normal(0.6, 1, (300, 1))).answers
    )
    many = rows.take(np.repeat(np.arange(300), 20))
    once, twenty = (value(full(PeopleEquivalent, ONE, people, some), POINT) for some in (rows, many))
    assert twenty == pytest.approx(once, rel=0.1)
    assert twenty < 6


def test_errors_in_opposite_arms_do_not_cancel():
    task = make_task(scales(1, points=11), arms=("a", "b"))
    rng, shift = np.random.default_rng(1), np.where(np.arange(400) % 2, 0.6, -0.6)[:, None]
    people = make_people(task, 400, 1)
    rows = people.with_answers(make_people(task, 400, 2, latent=rng.normal(size=(400, 1)) + shift).answers)
    assert value(full(PeopleEquivalent, task, people, rows), POINT) < 6
    # one arm without simulated answers: the other stands for both
    half = rows.with_answers({"q0": np.where(people.arm == "a", rows.answers["q0"], -1)})
    alone = people.take(people.arm == "a")
    expected = value(full(PeopleEquivalent, task, alone, rows.take(people.arm == "a")), POINT)
    assert value(full(PeopleEquivalent, task, people, half), POINT, "q0") == pytest.approx(expected)


def test_a_nominal_item_is_the_share_of_the_option_that_the_pilot_chose_most():
    task = make_task(
        [{"name": "q", "role": "belief", "kind": "nominal", "question": "?", "options": {"x": "x", "y": "y", "z": "z"}}]
    )
    people, pilot = make_people(task, 200, 1), make_people(task, 80, 2)
    rows = people.with_answers({"q": np.where(np.arange(200) < 150, 1, people.answers["q"])})
    modal = np.argmax(np.bincount(pilot.answers["q"]))
    y, s = (np.asarray(sample.answers["q"] == modal, dtype=float) for sample in (people, rows))
    b2 = (s.mean() - y.mean()) ** 2 - (y.var(ddof=1) + s.var(ddof=1)) / 200
    assert value(full(PeopleEquivalent, task, people, rows, pilot), POINT, "q") == pytest.approx(y.var(ddof=1) / b2)


def test_weights_enter_means_and_their_errors():
    people = make_people(ONE, 300, 1, weighted=True)
    rows = shuffled(people, 2).with_answers(
        make_people(ONE, 300, 5, latent=np.random.default_rng(3).normal(0.5, 1, (300, 1))).answers
    )
    w = people.weight / people.weight.sum()
    y, s = numbers(people), numbers(rows)
    size = 1 / (w**2).sum()
    sigma2 = (w @ (y - w @ y) ** 2) * size / (size - 1)
    noise = sum((w**2 @ (one - w @ one) ** 2) * size / (size - 1) for one in (y, s))
    expected = sigma2 / ((w @ y - w @ s) ** 2 - noise)
    assert value(full(PeopleEquivalent, ONE, people, rows), POINT) == pytest.approx(expected)
