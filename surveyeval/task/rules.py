"""Rules: expressions over columns.

Jinja's parser reads the text; a white list of its nodes is then evaluated on whole columns, with missing as a third
value. Nothing of Python can be reached: no attributes, no calls but the functions below, no filters.

    abs(x)  min(x, y, ...)  max(x, y, ...)  log(x)         numbers
    cut(x, a, b, c)                                        bands from a to below b, ..., c and more; a code column;
                                                           missing below a
    number(x, {"code": 1, ...})                            numbers for the codes of a column; missing for other codes
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jinja2
import numpy as np
from jinja2 import nodes

from surveyeval.errors import did_you_mean
from surveyeval.task import kleene
from surveyeval.task.columns import Column, ColumnType
from surveyeval.task.kleene import Cells

__all__ = ["Rule", "RuleError", "parse"]

MAX_LENGTH, MAX_DEPTH, MAX_LIST = 2_000, 40, 200
_NUMBER, _BOOLEAN, _CODE = ColumnType("number"), ColumnType("boolean"), "code"
_ARITHMETIC: dict[type[nodes.Expr], Callable[[Cells, Cells], Cells]] = {
    nodes.Add: partial(kleene.arithmetic, np.add), nodes.Sub: partial(kleene.arithmetic, np.subtract),
    nodes.Mul: partial(kleene.arithmetic, np.multiply), nodes.Div: partial(kleene.arithmetic, np.divide),
}  # fmt: skip
_FUNCTIONS = ("abs", "min", "max", "log", "cut", "number")
#: How a refused piece of an expression is called in messages.
_REFUSED: dict[type[nodes.Node], str] = {
    nodes.Getattr: "an attribute (`.`)", nodes.Getitem: "a subscript (`[ ]`)", nodes.Filter: "a filter (`|`)",
    nodes.Test: "a test (`is`)", nodes.Pow: "a power (`**`)", nodes.FloorDiv: "`//`", nodes.Mod: "`%`",
    nodes.Concat: "`~`", nodes.CondExpr: "`if ... else`", nodes.Pos: "a sign `+`", nodes.List: "a list",
    nodes.Tuple: "a list", nodes.Dict: "a map",
}  # fmt: skip
_WORDS = {"number": "a number", "code": "a code", "boolean": "true or false"}

Get = Callable[[str], Column]
Evaluate = Callable[[Get, int], Cells]
Join = Callable[[Cells, Cells], Cells]


class RuleError(ValueError):
    """A rule cannot be read. ``hint`` says what would be right, ``offset`` where (characters, if known)."""

    def __init__(self, message: str, hint: str | None = None, offset: int | None = None) -> None:
        super().__init__(message)
        self.hint, self.offset = hint, offset


@dataclass(frozen=True, eq=False)
class Rule:
    """A parsed expression.

    Parameters
    ----------
    text : str
    type : ColumnType
        Of the result.
    names : frozenset of str
        Columns it refers to.
    """

    text: str
    type: ColumnType
    names: frozenset[str]
    _evaluate: Evaluate

    def evaluate(self, column: Get, n: int) -> Column:
        """Values for all n rows; `column` gives the columns by name."""
        values, valid = self._evaluate(column, n)
        dtype = {"number": float, "boolean": bool, "code": object}[self.type.kind]
        spread = np.broadcast_to(np.asarray(values, dtype=dtype), (n,))
        return Column(self.type, spread, np.broadcast_to(np.asarray(valid, dtype=bool), (n,)))


@dataclass(frozen=True, eq=False)
class _Part:
    type: ColumnType
    evaluate: Evaluate
    constant: Any = None


def parse(text: str, types: Mapping[str, ColumnType]) -> Rule:
    """Parse and type-check an expression.

    Parameters
    ----------
    text : str
    types : mapping of str to ColumnType
        Names that may be used.

    Raises
    ------
    RuleError
    """
    if len(text) > MAX_LENGTH:
        raise RuleError(f"has {len(text)} characters, at most {MAX_LENGTH} are read", "derive parts of it first")
    if not text.strip():
        raise RuleError("is empty")
    try:
        body = jinja2.Environment(autoescape=True).parse("{{ (" + text + "\n) }}").body
    except jinja2.TemplateSyntaxError as error:
        raise RuleError(
            f"cannot be read: {error.message}", "operators are + - * / < <= == != > >= and or not in"
        ) from error
    except RecursionError as error:
        raise RuleError("is nested too deeply", "derive parts of it first") from error
    if len(body) != 1 or not isinstance(body[0], nodes.Output) or len(body[0].nodes) != 1:
        raise RuleError("is not one expression")
    names: set[str] = set()
    part = _Compiler(types, names).compile(body[0].nodes[0], 0)
    given = all(types[name].given for name in names)
    kind = ColumnType(part.type.kind, part.type.levels, "derived", given, part.type.values)
    return Rule(text, kind, frozenset(names), part.evaluate)


class _Compiler:
    def __init__(self, types: Mapping[str, ColumnType], names: set[str]) -> None:
        self.types, self.names = types, names

    def compile(self, node: nodes.Node, depth: int) -> _Part:
        if depth > MAX_DEPTH:
            raise RuleError("is nested too deeply", "derive parts of it first")
        if isinstance(node, nodes.Const):
            return self._constant(node.value)
        if isinstance(node, nodes.Name):
            return self._name(node.name)
        if isinstance(node, nodes.Neg):
            inner = self._expect(node.node, "number", depth)
            return _Part(
                _NUMBER,
                lambda get, n: kleene.arithmetic(np.negative, inner.evaluate(get, n)),
                None if inner.constant is None else -inner.constant,
            )
        if isinstance(node, nodes.Not):
            inner = self._expect(node.node, "boolean", depth)
            return _Part(_BOOLEAN, lambda get, n: kleene.negation(inner.evaluate(get, n)))
        if isinstance(node, (nodes.And, nodes.Or)):
            join = kleene.conjunction if isinstance(node, nodes.And) else kleene.disjunction
            return self._chain(node, {type(node): join}, "boolean", depth)
        if isinstance(node, tuple(_ARITHMETIC)):
            return self._chain(node, _ARITHMETIC, "number", depth)
        if isinstance(node, nodes.Compare):
            return self._compare(node, depth)
        if isinstance(node, nodes.Call):
            return self._call(node, depth)
        what = _REFUSED.get(type(node), f"`{type(node).__name__.lower()}`")
        raise RuleError(
            f"{what} is not allowed here",
            f"rules have comparisons, and, or, not, in, + - * / and {', '.join(_FUNCTIONS)}",
        )

    def _chain(self, node: nodes.Node, operations: Mapping[type[nodes.Expr], Join], kind: str, depth: int) -> _Part:
        """Operators of one precedence in a row. They lean to the left, so a sum of 50 items is no deep nesting."""
        steps: list[tuple[Join, nodes.Expr]] = []
        while isinstance(node, nodes.BinExpr) and type(node) in operations:
            steps.append((operations[type(node)], node.right))
            node = node.left
        first = self._expect(node, kind, depth)
        rest = [(operation, self._expect(right, kind, depth)) for operation, right in reversed(steps)]

        def evaluate(get: Get, n: int) -> Cells:
            result = first.evaluate(get, n)
            for operation, part in rest:
                result = operation(result, part.evaluate(get, n))
            return result

        return _Part(_BOOLEAN if kind == "boolean" else _NUMBER, evaluate)

    def _constant(self, value: Any) -> _Part:
        if isinstance(value, bool):
            return _Part(_BOOLEAN, lambda get, n: Cells(np.asarray(value), np.asarray(True)), value)
        if isinstance(value, (int, float)) and abs(value) < 1e15:
            return _Part(_NUMBER, lambda get, n: Cells(np.asarray(float(value)), np.asarray(True)), float(value))
        if isinstance(value, str):
            return _Part(
                ColumnType("code", origin="constant"),
                lambda get, n: Cells(np.asarray(value, dtype=object), np.asarray(True)),
                value,
            )
        raise RuleError(f"constant {str(value)[:40]!r} is not allowed")

    def _name(self, name: str) -> _Part:
        if name not in self.types:
            hint = did_you_mean(name, self.types) or f"columns: {', '.join(self.types)}"
            raise RuleError(f"there is no column {name!r}", hint)
        self.names.add(name)

        def evaluate(get: Get, n: int) -> Cells:
            column = get(name)
            return Cells(column.values, column.valid)

        return _Part(self.types[name], evaluate)

    def _expect(self, node: nodes.Node, kind: str, depth: int) -> _Part:
        part = self.compile(node, depth + 1)
        if part.type.kind != kind:
            what = f"{node.name!r}" if isinstance(node, nodes.Name) else "a part"
            hint = (
                "give its kind as ordinal, or use number(column, {code: number})" if part.type.kind == "code" else None
            )
            raise RuleError(f"{what} is {_WORDS[part.type.kind]}, {_WORDS[kind]} is needed", hint)
        return part

    def _compare(self, node: nodes.Compare, depth: int) -> _Part:
        if any(operand.op in ("in", "notin") for operand in node.ops):
            return self._member(node, depth)
        parts = [self.compile(node.expr, depth + 1), *(self.compile(operand.expr, depth + 1) for operand in node.ops)]
        operators = [operand.op for operand in node.ops]
        for operator, (left, right) in zip(operators, itertools.pairwise(parts), strict=True):
            self._comparable(operator, left, right)

        def evaluate(get: Get, n: int) -> Cells:
            cells = [part.evaluate(get, n) for part in parts]
            results = [
                kleene.compare(operator, left, right, numbers=parts[0].type.kind == "number")
                for operator, (left, right) in zip(operators, itertools.pairwise(cells), strict=True)
            ]
            joined = results[0]
            for result in results[1:]:
                joined = kleene.conjunction(joined, result)
            return joined

        return _Part(_BOOLEAN, evaluate)

    def _comparable(self, operator: str, left: _Part, right: _Part) -> None:
        if left.type.kind != right.type.kind:
            hint = 'codes are text: write "1", not 1' if "code" in (left.type.kind, right.type.kind) else None
            raise RuleError(f"{_WORDS[left.type.kind]} cannot be compared with {_WORDS[right.type.kind]}", hint)
        if left.type.kind != "number" and operator not in ("eq", "ne"):
            raise RuleError(f"{_WORDS[left.type.kind]} has no order", "use == or !=, or an ordinal item")
        for one, other in ((left, right), (right, left)):
            if isinstance(one.constant, str):
                self._known_code(other, one.constant)

    def _known_code(self, column: _Part, code: str) -> None:
        codes = [known for known, _ in column.type.levels]
        if codes and code not in codes:
            raise RuleError(
                f"{code!r} is not a code of that column", did_you_mean(code, codes) or f"codes: {', '.join(codes[:30])}"
            )

    def _member(self, node: nodes.Compare, depth: int) -> _Part:
        if len(node.ops) != 1 or not isinstance(node.ops[0].expr, (nodes.List, nodes.Tuple)):
            raise RuleError("`in` needs a list of constants", 'for example education in ["1", "2"]')
        part = self.compile(node.expr, depth + 1)
        listed = [self.compile(item, depth + 1) for item in node.ops[0].expr.items]
        if not listed or len(listed) > MAX_LIST or any(item.constant is None for item in listed):
            raise RuleError("`in` needs a list of constants", 'for example education in ["1", "2"]')
        for item in listed:
            self._comparable("eq", part, item)
        constants, numbers, negate = (
            [item.constant for item in listed],
            part.type.kind == "number",
            node.ops[0].op == "notin",
        )

        def evaluate(get: Get, n: int) -> Cells:
            found = kleene.member(part.evaluate(get, n), constants, numbers=numbers)
            return kleene.negation(found) if negate else found

        return _Part(_BOOLEAN, evaluate)

    def _call(self, node: nodes.Call, depth: int) -> _Part:
        if not isinstance(node.node, nodes.Name) or node.node.name not in _FUNCTIONS:
            known = f"functions: {', '.join(_FUNCTIONS)}"
            if not isinstance(node.node, nodes.Name):
                raise RuleError("only functions can be called, by their name", known)
            name = node.node.name
            raise RuleError(f"{name!r} is no function", did_you_mean(name, _FUNCTIONS) or known)
        if node.kwargs or node.dyn_args or node.dyn_kwargs or not 0 < len(node.args) <= MAX_LIST:
            raise RuleError(f"{node.node.name}(...) takes plain arguments")
        name = node.node.name
        if name == "number":
            return self._number(node, depth)
        parts = [self._expect(argument, "number", depth) for argument in node.args]
        if name == "cut":
            return self._cut(parts)
        if name in ("abs", "log") and len(parts) != 1:
            raise RuleError(f"{name}(...) takes one argument")
        operations: dict[str, Callable[..., Any]] = {
            "abs": np.abs,
            "log": np.log,
            "min": _fold(np.minimum),
            "max": _fold(np.maximum),
        }
        operation = operations[name]
        return _Part(_NUMBER, lambda get, n: kleene.arithmetic(operation, *(part.evaluate(get, n) for part in parts)))

    def _cut(self, parts: list[_Part]) -> _Part:
        bounds = np.array([part.constant if part.constant is not None else np.nan for part in parts[1:]], dtype=float)
        if len(bounds) == 0 or not np.all(np.isfinite(bounds)) or not np.all(np.diff(bounds) > 0):
            raise RuleError("cut(...) needs rising numbers", "for example cut(age, 18, 35, 50, 65)")
        labels = [*(_band(low, high) for low, high in itertools.pairwise(bounds)), f"{_decimal(bounds[-1])}+"]
        names = np.array([*labels, None], dtype=object)

        def evaluate(get: Get, n: int) -> Cells:
            index = kleene.band(parts[0].evaluate(get, n), bounds)
            return Cells(names[index], index >= 0)

        return _Part(ColumnType("code", tuple((label, label) for label in labels)), evaluate)

    def _number(self, node: nodes.Call, depth: int) -> _Part:
        if len(node.args) != 2 or not isinstance(node.args[1], nodes.Dict):
            raise RuleError("number(...) takes a column and a map", 'for example number(group, {"a": 1, "b": 2})')
        part = self._expect(node.args[0], "code", depth)
        if not 0 < len(node.args[1].items) <= MAX_LIST:
            raise RuleError(f"number(...) maps 1 to {MAX_LIST} codes, here are {len(node.args[1].items)}")
        mapping: dict[str, float] = {}
        for pair in node.args[1].items:
            code, value = self.compile(pair.key, depth + 1).constant, self.compile(pair.value, depth + 1).constant
            if not isinstance(code, str) or isinstance(value, (bool, str)) or value is None:
                raise RuleError("number(...) maps codes to numbers", 'for example number(group, {"a": 1, "b": 2})')
            self._known_code(part, code)
            if code in mapping:
                raise RuleError(f"code {code!r} stands twice in the map", "leave one out")
            mapping[code] = value

        def evaluate(get: Get, n: int) -> Cells:
            values, valid = part.evaluate(get, n)
            numbers = np.array([mapping.get(value, np.nan) for value in np.broadcast_to(values, (n,))])
            return Cells(numbers, valid & np.isfinite(numbers))

        return _Part(_NUMBER, evaluate)


def _fold(operation: Callable[..., Any]) -> Callable[..., Any]:
    def folded(*values: Any) -> Any:
        result = values[0]
        for value in values[1:]:
            result = operation(result, value)
        return result

    return folded


def _decimal(number: float) -> str:
    """All digits, so that two bounds never look alike."""
    number = float(number)
    return str(int(number)) if number.is_integer() else repr(number)


def _band(low: float, high: float) -> str:
    if not (float(low).is_integer() and float(high).is_integer()):
        return f"{_decimal(low)} to below {_decimal(high)}"
    return _decimal(low) if high - low == 1 else f"{_decimal(low)}-{_decimal(high - 1)}"
