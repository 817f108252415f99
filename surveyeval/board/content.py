"""What a board shows: for each axis and measure, people, floors and models as rows, with places where they are ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from surveyeval.board.boards import Board
from surveyeval.board.entries import Entry
from surveyeval.board.pareto import Dominance, dominance, panel, scale_name
from surveyeval.board.ranks import LineKey, Places, Resolved, line_key, loss, paired_differences, places, resolve
from surveyeval.metric.protocol import Metric
from surveyeval.progress import Progress
from surveyeval.reporting.headlines import PRINCIPAL
from surveyeval.reporting.labels import label_of
from surveyeval.reporting.lines import Line, Lines, Value
from surveyeval.reporting.quantities import AXES, Axis, axis, floor_label
from surveyeval.reporting.view import model_names
from surveyeval.reporting.words import HUMAN, SYNTHETIC

__all__ = ["MISSING_ROW", "AxisContent", "BoardContent", "Measure", "RowContent", "board_content"]

#: Status of a value that other entries of a board have and one lacks.
MISSING_ROW = "missing"

#: What each kind of row is called.
KINDS = {
    "model": "model",
    "demonstration": "demonstration model",
    "baseline": "baseline",
    "scripted": "scripted check",
    "people": "reference",
    "floor": "floor",
}

#: Statuses of values that a model lacks by its own answers, or by its own submission.
_OWN_FAULT = ("not_estimable", MISSING_ROW)


@dataclass(frozen=True)
class RowContent:
    """One row of a measure.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    name : str
    model : int or None
        Position of the model, for its mark and its card.
    value, excess, recovered, gain_over_cell, gain_over_floor : Value
        Those that do not apply have no number.
    places : Places or None
    pairs : tuple of (str, str)
        Outcome against each other model, and its name.
    """

    kind: str
    name: str
    model: int | None = None
    value: Value = field(default_factory=Value)
    excess: Value = field(default_factory=Value)
    recovered: Value = field(default_factory=Value)
    gain_over_cell: Value = field(default_factory=Value)
    gain_over_floor: Value = field(default_factory=Value)
    places: Places | None = None
    pairs: tuple[tuple[str, str], ...] = ()

    def against(self, outcome: str) -> list[str]:
        """Names of the models with that outcome."""
        return [name for found, name in self.pairs if found == outcome]


@dataclass(frozen=True, eq=False)
class Measure:
    """One headline of an axis, with its rows: nearest to people first, then those without a value, then yardsticks."""

    line: Line
    label: str
    rows: Sequence[RowContent]


@dataclass(frozen=True, eq=False)
class AxisContent:
    """One axis."""

    axis: Axis
    measures: Sequence[Measure]


@dataclass(frozen=True, eq=False)
class BoardContent:
    """Everything that a board shows.

    Parameters
    ----------
    board : Board
    names : sequence of str
        Of the models, in the order of the entries.
    ranked : sequence of int
        Positions of the models that are ranked.
    paired : bool
        Whether differences are paired, on the same people.
    why_not : str
        Why they are not.
    axes : sequence of AxisContent
    panels : sequence of (str, Markup)
        Pictures of pairs of axes.
    beaten : sequence of Dominance
    """

    board: Board
    names: Sequence[str]
    ranked: Sequence[int]
    paired: bool
    why_not: str
    axes: Sequence[AxisContent]
    panels: Sequence[tuple[str, Markup]]
    beaten: Sequence[Dominance]

    @property
    def compared(self) -> int:
        """Axes on which any model has a value that stands for the axis."""
        return max((one.compared for one in self.beaten), default=0)

    @property
    def entries(self) -> Sequence[Entry]:
        """The runs."""
        return self.board.entries


def board_content(board: Board, metrics: Sequence[Metric], progress: Progress | None = None) -> BoardContent:
    """Lines, differences and places of one board.

    Parameters
    ----------
    board : Board
    metrics : sequence of Metric
        For paired differences, where the answers are at hand.
    progress : Progress, optional
    """
    views = [entry.view for entry in board.entries]
    names = model_names(views)
    human = board.manifest["task"]["provenance"] == "human"
    lines = Lines(views, HUMAN if human else SYNTHETIC)
    _mark_missing(lines, board.entries)
    ranked = [] if board.unranked else [i for i, entry in enumerate(board.entries) if entry.kind != "scripted"]
    heads = {} if board.disputed else {key: _headlines(lines, key) for key in _axes(lines)}
    pairs: dict[LineKey, list[Resolved]] = {}
    paired, why_not = False, ""
    if len(ranked) > 1:
        pairs, why_not = paired_differences(board, metrics, progress)
        paired = bool(pairs)
        if not paired:
            pairs = resolve([line for own in heads.values() for line in own], ranked)
    axes = [
        AxisContent(axis(key), [_measure(line, board, names, ranked, pairs.get(line_key(line), [])) for line in own])
        for key, own in heads.items()
    ]
    principal = [one for key, own in heads.items() if (one := _principal(key, own, ranked)) is not None]
    panels: list[tuple[str, Markup]] = []
    if len(ranked) > 1 and principal:
        across = max(principal, key=lambda line: sum(_placed(line, model) for model in ranked))
        for line in principal:
            drawn = panel(across, line, ranked, names) if line is not across else None
            if drawn is not None:
                panels.append((f"{axis(line.axis).title}: {scale_name(line)}", drawn))
    beaten = dominance(principal, pairs, ranked) if len(ranked) > 1 else []
    return BoardContent(board, names, ranked, paired, why_not, axes, panels, beaten)


def _mark_missing(lines: Lines, entries: Sequence[Entry]) -> None:
    """Say of values that others have and one lacks that they are missing: whoever leaves a row out is not excused."""
    absent = [
        Value(status=MISSING_ROW, reason=f"missing from the {'submission' if entry.run is None else 'run'}")
        for entry in entries
    ]
    for number, line in enumerate(lines.lines):
        own = "estimate" if line.individual else "matched"
        if any(own in model and model[own].ok for model in line.models):
            models = [
                held if own in held else {**held, own: missing}
                for held, missing in zip(line.models, absent, strict=True)
            ]
            lines.lines[number] = replace(line, models=models)


def _axes(lines: Lines) -> list[str]:
    """Axes in the order of cards, those of plugins last; the joint log-loss is read first."""
    present = lines.axes
    order = ["individual", *(one.key for one in AXES if one.key != "individual")]
    return sorted(present, key=lambda key: order.index(key) if key in order else len(order))


def _headlines(lines: Lines, key: str) -> list[Line]:
    return [line for line in lines.headlines(key) if not line.skipped]


def _principal(key: str, lines: Sequence[Line], ranked: Sequence[int]) -> Line | None:
    """The headline that stands for an axis in pictures and in who is beaten.

    One of those that are named for the axis, where any are: others may be won by rows that are all the same. A model that has
    no value by its own fault (nothing to estimate, or left out of its submission) does not choose another line for all.
    """
    named = [line for name in PRINCIPAL.get(key, ()) for line in lines if name in (line.metric, line.name)]
    found, most = None, 0
    for line in named if key in PRINCIPAL else lines:
        placed = [_placed(line, model) for model in ranked]
        own_fault = [line.matched(model).status in _OWN_FAULT for model in ranked]
        count = sum(one or other for one, other in zip(placed, own_fault, strict=True)) if any(placed) else 0
        if count > most:
            found, most = line, count
    return found


def _placed(line: Line, model: int) -> bool:
    """Whether a model has a loss on a line, with an interval."""
    one = loss(line, model)
    return one is not None and one.low is not None


def _measure(
    line: Line, board: Board, names: Sequence[str], ranked: Sequence[int], pairs: Sequence[Resolved]
) -> Measure:
    open_places = places(pairs, ranked)
    rows = []
    for model, entry in enumerate(board.entries):
        rows.append(
            RowContent(
                entry.kind,
                names[model],
                model,
                line.matched(model),
                line.get(model, "excess"),
                line.get(model, "recovered"),
                line.get(model, "gain_over_cell"),
                line.get(model, "gain_over_floor"),
                open_places.get(model),
                tuple(_outcomes(model, pairs, names)) if model in ranked else (),
            )
        )
    if ranked:
        rows.sort(key=lambda row: _order(line, row.model if row.model is not None else 0, ranked))
    else:
        rows.sort(key=lambda row: row.name.casefold())
    if line.reference is not None and line.reference.ok:
        rows.append(RowContent("people", line.words.half, value=line.reference))
    for name, value in line.floors.items():
        if value.ok:
            mine = " (the floor of this measure)" if name == line.floor else ""
            rows.append(RowContent("floor", f"{floor_label(name)}{mine}", value=value))
    return Measure(line, _label(line), rows)


def _order(line: Line, model: int, ranked: Sequence[int]) -> tuple[bool, float]:
    one = loss(line, model)
    value = one.value if one is not None and one.value is not None else None
    return (model not in ranked or value is None, value if value is not None else 0.0)


def _outcomes(model: int, pairs: Sequence[Resolved], names: Sequence[str]) -> list[tuple[str, str]]:
    turned: Mapping[str, str] = {"better": "worse", "worse": "better"}
    found = []
    for pair in pairs:
        if pair.first == model:
            found.append((pair.outcome, names[pair.second]))
        elif pair.second == model:
            found.append((turned.get(pair.outcome, pair.outcome), names[pair.first]))
    return found


def _label(line: Line) -> str:
    names = ("metric", "name", "item", "group", "arm", "regression", "term", "rule", "block")
    return label_of({name: getattr(line, name) for name in names})
