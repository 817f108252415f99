"""What the benchmark scripts share: processes of their own for each side, peak memory, facts of the machine, the table.

The process that starts the others imports nothing heavy: on Linux a child's peak memory, as `resource` gives it, counts
what its parent held when it was started. `peak_mib` reads the child's own peak where the system tells it.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

WIDTH = 80


@dataclass(frozen=True)
class Row:
    """One line of the table; rates are per second (of processor time, in orchestration). None: does not apply."""

    benchmark: str
    ours: float
    peer: float | None = None
    batch: int | str | None = None
    ceiling: float | None = None
    limit: float | None = None
    mib: float | None = None
    peer_mib: float | None = None
    estimated: bool = False

    @property
    def ratio(self) -> float | None:
        return self.ours / self.peer if self.peer else None


@dataclass(frozen=True)
class Section:
    """Rows of one unit, with the circumstances they were measured under."""

    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> list[Section]:
        stored = json.loads(path.read_text())
        return [cls(one["title"], tuple(Row(**row) for row in one["rows"]), tuple(one["notes"])) for one in stored]


def write_sections(path: Path, sections: Sequence[Section]) -> None:
    path.write_text(json.dumps([asdict(one) for one in sections], indent=1) + "\n")


# ---- the table ------------------------------------------------------------------------------------------------------


def table(sections: Iterable[Section]) -> str:
    """All sections as one table of 80 columns."""
    head = f"{'':22}{'ours':>8}{'peer':>8}{'batch':>6}{'ratio':>6}{'ceiling':>8}{'share':>6}{'limit':>6}{'MiB':>5}{'peer':>5}"
    lines: list[str] = []
    for section in sections:
        lines += ["", *wrapped(section.title), *([head] if section.rows else [])]
        for row in section.rows:
            lines.append(_line(row))
        for note in section.notes:
            lines += wrapped(note, "  ")
    return "\n".join(lines[1:])


def _line(row: Row) -> str:
    def number(value: float | None, digits: int = 1) -> str:
        return "" if value is None else f"{value:,.{digits if abs(value) < 1000 else 0}f}"

    def percent(value: float | None) -> str:
        return "" if value is None else f"{value:.0%}"

    def memory(mib: float | None) -> str:
        return "" if mib is None else f"{mib:.0f}" if mib < 9999.5 else f"{mib / 1024:.0f}G"

    share = row.ratio / row.ceiling if row.ratio and row.ceiling else None
    digits = 2 if min(row.ours, row.peer or row.ours) < 10 else 1
    peer = ("~" if row.estimated else "") + number(row.peer, digits) if row.peer is not None else ""
    line = (
        f"{row.benchmark:22}{number(row.ours, digits):>8}{peer:>8}{'' if row.batch is None else row.batch:>6}"
        f"{number(row.ratio):>6}{number(row.ceiling):>8}{percent(share):>6}{percent(row.limit):>6}"
        f"{memory(row.mib):>5}{memory(row.peer_mib):>5}"
    )
    return line.rstrip()


def wrapped(text: str, indent: str = "") -> list[str]:
    import textwrap

    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


LEGEND = (
    "ours, peer: rate per second; batch: the peer's batch size that was its fastest; ratio: ours to peer; ceiling: tokens "
    "that the peer reads to tokens that are distinct; share: ratio to ceiling; limit: time that distinct tokens x 2 x "
    "parameters take at the measured rate of matrix products, to ours; MiB, peer: peak memory of both (G: in GiB); ~: the "
    "peer's rate on fewer respondents, not run at this size."
)


def report(sections: Sequence[Section], target: str | None) -> None:
    """Print the table, or leave it to whoever gave a file for it."""
    if target is not None:
        write_sections(Path(target), sections)
        return
    print("\n".join([machine(), "", table(sections), "", *wrapped(LEGEND)]))


#: Largest, and mean, difference in log-probability between the sides, by dtype. In bfloat16 both round: with SmolLM2 and
#: options of 2 to 4 tokens, either side is off its own float32 by 0.4 at most and by less than 0.1 in the mean.
TOLERANCE = {"float32": (1e-3, 1e-4), "bfloat16": (1.0, 0.25)}


def agreeing(found: dict[str, Any], dtype: str) -> dict[str, Any]:
    """What a peer's process told, if its log-probabilities are ours.

    Raises
    ------
    SystemExit
        When they are not: then no time means anything.
    """
    largest, mean = TOLERANCE[dtype]
    if not (found["differs"] <= largest and found["differs_mean"] <= mean):
        raise SystemExit(
            f"the two sides disagree: log-probabilities differ by {found['differs']:.2g} at most and by "
            f"{found['differs_mean']:.2g} in the mean, {largest} and {mean} are allowed in {dtype}; no time is shown"
        )
    return found


# ---- processes ------------------------------------------------------------------------------------------------------


def child(python: str, script: str, arguments: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """Run a script in a process of its own and read the object on its last line.

    Raises
    ------
    SystemExit
        With what the process wrote to its error stream, when it fails.
    """
    done = subprocess.run(
        [python, script, *arguments], text=True, capture_output=True, check=False, env={**os.environ, **environment}
    )
    if done.returncode:
        raise SystemExit(f"{python} {Path(script).name} {' '.join(arguments)}\n{done.stderr[-6000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def threads_environment(threads: int) -> dict[str, str]:
    """As many threads for every library that has them; no network, no telemetry."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "RAYON_NUM_THREADS")
    return {
        **dict.fromkeys(names, str(threads)),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
    }


def peak_mib(pid: int | None = None) -> float:
    """Largest memory that a process ever held, in MiB; of this process by default."""
    status = Path(f"/proc/{pid or 'self'}/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    scale = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def family_peak_mib() -> float:
    """The same for this process and those it started, added up: an upper bound of what they held together."""
    return peak_mib() + sum(peak_mib(pid) for pid in descendants(os.getpid()))


def descendants(pid: int) -> list[int]:
    """Processes started by a process, and by those; empty where the system does not tell."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        own = [int(word) for word in path.read_text().split()]
    except OSError:
        return []
    return own + [other for one in own for other in descendants(one)]


# ---- the machine ----------------------------------------------------------------------------------------------------


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> str:
    """One line on the machine, with how busy it is: a busy one tells little."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return f"{model}, {cores()} cores{load}, Python {platform.python_version()}"


def versions(*names: str) -> str:
    from importlib import metadata

    return ", ".join(f"{name} {metadata.version(name)}" for name in names)
