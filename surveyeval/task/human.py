"""The human sample of a task: rows of its source, as answers and states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surveyeval.data.design import design_of
from surveyeval.data.readers import Table, read_table
from surveyeval.data.sample import NO_ARM, Sample, State
from surveyeval.data.sources import open_source
from surveyeval.errors import ConfigError, DataError, Problem, SurveyevalError, did_you_mean
from surveyeval.task.document import Document, Route, dotted, parse_document
from surveyeval.task.expand import expand
from surveyeval.task.routing import asked
from surveyeval.task.schema import Arms, ItemSpec, ProfileField
from surveyeval.task.task import Item, Task

__all__ = ["SIMULATED", "HumanData", "check_rows", "load_human", "load_profiles"]

#: What tables of simulated answers have in their column `provenance`.
SIMULATED = "simulated"


@dataclass(frozen=True, eq=False)
class HumanData:
    """The human sample with what travels with it: provenance, licence and hash belong to the source, not to the task."""

    sample: Sample
    sha256: str
    provenance: str
    licence: str
    citation: str
    table: Table
    notes: tuple[Problem, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the source's columns."""
        return tuple(map(str, self.table.frame.columns))

    @property
    def n_rows(self) -> int:
        """Number of rows of the source."""
        return len(self.table.frame)


def load_human(task: Task, *, data: str | None = None, provenance: str | None = None) -> HumanData:
    """Read the human rows of a task.

    Parameters
    ----------
    task : Task
    data : str, optional
        Path of other rows than the task's own source.
    provenance : {"human", "synthetic"}, optional
        What those rows are; required with `data`.

    Raises
    ------
    DataError
        With every problem at once: absent columns (with their line in the task file), unknown codes (first line in the
        rows, and count), duplicated identifiers.
    """
    source = task.spec.source
    if (data is None) != (provenance is None):
        raise ConfigError(
            "--data and --provenance go together", hint="say what the rows are: --provenance human or synthetic"
        )
    if data is not None:
        table = read_table(Path(data).expanduser(), source.encoding)
        if provenance == "human" and SIMULATED in set(table.frame.get("provenance", ())):
            raise DataError("these rows say that they are simulated", file=data, hint="they are no human rows")
        licence, citation = "not stated", f"rows given by the user: {table.name}"
    else:
        table = _opened(task)
        licence, citation = source.licence, source.citation
    sample, noted = _sampled(task, table)
    provenance = provenance or source.provenance
    return HumanData(sample, table.sha256, provenance, licence, citation, table, noted)


def check_rows(task: Task, table: Table) -> None:
    """Refuse rows that are not what a task says of them, before they are written anywhere.

    Raises
    ------
    DataError
        With every problem at once, as in `load_human`; rows are those of the table, from 1.
    """
    _sampled(task, table)


def _sampled(task: Task, table: Table) -> tuple[Sample, tuple[Problem, ...]]:
    reader = _Reader(task, table)
    sample = reader.sample()
    if not reader.problems:
        reader._lonely(sample)
    if reader.problems:
        raise DataError(problems=reader.problems)
    return sample, tuple(reader.notes)


def load_profiles(task: Task, path: Path) -> Sample:
    """Read people of whom the profile alone is known.

    Parameters
    ----------
    task : Task
    path : Path
        A data file with the columns of the profile in force and of the arms; those of items are not looked at.

    Raises
    ------
    DataError
        With every problem at once, as in `load_human`.
    """
    reader = _Reader(task, read_table(path.expanduser(), task.spec.source.encoding))
    sample = reader.profiles()
    if reader.problems:
        raise DataError(problems=reader.problems)
    return sample


def _opened(task: Task) -> Table:
    source = task.spec.source
    try:
        return open_source(source.use, task.folder, source.encoding, source.sha256)
    except SurveyevalError as error:
        raise type(error)(problems=[_said_in_task(task, problem) for problem in error.problems]) from error


