"""The page on plugins: its code is that of the example, its commands run, and every kind of registration is named."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import surveyeval.testing
from surveyeval.hookspecs import Register
from tests.installed import path_of

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "plugins.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, flags=re.DOTALL)
SOURCES = [
    path.read_text()
    for path in (ROOT / "plugins" / "surveyeval-example").rglob("*")
    if path.suffix in (".py", ".toml") and "build" not in path.parts
]


@pytest.mark.parametrize("text", [text for language, text in BLOCKS if language in ("python", "toml")])
def test_code_is_that_of_the_example(text: str) -> None:
    assert any(text in source for source in SOURCES)


def test_every_registration_and_check_is_named() -> None:
    for name, _ in inspect.getmembers(Register, inspect.isfunction):
        if not name.startswith("_"):
            assert f"`register.{name}`" in PAGE
    for name in surveyeval.testing.__all__:
        if name.startswith("check_"):
            assert f"`{name}`" in PAGE


def test_laws_that_are_quoted_exist() -> None:
    for quoted in re.findall(r'without=\{"([^"]+)"', PAGE):
        assert quoted in surveyeval.testing.MODEL_LAWS


def test_the_commands_run(tmp_path: Path) -> None:
    site = tmp_path / "site"
    environment = {
        **os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1", "SURVEYEVAL_CACHE": str(tmp_path / "cache"),
        "PYTHONPATH": path_of(site),
    }  # fmt: skip

    def call(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=environment, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
        return done.stdout

    lines = [shlex.split(line) for language, text in BLOCKS if language == "sh" for line in text.splitlines()]
    done = []
    for program, *words in lines:
        if program == "pip":  # into a folder of the test, and from no index
            folder = words[-1].removesuffix("[test]")
            call(
                "-m",
                "pip",
                "install",
                "-q",
                "--no-deps",
                "--no-build-isolation",
                "--no-index",
                "--target",
                str(site),
                folder,
            )
        elif program == "pytest":
            options = ("-q", "-p", "no:cacheprovider", "--config-file", f"{words[0]}/pyproject.toml", "--rootdir", ".")
            assert "9 passed" in call("-m", "pytest", *options, words[0])
        else:
            assert program == "surveyeval"
            told = call("-m", "surveyeval", *words)
            if words == ["ls", "plugins"]:
                assert "surveyeval-commute 0.1.0" in told
                assert "FAILED" not in told
        done.append(program)
    assert done == ["surveyeval", "pip", "surveyeval", "pytest", "surveyeval"]
    (card,) = tmp_path.glob("runs/cards/*.html")
    page = card.read_text()
    assert "Answers at the ends" in page
    assert "of answers at the ends of scales, people" in page
    assert "A made-up respondent who satisfices" in page
