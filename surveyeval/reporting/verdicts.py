"""What an estimate allows to say, and no more: one clause for each line and model.

The clauses follow from intervals and statuses alone. Passing is never called equality, and what the data cannot tell is
said to be undecided.
"""

from __future__ import annotations

from surveyeval.reporting.lines import Line, Value
from surveyeval.reporting.numbers import interval, number, percent
from surveyeval.reporting.quantities import floor_label

__all__ = ["against_cell", "direction", "shown", "verdict", "yardstick"]


def verdict(line: Line, model: int) -> tuple[str, str]:
    """Value of a model, and where it stands between the naive floor and a second human sample."""
    matched = line.matched(model)
    if not matched.ok:
        return "no value", matched.reason or matched.status.replace("_", " ")
    value = number(matched.value, line.quantity.unit)
    if line.individual:
        return f"{value} bits" if line.quantity.unit == "bits" else value, _individual(line, model)
    recovered, excess = line.get(model, "recovered"), line.get(model, "excess")
    if recovered.ok and recovered.low is not None and recovered.high is not None:
        return value, _recovered(recovered)
    if recovered.status == "too_small":
        return value, "too few people for more"
    if matched.method.startswith("band") and line.reference and line.reference.ok:
        return value, _band(matched, line.reference)
    return value, _excess(excess)


def _recovered(recovered: Value) -> str:
    low, high = recovered.low or 0.0, recovered.high or 0.0
    bounds = f"recovers {percent(recovered.value)} ({percent(low)} to {percent(high)})"
    if high < 0:
        return f"further from people than the naive floor: {bounds}"
    if low <= 0:
        both = " nor from a second human sample" if high >= 1 else ""
        return f"not told apart from the naive floor{both}: {bounds}"
    if high < 1:
        return f"between the naive floor and people: {bounds}"
    return f"not told apart from a second human sample: {bounds}"


def _excess(excess: Value) -> str:
    if not excess.ok or excess.low is None or excess.high is None:
        return "not tested against people"
    if excess.low > 0:
        return "further from people than a second human sample"
    if excess.high < 0:
        return "closer to people than a second human sample"
    return "not told apart from a second human sample"


def _band(matched: Value, reference: Value) -> str:
    if reference.low is None or reference.high is None or matched.value is None:
        return "no band to compare with"
    inside = reference.low <= matched.value <= reference.high
    return f"{'inside' if inside else 'outside'} the band of human halves"


def _individual(line: Line, model: int) -> str:
    unit = line.quantity.unit
    clauses = (
        _gain(line.get(model, "gain_over_floor"), f"the {floor_label(line.floor)}", unit),
        _gain(line.get(model, "gain_over_cell"), f"the {floor_label('cell')}", unit),
    )
    return "; ".join(clause for clause in clauses if clause)


def _gain(gain: Value, words: str, unit: str) -> str:
    if not gain.ok or gain.value is None:
        return ""
    size = f"{number(abs(gain.value), unit)}{' bits' if unit == 'bits' else ''}"
    decided = gain.low is not None and gain.high is not None and (gain.low > 0 or gain.high < 0)
    if not decided:
        return f"not told apart from {words}"
    return f"{size} {'better' if gain.value > 0 else 'worse'} than {words}"


def yardstick(line: Line) -> str:
    """What people and the naive floor reach on a line."""
    unit, said = line.quantity.unit, []
    if line.reference and line.reference.ok:
        said.append(f"people, other half {number(line.reference.value, unit)}")
    floor = line.floors.get(line.floor)
    if floor and floor.ok:
        said.append(f"{floor_label(line.floor)} {number(floor.value, unit)}")
    if line.individual and "cell" in line.floors and line.floors["cell"].ok:
        said.append(f"{floor_label('cell')} {number(line.floors['cell'].value, unit)}")
    if any(line.get(model, "recovered").status == "not_resolved" for model in range(len(line.models))):
        said.append("too close to each other to say how much is recovered")
    return ", ".join(said)


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
    return number(value.value, unit), interval(value.low, value.high, unit)
