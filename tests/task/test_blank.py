"""Check-all questions stored as a tick or a blank: what a blank means, the task says."""

from __future__ import annotations

from pathlib import Path

import pytest

from surveyeval.data.sample import State
from surveyeval.errors import ConfigError
from surveyeval.task.human import HumanData, load_human
from surveyeval.task.load import load_task

TASK = """\
name: small
version: "1.0"
title: Small
source: {use: "file:rows.csv", provenance: human, licence: CC0-1.0, citation: nobody}
items:
  - {name: user, role: action, kind: binary, question: "A user?", options: {"0": "No", "1": "Yes"}, missing: {"9": refused}}
  - name: media
    role: action
    kind: multiple
    question: Which?
    missing: {"8": dont_know}
    options: {tv: Television, paper: A newspaper, web: The web}
"""
ROWS = "user,media_tv,media_paper,media_web\n1,1,,\n1,,,\n0,,,\n1,8,,1\n9,,1,\n"
A, N, M, D = int(State.ANSWERED), int(State.NOT_ASKED), int(State.MISSING), int(State.DONT_KNOW)


def load(folder: Path, more: str = "", rows: str = ROWS) -> HumanData:
    (folder / "task.yaml").write_text(TASK.replace("    kind: multiple\n", f"    kind: multiple\n{more}"))
    (folder / "rows.csv").write_text(rows)
    return load_human(load_task(folder / "task.yaml"))


def table(data: HumanData) -> list[list[tuple[int, int]]]:
    """Answer (1 is yes) and state of every person, for each option."""
    sample = data.sample
    names = [name for name in sample.answers if name.startswith("media")]
    return [list(zip(sample.answers[one].tolist(), sample.states[one].tolist(), strict=True)) for one in names]


def test_a_blank_is_no_answer_unless_the_task_says_so(tmp_path: Path) -> None:
    tv, paper, web = table(load(tmp_path))
    assert tv == [(1, A), (-1, M), (-1, M), (-1, D), (-1, M)]
    assert paper == [(-1, M)] * 4 + [(1, A)]
    assert web == [(-1, M)] * 3 + [(1, A), (-1, M)]


def test_a_blank_is_no_tick(tmp_path: Path) -> None:
    tv, paper, web = table(load(tmp_path, "    blank: not_ticked\n"))
    assert tv == [(1, A), (0, A), (0, A), (-1, D), (0, A)]
    assert paper == [(0, A)] * 4 + [(1, A)]
    assert web == [(0, A)] * 3 + [(1, A), (0, A)]


def test_a_blank_is_no_tick_beside_a_tick(tmp_path: Path) -> None:
    tv, paper, web = table(load(tmp_path, "    blank: not_ticked_if_any\n"))
    assert tv == [(1, A), (-1, M), (-1, M), (-1, D), (0, A)]
    assert paper == [(0, A), (-1, M), (-1, M), (0, A), (1, A)]
    assert web == [(0, A), (-1, M), (-1, M), (1, A), (0, A)]


def test_who_is_not_asked_did_not_leave_anything_unticked(tmp_path: Path) -> None:
    data = load(tmp_path, '    blank: not_ticked\n    ask_if: user == "1"\n')
    tv, paper, web = table(data)
    assert tv == [(1, A), (0, A), (-1, N), (-1, D), (-1, N)]
    assert web == [(0, A), (0, A), (-1, N), (1, A), (-1, N)]
    assert paper == [(0, A), (0, A), (-1, N), (0, A), (1, A)]  # the last was not to be asked, and ticked: it counts
    assert [note.message for note in data.notes if "answered what the filter" in note.message] != []


def test_a_blank_cell_of_a_column_with_all_codes(tmp_path: Path) -> None:
    one = '    column: media\n    separator: ";"\n'
    rows = "user,media\n1,tv;web\n1,\n1,8\n"
    assert [column[1] for column in table(load(tmp_path, one, rows))] == [(-1, M)] * 3
    filled = table(load(tmp_path, one + "    blank: not_ticked\n", rows))
    assert filled == [[(1, A), (0, A), (-1, D)], [(0, A), (0, A), (-1, D)], [(1, A), (0, A), (-1, D)]]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('    column: media\n    separator: ";"\n    blank: not_ticked_if_any\n', "has no tick beside it"),
        ("    blank: unticked\n", "not_ticked"),
    ],
)
def test_what_a_blank_cannot_mean(tmp_path: Path, more: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, more)


def test_a_blank_cell_has_one_meaning(tmp_path: Path) -> None:
    task = TASK.replace('missing: {"8": dont_know}', 'blank: not_ticked\n    missing: {"": refused}')
    (tmp_path / "task.yaml").write_text(task)
    with pytest.raises(ConfigError, match="declared under `missing:` too"):
        load_task(tmp_path / "task.yaml")


def test_other_items_have_codes(tmp_path: Path) -> None:
    task = TASK.replace('"A user?",', '"A user?", blank: not_ticked,')
    (tmp_path / "task.yaml").write_text(task)
    with pytest.raises(ConfigError, match="blank is for kind multiple"):
        load_task(tmp_path / "task.yaml")
