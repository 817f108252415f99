"""Short forms of task files: what they expand to, and where mistakes in them are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from surveyeval.errors import ConfigError
from surveyeval.task.check import check_file
from surveyeval.task.document import parse_document
from surveyeval.task.expand import expand, whole_text
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.render import composed_person, interviews
from surveyeval.task.schema import TaskSpec
from surveyeval.task.task import Task

HEAD = """\
name: short
version: "1"
title: A task
source: {use: "file:rows.csv", provenance: human, licence: CC0, citation: nobody}
"""


def write(folder: Path, text: str, rows: str = "", **others: str) -> Path:
    """A task folder; `others` are further files, with `__` for `.`."""
    (folder / "task.yaml").write_text(HEAD + text)
    (folder / "rows.csv").write_text(rows)
    for name, content in others.items():
        (folder / name.replace("__", ".")).write_text(content)
    return folder / "task.yaml"


def said(path: Path) -> list[str]:
    return [str(problem).split(str(path.parent) + "/")[-1] for problem in check_file(path)]


BATTERY = """\
scales:
  trust: {"1": not at all, "2": a little, "3": fully}
items:
  - role: attitude
    kind: ordinal
    question: How much do you trust {{ statement }}?
    options: trust
    items:
      trust_police: the police
      trust_press: {statement: the press, column: q7, wording: verbatim}
"""


def test_a_battery_is_an_item_for_each_statement(tmp_path: Path) -> None:
    task = load_task(write(tmp_path, BATTERY, "trust_police,q7\n1,3\n2,2\n"))
    assert [item.name for item in task.items] == ["trust_police", "trust_press"]
    assert [item.spec.wording for item in task.items] == ["assumed", "verbatim"]
    assert task.items[0].labels == ("not at all", "a little", "fully")
    shown = interviews(task, composed_person(task))[0]
    assert shown.questions[1].text.startswith("How much do you trust the press?\nA) not at all\n")
    people = load_human(task).sample
    assert people.answers["trust_press"].tolist() == [2, 1]


def test_a_statement_that_the_question_does_not_name_stands_below_it(tmp_path: Path) -> None:
    text = BATTERY.replace("How much do you trust {{ statement }}?", "How much do you trust these?")
    task = load_task(write(tmp_path, text))
    shown = interviews(task, composed_person(task))[0]
    assert shown.questions[0].text.startswith("How much do you trust these?\nthe police\nA) not at all\n")


def test_a_question_that_only_speaks_of_a_statement_has_it_below(tmp_path: Path) -> None:
    text = BATTERY.replace("How much do you trust {{ statement }}?", "Do you agree with the following statement?")
    task = load_task(write(tmp_path, text))
    shown = interviews(task, composed_person(task))[0]
    assert shown.questions[0].text.startswith("Do you agree with the following statement?\nthe police\nA) not at all\n")


def test_codes_that_are_no_option_are_said(tmp_path: Path) -> None:
    text = CHECK_ALL.replace("{label: Television, column: q1}", "Television").replace(
        '    ticked: "yes"\n    unticked: "-1"\n', '    column: news\n    separator: ","\n'
    )
    task = load_task(write(tmp_path, text, "news,vote\ntv;paper,1\n99,0\ntv,1\n"))
    (note,) = load_human(task).notes
    assert "codes in rows.csv that are no option count as no tick: 'tv;paper' (1), '99' (1)" in str(note)


def test_a_blank_is_no_code_of_a_check_all_item(tmp_path: Path) -> None:
    found = said(write(tmp_path, CHECK_ALL.replace('unticked: "-1"', 'unticked: ""')))
    assert any("items[0].unticked: a blank cell is no code" in line for line in found), found


CHECK_ALL = """\
items:
  - name: media
    role: attitude
    kind: multiple
    question: Where did you get news yesterday?
    options:
      tv: {label: Television, column: q1}
      paper: A newspaper
    ticked: "yes"
    unticked: "-1"
    missing: {"-9": refused}
  - {name: vote, role: action, kind: binary, question: "Vote?", options: {"1": Yes, "0": No}}
