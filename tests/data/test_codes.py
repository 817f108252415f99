from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveyeval.data.codes import code, codes


@pytest.mark.parametrize(
    "text", ["None", "NA", "N/A", "nan", "null", "01", "007", "Yes", "No", "on", "1e3", "-1", "0.5", "inf"]
)
def test_text_stays_what_was_written(text: str) -> None:
    assert code(text) == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1.0", "1"),
        ("-1.00", "-1"),
        (1.0, "1"),
        (-0.0, "0"),
        (np.float64(12), "12"),
        (np.float32(0.5), "0.5"),
        (7, "7"),
        (0.1, "0.1"),
        (np.float32(0.1), "0.1"),
        ("-0.0", "0"),
        (10**18, "1000000000000000000"),
    ],
)
def test_whole_numbers_lose_their_decimals(value: object, expected: str) -> None:
    assert code(value) == expected


@pytest.mark.parametrize("blank", ["", "  ", "\t", None, float("nan"), np.float32("nan"), pd.NA, pd.NaT])
def test_blank_is_none(blank: object) -> None:
    assert code(blank) is None


def test_surrounding_blanks_are_no_part_of_a_code() -> None:
    assert code(" Yes ") == "Yes"


@given(st.lists(st.text(max_size=8) | st.integers(-99, 99) | st.none(), max_size=20))
def test_columns_are_read_cell_by_cell(values: list[object]) -> None:
    assert codes(pd.Series(values, dtype=object)).tolist() == [code(value) for value in values]


@given(st.text(min_size=1, max_size=12))
def test_reading_twice_changes_nothing(text: str) -> None:
    once = code(text)
    assert code(once) == once


def test_equal_values_of_different_kind_stay_apart() -> None:
    assert codes(pd.Series([1, True, 1.0], dtype=object)).tolist() == ["1", "True", "1"]


def test_nullable_columns() -> None:
    assert codes(pd.Series([1, None, 3], dtype="Int64")).tolist() == ["1", None, "3"]
    assert codes(pd.Series([1.0, np.nan])).tolist() == ["1", None]


@pytest.mark.parametrize("kind", ["float32", "Float32", "float64"])
def test_short_floats_are_not_widened(kind: str) -> None:
    assert codes(pd.Series([0.1, 2.0, None], dtype=kind)).tolist() == ["0.1", "2", None]
