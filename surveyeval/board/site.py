"""The static site of a leaderboard: pages that need no server, no script and no other host."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from surveyeval import __version__
from surveyeval.board.agreement import agreed
from surveyeval.board.boards import boards, why_apart
from surveyeval.board.content import KINDS, MISSING_ROW, board_content
from surveyeval.board.entries import Entry
from surveyeval.board.records import as_csv, as_json, as_markdown, card_path
from surveyeval.data.files import write_atomically
from surveyeval.metric.protocol import Metric
from surveyeval.progress import Progress
from surveyeval.reporting import figures
from surveyeval.reporting.card import render
from surveyeval.reporting.escaping import printable
from surveyeval.reporting.lines import Value
from surveyeval.reporting.numbers import MISSING, difference, interval, number, percent
from surveyeval.reporting.verdicts import direction

__all__ = ["Site", "make_site"]

_CARD_KEYS = ("card_html", "card_markdown")


@dataclass(frozen=True)
class Site:
    """What was written.

    Parameters
    ----------
    index : Path
        The page to begin with.
    boards : int
        Boards with a ranking.
    unranked : int
        Boards without one.
    notes : tuple of str
        What was left out, and why.
    """

    index: Path
    boards: int
    unranked: int
    notes: tuple[str, ...]


def make_site(
    entries: Sequence[Entry],
    output: Path | str,
    metrics: Sequence[Metric],
    *,
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> Site:
    """Write the site.

    Parameters
    ----------
    entries : sequence of Entry
    output : path
        Folder; what a former site wrote there is overwritten, nothing else is touched.
    metrics : sequence of Metric
        For paired differences.
    notes : sequence of str
        What was left out so far.
    progress : Progress, optional

    Returns
    -------
    Site
    """
    folder = Path(output)
    told = list(notes)
    found = []
    for board in boards(entries):
        alike, left_out = agreed(board)
        found.append(alike)
        told += left_out
    contents = [board_content(board, metrics, progress) for board in found]
    (folder / "cards").mkdir(parents=True, exist_ok=True)
    for entry in {entry.id: entry for board in found for entry in board.entries}.values():
        html, markdown = _card(entry)
        target = folder / card_path(entry.id)
        write_atomically(target, html)
        write_atomically(target.with_suffix(".md"), markdown)
    apart = why_apart(found)
    for content in contents:
        write_atomically(folder / f"{content.board.slug}.html", _page("board", content=content))
    write_atomically(folder / "index.html", _page("index", contents=contents, notes=told, apart=apart))
    write_atomically(folder / "leaderboard.json", as_json(contents, told, apart))
    write_atomically(folder / "leaderboard.csv", as_csv(contents))
    write_atomically(folder / "leaderboard.md", as_markdown(contents, told, apart))
    unranked = sum(bool(board.unranked) for board in found)
    return Site(folder / "index.html", len(found) - unranked, unranked, tuple(told))


def _card(entry: Entry) -> tuple[str, str]:
    """A card made here: what came with a submission is a stranger's page."""
    if entry.run is not None:
        html, markdown = (str(entry.submission.parts[key]) for key in _CARD_KEYS)
        return html, markdown
    card = render([entry.view])
    return card.html, card.markdown


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("surveyeval.board"), PackageLoader("surveyeval.reporting")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.finalize = printable
    environment.globals |= {
        "version": __version__, "kinds": KINDS, "card_path": card_path, "colours": figures.COLOURS, "mark": figures.model_key,
        "said": said, "sub": sub, "direction": direction, "sort_key": sort_key, "percent": percent, "missing": MISSING,
        "number": number, "interval": interval, "beyond": beyond, "recovered": recovered,
    }  # fmt: skip
    return environment


def _page(name: str, **content: Any) -> str:
    """A page. Its script and style are allowed by their hashes alone, so that nothing in a name could ever run."""
    environment = _environment()
    style = environment.get_template("_style.css.j2").render() + environment.get_template("_board.css.j2").render()
    script = environment.get_template("_board.js.j2").render() if name == "board" else ""
    policy = f"default-src 'none'; style-src '{_hash(style)}'; base-uri 'none'; form-action 'none'"
    policy += f"; script-src '{_hash(script)}'" if script else ""
    marked = {"style": Markup(style), "script": Markup(script)}  # noqa: S704 - our own files
    return environment.get_template(f"{name}.html.j2").render(policy=policy, **marked, **content)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def said(value: Value, unit: str) -> str:
    """A number, or why there is none."""
    if value.ok:
        return number(value.value, unit)
    if value.status == MISSING_ROW:
        return value.reason
    return "" if value.status in ("ok", "not_applicable") else value.status.replace("_", " ")


def sub(value: Value, unit: str) -> str:
    """The interval of a value, and what it is where it is none."""
    bounds = interval(value.low, value.high, unit) if value.ok else ""
    return f"{bounds}, band" if bounds and value.method.startswith("band") else bounds


def beyond(value: Value, unit: str) -> tuple[str, str]:
    """A difference of losses and its interval; losses of counts are logarithms of ratios."""
    unit = "ratio" if unit == "count" else unit
    if not value.ok:
        return said(value, unit), ""
    return difference(value.value, unit), interval(value.low, value.high, unit).removesuffix("%")


def recovered(value: Value) -> tuple[str, str]:
    """The share of the way from the floor to people, and its interval."""
    if not value.ok:
        return said(value, "percent"), ""
    return percent(value.value), interval(value.low, value.high, "percent")


def sort_key(value: Value) -> str:
    """What a column is sorted by; empty sorts last."""
    return repr(float(value.value)) if value.ok and value.value is not None else ""
