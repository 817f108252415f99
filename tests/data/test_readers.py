from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pyarrow.parquet
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
    assert "rows.csv:2: is not utf-8: byte 0xe9 after 'caf'" in message
    assert "set source.encoding, for example cp1252" in message
    assert "there is no encoding 'utf-99'" in problem(tmp_path, content, encoding="utf-99")


@pytest.mark.parametrize(
    ("written", "declared"),
    [
        ("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("utf-8-sig", "UTF8"), ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-8"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"), ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-8"), ("utf-32", "utf-32"), ("cp1252", "cp1252"), ("latin-1", "latin-1"), ("cp1252", "windows-1252"),
    ],
)  # fmt: skip
def test_a_mark_or_the_declared_encoding_is_followed(tmp_path: Path, written: str, declared: str) -> None:
    table = read(tmp_path, "größe,b\nä,1\né,2\n".encode(written), encoding=declared)
    assert list(table.frame.columns) == ["größe", "b"]
    assert table.frame.to_numpy().tolist() == [["ä", "1"], ["é", "2"]]
    assert table.line(1) == 3


def test_a_mark_where_the_declared_encoding_has_one_too(tmp_path: Path) -> None:
    content = b"\xff\xfe" + "a\n1\n".encode("utf-16-le")
    assert list(read(tmp_path, content, encoding="utf-16-le").frame.columns) == ["a"]


@pytest.mark.parametrize(
    ("content", "declared", "message"),
    [
        ("a\né\n".encode("utf-16-le"), "utf-8", "rows.csv:2: is not utf-8: byte 0xe9"),
        (
            "a\n1\n".encode("utf-16-le"),
            "utf-8",
            "holds binary data; give a text file with comma-separated values; for UTF-16",
        ),
        ("a\n1\n".encode("utf-16"), "cp1252", "begins with the mark of utf-16, and source.encoding is cp1252"),
        ("a\n1\n".encode("utf-8-sig"), "latin-1", "begins with the mark of utf-8, and source.encoding is latin-1"),
        ("a\n1\n".encode("utf-8-sig"), "utf-16", "begins with the mark of utf-8, and source.encoding is utf-16"),
        ("a\n\u201cyes\u201d\n".encode("cp1252"), "utf-8", "rows.csv:2: is not utf-8: byte 0x93"),
        ("a\n\u201cyes\u201d\n".encode("cp1252"), "latin-1", "rows.csv:2: holds the control character U+0093"),
        ("a\nyes\n".encode("utf-16-le")[:-1], "utf-16-le", "rows.csv"),
    ],
)
def test_what_is_written_otherwise_is_an_error(tmp_path: Path, content: bytes, declared: str, message: str) -> None:
    assert message in problem(tmp_path, content, encoding=declared)


@pytest.mark.parametrize(("mark", "word"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_other_separators_are_named(tmp_path: Path, mark: str, word: str) -> None:
    assert f"rows.csv:1: has {word} between cells, not commas" in problem(tmp_path, f"a{mark}b\n1{mark}2\n")


def test_row_names_of_r(tmp_path: Path) -> None:
    message = problem(tmp_path, '"","a"\n"1",5\n')
    assert "rows.csv:1:1: a column has no name; name it; R leaves its row names out" in message


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
    message = problem(tmp_path, "a\n1\n", name="rows.xlsx")
    assert "'.xlsx' are not read; give .csv, .tsv, .txt, .parquet, .sav, .zsav or .dta" in message


def test_tabs_and_upper_case_endings(tmp_path: Path) -> None:
    assert read(tmp_path, "a\tb\n1\t2\n", name="rows.TSV").frame.to_numpy().tolist() == [["1", "2"]]


def test_parquet_reads_like_csv(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"a": [1.0, None], "b": ["NA", "01"], "c": [3, 4]}).to_parquet(path)
    assert read_table(path).frame.to_numpy().tolist() == [["1", "NA", "3"], [None, "01", "4"]]
    assert "is no readable parquet file" in problem(tmp_path, b"not parquet", name="other.parquet")


def test_parquet_keeps_every_digit_and_every_column(tmp_path: Path) -> None:
    """Through pandas, whole numbers with gaps become floats, and an index is no column."""
    path = tmp_path / "rows.parquet"
    long = 900_719_925_474_099_301
    frame = pd.DataFrame({"id": pd.array([long, None], dtype="Int64"), "person": ["x", "y"]})
    frame["short"] = pd.Series([0.1, 2.0], dtype="float32")
    frame["group"] = pd.Categorical(["01", None])
    frame.set_index("person").to_parquet(path)
    read = read_table(path).frame
    assert read.set_index("person").to_numpy().tolist() == [[str(long), "0.1", "01"], [None, "2", None]]


def test_parquet_cells_that_are_no_codes(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"a": [b"caf\xc3\xa9", b"1.0"]}).to_parquet(path)
    assert read_table(path).frame["a"].tolist() == ["café", "1"]
    pd.DataFrame({"a": [b"ok", b"\xe9"]}).to_parquet(path)
    with pytest.raises(DataError, match=r"rows\.parquet: column 'a', row 2: is no text"):
        read_table(path)
    pd.DataFrame({"a": [[1, 2], [3]]}).to_parquet(path)
    with pytest.raises(DataError, match=r"column 'a', row 1: holds several values"):
        read_table(path)


def test_parquet_with_a_repeated_column(tmp_path: Path) -> None:
    table = pyarrow.Table.from_arrays([pyarrow.array(["1"]), pyarrow.array(["2"])], names=["a", "a"])
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet")
    with pytest.raises(DataError, match=r"column 'a' stands twice \(column 2\)"):
        read_table(tmp_path / "rows.parquet")
