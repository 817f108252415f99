"""Studies and trainings that are stopped at any step end as if they had not been; no half adapter ever loads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from surveyeval import api
from surveyeval.errors import ModelError
from surveyeval.grid.spec import StudySpec
from surveyeval.grid.study import run_study
from surveyeval.model.lora import LoraModel, LoraOptions
from surveyeval.tuning import trainer as trainer_module
from tests.model import tiny
from tests.reliability.disk import Disk, Stopped, steps_of, stopped_at
from tests.reliability.quick import estimates, written

torch = pytest.importorskip("torch", reason="language models are an optional extra")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save("gpt2", tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def survey_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("survey"))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("surveyeval.grid.task_study.evaluate", _estimates)
    monkeypatch.setattr(trainer_module, "CHECKPOINT_EVERY", 0.0)
    monkeypatch.setenv("SURVEYEVAL_CACHE", str(tmp_path / "cache"))
    # a run whose environment changed is noted, and versions take a while to look up
    monkeypatch.setattr("surveyeval.engine.outcome.environment", dict)
    monkeypatch.setattr("surveyeval.engine.manifest.environment", dict)


def _estimates(task: Any, human: Any, simulated: Any, pilot: Any, **options: Any) -> pd.DataFrame:
    return estimates(task, human, simulated)


# ---- adapters -------------------------------------------------------------------------------------------------------


def tune(survey_folder: Path, base: Path, output: Path, **options: Any) -> Any:
    return api.finetune(
        task=str(survey_folder), base=f"hf:{base}", output=output,
        **{"pilot": 6, "epochs": 1, "batch_tokens": 2000, "rank": 1, "dtype": "float32", "device": "cpu", **options},
    )  # fmt: skip


def loads(folder: Path) -> bool:
    """Whether an adapter's folder is taken for one."""
    try:
        LoraModel(str(folder), LoraOptions()).fingerprint()
    except (ModelError, OSError):
        return False
    return True


def test_a_training_stopped_at_any_step_ends_in_the_same_adapter_and_none_is_half(
    survey_folder: Path, base: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole" / "adapter"
    steps = steps_of(tmp_path / "whole", lambda: tune(survey_folder, base, whole))
    assert sum(step.startswith("replace") for step in steps) >= 2
    for step in range(len(steps)):
        folder = tmp_path / f"at{step}"
        output = folder / "adapter"
        stopped_at(folder, step, "kill", lambda output=output: tune(survey_folder, base, output))
        if loads(output):  # the whole one, or none
            assert (output / "adapter_model.safetensors").read_bytes() == (
                whole / "adapter_model.safetensors"
            ).read_bytes()
        tune(survey_folder, base, output)
        for name in ("adapter_model.safetensors", "adapter_config.json", "README.md"):
            assert (output / name).read_bytes() == (whole / name).read_bytes(), steps[step]
        assert [path.name for path in folder.iterdir()] == ["adapter"], steps[step]
        shutil.rmtree(folder)


def test_an_adapter_that_is_trained_anew_is_the_old_one_or_the_new_one(
    survey_folder: Path, base: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old"
    tune(survey_folder, base, old / "adapter")
    new = tmp_path / "new"
    tune(survey_folder, base, new / "adapter", seed=1)
    name = "adapter_model.safetensors"
    both = {(folder / "adapter" / name).read_bytes() for folder in (old, new)}
    assert len(both) == 2
    trial = tmp_path / "trial"
    shutil.copytree(old, trial)
    steps = steps_of(trial, lambda: tune(survey_folder, base, trial / "adapter", seed=1, again=True))
    last = [number for number, step in enumerate(steps) if step.startswith(("replace", "unlink", "rmdir"))]
    for step in last[-14:]:
        shutil.rmtree(trial)
        shutil.copytree(old, trial)
        stopped_at(trial, step, "kill", lambda: tune(survey_folder, base, trial / "adapter", seed=1, again=True))
        if (trial / "adapter").exists():
            assert loads(trial / "adapter"), steps[step]
            assert (trial / "adapter" / name).read_bytes() in both, steps[step]
        tune(survey_folder, base, trial / "adapter", seed=1, again=True)
        assert (trial / "adapter" / name).read_bytes() == (new / "adapter" / name).read_bytes()


# ---- studies --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def spec(base: Path, survey_folder: Path) -> StudySpec:
    return StudySpec.model_validate(
        {
            "name": "small", "title": "Small", "tasks": [str(survey_folder)], "bases": [f"hf:{base}?dtype=float32&device=cpu&block=12"],
            "methods": ["base", "lora"], "baselines": ["marginal", "cell"],
            "pilots": {"sizes": ["8"], "draws": 1}, "limit": 30, "splits": 2,
            "tuning": {"epochs": 1, "batch_tokens": 4000, "rank": 1, "dtype": "float32", "device": "cpu"},
        }
    )  # fmt: skip


def study(spec: StudySpec, folder: Path) -> Any:
    return run_study(spec, "name: small\n", folder, metrics=[], command="surveyeval study small")


def found(folder: Path) -> tuple[dict[str, bytes], dict[str, list[bytes]], pd.DataFrame]:
    """Estimates to the byte, answers and adapters likewise, and the table without what tells of time."""
    kept = {path.name: path.read_bytes() for path in (folder / "estimates").glob("*.json")}
    others = {pattern: sorted(path.read_bytes() for path in folder.glob(pattern))
              for pattern in ("runs/*/responses.parquet", "adapters/*/adapter_model.safetensors")}  # fmt: skip
    return kept, others, pd.read_parquet(folder / "estimates.parquet").drop(columns=["seconds"])


@pytest.mark.slow
def test_a_study_stopped_at_any_step_ends_in_the_same_estimates(spec: StudySpec, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    steps = steps_of(whole, lambda: study(spec, whole))
    expected = found(whole)
    assert len(expected[0]) >= 1
    assert [len(files) for files in expected[1].values()] == [2, 1]
    # not one of the writes within a file that has no name yet, but the first; every other step
    within = [number for number, step in enumerate(steps) if number and step == steps[number - 1]]
    folder = tmp_path / "broken"
    at = [number for number in range(len(steps)) if number not in within]
    for step in at[:: max(1, len(at) // 16)]:
        stopped_at(folder, step, "kill", lambda: study(spec, folder))
        steps_of(folder, lambda: study(spec, folder))
        kept, others, table = found(folder)
        assert (kept, others) == expected[:2], steps[step]
        pd.testing.assert_frame_equal(table, expected[2])
        shutil.rmtree(folder)


def test_a_study_killed_again_and_again_gets_on(spec: StudySpec, tmp_path: Path) -> None:
    whole, folder = tmp_path / "whole", tmp_path / "broken"
    steps = steps_of(whole, lambda: study(spec, whole))
    kills = 0
    for _ in range(40):
        # more than the table of all estimates takes, which is written in one go
        with Disk(folder, len(steps) * 2 // 3).in_use():
            try:
                study(spec, folder)
                break
            except Stopped:
                kills += 1
    assert 1 <= kills < 6
    assert found(folder)[:2] == found(whole)[:2]
    content = json.loads((folder / "study.json").read_text())
    assert content["name"] == "small"
