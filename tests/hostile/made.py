"""What fuzzing gives to readers: pieces of each language in any order, good files with damage, and noise."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

__all__ = ["NAUGHTY", "bytes_like", "columns", "json_like", "lss", "pieces", "qsf", "qualtrics", "records"]

#: Texts that have broken programs.
NAUGHTY = (
    "", " ", "\0", "\x1b[2J", "\u202eabc", "\ufeff", "\ud800", "\U0010ffff", "²", "٣", "\u2028", "\r\n", "\t", "__class__",
    "../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "{{ 7*7 }}", "{% for x in y %}", "${jndi:ldap://x}", "%s%n", "=1+1",
    "-1", "1e999", "NaN", "Infinity", "9" * 5_000, "0x" + "f" * 40, "--5", "-0", "1_0", "null", "~", "true", "<script>", "'\"`",
    "\\", "]]>", "&lt;", "&x;", "\N{COMBINING ACUTE ACCENT}", "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}",
)  # fmt: skip
#: Characters of all kinds, halves of characters among them.
_TEXT = st.text(st.characters(), max_size=12)
words = st.sampled_from(NAUGHTY) | _TEXT


def pieces(tokens: Sequence[str], most: int = 40) -> st.SearchStrategy[str]:
    """Tokens of a language in any order, sometimes many of the same, with noise between them."""
    token = st.sampled_from(tokens)
    some = st.lists(token | st.sampled_from(NAUGHTY[:33]) | _TEXT, max_size=most).map("".join)
    plain = st.lists(token, max_size=most).map("".join)
    many = st.tuples(plain, token, st.sampled_from([2, 50, 400, 3_000]), plain).map(
        lambda parts: parts[0] + parts[1] * parts[2] + parts[3]
    )
    return plain | some | many


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """A good file with pieces taken out, put in twice, or overwritten."""

    def change(cuts: list[tuple[float, float, bytes]]) -> bytes:
        found = content
        for start, length, new in cuts:
            at = int(start * len(found))
            found = found[:at] + new + found[at + int(length * 40) :]
        return found

    share = st.floats(0, 1)
    cut = st.tuples(
        share, share, st.binary(max_size=6) | st.sampled_from([one.encode("utf-8", "replace") for one in NAUGHTY])
    )
    return st.lists(cut, min_size=1, max_size=5).map(change)


def bytes_like(*good: Path) -> st.SearchStrategy[bytes]:
    """Noise, and good files with damage."""
    return st.one_of(st.binary(max_size=200), *(damaged(path.read_bytes()) for path in good))


_SCALARS = (
    st.none() | st.booleans() | st.integers(-5, 70_000) | st.floats() | st.sampled_from([10**400, -(10**30)]) | words
)


def json_like(keys: Sequence[str], values: Sequence[Any] = ()) -> st.SearchStrategy[Any]:
    """Plain data that JSON can hold (and some that Python's JSON alone can), with keys that mean something."""
    leaves = _SCALARS | st.sampled_from(list(values)) if values else _SCALARS
    key = st.sampled_from(list(keys)) | words
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(key, inner, max_size=5),
        max_leaves=12,
    )


# ---- sentences of each language, most of which can be read ---------------------------------------------------------------


def templates() -> st.SearchStrategy[str]:
    """Templates that hold what templates may hold, and sometimes a little more."""
    names = st.sampled_from(["age", "region", "age", "1.5", "'x'", "7", "none", "['a', age]", "(1, 2)"])

    def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        two = st.tuples(inner, st.sampled_from(["+", "-", "~", "/", "//", "==", "<", "in", "and", "or", "*"]), inner)
        return st.one_of(
            two.map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
            st.tuples(inner, st.sampled_from(["lower", "title", "round", "round(1, 'ceil')", "round(99999999, 'floor')", "int(base=16)",
                                              "float", "default('y', true)", "trim", "int", "round(age)", "attr('x')"])).map("|".join),
            st.tuples(inner, st.sampled_from(["defined", "number", "divisibleby 0", "sameas 1", "in [1]", "odd", "iterable"])).map(
                lambda p: f"({p[0]} is {p[1]})"
            ),
            st.tuples(inner, inner).map(lambda p: f"({p[0]} if {p[1]} else 'no')"),
            inner.map(lambda p: f"(not {p})"),
            inner.map(lambda p: f"(-{p})"),
        )  # fmt: skip

    expression = st.recursive(names, grown, max_leaves=6)
    part = expression.map(lambda p: "{{ " + p + " }}") | st.tuples(expression, expression).map(
        lambda p: "{% if " + p[0] + " %}{{ " + p[1] + " }}{% endif %}"
    )
    return st.lists(part, min_size=1, max_size=4).map(" ".join)


