"""The content of a leaderboard as plain data: JSON, CSV that no spreadsheet reads as formulas, and Markdown."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from typing import Any

from surveyeval import __version__
from surveyeval.board.content import KINDS, MISSING_ROW, BoardContent, Measure, RowContent
from surveyeval.reporting.escaping import markdown_text, printable
from surveyeval.reporting.lines import Value
from surveyeval.reporting.numbers import difference_with_interval, with_interval

__all__ = ["as_csv", "as_json", "as_markdown", "safe_cell"]


def as_json(contents: Sequence[BoardContent], notes: Sequence[str], apart: Sequence[tuple[str, list[str]]]) -> str:
    """All boards with their rows and differences."""
    boards = [
        {
            **_head(content),
            "unranked": content.board.unranked or None,
            "differences": _differences_said(content),
            "models": [_model(content, position) for position in range(len(content.names))],
            "axes": {
                one.axis.key: [
                    {**_measure(measure), "rows": [_row(row) for row in measure.rows]} for measure in one.measures
                ]
                for one in content.axes
            },
            "beaten_on_every_axis": {
                content.names[one.model]: [content.names[other] for other in one.by] for one in content.beaten if one.by
            },
        }
        for content in contents
    ]
    content = {
        "format": 1,
        "made_by": f"surveyeval {__version__}",
        "boards": boards,
        "why_apart": dict(apart),
        "notes": list(notes),
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(contents: Sequence[BoardContent]) -> str:
    """A row for each board, measure and row; text that a spreadsheet would read as a formula begins with an apostrophe."""
    rows = [
        {**_head(content), "ranked": not content.board.unranked, **_measure(measure), **_flat(_row(row))}
        for content, measure, row in _every(contents)
    ]
    stream = StringIO()
    if rows:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: safe_cell(value) for name, value in row.items()} for row in rows)
    return stream.getvalue()


def safe_cell(value: Any) -> Any:
    """A cell of a CSV file: text that begins like a formula gets an apostrophe before it; numbers stay numbers.

    Examples
    --------
    >>> safe_cell("=1+1"), safe_cell(-1.5), safe_cell("a=b")
    ("'=1+1", -1.5, 'a=b')
    """
    if not isinstance(value, str):
        return value
    text = " ".join(str(printable(value)).split())
    first = text.lstrip("'\" \u00a0\ufeff")[:1]
    return (
        f"'{text}"
        if first in ("=", "+", "-", "@", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20") and first
        else text
    )


def as_markdown(contents: Sequence[BoardContent], notes: Sequence[str], apart: Sequence[tuple[str, list[str]]]) -> str:
    """All boards as tables."""
    parts = ["# Leaderboards of simulated respondents", "There is no overall score: the axes measure different things."]
    for content in contents:
        head = _head(content)
        parts.append(f"## {markdown_text(head['title'])}")
        asked = head["elicitation"] or "no language model is among them"
        parts.append(
            markdown_text(
                f"Task {head['task']}, version {head['version']}, profile set {head['profile_set']}, {head['people']} test people, "
                f"asked by: {asked}. Board {head['board']}."
            )
        )
        if content.board.unranked:
            parts.append(f"**Not ranked.** {markdown_text(content.board.unranked)}")
        near = [
            f"{name} is {entry.nearer}"
            for name, entry in zip(content.names, content.entries, strict=True)
            if entry.nearer
        ]
        parts += [f"**{markdown_text(one)}**" for one in near]
        said = _differences_said(content)
        if said:
            parts.append(markdown_text(said))
        for one in content.axes:
            parts.append(f"### {markdown_text(one.axis.title)}")
            for measure in one.measures:
                parts.append(f"#### {markdown_text(measure.label)}")
                parts.append("\n".join(_markdown_rows(measure)))
    if apart:
        parts.append("## Why boards of one task are apart")
        parts += [f"- {markdown_text(task)}: {markdown_text('; '.join(reasons))}" for task, reasons in apart]
    if notes:
        parts.append("## Left out")
        parts.append("\n".join(f"- {markdown_text(note)}" for note in notes))
    return "\n\n".join(parts) + "\n"


def _markdown_rows(measure: Measure) -> Iterator[str]:
    unit = measure.line.quantity.unit
    yield "| row | kind | place | value | beyond people | recovered |"
    yield "|---|---|---|---|---|---|"
    for row in measure.rows:
        cells = (
            row.name, KINDS[row.kind], str(row.places or ""), _said(row.value, unit),
            _said(row.excess, "ratio" if unit == "count" else unit, difference_with_interval), _said(row.recovered, "percent"),
        )  # fmt: skip
        yield f"| {' | '.join(markdown_text(cell) for cell in cells)} |"


def _said(value: Value, unit: str, printed: Callable[..., str] = with_interval) -> str:
    if value.status == MISSING_ROW:
        return value.reason
    if not value.ok:
        return value.status.replace("_", " ") if value.status not in ("ok", "not_applicable") else ""
    return printed(value.value, value.low, value.high, unit)


def _every(contents: Sequence[BoardContent]) -> Iterator[tuple[BoardContent, Measure, RowContent]]:
    for content in contents:
        for one in content.axes:
            for measure in one.measures:
                for row in measure.rows:
                    yield content, measure, row


def _head(content: BoardContent) -> dict[str, Any]:
    board, manifest = content.board, content.board.manifest
    task = manifest["task"]
    return {
        "board": board.key, "task": task["name"], "version": task["version"], "title": task["title"],
        "profile_set": task["profile_set"], "elicitation": board.elicitation, "people": manifest["split"]["test"],
        "limited": board.limited,
    }  # fmt: skip


def _differences_said(content: BoardContent) -> str:
    if len(content.ranked) < 2:
        return ""
    if content.paired:
        return "Differences between models are paired, on the same people, adjusted for all pairs and headlines of a measure."
    return f"Differences between models follow from their intervals, which sees fewer of them, since {content.why_not}."


def _model(content: BoardContent, position: int) -> dict[str, Any]:
    entry = content.entries[position]
    return {
        "name": content.names[position], "kind": KINDS[entry.kind], "string": entry.manifest["model"]["string"],
        "fingerprint": entry.manifest["model"]["fingerprint"]["kind"], "run": entry.id, "from": entry.origin,
        "card": card_path(entry.id), "ranked": position in content.ranked, "banners": list(entry.manifest["model"]["banners"]),
        "nearer_than_people": bool(entry.nearer),
    }  # fmt: skip


def card_path(run_id: str) -> str:
    """Where a card stands on the site."""
    return f"cards/{run_id[:16]}.html"


def _measure(measure: Measure) -> dict[str, Any]:
    line = measure.line
    keys = (
        "axis",
        "metric",
        "name",
        "item",
        "group",
        "arm",
        "regression",
        "term",
        "rule",
        "block",
        "direction",
        "floor",
    )
    return {"measure": measure.label, **{key: getattr(line, key) for key in keys}}


def _row(row: RowContent) -> dict[str, Any]:
    values = ("value", "excess", "recovered", "gain_over_cell", "gain_over_floor")
    return {
        "row": row.name,
        "kind": KINDS[row.kind],
        "best_place": row.places.best if row.places else None,
        "worst_place": row.places.worst if row.places else None,
        **{name: _plain(getattr(row, name)) for name in values},
        "better_than": row.against("better"),
        "worse_than": row.against("worse"),
        "not_told_apart": row.against("not told apart"),
    }


def _plain(value: Value) -> dict[str, Any]:
    return {
        "value": value.value if value.ok else None, "low": value.low if value.ok else None, "high": value.high if value.ok else None,
        "status": value.status, "reason": value.reason, "interval": value.method,
    }  # fmt: skip


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            ends = ("value", "low", "high", "status", "reason", "interval")
            flat |= {f"{name}_{end}" if end != "value" else name: value[end] for end in ends}
        else:
            flat[name] = "; ".join(value) if isinstance(value, list) else value
    return flat
