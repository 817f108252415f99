"""Batched regressions against statsmodels, brute force and a closed form."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize

from surveyeval.metric.regression import firth_logit, ols_hc2


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    X = np.column_stack([np.ones(120), rng.normal(size=(120, 2)), rng.integers(2, size=120)])
    y = X @ [0.3, 1.0, -0.5, 0.4] + rng.normal(size=120) * (1 + X[:, 3])
    return X, y, (rng.random((5, 120)) < 0.5).astype(float)


def test_ols_equals_statsmodels_hc2(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    X, y, weight = data
    fits = ols_hc2(X, y, weight)
    for b, rows in enumerate(weight > 0):
        expected = sm.OLS(y[rows], X[rows]).fit(cov_type="HC2")
        np.testing.assert_allclose(fits.coefficient[b], expected.params, rtol=1e-9)
        np.testing.assert_allclose(fits.se[b], expected.bse, rtol=1e-9)


def test_weighted_ols_equals_statsmodels(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    X, y, _ = data
    weight = np.random.default_rng(1).uniform(0.2, 3, size=(1, 120))
    expected = sm.WLS(y, X, weights=weight[0]).fit(cov_type="HC2")
    fits = ols_hc2(X, y, weight)
    np.testing.assert_allclose(fits.coefficient[0], expected.params, rtol=1e-9)
    np.testing.assert_allclose(fits.se[0], expected.bse, rtol=1e-9)


def test_a_perfect_fit_is_never_significance() -> None:
    X = np.column_stack([np.ones(20), np.arange(20.0)])
    fits = ols_hc2(X, 2 + 3 * X[:, 1], np.ones((1, 20)))
    np.testing.assert_allclose(fits.coefficient[0], [2, 3])
    assert np.isnan(fits.se).all()


def test_collinear_columns_are_not_estimable_and_the_others_are(
    data: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    X, y, weight = data
    doubled = np.column_stack([X, X[:, 1]])
    fits, alone = ols_hc2(doubled, y, weight), ols_hc2(X, y, weight)
    assert np.isnan(fits.coefficient[:, 4]).all()
    np.testing.assert_allclose(fits.coefficient[:, :4], alone.coefficient, rtol=1e-7)


def test_firth_of_a_two_by_two_table_adds_half_to_each_cell() -> None:
    counts = {(0, 0): 7, (0, 1): 3, (1, 0): 0, (1, 1): 9}
    x, y = np.array([cell for cell, n in counts.items() for _ in range(n)], dtype=float).T
    X = np.column_stack([np.ones(len(x)), x])
    fits = firth_logit(X, y, np.ones((1, len(x))))
    low, high = np.log(3.5 / 7.5), np.log(9.5 / 0.5)
    np.testing.assert_allclose(fits.coefficient[0], [low, high - low], atol=1e-6)


def test_firth_maximises_the_penalised_likelihood(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    X, latent, weight = data
    y = (latent > 0.2).astype(float)
    fits = firth_logit(X, y, weight)

    def loss(beta: np.ndarray, rows: np.ndarray) -> float:
        eta = X[rows] @ beta
        mu = 1 / (1 + np.exp(-eta))
        information = X[rows].T @ (X[rows] * (mu * (1 - mu))[:, None])
        return float(-(y[rows] * eta - np.logaddexp(0, eta)).sum() - 0.5 * np.linalg.slogdet(information)[1])

    for b, rows in enumerate(weight > 0):
        found = minimize(loss, np.zeros(4), args=(rows,), method="BFGS", options={"gtol": 1e-8})
        np.testing.assert_allclose(fits.coefficient[b], found.x, atol=1e-4)
        mu = 1 / (1 + np.exp(-X[rows] @ fits.coefficient[b]))
        expected = np.sqrt(np.diag(np.linalg.inv(X[rows].T @ (X[rows] * (mu * (1 - mu))[:, None]))))
        np.testing.assert_allclose(fits.se[b], expected, rtol=1e-6)


def test_a_response_that_does_not_vary_is_not_estimable() -> None:
    X = np.column_stack([np.ones(10), np.arange(10.0)])
    assert np.isnan(firth_logit(X, np.ones(10), np.ones((1, 10))).coefficient).all()


def test_fits_that_lack_the_same_columns_are_made_together_as_they_are_alone() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(60), rng.integers(0, 2, (60, 6)), rng.normal(size=60)]).astype(float)
    y = (rng.random(60) < 0.4).astype(float)
    weight = (rng.random((30, 60)) < 0.2).astype(float)
    for fit in (firth_logit, ols_hc2):
        together = fit(X, y, weight)
        for b in range(len(weight)):
            alone = fit(X, y, weight[b : b + 1])
            np.testing.assert_allclose(together.coefficient[b], alone.coefficient[0], atol=1e-9)
            np.testing.assert_allclose(together.se[b], alone.se[0], atol=1e-9)
    assert np.isnan(firth_logit(X, y, weight).coefficient).any()


def test_a_contrast_of_groups_that_do_not_vary_has_no_standard_error() -> None:
    """Three groups; nobody of the first two does it, some of the third do: only the third contrast has an error."""
    group = np.repeat([0, 1, 2], 10)
    X = np.column_stack([np.ones(30), group == 1, group == 2]).astype(float)
    y = ((group == 2) & (np.arange(30) % 3 == 0)).astype(float)
    found = ols_hc2(X, y, np.ones((1, 30)))
    assert np.isnan(found.se[0, 1])
    assert found.coefficient[0, 1] == pytest.approx(0.0, abs=1e-12)
    share = y[group == 2].mean()
    assert found.se[0, 2] == pytest.approx(np.sqrt(share * (1 - share) / 9))  # HC2 of a mean of ten
