"""The words of an interview: exact text, what never shows, and what templates may not do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surveyeval.data.sample import NO_ARM, Sample
from surveyeval.errors import ConfigError
from surveyeval.task.catalogue import shipped_names
from surveyeval.task.check import check_document
from surveyeval.task.document import parse_document
from surveyeval.task.interview import Interview, Message
from surveyeval.task.load import load_task
from surveyeval.task.render import MAX_SIZE, check_template, composed_person, interviews
from surveyeval.task.schema import TaskSpec
from surveyeval.task.task import Task

BASE: dict[str, Any] = {
    "name": "small",
    "version": "1",
    "title": "Small",
    "source": {"use": "file:x.csv", "provenance": "human", "licence": "none", "citation": "none"},
    "profile": {
        "age": {"column": "age", "text": "You are {{ value }} years old."},
        "home_town": {"column": "town"},
        "gender": {"column": "gender", "labels": {"m": "man", "f": "woman"}, "text": "You are a {{ value }}."},
        "school": {"column": "school", "kind": "ordinal", "labels": {"1": "primary", "2": "secondary", "3": "tertiary"}},
    },
    "interview": {"system": "You take part in a survey.", "introduction": "Welcome."},
    "items": [
        {"name": "trust", "role": "belief", "kind": "ordinal", "question": "Do you trust them?",
         "options": {"1": "no", "2": "somewhat", "3": "yes", "9": {"label": "cannot say", "pinned": "true"}}},
        {"name": "vote", "role": "action", "kind": "binary", "question": "Do you vote?", "options": {"0": "no", "1": "yes"}},
    ],
}  # fmt: skip
ARMS = {
    "column": "arm",
    "levels": {
        "1": {"label": "one", "vignette": "The measures are at {{ place }}, {{ gender }}.", "factors": {"place": "A"}},
        "2": {"label": "two", "vignette": "The measures are elsewhere.", "factors": {"place": "B"}},
        "3": {"label": "three", "factors": {"place": "nowhere"}},
    },
}


def changed(**fields: Any) -> dict[str, Any]:
    """The small task with other fields; ``interview`` is merged."""
    value = {**BASE, **fields}
    value["interview"] = {**BASE["interview"], **fields.get("interview", {})}
    return value


def problems(value: dict[str, Any]) -> list[str]:
    # Numbers and truth values of a JSON document are plain text to the parser, as in a task file.
    return [str(one) for one in check_document(parse_document(json.dumps(value, indent=1), "t.yaml"))[1]]


def load(value: dict[str, Any], profile_set: str | None = None) -> Task:
    spec, found = check_document(parse_document(json.dumps(value, indent=1), "t.yaml"))
    assert found == []
    assert isinstance(spec, TaskSpec)
    return Task(spec, Path(), "t.yaml", "", profile_set or next(iter(spec.profile_sets), "default"))


def people(n: int = 1, arm: Sequence[str] = (), **profile: Sequence[str | None]) -> Sample:
    columns = {"age": ["40"] * n, "home_town": ["Ghent"] * n, "gender": ["f"] * n, "school": ["2"] * n} | {
        name: list(values) for name, values in profile.items()
    }
    return Sample(
        np.array([f"r{k}" for k in range(n)], dtype=object),
        np.array(list(arm) or [NO_ARM] * n, dtype=object),
        profile={name: np.array(values, dtype=object) for name, values in columns.items()},
    )


def interview(value: dict[str, Any] = BASE, hidden: frozenset[str] = frozenset(), **profile: Sequence[str | None]) -> Interview:  # fmt: skip
    return interviews(load(value), people(**profile), hidden)[0]


OPENING = """Welcome.

You are 40 years old. Home town: Ghent. You are a woman. School: secondary."""


# ---- exact text ---------------------------------------------------------------------------------------------------------


def test_letters() -> None:
    made = interview()
    assert made.messages() == (
        Message("system", "You take part in a survey."),
        Message(
            "user",
            f"""{OPENING}

