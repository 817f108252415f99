"""The page on writing tasks: every example in it is right, and its session is what the commands print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from surveyeval.task.check import check_file
from surveyeval.task.schema import ItemSpec, TaskSpec

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "own-survey.md").read_text()
#: What is said of an example, and the example.
BLOCKS = re.findall(r"(?:<!-- ([a-z]+)(?:: ([\w.]+))? -->\n)?```(\w*)\n(.*?)```", PAGE, flags=re.DOTALL)
EXAMPLES = [(kind, text) for kind, _, language, text in BLOCKS if language == "yaml" and kind != "include"]
HEAD = """\
name: example
version: "1"
title: An example
source: {use: "file:rows.csv", provenance: human, licence: CC0, citation: nobody}
"""


def block(kind: str, name: str) -> str:
    return next(text for one, given, _, text in BLOCKS if (one, given) == (kind, name))


@pytest.mark.parametrize(("kind", "text"), EXAMPLES, ids=[f"{n}-{kind}" for n, (kind, _) in enumerate(EXAMPLES)])
def test_every_example_is_right(kind: str, text: str, tmp_path: Path) -> None:
    whole = {"task": text, "items": f"{HEAD}items:\n{text}", "parts": f"{HEAD}{text}"}[kind]
    (tmp_path / "task.yaml").write_text(whole)
    (tmp_path / "scales.yaml").write_text(block("include", "scales.yaml"))
    assert check_file(tmp_path / "task.yaml") == []


def test_every_field_is_on_the_page() -> None:
    expanded = {"part_of", "member", "name"}  # written by expansion
    for model in (TaskSpec, ItemSpec):
        for field in set(model.model_fields) - expanded:
            assert re.search(rf"\b{field}\b", PAGE), field
    for word in ("include", "scales", "factors", "ticked", "unticked", "separator", "shuffled", "keep", "lonely_psu"):
        assert f"`{word}" in PAGE or f"{word}:" in PAGE or f"source.{word}`" in PAGE, word


def test_the_session_is_what_the_commands_print(tmp_path: Path) -> None:
    (tmp_path / "answers.csv").write_text(block("transcript", "data"))
    said = ""
    for line in re.findall(r"^\$ surveyeval (.*)$", block("transcript", "session"), flags=re.MULTILINE):
        done = subprocess.run(
            [sys.executable, "-m", "surveyeval", *line.split()], cwd=tmp_path, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "COLUMNS": "80"},
        )  # fmt: skip
        said += f"$ surveyeval {line}\n{done.stdout}"
    assert said == block("transcript", "session")
    text = (tmp_path / "trust" / "task.yaml").read_text()
    for old, new in re.findall(
        r"^\| `(.*?)` \| `(.*?)` \|$", PAGE.split("<!-- edits -->")[1].split("\n\n")[0], re.MULTILINE
    ):
        assert old in text, old
        text = text.replace(old, new)
    (tmp_path / "trust" / "task.yaml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "surveyeval", "validate", "trust/task.yaml"], cwd=tmp_path, text=True, capture_output=True,
        check=False, env={**os.environ, "COLUMNS": "80"},
    )  # fmt: skip
    assert done.stdout == block("transcript", "after")
    assert yaml.safe_load(text)["name"] == "trust"