def _said_in_task(task: Task, problem: Problem) -> Problem:
    """A problem with the source as a whole, at the line of the task file that names the source."""
    if problem.line is not None:
        return problem
    field = problem.field if problem.field and problem.field.startswith("source.") else "source.use"
    message = f"{problem.file}: {problem.message}" if problem.file else problem.message
    return _in_task(task, tuple(field.split(".")), message, problem.hint)


def _in_task(task: Task, route: Route, message: str, hint: str | None) -> Problem:
    if not task.text:  # made by a plugin, not read from a file
        return Problem(message, task.file, field=dotted(route), hint=hint)
    return _document(task.text, task.file, task.folder).problem(route, message, hint)


@lru_cache(maxsize=1)
def _document(text: str, file: str, folder: Path) -> Document:
    return expand(parse_document(text, file), folder)


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"


class _Reader:
    """Reads columns and collects problems instead of stopping at the first."""

    def __init__(self, task: Task, table: Table) -> None:
        self.task, self.table, self.frame = task, table, table.frame
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        #: Blank cells of check-all questions that are no ticks, by item.
        self.filled: dict[str, NDArray[np.bool_]] = {}
        #: Rows of nobody's arm, which are right where `keep` leaves them out: who left before the assignment has none.
        self.unassigned: list[tuple[NDArray[np.bool_], str, str]] = []
        said = list(table.notes)
        if table.withheld:
            said.append(f"columns that tell who people are stay out: {', '.join(table.withheld)}")
        self.notes += [_in_task(task, ("source", "use"), f"{table.name}: {text}", None) for text in said]

    def sample(self) -> Sample:
        spec = self.task.spec
        n = len(self.frame)
        if n == 0:
            self._problem("has no rows", "source")
        answers, states = {}, {}
        for item in self.task.items:
            answers[item.name], states[item.name] = self._item(item)
        profile = {name: self._profile(name, field) for name, field in spec.profile.items()}
        asked = {item.name for item in self.task.items}
        for item in self.task.all_items:
            if item.name not in asked:
                index, _ = self._item(item)
                profile[item.name] = np.array([*item.codes, None], dtype=object)[index]
        sample = self._routed(
            Sample(
                respondent=self._identifiers(),
                arm=self._arms(),
                answers=answers,
                states=states,
                profile=profile,
                weight=self._weights(),
                stratum=self._design("strata", spec.source.strata),
                psu=self._design("psu", spec.source.psu),
            )
        )
        return self._kept(sample)

    def profiles(self) -> Sample:
        """Respondents without answers."""
        if len(self.frame) == 0:
            self._problem("has no rows", "source")
        declared, profile = self.task.spec.profile, {}
        for name in self.task.profile:
            if name in declared:
                profile[name] = self._profile(name, declared[name])
            else:
                item = next(one for one in self.task.all_items if one.name == name)
                profile[name] = np.array([*item.codes, None], dtype=object)[self._item(item)[0]]
        named = self.task.spec.source.id in self.frame.columns
        numbers = np.array([str(row) for row in range(1, len(self.frame) + 1)], dtype=object)
        return Sample(self._identifiers() if named else numbers, self._arms(), profile=profile)

    def _kept(self, sample: Sample) -> Sample:
        """The rows that the task is about. Who the rule says nothing of, since a value is missing, is left out."""
        text = self.task.spec.source.keep
        if text is None or self.problems:
            return sample
        rule = self.task.rule(sample, text)
        kept = np.asarray(rule.valid & rule.values.astype(bool))
        route = ("source", "keep")
        for blank, name, field in self.unassigned:
            if (rows := np.flatnonzero(blank & kept)).size:
                hint = "leave these people out with source.keep, or correct the file"
                self._problem(f"column {name!r} is blank ({_rows(rows.size)})", field, int(rows[0]), hint)
        if self.problems:
            return sample
        if not kept.any():
            self.problems.append(
                _in_task(self.task, route, f"nobody in {self.table.name} is kept ({_rows(sample.n)})", None)
            )
            return sample
        for arm in self.task.arms:
            if not (sample.arm[kept] == arm.key).any():
                self.problems.append(_in_task(self.task, route, f"nobody in arm {arm.key!r} is kept", None))
        unknown = int((~rule.valid).sum())
        said = f", {unknown} of them since a value that it needs is missing" if unknown else ""
        left_out = f"{int((~kept).sum())} of {_rows(sample.n)} are left out{said}"
        if kept.all():
            return sample
        self.notes.append(_in_task(self.task, route, left_out, None))
        inside = sample.take(kept)
        if sample.psu is not None and (gone := len(np.unique(sample.units())) - len(np.unique(inside.units()))):
            text = f"{gone} PSUs have nobody who is kept; sampling error is computed as if they had not been drawn"
            self.notes.append(_in_task(self.task, route, text, None))
        return inside

    def _routed(self, sample: Sample) -> Sample:
        """Items without an answer are `not_asked` where the filter says so; answers stay, even where it says otherwise."""
        states, answers = dict(sample.states), dict(sample.answers)
        for number, item in enumerate(self.task.all_items):
            if item.spec.ask_if is None or item.name not in states or self.problems:
                continue
            put, state = asked(self.task, sample, item, answers), states[item.name]
            if item.name in self.filled:
                silent = self.filled[item.name] & ~put
                answers[item.name] = np.where(silent, -1, answers[item.name])
                state = np.where(silent, np.int8(State.NOT_ASKED), state)
            states[item.name] = np.where(~put & (state == State.MISSING), np.int8(State.NOT_ASKED), state)
            for rows, said in (
                (
                    ~put & (state == State.ANSWERED),
                    "answered what the filter does not put to them; their answers count",
                ),
                (put & (state == State.NOT_ASKED), "were not asked although the filter puts it to them"),
            ):
                if rows.any():
                    first = self.table.line(int(np.flatnonzero(rows)[0]))
                    where = f" (the first in line {first} of {self.table.name})" if first is not None else ""
                    text = f"{int(rows.sum())} of {sample.n} people {said}{where}"
                    self.notes.append(_in_task(self.task, ("items", number, "ask_if"), text, None))
        return replace(sample, states=states, answers=answers)

    def _problem(self, message: str, field: str, row: int | None = None, hint: str | None = None) -> None:
        line = None if row is None else self.table.line(row)
        if row is not None and line is None:
            message = f"{message}, row {row + 1}"
        self.problems.append(Problem(message, file=self.table.name, line=line, field=field, hint=hint))

    def _column(self, name: str, *route: str | int) -> NDArray[np.object_]:
        """A column by name; `route` is where the task file names it."""
        if name in self.table.withheld:
            told = f"column {name!r} of {self.table.name} is not read: {self.table.withheld[name]}"
            hint = "name another column; if the task needs this one, give it another name in the file"
            self.problems.append(_in_task(self.task, route, told, hint))
            return np.full(len(self.frame), None, dtype=object)
        if name not in self.frame.columns:
            hint = did_you_mean(name, self.frame.columns) or f"columns: {', '.join(map(str, self.frame.columns[:30]))}"
            self.problems.append(_in_task(self.task, route, f"in {self.table.name} there is no column {name!r}", hint))
            return np.full(len(self.frame), None, dtype=object)
        return self.frame[name].to_numpy(dtype=object)

    def _identifiers(self) -> NDArray[np.object_]:
        name = self.task.spec.source.id
        if name is None:
            return np.array([str(number) for number in range(1, len(self.frame) + 1)], dtype=object)
        column = self._column(name, "source", "id")
        blank = np.flatnonzero(pd.isna(column))
        if name in self.frame.columns and len(blank):
            self._problem(f"column {name!r}: {len(blank)} respondents have no identifier", "source.id", int(blank[0]))
        repeated = np.flatnonzero(pd.Series(column).duplicated() & ~pd.isna(column))
        if len(repeated):
            self._problem(
                f"column {name!r}: identifier {column[repeated[0]]!r} stands twice ({len(repeated)} repeats in all)",
                "source.id",
                int(repeated[0]),
            )
        return np.array([str(value) for value in column], dtype=object)

    def _weights(self) -> NDArray[np.float64]:
        name = self.task.spec.source.weight
        if name is None:
            return np.ones(len(self.frame))
        column = self._column(name, "source", "weight")
        self._user_missing(column, name, "source.weight", "weight these people, or take their rows out")
        weights = pd.to_numeric(pd.Series(column), errors="coerce").to_numpy(dtype=float)
        bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
        if name in self.frame.columns and len(bad):
            self._problem(
                f"column {name!r}: {len(bad)} weights are no numbers of 0 or more, the first is {column[bad[0]]!r}",
                "source.weight",
                int(bad[0]),
            )
        elif name in self.frame.columns and len(weights) and not weights.any():
            self._problem(f"column {name!r}: all weights are 0", "source.weight")
        return np.where(np.isfinite(weights), weights, 0.0)

    def _design(self, field: str, name: str | None) -> NDArray[np.object_] | None:
        """Codes of strata or PSUs: everybody has one, and there are several of them."""
        if name is None:
            return None
        column = self._column(name, "source", field)
        if name in self.frame.columns and len(column):
            blank = np.flatnonzero(pd.isna(column))
            if len(blank):
                self._problem(
                    f"column {name!r} is blank ({_rows(len(blank))}), so they cannot be placed in the design",
                    f"source.{field}",
                    int(blank[0]),
                    "complete the column, or take these rows out",
                )
            elif pd.Series(column).nunique() == 1:
                self._problem(
                    f"column {name!r} has one value, {column[0]!r}",
                    f"source.{field}",
                    hint="leave it out" if field == "strata" else "two PSUs are needed; or leave it out",
                )
        return np.array([str(value) for value in column], dtype=object)

    def _lonely(self, sample: Sample) -> None:
        """A stratum with one PSU is refused before anything runs, unless the task says what to do about it."""
        try:
            design_of(sample, self.task.spec.source.lonely_psu)
        except DataError as error:
            for problem in error.problems:
                route = tuple((problem.field or "source").split("."))
                self.problems.append(_in_task(self.task, route, f"{self.table.name}: {problem.message}", problem.hint))

    def _arms(self) -> NDArray[np.object_]:
        arms = self.task.spec.arms
        if arms is None:
            return np.full(len(self.frame), NO_ARM, dtype=object)
        if arms.columns:
            return self._crossed(arms)
        name = arms.column or "arm"
        column = self._column(name, "arms", "column")
        if name in self.frame.columns:
            self._unknown(column, set(arms.levels), name, "arms.levels", blank_allowed=self._unassigned(column, name))
            for key in arms.levels:
                if not (column == key).any():
                    self._problem(f"nobody is in arm {key!r}", "arms.levels")
        first = next(iter(arms.levels))
        return np.array([first if value is None else str(value) for value in column], dtype=object)

    def _unassigned(self, column: NDArray[np.object_], name: str) -> bool:
        """Whether blank cells of an arm may be those of people who are left out; which they are is seen once it is known."""
        if self.task.spec.source.keep is None:
            return False
        self.unassigned.append((np.asarray(pd.isna(column)), name, "arms.levels"))
        return True

    def _crossed(self, arms: Arms) -> NDArray[np.object_]:
        """Arms from the factors' columns, their codes joined."""
        parts, whole = [], True
        for factor, name in (arms.columns or {}).items():
            column = self._column(name, "arms", "columns", factor)
            known = {level.factors[factor] for level in arms.levels.values()}
            whole &= name in self.frame.columns
            if name in self.frame.columns:
                allowed = self._unassigned(column, name)
                self._unknown(column, known, name, f"arms.factors.{factor}.levels", blank_allowed=allowed)
            parts.append(np.where(pd.isna(column), min(known), column))
        joined = np.array(["+".join(map(str, codes)) for codes in zip(*parts, strict=True)], dtype=object)
        for key in arms.levels if whole else ():
            if not (joined == key).any():
                self._problem(f"nobody is in arm {key!r}", "arms.factors")
        return joined

    def _unknown(
        self, column: NDArray[np.object_], known: set[str], name: str, field: str, *, blank_allowed: bool = True
    ) -> None:
        counts = pd.Series(column, dtype=object).value_counts(dropna=True)
        for value, count in counts.items():
            if value not in known:
                row = int(np.flatnonzero(column == value)[0])
                hint = did_you_mean(str(value), known) or "declare it as an option, a label or a missing code"
                if about := self.table.says(name, str(value)):
                    hint = f"{about}; {hint}"
                self._problem(f"column {name!r}: code {value!r} is not declared ({_rows(count)})", field, row, hint)
        blank = np.flatnonzero(pd.isna(column))
        if len(blank) and not blank_allowed:
            self._problem(f"column {name!r} is blank ({_rows(len(blank))})", field, int(blank[0]))

    def _user_missing(
        self, column: NDArray[np.object_], name: str, field: str, remedy: str = "declare it under `missing:`"
    ) -> None:
        """A code that the file itself counts as missing is taken for a number or a word only where the task says so."""
        for code in sorted(self.table.user_missing.get(name, ())):
            rows = np.flatnonzero(column == code)
            if len(rows):
                message = f"column {name!r}: code {code!r} is not declared ({_rows(len(rows))})"
                self._problem(message, field, int(rows[0]), f"{self.table.says(name, code)}; {remedy}")

    def _recoded(self, column: NDArray[np.object_], spec: ItemSpec | ProfileField) -> NDArray[np.object_]:
        if spec.recode is None:
            return column
        return np.array([spec.recode.map.get(value, value) for value in column], dtype=object)

    def _item(self, item: Item) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
        name = item.spec.column or item.name
        number = [one.name for one in self.task.all_items].index(item.name)
        column = self._recoded(self._column(name, "items", number, "column"), item.spec)
        missing = item.spec.missing
        if item.spec.member is not None or item.kind == "numeric":
            given = np.array([None if value in missing else value for value in column], dtype=object)
            self._user_missing(given, name, f"items.{item.name}.missing")
        if item.spec.member is not None:
            self._strange(column, item)
            column = self._ticked(column, item)
        if item.spec.blank is not None:
            column = self._blanks_filled(column, item)
        if item.kind == "numeric":
            column = self._nearest(column, item, name)
        elif name in self.frame.columns:
            self._unknown(column, {*item.codes, *missing}, name, f"items.{item.name}.options")
        index: Mapping[str, int] = {code: number for number, code in enumerate(item.codes)}
        answers = np.array([index.get(value, -1) for value in column], dtype=np.int64)
        # A blank cell is missing unless the task declares the empty code.
        named = {code or None: State[state.upper()] for code, state in missing.items()}
        states = [
            State.ANSWERED if a >= 0 else named.get(v, State.MISSING) for a, v in zip(answers, column, strict=True)
        ]
        return answers, np.array(states, dtype=np.int8)

    def _nearest(self, column: NDArray[np.object_], item: Item, name: str) -> NDArray[np.object_]:
        """The code of the nearest point for every number, the lower one of two that are as near."""
        given = np.array([None if value in item.spec.missing else value for value in column], dtype=object)
        numbers = pd.to_numeric(pd.Series(given, dtype=object), errors="coerce").to_numpy(dtype=float)
        bad = np.flatnonzero(~np.isfinite(numbers) & ~pd.isna(given))
        if len(bad):
            self._problem(
                f"column {name!r}: {len(bad)} values are no numbers, the first is {given[bad[0]]!r}",
                f"items.{item.name}",
                int(bad[0]),
                "declare missing codes",
            )
        known = np.isfinite(numbers)
        outside = known & ((numbers < item.values[0]) | (numbers > item.values[-1]))
        if outside.any():
            found, place = numbers[outside], [one.name for one in self.task.all_items].index(item.name)
            text = (
                f"{int(outside.sum())} numbers in {self.table.name} lie outside the points "
                f"{item.values[0]:g} to {item.values[-1]:g}, from {found.min():g} to {found.max():g}, and count as the nearest"
            )
            hint = "declare missing codes under `missing:`"
            self.notes.append(_in_task(self.task, ("items", place, "points"), text, hint))
        nearest = np.abs(np.where(known, numbers, 0.0)[:, None] - item.values[None, :]).argmin(axis=1)
        codes = np.array(item.codes, dtype=object)
        return np.where(known, codes[nearest], column)

    def _strange(self, column: NDArray[np.object_], item: Item) -> None:
        """Says, once for each question, which codes of a column that lists codes are none of its options."""
        group = [
            one for one in self.task.all_items if one.spec.part_of == item.spec.part_of and one.spec.member is not None
        ]
        if item.name != group[0].name:
            return
        known, separator = {one.spec.member for one in group}, item.spec.separator or ","
        strange = Counter(
            part
            for cell in column
            if isinstance(cell, str) and cell not in item.spec.missing
            for part in map(str.strip, cell.split(separator))
            if part and part not in known
        )
        if strange:
            number = [one.name for one in self.task.all_items].index(item.name)
            listed = ", ".join(f"{code!r} ({count})" for code, count in strange.most_common(5))
            text = f"codes in {self.table.name} that are no option count as no tick: {listed}"
            hint = "declare them as options or under `missing:`, or write another separator"
            self.notes.append(_in_task(self.task, ("items", number, "separator"), text, hint))

    def _ticked(self, column: NDArray[np.object_], item: Item) -> NDArray[np.object_]:
        """Yes or no for one code of a column that lists codes; a missing code stands alone, a blank cell stays blank."""
        (no, yes), separator, member = item.codes, item.spec.separator or ",", item.spec.member

        def one(cell: object) -> object:
            if not isinstance(cell, str) or cell in item.spec.missing:
                return cell
            return yes if member in [part.strip() for part in cell.split(separator)] else no

        return np.array([one(cell) for cell in column], dtype=object)

    def _blanks_filled(self, column: NDArray[np.object_], item: Item) -> NDArray[np.object_]:
        """No tick where a cell is blank; what the filter does not put to a person is taken back in `_routed`."""
        no, yes = item.codes
        blank = np.asarray(pd.isna(column))
        if item.spec.blank == "not_ticked_if_any":
            others = [
                self.frame[one.spec.column or one.name].to_numpy(dtype=object) == yes
                for one in self.task.all_items
                if one.spec.part_of == item.spec.part_of and (one.spec.column or one.name) in self.frame.columns
            ]
            blank &= np.any(others, axis=0)
        self.filled[item.name] = blank
        return np.where(blank, no, column)

    def _profile(self, name: str, spec: ProfileField) -> NDArray[np.object_]:
        column = self._recoded(self._column(spec.column, "profile", name, "column"), spec)
        column = np.array([None if value in spec.missing else value for value in column], dtype=object)
        if spec.labels is not None:
            self._unknown(column, set(spec.labels), spec.column, f"profile.{name}.labels")
            return column
        self._user_missing(column, spec.column, f"profile.{name}.missing")
        if (spec.kind or "numeric") == "numeric":
            numbers = pd.to_numeric(pd.Series(column, dtype=object), errors="coerce")
            bad = np.flatnonzero(~np.isfinite(numbers.to_numpy(dtype=float)) & ~pd.isna(column))
            if len(bad):
                self._problem(
                    f"column {spec.column!r}: {len(bad)} values are no numbers, the first is {column[bad[0]]!r}",
                    f"profile.{name}",
                    int(bad[0]),
                    "give labels or kind: nominal, or declare missing codes",
                )
        return column