"""


def test_a_check_all_question_is_a_yes_no_item_for_each_option(tmp_path: Path) -> None:
    task = load_task(write(tmp_path, CHECK_ALL, "q1,media_paper,vote\nyes,-1,1\n-1,-1,0\n-9,-9,1\n"))
    assert [item.name for item in task.items] == ["media_tv", "media_paper", "vote"]
    assert {item.spec.part_of for item in task.items[:2]} == {"media"}
    assert task.items[0].codes == ("-1", "yes")  # as in other binary items, the last is the event of a logit
    shown = interviews(task, composed_person(task))[0].questions[0].text
    assert shown.startswith("Where did you get news yesterday?\nTelevision\nA) No\nB) Yes\n")
    people = load_human(task).sample
    assert people.answers["media_tv"].tolist() == [1, 0, -1]  # none ticked is an answer, a refusal is none
    assert people.answers["media_paper"].tolist() == [0, 0, -1]


def test_the_answers_of_a_check_all_question_have_words_of_their_own(tmp_path: Path) -> None:
    text = CHECK_ALL.replace("    missing:", "    ticked_label: Ja\n    unticked_label: Nei\n    missing:")
    path = write(tmp_path, text, "q1,media_paper,vote\nyes,-1,1\n")
    assert said(path) == []
    task = load_task(path)
    shown = interviews(task, composed_person(task))[0].questions[0].text
    assert shown.startswith("Where did you get news yesterday?\nTelevision\nA) Nei\nB) Ja\n")
    assert load_human(task).sample.answers["media_tv"].tolist() == [1]


def test_words_for_a_tick_are_words_and_differ(tmp_path: Path) -> None:
    found = said(write(tmp_path, CHECK_ALL.replace("    missing:", '    ticked_label: ""\n    missing:')))
    assert len(found) == 1, found
    assert "items[0].ticked_label: ticked_label has no words; write `ticked_label: Yes`" in found[0]
    found = said(write(tmp_path, CHECK_ALL.replace("    missing:", "    ticked_label: No\n    missing:")))
    assert any("'No'" in line for line in found), found


def test_codes_in_one_column_are_taken_apart(tmp_path: Path) -> None:
    text = CHECK_ALL.replace("{label: Television, column: q1}", "Television").replace(
        '    ticked: "yes"\n    unticked: "-1"\n', '    column: news\n    separator: ";"\n'
    )
    task = load_task(write(tmp_path, text, "news,vote\ntv; paper,1\npaper,0\n-9,1\n,1\nnone,0\n"))
    people = load_human(task).sample
    assert people.answers["media_tv"].tolist() == [1, 0, -1, -1, 0]
    assert people.answers["media_paper"].tolist() == [1, 1, -1, -1, 0]
    assert people.states["media_tv"].tolist() == [0, 0, 2, 4, 0]  # refused, and a blank cell


CROSSED = """\
arms:
  factors:
    tone: {column: t, levels: {neg: negative, pos: positive}}
    group: {levels: {lat: Latino, eur: European}}
  vignette: A story with {{ tone }} tone about {{ group }} people.
items:
  - {name: vote, role: action, kind: binary, question: "Vote?", options: {"1": Yes, "0": No}}
