"""From a task and a person's profile to the words of an interview.

Templates run in Jinja's sandbox, with undefined names as errors, without multiplication, powers and formatting, and with
a cap on the size of what they make.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import jinja2
import numpy as np
from jinja2 import meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from surveyeval.data.sample import Sample
from surveyeval.errors import ConfigError, did_you_mean
from surveyeval.task.interview import Interview, Question
from surveyeval.task.task import Item, Profile, Task

__all__ = ["check_templates", "composed_person", "interviews"]

Finding = tuple[tuple[str | int, ...], str, str | None]

MAX_SIZE = 20_000
_FORBIDDEN = (nodes.Mul, nodes.Pow, nodes.For, nodes.Macro, nodes.CallBlock, nodes.Include, nodes.Import, nodes.FromImport,
              nodes.Extends, nodes.Block, nodes.Call, nodes.Getattr, nodes.Mod)  # fmt: skip
_FILTERS = {"lower", "upper", "title", "capitalize", "trim", "default", "round", "int", "float"}


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False)
    environment.filters = {name: function for name, function in environment.filters.items() if name in _FILTERS}
    environment.globals = {}
    return environment


@lru_cache(maxsize=4096)
def _template(text: str) -> jinja2.Template:
    return _environment().from_string(text)


def _render(text: str, variables: Mapping[str, Any], field: str, task: Task) -> str:
    try:
        result = _template(text).render(variables)
    except jinja2.TemplateError as error:
        raise ConfigError(
            f"template fails: {error}",
            file=task.file,
            field=field,
            hint="a field may be hidden or missing: guard it with {% if NAME is defined %}",
        ) from error
    if len(result) > MAX_SIZE:
        raise ConfigError(f"template makes more than {MAX_SIZE} characters", file=task.file, field=field)
    return " ".join(result.split(" ")).strip()


def interviews(task: Task, people: Sample, hidden: frozenset[str] = frozenset()) -> list[Interview]:
    """Interviews for every row of a sample.

    Parameters
    ----------
    task : Task
    people : Sample
        Respondent, arm and profile are used.
    hidden : frozenset of str
        Profile fields that are not shown, and not available to templates.

    Raises
    ------
    ConfigError
        When a template needs something that is hidden or missing.
    """
    spec = task.spec.interview
    arms = {arm.key: arm for arm in task.arms}
    result = []
    for row in range(people.n):
        arm = arms[people.arm[row]]
        shown = {name: _words(field, people.profile[name][row]) for name, field in task.profile.items()
                 if name not in hidden and people.profile[name][row] is not None}  # fmt: skip
        variables = {**shown, **arm.factors, "arm": arm.key}
        parts = []
        if spec.introduction:
            parts.append(_render(spec.introduction, variables, "interview.introduction", task))
        if spec.profile:
            parts.append(_render(spec.profile, variables, "interview.profile", task))
        else:
            parts.append(
                " ".join(_sentence(task, field, shown[name]) for name, field in task.profile.items() if name in shown)
            )
        if arm.vignette:
            parts.append(_render(arm.vignette, variables, f"arms.levels.{arm.key}.vignette", task))
        questions = tuple(_question(task, item, tuple(sorted(variables.items()))) for item in task.items)
        system = _render(spec.system, variables, "interview.system", task) if spec.system else None
        opening = "\n\n".join(part for part in parts if part)
        result.append(Interview(str(people.respondent[row]), system, opening, questions, spec.mode))
    return result


def _words(field: Profile, code: str) -> str:
    return (field.labels or {}).get(code, code)


def _sentence(task: Task, field: Profile, words: str) -> str:
    if field.text is None:
        return f"{field.name.replace('_', ' ').capitalize()}: {words}."
    return _render(field.text, {"value": words}, f"profile.{field.name}.text", task)


@lru_cache(maxsize=8192)
def _question(task: Task, item: Item, variables: tuple[tuple[str, str], ...]) -> Question:
    spec = task.spec.interview
    order = list(range(item.k))
    if spec.order == "reversed":
        free = [index for index in order if not item.options[index].pinned]
        order = [*reversed(free), *(index for index in order if item.options[index].pinned)]
    if spec.options == "letters":
        answers = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: item.k])
        lines = [f"{answer}) {item.labels[index]}" for answer, index in zip(answers, order, strict=True)]
        instruction = "Answer with one letter."
    elif spec.options == "numbers":
        answers = tuple(str(number) for number in range(1, item.k + 1))
        lines = [f"{answer}. {item.labels[index]}" for answer, index in zip(answers, order, strict=True)]
        instruction = "Answer with one number."
    else:
        answers = tuple(item.labels[index] for index in order)
        lines = [f"- {answer}" for answer in answers]
        instruction = "Answer with one of these options, word for word."
    values = {**dict(variables), "labels": ", ".join(answers)}
    if spec.instruction is not None:
        instruction = _render(spec.instruction, values, "interview.instruction", task)
    text = "\n".join([_render(item.question, values, f"items.{item.name}.question", task), *lines, instruction])
    return Question(item.name, text, answers, tuple(order))


def composed_person(task: Task) -> Sample:
    """One invented respondent, composed of middle levels without looking at any row: for examples of prompts."""
    profile = {}
    for name, field in task.profile.items():
        levels = list(field.labels or {})
        profile[name] = np.array([levels[len(levels) // 2] if levels else "40"], dtype=object)
    return Sample(np.array(["example"], dtype=object), np.array([task.arms[0].key], dtype=object), profile=profile)


def check_templates(task: Task) -> list[Finding]:
    """Everything wrong in a task's templates: (route, message, hint)."""
    findings: list[Finding] = []
    spec = task.spec
    factors = list(task.arms[0].factors)
    everything = {*spec.profile, *(item.name for item in spec.items), *factors, "arm"}
    for route, text, known in _templates(task, everything):
        findings += [(route, message, hint) for message, hint in _check(text, known)]
    return findings


def _templates(task: Task, everything: set[str]) -> Iterator[tuple[tuple[str | int, ...], str, set[str]]]:
    spec = task.spec
    interview: dict[str, str | None] = {
        "system": spec.interview.system, "introduction": spec.interview.introduction, "profile": spec.interview.profile,
        "instruction": spec.interview.instruction,
    }  # fmt: skip
    for name, text in interview.items():
        if text is not None:
            yield ("interview", name), text, everything | ({"labels"} if name == "instruction" else set())
    for name, field in spec.profile.items():
        if field.text is not None:
            yield ("profile", name, "text"), field.text, {"value"}
    for key, level in (spec.arms.levels if spec.arms else {}).items():
        if level.vignette is not None:
            yield ("arms", "levels", key, "vignette"), level.vignette, everything
    for number, item in enumerate(spec.items):
        yield ("items", number, "question"), item.question, everything


def _check(text: str, known: set[str]) -> Iterator[tuple[str, str | None]]:
    try:
        tree = _environment().parse(text)
    except jinja2.TemplateSyntaxError as error:
        yield f"is no valid template: {error.message}", None
        return
    for name in sorted(meta.find_undeclared_variables(tree) - known):
        yield f"there is no {name!r} to put in", did_you_mean(name, known) or f"known: {', '.join(sorted(known))}"
    for node in tree.find_all(_FORBIDDEN):
        yield f"{type(node).__name__.lower()} is not allowed in a template", "use names, conditions and simple filters"
    for node in tree.find_all(nodes.Filter):
        if node.name not in _FILTERS:
            yield f"filter {node.name!r} is not allowed", f"filters: {', '.join(sorted(_FILTERS))}"
