"""The JSON Schema of task files, with the validator that editors have in common."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from surveyeval.task.catalogue import find_task, shipped_names
from surveyeval.task.json_schema import json_schema
from tests.task.test_expand import BATTERY, CHECK_ALL, CROSSED, HEAD

SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
RICH = Path(__file__).parent / "rich.yaml"


def wrong(value: Any) -> list[str]:
    return [".".join(map(str, error.absolute_path)) for error in VALIDATOR.iter_errors(value)]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_tasks_are_right(name: str) -> None:
    assert wrong(yaml.safe_load(find_task(name).read_text())) == []


def test_the_file_with_every_field_is_right() -> None:
    assert wrong(yaml.safe_load(RICH.read_text())) == []


@pytest.mark.parametrize("text", [BATTERY, CHECK_ALL, CROSSED, "include: [a.yaml]\n" + BATTERY])
def test_short_forms_are_right(text: str) -> None:
    assert wrong(yaml.safe_load(HEAD + text)) == []


@pytest.mark.parametrize(
    ("route", "value"),
    [
        (("nmae",), "x"),
        (("source", "provenance"), "people"),
        (("source", "licence"), None),
        (("items", 0, "kind"), "ordnal"),
        (("items", 0, "rle"), "belief"),
        (("items", 0, "options"), 3),
        (("items", 0, "part_of"), "x"),
        (("interview", "order"), "backwards"),
        (("interview", "shuffled"), ["a"]),
        (("arms", "levels"), []),
        (("equivalence", "share"), []),
        (("name",), "With Blanks"),
    ],
)
def test_slips_are_found(route: tuple[Any, ...], value: Any) -> None:
    document = copy.deepcopy(yaml.safe_load(RICH.read_text()))
    place = document
    for part in route[:-1]:
        place = place[part]
    place[route[-1]] = value
    assert wrong(document)


def test_what_is_missing_is_found() -> None:
    document = yaml.safe_load(RICH.read_text())
    for key in ("name", "source", "items"):
        assert wrong({name: value for name, value in document.items() if name != key})
    document["items"] = [{**document["items"][0]}]
    del document["items"][0]["question"]
    assert wrong(document)
