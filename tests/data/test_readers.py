from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pytest

from surveyeval.data.readers import Table, read_table
from surveyeval.errors import DataError


def read(folder: Path, content: str | bytes, name: str = "rows.csv", encoding: str = "utf-8") -> Table:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, encoding)


def problem(folder: Path, content: str | bytes, **options: str) -> str:
    with pytest.raises(DataError) as caught:
        read(folder, content, **options)
    return str(caught.value)


def test_nothing_is_taken_for_missing(tmp_path: Path) -> None:
    table = read(tmp_path, "a,b,c\nNone,NA,01\n1.0,Yes,\nnan,null,0.5\n")
    assert table.frame.to_numpy().tolist() == [["None", "NA", "01"], ["1", "Yes", None], ["nan", "null", "0.5"]]


def test_checksum_is_of_the_bytes(tmp_path: Path) -> None:
    content = b"a\r\n1\r\n"
    assert read(tmp_path, content).sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfa,b\n1,2\n", b"a,b\r\n1,2\r\n", b"\na,b\n\n1,2\n\n", b"a,b\n1,2"])
def test_marks_and_line_ends_do_not_matter(tmp_path: Path, content: bytes) -> None:
    frame = read(tmp_path, content).frame
    assert list(frame.columns) == ["a", "b"]
    assert frame.to_numpy().tolist() == [["1", "2"]]


def test_encodings(tmp_path: Path) -> None:
    content = "a\ncafé\n".encode("latin-1")
    assert read(tmp_path, content, encoding="latin-1").frame.loc[0, "a"] == "café"
    message = problem(tmp_path, content)
    assert "rows.csv:2: is not utf-8" in message
    assert "source.encoding" in message
    assert "there is no encoding 'utf-99'" in problem(tmp_path, content, encoding="utf-99")


def test_quoted_cells(tmp_path: Path) -> None:
    table = read(tmp_path, 'a,b\n"one, two","line\nbreak"\n3,4\n')
    assert table.frame.loc[0].tolist() == ["one, two", "line\nbreak"]
    assert table.line(1) == 4


def test_blank_lines_count(tmp_path: Path) -> None:
    assert read(tmp_path, "a\n1\n\n\n2\n").line(1) == 5


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b\n1,2\n1\n", "rows.csv:3: row has 1 cells, the header has 2"),
        ("a,b\n1,2,3\n", "rows.csv:2: row has 3 cells, the header has 2"),
        ("a,b,a\n1,2,3\n", "rows.csv:1:3: column 'a' stands twice"),
        ("a,,b\n1,2,3\n", "rows.csv:1:2: a column has no name"),
        ("", "rows.csv: is empty"),
        ('a\n"open\n', "rows.csv:2: is no valid CSV"),
        ("a\n\0\n", "rows.csv: holds binary data"),
    ],
)
def test_faults_are_located(tmp_path: Path, content: str, expected: str) -> None:
    assert expected in problem(tmp_path, content)


def test_absent_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such data file"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path)
    assert "'.xlsx' are not read" in problem(tmp_path, "a\n1\n", name="rows.xlsx")


def test_tabs_and_upper_case_endings(tmp_path: Path) -> None:
    assert read(tmp_path, "a\tb\n1\t2\n", name="rows.TSV").frame.to_numpy().tolist() == [["1", "2"]]


def test_parquet_reads_like_csv(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"a": [1.0, None], "b": ["NA", "01"], "c": [3, 4]}).to_parquet(path)
    assert read_table(path).frame.to_numpy().tolist() == [["1", "NA", "3"], [None, "01", "4"]]
    assert "is no readable parquet file" in problem(tmp_path, b"not parquet", name="other.parquet")
