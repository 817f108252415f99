"""What is fuzzed: readers of what strangers write. A reader gives a result or an error of ours, whatever it is given."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from surveyeval.data.readers import read_table, without_identifying
from surveyeval.engine.responses import from_records, read_samples, samples
from surveyeval.engine.store import ResponseLog
from surveyeval.errors import ConfigError
from surveyeval.model.percentages import read_percentages
from surveyeval.model.reading import read_answer
from surveyeval.task import formulas, rules
from surveyeval.task.columns import Column, ColumnType
from surveyeval.task.document import load_document
from surveyeval.task.draft_questionnaire import draft_questionnaire
from surveyeval.task.interview import Question
from surveyeval.task.load import load_task
from surveyeval.task.lss import read_lss
from surveyeval.task.qsf import read_qsf
from surveyeval.task.render import check_template, composed_person, interviews
from tests.engine.small import respondents, small_task
from tests.hostile import made

__all__ = ["TARGETS", "Target"]

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Target:
    """A reader.

    Parameters
    ----------
    modules : tuple of str
        Whose branches it should reach.
    inputs : strategy
    read : callable
        Reads one input; errors of ours are let through.
    """

    modules: tuple[str, ...]
    inputs: st.SearchStrategy[Any]
    read: Callable[[Any], object]


@lru_cache(maxsize=1)
def _folder() -> Path:
    held = tempfile.TemporaryDirectory(prefix="hostile-")
    _KEPT.append(held)  # removed when the process ends
    return Path(held.name)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def _file(name: str, content: bytes) -> Path:
    path = _folder() / name
    path.write_bytes(content)
    return path


# ---- task files ----------------------------------------------------------------------------------------------------------

_YAML = (
    "name: ", "items:", "\n", "\n  ", "\n    ", "- ", ": ", "a: ", "b: ", "[", "]", "{", "}", ", ", "&x ", "*x", "<<: ", "? ", "!!str ",
    "!!python/object/apply:os.system ", "!include ", "|\n", ">\n", "'", '"', "#", "---\n", "...\n", "%YAML 1.1\n", "\\x41", "\\U00110000",
    "null", "~", "include: ", "scales: ", "options: ", "kind: multiple", "question: q", "arms:", "factors:", "levels:", "\t", "@", "`",
)  # fmt: skip


def _task_file(content: bytes) -> object:
    return load_task(_file("fuzzed.yaml", content))


# ---- templates, rules, formulas ------------------------------------------------------------------------------------------

_TEMPLATE = (
    "{{ ", " }}", "{% if ", " %}", "{% else %}", "{% elif ", "{% endif %}", "{% for i in age %}", "{% endfor %}", "{% set x = 1 %}", "age",
    "region", "|lower", "|round", "|round(", "|int", "|int(", "|float", "|default(", "|title", "|trim", "|attr(", ")", "(", ", ", "'x'",
    "1.5", "10000000", "9999999999", "'ceil'", "'floor'", "precision=", "method=", " + ", " - ", " ~ ", " / ", " // ", " * ", " ** ", " % ",
    " is defined", " is divisibleby 0", " is in ", " and ", " not ", " == ", " < ", "[", "]", "[0]", ".__class__", ".format", "range",
    "{# ", " #}", "{% raw %}", "{% endraw %}", "{%- ", "-%}", "''", "'\\ud800'", "0x" + "f" * 5_000, "9" * 5_000, "none", "true", "-",
)  # fmt: skip


def _template(text: str) -> object:
    if list(check_template(text, {"age", "region"})):
        return None
    profile = {
        "age": {"column": "age", "example": "44"},
        "region": {"column": "region", "labels": {"n": "north", "s": "south"}},
    }
    task = small_task(profile=profile, interview={"profile": text}, regressions=[])
    told = interviews(task, composed_person(task))
    # what was made can be written to a file
    return [one.opening.encode() for one in told]


_RULE = (
    "age", "vote", "group", "old", "missing_name", " + ", " - ", " * ", " / ", " // ", " % ", " ** ", " ~ ", " and ", " or ", " not ", " in ",
    " not in ", " == ", " != ", " < ", " <= ", " > ", "(", ")", "[", "]", "{", "}", ", ", ": ", "'1'", '"2"', "1", "0", "2.5", "1e400",
    "abs(", "min(", "max(", "cut(", "log(", "number(", "vote, {'1': 1, '2': 2}", ".real", "|abs", " is defined", " if ", " else ", "}}", "{{",
    "{%", "{#", "#}", "-", "true", "none", "\\", "'", '"', "range(", "self", "__import__(", "9" * 1_900, "0x" + "f" * 1_900,
)  # fmt: skip
_TYPES = {
    "age": ColumnType("number"),
    "old": ColumnType("boolean"),
    "vote": ColumnType("code", (("1", "one"), ("2", "two"), ("3", "three")), "item", False),
    "group": ColumnType("number", (("1", "a"), ("2", "b")), "profile", True, (1.0, 2.0)),
}
_ROWS = {
    "age": np.array([20.0, -1.0, 1e300]),
    "old": np.array([True, False, True]),
    "vote": np.array(["1", "3", "2"], dtype=object),
    "group": np.array([1.0, 2.0, 2.0]),
}
_KNOWN = np.array([True, True, False])


def _column(name: str) -> Column:
    return Column(_TYPES[name], _ROWS[name], _KNOWN)


def _rule(text: str) -> object:
    try:
        rule = rules.parse(text, _TYPES)
    except rules.RuleError:  # the checker of task files puts it into words with its place
        return None
    found = rule.evaluate(_column, 3)
    assert len(found) == len(found.valid) == 3
    return found


_FORMULA = (
    "vote", "age", "group", "old", "nobody", " ~ ", " + ", " * ", ":", "C(", ")", "C(vote)", 'C(vote, ref="1")', "C(group, ref='2')",
    ", ref=", "'1'", '"2"', "1", "-1", "0", "^", "I(", "(", "poly(age, 2)", "__import__('os')", "`", "\n", " ", "'", '"',
)  # fmt: skip


def _formula(text: str) -> object:
    try:
        formula = formulas.parse(text, _TYPES)
    except formulas.FormulaError:
        return None
    blocks = dict.fromkeys(formula.written, "block")
    kind = formula.response_type
    families = ("ordered", "multinomial") if kind.levels and kind.values else ("multinomial",) if kind.levels else ()
    for family in ("ols", *families):
        outcomes = formulas.outcomes(kind, family, None)
        design = formula.design(_column, 3, None, blocks, outcomes, ordered=family == "ordered")
        assert design.X.shape == (3, len(formula.terms) + 1)
        assert len(design.coefficients) == len(design.terms) * max(len(outcomes) - 1, 1) or design.values
    return formula


# ---- answers -------------------------------------------------------------------------------------------------------------

_ANSWER = (
    "A", "B", "C", "a", "1", "2", "Yes", "No", "Agree", "Agree strongly", "no opinion", ") ", ". ", ": ", ", ", "\n", "**", "`", "<think>",
    "</think>", "<answer>", "</answer>", '{"answer": "', '"}', "\\boxed{", "}", "Final answer: ", "so my answer is ", "I would choose ",
    "I don't know", "As an AI language model", "I cannot answer", "or ", "and ", "not ", "because ", "Wait, ", "option ", " 20%", "20", ".5",
    "100", " percent", " per cent", "-", "=>", "|", "(", "[", '"', "'", "very ", "the ", "a ", " - ", "\t", "\u00a0",
)  # fmt: skip
_QUESTIONS = (
    Question("x", "", ("A", "B", "C"), (0, 1, 2), "", ("Agree", "Agree strongly", "No opinion")),
    Question("x", "", ("1", "2"), (0, 1), "", ("Yes", "No")),
    Question("x", "", ("Yes", "No", "20 percent"), (0, 1, 2), ""),
    Question("x", "", ("A", "B"), (0, 1), "", ("I", "a+*(?")),
)  # fmt: skip


def _answer(given: tuple[str, int, str]) -> object:
    text, number, ended = given
    question = _QUESTIONS[number]
    read = read_answer(text, question, ended)
    assert (read.option is not None) == (read.state == 0)
    stated = read_percentages(text, question, ended)
    if stated.values is not None:
        assert len(stated.values) == len(question.answers)
        assert np.isfinite(stated.values).all()
        assert (stated.values >= 0).all()
    return read, stated


# ---- responses -----------------------------------------------------------------------------------------------------------


def _log(lines: list[tuple[bytes, bool, bool]]) -> object:
    folder = _folder() / "log"
    folder.mkdir(exist_ok=True)
    log = ResponseLog(folder)
    log.path.write_bytes(
        b"".join(
            b"%08x " % (zlib.crc32(text) ^ (not right)) + text + (b"\n" if ended else b"")
            for text, right, ended in lines
        )
    )
    log.open()
    found = [log.record(number) for number in log]
    return from_records(small_task(), respondents(3, 0), [0], iter(found))


_RESPONSES: dict[str, list[Any]] = {
    "respondent": ["r0", "r1", "r0", "r1"], "arm": ["all"] * 4, "draw": [0, 0, 0, 0], "item": ["trust", "trust", "act", "act"],
    "code": ["1", "2", "no", None], "state": ["answered", "answered", "answered", "invalid"], "mass": [0.9, 0.8, 1.0, 0.5],
    "log_prob": [-1.0, -2.0, -0.5, None], "probabilities": [[0.25] * 4, [0.25] * 4, [0.5, 0.5], None], "paired": [True] * 4,
}  # fmt: skip


def _responses(given: dict[str, list[Any]]) -> object:
    frame = pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in given.items()})
    found = samples(small_task(), respondents(3, 0), 1, frame)
    assert found[0].n == 3
    return found


def _stored(content: bytes) -> object:
    return read_samples(small_task(), respondents(3, 0), 1, _file("fuzzed.parquet", content))


# ---- data files and survey files -----------------------------------------------------------------------------------------

_CSV = (
    "a", "b", ",", ";", "\t", "|", '"', '""', "\n", "\r\n", "\r", "1", "01", "NA", "é", "id,submitdate,lastpage,startlanguage\n", "Y", "q[1]",
    '{"ImportId": "QID1"}', "\ufeff",
)  # fmt: skip
_ENCODINGS = ("utf-8", "utf-8", "utf-8", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-32", "hex", "rot13", "idna", "punycode", "undefined",
              "unicode_escape", "no such", "", "a\0b", "x" * 5_000)  # fmt: skip


def _delimited(given: tuple[bytes, str, str]) -> object:
    content, encoding, ending = given
    path = _file(f"fuzzed{ending}", content)
    try:
        return read_table(path, encoding)
    finally:
        if ending in (".csv", ".tsv"):
            without_identifying(content, path, encoding)


def _survey(read: Callable[[Path], Any], ending: str) -> Callable[[bytes], object]:
    def drafted(content: bytes) -> object:
        found = read(_file(f"fuzzed{ending}", content))
        draft = draft_questionnaire(found, None, name="fuzzed", use="file:fuzzed.csv")
        # whatever a stranger's survey says, the draft is a file, and a task or a list of what to mend
        path = _file("drafted.yaml", draft.text.encode())
        try:
            load_document(path)
        except ConfigError as error:
            raise AssertionError("the draft is no YAML") from error
        return load_task(path)

    return drafted


_PLATFORMS = _ROOT / "data" / "platforms"

TARGETS = {
    "task files": Target(
        ("surveyeval.task.document", "surveyeval.task.expand", "surveyeval.task.load"),
        made.pieces(_YAML).map(lambda text: text.encode("utf-8", "surrogatepass"))
        | made.bytes_like(_ROOT / "task" / "rich.yaml"),
        _task_file,
    ),
    "templates": Target(("surveyeval.task.render",), made.pieces(_TEMPLATE) | made.templates(), _template),
    "rules": Target(("surveyeval.task.rules", "surveyeval.task.kleene"), made.pieces(_RULE) | made.rules(), _rule),
    "formulas": Target(("surveyeval.task.formulas",), made.pieces(_FORMULA) | made.formulas(), _formula),
    "answers": Target(
        (
            "surveyeval.model.reading",
            "surveyeval.model.option_names",
            "surveyeval.model.plain_text",
            "surveyeval.model.percentages",
            "surveyeval.model.nonresponse",
        ),
        st.tuples(
            made.pieces(_ANSWER), st.integers(0, len(_QUESTIONS) - 1), st.sampled_from(["stop", "length", "refused"])
        ),
        _answer,
    ),
    "response logs": Target(
        ("surveyeval.engine.store", "surveyeval.engine.foreign"),
        st.lists(st.tuples(made.records(), st.booleans(), st.booleans()), max_size=3),
        _log,
    ),
    "responses": Target(
        ("surveyeval.engine.responses", "surveyeval.engine.foreign"),
        made.columns(sorted(_RESPONSES), _RESPONSES),
        _responses,
    ),
    "tables of responses": Target(("surveyeval.engine.responses",), made.parquet() | made.stored(_RESPONSES), _stored),
    "delimited files": Target(
        ("surveyeval.data.delimited", "surveyeval.data.readers", "surveyeval.data.limesurvey"),
        st.tuples(
            made.pieces(_CSV).map(lambda text: text.encode("utf-8", "surrogatepass"))
            | made.bytes_like(_PLATFORMS / "bicycles.csv"),
            st.sampled_from(_ENCODINGS),
            st.sampled_from([".csv", ".tsv", ".txt"]),
        ),
        _delimited,
    ),
    "other data files": Target(
        ("surveyeval.data.readers",),
        st.tuples(
            st.binary(max_size=300) | made.parquet(),
            st.sampled_from(_ENCODINGS),
            st.sampled_from([".parquet", ".sav", ".dta"]),
        ),
        _delimited,
    ),
    "exports of Qualtrics": Target(
        ("surveyeval.data.qualtrics",),
        st.tuples(made.qualtrics() | made.bytes_like(_PLATFORMS / "travel.csv"), st.just("utf-8"), st.just(".csv")),
        _delimited,
    ),
    "surveys of Qualtrics": Target(
        ("surveyeval.task.qsf", "surveyeval.task.qsf_flow", "surveyeval.task.qsf_logic"),
        made.qsf() | made.bytes_like(_PLATFORMS / "travel.qsf"),
        _survey(read_qsf, ".qsf"),
    ),
    "surveys of LimeSurvey": Target(
        ("surveyeval.task.lss", "surveyeval.task.lss_relevance"),
        made.lss() | made.bytes_like(_PLATFORMS / "bicycles.lss"),
        _survey(read_lss, ".lss"),
    ),
}
