"""Seals: any changed answer is found, another layout of the same answers is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from surveyeval import api
from surveyeval.data.files import digest
from surveyeval.engine.run import Run
from surveyeval.engine.seal import check_seal, make_seal, read_seal
from surveyeval.errors import DataError, RunError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    return api.run(task="anes96", model="baseline:cell", limit=60, splits=2, output=folder, cache=False)[0].folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Run:
    return Run(shutil.copytree(made, tmp_path / made.name))


def rewritten(run: Run, table: pd.DataFrame) -> Run:
    table.to_parquet(run.folder / "responses.parquet", index=False)
    return Run(run.folder)


def test_a_seal_holds_until_an_answer_changes(run: Run) -> None:
    seal = make_seal(run)
    content = json.loads(seal.path.read_text())
    assert content.pop("sha256") == seal.hash == digest(content)
    assert content["run"] == run.id
    assert check_seal(run).hash == seal.hash
    assert make_seal(run).hash == seal.hash  # sealed once: the date stays
    shuffled = run.responses.sample(frac=1, random_state=0)
    again = rewritten(run, shuffled)
    assert check_seal(again).hash == seal.hash
    table = shuffled.copy()
    row = table.index[table["state"] == "answered"][0]
    other = {"0": "1", "1": "0"}.get(table.loc[row, "code"], "1" if table.loc[row, "code"] != "1" else "2")
    table.loc[row, "code"] = other
    with pytest.raises(RunError, match="the answers differ from what was sealed"):
        check_seal(rewritten(run, table))
    with pytest.raises(RunError, match="is the seal of other answers"):
        make_seal(Run(run.folder))
    with pytest.raises(RunError, match="the number of answers differ"):
        check_seal(rewritten(run, shuffled.iloc[1:]))


def test_a_changed_probability_is_found(run: Run) -> None:
    make_seal(run)
    table = run.responses.copy()
    table.at[0, "probabilities"] = table.loc[0, "probabilities"] * (1 + 1e-15) + 1e-16
    with pytest.raises(RunError, match="the probabilities differ"):
        check_seal(rewritten(run, table))


def test_a_changed_seal_is_found(run: Run) -> None:
    path = make_seal(run).path
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"sealed": "2001-01-01T00:00:00+00:00"}))
    with pytest.raises(RunError, match="the seal was changed"):
        check_seal(run)
    path.write_text("{}")
    with pytest.raises(RunError, match="is no seal"):
        read_seal(path)
    path.unlink()
    with pytest.raises(RunError, match="there is no such seal"):
        check_seal(run)


def test_a_table_without_people_is_sealed_beside_itself(tmp_path: Path) -> None:
    table = pd.DataFrame({"provenance": "simulated", "respondent": ["1", "2"], "vote": ["0", "1"]})
    table.to_csv(tmp_path / "forecast.csv", index=False)
    seal = make_seal(tmp_path / "forecast.csv")
    assert seal.path.name == "forecast.csv.seal.json"
    table.iloc[::-1].to_parquet(tmp_path / "forecast.parquet", index=False)
    assert make_seal(tmp_path / "forecast.parquet").content["answers"] == seal.content["answers"]
    table.assign(vote=["1", "1"]).to_csv(tmp_path / "forecast.csv", index=False)
    with pytest.raises(RunError, match="the answers differ"):
        check_seal(tmp_path / "forecast.csv")
    table.drop(columns="provenance").to_csv(tmp_path / "people.csv", index=False)
    with pytest.raises(DataError, match="do not say that they are simulated"):
        make_seal(tmp_path / "people.csv")


def test_the_command_seals_and_checks(run: Run) -> None:
    from click.testing import CliRunner

    from surveyeval.cli.main import cli

    done = CliRunner().invoke(cli, ["seal", str(run.folder)])
    assert done.exit_code == 0, done.output
    assert read_seal(run.folder / "seal.json").hash in done.output
    done = CliRunner().invoke(cli, ["seal", str(run.folder), "--check"])
    assert "The answers are those that were sealed" in done.output
