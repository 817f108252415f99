"""What names stand for: columns, groups, rules and regressions of a task, evaluated on a sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.errors import ConfigError, did_you_mean
from surveyeval.task import formulas, rules
from surveyeval.task.columns import Column, ColumnType
from surveyeval.task.formulas import Design, Formula
from surveyeval.task.rules import Rule
from surveyeval.task.schema import CoherenceRule, RegressionSpec
from surveyeval.task.task import Item, Task

__all__ = [
    "DerivedError",
    "coherence",
    "coherence_if",
    "column",
    "column_types",
    "design",
    "event_label",
    "groups",
    "inputs",
    "needs_profile",
    "rule",
    "rule_actions",
]


class DerivedError(ValueError):
    """Derived columns that cannot be read: ``problems`` holds (name, message, hint)."""

    def __init__(self, problems: list[tuple[str, str, str | None]]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message, _ in problems))
        self.problems = problems


def _item_type(item: Item, *, given: bool) -> ColumnType:
    levels = tuple(zip(item.codes, item.labels, strict=True))
    values = tuple(float(value) for value in item.values) if item.ordered else ()
    return ColumnType("number" if item.ordered else "code", levels, "profile" if given else "item", given, values)


@lru_cache(maxsize=256)
def _resolved(task: Task) -> tuple[dict[str, ColumnType], dict[str, Rule]]:
    types: dict[str, ColumnType] = {}
    for name, field in task.spec.profile.items():
        kind = field.kind or ("nominal" if field.labels else "numeric")
        levels = tuple((field.labels or {}).items())
        values = tuple(float(code) for code, _ in levels) if kind == "ordinal" else ()
        types[name] = ColumnType("code" if kind == "nominal" else "number", levels, "profile", True, values)
    asked = {item.name for item in task.items}
    for item in task.all_items:
        types[item.name] = _item_type(item, given=item.name not in asked)
    types["arm"] = ColumnType("code", tuple((arm.key, arm.label) for arm in task.arms), "arm")
    for name in task.arms[0].factors:
        levels = tuple(dict.fromkeys((arm.factors[name], arm.factors[name]) for arm in task.arms))
        types[name] = ColumnType("code", levels, "arm")
    return types, _derived(task.spec.derived, types)


def _derived(texts: Mapping[str, str], types: dict[str, ColumnType]) -> dict[str, Rule]:
    """Parse derived columns in an order in which each finds what it needs; a cycle is an error."""
    found: dict[str, Rule] = {}
    problems: list[tuple[str, str, str | None]] = []
    pending = dict(texts)
    while pending:
        ready = {}
        for name, text in pending.items():
            open_names = set(pending) | {problem[0] for problem in problems}
            try:
                ready[name] = rules.parse(text, types)
            except rules.RuleError as error:
                words = str(error)
                if not any(words == f"there is no column {other!r}" for other in open_names):
                    problems.append((name, words, error.hint))
        for name, rule in ready.items():
            found[name] = rule
            types[name] = rule.type
        failed = {problem[0] for problem in problems}
        before = len(pending)
        pending = {name: text for name, text in pending.items() if name not in ready and name not in failed}
        if len(pending) == before:
            if not problems:
                problems = [(name, "needs itself, directly or through others", "break the cycle") for name in pending]
            break
    if problems:
        raise DerivedError(problems)
    return found


def column_types(task: Task) -> dict[str, ColumnType]:
    """Type of every name. Raises DerivedError when derived columns cannot be read."""
    return _resolved(task)[0]


def column(task: Task, sample: Sample, name: str) -> Column:
    """Values of one name for every row. Raises ConfigError for a name that the task does not have."""
    return _Columns(task, sample)(name)


class _Columns:
    """Columns of one sample, each computed once."""

    def __init__(self, task: Task, sample: Sample) -> None:
        self.task, self.sample = task, sample
        self.types, self.rules = _resolved(task)
        self._known: dict[str, Column] = {}

    def __call__(self, name: str) -> Column:
        if name not in self._known:
            self._known[name] = self._compute(name)
        return self._known[name]

    def _compute(self, name: str) -> Column:
        if name not in self.types:
            hint = did_you_mean(name, self.types) or f"columns: {', '.join(self.types)}"
            raise ConfigError(f"there is no column {name!r}", file=self.task.file, hint=hint)
        kind, sample = self.types[name], self.sample
        if name in self.rules:
            return self.rules[name].evaluate(self, sample.n)
        if kind.origin == "item":
            index = sample.answers[name]
            table: NDArray[Any] = (
                np.array([*kind.values, 0.0])
                if kind.kind == "number"
                else np.array([*(c for c, _ in kind.levels), None], dtype=object)
            )
            return Column(kind, table[index], index >= 0)
        if kind.origin == "arm":
            values = sample.arm if name == "arm" else self._factor(name)
            return Column(kind, values, np.ones(sample.n, dtype=bool))
        codes = sample.profile[name]
        valid = np.array([code is not None for code in codes], dtype=bool)
        if kind.kind == "code":
            return Column(kind, codes, valid)
        if kind.values:
            numbers = dict(zip((code for code, _ in kind.levels), kind.values, strict=True))
            values = np.array([numbers[code] if code is not None else 0.0 for code in codes], dtype=float)
        else:
            values = np.array([float(code) if code is not None else 0.0 for code in codes], dtype=float)
        return Column(kind, values, valid)

    def _factor(self, name: str) -> NDArray[np.object_]:
        levels = {arm.key: arm.factors[name] for arm in self.task.arms}
        return np.array([levels[key] for key in self.sample.arm], dtype=object)


def groups(task: Task, sample: Sample, subgroup: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Group index (-1 where missing) and labels of a column with levels, or of a truth value.

    Raises
    ------
    ConfigError
        When there is no such column, or it has no levels.
    """
    found = column(task, sample, subgroup)
    if found.type.kind == "boolean":
        return np.where(found.valid, found.values.astype(np.int64), -1), ("no", "yes")
    if not found.type.levels:
        right = f"derive bands: cut({subgroup}, ...)" if found.type.kind == "number" else "give its labels"
        raise ConfigError(f"{subgroup!r} has no declared levels", file=task.file, field="subgroups", hint=right)
    looked_up: list[Any] = list(found.type.values) or [code for code, _ in found.type.levels]
    position = {value: number for number, value in enumerate(looked_up)}
    index = [position[value] if known else -1 for value, known in zip(found.values, found.valid, strict=True)]
    return np.array(index, dtype=np.int64), tuple(label for _, label in found.type.levels)


