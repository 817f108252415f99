"""What an estimate allows to say, and no more: one clause for each line and model.

The clauses follow from intervals and statuses alone. Passing is never called equality, and what the data cannot tell is
said to be undecided.
"""

from __future__ import annotations

from surveyeval.reporting.lines import Line, Value
from surveyeval.reporting.numbers import number, percent, signed, with_interval
from surveyeval.reporting.quantities import floor_label

__all__ = ["against_cell", "direction", "shown", "verdict"]


def verdict(line: Line, model: int) -> str:
    """Where a model stands between the naive floor and a second human sample."""
    matched = line.matched(model)
    if not matched.ok:
        return f"no value ({matched.reason or matched.status.replace('_', ' ')})"
    if line.individual:
        return _individual(line, model)
    value = f"{number(matched.value, line.quantity.unit)}"
    recovered, excess = line.get(model, "recovered"), line.get(model, "excess")
    if recovered.ok and recovered.low is not None and recovered.high is not None:
        return f"{value}, {_recovered(recovered)}"
    if recovered.status == "not_resolved":
        return f"{value}, {_excess(excess)}; naive answers and people cannot be told apart at this n"
    if recovered.status == "too_small":
        return f"{value}, too few people for more"
    if matched.method.startswith("band") and line.reference and line.reference.ok:
        return f"{value}, {_band(matched, line.reference)}"
    return f"{value}, {_excess(excess)}"


def _recovered(recovered: Value) -> str:
    low, high = recovered.low or 0.0, recovered.high or 0.0
    bounds = f"recovered {percent(recovered.value)}, {_bounds(low, high)}"
    if high < 0:
        return f"further from people than the naive floor ({bounds})"
    if low <= 0:
        both = " nor from a second human sample" if high >= 1 else ""
        return f"not told apart from the naive floor{both} at this n ({bounds})"
    if high < 1:
        return f"between the naive floor and people ({bounds})"
    return f"not told apart from a second human sample at this n ({bounds})"


def _bounds(low: float, high: float) -> str:
    return f"{percent(low)} to {percent(high)}"


def _excess(excess: Value) -> str:
    if not excess.ok or excess.low is None or excess.high is None:
        return "no test against people"
    if excess.low > 0:
        return "further from people than a second human sample"
    if excess.high < 0:
        return "closer to people than a second human sample is, which copies are"
    return "not told apart from a second human sample at this n"


def _band(matched: Value, reference: Value) -> str:
    if reference.low is None or reference.high is None or matched.value is None:
        return "without a band"
    inside = reference.low <= matched.value <= reference.high
    return f"{'inside' if inside else 'outside'} the band of human halves"


def _individual(line: Line, model: int) -> str:
    matched = line.matched(model)
    unit = line.quantity.unit
    value = f"{with_interval(matched.value, matched.low, matched.high, unit)}{' bits' if unit == 'bits' else ''}"
    clauses = [
        clause
        for quantity, words in (
            ("gain_over_floor", floor_label(line.floor)),
            ("gain_over_cell", floor_label("cell")),
        )
        if (clause := _gain(line.get(model, quantity), words, unit))
    ]
    return "; ".join([value, *clauses])


def _gain(gain: Value, words: str, unit: str) -> str:
    if not gain.ok or gain.value is None:
        return ""
    text = f"{number(abs(gain.value), unit)}{' bits' if unit == 'bits' else ''}"
    if gain.low is None or gain.high is None:
        return f"{signed(gain.value, unit)} against {words}"
    if gain.low > 0:
        return f"{text} better than {words}"
    if gain.high < 0:
        return f"{text} worse than {words}"
    return f"not told apart from {words}"


def against_cell(line: Line, model: int) -> str:
    """``better``, ``worse``, ``undecided`` or nothing, compared with the demographic cell of the pilot."""
    gain = line.get(model, "gain_over_cell")
    if not gain.ok or gain.low is None or gain.high is None:
        return ""
    return "better" if gain.low > 0 else "worse" if gain.high < 0 else "undecided"


def direction(line: Line) -> str:
    """How to read a value."""
    return {"lower": "lower is closer to people", "higher": "higher is closer to people"}.get(
        line.direction, "best where people are"
    )


def shown(value: Value | None, unit: str) -> tuple[str, str]:
    """Number and interval, or the status and its reason."""
    if value is None:
        return "none available", ""
    if not value.ok:
        if value.reason == "none available":
            return value.reason, ""
        return value.status.replace("_", " "), value.reason
    text = with_interval(value.value, value.low, value.high, unit)
    first, _, rest = text.partition(" (")
    return first, rest.rstrip(")")
