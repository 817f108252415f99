"""Every slip in a task file is reported in its own line, alone and among others."""

from __future__ import annotations

import copy
import json
import random
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surveyeval.errors import ConfigError
from surveyeval.task.check import check_document
from surveyeval.task.document import parse_document
from tests.task.mutations import (
    COLUMNS,
    FIELDS,
    MADE,
    MUTATIONS,
    NAMES,
    PLACES,
    PLAIN,
    SOURCE,
    VALUE,
    Mutation,
    Route,
    dangling_mutations,
    emit,
    field_of,
    problems_of,
)


def test_no_field_of_the_schema_is_forgotten() -> None:
    """A new field needs a place in the example, and is a reference, a column, or plain."""
    seen = {field for _, _, _, field in PLACES if field is not None}
    assert seen | MADE == FIELDS
    dangling = {field_of(mutation.route) for mutation in dangling_mutations()}
    groups = [dangling, COLUMNS, PLAIN, SOURCE, MADE]
    assert set.union(*groups) == FIELDS
    assert sum(map(len, groups)) == len(FIELDS), "a field is in two groups"
    mutated = {field_of(mutation.route) for mutation in MUTATIONS}
    assert mutated == seen


def test_the_example_is_right() -> None:
    assert problems_of([])[0] == []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_slip_is_reported_in_its_line(mutation: Mutation) -> None:
    problems, (line,) = problems_of([mutation])
    assert line in {problem.line for problem in problems}, [str(problem) for problem in problems]
    assert all(problem.message.strip() and problem.file == "rich.yaml" and problem.column for problem in problems)
    if mutation.action != "drop" and not set(mutation.route) & set(NAMES):
        assert {problem.line for problem in problems} == {line}, [str(problem) for problem in problems]


@pytest.mark.parametrize("seed", range(40))
def test_ten_slips_at_once_are_all_reported(seed: int) -> None:
    rng = random.Random(seed)
    chosen: list[Mutation] = []
    for mutation in rng.sample(MUTATIONS, len(MUTATIONS)):
        top = len(mutation.route) == 1 and mutation.action != "rename"  # would leave nothing to check
        if not top and not any(mutation.clashes(other) for other in chosen):
            chosen.append(mutation)
        if len(chosen) == 10:
            break
    problems, lines = problems_of(chosen)
    found = {problem.line for problem in problems}
    assert set(lines) <= found, ([str(one) for one in chosen], sorted(set(lines) - found), [str(p) for p in problems])


OPTIONAL = [place for place, _, _, field in PLACES if field is not None and Mutation("drop", place) not in MUTATIONS]


@pytest.mark.parametrize("route", OPTIONAL, ids=lambda route: ".".join(map(str, route)))
def test_an_optional_field_may_be_left_out(route: Route) -> None:
    """Without it the file is right, or what relied on it is reported in its own line."""
    text, _ = emit(VALUE)
    dropped = Mutation("drop", route)
    relied = {
        "recode", "labels", "kind",  # an ordinal field without labels, a recoding to labels that are gone
        "profile", "profile_sets", "arms", "factors", "derived", "regressions", "options",
        "strata", "psu", "statement",
    }  # fmt: skip
    problems, _ = problems_of([dropped])
    needed = route == ("arms", "column") or route[-1] in ("points", "expected")  # needed, or something in their place
    assert problems == [] or needed or route[-1] in relied, [str(problem) for problem in problems]
    assert all(problem.line and problem.column and problem.field and problem.file for problem in problems)
    assert max((problem.line or 0 for problem in problems), default=0) <= text.count("\n")


_DECLARED = [
    *((("profile", name), name) for name in VALUE["profile"]),
    *((("items", number), item["name"]) for number, item in enumerate(VALUE["items"])),
    *((("derived", name), name) for name in VALUE["derived"]),
]


@pytest.mark.parametrize(("route", "name"), _DECLARED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_names_something_that_is_gone_is_reported_where_it_does(route: Route, name: str) -> None:
    root = copy.deepcopy(VALUE)
    Mutation("drop", route).apply(root)
    text, _ = emit(root)
    problems = check_document(parse_document(text, "rich.yaml"))[1]
    lines = text.splitlines()
    mentions = {number for number, line in enumerate(lines, 1) if re.search(rf"\b{name}\b", line)}
    found = {problem.line for problem in problems}
    assert found <= mentions, [str(problem) for problem in problems]
    assert bool(found) == (name not in ("high", "voted", "hours", "awake", "trust_again"))  # nothing refers to these


# ---- anything at all ---------------------------------------------------------------------------------------------------


def check_anything(text: str) -> None:
    """Whatever the text: problems or ConfigError, nothing else."""
    try:
        problems = check_document(parse_document(text, "any.yaml"))[1]
    except ConfigError as error:
        problems = list(error.problems)
    assert all(problem.message and problem.line for problem in problems)


_words = st.sampled_from(["a", "1", "-1", "nan", "1e999", "", "vote", "trust", "vote == \"1\"", "{{ x }}", "{% if", "a ~ b",
                          "ordinal", "ols", "age", "cut(age, 3, 1)", "null", "((((", "x" * 300, "é\u0000\ud800"[:2]])  # fmt: skip
_keys = st.sampled_from(sorted({part for mutation in MUTATIONS for part in mutation.route if isinstance(part, str)}))
_trees = st.recursive(
    st.none() | _words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys | _words, inner, max_size=6),
    max_leaves=25,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=200) | st.text(alphabet="ab:-[]{}&*!|>'\"#%@ \n\t?,<", max_size=80))
def test_arbitrary_text_gives_located_problems(text: str) -> None:
    check_anything(text)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(sorted(VALUE)), _trees, max_size=8))
def test_arbitrary_trees_give_located_problems(tree: dict[str, Any]) -> None:
    check_anything(json.dumps(tree))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(MUTATIONS), _trees)
def test_arbitrary_values_inside_a_task_give_located_problems(mutation: Mutation, tree: Any) -> None:
    root = copy.deepcopy(VALUE)
    Mutation("set", mutation.route, tree).apply(root)
    check_anything(emit(root)[0])
