"""Numbers of a submission that follow from others: differences, recovered shares, adjusted p-values, statuses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from surveyeval.board.findings import Findings
from surveyeval.engine.multiplicity import adjust
from surveyeval.engine.rows import GREY, SKIPPED
from surveyeval.errors import SurveyevalError
from surveyeval.reporting.view import RunView

if TYPE_CHECKING:
    from surveyeval.metric.protocol import MetricSpec

__all__ = ["recompute"]

_KEY = ("metric", "name", "item", "group", "arm", "regression", "term", "rule", "block")
#: Rounding errors of sums over splits.
_CLOSE = 1e-9

Row = Mapping[str, Any]


def recompute(run: RunView, found: Findings) -> None:
    """Compare what a table of estimates says with what follows from it.

    Parameters
    ----------
    run : RunView
    found : Findings
        Takes what holds, what does not, and what cannot be computed.
    """
    rows = [{str(key): value for key, value in row.items()} for row in run.estimates.to_dict("records")]
    lines: dict[tuple[str, ...], dict[str, Row]] = {}
    specs: dict[str, MetricSpec | None] = {}
    for row in rows:
        specs.setdefault(row["metric"], _spec(row["metric"]))
        _status(row, found)
        _bounds(row, specs[row["metric"]], found)
        if row["quantity"] == "equivalence":
            _equivalence(row, found)
            continue
        key = tuple(row[name] for name in _KEY)
        quantity = f"floor {row['model']}" if row["quantity"] == "floor" else row["quantity"]
        known = lines.setdefault(key, {})
        if row["quantity"] not in ("indistinguishable", "gain_over"):
            found.expect("one row for each quantity", quantity not in known, f"{quantity} of {_name(row)} stands twice")
        known[quantity] = row
    for line in lines.values():
        _line(line, specs, found)
    _adjusted(run, found)


def _spec(metric: str) -> MetricSpec | None:
    from surveyeval.plugins import registry

    try:
        spec: MetricSpec = registry().get("metric", metric).load()().spec
    except (SurveyevalError, AttributeError, ImportError, TypeError):
        return None
    return spec


def _name(row: Row) -> str:
    return ", ".join(str(row[name])[:80] for name in _KEY[1:] if row[name])


def _value(row: Row | None) -> float | None:
    """The value of a row that has one."""
    if row is None or row["status"] != "ok" or not math.isfinite(row["value"]):
        return None
    return float(row["value"])


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= _CLOSE * max(1.0, abs(one), abs(other))


def _status(row: Row, found: Findings) -> None:
    what = "statuses"
    name = f"{row['quantity']} of {_name(row)}"
    if row["quantity"] == "recovered" and row["status"] in ("not_resolved", "too_small"):
        found.expect(what, not math.isfinite(row["value"]), f"{name} is {row['status']} and has a value")
    half = row["quantity"] in ("matched", "reference", "floor") and row["status"] == "ok"
    if half and (row["arm"] or "=" in row["group"]) and row["axis"] != "individual" and math.isfinite(row["n_eff"]):
        size, name = row["n_eff"], f"{name} rests on {row['n_eff']:.1f} effective people in a half"
        found.expect(what, size >= SKIPPED, name)
        grey = size >= GREY or "grey" in row["flags"].split() or row["quantity"] != "reference"
        found.expect(what, grey, f"{name} and is not grey")


def _bounds(row: Row, spec: MetricSpec | None, found: Findings) -> None:
    what = "intervals around their values, and values within the range of the metric"
    name = f"{row['quantity']} of {_name(row)}"
    value, low, high = row["value"], row["low"], row["high"]
    if row["status"] != "ok" or not math.isfinite(value):
        return
    if math.isfinite(low) and math.isfinite(high):
        jumps = row["interval_method"].startswith("band")  # the mean of a skewed band may lie outside
        inside = low - _CLOSE <= value <= high + _CLOSE
        found.expect(what, low <= high + _CLOSE and (inside or jumps), f"{name} lies outside its interval")
    for p in ("p", "p_adjusted"):
        if math.isfinite(row[p]):
            found.expect(what, 0 <= row[p] <= 1, f"{name} has {p} {row[p]:.3g}")
    if (
        spec is not None
        and row["quantity"] in ("matched", "reference", "floor", "estimate")
        and row["name"] == spec.name
    ):
        least, most = spec.range
        inside = (least is None or value >= least - _CLOSE) and (most is None or value <= most + _CLOSE)
        found.expect(what, inside, f"{name} is {value:.3g}, which the metric cannot be")


def _equivalence(row: Row, found: Findings) -> None:
    """The verdict of two one-sided tests follows from interval and margin."""
    what = "equivalence, from interval, margin and smallest margin"
    name = f"equivalence of {_name(row)}"
    if row["status"] not in ("ok", "undecidable") or not all(
        map(math.isfinite, (row["margin"], row["low"], row["high"]))
    ):
        return
    low, high, margin = row["low"], row["high"], row["margin"]
    inside, outside = -margin < low and high < margin, low >= margin or high <= -margin
    found.expect(
        what, inside == ("equivalent" in row["flags"].split()), f"{name}: called equivalent or not against its interval"
    )
    if math.isfinite(row["decidable"]):
        decided = inside or outside or margin >= row["decidable"]
        found.expect(what, decided == (row["status"] == "ok"), f"{name} is {row['status']} against its margin")


def _line(line: Mapping[str, Row], specs: Mapping[str, MetricSpec | None], found: Findings) -> None:
    some = next(iter(line.values()))
    spec = specs[some["metric"]]
    if spec is None:
        found.cannot(f"differences of the metric {some['metric']!r}, which this machine does not have")
        return
    found.expect(
        "directions of the metrics",
        all(row["direction"] == spec.direction for row in line.values()),
        f"{_name(some)} has another direction",
    )
    individual = spec.axis == "individual"
    model = line.get("estimate" if individual else "matched")
    floor_name = next((row["floor_name"] for name, row in line.items() if name in ("recovered", "gain_over_floor")), "")
    values = {
        "model": _value(model),
        "reference": _value(line.get("reference")),
        "cell": _value(line.get("floor baseline:cell")),
        "floor": _value(line.get(f"floor baseline:{floor_name.removeprefix('baseline:')}")),
    }
    losses = {
        name: None if value is None or spec.direction == "target" else -value if spec.direction == "higher" else value
        for name, value in values.items()
    }
    for quantity, less, more in (
        ("excess", "reference", "model"),
        ("gain_over_cell", "model", "cell"),
        ("gain_over_floor", "model", "floor"),
    ):
        if individual and quantity == "excess":
            if _value(line.get(quantity)) is not None:
                found.cannot("excess over people's own second answers, which is about those with both answers alone")
            continue
        _difference(line.get(quantity), quantity, losses[less], losses[more], spec, found)
    _recovered(line, losses, floor_name, spec, found)


def _difference(
    row: Row | None, quantity: str, less: float | None, more: float | None, spec: MetricSpec, found: Findings
) -> None:
    value = _value(row)
    if row is None or value is None:
        return
    if less is None or more is None:
        found.cannot(
            f"{quantity} of metrics with a target, whose losses are no part of a submission"
            if spec.direction == "target"
            else f"{quantity} where a side of the difference was left out"
        )
        return
    found.expect(
        f"{quantity}, from its two sides",
        _near(value, more - less),
        f"{_name(row)} is {value:.4g}, and follows to be {more - less:.4g}",
    )


def _recovered(
    line: Mapping[str, Row], losses: Mapping[str, float | None], floor_name: str, spec: MetricSpec, found: Findings
) -> None:
    row = line.get("recovered")
    if row is None:
        return
    value = _value(row)
    if value is None:
        if row["status"] == "not_resolved":
            found.cannot("that recovered is rightly withheld: needs the standard error of floor less reference")
        return
    what = "recovered, from model, reference and floor"
    model, reference, floor = losses["model"], losses["reference"], losses["floor"]
    gain, excess = _value(line.get("gain_over_cell")), _value(line.get("excess"))
    if model is not None and reference is not None and floor is not None:
        span, gained = floor - reference, floor - model
    elif floor_name == "cell" and gain is not None and excess is not None:
        span, gained = gain + excess, gain
    else:
        found.cannot(
            "recovered of metrics with a target, whose losses are no part of a submission"
            if spec.direction == "target"
            else "recovered where reference or floor was left out"
        )
        return
    if span <= 0:
        found.expect(what, False, f"{_name(row)} has a value, and its floor is no further from people than they are")
        return
    found.expect(
        what, _near(value, gained / span), f"{_name(row)} is {value:.4g}, and follows to be {gained / span:.4g}"
    )


def _adjusted(run: RunView, found: Findings) -> None:
    """Benjamini and Hochberg's adjustment, within each family."""
    what = "adjusted p-values, from those of their family"
    table = run.estimates
    tested = table[(table["family"] != "") & np.isfinite(table["p"]) & table["p"].between(0, 1)]
    again = adjust(tested)["p_adjusted"]
    for stated, computed, name in zip(tested["p_adjusted"], again, tested["family"], strict=True):
        found.expect(
            what,
            math.isfinite(stated) and _near(stated, computed),
            f"{name}: {stated:.4g}, and follows to be {computed:.4g}",
        )
