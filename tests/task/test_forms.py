"""Other forms of a questionnaire: what is made for any task, and what a file declares."""

from __future__ import annotations

from pathlib import Path

import pytest

from surveyeval.errors import ConfigError
from surveyeval.task.catalogue import shipped_names
from surveyeval.task.forms import DECLARED, KINDS, Form, forms_of
from surveyeval.task.load import load_task
from surveyeval.task.render import composed_person, interviews
from surveyeval.task.task import Task


def asked(task: Task) -> dict[str, str]:
    (one,) = interviews(task, composed_person(task))
    return {question.item: question.text for question in one.questions}


def declared(tmp_path: Path, text: str, task: Task | None = None) -> list[Form]:
    path = tmp_path / "probes.yaml"
    path.write_text(text)
    return forms_of(task or load_task("disclosure_sale"), tuple(DECLARED), file=path)


@pytest.mark.parametrize("name", shipped_names())
def test_made_forms_keep_words_options_and_people(name: str) -> None:
    task = load_task(name)
    before = asked(task)
    made = [form for form in forms_of(task) if not form.declared]
    assert {form.kind for form in made} == {"typography", "labels", "order"}
    for form in made:
        changed = form.task
        assert changed.content_hash != task.content_hash
        assert changed.spec.source == task.spec.source
        assert [item.codes for item in changed.items] == [item.codes for item in task.items]
        after = asked(changed)
        for item in task.items:
            words = item.words.split("{", 1)[0].strip()
            assert words in after[item.name].replace("\n", " ") or words in after[item.name]
            assert sorted(label in after[item.name] for label in item.labels) == [True] * item.k
            assert after[item.name] != before[item.name]


def test_options_are_shown_backwards_and_with_numbers() -> None:
    task = load_task("disclosure_sale")
    forms = {form.name: asked(form.task)["response"] for form in forms_of(task)}
    assert "A) No, I do not mention it\nB) Yes, I mention it" in asked(task)["response"]
    assert "A) Yes, I mention it\nB) No, I do not mention it" in forms["options-reversed"]
    assert "1. No, I do not mention it\n2. Yes, I mention it\nAnswer with one number." in forms["options-numbers"]
    assert forms["quotes"].startswith("“Do you mention in your answer that the iPod has frozen?”\n")


SCALES = """
name: scales
version: "1"
title: Scales
source: {{use: "file:none.csv", provenance: human, licence: CC0, citation: none}}
interview: {{order: {whole}}}
items:
  - {{name: plain, role: belief, kind: ordinal, question: First, options: {{"1": low, "2": middle, "3": high}}}}
  - {{name: own, role: belief, kind: ordinal, order: fixed, question: Second, options: {{"1": few, "2": some, "3": many}}}}
  - {{name: mixed, role: belief, kind: nominal, order: random, question: Third, options: {{"1": red, "2": blue, "3": green}}}}
"""


@pytest.mark.parametrize(
    ("whole", "touched"), [("fixed", {"plain", "own"}), ("random", {"own"}), ("reversed", {"own"})]
)  # fmt: skip
def test_options_that_an_item_fixes_itself_are_reversed_too(whole: str, touched: set[str], tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(SCALES.format(whole=whole))
    task = load_task(str(path))
    (form,) = forms_of(task, ("order",))
    assert form.items == touched
    before, after = asked(task), asked(form.task)
    assert "A) few\nB) some\nC) many" in before["own"]
    assert "A) many\nB) some\nC) few" in after["own"]
    assert after["mixed"] == before["mixed"]  # shuffled for each respondent as it was
    assert (after["plain"] == before["plain"]) == (whole != "fixed")


def test_a_task_that_shuffles_everything_has_no_reversed_form(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(SCALES.format(whole="random").replace("order: fixed, question", "order: random, question"))
    assert forms_of(load_task(str(path)), ("order",)) == []


def test_declared_forms_change_what_they_say_and_nothing_else(tmp_path: Path) -> None:
    text = """
forms:
  - name: plain
    kind: reworded
    questions: {response: "Do you say so?"}
  - name: sums
    kind: numbers
    note: unknown
    replace: {ten dollars: a hundred dollars}
"""
    plain, sums = declared(tmp_path, text)
    task = load_task("disclosure_sale")
    assert (plain.kind, sums.kind, sums.note, plain.declared) == ("reworded", "numbers", "unknown", True)
    assert asked(plain.task)["response"].startswith("Do you say so?\nA) No")
    assert plain.task.spec.interview == task.spec.interview
    assert "a hundred dollars" in str(sums.task.spec.interview.introduction)
    assert asked(sums.task) == asked(task)  # the questions; the introduction stands before them
    assert plain.items == sums.items == {"response"}
    assert sums.task.name == "disclosure_sale.sums"


def test_items_after_a_changed_one_are_touched_where_earlier_answers_are_seen(tmp_path: Path) -> None:
    task = load_task("framing")
    names = [item.name for item in task.items]
    text = "forms: [{name: one, kind: reworded, questions: {immigr: 'Should there be more or fewer?'}}]"
    (form,) = declared(tmp_path, text, task)
    assert task.spec.interview.mode == "sequential"
    assert form.items == set(names[names.index("immigr") :])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("forms: [{name: a, kind: reworded, questions: {respons: x}}]", "did you mean 'response'"),
        ("forms: [{name: a, kind: reword, questions: {response: x}}]", "did you mean 'reworded'"),
        ("forms: [{name: a, kind: numbers, replace: {nine dollars: ten}}]", "'nine dollars' stands in no question"),
        ("forms: [{name: a, kind: numbers}]", "changes nothing"),
        ("forms: [{kind: numbers, replace: {ten: x}}]", "name is missing"),
        ("forms: [{name: quotes, kind: reworded, questions: {response: x}}]", "named 'quotes' already"),
        ("forms: [{name: a, kind: reworded, questions: {response: '{{ nobody }}'}}]", "nobody"),
        ("forms: [{name: a, kind: reworded, vignettes: {generel: x}}]", "did you mean 'general'"),
        ("form: []", "unknown key"),
        ("forms: [{name: a, kind: reworded, questions: {response: x}, when: now}]", "unknown key"),
    ],
)  # fmt: skip
def test_mistakes_are_located(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        declared(tmp_path, text)
    assert said in str(caught.value)
    assert "probes.yaml" in str(caught.value)


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(ConfigError, match="did you mean 'labels'"):
        forms_of(load_task("anes96"), ["label"])


def test_what_a_task_is_does_not_depend_on_its_forms() -> None:
    task = load_task("disclosure_sale")
    assert (task.folder / "probes.yaml").is_file()
    assert {form.kind for form in forms_of(task)} == set(KINDS)
    assert load_task("disclosure_sale").content_hash == task.content_hash
