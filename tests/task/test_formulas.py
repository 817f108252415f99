"""Regression formulas: the grammar, and design matrices against patsy and formulaic."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from formulaic import model_matrix
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from patsy import dmatrix

from surveyeval.data.sample import Sample
from surveyeval.task.check import check_document, notes
from surveyeval.task.columns import Column, ColumnType
from surveyeval.task.document import parse_document
from surveyeval.task.formulas import MAX_LENGTH, Design, Formula, FormulaError, parse
from surveyeval.task.load import load_task

RICH = Path(__file__).with_name("rich.yaml").read_text()


def levels(*codes: str) -> tuple[tuple[str, str], ...]:
    return tuple((code, f"label of {code}") for code in codes)


TYPES = {
    "vote": ColumnType("code", levels("0", "1"), "item", False),
    "trust": ColumnType("number", levels("1", "2", "3"), "item", False, (0.0, 5.0, 10.0)),
    "pair": ColumnType("number", levels("1", "2"), "item", False, (3.0, 7.0)),
    "age": ColumnType("number"),
    "income": ColumnType("number"),
    "party": ColumnType("code", levels("d", "r", "o", "none")),
    "gender": ColumnType("code", levels("m", "f")),
    "school": ColumnType("number", levels("1", "2", "3"), values=(1.0, 2.0, 3.0)),
    "message": ColumnType("code", levels("A", "B", "C"), "arm"),
    "high": ColumnType("boolean"),
    "band": ColumnType("code", levels("18-39", "40-59", "60+"), "derived"),
    "odd": ColumnType("code", levels("a~b", "a:b", "a*b", "it's")),
    "single": ColumnType("code", levels("all")),
    "free": ColumnType("code"),
}
N = 80


def _frame() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    data: dict[str, Any] = {}
    for name, kind in TYPES.items():
        if kind.kind == "boolean":
            data[name] = rng.random(N) < 0.4
        elif kind.values:
            data[name] = rng.choice(kind.values, N)
        elif kind.kind == "code":
            data[name] = rng.choice([code for code, _ in kind.levels] or ["u", "v"], N).astype(object)
        else:
            data[name] = rng.normal(40, 12, N).round(1)
    return pd.DataFrame(data)


FRAME = _frame()


def column(name: str, missing: NDArray[np.bool_] | None = None) -> Column:
    values = FRAME[name].to_numpy()
    known = np.ones(N, dtype=bool) if missing is None else ~missing
    if missing is not None:
        blank: Any = {"number": np.nan, "code": None, "boolean": False}[TYPES[name].kind]
        values = np.array(
            [blank if gone else value for value, gone in zip(values, missing, strict=True)], dtype=values.dtype
        )
    return Column(TYPES[name], values, known)  # fmt: skip


def design(text: str, event: str | None = None) -> Design:
    formula = parse(text, TYPES)
    return formula.design(column, N, event, dict.fromkeys(formula.written, "belief"))


def refused(text: str) -> FormulaError:
    with pytest.raises(FormulaError) as caught:
        parse(text, TYPES)
    return caught.value


# ---- the grammar ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "written", "terms"),
    [
        ("age", ["age"], ["age"]),
        ("age + income + age", ["age", "income"], ["age", "income"]),
        ("gender", ["gender"], ["gender[f]"]),
        ('C(gender, ref="f")', ["gender"], ["gender[m]"]),
        ("C(gender,ref='f')", ["gender"], ["gender[m]"]),
        (" C( gender , ref = 'f' ) ", ["gender"], ["gender[m]"]),
        ("school", ["school"], ["school"]),
        ("C(school)", ["school"], ["school[2]", "school[3]"]),
        ("party", ["party"], ["party[r]", "party[o]", "party[none]"]),
        ("age:income", ["age:income"], ["age:income"]),
        ("age*income", ["age", "income", "age:income"], ["age", "income", "age:income"]),
        ("age*gender", ["age", "gender", "age:gender"], ["age", "gender[f]", "age:gender[f]"]),
        (
            "age*income*high",
            ["age", "income", "high", "age:income", "age:high", "income:high", "age:income:high"],
            None,
        ),
        ("high*age + high:age", ["high", "age", "high:age"], ["high", "age", "high:age"]),
        ("high*age + age:high", ["high", "age", "high:age"], ["high", "age", "high:age"]),
        ("age*age", ["age"], ["age"]),
        (
            "gender*message",
            ["gender", "message", "gender:message"],
            ["gender[f]", "message[B]", "message[C]", "gender[f]:message[B]", "gender[f]:message[C]"],
        ),
        ('C(band, ref="60+")', ["band"], ["band[18-39]", "band[40-59]"]),
        ('C(odd, ref="a~b") + age', ["odd", "age"], ["odd[a:b]", "odd[a*b]", "odd[it's]", "age"]),
        ('age*C(odd, ref="a*b")', ["age", "odd", "age:odd"], None),
        ('age + C(odd, ref="a:b")', ["age", "odd"], None),
        ('C(odd, ref="it\'s")', ["odd"], ["odd[a~b]", "odd[a:b]", "odd[a*b]"]),
    ],
)
def test_terms(right: str, written: list[str], terms: list[str] | None) -> None:
    formula = parse(f"trust ~ {right}", TYPES)
    assert formula.response == "trust"
    assert list(formula.written) == written
    if terms is not None:
        assert list(formula.terms) == terms
    assert len(formula.terms) == len(formula.written_of_term) == design(f"trust ~ {right}").X.shape[1] - 1


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("trust", "is not written", None),
        ("trust ~ age ~ income", "is not written", None),
        ("", "is not written", None),
        ("~ age", "is no name", None),
        ("log(trust) ~ age", "is no name", "derive"),
        ("trust ~ aeg", "no column 'aeg'", "did you mean 'age'?"),
        ("trsut ~ age", "no column 'trsut'", "did you mean 'trust'?"),
        ("trust ~ C(gendr)", "no column 'gendr'", "did you mean 'gender'?"),
        ("trust ~ age*incme", "no column 'incme'", "did you mean 'income'?"),
        ('trust ~ C(band, ref="60")', "'60' is not a code of 'band'", "did you mean '60+'?"),
        ("trust ~ C(gender, ref=m)", "is no term", "ref="),
        ("trust ~ age + trust", "response and predictor", None),
        ("trust ~ age*trust", "response and predictor", None),
        ("trust ~ age:age", "with itself", None),
        ("trust ~ C(age)", "no declared levels", "codes"),
        ("trust ~ C(high)", "no declared levels", "codes"),
        ("trust ~ free", "no declared levels", "codes"),
        ("trust ~ single", "one level only, 'all'", "leave it out"),
        ("trust ~ C(single)", "one level only, 'all'", "leave it out"),
        ("trust ~ school + C(school)", "in two ways", "alike"),
        ('trust ~ C(school) + C(school, ref="2"):age', "in two ways", "alike"),
        ("trust ~ gender:message", "'gender:message' needs the term 'message' too", "a*b"),
        ("trust ~ gender + gender:age", "'gender:age' needs the term 'age' too", "a*b"),
        ("trust ~ high + high:age", "'high:age' needs the term 'age' too", "a*b"),
        ("trust ~ gender*message*age - age", "is no term", None),
        ("trust ~ gender + message + age + gender:message:age", "needs the term", "a*b"),
        ("trust ~ " + "*".join(["age", "income", "high", "school", "gender", "party", "message"]), "six", None),
        ("trust ~ " + "age + " * 400 + "age", "characters", None),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(text: str, words: str, hint: str | None) -> None:
    error = refused(text)
    assert words in str(error)
    assert hint is None or hint in (error.hint or "")


@pytest.mark.parametrize(
    "right",
    ["__import__('os').system('true')", "`age`", "I(age**2)", "np.log(age)", "Q('age')", "age ** 2", "age^2", "(age + income)", "age - 1",
     "0 + age", "1", "-1", ".", "age / income", "age %in% income", "center(age)", "bs(age, df=3)", "C(age, Treatment)", "C(gender, Sum)",
     "C(__import__('os'))", "C(gender, ref=open('x'))", "C(gender, ref=\"m\" + \"\")", "age if high else income", "age[0]", "age.real",
     "{age}", "age | gender", "age, income", "age +", "+ age", "age + + income", "age:", "age*", "", "C()", "C(C(gender))", "poly(age, 2)",
     "C(gender, ref='m\")", "age # comment", "_age", "åge", "age\x00"],
)  # fmt: skip
def test_nothing_of_other_formula_languages_or_of_python_gets_in(right: str) -> None:
    error = refused(f"trust ~ {right}")
    assert "is no term" in str(error)
    task = RICH.replace("formula: trust ~ age + message", "formula: " + json.dumps("trust ~ " + right))
    line = next(n for n, one in enumerate(task.splitlines(), 1) if one.startswith('    formula: "trust'))
    problems = check_document(parse_document(task, "t.yaml"))[1]
    assert {("t.yaml", line, "regressions[1].formula")} <= {(p.file, p.line, p.field) for p in problems}


def test_the_number_of_columns_is_bounded() -> None:
    types = {f"v{k}": ColumnType("code", levels(*map(str, range(60)))) for k in range(6)} | {"y": ColumnType("number")}
    with pytest.raises(FormulaError, match="columns, at most"):
        parse("y ~ v0*v1*v2*v3*v4*v5", types)
    many = {f"x{k}": ColumnType("number") for k in range(40)} | {"y": ColumnType("number")}
    pairs = " + ".join(f"x{i}*x{j}" for i, j in itertools.islice(itertools.combinations(range(40), 2), 190))
    assert len(pairs) < MAX_LENGTH
    with pytest.raises(FormulaError, match="more than 200 terms"):
        parse(f"y ~ {pairs}", many)


# ---- the design matrix ---------------------------------------------------------------------------------------------


def _library(text: str, *, of: str) -> dict[str, NDArray[np.float64]]:
    """The design of another library, its columns named as ours are."""
    # Levels are those of the task, in its order, whichever occur; codes of the reference are the library's own wording.
    frame = FRAME.assign(**{
        name: pd.Categorical(FRAME[name], categories=[code for code, _ in kind.levels])
        for name, kind in TYPES.items() if kind.kind == "code" and kind.levels
    }, school=FRAME["school"])  # fmt: skip
    frame["high"] = frame["high"].astype(float)
    if of == "patsy":
        text = re.sub(r"C\((\w+), ref=\"(.*?)\"\)", r"C(\1, Treatment(reference='\2'))", text)
        text = re.sub(r"C\(school, Treatment\(reference='(\d)'\)\)", r"C(school, Treatment(reference=\1.0))", text)
        made = dmatrix(text, frame, return_type="dataframe")
    else:
        text = re.sub(r"C\((\w+), ref=\"(.*?)\"\)", r"C(\1, contr.treatment(base='\2'))", text)
        text = re.sub(r"C\(school, contr.treatment\(base='(\d)'\)\)", r"C(school, contr.treatment(base=\1.0))", text)
        made = model_matrix(text, frame)
    columns = {}
    for name in made.columns:
        ours = re.sub(r"C\((\w+)(?:, [^\[]*)?\)\[", r"\1[", name)
        ours = re.sub(r"\[T\.(\d)\.0\]", r"[\1]", ours).replace("[T.", "[")
        columns[ours] = np.asarray(made[name], dtype=float)
    return columns


def _check_design(right: str) -> None:
    mine = design(f"trust ~ {right}")
    names = ["Intercept", *mine.terms]
    assert len(set(names)) == len(names)
    for library in ("patsy", "formulaic"):
        theirs = _library(right, of=library)
        # Each library orders the factors of an interaction in its own way.
        keyed = {frozenset(name.split(":")): values for name, values in theirs.items()}
        assert {frozenset(name.split(":")) for name in names} == set(keyed), (library, names, list(theirs))
        for name, values in zip(names, mine.X.T, strict=True):
            np.testing.assert_allclose(
                values, keyed[frozenset(name.split(":"))], rtol=1e-12, err_msg=f"{library} {name}"
            )


@pytest.mark.parametrize(
    "right",
    [
        "age",
        "age + income + high",
        "party",
        'C(party, ref="o")',
        'C(party, ref="none") + C(gender, ref="f")',
        "gender + party + age",
        "school",
        "C(school)",
        'C(school, ref="2")',
        'C(school, ref="3")*age',
        "message*age",
        "gender*party",
        'C(gender, ref="f")*C(party, ref="r")',
        "gender*message*age",
        "age*income",
        "age:income",
        "high*age",
        "party*age + message*income",
        'C(band, ref="60+")*high',
        "gender*message + C(school)*age",
    ],
)
def test_design_matrices_are_those_of_patsy_and_formulaic(right: str) -> None:
    _check_design(right)


_factors = st.sampled_from(
    ["age", "income", "gender", "party", "message", "school", "band", 'C(party, ref="o")', "C(school)", 'C(school, ref="3")', 'C(band, ref="60+")']
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(_factors, min_size=1, max_size=3, unique=True), min_size=1, max_size=3))
def test_random_formulas_have_the_design_of_patsy_and_formulaic(crossed: list[list[str]]) -> None:
    names = [re.sub(r"C\((\w+).*", r"\1", factor) for factor in dict.fromkeys(f for one in crossed for f in one)]
    if len(set(names)) == len(names):  # one column in two codings is refused
        _check_design(" + ".join("*".join(one) for one in crossed))


def test_an_absent_level_keeps_its_column() -> None:
    kind = ColumnType("code", levels("a", "b", "c"))
    formula = parse("y ~ g", {"g": kind, "y": ColumnType("number")})
    g = Column(kind, np.array(["a", "c", "a"], dtype=object), np.ones(3, dtype=bool))
    y = Column(ColumnType("number"), np.array([1.0, 2.0, 3.0]), np.ones(3, dtype=bool))
    made = formula.design(lambda name: {"g": g, "y": y}[name], 3, None, {"g": "belief"})
    assert made.terms == ("g[b]", "g[c]")
    np.testing.assert_array_equal(made.X, [[1, 0, 0], [1, 0, 1], [1, 0, 0]])


def test_rows_are_valid_where_response_and_all_terms_are_known() -> None:
    rng = np.random.default_rng(3)
    gone = {name: rng.random(N) < 0.15 for name in ("trust", "age", "party", "school", "high", "income")}
    formula = parse("trust ~ age*high + party + C(school)", TYPES)
    made = formula.design(lambda name: column(name, gone[name]), N, None, dict.fromkeys(formula.written, "belief"))
    expected = ~(gone["trust"] | gone["age"] | gone["party"] | gone["school"] | gone["high"])  # not income
    np.testing.assert_array_equal(made.valid, expected)
    assert 0 < expected.sum() < N
    assert np.isfinite(made.X).all()
    assert np.isfinite(made.y).all()
    assert not made.X[~expected].any()
    np.testing.assert_array_equal(made.X[expected], design(formula.text).X[expected])
    np.testing.assert_array_equal(made.y[expected], FRAME["trust"][expected])


def test_no_rows() -> None:
    formula = parse("trust ~ party*message*age", TYPES)
    nothing = {name: Column(TYPES[name], FRAME[name].to_numpy()[:0], np.ones(0, dtype=bool)) for name in TYPES}
    made = formula.design(nothing.__getitem__, 0, None, dict.fromkeys(formula.written, "belief"))
    assert made.X.shape == (0, 1 + len(formula.terms))


def test_blocks_belong_to_columns() -> None:
    formula = parse("vote ~ party*age + message", TYPES)
    blocks = {"party": "belief", "age": "demographic", "party:age": "belief", "message": "treatment"}
    made = formula.design(column, N, None, blocks)
    assert made.blocks == ("belief",) * 3 + ("demographic",) + ("belief",) * 3 + ("treatment",) * 2
    assert made.terms[:4] == ("party[r]", "party[o]", "party[none]", "age")


def test_responses() -> None:
    def y(name: str, event: str | None = None) -> NDArray[np.float64]:
        return design(f"{name} ~ age", event).y

    np.testing.assert_array_equal(y("vote"), FRAME["vote"] == "1")  # the last option unless named
    np.testing.assert_array_equal(y("vote", "0"), FRAME["vote"] == "0")
    np.testing.assert_array_equal(y("party", "r"), FRAME["party"] == "r")
    np.testing.assert_array_equal(y("trust"), FRAME["trust"])
    np.testing.assert_array_equal(y("trust", "2"), FRAME["trust"] == 5)
    np.testing.assert_array_equal(y("high"), FRAME["high"])


# ---- in a task -----------------------------------------------------------------------------------------------------


def _sample() -> Sample:
    return Sample(
        np.array(list("abcdef"), dtype=object), np.array(["1", "2", "1", "2", "1", "2"], dtype=object),
        answers={"party": np.array([0, 1, 2, 0, 1, -1]), "trust": np.array([0, 1, 2, 2, -1, 1]), "vote": np.array([0, 1, 1, 0, 1, 1])},
        profile={"age": np.array(["20", "30", "40", None, "60", "70"], dtype=object),
                 "school": np.array(["1", "2", "3", "1", "2", "3"], dtype=object),
                 "gender": np.array(["m", "f", "m", "f", "m", "f"], dtype=object)},
    )  # fmt: skip


def test_a_regression_of_a_task(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(RICH)
    task = load_task(str(path))
    made = task.design(_sample(), task.spec.regressions[0])
    assert made.terms == ("message[B]", "trust", "message[B]:trust", "age", "school[1]", "school[3]", "gender[f]")
    assert made.blocks == ("treatment", "belief", "treatment", *["demographic"] * 4)
    np.testing.assert_array_equal(made.valid, [True, True, True, False, False, True])
    # By hand: values of trust are 0, 5, 10; the reference of school is "2".
    np.testing.assert_array_equal(
        made.X[made.valid],
        [[1, 0, 0, 0, 20, 1, 0, 0], [1, 1, 5, 5, 30, 0, 0, 1], [1, 0, 10, 0, 40, 0, 1, 0], [1, 1, 5, 5, 70, 0, 1, 1]],
    )
    np.testing.assert_array_equal(made.y[made.valid], [0, 1, 1, 1])


@pytest.mark.parametrize(("event", "expected"), [(None, [0, 0, 1]), ("2", [0, 0, 1]), ("1", [1, 1, 0])])
def test_a_logit_of_an_ordered_response_of_two_levels_is_zero_or_one(
    tmp_path: Path, event: str | None, expected: list[int]
) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(
        f"""
