"""The command line, as a user meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import readme

#: The tests run side by side: one thread each.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def surveyeval(*words: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "surveyeval", *words],
        cwd=cwd,
        text=True,
        capture_output=True,
        check=False,
        env=ENVIRONMENT,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_the_commands_of_the_readme_run(tmp_path: Path) -> None:
    given = readme.commands()
    assert len(given) >= 5
    for words in given:
        surveyeval(*words, cwd=tmp_path)


def test_a_run_is_stored_shown_scored_again_and_not_repeated(tmp_path: Path) -> None:
    words = [
        "run",
        "--task",
        "anes96",
        "--model",
        "uni=baseline:uniform",
        "--model",
        "scripted:human",
        "--limit",
        "90",
        "--splits",
        "3",
    ]
    first = surveyeval(*words, cwd=tmp_path)
    assert "Report card:" in first.stdout
    folders = sorted(path for path in (tmp_path / "runs").iterdir() if (path / "manifest.json").exists())
    assert len(folders) == 2
    for folder in folders:
        names = {path.name for path in folder.iterdir()}
        assert {
            "manifest.json",
            "config.yaml",
            "task.yaml",
            "responses.parquet",
            "metrics.json",
            "tables.json",
            "report.html",
            "report.md",
        } <= names
        assert str(tmp_path) not in (folder / "manifest.json").read_text()
    metrics = [(folder / "metrics.json").read_bytes() for folder in folders]
    again = surveyeval(*words, cwd=tmp_path)
    assert "found finished run" in again.stderr
    assert len(list((tmp_path / "runs").glob("*/manifest.json"))) == 2
    surveyeval("score", *map(str, folders), cwd=tmp_path)
    assert [(folder / "metrics.json").read_bytes() for folder in folders] == metrics
    assert "complete" in surveyeval("ls", "runs", cwd=tmp_path).stdout
    assert "anes96 with" in surveyeval("show", str(folders[0]), cwd=tmp_path).stdout
    config = surveyeval("run", "--config", str(folders[0] / "config.yaml"), cwd=tmp_path)
    assert "found finished run" in config.stderr


def test_an_interrupted_run_continues_to_the_same_bytes(tmp_path: Path) -> None:
    words = [
        "run",
        "--task",
        "disclosure",
        "--model",
        "baseline:cell",
        "--limit",
        "80",
        "--draws",
        "3",
        "--splits",
        "2",
    ]
    surveyeval(*words, "-o", "whole", cwd=tmp_path)
    surveyeval(*words, "-o", "broken", cwd=tmp_path)
    whole, broken = (
        next((tmp_path / "whole").glob("*/manifest.json")).parent,
        next((tmp_path / "broken").glob("*/manifest.json")).parent,
    )
    for name in ("responses.parquet", "metrics.json", "tables.json"):
        (broken / name).unlink()
    manifest = json.loads((broken / "manifest.json").read_text())
    (broken / "manifest.json").write_text(json.dumps({**manifest, "status": "running"}))
    surveyeval(*words, "-o", "broken", cwd=tmp_path)
    assert (broken / "metrics.json").read_bytes() == (whole / "metrics.json").read_bytes()


def test_draws_are_averaged_and_their_spread_is_given(tmp_path: Path) -> None:
    surveyeval(
        "run",
        "--task",
        "disclosure",
        "--model",
        "baseline:marginal",
        "--limit",
        "80",
        "--draws",
        "2",
        "--splits",
        "2",
        cwd=tmp_path,
    )
    (path,) = tmp_path.glob("runs/*/metrics.json")
    rows = [
        row for row in json.loads(path.read_text())["estimates"] if row["quantity"] == "matched" and row["headline"]
    ]
    assert all(row["draws"] == 2 for row in rows)
    assert any(row["sd_draws"] for row in rows)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["run", "--task", "anes69", "--model", "baseline:cell"], 2, "did you mean 'anes96'"),
        (["run", "--task", "anes96", "--model", "basline:cell"], 2, "did you mean 'baseline'"),
        (["run", "--task", "anes96", "--model", "baseline:sell"], 2, "did you mean 'cell'"),
        (["run", "--task", "anes96", "--model", "baseline:cell?dtype=x"], 2, "no option 'dtype'"),
        (["run", "--task", "anes96"], 2, "no model is given"),
        (["run", "--task", "anes96", "--model", "baseline:cell", "--hide", "agee"], 2, "did you mean 'age'"),
        (["run", "--task", "anes96", "--model", "baseline:cell", "--profile-set", "cor"], 2, "did you mean 'core'"),
        (["run", "--task", "anes96", "--model", "file:nothing.csv"], 3, "nothing.csv"),
        (["run", "--task", "anes96", "--model", "lora:nothing"], 4, "adapter_config.json"),
        (["show", "nothing-at-all"], 2, "nothing is named"),
        (["validat"], 2, "did you mean 'validate'"),
        (["validate", "anes69"], 2, ""),
        (
            ["ls", "task"],
            2,
            "'task' is not one of 'tasks', 'suites', 'sources', 'models', 'elicitations', 'metrics', 'studies', 'plugins', 'runs'",
        ),
        (["run", "--tsk", "x"], 2, "--task"),
        (["score", "nowhere"], 1, "no run directory"),
        (
            ["probe", "--task", "anes96", "--model", "embedded:smollm2", "--table", "/dev/null/a/t.csv"],
            2,
            "--table '/dev/null/a/t.csv'",
        ),
        (["power", "anes96", "--output", "/dev/null/a/plan.md"], 2, "--output '/dev/null/a/plan.md'"),
    ],
)
def test_mistakes_get_one_block_that_says_what_would_be_right(
    words: list[str], code: int, message: str, tmp_path: Path
) -> None:
    done = surveyeval(*words, cwd=tmp_path, code=code)
    assert message in " ".join(done.stderr.split())


def test_answers_from_a_file_are_scored(tmp_path: Path) -> None:
    import pandas as pd
    from statsmodels.datasets import anes96

    data = anes96.load_pandas().data.astype(int)
    columns = {"pid": "PID", "self_lr": "selfLR", "clinton_lr": "ClinLR", "dole_lr": "DoleLR", "vote": "vote"}
    frame = pd.DataFrame(
        {"respondent": range(1, len(data) + 1), **{name: data[column] for name, column in columns.items()}}
    )
    frame.to_csv(tmp_path / "copy.csv", index=False)
    surveyeval("run", "--task", "anes96", "--model", "file:copy.csv", "--limit", "100", "--splits", "3", cwd=tmp_path)
    (path,) = tmp_path.glob("runs/*/metrics.json")
    rows = json.loads(path.read_text())["estimates"]
    excess = [row["value"] for row in rows if row["quantity"] == "excess" and row["status"] == "ok"]
    assert len(excess) > 20
    assert max(map(abs, excess)) == 0
