"""Cells of CSV files that a person may open in a spreadsheet."""

from __future__ import annotations

import re

__all__ = ["escaped"]

#: What a spreadsheet takes for the beginning of a formula; full-width signs are turned into the others when a file is opened.
_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
#: The same in the middle of a text, where a spreadsheet set to another separator begins a cell.
_AFTER_SEPARATOR = re.compile(r"([;\t|][\"' ]*)(?=[=+@\uff1d\uff0b\uff20]|[-\uff0d](?![\d.]))")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def escaped(value: object) -> object:
    """A cell that no spreadsheet takes for a formula, and no terminal for a command; numbers, as text too, stay as they are.

    A code such as ``-91`` is a number. A text that begins like a formula and is none gets a ``'`` in front: where exact texts
    matter, parquet keeps them.

    Examples
    --------
    >>> escaped("=1+1"), escaped("-91"), escaped("Yes"), escaped(-91), escaped("a;=1+1")
    ("'=1+1", '-91', 'Yes', -91, "a;'=1+1")
    """
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    text = _CONTROL.sub("", value)
    text = _AFTER_SEPARATOR.sub(r"\1'", text)
    begins = _FORMULA.match(text.lstrip("'\" \u00a0\ufeff")) or _FORMULA.match(value)
    return f"'{text}" if begins else text
