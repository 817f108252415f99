"""A disk that stops at a chosen step: as a kill would, as a loss of power would, or because it is full.

Everything that our code does to files below a folder goes through `io.open` and a few functions of `os`; they are replaced
while a `Disk` is in use. A first pass records the steps, and a test then stops at each of them.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: Functions of `os` that change names.
NAMES = ("replace", "rename", "unlink", "remove", "mkdir", "rmdir")
#: Steps that need room on the disk.
GROWS = ("open", "write", "mkdir")


class Stopped(BaseException):
    """Not an Exception, as a signal is none."""


class Disk:
    """What is done below a folder, step by step.

    Parameters
    ----------
    root : Path
    stop_at : int, optional
        Number of the step, from 0, at which it stops; a write is half done then, everything else not at all.
    how : {"kill", "power", "full"}
        ``power``: in addition, what was written and not synced is lost. ``full``: from this step on nothing that needs room
        succeeds, and the process lives.
    """

    def __init__(self, root: Path, stop_at: int | None = None, how: str = "kill") -> None:
        self.root, self.stop_at, self.how = str(root), stop_at, how
        self.steps: list[str] = []
        self.stopped = False
        self._synced: dict[str, int] = {}

    @property
    def fired(self) -> bool:
        return self.stopped

    def step(self, kind: str, path: str, half: Callable[[], None] | None = None) -> None:
        """Count a step, and stop at it if it is the one."""
        if self.stopped:
            self._stop(kind, path)
            return
        self.steps.append(f"{kind} {path.removeprefix(self.root)}")
        if len(self.steps) - 1 == self.stop_at:
            if self.how == "full" and kind not in GROWS:
                self.stop_at += 1  # room is not what it needs: the next step
                return
            if half is not None:
                half()
            self.stopped = True
            if self.how == "power":
                self._lose()
            self._stop(kind, path)

    def _stop(self, kind: str, path: str) -> None:
        if self.how != "full":
            raise Stopped(kind, path)
        if kind in GROWS:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    def _lose(self) -> None:
        for path, size in self._synced.items():
            if os.path.exists(path) and os.path.getsize(path) > size:  # noqa: PTH110, PTH202 - not through what is replaced
                os.truncate(path, size)

    def below(self, path: Any, dir_fd: int | None = None) -> str | None:
        """The whole path, if it is below the folder."""
        text = os.fspath(path)
        if dir_fd is not None:
            text = os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), text)  # noqa: PTH115, PTH118
        text = os.path.abspath(text)  # noqa: PTH100
        return text if text.startswith(self.root + os.sep) else None

    @contextmanager
    def in_use(self) -> Iterator[Disk]:
        real_open, real_sync = io.open, os.fsync
        real = {name: getattr(os, name) for name in NAMES}
        disk = self

        class Stream(io.FileIO):
            def write(self, data: Any) -> int:
                content = bytes(data)

                def half() -> None:
                    io.FileIO.write(self, content[: len(content) // 2])

                disk.step("write", str(self.name), half)
                return super().write(content) or 0

            def truncate(self, size: int | None = None) -> int:
                disk.step("truncate", str(self.name))
                return super().truncate(size)

        def opened(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            path = disk.below(file) if isinstance(file, str | os.PathLike) else None
            if path is None or mode in ("r", "rb", "rt"):
                return real_open(file, mode, *arguments, **options)
            disk.step("open" if "w" in mode or not os.path.exists(path) else "reopen", path)  # noqa: PTH110
            size = os.path.getsize(path) if os.path.exists(path) and "w" not in mode else 0  # noqa: PTH110, PTH202
            disk._synced.setdefault(path, size)
            if "w" in mode:
                disk._synced[path] = 0
            return Stream(path, mode.replace("b", "")) if "b" in mode else real_open(file, mode, *arguments, **options)

        def sync(descriptor: Any) -> None:
            number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
            path = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115
            if path.startswith(disk.root):
                disk.step("sync", path)
                if os.path.isfile(path):  # noqa: PTH113
                    disk._synced[path] = os.path.getsize(path)  # noqa: PTH202
            # nothing is asked of the real disk, which would take its time

        def named(name: str) -> Callable[..., None]:
            def call(path: Any, *arguments: Any, **options: Any) -> None:
                here = disk.below(path, options.get("dir_fd"))
                if here is not None:
                    disk.step(name, here)
                real[name](path, *arguments, **options)
                if here is not None and name in ("replace", "rename") and here in disk._synced:
                    disk._synced[os.path.abspath(arguments[0])] = disk._synced.pop(here)  # noqa: PTH100

            return call

        try:
            io.open, os.fsync = opened, sync  # type: ignore[assignment]
            for name in NAMES:
                setattr(os, name, named(name))
            yield self
        finally:
            io.open, os.fsync = real_open, real_sync
            for name in NAMES:
                setattr(os, name, real[name])


def steps_of(root: Path, work: Callable[[], Any]) -> list[str]:
    """The steps of some work."""
    with Disk(root).in_use() as disk:
        work()
    return disk.steps


def stopped_at(root: Path, step: int, how: str, work: Callable[[], Any]) -> Disk:
    """Do some work until it is stopped; an error is what a full disk ends in."""
    disk = Disk(root, step, how)
    with disk.in_use():
        try:
            work()
        except Stopped:
            pass
        except Exception as error:
            if how != "full" or "No space left" not in str(error):
                raise
    return disk
