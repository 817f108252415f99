"""Fits to many sets of weights at once, fit by fit against statsmodels and a root finder; what is remembered of weights."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from surveyeval.metric._batches import Packed, families
from surveyeval.metric._tabulate import Memo, remembered
from surveyeval.metric.multinomial import multinomial_logit
from surveyeval.metric.protocol import Key, Values
from surveyeval.metric.regression import firth_logit, ols_hc2
from surveyeval.metric.resampling import halves, jackknife_groups


def split(n: int, groups: int) -> np.ndarray:
    """Both halves of a split, and each with one jackknife group after the other removed."""
    arm = np.full(n, "all", dtype=object)
    return halves(arm, jackknife_groups(arm, 0) % groups, 0, 0).human


def design(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 2)) * [1, 40], rng.integers(2, size=(n, 2))])
    return X, X @ [0.4, 0.8, -0.02, 0.5, -1.0] + rng.logistic(size=n)


def firth_root(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the modified score is zero, with leverages from a QR decomposition; and standard errors there."""
    scale = np.abs(X).max(axis=0)

    def score(beta: np.ndarray) -> np.ndarray:
        mu = 1 / (1 + np.exp(-(X / scale) @ beta))
        Q, _ = np.linalg.qr((X / scale) * np.sqrt(mu * (1 - mu))[:, None])
        return (X / scale).T @ (y - mu + (Q**2).sum(axis=1) * (0.5 - mu))

    found = optimize.root(score, np.zeros(X.shape[1]), tol=1e-12)
    assert found.success
    beta = found.x / scale
    mu = 1 / (1 + np.exp(-X @ beta))
    return beta, np.sqrt(np.diag(np.linalg.inv(X.T @ (X * (mu * (1 - mu))[:, None]))))


def test_least_squares_of_halves_and_jackknife_groups_equal_statsmodels_fit_by_fit() -> None:
    X, y = design(160, 1)
    weight = split(160, 12)
    fits = ols_hc2(X, y, weight)
    for b, rows in enumerate(weight > 0):
        expected = sm.OLS(y[rows], X[rows]).fit(cov_type="HC2")
        np.testing.assert_allclose(fits.coefficient[b], expected.params, rtol=1e-9)
        np.testing.assert_allclose(fits.se[b], expected.bse, rtol=1e-9)


def test_weighted_least_squares_in_batches_equal_statsmodels_fit_by_fit() -> None:
    X, y = design(160, 2)
    weight = split(160, 12) * np.random.default_rng(3).uniform(0.3, 3, 160)
    fits = ols_hc2(X, y, weight)
    for b, rows in enumerate(weight > 0):
        expected = sm.WLS(y[rows], X[rows], weights=weight[b, rows]).fit(cov_type="HC2")
        np.testing.assert_allclose(fits.coefficient[b], expected.params, rtol=1e-9)
        np.testing.assert_allclose(fits.se[b], expected.bse, rtol=1e-9)


