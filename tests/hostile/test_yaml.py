"""Task files made to exhaust memory or time, or to make objects: each is one error with its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from surveyeval.errors import ConfigError
from surveyeval.task.document import load_document, parse_document
from surveyeval.task.load import load_task
from tests.hostile.limits import capped

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(12)
)
BOMBS = {
    "a billion laughs": (LAUGHS, "more than 50,000 values"),
    "a value that holds itself": ("a: &a [*a]", "nested more than"),
    "a mapping that holds itself": ("a: &a {b: *a}", "nested more than"),
    "deep brackets": ("a: " + "[" * 100_000, "nested more than"),
    "deep lists": ("- " * 100_000, "nested more than"),
    "deep keys": ("? " * 50_000, "nested more than"),
    "deep blocks": ("".join("  " * n + "a:\n" for n in range(600)), "nested more than"),
    "a million brackets": ("a: [" + "[]," * 200_000 + "]", "more than 50,000 values"),
    "many values": ("a:\n" + "- x\n" * 105_000, "more than 50,000 values"),
    "merge keys": ("a: &a {b: 1}\nc: {<<: *a}", "merge keys"),
    "a duplicate key": ("a: 1\na: 2", "stands twice"),
    "an object": ("a: !!python/object/apply:os.system ['touch canary']", "is not supported"),
    "a module": ("a: !!python/module:os ''", "is not supported"),
    "a name of Python": ("a: !!python/name:os.system ''", "is not supported"),
    "a tag of one's own": ("a: !include x.yaml", "is not supported"),
    "a tag without end": ("a: !" + "%41" * 300_000 + " x", "is not supported"),
    "a set": ("a: !!set {b, c}", "is not supported"),
    "binary data": ("a: !!binary aGVsbG8=", "is not supported"),
    "a NUL": ("a: b\0c", "control character"),
    "an escape sequence": ("a: \x1b[2J", "control character"),
    "half a character": ('a: "\\ud800"', "half of a character"),
    "half a character in a key": ('"\\ud800": 1', "half of a character"),
    "a code point out of range": ('a: "\\U00110000"', "does not name a character"),
    "two documents": ("a: 1\n---\nb: 2", "not valid YAML"),
    "a key that is a list": ("? [a, b]\n: 1", "single text"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_an_error_with_its_place(name: str) -> None:
    text, words = BOMBS[name]
    with capped(10.0), pytest.raises(ConfigError, match=words) as caught:
        parse_document(text, "bomb.yaml")
    assert all(problem.line and len(str(problem)) < 500 for problem in caught.value.problems)


def test_huge_scalars_are_read_in_time_and_larger_files_not_at_all(tmp_path: Path) -> None:
    with capped(10.0):
        assert len(parse_document("a: '" + "x" * 2_000_000 + "'", "f").value["a"]) == 2_000_000
    (tmp_path / "large.yaml").write_bytes(b"#" * 4_000_001)
    with pytest.raises(ConfigError, match="larger than 4,000,000 bytes"):
        load_document(tmp_path / "large.yaml")


@pytest.mark.parametrize(
    "content", [bytes(range(256)) * 40, b"\x7fELF\x02\x01\x01\0", b"PK\x03\x04\xff", b"\xff\xfea", b"\x80\x04."]
)
def test_binary_files_are_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"not UTF-8|not allow|not valid YAML|single value"):
        load_document(tmp_path / "x.yaml")


def test_pipes_and_devices_are_not_read(tmp_path: Path) -> None:
    from surveyeval.data.readers import read_table
    from surveyeval.errors import DataError

    for name in ("pipe.yaml", "pipe.csv"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(ConfigError, match="no file"):
        load_document(tmp_path / "pipe.yaml")
    with pytest.raises(DataError, match="no file"):
        read_table(tmp_path / "pipe.csv")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    with pytest.raises(ConfigError):
        load_task(tmp_path / "zero.yaml")


def test_a_file_made_of_mistakes_does_not_fill_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from surveyeval.cli.output import print_error
    from surveyeval.errors import Problem

    print_error(ConfigError(problems=[Problem("x" * 100_000, hint="y" * 100_000), *[Problem("wrong")] * 5_000]))
    said = capsys.readouterr().err
    assert len(said) < 40_000
    assert "and 4801 more" in said
