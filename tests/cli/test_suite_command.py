"""`surveyeval run --suite`: every task, one report, no composite."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from click.testing import CliRunner

import surveyeval
from surveyeval import api
from surveyeval.cli.main import cli
from surveyeval.errors import ConfigError

SUITE = """
name: pair
version: "3"
title: Two of them
tasks:
  - {name: disclosure_sale, version: "VERSION"}
  - {name: disclosure, version: "1.0"}
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "pair.yaml"
    path.write_text(SUITE.replace("VERSION", surveyeval.load_task("disclosure_sale").version))
    return path


def test_one_report_with_a_card_for_each_task(suite: Path, tmp_path: Path) -> None:
    words = [
        "run",
        "--suite",
        str(suite),
        "-m",
        "baseline:uniform",
        "-m",
        "baseline:marginal",
        "--limit",
        "100",
        "--splits",
        "2",
    ]
    done = CliRunner().invoke(cli, [*words, "-o", str(tmp_path / "runs")], catch_exceptions=False)
    assert done.exit_code == 0
    assert len(list((tmp_path / "runs").glob("*/manifest.json"))) == 4
    (report,) = (tmp_path / "runs" / "suites").glob("pair-3-*.html")
    html, text = report.read_text(), report.with_suffix(".md").read_text()
    links = [unquote(one) for one in re.findall(r'href="([^"#]+)"', html)]
    assert len(links) == 2
    for link in links:
        assert (report.parent / link).resolve().is_file()
    assert "Synthetic reference in disclosure:" in html
    assert "a pipeline check that ranks nobody" in text
    assert "There is no overall score" in html
    assert "pair, version 3" in text
    # the same again: nothing is answered anew, the same report
    found = api.run(
        suite=suite, model=["baseline:uniform", "baseline:marginal"], limit=100, splits=2, output=tmp_path / "runs"
    )
    assert found.card == report
    assert [one.task for one in found] == ["disclosure_sale", "disclosure_sale", "disclosure", "disclosure"]
    assert len(list((tmp_path / "runs").glob("*/manifest.json"))) == 4


def test_a_wrong_version_stops_before_anything_is_answered(suite: Path, tmp_path: Path) -> None:
    suite.write_text(SUITE.replace("VERSION", "0.1"))
    with pytest.raises(ConfigError, match=r"in version 0\.1"):
        api.run(suite=suite, model="baseline:uniform", output=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("more", [{"task": "anes96"}, {"hide": ["age"]}, {"data": "x.csv", "provenance": "human"}])
def test_what_belongs_to_one_task_cannot_go_with_a_suite(more: dict[str, object], suite: Path) -> None:
    with pytest.raises(ConfigError, match="cannot go with a suite"):
        api.run(suite=suite, model="baseline:uniform", **more)  # type: ignore[arg-type]


def test_neither_task_nor_suite() -> None:
    with pytest.raises(ConfigError, match="no task is given"):
        api.run(model="baseline:uniform")
