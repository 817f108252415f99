"""The page about threats names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PAGE = Path("docs/explanation/threats.md")


def rows() -> list[list[str]]:
    """Cells of the tables with threats."""
    found, inside = [], False
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("|") else []
        if cells[:1] == ["threat"]:
            inside = True
        elif not cells:
            inside = False
        elif inside and not line.startswith("|---"):
            found.append(cells)
    return found


def test_every_threat_has_a_defence_and_a_test_that_exists() -> None:
    threats = rows()
    assert len(threats) > 30
    for cells in threats:
        assert len(cells) == 3, cells
        named = re.findall(r"`(tests/[\w/.]+?\.py)(?:::(\w+))?`", cells[2])
        assert named, cells[0]
        for file, test in named:
            tree = ast.parse(Path(file).read_text())
            functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
            assert not test or test in functions, f"{file}::{test}"
            assert any(name.startswith("test_") for name in functions), file


def test_every_file_of_this_folder_is_named() -> None:
    page = PAGE.read_text()
    for path in Path("tests/hostile").glob("test_*.py"):
        assert path.name == "test_threats.py" or str(path) in page, path


def test_it_says_that_plugins_run_code_and_how_remote_code_is_asked_for() -> None:
    page = " ".join(PAGE.read_text().split())
    assert "a plugin is Python code and runs with your rights" in page
    assert "SURVEYEVAL_TRUST_REMOTE_CODE=org/name" in page
