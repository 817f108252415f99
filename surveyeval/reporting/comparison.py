"""Each model beside what the same pilot gives without a model, and what profiles add."""

from __future__ import annotations

from surveyeval.reporting.blocks import Cell, Row, Table
from surveyeval.reporting.context import Context
from surveyeval.reporting.headlines import principals
from surveyeval.reporting.lines import Line
from surveyeval.reporting.numbers import difference, interval, number
from surveyeval.reporting.verdicts import against_cell

__all__ = ["compared", "resampled", "what_profiles_add"]


def resampled(context: Context) -> str:
    """Whether rows of the pilot itself stand beside the models."""
    if "hotdeck" in context.baselines:
        name = context.names[context.baselines.index("hotdeck")]
        return f"Resampling the pilot itself (hot deck) stands beside the others as {name}."
    return (
        "Resampling the pilot itself (hot deck) is not on this card: whether a model adds anything to the pilot's own rows is open. "
        "Add --model baseline:hotdeck."
    )


def compared(context: Context) -> Table:
    """Each model against the demographic cell of the same pilot, on the headlines of each axis."""
    rows = []
    for model, name in enumerate(context.names):
        head = Cell(name, head=True, css="model", model=model)
        if context.baselines[model] == "cell":
            rows.append(Row([head, *[Cell("is this baseline itself", css="muted")] * 3]))
            continue
        outcome: dict[str, dict[str, list[str]]] = {"better": {}, "undecided": {}, "worse": {}}
        for one in context.axes:
            for line in principals(context, one.key):
                result = against_cell(line, model)
                if result:
                    size = "" if result == "undecided" else _size(line, model)
                    where = ", ".join(part for part in (context.where(line), size) if part)
                    outcome[result].setdefault(line.quantity.label, []).append(where)
        rows.append(Row([head, *(Cell(_listed(found) or "nothing") for found in outcome.values())]))
    columns = ["Model", "Better on", "Not told apart on", "Worse on"]
    notes = [
        "On the headlines of each axis, by the 95% interval of the gain over the cell, which is fitted on the same pilot. Sizes "
        "are differences of distances from the other half."
    ]
    return Table("Compared with the demographic cell of the pilot", columns, rows, notes=notes, phone="list")


def _size(line: Line, model: int) -> str:
    """By how much, without its sign."""
    unit = "ratio" if line.quantity.unit == "count" else line.quantity.unit
    text = difference(abs(line.get(model, "gain_over_cell").value or 0.0), unit).removeprefix("+")
    scale = {"bits": " bits", "count": " as a log ratio"}.get(line.quantity.unit, "")
    return f"by {text}{scale}"


def _listed(places: dict[str, list[str]]) -> str:
    """Measures, each with the places that it was compared in."""
    parts = []
    for label, where in places.items():
        named = "; ".join(dict.fromkeys(place for place in where if place))
        parts.append(f"{label}{f' ({named})' if named else ''}")
    return "; ".join(parts)


def what_profiles_add(context: Context) -> list[str]:
    """Bits per person against ignoring who the person is."""
    line = context.joint
    if line is None and context.without_profile:
        return ["The task has no profile: no model knows who a respondent is, beyond the experimental arm."]
    if line is None:
        return ["No model on this card has a joint log-loss. Nothing here shows that profiles matter: answers given to the wrong persons within an arm would pass every other axis."]  # fmt: skip
    said = []
    for model, name in enumerate(context.names):
        gain = line.get(model, "gain_over_floor")
        if context.baselines[model] == line.floor:
            said.append(f"{name} ignores who a respondent is: it is what the others are measured against.")
            continue
        if not line.matched(model).ok or not gain.ok or gain.value is None:
            said.append(f"{name} has no joint log-loss: nothing here shows that profiles matter to it.")
            continue
        verb = "saves" if gain.value >= 0 else "costs"
        low, high = (gain.low, gain.high) if gain.value >= 0 else (_flip(gain.high), _flip(gain.low))
        bounds = interval(low, high, "bits")
        unsure = ", not told apart from nothing" if (gain.low or 0) <= 0 <= (gain.high or 0) else ""
        said.append(
            f"Against ignoring who a respondent is (the pilot's shares within arm), {name} {verb} {number(abs(gain.value), 'bits')} "
            f"bits per respondent{f' ({bounds}{unsure})' if bounds else ''}. This holds profile and earlier answers together."
        )
    return said


def _flip(value: float | None) -> float | None:
    return None if value is None else -value
