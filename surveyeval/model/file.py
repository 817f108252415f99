"""Answers made by any other tool: ``file:PATH`` (CSV or parquet).

Columns: ``respondent`` (optional; without it the simulation is unpaired), ``arm`` (in experiments; needed when unpaired),
``draw`` (optional, from 0), one column of codes for each item, and ``item__p__code`` for option probabilities. An item
with probabilities and no column of codes is drawn from them. A blank cell is an invalid answer; a person without a row
was not run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from surveyeval.data.readers import Table, read_table
from surveyeval.data.sample import NO_ARM, Sample, State
from surveyeval.errors import DataError, ModelError
from surveyeval.model.draws import draw_options
from surveyeval.model.file_rows import Rows, read_rows
from surveyeval.model.protocol import Answers, Capabilities, Fingerprint, Interviews
from surveyeval.task.task import Task

__all__ = ["FileModel", "FileOptions"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


class FileOptions(BaseModel):
    """A file has no options."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FileModel:
    """Simulated answers from a file.

    Parameters
    ----------
    reference : str
        Path of a CSV or parquet file.
    options : FileOptions, optional

    Raises
    ------
    DataError
        When the file cannot be read.
    """

    def __init__(self, reference: str, options: FileOptions | None = None) -> None:
        self.path = Path(reference).expanduser()
        self.table: Table = read_table(self.path)
        columns = [str(name) for name in self.table.frame.columns]
        self.paired = "respondent" in columns
        # Given earlier answers the file's own are not the people's, so this holds for independent interviews only.
        self.capabilities = Capabilities(log_prob=self.paired and any("__p__" in name for name in columns))
        self._read: tuple[Task, Rows] | None = None

    def fit(self, task: Task, pilot: Sample) -> None:
        """Nothing is learned."""

    def check(self, task: Task, everybody: Sample) -> None:
        """Check every row before anything runs.

        Parameters
        ----------
        task : Task
        everybody : Sample
            All people of the survey, of whom a run interviews some.

        Raises
        ------
        DataError
            With every mistake in the file, an identifier of nobody among them.
        """
        self._read = (task, read_rows(self.table, task, list(everybody.respondent)))

    def fingerprint(self) -> Fingerprint:
        """sha256 of the file."""
        return Fingerprint("content", self.table.sha256, {"file": self.path.name, "paired": self.paired})

    def banners(self) -> Sequence[str]:
        """How these answers came about is not known here."""
        banners = ["Answers were read from a file; how they were made is for its author to say."]
        if not self.paired:
            banners.append(
                "The file names no respondents: rows are compared as a group, and nothing is said of single people."
            )
        return banners

    def answer(self, interviews: Interviews) -> Answers:
        """Rows of this draw for these people.

        Raises
        ------
        DataError
            When the file does not fit the task, or holds too few draws or rows.
        """
        rows, people = self._rows(interviews.task), interviews.people
        chosen = self._choose(rows, interviews)
        run = chosen >= 0
        answers, states, probabilities = {}, {}, {}
        for number, item in enumerate(interviews.task.items):
            if item.name in rows.probabilities:
                table = np.where(run[:, None], rows.probabilities[item.name][chosen], np.nan)
                probabilities[item.name] = table
            if item.name in rows.answers:
                answers[item.name] = np.where(run, rows.answers[item.name][chosen], -1)
                states[item.name] = np.where(run, rows.states[item.name][chosen], State.NOT_RUN).astype(np.int8)
            else:
                drawn = draw_options(table, interviews.uniforms[:, number])
                answers[item.name] = drawn
                absent = np.where(run, State.INVALID, State.NOT_RUN)
                states[item.name] = np.where(drawn >= 0, State.ANSWERED, absent).astype(np.int8)
        assert all(len(column) == people.n for column in answers.values())
        return Answers(answers, states, probabilities, paired=self.paired)

    def log_prob(self, interviews: Interviews, answers: Sample) -> dict[str, FloatArray]:
        """Natural logarithm of the probability that the file gives to the person's answer.

        Only for independent interviews: in a sequential one, the file's probabilities are given its own earlier answers
        and not the people's. Empty otherwise; NaN where the person or the file has no answer.
        """
        task = interviews.task
        if not self.capabilities.log_prob:
            raise ModelError(f"{self.path.name} has no option probabilities for named respondents")
        if task.spec.interview.mode != "independent" and len(task.items) > 1:
            return {}
        rows = self._rows(task)
        chosen = self._choose(rows, interviews)
        result = {}
        for item in task.items:
            if item.name in rows.probabilities:
                given = answers.answers[item.name]
                picked = rows.probabilities[item.name][chosen, given]
                with np.errstate(divide="ignore"):
                    result[item.name] = np.where((chosen >= 0) & (given >= 0), np.log(picked), np.nan)
        return result

    def _rows(self, task: Task) -> Rows:
        if self._read is None or self._read[0] is not task:
            self._read = (task, read_rows(self.table, task))
        return self._read[1]

    def _fail(
        self, message: str, line: int | None = None, column: str | None = None, hint: str | None = None
    ) -> NoReturn:
        field = None if column is None else f"column {column!r}"
        raise DataError(message, file=self.table.name, line=line, field=field, hint=hint)

    def _choose(self, rows: Rows, interviews: Interviews) -> IntArray:
        """Row of the file for each person, -1 where there is none."""
        of_draw = np.flatnonzero(rows.draw == interviews.draw)
        if len(of_draw) == 0:
            held = f"draws {rows.draw.min()} to {rows.draw.max()}" if rows.draw.max() else "draw 0 only"
            self._fail(
                f"draw {interviews.draw} is asked for and the file holds {held}",
                column="draw",
                hint="draws count from 0 in a column 'draw'; ask for fewer with --draws",
            )
        people = interviews.people
        if rows.respondent is None:
            return self._any_of_the_arm(rows, of_draw, people, interviews.uniforms)
        row_of = dict(zip(rows.respondent[of_draw], of_draw.tolist(), strict=True))
        chosen = np.array([row_of.get(name, -1) for name in people.respondent], dtype=np.int64)
        if people.n and (chosen < 0).all():
            self._fail(
                "holds none of the people of this run",
                column="respondent",
                hint="identifiers are those of the task's data; without an id column, row numbers from 1",
            )
        other = (chosen >= 0) & (rows.arm[chosen] != people.arm) & (rows.arm[chosen] != NO_ARM)
        for place in np.flatnonzero(other)[:1]:
            row = chosen[place]
            self._fail(
                f"arm is {rows.arm[row]!r}, respondent {people.respondent[place]!r} was in {people.arm[place]!r} "
                f"({other.sum()} rows differ in this way)",
                self.table.line(int(row)),
                "arm",
            )
        return chosen

    def _any_of_the_arm(self, rows: Rows, of_draw: IntArray, people: Sample, uniforms: FloatArray) -> IntArray:
        """Random rows of the same arm, as many as people, without replacement."""
        seed = hashlib.blake2b(np.ascontiguousarray(uniforms).tobytes(), digest_size=8).digest()
        rng = np.random.default_rng(int.from_bytes(seed, "little"))
        chosen = np.empty(people.n, dtype=np.int64)
        for arm in dict.fromkeys(people.arm):
            places = np.flatnonzero(people.arm == arm)
            candidates = of_draw[rows.arm[of_draw] == arm]
            if len(candidates) < len(places):
                self._fail(
                    f"holds {len(candidates)} rows of arm {arm!r}, and {len(places)} people are to be matched",
                    column="arm" if len(set(rows.arm)) > 1 else None,
                    hint="simulate at least as many rows as there are test people in each arm, or use --limit",
                )
            chosen[places] = candidates[np.argsort(rng.random(len(candidates)))][: len(places)]
        return chosen
