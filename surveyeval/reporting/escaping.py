"""Text from data and models, made harmless before it reaches HTML, SVG or Markdown."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup

__all__ = ["fenced", "markdown_text", "printable", "prose"]

_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
#: What would begin a list or a rule at the start of a line.
_LIST = re.compile(r"^(\d*)([-+=.)])(?=[\s=-]|$)")
#: Spaces that no line may end at: within an interval, and before a unit.
_TOGETHER = re.compile(r"(?<=[\d%]) (to) (?=[−+]?\d)|(?<=\d) (?=(?:pp|bits)\b)|(?<=^[<>≤≥]) (?=\d)")
_APOSTROPHE = re.compile(r"(?<=[^\W\d_])'(?=[^\W\d_])")
_MARKDOWN = re.compile(r"([\\`*_\[\]|~#])")


def printable(value: Any) -> Any:
    """Text without what nobody can see: terminal escapes, control characters, marks that turn the direction of text
    around, and code points that no file or SVG may hold; everything else as it is.
    """
    if isinstance(value, str) and not isinstance(value, Markup):
        return _CONTROL.sub("", value)
    return value


def prose(text: str) -> str:
    r"""Words of a card as they are set: intervals and units are not broken across lines, and apostrophes are curved.

    Examples
    --------
    >>> prose("people's share, 3.1 pp (2.1 to 4.0)")
    'people’s share, 3.1\xa0pp (2.1\xa0to\xa04.0)'
    """
    kept = _TOGETHER.sub(lambda found: f"\xa0{found[1]}\xa0" if found[1] else "\xa0", text)
    return _APOSTROPHE.sub("’", kept)


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
