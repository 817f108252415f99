"""Files that somebody made to harm: they are refused, or shown as the plain text that they are."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest

from surveyeval import api
from surveyeval.board import reading
from surveyeval.board.records import safe_cell
from surveyeval.board.submission import Submission, open_submission
from surveyeval.errors import DataError
from tests.leaderboard.made import changed, renamed, written

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>"
FORMULA = '=HYPERLINK("http://evil.example","x")'


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as stream:
        for name, content in members.items():
            stream.writestr(name, content)
    return path


def members(submission: Submission) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(submission.to_bytes())) as stream:
        return {name: stream.read(name) for name in stream.namelist()}


@pytest.mark.parametrize(
    "name", ["../evil.html", "/etc/passwd", "a/../../b", "responses.parquet", "cards/x.html", "C:\\x"]
)
def test_a_member_that_does_not_belong_is_refused_and_nothing_is_written(
    submission: Submission, tmp_path: Path, name: str
) -> None:
    path = archive(tmp_path / "x.zip", {**members(submission), name: b"x"})
    with pytest.raises(DataError, match="no part of a submission"):
        open_submission(path)
    assert [one.name for one in tmp_path.iterdir()] == ["x.zip"]


def test_members_that_are_missing_or_double_and_broken_archives_are_refused(
    submission: Submission, tmp_path: Path
) -> None:
    held = members(submission)
    some = {name: content for name, content in held.items() if name != "tables.json"}
    with pytest.raises(DataError, match=r"has no tables\.json"):
        open_submission(archive(tmp_path / "a.zip", some))
    path = archive(tmp_path / "b.zip", held)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as stream:
        stream.writestr("tables.json", b"{}")
    with pytest.raises(DataError, match="twice"):
        open_submission(path)
    (tmp_path / "c.zip").write_bytes(submission.to_bytes()[:5000])
    with pytest.raises(DataError, match="no readable zip file"):
        open_submission(tmp_path / "c.zip")


def test_large_files_and_bombs_are_refused_before_they_are_built(
    submission: Submission, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_UNPACKED", 2_000_000)
    bomb = archive(tmp_path / "a.zip", {**members(submission), "metrics.json": b" " * 3_000_000})
    assert bomb.stat().st_size < 1_000_000
    with pytest.raises(DataError, match="unpacks to more than 2 MB"):
        open_submission(bomb)
    monkeypatch.setattr(reading, "MOST_BYTES", 1000)
    with pytest.raises(DataError, match="is larger than"):
        open_submission(written(submission, tmp_path / "b.json"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":' * 30 + b"1" + b"}" * 30, "nested deeper"),
        (b'{"a": 1, "a": 2}', "a key twice"),
        (b"[NaN]", "NaN is no number"),
        (b"[-Infinity]", "Infinity is no number"),
        (b"[1e999]", "too large a number"),
        (b"[" + b"9" * 5000 + b"]", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b'"' + b"[" * 50 + b'"]', "no JSON"),
        (b"{}", "no submission"),
    ],
)
def test_json_that_is_none_or_too_much_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        open_submission(path)


def test_json_of_too_many_values_is_refused_and_brackets_in_texts_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reading.parse_json(b'["' + b"[" * 99 + rb"\"[[" + b'"]', "x") == ["[" * 99 + '"[[']
    monkeypatch.setattr(reading, "MOST_VALUES", 100)
    with pytest.raises(DataError, match="more than 100 values"):
        reading.parse_json(b"[" + b"1," * 200 + b"1]", "x")


@pytest.mark.parametrize(
    ("place", "value", "field"),
    [
        (("manifest", "id"), "../../x", "manifest.id"),
        (("manifest", "task", "name"), "../../etc", "manifest.task.name"),
        (("manifest", "task", "comparable"), "yes", "manifest.task.comparable"),
        (("manifest", "model", "name"), "x" * 300, "manifest.model.name"),
        (("manifest", "split", "test"), -1, "manifest.split.test"),
        (("metrics", "more"), 1, "metrics.more"),
        (("tables", "distributions"), [{"human": {"deep": 1}}], "tables.distributions.0.human"),
    ],
)
def test_fields_of_another_shape_are_named(
    submission: Submission, tmp_path: Path, place: tuple[str, ...], value: object, field: str
) -> None:
    def change(parts: dict[str, object]) -> None:
        inside = parts
        for name in place[:-1]:
            inside = inside[name]
        inside[place[-1]] = value

    path = written(changed(submission, change), tmp_path / "x.zip")
    with pytest.raises(DataError) as caught:
        open_submission(path)
    assert any((problem.field or "").startswith(field) for problem in caught.value.problems), caught.value.problems


def test_rows_with_other_columns_or_text_for_a_number_are_refused(submission: Submission, tmp_path: Path) -> None:
    def column(parts: dict[str, object]) -> None:
        parts["metrics"]["estimates"][3]["respondent"] = "17"

    def text(parts: dict[str, object]) -> None:
        parts["metrics"]["estimates"][3]["value"] = "0.5"

    for change, words in ((column, "unknown respondent"), (text, "a number is needed")):
        with pytest.raises(DataError, match=words):
            open_submission(written(changed(submission, change), tmp_path / "x.zip"))


def test_names_with_markup_and_formulas_are_shown_as_text(submission: Submission, tmp_path: Path) -> None:
    def hostile(parts: dict[str, object]) -> None:
        renamed(parts, SCRIPT)
        parts["manifest"]["task"]["title"] = f"Title {SCRIPT}"
        parts["manifest"]["model"]["banners"] = ["javascript:alert(1)", SCRIPT]
        parts["manifest"]["task"]["url"] = "javascript:alert(1)"
        parts["card_html"] = SCRIPT

    one = written(changed(submission, hostile), tmp_path / "a.zip")
    two = written(changed(submission, lambda parts: renamed(parts, FORMULA, value="e" * 64)), tmp_path / "b.json")
    site = api.leaderboard([one, two], output=tmp_path / "site")
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) == 4
    for page in pages:
        html = page.read_text()
        assert "<script>alert" not in html
        assert "<img" not in html
        assert 'href="javascript:' not in html
        assert html.count("<script>") == (1 if page.parent.name == "site" and page != site.index else 0)
    for file in (tmp_path / "site").rglob("*.md"):
        # the methods paragraph stands in an indented block, as code, which no text can end
        read = [line for line in file.read_text().splitlines() if not line.startswith("    ")]
        assert not [line for line in read if "<script>" in line]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "site" / "leaderboard.csv").read_text())))
    for row in rows:
        for value in row.values():
            assert (
                not value.startswith(("=", "+", "@", "\t", "\r", "|"))
                or value.lstrip("+").replace(".", "", 1).isdigit()
            )
            if value.startswith("-"):
                float(value)
    assert any(row["row"] == "'" + FORMULA for row in rows)
    assert FORMULA in {row["row"] for board in json.loads((tmp_path / "site" / "leaderboard.json").read_text())["boards"] for axis in board["axes"].values() for measure in axis for row in measure["rows"]}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r\n=1", " =1", "|x", "\uff1d1", "'=1", "\u200e=1"],
)
def test_no_cell_begins_like_a_formula(text: str) -> None:
    assert safe_cell(text).startswith("'")


@pytest.mark.parametrize("value", [-1.5, 0, None, True, "plain", "a=b", ""])
def test_other_cells_stay_what_they_are(value: object) -> None:
    assert safe_cell(value) == value


def test_a_submission_that_does_not_hold_is_left_out_by_name(submission: Submission, tmp_path: Path) -> None:
    def better(parts: dict[str, object]) -> None:
        renamed(parts, "too good")
        for row in parts["metrics"]["estimates"]:
            if row["quantity"] == "recovered" and row["value"] is not None:
                row["value"], row["low"], row["high"] = 1.0, 0.9, 1.1

    good = written(submission, tmp_path / "good.zip")
    bad = written(changed(submission, better), tmp_path / "bad.zip")
    site = api.leaderboard([good, bad], output=tmp_path / "site")
    assert any(note.startswith("bad.zip is left out: recovered") for note in site.notes)
    assert "too good" not in (tmp_path / "site" / "leaderboard.csv").read_text()
