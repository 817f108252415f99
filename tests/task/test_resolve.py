"""What the names of a task stand for on a sample: columns, groups and rules, worked out by hand."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval.data.sample import Sample
from surveyeval.errors import ConfigError
from surveyeval.task.check import check_document
from surveyeval.task.document import parse_document
from surveyeval.task.load import load_task
from surveyeval.task.resolve import DerivedError, _derived
from surveyeval.task.schema import CoherenceRule
from surveyeval.task.task import Task

TASK = """
name: small
version: 1
title: Small
source: {use: "file:x.csv", provenance: human, licence: none, citation: none}
profile:
  age: {column: age}
  school: {column: school, kind: ordinal, labels: {"1": primary, "3": secondary, "9": tertiary}}
  gender: {column: gender, labels: {m: man, f: woman}}
  region: {column: region, kind: nominal}
profile_sets:
  few: [age, school, gender]
  more: [age, school, gender, region, mood]
arms:
  column: arm
  levels:
    t1: {label: treated gently, factors: {dose: low, colour: red}}
    t2: {label: treated hard, factors: {dose: high, colour: red}}
    c: {label: control, factors: {dose: none, colour: blue}}
items:
  - {name: mood, role: attitude, kind: nominal, question: "Mood?", options: {g: good, b: bad}}
  - name: risk
    role: belief
    kind: ordinal
    question: How risky?
    options: {"1": {label: safe, value: 0}, "2": {label: in between, value: 5}, "3": {label: risky, value: 10}}
  - {name: act, role: action, kind: binary, question: "Act?", options: {"0": "no", "1": "yes"}}
  - {name: tell, role: action, kind: binary, question: "Tell?", options: {"0": "no", "1": "yes"}}
derived:
  # each needs the one below it
  top: double + 1
  double: 2 * safety
  safety: 10 - risk
  band: cut(age, 18, 40, 60)
  brave: act == "1" and risk > 5
  given_only: school >= 3 and dose != "none"
  alias: risk
  acts: 'number(act, {"0": 0, "1": 1}) + number(tell, {"0": 0, "1": 1})'
subgroups: [band, gender, school, arm, dose, mood, brave, alias, risk]
coherence:
  - {name: avoid, applies: risk != 5, follows: '(risk > 5) == (act == "0")'}
  - {name: always, follows: 'tell == "1" or risk < 5'}
  - {name: deep, follows: top > 11 or acts == 2}