derived: {negative: tone == "neg"}
"""


def test_factors_are_crossed(tmp_path: Path) -> None:
    rows = "t,group,vote\nneg,lat,1\nneg,eur,0\npos,lat,1\npos,eur,0\n"
    task = load_task(write(tmp_path, CROSSED, rows))
    assert [arm.key for arm in task.arms] == ["neg+lat", "neg+eur", "pos+lat", "pos+eur"]
    assert task.arms[1].label == "negative, European"
    assert dict(task.arms[1].factors) == {"tone": "neg", "group": "eur"}
    people = load_human(task).sample
    assert people.arm.tolist() == ["neg+lat", "neg+eur", "pos+lat", "pos+eur"]
    assert task.column(people, "negative").values.tolist() == [True, True, False, False]
    assert "neg tone about lat people" in interviews(task, people)[0].opening


def test_rows_outside_the_crossing_are_reported_with_their_factor(tmp_path: Path) -> None:
    from surveyeval.errors import DataError

    task = load_task(write(tmp_path, CROSSED, "t,group,vote\nneg,lat,1\nneg,eur,0\npos,lat,1\nbad,eur,0\n"))
    with pytest.raises(DataError) as caught:
        load_human(task)
    text = "\n".join(map(str, caught.value.problems))
    assert "code 'bad' is not declared" in text
    assert "nobody is in arm 'pos+eur'" in text


INCLUDED = "include: shared.yaml\n" + BATTERY.partition("items:\n")[0].replace("scales:\n", "scales:\n") + "items:\n"


def test_included_files_add_scales_and_profile(tmp_path: Path) -> None:
    text = "include: [shared.yaml]\nitems:" + BATTERY.partition("items:")[2]
    shared = 'scales:\n  trust: {"1": no, "2": yes}\nprofile:\n  age: {column: age}\n'
    path = write(tmp_path, text, "age,trust_police,q7\n30,1,2\n", shared__yaml=shared)
    task = load_task(path)
    assert list(task.profile) == ["age"]
    assert task.items[0].labels == ("no", "yes")
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "task.yaml").write_text(whole_text(task))
    again = load_task(alone / "task.yaml")
    assert again.content_hash == task.content_hash
    assert again.spec == task.spec


def test_a_mistake_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    text = "include: shared.yaml\nitems:" + BATTERY.partition("items:")[2]
    shared = 'profile:\n  age: {column: age, kind: odd}\nscales:\n  trust: {"1": no, "2": NO}\n'
    path = write(tmp_path, text, shared__yaml=shared)
    found = said(path)
    assert any(line.startswith("shared.yaml:2:28 profile.age.kind: 'odd' is not allowed here") for line in found), found
    assert any(line.startswith("shared.yaml:4:25 scales.trust.2: label 'NO' is also that of") for line in found), found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("include: ../other.yaml\nitems: []\n", "task.yaml:5:10 include: lies outside the task's folder"),
        ("include: /etc/passwd\nitems: []\n", "task.yaml:5:10 include: lies outside the task's folder"),
        ("include: nowhere.yaml\nitems: []\n", "task.yaml:5:10 include: nowhere.yaml: the file cannot be read"),
        ("include: [odd.yaml, no.yaml]\nitems: []\n", "task.yaml:5:21 include[1]: no.yaml: the file cannot be read"),
        ("include: [inner.yaml]\nitems: []\n", "inner.yaml:2:3 include[0]: gone.yaml: the file cannot be read"),
        ("include: task.yaml\nitems: []\n", "an included file has no 'name'"),
        ("include: [circle.yaml]\nitems: []\n", "circle.yaml:1:10 include: includes itself"),
        ("include: odd.yaml\nitems: []\n", "odd.yaml:1:1 items: an included file has no 'items'"),
        (BATTERY.replace("options: trust", "options: trusts"), "items[0].options: there is no scale 'trusts'; did you mean 'trust'"),
        (BATTERY.replace("  - role: attitude", "  - name: b\n    role: attitude"), "the battery has none"),
        (BATTERY.partition("    items:")[0] + "    items: []\n", "a battery has `name: statement` lines"),
        (CHECK_ALL.replace("      paper: A newspaper", "      a b: A newspaper"), "code 'a b' cannot be part of a name"),
        (CHECK_ALL.replace("column: q1}", "column: q1, value: 3}"), "an option of a check-all item has no 'value'"),
        (CROSSED.replace("  vignette", "  levels: {}\n  vignette"), "levels are made by crossing the factors"),
        (CROSSED.replace("{levels: {lat: Latino, eur: European}}", "{levels: {lat: Latino}}"), "a factor has two levels or more"),
    ],
)  # fmt: skip
def test_what_cannot_be_expanded_is_reported_at_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text, circle__yaml="include: circle.yaml\n", odd__yaml="items: []\n",
                 inner__yaml="include:\n- gone.yaml\n")  # fmt: skip
    found = said(path)
    assert any(message in line for line in found), found


def test_a_mistake_in_a_battery_is_reported_where_it_stands(tmp_path: Path) -> None:
    path = write(tmp_path, BATTERY.replace("wording: verbatim", "wording: verbatm"))
    (line,) = said(path)
    assert line.startswith("task.yaml:14:64 items[0].items.trust_press.wording: 'verbatm' is not allowed here"), line


def test_a_file_without_short_forms_is_left_as_it_is() -> None:
    document = parse_document(HEAD + "items: []\n", "task.yaml")
    assert expand(document, None) is document


def test_a_bomb_of_includes_is_refused(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"f{number}.yaml").write_text("scales: {}\n")
    path = write(tmp_path, "include: [" + ", ".join(f"f{n}.yaml" for n in range(30)) + "]\nitems: []\n")
    with pytest.raises(ConfigError, match="more than 20 files"):
        load_task(path)


def test_the_words_of_an_item_hold_its_statement(tmp_path: Path) -> None:
    item = {"role": "belief", "kind": "binary", "options": {"0": "no", "1": "yes"}, "statement": "the press"}
    source = {"use": "file:x.csv", "provenance": "human", "licence": "none", "citation": "none"}
    asked = [
        {"name": "a", **item, "question": "Do you trust {{ statement }}?"},
        {"name": "b", **item, "question": "Do you trust them?"},
        {"name": "c", **item, "question": "Do you trust them?", "statement": None},
    ]
    spec = TaskSpec.model_validate({"name": "t", "version": "1", "title": "T", "source": source, "items": asked})
    words = [one.words for one in Task(spec, tmp_path, "t.yaml", "0").items]
    assert words == ["Do you trust the press?", "Do you trust them? the press", "Do you trust them?"]
