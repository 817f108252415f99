"""Regression formulas: a small grammar of our own.

    response ~ term + term + ...      a term is a name, C(name), C(name, ref="code"), a:b (interaction), a*b (a + b + a:b)

Codes enter as one 0/1 column for each level but the reference (treatment coding; the first level unless given). In R and
patsy the columns of ``a:b`` depend on which other terms there are. Here they never do, so a formula for which that would
make a difference is refused: an interaction of codes needs what it interacts with as a term of its own.

Formula libraries of Python evaluate Python, so they never see a task's formula.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surveyeval.errors import did_you_mean
from surveyeval.task.columns import Column, ColumnType

__all__ = ["Design", "Formula", "FormulaError", "outcomes", "parse"]

MAX_LENGTH, MAX_TERMS, MAX_COLUMNS = 2_000, 200, 1_000
_NAME = r"[A-Za-z][A-Za-z0-9_]*"
_QUOTED = r"\"[^\"]*\"|'[^']*'"
_FACTOR = re.compile(rf"\s*(?:C\(\s*(?P<c>{_NAME})\s*(?:,\s*ref\s*=\s*(?P<ref>{_QUOTED})\s*)?\)|(?P<name>{_NAME}))\s*")


class FormulaError(ValueError):
    """A formula cannot be read. ``hint`` says what would be right."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class _Factor:
    name: str
    categorical: bool
    reference: str | None


@dataclass(frozen=True, eq=False)
class Design:
    """Arrays of one regression.

    Parameters
    ----------
    X : (n, p) float array
        Intercept first.
    y : (n,) float array
        Response; 0 and 1 for two values, positions in `outcomes` for several.
    valid : (n,) bool array
        Rows on which response and all terms are known; other rows hold zeros.
    terms : tuple of str
        Names of the columns after the intercept.
    blocks : tuple of str
        Block of each term.
    outcomes : tuple of str
        Codes of the response of an ordered or multinomial logit, the lowest or the reference first; else none.
    values : tuple of float
        Numbers of the outcomes of an ordered logit.
    """

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    valid: NDArray[np.bool_]
    terms: tuple[str, ...]
    blocks: tuple[str, ...]
    outcomes: tuple[str, ...] = ()
    values: tuple[float, ...] = ()

    @property
    def coefficients(self) -> tuple[tuple[str, str], ...]:
        """Name and block of every coefficient but intercepts and cuts.

        Those of a multinomial logit are named by term and outcome, ``age[yes]``: all of the first outcome after the
        reference, then all of the second.
        """
        if not self.outcomes or self.values:
            return tuple(zip(self.terms, self.blocks, strict=True))
        return self._of_each(self.outcomes[1:])

    @property
    def effects(self) -> tuple[tuple[str, str], ...]:
        """Name and block of every average marginal effect: as `coefficients`, but on each outcome of a multinomial logit."""
        return self.coefficients if not self.outcomes or self.values else self._of_each(self.outcomes)

    def _of_each(self, outcomes: Sequence[str]) -> tuple[tuple[str, str], ...]:
        pairs = tuple(zip(self.terms, self.blocks, strict=True))
        return tuple((f"{term}[{outcome}]", block) for outcome in outcomes for term, block in pairs)


