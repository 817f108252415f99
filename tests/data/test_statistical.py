"""Files of SPSS and Stata. Written by pyreadstat, and for Stata by pandas as well."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from surveyeval.data.readers import Table, read_table
from surveyeval.errors import DataError, MissingExtraError

VOTES = pd.DataFrame(
    {
        "person": ["a", "b", "c", "d", "e"],
        "vote": [1.0, 2.0, np.nan, 99.0, 97.0],
        "income": [1.5, 999.0, -1.0, 20.0, 0.1],
        "place": ["NA", "01", "", "none", "Yes"],
        "day": [datetime.date(2020, 9, 30)] * 5,
    }
)
LABELS = {"vote": {1: "Yes", 2: "No", 97: "Don't know", 99: "Refused"}}
MISSING = {"vote": [{"lo": 97, "hi": 99}], "income": [999, {"lo": -5, "hi": 0}], "place": ["none"]}


def sav(folder: Path, name: str = "votes.sav", compress: bool = False) -> Path:
    path = folder / name
    pyreadstat.write_sav(
        VOTES,
        str(path),
        variable_value_labels=LABELS,
        missing_ranges=MISSING,
        column_labels={"vote": "Did you vote?"},
        compress=compress,
    )
    return path


@pytest.mark.parametrize(("name", "compress"), [("votes.sav", False), ("votes.SAV", False), ("votes.zsav", True)])
def test_spss(tmp_path: Path, name: str, compress: bool) -> None:
    table = read_table(sav(tmp_path, name, compress))
    assert table.frame.to_numpy().tolist() == [
        ["a", "1", "1.5", "NA", "2020-09-30"],
        ["b", "2", "999", "01", "2020-09-30"],
        ["c", None, "-1", None, "2020-09-30"],  # system-missing and empty text are blank
        ["d", "99", "20", "none", "2020-09-30"],
        ["e", "97", "0.1", "Yes", "2020-09-30"],
    ]
    assert table.labels == {"vote": {"1": "Yes", "2": "No", "97": "Don't know", "99": "Refused"}}
    assert table.questions == {"vote": "Did you vote?"}
    assert table.user_missing == {"vote": {"97", "99"}, "income": {"999", "-1"}, "place": {"none"}}
    assert table.line(0) is None


def test_open_ranges(tmp_path: Path) -> None:
    path = tmp_path / "rows.sav"
    frame = pd.DataFrame({"a": [-9.0, -1.0, 0.0, 5.0]})
    pyreadstat.write_sav(frame, str(path), missing_ranges={"a": [{"lo": -sys.float_info.max, "hi": -1}]})
    assert read_table(path).user_missing == {"a": {"-9", "-1"}}


def test_stata(tmp_path: Path) -> None:
    """Stata's extended missing values are codes of their own, as Stata writes them."""
    path = tmp_path / "votes.dta"
    frame = pd.DataFrame(
        {"vote": pd.Series([1, 2, np.nan, "a", "z"], dtype=object), "word": ["a", "z", "", "01", "1.0"]}
    )
    pyreadstat.write_dta(
        frame,
        str(path),
        variable_value_labels={"vote": {1: "Yes", 2: "No", "a": "Refused"}},
        missing_user_values={"vote": ["a", "z"]},
        column_labels={"vote": "Did you vote?"},
    )
    table = read_table(path)
    assert table.frame["vote"].tolist() == ["1", "2", None, ".a", ".z"]
    assert table.frame["word"].tolist() == ["a", "z", None, "01", "1"]
    assert table.labels == {"vote": {"1": "Yes", "2": "No", ".a": "Refused"}}
    assert table.questions == {"vote": "Did you vote?"}
    assert table.user_missing == {"vote": {".a", ".z"}}


def test_short_numbers_of_stata(tmp_path: Path) -> None:
    path = tmp_path / "rows.dta"
    frame = pd.DataFrame({"w": np.array([0.1, 1.7, 2], dtype="float32"), "d": [0.1, 1.7, 2.0]})
    frame["b"] = np.array([1, 2, 3], dtype="int8")
    frame.to_stata(path, write_index=False)
    assert read_table(path).frame.to_numpy().tolist() == [["0.1", "0.1", "1"], ["1.7", "1.7", "2"], ["2", "2", "3"]]


def test_categories_of_stata_are_numbers_with_labels(tmp_path: Path) -> None:
    path = tmp_path / "rows.dta"
    pd.DataFrame({"x": pd.Categorical(["low", "high", "low"], categories=["low", "high"])}).to_stata(
        path, write_index=False
    )
    table = read_table(path)
    assert table.frame["x"].tolist() == ["0", "1", "0"]
    assert table.labels == {"x": {"0": "low", "1": "high"}}


@pytest.mark.parametrize("version", [8, 10, 12, 13, 14, 15])
def test_text_of_stata(tmp_path: Path, version: int) -> None:
    """Old formats do not tell: valid UTF-8 is that, else it is Windows' western code page, or what is declared."""
    path = tmp_path / "rows.dta"
    pyreadstat.write_dta(pd.DataFrame({"a": ["café", "xyz"]}), str(path), version=version)
    assert read_table(path).frame["a"].tolist() == ["café", "xyz"]

    raw = path.read_bytes()
    path.write_bytes(raw.replace("café".encode(), b"caf\xe9\0"))
    if version < 14:
        assert read_table(path).frame["a"].tolist() == ["café", "xyz"]
        assert read_table(path, "cp1251").frame["a"].tolist() == ["cafй", "xyz"]
    else:
        with pytest.raises(DataError, match=r"is no readable \.dta file: .*; set source\.encoding"):
            read_table(path)
    for encoding in ("cp1252", "latin-1", "iso8859-15"):
        assert read_table(path, encoding).frame["a"].tolist() == ["café", "xyz"]


def test_text_of_spss(tmp_path: Path) -> None:
    path = sav(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"Refused", b"Refus\xe9s"))
    with pytest.raises(DataError, match=r"votes\.sav: is no readable \.sav file: .*; set source\.encoding"):
        read_table(path)
    assert read_table(path, "cp1252").labels["vote"]["99"] == "Refusés"
    with pytest.raises(DataError, match="there is no encoding 'utf-99'"):
        read_table(path, "utf-99")


@pytest.mark.parametrize("name", ["rows.sav", "rows.zsav", "rows.dta"])
@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"$FL2", b"<stata_dta><header>", b"\0" * 500])
def test_what_is_no_such_file(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name}: is no readable"):
        read_table(tmp_path / name)


def test_a_file_cut_short(tmp_path: Path) -> None:
    path = sav(tmp_path)
    raw = path.read_bytes()
    whole = read_table(path).frame
    for length in range(0, len(raw), 37):
        path.write_bytes(raw[:length])
        with pytest.raises(DataError, match="is no readable"):
            assert not read_table(path).frame.equals(whole)


def test_without_pyreadstat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sav(tmp_path)
    monkeypatch.setitem(sys.modules, "pyreadstat", None)
    with pytest.raises(MissingExtraError, match=r"votes\.sav: .*surveyeval-harness\[data\]"):
        read_table(path)


def test_what_a_file_says_of_a_code(tmp_path: Path) -> None:
    table: Table = read_table(sav(tmp_path))
    assert table.says("vote", "99") == "the file labels it 'Refused' and counts it as missing"
    assert table.says("vote", "1") == "the file labels it 'Yes'"
    assert table.says("income", "999") == "the file counts it as missing"
    assert table.says("vote", "5") == table.says("absent", "1") == ""
