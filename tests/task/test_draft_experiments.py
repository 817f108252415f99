"""Experiments of Qualtrics as tasks: who read what, who is no respondent, and what was asked before the assignment."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval.data.readers import read_table
from surveyeval.errors import DataError
from surveyeval.task.check import check_file
from surveyeval.task.guess_words import role_of
from surveyeval.task.human import load_human
from surveyeval.task.init import init_task
from surveyeval.task.load import load_task
from surveyeval.task.placeholders import MARK
from surveyeval.task.render import composed_person, interviews
from surveyeval.task.task import Task
from tests.pages.qualtrics_export import responses
from tests.pages.qualtrics_survey import survey

Cells = list[list[str]]


def drafted(
    folder: Path,
    *,
    words: bool = False,
    flow: Callable[[dict[str, Any]], None] = lambda payload: None,
    rows: Callable[[Cells], Cells] = lambda cells: cells,
) -> tuple[Task, str]:
    """The task that is drafted from the made survey, after a change of its flow or of the export's cells."""
    content = survey()
    flow(next(one["Payload"] for one in content["SurveyElements"] if one["Element"] == "FL"))
    (folder / "s.qsf").write_text(json.dumps(content))
    cells = rows(list(csv.reader(io.StringIO(responses(words=words)))))
    with (folder / "s.csv").open("w", newline="") as file:
        csv.writer(file).writerows(cells)
    made = init_task("made", folder / "s.qsf", data=folder / "s.csv", output=folder / "made")
    count = iter(range(1000))
    text = re.sub(rf'"{MARK}(?:\\.|[^"\\])*"', lambda _: f'"written {next(count)}"', made.file.read_text())
    made.file.write_text(text)
    assert check_file(made.file) == []
    return load_task(made.file), text


def words_of(text: str) -> str:
    """A draft without marks and line breaks."""
    return " ".join(text.replace("#", "").split())


@pytest.mark.parametrize("words", [False, True])
def test_arms_are_read_from_the_order_of_display(words: bool, tmp_path: Path) -> None:
    task, text = drafted(tmp_path, words=words)
    assert [arm.key for arm in task.arms] == ["Economytext", "Charactertext"]
    assert (
        task.arms[1].vignette
        == "Please read this note. Some papers ask how far the candidates' word can be relied upon."
    )
    people = load_human(task).sample
    cells = list(csv.DictReader(io.StringIO(responses(words=words))))[2:]
    read = {row["ResponseId"]: row["FL_7_DO"] for row in cells}
    assert [read[one] for one in people.respondent] == list(people.arm)
    assert "people answered tvnews_1, party, strength, lean" in words_of(text)
    assert "people were also shown" not in text
    assert "time_economy_Page Submit: times on the page" in text


@pytest.mark.parametrize("words", [False, True])
def test_who_left_or_did_not_consent_is_no_respondent(words: bool, tmp_path: Path) -> None:
    task, text = drafted(tmp_path, words=words)
    human = load_human(task)
    assert human.sample.n == 250  # of 266 rows 3 are previews, 4 did not consent, 9 left before the end
    assert "9 responses are not finished; 4 people chose 'I do not agree' at consent" in words_of(text)
    assert "consent" not in [item.name for item in task.items]
    assert list(task.profile) == ["age", "education"]  # what keep names is told to nobody
    assert any("9 of 263 responses are not finished" in str(note) for note in human.notes)
    without = (tmp_path / "made" / "task.yaml").read_text()
    assert without.count("\n  keep:") == 1
    (tmp_path / "made" / "task.yaml").write_text(re.sub(r"\n  keep:.*", "", without))
    with pytest.raises(DataError, match=r"column 'FL_7_DO' is blank \(4 rows\)"):
        load_human(load_task(tmp_path / "made" / "task.yaml"))


def test_who_is_kept_must_have_been_assigned(tmp_path: Path) -> None:
    def blank(cells: Cells) -> Cells:
        column, done = cells[0].index("FL_7_DO"), cells[0].index("vote")
        row = next(number for number, one in enumerate(cells[6:], 6) if one[done])
        cells[row][column] = ""
        return cells

    task, _ = drafted(tmp_path, rows=blank)
    with pytest.raises(DataError, match=r"column 'FL_7_DO' is blank \(1 row\)"):
        load_human(task)


