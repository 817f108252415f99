"""Figures for papers, drawn with matplotlib from what runs store: item shares, coefficients, and the use table.

Every function takes runs that could stand on one card, and gives a matplotlib figure. People are dark, models coloured and of
different shapes. The numbers are those of the card; nothing is computed here.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any

from surveyeval.errors import ConfigError, did_you_mean
from surveyeval.reporting.context import Context
from surveyeval.reporting.plot_style import COLOURS, GREY, MARKERS, PEOPLE, VERDICTS, pyplot, style
from surveyeval.reporting.use_table import judgements
from surveyeval.reporting.view import RunView

__all__ = ["PLOTS", "coefficients", "item_shares", "use_strip"]

_WIDTH = 6.9  # inches: two columns of a journal
_LONG = 34  # characters of a label in one line


def item_shares(runs: Sequence[RunView], items: Iterable[str] | None = None) -> Any:
    """Shares of every option: people as bars with 95% Wilson intervals, models as marks.

    Parameters
    ----------
    runs : sequence of RunView
    items : iterable of str, optional
        Default: all items.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigError
        When there is no such item.
    MissingExtraError
        When matplotlib is not installed.
    """
    context = Context(tuple(runs))
    tables = [[row for row in table["distributions"] if row["arm"] == ""] for table in context.tables]
    known = list(dict.fromkeys(str(row["item"]) for row in tables[0]))
    shown = _chosen(items, known, "item")
    sizes = [sum(row["item"] == name for row in tables[0]) for name in shown]
    columns = 1 if len(shown) == 1 else 2
    with style():
        heights = [max(sizes[start : start + columns]) for start in range(0, len(shown), columns)]
        figure, axes = _grid(heights, columns, 0.19 + 0.07 * len(context.names), 0.62)
        for place, name in enumerate(shown):
            _shares_of(axes[place], context, [[row for row in table if row["item"] == name] for table in tables])
        for spare in axes[len(shown) :]:
            spare.remove()
        _legend(figure, context, bars=True)
    return figure


def _shares_of(axis: Any, context: Context, models: Sequence[Sequence[Mapping[str, Any]]]) -> None:
    people = models[0]
    for place, row in enumerate(people):
        if row["human"] is None:
            continue
        axis.barh(place, 100 * row["human"], height=0.8, color="#cfd3d6", linewidth=0)
        if row["human_low"] is not None and row["human_high"] is not None:
            axis.plot([100 * row["human_low"], 100 * row["human_high"]], [place, place], color=PEOPLE, linewidth=1.1)
    step = 0.7 / max(len(models), 1)
    for number, rows in enumerate(models):
        at = [place - 0.35 + step * (number + 0.5) for place in range(len(rows))]
        held = [(100 * row["simulated"], y) for row, y in zip(rows, at, strict=True) if row["simulated"] is not None]
        _marks(axis, number, [x for x, _ in held], [y for _, y in held])
    axis.set_yticks(range(len(people)), [_short(str(row["label"])) for row in people])
    axis.invert_yaxis()
    axis.set_xlim(left=0)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", color="#e3e4e0", linewidth=0.5)
    first = people[0]
    axis.set_title(_wrapped(str(first["question"]), 46), loc="left", fontweight="bold", fontsize=8)
    axis.set_xlabel(f"{first['item']}: percent of {first['n_human']:,} {context.words.people}", color=GREY)


def coefficients(runs: Sequence[RunView], regressions: Iterable[str] | None = None) -> Any:
    """Coefficients of the declared regressions with 95% intervals, people and models side by side.

    Parameters
    ----------
    runs : sequence of RunView
    regressions : iterable of str, optional
        Names; default: all.

    Returns
    -------
    matplotlib.figure.Figure
        In standard errors of people's estimate, so that terms can be compared; an interval that leaves the figure ends at its
        edge.

    Raises
    ------
    ConfigError
        When the task declares no regression, or there is none of that name.
    """
    context = Context(tuple(runs))
    rows = [[row for row in table["coefficients"] if row.get("term")] for table in context.tables]
    known = list(dict.fromkeys(str(row["regression"]) for row in rows[0] if row["human_se"]))
    if not known:
        raise ConfigError(f"task {context.task['name']!r} has no regression with estimates", hint="draw another figure")
    shown = _chosen(regressions, known, "regression")
    by_name = {
        name: [place for place, row in enumerate(rows[0]) if row["regression"] == name and row["human_se"]]
        for name in shown
    }
    columns = 1 if len(shown) == 1 else 2
    with style():
        sizes = [len(by_name[name]) for name in shown]
        heights = [max(sizes[start : start + columns]) for start in range(0, len(shown), columns)]
        figure, axes = _grid(heights, columns, 0.15 + 0.11 * len(context.names), 0.6)
        for place, name in enumerate(shown):
            own = [[model[number] for number in by_name[name]] for model in rows]
            _forest(axes[place], context, name, own)
        for spare in axes[len(shown) :]:
            spare.remove()
        _legend(figure, context)
    return figure


def _forest(axis: Any, context: Context, name: str, models: Sequence[Sequence[Mapping[str, Any]]]) -> None:
    people = models[0]
    ends = [(row[end], row["human_se"]) for row in people for end in ("human_low", "human_high")]
    limit = min(max([4.0, *(abs(end) / error for end, error in ends if end is not None)]) * 1.2, 40.0)
    axis.axvline(0, color=GREY, linewidth=0.6, linestyle=(0, (3, 3)))
    lanes = len(models) + 1
    for place, row in enumerate(people):
        _whisker(axis, row, "human", row["human_se"], place - 0.4 + 0.8 * 0.5 / lanes, PEOPLE, "D", limit)
    for number, rows in enumerate(models):
        for place, (row, held) in enumerate(zip(rows, people, strict=True)):
            at = place - 0.4 + 0.8 * (number + 1.5) / lanes
            _whisker(axis, row, "simulated", held["human_se"], at, _colour(number), _marker(number), limit)
    axis.set_yticks(range(len(people)), [_short(str(row["term"])) for row in people])
    axis.set_ylim(len(people) - 0.5, -0.5)
    axis.set_xlim(-limit, limit)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", color="#e3e4e0", linewidth=0.5)
    axis.set_title(_wrapped(name, 46), loc="left", fontweight="bold", fontsize=8)
    axis.set_xlabel(f"coefficient, in standard errors for {context.words.people}", color=GREY)


def _whisker(
    axis: Any, row: Mapping[str, Any], side: str, error: float, y: float, colour: str, marker: str, limit: float
) -> None:
    value, low, high = (row[key] for key in (side, f"{side}_low", f"{side}_high"))
    if value is None:
        return
    if low is not None and high is not None:
        axis.plot(
            [max(low / error, -limit), min(high / error, limit)],
            [y, y],
            color=colour,
            linewidth=1.1,
            solid_capstyle="butt",
        )
    if abs(value / error) <= limit:
        axis.plot(
            [value / error],
            [y],
            marker=marker,
            color=colour,
            markersize=4.2,
            markeredgecolor="white",
            markeredgewidth=0.4,
        )


def use_strip(runs: Sequence[RunView]) -> Any:
    """What each model supports and may be used for, a tile for each verdict; signs tell them apart without colours.

    Parameters
    ----------
    runs : sequence of RunView

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigError
        When the rows that stand for people are synthetic: then there is no verdict.
    """
    context = Context(tuple(runs))
    found = judgements(context)
    if not found:
        raise ConfigError(
            f"task {context.task['name']!r} gives no verdicts: its reference is synthetic", hint="draw another figure"
        )
    groups = ([claims for claims, _ in found], [uses for _, uses in found])
    titles = [one.title for group in groups for one in group[0]]
    gap = len(groups[0][0])
    with style():
        figure = pyplot().Figure(figsize=(_WIDTH, 0.95 + 0.26 * len(context.names)), layout="constrained")
        axis = figure.subplots()
        for row in range(len(context.names)):
            for column, one in enumerate([*groups[0][row], *groups[1][row]]):
                x = column + (0.35 if column >= gap else 0)
                colour, sign, ink = VERDICTS[one.verdict]
                axis.barh(row, 0.92, left=x, height=0.86, color=colour, linewidth=0)
                axis.text(x + 0.46, row, sign, ha="center", va="center", color=ink, fontsize=9, fontweight="bold")
        places = [column + 0.46 + (0.35 if column >= gap else 0) for column in range(len(titles))]
        axis.set_xticks(places, [_wrapped(title, 14) for title in titles], fontsize=6.6)
        axis.xaxis.tick_top()
        axis.set_yticks(range(len(context.names)), [_short(name) for name in context.names])
        axis.invert_yaxis()
        axis.set_xlim(-0.1, len(titles) + 0.45)
        axis.tick_params(length=0)
        for spine in axis.spines.values():
            spine.set_visible(False)
        said = "   ".join(f"{sign} {verdict}" for verdict, (_, sign, _) in VERDICTS.items())
        axis.set_xlabel(f"{said}   (by tests that the task declared; {context.n:,} test people)", color=GREY)
    return figure


def _grid(heights: Sequence[int], columns: int, each: float, around: float) -> tuple[Any, list[Any]]:
    """A figure with panels as high as their lines need."""
    inches = [each * height + around for height in heights]
    figure = pyplot().Figure(figsize=(_WIDTH, sum(inches) + 0.45), layout="constrained")
    axes = figure.subplots(len(heights), columns, squeeze=False, gridspec_kw={"height_ratios": inches})
    return figure, [axis for row in axes for axis in row]


def _legend(figure: Any, context: Context, *, bars: bool = False) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    mark: dict[str, Any] = {"linewidth": 0, "markeredgecolor": "white", "markeredgewidth": 0.4, "markersize": 5.5}
    people = Patch(color="#cfd3d6") if bars else Line2D([], [], color=PEOPLE, marker="D", **mark)
    handles = [
        people,
        *(Line2D([], [], color=_colour(i), marker=_marker(i), **mark) for i in range(len(context.names))),
    ]
    labels = [f"{context.words.people}, 95% interval", *(f"{name} (simulated)" for name in context.names)]
    figure.legend(handles, labels, loc="outside upper left", ncols=min(len(labels), ceil(100 / max(map(len, labels)))))


def _marks(axis: Any, number: int, x: Sequence[float], y: Sequence[float]) -> None:
    axis.plot(
        x, y, marker=_marker(number), color=_colour(number), linestyle="none", markersize=4.6, markeredgecolor="white",
        markeredgewidth=0.4, clip_on=False, zorder=3,
    )  # fmt: skip


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _marker(number: int) -> str:
    return MARKERS[number % len(MARKERS)]


def _chosen(names: Iterable[str] | None, known: Sequence[str], what: str) -> list[str]:
    if names is None:
        return list(known)
    chosen = list(names)
    for name in chosen:
        if name not in known:
            raise ConfigError(
                f"there is no {what} {name!r} here", hint=did_you_mean(name, known) or f"{what}s: {', '.join(known)}"
            )
    return chosen


def _wrapped(text: str, width: int) -> str:
    """Text in lines; a dollar sign is a dollar sign."""
    return "\n".join(textwrap.wrap(" ".join(text.split()), width)).replace("$", r"\$")


def _short(text: str) -> str:
    return _wrapped(text if len(text) <= 2 * _LONG else f"{text[: 2 * _LONG - 1]}…", _LONG)


#: Figures by name; each takes runs.
PLOTS = {"shares": item_shares, "coefficients": coefficients, "use": use_strip}
