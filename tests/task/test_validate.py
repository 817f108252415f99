"""`surveyeval validate`: what this version does not support, and what the data do not have, by line of the task file."""

from __future__ import annotations

import copy
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from surveyeval.cli.main import cli
from surveyeval.task.document import dotted
from tests.task.mutations import COLUMNS, LATER_VALUES, PLACES, VALUE, Field, Mutation, Route, at, emit

ROWS = (
    "person,w,region,village,age,educ,sex,condition,PARTY,trust,vote,hours,awake,trust_again\n"
    "1,1,n,1,30,1,m,1,d,1,0,7,b,1\n2,1,s,2,50,2,f,2,r,2,1,0,a,3\n"
)


@dataclass(frozen=True)
class Validation:
    """What the command said. The layout of its lines is its own affair, so white space does not count."""

    code: int
    text: str
    #: What follows the path of the task file, wherever it occurs: ``line:column field: message``.
    located: tuple[str, ...]
    #: Line of the slip.
    line: int

    def reports(self, route: Route, words: str = "") -> bool:
        start = re.compile(rf"{self.line}:\d+ {re.escape(dotted(route))}: ")
        return any(start.match(one) and words in one for one in self.located)


def validate(folder: Path, mutation: Mutation | None, rows: str = ROWS) -> Validation:
    root = copy.deepcopy(VALUE)
    root["source"]["sha256"] = hashlib.sha256(rows.encode()).hexdigest()
    route = mutation.apply(root) if mutation else ()
    text, places = emit(root)
    path = folder / "task.yaml"
    path.write_text(text)
    (folder / "rich.csv").write_text(rows)
    result = CliRunner().invoke(cli, ["validate", str(path)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    said = " ".join(result.output.split())
    return Validation(result.exit_code, said, tuple(said.split(f"{path}:")[1:]), places[route])


def test_the_example_validates(tmp_path: Path) -> None:
    said = validate(tmp_path, None)
    assert said.code == 0
    assert said.text.startswith("rich 1.0: ok, 2 people, 6 items, 2 arms")
    assert said.text.count("note:") == 0


_CHOICES = [
    (field, route, value)
    for route, schema, _, field in PLACES
    if "enum" in schema and field
    for value in schema["enum"]
    if route != ("regressions", 1, "family") or value in ("ols", "logit")  # its errors go with no other family
]


@pytest.mark.parametrize(
    ("field", "route", "value"), _CHOICES, ids=[f"{dotted(route)}-{value}" for _, route, value in _CHOICES]
)
def test_every_choice_is_known_or_reported_as_of_a_later_version(
    tmp_path: Path, field: Field, route: Route, value: str
) -> None:
    said = validate(tmp_path, Mutation("set", route, value))
    of_logit = field == ("RegressionSpec", "errors") and value == "model" and at((*route[:-1], "family")) == "logit"
    later = value in LATER_VALUES.get(field, ()) and not of_logit
    assert said.reports(route, "not supported in this version") == later, said
    assert said.code in (0, 2, 3)


_DATA = [
    *((route, "nowhere") for route, _, _, field in PLACES if field in COLUMNS),
    *(
        (("source", "use"), use)
        for use in ("file:nowhere.csv", "file:../rich.csv", "statsmodels:nothing", "nothing:rich")
    ),
    (("source", "sha256"), "0" * 64),
]


@pytest.mark.parametrize(("route", "value"), _DATA, ids=lambda value: str(value)[:40])
def test_what_is_not_in_the_data_is_reported_in_the_line_of_the_task(tmp_path: Path, route: Route, value: str) -> None:
    said = validate(tmp_path, Mutation("set", route, value))
    assert said.code in (2, 3)
    assert said.reports(route), said
    assert {int(one.split(":")[0]) for one in said.located} == {said.line}


def test_a_column_that_defaults_to_the_name_is_reported_at_the_item(tmp_path: Path) -> None:
    said = validate(tmp_path, Mutation("set", ("items", 1, "name"), "trust"), ROWS.replace("trust,", "trusd,", 1))
    assert said.code == 3
    (found,) = said.located
    assert "items[1].column: in rich.csv there is no column 'trust'" in found
    assert "did you mean 'trusd'?" in found
    assert int(found.split(":")[0]) == said.line  # the item starts with its name