def rules() -> st.SearchStrategy[str]:
    """Rules over the columns age, group (numbers), old (true or false) and vote (codes)."""
    number = st.sampled_from(["age", "group", "1", "0", "-2.5", "1e300", 'number(vote, {"1": 1, "2": 2})'])

    def arithmetic(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        two = st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})")
        called = st.tuples(st.sampled_from(["abs", "log", "min", "max"]), inner, inner)
        return two | called.map(lambda p: f"{p[0]}({p[1]})" if p[0] in ("abs", "log") else f"{p[0]}({p[1]}, {p[2]})")

    numbers = st.recursive(number, arithmetic, max_leaves=5)
    compared = st.tuples(numbers, st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in"]), numbers).map(
        lambda p: f"{p[0]} in [{p[2]}]" if p[1] == "in" else f"{p[0]} {p[1]} {p[2]} "
    )
    said = (
        st.sampled_from(["old", 'vote == "1"', 'vote not in ["1", "9"]', 'vote != "3"', "1 < age <= 3", "true"])
        | compared
    )

    def joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.tuples(inner, st.sampled_from(["and", "or", "=="]), inner).map(
            lambda p: f"({p[0]} {p[1]} {p[2]})"
        ) | inner.map(lambda p: f"not {p}")

    cut = st.tuples(numbers, st.lists(st.integers(-3, 60), min_size=1, max_size=4)).map(
        lambda p: f"cut({p[0]}, {', '.join(map(str, p[1]))})"
    )
    return numbers | cut | st.recursive(said, joined, max_leaves=5)


def formulas() -> st.SearchStrategy[str]:
    """Formulas over the same columns."""
    term = st.sampled_from(
        ["age", "old", "group", "vote", "C(group)", 'C(vote, ref="2")', "C(group, ref='2')", "C(age)"]
    )
    crossed = st.lists(term, min_size=1, max_size=3).flatmap(
        lambda some: st.sampled_from([":", "*"]).map(lambda by: by.join(some))
    )
    return st.tuples(st.sampled_from(["age", "vote", "group", "old"]), st.lists(crossed, min_size=1, max_size=4)).map(
        lambda p: f"{p[0]} ~ {' + '.join(p[1])}"
    )


# ---- the response log ----------------------------------------------------------------------------------------------------


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """A line of a response log whose checksum may be right although its content is not."""
    good: dict[str, Any] = {
        "block": [0, 0, 0, 2], "paired": True, "answers": {"trust": [1, -1], "act": [0, 1]}, "states": {"trust": [0, 5], "act": [0, 0]},
        "probabilities": {"trust": [[0.25, 0.25, 0.25, 0.25], [None, None, None, None]]}, "mass": {"trust": [0.9, None]},
        "log_prob": {"trust": [-0.1, "-inf"]}, "texts": {"trust": ["A", None]}, "notes": ["x"], "cached": 1.0, "seconds": 2.0,
    }  # fmt: skip
    inner = json_like(
        ["trust", "act"], [[0, 1], [[0.5, 0.5], [1.0]], {"trust": [1, 2]}, [0, 0, 0, 2], [-1, 0, 0, 10**12]]
    )
    changes = draw(st.dictionaries(st.sampled_from(sorted(good)), inner, max_size=3))
    dropped = draw(st.sets(st.sampled_from(sorted(good)), max_size=1))
    content = {key: value for key, value in {**good, **changes}.items() if key not in dropped}
    whole: Any = draw(st.sampled_from([content, content, content, [content], None, 5]))
    text = json.dumps(whole).encode()
    return draw(st.sampled_from([text, text, text[:-1], b"[" * 50_000, b"9" * 5_000, b"\xff", b""]))


def columns(names: Sequence[str], good: dict[str, list[Any]]) -> st.SearchStrategy[dict[str, list[Any]]]:
    """Columns of a table of responses, some with other values or left out."""
    size = len(next(iter(good.values())))
    value = st.none() | st.integers(-3, 9) | st.floats() | st.sampled_from(["trust", "act", "r0", "answered", *NAUGHTY])
    column = st.lists(value, min_size=size, max_size=size) | st.lists(
        st.none() | st.lists(st.floats(), max_size=5), min_size=size, max_size=size
    )
    changed = st.dictionaries(st.sampled_from(names), column, max_size=2)
    gone = st.sets(st.sampled_from(names), max_size=1)
    return st.tuples(changed, gone).map(lambda two: {k: v for k, v in {**good, **two[0]}.items() if k not in two[1]})


# ---- survey platforms ----------------------------------------------------------------------------------------------------