@dataclass(frozen=True, eq=False)
class Formula:
    """A parsed formula. ``written`` are the terms as one writes them (``ethnicity``, ``a:b``)."""

    text: str
    response: str
    response_type: ColumnType
    written: tuple[str, ...]
    terms: tuple[str, ...]
    written_of_term: tuple[str, ...]
    _factors: tuple[tuple[_Factor, ...], ...]
    _types: Mapping[str, ColumnType]

    @property
    def names(self) -> frozenset[str]:
        """Columns on the right-hand side."""
        return frozenset(factor.name for term in self._factors for factor in term)

    def design(
        self,
        column: Callable[[str], Column],
        n: int,
        event: str | None,
        blocks: Mapping[str, str],
        outcomes: Sequence[str] = (),
        *,
        ordered: bool = False,
    ) -> Design:
        """Design matrix from columns.

        Parameters
        ----------
        column : callable
            Gives the column of a name.
        n : int
            Number of rows.
        event : str or None
            Response code counted as 1.
        blocks : mapping
            Written terms to blocks.
        outcomes : sequence of str
            Codes of the response, for a response that is a position among them.
        ordered : bool
            Whether the outcomes have numbers.
        """
        valid = np.ones(n, dtype=bool)
        coded: dict[_Factor, NDArray[np.float64]] = {}
        for factor in {factor for term in self._factors for factor in term}:
            values, known = _code(column(factor.name), factor)
            coded[factor] = values
            valid &= known
        parts = [np.ones((n, 1))]
        for term in self._factors:
            block = coded[term[0]]
            for factor in term[1:]:
                other = coded[factor]
                block = (block[:, :, None] * other[:, None, :]).reshape(n, block.shape[1] * other.shape[1])
            parts.append(block)
        response = column(self.response)
        y, known = _position(response, outcomes) if outcomes else self._response(response, event)
        valid &= known
        X = np.hstack(parts)
        X[~valid] = 0.0
        return Design(
            X,
            np.where(valid, y, 0.0),
            valid,
            self.terms,
            tuple(blocks[name] for name in self.written_of_term),
            tuple(outcomes),
            tuple(_level_values(response.type)[code] for code in outcomes) if ordered else (),
        )

    def _response(self, response: Column, event: str | None) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        if response.type.kind == "code":
            chosen = event if event is not None else response.type.levels[-1][0]
            return (response.values == chosen).astype(float), response.valid
        if event is not None and response.type.levels:
            codes = [code for code, _ in response.type.levels]
            value = response.type.values[codes.index(event)]
            return (response.values == value).astype(float), response.valid
        return response.values.astype(float), response.valid


def outcomes(response: ColumnType, family: str, reference: str | None) -> tuple[str, ...]:
    """Codes of a response in the order of its logit: by their numbers if ordered, the reference first if multinomial.

    Empty for other families.
    """
    codes = [code for code, _ in response.levels]
    if family == "ordered":
        numbers = _level_values(response)
        return tuple(sorted(codes, key=numbers.__getitem__))
    if family == "multinomial":
        first = codes[0] if reference is None else reference
        return (first, *(code for code in codes if code != first))
    return ()


def _level_values(kind: ColumnType) -> dict[str, float]:
    return {code: value for (code, _), value in zip(kind.levels, kind.values, strict=True)}


def _position(response: Column, outcomes: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Position of each row's response among the outcomes."""
    numbers = _level_values(response.type) if response.type.values else {}
    y = np.full(len(response), -1.0)
    for place, code in enumerate(outcomes):
        y[np.asarray(response.values == numbers.get(code, code))] = place
    return y, response.valid & (y >= 0)


def parse(text: str, types: Mapping[str, ColumnType]) -> Formula:
    """Parse a formula against the columns of a task.

    Raises
    ------
    FormulaError
    """
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"has {len(text)} characters, at most {MAX_LENGTH} are read")
    sides = _split(text, "~")
    if len(sides) != 2:
        raise FormulaError("is not written `response ~ term + term`")
    response, right = sides[0].strip(), sides[1]
    if not re.fullmatch(_NAME, response):
        raise FormulaError(f"response {response!r} is no name", "derive a column for it")
    _known(response, types)
    found: dict[frozenset[_Factor], tuple[_Factor, ...]] = {}
    for written in _split(right, "+"):
        for term in _expand(written, types):
            found.setdefault(frozenset(term), term)
        if len(found) > MAX_TERMS:
            raise FormulaError(f"has more than {MAX_TERMS} terms")
    terms = list(found.values())
    if any(factor.name == response for term in terms for factor in term):
        raise FormulaError(f"{response!r} is response and predictor")
    _consistent(terms, types)
    names, owners = [], []
    for term in terms:
        written = ":".join(factor.name for factor in term)
        for combination in itertools.product(*(_levels(factor, types[factor.name]) for factor in term)):
            names.append(":".join(combination))
            owners.append(written)
    written_terms = tuple(":".join(factor.name for factor in term) for term in terms)
    return Formula(text, response, types[response], written_terms, tuple(names), tuple(owners), tuple(terms), types)


def _known(name: str, types: Mapping[str, ColumnType]) -> None:
    if name not in types:
        raise FormulaError(f"there is no column {name!r}", did_you_mean(name, types) or f"columns: {', '.join(types)}")


