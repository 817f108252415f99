"""Figures for papers. Needs the extra ``plots`` (matplotlib).

Every function takes a run, or several of one task on the same people, and gives a matplotlib figure; `save` writes it.

    import surveyeval
    from surveyeval import plots

    runs = surveyeval.run(task="anes96", model=["baseline:cell", "baseline:chain"])
    plots.save(plots.item_shares(runs), "shares.pdf")
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from surveyeval.engine.readable import understood
from surveyeval.engine.run import Run
from surveyeval.errors import ConfigError
from surveyeval.reporting import plot_style
from surveyeval.reporting import plots as drawn
from surveyeval.reporting.view import RunView

__all__ = ["coefficients", "item_shares", "save", "use_strip"]

Runs = Run | str | Path | Iterable[Run | str | Path]


def item_shares(runs: Runs, items: Iterable[str] | None = None) -> Any:
    """Shares of every option: people as bars with 95% Wilson intervals, models as marks.

    Parameters
    ----------
    runs : Run, path, or several
        Of one task on the same people.
    items : iterable of str, optional
        Default: all items.

    Returns
    -------
    matplotlib.figure.Figure
    """
    return _drawn(runs, lambda views: drawn.item_shares(views, items))


def coefficients(runs: Runs, regressions: Iterable[str] | None = None) -> Any:
    """Coefficients of the declared regressions with 95% intervals, in standard errors of people's estimate.

    Parameters
    ----------
    runs : Run, path, or several
    regressions : iterable of str, optional
        Names; default: all.

    Returns
    -------
    matplotlib.figure.Figure
    """
    return _drawn(runs, lambda views: drawn.coefficients(views, regressions))


def use_strip(runs: Runs) -> Any:
    """What each model supports and may be used for, a tile for each verdict.

    Parameters
    ----------
    runs : Run, path, or several

    Returns
    -------
    matplotlib.figure.Figure
    """
    return _drawn(runs, drawn.use_strip)


def save(figure: Any, path: str | Path) -> Path:
    """Write a figure as .svg, .pdf or .png; the same figure is the same file, whenever it is written.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
    """
    return plot_style.save(figure, Path(path))


def _drawn(runs: Runs, draw: Callable[[list[RunView]], Any]) -> Any:
    given = [runs] if isinstance(runs, (Run, str, Path)) else list(runs)
    opened = [one if isinstance(one, Run) else Run(one) for one in given]
    if not opened:
        raise ConfigError("no run is given", hint="`surveyeval ls runs` lists them")
    with understood(opened[0].folder):
        return draw([RunView(one.manifest, one.estimates, one.tables) for one in opened])
