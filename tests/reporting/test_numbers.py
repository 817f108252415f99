"""Numbers as text: shares in per cent, their differences and the intervals of these in percentage points."""

from __future__ import annotations

import math

import pytest

from surveyeval.reporting.numbers import difference, difference_interval, difference_with_interval, interval


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("share", "−16.3 to −0.3 pp"),
        ("percent", "−16 to 0 pp"),
        ("ratio", "−0.16 to 0.00"),
        ("distance", "−0.163 to −0.003"),
    ],
)
def test_the_interval_of_a_difference_is_in_the_unit_of_the_difference(unit: str, expected: str) -> None:
    assert difference_interval(-0.163, -0.003, unit) == expected


def test_a_difference_of_shares_is_never_in_per_cent() -> None:
    assert difference(-0.083, "share") == "−8.3 pp"
    assert difference_with_interval(-0.083, -0.163, -0.003, "share") == "−8.3 pp (−16.3 to −0.3)"
    assert difference_with_interval(0.2, 0.1, 0.3, "ratio") == "+0.20 (0.10 to 0.30)"
    assert difference_with_interval(-0.083, math.nan, math.nan, "share") == "−8.3 pp"
    assert difference_interval(None, 0.1, "share") == ""
    assert interval(0.163, 0.3, "share") == "16.3 to 30.0%"  # a share itself
