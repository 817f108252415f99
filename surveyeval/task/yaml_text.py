"""Texts as they are written into a task file: YAML that nobody could misread, and comments."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator

__all__ = ["REVIEW", "WIDTH", "comment", "quoted", "review", "scalar", "template_text"]

#: Comments of this kind mark what was guessed.
REVIEW = "# review:"
WIDTH = 112
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 ,'()/+.;_-]*")
#: Words that editors, not surveyeval, read as something else than text.
_WORDS = frozenset(["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"])


def scalar(text: str) -> str:
    """A text as YAML: bare where nobody could misread it."""
    if _PLAIN.fullmatch(text) and text.casefold() not in _WORDS and text == text.strip() and len(text) < 100:
        return text
    return quoted(text)


def quoted(text: str) -> str:
    """A text as YAML, in double quotes."""
    written = json.dumps(text, ensure_ascii=False)
    # JSON leaves control characters of the second set, and line separators, as they are; YAML forbids them
    return "".join(one if one.isprintable() or one == " " else f"\\U{ord(one):08x}" for one in written)


def template_text(text: str) -> str:
    """A text of the file where a template is read: its braces are no instructions."""
    return re.sub(r"\{(?=[{%#])", "{ ", " ".join(text.split()))


def comment(text: str, indent: int = 0) -> Iterator[str]:
    """Lines of a comment."""
    clean = "".join(one if one.isprintable() else " " for one in text)
    own = " " * (len(clean) - len(clean.lstrip()) + 2 if clean.startswith(" ") else 0)
    for line in textwrap.wrap(
        clean, WIDTH - indent - 2, break_long_words=False, break_on_hyphens=False, subsequent_indent=own
    ):
        yield f"{' ' * indent}# {line}"


def review(text: str, indent: int = 0) -> Iterator[str]:
    """Lines of a comment that asks a person to look at what was guessed."""
    first, *others = comment(f"review: {text}", indent)
    yield first
    for line in others:
        yield line.replace("# ", "#   ", 1)
