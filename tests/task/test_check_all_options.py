"""Check-all questions: options in an order of each respondent's own, and an option that excludes the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from surveyeval import api
from surveyeval.data.sample import State
from surveyeval.task.check import check_file
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.orders import item_order

HEAD = """\
name: ways
version: "1"
title: How people travel
source: {use: "file:rows.csv", provenance: synthetic, licence: CC0, citation: nobody}
"""
ITEMS = """\
items:
  - {name: km, role: belief, kind: numeric, question: "How far?", points: [0, 5, 10]}
  - name: modes
    role: action
    kind: multiple
    question: How did you travel?
    options: {bus: by bus, bike: by bicycle, foot: on foot, none: {label: none of these, pinned: true}}
  - {name: last, role: action, kind: binary, question: "Tired?", options: {"0": "No", "1": "Yes"}}
"""


def _file(folder: Path, text: str) -> Path:
    (folder / "task.yaml").write_text(HEAD + text)
    return folder / "task.yaml"


def test_options_are_shuffled_by_the_name_of_the_question(tmp_path: Path) -> None:
    task = load_task(_file(tmp_path, "interview: {shuffled: [[modes]]}\n" + ITEMS))
    assert task.spec.interview.shuffled == [["modes_bus", "modes_bike", "modes_foot"]]
    seen = {tuple(item.name for item in item_order(task, str(respondent))) for respondent in range(200)}
    assert len(seen) == 6  # all orders of three options
    assert {(one[0], *sorted(one[1:4]), *one[4:]) for one in seen} == {
        ("km", "modes_bike", "modes_bus", "modes_foot", "modes_none", "last")
    }


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("[modes, km]", "5:25 interview.shuffled[0][0]: 'modes' is a check-all question"),
        ("[km, modes]", "5:29 interview.shuffled[0][1]: 'modes' is a check-all question"),
        ("[mode]", "'mode' is not an item; did you mean 'modes'?"),
    ],
)
def test_a_question_is_no_item_of_a_block(block: str, said: str, tmp_path: Path) -> None:
    found = [str(one) for one in check_file(_file(tmp_path, f"interview: {{shuffled: [{block}]}}\n" + ITEMS))]
    assert any(said in one for one in found), found


def test_a_pinned_option_between_others_is_said(tmp_path: Path) -> None:
    text = ITEMS.replace("bike: by bicycle", "bike: {label: by bicycle, pinned: true}")
    found = [str(one) for one in check_file(_file(tmp_path, "interview: {shuffled: [[modes]]}\n" + text))]
    assert any("modes_bike stands between these items" in one for one in found), found
    found = [str(one) for one in check_file(_file(tmp_path, text.replace("pinned: true", "pinned: at the end")))]
    assert any("pinned is true or false" in one for one in found), found


def test_an_option_that_excludes_the_others_is_asked_first(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    n = 80
    none = rng.random(n) < 0.4
    ticks = {name: np.where(none, "", np.where(rng.random(n) < 0.5, "1", "0")) for name in ("bus", "bike")}
    rows = pd.DataFrame({"none": none.astype(int), **{f"modes_{name}": one for name, one in ticks.items()}})
    rows.to_csv(tmp_path / "rows.csv", index=False)
    text = """\
items:
  - {name: home, role: action, kind: binary, column: none, question: "Did you stay at home?", options: {"0": "No", "1": "Yes"}}
  - name: modes
    role: action
    kind: multiple
    question: How did you travel?
    ask_if: home == "0"
    options: {bus: by bus, bike: by bicycle}
"""
    task = load_task(_file(tmp_path, text))
    data = load_human(task)
    for name in ("modes_bus", "modes_bike"):
        assert np.array_equal(data.sample.states[name] == State.NOT_ASKED, none)
        assert np.array_equal(data.sample.states[name] == State.ANSWERED, ~none)
    assert not data.notes
    (run,) = api.run(task=task, model="baseline:marginal", splits=2, output=tmp_path / "runs", cache=False)
    answers = run.responses.pivot_table(index=["respondent", "draw"], columns="item", values="state", aggfunc="first")
    chosen = run.responses[run.responses["item"] == "home"].set_index(["respondent", "draw"])["code"]
    stayed = chosen.reindex(answers.index) == "1"
    assert 0 < stayed.sum() < len(stayed)
    for name in ("modes_bus", "modes_bike"):
        assert (answers[name] == "not_asked").tolist() == stayed.tolist()

    # a 0 beside it is an answer of people, and is said
    rows.loc[none, "modes_bus"] = "0"
    rows.to_csv(tmp_path / "rows.csv", index=False)
    (note,) = load_human(task).notes
    assert f"{none.sum()} of 80 people answered what the filter does not put to them" in note.message
