"""The responses of a finished run: one parquet table, a row for each respondent, draw and item.

It is written block by block and read batch by batch, so that neither needs memory for all rows. Its bytes depend on the plan
and the answers alone, not on when a run was interrupted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.files import replacing
from surveyeval.data.sample import Sample, State
from surveyeval.engine.foreign import check_fits, check_responses, check_rows, readable
from surveyeval.engine.plan import Plan
from surveyeval.engine.store import BlockAnswers
from surveyeval.errors import RunError
from surveyeval.task.task import Item, Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NAME", "Gathered", "from_records", "read_respondents", "read_samples", "samples", "write_responses"]

NAME = "responses.parquet"
#: Rows that are written and read together, as near as blocks allow.
_ROWS = 65_536
_STATES = [state.name.lower() for state in State]


def write_responses(
    folder: Path, task: Task, people: Sample, plan: Plan, record: Callable[[int], BlockAnswers], *, texts: bool
) -> None:
    """Write the table of a run.

    Parameters
    ----------
    folder : Path
        The run directory.
    task : Task
    people : Sample
        Test respondents of the plan.
    plan : Plan
    record : callable
        Gives the answers of a block by its number.
    texts : bool
        Whether there is a column ``text``, what the model wrote.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pa.string()
    columns = [("respondent", text), ("arm", text), ("draw", pa.int64()), ("item", text), ("code", text), ("state", text),
               ("mass", pa.float64()), ("log_prob", pa.float64()), ("probabilities", pa.list_(pa.float64())),
               ("paired", pa.bool_())]  # fmt: skip
    schema = pa.schema([*columns, *([("text", text)] if texts else [])])
    waiting: list[Any] = []
    with replacing(folder / NAME) as temporary, temporary.open("wb") as stream:
        with pq.ParquetWriter(stream, schema) as writer:

            def write() -> None:
                if waiting:
                    writer.write_table(pa.concat_tables(waiting).combine_chunks())
                    waiting.clear()

            for block in plan.blocks:
                one = record(block.number)
                waiting += [_table(people, one, item, schema) for item in task.items]
                if sum(table.num_rows for table in waiting) >= _ROWS:
                    write()
            write()
        stream.flush()
        os.fsync(stream.fileno())


def _table(people: Sample, record: BlockAnswers, item: Item, schema: Any) -> Any:
    import pyarrow as pa

    rows = slice(record.block.start, record.block.stop)
    n = record.block.stop - record.block.start
    codes = np.array([*item.codes, None], dtype=object)
    unknown = np.full(n, np.nan)
    probabilities = record.probabilities.get(item.name)
    content: dict[str, Any] = {
        "respondent": people.respondent[rows],
        "arm": people.arm[rows],
        "draw": np.full(n, record.block.draw),
        "item": np.full(n, item.name, dtype=object),
        "code": codes[record.answers[item.name]],
        "state": np.array(_STATES, dtype=object)[record.states[item.name]],
        # a number that is not known is one that is not there
        "mass": pa.array(record.mass.get(item.name, unknown), from_pandas=True),
        "log_prob": pa.array(record.log_prob.get(item.name, unknown), from_pandas=True),
        "probabilities": [None] * n if probabilities is None else list(probabilities),
        "paired": np.full(n, record.paired),
        "text": record.texts.get(item.name, np.full(n, None, dtype=object)),
    }
    return pa.table([pa.array(content[name], type=schema.field(name).type) for name in schema.names], schema=schema)


def read_respondents(path: Path) -> set[str]:
    """Identifiers of everybody in a table."""
    import pyarrow.parquet as pq

    found = set[str]()
    with readable(path), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS, columns=["respondent"]):
            found.update(batch.column(0).unique().to_pylist())
    return found


def read_samples(task: Task, people: Sample, draws: int, path: Path) -> list[Sample]:
    """As `samples`, from a file and without all its rows in memory."""
    return samples(task, people, draws, _frames(path, people.n * draws * len(task.items)))


def _frames(path: Path, most: int) -> Iterator[pd.DataFrame]:
    import pyarrow.parquet as pq

    with readable(path), pq.ParquetFile(path) as file:
        check_rows(file.metadata.num_rows, most, path.name)
        wanted = [name for name in file.schema_arrow.names if name not in ("arm", "text")]
        for batch in file.iter_batches(_ROWS, columns=wanted):
            yield batch.to_pandas()


