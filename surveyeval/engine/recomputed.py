"""Estimates and tables of a run beside the same computed anew: what differs, and by how much."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["TOLERANCE", "Finding", "Outcome", "compare_estimates", "compare_tables"]

Outcome = Literal["agrees", "differs", "unchecked"]
#: Numbers that differ by no more than this share are said to agree up to rounding.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    part : str
    outcome : {"agrees", "differs", "unchecked"}
    said : str
        What was compared; what differs; or why it cannot be checked.
    """

    part: str
    outcome: Outcome
    said: str


def compare_estimates(kept: Mapping[str, Any], made: Mapping[str, Any]) -> tuple[Outcome, str]:
    """What of the estimates differs, row by row.

    Parameters
    ----------
    kept, made : mapping
        Contents of ``metrics.json``, as stored and computed anew.

    Returns
    -------
    outcome, sentence
    """
    ours, theirs = (_by_key(one.get("estimates") or []) for one in (kept, made))
    only = sorted({key[2] for key in ours.keys() ^ theirs.keys()})
    differing, largest = set(), 0.0
    for key in ours.keys() & theirs.keys():
        off = _difference(ours[key], theirs[key])
        largest = max(largest, off)
        if off > TOLERANCE:
            differing.add(key[2])
    if only or differing:
        said = []
        if differing:
            said.append(f"other values of {', '.join(sorted(differing))}")
        if only:
            said.append(f"rows that only one side has, of {', '.join(only)} (is a plugin missing, or new?)")
        return "differs", f"metrics.json: {'; '.join(said)}"
    return "agrees", f"metrics.json up to rounding (largest relative difference {largest:.1g})"


def compare_tables(kept: Mapping[str, Any], made: Mapping[str, Any]) -> tuple[Outcome, str]:
    """Which of the descriptive tables differ."""
    different = [name for name in {**kept, **made} if not _near(kept.get(name), made.get(name))]
    if different:
        return "differs", f"tables.json: {', '.join(sorted(different))}"
    return "agrees", "tables.json up to rounding"


_KEY = (
    "model",
    "quantity",
    "metric",
    "name",
    "item",
    "group",
    "arm",
    "regression",
    "term",
    "rule",
    "block",
    "floor_name",
)


def _by_key(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, ...], Mapping[str, Any]]:
    return {tuple(str(row.get(name) or "") for name in _KEY): row for row in rows}


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Largest relative difference of two rows; infinite where words or what is known differ."""
    return max((_off(one.get(name), other.get(name)) for name in {**one, **other}), default=0.0)


def _off(one: Any, other: Any) -> float:
    if one == other:
        return 0.0
    if isinstance(one, int | float) and isinstance(other, int | float):
        scale = max(abs(one), abs(other), 1e-12)
        return abs(one - other) / scale if math.isfinite(scale) else math.inf
    return math.inf


def _near(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_near(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_near(a, b) for a, b in zip(one, other, strict=True))
    return _off(one, other) <= TOLERANCE
