"""The command line with the real engine: it runs, says nothing of its own, and ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from surveyeval.engine.run import Run
from tests.tuning import survey
from tests.vllm.test_adapters import save_adapter


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "surveyeval"), *arguments], capture_output=True, text=True, timeout=900
    )


def test_voters_are_run_from_the_command_line(tmp_path: Path) -> None:
    done = command(
        "run", "--task", "anes96", "--model", "vllm:embedded:smollm2", "--limit", "12", "--output", str(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    assert "vllm:embedded:smollm2" in done.stdout
    said = done.stdout + done.stderr
    for noise in ("INFO", "WARNING", "Warning", "it/s]", "NUMA", "Triton"):
        assert noise not in said
    run = Run(next(path for path in tmp_path.iterdir() if path.is_dir()))
    assert run.manifest["counts"]["answered"] > 0
    assert run.manifest["counts"]["invalid"] == 0
    assert run.manifest["model"]["fingerprint"]["details"]["engine"] == "vllm"


def test_an_adapter_and_its_base_from_the_command_line(llama: Path, tmp_path: Path) -> None:
    task, adapter = survey.write(tmp_path / "survey"), save_adapter(llama, tmp_path / "adapter", 0, 0.1)
    done = command(
        "run", "--task", str(task), "--model", f"tuned=lora:{adapter}?engine=vllm&dtype=float32&base=hf:{llama}",
        "--model", f"bare=vllm:{llama}?dtype=float32", "--limit", "12", "--output", str(tmp_path / "runs"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    runs = [Run(path) for path in (tmp_path / "runs").iterdir() if path.is_dir() and (path / "manifest.json").exists()]
    told = {run.manifest["model"]["name"]: run.manifest["model"] for run in runs}
    assert set(told) == {"tuned", "bare"}
    assert "Training rows unknown" in told["tuned"]["banners"][0]
    assert told["bare"]["banners"] == []


def test_what_is_wrong_is_said_in_one_line(tmp_path: Path) -> None:
    done = command("run", "--task", "anes96", "--model", "vllm:embedded:smollm2?max_model_len=200", "--limit", "12",
                   "--output", str(tmp_path))  # fmt: skip
    assert done.returncode == 4
    assert "tokens, the model reads 200" in done.stderr
    assert "Traceback" not in done.stderr