def test_what_is_said_of_options_is_taken_over(tmp_path: Path) -> None:
    task, text = drafted(tmp_path)
    assert task.spec.interview.shuffled == [["place_1", "place_2", "place_3"]]
    assert task.item("place_1").spec.wording == "verbatim"
    assert [item.name for item in task.items if item.spec.part_of == "sources"] == [f"sources_{n}" for n in range(1, 5)]
    assert "ticking 'None of these' took all other ticks away" in words_of(text)
    assert task.item("lean").codes == ("1", "2", "9")
    assert task.item("strength").spec.ask_if == '(party == "1" or party == "2")'
    cells = list(csv.DictReader(io.StringIO(responses(words=False))))[2:]
    people = load_human(task).sample
    kept = [row for row in cells if row["vote"] and row["Status"] == "0"]
    for number in (1, 2, 3, 4):
        ticked = np.array([str(number) in row["sources"].split(",") for row in kept])
        index = people.answers[f"sources_{number}"]
        codes = np.array(task.item(f"sources_{number}").labels)[index]
        assert np.array_equal(codes == "Yes", ticked)


def test_words_of_several_options_in_one_cell_are_not_guessed_apart(tmp_path: Path) -> None:
    task, text = drafted(tmp_path, words=True)
    assert not any(item.spec.part_of == "sources" for item in task.items)
    assert "sources: its answers stand in one column as words" in words_of(text)
    assert "its codes are words, so that their order is lost" in words_of(text)


def split(cells: Cells) -> Cells:
    """The export with fields of several values split into columns, as Qualtrics writes the display order then."""
    column = cells[0].index("FL_7_DO")
    parts = ("Economytext", "Charactertext")
    made = []
    for number, row in enumerate(cells):
        heads = {
            0: [f"FL_7_DO_{part}" for part in parts],
            1: [f"FL_7 - Block Randomizer - Display Order - {part}" for part in parts],
            2: [json.dumps({"ImportId": "FL_7_DO", "choiceId": part}) for part in parts],
        }
        own = heads.get(number) or ["1" if row[column] == part else "" for part in parts]
        made.append([*row[:column], *own, *row[column + 1 :]])
    return made


def test_a_display_order_in_several_columns_is_the_same_arm(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "several").mkdir()
    one, _ = drafted(tmp_path / "one")
    several, text = drafted(tmp_path / "several", rows=split)
    assert list(load_human(one).sample.arm) == list(load_human(several).sample.arm)
    assert "FL_7_DO_Economytext: a column of the randomiser" in text
    table = read_table(tmp_path / "several" / "s.csv")
    assert set(table.frame["FL_7_DO"].dropna()) == {"Economytext", "Charactertext"}


