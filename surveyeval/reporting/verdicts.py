"""What an estimate allows to say, and no more: one clause for each line and model.

The clauses follow from intervals and statuses alone. Passing is never called equality, and what the data cannot tell is
said to be undecided.
"""

from __future__ import annotations

from surveyeval.reporting.lines import Line, Value
from surveyeval.reporting.numbers import interval, number, percent
from surveyeval.reporting.quantities import floor_label

__all__ = ["against_cell", "direction", "shown", "verdict", "yardstick"]


def verdict(line: Line, model: int, baseline: str = "") -> tuple[str, str]:
    """Value of a model, and where it stands between the naive floor and a second human sample.

    Parameters
    ----------
    line : Line
    model : int
        Position of the model.
    baseline : str
        Name of the baseline that the model is; a floor is not judged against itself.
    """
    matched = line.matched(model)
    if not matched.ok:
        return "no value", matched.reason or matched.status.replace("_", " ")
    value = number(matched.value, line.quantity.unit)
    if line.individual:
        return f"{value} bits" if line.quantity.unit == "bits" else value, _individual(line, model, baseline)
    recovered, excess = line.get(model, "recovered"), line.get(model, "excess")
    if baseline and baseline == line.floor:
        return value, "the naive floor of this axis, drawn again"
    if recovered.ok and recovered.low is not None and recovered.high is not None:
        return value, _recovered(line, model, recovered)
    if recovered.status == "too_small":
        return value, f"too few {line.words.people} for more"
    if matched.method.startswith("band") and line.reference and line.reference.ok:
        return value, _band(line, matched, line.reference)
    return value, _excess(line, model, excess)


def _recovered(line: Line, model: int, recovered: Value) -> str:
    low, high = recovered.low or 0.0, recovered.high or 0.0
    bounds = f"recovers {percent(recovered.value)} ({interval(low, high, 'percent')})"
    words = line.words
    if high < 0:
        return f"further from {words.people} than the naive floor{_past(line, model)}: {bounds}"
    if low <= 0:
        both = f" nor from {words.sample}" if high >= 1 else ""
        return f"not told apart from the naive floor{both}{_past(line, model)}: {bounds}"
    if high < 1:
        past = _past(line, model)
        return f"{past.removeprefix(', ')}, but nearer than the naive floor: {bounds}" if past else (
            f"between the naive floor and {words.people}: {bounds}"
        )  # fmt: skip
    return f"not told apart from {words.sample}: {bounds}"


def _past(line: Line, model: int) -> str:
    """Whether a value with a target lies beyond people, on the side away from the naive floor.

    `recovered` is a distance and cannot tell: rows that always follow their beliefs are as wrong as rows that never do.
    """
    floor, value, excess = line.floors.get(line.floor), line.matched(model), line.get(model, "excess")
    reference = line.reference.value if line.reference and line.reference.ok else None
    decided = excess.ok and (excess.low or 0) > 0
    if line.direction != "target" or not decided or reference is None or floor is None:
        return ""
    if floor.value is None or value.value is None:
        return ""
    beyond = (value.value - reference) * (reference - floor.value) > 0
    return f", past {line.words.people} on the other side" if beyond else ""


def _excess(line: Line, model: int, excess: Value) -> str:
    if not excess.ok or excess.low is None or excess.high is None:
        return f"not tested against {line.words.people}"
    if excess.low > 0:
        return f"further from {line.words.people} than {line.words.sample}{_past(line, model)}"
    if excess.high < 0:
        return f"closer to {line.words.people} than {line.words.sample}"
    return f"not told apart from {line.words.sample}"


def _band(line: Line, matched: Value, reference: Value) -> str:
    if reference.low is None or reference.high is None or matched.value is None:
        return "no band to compare with"
    inside = reference.low <= matched.value <= reference.high
    return f"{'inside' if inside else 'outside'} the band of halves of {line.words.people}"


def _individual(line: Line, model: int, baseline: str) -> str:
    unit = line.quantity.unit
    clauses = [
        f"the {floor_label(name)} itself"
        if baseline == name
        else _gain(line.get(model, gain), f"the {floor_label(name)}", unit)
        for name, gain in ((line.floor, "gain_over_floor"), ("cell", "gain_over_cell"))
    ]
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
        why = " by construction" if line.by_construction else ""
        said.append(f"{line.words.half} {number(line.reference.value, unit)}{why}")
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
    people = line.words.people
    return {"lower": f"lower is closer to {people}", "higher": f"higher is closer to {people}"}.get(
        line.direction, f"best where {people} are"
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
