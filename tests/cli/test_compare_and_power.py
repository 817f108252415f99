"""`surveyeval compare` and `surveyeval power` in a terminal of 80 columns, as JSON and as files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from surveyeval import api
from surveyeval.cli.main import cli
from surveyeval.cli.summary import print_summary
from surveyeval.errors import ConfigError
from tests.tuning import survey


def call(*words: str) -> Result:
    return CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"}).invoke(cli, list(words))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("runs")
    models = ["baseline:cell", "baseline:marginal", "nearest=baseline:hotdeck"]
    api.run(task="anes96", model=models, limit=80, splits=2, output=output)
    return output


def names(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in folder.glob("*/manifest.json"))


def test_a_comparison_is_printed_within_80_columns_with_its_words(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "differences.csv"
    done = call("compare", *names(folder), "--folder", str(folder), "--output", str(target))
    assert done.exit_code == 0, done.output
    text = done.stdout
    assert max(map(len, text.splitlines()[:-1])) <= 80
    for words in (
        "3 models on the same 80 test people",
        "baseline:cell against baseline:marginal",
        "baseline:marginal against nearest",
        "not told apart",
        "no test",
        "Not told apart is not the same as equal.",
    ):
        assert words in " ".join(text.split())
    assert text.index("Joint log-loss") < text.index("Total variation")
    rows = list(csv.DictReader(target.read_text().splitlines()))
    assert {row["quantity"] for row in rows} == {"difference"}
    assert {"value", "low", "high", "p", "p_adjusted", "se", "detectable", "other", "outcome"} <= set(rows[0])


def test_a_copy_of_the_people_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = api.run(task="anes96", model=["scripted:human", "baseline:cell"], limit=80, splits=2, output=tmp_path)
    said = "scripted:human is nearer to these people than people are to each other: copied or leaked answers?"
    print_summary(result)
    after_the_run = " ".join(capsys.readouterr().out.split())
    assert f"{said} Every distance of its answers is below that of 97.5% of second samples of people." in after_the_run
    assert after_the_run.count("copied or leaked") == 1
    done = call("compare", *names(tmp_path), "--folder", str(tmp_path), "--splits", "2")
    assert done.exit_code == 0, done.output
    assert said in " ".join(done.stdout.split())
    assert "baseline:cell is nearer" not in done.stdout


def test_differences_of_shares_are_in_percentage_points(folder: Path) -> None:
    done = call("compare", *names(folder)[:2], "--folder", str(folder), "--splits", "2")
    line, *_ = (one for one in done.stdout.splitlines() if one.strip().startswith("Coverage  "))
    assert line.count(" pp") == 2  # the difference, with its interval behind it, and the least that would be told apart
    table = done.stdout[done.stdout.index("baseline:cell against") : done.stdout.index("difference: how much nearer")]
    assert "%" not in table.replace("95% interval", "")


def test_a_comparison_as_json_is_the_table_and_nothing_else(folder: Path) -> None:
    done = call("compare", *names(folder)[:2], "--folder", str(folder), "--json")
    found = json.loads(done.stdout)
    assert found["people"] == 80
    assert found["differences"][0]["metric"] == "joint_log_loss"


@pytest.mark.parametrize("words", [["compare", "a", "b", "-o", "x.txt"], ["power", "anes96", "-o", "x.html"]])
def test_files_of_another_kind_are_refused(words: list[str]) -> None:
    assert isinstance(call(*words).exception, ConfigError)


def test_a_plan_is_printed_within_80_columns_with_its_words(tmp_path: Path) -> None:
    target = tmp_path / "plan.md"
    done = call("power", "disclosure", "--splits", "2", "--output", str(target))
    assert done.exit_code == 0, done.output
    text = done.stdout
    assert max(map(len, text.splitlines()[:-1])) <= 80
    said = " ".join(text.split())
    for words in (
        "929 synthetic rows: a pilot of 232, and 697 for the test, in random halves of",
        "SYNTHETIC reference: a pipeline check that ranks nobody.",
        "F1 of",
        "band, no test: a value that jumps and has no test; a second sample of the same size lands in the band",
        "the task declares none",
        "are needed, 30 to be shown at all.",
        "worth more than 182 people on an item",
    ):
        assert words in said, words
    written = " ".join(target.read_text().split())
    assert "| measure | people | 95% | floor | least | remark |" in written
    assert "SYNTHETIC" in written


def test_a_plan_as_json_is_every_table_and_nothing_else(tmp_path: Path) -> None:
    done = call("power", str(survey.write(tmp_path / "task")), "--splits", "2", "--json")
    found = json.loads(done.stdout)
    assert isinstance(found["not_applicable"], dict)
    assert found["sizes"]["test"] == 120
    assert {"measures", "margins", "groups", "items"} <= set(found)