@pytest.mark.parametrize("shift", [0.0, 2.5, -4.0])
def test_penalised_logits_of_halves_and_jackknife_groups_are_where_the_modified_score_is_zero(shift: float) -> None:
    """With a shift of -4 a handful of rows is chosen, and several fits are separated."""
    X, latent = design(160, 4)
    y = (latent + shift > 0).astype(float)
    weight = split(160, 12)
    fits = firth_logit(X, y, weight)
    for b, rows in enumerate(weight > 0):
        coefficient, se = firth_root(X[rows], y[rows])
        np.testing.assert_allclose(fits.coefficient[b], coefficient, rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(fits.se[b], se, rtol=1e-7)


def test_random_sets_of_weights_that_do_not_lie_within_each_other_are_fitted_as_well() -> None:
    X, latent = design(160, 5)
    y = (latent > 0).astype(float)
    weight = (np.random.default_rng(6).random((30, 160)) < 0.5).astype(float)
    fits = firth_logit(X, y, weight)
    for b in (0, 7, 29):
        coefficient, se = firth_root(X[weight[b] > 0], y[weight[b] > 0])
        np.testing.assert_allclose(fits.coefficient[b], coefficient, rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(fits.se[b], se, rtol=1e-7)


def test_an_answer_that_does_not_vary_has_no_standard_error() -> None:
    """What is left of it is rounding, which would be significant half of the time."""
    X, _ = design(160, 7)
    weight = split(160, 12)
    assert np.isnan(ols_hc2(X, np.full(160, 4.1), weight).se).all()
    assert np.isnan(firth_logit(X, np.ones(160), weight).coefficient).all()


def test_multinomial_logits_in_batches_minimise_the_penalised_loss_fit_by_fit() -> None:
    X, latent = design(120, 8)
    X = X / np.abs(X).max(axis=0)
    y = np.digitize(latent, [-0.5, 1.0])
    weight = split(120, 6) * np.random.default_rng(9).uniform(0.5, 2, 120)
    fits = multinomial_logit(X, y, weight, 3, 0.1)
    penalty = np.array([0.001, *[0.1] * 4])[:, None]

    def gradient(flat: np.ndarray, w: np.ndarray) -> np.ndarray:
        beta = np.column_stack([np.zeros(5), flat.reshape(5, 2)])
        mu = np.exp(X @ beta)
        mu /= mu.sum(axis=1, keepdims=True)
        shrunk = penalty * (beta - beta.mean(axis=1, keepdims=True))
        return np.asarray((X.T @ (w[:, None] * (mu - np.eye(3)[y])) + shrunk)[:, 1:].ravel())

    for b in range(len(weight)):
        w = weight[b] * weight[b].sum() / (weight[b] ** 2).sum()
        found = optimize.root(gradient, np.zeros(10), args=(w,), tol=1e-12)
        assert found.success
        np.testing.assert_allclose(fits.coefficient[b], found.x.reshape(5, 2), rtol=1e-7, atol=1e-8)
    assert (np.isnan(fits.left_out) == (weight == 0)).all()


@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_every_set_of_weights_is_in_one_family_that_has_all_its_respondents(n: int, B: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.integers(0, 3, (B, n)) * (rng.random((B, 1)) < 0.9)
    found = list(families(weight.astype(float)))
    assert sorted(np.concatenate([family.members for family in found])) == list(range(B))
    for family in found:
        assert len(family.start) == len(family.columns)
        outside = np.setdiff1d(np.arange(n), family.columns)
        assert not weight[np.ix_(family.members, outside)].any()


def test_packed_products_equal_those_of_the_whole_matrices() -> None:
    rng = np.random.default_rng(10)
    X, weight = rng.normal(size=(20, 4)), rng.random((3, 20))
    symmetric = rng.normal(size=(3, 4, 4))
    symmetric = symmetric + symmetric.transpose(0, 2, 1)
    packed = Packed(X)
    np.testing.assert_allclose(packed.gram(weight), np.einsum("bn,np,nq->bpq", weight, X, X))
    np.testing.assert_allclose(packed.quadratic(symmetric), np.einsum("np,bpq,nq->bn", X, symmetric, X))


def test_what_is_remembered_of_weights_follows_their_content() -> None:
    memo, asked = Memo(), []

    def total(weights: np.ndarray) -> np.ndarray:
        def make() -> np.ndarray:
            asked.append(len(weights))
            return weights.sum(axis=1)

        return memo.get("total", weights, make)

    buffer = np.arange(12.0).reshape(4, 3)
    np.testing.assert_array_equal(total(buffer), [3, 12, 21, 30])
    np.testing.assert_array_equal(total(buffer[:2]), [3, 12])  # the first rows of what is known
    np.testing.assert_array_equal(total(buffer.copy()), [3, 12, 21, 30])
    assert asked == [4]
    buffer[0] = 0  # filled again
    np.testing.assert_array_equal(total(buffer), [0, 12, 21, 30])
    assert asked == [4, 4]
    exchanged = buffer.reshape(2, 2, 3)[:, ::-1].reshape(4, 3)
    np.testing.assert_array_equal(total(exchanged), [12, 0, 30, 21])  # the other side of the same halves
    np.testing.assert_array_equal(total(exchanged[:2]), [12, 0])
    assert asked == [4, 4]
    np.testing.assert_array_equal(total(buffer[[1, 0, 2, 3]]), [12, 0, 21, 30])  # just one of two pairs
    assert asked == [4, 4, 4]
    frozen = np.ones((2, 3))
    frozen.flags.writeable = False
    assert total(frozen) is total(frozen)


def test_a_distance_is_computed_again_for_other_weights_only() -> None:
    asked = []

    def compute(human: np.ndarray, simulated: np.ndarray, seed: int) -> Values:
        asked.append(seed)
        return Values([Key("x")], (human.sum(axis=1) - simulated.sum(axis=1))[:, None])

    values = remembered(compute)
    one, other = np.ones((2, 3)), np.zeros((2, 3))
    assert values(one, other, 1).value[0, 0] == 3
    assert values(one.copy(), other, 2).value[0, 0] == 3
    other[:] = 1
    assert values(one, other, 3).value[0, 0] == 0
    assert asked == [1, 3]
