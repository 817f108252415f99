"""From a task and a person's profile to the words of an interview.

Templates run in Jinja's sandbox, with undefined names as errors. They hold names, conditions, a few filters, sums,
differences and quotients: nothing that repeats or stores text (loops, ``set``, multiplication, formatting), so what a
template makes, and the time it takes, grow no faster than its own length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from functools import lru_cache
from typing import Any

import jinja2
import numpy as np
from jinja2 import filters, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from surveyeval.data.sample import Sample
from surveyeval.errors import ConfigError, did_you_mean
from surveyeval.task.interview import Interview, Question
from surveyeval.task.orders import item_order, option_order
from surveyeval.task.task import Item, Profile, Task

__all__ = ["check_template", "composed_person", "interviews"]

MAX_SIZE, MAX_DEPTH = 20_000, 30
_ALLOWED = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.CondExpr, nodes.Name, nodes.Const, nodes.And,
            nodes.Or, nodes.Not, nodes.Compare, nodes.Operand, nodes.Test, nodes.Filter, nodes.Keyword, nodes.Concat,
            nodes.Add, nodes.Sub, nodes.Div, nodes.FloorDiv, nodes.Neg, nodes.Pos, nodes.List, nodes.Tuple)  # fmt: skip
#: How refused pieces are called in messages; others bear Jinja's name.
_REFUSED: dict[type[nodes.Node], str] = {
    nodes.Getattr: "an attribute (`.`)", nodes.Getitem: "a subscript (`[ ]`)", nodes.Call: "a call (`( )`)",
    nodes.Mul: "`*`", nodes.Pow: "`**`", nodes.Mod: "`%`", nodes.Dict: "a map", nodes.Pair: "a map",
    nodes.Slice: "a subscript (`[ ]`)", nodes.Assign: "`set`", nodes.AssignBlock: "`set`",
    nodes.Scope: "`autoescape`", nodes.ScopedEvalContextModifier: "`autoescape`", nodes.FilterBlock: "a filter block",
}  # fmt: skip
_FILTERS = {"lower", "upper", "title", "capitalize", "trim", "default", "round", "int", "float"}
#: Decimals that numbers are rounded to: rounding up to a billion of them would compute a number of as many digits.
_DECIMALS = 20
_TOO_MANY_DIGITS = ("holds a number of more digits than can be read", "write a shorter one")
_WHOLE = re.compile(r"[^\ud800-\udfff]*")
#: Where a template puts in what an item of a battery is about.
_PUTS_STATEMENT = re.compile(r"\{[{%][^{}]*\bstatement\b")


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False)
    environment.filters = {name: function for name, function in environment.filters.items() if name in _FILTERS}
    environment.filters["round"] = _rounded
    environment.globals = {}
    return environment


def _rounded(value: float, precision: int = 0, method: Any = "common") -> float:
    """Jinja's own filter, for numbers of a usual size."""
    if not isinstance(precision, int) or abs(precision) > _DECIMALS:
        raise jinja2.TemplateRuntimeError(f"numbers are rounded to at most {_DECIMALS} decimals")
    return filters.do_round(value, precision, method)


@lru_cache(maxsize=4096)
def _template(text: str) -> jinja2.Template:
    return _environment().from_string(text)


def _render(text: str, variables: Mapping[str, Any], field: str, task: Task) -> str:
    try:
        result = _template(text).render(variables)
    except Exception as error:  # a checked template runs nothing of ours: whatever it raises is a slip in the template
        hint = None
        if isinstance(error, jinja2.UndefinedError):
            hint = "a field may be hidden or missing: guard it with {% if NAME is defined %}"
        elif isinstance(error, TypeError):
            hint = "what is put in is text: write NAME|int or NAME|float where a number is needed"
        raise ConfigError(f"template fails: {error}", file=task.file, field=field, hint=hint) from error
    if len(result) > MAX_SIZE:
        raise ConfigError(
            f"template makes {len(result)} characters",
            file=task.file,
            field=field,
            hint=f"at most {MAX_SIZE} are shown",
        )
    if not _WHOLE.fullmatch(result):
        raise ConfigError("template makes halves of characters, which no file can hold", file=task.file, field=field)
    return result.strip()


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
        respondent, known = str(people.respondent[row]), tuple(sorted(variables.items()))
        questions = tuple(
            _question(task, item, known, option_order(task, item, respondent)) for item in item_order(task, respondent)
        )
        # A system turn without words is none: chat templates treat the two differently.
        system = (_render(spec.system, variables, "interview.system", task) if spec.system else "") or None
        opening = "\n\n".join(part for part in parts if part)
        result.append(Interview(respondent, system, opening, questions, spec.mode))
    return result


