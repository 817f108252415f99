"""The Gaussian copula against bivariate normal integrals, known correlations and exact margins."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

from surveyeval.data.sample import Sample
from surveyeval.errors import CapabilityError
from surveyeval.model import latent
from surveyeval.model.baselines import make_baseline
from surveyeval.model.copula import GaussianCopula
from surveyeval.model.protocol import Interviews
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.task import Task
from tests.model.helpers import ask, make_sample, make_task

P = np.array([[0.5, 0.2, 0.3], [0.1, 0.3, 0.6]])
Q = np.array([[0.25, 0.25, 0.25, 0.25], [0.7, 0.1, 0.1, 0.1]])


def edges(p: np.ndarray) -> np.ndarray:
    return np.concatenate([[-12], norm.ppf(np.cumsum(p)[:-1]), [12]])


def moments(p: np.ndarray, q: np.ndarray, rho: float) -> np.ndarray:
    """Covariance and variances of midrank scores, from probabilities of rectangles."""
    a, b = edges(p), edges(q)
    cdf = np.vectorize(lambda x, y: multivariate_normal.cdf([x, y], cov=[[1, rho], [rho, 1]]))
    table = np.diff(np.diff(cdf(a[:, None], b[None, :]), axis=0), axis=1)
    s, t = (norm.ppf(np.cumsum(m) - m / 2) for m in (p, q))
    mean_s, mean_t = p @ s, q @ t
    return np.array([s @ table @ t - mean_s * mean_t, p @ s**2 - mean_s**2, q @ t**2 - mean_t**2])


@pytest.mark.parametrize("rho", [-0.9, -0.3, 0.0, 0.5, 0.95])
def test_the_latent_correlation_of_two_items_inverts_rectangle_probabilities(rho: float) -> None:
    share = np.array([0.4, 0.6])
    cov, var_p, var_q = share @ np.array([moments(p, q, rho) for p, q in zip(P, Q, strict=True)])
    found = latent.latent_item_correlation(cov / np.sqrt(var_p * var_q), P, Q, share)
    assert found == pytest.approx(rho, abs=2e-3)


def test_the_latent_correlation_with_a_column_inverts_the_integral() -> None:
    rho, share = 0.6, np.array([1.0])
    a, s = edges(P[0]), norm.ppf(np.cumsum(P[0]) - P[0] / 2)
    with_z = sum(s[k] * quad(lambda z: z * norm.pdf(z), a[k], a[k + 1])[0] for k in range(3))
    r = rho * with_z / np.sqrt(P[0] @ s**2 - (P[0] @ s) ** 2)
    assert latent.latent_profile_correlation(np.array([r]), P[:1], share)[0] == pytest.approx(rho)


def test_pairwise_correlations_and_their_variances_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    values, weight = rng.normal(size=(50, 3)), rng.uniform(0.5, 2, 50)
    observed = rng.random((50, 3)) < 0.8
    r, variance = latent.pair_correlations(values, observed, weight)
    for i, j in product(range(3), repeat=2):
        rows = observed[:, i] & observed[:, j]
        x, y, w = values[rows, i], values[rows, j], weight[rows]
        u = x / np.sqrt(np.average(x**2, weights=w)) * y / np.sqrt(np.average(y**2, weights=w))
        assert r[i, j] == pytest.approx(np.average(u, weights=w))
        assert variance[i, j] == pytest.approx((w**2 * (u - r[i, j]) ** 2).sum() / w.sum() ** 2, abs=1e-12)


def test_noise_is_shrunk_away_and_structure_is_kept() -> None:
    noise, together = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        z = rng.normal(size=(100, 8))
        for values, kept in ((z, noise), (z + 2 * z[:, :1], together)):
            r, variance = latent.pair_correlations(values - values.mean(axis=0), np.ones((100, 8), bool), np.ones(100))
            apart = ~np.eye(8, dtype=bool)
            kept.append(latent.shrinkage(r[apart], variance[apart]))
    assert np.mean(noise) > 0.85
    assert np.mean(together) < 0.1


def test_an_indefinite_matrix_is_shrunk_just_far_enough() -> None:
    r = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
    found = latent.positive_definite(r, 0.1)
    assert np.linalg.eigvalsh(found)[0] == pytest.approx(0.1)
    np.testing.assert_allclose(np.diag(found), 1)
    assert found[0, 1] / r[0, 1] == pytest.approx(found[0, 2] / r[0, 2])
    assert latent.positive_definite(CORRELATION, 0.01) is CORRELATION


def test_thresholds_of_one_normal_are_its_quantiles_and_of_a_mixture_fill_the_shares() -> None:
    np.testing.assert_allclose(latent.thresholds(P[0], np.array([1.0]), np.ones(1), 2.0), 1 + 2 * norm.ppf([0.5, 0.7]))
    mean, weight = np.array([-1.0, 0.3, 2.0]), np.array([1.0, 3.0, 0.5])
    cuts = latent.thresholds(P[1], mean, weight, 0.7)
    below = np.average(norm.cdf(cuts, loc=mean[:, None], scale=0.7), axis=0, weights=weight)
    np.testing.assert_allclose(below, [0.1, 0.4], atol=1e-10)


def scores_of_ranks() -> np.ndarray:
    return latent.rank_scores(np.array([3.0, 1.0, 1.0, np.nan]), np.array([1.0, 2.0, 1.0, 9.0]))(
        np.array([0.0, 1.0, 2.0, 3.0, 4.0, np.nan])
    )


def test_normal_scores_of_a_field_are_those_of_weighted_midranks() -> None:
    np.testing.assert_allclose(scores_of_ranks()[:5], norm.ppf(np.array([0.5, 2.0, 3.5, 4.0, 4.5]) / 5))
    assert np.isnan(scores_of_ranks()[5])


def copula_task(kinds: Sequence[str], options: int) -> Task:
    items = [
        {"name": f"q{number}", "role": "belief", "kind": kind, "question": "?",
         "options": {str(code): f"option {code}" for code in range(options)}}
        for number, kind in enumerate(kinds)
    ]  # fmt: skip
    return make_task(items=items, patterns=[], coherence=[], cells=[])


def fitted(task: Task, pilot: Sample) -> GaussianCopula:
    law = GaussianCopula()
    law.fit(task, pilot)
    return law


CORRELATION = np.array([[1, 0.6, -0.4, 0.5], [0.6, 1, 0.0, 0.3], [-0.4, 0.0, 1, -0.6], [0.5, 0.3, -0.6, 1]])
CUTS = {"c": [[-1.0, 0.0, 1.0], [0.3, 0.8, 1.5], [-0.5, 0.5, 0.6]], "t": [[-0.2, 0.9, 1.4], [-1, 0, 1], [0, 0.2, 2]]}


def synthetic(n: int, seed: int) -> tuple[Task, Sample, np.ndarray]:
    """Three items and the last column, which is the age, of a Gaussian copula; thresholds depend on the arm."""
    task = copula_task(["ordinal"] * 3, 4)
    rng = np.random.default_rng(seed)
    z = rng.multivariate_normal(np.zeros(4), CORRELATION, n)
    arm = np.where(rng.random(n) < 0.5, "c", "t")
    answers = {
        f"q{j}": np.array([np.searchsorted(CUTS[a][j], value) for a, value in zip(arm, z[:, j], strict=True)])
        for j in range(3)
    }
    age = [str(value) for value in np.round(np.exp(3 + z[:, 3]), 6)]  # ranks are what counts
    return task, make_sample(task, answers, arm=list(arm), age=age), z[:, 3]


def test_known_correlations_are_recovered() -> None:
    task, pilot, _ = synthetic(4000, 0)
    law = fitted(task, pilot)
    np.testing.assert_allclose(law.correlation, CORRELATION[:3, :3], atol=0.05)
    np.testing.assert_allclose(law.slopes[0], CORRELATION[:3, 3], atol=0.05)  # the age is the first column
    expected = CORRELATION[:3, :3] - np.outer(CORRELATION[:3, 3], CORRELATION[:3, 3])
    np.testing.assert_allclose(law.conditional, expected, atol=0.06)


def test_probabilities_given_the_profile_are_those_of_the_conditional_normal() -> None:
    task, pilot, _ = synthetic(4000, 0)
    _, people, z = synthetic(50, 1)
    table = fitted(task, pilot).answer(ask(task, people.without_answers())).probabilities["q0"]
    rho = CORRELATION[0, 3]
    for row in range(50):
        below = norm.cdf((np.array(CUTS[people.arm[row]][0]) - rho * z[row]) / np.sqrt(1 - rho**2))
        np.testing.assert_allclose(table[row], np.diff([0, *below, 1]), atol=0.06)


def smoothed_margin(pilot: Sample, item: str, arm: str, k: int) -> np.ndarray:
    rows = (pilot.arm == arm) & (pilot.answers[item] >= 0)
    counts = np.bincount(pilot.answers[item][rows], pilot.weight[rows] / pilot.weight.mean(), minlength=k) + 0.5
    return counts / counts.sum()


def test_margins_within_arms_are_exactly_the_pilots() -> None:
    task, pilot, _ = synthetic(60, 2)
    weight = np.random.default_rng(0).uniform(0.2, 3, 60)
    pilot = make_sample(task, pilot.answers, arm=list(pilot.arm), age=list(pilot.profile["age"]), weight=list(weight))
    baseline = make_baseline("copula")
    baseline.fit(task, pilot)
    table = baseline.answer(ask(task, pilot.without_answers())).probabilities["q0"]
    for arm in ("c", "t"):
        rows = pilot.arm == arm
        together = np.average(table[rows], axis=0, weights=weight[rows])
        np.testing.assert_allclose(together, smoothed_margin(pilot, "q0", arm, 4), atol=1e-9)


@pytest.mark.parametrize("name", ["anes96", "disclosure"])
def test_margins_of_drawn_answers_are_the_pilots_up_to_chance(name: str) -> None:
    task = load_task(name)
    pilot = load_human(task).sample.take(np.arange(232))
    baseline = make_baseline("copula")
    baseline.fit(task, pilot)
    again = 60
    people = pilot.take(np.tile(np.arange(pilot.n), again)).without_answers()
    drawn = baseline.answer(ask(task, people, seed=3)).answers
    for item in task.items:
        for arm in task.arms:
            rows = people.arm == arm.key
            share = np.bincount(drawn[item.name][rows], minlength=item.k) / rows.sum()
            expected = smoothed_margin(pilot, item.name, arm.key, item.k)
            assert (np.abs(share - expected) < 5 * np.sqrt(expected * (1 - expected) / rows.sum())).all()


def test_an_independent_pilot_gives_independent_answers() -> None:
    task = copula_task(["ordinal", "nominal"], 3)
    cells = list(product("ct", "fm", range(3), range(3)))
    arm, sex, first, second = zip(*cells, strict=True)
    pilot = make_sample(task, {"q0": list(first), "q1": list(second)}, arm=list(arm), sex=list(sex))
    law = fitted(task, pilot)
    np.testing.assert_allclose(law.correlation, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(law.slopes, 0, atol=1e-12)
    for table in law.answer(ask(task, pilot.without_answers())).probabilities.values():
        np.testing.assert_allclose(table, 1 / 3, atol=1e-9)


def test_options_of_a_nominal_item_are_ordered_by_what_goes_with_them() -> None:
    task = copula_task(["ordinal", "nominal"], 4)
    place = np.array([2, 0, 3, 1])  # option k of the nominal item goes with answer place[k] of the other
    options = np.tile(np.arange(4), 50)
    pilot = make_sample(task, {"q0": place[options], "q1": options})
    law = fitted(task, pilot)
    order = law.orders["q1"].tolist()
    assert order in ([1, 3, 0, 2], [2, 0, 3, 1])
    assert abs(law.correlation[0, 1]) > 0.9
    answers = law.answer(ask(task, pilot.without_answers(), seed=1)).answers
    assert np.mean(place[answers["q1"]] == answers["q0"]) > 0.7


def test_a_pilot_whose_items_are_copies_of_each_other_still_has_a_law() -> None:
    task = copula_task(["ordinal"] * 3, 3)
    column = np.tile([0, 1, 2], 10)
    ages = [str(20 + 20 * value) for value in column]
    pilot = make_sample(task, {"q0": column, "q1": column, "q2": 2 - column}, age=ages)
    law = fitted(task, pilot)
    assert np.linalg.eigvalsh(law.correlation)[0] > 0.01
    assert np.linalg.eigvalsh(law.conditional)[0] > 0.005
    assert np.isfinite(law.answer(ask(task, pilot.without_answers())).probabilities["q2"]).all()


def test_draws_follow_the_uniforms_to_the_ends() -> None:
    task, pilot, _ = synthetic(100, 0)
    people = pilot.take(np.arange(2)).without_answers()
    law = fitted(task, pilot)
    lowest = law.answer(Interviews(task, people, np.zeros((2, 3))))
    highest = law.answer(Interviews(task, people, np.full((2, 3), 1 - 2.0**-53)))
    assert lowest.answers["q0"].tolist() == [0, 0]
    assert highest.answers["q0"].tolist() == [3, 3]


def test_it_says_that_it_has_no_log_probability() -> None:
    task, pilot, _ = synthetic(40, 0)
    baseline = make_baseline("copula")
    baseline.fit(task, pilot)
    assert not baseline.capabilities.log_prob
    with pytest.raises(CapabilityError, match="copula"):
        baseline.log_prob(ask(task, pilot.without_answers()), pilot)
