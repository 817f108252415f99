"""Regression formulas: a small grammar of our own.

    response ~ term + term + ...      a term is a name, C(name), C(name, ref="code"), a:b (interaction), a*b (a + b + a:b)

Formula libraries of Python evaluate Python, so they never see a task's formula.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surveyeval.errors import did_you_mean
from surveyeval.task.columns import Column, ColumnType

__all__ = ["Design", "Formula", "FormulaError", "parse"]

MAX_TERMS = 200
_NAME = r"[A-Za-z][A-Za-z0-9_]*"
_FACTOR = re.compile(
    rf"\s*(?:C\(\s*(?P<c>{_NAME})\s*(?:,\s*ref\s*=\s*(?P<q>[\"'])(?P<ref>[^\"']*)(?P=q)\s*)?\)|(?P<name>{_NAME}))\s*"
)


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
        Response; 0 and 1 for two values.
    valid : (n,) bool array
        Rows on which response and all terms are known; other rows hold zeros.
    terms : tuple of str
        Names of the columns after the intercept.
    blocks : tuple of str
        Block of each term.
    """

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    valid: NDArray[np.bool_]
    terms: tuple[str, ...]
    blocks: tuple[str, ...]


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

    def design(self, column: Callable[[str], Column], n: int, event: str | None, blocks: Mapping[str, str]) -> Design:
        """Design matrix from columns; `event` is the response code counted as 1, `blocks` maps written terms to blocks."""
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
                block = (block[:, :, None] * coded[factor][:, None, :]).reshape(n, -1)
            parts.append(block)
        y, known = self._response(column(self.response), event)
        valid &= known
        X = np.hstack(parts)
        X[~valid] = 0.0
        return Design(
            X, np.where(valid, y, 0.0), valid, self.terms, tuple(blocks[name] for name in self.written_of_term)
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


def parse(text: str, types: Mapping[str, ColumnType]) -> Formula:
    """Parse a formula against the columns of a task.

    Raises
    ------
    FormulaError
    """
    left, tilde, right = text.partition("~")
    if not tilde or "~" in right:
        raise FormulaError("is not written `response ~ term + term`")
    response = left.strip()
    if not re.fullmatch(_NAME, response):
        raise FormulaError(f"response {response!r} is no name", "derive a column for it")
    _known(response, types)
    terms: list[tuple[_Factor, ...]] = []
    for written in right.split("+"):
        for term in _expand(written, types):
            if frozenset(term) not in [frozenset(other) for other in terms]:
                terms.append(term)
    if len(terms) > MAX_TERMS:
        raise FormulaError(f"has more than {MAX_TERMS} terms")
    if any(factor.name == response for term in terms for factor in term):
        raise FormulaError(f"{response!r} is response and predictor")
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


def _expand(written: str, types: Mapping[str, ColumnType]) -> list[tuple[_Factor, ...]]:
    """``a*b*c`` to all main effects and interactions, ``a:b`` to one."""
    crossed = [_interaction(part, types) for part in written.split("*")]
    if len(crossed) > 6:
        raise FormulaError("crosses more than six terms")
    expanded = []
    for size in range(1, len(crossed) + 1):
        for chosen in itertools.combinations(crossed, size):
            expanded.append(tuple(dict.fromkeys(factor for term in chosen for factor in term)))
    return expanded


def _interaction(written: str, types: Mapping[str, ColumnType]) -> tuple[_Factor, ...]:
    factors = []
    for part in written.split(":"):
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
        if match["ref"] is not None and match["ref"] not in levels:
            raise FormulaError(
                f"{match['ref']!r} is not a code of {name!r}",
                did_you_mean(match["ref"], levels) or f"codes: {', '.join(levels)}",
            )
        factors.append(_Factor(name, categorical, match["ref"]))
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