"""


def load(tmp_path: Path, text: str = TASK, **options: str) -> Task:
    path = tmp_path / "task.yaml"
    path.write_text(text)
    return load_task(str(path), **options)


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return load(tmp_path)


def objects(*values: Any) -> Any:
    return np.array(values, dtype=object)


def sample(**changes: Any) -> Sample:
    answers = {
        "mood": np.array([0, 1, 0, 1, -1, 0, 1, 0]),
        #                   10 10  0  0   5   5 mis mis
        "risk": np.array([2, 2, 0, 0, 1, 1, -1, -1]),
        "act": np.array([0, 1, 0, 1, 0, -1, 1, -1]),
        "tell": np.array([0, 1, 0, 1, 1, 0, 1, 0]),
    } | changes
    return Sample(
        objects(*"abcdefgh"), objects("t1", "t2", "c", "t1", "t2", "c", "t1", "t2"), answers=answers,
        profile={
            "age": objects("17", "18", "39.5", "40", "60", "99", None, "59"),
            "school": objects("1", "3", "9", None, "1", "3", "9", "1"),
            "gender": objects("m", "f", None, "f", "m", "f", "m", "f"),
            "region": objects("01", "2", "01", None, "x", "x", "x", "x"),
            "mood": objects("g", "b", "g", "b", None, "g", "b", "g"),
        },
    )  # fmt: skip


def shown(task: Task, name: str) -> list[Any]:
    column = task.column(sample(), name)
    return [value if known else None for value, known in zip(column.values.tolist(), column.valid, strict=True)]


# ---- columns ---------------------------------------------------------------------------------------------------------


def test_columns_are_numbers_codes_or_truth_values(task: Task) -> None:
    assert shown(task, "age") == [17, 18, 39.5, 40, 60, 99, None, 59]
    assert shown(task, "school") == [1, 3, 9, None, 1, 3, 9, 1]
    assert shown(task, "gender") == ["m", "f", None, "f", "m", "f", "m", "f"]
    assert shown(task, "region") == ["01", "2", "01", None, "x", "x", "x", "x"]
    assert shown(task, "arm") == ["t1", "t2", "c", "t1", "t2", "c", "t1", "t2"]
    assert shown(task, "dose") == ["low", "high", "none", "low", "high", "none", "low", "high"]
    assert shown(task, "colour") == ["red", "red", "blue", "red", "red", "blue", "red", "red"]
    assert shown(task, "risk") == [10, 10, 0, 0, 5, 5, None, None]
    assert shown(task, "act") == ["0", "1", "0", "1", "0", None, "1", None]
    assert shown(task, "mood") == ["g", "b", "g", "b", None, "g", "b", "g"]


def test_derived_columns_may_stand_in_any_order(task: Task) -> None:
    assert shown(task, "safety") == [0, 0, 10, 10, 5, 5, None, None]
    assert shown(task, "double") == [0, 0, 20, 20, 10, 10, None, None]
    assert shown(task, "top") == [1, 1, 21, 21, 11, 11, None, None]
    assert shown(task, "band") == [None, "18-39", "18-39", "40-59", "60+", "60+", None, "40-59"]
    # act is missing in rows f and h; a risk of 5 is known not to be above 5, a missing one is not.
    assert shown(task, "brave") == [False, True, False, False, False, False, None, None]
    assert shown(task, "given_only") == [False, True, False, None, False, False, True, False]
    assert shown(task, "acts") == [0, 2, 0, 2, 1, None, 2, None]
    assert shown(task, "alias") == shown(task, "risk")


def test_what_depends_on_no_answer_is_given(task: Task) -> None:
    given = {name: kind.given for name, kind in task.column_types.items()}
    assert given["age"]
    assert given["arm"]
    assert given["dose"]
    assert given["band"]
    assert given["given_only"]
    assert not any(given[name] for name in ("risk", "act", "safety", "top", "brave", "alias", "acts"))


def test_an_item_shown_as_profile_is_the_persons_own(tmp_path: Path) -> None:
    task = load(tmp_path, profile_set="more")
    assert task.column_types["mood"].given
    assert [item.name for item in task.items] == ["risk", "act", "tell"]
    without = {name: column for name, column in sample().answers.items() if name != "mood"}
    people = Sample(sample().respondent, sample().arm, answers=without, profile=sample().profile)
    column = task.column(people, "mood")
    assert [v if k else None for v, k in zip(column.values, column.valid, strict=True)] == ["g", "b", "g", "b", None, "g", "b", "g"]  # fmt: skip
    index, labels = task.groups(people, "mood")
    assert labels == ("good", "bad")
    np.testing.assert_array_equal(index, [0, 1, 0, 1, -1, 0, 1, 0])


def test_columns_of_no_rows(task: Task) -> None:
    nobody = sample().take(np.zeros(0, dtype=int))
    for name in task.column_types:
        assert len(task.column(nobody, name)) == 0
    for name in task.spec.subgroups:
        assert len(task.groups(nobody, name)[0]) == 0
    for rule in task.spec.coherence:
        assert len(task.coherence(nobody, rule)) == 0


def test_unknown_names_are_errors_with_a_hint(task: Task) -> None:
    with pytest.raises(ConfigError, match="no column 'agee'; did you mean 'age'"):
        task.column(sample(), "agee")
    with pytest.raises(ConfigError, match="no declared levels; derive bands: cut"):
        task.groups(sample(), "age")
    with pytest.raises(ConfigError, match="no declared levels; give its labels"):
        task.groups(sample(), "region")


# ---- groups ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "labels", "index"),
    [
        ("band", ("18-39", "40-59", "60+"), [-1, 0, 0, 1, 2, 2, -1, 1]),
        ("gender", ("man", "woman"), [0, 1, -1, 1, 0, 1, 0, 1]),
        ("school", ("primary", "secondary", "tertiary"), [0, 1, 2, -1, 0, 1, 2, 0]),
        ("arm", ("treated gently", "treated hard", "control"), [0, 1, 2, 0, 1, 2, 0, 1]),
        ("dose", ("low", "high", "none"), [0, 1, 2, 0, 1, 2, 0, 1]),
        ("colour", ("red", "blue"), [0, 0, 1, 0, 0, 1, 0, 0]),
        ("mood", ("good", "bad"), [0, 1, 0, 1, -1, 0, 1, 0]),
        ("risk", ("safe", "in between", "risky"), [2, 2, 0, 0, 1, 1, -1, -1]),
        ("alias", ("safe", "in between", "risky"), [2, 2, 0, 0, 1, 1, -1, -1]),
        ("brave", ("no", "yes"), [0, 1, 0, 0, 0, 0, -1, -1]),
    ],
)
def test_groups(task: Task, name: str, labels: tuple[str, ...], index: list[int]) -> None:
    found, names = task.groups(sample(), name)
    assert names == labels
    np.testing.assert_array_equal(found, index)


# ---- coherence --------------------------------------------------------------------------------------------------------


def test_outcomes_by_hand(task: Task) -> None:
    avoid, always, deep = task.spec.coherence
    # risk 10 and no act: follows; 10 and act: contradicts; 0 and no act: contradicts; 0 and act: follows; 5: does not
    # apply, whether or not the action is known; risk missing: whether it applies is not known.
    np.testing.assert_array_equal(task.coherence(sample(), avoid), [1, 0, 0, 1, -1, -1, -2, -2])
    # Without `applies` nothing is undetermined. Row g: tell is 1, so a missing risk does not matter; row h does miss it.
    np.testing.assert_array_equal(task.coherence(sample(), always), [0, 1, 1, 1, 1, 0, 1, -2])
    # top 1, 1, 21, 21, 11, 11, missing; acts 0, 2, 0, 2, 1, missing, 2, missing.
    np.testing.assert_array_equal(task.coherence(sample(), deep), [0, 1, 1, 1, 0, -2, 1, -2])


def test_an_action_that_is_missing_where_the_rule_applies(task: Task) -> None:
    avoid = task.spec.coherence[0]
    missing = sample(act=np.full(8, -1))
    np.testing.assert_array_equal(task.coherence(missing, avoid), [-2, -2, -2, -2, -1, -1, -2, -2])


def test_every_combination_of_applies_and_follows(task: Task) -> None:
    """Missing, false and true for both parts, against the words of the docstring."""
    states = {None: -1, False: 0, True: 1}
    pairs = list(itertools.product(states, states))
    answers = {name: np.array([states[pair[k]] for pair in pairs]) for k, name in enumerate(("act", "tell"))}
    people = Sample(objects(*map(str, range(9))), objects(*["c"] * 9), answers=answers)
    rule = CoherenceRule(name="r", applies='act == "1"', follows='tell == "1"')
    expected = [-2 if a is None else -1 if a is False else -2 if f is None else int(f) for a, f in pairs]
    outcome = task.coherence(people, rule)
    assert outcome.dtype == np.int8
    np.testing.assert_array_equal(outcome, expected)


def test_outcomes_if_everybody_acted_alike(task: Task) -> None:
    avoid = task.spec.coherence[0]
    np.testing.assert_array_equal(task.coherence_if(sample(), avoid, {"act": 0}), [1, 1, 0, 0, -1, -1, -2, -2])
    np.testing.assert_array_equal(task.coherence_if(sample(), avoid, {"act": 1}), [0, 0, 1, 1, -1, -1, -2, -2])
    deep = task.spec.coherence[2]
    np.testing.assert_array_equal(task.coherence_if(sample(), deep, {"act": 1, "tell": 1}), [1] * 8)
    people = sample()
    task.coherence_if(people, deep, {"act": 1, "tell": 1})
    np.testing.assert_array_equal(people.answers["act"], sample().answers["act"])  # nothing was changed


def test_actions_of_a_rule_directly_and_through_derived_columns(task: Task) -> None:
    assert [task.rule_actions(rule) for rule in task.spec.coherence] == [("act",), ("tell",), ("act", "tell")]
    assert task.rule_actions(CoherenceRule(name="r", applies='tell == "1"', follows="brave")) == ("act", "tell")
    assert task.rule_actions(CoherenceRule(name="r", follows="risk > 1")) == ()


# ---- circles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "derived",
    [
        {"a": "a + 1"},
        {"a": "b + 1", "b": "a - 1"},
        {"a": "b + 1", "b": "c", "c": "abs(a)", "d": "x + 1"},
        {"z": "a", "a": "b", "b": "a"},
    ],
)
def test_circles_are_refused(derived: dict[str, str]) -> None:
    lines = "".join(f"  {name}: {text}\n" for name, text in derived.items()).replace("x + 1", "age + 1")
    text = TASK.replace("derived:\n", "derived:\n" + lines)
    problems = check_document(parse_document(text, "t.yaml"))[1]
    start = text[: text.index("derived:")].count("\n") + 2
    in_circle = [number for number, name in enumerate(derived) if name not in ("d", "z")]
    assert [problem.line for problem in problems] == [start + number for number in in_circle]
    assert all("needs itself" in problem.message for problem in problems)


def test_the_typed_task_refuses_circles_and_unknown_names_too(task: Task) -> None:
    # Plugins may hand over a task that no checker has seen.
    with pytest.raises(DerivedError, match="needs itself"):
        _derived({"a": "b", "b": "a"}, dict(task.column_types))
    with pytest.raises(DerivedError) as caught:
        _derived({"a": "b + agee", "b": "age"}, dict(task.column_types))
    assert caught.value.problems == [("a", "there is no column 'agee'", "did you mean 'age'?")]
