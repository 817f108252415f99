"""Whether a run has room: what it needs on disk and in memory, told before it starts.

The numbers are upper ends: of texts and of long labels nobody knows before how long they are. `benchmarks/memory.py` measures both.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from surveyeval.engine.asking import repeats
from surveyeval.errors import RunError
from surveyeval.model import host
from surveyeval.model.build import build_elicitation
from surveyeval.model.protocol import LanguageModel, Respondent
from surveyeval.task.task import Task

__all__ = ["Room", "check_room", "free_disk", "free_memory", "room_of"]

#: Bytes: a number in the log, an answer there beside its numbers, a number in the table, an answer there, a token of a text.
_LOG, _LOGGED, _TABLE, _TABLED, _TOKEN = 21, 24, 9, 12, 5
#: Bytes: the program with its libraries, a cell of the people's table as text with its copies, a row of the block.
_PROGRAM, _CELL, _BLOCK_ROW = 360 * 2**20, 150, 600
#: Bytes for each test person while estimates are computed: about twice what a single metric takes.
_SCORED = 12_000
#: Where the system tells of the group of processes that this one belongs to.
_GROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Room:
    """What a run needs.

    Parameters
    ----------
    disk : int
        Bytes in the folder of runs.
    memory : int
        Bytes, without the weights of a model.
    """

    disk: int
    memory: int


def room_of(
    task: Task, model: Respondent | LanguageModel, people: int, everybody: int, draws: int, elicitation: str
) -> Room:
    """Room for one model.

    Parameters
    ----------
    task : Task
    model : Respondent or LanguageModel
    people, everybody : int
        Test people, and people of the data.
    draws : int
    elicitation : str
        How a language model is asked.
    """
    options, items = sum(item.k for item in task.items), len(task.items)
    written = 0
    if isinstance(model, LanguageModel):
        way = build_elicitation(elicitation)
        most = getattr(getattr(way, "options", None), "max_tokens", 0)
        written = items * _TOKEN * (most if not repeats(way) or way.needs == "generate" else 0)
    numbers = options + 2 * items
    each = numbers * (_LOG + _TABLE) + items * (_LOGGED + _TABLED) + 2 * written
    block = host.block_size(model, people) or people
    cells = len(task.profile) + items + 3
    memory = _PROGRAM + everybody * cells * _CELL + block * (each * 4 + _BLOCK_ROW)
    memory += people * draws * (numbers + 2 * items) * 8 + people * _SCORED
    return Room(people * draws * each + 2**20, memory)


def free_disk(folder: Path) -> int:
    """Bytes free where a folder is, or will be."""
    here = folder.absolute()
    while not here.exists():
        here = here.parent
    return shutil.disk_usage(here).free


def free_memory() -> int | None:
    """Bytes of memory that can be had, within the limit of this process's group where there is one; None: not known."""
    found = []
    try:
        found.append(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found = [int(line.split()[1]) * 1024]
        limit = (_GROUP / "memory.max").read_text().strip()
        if limit != "max":
            found.append(int(limit) - _used(_GROUP))
    except (OSError, ValueError, AttributeError):
        pass
    return min(found) if found else None


def _used(group: Path) -> int:
    """Bytes of a group's limit that are taken: copies of files that nobody looks at make room when it is asked for."""
    counted = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    return int((group / "memory.current").read_text()) - int(counted.get("inactive_file", 0))


def check_room(room: Room, folder: Path, *, name: str) -> None:
    """Refuse a run that has no room, before a model is loaded.

    Raises
    ------
    RunError
    """
    for needed, free, what in (
        (room.disk, free_disk(folder), f"on the disk of {folder}"),
        (room.memory, free_memory(), "of memory"),
    ):
        if free is not None and needed > free:
            raise RunError(
                f"a run of {name!r} needs up to {_size(needed)} {what}, and {_size(max(free, 0))} are free",
                hint="make room, take fewer people (--limit) or draws, or say --force if you know better",
            )


def _size(count: int) -> str:
    return f"{count / 2**30:,.1f} GiB" if count >= 2**30 else f"{count / 2**20:,.0f} MiB"