Do you trust them?
A) no
B) somewhat
C) yes
D) cannot say
Answer with one letter.""",
        ),
    )
    assert made.messages(["B"])[2:] == (
        Message("assistant", "B"),
        Message("user", "Do you vote?\nA) no\nB) yes\nAnswer with one letter."),
    )
    assert (made.key, made.mode) == ("r0", "sequential")
    assert [question.answers for question in made.questions] == [("A", "B", "C", "D"), ("A", "B")]
    assert [question.order for question in made.questions] == [(0, 1, 2, 3), (0, 1)]


def test_numbers() -> None:
    made = interview(changed(interview={"options": "numbers"}))
    assert made.questions[0].text == (
        "Do you trust them?\n1. no\n2. somewhat\n3. yes\n4. cannot say\nAnswer with one number."
    )
    assert made.questions[0].answers == ("1", "2", "3", "4")


def test_text_options() -> None:
    made = interview(changed(interview={"options": "text"}))
    assert made.questions[0].text == (
        "Do you trust them?\n- no\n- somewhat\n- yes\n- cannot say\nAnswer with one of these options, word for word."
    )
    assert made.questions[0].answers == ("no", "somewhat", "yes", "cannot say")


@pytest.mark.parametrize(
    ("options", "lines", "answers"),
    [
        ("letters", "A) yes\nB) somewhat\nC) no\nD) cannot say", ("A", "B", "C", "D")),
        ("numbers", "1. yes\n2. somewhat\n3. no\n4. cannot say", ("1", "2", "3", "4")),
        ("text", "- yes\n- somewhat\n- no\n- cannot say", ("yes", "somewhat", "no", "cannot say")),
    ],
)
def test_reversed_options_keep_the_pinned_one_last(options: str, lines: str, answers: tuple[str, ...]) -> None:
    question = interview(changed(interview={"options": options, "order": "reversed"})).questions[0]
    assert question.text.startswith(f"Do you trust them?\n{lines}\nAnswer")
    assert question.answers == answers
    assert question.order == (2, 1, 0, 3)  # the k-th option shown is this option of the task


def test_pinned_options_go_last_in_reversed_order_wherever_they_stand() -> None:
    options = {
        "8": {"label": "refused", "pinned": "true"},
        "1": "a",
        "9": {"label": "none", "pinned": "true"},
        "2": "b",
        "3": "c",
    }
    item = {"name": "q", "role": "action", "kind": "nominal", "question": "Which?", "options": options}
    assert interview(changed(items=[item], interview={"order": "reversed"})).questions[0].order == (4, 3, 1, 0, 2)
    assert interview(changed(items=[item])).questions[0].order == (0, 1, 2, 3, 4)


def test_the_instruction_lists_what_may_be_answered() -> None:
    value = changed(interview={"instruction": "Say {{ labels }}, {{ gender }}."})
    assert interview(value).questions[0].text.endswith("D) cannot say\nSay A, B, C, D, woman.")
    value = changed(interview={"instruction": "Say {{ labels }}.", "options": "text", "order": "reversed"})
    assert interview(value).questions[1].text.endswith("- yes\n- no\nSay yes, no.")


def test_without_system_and_opening_the_question_stands_alone() -> None:
    value = changed(profile={}, interview={"system": None, "introduction": None})
    assert interviews(load(value), people())[0].messages() == (
        Message("user", "Do you trust them?\nA) no\nB) somewhat\nC) yes\nD) cannot say\nAnswer with one letter."),
    )


def test_a_system_turn_that_comes_out_empty_is_left_out() -> None:
    value = changed(interview={"system": "{% if home_town is defined %}You live in {{ home_town }}.{% endif %}"})
    assert interview(value).system == "You live in Ghent."
    made = interview(value, hidden=frozenset({"home_town"}))
    assert made.system is None
    assert [message.role for message in made.messages()] == ["user"]


def test_profile_in_words_of_the_task() -> None:
    value = changed(interview={"profile": "{{ age }}, {{ gender|upper }}, {{ school }}"})
    assert interview(value).opening == "Welcome.\n\n40, WOMAN, secondary"


def test_missing_profile_fields_are_left_out() -> None:
    assert interview(age=[None], school=[None]).opening == "Welcome.\n\nHome town: Ghent. You are a woman."
    nothing = interview(age=[None], school=[None], home_town=[None], gender=[None])
    assert nothing.opening == "Welcome."


def test_a_template_that_needs_a_missing_or_hidden_field_says_so() -> None:
    value = changed(interview={"profile": "You are {{ age }}."})
    for arguments in ({"age": [None]}, {"hidden": frozenset({"age"})}):
        with pytest.raises(
            ConfigError, match=r"t\.yaml interview\.profile: template fails: 'age' is undefined; .*guard it"
        ):
            interview(value, **arguments)  # type: ignore[arg-type]
    guarded = changed(interview={"profile": "{% if age is defined %}You are {{ age }}.{% endif %}"})
    assert interview(guarded, age=[None]).opening == "Welcome."
    assert interview(changed(interview={"profile": "You are {{ age|default('?') }}."}), age=[None]).opening.endswith(
        "?."
    )


def test_vignettes_of_each_arm() -> None:
    made = interviews(load(changed(arms=ARMS)), people(3, ["3", "1", "2"]))
    endings = [OPENING.split("\n\n")[1], "The measures are at A, woman.", "The measures are elsewhere."]
    assert [one.opening.split("\n\n")[-1] for one in made] == endings
    assert made[1].opening == f"{OPENING}\n\nThe measures are at A, woman."


def test_questions_may_refer_to_the_arm_and_to_the_person() -> None:
    items = [{**BASE["items"][1], "question": "Do you go to {{ place }} ({{ arm }}), {{ gender }}?"}]
    made = interviews(load(changed(arms=ARMS, items=items)), people(2, ["1", "2"], gender=["m", "f"]))
    assert [one.questions[0].text.split("\n")[0] for one in made] == [
        "Do you go to A (1), man?",
        "Do you go to B (2), woman?",
    ]


def test_items_known_from_the_profile_set_are_shown_and_not_asked() -> None:
    items = [BASE["items"][0], {**BASE["items"][1], "text": "Last time you said {{ value }}."}]
    value = changed(items=items, profile_sets={"core": ["age"], "more": ["vote", "age"]})
    assert interviews(load(value), people())[0].opening == "Welcome.\n\nYou are 40 years old."
    made = interviews(load(value, "more"), people(vote=["1"]))[0]
    assert made.opening == "Welcome.\n\nLast time you said yes. You are 40 years old."
    assert [question.item for question in made.questions] == ["trust"]


def test_what_people_answered_is_never_read_as_a_template() -> None:
    assert "Home town: {{ age }}{% if %}." in interview(home_town=["{{ age }}{% if %}"]).opening


# ---- turns -------------------------------------------------------------------------------------------------------------

_options = st.lists(st.text("abcd {}%", min_size=1, max_size=6).filter(lambda label: bool(label.strip())), min_size=2, max_size=5,
                    unique_by=lambda label: " ".join(label.casefold().split()))  # fmt: skip
_items = st.lists(st.tuples(_options, st.lists(st.booleans(), min_size=5, max_size=5)), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    _items,
    st.sampled_from(["letters", "numbers", "text"]),
    st.sampled_from(["fixed", "reversed"]),
    st.sampled_from([None, "", "Listen."]),
    st.sampled_from(["sequential", "independent"]),
    st.data(),
)
def test_messages_only_grow(
    items: list[tuple[list[str], list[bool]]],
    options: str,
    order: str,
    system: str | None,
    mode: str,
    data: st.DataObject,
) -> None:
    value = changed(
        items=[
            {"name": f"q{k}", "role": "action", "kind": "nominal", "question": f"Question {k}?",
             "options": {str(n): {"label": label, "pinned": str(pin).lower()}
                         for n, (label, pin) in enumerate(zip(labels, pins, strict=False))}}
            for k, (labels, pins) in enumerate(items)
        ],
        interview={"options": options, "order": order, "system": system, "mode": mode},
    )  # fmt: skip
    made = interviews(load(value), people())[0]
    assert made.mode == mode
    given_answers: list[str] = []
    shown = made.messages()
    for k, (question, (labels, pins)) in enumerate(zip(made.questions, items, strict=True)):
        # The question is complete: every option once, in an order that keeps pinned options last when reversed.
        assert sorted(question.order) == list(range(len(labels)))
        assert len(set(question.answers)) == len(labels)
        if order == "reversed":
            flags = [pins[index] for index in question.order]
            assert flags == sorted(flags)
        assert shown[-1] == Message("user", f"{made.opening}\n\n{question.text}" if k == 0 else question.text)
        alone = [Message("system", system)] if system else []
        assert made.messages_for(k) == (*alone, Message("user", f"{made.opening}\n\n{question.text}"))
        if k + 1 < len(made.questions):
            answer = data.draw(st.sampled_from(question.answers))
            given_answers.append(answer)
            longer = made.messages(given_answers)
            assert longer[: len(shown)] == shown
            assert longer[len(shown) :] == (Message("assistant", answer), Message("user", made.questions[k + 1].text))
            shown = longer


def test_more_answers_than_questions_are_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        interview().messages(["A", "A"])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sets(st.sampled_from(["age", "home_town", "gender", "school"])),
    st.sets(st.sampled_from(["age", "home_town", "gender", "school"])),
    st.booleans(),
    st.booleans(),
)
def test_hidden_fields_occur_in_no_message(hidden: set[str], missing: set[str], own_words: bool, armed: bool) -> None:
    fields = ("age", "home_town", "gender", "school")
    guards = "".join(f"{{% if {name} is defined %}}[{{{{ {name} }}}}]{{% endif %}}" for name in fields)
    arms = {"column": "arm", "levels": {key: {"label": key, "vignette": guards} for key in ("1", "2")}}
    value = changed(
        items=[{**item, "question": f"Well? {guards}"} for item in BASE["items"]],
        interview={
            "system": f"System. {guards}",
            "introduction": guards,
            "instruction": guards,
            "profile": guards if own_words else None,
        },
        **({"arms": arms} if armed else {}),
    )
    marked = {name: [None if name in missing else f"marker-{name}"] for name in fields}
    (made,) = interviews(load(value), people(arm=["1"] if armed else [], **marked), frozenset(hidden))
    turns = [made.messages(["A"]), *(made.messages_for(k) for k in range(2))]
    text = "\n".join(message.content for messages in turns for message in messages)
    for name in fields:
        assert (f"marker-{name}" in text) == (name not in hidden | missing), name


# ---- the composed person -------------------------------------------------------------------------------------------------


def test_the_composed_person_is_nobody() -> None:
    """Made from declared levels alone: the same whatever the rows are, and middle levels rather than anybody's."""
    task = load(changed(arms=ARMS))
    person = composed_person(task)
    assert person.respondent.tolist() == ["example"]
    assert {name: values.tolist() for name, values in person.profile.items()} == {
        "age": ["40"], "home_town": ["40"], "gender": ["f"], "school": ["2"],
    }  # fmt: skip
    assert person.arm.tolist() == ["1"]
    assert person.answers == {}
    assert interviews(task, person)[0].messages()[-1].role == "user"


