"""Files that are whole or absent, and hashes of plain data."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["digest", "file_hashes", "held", "replacing", "sync_folder", "write_atomically"]


def digest(content: object) -> str:
    """sha256 of the canonical JSON of plain data."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file so that a reader sees the old or the new one, never a part."""
    data = content.encode() if isinstance(content, str) else content
    with replacing(path) as temporary, temporary.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A place beside a file to write and sync its next content, which takes the file's name at the end.

    Two processes have a place each, so that the last one wins and none finds half of the other's. What could not be written
    is removed, so that a full disk is not left fuller.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except Exception:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def file_hashes(folder: Path, *names: str) -> dict[str, str]:
    """sha256 of those of some files that are there, by name."""
    found = {}
    for name in names:
        if (folder / name).exists():
            with (folder / name).open("rb") as stream:
                found[name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def held(lock: Path) -> Iterator[bool]:
    """Hold a lock file; gives False where another process holds it. It is let go when the process ends, however it does."""
    with lock.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
