"""How a task looks in a notebook: a small table, every text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surveyeval.task.task import Task

__all__ = ["table_html", "task_html"]

_SHOWN = 12


def table_html(caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of plain texts."""
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def task_html(task: Task) -> str:
    """A task: its items with their options."""
    rows = [(item.name, item.role, item.kind, item.question, " / ".join(item.labels)) for item in task.items[:_SHOWN]]
    more = f"<p>and {len(task.items) - _SHOWN} more items</p>" if len(task.items) > _SHOWN else ""
    source = task.spec.source
    about = f"{source.use}, {source.provenance}; profile: {', '.join(task.profile) or 'none'}"
    about += f"; {len(task.arms)} arms" if task.is_experiment else ""
    caption = f"{task.name} {task.version}: {task.title}"
    return table_html(caption, ("item", "role", "kind", "question", "options"), rows) + more + f"<p>{escape(about)}</p>"
