"""Caps on time and memory, and a canary that nothing may read or change."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CANARY", "Apart", "Canary", "TooSlowError", "apart", "capped"]

#: What stands in the canary file, and may stand nowhere else.
CANARY = "the-canary-sings-7f3a9c"


class TooSlowError(BaseException):
    """A piece of work used more processor time than it may; no `except Exception` swallows it."""


@contextmanager
def capped(seconds: float = 5.0, megabytes: int = 1_500) -> Iterator[None]:
    """Let a piece of work use so much processor time, and so much memory more than is used now.

    Processor time, not time on the clock, so that a busy machine fails nothing.
    """

    def stop(*_: object) -> None:
        raise TooSlowError(f"more than {seconds} seconds of processor time")

    before = signal.signal(signal.SIGVTALRM, stop)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    statm = Path("/proc/self/statm")
    if statm.exists():  # elsewhere the size of a process is not known so simply
        used = int(statm.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20, hard))
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@dataclass(frozen=True)
class Apart:
    """What a process of its own said."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Both streams."""
        return self.out + self.err


def apart(
    words: Sequence[str],
    folder: Path,
    *,
    seconds: int = 30,
    megabytes: int = 4_000,
    env: Mapping[str, str] | None = None,
    code: str | None = None,
) -> Apart:
    """Run the command line, or a program, in a process of its own with caps on processor time, memory and size of files."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (megabytes * 2**20, megabytes * 2**20))
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 2**20, 64 * 2**20))

    start = [sys.executable, "-c", code] if code is not None else [sys.executable, "-m", "surveyeval"]
    surroundings = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "COLUMNS": "200", **(env or {})}
    done = subprocess.run(
        [*start, *words],
        cwd=folder,
        env=surroundings,
        capture_output=True,
        timeout=300,
        preexec_fn=limit,
        check=False,
    )
    return Apart(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


class Canary:
    """A file outside of all folders that are allowed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "canary.txt"
        self.path.write_text(f"id,answer\n1,{CANARY}\n")
        self._before = (self.path.read_bytes(), self.path.stat().st_mtime_ns, sorted(folder.iterdir()))

    def check(self, *said: str) -> None:
        """It is as it was, nothing stands beside it, and nobody tells what is in it."""
        now = (self.path.read_bytes(), self.path.stat().st_mtime_ns, sorted(self.path.parent.iterdir()))
        assert now == self._before
        assert not [text for text in said if CANARY in text]
