"""``--json`` of every listing: one schema each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from surveyeval import api
from surveyeval.cli.main import cli

TEXT, NUMBER, WHOLE, TRUTH = {"type": "string"}, {"type": "number"}, {"type": "integer"}, {"type": "boolean"}
MAYBE = {"type": ["string", "null"]}


def rows(**fields: Any) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "object", "properties": fields, "required": list(fields)}}


def listing(kind: str, **fields: Any) -> dict[str, Any]:
    found = {"kind": {"const": kind}, "entries": rows(**fields), "failed": rows(distribution=TEXT, error=TEXT)}
    return {"type": "object", "properties": found, "required": list(found), "additionalProperties": False}


def thing(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields)}


REGISTERED = {"name": TEXT, "qualified": TEXT, "summary": TEXT, "owner": TEXT}
PROBLEM = rows(message=TEXT, file=MAYBE, field=MAYBE, hint=MAYBE)
SCHEMAS: dict[str, dict[str, Any]] = {
    "ls tasks": listing("tasks", name=TEXT, title=TEXT, version=TEXT, provenance={"enum": ["human", "synthetic"]}, items=WHOLE,
                        tags={"type": "array", "items": TEXT}, file=TEXT, owner=TEXT, error=MAYBE),
    "ls suites": listing("suites", name=TEXT, version=TEXT, title=TEXT, description=TEXT, file=TEXT,
                         tasks=rows(name=TEXT, version=TEXT, profile_set=MAYBE)),
    "ls sources": listing("sources", **REGISTERED),
    "ls models": listing("models", **REGISTERED, capabilities={"type": "object"}),
    "ls elicitations": listing("elicitations", **REGISTERED),
    "ls metrics": listing("metrics", **REGISTERED, axis=TEXT),
    "ls studies": listing("studies", name=TEXT, title=TEXT, tasks={"type": "array", "items": TEXT}, file=TEXT),
    "ls plugins": listing("plugins", distribution=TEXT, version=TEXT, entry_point=TEXT, module=TEXT, file=MAYBE, error=MAYBE,
                          registered=rows(kind=TEXT, name=TEXT, summary=TEXT)),
    "ls runs -o RUNS": listing("runs", folder=TEXT, id=TEXT, created=TEXT, task=TEXT, version=TEXT, provenance=TEXT, model=TEXT,
                               string=TEXT, state=TEXT, test=WHOLE, limited={"type": ["integer", "null"]}, scored=TRUTH),
    "show framing": thing(kind={"const": "task"}, name=TEXT, version=TEXT, sha256=TEXT, source={"type": "object"},
                          arms=rows(key=TEXT, label=TEXT), comparable=TRUTH, profile={"type": "array"},
                          items=rows(name=TEXT, role=TEXT, kind=TEXT, question=TEXT, wording=TEXT, options={"type": "object"})),
    "show core": thing(kind={"const": "suite"}, name=TEXT, version=TEXT, tasks=rows(name=TEXT, version=TEXT, synthetic=TRUTH)),
    "show hf": thing(kind={"const": "model"}, **REGISTERED, documentation=TEXT, options=rows(name=TEXT, description=TEXT)),
    "show js_distance": thing(kind={"const": "metric"}, **REGISTERED, label=TEXT, facts=thing(axis=TEXT, best=TEXT, unit=TEXT)),
    "show generate": thing(kind={"const": "elicitation"}, **REGISTERED, options=rows(name=TEXT, description=TEXT)),
    "show RUN": thing(kind={"const": "run"}, folder=TEXT, state=TEXT, scored=TRUTH, card=TEXT, manifest=thing(id=TEXT, task={"type": "object"})),
    "doctor": thing(ok=TRUTH, findings=rows(section=TEXT, name=TEXT, state={"enum": ["ok", "absent", "problem"]}, says=TEXT, hint=TEXT)),
    "plan -t disclosure_sale -m baseline:cell": rows(model=TEXT, people=WHOLE, draws=WHOLE, requests={"type": "array"}),
    "compare RUN OTHER": thing(task=TEXT, provenance=TEXT, models={"type": "array", "items": TEXT}, people=WHOLE,
                               notes={"type": "array"}, differences=rows(metric=TEXT, status=TEXT)),
    "power disclosure_sale --splits 2": thing(task=TEXT, provenance=TEXT, sizes={"type": "object"}, measures={"type": "array"},
                                              margins={"type": "array"}, groups={"type": "array"}, items={"type": "array"}),
    "validate framing disclosure": thing(ok={"const": True}, tasks=rows(task=TEXT, version=TEXT, provenance=TEXT, people=WHOLE,
                                         items=WHOLE, arms=WHOLE, absent=MAYBE, notes=PROBLEM, problems=PROBLEM)),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("runs")
    api.run(task="disclosure_sale", model=["baseline:cell", "baseline:uniform"], limit=60, splits=2, output=output)
    return output


def told(folder: Path, command: str) -> Any:
    first, second = sorted(str(path.parent) for path in folder.glob("*/manifest.json"))
    known = {"RUNS": str(folder), "RUN": first, "OTHER": second}
    words = [known.get(word, word) for word in command.split()]
    done = CliRunner().invoke(cli, [*words, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize("command", SCHEMAS)
def test_what_is_printed_is_one_document_of_its_schema(command: str, folder: Path) -> None:
    found = told(folder, command)
    jsonschema.validate(found, SCHEMAS[command])
    entries = found.get("entries") if isinstance(found, dict) else found
    assert entries is None or entries  # nothing is empty here


def test_mistakes_in_a_task_file_are_in_the_document(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text("name: bad\nversion: '1'\ntitle: Bad\n")
    done = CliRunner().invoke(cli, ["validate", str(tmp_path / "task.yaml"), "--json"])
    assert done.exit_code == 2
    found = json.loads(done.stdout)
    assert found["ok"] is False
    jsonschema.validate(found["tasks"][0]["problems"], PROBLEM)
    assert any(one["line"] for one in found["tasks"][0]["problems"])
