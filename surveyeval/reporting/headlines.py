"""Which of many values a sentence or the first table is made from."""

from __future__ import annotations

from surveyeval.reporting.context import Context
from surveyeval.reporting.lines import Line

__all__ = ["PRINCIPAL", "principal", "principals"]

#: The metric that stands for an axis where one is named in a sentence or broken down by item, best first. The first must not
#: be one that a degenerate simulation wins: distinct patterns before the structure ratio, which says nothing about rows that
#: are all the same, and never the accuracy, which is best for whoever gives the most frequent answer.
PRINCIPAL = {
    "alignment": ("js_distance",),
    "subgroups": ("group_js_distance",),
    "heterogeneity": ("unique_patterns", "structure_ratio"),
    "coherence": ("coherence", "gap", "association_strength"),
    "stereotyping": ("stereotyping",),
    "coefficients": ("ame_share_differing", "ame_exaggeration", "share_differing", "exaggeration", "rmse_se"),
    "individual": ("joint_log_loss",),
}


def principal(context: Context, axis: str) -> Line | None:
    """The headline that a sentence about the axis is made from."""
    lines = _distinct(context.lines.headlines(axis))
    for name in PRINCIPAL.get(axis, ()):
        for line in lines:
            if name in (line.metric, line.name) and not line.skipped:
                return line
    return next((line for line in lines if not line.skipped), None)


def principals(context: Context, axis: str) -> list[Line]:
    """The few headlines of an axis that the first table shows: those with a value, in the order of importance."""
    lines = _distinct([line for line in context.lines.headlines(axis) if not line.block])
    wanted = PRINCIPAL.get(axis, ())
    named = [line for name in wanted for line in lines if name in (line.metric, line.name)] or lines
    usable = [line for line in named if not line.skipped]
    return usable or named[:1]


def _distinct(lines: list[Line]) -> list[Line]:
    """Without marginal effects that are the coefficients themselves, as in a task with linear regressions alone."""
    by_name = {line.name: line for line in lines if not line.block}
    twins = {name: by_name.get(name.removeprefix("ame_")) for name in by_name if name.startswith("ame_")}
    return [line for line in lines if not _same(line, twins.get(line.name))]


def _same(line: Line, other: Line | None) -> bool:
    if other is None or line.block:
        return False
    models = range(len(line.models))
    return line.reference == other.reference and all(line.matched(one) == other.matched(one) for one in models)