def test_the_places_of_several_parts_are_joined_as_in_one_column(tmp_path: Path) -> None:
    heads = [{"ImportId": "startDate"}, *({"ImportId": "FL_3_DO", "choiceId": part} for part in ("A", "B", "C"))]
    rows = [["s", "FL_3_DO_A", "FL_3_DO_B", "FL_3_DO_C"], ["s", "a", "b", "c"], [json.dumps(one) for one in heads],
            ["x", "2", "1", ""], ["y", "", "", ""], ["z", "", "2", "1"]]  # fmt: skip
    with (tmp_path / "s.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    assert list(read_table(tmp_path / "s.csv").frame["FL_3_DO"]) == ["B|A", None, "C|B"]


def test_without_a_column_nobody_knows_who_read_what(tmp_path: Path) -> None:
    def without(cells: Cells) -> Cells:
        column = cells[0].index("FL_7_DO")
        return [[*row[:column], *row[column + 1 :]] for row in cells]

    task, text = drafted(tmp_path, rows=without)
    assert task.spec.arms is None
    assert "The data have no column 'FL_7_DO', so that nobody knows who got which: export again" in words_of(text)


def parts(payload: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in payload["Flow"] if one["Type"] == "BlockRandomizer")
    return found


def colour(value: str, *inner: dict[str, Any]) -> dict[str, Any]:
    data = {"Type": "EmbeddedData", "EmbeddedData": [{"Field": "colour", "Value": value}]}
    return {"Type": "Group", "FlowID": f"FL_{value}", "Description": f"{value} page", "Flow": [data, *inner]}


def with_colour(cells: Cells) -> Cells:
    heads = ["colour", "colour", '{"ImportId":"colour"}']
    return [
        [*row, heads[number] if number < 3 else ("red" if number % 2 else "blue")] for number, row in enumerate(cells)
    ]


def test_two_randomisers_are_crossed(tmp_path: Path) -> None:
    def second(payload: dict[str, Any]) -> None:
        made = {"Type": "BlockRandomizer", "FlowID": "FL_20", "SubSet": 1, "Flow": [colour("red"), colour("blue")]}
        payload["Flow"].insert(5, made)

    task, _ = drafted(tmp_path, flow=second, rows=with_colour)
    assert sorted(arm.key for arm in task.arms) == [
        "Charactertext+blue", "Charactertext+red", "Economytext+blue", "Economytext+red",
    ]  # fmt: skip
    person = composed_person(task)
    for arm in task.arms:
        alone = replace(person, arm=np.array([arm.key], dtype=object))
        shown = str(interviews(task, alone)[0])
        assert ("Unemployment has fallen" in shown) == arm.key.startswith("Economy")
        assert ("Some papers ask" in shown) == arm.key.startswith("Character")


def test_a_randomiser_inside_an_arm_is_not_crossed_with_it(tmp_path: Path) -> None:
    def nested(payload: dict[str, Any]) -> None:
        first = parts(payload)["Flow"][0]
        parts(payload)["Flow"][0] = {
            "Type": "Group", "FlowID": "FL_8", "Description": "Economy text",
            "Flow": [first, {"Type": "BlockRandomizer", "FlowID": "FL_21", "SubSet": 1, "Flow": [colour("red"), colour("blue")]}],
        }  # fmt: skip

    def by_number(cells: Cells) -> Cells:
        return [["FL_8" if cell == "Economytext" else cell for cell in row] for row in with_colour(cells)]

    task, text = drafted(tmp_path, flow=nested, rows=by_number)
    assert [arm.key for arm in task.arms] == ["FL_8", "Charactertext"]
    assert "people were assigned to 1 of these 2 parts at random: red page; blue page" in words_of(text)


def test_texts_that_a_branch_shows_by_the_assigned_field_are_vignettes(tmp_path: Path) -> None:
    """The field is set by a randomiser, and what people read stands further down, in branches."""

    def branches(payload: dict[str, Any]) -> None:
        place = payload["Flow"].index(parts(payload))
        assigned = {"Type": "BlockRandomizer", "FlowID": "FL_7", "SubSet": 1, "Flow": [colour("red"), colour("blue")]}
        shown = [
            {
                "Type": "Branch", "FlowID": f"FL_3{number}", "Flow": [block],
                "BranchLogic": {"0": {"0": {"LogicType": "EmbeddedField", "LeftOperand": "colour", "Operator": "EqualTo",
                                            "RightOperand": value, "Type": "Expression"}, "Type": "If"}},
            }
            for number, (value, block) in enumerate(zip(("red", "blue"), parts(payload)["Flow"], strict=True))
        ]  # fmt: skip
        payload["Flow"][place : place + 1] = [assigned, *shown]

    task, text = drafted(tmp_path, flow=branches, rows=with_colour)
    assert [(arm.key, "Unemployment" in (arm.vignette or "")) for arm in task.arms] == [("red", True), ("blue", False)]
    assert "people were also shown" not in text


def test_a_question_of_one_arm_is_asked_in_that_arm(tmp_path: Path) -> None:
    def asked(payload: dict[str, Any]) -> None:
        place = next(one for one in payload["Flow"] if one.get("ID") == "BL_vote")
        payload["Flow"].remove(place)
        parts(payload)["Flow"][1] = {"Type": "Group", "FlowID": "FL_9", "Description": "x",
                                     "Flow": [parts(payload)["Flow"][1], place]}  # fmt: skip

    def by_number(cells: Cells) -> Cells:
        return [["FL_9" if cell == "Charactertext" else cell for cell in row] for row in cells]

    task, _ = drafted(tmp_path, flow=asked, rows=by_number)
    assert task.item("vote").spec.ask_if == 'arm == "FL_9"'


@pytest.mark.parametrize(
    ("text", "attention"),
    [
        ("To show that you read this, please select blue.", True),
        ("Please choose 'strongly agree' here.", True),
        ("Which devices do you use? Please select all that apply.", False),
        ("Please choose the option that best describes you.", False),
        ("Please select up to three.", False),
    ],
)
def test_how_to_answer_is_told_from_which_answer_to_give(text: str, attention: bool) -> None:
    assert (role_of(text) == "attention") == attention
