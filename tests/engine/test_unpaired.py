"""Rows of nobody in particular, and survey weights: what can be said, and what is refused with its reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from surveyeval import api
from surveyeval.data.split import make_split
from surveyeval.engine.evaluate import evaluate
from surveyeval.errors import DataError
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task

COLUMNS = {"pid": "PID", "self_lr": "selfLR", "clinton_lr": "ClinLR", "dole_lr": "DoleLR", "vote": "vote"}


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    from statsmodels.datasets import anes96

    data = anes96.load_pandas().data.astype(int)
    return pd.DataFrame({name: data[column] for name, column in COLUMNS.items()})


def test_rows_without_respondents_are_compared_as_a_group_only(tmp_path: Path, raw: pd.DataFrame) -> None:
    raw.to_csv(tmp_path / "crowd.csv", index=False)
    runs = api.run(task="anes96", model=f"file:{tmp_path / 'crowd.csv'}", limit=150, splits=2, output=tmp_path / "runs")
    table = runs.estimates
    model = runs[0].model
    own = table[table["model"] == model]
    for axis in ("subgroups", "stereotyping", "coefficients", "individual"):
        rows = own[own["axis"] == axis]
        assert len(rows)
        assert set(rows["status"]) == {"not_applicable"}, axis
        assert rows["reason"].str.contains("not paired with people").all()
    shown = own[own["axis"].isin(["alignment", "heterogeneity", "coherence"]) & (own["quantity"] == "matched")]
    assert (shown["status"] == "ok").sum() > 8
    assert runs[0].manifest["model"]["banners"]
    assert "without saying whose profiles" in runs.card.read_text()


def test_a_file_that_names_nobody_of_the_survey_is_refused_before_anything_runs(
    tmp_path: Path, raw: pd.DataFrame
) -> None:
    raw.assign(respondent=[f"stranger{n}" for n in range(len(raw))]).to_csv(tmp_path / "twins.csv", index=False)
    with pytest.raises(DataError, match="there is no respondent 'stranger0'"):
        api.run(task="anes96", model=f"file:{tmp_path / 'twins.csv'}", output=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_survey_weights_leave_least_squares_and_refuse_the_penalised_logit() -> None:
    task = load_task("anes96")
    people = load_human(task)
    pilot_rows, test_rows = make_split(people.sample, "weights").divide(0.25)
    weight = np.random.default_rng(8).uniform(0.3, 3, people.sample.n)
    weighted = replace(people.sample, weight=weight)
    human, pilot = weighted.take(test_rows), weighted.take(pilot_rows)
    metrics = [metric for metric in api.metrics() if metric.spec.name == "rmse_se"]
    table = evaluate(task, human, {"copy": [replace(human, simulated=True)]}, pilot, metrics=metrics, splits=3)
    reference = table[(table["quantity"] == "reference") & (table["block"] == "")].iloc[0]
    assert reference["status"] == "ok"
    assert "survey weights rule out Firth's logit (vote on demographics, spatial vote)" in reference["reason"]
    assert reference["value"] == pytest.approx(np.sqrt(2), rel=0.35)
    excess = table[(table["quantity"] == "excess") & (table["status"] == "ok")]
    assert len(excess)
    assert (excess["value"] == 0).all()
