"""Cards as files: the HTML, and the Markdown beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from surveyeval.data.files import digest, write_atomically
from surveyeval.engine.readable import scored_now, understood
from surveyeval.engine.run import Run
from surveyeval.engine.score import check_same_people
from surveyeval.reporting.card import Card, render
from surveyeval.reporting.view import RunView

__all__ = ["write_card", "write_report"]


def write_card(path: Path, card: Card) -> None:
    """Write a card as HTML, and as Markdown beside it; the folder is there."""
    write_atomically(path.with_suffix(".html"), card.html)
    write_atomically(path.with_suffix(".md"), card.markdown)


def write_report(runs: Sequence[Run], output: str | Path | None = None, *, scored: bool = False) -> Path:
    """Render the card of every run, and of several one that shows them side by side.

    Parameters
    ----------
    runs : sequence of Run
        At least one.
    output : path, optional
        File of the card; default: ``report.html`` in the run directory, and for several runs in a directory of their own
        beside them.
    scored : bool
        Whether they were scored a moment ago: if a card cannot be drawn, it is not that their files are damaged.

    Returns
    -------
    Path
        The HTML file.

    Raises
    ------
    RunError
        When a run is damaged, its card cannot be drawn, or the runs cannot stand side by side.
    """
    drawing = scored_now if scored else understood
    with understood(runs[0].folder):
        check_same_people(runs)
    for one in runs:
        with drawing(one.folder):
            write_card(one.card, render([RunView.of(one)]))
    target = Path(output) if output is not None else _card_path(runs)
    if target != runs[0].card:
        with drawing(runs[0].folder):
            card = render([RunView.of(one) for one in runs])
        target.parent.mkdir(parents=True, exist_ok=True)
        write_card(target, card)
    return target


def _card_path(runs: Sequence[Run]) -> Path:
    if len(runs) == 1:
        return runs[0].card
    key = digest(sorted(one.id for one in runs))[:8]
    return runs[0].folder.parent / "cards" / f"{runs[0].task}-{len(runs)}-models-{key}.html"
