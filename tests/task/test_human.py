from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from surveyeval.data.sample import State
from surveyeval.errors import ConfigError, DataError
from surveyeval.task.human import HumanData, load_human
from surveyeval.task.load import load_task

TASK = """\
name: small
version: "1.0"
title: Small
source:
  use: file:rows.csv
  provenance: human
  licence: CC0-1.0
  citation: nobody
  id: person
  weight: w
profile:
  age: {column: age, missing: {"-9": refused}}
  region: {column: region, labels: {"01": north, "02": south, None: nowhere}}
arms:
  column: group
  levels:
    t: {label: treated, vignette: Treated.}
    c: {label: control, vignette: Control.}
items:
  - name: smokes
    role: action
    kind: nominal
    question: Do you smoke?
    options: {Yes: "yes", No: "no", NA: not applicable}
    missing: {"8": dont_know, "9": refused, "7": not_asked}
  - name: scale
    role: belief
    kind: ordinal
    question: How much?
    options: {"1": low, "2": high}
    recode: {map: {low: "1", high: "2"}, evidence: the codebook}
"""
HEADER = "person,w,group,age,region,smokes,scale\n"
ROWS = (
    "a,1,t,20,01,Yes,1.0\n"
    "b,2,c,30.0,02,No,high\n"
    "c,0.5,t,-9,None,NA,2\n"
    "d,1,c,,,8,low\n"
    "e,1,c,50,01,9,\n"
    "f,1,t,60,01,7,2\n"
    "g,1,t,61,01,,2\n"
)


def load(folder: Path, rows: str = ROWS, task: str = TASK, **options: str) -> HumanData:
    (folder / "task.yaml").write_text(task)
    (folder / "rows.csv").write_text(HEADER + rows)
    return load_human(load_task(str(folder / "task.yaml")), **options)


def message(folder: Path, rows: str, task: str = TASK) -> str:
    with pytest.raises(DataError) as caught:
        load(folder, rows, task)
    return str(caught.value)


def test_answers_and_states(tmp_path: Path) -> None:
    sample = load(tmp_path).sample
    assert sample.answers["smokes"].tolist() == [0, 1, 2, -1, -1, -1, -1]  # NA is an option like any other
    assert sample.states["smokes"].tolist() == [
        State.ANSWERED,
        State.ANSWERED,
        State.ANSWERED,
        State.DONT_KNOW,
        State.REFUSED,
        State.NOT_ASKED,
        State.MISSING,
    ]
    assert sample.answers["scale"].tolist() == [0, 1, 1, 0, -1, 1, 1]


def test_profile_arm_weight_and_identifiers(tmp_path: Path) -> None:
    human = load(tmp_path)
    sample = human.sample
    assert sample.profile["age"].tolist() == ["20", "30", None, None, "50", "60", "61"]
    assert sample.profile["region"].tolist() == ["01", "02", "None", None, "01", "01", "01"]
    assert sample.arm.tolist() == list("tctcctt")
    assert sample.weight.tolist() == [1, 2, 0.5, 1, 1, 1, 1]
    assert sample.respondent.tolist() == list("abcdefg")
    assert (human.provenance, human.licence, human.n_rows) == ("human", "CC0-1.0", 7)
    assert human.columns[:2] == ("person", "w")


def test_undeclared_codes_are_located_and_counted(tmp_path: Path) -> None:
    text = message(tmp_path, ROWS + "h,1,t,20,01,yes,1\ni,1,t,20,01,yes,1\n")
    assert "rows.csv:9 items.smokes.options: column 'smokes': code 'yes' is not declared (2 rows)" in text
    assert "did you mean 'Yes'?" in text


def test_a_leading_zero_counts(tmp_path: Path) -> None:
    assert "rows.csv:9 profile.region.labels: column 'region': code '1' is not declared (1 row)" in message(
        tmp_path, ROWS + "h,1,t,20,1,Yes,1\n"
    )


