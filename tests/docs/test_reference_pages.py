"""Pages of the reference are what the code says; what they tell of runs holds of runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import surveyeval

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> Iterator[Any]:
    """Imports a script of docs/, which is no package; the path is put back."""
    before = list(sys.path)
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        yield importlib.import_module
    finally:
        sys.path[:] = before


def test_nothing_here_is_stale(script: Any) -> None:
    """If this fails, run docs/reference_pages.py."""
    assert script("reference_pages").differences() == []


def test_what_is_stale_is_named(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: ModuleType = script("reference_pages")
    monkeypatch.setattr(pages, "FOLDER", tmp_path)
    monkeypatch.setattr(pages, "PAGES", {"errors.md": pages.PAGES["errors.md"], "hooks.md": pages.PAGES["hooks.md"]})
    (tmp_path / "errors.md").write_text(pages.PAGES["errors.md"](), encoding="utf-8")
    assert pages.differences() == ["docs/reference/hooks.md is stale: run python docs/reference_pages.py"]


def test_every_option_of_every_command_is_there(script: Any) -> None:
    """Against the help that click prints, not against what the page is made from."""
    from click.testing import CliRunner

    from surveyeval.cli.main import cli

    page = (ROOT / "docs" / "reference" / "commands.md").read_text()
    sections = dict(part.split("\n", 1) for part in page.split("\n## ")[1:])
    for name, _ in script("reference_commands").commands():
        printed = CliRunner().invoke(cli, [*name.split(), "--help"]).output
        options = {
            word.strip(",") for line in printed.splitlines() for word in line.split()[:2] if word.startswith("--")
        }
        assert options - {"--help"} <= {word.strip("`,") for word in sections[name].split()}, name


def test_a_run_holds_what_the_page_says(script: Any, tmp_path: Path) -> None:
    told = script("reference_runs")
    (run,) = surveyeval.run(task="disclosure_sale", model="baseline:cell", limit=20, splits=2, output=tmp_path)
    assert {file.name for file in run.folder.iterdir()} <= set(told.FILES)
    assert set(run.manifest) <= set(told.MANIFEST)
    assert set(run.tables) == set(told.TABLES)
    page = (ROOT / "docs" / "reference" / "estimates.md").read_text()
    for status in set(run.estimates["status"]):
        assert f"| `{status}` |" in page
    for flag in {flag for flags in run.estimates["flags"] for flag in flags.split() if not flag.startswith("covers_")}:
        assert f"| `{flag}` |" in page


def test_every_error_is_in_the_tree_with_its_exit_code(script: Any) -> None:
    from surveyeval import errors

    page = (ROOT / "docs" / "reference" / "errors.md").read_text()
    for name in errors.__all__:
        kind = getattr(errors, name)
        if isinstance(kind, type) and issubclass(kind, Exception):
            assert f"| `{name}` | {kind.exit_code} |" in page


def test_every_public_name_is_on_the_page_of_python() -> None:
    page = (ROOT / "docs" / "reference" / "python.md").read_text()
    for name in set(surveyeval.__all__) - {"__version__"}:
        assert f".{name}\n" in page