name: two
version: 1
title: An ordered item of two levels
source: {{use: "file:x.csv", provenance: human, licence: none, citation: none}}
profile: {{age: {{column: age}}}}
items:
  - {{name: q, role: belief, kind: ordinal, question: "How?", options: {{"1": {{label: little, value: 3}}, "2": {{label: much, value: 9}}}}}}
regressions:
  - {{name: r, formula: q ~ age, family: logit, event: {event or "null"}, blocks: {{demographic: [age]}}}}
  - {{name: s, formula: q ~ age, family: ols, blocks: {{demographic: [age]}}}}
"""
    )
    task = load_task(str(path))
    sample = Sample(
        np.array(list("abc"), dtype=object), np.array(["all"] * 3, dtype=object), answers={"q": np.array([0, 0, 1])},
        profile={"age": np.array(["1", "2", "3"], dtype=object)},
    )  # fmt: skip
    np.testing.assert_array_equal(task.design(sample, task.spec.regressions[0]).y, expected)
    np.testing.assert_array_equal(task.design(sample, task.spec.regressions[1]).y, [3, 3, 9])


def test_a_second_name_of_an_ordered_item_has_its_levels(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(RICH.replace("  distrust: 10 - trust", "  distrust: 10 - trust\n  alias: trust").replace(
        "formula: trust ~ age + message", 'formula: trust ~ C(alias, ref="3") + message').replace("        - age\n  - name: party", "        - alias\n  - name: party")
        .replace("  trust model:\n    age: 0.1\n    message[B]: 0.5\n", ""))  # fmt: skip
    task = load_task(str(path))
    made = task.design(_sample(), task.spec.regressions[1])
    assert made.terms == ("alias[1]", "alias[2]", "message[B]")
    np.testing.assert_array_equal(made.X[:, 1][made.valid], [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(made.X[:, 2][made.valid], [0, 1, 0, 0, 1])


@pytest.mark.parametrize("family", ["ordered", "multinomial"])
def test_responses_of_several_outcomes_are_positions(family: str, tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(RICH.replace("    family: ols\n    errors: CR2\n", f"    family: {family}\n").replace(
        "    age: 0.1\n    message[B]: 0.5\n", "    age: 0.1\n" if family == "ordered" else "    age[2]: 0.1\n"))  # fmt: skip
    task = load_task(str(path))
    assert notes(task) == []
    made, sample = task.design(_sample(), task.spec.regressions[1]), _sample()
    assert made.outcomes == ("1", "2", "3")
    np.testing.assert_array_equal(made.y[made.valid], sample.answers["trust"][made.valid])
    if family == "ordered":
        assert made.values == (0, 5, 10)
        assert [name for name, _ in made.coefficients] == [name for name, _ in made.effects] == ["age", "message[B]"]
    else:
        assert made.values == ()
        assert [name for name, _ in made.coefficients] == ["age[2]", "message[B][2]", "age[3]", "message[B][3]"]
        assert [block for _, block in made.coefficients] == ["demographic", "treatment"] * 2
        assert [name for name, _ in made.effects][:2] == ["age[1]", "message[B][1]"]


def test_the_reference_outcome_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(RICH)
    made = (task := load_task(str(path))).design(_sample(), task.spec.regressions[2])
    assert made.outcomes == ("r", "d", "o")
    answers = _sample().answers["party"]
    np.testing.assert_array_equal(made.y[made.valid], np.array([1, 0, 2])[answers[made.valid]])


def test_formulas_know_what_they_refer_to() -> None:
    formula: Formula = parse("vote ~ age*gender", TYPES)
    assert formula.response_type is TYPES["vote"]
    assert set(formula.written_of_term) == set(formula.written)
