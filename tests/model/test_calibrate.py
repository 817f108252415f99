"""Calibration against grid search, statsmodels and the conditions that a maximum of the likelihood fulfils."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from surveyeval.errors import ModelError
from surveyeval.model.calibrate import COLDEST, HOTTEST, SMOOTHING, Calibration, Scored, fit_calibration

FloatArray = NDArray[np.float64]


def scored(seed: int, n: int, k: int, *, sharp: float = 1.0, weight: FloatArray | None = None) -> Scored:
    """A model whose log-probabilities are those of the law of the answers, `sharp` times."""
    rng = np.random.default_rng(seed)
    truth = log_softmax(rng.normal(0, 1.5, (n, k)), axis=1)
    answer = (np.exp(truth).cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(max=k - 1)
    return Scored(log_softmax(sharp * truth, axis=1), answer, np.ones(n) if weight is None else weight)


def loss(one: Scored, temperature: float = 1.0, bias: FloatArray | float = 0.0) -> float:
    log_p = log_softmax(one.log_prob / temperature + bias, axis=1)
    return -float(one.weight @ log_p[np.arange(len(one.answer)), one.answer])


@pytest.mark.parametrize("sharp", [0.3, 1.0, 4.0])
def test_the_temperature_is_the_best_of_a_fine_grid(sharp: float) -> None:
    items = {"a": scored(1, 60, 3, sharp=sharp), "b": scored(2, 40, 5, sharp=sharp)}
    found = fit_calibration("temperature", items)
    grid = np.exp(np.linspace(np.log(COLDEST), np.log(HOTTEST), 20_001))
    losses = [sum(loss(one, t) for one in items.values()) for t in grid]
    best = int(np.argmin(losses))
    assert grid[best - 1] <= found.temperature <= grid[best + 1]
    assert sum(loss(one, found.temperature) for one in items.values()) <= losses[best] + 1e-9
    assert found.bias == {}


@pytest.mark.parametrize("sharp", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_what_was_done_to_the_law_of_the_answers(sharp: float) -> None:
    # With 20,000 answers the standard error of 1/T is below 0.02 here.
    assert fit_calibration("temperature", {"a": scored(3, 20_000, 4, sharp=sharp)}).temperature == pytest.approx(
        sharp, rel=0.05
    )


def test_biases_of_a_calibrated_model_are_near_zero() -> None:
    found = fit_calibration("item", {"a": scored(4, 20_000, 4)})
    np.testing.assert_allclose(found.bias["a"], 0, atol=0.08)


def test_the_temperature_stays_within_its_range() -> None:
    wrong = Scored(np.log(np.tile([0.9, 0.1], (50, 1))), np.ones(50, dtype=np.int64), np.ones(50))
    right = Scored(wrong.log_prob, np.zeros(50, dtype=np.int64), np.ones(50))
    assert fit_calibration("temperature", {"a": wrong}).temperature == pytest.approx(HOTTEST, rel=1e-3)
    # below 0.07 the loss is 0 to the last bit
    assert COLDEST <= fit_calibration("temperature", {"a": right}).temperature < 0.07


def with_pseudo_people(one: Scored) -> Scored:
    """The smoothing, written out: half a person for each option, at the average scores."""
    k = one.log_prob.shape[1]
    average = (one.weight @ one.log_prob) / one.weight.sum()
    return Scored(
        np.vstack([one.log_prob, np.tile(average, (k, 1))]),
        np.concatenate([one.answer, np.arange(k)]),
        np.concatenate([one.weight, np.full(k, 0.5)]),
    )


@pytest.mark.parametrize("seed", range(4))
def test_biases_are_those_of_a_derivative_free_minimisation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one = scored(seed, 30, 3, sharp=2.0, weight=rng.uniform(0.2, 3, 30))
    whole = with_pseudo_people(one)
    brute = minimize(
        lambda b: loss(whole, bias=np.array([*b, 0.0])), np.zeros(2), method="Nelder-Mead",
        options={"xatol": 1e-10, "fatol": 1e-13, "maxiter": 10_000},
    ).x  # fmt: skip
    expected = np.array([*brute, 0.0])
    np.testing.assert_allclose(fit_calibration("item", {"a": one}).bias["a"], expected - expected.mean(), atol=1e-5)


def test_a_binary_bias_is_the_intercept_of_a_logit_with_offset() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(5)
    one = scored(5, 80, 2, sharp=0.6, weight=rng.integers(1, 4, 80).astype(float))
    whole = with_pseudo_people(one)
    fitted = sm.GLM(
        whole.answer, np.ones(len(whole.answer)), family=sm.families.Binomial(),
        offset=whole.log_prob[:, 1] - whole.log_prob[:, 0], freq_weights=whole.weight,
    ).fit(tol=1e-12)  # fmt: skip
    low, high = fit_calibration("item", {"a": one}).bias["a"]
    assert high - low == pytest.approx(float(fitted.params[0]), abs=1e-5)


@pytest.mark.parametrize("k", [2, 7, 26])
def test_calibrated_counts_are_the_observed_ones_with_their_smoothing(k: int) -> None:
    rng = np.random.default_rng(k)
    one = scored(k, 50, k, sharp=3.0, weight=rng.uniform(0.1, 2, 50))
    bias = np.array(fit_calibration("item", {"a": one}).bias["a"])
    average = (one.weight @ one.log_prob) / one.weight.sum()
    expected = one.weight @ softmax(one.log_prob + bias, axis=1) + k * SMOOTHING * softmax(average + bias)
    observed = np.bincount(one.answer, one.weight, k) + SMOOTHING
    np.testing.assert_allclose(expected, observed, atol=1e-4)
    assert bias.mean() == pytest.approx(0, abs=1e-12)


def test_constant_scores_give_smoothed_shares() -> None:
    """Closed form: where the model says the same for everybody, the result is (count + 0.5) / (n + K / 2)."""
    log_prob = np.log(np.tile([0.7, 0.2, 0.1], (8, 1)))
    one = Scored(log_prob, np.array([0, 0, 1, 1, 1, 1, 1, 1]), np.ones(8))
    found = fit_calibration("item", {"a": one}).apply("a", np.array([[0.7, 0.2, 0.1]]))
    np.testing.assert_allclose(found, [[2.5 / 9.5, 6.5 / 9.5, 0.5 / 9.5]], atol=1e-6)


@pytest.mark.parametrize("kind", ["temperature", "item"])
def test_weights_act_as_repetition(kind: str) -> None:
    one = scored(6, 20, 3, sharp=2.0)
    times = np.random.default_rng(6).integers(0, 4, 20)
    weighted = fit_calibration(kind, {"a": Scored(one.log_prob, one.answer, times.astype(float))})  # type: ignore[arg-type]
    rows = np.repeat(np.arange(20), times)
    repeated = fit_calibration(kind, {"a": Scored(one.log_prob[rows], one.answer[rows], np.ones(len(rows)))})  # type: ignore[arg-type]
    assert weighted.temperature == pytest.approx(repeated.temperature, abs=1e-5)
    for item, bias in weighted.bias.items():
        np.testing.assert_allclose(bias, repeated.bias[item], atol=1e-5)


@pytest.mark.parametrize("kind", ["temperature", "item"])
def test_an_answer_that_the_model_held_impossible_does_not_break_the_fit(kind: str) -> None:
    one = scored(7, 30, 3)
    log_prob = one.log_prob.copy()
    log_prob[0] = [-700.0, np.log(0.5), np.log(0.5)]
    answer = one.answer.copy()
    answer[0] = 0
    found = fit_calibration(kind, {"a": Scored(log_prob, answer, one.weight)})  # type: ignore[arg-type]
    applied = found.apply("a", np.exp(log_prob))
    assert np.isfinite(applied).all()
    np.testing.assert_allclose(applied.sum(axis=1), 1)


def test_items_are_calibrated_on_their_own_and_absent_ones_stay() -> None:
    one, other = scored(8, 30, 3), scored(9, 30, 4)
    both = fit_calibration("item", {"a": one, "b": other})
    assert both.bias["a"] == fit_calibration("item", {"a": one}).bias["a"]
    rows = np.array([[0.2, 0.8]])
    assert both.apply("c", rows) is rows


def test_application_is_the_formula() -> None:
    p = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0], [np.nan, np.nan, np.nan], [0.5, 0.5, 0.0]])
    hot = Calibration(temperature=2.0).apply("a", p)
    np.testing.assert_allclose(hot[0], np.sqrt(p[0]) / np.sqrt(p[0]).sum())
    biased = Calibration(bias={"a": (1.0, -1.0, 0.0)}).apply("a", p)
    shifted = p[0] * np.exp([1.0, -1.0, 0.0])
    np.testing.assert_allclose(biased[0], shifted / shifted.sum())
    for found in (hot, biased):
        np.testing.assert_array_equal(found[1], [1, 0, 0])
        assert np.isnan(found[2]).all()
        assert found[3, 2] == 0
        np.testing.assert_allclose(found[[0, 1, 3]].sum(axis=1), 1)


def test_no_calibration_changes_no_bit() -> None:
    p = np.random.default_rng(0).dirichlet([1, 1, 1], 5)
    assert Calibration().apply("a", p).tobytes() == p.tobytes()


def test_nothing_to_fit_on_is_an_error() -> None:
    empty = Scored(np.empty((0, 3)), np.empty(0, dtype=np.int64), np.empty(0))
    for items in ({}, {"a": empty}):
        with pytest.raises(ModelError, match="nothing to calibrate on"):
            fit_calibration("item", items)
    assert set(fit_calibration("item", {"a": empty, "b": scored(1, 10, 2)}).bias) == {"b"}


def test_a_manifest_holds_plain_numbers() -> None:
    found = fit_calibration("item", {"a": scored(1, 10, 2)}).to_dict()
    assert found["temperature"] == 1.0
    assert [type(value) for value in found["bias"]["a"]] == [float, float]
