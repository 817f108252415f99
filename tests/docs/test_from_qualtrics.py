"""The page from a Qualtrics survey to a leaderboard: its files are what their script makes, and its language model has a stand-in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from surveyeval.cli.main import cli
from tests.model import tiny
from tests.pages.blocks import ROOT, blocks
from tests.pages.qualtrics_export import write

PAGE = ROOT / "docs" / "how-to" / "from-qualtrics.md"
SHIPPED = ROOT / "docs" / "assets" / "qualtrics"


def test_the_shipped_files_are_what_their_script_makes(tmp_path: Path) -> None:
    write(tmp_path)
    for name in ("candidates.qsf", "candidates.csv"):
        assert (SHIPPED / name).read_bytes() == (tmp_path / name).read_bytes(), name


def command(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(cli, list(words), catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("SURVEYEVAL_CACHE", str(tmp_path / "cache"))
    for name in ("candidates.qsf", "candidates.csv"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    return tmp_path


def test_what_the_page_says_of_the_draft_stands_in_the_draft(here: Path) -> None:
    command("init", "task", "candidates", "--from", "candidates.qsf", "--data", "candidates.csv")
    draft = " ".join((here / "candidates" / "task.yaml").read_text().replace("#", "").split())
    table = PAGE.read_text().partition("| in the draft |")[2].partition("\n\n")[0]
    said = [one for line in table.split("\n")[2:] for one in re.findall(r"`([^`]+)`|\"([^\"]+)\"", line.split("|")[1])]
    parts = [part for code, words in said for part in re.split(r"\s*\.\.\.\s*", code or words)]
    assert len(parts) >= 12
    assert [part for part in parts if part.strip() not in draft] == []


def test_the_way_of_the_page_with_a_language_model(here: Path) -> None:
    """The way of the page in commands of this test: a model of random weights, few people; the page's numbers are not compared."""
    command("init", "task", "candidates", "--from", "candidates.qsf", "--data", "candidates.csv")
    text = next(block.text for block in blocks(PAGE) if "file" in block.marks)
    (here / "candidates" / "task.yaml").write_text(text)
    command("validate", "candidates/task.yaml")
    models = ["baseline:cell", "baseline:chain", f"hf:{tiny.save('llama', here / 'model', positions=4096)}"]
    every = [word for model in models for word in ("--model", model)]
    said = command("run", "--task", "candidates/task.yaml", *every, "--limit", "24", "--splits", "4")
    card = re.search(r"Report card: (\S+)", said)
    assert card is not None
    page = (here / card[1]).read_text()
    assert "economy" in page
    assert "Prolific" not in page
    assert "1 board with a ranking" in command("leaderboard", "runs", "--output", "site")
    board = next((here / "site").glob("candidates-*.html")).read_text()
    assert all(model in board for model in models[:2])
    run = next((here / "runs").glob("*-hf-*"))
    command("export", str(run), "--output", "model.zip")
    assert "Nothing was found that does not hold" in command("leaderboard", "--check", "model.zip")
    people = {line.split(",")[8] for line in (here / "candidates.csv").read_text().split("\n") if "R_made" in line}
    for file in (here / "site").rglob("*"):
        assert not file.is_file() or not any(one in file.read_text() for one in people if one), file
