"""What there is to say of a metric without data: facts from its spec and sections from its docstring.

`surveyeval show METRIC` prints it, and the pages under docs/reference/metrics are made from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from surveyeval.metric.documentation import Documentation, documentation
from surveyeval.metric.protocol import MetricSpec
from surveyeval.reporting.quantities import axis, floor_label, quantity

__all__ = ["MetricPage", "metric_page", "plain"]

_DIRECTIONS = {
    "lower": "lower is closer to people",
    "higher": "higher is closer to people",
    "target": "best at a target, on either side of which it is worse",
}
_INTERVALS = {
    "jackknife": "delete-a-group jackknife over respondents (40 groups, 20 below 200 people), 95%",
    "band": "no confidence interval; the 2.5 to 97.5% band over splits",
    "none": "none",
}
#: Individual metrics compare a person with the simulation of this person, on all test people at once.
_WHOLE = "individual"


@dataclass(frozen=True)
class MetricPage:
    """A metric in words.

    Parameters
    ----------
    name, label, summary : str
        As it is registered, as cards call it, and in one line.
    axis : str
        Title of its axis.
    facts : mapping of str to str
        What its spec says, in words.
    documentation : Documentation
    """

    name: str
    label: str
    summary: str
    axis: str
    facts: Mapping[str, str]
    documentation: Documentation


def metric_page(metric: Any) -> MetricPage:
    """Everything about a metric, from an instance or its class.

    Parameters
    ----------
    metric : Metric or type
        It need not be registered.
    """
    spec: MetricSpec = metric.spec
    label = spec.label or quantity(spec.name, spec.name).label
    return MetricPage(spec.name, label, spec.summary, axis(spec.axis).title, _facts(spec), documentation(metric))


def plain(text: str) -> str:
    """Text of a docstring without its marks for code."""
    return re.sub(r"``([^`]*)``|`([^`]*)`", lambda found: found[1] or found[2] or "", text)


def _facts(spec: MetricSpec) -> dict[str, str]:
    low, high = spec.range
    limits = [f"from {low:g}" if low is not None else "", f"to {high:g}" if high is not None else ""]
    bounds = " ".join(part for part in limits if part)
    recovered = spec.recoverable and spec.interval == "jackknife" and spec.axis != _WHOLE
    gained = (
        "gain over it is shown" if spec.axis == _WHOLE else "used in `recovered`" if recovered else "no `recovered`"
    )
    splits = f"{spec.splits} random half splits"
    return {
        "axis": axis(spec.axis).title,
        "best": _DIRECTIONS.get(spec.direction, spec.direction),
        "range": bounds or "unbounded",
        "unit": spec.unit or "none",
        "floor": f"{floor_label(spec.floor)} ({gained})",
        "interval": _INTERVALS.get(spec.interval, spec.interval),
        "size": "the whole test sample, each person with the own simulation" if spec.axis == _WHOLE else splits,
    }
