"""The language of rules: what it refuses, and what it computes, against plain Python row by row."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveyeval.task.check import check_document
from surveyeval.task.columns import Column, ColumnType
from surveyeval.task.document import parse_document
from surveyeval.task.rules import MAX_LENGTH, RuleError, parse

RICH = Path(__file__).with_name("rich.yaml").read_text()
AB = (("a", "first"), ("b", "second"), ("10", "third"))

Row = dict[str, Any]


class Table:
    """Columns for rules from rows of plain values, None where missing."""

    def __init__(self, types: dict[str, ColumnType], rows: list[Row]) -> None:
        self.types, self.rows = types, rows
        fill = {"number": np.nan, "code": None, "boolean": False}
        dtype = {"number": float, "code": object, "boolean": bool}
        self.columns = {}
        for name, kind in types.items():
            cells = [row[name] for row in rows]
            known = np.array([cell is not None for cell in cells], dtype=bool)
            values = [fill[kind.kind] if cell is None else cell for cell in cells]
            self.columns[name] = Column(kind, np.array(values, dtype=dtype[kind.kind]), known)

    def values(self, text: str) -> list[Any]:
        result = parse(text, self.types).evaluate(self.columns.__getitem__, len(self.rows))
        assert len(result.values) == len(result.valid) == len(self.rows)
        return [value if known else None for value, known in zip(result.values.tolist(), result.valid, strict=True)]


TYPES = {
    "x": ColumnType("number"),
    "y": ColumnType("number"),
    "grade": ColumnType("number", (("1", "low"), ("2", "high")), "item", False, (1.0, 2.0)),
    "c": ColumnType("code", AB),
    "d": ColumnType("code"),
    "t": ColumnType("boolean"),
}


def one(text: str, **row: Any) -> Any:
    """Value of an expression for one row."""
    return Table(TYPES, [dict.fromkeys(TYPES, None) | row]).values(text)[0]


# ---- what is refused -----------------------------------------------------------------------------------------------

REFUSED = [
    ("c.upper", "attribute"), ("c.__class__", "attribute"), ("(1).real", "attribute"), ('"".__class__.__mro__', "attribute"),
    ("c.upper()", "only functions can be called"), ('"{}".format(x)', "only functions can be called"),
    ("abs(x)(y)", "only functions can be called"), ('c["a"]', "subscript"), ("x[0]", "subscript"), ("x[1:2]", "subscript"),
    ("x|abs", "filter"), ('c|attr("x")', "filter"), ("x is defined", "test"), ("x is not none", "test"),
    ("x ** 2", "power"), ("x // 2", "//"), ("x % 2", "%"), ("c ~ d", "~"), ("x if t else y", "if ... else"),
    ("[x, y]", "a list"), ("(x, y)", "a list"), ("x, y", "a list"), ('{"a": 1}', "a map"), ("{}", "a map"), ("+x", "sign"),
    ('"a" * 3', "a code"), ("c * 2", "'c' is a code"), ("c + d", "'c' is a code"), ("-c", "'c' is a code"),
    ("t + 1", "'t' is true or false"), ("abs(t)", "'t' is true or false"), ("not x", "'x' is a number"),
    ("x and t", "'x' is a number"), ("t or c", "'c' is a code"), ("x == c", "cannot be compared"), ("c == 1", "cannot be compared"),
    ("t == 1", "cannot be compared"), ('x == "1"', "cannot be compared"), ('c < "b"', "no order"), ("t > t", "no order"),
    ('c == "z"', "'z' is not a code"), ('"z" != c', "'z' is not a code"), ('c in ["a", "z"]', "'z' is not a code"),
    ("x in y", "list of constants"), ("x in [y]", "list of constants"), ("x in []", "list of constants"),
    ("x in [1, 2 + 3]", "list of constants"), ("x in [1] == t", "list of constants"), ('x in ["a"]', "cannot be compared"),
    ("eval(x)", "'eval' is no function"), ("__import__(c)", "'__import__' is no function"), ("x(1)", "'x' is no function"),
    ("abs()", "plain arguments"), ("abs(x=1)", "plain arguments"), ("min(*x)", "plain arguments"), ("abs(x, y)", "one argument"),
    ("log(x, 10)", "one argument"), ("abs", "no column 'abs'"), ("z", "no column 'z'"), ("none", "constant"), ("1e999", "constant"),
    ("9" * 400, "constant"), ("cut(x)", "rising"), ("cut(x, 3, 1)", "rising"), ("cut(x, 1, 1)", "rising"), ("cut(x, y)", "rising"),
    ("cut(c, 1)", "'c' is a code"), ("number(c)", "a column and a map"), ("number(x, {\"a\": 1})", "'x' is a number"),
    ('number(c, {"z": 1})', "'z' is not a code"), ('number(c, {"a": "1"})', "maps codes to numbers"),
    ('number(c, {"a": true})', "maps codes to numbers"), ("number(c, {1: 1})", "maps codes to numbers"), ("number(c, {})", "here are 0"),
    ('number(c, {"a": 1, "a": 2})', "stands twice"), ('number(d, {"a": x})', "maps codes to numbers"), ("x) }}{{ (y", "one expression"),
    ("x) }} and more {{ (y", "one expression"), ("x) }}{% if t %}{% endif %}{{ (y", "one expression"),
    ("x) }}{% set x = 1 %}{{ (x", "one expression"), ("x) }}{# {{ (", "cannot be read"), ("x }}", "cannot be read"),
    ("[x for x in c]", "cannot be read"), ("lambda: x", "cannot be read"), ("x := 1", "cannot be read"), ("x &", "cannot be read"),
    ("x ==", "cannot be read"), ("((x)", "cannot be read"), ('"open', "cannot be read"), ("", "empty"), (" \n ", "empty"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), REFUSED, ids=[text[:30] for text, _ in REFUSED])
def test_everything_else_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse(text, TYPES)
    message = str(caught.value)
    assert words in message
    # Names of Jinja's classes and of Python's exceptions mean nothing to the author of a task.
    assert not {"getattr", "getitem", "condexpr", "floordiv", "nodes.", "Error"} & set(
        message.replace("`", " ").split()
    )


@pytest.mark.parametrize("text", [text for text, _ in REFUSED if text.strip()][::5])
def test_the_checker_locates_what_is_refused(text: str) -> None:
    # The columns of this file have other names, so any refusal will do; its place is what counts.
    quoted = "'" + text.replace("'", "''") + "'"
    task = RICH.replace("  voted: vote", f"  broken: {quoted}\n  voted: vote")
    line = next(number for number, one in enumerate(task.splitlines(), 1) if one.startswith("  broken:"))
    problems = check_document(parse_document(task, "t.yaml"))[1]
    assert {(p.file, p.line, p.column, p.field) for p in problems} == {("t.yaml", line, 11, "derived.broken")}


@pytest.mark.parametrize(
    "text",
    [
        "x < gender",
        'trust == "1"',
        "vote == 1",
        "gender + 1",
        "abs(vote)",
        "trust and high",
        'gender < "m"',
        'party == "x"',
    ],
)
def test_wrong_types_are_found_before_any_row_is_read(text: str) -> None:
    task = RICH.replace("  voted: vote", f"  broken: '{text}'\n  voted: vote")
    assert [p.field for p in check_document(parse_document(task, "t.yaml"))[1]] == ["derived.broken"]


@pytest.mark.parametrize(
    "text",
    ["(" * 900 + "x" + ")" * 900, "not " * 450 + "t", "-" * 1_900 + "x", "abs(" * 300 + "x" + ")" * 300, "(x + " * 300 + "x" + ")" * 300,
     "min(" * 50 + "x" + ")" * 50, "x == (" * 50 + "x" + ")" * 50, "[" * 900 + "]" * 900, "x in [" * 200 + "1" + "]" * 200],
)  # fmt: skip
def test_deep_nesting_is_an_error_like_any_other(text: str) -> None:
    with pytest.raises(RuleError):
        parse(text, TYPES)


def test_length_is_bounded() -> None:
    assert one("x" + " " * (MAX_LENGTH - 1), x=1) == 1
    with pytest.raises(RuleError, match="characters"):
        parse("x" + " " * MAX_LENGTH, TYPES)
    with pytest.raises(RuleError, match="list of constants"):
        parse(f"x in [{', '.join(['1'] * 201)}]", TYPES)
    with pytest.raises(RuleError, match="here are 201"):
        parse("number(d, {" + ", ".join(f'"{n}":1' for n in range(201)) + "})", TYPES)


def test_long_sums_and_chains_are_no_deep_nesting() -> None:
    assert one(" + ".join(["x"] * 400), x=2) == 800
    assert one("100" + " - x" * 60, x=1) == 40
    assert one("t" + " and t" * 300, t=True) is True
    assert one("t" + " or t" * 300, t=False) is False


def test_hints_say_what_would_be_right() -> None:
    def hint(text: str) -> str | None:
        with pytest.raises(RuleError) as caught:
            parse(text, {"trust": TYPES["grade"], "party": TYPES["c"]})
        return caught.value.hint

    assert hint("trusd > 1") == "did you mean 'trust'?"
    assert hint("asb(trust)") == "did you mean 'abs'?"
    assert hint('party == "100"') == "did you mean '10'?"
    assert "text" in (hint("party == 10") or "")
    assert "number(column" in (hint("party + 1") or "")


# ---- what is computed ----------------------------------------------------------------------------------------------

THREE = (True, False, None)


def kleene_and(a: bool | None, b: bool | None) -> bool | None:
    return False if a is False or b is False else None if a is None or b is None else True


def kleene_or(a: bool | None, b: bool | None) -> bool | None:
    return True if a is True or b is True else None if a is None or b is None else False


def kleene_not(a: bool | None) -> bool | None:
    return None if a is None else not a


def test_truth_tables() -> None:
    names = ("p", "q", "r")
    types = dict.fromkeys(names, ColumnType("boolean"))
    rows = [dict(zip(names, values, strict=True)) for values in itertools.product(THREE, repeat=3)]
    table = Table(types, rows)
    expected: dict[str, Callable[[Any, Any, Any], Any]] = {
        "p and q": lambda p, q, r: kleene_and(p, q),
        "p or q": lambda p, q, r: kleene_or(p, q),
        "not p": lambda p, q, r: kleene_not(p),
        "not not p": lambda p, q, r: p,
        "p and q and r": lambda p, q, r: kleene_and(kleene_and(p, q), r),
        "p and q or r": lambda p, q, r: kleene_or(kleene_and(p, q), r),
        "p or q and r": lambda p, q, r: kleene_or(p, kleene_and(q, r)),
        "not p and q": lambda p, q, r: kleene_and(kleene_not(p), q),
        "not (p or q) or r": lambda p, q, r: kleene_or(kleene_not(kleene_or(p, q)), r),
        "p == q": lambda p, q, r: None if p is None or q is None else p == q,
        "p != q": lambda p, q, r: None if p is None or q is None else p != q,
        "p == q == r": lambda p, q, r: kleene_and(
            None if p is None or q is None else p == q, None if q is None or r is None else q == r
        ),
        "p and true": lambda p, q, r: p,
        "p or true": lambda p, q, r: True,
        "p and false": lambda p, q, r: False,
        "p == true": lambda p, q, r: p,
        "p in [true]": lambda p, q, r: p,
        "p not in [false]": lambda p, q, r: p,
        "p in [true, false]": lambda p, q, r: None if p is None else True,
    }
    for text, function in expected.items():
        assert table.values(text) == [function(*row.values()) for row in rows], text


@pytest.mark.parametrize("operator", ["==", "!=", "<", "<=", ">", ">="])
def test_comparisons_with_missing(operator: str) -> None:
    compare: dict[str, Callable[[Any, Any], bool]] = {
        "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    }  # fmt: skip
    for a, b in itertools.product((1, 2, 2.5, None), repeat=2):
        expected = None if a is None or b is None else compare[operator](a, b)
        assert one(f"x {operator} y", x=a, y=b) is expected
    for c, d in itertools.product(("a", "b", None), repeat=2):
        if operator in ("==", "!="):
            expected = None if c is None or d is None else compare[operator](c, d)
            assert one(f"c {operator} d", c=c, d=d) is expected


def test_membership_with_missing() -> None:
    for value, inside in ((1, True), (-1, True), (2, False), (None, None)):
        assert one("x in [1, -1]", x=value) is inside
        assert one("x not in (1, -1)", x=value) is kleene_not(inside)
    for code, inside in (("a", True), ("10", True), ("b", False), (None, None)):
        assert one('c in ["a", "10"]', c=code) is inside
        assert one('c not in ["a", "10"]', c=code) is kleene_not(inside)
    # Constants on the left too.
    assert one("2 in [1, 2]") is True
    assert one('"a" in ["b"]') is False
    assert one('cut(5, 1, 10) in ["1-9"]') is True


def test_chained_comparisons_are_joined() -> None:
    assert one("1 < x <= 3", x=3) is True
    assert one("1 < x <= 3", x=4) is False
    assert one("1 < x < y", x=0, y=None) is False  # known to be false whatever y is
    assert one("1 < x < y", x=2, y=None) is None


def test_arithmetic_with_missing_or_without_finite_answer_is_missing() -> None:
    for text in (
        "x + y",
        "x - y",
        "x * y",
        "y / x",
        "min(x, y)",
        "max(y, x)",
        "-y",
        "abs(y)",
        "log(y)",
        "0 * y",
        "y - y",
    ):
        assert one(text, x=1.0, y=None) is None, text
    assert one("x / y", x=1, y=0) is None
    assert one("x / y", x=0, y=0) is None
    assert one("log(x)", x=0) is None
    assert one("log(x)", x=-1) is None
    assert one("x * x * x", x=1e200) is None
    assert one("x / y > 1 or t", x=1, y=0, t=True) is True


def test_functions() -> None:
    assert one("abs(-x)", x=2.5) == 2.5
    assert one("min(x, y, 0)", x=2, y=-3) == -3
    assert one("max(x, y, 0)", x=-2, y=-3) == 0
    assert one("min(x)", x=4) == 4
    assert one("log(x)", x=math.e**2) == pytest.approx(2, abs=1e-12)
    assert one('number(c, {"a": 120, "b": -1.5})', c="a") == 120
    assert one('number(c, {"a": 120, "b": -1.5})', c="b") == -1.5
    assert one('number(c, {"a": 120, "b": -1.5})', c="10") is None  # a code left out of the map
    assert one('number(c, {"a": 120})', c=None) is None
    assert one('number("a", {"a": 7})') == 7


def test_decimals_written_alike_are_equal() -> None:
    assert one("0.1 + 0.2 == 0.3") is True
    assert one("0.1 + 0.2 > 0.3") is False
    assert one("0.1 + 0.2 <= 0.3") is True
    assert one("x * 3 in [0.3]", x=0.1) is True
    assert one("1000000 * x == 100000", x=0.1) is True
    assert one("1 == 1.00001") is False


def test_cut_bounds_belong_to_their_band() -> None:
    bands = {17: None, 17.999: None, 18: "18-34", 34: "18-34", 34.9: "18-34", 35: "35", 35.5: "35", 36: "36-49", 49: "36-49",
             50: "50+", 1000: "50+", None: None, -5: None}  # fmt: skip
    for value, band in bands.items():
        assert one("cut(x, 18, 35, 36, 50)", x=value) == band, value
    assert [code for code, _ in parse("cut(x, 18, 35, 36, 50)", TYPES).type.levels] == ["18-34", "35", "36-49", "50+"]
    assert one("cut(x, 0.3, 0.5)", x=0.1 + 0.2 - 1e-17) == "0.3 to below 0.5"
    assert one("cut(x / 10, 0.3, 0.5)", x=3) == "0.3 to below 0.5"
    assert one("cut(x, -10, -2)", x=-2) == "-2+"
    assert one("cut(x, 18)", x=18) == "18+"
    assert one('cut(x, 18, 35) == "18-34"', x=None) is None


def test_bands_of_large_numbers_have_names_of_their_own() -> None:
    levels = [code for code, _ in parse("cut(x, 10000000, 12500000, 12500001, 99999999)", TYPES).type.levels]
    assert levels == ["10000000-12499999", "12500000", "12500001-99999998", "99999999+"]
    assert one("cut(x, 0.1234567, 0.1234568, 0.5)", x=0.12345675) == "0.1234567 to below 0.1234568"


def test_type_names_and_givenness_of_a_rule() -> None:
    assert parse("x > 1 and grade == 2", TYPES).names == {"x", "grade"}
    assert parse("x > 1", TYPES).type.kind == "boolean"
    assert parse("x > 1", TYPES).type.given
    assert not parse("x > grade", TYPES).type.given
    assert parse('"a" == c', TYPES).names == {"c"}
    # A second name of an ordered item is ordered like it.
    assert parse("(grade)", TYPES).type.values == (1.0, 2.0)
    assert parse("grade + 0", TYPES).type.levels == ()


def test_constants_fill_every_row() -> None:
    table = Table({"x": TYPES["x"]}, [{"x": 1.0}, {"x": None}])
    assert table.values("1 + 1") == [2.0, 2.0]
    assert table.values('"a"') == ["a", "a"]
    assert table.values("true") == [True, True]
    assert Table({"x": TYPES["x"]}, []).values("cut(x, 1, 2)") == []


# ---- random expressions, against an interpreter that knows one row at a time ------------------------------------------

PROPERTY = {
    "x": ColumnType("number"), "y": ColumnType("number"), "p": ColumnType("number"), "c": ColumnType("code", AB),
    "d": ColumnType("code"), "t": ColumnType("boolean"),
}  # fmt: skip
_rng = np.random.default_rng(7)
#: Every number is a small multiple of a power of two, and divisors are powers of two, so that floats are exact and
#: Fractions are an independent reference.
_pools: dict[str, list[Any]] = {
    "x": [-2, -1, 0, 1, 2, 3.5, None], "y": [0, 1, 2, 2.5, 40, None], "p": [0, 1, 2, -4, 0.5, None],
    "c": ["a", "b", "10", None], "d": ["a", "b", "q", None], "t": [True, False, None],
}  # fmt: skip
ROWS: list[Row] = [{name: pool[_rng.integers(len(pool))] for name, pool in _pools.items()} for _ in range(60)]
ROWS += [dict.fromkeys(_pools, None)]
PROPERTY_TABLE = Table(
    PROPERTY, [{k: float(v) if type(v) in (int, float) else v for k, v in row.items()} for row in ROWS]
)

Expression = tuple[str, Callable[[Row], Any]]


def column(name: str) -> Expression:
    def value(row: Row) -> Any:
        cell = row[name]
        return Fraction(cell) if type(cell) in (int, float) else cell

    return name, value


def strict(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*values: Any) -> Any:
        return None if any(value is None for value in values) else function(*values)

    return wrapped


def apply(template: str, function: Callable[..., Any], *parts: Expression) -> Expression:
    """`function` sees the values of the parts."""
    return template.format(*(text for text, _ in parts)), lambda row: function(*(value(row) for _, value in parts))


def same(a: Fraction, b: Fraction) -> bool:
    return abs(a - b) <= Fraction(1, 10**9) * max(1, abs(a), abs(b))


NUMBERS: dict[str, Callable[..., Any]] = {
    "({} + {})": lambda a, b: a + b,
    "({} - {})": lambda a, b: a - b,
    "({} * {})": lambda a, b: a * b,
    "min({}, {})": min,
    "max({}, {})": max,
}
COMPARISONS: dict[str, Callable[..., Any]] = {
    "({} == {})": same,
    "({} != {})": lambda a, b: not same(a, b),
    "({} < {})": lambda a, b: a < b and not same(a, b),
    "({} <= {})": lambda a, b: a < b or same(a, b),
    "({} > {})": lambda a, b: a > b and not same(a, b),
    "({} >= {})": lambda a, b: a > b or same(a, b),
}
LOGIC: dict[str, Callable[..., Any]] = {"({} and {})": kleene_and, "({} or {})": kleene_or}
CODES = st.sampled_from([column("c"), column("d")])
_constants = st.sampled_from([0, 1, 2, 3, 0.5, 2.25, 40])


def _numeric(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.one_of(
        st.builds(lambda item, a, b: apply(item[0], strict(item[1]), a, b), st.sampled_from(list(NUMBERS.items())), inner, inner),
        st.builds(lambda a: apply("(-{})", strict(lambda v: -v), a), inner),
        st.builds(lambda a: apply("abs({})", strict(abs), a), inner),
        st.builds(lambda a: apply("({} / {})", strict(lambda v, p: v / p if p else None), a, column("p")), inner),
    )  # fmt: skip


_number_leaf = st.one_of(
    st.sampled_from([column("x"), column("y"), column("p")]),
    _constants.map(lambda value: (str(value), lambda row: Fraction(value))),
    CODES.map(lambda code: apply('number({}, {{"a": 3, "b": -0.5}})', lambda v: {"a": Fraction(3), "b": Fraction(-1, 2)}.get(v), code)),
)  # fmt: skip
number = st.recursive(_number_leaf, _numeric, max_leaves=6)


def _cut(value: Fraction) -> str | None:
    if value < 0 and not same(value, Fraction(0)):
        return None
    return (
        "0"
        if value < 1 and not same(value, Fraction(1))
        else "1-2"
        if value < 3 and not same(value, Fraction(3))
        else "3+"
    )


_truth_leaf = st.one_of(
    st.just(column("t")),
    st.sampled_from([("true", lambda row: True), ("false", lambda row: False)]),
    st.builds(lambda item, a, b: apply(item[0], strict(item[1]), a, b), st.sampled_from(list(COMPARISONS.items())), number, number),
    st.builds(lambda a, b: apply("({} == {})", strict(lambda v, w: v == w), a, b), CODES, CODES),
    st.builds(lambda a, k: apply(f'({{}} != "{k}")', strict(lambda v: v != k), a), CODES, st.sampled_from(["a", "b", "10"])),
    st.builds(lambda a: apply("({} in [1, -2, 0.5])", strict(lambda v: any(same(v, Fraction(k)) for k in (1, -2, 0.5))), a), number),
    st.builds(lambda a: apply('({} not in ["a", "10"])', strict(lambda v: v not in ("a", "10")), a), CODES),
    st.builds(lambda a, k: apply(f'(cut({{}}, 0, 1, 3) == "{k}")', strict(lambda v: strict(lambda band: band == k)(_cut(v))), a),
              number, st.sampled_from(["0", "1-2", "3+"])),
    st.builds(lambda a, b, c: apply("({} < {} <= {})", lambda u, v, w: kleene_and(strict(COMPARISONS["({} < {})"])(u, v),
                                                                               strict(COMPARISONS["({} <= {})"])(v, w)), a, b, c),
              number, number, number),
)  # fmt: skip
truth = st.recursive(
    _truth_leaf,
    lambda inner: st.one_of(
        st.builds(lambda item, a, b: apply(item[0], item[1], a, b), st.sampled_from(list(LOGIC.items())), inner, inner),
        st.builds(lambda a: apply("(not {})", kleene_not, a), inner),
        st.builds(lambda a, b: apply("({} == {})", strict(lambda v, w: v == w), a, b), inner, inner),
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(number, truth))
def test_whole_columns_and_single_rows_agree(expression: Expression) -> None:
    text, value = expression
    found, expected = PROPERTY_TABLE.values(text), [value(row) for row in ROWS]
    assert found == [float(one) if isinstance(one, Fraction) else one for one in expected]


_atoms = st.sampled_from(["x", "y", "2", "3.5", "-x", "abs(y)"])
_terms = st.lists(st.tuples(_atoms, st.sampled_from(["+", "-", "*"])), min_size=1, max_size=7).map(
    lambda pairs: " ".join(f"{atom} {operator}" for atom, operator in pairs) + " 4"
)
_claims = st.builds(
    lambda a, op, b: f"{a} {op} {b}", _terms, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), _terms
)
_sentences = st.lists(
    st.tuples(st.sampled_from(["", "not "]), _claims, st.sampled_from(["and", "or"])), min_size=1, max_size=5
).map(lambda parts: " ".join(f"{negation}{claim} {word}" for negation, claim, word in parts) + " x == 2")


@settings(max_examples=200, deadline=None)
@given(st.one_of(_terms, _sentences))
def test_operators_bind_as_in_python(text: str) -> None:
    for x, y in ((2.0, -3.0), (0.5, 7.0), (-4.0, 0.0)):
        assert one(text, x=x, y=y) == eval(text, {"__builtins__": {}, "abs": abs}, {"x": x, "y": y})
