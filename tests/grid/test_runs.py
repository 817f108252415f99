"""Runs that a study has made are read by other commands: verified, written as samples, and not scored one by one."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from surveyeval import api
from surveyeval.data.files import digest
from surveyeval.engine.run import Run
from surveyeval.errors import RunError
from surveyeval.grid.spec import StudySpec
from surveyeval.grid.study import run_study
from tests.model import tiny
from tests.reliability.quick import written

pytest.importorskip("torch", reason="language models are an optional extra")


@pytest.fixture(scope="module", params=[None, 3], ids=["one test set", "cross-fitting"])
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    base = tiny.save("gpt2", tmp_path_factory.mktemp("base"))
    survey = written(tmp_path_factory.mktemp("survey"))
    spec = StudySpec.model_validate(
        {
            "name": "small", "title": "Small", "tasks": [str(survey)], "bases": [f"hf:{base}?dtype=float32&device=cpu&block=12"],
            "methods": ["base", "examples=2"], "baselines": ["marginal"], "crossfit": request.param,
            "pilots": {"sizes": ["8"], "draws": 2}, "splits": 2,
        }
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("study")
    metrics = [metric for metric in api.metrics() if metric.spec.name == "js_distance"]
    run_study(spec, "name: small\n", folder, metrics=metrics, command="surveyeval study small")
    found = [Run(path) for path in sorted((folder / "runs").iterdir()) if (path / "manifest.json").exists()]
    assert len(found) == 3 * (request.param or 1)  # the base once, examples of two pilots, in every fold
    return found


def test_nothing_differs(runs: list[Run]) -> None:
    pilots = set()
    for run in runs:
        verified = api.verify(run)
        parts = {one.part: one.outcome for one in verified.findings}
        assert not [one for one in verified.findings if one.outcome == "differs"]
        assert parts["answers"] == parts["codes"] == parts["test people"] == parts["plan"] == parts["data"] == "agrees"
        assert parts["split"] == "unchecked"
        pilots.add(parts["pilot"])
    assert "unchecked" in pilots  # that of the second draw is told by the study alone


def test_an_answer_that_was_changed_differs(runs: list[Run], tmp_path: Path) -> None:
    import shutil

    folder = shutil.copytree(runs[0].folder, tmp_path / "changed")
    table = pd.read_parquet(folder / "responses.parquet")
    table = table[table["respondent"] != table["respondent"].iloc[0]]
    table.to_parquet(folder / "responses.parquet", index=False)
    parts = {one.part: one.outcome for one in api.verify(folder).findings}
    assert parts["responses.parquet"] == "differs"
    assert parts["split"] == "differs"  # nobody knows any more who was to be tested


def test_samples_hold_the_people_that_were_tested(runs: list[Run], tmp_path: Path) -> None:
    for number, run in enumerate(runs):
        target = tmp_path / f"{number}.csv"
        api.sample(run, output=target, identifiers="original", programs=False)
        names = pd.read_csv(target, dtype=str)["respondent"]
        asked = run.responses["respondent"].unique()
        assert sorted(names) == sorted(asked)
        assert digest(list(asked)) == run.manifest["identity"]["test"]


def test_a_single_run_is_not_scored(runs: list[Run]) -> None:
    assert json.loads((runs[0].folder / "manifest.json").read_text())["status"] == "simulated"
    with pytest.raises(RunError, match="is a part of the study 'small', which scores its runs together"):
        api.score([runs[0].folder])
