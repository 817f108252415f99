"""Prediction without human data, as a transcript: simulate from profiles, seal, attach people's answers later, score."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from surveyeval.cli.main import cli
from surveyeval.data.readers import read_table
from surveyeval.data.sample import State
from surveyeval.data.sources import open_source
from surveyeval.errors import DataError, RunError
from surveyeval.model.file_rows import read_rows
from surveyeval.task.load import load_task
from tests.model import tiny

pytest.importorskip("transformers")


def call(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "100"}).invoke(cli, [str(word) for word in words])


def done(*words: object) -> str:
    found = call(*words)
    assert found.exit_code == 0, found.output
    return " ".join(found.output.split())


def test_simulate_seal_attach_score(tmp_path: Path) -> None:
    task = load_task("disclosure_sale")
    rows = open_source(task.spec.source.use, task.folder, "utf-8", task.spec.source.sha256).frame
    model = f"tiny=hf:{tiny.save('llama', tmp_path / 'model', positions=1024)}"

    # 1. before the survey: arms alone are known
    profiles = tmp_path / "profiles.csv"
    rows[["question_class"]].to_csv(profiles, index=False)
    simulated = tmp_path / "predicted.csv"
    words = ("--task", "disclosure_sale", "--profiles", profiles, "--model", model, "--output", simulated)
    assert "219 simulated rows" in done("simulate", *words)

    # 2. sealed; the hash is given away
    told = done("seal", simulated)
    (sealed,) = re.findall(r"Seal: ([0-9a-f]{64})", told)
    assert "before people's answers are known" in told

    # 3. and in a tier for others
    assert "T3_primary" in done("export", simulated, "--tier", 3, "--task", "disclosure_sale", "-o", tmp_path / "tier")

    # 4. people have answered
    people = tmp_path / "people.csv"
    rows.to_csv(people, index=False)
    assert sealed in done("seal", simulated, "--check")
    text = done(
        "run", "--task", "disclosure_sale", "--data", f"disclosure_sale={people}", "--provenance", "human",
        "--model", f"predicted=file:{simulated}", "--splits", 2, "--output", tmp_path / "runs",
    )  # fmt: skip
    assert "predicted" in text
    (folder,) = [path.parent for path in (tmp_path / "runs").glob("*/manifest.json")]
    assert (folder / "report.html").is_file()

    # the simulated answers that were scored are those that were sealed
    scored = pd.read_parquet(folder / "responses.parquet").set_index("respondent")["code"].astype(str)
    written = pd.read_csv(simulated, dtype=str).set_index("respondent")["response"]
    assert len(scored) > 100
    assert np.array_equal(scored.to_numpy(), written.loc[scored.index.astype(str)].to_numpy())

    # 5. an answer that is changed afterwards is found
    simulated.write_text(simulated.read_text().replace(",hide", ",disclose", 1))
    changed = call("seal", simulated, "--check")
    assert isinstance(changed.exception, RunError)
    assert "the answers differ from what was sealed" in str(changed.exception)


def test_a_prediction_for_another_task_is_refused_and_absent_answers_keep_their_state(tmp_path: Path) -> None:
    task = load_task("disclosure_sale")
    head = "provenance,task,model,respondent,draw,arm,response,response_state\n"
    path = tmp_path / "predicted.csv"
    path.write_text(
        f"{head}simulated,disclosure_sale {task.version},m,1,0,general,,refused\n"
        f"simulated,disclosure_sale {task.version},m,2,0,general,hide,answered\n"
    )
    rows = read_rows(read_table(path), task)
    assert list(rows.states["response"]) == [State.REFUSED, State.ANSWERED]
    assert list(rows.answers["response"]) == [-1, 0]
    path.write_text(f"{head}simulated,disclosure_sale 0.1,m,1,0,general,hide,answered\n")
    with pytest.raises(DataError, match=r"says 'disclosure_sale 0.1', not 'disclosure_sale"):
        read_rows(read_table(path), task)
