"""Variables of a simulated sample as statistics programs have them: names, labels, value labels, user-missing codes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import State

__all__ = ["STATES", "Variable", "distinct_names", "whole_codes"]

#: Why there is no answer: code, words, and Stata's letter. All are user-missing.
STATES: Mapping[State, tuple[int, str, str]] = {
    State.DONT_KNOW: (-91, "don't know", "a"),
    State.REFUSED: (-92, "refused", "b"),
    State.NOT_ASKED: (-93, "not asked", "c"),
    State.MISSING: (-94, "missing", "d"),
    State.INVALID: (-95, "invalid answer of the model", "e"),
    State.NOT_RUN: (-96, "not run", "f"),
}
#: Names that SPSS or Stata keep for themselves.
_KEPT = frozenset(
    ["all", "and", "by", "eq", "ge", "gt", "le", "lt", "ne", "not", "or", "to", "with", "_all", "_b", "byte", "_coef", "_cons",
     "double", "float", "if", "in", "int", "long", "_n", "_pi", "_pred", "_rc", "_skip", "strl", "using"]
)  # fmt: skip
_LONGEST = 32


@dataclass(frozen=True, eq=False)
class Variable:
    """One column.

    Parameters
    ----------
    name : str
        At most 32 letters, digits and ``_``: what SPSS, Stata and R all take.
    label : str
        What it is about.
    values : (n,) array
        Numbers, NaN where there is none, or text.
    codes : mapping of int to str
        Value labels, without those of `STATES`.
    states : (n,) int8 array, optional
        Of an item: `State` of each row; other variables have no user-missing codes.
    original : mapping of int to str
        Codes of the task file, where they are no whole numbers and others stand here.
    """

    name: str
    label: str
    values: NDArray[np.float64] | NDArray[np.object_]
    codes: Mapping[int, str] = field(default_factory=dict)
    states: NDArray[np.int8] | None = None
    original: Mapping[int, str] = field(default_factory=dict)

    @property
    def is_text(self) -> bool:
        """Whether the values are text."""
        return self.values.dtype == object


def distinct_names(names: Iterable[str], taken: Sequence[str] = ()) -> list[str]:
    """Names that every program takes, each once however it is spelled.

    Examples
    --------
    >>> distinct_names(["vote", "Vote", "weight", "if"], ["weight"])
    ['vote', 'Vote_2', 'weight_2', 'if_2']
    """
    used = {name.casefold() for name in taken} | _KEPT
    found = []
    for name in names:
        stem = re.sub(r"[^A-Za-z0-9_]", "_", name)[:_LONGEST]
        stem = stem if stem[:1].isalpha() else f"v_{stem}"[:_LONGEST]
        chosen, number = stem, 2
        while chosen.casefold() in used:
            ending = f"_{number}"
            chosen, number = f"{stem[: _LONGEST - len(ending)]}{ending}", number + 1
        used.add(chosen.casefold())
        found.append(chosen)
    return found


def whole_codes(codes: Sequence[str]) -> list[int]:
    """Numbers for codes: their own where all are whole numbers that mean no state, else 1, 2, ... in the order declared.

    Examples
    --------
    >>> whole_codes(["0", "1"]), whole_codes(["a", "1"]), whole_codes(["01", "1"])
    ([0, 1], [1, 2], [1, 2])
    """
    own = [int(code) for code in codes if re.fullmatch(r"-?(?:0|[1-9]\d{0,8})", code)]
    state = {number for number, _, _ in STATES.values()}
    if len(own) == len(codes) == len(set(own)) and not state & set(own):
        return own
    return list(range(1, len(codes) + 1))
