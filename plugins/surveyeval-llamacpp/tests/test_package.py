"""The package as it is installed: a run, and what the README shows."""

import json
from importlib import metadata
from pathlib import Path

import surveyeval

README = Path(__file__).resolve().parent.parent / "README.md"


TASK = """
name: coffee
version: "1"
title: Coffee
source: {use: "file:people.csv", provenance: synthetic, licence: CC0-1.0, citation: nobody}
profile:
  floor: {column: floor, labels: {"1": first, "2": second}}
items:
  - {name: drink, role: action, kind: nominal, column: drink, question: "What?", options: {c: coffee, t: tea}}
  - {name: milk, role: action, kind: binary, column: milk, question: "Milk?", options: {n: "No", y: "Yes"}}
"""


def test_a_run(gguf, tmp_path):
    rows = [f"{1 + i % 2},{'ct'[i % 3 // 2]},{'ny'[i // 2 % 2]}" for i in range(100)]
    (tmp_path / "people.csv").write_text("\n".join(["floor,drink,milk", *rows, ""]))
    (tmp_path / "task.yaml").write_text(TASK)
    where = {"task": str(tmp_path / "task.yaml"), "model": f"tiny=llamacpp:{gguf}", "output": tmp_path / "runs"}
    for elicitation in ("choice", "generate?max_tokens=3"):
        (run,) = surveyeval.run(**where, elicitation=elicitation, limit=20, splits=2, cache=False)
        manifest = json.loads((run.folder / "manifest.json").read_text())
        assert manifest["model"]["name"] == "tiny"
        assert manifest["model"]["fingerprint"]["details"]["engine"] == "llama.cpp"


def test_every_option_stands_in_the_readme():
    from surveyeval_llamacpp.options import LlamaCppOptions

    text = README.read_text()
    for name in LlamaCppOptions.model_fields:
        assert f"`{name}`" in text, name


def test_the_licence_is_shipped():
    assert metadata.metadata("surveyeval-llamacpp")["License-Expression"] == "MIT"
