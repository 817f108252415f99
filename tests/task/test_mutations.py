"""Every slip in a task file is reported in its own line, alone and among others."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from surveyeval.errors import ConfigError
from surveyeval.task.check import check_document
from surveyeval.task.document import load_document, parse_document
from surveyeval.task.schema import TaskSpec

RICH = Path(__file__).with_name("rich.yaml")
VALUE = load_document(RICH).value
Route = tuple[Any, ...]


def emit(value: Any) -> tuple[str, dict[Route, int]]:
    """Block YAML with one scalar per line, and the line of every key and list entry: knows nothing of the parser."""
    lines: list[str] = []
    places: dict[Route, int] = {(): 1}

    def write(node: Any, route: Route, indent: int, prefix: str) -> None:
        if isinstance(node, (dict, list)) and node:
            pairs = node.items() if isinstance(node, dict) else enumerate(node)
            for key, child in pairs:
                head = prefix + (f"{json.dumps(key)}:" if isinstance(node, dict) else "-")
                prefix = " " * indent
                places[(*route, key)] = len(lines) + 1
                if isinstance(child, (dict, list)) and child:
                    if isinstance(node, list):
                        write(child, (*route, key), indent + 2, head + " ")
                    else:
                        lines.append(head)
                        write(child, (*route, key), indent + 2, " " * (indent + 2))
                else:
                    lines.append(f"{head} {'null' if child is None else json.dumps(child)}")
        else:
            lines.append(prefix + json.dumps(node))

    write(value, (), 0, "")
    return "\n".join(lines) + "\n", places


@dataclass(frozen=True)
class Mutation:
    action: str  # drop, rename, set
    route: Route
    value: Any = None
    #: Routes that must be intact for this slip to be visible at all.
    needs: tuple[Route, ...] = ()

    def __str__(self) -> str:
        return f"{self.action} {'.'.join(map(str, self.route))}"

    def apply(self, root: Any) -> Route:
        """Change the tree; gives the route at which the problem is expected."""
        *parents, last = self.route
        node = root
        for part in parents:
            node = node[part]
        if self.action == "drop":
            del node[last]
            return tuple(parents)
        if self.action == "rename":
            pairs = [(self.value if key == last else key, child) for key, child in node.items()]
            node.clear()
            node.update(pairs)
            return (*parents, self.value)
        node[last] = self.value
        return self.route

    def clashes(self, other: Mutation) -> bool:
        def inside(a: Route, b: Route) -> bool:
            return a[: len(b)] == b or b[: len(a)] == a

        return any(inside(a, b) for a in (self.route, *self.needs) for b in (other.route, *other.needs)
                   if a == self.route or b == other.route)  # fmt: skip


def _model(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _model(one))), None)


def _container(annotation: Any) -> Any:
    origins = {get_origin(annotation), *(get_origin(one) for one in get_args(annotation))}
    return dict if dict in origins else list if list in origins else None


def schema_mutations() -> list[Mutation]:
    """Drop, misspell and wrong type for every schema field that stands in the file."""
    found: list[Mutation] = []

    def visit(node: Any, model: Any, route: Route) -> None:
        for name, field in model.model_fields.items():
            if name not in node:
                continue
            place, child = (*route, name), node[name]
            if field.is_required():
                found.append(Mutation("drop", place))
            found.append(Mutation("rename", place, name[:-1] + "q" + name[-1] if len(name) > 3 else name + "q"))
            found.append(Mutation("set", place, "wrong" if isinstance(child, (dict, list)) else {"a": "b"}))
            inner, container = _model(field.annotation), _container(field.annotation)
            if isinstance(child, str) and "Literal" in str(field.annotation):
                found.append(Mutation("set", place, "nonsense"))
            if isinstance(child, str) and "float" in str(field.annotation):
                found.append(Mutation("set", place, "much"))
            if inner is not None:
                children = child.items() if container is dict else enumerate(child) if container is list else ()
                if container is None:
                    visit(child, inner, place)
                for key, one in children:
                    if isinstance(one, dict):
                        visit(one, inner, (*place, key))
            elif container is dict:
                for key, one in child.items():
                    found.append(Mutation("set", (*place, key), ["x"] if isinstance(one, str) else "wrong"))
            elif container is list:
                found.extend(Mutation("set", (*place, number), {"a": "b"}) for number in range(len(child)))

    visit(VALUE, TaskSpec, ())
    for number, regression in enumerate(VALUE["regressions"]):
        for block in regression["blocks"]:
            found.append(Mutation("rename", ("regressions", number, "blocks", block), block[:-1] + "q" + block[-1]))
    return found


def dangling_mutations() -> list[Mutation]:
    """Every reference replaced by a name that nothing bears."""
    found = [Mutation("set", (field, n), "nobody") for field in ("subgroups", "cells", "patterns")
             for n in range(len(VALUE[field]))]  # fmt: skip
    for name, listed in VALUE["profile_sets"].items():
        found += [Mutation("set", ("profile_sets", name, n), "nobody") for n in range(len(listed))]
    found += [Mutation("set", ("derived", name), "abs(nobody)") for name in VALUE["derived"]]
    found.append(Mutation("set", ("coherence", 0, "applies"), "nobody > 2"))
    found += [Mutation("set", ("coherence", n, "follows"), 'nobody and vote == "1"') for n in (0, 1)]
    for n, regression in enumerate(VALUE["regressions"]):
        formula = ("regressions", n, "formula")
        found.append(Mutation("set", formula, regression["formula"] + " + nobody", (("regressions", n, "blocks"),)))
        for block, terms in regression["blocks"].items():
            found += [
                Mutation("set", ("regressions", n, "blocks", block, k), "nobody", (formula,)) for k in range(len(terms))
            ]
    found.append(Mutation("set", ("regressions", 0, "event"), "7", (("regressions", 0, "formula"), ("items", 2))))
    found.append(Mutation("rename", ("truth", "trust model"), "nobody", (("regressions", 1),)))
    needs = (("regressions", 1), ("items", 1), ("arms", "levels"), ("profile", "age"))
    found.append(Mutation("rename", ("truth", "trust model", "age"), "nobody", needs))
    found.append(Mutation("set", ("profile", "school", "recode", "map", "4"), "77", (("profile", "school"),)))
    found.append(Mutation("set", ("items", 0, "recode", "map", "D"), "77", (("items", 0, "options"),)))
    found.append(Mutation("set", ("profile", "age", "text"), "{{ nobody }}"))
    found.append(Mutation("set", ("arms", "levels", "1", "vignette"), "{{ nobody }}"))
    found += [Mutation("set", ("items", n, "question"), "{{ nobody }}?") for n in range(3)]
    found += [
        Mutation("set", ("interview", name), "{{ nobody }}")
        for name in ("system", "introduction", "profile", "instruction")
    ]
    return found


MUTATIONS = [*schema_mutations(), *dangling_mutations()]

#: Slips that take names away: what refers to these names is reported too.
_NAMES = ("items", "profile", "arms", "derived", "factors", "levels", "options", "name")


def problems_of(mutations: list[Mutation]) -> tuple[list[Any], list[int]]:
    root = copy.deepcopy(VALUE)
    # Apply inner routes first, so that renaming a parent does not hide its children.
    expected = [mutation.apply(root) for mutation in sorted(mutations, key=lambda one: -len(one.route))]
    text, places = emit(root)
    return check_document(parse_document(text, "rich.yaml"))[1], [places[route] for route in expected]


def test_the_example_is_right_and_uses_every_supported_field() -> None:
    assert problems_of([])[0] == []
    text = RICH.read_text()
    unsupported = {"strata", "psu", "ask_if", "points", "bins", "retest"}
    models, fields = [TaskSpec], set()
    while models:
        for name, field in models.pop().model_fields.items():
            fields.add(name)
            if (inner := _model(field.annotation)) is not None:
                models.append(inner)
    assert {name for name in fields - unsupported if f"{name}:" not in text} == set()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_slip_is_reported_in_its_line(mutation: Mutation) -> None:
    problems, (line,) = problems_of([mutation])
    assert line in {problem.line for problem in problems}, [str(problem) for problem in problems]
    assert all(problem.message.strip() and problem.file == "rich.yaml" and problem.column for problem in problems)
    if mutation.action != "drop" and not set(mutation.route) & set(_NAMES):
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
