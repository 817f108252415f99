"""Docstrings of metrics, taken apart: what a metric is, and the sections that its page and `surveyeval show` print.

A metric documents itself where its code is, in numpydoc's form: a summary line, paragraphs with the definition, and
sections with an underlined heading. Sections of other names, such as Notes or Examples, are kept as they are.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

__all__ = ["SECTIONS", "Documentation", "documentation", "parse"]

#: Sections that the page of a metric has, in this order.
SECTIONS = (
    "Range",
    "Direction and target",
    "Assumptions",
    "When it misleads",
    "Interval and estimand",
    "References",
)

_UNDERLINE = re.compile(r"-{3,}\s*")
#: Lines that are not run together with others: indented ones, lists and examples.
_KEPT = re.compile(r"\s|[-*] |>>>|\d+\. ")


@dataclass(frozen=True)
class Documentation:
    """A docstring in parts.

    Parameters
    ----------
    summary : str
        The first paragraph, on one line.
    definition : tuple of str
        Paragraphs between the summary and the first section.
    sections : mapping of str to tuple of str
        Paragraphs by heading, in the order of the docstring. A paragraph is one line, unless it holds a list or an
        example.
    """

    summary: str
    definition: tuple[str, ...]
    sections: Mapping[str, tuple[str, ...]]

    @property
    def missing(self) -> tuple[str, ...]:
        """Parts of a metric's page that are not there or empty."""
        lacking = [] if self.summary else ["summary"]
        lacking += [] if self.definition else ["definition"]
        return (*lacking, *(name for name in SECTIONS if not self.sections.get(name)))


def parse(docstring: str) -> Documentation:
    r"""Take a docstring apart.

    Parameters
    ----------
    docstring : str
        With or without the indent that it has in code.

    Returns
    -------
    Documentation
        A heading that stands twice has the paragraphs of both.

    Examples
    --------
    >>> found = parse("Share of hits.\n\n``hits / n``\n\nRange\n-----\n0 to\n1.")
    >>> found.definition, found.sections
    (('``hits / n``',), {'Range': ('0 to 1.',)})
    """
    lines = inspect.cleandoc(docstring).splitlines()
    heads = [
        number
        for number, (line, below) in enumerate(pairwise(lines))
        if line.strip() and not line.startswith(" ") and _UNDERLINE.fullmatch(below)
    ]
    front = _paragraphs(lines[: heads[0]] if heads else lines)
    sections: dict[str, tuple[str, ...]] = {}
    for start, end in pairwise([*heads, len(lines)]):
        name = lines[start].strip()
        sections[name] = (*sections.get(name, ()), *_paragraphs(lines[start + 2 : end]))
    return Documentation(" ".join(front[0].split()) if front else "", tuple(front[1:]), sections)


def documentation(metric: Any) -> Documentation:
    """Take the docstring of a metric's class apart; an inherited one is not its own."""
    own = metric if isinstance(metric, type) else type(metric)
    return parse(own.__doc__ or "")


def _paragraphs(lines: Sequence[str]) -> list[str]:
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            blocks[-1].append(line.rstrip())
        elif blocks[-1]:
            blocks.append([])
    return [
        ("\n" if any(map(_KEPT.match, block)) else " ").join(
            block if any(map(_KEPT.match, block)) else map(str.strip, block)
        )
        for block in blocks
        if block
    ]