# ---- templates ------------------------------------------------------------------------------------------------------------

KNOWN = {"age", "gender"}
REFUSED = [
    ("{{ age.upper }}", "attribute"), ("{{ age.__class__ }}", "attribute"), ("{{ ''.__class__.__mro__ }}", "attribute"),
    ("{{ age['__class__'] }}", "subscript"), ("{{ age['upper'] }}", "subscript"), ("{{ age[0] }}", "subscript"), ("{{ age[:2] }}", "subscript"),
    ("{{ age.format(gender) }}", "call"), ("{{ age() }}", "call"), ("{{ range(10) }}", "call"), ("{{ '{}'.format(age) }}", "call"),
    ("{{ age * 3 }}", "`*`"), ("{{ 'a' * 1000000000 }}", "`*`"), ("{{ 9 ** 9 ** 9 }}", "`**`"), ("{{ '%s' % age }}", "`%`"),
    ("{{ {'a': 1} }}", "a map"), ("{{ age|format }}", "filter 'format'"), ("{{ '%999999999s'|format(age) }}", "filter 'format'"),
    ("{{ age|center(1000000000) }}", "filter 'center'"), ("{{ age|attr('x') }}", "filter 'attr'"), ("{{ age|foo }}", "filter 'foo'"),
    ("{% if age is foo %}{% endif %}", "test 'foo'"), ("{{ age|indent(1000000) }}", "filter 'indent'"), ("{{ age|safe }}", "filter 'safe'"),
    ("{{ [age]|join }}", "filter 'join'"), ("{{ age|map('upper') }}", "filter 'map'"), ("{% filter upper %}a{% endfilter %}", "filter block"),
    ("{% for x in age %}{% endfor %}", "`for`"), ("{% set age = 1 %}", "`set`"), ("{% set age %}x{% endset %}", "`set`"),
    ("{% with age = 1 %}{% endwith %}", "`with`"), ("{% macro age() %}{% endmacro %}", "`macro`"), ("{% block b %}{% endblock %}", "`block`"),
    ("{% include 'task.yaml' %}", "`include`"), ("{% include '/etc/passwd' %}", "`include`"), ("{% import 'x' as age %}", "`import`"),
    ("{% from 'x' import age %}", "`fromimport`"), ("{% extends 'x' %}", "`extends`"), ("{% call age() %}{% endcall %}", "call"),
    ("{% autoescape true %}{% endautoescape %}", "`autoescape`"), ("{% do age %}", "no valid template"), ("{{ age", "no valid template"),
    ("{% if age %}", "no valid template"), ("{{ age }} {% endif %}", "no valid template"), ("{{ }}", "no valid template"),
    ("{{ ages }}", "no 'ages'"), ("{% if ages is defined %}{% endif %}", "no 'ages'"), ("{{ self }}", "no 'self'"), ("{{ loop }}", "no 'loop'"),
    ("{{ cycler }}", "no 'cycler'"), ("{{ lipsum }}", "no 'lipsum'"), ("{{ namespace }}", "no 'namespace'"), ("{{ __import__ }}", "no '__import__'"),
    ("{{ " + "(" * 3000 + "age" + ")" * 3000 + " }}", "nested too deeply"), ("{{ " + "not " * 3000 + "age }}", "nested too deeply"),
    ("{{ age" + " + age" * 2000 + " }}", "nested too deeply"), ("{% if age %}" * 150 + "{% endif %}" * 150, "nested too deeply"),
    ("{{ age" + "|lower" * 400 + " }}", "nested too deeply"), ("{{ " + "[" * 800 + "]" * 800 + " }}", "nested too deeply"),
    ("x" * (MAX_SIZE + 1), "characters"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), REFUSED, ids=[text[:30] for text, _ in REFUSED])
