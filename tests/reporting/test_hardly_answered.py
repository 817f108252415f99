"""Items that one person, or nobody, answered: intervals that do not exist are left out, and everything else is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from surveyeval import api, plots
from surveyeval.cli.main import cli
from surveyeval.engine.run import Run
from surveyeval.errors import RunError

N = 120
TASK = """\
name: bare
version: "1"
title: Items that hardly anybody answered
source: {{use: "file:rows.csv", provenance: human, licence: CC0, citation: nobody, id: id{design}}}
profile:
  sex: {{column: sex, labels: {{"1": a man, "2": a woman}}, text: "You are {{{{ value }}}}."}}
  group: {{column: group, labels: {{"1": x, "2": y, "3": z}}}}
arms: {{column: arm, levels: {{"0": {{label: a, vignette: A.}}, "1": {{label: b, vignette: B.}}}}}}
items:
  - {{name: one, role: attitude, kind: binary, question: "One?", options: {{"1": "No", "2": "Yes"}}}}
  - {{name: two, role: belief, kind: ordinal, question: "Two?", options: {{"1": a, "2": b, "3": c}}, missing: {{"-9": not_asked}}}}
  - {{name: nobody, role: belief, kind: ordinal, question: "Nobody?", options: {{"1": a, "2": b, "3": c}}, missing: {{"-9": not_asked}}}}
  - {{name: many, role: belief, kind: numeric, question: "Number?", points: [0, 10, 20], missing: {{"-1": refused}}}}
  - {{name: trust, role: belief, kind: ordinal, question: "Trust?", options: {{"1": a, "2": b, "3": c, "4": d}}}}
  - {{name: news, role: attitude, kind: multiple, question: "Which?", options: {{tv: TV, web: Web}}}}
  - {{name: vote, role: action, kind: binary, question: "Vote?", options: {{"0": "No", "1": "Yes"}}}}
subgroups: [sex, group]
cells: [sex]
patterns: [two, nobody, trust]
coherence:
  - {{name: empty, applies: nobody > 1, follows: (vote == "1") == (nobody > 2)}}
  - {{name: sparse, follows: (vote == "1") == (two > 2)}}
associations:
  - {{predictor: nobody, outcomes: [trust, vote]}}
  - {{predictor: two, outcomes: [trust, vote]}}
regressions:
  - {{name: empty, formula: vote ~ nobody + arm, family: logit, blocks: {{belief: [nobody], treatment: [arm]}}}}
  - {{name: sparse, formula: trust ~ two, family: ols, blocks: {{belief: [two]}}}}
  - {{name: full, formula: vote ~ trust + arm, family: logit, blocks: {{belief: [trust], treatment: [arm]}}}}
equivalence: {{share: 0.1, mean_sd: 0.3, reason: because}}
"""


def _runs(folder: Path, design: str) -> list[Run]:
    place = np.arange(N)
    sparse = np.where(place == 0, "1", "")  # who alone answers
    rows = pd.DataFrame(
        {
            "id": place, "w": 1 + place % 5 / 10, "psu": place % 20, "stratum": place % 2, "sex": 1 + place % 2, "arm": place // 3 % 2,
            "group": np.where(place == 5, 3, 1 + place % 2), "one": sparse, "two": np.where(place == 0, "2", "-9"), "nobody": "-9",
            "many": np.where(place == 0, 10, -1), "trust": 1 + place * 7 % 4, "news_tv": sparse, "news_web": sparse,
            "vote": place * 5 // 3 % 2,
        }
    )  # fmt: skip
    rows.to_csv(folder / "rows.csv", index=False)
    (folder / "task.yaml").write_text(TASK.format(design=design))
    models = ["baseline:marginal", "baseline:mode"]
    return list(api.run(task=str(folder), model=models, splits=2, output=folder / "runs", cache=False))


DESIGNS = [", weight: w", ", weight: w, psu: psu, strata: stratum"]


@pytest.mark.parametrize("design", DESIGNS, ids=["weighted", "stratified"])
def test_what_has_no_interval_is_drawn_without_one(design: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    runs = _runs(tmp_path, design)
    tables = [row for row in runs[0].tables["distributions"] if row["item"] == "one" and row["arm"] == ""]
    assert "0" in set(runs[0].responses["respondent"])  # the one who answered is not among those who inform baselines
    assert [row["human"] for row in tables] == [1.0, 0.0]
    assert [row["human_low"] for row in tables] == [None, None]  # the error of one weighted person is unknown
    empty = [row for row in runs[0].tables["distributions"] if row["item"] == "nobody"]
    assert all(row["human"] is None and row["human_low"] is None for row in empty)
    page = (runs[0].folder / "report.html").read_text()
    assert "One?" in page
    assert "Nobody?" in page
    assert "Logit of “Yes”, maximum likelihood" in page  # the sign depends on it
    for figure in (plots.item_shares(runs), plots.coefficients(runs), plots.use_strip(runs)):
        assert figure.axes or figure.patches
    for words in (
        ["show", str(runs[0].folder)], ["compare", *(str(run.folder) for run in runs)], ["estimates", str(runs[0].folder)],
        ["power", str(tmp_path), "--splits", "2"], ["disclose", str(runs[0].folder)],
        ["export", str(runs[0].folder), "-o", str(tmp_path / "one.zip")],
        ["leaderboard", str(tmp_path / "runs"), "-o", str(tmp_path / "site")],
    ):  # fmt: skip
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0, (words, done.output, done.exception)


def test_a_card_that_cannot_be_drawn_is_no_damage_of_a_run_just_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise TypeError("'>' not supported")

    monkeypatch.setattr("surveyeval.reporting.written.render", broken)
    with pytest.raises(RunError) as caught:
        api.run(task="anes96", model="baseline:marginal", limit=60, splits=2, output=tmp_path, cache=False)
    said = str(caught.value)
    assert "is finished and scored, but its card could not be drawn: TypeError: '>' not supported" in said
    assert "a fault of surveyeval, not of the run" in said
    assert "damaged" not in said
    (folder,) = (one.parent for one in tmp_path.glob("*/metrics.json"))
    assert not Run(folder).estimates.empty
    with pytest.raises(RunError, match="is finished and scored"):
        api.score([folder])
    with pytest.raises(RunError, match="is damaged, or was written by another version"):
        api.report([folder])
