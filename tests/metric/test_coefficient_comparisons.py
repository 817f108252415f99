"""Comparisons of coefficients against R, statsmodels, closed forms and loops."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from metric_samples import as_simulated, half_weights, make_sample, make_task, single
from r_values import TASK as R_TASK
from r_values import expected, samples
from scipy import stats

from surveyeval.metric.coefficients import Terms
from surveyeval.metric.marginal_effects import AMEShareDiffering, AverageMarginalEffects, logit_effects
from surveyeval.metric.regression import Fits, firth_logit, ols_hc2
from surveyeval.metric.signs import IntervalOverlap, TruthF1, TruthFPR, WrongSignShare, interval_overlap
from surveyeval.metric.structure import StructureWald, structure_tests

REGRESSIONS = [
    {"name": "trust", "formula": "trust ~ region + risk", "family": "ols",
     "blocks": {"belief": ["risk"], "demographic": ["region"]}},
    {"name": "act", "formula": "act ~ trust + risk + region", "family": "logit",
     "blocks": {"belief": ["trust", "risk"], "demographic": ["region"]}},
]  # fmt: skip
TRUTH = {"act": {"trust": 0.8, "risk": 0, "region[s]": 0, "region[w]": -0.5}}
TASK = make_task(regressions=REGRESSIONS, truth=TRUTH)


def plain(n, seed):
    return make_sample(TASK, n, seed, missing=0.0, weighted=False, effect=0.4)


HUMAN = plain(240, 1)
SIMULATED = as_simulated(HUMAN, 2, task=TASK, missing=0.0, effect=0.1)


def design(sample):
    region = sample.profile["region"]
    return np.column_stack([np.ones(sample.n), TASK.item("trust").values[sample.answers["trust"]],
                            TASK.item("risk").values[sample.answers["risk"]], region == "s", region == "w"]).astype(float)  # fmt: skip


@pytest.fixture(params=[0, 1])
def logit(request):
    sample = (HUMAN, SIMULATED)[request.param]
    X, y = design(sample), sample.answers["act"].astype(float)
    return X, y, sm.Logit(y, X).fit(disp=0)


def test_marginal_effects_are_those_of_statsmodels(logit):
    X, _, result = logit
    fits = Fits(np.asarray(result.params)[None, :], np.asarray(result.bse)[None, :])
    effects = logit_effects(X, fits, np.ones((1, len(X))))
    told = result.get_margeff(at="overall", method="dydx")
    np.testing.assert_allclose(effects.coefficient[0, 1:], told.margeff, rtol=1e-6)
    np.testing.assert_allclose(effects.se[0, 1:], told.margeff_se, rtol=1e-6)
    assert np.isnan(effects.coefficient[0, 0])


def test_marginal_effects_are_those_of_r():
    human, _ = samples()
    region = human.profile["region"]
    X = np.column_stack(
        [np.ones(human.n), R_TASK.item("trust").values[human.answers["trust"]], region == "s", region == "w"]
    )
    X = X.astype(float)
    result = sm.Logit(human.answers["act"].astype(float), X).fit(disp=0)
    effects = logit_effects(X, Fits(result.params[None, :], result.bse[None, :]), np.ones((1, human.n)))
    told = expected()
    for j, name in enumerate(("trust", "south", "west"), start=1):
        assert effects.coefficient[0, j] == pytest.approx(told[f"effect {name}"], rel=1e-5)
        assert effects.se[0, j] == pytest.approx(told[f"effect error {name}"], rel=1e-4)


def test_a_column_that_is_not_estimable_changes_nothing_else(logit):
    X, y, _ = logit
    ones = np.ones((1, len(X)))
    alone = logit_effects(X, firth_logit(X, y, ones), ones)
    doubled = np.column_stack([X, X[:, 1]])
    both = logit_effects(doubled, firth_logit(doubled, y, ones), ones)
    np.testing.assert_allclose(both.coefficient[0, :5], alone.coefficient[0], rtol=1e-7)
    np.testing.assert_allclose(both.se[0, :5], alone.se[0], rtol=1e-7)
    assert np.isnan(both.coefficient[0, 5])


def fitted(sample, mask, *, effects=False):
    """Terms of both regressions, one after the other."""
    X, weight = design(sample), mask[None, :]
    least = ols_hc2(X[:, [0, 3, 4, 2]], TASK.item("trust").values[sample.answers["trust"]], weight)
    firth = firth_logit(X, sample.answers["act"].astype(float), weight)
    firth = logit_effects(X, firth, weight) if effects else firth
    return np.hstack([least.coefficient[0, 1:], firth.coefficient[0, 1:]]), np.hstack(
        [least.se[0, 1:], firth.se[0, 1:]]
    )


def test_differences_of_effects_are_in_their_own_standard_errors():
    left, right = half_weights(HUMAN, 1, 3)
    (b, se), (c, error) = fitted(HUMAN, left[0], effects=True), fitted(SIMULATED, right[0], effects=True)
    z = (c - b) / np.hypot(se, error)
    values = AverageMarginalEffects().compare(TASK, HUMAN, SIMULATED, HUMAN, {}).values(left, right, 0)
    assert single(values, "average_marginal_effects", block="") == pytest.approx(np.sqrt(np.mean(z**2)))
    belief = np.array([False, False, True, True, True, False, False])
    assert single(values, "average_marginal_effects", block="belief") == pytest.approx(np.sqrt(np.mean(z[belief] ** 2)))
    values = AMEShareDiffering().compare(TASK, HUMAN, SIMULATED, HUMAN, {}).values(left, right, 0)
    assert single(values, "ame_share_differing", block="") == pytest.approx(np.mean(np.abs(z) > 1.959964))


def test_two_samples_of_one_law_are_about_one_standard_error_apart():
    ones, found = np.ones((1, 240)), []
    for seed in range(30):
        human, other = plain(240, 2 * seed), plain(240, 2 * seed + 1)
        values = AverageMarginalEffects().compare(TASK, human, other, human, {}).values(ones, ones, 0)
        found.append(single(values, "average_marginal_effects", block="") ** 2)
    assert np.mean(found) == pytest.approx(1, abs=4 * np.std(found) / np.sqrt(30) + 0.05)


def test_wrong_signs_are_counted_among_what_is_significant_among_people():
    se = np.full((1, 5), 1.0)
    h, s = np.array([[5.0, 5, -5, 0.5, -5]]), np.array([[-5.0, 5, 5, -5, 0.5]])
    compute = WrongSignShare.compute
    assert compute(Terms(h, se), Terms(s, se))[0] == pytest.approx(2 / 4)
    assert np.isnan(compute(Terms(0 * h, se), Terms(s, se))[0])


def test_intervals_overlap_as_lengths_do():
    z = stats.norm.ppf(0.975)
    rng = np.random.default_rng(0)
    b, c = rng.normal(0, 2, 50), rng.normal(0, 2, 50)
    se, error = rng.uniform(0.2, 2, 50), rng.uniform(0.2, 2, 50)
    told = []
    for one in zip(b, se, c, error, strict=True):
        first, second = (one[0] - z * one[1], one[0] + z * one[1]), (one[2] - z * one[3], one[2] + z * one[3])
        common = max(0.0, min(first[1], second[1]) - max(first[0], second[0]))
        told.append(common / (first[1] - first[0]) / 2 + common / (second[1] - second[0]) / 2)
    np.testing.assert_allclose(interval_overlap(b, se, c, error), told)


def test_what_the_simulation_cannot_estimate_overlaps_with_nothing():
    h = Terms(np.zeros((1, 2)), np.ones((1, 2)))
    s = Terms(np.array([[0.0, np.nan]]), np.array([[1.0, np.nan]]))
    assert IntervalOverlap.compute(h, s)[0] == pytest.approx(0.5)


def test_signs_are_compared_with_the_declared_truth():
    left, right = half_weights(HUMAN, 1, 3)
    c, error = fitted(SIMULATED, right[0])
    z = (c / error)[3:]  # the first regression declares no truth
    found = np.where(np.abs(z) > 1.959964, np.sign(z), 0)
    true = np.sign([0.8, 0, 0, -0.5])
    hits = ((true != 0) & (found == true)).sum()
    values = TruthF1().compare(TASK, HUMAN, SIMULATED, HUMAN, {}).values(left, right, 0)
    assert single(values, "truth_f1", block="") == pytest.approx(2 * hits / ((true != 0).sum() + (found != 0).sum()))
    values = TruthFPR().compare(TASK, HUMAN, SIMULATED, HUMAN, {}).values(left, right, 0)
    assert single(values, "truth_fpr", block="") == pytest.approx((found[true == 0] != 0).mean())
    assert "true coefficients" in TruthF1().applicable(make_task(regressions=REGRESSIONS))


@pytest.mark.parametrize("weighted", [False, True])
def test_the_joint_test_of_slopes_is_that_of_rs_survey_package(weighted):
    human, simulated = samples(weighted=weighted)
    (found,) = structure_tests(R_TASK, human, simulated)
    told = expected()["structure trust weighted" if weighted else "structure trust"]
    assert (found.df, found.clusters) == (3, 240)
    assert found.statistic == pytest.approx(told)
    assert found.p == pytest.approx(stats.chi2.sf(told, 3))
    values = (
        StructureWald().compare(R_TASK, human, simulated, human, {}).values(human.weight[None], human.weight[None], 0)
    )
    assert single(values, "structure_wald", regression="trust") == pytest.approx(told / 3)


def test_the_joint_test_of_logits_is_the_sum_of_what_respondents_contribute():
    left, right = (half.copy() for half in half_weights(HUMAN, 1, 3))
    left[0, :150] = right[0, :150] = 1  # some people are on both sides
    values = StructureWald().compare(TASK, HUMAN, SIMULATED, HUMAN, {}).values(left, right, 0)
    moved, slopes = [], []
    for sample, mask in ((HUMAN, left[0]), (SIMULATED, right[0])):
        X, y = design(sample), sample.answers["act"].astype(float)
        beta = firth_logit(X, y, mask[None, :]).coefficient[0]
        mu = 1 / (1 + np.exp(-X @ beta))
        inverse = np.linalg.inv(X.T @ (X * (mask * mu * (1 - mu))[:, None]))
        moved.append((X * (mask * (y - mu))[:, None]) @ inverse)
        slopes.append(beta)
    influence = (moved[1] - moved[0])[:, 1:]
    people = int(((left[0] > 0) | (right[0] > 0)).sum())
    V = influence.T @ influence * people / (people - 1)
    d = (slopes[1] - slopes[0])[1:]
    assert single(values, "structure_wald", regression="act") == pytest.approx(d @ np.linalg.solve(V, d) / 4)


def test_the_joint_test_keeps_its_level():
    ones, found = np.ones((1, 300)), []
    for seed in range(60):
        human, other = plain(300, 2 * seed), plain(300, 2 * seed + 1)
        other = replace(other, respondent=np.array([f"other {i}" for i in range(300)], dtype=object))
        values = StructureWald().compare(TASK, human, other, human, {}).values(ones, ones, 0)
        found.append(values.value[0, 1:])
    assert np.mean(found) == pytest.approx(1, abs=4 * np.std(found) / np.sqrt(120) + 0.08)


def test_what_cannot_be_estimated_is_not_tested():
    constant = HUMAN.with_answers({item.name: np.ones(240, np.int64) for item in TASK.items})
    # nobody differs in risk, so that its slope is left out, and nothing of the logit can be estimated
    (found,) = structure_tests(TASK, HUMAN, constant)
    assert (found.regression, found.df) == ("trust", 2)
    assert structure_tests(TASK, HUMAN, replace(SIMULATED, paired=False)) == []
