"""Help, completion and listing load nothing heavy, whatever plugins are installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installed import install, path_of

HEAVY = (
    "numpy",
    "pandas",
    "scipy",
    "statsmodels",
    "pyarrow",
    "pydantic",
    "torch",
    "transformers",
    "matplotlib",
    "jinja2",
)
#: Modules of the plugins below.
PLUGINS = ("heavy_plugin", "broken_plugin", "beans")

HEAVY_PLUGIN = """
    import numpy, pandas
    from surveyeval import hookimpl

    @hookimpl
    def surveyeval_register(register):
        register.task("coffee", "beans:coffee/task.yaml", summary="what people drink")
        register.model("abacus", "heavy_plugin:Abacus", summary="counts")
"""
BROKEN_PLUGIN = """
    import numpy
    raise RuntimeError("broken on purpose")
"""
COFFEE = "name: coffee\nversion: '3.0'\ntitle: Coffee or tea\nsource: {provenance: human}\nitems: [{name: drink}]\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    files = {
        "heavy_plugin.py": HEAVY_PLUGIN,
        "beans/__init__.py": "import numpy",
        "beans/coffee/task.yaml": COFFEE,
    }
    install(folder, "heavy", files, "heavy_plugin")
    install(folder, "broken", {"broken_plugin.py": BROKEN_PLUGIN}, "broken_plugin")
    return folder


def loaded(words: list[str], site: Path | None, tmp_path: Path, completing: str = "") -> tuple[str, set[str]]:
    """What a command prints, and which of the modules that it must not load it did load."""
    code = (
        "import sys\nfrom surveyeval.cli.main import main\n"
        f"sys.argv = ['surveyeval', *{words!r}]\n"
        "try:\n    main()\nexcept SystemExit as left:\n    assert not left.code, left.code\n"
        f"print('LOADED', *[name for name in {HEAVY + PLUGINS!r} if name in sys.modules])"
    )
    environment = {**os.environ, "SURVEYEVAL_CACHE": str(tmp_path / "cache"), "COLUMNS": "80"}
    environment.pop("PYTHONPATH", None)
    if site is not None or os.environ.get("PYTHONPATH"):
        environment["PYTHONPATH"] = path_of(*([site] if site else []))
    if completing:
        typed = ["surveyeval", *completing.split(" ")]
        environment |= {
            "_SURVEYEVAL_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(typed),
            "COMP_CWORD": str(len(typed) - 1),
        }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, text=True, capture_output=True, check=True
    )
    text, _, names = done.stdout.rpartition("LOADED")
    return text, set(names.split())


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["run", "--help"],
        ["ls", "--help"],
        ["init", "task", "--help"],
        ["preview", "--help"],
        ["plan", "--help"],
        ["simulate", "--help"],
        ["doctor", "--help"],
        ["--version"],
        ["ls", "tasks"],
        ["ls", "suites"],
        ["ls", "tasks", "--json"],
        ["probe", "--help"],
        ["plot", "--help"],
    ],
)
def test_nothing_heavy_without_plugins(words: list[str], tmp_path: Path) -> None:
    assert loaded(words, None, tmp_path)[1] == set()


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["show", "--help"], ["--version"]])
def test_help_loads_no_plugin(words: list[str], site: Path, tmp_path: Path) -> None:
    assert loaded(words, site, tmp_path)[1] == set()


def test_tasks_are_listed_from_memory_and_completed_without_any_plugin(site: Path, tmp_path: Path) -> None:
    text, names = loaded([], site, tmp_path, "run --task ")
    assert names == set()
    assert "anes96" in text
    assert "coffee" not in text  # no plugin was ever loaded

    text, names = loaded(["ls", "tasks"], site, tmp_path)
    assert {"heavy_plugin", "numpy"} <= names
    assert "beans" not in names  # a package that holds a task file is not imported for it
    for expected in ("coffee", "Coffee or tea", "3.0, 1 item; from heavy", "Failed to load: broken"):
        assert expected in text

    again, names = loaded(["ls", "tasks"], site, tmp_path)
    assert (again, names) == (text, set())

    for typed, completed in (
        ("run --task co", "coffee"),
        ("show co", "coffee"),
        ("validate co", "coffee"),
        ("run --model ab", "abacus:"),
        ("ru", "run"),
    ):
        text, names = loaded([], site, tmp_path, typed)
        assert completed in text
        assert names == set()


def test_a_memo_that_cannot_be_written_costs_time_only(site: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    for _ in range(2):
        text, names = loaded(["ls", "tasks"], site, tmp_path)
        assert "coffee" in text
        assert "heavy_plugin" in names
    text, names = loaded([], site, tmp_path, "run --task ")
    assert "anes96" in text
    assert names == set()