def samples(task: Task, people: Sample, draws: int, frames: pd.DataFrame | Iterator[pd.DataFrame]) -> list[Sample]:
    """Simulated samples, one for each draw, from the rows of a table.

    Parameters
    ----------
    task : Task
    people : Sample
        The test respondents of the run, in any order that contains them all.
    draws : int
    frames : DataFrame or iterator of DataFrame

    Raises
    ------
    RunError
        When there are rows of somebody else.
    """
    position = {respondent: index for index, respondent in enumerate(people.respondent)}
    gathered, paired = [Gathered(task, people) for _ in range(draws)], True
    for frame in [frames] if not isinstance(frames, Iterator) else frames:
        check_responses(task, frame)
        rows = np.array([position.get(respondent, -1) for respondent in frame["respondent"]], dtype=np.int64)
        if (rows < 0).any():
            raise RunError(
                "the run has respondents that the task's data do not hold", hint="was the data file changed?"
            )
        paired &= bool(frame["paired"].all())
        draw, item = frame["draw"].to_numpy(), frame["item"].to_numpy()
        for number, one in enumerate(gathered):
            for wanted in task.items:
                here = np.flatnonzero((draw == number) & (item == wanted.name))
                if len(here):
                    one.add_rows(wanted, rows[here], frame.iloc[here])
    return [one.sample(paired=paired) for one in gathered]


class Gathered:
    """Columns of one simulated sample while its rows arrive.

    Parameters
    ----------
    task : Task
    people : Sample
    """

    def __init__(self, task: Task, people: Sample) -> None:
        n = people.n
        self.task, self.people = task, people
        self._answers = {item.name: np.full(n, -1, dtype=np.int64) for item in task.items}
        self._states = {item.name: np.full(n, State.NOT_RUN, dtype=np.int8) for item in task.items}
        self._numbers: dict[str, dict[str, NDArray[np.float64]]] = {"mass": {}, "log_prob": {}, "probabilities": {}}

    def add_rows(self, item: Item, rows: NDArray[np.int64], part: pd.DataFrame) -> None:
        """Add rows of a table of one item."""
        index = {code: number for number, code in enumerate(item.codes)}
        states = {name: number for number, name in enumerate(_STATES)}
        numbers = {kind: part[kind].to_numpy(dtype=float) for kind in ("mass", "log_prob")}
        given = part["probabilities"]
        known = given.notna().to_numpy()
        if known.any():
            numbers["probabilities"] = np.full((len(rows), item.k), np.nan)
            numbers["probabilities"][known] = np.array(given[known].tolist(), dtype=float)
        self.add(
            item,
            rows,
            [index.get(code, -1) for code in part["code"]],
            [states[state] for state in part["state"]],
            numbers,
        )

    def add(self, item: Item, rows: NDArray[np.int64], answers: Any, states: Any, numbers: Any) -> None:
        """Add answers of one item; numbers that are not there leave no column behind."""
        self._answers[item.name][rows] = answers
        self._states[item.name][rows] = states
        for kind, values in numbers.items():
            columns = self._numbers[kind]
            if kind == "probabilities" or item.name in columns or not np.isnan(values).all():
                shape = (self.people.n, item.k) if kind == "probabilities" else (self.people.n,)
                columns.setdefault(item.name, np.full(shape, np.nan))[rows] = values

    def sample(self, *, paired: bool) -> Sample:
        """The sample."""
        simulated = self.people.without_answers().with_answers(
            self._answers,
            states=self._states,
            probabilities=self._numbers["probabilities"],
            log_prob=self._known("log_prob"),
            mass=self._known("mass"),
        )
        return simulated if paired else _unpaired(simulated)

    def _known(self, kind: str) -> dict[str, NDArray[np.float64]]:
        return {name: column for name, column in self._numbers[kind].items() if np.isfinite(column).any()}


def _unpaired(sample: Sample) -> Sample:
    """Rows of nobody in particular: no identifier, profile or weight of the people in whose place they stand."""
    nothing = np.full(sample.n, None, dtype=object)
    return replace(
        sample,
        respondent=np.array([f"simulated-{number}" for number in range(1, sample.n + 1)], dtype=object),
        profile=dict.fromkeys(sample.profile, nothing),
        weight=np.ones(sample.n),
        stratum=None,
        psu=None,
        paired=False,
    )


def from_records(task: Task, people: Sample, draws: Sequence[int], records: Iterator[BlockAnswers]) -> list[Sample]:
    """Simulated samples of some draws from blocks of all test respondents; what no block holds is ``NOT_RUN``."""
    gathered, paired = {draw: Gathered(task, people) for draw in draws}, True
    for record in records:
        one = gathered.get(record.block.draw)
        if one is None:
            continue
        content = {"answers": record.answers, "probabilities": record.probabilities}
        check_fits(task, people.n, content, (record.block.start, record.block.stop), "responses.log")
        paired &= record.paired
        rows = np.arange(record.block.start, record.block.stop)
        for item in task.items:
            numbers = {
                kind: getattr(record, kind)[item.name]
                for kind in ("mass", "log_prob", "probabilities")
                if item.name in getattr(record, kind)
            }
            one.add(item, rows, record.answers[item.name], record.states[item.name], numbers)
    return [gathered[draw].sample(paired=paired) for draw in draws]
