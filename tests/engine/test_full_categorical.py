"""Ordered and multinomial logits of the full sample against R's MASS, nnet and survey; r/categorical.R made the values."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.miscmodels.ordinal_model import OrderedModel

from surveyeval.data.design import design_of
from surveyeval.data.sample import Sample
from surveyeval.engine.full_categorical import fit_multinomial, fit_ordered

FOLDER = Path(__file__).parent / "r"
DATA = pd.read_csv(FOLDER / "design.csv")
with (FOLDER / "categorical_expected.csv").open() as lines:
    EXPECTED = {row["name"]: float(row["value"]) for row in csv.DictReader(lines)}

X = np.column_stack([np.ones(len(DATA)), DATA["age"], DATA["educ"] >= 5, DATA["vote"]]).astype(float)
PLACED = DATA["selfLR"].to_numpy() - 1
SIDE = np.array([1, 1, 1, 0, 2, 2, 2])[PLACED]  # left, centre, right; the centre is the reference
ONES = np.ones(len(DATA))
WEIGHT = DATA["weight"].to_numpy(dtype=float)
DESIGN = design_of(
    Sample(
        respondent=DATA.index.astype(str).to_numpy(dtype=object),
        arm=np.full(len(DATA), "all", dtype=object),
        weight=WEIGHT,
        stratum=DATA["stratum"].astype(str).to_numpy(dtype=object),
        psu=DATA["psu"].astype(str).to_numpy(dtype=object),
    )
)


def expected(name, size):
    return [EXPECTED[f"{name} {j}"] for j in range(1, size + 1)]


def test_an_ordered_logit_is_that_of_polr():
    fit = fit_ordered(X, PLACED, ONES, 7)
    np.testing.assert_allclose(fit.coefficient[1:], expected("ordered coef", 3), rtol=1e-6)
    np.testing.assert_allclose(fit.error[1:], expected("ordered se", 3), rtol=1e-6)
    np.testing.assert_allclose(fit.error[1:], expected("ordered polr se", 3), rtol=2e-4)  # by wide differences
    reach = stats.norm.ppf(0.975) * fit.error[1:]
    np.testing.assert_allclose(fit.high[1:] - fit.coefficient[1:], reach)
    assert fit.errors == "model"
    assert fit.reason[0] == "taken up by the cuts"


def test_an_ordered_logit_is_that_of_statsmodels():
    told = OrderedModel(PLACED, X[:, 1:], distr="logit").fit(method="newton", disp=0, maxiter=100)
    fit = fit_ordered(X, PLACED, ONES, 7)
    np.testing.assert_allclose(fit.coefficient[1:], told.params[:3], rtol=1e-6)
    np.testing.assert_allclose(fit.error[1:], told.bse[:3], rtol=1e-5)


def test_a_multinomial_logit_is_that_of_nnet_and_statsmodels():
    fit = fit_multinomial(X, SIDE, ONES, 3)
    np.testing.assert_allclose(fit.coefficient, expected("multinomial coef", 8), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(fit.error, expected("multinomial se", 8), rtol=1e-6)
    told = sm.MNLogit(SIDE, X).fit(method="newton", disp=0, maxiter=100)
    np.testing.assert_allclose(fit.coefficient, told.params.T.ravel(), rtol=1e-8)
    np.testing.assert_allclose(fit.error, told.bse.T.ravel(), rtol=1e-8)


def test_errors_under_a_design_are_those_of_rs_survey_package():
    fit = fit_ordered(X, PLACED, WEIGHT, 7, DESIGN)
    np.testing.assert_allclose(fit.coefficient[1:], expected("ordered design coef", 3), rtol=1e-6)
    np.testing.assert_allclose(fit.error[1:], expected("ordered design se", 3), rtol=1e-6)
    np.testing.assert_allclose(fit.coefficient[1:], expected("svyolr coef", 3), rtol=1e-3)  # whose search ends earlier
    np.testing.assert_allclose(fit.error[1:], expected("svyolr se", 3), rtol=1e-3)
    assert fit.errors == "linearised"
    fit = fit_multinomial(X, SIDE, WEIGHT, 3, DESIGN)
    np.testing.assert_allclose(fit.coefficient, expected("multinomial design coef", 8), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(fit.error, expected("multinomial design se", 8), rtol=1e-6)
    half = stats.t.ppf(0.975, DESIGN.degrees_of_freedom + 1 - 8) * fit.error
    np.testing.assert_allclose(fit.high - fit.coefficient, half)


def test_an_outcome_that_nobody_has_leaves_the_others_as_they_are():
    some = SIDE != 2
    fit = fit_multinomial(X[some], SIDE[some], ONES[some], 3)
    told = sm.Logit(SIDE[some], X[some]).fit(disp=0)
    np.testing.assert_allclose(fit.coefficient[:4], told.params, rtol=1e-6)
    assert set(fit.reason[4:]) == {"nobody has this outcome"}
    some = PLACED != 3
    ordered = fit_ordered(X[some], PLACED[some], ONES[some], 7)
    place = np.unique(PLACED[some], return_inverse=True)[1]
    np.testing.assert_allclose(ordered.coefficient[1:], fit_ordered(X[some], place, ONES[some], 6).coefficient[1:])
    fit = fit_multinomial(X[SIDE != 0], SIDE[SIDE != 0], ONES[SIDE != 0], 3)
    assert set(fit.reason) == {"nobody has the outcome that the others are compared with"}


@pytest.mark.parametrize(("fit", "y", "outcomes"), [(fit_ordered, PLACED, 7), (fit_multinomial, SIDE, 3)])
def test_what_cannot_be_told_is_named(fit, y, outcomes):
    doubled = np.column_stack([X, 2 * X[:, 1], np.zeros(len(X))])
    found, alone = fit(doubled, y, ONES, outcomes), fit(X, y, ONES, outcomes)
    np.testing.assert_allclose(found.coefficient[1:4], alone.coefficient[1:4], rtol=1e-8)
    assert "determined by the other terms" in found.reason[4]
    assert "does not vary" in found.reason[5]
    assert set(fit(X, np.zeros_like(y), ONES, outcomes).reason) == {"the response does not vary"}
    # a term that goes with the highest outcome alone
    separated = np.column_stack([X, (y == outcomes - 1) & (np.arange(len(y)) % 2 == 0)]).astype(float)
    found = fit(separated, y, ONES, outcomes)
    assert np.isnan(found.coefficient).all()
    assert "separation" in found.reason[-1]
    assert "other terms" in found.reason[1]
    assert set(fit(X[:5], y[:5], ONES[:5], outcomes).reason) - {""}
