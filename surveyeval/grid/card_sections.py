"""The sections of a study's card on one task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from surveyeval.grid.card_curves import axes_section, joint_section, several
from surveyeval.grid.card_designs import ablations_section, apart_section, cost_section
from surveyeval.grid.card_tables import (
    core,
    gains_table,
    lines,
    overview_table,
    reference_cell,
    value_cell,
    values_table,
)
from surveyeval.grid.results import BreakEven
from surveyeval.grid.task_view import JOINT, Measure, Method, TaskView
from surveyeval.reporting.blocks import Cell, Row, Section, Table
from surveyeval.reporting.context import plain
from surveyeval.reporting.numbers import count
from surveyeval.reporting.quantities import quantity

__all__ = ["break_even_words", "task_sections"]


def task_sections(view: TaskView) -> list[Section]:
    """All sections of one task, the joint log-loss first."""
    made = (joint_section, _methods, _break_even, axes_section, _study, ablations_section, apart_section, cost_section)
    return [section for make in made for section in (make(view),) if section is not None]


def _methods(view: TaskView) -> Section:
    measures = core(view)
    if not measures:
        return Section("methods", "All methods", "", ["No measure has a value for any method."])
    tables = [overview_table(view, measures)]
    tables += [gains_table(view, one, folded=True) for one in measures if one.name != JOINT]
    wanted = {"coherence": "Coherence", "coefficients": "Coefficients", "alignment": "Alignment"}
    absent = [label for key, label in wanted.items() if key not in {one.axis for one in measures}]
    points = [f"{label}: no measure applies to this task." for label in absent]
    question = "What does each method make of the same pilot?"
    return Section("methods", "All methods", question, tables=tables, points=points)


def _break_even(view: TaskView) -> Section | None:
    title, question = "Break-even pilot", view.words.own("How many people would do the same without a language model?")
    found = {one: view.break_even(one) for one in core(view) if one.axis != "coefficients"}
    found = {measure: pilots for measure, pilots in found.items() if pilots}
    if not found:
        said = (
            "No break-even pilot: no language model, or no baseline, has a joint log-loss, distance or coherence here."
        )
        return Section("break-even", title, question, [said])
    rows = []
    for measure, pilots in found.items():
        held = [one for one in view.models if any((one.name, one.base) == (p.method, p.base) for p in pilots)]
        for position, method in enumerate(held):
            first = position == 0
            own = [p for p in pilots if (p.method, p.base) == (method.name, method.base)]
            cells = []
            for size in view.sizes:
                at = [p for p in own if round(p.n_pilot) == round(view.people(size))]
                cells.append(_break_even_cell(at[0]) if at else Cell("", css="blank"))
            name = Cell(measure.label, head=True, rows=len(held)) if first else None
            rows.append(
                Row([name, Cell(method.label, css="model named", model=method.mark), *cells], "first" if first else "")
            )
    ranges = (
        " Draws: with the method’s worst and best pilot draw or seed, baselines at their mean." if several(view) else ""
    )
    notes = [
        "The number of people with whom the best baseline, fitted on the pilot alone, does as well as model and pilot together: marginal, cell, logit, "
        "chain, hot deck or copula. Between sizes interpolated over the logarithm; a baseline counts from where it first gets there.",
        "Where that is no more than the people whom the method itself was given, the model adds nothing. The untouched base was given "
        f"none, and is the same for every pilot. Coherence by its distance from people's own.{ranges}",
    ]
    columns = ["Measure", "Method", *(f"With {count(view.people(size))} in the pilot" for size in view.sizes)]
    numeric = frozenset(range(2, len(columns)))
    notes = [view.words.own(note) for note in notes]
    table = Table("The pilot alone does as well with", columns, rows, numeric, notes, phone="stack")
    return Section("break-even", title, question, tables=[table])


def _break_even_cell(one: BreakEven) -> Cell:
    baseline = "" if one.people is None else one.baseline.removeprefix("baseline:")
    worth = "" if one.adds else "adds nothing"
    return Cell(
        one.words,
        lines((baseline, one.range and f"draws {one.range}", worth)),
        "number lines strong" if one.adds else "number lines",
    )


def break_even_words(view: TaskView, one: BreakEven) -> str:
    """What a break-even pilot says of the model, in a clause."""
    people, baseline = view.words.people, one.baseline.removeprefix("baseline:")
    if one.people is None:
        return f"no pilot of this study, up to {one.largest:.0f} {people}, does as well alone"
    if one.at_most:
        return f"the model adds nothing: the smallest pilot alone does as well ({baseline})"
    if not one.adds:
        return f"the model adds nothing: so many {people} alone do as well ({baseline}), and it was given {count(one.used)}"
    if not one.used:
        return f"without any pilot the model is worth so many {people} ({baseline})"
    return f"so many {people} alone do as well ({baseline}): the model is worth {count(round(one.people - one.used))} more than its {count(one.used)}"


def _study(view: TaskView) -> Section | None:
    wanted = ("unique_patterns", "gap", "js_distance", "group_js_distance", "sign_f1", "sign_fpr")
    labels = {"unique_patterns": "Unique structures", "gap": "Belief-action gap", "js_distance": "JS distance overall",
              "sign_f1": "Sign F1", "sign_fpr": "False positive rate"}  # fmt: skip
    measures = [one for name in wanted for one in view.measures if one.name == name and view.usable(one)]
    if not measures:
        return None
    columns = [labels.get(one.name, f"JS distance by {plain(one.group)}") for one in measures]
    columns = [
        f"{text} ({one.rule})" if one.name == "gap" else text for text, one in zip(columns, measures, strict=True)
    ]
    methods = [*view.models, *view.baselines]

    def reference(k: int) -> Cell:
        return reference_cell(view, measures[k])

    def value(method: Method, k: int) -> Cell:
        return value_cell(view.value(measures[k], method, view.largest), measures[k].quantity.unit, bounds=True)

    notes = [
        f"Pilot of {count(view.people(view.largest))}, halves of {count(view.half)} {view.words.short}: counts of unique structures and F1 "
        "depend on this number and are not to be held against those of another. F1 and false positive rate have a range over random "
        "halves, not an interval."
    ]
    missing = [labels[name] for name in labels if name not in {one.name for one in measures}]
    points = [f"{label}: does not apply to this task or could not be estimated." for label in missing]
    caption = f"{view.words.people[:1].upper()}{view.words.people[1:]}, the base and each variant"
    tables = [values_table(view, caption, columns, reference, value, methods, notes=notes), *_groups(view, methods)]
    said = [
        "Unique structures, belief-action gap, Jensen-Shannon (JS) distance, signs of coefficients: the measures of the study that this project follows."
    ]
    return Section("study-table", "The study’s own table", "", said, tables=tables, points=points)


def _groups(view: TaskView, methods: Sequence[Method]) -> Iterator[Table]:
    rows = view.own[(view.own["metric"] == "group_js_distance") & view.own["group"].str.contains("=", regex=False)]
    rows = rows[(rows["item"] == "") & (rows["arm"] == "")]
    for subgroup in dict.fromkeys(group.partition("=")[0] for group in rows["group"]):
        groups = [group for group in dict.fromkeys(rows["group"]) if group.partition("=")[0] == subgroup]
        measures = [
            Measure(
                "subgroups",
                "group_js_distance",
                "group_js_distance",
                group,
                "",
                "",
                "lower",
                quantity("group_js_distance", "group_js_distance", view.words),
            )
            for group in groups
        ]
        sizes = {group: rows.loc[rows["group"] == group, "n_eff"].max() for group in groups}
        columns = [
            f"{group.partition('=')[2]} ({count(round(sizes[group]) if sizes[group] == sizes[group] else None)})"
            for group in groups
        ]

        def reference(k: int, measures: Sequence[Measure] = measures) -> Cell:
            return reference_cell(view, measures[k])

        def value(method: Method, k: int, measures: Sequence[Measure] = measures) -> Cell:
            return value_cell(view.value(measures[k], method, view.largest), "distance", bounds=True)

        note = f"In brackets: effective {view.words.short} in a half. Below 15 a group is not compared; below 30 it is for a look only."
        caption = f"JS distance within groups: {plain(subgroup)}"
        yield values_table(view, caption, columns, reference, value, methods, notes=[note], folded=True)
