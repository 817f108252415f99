"""Files that are whole or absent, and hashes of plain data."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from surveyeval.errors import RunError

__all__ = [
    "DISK",
    "digest",
    "file_hashes",
    "held",
    "replacing",
    "sync_folder",
    "write_atomically",
    "written_to",
]

#: What a disk can be: full in three ways, read-only, broken.
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


def digest(content: object) -> str:
    """sha256 of the canonical JSON of plain data."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def written_to(path: Path | str) -> Iterator[None]:
    """Say what a disk that takes nothing means for a file that is being written.

    Raises
    ------
    RunError
        Instead of an OSError of a disk that is full, read-only or broken, which is its cause.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in DISK:
            raise
        raise RunError(
            f"cannot be written: {os.strerror(error.errno)}",
            file=str(path),
            hint="make room, or name another place, and give the command again",
        ) from error


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file so that a reader sees the old or the new one, never a part.

    Raises
    ------
    RunError
        When the disk is full, read-only or broken.
    OSError
        When it cannot be written for another reason.
    """
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

    Raises
    ------
    RunError
        When the disk is full, read-only or broken.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with written_to(path):
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
