"""Loading a task by name or path."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from surveyeval.errors import ConfigError
from surveyeval.task import schema
from surveyeval.task.identity import content_hash
from surveyeval.task.load import load_task

RICH = Path(__file__).with_name("rich.yaml")


def copy(tmp_path: Path, text: str) -> str:
    path = tmp_path / "task.yaml"
    path.write_text(text)
    return str(path)


def minimal() -> str:
    """A task file in which little is said."""
    return """name: small
version: '1'
title: Small
tags: [test, experiment]
source:
  use: file:answers.csv
  provenance: synthetic
  licence: CC0-1.0
  citation: nobody
profile:
  gender:
    column: gender
    labels:
      m: man
      f: woman
items:
  - name: vote
    role: action
    kind: binary
    question: Did you vote?
    options: {'0': 'no', '1': 'yes'}
"""


def test_a_task_is_found_by_name_folder_and_file(tmp_path: Path) -> None:
    shipped = load_task("anes96")
    assert load_task(str(shipped.folder)).content_hash == load_task(shipped.file).content_hash == shipped.content_hash
    path = copy(tmp_path, RICH.read_text())
    assert load_task(str(tmp_path)).file == load_task("mine", extra={"mine": tmp_path}).file == path


def test_the_first_profile_set_is_in_force_unless_one_is_named() -> None:
    assert load_task(str(RICH)).profile_set == "core"
    task = load_task(str(RICH), profile_set="core+party")
    assert list(task.profile) == ["age", "school", "gender", "party"]
    assert [item.name for item in task.items] == ["trust", "vote", "hours", "awake", "trust_again"]
    with pytest.raises(ConfigError, match=r"did you mean 'core\+party'"):
        load_task(str(RICH), profile_set="core+prty")


def test_comments_and_layout_do_not_change_the_hash_but_order_does(tmp_path: Path) -> None:
    text = RICH.read_text()
    original = load_task(str(RICH)).content_hash
    assert (
        load_task(
            copy(
                tmp_path, "# comment\n" + text.replace("tags: [test, experiment]", "tags:\n  - test\n  - 'experiment'")
            )
        ).content_hash
        == original
    )
    assert load_task(copy(tmp_path, text.replace("Which party?", "Which party??"))).content_hash != original
    swapped = text.replace("      m: man\n      f: woman", "      f: woman\n      m: man")
    assert load_task(copy(tmp_path, swapped)).content_hash != original


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("tags: [test, experiment]", "tags: [test, experiment]\ncoherence: []"),
        ("tags: [test, experiment]", "tags: [test, experiment]\ntruth: null"),
        ("  provenance: synthetic\n", "  provenance: synthetic\n  encoding: utf-8\n  lonely_psu: error\n"),
        ("    kind: binary\n", "    kind: binary\n    wording: assumed\n    missing: {}\n    ask_if: null\n"),
        ("      m: man\n", "      m: 'man'\n"),
    ],
)
def test_a_field_that_is_said_at_its_default_is_the_same_as_unsaid(tmp_path: Path, said: str, instead: str) -> None:
    text = minimal()
    assert said in text
    original = load_task(copy(tmp_path, text)).content_hash
    assert load_task(copy(tmp_path, text.replace(said, instead, 1))).content_hash == original


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("tags: [test, experiment]", "tags: [experiment, test]"),
        ("  provenance: synthetic\n", "  provenance: synthetic\n  encoding: latin-1\n"),
        ("    kind: binary\n", "    kind: binary\n    wording: verbatim\n"),
        ("      m: man\n", "      m: men\n"),
        ("      m: man\n      f: woman", "      f: woman\n      m: man"),
    ],
)
def test_what_a_file_says_otherwise_is_another_task(tmp_path: Path, said: str, instead: str) -> None:
    text = minimal()
    assert said in text
    original = load_task(copy(tmp_path, text)).content_hash
    assert load_task(copy(tmp_path, text.replace(said, instead, 1))).content_hash != original


def test_an_option_with_its_label_alone_and_an_included_part_hash_alike(tmp_path: Path) -> None:
    text = minimal()
    original = load_task(copy(tmp_path, text)).content_hash
    longer = text.replace("'1': 'yes'", "'1': {label: 'yes', pinned: false}")
    assert longer != text
    assert load_task(copy(tmp_path, longer)).content_hash == original
    profile = text[text.index("profile:\n") : text.index("items:\n")]
    (tmp_path / "who.yaml").write_text(profile)
    assert load_task(copy(tmp_path, "include: [who.yaml]\n" + text.replace(profile, ""))).content_hash == original


def test_a_version_with_further_fields_gives_the_same_hash() -> None:
    """Fields that a later version may have: anywhere in the order, in the whole and in its parts."""

    class Part(BaseModel):
        name: str
        note: str | None = None

    class Whole(BaseModel):
        parts: list[Part]
        named: dict[str, Part] = Field(default_factory=dict)

    class LaterPart(BaseModel):
        colour: Literal["red", "blue"] = "red"
        note: str | None = None
        name: str

    class Later(BaseModel):
        named: dict[str, LaterPart] = Field(default_factory=dict)
        extras: list[str] = Field(default_factory=list)
        first: LaterPart = Field(default_factory=lambda: LaterPart(name="nobody"))
        parts: list[LaterPart]

    content: dict[str, Any] = {
        "parts": [{"name": "a"}, {"name": "b", "note": "x"}],
        "named": {"y": {"name": "c"}, "x": {"name": "d"}},
    }
    assert content_hash(Whole(**content)) == content_hash(Later(**content))
    assert content_hash(Later(**content, extras=["more"])) != content_hash(Later(**content))
    coloured = {**content, "parts": [{"name": "a", "colour": "blue"}, {"name": "b", "note": "x"}]}
    assert content_hash(Later(**coloured)) != content_hash(Later(**content))
    turned = {**content, "named": dict(reversed(content["named"].items()))}
    assert content_hash(Whole(**turned)) != content_hash(Whole(**content))


def test_defaults_do_not_change() -> None:
    """A default that changed would change tasks under their hash; another default needs another field."""
    known = {
        "SourceSpec.lonely_psu": "error", "SourceSpec.encoding": "utf-8", "InterviewSpec.mode": "sequential",
        "InterviewSpec.options": "letters", "InterviewSpec.order": "fixed", "OptionSpec.pinned": False, "ItemSpec.wording": "assumed",
        "TaskSpec.interview": schema.InterviewSpec(),
    }  # fmt: skip
    found = {
        f"{one.__name__}.{name}": default
        for one in vars(schema).values() if isinstance(one, type) and issubclass(one, schema.Model)
        for name, field in one.model_fields.items()
        if not field.is_required() and (default := field.get_default(call_default_factory=True)) not in (None, [], {})
    }  # fmt: skip
    assert found == known


def test_all_problems_come_in_one_error(tmp_path: Path) -> None:
    text = RICH.read_text().replace("kind: binary", "kind: binry").replace("family: ols", "family: olz")
    with pytest.raises(ConfigError) as raised:
        load_task(copy(tmp_path, text))
    assert len(raised.value.problems) == 2
    assert raised.value.exit_code == 2


def test_without_the_defaults_nothing_but_the_file_is_needed(tmp_path: Path) -> None:
    minimal = """
name: minimal
version: 1
title: One question
source: {use: "file:x.csv", provenance: human, licence: none, citation: none}
items:
  - {name: q, role: action, kind: binary, question: "Yes or no?", options: {Yes: Yes, No: No}}
"""
    task = load_task(copy(tmp_path, minimal))
    assert (task.version, task.profile_set, task.profile, task.items[0].codes) == ("1", "default", {}, ("Yes", "No"))
