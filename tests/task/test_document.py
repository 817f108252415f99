"""YAML text as plain values with positions."""

from __future__ import annotations

from pathlib import Path

import pytest

from surveyeval.errors import ConfigError
from surveyeval.task.document import load_document, parse_document


def problems(text: str) -> list[tuple[int | None, int | None, str]]:
    with pytest.raises(ConfigError) as raised:
        parse_document(text, "f.yaml")
    return [(one.line, one.column, str(one)) for one in raised.value.problems]


def test_scalars_are_their_source_text() -> None:
    text = "a: Yes\nb: No\nc: on\nd: 01\ne: 1.0\nf: 2020-01-01\ng: 1_000\nh: 0x1F\ni: '5'\nj: =\nNo: x"
    assert parse_document(text, "f").value == {
        "a": "Yes", "b": "No", "c": "on", "d": "01", "e": "1.0", "f": "2020-01-01", "g": "1_000", "h": "0x1F", "i": "5",
        "j": "=", "No": "x",
    }  # fmt: skip


def test_only_plain_nulls_are_none() -> None:
    value = parse_document("a: null\nb: ~\nc:\nd: 'null'\ne: \"~\"\nf: ''\ng: none\nh: NA", "f").value
    assert value == {"a": None, "b": None, "c": None, "d": "null", "e": "~", "f": "", "g": "none", "h": "NA"}


def test_positions_of_keys_and_values_count_from_one() -> None:
    document = parse_document("a:\n  - b: 1\n    c: xy\n  - [u, v]\n", "f")
    assert document.position(("a",), key=True) == (1, 1)
    assert document.position(("a", 0, "c")) == (3, 8)
    assert document.position(("a", 0, "c"), key=True) == (3, 5)
    assert document.position(("a", 1, 1)) == (4, 9)


def test_the_position_of_what_is_absent_is_its_nearest_parent() -> None:
    document = parse_document("a:\n  b: 1\n", "f")
    assert document.position(("a", "zzz", "y")) == (1, 1)
    assert document.position(("zzz",)) == (1, 1)


def test_every_duplicate_key_is_reported() -> None:
    found = problems("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n")
    assert [(line, column) for line, column, _ in found] == [(4, 3), (5, 1)]
    assert "line 1" in found[1][2]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "empty"),
        ("# nothing\n", 1, "empty"),
        ("- a\n", 1, "a list"),
        ("word", 1, "single value"),
        ("a: 1\nb:\n\t- c", 3, "tabs"),
        ("a: b: c", 1, "quotes"),
        ("a: *x", 1, "alias"),
        ("a: [1, 2", 1, "YAML"),
        ("a: 1\n<<: {b: 2}", 2, "merge"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]", 2, "tag"),
        ("a: 1\nb: !include x.yaml", 2, "tag"),
        ("a: 1\n? [x, y]\n: 2", 2, "single text"),
        ("a: 1\n---\nb: 2", 2, "document"),
        ("a: 1\nb: \x01", 2, "character"),
        ('a: 1\nb: "\\UFFFFFFFF"', 2, "escape"),
    ],
)
def test_what_cannot_be_read_is_located(text: str, line: int, words: str) -> None:
    (found,) = problems(text)
    assert found[0] == line
    assert words in found[2]


def test_aliases_are_expanded_within_bounds() -> None:
    assert parse_document("a: &x {b: 1}\nc: *x", "f").value == {"a": {"b": "1"}, "c": {"b": "1"}}
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    assert "more than" in problems(bomb)[0][2]
    assert "deep" in problems("a: &x [*x]")[0][2]
    assert "deep" in problems("a: " + "[" * 60 + "]" * 60)[0][2]
    assert "deep" in problems("a: " + "[" * 50_000)[0][2]


def test_files_are_utf_8_with_or_without_mark(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    for data in ("a: é".encode(), "a: é".encode("utf-8-sig"), "a: é".encode("utf-16")):
        path.write_bytes(data)
        assert load_document(path).value == {"a": "é"}
    path.write_bytes(b"a: 1\nbb: \xff\n")
    with pytest.raises(ConfigError, match=r"t\.yaml:2:5: the file is not UTF-8"):
        load_document(path)


def test_unreadable_files_are_errors(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.yaml", Path("a\0b")):
        with pytest.raises(ConfigError):
            load_document(path)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * 5_000_000)
    with pytest.raises(ConfigError, match="larger"):
        load_document(large)