@lru_cache(maxsize=1024)
def _rule(task: Task, text: str) -> Rule:
    return rules.parse(text, _resolved(task)[0])


def coherence(task: Task, sample: Sample, rule: CoherenceRule) -> NDArray[np.int8]:
    """Outcome of a rule for every row: 1 follows, 0 contradicts, -1 does not apply, -2 an input is missing."""
    columns = _Columns(task, sample)
    follows = _rule(task, rule.follows).evaluate(columns, sample.n)
    outcome = np.where(follows.valid, follows.values.astype(np.int8), np.int8(-2))
    if rule.applies is not None:
        applies = _rule(task, rule.applies).evaluate(columns, sample.n)
        outcome = np.where(applies.valid & ~applies.values, np.int8(-1), np.where(applies.valid, outcome, np.int8(-2)))
    result: NDArray[np.int8] = outcome.astype(np.int8)
    return result


def rule(task: Task, sample: Sample, expression: str) -> Column:
    """Values of an expression for every row; the third value is where `valid` is False."""
    return _rule(task, expression).evaluate(_Columns(task, sample), sample.n)


def inputs(task: Task, names: Iterable[str]) -> frozenset[str]:
    """The names and everything that they are derived from."""
    derived = _resolved(task)[1]
    seen: set[str] = set()
    pending = set(names)
    while pending:
        name = pending.pop()
        seen.add(name)
        if name in derived:
            pending |= derived[name].names - seen
    return frozenset(seen)


def rule_actions(task: Task, rule: CoherenceRule) -> tuple[str, ...]:
    """Action items that a rule refers to, directly or through derived columns."""
    names = set(_rule(task, rule.follows).names)
    if rule.applies is not None:
        names |= _rule(task, rule.applies).names
    used = inputs(task, names)
    return tuple(name for name in task.actions if name in used)


def coherence_if(task: Task, sample: Sample, rule: CoherenceRule, actions: Mapping[str, int]) -> NDArray[np.int8]:
    """Outcome of a rule if everybody gave these option indices on the action items."""
    answers = {**sample.answers, **{name: np.full(sample.n, index, dtype=np.int64) for name, index in actions.items()}}
    return coherence(task, replace(sample, answers=answers), rule)


@lru_cache(maxsize=1024)
def _formula(task: Task, text: str) -> Formula:
    return formulas.parse(text, _resolved(task)[0])


def design(task: Task, sample: Sample, regression: RegressionSpec) -> Design:
    """Design matrix and response of one regression."""
    formula = _formula(task, regression.formula)
    event = _event(formula, regression)
    blocks = {term: block for block, terms in regression.blocks.items() for term in terms}
    getter: Callable[[str], Column] = _Columns(task, sample)
    outcomes = formulas.outcomes(formula.response_type, regression.family, regression.reference)
    return formula.design(getter, sample.n, event, blocks, outcomes, ordered=regression.family == "ordered")


def _event(formula: Formula, regression: RegressionSpec) -> str | None:
    """Code of the response that a logit counts as 1; None where nothing is to be chosen, as for truth values."""
    if regression.event is None and regression.family == "logit" and formula.response_type.levels:
        # also of an ordered response, whose two levels have values other than 0 and 1
        return formula.response_type.levels[-1][0]
    return regression.event


def event_label(task: Task, regression: RegressionSpec) -> str:
    """Words of the answer that a logit is about; empty for other families, and for a response that is true or false."""
    formula = _formula(task, regression.formula)
    if regression.family != "logit":
        return ""
    return dict(formula.response_type.levels).get(_event(formula, regression) or "", "")


def needs_profile(task: Task, regression: RegressionSpec) -> bool:
    """Whether the regression looks at the profile, directly or through derived columns."""
    formula = _formula(task, regression.formula)
    names = {formula.response, *formula.names}
    types = _resolved(task)[0]
    return any(types[name].origin == "profile" for name in inputs(task, names))
