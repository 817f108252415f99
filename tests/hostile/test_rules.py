"""Rules and formulas: a language of their own, in which nothing of Python is a word."""

from __future__ import annotations

import pytest

from surveyeval.task import formulas, rules
from tests.hostile.limits import capped
from tests.hostile.targets import _TYPES


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch canary')",
        "age.__class__",
        "age['x']",
        "().__class__.__bases__",
        "age|attr('x')",
        "range(10)",
        "min(range(1000000000))",
        "lipsum()",
        "self",
        "age if old else 1",
        "9 ** 9 ** 9",
        "'x' * 1000000000",
        "age % 2",
        "age // 2",
        "'a' ~ 'b'",
        "number(vote, {'1': 1}, x=2)",
        "abs(*[1])",
        "abs(**{})",
        "1) }}{{ (2",
        "1) }}{% for i in x %}{% endfor %}{{ (2",
        "{{ age }}",
        "1e999",
        "9" * 1_999,
        "0x" + "f" * 1_900,
        "'" + "x" * 3_000 + "'",
        "(" * 500 + "age" + ")" * 500,
        "-" * 900 + "age",
        "not " * 480 + "old",
        "vote in [" + "'1'," * 400 + "]",
        "cut(age, " + ", ".join(map(str, range(300))) + ")",
        "lambda: 1",
        "age := 1",
        "\ud800",
        "'\\ud800' == vote",
    ],
)
def test_no_rule(text: str) -> None:
    with capped(), pytest.raises(rules.RuleError):
        rules.parse(text, _TYPES)


@pytest.mark.parametrize(
    "text",
    [
        "age ~ __import__('os').system('touch canary')",
        "age ~ I(vote)",
        "age ~ np.log(group)",
        "age ~ poly(group, 1000000000)",
        "age ~ {group}",
        "age ~ Q('group')",
        "age ~ (group + old) ** 1000000",
        "age ~ group ~ old",
        "I(age) ~ group",
        "age ~ C(vote, Treatment)",
        "age ~ C(vote, ref=__import__('os'))",
        "age ~ " + " + ".join(["group:old"] * 400),
        "age ~ vote" + "*group" * 8,
        "age ~ " + "(" * 900,
        "age ~ C(vote, ref='" + "x" * 1_900,
    ],
)
def test_no_formula(text: str) -> None:
    with capped(), pytest.raises(formulas.FormulaError):
        formulas.parse(text, _TYPES)
