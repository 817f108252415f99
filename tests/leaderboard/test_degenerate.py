"""A model that gives everybody the same answers wins nothing by it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from surveyeval import api
from surveyeval.board.boards import boards
from surveyeval.board.content import BoardContent, board_content
from surveyeval.board.entries import Entry
from surveyeval.board.submission import make_submission
from surveyeval.engine.run import Run
from surveyeval.reporting.headlines import PRINCIPAL


@pytest.fixture(scope="module")
def mode(tmp_path_factory: pytest.TempPathFactory) -> Run:
    (run,) = api.run(task="anes96", model="baseline:mode", limit=70, splits=2, output=tmp_path_factory.mktemp("mode"))
    return run


@pytest.fixture(scope="module")
def content(runs: list[Run], mode: Run) -> BoardContent:
    """The board of the mode, the cell, the marginal and the chain, from their stored intervals."""
    (board,) = boards([Entry(make_submission(run)) for run in (mode, *runs)])
    return board_content(board, [])


def test_the_mode_is_beaten_by_the_chain_and_beats_nobody(content: BoardContent) -> None:
    by = {content.names[one.model]: {content.names[other] for other in one.by} for one in content.beaten}
    assert "baseline:chain" in by["baseline:mode"]
    assert all("baseline:mode" not in others for others in by.values())


def test_the_mode_has_no_structure_and_the_last_place_by_its_patterns(content: BoardContent) -> None:
    (axis,) = [one for one in content.axes if one.axis.key == "heterogeneity"]
    rows = {
        measure.line.name: {row.name: row for row in measure.rows if row.model is not None} for measure in axis.measures
    }
    structure = rows["structure_ratio"]["baseline:mode"]
    assert (structure.value.status, structure.places) == ("not_estimable", None)
    assert "collapsed" in structure.value.flags
    assert [row.name for row in axis.measures[0].rows if row.model is not None][-1] == "baseline:mode"
    assert axis.measures[0].line.name == "unique_patterns"


def test_one_that_has_collapsed_chooses_no_other_measure_for_all(content: BoardContent, runs: list[Run]) -> None:
    """Its coherence is not estimable, and the coherence still stands for the axis."""
    (without,) = boards([Entry(make_submission(run)) for run in runs])
    alone = board_content(without, [])
    assert content.compared == alone.compared
    assert any(title.startswith("Belief and action") and "oherence" in title for title, _ in content.panels)


def test_accuracy_stands_for_no_axis() -> None:
    assert all("accuracy" not in names for names in PRINCIPAL.values())
    assert PRINCIPAL["heterogeneity"][0] == "unique_patterns"


def test_the_page_says_so(runs: list[Run], mode: Run, tmp_path: Path) -> None:
    api.leaderboard([mode, *runs], output=tmp_path)
    (board,) = json.loads((tmp_path / "leaderboard.json").read_text())["boards"]
    assert "baseline:chain" in board["beaten_on_every_axis"]["baseline:mode"]
    (page,) = tmp_path.glob("anes96-*.html")
    words = page.read_text()
    assert "baseline:mode: no other model beats it" not in words
    assert "It has no value on" in words