def _words(field: Profile, code: str) -> str:
    words = (field.labels or {}).get(code, code)
    if len(words) > MAX_SIZE:  # a template can repeat it thousands of times before what it makes is measured
        raise ConfigError(
            f"a value has {len(words)} characters", field=f"profile.{field.name}", hint=f"at most {MAX_SIZE} are shown"
        )
    return words


def _sentence(task: Task, field: Profile, words: str) -> str:
    if field.text is None:
        return f"{field.name.replace('_', ' ').capitalize()}: {words}."
    return _render(field.text, {"value": words}, f"profile.{field.name}.text", task)


@lru_cache(maxsize=8192)
def _question(task: Task, item: Item, variables: tuple[tuple[str, str], ...], order: tuple[int, ...]) -> Question:
    spec = task.spec.interview
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
    asks, statement = item.question, item.spec.statement
    if statement is not None:
        values["statement"] = statement
        asks = asks if _PUTS_STATEMENT.search(asks) else f"{asks}\n{{{{ statement }}}}"
    if spec.instruction is not None:
        instruction = _render(spec.instruction, values, "interview.instruction", task)
    stem = "\n".join([_render(asks, values, f"items.{item.name}.question", task), *lines])
    labels = tuple(item.labels[index] for index in order)
    return Question(item.name, f"{stem}\n{instruction}", answers, order, stem, labels)


def composed_person(task: Task) -> Sample:
    """One invented respondent, composed without looking at any row: for examples of prompts."""
    profile = {name: np.array([field.example], dtype=object) for name, field in task.profile.items()}
    return Sample(np.array(["example"], dtype=object), np.array([task.arms[0].key], dtype=object), profile=profile)


def check_template(text: str, known: Set[str]) -> Iterator[tuple[str, str | None]]:
    """Everything wrong in one template: (message, hint). `known` are the names that may be put in."""
    if len(text) > MAX_SIZE:
        yield f"has {len(text)} characters", f"at most {MAX_SIZE} are read"
        return
    try:
        found = _nodes(_environment().parse(text))
    except jinja2.TemplateSyntaxError as error:
        yield f"is no valid template: {error.message}", None
        return
    except ValueError:  # Python reads no number of so many digits
        yield _TOO_MANY_DIGITS
        return
    except RecursionError:
        yield "is nested too deeply", "use fewer brackets and conditions inside each other"
        return
    problems = list(_refused(found, known))
    yield from problems
    if not problems:
        try:
            _template(text)
        except ValueError:  # of more digits than can be written, such as 0xfff...
            yield _TOO_MANY_DIGITS
        except (jinja2.TemplateSyntaxError, SyntaxError, RecursionError, MemoryError):
            yield "is nested too deeply", "use fewer brackets and conditions inside each other"


def _nodes(tree: nodes.Template) -> list[nodes.Node]:
    """All nodes, without recursion; RecursionError when they are nested deeper than is ever compiled."""
    found: list[nodes.Node] = []
    level: list[nodes.Node] = [tree]
    for _ in range(MAX_DEPTH):
        found += level
        level = [child for node in level for child in node.iter_child_nodes()]
        if not level:
            return found
    raise RecursionError


def _refused(found: list[nodes.Node], known: Set[str]) -> Iterator[tuple[str, str | None]]:
    for name in sorted({node.name for node in found if isinstance(node, nodes.Name)} - known):
        yield f"there is no {name!r} to put in", did_you_mean(name, known) or f"known: {', '.join(sorted(known))}"
    refused = [type(node) for node in found if not isinstance(node, _ALLOWED)]
    for what in dict.fromkeys(_REFUSED.get(kind, f"`{kind.__name__.lower()}`") for kind in refused):
        yield f"{what} is not allowed in a template", "use names, conditions and simple filters"
    for name in sorted({node.name for node in found if isinstance(node, nodes.Filter)} - _FILTERS):
        yield f"filter {name!r} is not allowed", f"filters: {', '.join(sorted(_FILTERS))}"
    for name in sorted({node.name for node in found if isinstance(node, nodes.Test)} - set(_environment().tests)):
        yield f"there is no test {name!r}", "write for example {% if NAME is defined %}"
