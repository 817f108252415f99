"""Text from data and models, made harmless before it reaches HTML, SVG or Markdown."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup

__all__ = ["fenced", "markdown_text", "printable"]

_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
#: What would begin a list or a rule at the start of a line.
_LIST = re.compile(r"^(\d*)([-+=.)])(?=[\s=-]|$)")
_MARKDOWN = re.compile(r"([\\`*_\[\]|~#])")


def printable(value: Any) -> Any:
    """Text without what nobody can see: terminal escapes, control characters, marks that turn the direction of text
    around, and code points that no file or SVG may hold; everything else as it is.
    """
    if isinstance(value, str) and not isinstance(value, Markup):
        return _CONTROL.sub("", value)
    return value


def markdown_text(text: str) -> Markup:
    """Text for one line of Markdown or a cell of a table: nothing in it is read as Markdown or HTML."""
    line = " ".join(printable(str(text)).split())
    escaped = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = _MARKDOWN.sub(r"\\\1", escaped)
    return Markup(_LIST.sub(r"\1\\\2", escaped))  # noqa: S704 - escaped above


def fenced(text: str) -> Markup:
    """Text as an indented code block, which no content can end."""
    lines = printable(text).splitlines() or [""]
    return Markup("\n".join(f"    {line}" for line in lines))  # noqa: S704 - inside a code block nothing is read