_QSF_KEYS = (
    "SurveyElements", "Element", "Payload", "PrimaryAttribute", "QuestionID", "QuestionType", "Selector", "SubSelector", "Choices",
    "Answers", "ChoiceOrder", "AnswerOrder", "RecodeValues", "ChoiceDataExportTags", "Randomization", "Type", "Advanced",
    "FixedOrder", "Configuration", "CSSliderMin", "CSSliderMax", "Validation", "Settings", "ContentType", "DisplayLogic",
    "SkipLogic", "Flow", "ID", "BlockElements", "SubSet", "EmbeddedData", "Field", "Value", "BranchLogic", "Description",
    "0", "1", "2", "Display", "ExclusiveAnswer", "LogicType", "LeftOperand", "Operator", "RightOperand", "ChoiceLocator",
    "SkipToDestination", "Condition", "DataExportTag", "QuestionText", "Options", "RandomizeQuestions", "Looping",
)  # fmt: skip
_QSF_VALUES = (
    "QID1", "QID2", "MC", "Matrix", "Slider", "TE", "DB", "SAVR", "MAVR", "Likert", "SingleAnswer", "All", "ValidNumber", "Question",
    "EmbeddedField", "q://QID1/SelectableChoice/1", "q://QID2/ChoiceTextEntryValue", "Selected", "NotSelected", "EqualTo",
    "GreaterThan", "AndIf", "OrIf", "ENDOFSURVEY", "ENDOFBLOCK", "Block", "Branch", "BlockRandomizer", "EndSurvey", "BL_1", "Trash",
    ["1", "2"], {"1": {"Display": "Yes"}, "2": {"Display": "No"}}, {"0": {"0": {"LogicType": "Question", "Operator": "Selected",
    "ChoiceLocator": "q://QID1/SelectableChoice/1"}, "Type": "If"}, "²": {}}, float("inf"), -1,
)  # fmt: skip


def _merged(good: dict[str, Any], more: Any) -> dict[str, Any]:
    return {**good, **more} if isinstance(more, dict) else good


@st.composite
def qsf(draw: st.DrawFn) -> bytes:
    """A survey file of Qualtrics with questions, blocks and a flow, any part of which may be something else."""
    noise = json_like(_QSF_KEYS, _QSF_VALUES)
    some = st.dictionaries(st.sampled_from(_QSF_KEYS), noise | st.sampled_from(list(_QSF_VALUES)), max_size=4)

    def question(number: int) -> dict[str, Any]:
        kind, selector = draw(
            st.sampled_from(
                [
                    ("MC", "SAVR"),
                    ("MC", "MAVR"),
                    ("Matrix", "Likert"),
                    ("Slider", "HSLIDER"),
                    ("TE", "SL"),
                    ("DB", "TB"),
                ]
            )
        )
        payload = {
            "QuestionID": f"QID{number}", "QuestionType": kind, "Selector": selector, "DataExportTag": f"Q{number}",
            "QuestionText": draw(words), "Choices": {"1": {"Display": "Yes"}, "2": {"Display": "No"}}, "ChoiceOrder": ["1", 2],
            "Answers": {"1": {"Display": "low"}, "2": {"Display": "high"}}, "Configuration": {"CSSliderMin": 0, "CSSliderMax": 10},
        }  # fmt: skip
        return {"Element": "SQ", "PrimaryAttribute": f"QID{number}", "Payload": _merged(payload, draw(some))}

    steps = [{"Type": "Block", "ID": "BL_1"}, _merged({"Type": "BlockRandomizer", "SubSet": 1, "Flow": [
        {"Type": "Group", "Description": "a", "Flow": [{"Type": "EmbeddedData", "EmbeddedData": [{"Field": "arm", "Value": "a"}]}]},
        {"Type": "Group", "Description": "b", "Flow": [{"Type": "EmbeddedData", "EmbeddedData": [{"Field": "arm", "Value": "b"}]}]},
    ]}, draw(some))]  # fmt: skip
    block = {"ID": "BL_1", "Type": "Default", "BlockElements": [{"QuestionID": f"QID{n}"} for n in (1, 2, 3)]}
    elements: list[Any] = [
        *(question(number) for number in (1, 2, 3)),
        {"Element": "BL", "Payload": draw(st.sampled_from([[block], {"x": block}, [_merged(block, draw(some))]]))},
        {"Element": "FL", "Payload": {"Flow": [*steps, draw(noise)]}},
        draw(noise),
    ]
    whole = _merged({"SurveyEntry": {"SurveyName": draw(words)}, "SurveyElements": elements}, draw(st.just({}) | some))
    text = json.dumps(whole).encode()
    return draw(st.sampled_from([text, text, text, text[:-3], b"[" * 100_000]))


