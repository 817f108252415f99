"""What a model wrote, freed of what carries no answer: reasoning, markup, typographic variants."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["lines_of", "plain", "without_reasoning"]

_THINKING = re.compile(r"<(/?)(?:think|thinking|thought|reasoning|scratchpad)>", re.IGNORECASE)
_SAME = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("*`", ""),
    }
)
_LINE_START = re.compile(r"^(?:[#>\s]|__)+")
_PERCENT = re.compile(r"(?<=\d) ?(?:%|per cent\b)", re.IGNORECASE)


def without_reasoning(text: str) -> str | None:
    """The text without passages between ``<think>`` and ``</think>`` (or tags of like names).

    Returns
    -------
    str or None
        None when a passage was begun and not ended, so that what follows may be no answer. A closing tag alone ends a
        passage that began before the text, as with templates that open it themselves.
    """
    kept, depth, place = "", 0, 0
    for tag in _THINKING.finditer(text):
        closing = bool(tag[1])
        if depth == 0:
            kept = "" if closing else kept + text[place : tag.start()]
        depth = max(depth - 1, 0) if closing else depth + 1
        place = tag.end()
    return None if depth else kept + text[place:]


def plain(text: str) -> str:
    """One spelling for what looks alike: full-width letters, quotes, dashes, blanks; without Markdown's marks.

    Blanks stand singly and never at the ends of lines; ``%`` after a number becomes ``percent``.

    Examples
    --------
    >>> plain("## **Ｂ**)  “very  good” – 10%")
    'B) "very good" - 10 percent'
    """
    same = unicodedata.normalize("NFKC", text.translate(_SAME)).translate(_SAME)
    readable = "".join(
        one if one.isprintable() else "\n" if one in "\n\r\v\f\u2028\u2029\x85" else " " if one == "\t" else ""
        for one in same
    )
    lines = (_LINE_START.sub("", " ".join(line.split())).removesuffix("__") for line in readable.split("\n"))
    return _PERCENT.sub(" percent", "\n".join(lines)).strip()


def lines_of(text: str) -> list[str]:
    """Lines of a plain text that hold something."""
    return [line for line in text.split("\n") if line]
