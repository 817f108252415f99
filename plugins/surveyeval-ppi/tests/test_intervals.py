import warnings

import numpy as np
import pytest
from ppi_samples import copy_of, cut, full, make_people, make_task, scales, shuffled, value
from scipy import stats

from surveyeval_ppi.formulas import effective_sample_size, power_tuning
from surveyeval_ppi.intervals import Coverage, WidthRatio, mean_intervals

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ppi_py


def draws(seed, n, N, D, rho):
    rng = np.random.default_rng(seed)
    y, u = rng.normal(size=(n, D)), rng.normal(size=(N, D))
    return y, rho * y + np.sqrt(1 - rho**2) * rng.normal(size=(n, D)), u


@pytest.mark.parametrize("rho", [-0.5, 0, 0.3, 0.9, 1])
@pytest.mark.parametrize(("n", "N"), [(30, 30), (71, 637), (100, 900)])
def test_ours_for_many_columns_is_ppi_py_for_each(rho, n, N):
    y, f, u = draws(3, n, N, 12, rho)
    low, high = mean_intervals(y, f, u)
    for d in range(12):
        expected = ppi_py.ppi_mean_ci(y[:, d], f[:, d], u[:, d], alpha=0.05)
        np.testing.assert_allclose([low[d], high[d]], np.ravel(expected), atol=1e-6, rtol=0)
        point = ppi_py.ppi_mean_pointestimate(y[:, d], f[:, d], u[:, d], lam=power_tuning(y, f, u)[d])
        assert (low[d] + high[d]) / 2 == pytest.approx(point.item(), abs=1e-6)
    classical = mean_intervals(y, f, u[:1], 0.0)
    for d in range(12):
        expected = ppi_py.classical_mean_ci(y[:, d], alpha=0.05)
        np.testing.assert_allclose([classical[0][d], classical[1][d]], expected, atol=1e-6, rtol=0)


def test_predictions_that_do_not_vary_leave_the_classical_interval():
    y, f, u = draws(4, 40, 80, 3, 0.5)
    flat = mean_intervals(y, 0 * f + 2, 0 * u + 2)
    np.testing.assert_allclose(flat, mean_intervals(y, f, u[:1], 0.0))


def test_importing_ppi_py_leaves_warnings_as_they_were():
    before = list(warnings.filters)
    y, f, u = draws(5, 30, 30, 1, 0.5)
    mean_intervals(y, f, u)
    with pytest.warns(UserWarning, match="still here"):
        warnings.warn("still here", UserWarning, stacklevel=1)
    assert warnings.filters == before


@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_coverage_and_width_where_the_truth_is_known(rho):
    """4,000 samples of a population with mean 0; binomial limits of 4 standard errors."""
    n, N, count = 100, 900, 4000
    rng = np.random.default_rng(6)
    y = rng.normal(size=(n, count))
    f = rho * y + np.sqrt(1 - rho**2) * rng.normal(size=(n, count)) + 0.8  # a bias of the predictions does no harm
    low, high = mean_intervals(y, f, rng.normal(size=(N, count)) + 0.8)
    coverage = np.mean((low <= 0) & (high >= 0))
    # a z interval with n - 1 degrees of freedom holds the mean as often as t says
    nominal = 1 - 2 * stats.t.sf(stats.norm.ppf(0.975) * np.sqrt((n - 1) / n), n - 1)
    assert coverage == pytest.approx(nominal, abs=4 * np.sqrt(0.05 * 0.95 / count))
    width = (high - low).mean() / (2 * stats.norm.ppf(0.975) * y.std(axis=0).mean() / np.sqrt(n))
    assert width == pytest.approx(np.sqrt(n / effective_sample_size(rho**2, n, N)), rel=0.02)


TASK = make_task(scales(3))


def rows_of(metric, rows, people, repeats=30):
    found = [full(metric, TASK, people, rows, seed=seed) for seed in range(repeats)]
    return np.mean([value(one, found[0].keys[0].name) for one in found])


def test_the_metrics_on_predictions_of_known_quality():
    people = make_people(TASK, 600, 7)
    perfect, useless = copy_of(people), shuffled(people, 8)
    # n = 60, N = 540: perfect predictions are as good as asking all 600, but for a tuning estimated from 60
    assert rows_of(WidthRatio, perfect, people) == pytest.approx(np.sqrt(60 / 600), rel=0.06)
    assert 0.97 < rows_of(WidthRatio, useless, people) <= 1
    for rows in (perfect, useless):
        # 30 x 20 draws of three items that are independent: 1,800 intervals
        assert rows_of(Coverage, rows, people) == pytest.approx(0.945, abs=0.025)


def test_draws_follow_the_weights():
    """Half of the people have no weight: the truth and the intervals are those of the others."""
    people = make_people(TASK, 400, 9)
    answers = {name: np.where(np.arange(400) < 200, column, 0) for name, column in people.answers.items()}
    people = people.with_answers(answers, simulated=False)
    rows = shuffled(people, 1)
    weights = (np.arange(400) < 200).astype(float)[None, :]
    bound = Coverage().compare(TASK, people, rows, people, {})
    held = np.mean([bound.values(weights, weights, seed).value[0, 0] for seed in range(20)])
    assert held == pytest.approx(0.945, abs=0.03)


def test_knowing_the_arm_is_no_merit():
    task = make_task(scales(1), arms=("a", "b"))
    latent = np.random.default_rng(2).normal(size=(400, 1)) + 2.0 * (np.arange(400) % 2)[:, None]
    people = make_people(task, 400, 3, latent=latent)
    rows = people.with_answers({"q0": cut(2.0 * (np.arange(400) % 2), 5)})
    assert value(full(WidthRatio, task, people, rows), "ppi_width_ratio") == pytest.approx(1)
