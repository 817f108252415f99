"""Design-based errors against R's survey and clubSandwich packages; r/design.R made the values."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.linalg import sqrtm

from surveyeval.data.design import design_of
from surveyeval.data.sample import Sample
from surveyeval.engine.design_based import Survey, mean, share_interval, survey_of, wilson
from surveyeval.engine.full_regression import fit_logit, fit_ols
from surveyeval.errors import DataError
from surveyeval.metric.clustered import cr2, ols_cr2
from surveyeval.metric.resampling import jackknife_factors, jackknife_groups, jackknife_of, jackknife_se

FOLDER = Path(__file__).parent / "r"
DATA = pd.read_csv(FOLDER / "design.csv")
with (FOLDER / "design_expected.csv").open() as lines:
    EXPECTED = {row["name"]: float(row["value"]) for row in csv.DictReader(lines)}

PSUS = DATA.groupby(["stratum", "psu"]).ngroups

DESIGNS = {
    "weights": (True, False, False),
    "strata": (True, True, False),
    "clusters": (True, True, True),
    "unweighted": (False, True, True),
}
close = {"rtol": 1e-6, "atol": 1e-9}


def expected(prefix, names):
    return [EXPECTED[f"{prefix} {name}"] for name in names]


def people(frame, *, weighted=True, strata=True, psu=True):
    def text(column):
        return frame[column].astype(str).to_numpy(dtype=object)

    return Sample(
        respondent=frame.index.astype(str).to_numpy(dtype=object),
        arm=np.full(len(frame), "all", dtype=object),
        weight=frame["weight"].to_numpy(dtype=float) if weighted else np.ones(len(frame)),
        stratum=text("stratum") if strata else None,
        psu=text("psu") if psu else None,
    )


def survey(name):
    weighted, strata, psu = DESIGNS[name]
    return survey_of(people(DATA, weighted=weighted, strata=strata, psu=psu))


def outcomes(frame=DATA):
    return np.column_stack([frame["selfLR"], frame["selfLR"] <= 3]).astype(float)


EVERYBODY = np.ones(len(DATA), dtype=bool)


@pytest.mark.parametrize("name", DESIGNS)
def test_means_and_shares_are_those_of_svymean(name):
    value, error = mean(outcomes(), EVERYBODY, survey(name))
    np.testing.assert_allclose(value, expected(f"{name} mean", ["selfLR", "left"]), **close)
    np.testing.assert_allclose(error, expected(f"{name} mean se", ["selfLR", "left"]), **close)
    options = (DATA["selfLR"].to_numpy()[:, None] == np.arange(1, 8)).astype(float)
    np.testing.assert_allclose(
        mean(options, EVERYBODY, survey(name))[1], expected(f"{name} share se", [f"o{k}" for k in range(1, 8)]), **close
    )


@pytest.mark.parametrize("name", DESIGNS)
def test_shares_of_groups_are_those_of_svyby(name):
    for level in range(1, 8):
        value, error = mean(outcomes()[:, 1:], (DATA["educ"] == level).to_numpy(), survey(name))
        np.testing.assert_allclose(value, EXPECTED[f"{name} by e{level}"], **close)
        np.testing.assert_allclose(error, EXPECTED[f"{name} by se e{level}"], **close)


@pytest.mark.parametrize("young", [False, True])
@pytest.mark.parametrize("family", ["linear", "logit"])
@pytest.mark.parametrize("name", DESIGNS)
def test_regressions_are_those_of_svyglm(name, family, young):
    design = survey(name)
    rows = (DATA["age"] < 45).to_numpy() if young else EVERYBODY
    ones, educated = np.ones(len(DATA)), DATA["educ"] >= 5
    if family == "linear":
        X, y, fit = np.column_stack([ones, DATA["age"], educated, DATA["vote"]]), DATA["selfLR"], fit_ols
    else:
        X, y, fit = np.column_stack([ones, DATA["selfLR"], DATA["age"], educated]), DATA["vote"], fit_logit
    found = fit(X[rows].astype(float), y.to_numpy(dtype=float)[rows], design.weight[rows], design.design.take(rows))
    prefix, terms = f"{name} young {family}" if young else f"{name} {family}", ["b0", "b1", "b2", "b3"]
    assert found.errors == "linearised"
    for what, values in (("coef", found.coefficient), ("se", found.error), ("low", found.low), ("high", found.high)):
        np.testing.assert_allclose(values, expected(f"{prefix} {what}", terms), rtol=1e-6, atol=1e-7)


def lonely():
    return DATA[~(DATA["stratum"].isin([2, 6]) & (DATA["psu"] > 1))].reset_index(drop=True)


@pytest.mark.parametrize("rule", ["certainty", "collapse"])
def test_strata_with_one_psu(rule):
    frame = lonely()
    _, error = mean(outcomes(frame), np.ones(len(frame), dtype=bool), survey_of(people(frame), rule))
    np.testing.assert_allclose(error, expected(f"{rule} se", ["selfLR", "left"]), **close)


def test_strata_with_one_psu_are_refused_with_a_remedy():
    with pytest.raises(DataError, match=r"strata '2', '6' of 6 have one PSU among .*lonely_psu: collapse"):
        survey_of(people(lonely()))


def test_one_psu_in_all_is_refused_whatever_the_rule():
    for rule in ("error", "collapse", "certainty"):
        with pytest.raises(DataError, match="in one PSU"):
            design_of(people(DATA[(DATA["stratum"] == 1) & (DATA["psu"] == 1)]), rule)
    first = people(DATA[DATA["psu"] == 1])
    with pytest.raises(DataError, match="each of 6 strata has one PSU"):
        design_of(first, "certainty")
    assert design_of(first, "collapse").units_in_stratum.tolist() == [2, 2, 2]


def test_least_squares_on_clusters_is_that_of_clubsandwich():
    unit = people(DATA).units()
    X = np.column_stack([np.ones(len(DATA)), DATA["age"], DATA["educ"] >= 5, DATA["vote"]]).astype(float)
    y = DATA["selfLR"].to_numpy(dtype=float)
    numbers = [str(number) for number in range(4)]
    design = design_of(people(DATA.assign(psu=unit), strata=False))
    fit = fit_ols(X, y, np.ones(len(y)), design)
    assert fit.errors == "CR2"
    np.testing.assert_allclose(fit.coefficient, expected("cr2 coef", numbers), **close)
    np.testing.assert_allclose(fit.error, expected("cr2 se", numbers), **close)
    np.testing.assert_allclose(cr2(X, y - X @ fit.coefficient, unit)[1], expected("cr2 df", numbers), **close)
    half = np.where(unit % 2, 0.0, DATA["weight"])
    fits = ols_cr2(X, y, np.stack([np.ones(len(y)), half]), unit)
    np.testing.assert_allclose(fits.se[0], expected("cr2 se", numbers), **close)
    np.testing.assert_allclose(fits.se[1], _cr2_by_hand(X[half > 0], y[half > 0], half[half > 0], unit[half > 0]))


def _cr2_by_hand(X, y, weight, unit):
    """On rows times the root of their weight: residuals of a cluster times the inverse root of its block of I - H."""
    X, y = X * np.sqrt(weight)[:, None], y * np.sqrt(weight)
    inverse = np.linalg.inv(X.T @ X)
    residual = y - X @ inverse @ X.T @ y
    meat = np.zeros_like(inverse)
    for one in np.unique(unit):
        own = X[unit == one]
        root = np.real(sqrtm(np.linalg.inv(np.eye(len(own)) - own @ inverse @ own.T)))
        meat += np.outer(own.T @ root @ residual[unit == one], own.T @ root @ residual[unit == one])
    return np.sqrt(np.diag(inverse @ meat @ inverse))


def test_terms_that_a_half_cannot_tell_are_left_out():
    unit = people(DATA).units()
    X = np.column_stack([np.ones(len(DATA)), DATA["age"], DATA["vote"], DATA["age"] * 2, DATA["educ"]]).astype(float)
    y = DATA["selfLR"].to_numpy(dtype=float)
    weight = np.stack([np.ones(len(y)), np.where(DATA["vote"] == 1, 1.0, 0.0), np.zeros(len(y))])
    fits = ols_cr2(X, y, weight, unit)
    np.testing.assert_array_equal(np.isfinite(fits.se), [[1, 1, 1, 0, 1], [1, 1, 0, 0, 1], [0, 0, 0, 0, 0]])
    np.testing.assert_allclose(fits.coefficient[0, [0, 1, 2, 4]], np.linalg.lstsq(X[:, [0, 1, 2, 4]], y)[0])
    perfect = ols_cr2(X[:, :2], 2 * X[:, 1] + 1, np.ones((1, len(y))), unit)
    assert np.isnan(perfect.se).all()


def test_clusters_of_one_person_give_hc2():
    import statsmodels.api as sm

    X = np.column_stack([np.ones(60), DATA["age"][:60]]).astype(float)
    y = DATA["selfLR"][:60].to_numpy(dtype=float)
    hc2 = sm.OLS(y, X).fit(cov_type="HC2").bse
    np.testing.assert_allclose(ols_cr2(X, y, np.ones((1, 60)), np.arange(60)).se[0], hc2, rtol=1e-9)


def test_stratified_jackknife_is_that_of_r():
    sample = people(DATA[DATA["stratum"] <= 3])
    design = design_of(sample)
    group = jackknife_groups(sample.arm, 0, design)
    jackknife = jackknife_of(group, design)
    assert group.max() + 1 == design.n_units == 24
    assert jackknife.degrees_of_freedom == 21
    weights = jackknife_factors(group, design) * sample.weight
    frame = DATA[DATA["stratum"] <= 3]
    values = weights @ outcomes(frame) / weights.sum(axis=1, keepdims=True)
    found = jackknife_se(values[1:], jackknife)
    np.testing.assert_allclose(found, expected("jackknife se", ["selfLR", "left"]), **close)
    # R's own default centres on the mean of all replicates.
    np.testing.assert_allclose(found, expected("jackknife common centre se", ["selfLR", "left"]), rtol=2e-3)


def test_stratified_jackknife_of_a_total_is_the_textbook_variance():
    frame = DATA[DATA["stratum"] <= 3]
    sample = people(frame)
    design = design_of(sample)
    group = jackknife_groups(sample.arm, 0, design)
    weights = jackknife_factors(group, design) * sample.weight
    total = weights @ outcomes(frame)
    by_hand = 0.0
    for stratum in range(3):
        inside = design.stratum_of_unit == stratum
        weighted = sample.weight[:, None] * outcomes(frame)
        units = np.array([weighted[design.unit == unit].sum(axis=0) for unit in np.flatnonzero(inside)])
        by_hand = by_hand + len(units) / (len(units) - 1) * ((units - units.mean(axis=0)) ** 2).sum(axis=0)
    np.testing.assert_allclose(jackknife_se(total[1:], jackknife_of(group, design)), np.sqrt(by_hand), rtol=1e-10)


def test_intervals_of_shares():
    plain = survey_of(people(DATA, weighted=False, strata=False, psu=False))
    assert plain.plain
    share, error = mean(outcomes()[:, 1:], EVERYBODY, plain)
    assert share_interval(share[0], error[0], EVERYBODY, plain) == wilson(share[0], len(DATA))
    clustered = survey("clusters")
    share, error = mean(outcomes()[:, 1:], EVERYBODY, clustered)
    low, high = share_interval(share[0], error[0], EVERYBODY, clustered)
    # Wilson's interval holds the shares that a score test at this error would not reject.
    t, n = stats.t.ppf(0.975, PSUS - 6), share[0] * (1 - share[0]) / error[0] ** 2
    for end in (low, high):
        assert abs(share[0] - end) / np.sqrt(end * (1 - end) / n) == pytest.approx(t)


def test_a_share_of_zero_has_the_interval_of_as_many_answers_as_psus():
    clustered = survey("clusters")
    low, high = share_interval(0.0, 0.0, EVERYBODY, clustered)
    assert (low, high) == wilson(0.0, PSUS, degrees_of_freedom=PSUS - 6)


def test_an_empty_domain_and_one_psu_have_no_error():
    clustered = survey("clusters")
    value, error = mean(outcomes(), np.zeros(len(DATA), dtype=bool), clustered)
    assert np.isnan(value).all()
    value, error = mean(outcomes(), ((DATA["stratum"] == 1) & (DATA["psu"] == 1)).to_numpy(), clustered)
    assert np.isfinite(value).all()
    assert np.isnan(error).all()


def test_weights_alone_give_respondents_as_units():
    weights = survey("weights")
    assert isinstance(weights, Survey)
    assert not weights.plain
    assert weights.design.n_units == len(DATA)


def test_few_psus_cannot_carry_many_coefficients():
    frame = DATA[(DATA["stratum"] == 1) & (DATA["psu"] <= 3)]
    X = np.column_stack([np.ones(len(frame)), frame["age"], frame["educ"], frame["vote"]]).astype(float)
    y = frame["selfLR"].to_numpy(dtype=float)
    unweighted = fit_ols(X, y, np.ones(len(y)), design_of(people(frame, weighted=False, strata=False)))
    assert unweighted.reason[1] == "no more PSUs than coefficients"
    weighted = fit_ols(X, y, frame["weight"].to_numpy(), design_of(people(frame, strata=False)))
    assert "2 degrees of freedom of the design are too few for 4 coefficients" in weighted.reason[1]
