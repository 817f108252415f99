"""Replies of a block that is not finished, for models that answer requests one by one: a checksummed, synced file per block.

Without it, a server that fails at the end of a block would cost all calls of the block. The file goes when the block's record
is in the log.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from surveyeval.data.files import sync_folder, written_to

__all__ = ["Journal", "Replies", "checked_line", "checked_text"]


def checked_line(text: bytes) -> bytes:
    """A line of a log: checksum and text."""
    return b"%08x " % zlib.crc32(text) + text + b"\n"


def checked_text(line: bytes) -> bytes | None:
    """The text of a line without its end, or None when the checksum does not fit."""
    checksum, _, text = line.partition(b" ")
    try:
        return text if int(checksum, 16) == zlib.crc32(text) else None
    except ValueError:
        return None


class Replies:
    """What a model replied to requests of one block.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, Any] | None = None
        self._end = 0

    def get(self, key: str) -> Any:
        """The reply that was kept under a key, or None."""
        return self._read().get(key)

    @property
    def known(self) -> dict[str, Any]:
        """All replies that were kept, by key."""
        return dict(self._read())

    def put(self, replies: Mapping[str, Any]) -> None:
        """Keep replies, and wait until they are on disk.

        Raises
        ------
        RunError
            When the disk is full, read-only or broken.
        """
        known, fresh = self._read(), not self.path.exists()
        lines = [
            checked_line(json.dumps([key, reply], separators=(",", ":")).encode()) for key, reply in replies.items()
        ]
        with written_to(self.path):
            with self.path.open("r+b" if not fresh else "wb") as stream:
                stream.seek(self._end)
                stream.truncate()  # what a kill left of a line
                stream.write(b"".join(lines))
                stream.flush()
                os.fsync(stream.fileno())
            if fresh:
                sync_folder(self.path.parent)
        self._end += sum(map(len, lines))
        known |= replies

    def forget(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)
        self._known, self._end = {}, 0

    def _read(self) -> dict[str, Any]:
        """What is whole; after a line that is not, nothing is believed. It only costs calls that are made again."""
        if self._known is None:
            self._known, self._end = {}, 0
            raw = self.path.read_bytes() if self.path.exists() else b""
            for line in raw.split(b"\n")[:-1]:
                text = checked_text(line)
                if text is None:
                    break
                key, reply = json.loads(text)
                self._known[key] = reply
                self._end += len(line) + 1
        return self._known


class Journal:
    """The replies of a run, block by block.

    Parameters
    ----------
    folder : Path
        The run directory.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, block: int) -> Replies:
        """Replies of one block."""
        return Replies(self._folder / f"replies.{block:07d}.log")

    @property
    def begun(self) -> bool:
        """Whether there are replies of unfinished blocks."""
        return any(self._folder.glob("replies.*.log"))

    def clear(self) -> None:
        """Remove all files, when every block's record is stored."""
        for path in self._folder.glob("replies.*.log"):
            path.unlink(missing_ok=True)