_LSS_FIELDS = (
    "qid", "parent_qid", "gid", "type", "title", "question", "other", "relevance", "question_order", "language", "group_order",
    "grelevance", "code", "answer", "sortorder", "scale_id", "attribute", "value", "aid", "randomization_group",
)  # fmt: skip
_LSS_VALUES = (
    "1", "2", "0", "L", "M", "F", "N", "X", "5", "Y", "q1", "q2", "en", "random_order", "random_group", "(q1.NAOK == \"Y\")", "!",
    "((((", "q1 > 3 and q2 == 'A1'", "--5", "²", "9" * 5_000,
)  # fmt: skip


@st.composite
def lss(draw: st.DrawFn) -> bytes:
    """A survey file of LimeSurvey, any field of which may be something else."""
    value = st.sampled_from(_LSS_VALUES) | _TEXT

    def rows(least: int) -> str:
        made = draw(
            st.lists(st.dictionaries(st.sampled_from(_LSS_FIELDS), value, max_size=8), min_size=least, max_size=3)
        )
        return "".join(f"<row>{''.join(f'<{k}><![CDATA[{v}]]></{k}>' for k, v in row.items())}</row>" for row in made)

    tables = "".join(
        f"<{name}><rows>{rows(name == 'questions')}</rows></{name}>"
        for name in (
            "groups",
            "questions",
            "subquestions",
            "answers",
            "question_attributes",
            "question_l10ns",
            "surveys",
        )
    )
    heads = ('<?xml version="1.0" encoding="UTF-8"?>', "", '<?xml version="1.0" encoding="utf-7"?>', '<?xml version="1.0" encoding="no"?>',
             '<!DOCTYPE x [<!ENTITY a "b">]>', '<?xml version="1.0" encoding="shift_jis"?>')  # fmt: skip
    return (draw(st.sampled_from(heads)) + f"<document>{tables}</document>").encode("utf-8", "replace")


@st.composite
def qualtrics(draw: st.DrawFn) -> bytes:
    """An export of Qualtrics: names, questions, what each column is, and answers."""
    import csv
    import io

    names = draw(
        st.lists(
            st.sampled_from(["ResponseId", "Status", "Q1_1", "Q1_2", "Q2", "IPAddress"]),
            min_size=1,
            max_size=5,
            unique=True,
        )
    )
    about = st.sampled_from([{"ImportId": "QID1_1"}, {"ImportId": "QID1"}, {"ImportId": "status"}, {"ImportId": "QID1", "choiceId": "2"},
                             {"ImportId": "ipAddress"}, {"ImportId": None}, {"ImportId": [1]}, {"ImportId": {"a": float("nan")}}])  # fmt: skip
    text = st.sampled_from(["Modes - Selected Choice - Car", "Q - Selected Choice", " - ", "x"]) | words
    cell = st.sampled_from(["1", "", "Car", "2", "Survey Preview"]) | words
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(names)
    writer.writerow([draw(text) for _ in names])
    writer.writerow([json.dumps(draw(about)) for _ in names])
    for _ in range(draw(st.integers(0, 4))):
        writer.writerow([draw(cell) for _ in names])
    return written.getvalue().encode("utf-8", "replace")


@st.composite
def parquet(draw: st.DrawFn) -> bytes:
    """A parquet file with columns of any kind, sometimes cut or damaged."""
    import io

    import pyarrow
    import pyarrow.parquet

    column = st.sampled_from(
        [[1, None, 3], [0.1, None, 2.0], ["a", None, "b"], [b"a", b"\xff", None], [[1], None, [2, 3]], [{"x": 1}, None, {"x": 2}],
         [True, False, None], [None, None, None], [10**18, -1, 0], [float("nan"), float("inf"), 1.0]]
    )  # fmt: skip
    names = draw(
        st.lists(st.sampled_from(["a", "b", "", " a", "respondent", "é"]), min_size=1, max_size=3, unique=True)
    )
    table = pyarrow.table([pyarrow.array(draw(column)) for _ in names], names=names)
    stream = io.BytesIO()
    pyarrow.parquet.write_table(table, stream)
    whole = stream.getvalue()
    return draw(st.sampled_from([whole, whole, whole[: len(whole) // 2]]) | damaged(whole))


@st.composite
def stored(draw: st.DrawFn, good: dict[str, list[Any]]) -> bytes:
    """A table of responses as it is stored, some columns of which may hold something else, and perhaps damaged."""
    import io

    import pyarrow
    import pyarrow.parquet

    content = dict(good)
    if draw(st.booleans()):
        name = draw(st.sampled_from(sorted(good)))
        content[name] = draw(
            st.sampled_from([[None] * 4, ["x"] * 4, [1, 2, 3, 4], [[0.5, 0.5]] * 4, [True] * 4, [float("nan")] * 4])
        )
    stream = io.BytesIO()
    pyarrow.parquet.write_table(
        pyarrow.table({name: pyarrow.array(column) for name, column in content.items()}), stream
    )
    whole = stream.getvalue()
    return draw(st.just(whole) | st.just(whole) | damaged(whole))
