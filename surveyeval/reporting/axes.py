"""The sections on the axes of fidelity: a figure and a table each, made from the pivoted estimates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from textwrap import shorten

from surveyeval.reporting import care, figures
from surveyeval.reporting.adapters import arm_seen
from surveyeval.reporting.blocks import Figure, LegendEntry, Section, Table
from surveyeval.reporting.context import Context, plain
from surveyeval.reporting.groups import groups_table
from surveyeval.reporting.headlines import PRINCIPAL, principals
from surveyeval.reporting.lines import Line
from surveyeval.reporting.numbers import enumerate_words
from surveyeval.reporting.quantities import Axis, section_key
from surveyeval.reporting.tables import estimates_table, half_size, in_words, individual_table, named, skipped_cells
from surveyeval.reporting.verdicts import direction

__all__ = ["axis_section", "by_arm_section", "glance"]


#: With more models the table of headlines is folded: the figure above it and the sentences before it say most of it.
_MANY = 2


def glance(context: Context) -> tuple[Figure | None, Table]:
    """Headlines of all axes: a figure of what is recovered, and a table."""
    lines = [line for one in _individual_first(context.axes) for line in principals(context, one.key)]
    titles = {one.key: one.title for one in context.axes}
    labelled = [(titles[line.axis], _label(context, line), line) for line in lines]
    table = estimates_table(
        context,
        "The headline of each axis",
        lines,
        lambda line: (_label(context, line), ", ".join((titles[line.axis], *in_words(line)))),
        excess=False,
        folded=len(context.names) > _MANY,
    )
    return figures.recovered(labelled, context.names), table


def _individual_first(axes: Sequence[Axis]) -> list[Axis]:
    return sorted(axes, key=lambda one: one.key != "individual")


def _label(context: Context, line: Line) -> str:
    where = context.where(line)
    return f"{line.quantity.label}, {where}" if where else line.quantity.label


def axis_section(context: Context, axis: Axis) -> Section:
    """Figures and tables of one axis."""
    if axis.key == "individual":
        return _individual_section(context, axis)
    held = context.lines.of(axis.key, arm=False)
    overall = [line for line in held if not line.item and "=" not in line.group]
    first = [line for line in overall if line.headline] or overall
    drawn: list[Figure | None] = []
    for unit, lines in _by_unit(first):
        rows = [(line.quantity.label, _note(context, line), line) for line in lines]
        drawn.append(figures.dots(_unit_title(unit).capitalize(), rows, context.names, _reading(lines)))
    further = [line for line in overall if line not in first]
    tables = [estimates_table(context, f"{axis.title}: overall", first, lambda line: named(context, line), folded=True)]
    if further:
        caption = f"{axis.title}: further measures"
        tables.append(estimates_table(context, caption, further, lambda line: named(context, line), folded=True))
    groups = [line for line in held if "=" in line.group and not line.item]
    if groups:
        drawn += _group_figures(context, axis, groups)
        chosen = _principal_of(axis.key, groups)
        tables.insert(
            0, groups_table(context, f"{axis.title}: by group", [one for one in groups if one.name == chosen])
        )
        tables.append(
            estimates_table(
                context,
                f"{axis.title}: by group, with floors",
                [line for line in groups if not line.skipped],
                lambda line: (context.where(line), f"{line.quantity.label}, {half_size(line)}"),
                folded=True,
            )
        )
    items = [line for line in held if line.item and not line.group]
    if items:
        chosen = _principal_of(axis.key, items)
        rows = [(line.item, _question(context, line.item), line) for line in items if line.name == chosen]
        label = next(line.quantity.label for line in items if line.name == chosen)
        drawn.append(figures.dots(f"{label} by item", rows, context.names))
        tables.append(
            estimates_table(
                context, f"{axis.title}: by item", items, lambda line: (line.item, line.quantity.label), folded=True
            )
        )
    rest = [line for line in held if line.item and line.group]
    if rest:
        tables.append(
            estimates_table(
                context, f"{axis.title}: by item and group", rest, lambda line: named(context, line), folded=True
            )
        )
    return Section(
        section_key(axis.key),
        axis.title,
        context.words.own(axis.question),
        figures=_drawn(drawn),
        tables=tables,
        points=_absent(context, axis.key),
        legend=_legend(drawn),
    )


def by_arm_section(context: Context) -> Section | None:
    """Everything that is broken down by arm."""
    lines = [line for one in context.axes for line in context.lines.of(one.key, arm=True)]
    if not lines or len(context.arms) < 2:
        return None
    drawn = []
    for name in dict.fromkeys(line.name for line in lines if not line.item):
        own = [line for line in lines if line.name == name and not line.item]
        rows = [(context.arms.get(line.arm, line.arm), _arm_note(context, line), line) for line in own]
        if name in {known for names in PRINCIPAL.values() for known in names}:
            drawn.append(figures.dots(f"{own[0].quantity.label} by arm", rows, context.names, _reading(own)))
    plain_lines = [line for line in lines if not line.item]
    tables = [
        estimates_table(
            context,
            "By arm",
            [line for line in plain_lines if not line.skipped],
            lambda line: (
                context.where(line),
                ", ".join(part for part in (line.quantity.label, half_size(line)) if part),
            ),
            folded=True,
        )
    ]
    skipped = skipped_cells(context, plain_lines)
    return Section(
        "arms",
        "By experimental arm",
        context.words.own("Does the simulation move with the treatment as people do?"),
        figures=_drawn(drawn),
        tables=tables,
        points=skipped,
        legend=_legend(drawn),
    )


def _individual_section(context: Context, axis: Axis) -> Section:
    lines = [line for line in context.lines.of("individual") if not line.item]
    items = [line for line in context.lines.of("individual") if line.item]
    drawn = [
        figures.dots(
            _unit_title(unit).capitalize(),
            [(line.quantity.label, _note(context, line), line) for line in group],
            context.names,
            _reading(group),
        )
        for unit, group in _by_unit(lines)
    ]
    tables = [individual_table(context, f"{axis.title}: overall", lines, folded=True)]
    if items:
        tables.append(individual_table(context, f"{axis.title}: by item", items, folded=True))
    twice = care.retest_table(context)
    tables += [twice] if twice is not None else []
    said = [
        context.words.own(
            f"Full size, the same people on both sides. {care.twice_said(context)} "
            "The bar to beat is the best baseline fitted on the pilot."
        )
    ]
    return Section(
        section_key(axis.key),
        axis.title,
        context.words.own(axis.question),
        said,
        _drawn(drawn),
        tables,
        points=_absent(context, axis.key),
        legend=_legend(drawn),
    )


def _legend(drawn: Iterable[Figure | None]) -> list[LegendEntry]:
    """One legend for all figures of a section."""
    entries: dict[str, LegendEntry] = {}
    for figure in drawn:
        for entry in figure.legend if figure else ():
            entries.setdefault(entry.label, entry)
    return list(entries.values())


def _drawn(drawn: Iterable[Figure | None]) -> list[Figure]:
    return [replace(figure, legend=()) for figure in drawn if figure]


def _group_figures(context: Context, axis: Axis, lines: Sequence[Line]) -> list[Figure | None]:
    drawn = []
    for name in dict.fromkeys(line.name for line in lines):
        if name not in PRINCIPAL.get(axis.key, ()):
            continue
        own = [line for line in lines if line.name == name]
        for subgroup, members in groupby(own, key=lambda line: line.group.partition("=")[0]):
            held = list(members)
            rows = [(line.group.partition("=")[2], half_size(line), line) for line in held]
            label = next(line.quantity.label for line in own)
            skipped = " ".join(skipped_cells(context, held))
            drawn.append(figures.dots(f"{label}, by {plain(subgroup)}", rows, context.names, skipped))
    return drawn


def _by_unit(lines: Iterable[Line]) -> list[tuple[str, list[Line]]]:
    units: dict[str, list[Line]] = {}
    for line in lines:
        units.setdefault(line.quantity.unit, []).append(line)
    return list(units.items())


def _unit_title(unit: str) -> str:
    return {
        "distance": "distances",
        "share": "shares",
        "ratio": "ratios",
        "slope": "slopes",
        "count": "counts",
        "bits": "bits per respondent",
    }.get(unit, "values")


def _reading(lines: Sequence[Line]) -> str:
    said = dict.fromkeys(f"{line.quantity.label}: {line.quantity.help}" for line in lines if line.quantity.help)
    words = {direction(line) for line in lines}
    tail = f"{words.pop().capitalize()}. " if len(words) == 1 else ""
    return f"{tail}{'. '.join(said)}." if said else tail


def _note(context: Context, line: Line) -> str:
    return context.where(line)


def _question(context: Context, item: str, size: int = 70) -> str:
    """The question of an item, shortened at a word."""
    return shorten(context.questions.get(item, ""), size, placeholder=" …")


def _arm_note(context: Context, line: Line) -> str:
    return ", ".join(part for part in (line.rule, half_size(line), arm_seen(context, line.arm)) if part)


def _principal_of(axis: str, lines: Sequence[Line]) -> str:
    present = [line.name for line in lines]
    return next((name for name in PRINCIPAL.get(axis, ()) if name in present), present[0])


def _absent(context: Context, axis: str) -> list[str]:
    """Metrics of this axis that say nothing about this task, by the reason."""
    found: dict[str, list[str]] = {}
    for line, reason in context.lines.inapplicable():
        if line.axis == axis and line.quantity.label not in found.setdefault(reason, []):
            found[reason].append(line.quantity.label)
    return [f"{enumerate_words(labels)}: not applicable, {reason}." for reason, labels in found.items()]
