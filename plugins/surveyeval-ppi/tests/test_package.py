"""The package as it is installed: entry point, command line, and everything that the README shows."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

README = Path(__file__).resolve().parent.parent / "README.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), flags=re.DOTALL)


def surveyeval(*words, folder, path=()):
    environment = {
        **os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1", "SURVEYEVAL_CACHE": str(folder / "cache"),
        "PYTHONPATH": os.pathsep.join(map(str, path)),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "surveyeval", *words],
        cwd=folder,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def commands(block):
    words = [shlex.split(line) for line in block.splitlines()]
    return [line[1:] for line in words if line[0] == "surveyeval"]


def estimates(folder):
    (path,) = folder.glob("runs/*/metrics.json")
    return json.loads(path.read_text())["estimates"], (path.parent / "report.html").read_text()


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The commands of the README's head, one after the other."""
    folder = tmp_path_factory.mktemp("first")
    return [surveyeval(*words, folder=folder) for words in commands(blocks("sh")[0])], *estimates(folder)


def test_the_package_is_installed_and_listed(first):
    (listed, shown, _), *_ = first
    assert f"surveyeval-ppi {metadata.version('surveyeval-ppi')}" in listed
    assert "FAILED" not in listed
    for name in ("ppi_n_eff", "ppi_width_ratio", "ppi_coverage", "people_equivalent", "k_hat"):
        assert name in listed
    assert "Overall: mean over items." in " ".join(shown.split())


def test_a_run_has_rows_and_a_section(first):
    _, rows, page = first
    own = [row for row in rows if row["axis"] == "worth"]
    matched = {row["name"]: row for row in own if row["quantity"] == "matched" and not row["item"]}
    assert matched["k_hat"]["status"] == "not_applicable"
    for name in ("ppi_n_eff", "ppi_width_ratio", "ppi_coverage", "classical_coverage", "people_equivalent"):
        assert matched[name]["status"] == "ok", matched[name]
    # 150 people answered: 30 are asked, 120 predicted; a demographic cell is worth next to nothing
    assert 30 <= matched["ppi_n_eff"]["value"] < 36
    assert 0.85 < matched["ppi_coverage"]["value"] < 1
    assert 0 < matched["people_equivalent"]["value"] <= 75 / 3.84
    assert {row["status"] for row in own if row["quantity"] == "reference" and row["name"] == "people_equivalent"} == {
        "ok"
    }
    assert "Worth" in page
    assert "n over 3.84" in page


def test_the_tutorial_runs_as_it_is_written(tmp_path):
    (project,), (source,) = blocks("toml"), blocks("python")
    declared = tomllib.loads(project)["project"]
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "surveyeval_middle.py").write_text(source)
    info = tmp_path / "site" / f"surveyeval_middle-{declared['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {declared['name']}\nVersion: {declared['version']}\n")
    (entry,) = declared["entry-points"]["surveyeval"].items()
    (info / "entry_points.txt").write_text("[surveyeval]\n{} = {}\n".format(*entry))
    listed, _ = (surveyeval(*words, folder=tmp_path, path=[tmp_path / "site"]) for words in commands(blocks("sh")[1]))
    assert "from surveyeval-middle" in listed
    rows, page = estimates(tmp_path)
    own = {(row["quantity"], row["model"]): row for row in rows if row["name"] == "middle_share" and not row["item"]}
    for quantity, model in (
        ("matched", "baseline:marginal"),
        ("reference", "human-half"),
        ("floor", "baseline:uniform"),
    ):
        assert own[quantity, model]["status"] == "ok"
    # four items have seven options, the vote has no middle: uniform answers are there once in seven
    assert own["floor", "baseline:uniform"]["value"] == pytest.approx(1 / 7, abs=0.03)
    assert "Habits" in page


def test_the_ceilings_of_the_readme():
    text = README.read_text()
    for people, ceiling in ((708, 184), (165, 43)):
        assert f"{ceiling} for" in text
        assert f"{people}" in text
        assert round(people / 3.8415) == ceiling


def test_the_licence_is_shipped():
    assert metadata.metadata("surveyeval-ppi")["License-Expression"] == "MIT"