def test_all_problems_at_once(tmp_path: Path) -> None:
    text = message(tmp_path, ROWS + "a,-1,x,old,09,6,5\n")
    for expected in (
        "identifier 'a' stands twice",
        "1 weights are no numbers of 0 or more, the first is '-1'",
        "column 'group': code 'x' is not declared",
        "column 'age': 1 values are no numbers, the first is 'old'",
        "column 'region': code '09'",
        "column 'smokes': code '6'",
        "column 'scale': code '5'",
    ):
        assert expected in text
    assert text.count("rows.csv:9 ") == 7


def test_blank_arms_and_identifiers(tmp_path: Path) -> None:
    text = message(tmp_path, ROWS + ",1,,20,01,Yes,1\n")
    assert "column 'group' is blank (1 row)" in text
    assert "1 respondents have no identifier" in text


def test_an_arm_without_people(tmp_path: Path) -> None:
    assert "nobody is in arm 'c'" in message(tmp_path, "a,1,t,20,01,Yes,1\n")


def test_no_rows(tmp_path: Path) -> None:
    assert "has no rows" in message(tmp_path, "")


def test_absent_column(tmp_path: Path) -> None:
    text = message(tmp_path, ROWS, TASK.replace("column: region", "column: regoin"))
    assert "there is no column 'regoin'; did you mean 'region'?" in text


def test_other_rows_bring_their_provenance(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text(HEADER + ROWS.replace("a,1,t", "z,1,t"))
    human = load(tmp_path, data=str(other), provenance="synthetic")
    assert human.provenance == "synthetic"
    assert human.licence == "not stated"
    assert human.sample.respondent[0] == "z"
    assert human.sha256 != load(tmp_path).sha256
    for options in ({"data": str(other)}, {"provenance": "human"}):
        with pytest.raises(ConfigError, match="go together"):
            load(tmp_path, **options)


def test_row_numbers_stand_in_for_identifiers(tmp_path: Path) -> None:
    sample = load(tmp_path, task=TASK.replace("  id: person\n  weight: w\n", "")).sample
    assert sample.respondent.tolist() == [str(number) for number in range(1, 8)]
    np.testing.assert_array_equal(sample.weight, np.ones(7))


# ---- whose rows are used ----------------------------------------------------------------------------------------------


def test_keep_leaves_rows_out_and_says_how_many(tmp_path: Path) -> None:
    kept = load(tmp_path, task=TASK.replace("  id: person\n", "  id: person\n  keep: age >= 30\n"))
    # c refused the age and d has none: nothing is known of them, so they are not kept
    assert kept.sample.respondent.tolist() == ["b", "e", "f", "g"]
    assert kept.sample.weight.tolist() == [2, 1, 1, 1]
    assert kept.n_rows == 7
    (note,) = kept.notes
    assert (note.message, note.line, note.field) == (
        "3 of 7 rows are left out, 2 of them since a value that it needs is missing",
        10,
        "source.keep",
    )


def test_keep_that_leaves_nobody_out_says_nothing(tmp_path: Path) -> None:
    kept = load(tmp_path, task=TASK.replace("  id: person\n", '  id: person\n  keep: arm == "t" or arm == "c"\n'))
    assert kept.sample.n == 7
    assert not kept.notes


@pytest.mark.parametrize(
    ("rule", "words"),
    [("age > 99", "nobody in rows.csv is kept (7 rows)"), ('arm == "t"', "nobody in arm 'c' is kept")],
)
def test_keep_must_keep_somebody(tmp_path: Path, rule: str, words: str) -> None:
    with pytest.raises(DataError) as caught:
        load(tmp_path, task=TASK.replace("  id: person\n", f"  id: person\n  keep: {rule}\n"))
    assert caught.value.problems[0].message == words
    assert caught.value.problems[0].field == "source.keep"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ('smokes == "Yes"', "would select on what is measured"),
        ("scale >= 2", "would select on what is measured"),
        ("age", "not true or false"),
        ("1 == 1", "names no column"),
        ("ages >= 30", "did you mean 'age'"),
    ],
)
def test_keep_is_a_rule_on_what_is_known_beforehand(tmp_path: Path, rule: str, words: str) -> None:
    with pytest.raises(ConfigError, match=r"source\.keep") as caught:
        load(tmp_path, task=TASK.replace("  id: person\n", f"  id: person\n  keep: {rule}\n"))
    assert words in str(caught.value)
