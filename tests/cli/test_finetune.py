"""`surveyeval finetune`, as a user meets it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from surveyeval.cli.finetune import finetune
from surveyeval.cli.main import main
from surveyeval.tuning.options import PilotDesign, TuningOptions
from tests.model import tiny
from tests.tuning import survey

pytest.importorskip("torch", reason="language models are an optional extra")

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "COLUMNS": "80"}
WORDS = ["finetune", "--task", "survey", "--base", "hf:base?dtype=float32", "--dtype", "float32", "--device", "cpu"]
WORDS += ["--pilot", "20", "--epochs", "2", "--batch-tokens", "600"]


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


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    survey.write(folder / "survey")
    tiny.save("llama", folder / "base")
    return folder


def test_an_adapter_is_trained_shown_and_run_by_the_command_that_is_printed(place: Path) -> None:
    words = [*WORDS, "--output", "adapters/my first", "--hide", "age"]
    first = surveyeval(*words, cwd=place)
    assert "training on 20 people, float32 on cpu" in first.stderr
    assert re.search(
        r"20 people, 2 epochs, [\d,]+ tokens in \d+ s; loss \d\.\d{3} at first, \d\.\d{3} at last\.", first.stdout
    )
    again = surveyeval(*words, cwd=place)
    assert "found finished adapter" in again.stderr
    assert again.stdout == first.stdout
    for done in (first, again):
        for text in (done.stdout, done.stderr):
            assert "\x1b" not in text
            assert "\r" not in text
            wide = [line for line in text.splitlines() if len(line) > 80]
            assert all(line.startswith(("Adapter:", "Next:")) for line in wide)
    command = next(line for line in first.stdout.splitlines() if line.startswith("Next:"))[len("Next:") :].strip()
    run = subprocess.run(
        f"{sys.executable} -m {command} --limit 30 --splits 2",
        shell=True,
        cwd=place,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "Report card:" in run.stdout
    manifests = [json.loads(path.read_text()) for path in place.glob("runs/*/manifest.json")]
    assert sorted(manifest["model"]["name"] for manifest in manifests) == ["hf:base", "lora:adapters/my first"]
    assert all(manifest["options"]["hidden"] == ["age"] for manifest in manifests)
    tuned = next(m for m in manifests if m["model"]["name"].startswith("lora"))
    assert tuned["model"]["fingerprint"]["details"]["adapter"]["pilot"] == 20
    card = next(place.glob("runs/cards/*.md")).read_text()
    assert "lora:adapters/my first" in card


def test_the_next_command_keeps_other_data_and_the_profile_set(place: Path) -> None:
    profile_sets = {"with": ["age", "group"], "without": ["group"]}
    survey.write(place / "sets", profile_sets=profile_sets)
    words = ["--task", "sets", "--output", "b", "--profile-set", "without", "--data", "sets=survey/answers.csv"]
    done = surveyeval(*WORDS, *words, "--provenance", "synthetic", cwd=place)
    assert "--profile-set without --data sets=survey/answers.csv --provenance synthetic" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--pilot", "0"], 2, "--pilot"),
        (["--pilot", "500"], 2, "500 people cannot be taken from 160"),
        (["--scope", "arm=x"], 2, "no arm 'x'"),
        (["--balance", "grp"], 2, "did you mean 'group'"),
        (["--hide", "agee"], 2, "did you mean 'age'"),
        (["--alpha", "-1"], 2, "option 'alpha'"),
        (["--dropout", "1"], 2, "option 'dropout'"),
        (["--stop", "early"], 2, "--stop early would choose an epoch with 4 people held out"),
        (["--target", "nothing"], 2, "no linear module 'nothing'"),
        (["--base", "hf:nowhere"], 4, "'nowhere' is no folder"),
        (["--base", "baseline:cell"], 4, "no transformers model"),
        (["--device", "mps"], 4, "device 'mps' is not there"),
        (["--data", "other=x.csv", "--provenance", "human"], 2, "--data names task 'other'"),
        (["--output", "survey"], 2, "holds no surveyeval.json"),
    ],
)
def test_a_slip_gives_one_message(
    words: list[str],
    code: int,
    message: str,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["surveyeval", *WORDS, "--output", "never", *words])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr().err
    assert left.value.code == code
    assert message in " ".join(said.split())
    assert max(map(len, said.splitlines())) <= 80
    assert not (place / "never").exists()


def test_the_help_tells_the_defaults_that_hold() -> None:
    context = click.Context(finetune)
    told = {
        parameter.name: re.search(r"\[default: ([^\]]+)\]", getattr(parameter, "help", "") or "")
        for parameter in finetune.params
    }
    defaults = {name: field.default for name, field in TuningOptions.model_fields.items()}
    for name, found in told.items():
        if name in defaults:
            assert found is not None, name
            value = defaults[name]
            assert found[1] == (value if isinstance(value, str) else f"{value:g}"), name
    # everything that can be chosen can be chosen on the command line
    assert set(defaults) - {"clip"} <= set(told)
    pilot = next(parameter for parameter in finetune.params if parameter.name == "pilot")
    assert pilot.get_default(context) == PilotDesign().size
