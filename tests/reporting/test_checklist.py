"""What a run discloses of itself: nothing is claimed that it does not know."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from surveyeval import api
from surveyeval.engine.run import Run
from surveyeval.reporting.disclosure import disclosure, markdown, section
from surveyeval.reporting.disclosure_facts import Facts, contamination
from surveyeval.reporting.view import RunView


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs")
    return api.run(task="anes96", model="baseline:cell", limit=60, splits=2, output=folder, cache=False)[0]


@pytest.fixture
def manifest(run: Run) -> dict[str, Any]:
    """The manifest as a language model would have written it."""
    found = deepcopy(run.manifest)
    found["model"] |= {"name": "tiny", "string": "hf:org/tiny?examples=2"}
    found["model"]["fingerprint"] = {"kind": "content", "value": "a" * 64, "details": {"dtype": "float32"}}
    found["elicitation"] = {"text": "choice", "name": "choice", "distribution": True}
    found["prompt_example"] = [{"role": "user", "content": "| a | table\n# and a heading"}]
    return found


def test_both_checklists_are_whole(manifest: dict[str, Any]) -> None:
    entries = disclosure(manifest).entries
    assert [one.number for one in entries if one.checklist == "AAPOR"] == [str(number) for number in range(1, 12)]
    guide = [one.number for one in entries if one.checklist == "GUIDE-LLM"]
    assert guide == ["A.1", "A.2", "B.1", "B.2", "B.3", "B.4", "B.5", "C.1", "C.2", "D.1", "E.1", "E.2", "F.1", "G.1"]
    assert all(one.answer or one.left for one in entries)
    known = {(one.checklist, one.number): one for one in entries}
    assert known["AAPOR", "2"].answer == ""  # no run knows the sponsor
    assert known["AAPOR", "2"].left
    assert "Pilot interviews stood in the prompt" in known["GUIDE-LLM", "B.4"].answer
    assert "Nothing left the machine" in known["GUIDE-LLM", "D.1"].answer
    manifest["leaves"] = {"to": "api.example.org", "profile": ["age"], "answers": ["vote"]}
    said = {one.number: one.answer for one in disclosure(manifest).entries if one.checklist == "GUIDE-LLM"}
    assert "Sent to api.example.org: age, answers to vote" in said["D.1"]


def test_what_the_task_does_not_say_is_to_write(manifest: dict[str, Any]) -> None:
    for name in ("population", "mode", "selection", "field_dates", "published", "url"):
        manifest["task"][name] = None
    known = {one.number: one for one in disclosure(manifest).entries if one.checklist == "AAPOR"}
    assert known["4"].answer == ""
    assert "None" not in markdown(disclosure(manifest)).replace("| None. |", "")
    assert "not stated when the data became public" in disclosure(manifest).contamination


def test_the_methods_paragraph_names_sizes_model_and_tries(manifest: dict[str, Any]) -> None:
    manifest["tried"] = 7
    text = disclosure(manifest).methods
    for expected in (
        "tiny (hf:org/tiny?examples=2)",
        "Of 944 people",
        "60 tested the model, a part of all",
        "7 configurations were tried",
    ):
        assert expected in text
    manifest["options"]["hidden"] = ["age", "income"]
    assert "age" not in disclosure(manifest).methods.split("was told")[1].split("and was asked")[0]


@pytest.mark.parametrize(
    ("published", "cutoff", "expected"),
    [
        ("1997", "2023-10", "memorisation is not excluded"),
        ("2024-05-01", "2023-10", "cannot have been read"),
        ("2023", "2023-10", "memorisation is not excluded"),  # the same year: nobody can tell
        ("2023-11", "2023-10", "cannot have been read"),
        ("spring", "2023-10", "not excluded"),
        (None, "2023-10", "not excluded"),
        ("2024", None, "not known"),
    ],
)
def test_contamination(published: str | None, cutoff: str | None, expected: str, manifest: dict[str, Any]) -> None:
    manifest["task"]["published"] = published
    manifest["model"]["fingerprint"]["details"]["cutoff"] = cutoff
    assert expected in contamination(Facts(manifest)).replace("Memorisation", "memorisation")


def test_a_baseline_is_no_language_model(run: Run) -> None:
    said = {one.number: one.answer for one in disclosure(run.manifest).entries if one.checklist == "GUIDE-LLM"}
    assert said["A.1"] == said["A.2"] == said["C.1"] == "No language model was used."
    assert disclosure(run.manifest).contamination == ""


def test_nothing_from_a_task_becomes_markdown(manifest: dict[str, Any]) -> None:
    manifest["task"]["selection"] = "a | b\n# c <script>"
    text = markdown(disclosure(manifest))
    assert "<script>" not in text
    assert "a \\| b \\# c &lt;script&gt;" in text
    assert "\n# and" not in text  # the prompt is a code block


def test_the_command_and_the_section(run: Run, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from surveyeval.cli.main import cli

    done = CliRunner().invoke(cli, ["disclose", str(run.folder), "--json"])
    assert {"entries", "methods", "tried", "contamination"} == set(json.loads(done.output))
    done = CliRunner().invoke(cli, ["disclose", str(run.folder), "-o", str(tmp_path / "d.md")])
    assert (tmp_path / "d.md").read_text() == markdown(disclosure(run.manifest))
    text = section([RunView(run.manifest, run.estimates, run.tables)])
    assert "AAPOR 2" in text
    assert "To write" in text
