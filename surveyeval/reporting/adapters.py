"""Adapters: on whom a fine-tuned model was trained, and how its loss went.

Read from ``manifest["model"]["fingerprint"]["details"]["adapter"]``, a mapping with any of

========== ============================================ ==========================================================
key        type                                         meaning
========== ============================================ ==========================================================
base       str                                          model string of the base model
pilot      int                                          people whose answers it was trained on
objective  str                                          what it was trained to predict
epochs     number                                       passes over the pilot
arms       list of str                                  keys of the arms in its training rows; absent: not stated
loss       list of {step: int, epoch: float,            training and validation loss, in the order of training
           train: float, validation: float or null}
========== ============================================ ==========================================================

Whatever is missing or of another type is left out. The manifest is a file that may come from elsewhere, so nothing
here is taken on trust.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from surveyeval.reporting import svg
from surveyeval.reporting.blocks import Cell, Figure, FigureRow, LegendEntry, Panels, Row, Section, Table
from surveyeval.reporting.context import Context
from surveyeval.reporting.figures import model_css
from surveyeval.reporting.numbers import MISSING, count, enumerate_words, number

__all__ = ["Adapter", "LossPoint", "adapter_of", "adapters_section", "arm_seen", "arms_said"]


@dataclass(frozen=True)
class LossPoint:
    """Loss after a step; what was not measured is None."""

    step: float
    epoch: float | None
    train: float | None
    validation: float | None


@dataclass(frozen=True)
class Adapter:
    """What a manifest says of an adapter."""

    base: str = ""
    pilot: int | None = None
    objective: str = ""
    epochs: float | None = None
    arms: tuple[str, ...] | None = None
    loss: tuple[LossPoint, ...] = ()


def adapter_of(manifest: Mapping[str, Any]) -> Adapter | None:
    """The adapter of a run, if its model has one that is described.

    Examples
    --------
    >>> details = {"adapter": {"base": "embedded:smollm2", "pilot": 60, "epochs": 3}}
    >>> adapter_of({"model": {"fingerprint": {"details": details}}}).pilot
    60
    """
    told = manifest["model"]["fingerprint"].get("details", {}).get("adapter")
    if not isinstance(told, Mapping):
        return None
    pilot, arms = _number(told.get("pilot")), told.get("arms")
    return Adapter(
        base=_text(told.get("base")),
        pilot=None if pilot is None else int(pilot),
        objective=_text(told.get("objective")),
        epochs=_number(told.get("epochs")),
        arms=tuple(str(arm) for arm in arms) if isinstance(arms, (list, tuple)) else None,
        loss=tuple(_points(told.get("loss"))),
    )


def _points(told: Any) -> list[LossPoint]:
    found = []
    for row in told if isinstance(told, (list, tuple)) else ():
        if not isinstance(row, Mapping):
            continue
        step, train, validation = (_number(row.get(key)) for key in ("step", "train", "validation"))
        if step is not None and (train is not None or validation is not None):
            found.append(LossPoint(step, _number(row.get("epoch")), train, validation))
    return sorted(found, key=lambda point: point.step)


def _number(value: Any) -> float | None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def arm_seen(context: Context, arm: str) -> str:
    """Which adapters were not trained on an arm; empty when all were or nothing is known."""
    unseen = [
        name
        for name, run in zip(context.names, context.runs, strict=True)
        for adapter in (adapter_of(run.manifest),)
        if adapter is not None and adapter.arms is not None and arm not in adapter.arms
    ]
    return f"unseen by {enumerate_words(unseen)}" if unseen else ""


def arms_said(context: Context, adapter: Adapter) -> str:
    """Seen and unseen arms in words; empty where there is one arm or nothing is known."""
    if adapter.arms is None or len(context.arms) < 2:
        return ""
    seen = [label for arm, label in context.arms.items() if arm in adapter.arms]
    unseen = [label for arm, label in context.arms.items() if arm not in adapter.arms]
    return f"Seen arms: {'; '.join(seen) or 'none'}. Unseen arms: {'; '.join(unseen) or 'none'}."


def adapters_section(context: Context) -> Section | None:
    """What is known of the adapters on a card, and their loss curves; None without any."""
    held = [(model, adapter_of(run.manifest)) for model, run in enumerate(context.runs)]
    known = [(model, adapter) for model, adapter in held if adapter is not None]
    if not known:
        return None
    rows, curves = [], []
    for model, adapter in known:
        cells = [
            Cell(context.names[model], head=True, css="model", model=model),
            Cell(adapter.base or "not stated", css="mono"),
            Cell(count(adapter.pilot), css="number"),
            Cell(adapter.objective or "not stated"),
            Cell(f"{adapter.epochs:g}" if adapter.epochs is not None else MISSING, css="number"),
            *_ends(adapter.loss),
        ]
        rows.append(Row(cells))
        if len(adapter.loss) > 1:
            curves.append(_curve(context.names[model], model, adapter.loss))
    columns = [
        "Model",
        "Base",
        f"Pilot {context.words.people}",
        "Objective",
        "Epochs",
        "Training loss",
        "Validation loss",
    ]
    notes = [f"{context.names[model]}: {said}" for model, one in known if (said := arms_said(context, one))]
    table = Table("Adapters", columns, rows, frozenset({2, 4, 5, 6}), notes, phone="list")
    text = "Mean loss by training step, as the training recorded it; its unit depends on the objective."
    panels = [Panels("Loss while training", text, curves, _legend(known[0][0]))] if curves else []
    return Section("tuning", "Fine-tuning", "What was each adapter trained on?", tables=[table], panels=panels)


def _ends(loss: Sequence[LossPoint]) -> list[Cell]:
    """Last training loss, and least validation loss with its step."""
    trained = [point for point in loss if point.train is not None]
    validated = [point for point in loss if point.validation is not None]
    cells = [Cell(MISSING, css="number muted"), Cell(MISSING, css="number muted")]
    if trained:
        cells[0] = Cell(number(trained[-1].train), f"at first {number(trained[0].train)}", "number")
    if validated:
        least = min(validated, key=lambda point: point.validation or 0.0)
        cells[1] = Cell(number(least.validation), f"least, at step {count(least.step)}", "number")
    return cells


_HEIGHT, _PAD = 130.0, 8.0


def _curve(name: str, model: int, loss: Sequence[LossPoint]) -> Figure:
    """Training loss as a line, validation loss as a broken line with marks."""
    across = svg.Scale.around([point.step for point in loss])
    values = [value for point in loss for value in (point.train, point.validation) if value is not None]
    up = svg.Scale.around(values, span=1e-6)

    def y(value: float) -> float:
        return _PAD + (_HEIGHT - 2 * _PAD) * (up.high - value) / (up.high - up.low)

    drawn: list[Markup] = []
    for tick in up.ticks(3):
        drawn.append(svg.line(across, across.low, across.high, y(tick), "grid"))
        drawn.append(svg.element("text", f"{tick:g}".replace("-", "−"), x="0", y=y(tick) - 3, class_="tick"))
    for css, series in (
        ("curve", [(point.step, point.train) for point in loss if point.train is not None]),
        ("curve broken", [(point.step, point.validation) for point in loss if point.validation is not None]),
    ):
        # A line can't have corners in per cent: pieces between neighbours can.
        for (step, value), (after, later) in pairwise(series):
            ends = {"x1": across.at(step), "x2": across.at(after), "y1": y(value), "y2": y(later)}
            drawn.append(svg.element("line", **ends, class_=f"{css} {model_css(model)}"))
    drawn += [
        svg.marker("circle", across.at(point.step), y(point.validation), model_css(model), 0.7)
        for point in loss
        if point.validation is not None
    ]
    trained = [point for point in loss if point.train is not None]
    said = [f"{count(len(loss))} points"]
    if trained:
        said.append(
            f"training loss from {number(trained[0].train)} at step {count(trained[0].step)} to {number(trained[-1].train)} "
            f"at step {count(trained[-1].step)}"
        )
    said += [
        f"validation loss {number(point.validation)} at step {count(point.step)}" for point in loss if point.validation is not None
    ][-3:]  # fmt: skip
    strip = svg.strip(_HEIGHT, f"{name}: loss by training step", *drawn, description="; ".join(said))
    ticks = [svg.label(across, tick, 12, f"{tick:,.0f}") for tick in across.ticks(4) if tick == round(tick)]
    axis = svg.strip(16, "", *ticks, css="strip axis", hidden=True)
    return Figure(name, "Loss against training step", [FigureRow("", strip)], axis, css="curves")


def _legend(model: int) -> list[LegendEntry]:
    def key(css: str, *more: Markup) -> Markup:
        line = svg.element("line", x1=0, x2=16, y1=8, y2=8, class_=f"{css} {model_css(model)}")
        return svg.element("svg", line, *more, width=16, height=16, aria_hidden="true", class_="key")

    mark = svg.marker("circle", "8", 8.0, model_css(model), 0.7)
    return [LegendEntry(key("curve"), "training"), LegendEntry(key("curve broken", mark), "validation")]
