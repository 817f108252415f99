"""The response log of a run: one checksummed, synced line for each block.

A line is ``crc32 json``. A torn or damaged last line (a kill in the middle of a write) is dropped and its block is
answered again; a damaged line in the middle means that the file was changed and is refused. Where a block has several
lines, because answers that had failed were tried again, the last one holds.

No more than one block is in memory at a time.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.files import sync_folder, written_to
from surveyeval.engine.foreign import record_content
from surveyeval.engine.journal import checked_line, checked_text
from surveyeval.engine.plan import Block
from surveyeval.errors import RunError
from surveyeval.model.protocol import Failed

__all__ = ["BlockAnswers", "ResponseLog", "interviews_on_disk"]

_BLOCK = re.compile(rb'[0-9a-f]{8} \{"block":\[(\d+),\d+,(\d+),(\d+)\]')


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
    failed : tuple of Failed
        Answers that are tried again by the next command.
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
    failed: tuple[Failed, ...] = ()

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
        if self.failed:
            content["failed"] = [list(astuple(one)) for one in self.failed]
        return json.dumps(content, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> BlockAnswers:
        """Inverse of `to_json`.

        Raises
        ------
        ValueError
            When the text is of another shape.
        """
        content = record_content(text)

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
            tuple(Failed(*one) for one in content.get("failed", ())),
        )


def _plain(column: NDArray[np.float64]) -> list[Any]:
    boxed = column.astype(object)
    boxed[~np.isfinite(column)] = None
    boxed[np.isneginf(column)] = "-inf"
    result: list[Any] = boxed.tolist()
    return result


class ResponseLog:
    """The responses of a run that is not finished.

    Parameters
    ----------
    folder : Path
        The run directory.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "responses.log"
        self._at: dict[int, tuple[int, int]] = {}
        self._end = 0

    def open(self, each: Callable[[BlockAnswers], None] = lambda record: None, *, mend: bool = True) -> str | None:
        """Find the blocks that are on disk.

        Parameters
        ----------
        each : callable
            Called with every record, in the order of the file.
        mend : bool
            Whether a torn last line is cut off. It is left out in any case.

        Returns
        -------
        str or None
            A sentence when there was a torn last line.

        Raises
        ------
        RunError
            When a line before the last is damaged.
        """
        self._at, self._end = {}, 0
        if not self.path.exists():
            return None
        torn: int | None = None
        with self.path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if torn is not None:
                    raise RunError(
                        "checksum does not match",
                        file=str(self.path),
                        line=number - 1,
                        hint="the file was changed; delete the run directory and run again",
                    )
                text = checked_text(line[:-1]) if line.endswith(b"\n") else None
                if text is None:
                    torn = len(line)
                    continue
                try:
                    record = BlockAnswers.from_json(text.decode())
                except ValueError as error:
                    raise RunError(f"is no record of answers: {error}", file=str(self.path), line=number) from error
                self._at[record.block.number] = (self._end, len(line))
                self._end += len(line)
                each(record)
        if torn is None:
            return None
        if mend:
            self._cut()
        return f"dropped a torn last record ({torn} bytes); its block is answered again"

    def __contains__(self, number: object) -> bool:
        return number in self._at

    def __len__(self) -> int:
        return len(self._at)

    def __iter__(self) -> Iterator[int]:
        """Numbers of the blocks on disk."""
        return iter(sorted(self._at))

    def record(self, number: int) -> BlockAnswers:
        """Read one block."""
        start, size = self._at[number]
        with self.path.open("rb") as stream:
            stream.seek(start)
            return BlockAnswers.from_json(stream.read(size).partition(b" ")[2].decode())

    def append(self, record: BlockAnswers) -> None:
        """Write one block and wait until it is on disk; a line that cannot be written whole is taken back.

        `open` comes before.

        Raises
        ------
        RunError
            When the disk is full, read-only or broken.
        """
        line, fresh = checked_line(record.to_json().encode()), not self.path.exists()
        with written_to(self.path):
            try:
                with self.path.open("ab") as stream:
                    stream.write(line)
                    stream.flush()
                    os.fsync(stream.fileno())
                if fresh:
                    sync_folder(self.folder)
            except OSError:
                with suppress(OSError):
                    self._cut()
                raise
        self._at[record.block.number] = (self._end, len(line))
        self._end += len(line)

    def remove(self) -> None:
        """Remove the log of a run whose answers are stored otherwise."""
        self.path.unlink(missing_ok=True)
        self._at, self._end = {}, 0

    def _cut(self) -> None:
        with self.path.open("r+b") as stream:
            stream.truncate(self._end)
            os.fsync(stream.fileno())


def interviews_on_disk(folder: Path) -> int:
    """Interviews of a run that is under way, at a glance: nothing is parsed, checked or changed."""
    path = folder / "responses.log"
    found: dict[int, int] = {}
    with suppress(OSError), path.open("rb") as stream:
        for line in stream:
            begins = _BLOCK.match(line)
            if begins and line.endswith(b"\n"):
                number, start, stop = map(int, begins.groups())
                found[number] = stop - start
    return sum(found.values())
