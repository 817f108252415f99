"""Yardsticks that differ between entries of one board, and values that one entry leaves out."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from surveyeval.board.agreement import agreed
from surveyeval.board.boards import Board, boards
from surveyeval.board.content import board_content
from surveyeval.board.entries import Entry
from surveyeval.board.site import make_site
from surveyeval.board.submission import Submission, make_submission
from surveyeval.engine.run import Run
from tests.leaderboard.made import Parts, changed, renamed


def forged(submission: Submission, name: str = "too good", value: str = "a" * 64) -> Submission:
    """People halved in one distance: whoever is measured against them looks nearer to them."""

    def change(parts: Parts) -> None:
        renamed(parts, name, value=value)
        for row in parts["metrics"]["estimates"]:
            if row["quantity"] == "reference" and row["metric"] == "js_distance" and row["value"] is not None:
                row |= {end: row[end] / 2 for end in ("value", "low", "high")}

    return changed(submission, change)


def honest(submission: Submission, name: str, value: str) -> Submission:
    return changed(submission, lambda parts: renamed(parts, name, value=value))


def board_of(*entries: Entry) -> Board:
    (board,) = boards(entries)
    return board


def test_of_two_that_differ_nobody_is_ranked_in_any_order_and_both_are_named(
    submission: Submission, tmp_path: Path
) -> None:
    pair = [Entry(submission), Entry(forged(submission))]
    reference = next(
        row["value"] for row in submission.parts["metrics"]["estimates"]
        if (row["quantity"], row["name"], row["item"], row["arm"]) == ("reference", "js_distance", "", "")
    )  # fmt: skip
    for entries in permutations(pair):
        board, notes = agreed(board_of(*entries))
        assert board.disputed
        assert len(board.entries) == 2
        (note,) = notes
        for words in ("too good", "baseline:chain", f"{reference:.4g}", f"{reference / 2:.4g}", "human reference"):
            assert words in note
        assert "although data, people and halves are the same: one of them was altered" in note
    site = make_site(pair, tmp_path, [], notes=[])
    assert (site.boards, site.unranked) == (0, 1)
    (page,) = tmp_path.glob("anes96-*.html")
    html = page.read_text()
    assert "one of them was altered" in html
    assert 'class="list board"' not in html  # no number of either


def test_most_of_three_are_right_and_most_of_two_are_not(submission: Submission) -> None:
    entries = [Entry(submission), Entry(honest(submission, "second", "b" * 64)), Entry(forged(submission))]
    for order in permutations(entries):
        board, (note,) = agreed(board_of(*order))
        assert {entry.model for entry in board.entries} == {"baseline:chain", "second"}
        assert not board.unranked
        assert note.startswith("too good")
    two_camps = [*entries, Entry(forged(submission, "as good", "c" * 64))]
    board, _ = agreed(board_of(*two_camps))
    assert board.disputed


def test_runs_of_this_machine_are_right_against_any_number(runs: list[Run], submission: Submission) -> None:
    entries = [
        *(Entry(forged(submission, f"forged {letter}", letter * 64)) for letter in "abc"),
        Entry(make_submission(runs[0]), runs[0]),
    ]
    board, notes = agreed(board_of(*entries))
    assert [entry.model for entry in board.entries] == ["baseline:cell"]
    assert len(notes) == 3
    assert all("against runs of this machine" in note for note in notes)


def test_a_floor_that_differs_counts_as_well(submission: Submission) -> None:
    def change(parts: Parts) -> None:
        renamed(parts, "other")
        for row in parts["metrics"]["estimates"]:
            if row["quantity"] == "floor" and row["metric"] == "coverage" and row["value"] is not None:
                row["value"] += 0.01

    _, (note,) = agreed(board_of(Entry(submission), Entry(changed(submission, change))))
    assert "their floor" in note


def test_entries_that_agree_stay_as_they_are(submission: Submission) -> None:
    board = board_of(Entry(submission), Entry(honest(submission, "second", "b" * 64)))
    assert agreed(board) == (board, [])


@pytest.mark.parametrize("whole", [True, False])
def test_what_one_entry_left_out_is_missing_and_no_excuse(submission: Submission, whole: bool) -> None:
    """An axis without its rows, or without those of the model."""

    def change(parts: Parts) -> None:
        renamed(parts, "silent")
        gone = [
            row for row in parts["metrics"]["estimates"]
            if row["axis"] == "coherence" and (whole or row["quantity"] not in ("reference", "floor"))
        ]  # fmt: skip
        parts["metrics"]["estimates"] = [row for row in parts["metrics"]["estimates"] if row not in gone]

    found = board_content(board_of(Entry(submission), Entry(changed(submission, change))), [])
    (axis,) = [one for one in found.axes if one.axis.key == "coherence"]
    for measure in axis.measures:
        rows = {row.name: row for row in measure.rows}
        assert rows["silent"].value.status == "missing"
        assert rows["silent"].value.reason == "missing from the submission"
        assert rows["silent"].places is None
        assert rows["baseline:chain"].value.ok
    compared = {one.model: one.compared for one in found.beaten}
    assert compared[1] == compared[0] - 1  # the axis still counts for the other


def test_whoever_left_out_what_others_differ_in_has_no_vote_in_any_order(submission: Submission) -> None:
    """It agrees with both sides, which do not agree with each other."""

    def blank(parts: Parts) -> None:
        renamed(parts, "says nothing", value="d" * 64)
        for row in parts["metrics"]["estimates"]:
            if row["quantity"] == "reference" and row["metric"] == "js_distance":
                row |= dict.fromkeys(("value", "low", "high"))

    entries = [Entry(submission), Entry(forged(submission)), Entry(changed(submission, blank))]
    said = set()
    for order in permutations(entries):
        board, (note,) = agreed(board_of(*order))
        assert board.disputed
        said.add(note)
        assert "says nothing" not in note
    assert len({frozenset(note.split()) for note in said}) == 1
