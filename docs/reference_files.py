"""Pages of what may stand in files: tasks (from their JSON Schema), studies, and the file of ``--config``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from reference_examples import TASK_EXAMPLES
from reference_markdown import cell, code, made, table

from surveyeval.cli.config import _KEYS
from surveyeval.grid.spec import PilotGrid, StudySpec, TaskChoice
from surveyeval.task.json_schema import json_schema
from surveyeval.task.suites import _KEYS as _KEYS_OF_SUITES
from surveyeval.task.suites import _MEMBER_KEYS
from surveyeval.tuning.options import TuningOptions

__all__ = ["config_page", "study_page", "suite_page", "task_page"]

Schema = dict[str, Any]

_TASK = """\
Every field that may stand in a task file, made from the schema by which files are checked. How to write one is told in [write a task for
your own survey](../how-to/own-survey.md). `surveyeval schema` prints this as a JSON Schema, with which an editor completes fields and marks slips.

Fields without a default must be there. A text may be written bare; numbers and `true` are read as the text that stands in the file. What
refers to what, rules, formulas and templates are checked by `surveyeval validate`.

A task that has what every task must have, and a little more:"""

#: Definition -> heading.
_PARTS = {
    "SourceSpec": "source",
    "ProfileField": "profile fields",
    "Recode": "recode",
    "Arms": "arms",
    "Level": "levels of arms",
    "InterviewSpec": "interview",
    "ItemSpec": "items",
    "OptionSpec": "options",
    "Statement": "items of a battery",
    "CoherenceRule": "coherence",
    "AssociationSpec": "associations",
    "RegressionSpec": "regressions",
    "Equivalence": "equivalence",
}


def task_page() -> str:
    """Every field of a task file."""
    schema = json_schema()
    definitions: Schema = schema["$defs"]
    unknown = set(definitions) - set(_PARTS)
    if unknown:
        raise SystemExit(f"say under which heading {', '.join(sorted(unknown))} stands, in docs/reference_files.py")
    parts = ["## The whole file", _fields(schema)]
    for name, heading in _PARTS.items():
        one = definitions[name]
        parts += [f"## {heading}", cell(one.get("description", "")), "" if name == "Statement" else _fields(one)]
        if name == "Statement":
            parts.append(
                "All fields of an item but `name` and `items`; `statement` must be there. A bare text is the statement."
            )
        parts.append(TASK_EXAMPLES[name])
        fields = (
            []
            if name == "Statement"
            else [field for field in one["properties"] if not re.search(rf"\b{field}:", TASK_EXAMPLES[name])]
        )
        if fields:
            raise SystemExit(f"show {', '.join(fields)} in the example of {name}, in docs/reference_examples.py")
    return made("Task files", _TASK, TASK_EXAMPLES["TaskSpec"], *parts)


def _fields(schema: Schema) -> str:
    required = set(schema.get("required", ()))
    if not required and "anyOf" in schema:  # of an item, as far as it is no battery
        required = set(schema["anyOf"][0].get("required", ()))
    rows = []
    for name, one in schema["properties"].items():
        default = "must be there" if name in required else _default(one)
        rows.append([code(name), _type(one), default, cell(one.get("description", ""))])
    return table(["field", "type", "default", "meaning"], rows)


def _default(schema: Schema) -> str:
    value = schema.get("default")
    if value is None or value in ({}, []) or isinstance(value, dict):
        return ""
    return code(str(value).lower() if isinstance(value, bool) else str(value))


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        heading = _PARTS[name]
        return f"[{heading}](#{heading.replace(' ', '-')})"
    if "enum" in schema:
        return ", ".join(code(str(one)) for one in schema["enum"])
    if "const" in schema:
        return code(str(schema["const"]))
    if "anyOf" in schema:
        kinds = [_type(one) for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    kind = schema.get("type")
    if kind == "array" or (isinstance(kind, list) and "array" in kind):
        return f"list of {_type(schema['items'])}"
    if kind == "object":
        inner = schema.get("additionalProperties") or next(iter(schema.get("patternProperties", {}).values()), None)
        if isinstance(inner, dict):
            inside = _type(inner)
            return f"name: {inside}" if ": " not in inside else f"name: ({inside})"
        return "mapping"
    kinds = kind if isinstance(kind, list) else [kind]
    for known, words in (("boolean", "true or false"), ("integer", "whole number"), ("number", "number")):
        if known in kinds and "string" in kinds and len(kinds) == 2:
            return words
    return {"integer": "whole number", "number": "number", "boolean": "true or false"}.get(str(kinds[0]), "text")


_STUDY = """\
A study is a grid of models, pilots and seeds on one test set; [fine-tuning](../how-to/fine-tuning.md#a-study) tells what it is for.
`surveyeval study FILE` runs it. Fields without a default must be there.

<!-- study -->
```yaml
name: small
title: A pilot of 1996 voters, and baselines
tasks: [anes96]
methods: []
baselines: [uniform, marginal, cell, chain]
pilots:
  sizes: ["30", "60"]
  draws: 2
limit: 60
splits: 4
```"""


def study_page() -> str:
    """Every field of a study file."""
    parts = [_STUDY, "## The whole file", _model(StudySpec)]
    for heading, model in (("tasks", TaskChoice), ("pilots", PilotGrid), ("tuning", TuningOptions)):
        parts += [f"## {heading}", inspect.cleandoc(model.__doc__ or "").split("\n\n")[0], _model(model)]
    return made("Study files", *parts)


def _model(model: type[BaseModel]) -> str:
    told = dict(_parameters(model))
    rows = []
    for name, info in model.model_fields.items():
        meaning = info.description or told.get(name, "")
        if not meaning:
            raise SystemExit(f"say what {model.__name__}.{name} means, under Parameters of its docstring")
        default = (
            "must be there" if info.is_required() else _plain(info.default if info.default_factory is None else [])
        )
        rows.append([code(name), _annotation(model, name), default, cell(meaning)])
    return table(["field", "type", "default", "meaning"], rows)


def _plain(value: Any) -> str:
    if value is None or value in ("", [], ()) or isinstance(value, BaseModel):
        return ""
    if isinstance(value, (list, tuple)):
        return code(f"[{', '.join(map(str, value))}]")
    return code(str(value).lower() if isinstance(value, bool) else str(value))


def _annotation(model: type[BaseModel], name: str) -> str:
    schema = model.model_json_schema()["properties"][name]
    if name in ("tasks", "pilots", "tuning"):
        return f"[{name}](#{name})"
    return _type(schema)


def _parameters(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Name and meaning under Parameters of a numpydoc docstring."""
    text = inspect.cleandoc(model.__doc__ or "").partition("Parameters\n----------\n")[2]
    for entry in re.split(r"\n(?=\S)", text):
        name, _, said = entry.partition("\n")
        yield name.partition(" :")[0], re.sub(r"``([^`]*)``", r"`\1`", " ".join(said.split()))


_SUITE = """\
A suite is a versioned list of tasks, so that "the same tasks" means the same to everybody. `surveyeval run --suite NAME` runs a shipped one
(`surveyeval ls suites`), `--suite path/to/suite.yaml` one of your own. A task whose file has another version than the suite says is an
error.

```sh
surveyeval run --suite core --model baseline:cell
```

<!-- suite -->
```yaml
name: mine
version: "1.0"
title: Surveys without a download
description: One on placement and vote, one experiment.
tasks:
  - name: anes96
    version: "1.0"
    profile_set: core
  - name: framing
    version: "1.0"
```"""
_SUITE_FIELDS = {
    "name": ("must be there", "short name: lower case, digits, - and _"),
    "version": ("must be there", "raised whenever a task's version is"),
    "title": ("must be there", "what these tasks have in common"),
    "description": ("", "a few sentences"),
    "tasks": ("must be there", "the tasks, in order"),
}
_SUITE_TASK = {
    "name": ("must be there", "name of a shipped or registered task, or path of a task file, relative to the suite's"),
    "version": ("must be there", "the version of the task that is meant"),
    "profile_set": ("", "one of its profile sets; default: the first"),
}


def suite_page() -> str:
    """Every field of a suite file."""
    if list(_SUITE_FIELDS) != list(_KEYS_OF_SUITES) or list(_SUITE_TASK) != list(_MEMBER_KEYS):
        raise SystemExit("fields of suites have changed: tell of them in docs/reference_files.py")
    heads = ["field", "default", "meaning"]
    rows = [[code(name), default, cell(told)] for name, (default, told) in _SUITE_FIELDS.items()]
    inner = [[code(name), default, cell(told)] for name, (default, told) in _SUITE_TASK.items()]
    return made("Suite files", _SUITE, "## The whole file", table(heads, rows), "## tasks", table(heads, inner))


_CONFIG = """\
`surveyeval run --config FILE` reads options from a YAML file; what stands on the command line wins. Each run keeps such a file
(`config.yaml` in its [directory](run-directory.md)), so that `surveyeval run --config runs/FIRST/config.yaml` does it again.

<!-- file: config.yaml -->
```yaml
task: anes96
models: ["baseline:cell", "small=embedded:smollm2"]
settings:
  small: {dtype: bfloat16}
limit: 60
splits: 10
```

```sh
surveyeval run --config config.yaml
```"""


def config_page() -> str:
    """Every key of the file of --config."""
    rows = ([code(name), cell(right)] for name, (_, right) in _KEYS.items())
    options = "What a key means is told with the options of [`surveyeval run`](commands.md#run); `models` is its `--model`, `settings` its `-M`."
    return made("Config files", _CONFIG, table(["key", "value"], rows), options)
