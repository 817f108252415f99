"""Loading a task by name or path."""

from __future__ import annotations

from pathlib import Path

import pytest

from surveyeval.errors import ConfigError
from surveyeval.task.load import load_task

RICH = Path(__file__).with_name("rich.yaml")


def copy(tmp_path: Path, text: str) -> str:
    path = tmp_path / "task.yaml"
    path.write_text(text)
    return str(path)


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
