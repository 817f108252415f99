"""`surveyeval init plugin`: what it writes installs, passes its own tests, and lives beside others, broken ones too."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from surveyeval.errors import ConfigError
from surveyeval.new_plugin import init_plugin
from tests.installed import install, path_of

ROOT = Path(__file__).resolve().parent.parent.parent
#: As the tutorial says it, but into a folder of the test, and from no index.
INSTALL = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target")


def python(*words: object, folder: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1", "SURVEYEVAL_CACHE": str(folder / "cache"), "PYTHONPATH": path,
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, *map(str, words)], cwd=folder, env=environment, text=True, capture_output=True, check=False
    )


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Two packages made by the command and installed with pip, and a third that is broken; the PYTHONPATH of all."""
    folder = tmp_path_factory.mktemp("two")
    for name in ("surveyeval-commute", "night-shift"):
        done = python("-m", "surveyeval", "init", "plugin", name, folder=folder)
        assert done.returncode == 0, done.stderr
        done = python(*INSTALL, folder / "site", folder / name, folder=folder)
        assert done.returncode == 0, done.stderr
    install(folder / "broken", "third-plugin", {"third_plugin.py": "import not_there_at_all\n"}, "third_plugin")
    return folder, path_of(folder / "site", folder / "broken")


def test_two_work_and_the_broken_third_is_named(two: tuple[Path, str]) -> None:
    folder, path = two
    listed = python("-m", "surveyeval", "ls", "plugins", folder=folder, path=path).stdout
    for words in ("surveyeval-commute 0.1.0", "night-shift 0.1.0", "commute_ends", "night_shift_canteen"):
        assert words in listed
    assert re.search(r"third-plugin 1\.2\n(  .*\n)*  FAILED import failed", listed), listed
    assert "not_there_at_all" in listed
    run = (
        "run",
        "--task",
        "commute_canteen",
        "--model",
        "night_shift:last?share=0.5",
        "--model",
        "commute:first",
        "--splits",
        "4",
    )
    done = python("-m", "surveyeval", *run, folder=folder, path=path)
    assert done.returncode == 0, done.stderr
    (card,) = folder.glob("runs/cards/*.html")
    page = card.read_text()
    assert page.count("of answers at the ends of scales, people") == 4  # two sections of two models
    missing = python("-m", "surveyeval", "run", "--task", "anes96", "--model", "third:x", folder=folder, path=path)
    assert missing.returncode == 2
    assert "third-plugin" in missing.stderr


def test_new_plugins_pass_their_own_tests_in_one_command(two: tuple[Path, str]) -> None:
    """pytest takes two files of one name in folders that are no packages for the same module."""
    folder, path = two
    first = folder / "surveyeval-commute" / "pyproject.toml"
    options = ("--quiet", "-p", "no:cacheprovider", "--config-file", first, "--rootdir", folder)
    done = python("-m", "pytest", *options, "surveyeval-commute", "night-shift", folder=folder, path=path)
    assert done.returncode == 0, done.stdout
    assert "18 passed" in done.stdout


def test_what_two_plugins_count_alike_says_whose_it_is(two: tuple[Path, str]) -> None:
    folder, _ = two
    for name in ("surveyeval-commute/surveyeval_commute", "night-shift/night_shift"):
        label = re.findall(r'label="(Answers [^"]*)"', (folder / name / "metric.py").read_text())
        assert label == [f"Answers at the ends ({'commute' if 'commute' in name else 'night_shift'})"]


def test_nothing_of_the_example_is_left(two: tuple[Path, str]) -> None:
    folder, _ = two
    for name in ("surveyeval-commute", "night-shift"):
        for file in (folder / name).rglob("*"):
            if file.is_file() and "build" not in file.parts:
                left = re.findall(r"example[_:][a-z]+|surveyeval.example|\"example\"", file.read_text())
                assert not left, f"{file}: {left}"
    project = tomllib.loads((folder / "night-shift" / "pyproject.toml").read_text())
    assert project["project"]["name"] == "night-shift"
    assert project["project"]["entry-points"]["surveyeval"] == {"plugin": "night_shift.hooks"}
    assert "MIT" in (folder / "night-shift" / "LICENSE").read_text()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("2nd", "'2nd' is no name of a package"),
        ("Commute Survey", "begins with a letter: commute-survey"),
        ("a--b", "is no name of a package"),
        ("../up", "is no name of a package"),
        ("a" * 61, "at most 60"),
        ("json", "'json' is a name of Python or of surveyeval"),
        ("class", "'class' is a name of Python"),
        ("surveyeval", "choose another, such as surveyeval-surveyeval-2"),
        ("numpy", "there is a package 'numpy' already"),
        ("surveyeval-baseline", "would be called 'baseline', which is built in"),
    ],
)
def test_names_that_will_not_do(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        init_plugin(name, output=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "README.md").write_text("mine")
    with pytest.raises(ConfigError, match="there is something already"):
        init_plugin("surveyeval-commute", output=tmp_path / "here")
    assert [file.name for file in (tmp_path / "here").iterdir()] == ["README.md"]
    (tmp_path / "empty").mkdir()
    made = init_plugin("surveyeval-commute", output=tmp_path / "empty")
    assert {
        "pyproject.toml",
        "LICENSE",
        "surveyeval_commute/hooks.py",
        "tests/test_surveyeval_commute_conformance.py",
    } <= set(made.files)
    with pytest.raises(ConfigError, match="there is something already"):
        init_plugin("surveyeval-commute", output=tmp_path / "empty")


def test_the_example_is_what_is_written(tmp_path: Path) -> None:
    made = init_plugin("surveyeval-example", output=tmp_path / "new")
    for file in made.files:
        assert (made.folder / file).read_text() == (ROOT / "plugins/surveyeval-example" / file).read_text()
