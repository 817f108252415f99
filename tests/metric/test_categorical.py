"""Bias-reduced ordered and multinomial logits against their definitions by brute force, statsmodels and each other."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from metric_samples import make_sample, make_task, single
from scipy import optimize
from scipy.special import expit

from surveyeval.metric.categorical import firth_multinomial, firth_ordered
from surveyeval.metric.categorical_effects import multinomial_effects, ordered_effects
from surveyeval.metric.coefficients import ShareDiffering
from surveyeval.metric.marginal_effects import AverageMarginalEffects
from surveyeval.metric.regression import firth_logit
from surveyeval.metric.signs import TruthF1
from surveyeval.metric.structure import StructureWald, structure_tests

RNG = np.random.default_rng(5)
N = 90
X = np.column_stack([np.ones(N), RNG.normal(size=N), 5.0 * RNG.integers(0, 2, N)])
ORDERED = np.digitize(X[:, 1] - 0.2 * X[:, 2] + RNG.logistic(size=N), [-1.5, 0.5])
NOMINAL = np.argmax(
    np.outer(X[:, 1], [0, 1, -0.5]) + np.outer(X[:, 2], [0, -0.1, 0.2]) + RNG.gumbel(size=(N, 3)), axis=1
)
ONES = np.ones((1, N))


def multinomial_shares(theta, X):
    eta = np.column_stack([np.zeros(len(X)), X @ theta.reshape(-1, X.shape[1]).T])
    return np.exp(eta - eta.max(axis=1, keepdims=True)) / np.exp(eta - eta.max(axis=1, keepdims=True)).sum(
        axis=1, keepdims=True
    )


def ordered_shares(theta, X, outcomes=3):
    q = outcomes - 1
    below = expit(theta[:q] - (X[:, 1:] @ theta[q:])[:, None])
    return np.diff(np.column_stack([np.zeros(len(X)), below, np.ones(len(X))]), axis=1)


def derivative(function, theta, step=1e-5):
    moves = step * np.eye(len(theta))
    return np.stack([(function(theta + m) - function(theta - m)) / (2 * step) for m in moves], axis=-1)


def information_of(shares, theta, X):
    """Expected information from the derivatives of the probabilities."""
    d = derivative(lambda t: shares(t, X), theta)
    return np.einsum("nkp,nkq,nk->pq", d, d, 1 / shares(theta, X))


def adjusted_score(shares, theta, X, y):
    """The adjusted score of Firth (1993) from its definition: U_t + tr(I^-1 (P_t + Q_t)) / 2, all by enumeration."""
    p, d = shares(theta, X), derivative(lambda t: shares(t, X), theta, 1e-4)
    log = d / p[:, :, None]  # score of each row for each outcome it may have
    bend = derivative(lambda t: derivative(lambda s: np.log(shares(s, X)), t, 1e-4), theta, 1e-4)
    inverse = np.linalg.inv(np.einsum("nkp,nkq,nk->pq", log, log, p))
    P = np.einsum("nk,nkp,nkq,nkt->tpq", p, log, log, log)
    Q = np.einsum("nk,nkpq,nkt->tpq", p, bend, log)  # minus the covariance of observed information and score
    return log[np.arange(len(y)), y].sum(axis=0) + np.einsum("pq,tqp->t", inverse, P + Q) / 2


def test_the_multinomial_logit_maximises_the_likelihood_with_jeffreys_penalty():
    fits = firth_multinomial(X, NOMINAL, ONES, 3)

    def loss(theta):
        own = multinomial_shares(theta, X)[np.arange(N), NOMINAL]
        return -np.log(own).sum() - 0.5 * np.linalg.slogdet(information_of(multinomial_shares, theta, X))[1]

    found = optimize.minimize(loss, np.zeros(6), method="BFGS", options={"gtol": 1e-5})
    np.testing.assert_allclose(fits.coefficient[0], found.x, atol=1e-4)
    inverse = np.linalg.inv(information_of(multinomial_shares, fits.coefficient[0], X))
    np.testing.assert_allclose(fits.se[0], np.sqrt(np.diag(inverse)), rtol=1e-6)


@pytest.mark.parametrize(
    ("fit", "shares", "y"), [(firth_multinomial, multinomial_shares, NOMINAL), (firth_ordered, ordered_shares, ORDERED)]
)
def test_estimates_are_the_zero_of_the_adjusted_score(fit, shares, y):
    part = fit(X, y, ONES, 3).parts[0]
    found = optimize.root(lambda t: adjusted_score(shares, t, X, y), part.parameter[0] + 0.2, tol=1e-9)
    assert found.success
    np.testing.assert_allclose(part.parameter[0], found.x, atol=1e-5)
    inverse = np.linalg.inv(information_of(shares, part.parameter[0], X))
    np.testing.assert_allclose(part.covariance[0], inverse, rtol=1e-5, atol=1e-8)


def test_with_two_outcomes_both_are_firths_logit():
    y = (ORDERED > 0).astype(int)
    told = firth_logit(X, y.astype(float), ONES)
    ordered, several = firth_ordered(X, y, ONES, 2), firth_multinomial(X, y, ONES, 2)
    for fits in (ordered, several):
        np.testing.assert_allclose(fits.coefficient[:, 1:], told.coefficient[:, 1:], atol=1e-8)
        np.testing.assert_allclose(fits.se[:, 1:], told.se[:, 1:], atol=1e-8)
    np.testing.assert_allclose(several.coefficient, told.coefficient, atol=1e-8)
    assert np.isnan(ordered.coefficient[0, 0])


def test_the_reduction_vanishes_in_large_samples():
    rng = np.random.default_rng(1)
    n = 20_000
    X = np.column_stack([np.ones(n), rng.normal(size=n)])
    y = np.digitize(X[:, 1] + rng.logistic(size=n), [-1, 1])
    told = sm.MNLogit(y, X).fit(disp=0)
    fits = firth_multinomial(X, y, np.ones((1, n)), 3)
    np.testing.assert_allclose(fits.coefficient[0], told.params.T.ravel(), atol=1e-3)
    slope = firth_ordered(X, y, np.ones((1, n)), 3)
    assert slope.coefficient[0, 1] == pytest.approx(1, abs=4 * slope.se[0, 1])


@pytest.mark.parametrize("fit", [firth_ordered, firth_multinomial])
def test_the_reduction_removes_most_of_the_bias(fit):
    rng = np.random.default_rng(2)
    n, slope, moved = 30, 1.5, []
    for _ in range(300):
        z = np.repeat([0.0, 1.0], n // 2)
        if fit is firth_ordered:
            y = np.digitize(slope * z + rng.logistic(size=n), [0.0, 1.5])
        else:
            y = np.argmax(np.outer(slope * z, [0, 1, 0]) + rng.gumbel(size=(n, 3)), axis=1)
        moved.append(fit(np.column_stack([np.ones(n), z]), y, np.ones((1, n)), 3).coefficient[0, 1] - slope)
    assert np.mean(moved) == pytest.approx(0, abs=4 * np.std(moved) / np.sqrt(300))


@pytest.mark.parametrize("fit", [firth_ordered, firth_multinomial])
def test_separated_outcomes_have_finite_estimates_of_the_right_sign(fit):
    z = np.repeat([0.0, 1.0], 30)
    y = np.where(z == 1, 2, np.arange(60) % 2)
    fits = fit(np.column_stack([np.ones(60), z]), y, np.ones((1, 60)), 3)
    assert np.isfinite(fits.coefficient[0, 1:]).all()
    assert fits.coefficient[0, -1] > 2


@pytest.mark.parametrize(("fit", "y"), [(firth_ordered, ORDERED), (firth_multinomial, NOMINAL)])
def test_fits_made_together_are_those_made_alone(fit, y):
    rng = np.random.default_rng(3)
    halves = (rng.random((2, N)) < 0.5).astype(float)
    weight = np.concatenate([halves, *(half * (rng.random((6, N)) > 0.05) for half in halves)])
    together = fit(X, y, weight, 3)
    for b in range(len(weight)):
        alone = fit(X, y, weight[b : b + 1], 3)
        np.testing.assert_allclose(together.coefficient[b], alone.coefficient[0], atol=1e-7)
        np.testing.assert_allclose(together.se[b], alone.se[0], atol=1e-7)
    few = together.taken(slice(3))
    assert few.coefficient.shape[0] == 3
    assert sorted(b for part in few.parts for b in part.members) == [0, 1, 2]
    exchanged = together.taken(np.arange(len(weight)) ^ 1)
    np.testing.assert_array_equal(exchanged.coefficient[[1, 0]], together.coefficient[:2])
    told = {int(b): part.parameter[place] for part in together.parts for place, b in enumerate(part.members)}
    for part in exchanged.parts:
        for place, b in enumerate(part.members):
            np.testing.assert_array_equal(part.parameter[place], told[int(b) ^ 1])


def test_outcomes_that_nobody_has_and_columns_that_do_not_vary_leave_the_others_as_they_are():
    some = (NOMINAL != 2).astype(float)[None]
    fits = firth_multinomial(X, NOMINAL, some, 3)
    told = firth_logit(X, (NOMINAL == 1).astype(float), some)
    np.testing.assert_allclose(fits.coefficient[0, :3], told.coefficient[0], atol=1e-8)
    assert np.isnan(fits.coefficient[0, 3:]).all()
    assert np.isnan(firth_multinomial(X, NOMINAL, 1.0 * (NOMINAL > 0)[None], 3).coefficient).all()
    wide = np.column_stack([X, 3 * X[:, 1]])
    for fit, y in ((firth_ordered, ORDERED), (firth_multinomial, NOMINAL)):
        found, alone = fit(wide, y, ONES, 3), fit(X, y, ONES, 3)
        kept = np.arange(found.coefficient.shape[1]) % 4 < 3
        np.testing.assert_allclose(found.coefficient[0, kept], alone.coefficient[0], atol=1e-8)
        assert np.isnan(found.coefficient[0, ~kept]).all()
        assert np.isnan(fit(X, 0 * y, ONES, 3).coefficient).all()
    middle = (ORDERED != 1).astype(float)[None]
    np.testing.assert_allclose(
        firth_ordered(X, ORDERED, middle, 3).coefficient[0, 1:],
        firth_logit(X, (ORDERED == 2).astype(float), middle).coefficient[0, 1:],
        atol=1e-8,
    )


def test_effects_on_probabilities_are_those_of_statsmodels():
    # With many rows the two estimates, and so their effects, are close; the errors of the effects are those of one formula.
    rng = np.random.default_rng(4)
    n = 5_000
    X = np.column_stack([np.ones(n), rng.normal(size=n), rng.normal(size=n)])
    y = np.argmax(np.outer(X[:, 1], [0, 1, -0.5]) + rng.gumbel(size=(n, 3)), axis=1)
    fits = firth_multinomial(X, y, np.ones((1, n)), 3)
    effects = multinomial_effects(X, y, fits, np.ones((1, n)), 3)
    told = sm.MNLogit(y, X).fit(disp=0).get_margeff(at="overall")
    kept = np.arange(9) % 3 > 0
    np.testing.assert_allclose(effects.coefficient[0, kept].reshape(3, 2).T, told.margeff, atol=2e-4)
    np.testing.assert_allclose(effects.se[0, kept].reshape(3, 2).T, told.margeff_se, rtol=2e-3)
    np.testing.assert_allclose(effects.coefficient[0].reshape(3, 3)[:, 1:].sum(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize("family", ["ordered", "multinomial"])
def test_effects_are_derivatives_of_average_predictions(family):
    values = np.array([0.0, 1.0, 4.0])
    if family == "ordered":
        fits, shares = firth_ordered(X, ORDERED, ONES, 3), lambda t, X: ordered_shares(t, X) @ values[:, None]
        effects = ordered_effects(X, ORDERED, fits, ONES, values)
    else:
        fits, shares = firth_multinomial(X, NOMINAL, ONES, 3), multinomial_shares
        effects = multinomial_effects(X, NOMINAL, fits, ONES, 3)
    theta, covariance = fits.parts[0].parameter[0], fits.parts[0].covariance[0]

    def average(theta, j):
        step = np.zeros_like(X)
        step[:, j] = 1e-4
        return (shares(theta, X + step) - shares(theta, X - step)).mean(axis=0) / 2e-4

    for j in (1, 2):
        told = average(theta, j)
        gradient = derivative(lambda t, j=j: average(t, j), theta, 1e-4)
        own = slice(j, None, 3)
        np.testing.assert_allclose(effects.coefficient[0, own], told, rtol=1e-6, atol=1e-8)
        error = np.sqrt(np.einsum("kp,pq,kq->k", gradient, covariance, gradient))
        np.testing.assert_allclose(effects.se[0, own], error, rtol=1e-5)


REGRESSIONS = [
    {"name": "trust", "formula": "trust ~ region + risk", "family": "ordered",
     "blocks": {"belief": ["risk"], "demographic": ["region"]}},
    {"name": "place", "formula": "place ~ region + risk", "family": "multinomial", "reference": "y",
     "blocks": {"belief": ["risk"], "demographic": ["region"]}},
]  # fmt: skip
TASK = make_task(regressions=REGRESSIONS, truth={"place": {"risk[x]": 0, "region[s][z]": 0.8}})


def sample(n, seed):
    return make_sample(TASK, n, seed, missing=0.0, weighted=False, effect=0.4)


def test_terms_are_named_by_outcome_and_compared_in_each_equation():
    human, simulated = sample(240, 1), sample(240, 2)
    design = task_design = TASK.design(human, TASK.spec.regressions[1])
    assert design.outcomes == ("y", "x", "z")
    names = [f"{term}[{outcome}]" for outcome in ("x", "z") for term in ("region[s]", "region[w]", "risk")]
    assert [name for name, _ in design.coefficients] == names
    assert [block for _, block in design.coefficients] == ["demographic", "demographic", "belief"] * 2
    assert len(task_design.effects) == 9
    ones = np.ones((1, 240))
    sides = []
    for one in (human, simulated):
        region, place = one.profile["region"], one.answers["place"]
        Z = np.column_stack([ones[0], region == "s", region == "w", TASK.item("risk").values[one.answers["risk"]]])
        y = np.array([1, 0, 2])[place]
        several = firth_multinomial(Z.astype(float), y, ones, 3)
        ordered = firth_ordered(Z.astype(float), one.answers["trust"], ones, 5)
        kept = np.arange(8) % 4 > 0
        sides.append([np.concatenate([ordered.coefficient[0, 1:], several.coefficient[0, kept]]),
                      np.concatenate([ordered.se[0, 1:], several.se[0, kept]])])  # fmt: skip
    (b, se), (c, error) = sides
    values = ShareDiffering().compare(TASK, human, simulated, human, {}).values(ones, ones, 0)
    told = np.mean(np.abs(b - c) / np.hypot(se, error) > 1.959964)
    assert single(values, "share_differing", block="") == pytest.approx(told)
    found = np.where(np.abs(c / error) > 1.959964, np.sign(c), 0)[[3 + 2, 3 + 3]]  # risk[x], region[s][z]
    values = TruthF1().compare(TASK, human, simulated, human, {}).values(ones, ones, 0)
    hits = float(found[1] == 1)
    assert single(values, "truth_f1", block="") == pytest.approx(2 * hits / (1 + (found != 0).sum()))


def test_effects_do_not_depend_on_the_reference():
    human, simulated, ones = sample(240, 1), sample(240, 2), np.ones((1, 240))
    found = []
    for reference in ("x", "y", "z"):
        task = make_task(regressions=[REGRESSIONS[1] | {"reference": reference}])
        values = AverageMarginalEffects().compare(task, human, simulated, human, {}).values(ones, ones, 0)
        found.append(single(values, "average_marginal_effects", block=""))
    np.testing.assert_allclose(found, found[0], rtol=1e-7)


def test_the_joint_test_is_that_of_what_respondents_contribute_and_keeps_its_level():
    human, simulated, ones = sample(240, 1), sample(240, 2), np.ones((1, 240))
    moved, slopes = [], []
    for one in (human, simulated):
        region, place = one.profile["region"], np.array([1, 0, 2])[one.answers["place"]]
        Z = np.column_stack([ones[0], region == "s", region == "w", TASK.item("risk").values[one.answers["risk"]]])
        fits = firth_multinomial(Z.astype(float), place, ones, 3)
        rest = (place[:, None] == [1, 2]) - multinomial_shares(fits.coefficient[0], Z.astype(float))[:, 1:]
        scores = np.hstack([rest[:, :1] * Z, rest[:, 1:] * Z])
        moved.append(scores @ fits.parts[0].covariance[0])
        slopes.append(fits.coefficient[0])
    kept = np.arange(8) % 4 > 0
    influence, d = (moved[1] - moved[0])[:, kept], (slopes[1] - slopes[0])[kept]
    told = d @ np.linalg.solve(influence.T @ influence * 240 / 239, d)
    found = {one.regression: one for one in structure_tests(TASK, human, simulated)}
    assert found["place"].df == 6
    assert found["place"].statistic == pytest.approx(told)
    assert found["trust"].df == 3
    many = []
    for seed in range(40):
        pair = sample(240, 2 * seed + 10), sample(240, 2 * seed + 11)
        pair = pair[0], pair[1].take(np.arange(240))
        values = StructureWald().compare(TASK, pair[0], pair[1], pair[0], {}).values(ones, ones, 0)
        many.append(values.value[0, 1:])
    assert np.mean(many) == pytest.approx(1, abs=4 * np.std(many) / np.sqrt(80) + 0.08)
