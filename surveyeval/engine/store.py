"""The response log of a run: one checksummed, synced line for each block, compacted to parquet at the end.

A line is ``crc32 json``. A torn or damaged last line (a kill in the middle of a write) is dropped and its block is
answered again; a damaged line in the middle means that the file was changed and is refused.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surveyeval.data.files import sync_folder
from surveyeval.data.sample import Sample, State
from surveyeval.engine.plan import Block, Plan
from surveyeval.errors import RunError
from surveyeval.task.task import Task

__all__ = ["BlockAnswers", "ResponseLog", "samples"]


@dataclass(frozen=True, eq=False)
class BlockAnswers:
    """What one block gave: arrays for the block's rows, by item.

    Parameters
    ----------
    block : Block
    answers, states, probabilities, mass, texts : mappings of item to array
        As in `surveyeval.model.protocol.Answers`.
    log_prob : mapping of item to (n,) float array
        Of the people's own answers.
    paired : bool
    notes : tuple of str
        What the model had noted by then.
    cached : float, optional
        When the model was asked, in seconds since 1970, if the answers are from the response cache.
    seconds : float
        What asking took then.
    """

    block: Block
    answers: Mapping[str, NDArray[np.int64]]
    states: Mapping[str, NDArray[np.int8]]
    probabilities: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    mass: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    log_prob: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    paired: bool = True
    texts: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    cached: float | None = None
    seconds: float = 0.0

    def to_json(self) -> str:
        """One line of JSON. NaN is null (not known); the logarithm of probability 0 is written as text."""
        block = self.block
        content: dict[str, Any] = {
            "block": [block.number, block.draw, block.start, block.stop],
            "paired": self.paired,
            "answers": {name: column.tolist() for name, column in self.answers.items()},
            "states": {name: column.tolist() for name, column in self.states.items()},
        }
        for kind in ("probabilities", "mass", "log_prob"):
            content[kind] = {name: _plain(column) for name, column in getattr(self, kind).items()}
        if self.texts:
            content["texts"] = {name: column.tolist() for name, column in self.texts.items()}
        if self.notes:
            content["notes"] = list(self.notes)
        if self.cached is not None:
            content |= {"cached": self.cached, "seconds": self.seconds}
        return json.dumps(content, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> BlockAnswers:
        """Inverse of `to_json`."""
        content = json.loads(text)

        def floats(kind: str) -> dict[str, NDArray[np.float64]]:
            return {name: np.array(column, dtype=float) for name, column in content[kind].items()}

        return cls(
            Block(*content["block"]),
            {name: np.array(column, dtype=np.int64) for name, column in content["answers"].items()},
            {name: np.array(column, dtype=np.int8) for name, column in content["states"].items()},
            floats("probabilities"),
            floats("mass"),
            floats("log_prob"),
            content["paired"],
            {name: np.array(column, dtype=object) for name, column in content.get("texts", {}).items()},
            tuple(content.get("notes", ())),
            content.get("cached"),
            content.get("seconds", 0.0),
        )


def _plain(column: NDArray[np.float64]) -> list[Any]:
    boxed = column.astype(object)
    boxed[~np.isfinite(column)] = None
    boxed[np.isneginf(column)] = "-inf"
    result: list[Any] = boxed.tolist()
    return result


class ResponseLog:
    """The responses of one run directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "responses.log"
        self.compacted = folder / "responses.parquet"

    def read(self) -> tuple[dict[int, BlockAnswers], str | None]:
        """Blocks that are on disk, by number, and a sentence when a torn last line was dropped.

        Raises
        ------
        RunError
            When a line before the last is damaged.
        """
        found: dict[int, BlockAnswers] = {}
        if not self.path.exists():
            return found, None
        raw = self.path.read_bytes()
        lines = raw.split(b"\n")
        whole, torn = lines[:-1], lines[-1]
        kept = 0
        for number, line in enumerate(whole, start=1):
            record = _parse(line)
            if record is None:
                if number < len(whole) or torn:
                    raise RunError(
                        "checksum does not match",
                        file=str(self.path),
                        line=number,
                        hint="the file was changed; delete the run directory and run again",
                    )
                torn = line
                break
            found[record.block.number] = record
            kept += len(line) + 1
        if not torn:
            return found, None
        with self.path.open("r+b") as stream:
            stream.truncate(kept)
            os.fsync(stream.fileno())
        return found, f"dropped a torn last record ({len(raw) - kept} bytes); its block is answered again"

    def append(self, record: BlockAnswers) -> None:
        """Write one block and wait until it is on disk."""
        text = record.to_json().encode()
        with self.path.open("ab") as stream:
            stream.write(b"%08x " % zlib.crc32(text) + text + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    def compact(self, task: Task, people: Sample, plan: Plan, records: Mapping[int, BlockAnswers]) -> None:
        """Write all blocks as one parquet table, a row for each respondent, draw and item, and remove the log.

        The column ``text``, what the model wrote, is there only when answers were read from texts.
        """
        written = any(record.texts for record in records.values())
        frames = [_frame(task, people, records[block.number], written) for block in plan.blocks]
        table = pd.concat(frames, ignore_index=True)
        temporary = self.compacted.with_name(".responses.parquet.tmp")
        table.to_parquet(temporary, index=False)
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(self.compacted)
        sync_folder(self.folder)
        self.path.unlink(missing_ok=True)


def _parse(line: bytes) -> BlockAnswers | None:
    checksum, _, text = line.partition(b" ")
    try:
        if int(checksum, 16) != zlib.crc32(text):
            return None
    except ValueError:
        return None
    return BlockAnswers.from_json(text.decode())


def _frame(task: Task, people: Sample, record: BlockAnswers, written: bool) -> pd.DataFrame:
    rows = slice(record.block.start, record.block.stop)
    n = record.block.stop - record.block.start
    frames = []
    for item in task.items:
        answers = record.answers[item.name]
        codes = np.array([*item.codes, None], dtype=object)
        probabilities = record.probabilities.get(item.name)
        texts = {"text": record.texts.get(item.name, np.full(n, None, dtype=object))} if written else {}
        frames.append(
            pd.DataFrame(
                {
                    "respondent": people.respondent[rows],
                    "arm": people.arm[rows],
                    "draw": record.block.draw,
                    "item": item.name,
                    "code": codes[answers],
                    "state": [State(state).name.lower() for state in record.states[item.name]],
                    "mass": record.mass.get(item.name, np.full(n, np.nan)),
                    "log_prob": record.log_prob.get(item.name, np.full(n, np.nan)),
                    "probabilities": [None] * n if probabilities is None else list(probabilities),
                    "paired": record.paired,
                    **texts,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def samples(task: Task, people: Sample, draws: int, frame: pd.DataFrame) -> list[Sample]:
    """Simulated samples, one for each draw, from a compacted table.

    `people` are the test respondents of the run, in any order that contains them all.
    """
    position = {respondent: index for index, respondent in enumerate(people.respondent)}
    frame = frame.assign(row=[position.get(respondent, -1) for respondent in frame["respondent"]])
    if (frame["row"] < 0).any():
        raise RunError("the run has respondents that the task's data do not hold", hint="was the data file changed?")
    names = [state.name.lower() for state in State]
    result = []
    for draw in range(draws):
        columns: dict[str, dict[str, Any]] = {
            kind: {} for kind in ("answers", "states", "probabilities", "mass", "log_prob")
        }
        rows_of_draw = frame[frame["draw"] == draw]
        for item in task.items:
            part = rows_of_draw[rows_of_draw["item"] == item.name]
            rows = part["row"].to_numpy()
            index = {code: number for number, code in enumerate(item.codes)}
            answers = np.full(people.n, -1, dtype=np.int64)
            answers[rows] = [index.get(code, -1) for code in part["code"]]
            states = np.full(people.n, State.NOT_RUN, dtype=np.int8)
            states[rows] = [names.index(state) for state in part["state"]]
            columns["answers"][item.name], columns["states"][item.name] = answers, states
            for kind in ("mass", "log_prob"):
                values = np.full(people.n, np.nan)
                values[rows] = part[kind].to_numpy(dtype=float)
                if np.isfinite(values).any():
                    columns[kind][item.name] = values
            if part["probabilities"].notna().any():
                columns["probabilities"][item.name] = _matrix(part["probabilities"], rows, people.n, item.k)
        simulated = people.without_answers().with_answers(
            columns["answers"],
            states=columns["states"],
            probabilities=columns["probabilities"],
            log_prob=columns["log_prob"],
            mass=columns["mass"],
        )
        paired = bool(frame["paired"].all())
        result.append(simulated if paired else _unpaired(simulated))
    return result


def _matrix(column: Any, rows: NDArray[np.int64], n: int, k: int) -> NDArray[np.float64]:
    matrix = np.full((n, k), np.nan)
    for row, values in zip(rows, column, strict=True):
        if values is not None:
            matrix[row] = values
    return matrix


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
