import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from surveyeval_ppi.formulas import adjusted_rho2, design, effective_sample_size, out_of_fold_rho2, power_tuning


@given(st.floats(0.01, 0.95), st.integers(30, 100), st.integers(30, 900))
def test_effective_sample_size_is_the_least_variance_over_all_tunings(rho2, n, N):
    def variance(lam):
        # of mean(y - lam f) over n plus lam times the mean of f over N, both of variance 1 and correlated by rho
        return (1 - 2 * lam * rho2**0.5 + lam**2) / n + lam**2 / N

    least = minimize_scalar(variance, bounds=(0, 1), method="bounded", options={"xatol": 1e-10}).fun
    assert effective_sample_size(rho2, n, N) == pytest.approx(1 / least, rel=1e-8)


def test_useless_and_perfect_predictions():
    assert effective_sample_size([0, 1], 40, 300).tolist() == [40, 340]


def test_the_gain_from_nothing_is_taken_away():
    rng = np.random.default_rng(1)
    y, f = rng.normal(size=(2, 20_000, 30))
    y, f = (one - one.mean(axis=1, keepdims=True) for one in (y, f))
    raw = (y * f).sum(axis=1) ** 2 / ((y**2).sum(axis=1) * (f**2).sum(axis=1))
    assert raw.mean() == pytest.approx(1 / 29, abs=0.001)  # .034: the mean of Beta(1/2, 14)
    assert effective_sample_size(raw.mean(), 30, 10**9) / 30 == pytest.approx(1.036, abs=0.002)
    # before truncation the adjusted value is right on average
    assert (1 - (1 - raw) * 29 / 28).mean() == pytest.approx(0, abs=0.001)
    np.testing.assert_allclose(adjusted_rho2(raw, 30), np.maximum(0, 1 - (1 - raw) * 29 / 28))
    assert adjusted_rho2(raw, 30).mean() < raw.mean()
    # cut at 0 it is above 0 on average, uncut it is not
    assert adjusted_rho2(raw, 30).mean() > 0.01
    assert adjusted_rho2(raw, 30, cut=False).mean() == pytest.approx(0, abs=0.001)


def test_out_of_fold_gives_next_to_nothing_for_nothing():
    rng = np.random.default_rng(2)
    found = []
    for _ in range(500):
        y, f = rng.normal(size=(2, 30))
        (rho2,) = out_of_fold_rho2(np.ones((1, 30)), y, f, np.zeros(30, dtype=int), np.arange(30) % 5)
        found.append(adjusted_rho2(rho2, 30))
    assert np.mean(found) < 0.017


def test_two_pairs_say_nothing():
    assert np.isnan(adjusted_rho2([0.5, 1.0], [2, 1])).all()


def test_design():
    assert design(59) is None
    assert design(60) == (30, 30)
    assert design(500) == (50, 450)
    assert design(100_000) == (100, 900)


def by_hand(weights, y, f, arm, fold):
    """The same by least squares on dummies of the arms, fold by fold."""
    errors = np.zeros(2)
    for k in np.unique(fold):
        test, train = (fold == k) & (weights > 0), (fold != k) & (weights > 0)
        dummies = np.stack([arm == a for a in np.unique(arm[train])], axis=1).astype(float)
        test &= dummies.any(axis=1)
        root = np.sqrt(weights)[:, None]
        for which, X in enumerate((dummies, np.column_stack([dummies, f]))):
            b = np.linalg.lstsq((root * X)[train], (root[:, 0] * y)[train], rcond=None)[0]
            if which and b[-1] < 0:  # a slope that may not be negative: the best is none
                b = np.append(np.linalg.lstsq((root * dummies)[train], (root[:, 0] * y)[train], rcond=None)[0], 0.0)
            errors[which] += (weights * (y - X @ b) ** 2)[test].sum()
    return 1 - errors[1] / errors[0]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3))
def test_out_of_fold_is_least_squares_fold_by_fold(seed, arms):
    rng = np.random.default_rng(seed)
    n = 60
    f = rng.normal(size=n)
    y = f * rng.uniform(-1, 1) + rng.normal(size=n)
    arm, fold = rng.permutation(np.arange(n) % arms), rng.permutation(np.arange(n) % 5)
    weights = rng.uniform(0, 2, (3, n)) * (rng.random((3, n)) < 0.7)
    found = out_of_fold_rho2(weights, y, f, arm, fold)
    np.testing.assert_allclose(found, [by_hand(own, y, f, arm, fold) for own in weights], atol=1e-8)


def test_extremes_of_out_of_fold():
    rng = np.random.default_rng(5)
    y, arm, fold = rng.normal(size=80), np.arange(80) % 2, np.arange(80) // 2 % 5
    ones = np.ones((1, 80))
    assert out_of_fold_rho2(ones, y, y, arm, fold) == pytest.approx(1)
    assert out_of_fold_rho2(ones, y, 3 * y + 1, arm, fold) == pytest.approx(1)
    # predictions that run against the answers get no weight, as by ppi_py, whose weights are 0 to 1
    assert out_of_fold_rho2(ones, y, -3 * y + 1, arm, fold) == pytest.approx(0)
    assert power_tuning(y[:, None], -3 * y[:, None] + 1, y[:, None]) == 0
    assert out_of_fold_rho2(ones, y, np.full(80, 0.3), arm, fold) == pytest.approx(0)
    assert out_of_fold_rho2(ones, y + 5 * arm, arm * 1.0, arm, fold) == pytest.approx(0)  # the arm alone is no merit
    assert np.isnan(out_of_fold_rho2(ones, np.ones(80), y, arm, fold))
    assert np.isnan(out_of_fold_rho2(0 * ones, y, y, arm, fold))
