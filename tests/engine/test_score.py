"""What is stored of an evaluation: every metric, those that do not apply with their reason."""

from __future__ import annotations

import re
from pathlib import Path

from surveyeval import api
from tests.tuning import survey


def test_metrics_that_do_not_apply_are_stored_with_their_reason(tmp_path: Path) -> None:
    (run,) = api.run(
        task=str(survey.write(tmp_path / "task")), model=["baseline:cell"], splits=2, output=tmp_path / "runs"
    )
    assert set(run.estimates["metric"]) == {metric.spec.name for metric in api.metrics()}
    told = run.estimates[run.estimates["metric"] == "coherence"]
    assert told["status"].tolist() == ["not_applicable"]
    assert told["reason"].tolist() == ["the task declares no coherence rule"]
    words = " ".join(run.card.with_suffix(".md").read_text().split())
    (line,) = re.findall(r"[^.]*: not applicable, the task declares no coherence rule\.", words)
    assert "Belief-action gap" in line


def test_floors_see_no_more_of_the_profile_than_the_models(tmp_path: Path) -> None:
    """The demographic cell as a model and as a floor are one law, also when the demographics are hidden."""
    (run,) = api.run(
        task="disclosure", model=["baseline:cell"], limit=120, splits=2, no_profile=True, output=tmp_path / "runs"
    )
    rows = run.estimates[run.estimates["metric"] == "joint_log_loss"]
    model = rows[rows["quantity"] == "estimate"]["value"].iloc[0]
    floor = rows[(rows["quantity"] == "floor") & (rows["model"] == "baseline:cell")]["value"].iloc[0]
    assert model == floor


def test_a_half_leaves_out_the_odd_person_of_each_arm(tmp_path: Path) -> None:
    (run,) = api.run(task="disclosure", model=["baseline:cell"], limit=121, splits=2, output=tmp_path / "runs")
    rows = run.estimates[(run.estimates["metric"] == "js_distance") & (run.estimates["quantity"] == "matched")]
    people = run.tables["sizes"]["arms"]
    assert set(rows[rows["arm"] == ""]["half"]) == {sum(arm["n"] // 2 for arm in people)}
    for arm in people:
        assert set(rows[rows["arm"] == arm["arm"]]["n_human"]) <= {arm["n"] // 2}
