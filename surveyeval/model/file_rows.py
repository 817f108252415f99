"""Rows of a file of simulated answers, checked against a task. Every mistake is found at once, with its line."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.readers import Table
from surveyeval.data.sample import NO_ARM, State
from surveyeval.errors import DataError, Problem, did_you_mean
from surveyeval.task.task import Item, Task

__all__ = ["Rows", "read_rows"]

FloatArray = NDArray[np.float64]

#: Problems told at most; a file of another task is wrong in every row.
SHOWN = 20
#: What `surveyeval simulate` writes beside respondent, draw, arm, profile and answers.
_SIMULATED = ("provenance", "task", "model")
#: How far the probabilities of an item may be from 1 in total: files are written with few digits.
TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class Rows:
    """A file's rows as a task understands them.

    Parameters
    ----------
    respondent : (n,) object array of str, or None for an unpaired file
    arm : (n,) object array of str
    draw : (n,) int64 array
    answers, states : mapping of item to (n,) array
        As in `surveyeval.data.sample.Sample`; absent for an item that has probabilities only.
    probabilities : mapping of item to (n, K) float array
        NaN rows where the cells are blank.
    lines : sequence of int
        Line of each row in the file; empty where the file has none.
    """

    respondent: NDArray[np.object_] | None
    arm: NDArray[np.object_]
    draw: NDArray[np.int64]
    answers: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    states: dict[str, NDArray[np.int8]] = field(default_factory=dict)
    probabilities: dict[str, FloatArray] = field(default_factory=dict)
    lines: Sequence[int] = ()


def read_rows(table: Table, task: Task, respondents: Collection[str] | None = None) -> Rows:
    """Check and convert a table.

    Parameters
    ----------
    table : Table
    task : Task
    respondents : collection of str, optional
        Everybody of the survey; given, identifiers outside it are mistakes.

    Raises
    ------
    DataError
        With every mistake: unknown columns, codes, arms and identifiers, repeated rows, impossible probabilities.
    """
    reader = _Reader(table, task)
    rows = reader.rows(respondents)
    if reader.problems:
        found = reader.problems
        more = [Problem(f"{len(found) - SHOWN} more problems", file=table.name)] if len(found) > SHOWN else []
        raise DataError(problems=[*found[:SHOWN], *more])
    return rows


class _Reader:
    def __init__(self, table: Table, task: Task) -> None:
        self.table, self.task, self.frame = table, task, table.frame
        self.columns = [str(name) for name in table.frame.columns]
        self.problems: list[Problem] = []
        self.states: set[str] = set()
        if {*_SIMULATED} <= {*self.columns}:
            self._take_simulated()

    def rows(self, respondents: Collection[str] | None) -> Rows:
        self._check_columns()
        if not len(self.frame):
            self._problem("has no rows")
        draw, respondent = self._draws(), self._respondents(respondents)
        if respondent is not None:
            self._check_repeated(respondent, draw)
        rows = Rows(respondent, self._arms(paired=respondent is not None), draw, lines=self.table.lines)
        for item in self.task.items:
            probabilities = self._probabilities(item)
            if probabilities is not None:
                rows.probabilities[item.name] = probabilities
            if item.name in self.columns:
                rows.answers[item.name], rows.states[item.name] = self._answers(item)
            elif probabilities is None:
                self._problem(
                    f"there is no column for item {item.name!r}",
                    hint=f"add {item.name!r} with codes, or {item.name}__p__CODE with probabilities",
                )
        return rows

    def _take_simulated(self) -> None:
        """A table of `surveyeval simulate`: what it says beside answers is checked, and then not looked at."""
        meant = f"{self.task.name} {self.task.version}"
        for name, right in (("provenance", "simulated"), ("task", meant)):
            for row, value in enumerate(self._column(name)):
                if value != right:
                    self._problem(
                        f"says {value!r}, not {right!r}", row, name, "give the table as it was written, to its own task"
                    )
                    break
        self.states = {f"{item.name}_state" for item in self.task.items} & {*self.columns}
        beside = {*_SIMULATED, *self.states, *self.task.profile}
        self.columns = [name for name in self.columns if name not in beside]

    def _problem(
        self, message: str, row: int | None = None, column: str | None = None, hint: str | None = None
    ) -> None:
        line = None if row is None else self.table.line(row)
        if row is not None and line is None:
            message = f"row {row + 1}: {message}"  # parquet has no lines
        field = None if column is None else f"column {column!r}"
        self.problems.append(Problem(message, file=self.table.name, line=line, field=field, hint=hint))

    def _column(self, name: str) -> NDArray[np.object_]:
        return self.frame[name].to_numpy(dtype=object)

    def _check_columns(self) -> None:
        items = self.task.all_items  # items that the profile set shows may be in the file; they are not read
        known = ["respondent", "arm", "draw", *(item.name for item in items)]
        known += [f"{item.name}__p__{code}" for item in items for code in item.codes]
        for name in self.columns:
            if name not in known:
                hint = did_you_mean(name, known) or "columns: respondent, arm, draw, items, ITEM__p__CODE"
                self._problem(f"there is nothing called {name!r} in task {self.task.name!r}", column=name, hint=hint)

    def _draws(self) -> NDArray[np.int64]:
        if "draw" not in self.columns:
            return np.zeros(len(self.frame), dtype=np.int64)
        column = self._column("draw")
        for row, value in enumerate(column):
            if value is None or not value.isdecimal():
                self._problem(f"draw {value!r} is no whole number of 0 or more", row, "draw", "draws count from 0")
        return np.array([int(v) if v is not None and v.isdecimal() else -1 for v in column], dtype=np.int64)

    def _respondents(self, known: Collection[str] | None) -> NDArray[np.object_] | None:
        if "respondent" not in self.columns:
            return None
        column = self._column("respondent")
        everybody = None if known is None else set(known)
        for row, name in enumerate(column):
            if name is None:
                blank = "leave the column out if the rows stand for nobody in particular"
                self._problem("the identifier is blank", row, "respondent", blank)
            elif everybody is not None and name not in everybody:
                hint = did_you_mean(name, everybody) if len(everybody) < 5000 else None
                self._problem(
                    f"there is no respondent {name!r} in the data of task {self.task.name!r}",
                    row,
                    "respondent",
                    hint or "identifiers are those of the task's data; without an id column, row numbers from 1",
                )
                if len(self.problems) > 10 * SHOWN:
                    break
        return column

    def _check_repeated(self, respondent: NDArray[np.object_], draw: NDArray[np.int64]) -> None:
        first: dict[tuple[str, int], int] = {}
        for row, key in enumerate(zip(respondent, draw.tolist(), strict=True)):
            if key in first:
                earlier = self.table.line(first[key])
                where = f"row {first[key] + 1}" if earlier is None else f"line {earlier}"
                self._problem(f"respondent {key[0]!r} has draw {key[1]} already in {where}", row, "respondent")
            first.setdefault(key, row)

    def _arms(self, *, paired: bool) -> NDArray[np.object_]:
        if not self.task.is_experiment:
            return np.full(len(self.frame), self.task.arms[0].key, dtype=object)
        if "arm" not in self.columns:
            if not paired:
                self._problem("rows of an experiment need a column 'arm', or 'respondent'")
            return np.full(len(self.frame), NO_ARM, dtype=object)
        column, keys = self._column("arm"), [arm.key for arm in self.task.arms]
        self._unknown(column, keys, "arm", "arms")
        return column

    def _unknown(self, column: NDArray[np.object_], codes: Sequence[str], name: str, what: str) -> None:
        known = {*codes, None} if what == "codes" else set(codes)
        for row, code in enumerate(column):
            if code not in known:
                hint = did_you_mean(str(code), codes) or f"{what}: {', '.join(codes)}"
                self._problem(f"{code!r} is not declared in task {self.task.name!r}", row, name, hint)

    def _answers(self, item: Item) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
        column, missing = self._column(item.name), item.spec.missing
        self._unknown(column, [*item.codes, *missing], item.name, "codes")
        index = {code: number for number, code in enumerate(item.codes)}
        answers = np.array([index.get(code, -1) for code in column], dtype=np.int64)
        named = {code: State[state.upper()] for code, state in missing.items()}
        # a blank cell is an interview that gave no usable answer
        states = np.array([State.ANSWERED if code in index else named.get(code, State.INVALID) for code in column])
        if f"{item.name}_state" in self.states:
            told = {state.name.lower(): state for state in State}
            said = self._column(f"{item.name}_state")
            self._unknown(said, list(told), f"{item.name}_state", "states")
            blank = states == State.INVALID
            states[blank] = [told.get(one, State.INVALID) for one in said[blank]]
            states[blank & (states == State.ANSWERED)] = State.INVALID
        return answers, states.astype(np.int8)

    def _probabilities(self, item: Item) -> FloatArray | None:
        names = [f"{item.name}__p__{code}" for code in item.codes]
        absent = [name for name in names if name not in self.columns]
        if len(absent) == len(names):
            return None
        if absent:
            self._problem(
                f"probabilities of item {item.name!r} lack {', '.join(map(repr, absent))}", hint="give all options"
            )
            return None
        table = np.column_stack([self._numbers(name) for name in names])
        blank = np.isnan(table).all(axis=1)
        wrong = ~blank & ~((table >= 0).all(axis=1) & (np.abs(table.sum(axis=1) - 1) <= TOLERANCE))
        for row in np.flatnonzero(wrong):
            told = ", ".join("blank" if np.isnan(p) else f"{p:g}" for p in table[row])
            self._problem(
                f"probabilities {told} are not 0 or more with sum 1", int(row), names[0].rpartition("__p__")[0]
            )
        total: FloatArray = table.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            renormalised: FloatArray = table / total
        return renormalised

    def _numbers(self, name: str) -> FloatArray:
        result = np.full(len(self.frame), np.nan)
        for row, cell in enumerate(self._column(name)):
            if cell is not None:
                try:
                    result[row] = float(cell)
                except ValueError:
                    self._problem(f"{cell!r} is no number", row, name)
        return result
