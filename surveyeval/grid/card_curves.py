"""The sections of a study's card that are curves over pilot size."""

from __future__ import annotations

from dataclasses import replace

from surveyeval.grid.card_tables import gains_table, sizes_table
from surveyeval.grid.task_view import JOINT, Measure, Method, TaskView
from surveyeval.grid.verdict import missing_joint
from surveyeval.reporting.blocks import Figure, Panels, Section
from surveyeval.reporting.curves import Curve, Point, curve_legend, size_curves
from surveyeval.reporting.numbers import count, enumerate_words
from surveyeval.reporting.quantities import axis

__all__ = ["axes_section", "joint_section", "several"]

#: Baselines with a curve of their own in every figure; the best of the others joins them.
_DRAWN = ("baseline:marginal", "baseline:cell", "baseline:chain")
AXIS = "Over the size of the pilot, on a logarithmic scale"


def _curves(view: TaskView, measure: Measure, base: str) -> list[Curve]:
    """The language models of one base and a few baselines."""
    found, rows = [], view.means(measure)
    for method in [*(one for one in view.models if one.base == base), *_few(view, measure)]:
        own = rows[(rows["method"] == method.name) & (rows["base"] == method.base) & (rows["status"] == "ok")]
        points = [
            Point(row["n_pilot"], row["value"], row["least"], row["most"])
            for row in own.sort_values("n_pilot").to_dict("records")
        ]
        label = method.name if method.mark is not None else method.label
        found.append(Curve(label, points, method.mark, method.baseline, method.name == "base"))
    return [curve for curve in found if curve.points]


def _few(view: TaskView, measure: Measure) -> list[Method]:
    """Marginal, cell and chain, and the baseline that is best at the largest pilot if it is none of them."""
    always = [one for one in view.baselines if one.name in _DRAWN]
    if measure.direction == "target":
        return always
    sign = -1.0 if measure.direction == "higher" else 1.0
    values = {}
    for method in view.baselines:
        row = view.value(measure, method, view.largest)
        if row is not None and row["status"] == "ok":
            values[method] = sign * float(row["value"])
    best = min(values, key=lambda one: values[one], default=None)
    return always if best is None or best in always else [*always, best]


def _left_out(view: TaskView, measure: Measure) -> str:
    drawn = {one.name for one in _few(view, measure)}
    left = [one.label for one in view.baselines if one.name not in drawn]
    return f" In the table only: {enumerate_words(left)}." if left else ""


def _bases(view: TaskView) -> list[str]:
    return list(dict.fromkeys(one.base for one in view.models)) or [""]


def _short(view: TaskView, base: str) -> str:
    return f", {next(one.label for one in view.models if one.base == base).rpartition(' @ ')[2]}" if base else ""


def joint_section(view: TaskView) -> Section:
    """The score to read first: curves, paired gains, and the numbers of the curves."""
    measure = view.first(JOINT)
    words = view.words
    question = words.own(
        "How many bits does it take to predict all answers of one person? One number for everything at once."
    )
    if measure is None:
        said = [f"There is no joint log-loss: {missing_joint(view)}."]
        return Section("joint", "Joint log-loss", question, said)
    bands = (
        "Shaded: from the smallest to the largest value over pilot draws and training seeds. " if several(view) else ""
    )
    drawn = []
    for base in _bases(view):
        named = _short(view, base) if len(_bases(view)) > 1 else ""
        caption = (
            f"{AXIS}; bits per respondent, lower is better. {bands}Grey: baselines from the same pilots. Broken: the untouched "
            f"base, which knows no pilot.{_left_out(view, measure)}"
        )
        title = f"Joint log-loss by {words.people} in the pilot{named}"
        drawn.append(size_curves(title, _curves(view, measure, base), "bits", caption=caption, height=320, named=True))
    said = [
        words.own(
            "A strictly proper score of the whole joint law. A human reference would need people who answered twice: none available."
        )
    ]
    tables = [gains_table(view, measure, folded=False), sizes_table(view, [measure], "Joint log-loss by pilot size")]
    return Section("joint", "Joint log-loss", question, said, [one for one in drawn if one], tables)


def several(view: TaskView) -> bool:
    """Whether there is more than one pilot draw or training seed."""
    return view.spec.pilots.draws > 1 or len(view.spec.seeds) > 1


def axes_section(view: TaskView) -> Section:
    """A small figure for each measure that stands for its axis; all numbers in folded tables."""
    drawn: list[Figure] = []
    legend: list[Curve] = []
    people = f"{view.words.people}, other half"
    for measure in view.shown:
        if measure.individual:
            continue
        for base in _bases(view):
            curves = _curves(view, measure, base)
            legend += [replace(curve, points=()) for curve in curves]
            named = _short(view, base) if len(_bases(view)) > 1 else ""
            caption = view.words.own(f"{axis(measure.axis).title}; {measure.reading}.")
            unit, reference = measure.quantity.unit, view.reference(measure)
            figure = size_curves(
                f"{measure.label}{named}", curves, unit, caption=caption, reference=reference, people=people
            )
            drawn += [replace(figure, legend=())] if figure is not None else []
    tables = []
    for key in dict.fromkeys(one.axis for one in view.measures if not one.individual):
        held = [measure for measure in view.measures if measure.axis == key and view.usable(measure)]
        if held:
            tables.append(sizes_table(view, held, f"{axis(key).title}: values by pilot size"))
    said = view.words.own(
        f"{AXIS}; {count(view.half)} test {view.words.short} in each random half. The grey band is people against other people of the same number, "
        "a yardstick and not perfection. All numbers, and the baselines that are not drawn, are in the folded tables."
    )
    points = [f"{axis(key).title}. {reason}" for key, reasons in view.absent().items() for reason in reasons]
    panels = [Panels("Measures of all axes", said, drawn, curve_legend(legend, people))] if drawn else []
    question = "Where does a larger pilot help, and where not?"
    return Section("axes", "Every axis, by pilot size", question, tables=tables, points=points, panels=panels)
