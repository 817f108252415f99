"""The table of estimates, pivoted: one line for each value of a metric, with people, floors and models side by side.

A line holds only rows of one size and one set of splits. The value at full size (``estimate``) enters a line only where
nothing is halved: for individual metrics, whose people have no reference.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from surveyeval.reporting.quantities import Quantity, quantity
from surveyeval.reporting.view import RunView
from surveyeval.reporting.words import HUMAN, Words

__all__ = ["TESTS", "Line", "Lines", "Value"]

#: Quantities that are tests of the full sample and stand on no line: the use table shows them.
TESTS = ("indistinguishable", "equivalence", "difference")


@dataclass(frozen=True)
class Value:
    """One number with its interval and its status."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    status: str = "ok"
    reason: str = ""
    method: str = ""
    flags: tuple[str, ...] = ()
    n: float | None = None
    half: float | None = None
    n_eff: float | None = None
    draws: float | None = None
    sd_draws: float | None = None

    @property
    def ok(self) -> bool:
        """Whether there is a number to print."""
        return self.status == "ok" and self.value is not None


@dataclass(frozen=True, eq=False)
class Line:
    """One value of a metric.

    Parameters
    ----------
    reference : Value or None
        Real people against real people, at half size.
    floors : mapping of baseline name to Value
    floor : str
        The floor that `recovered` uses.
    models : sequence of mapping of quantity to Value
        In the order of the runs.
    words : Words
        What the reference is called.
    """

    axis: str
    metric: str
    name: str
    item: str
    group: str
    arm: str
    regression: str
    term: str
    rule: str
    block: str
    headline: bool
    direction: str
    floor: str
    quantity: Quantity
    reference: Value | None
    floors: Mapping[str, Value]
    models: Sequence[Mapping[str, Value]] = field(default=())
    words: Words = HUMAN

    @property
    def individual(self) -> bool:
        """Whether the line is at full size, on the same people, without a human reference."""
        return self.axis == "individual"

    def matched(self, model: int) -> Value:
        """What the card prints for a model: the value at half size, or the one on all people for individual metrics."""
        return self.get(model, "estimate" if self.individual else "matched")

    def get(self, model: int, name: str) -> Value:
        """A quantity of a model; a missing one has status ``not_applicable``."""
        return self.models[model].get(name, Value(status="not_applicable"))

    @property
    def grey(self) -> bool:
        """Whether the cell is too small for more than a look."""
        values = [*([self.reference] if self.reference else []), *(self.matched(i) for i in range(len(self.models)))]
        return any("grey" in value.flags for value in values)

    @property
    def by_construction(self) -> bool:
        """Whether people are at about 1 because the value is a ratio to their own: no interval belongs there."""
        return self.quantity.relative and not self.item and self.reference is not None and self.reference.ok

    @property
    def skipped(self) -> bool:
        """Whether the cell is too small to show, or does not apply."""
        return not any(self.matched(i).ok for i in range(len(self.models)))


_KEY = ("axis", "metric", "name", "item", "group", "arm", "regression", "term", "rule", "block")


class Lines:
    """All lines of a card.

    Parameters
    ----------
    runs : sequence of RunView
        Comparable runs; references and floors are taken from the first that has them.
    """

    def __init__(self, runs: Sequence[RunView], words: Words = HUMAN) -> None:
        found: dict[tuple[str, ...], dict[str, Any]] = {}
        for position, run in enumerate(runs):
            for record in run.estimates.to_dict("records"):
                row: dict[str, Any] = {str(name): value for name, value in record.items()}
                if row["quantity"] in TESTS:
                    continue
                if row["quantity"] not in ("reference", "floor") and row["model"] not in (run.model, ""):
                    continue
                key = tuple(_text(row[name]) for name in _KEY)
                entry = found.setdefault(
                    key, {"reference": None, "floors": {}, "models": [{} for _ in runs], "headline": False, "row": row}
                )
                entry["headline"] |= bool(row["headline"])
                value = _value(row)
                if row["quantity"] == "reference":
                    entry["reference"] = entry["reference"] or value
                elif row["quantity"] == "floor":
                    entry["floors"].setdefault(_text(row["model"]).removeprefix("baseline:"), value)
                else:
                    entry["models"][position][row["quantity"]] = value
        self.lines = [_line(key, entry, words) for key, entry in found.items()]

    def of(self, axis: str, **conditions: bool | str) -> list[Line]:
        """Lines of an axis; a condition is a text to equal, or whether a field is filled.

        Examples
        --------
        ``lines.of("alignment", arm=True, item=False)`` are the lines by arm over all items.
        """
        chosen = [line for line in self.lines if line.axis == axis and not _inapplicable(line)]
        for name, wanted in conditions.items():
            if isinstance(wanted, bool):
                chosen = [line for line in chosen if bool(getattr(line, name)) is wanted]
            else:
                chosen = [line for line in chosen if getattr(line, name) == wanted]
        return chosen

    def headlines(self, axis: str) -> list[Line]:
        """Lines that summarise an axis; its first lines when none is marked."""
        applicable = self.of(axis)
        marked = [line for line in applicable if line.headline]
        plain = [line for line in applicable if not (line.item or line.group or line.arm)]
        return marked or plain[:1]

    @property
    def axes(self) -> list[str]:
        """Axes in the order in which they occur."""
        return list(dict.fromkeys(line.axis for line in self.lines))

    def inapplicable(self) -> list[tuple[Line, str]]:
        """Metrics that say nothing about this task, with the reason."""
        return [
            (line, next((value.reason for value in line.models[0].values() if value.reason), ""))
            for line in self.lines
            if _inapplicable(line)
        ]


def _inapplicable(line: Line) -> bool:
    values: Iterable[Value] = (value for model in line.models for value in model.values())
    return bool(line.models) and all(value.status == "not_applicable" for value in values)


def _line(key: tuple[str, ...], entry: Mapping[str, Any], words: Words) -> Line:
    named = dict(zip(_KEY, key, strict=True))
    row = entry["row"]
    return Line(
        **named,
        headline=entry["headline"],
        direction=_text(row["direction"]),
        floor=_text(row["floor_name"]).removeprefix("baseline:"),
        quantity=quantity(named["metric"], named["name"], words),
        reference=entry["reference"],
        floors=entry["floors"],
        models=entry["models"],
        words=words,
    )


def _value(row: Mapping[str, Any]) -> Value:
    return Value(
        value=_number(row["value"]),
        low=_number(row["low"]),
        high=_number(row["high"]),
        status=_text(row["status"]) or "ok",
        reason=_text(row["reason"]),
        method=_text(row["interval_method"]),
        flags=tuple(_text(row["flags"]).split()),
        n=_number(row["n_human"]),
        half=_number(row["half"]),
        n_eff=_number(row["n_eff"]),
        draws=_number(row["draws"]),
        sd_draws=_number(row["sd_draws"]),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