def test_templates_hold_names_conditions_and_simple_filters_only(text: str, words: str) -> None:
    found = list(check_template(text, KNOWN))
    assert any(words in message for message, _ in found), found
    # The same in a task, with its place.
    value = changed(interview={"system": text})
    written = json.dumps(value, indent=1)
    line = next(n for n, one in enumerate(written.splitlines(), 1) if one.startswith('  "system":'))
    located = check_document(parse_document(written, "t.yaml"))[1]
    assert {(one.line, one.field) for one in located} == {(line, "interview.system")}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{{ age }}", "40"),
        ("{{ (age|int + 2) // 4 - 1 }}", "9"),
        ("{{ (age|float / 1000)|round(1) }}", "0.0"),
        ("{{ -(age|int) }}", "-40"),
        (
            "{% if age|int >= 40 and not gender == 'man' %}old{% elif age|int in [1, 2] %}young{% else %}?{% endif %}",
            "old",
        ),
        ("{{ 'a' if gender in ('woman', 'man') else 'b' }}", "a"),
        ("{{ gender|title }} {{ gender ~ '/' ~ age }}", "Woman woman/40"),
        ("{{ party|default('none') }}", "none"),
        ("{# a comment #}{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("{% if age is defined and party is not defined %}yes{% endif %}", "yes"),
        ('<b> & "quotes" stay as they are', '<b> & "quotes" stay as they are'),
        ("  edges go,  the inside stays  ", "edges go,  the inside stays"),
        ("line one\nline two", "line one\nline two"),
        ("{{ age" + " ~ age" * 3 + " }}", "40404040"),
        ("{% if age %}" * 20 + "x" + "{% endif %}" * 20, "x"),
    ],
)
def test_what_templates_may_do(text: str, result: str) -> None:
    assert list(check_template(text, {"age", "gender", "party"})) == []
    value = changed(interview={"introduction": text})
    if "party" in text:
        value["profile"] = {**value["profile"], "party": {"column": "p"}}
        value["profile_sets"] = {"core": ["age", "gender"]}
    assert interviews(load(value), people())[0].opening.startswith(result + "\n\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ age + 1 }}", "NAME|int"),
        ("{% if age > 40 %}old{% endif %}", "NAME|int"),
        ("{{ age|round }}", "NAME|int"),
        ("{{ -age }}", "NAME|int"),
        ("{{ 1 / 0 }}", "division"),
        ("{{ 1 // (age|int - 40) }}", "division"),
        ("{{ age|float|round(1, 'x') }}", "method"),
        ("{{ trust }}", "'trust' is undefined"),
    ],
)
def test_a_template_that_fails_is_found_by_the_checker(text: str, words: str) -> None:
    (found,) = problems(changed(interview={"system": text}))
    assert words in found
    assert found.startswith("t.yaml:")
    assert " interview.system: template fails" in found


def test_what_a_template_makes_is_bounded() -> None:
    value = changed(interview={"introduction": "{{ home_town }}" * 30})
    assert len(interview(value, home_town=["x" * 600]).opening) > 18_000
    with pytest.raises(ConfigError, match=r"interview\.introduction: template makes 30000 characters; at most"):
        interview(value, home_town=["x" * 1000])


def test_failures_in_data_name_the_field() -> None:
    value = changed(arms=ARMS)
    value["arms"] = {"column": "arm", "levels": {**ARMS["levels"], "2": {  # type: ignore[dict-item]
        "label": "two", "vignette": "{{ 100 // (age|int) }}", "factors": {"place": "B"}}}}  # fmt: skip
    task = load(value)
    with pytest.raises(ConfigError, match=r"arms\.levels\.2\.vignette: template fails: integer division") as caught:
        interviews(task, people(2, ["1", "2"], age=["0", "0"]))
    assert caught.value.problems[0].file == "t.yaml"


def test_shipped_tasks_make_interviews_of_their_composed_person() -> None:
    for name in shipped_names():
        task = load_task(name)
        (made,) = interviews(task, composed_person(task))
        assert len(made.questions) == len(task.items)
        assert "{" not in "".join(message.content for message in made.messages())
