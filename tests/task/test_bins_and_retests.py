"""`bins:` and `retest:`: what is refused, in the line of the field."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval.task.check import check_document, notes
from surveyeval.task.document import parse_document
from surveyeval.task.load import load_task
from surveyeval.task.task import Task
from tests.task.mutations import VALUE, Route, emit


def loaded(root: dict[str, Any], folder: Path) -> tuple[Task, dict[Route, int]]:
    text, places = emit(root)
    (folder / "task.yaml").write_text(text)
    return load_task(folder / "task.yaml"), places


def said(*changes: tuple[Route, Any]) -> list[tuple[int | None, str]]:
    root = copy.deepcopy(VALUE)
    for route, value in changes:
        place = root
        for part in route[:-1]:
            place = place[part]
        if value is None:
            del place[route[-1]]
        else:
            place[route[-1]] = value
    text, places = emit(root)
    problems = check_document(parse_document(text, "rich.yaml"))[1]
    last = places[changes[0][0]] if changes[0][1] is not None else None
    return [(None if problem.line == last else problem.line, problem.message) for problem in problems]


@pytest.mark.parametrize(
    ("bins", "words"),
    [
        (["5", "5"], "do not ascend"),
        (["7", "5"], "do not ascend"),
        (["0"], "no answer lies in the bin below 0"),
        (["11"], "no answer lies in the bin of 11 and more"),
        (["1", "3"], "no answer lies in the bin from 1 to below 3"),
        (["nan"], "is not finite"),
        ([], "no number at which a bin begins"),
    ],
)
def test_bins_divide_the_values_of_the_item(bins: list[str], words: str) -> None:
    found = said((("items", 1, "bins"), bins))
    assert len(found) == 1
    assert words in found[0][1]


def test_answers_without_an_order_have_no_bins() -> None:
    ((line, message),) = said((("items", 0, "bins"), ["2"]))
    assert line is None
    assert "no order" in message


def test_bins_of_points() -> None:
    assert said((("items", 3, "bins"), ["5"])) == []
    ((_, message),) = said((("items", 3, "bins"), ["6", "8"]))
    assert "from 6 to below 8" in message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([(("items", 5, "retest"), "trust_again")], "is not another item"),
        ([(("items", 5, "retest"), "vote")], "kind or options are not those of 'vote'"),
        ([(("items", 5, "options"), {"1": "no", "2": "yes"})], "kind or options are not those of 'trust'"),
        ([(("items", 5, "retest"), "awake")], "attention checks"),
        ([(("items", 1, "retest"), "trust_again"), (("items", 5, "retest"), None)], "is asked later"),
        ([(("patterns", 1), "trust_again")], "is a retest"),
    ],
)
def test_a_retest_asks_an_earlier_item_again(changes: list[tuple[Route, Any]], words: str) -> None:
    found = said(*changes)
    assert any(words in message for _, message in found), found


def test_a_retest_of_a_retest_is_refused() -> None:
    root = copy.deepcopy(VALUE)
    root["items"].append({**root["items"][5], "name": "third", "retest": "trust_again"})
    text, places = emit(root)
    (problem,) = check_document(parse_document(text, "rich.yaml"))[1]
    assert (problem.line, "itself a retest" in problem.message) == (places[("items", 6, "retest")], True)


def test_bins_outside_patterns_are_noted(tmp_path: Path) -> None:
    root = copy.deepcopy(VALUE)
    root["items"][3]["bins"] = ["5"]
    task, places = loaded(root, tmp_path)
    (note,) = notes(task)
    assert (note.line, "no effect" in note.message) == (places[("items", 3, "bins")], True)


def test_the_group_of_each_option(tmp_path: Path) -> None:
    root = copy.deepcopy(VALUE)
    root["items"][3]["bins"] = ["5", "10"]
    task, _ = loaded(root, tmp_path)
    assert task.item("trust").bins.tolist() == [0, 1, 1]  # values 0, 5, 10 and a bin that begins at 5
    assert task.item("hours").bins.tolist() == [0, 1, 2]
    assert np.array_equal(task.item("vote").bins, [0, 1])
    assert task.retests == (("trust", "trust_again"),)
    assert [item.name for item in task.measured] == ["party", "trust", "vote", "hours"]
