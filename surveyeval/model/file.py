"""Answers made by any other tool: ``file:PATH`` (CSV or parquet).

Columns: ``respondent`` (optional; without it the simulation is unpaired), ``arm`` (in experiments), ``draw`` (optional,
from 0), one column of codes for each item, and ``item__p__code`` for option probabilities.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from surveyeval.data.readers import Table, read_table
from surveyeval.data.sample import NO_ARM, Sample, State
from surveyeval.errors import DataError, ModelError, did_you_mean
from surveyeval.model.protocol import Answers, Capabilities, Fingerprint, Interviews
from surveyeval.task.task import Item, Task

__all__ = ["FileModel", "FileOptions"]


class FileOptions(BaseModel):
    """A file has no options."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FileModel:
    """Simulated answers from a file."""

    capabilities = Capabilities()

    def __init__(self, reference: str, options: FileOptions | None = None) -> None:
        self.path = Path(reference)
        self.table: Table = read_table(self.path)

    def fit(self, task: Task, pilot: Sample) -> None:
        """Nothing is learned."""

    def fingerprint(self) -> Fingerprint:
        """sha256 of the file."""
        return Fingerprint("content", self.table.sha256, {"file": self.path.name})

    def banners(self) -> Sequence[str]:
        """How these answers came about is not known here."""
        return ("Answers were read from a file; how they were made is for its author to say.",)

    def log_prob(self, interviews: Interviews, answers: Sample) -> dict[str, NDArray[np.float64]]:
        """Not offered: probabilities in a file are given the simulated earlier answers, not the people's."""
        raise ModelError("a file gives no probabilities of the people's answers")

    def answer(self, interviews: Interviews) -> Answers:
        """Rows of this draw for these people."""
        frame, task, people = self.table.frame, interviews.task, interviews.people
        self._check(task)
        rows = self._of_draw(interviews.draw)
        paired = "respondent" in frame.columns
        chosen = self._paired(rows, people) if paired else self._unpaired(rows, people, interviews.uniforms)
        answers, states, probabilities = {}, {}, {}
        for item in task.items:
            codes = frame[item.name].to_numpy(dtype=object)
            index = {code: number for number, code in enumerate(item.codes)}
            known = np.array([index.get(code, -1) for code in codes], dtype=np.int64)
            answers[item.name] = np.where(chosen >= 0, known[chosen], -1)
            blank = np.where(chosen < 0, State.NOT_RUN, State.MISSING)
            states[item.name] = np.where(answers[item.name] >= 0, State.ANSWERED, blank).astype(np.int8)
            table = self._probabilities(item)
            if table is not None:
                probabilities[item.name] = np.where((chosen >= 0)[:, None], table[chosen], np.nan)
        return Answers(answers, states, probabilities, paired=paired)

    def _fail(
        self, message: str, row: int | None = None, field: str | None = None, hint: str | None = None
    ) -> NoReturn:
        line = None if row is None else self.table.line(row)
        raise DataError(message, file=str(self.path), line=line, field=field, hint=hint)

    def _check(self, task: Task) -> None:
        frame = self.table.frame
        expected = {"respondent", "arm", "draw", *(item.name for item in task.items)}
        expected |= {f"{item.name}__p__{code}" for item in task.items for code in item.codes}
        for column in frame.columns:
            if column not in expected:
                self._fail(
                    f"column {column!r} is no item of task {task.name!r}",
                    None,
                    column,
                    did_you_mean(column, expected) or "columns: respondent, arm, draw, items, item__p__code",
                )
        for item in task.items:
            if item.name not in frame.columns:
                self._fail(f"there is no column for item {item.name!r}", field=item.name)
            codes = frame[item.name].to_numpy(dtype=object)
            for row, code in enumerate(codes):
                if code is not None and code not in item.codes:
                    self._fail(
                        f"code {code!r} is no option",
                        row,
                        item.name,
                        did_you_mean(code, item.codes) or f"codes: {', '.join(item.codes)}",
                    )
        if task.is_experiment and "arm" not in frame.columns and "respondent" not in frame.columns:
            self._fail("an unpaired simulation of an experiment needs a column 'arm'", field="arm")

    def _of_draw(self, draw: int) -> NDArray[np.int64]:
        frame = self.table.frame
        if "draw" not in frame.columns:
            if draw:
                self._fail(
                    f"holds one draw, draw {draw} is asked for",
                    field="draw",
                    hint="add a column 'draw', or use --draws 1",
                )
            return np.arange(len(frame))
        rows = np.flatnonzero(frame["draw"].to_numpy(dtype=object) == str(draw))
        if len(rows) == 0:
            self._fail(f"holds no rows of draw {draw}", field="draw", hint="draws count from 0")
        return rows

    def _paired(self, rows: NDArray[np.int64], people: Sample) -> NDArray[np.int64]:
        names = self.table.frame["respondent"].to_numpy(dtype=object)
        seen: dict[str, int] = {}
        for row in rows:
            if names[row] in seen:
                self._fail(f"respondent {names[row]!r} stands twice in one draw", int(row), "respondent")
            seen[names[row]] = int(row)
        chosen = np.array([seen.get(name, -1) for name in people.respondent], dtype=np.int64)
        if (chosen < 0).all():
            self._fail(
                "holds none of the test people", field="respondent", hint="identifiers are those of the task's data"
            )
        if "arm" in self.table.frame.columns:
            arms = self.table.frame["arm"].to_numpy(dtype=object)
            for position, row in enumerate(chosen):
                if row >= 0 and people.arm[position] not in (arms[row], NO_ARM):
                    self._fail(f"arm is {arms[row]!r}, the person was in {people.arm[position]!r}", int(row), "arm")
        return chosen

    def _unpaired(self, rows: NDArray[np.int64], people: Sample, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
        """Random rows of the same arm, without replacement."""
        frame = self.table.frame
        arms = (
            frame["arm"].to_numpy(dtype=object) if "arm" in frame.columns else np.full(len(frame), NO_ARM, dtype=object)
        )
        seed = hashlib.blake2b(np.ascontiguousarray(uniforms).tobytes(), digest_size=8).digest()
        rng = np.random.default_rng(int.from_bytes(seed, "little"))
        chosen = np.empty(people.n, dtype=np.int64)
        for arm in np.unique(people.arm.astype(str)):
            places = np.flatnonzero(people.arm == arm)
            candidates = rows[arms[rows] == arm]
            if len(candidates) < len(places):
                self._fail(f"holds {len(candidates)} rows for arm {arm!r}, {len(places)} are needed", field="arm")
            chosen[places] = rng.permutation(candidates)[: len(places)]
        return chosen

    def _probabilities(self, item: Item) -> NDArray[np.float64] | None:
        names = [f"{item.name}__p__{code}" for code in item.codes]
        present = [name for name in names if name in self.table.frame.columns]
        if not present:
            return None
        if len(present) < len(names):
            self._fail(
                f"probabilities of item {item.name!r} lack {sorted(set(names) - set(present))[0]!r}", field=item.name
            )
        table = np.column_stack(
            [pd.to_numeric(self.table.frame[name], errors="coerce").to_numpy(dtype=float) for name in names]
        )
        bad = np.flatnonzero(~(np.isfinite(table) & (table >= 0)).all(axis=1) | (np.abs(table.sum(axis=1) - 1) > 0.01))
        if len(bad):
            self._fail(f"probabilities of item {item.name!r} are not between 0 and 1 with sum 1", int(bad[0]), names[0])
        return table
