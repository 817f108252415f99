"""A task with one item and no profile: what does not apply is named, and nothing is said of individuals."""

from __future__ import annotations

from pathlib import Path

import pytest

from surveyeval import api
from surveyeval.engine.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs")
    (made,) = api.run(task="disclosure_sale", model="baseline:marginal", splits=4, output=str(folder))
    return made


def test_axes_that_do_not_apply_have_their_reason(run: Run) -> None:
    table = run.estimates
    for axis in ("subgroups", "stereotyping", "coherence", "individual"):
        rows = table[table["axis"] == axis]
        assert set(rows["status"]) == {"not_applicable"}, axis
        assert rows["reason"].str.len().min() > 0
    assert set(table[table["axis"] == "alignment"]["status"]) > {"ok"}
    copies = table[table["metric"] == "longest_copy"]
    assert set(copies["status"]) == {"not_applicable"}


def test_the_card_names_them(run: Run) -> None:
    card = (Path(run.folder) / "report.md").read_text()
    assert "knowing nothing about them but their experimental arm: the task has no profile" in card
    start = card.index("- Does not apply: ")
    said = card[start : start + 800]
    for text in (
        "Subgroups: the task declares no subgroups",
        "Belief and action: the task declares no coherence rule",
        "Individuals: the task has no profile and one item",
    ):
        assert text in said
    for claim in ("Subgroup comparisons", "Individuals"):
        row = next(line for line in card.splitlines() if line.startswith(f"| {claim} ("))
        assert "can’t tell from this task" in row