def _split(text: str, operator: str) -> list[str]:
    """Parts between operators outside of quotes: a code such as "60+" may hold one."""
    parts = [""]
    for piece in re.findall(rf"{_QUOTED}|.", text, re.DOTALL):
        if piece == operator:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _consistent(terms: list[tuple[_Factor, ...]], types: Mapping[str, ColumnType]) -> None:
    """Refuse what would be read in two ways, or make a design without end."""
    factors: dict[str, _Factor] = {}
    for factor in (factor for term in terms for factor in term):
        if factors.setdefault(factor.name, factor) != factor:
            raise FormulaError(f"{factor.name!r} is used in two ways", "write it alike in every term")
    sets = {frozenset(factor.name for factor in term) for term in terms}
    columns = 0
    for term in terms:
        columns += math.prod(len(_levels(factor, types[factor.name])) for factor in term)
        for factor in term:
            rest = [other.name for other in term if other != factor]
            if rest and (factor.categorical or types[factor.name].kind == "boolean") and frozenset(rest) not in sets:
                written, other = ":".join(one.name for one in term), ":".join(rest)
                raise FormulaError(f"{written!r} needs the term {other!r} too", "write a*b, or add that term")
    if columns > MAX_COLUMNS:
        raise FormulaError(f"makes {columns:,} columns, at most {MAX_COLUMNS:,} are estimated", "band the codes")


def _expand(written: str, types: Mapping[str, ColumnType]) -> list[tuple[_Factor, ...]]:
    """``a*b*c`` to all main effects and interactions, ``a:b`` to one."""
    parts = _split(written, "*")
    if len(parts) > 6:
        raise FormulaError("crosses more than six terms")
    crossed = [_interaction(part, types) for part in parts]
    expanded = []
    for size in range(1, len(crossed) + 1):
        for chosen in itertools.combinations(crossed, size):
            expanded.append(tuple(dict.fromkeys(factor for term in chosen for factor in term)))
    return expanded


def _interaction(written: str, types: Mapping[str, ColumnType]) -> tuple[_Factor, ...]:
    factors = []
    for part in _split(written, ":"):
        match = _FACTOR.fullmatch(part)
        if match is None:
            raise FormulaError(
                f"{part.strip()!r} is no term", 'terms are names, C(name), C(name, ref="code"), a:b and a*b'
            )
        name = match["name"] or match["c"]
        _known(name, types)
        kind, levels = types[name].kind, [code for code, _ in types[name].levels]
        categorical = kind == "code" or match["c"] is not None
        if categorical and not levels:
            raise FormulaError(f"{name!r} has no declared levels", "C() needs a column with codes")
        if categorical and len(levels) == 1:
            raise FormulaError(f"{name!r} has one level only, {levels[0]!r}", "leave it out, or give it another level")
        reference = None if match["ref"] is None else match["ref"][1:-1]
        if reference is not None and reference not in levels:
            right = did_you_mean(reference, levels) or f"codes: {', '.join(levels)}"
            raise FormulaError(f"{reference!r} is not a code of {name!r}", right)
        factors.append(_Factor(name, categorical, reference))
    if len({factor.name for factor in factors}) < len(factors):
        raise FormulaError(f"{written.strip()!r} interacts a column with itself")
    return tuple(factors)


def _others(factor: _Factor, kind: ColumnType) -> list[tuple[str, float | str]]:
    """Codes that get a dummy, with the value to look for."""
    codes = [code for code, _ in kind.levels]
    values: list[float | str] = list(kind.values) if kind.values else list(codes)
    reference = factor.reference if factor.reference is not None else codes[0]
    return [(code, value) for code, value in zip(codes, values, strict=True) if code != reference]


def _levels(factor: _Factor, kind: ColumnType) -> list[str]:
    return [f"{factor.name}[{code}]" for code, _ in _others(factor, kind)] if factor.categorical else [factor.name]


def _code(column: Column, factor: _Factor) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    if not factor.categorical:
        return np.where(column.valid, column.values.astype(float), 0.0)[:, None], column.valid
    return np.column_stack([column.values == value for _, value in _others(factor, column.type)]).astype(
        float
    ), column.valid
