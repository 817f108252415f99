"""Inputs for branches that fuzzing seldom finds, one for each defect or bound."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from surveyeval.data import recipe
from surveyeval.data.readers import read_table
from surveyeval.data.sources import open_source
from surveyeval.data.table import check_header
from surveyeval.errors import DataError
from surveyeval.task.lss import read_lss
from surveyeval.task.qsf import read_qsf
from surveyeval.task.qsf_logic import display_logic
from surveyeval.task.questionnaire import Unknown, plain
from tests.hostile.limits import capped


def question(number: int, **more: Any) -> dict[str, Any]:
    payload = {"QuestionID": f"QID{number}", "QuestionType": "MC", "Selector": "SAVR", "DataExportTag": f"Q{number}",
               "QuestionText": "x", "Choices": {"1": {"Display": "a"}, "2": {"Display": "b"}}, **more}  # fmt: skip
    return {"Element": "SQ", "PrimaryAttribute": f"QID{number}", "Payload": payload}


def qsf(folder: Path, *elements: dict[str, Any]) -> Path:
    path = folder / "x.qsf"
    path.write_text(json.dumps({"SurveyElements": list(elements)}))
    return path


CHOSEN = {"LogicType": "Question", "Operator": "Selected", "ChoiceLocator": "q://QID1/SelectableChoice/1"}


def test_conditions_without_end_are_told_and_not_followed() -> None:
    with capped():
        found = display_logic({"0": {str(number): CHOSEN for number in range(20_000)}})
    assert isinstance(found, Unknown)


def test_numbers_of_other_scripts_are_no_numbers() -> None:
    assert display_logic({"0": {"²": CHOSEN, "٣": CHOSEN}}) is None
    assert display_logic({"9" * 5_000: {"0": CHOSEN}}) is None


def test_a_randomizer_may_show_an_infinite_number(tmp_path: Path) -> None:
    flow = {
        "Element": "FL",
        "Payload": {"Flow": [{"Type": "BlockRandomizer", "SubSet": float("inf"), "Flow": [{}, {}]}]},
    }
    assert len(read_qsf(qsf(tmp_path, question(1), flow)).questions) == 1


def test_surveys_of_too_many_questions_are_refused(tmp_path: Path) -> None:
    with capped(), pytest.raises(DataError, match="5,001 questions"):
        read_qsf(qsf(tmp_path, *(question(number) for number in range(5_001))))
    (tmp_path / "x.lss").write_text(
        f"<document><questions><rows>{'<row><qid>1</qid></row>' * 20_001}</rows></questions></document>"
    )
    with capped(), pytest.raises(DataError, match="20,001 questions"):
        read_lss(tmp_path / "x.lss")


def test_skips_over_everything_take_no_time_by_their_square(tmp_path: Path) -> None:
    def skip(number: int) -> list[dict[str, str]]:
        where = f"q://QID{number}/SelectableChoice/1"
        return [{"ChoiceLocator": where, "Condition": "Selected", "SkipToDestination": "ENDOFBLOCK"}] * 3

    with capped():
        found = read_qsf(qsf(tmp_path, *(question(number, SkipLogic=skip(number)) for number in range(400))))
    assert any("more than 100 conditions" in note for note in found.questions[-1].notes)


@pytest.mark.parametrize(
    "text", ["<!--" * 100_000, "<" * 200_000, "<a '" * 50_000, "&#" + "9" * 5_000 + ";", "<![x", "<b>" * 100_000]
)
def test_html_without_end_is_read_in_time(text: str) -> None:
    with capped(2.0):
        plain(text)


def test_comments_tags_and_what_they_hold_are_no_words() -> None:
    assert (
        plain('<P class="a>b" title=\'>\'>One</P><script>if (a<b) x("</b>")</script> 1 < 2 &lt;b&gt;<br/>two<')
        == "One 1 < 2 <b> two<"
    )
    assert plain("<!DOCTYPE x><?php x ?>a<style>p {}</style>b <3 <" + "x" * 60 + ">") == "ab <3 <" + "x" * 60 + ">"
    assert plain("How <!-- <b>not</b> -->old <!-- x --> are you?<!-- open") == "How old are you?"


@pytest.mark.parametrize("head", ['encoding="utf-7"', 'encoding="unknown"', 'encoding="shift_jis"'])
def test_encodings_that_xml_cannot_be_in(head: str, tmp_path: Path) -> None:
    (tmp_path / "x.lss").write_text(f'<?xml version="1.0" {head}?><document/>')
    with pytest.raises(DataError, match="its text cannot be read"):
        read_lss(tmp_path / "x.lss")


@pytest.mark.parametrize("order", ["--5", "²", "9" * 5_000, "1.5", "-3"])
def test_orders_that_are_no_numbers(order: str, tmp_path: Path) -> None:
    row = f"<row><qid>1</qid><type>Y</type><title>q</title><question_order>{order}</question_order></row>"
    (tmp_path / "x.lss").write_text(f"<document><questions><rows>{row}</rows></questions></document>")
    assert len(read_lss(tmp_path / "x.lss").questions) == 1


@pytest.mark.parametrize(
    "encoding", ["idna", "punycode", "unicode_escape", "raw_unicode_escape", "utf-7", "hex", "rot13", "undefined"]
)
def test_encodings_that_are_odd(encoding: str, tmp_path: Path) -> None:
    for content in (b"a\n\\ud800\n", b"a\n+2AA-\n", b"a\n\xc3\xa9\n"):
        (tmp_path / "x.csv").write_bytes(content)
        try:
            table = read_table(tmp_path / "x.csv", encoding)
        except DataError:
            continue
        table.frame.to_csv(tmp_path / "again.csv")  # no halves of characters


def test_headers_of_very_many_columns_take_no_time_by_their_square() -> None:
    with capped(2.0):
        assert len(check_header(map(str, range(200_000)), "x.csv")) == 200_000


def test_a_parquet_file_of_more_cells_than_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    import pandas as pd

    pd.DataFrame({"a": ["x"] * 10_000}).to_parquet(tmp_path / "x.parquet")
    monkeypatch.setattr(os, "sysconf", lambda name: 100)
    with pytest.raises(DataError, match="more than the memory"):
        read_table(tmp_path / "x.parquet")


def test_a_download_without_end_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(HTTPAdapter):
        def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:  # type: ignore[override]
            return self.build_response(
                request, HTTPResponse(io.BytesIO(b"x" * 3_000_000), {}, 200, preload_content=False)
            )

    monkeypatch.setenv("SURVEYEVAL_DATA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(requests.Session, "get_adapter", lambda self, url: Endless())
    monkeypatch.setattr(recipe, "MOST_BYTES", 1_000_000)
    with pytest.raises(DataError, match="larger than 1 MB"):
        open_source("recipe:https://example.org/rows.csv", tmp_path, sha256="0" * 64)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def lss(folder: Path, rows: str, more: str = "") -> Path:
    path = folder / "x.lss"
    path.write_text(f"<document><questions><rows>{rows}</rows></questions>{more}</document>")
    return path


RELEVANCE = [
    "", "1", "q1.NAOK == 'Y'", "!(q1 == 'Y')", "not q1 eq 'Y' and (q2 gt 3 || q2 le 5)", "q3_a == 'Y' or q3_a != ''", "q4_b.NAOK == 'A1'",
    "x" * 3_000, "q1 ==", "== 'Y'", "q1 == q2", "q1.other == 'Y'", "nobody == 'Y'", "q1 == 'Y' q2", "(q1 == 'Y'", "q1 > 'Y'", "q2 == 'x'",
    "q3_a == '7'", "q3_a > 'Y'", "q4_b == ''", "q1 @ 2", "!" * 60 + "q1 == 'Y'", "(" * 60 + "q1 == 'Y'" + ")" * 60, "q1", "q1 == (", "'Y' == q1",
]  # fmt: skip


def test_relevance_equations_become_rules_or_words(tmp_path: Path) -> None:
    from surveyeval.task.questionnaire import Combined, Comparison

    def row(**fields: str) -> str:
        return f"<row>{''.join(f'<{name}><![CDATA[{text}]]></{name}>' for name, text in fields.items())}</row>"

    rows = row(qid="1", title="q1", type="Y") + row(qid="2", title="q2", type="N") + row(qid="3", title="q3", type="M")
    rows += row(qid="4", title="q4", type="F")
    rows += "".join(row(qid=str(10 + n), title=f"r{n}", type="Y", relevance=text) for n, text in enumerate(RELEVANCE))
    below = row(qid="5", parent_qid="3", title="a") + row(qid="6", parent_qid="4", title="b")
    found = read_lss(lss(tmp_path, rows, f"<subquestions><rows>{below}</rows></subquestions>")).questions[4:]
    kinds = [type(one.when) for one in found]
    assert kinds[:2] == [type(None)] * 2
    assert set(kinds[2:7]) <= {Comparison, Combined}
    assert set(kinds[7:]) == {Unknown}


def test_survey_files_that_cannot_be_read_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from surveyeval.task import lss as module
    from surveyeval.task import qsf as other

    for read in (read_lss, read_qsf):
        with pytest.raises(DataError, match="no such survey file"):
            read(tmp_path / "absent")
        with pytest.raises(DataError, match=r"cannot be read|larger"):
            read(tmp_path)
    (tmp_path / "x").write_bytes(b" " * 2_000)
    monkeypatch.setattr(module, "_MOST_BYTES", 1_000)
    monkeypatch.setattr(other, "_MOST_BYTES", 1_000)
    for read in (read_lss, read_qsf):
        with pytest.raises(DataError, match="is larger than"):
            read(tmp_path / "x")
    monkeypatch.undo()
    (tmp_path / "x").write_text("<document><a/></document>")
    with pytest.raises(DataError, match="has no questions"):
        read_lss(tmp_path / "x")
    for content in ("<!DOCTYPE x><document/>", '<!DOCTYPE x [<!ENTITY a "aaa">]><document>&a;</document>'):
        (tmp_path / "x").write_text(content)
        with pytest.raises(DataError, match="document type"):
            read_lss(tmp_path / "x")
    (tmp_path / "x").write_text("<a>" * 60)
    with pytest.raises(DataError, match="nested too deeply"):
        read_lss(tmp_path / "x")


HEAD = (
    "name: evil\nversion: '1'\ntitle: t\n"
    "source: {use: 'file:x.csv', provenance: synthetic, licence: none, citation: none}\n"
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scales: [a]\nitems: []", "named sets of options"),
        ("include: [{a: b}]\nitems: []", "names no file"),
        ("include: [absent.yaml]\nitems: []", "cannot be read"),
        ("include: shared.yaml\nprofile: text\nitems: []", "also stands in"),
        ("include: shared.yaml\nprofile: {age: {column: a}}\nitems: []", "also stands in"),
        ("items: [text]", "items"),
        ("items: [{question: q, kind: binary, items: {a: [b]}}]", "where a statement belongs"),
        ("items: [{name: a, kind: multiple, question: q, options: {'1': {column: c}}}]", "has no label"),
        ("items: [{name: a, kind: multiple, question: q, options: {'a b': x}}]", "cannot be part of a name"),
        ("arms: {factors: [a]}\nitems: []", "factors have names"),
        ("arms: {factors: {a: {levels: {x: y}}}}\nitems: []", "two levels or more"),
        ("arms: {factors: {a: {levels: {x: y, z: [1]}}}}\nitems: []", "where a label belongs"),
        (
            "arms: {factors: {"
            + ", ".join(f"f{n}: {{levels: {{a: x, b: y, c: z, d: w}}}}" for n in range(12))
            + "}}\nitems: []",
            "at most",
        ),
        (
            "items: ["
            + ", ".join(
                f"{{question: q, items: {{{', '.join(f'a{n}_{k}: s' for k in range(90))}}}}}" for n in range(90)
            )
            + "]",
            "at most",
        ),
    ],
)
def test_what_is_made_from_a_task_file_is_bounded_and_named(text: str, words: str, tmp_path: Path) -> None:
    from surveyeval.errors import ConfigError
    from surveyeval.task.load import load_task

    (tmp_path / "shared.yaml").write_text("profile: {age: {column: age}}\n")
    (tmp_path / "task.yaml").write_text(HEAD + text)
    with capped(10.0), pytest.raises(ConfigError, match=words):
        load_task(tmp_path)


def test_a_task_of_code_includes_nothing() -> None:
    from surveyeval.errors import ConfigError
    from surveyeval.task.document import parse_document
    from surveyeval.task.expand import expand

    with pytest.raises(ConfigError, match="nothing can be included here"):
        expand(parse_document("include: x.yaml\nitems: []", "x"), None)


def test_rows_of_nobody_have_no_identifier(tmp_path: Path) -> None:
    import pandas as pd

    from surveyeval.engine.responses import read_respondents, read_samples
    from tests.engine.small import respondents, small_task
    from tests.hostile.targets import _RESPONSES

    path = tmp_path / "responses.parquet"
    pd.DataFrame({**_RESPONSES, "paired": [False] * 4}).to_parquet(path)
    assert read_respondents(path) == {"r0", "r1"}
    found = read_samples(small_task(), respondents(3, 0), 1, path)[0]
    assert list(found.respondent) == ["simulated-1", "simulated-2", "simulated-3"]


def test_titles_of_surveys_are_comments_that_yaml_can_hold(tmp_path: Path) -> None:
    from surveyeval.task.document import parse_document
    from surveyeval.task.draft_questionnaire import draft_questionnaire

    path = tmp_path / "x.qsf"
    for title in ("\0", "\x85evil: 1", "\u2028evil: 1", "\r\nevil: 1", "\x1b[2J", "x" * 5_000, "\ufffe"):
        path.write_text(json.dumps({"SurveyEntry": {"SurveyName": title}, "SurveyElements": [question(1)]}))
        text = draft_questionnaire(read_qsf(path), None, name="x", use="file:x.csv").text
        assert "evil" not in parse_document(text, "x").value
