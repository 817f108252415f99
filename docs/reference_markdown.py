"""Pieces of generated Markdown: the mark of a generated page, tables, and docstrings as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["cell", "code", "docstring", "made", "summary", "table"]


def made(title: str, *parts: str) -> str:
    """A page with its mark, title and parts."""
    mark = "<!-- Written by docs/reference_pages.py from code; change that and run it again. -->"
    return "\n\n".join([mark, f"# {title}", *(part.strip("\n") for part in parts if part)]) + "\n"


def cell(text: str) -> str:
    """Text that stays in one cell of a table, and is not read as HTML."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def code(text: str) -> str:
    """Text as code in a cell of a table."""
    return f"`{' '.join(text.split()).replace('|', chr(92) + '|')}`" if text else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; columns that are empty throughout are left out."""
    found = [list(row) for row in rows]
    if not found:
        return ""
    kept = [number for number in range(len(heads)) if any(row[number] for row in found)]
    lines = [heads, ["---"] * len(heads), *found]
    return "\n".join(f"| {' | '.join(line[number] for number in kept)} |" for line in lines)


def docstring(thing: Any) -> str:
    """The docstring of a thing as Markdown: double backticks are code, headings of numpydoc are bold lines."""
    text = inspect.getdoc(thing) or ""
    text = re.sub(r"``([^`]*)``", r"`\1`", text)
    return re.sub(r"^(\w[\w ]*)\n-{3,}$", r"**\1**\n", text, flags=re.MULTILINE)


def summary(thing: Any) -> str:
    """The first paragraph of the docstring."""
    return " ".join(docstring(thing).split("\n\n")[0].split())
