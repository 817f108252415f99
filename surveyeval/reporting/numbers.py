"""Numbers as text: decimals by unit, a true minus sign, intervals as "low to high"."""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = [
    "MISSING",
    "coefficient",
    "count",
    "difference",
    "difference_interval",
    "difference_with_interval",
    "enumerate_words",
    "interval",
    "number",
    "percent",
    "signed",
    "with_interval",
]

#: Shown where there is no number.
MISSING = "–"

_DECIMALS = {"distance": 3, "ratio": 2, "slope": 2, "bits": 2, "plain": 3, "count": 0, "points": 1}


def number(value: float | None, unit: str = "plain") -> str:
    """One value in its unit; ``share`` as per cent with a decimal, ``percent`` without."""
    if value is None or not math.isfinite(value):
        return MISSING
    if unit in ("share", "percent"):
        return percent(value, 1 if unit == "share" else 0)
    decimals = _DECIMALS.get(unit, 3)
    if unit == "count" and abs(value) < 10 and value != round(value):
        decimals = 1
    return _minus(f"{value:,.{decimals}f}")


def signed(value: float | None, unit: str = "plain") -> str:
    """A difference, with its sign."""
    text = number(value, unit)
    return f"+{text}" if value is not None and math.isfinite(value) and value > 0 and text[0].isdigit() else text


def difference(value: float | None, unit: str = "plain") -> str:
    """A difference, with its sign; of shares in percentage points."""
    text = signed(value, unit)
    return f"{text.removesuffix('%')} pp" if text.endswith("%") else text


def percent(value: float | None, decimals: int = 0) -> str:
    """A share as per cent."""
    if value is None or not math.isfinite(value):
        return MISSING
    return _minus(f"{100 * value:.{decimals}f}%")


def interval(low: float | None, high: float | None, unit: str = "plain") -> str:
    """Interval without its value: ``0.021 to 0.043``; empty when there is none."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{number(low, unit).removesuffix('%')} to {number(high, unit)}"


def difference_interval(low: float | None, high: float | None, unit: str = "plain") -> str:
    """Interval of a difference; of shares in percentage points: ``−16.3 to −0.3 pp``."""
    bounds = interval(low, high, unit)
    return f"{bounds.removesuffix('%')} pp" if bounds.endswith("%") else bounds


def difference_with_interval(value: float | None, low: float | None, high: float | None, unit: str = "plain") -> str:
    """A difference and its interval on one line: ``−8.3 pp (−16.3 to −0.3)``."""
    bounds = interval(low, high, unit).removesuffix("%")
    return f"{difference(value, unit)} ({bounds})" if bounds else difference(value, unit)


def with_interval(value: float | None, low: float | None, high: float | None, unit: str = "plain") -> str:
    """Value and interval on one line: ``0.031 (0.021 to 0.043)``."""
    bounds = interval(low, high, unit)
    return f"{number(value, unit)} ({bounds})" if bounds else number(value, unit)


def coefficient(value: float | None) -> str:
    """A coefficient with three significant digits and no exponent."""
    if value is None or not math.isfinite(value):
        return MISSING
    size = abs(value)
    decimals = 1 if size >= 100 else 2 if size >= 1 else 3 if size >= 0.1 else 4
    return _minus(f"{value:.{decimals}f}")


def count(value: float | None) -> str:
    """A number of people or rows."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:,.0f}" if float(value).is_integer() or value >= 100 else f"{value:,.1f}"


def enumerate_words(words: Iterable[str], last: str = "and") -> str:
    """``a, b and c``."""
    listed = list(words)
    if len(listed) < 2:
        return "".join(listed)
    return f"{', '.join(listed[:-1])} {last} {listed[-1]}"


def _minus(text: str) -> str:
    digits = text.lstrip("-").strip("%")
    if text.startswith("-") and not digits.strip("0.,"):
        return text[1:]
    return text.replace("-", "−")
