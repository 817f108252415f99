"""What the response cache holds, and how it is emptied."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from surveyeval.engine.cache import connected, path_of_responses
from surveyeval.engine.cache_keys import own_code
from surveyeval.errors import ConfigError, RunError

__all__ = ["Beside", "Contents", "Group", "clear", "contents"]

_DAY = 86400.0


@dataclass(frozen=True)
class Group:
    """Answers to one task by one model asked in one way.

    Parameters
    ----------
    task, model, elicitation : str
        `model` is the canonical model string.
    blocks, interviews : int
    size : int
        Bytes.
    first, last : float
        When they were asked, in seconds since 1970.
    """

    task: str
    model: str
    elicitation: str
    blocks: int
    interviews: int
    size: int
    first: float
    last: float


@dataclass(frozen=True)
class Beside:
    """Something else in the same folder: its name there, bytes, and what it is."""

    name: str
    size: int
    what: str


@dataclass(frozen=True)
class Contents:
    """What is in the cache, or was removed from it.

    Parameters
    ----------
    path : Path
        The file of the responses.
    size : int
        Its bytes on disk, or the bytes removed.
    groups : sequence of Group
        By task and model.
    outdated : int
        Blocks that were answered by other code than ours, and are not found any more.
    beside : sequence of Beside
    problem : str
        Why the file cannot be read, or nothing.
    """

    path: Path
    size: int = 0
    groups: Sequence[Group] = ()
    outdated: int = 0
    beside: Sequence[Beside] = field(default=())
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; times are in UTC."""

        def asked(group: Group) -> dict[str, Any]:
            times = {name: getattr(group, name) for name in ("first", "last")}
            return asdict(group) | {
                name: datetime.fromtimestamp(stamp, UTC).isoformat(timespec="seconds") for name, stamp in times.items()
            }

        return {
            "path": str(self.path),
            "size": self.size,
            "blocks": self.blocks,
            "interviews": self.interviews,
            "outdated_blocks": self.outdated,
            "problem": self.problem or None,
            "groups": [asked(group) for group in self.groups],
            "beside": [asdict(one) for one in self.beside],
        }

    @property
    def blocks(self) -> int:
        """Blocks in all groups."""
        return sum(group.blocks for group in self.groups)

    @property
    def interviews(self) -> int:
        """Interviews in all groups."""
        return sum(group.interviews for group in self.groups)


def contents() -> Contents:
    """What is there. Nothing is made or changed."""
    path = path_of_responses()
    beside = _beside(path.parent)
    if not path.exists():
        return Contents(path, beside=beside)
    size = path.stat().st_size
    try:
        with connected(path) as connection:
            groups = _groups(connection, "1", [])
            (outdated,) = connection.execute(
                "select count(*) from responses where kind = 'block' and code != ?", [own_code()]
            ).fetchone()
    except (OSError, sqlite3.Error) as error:
        return Contents(path, size, beside=beside, problem=str(error))
    return Contents(path, size, groups, int(outdated), beside)


def clear(
    *,
    model: str | None = None,
    task: str | None = None,
    older_than: float | None = None,
    outdated: bool = False,
    everything: bool = False,
) -> Contents:
    """Remove answers; without a choice, all of them. See `surveyeval.api.clear_cache`."""
    where, values = _choice(model, task, older_than, outdated)
    if everything and where:
        raise ConfigError("everything is to be removed, and some of it", hint="give --all, or a choice, not both")
    path = path_of_responses()
    beside = _beside(path.parent) if everything else []
    removed = _cleared(path, where, values, beside) if path.exists() else Contents(path, beside=beside)
    for one in beside:
        found = path.parent / one.name
        with suppress(FileNotFoundError):
            # of a link, the link alone
            shutil.rmtree(found) if found.is_dir() and not found.is_symlink() else found.unlink()
    return removed


def _choice(
    model: str | None, task: str | None, older_than: float | None, outdated: bool
) -> tuple[str, list[str | float]]:
    """A condition with its values; empty when everything is meant."""
    conditions: list[str] = []
    values: list[str | float] = []
    if model is not None:
        conditions.append("(model = ? or string = ? or substr(string, 1, length(?) + 1) = ? || '?')")
        values += [model] * 4
    if task is not None:
        conditions.append("task = ?")
        values.append(task)
    if older_than is not None:
        conditions.append("asked <= ?")
        values.append(time.time() - older_than * _DAY)
    if outdated:
        conditions.append("code != ?")
        values.append(own_code())
    return " and ".join(conditions), values


def _cleared(path: Path, where: str, values: Sequence[str | float], beside: Sequence[Beside]) -> Contents:
    before = path.stat().st_size
    try:
        with connected(path) as connection:
            groups = _groups(connection, where or "1", values)
            with connection:
                connection.execute(f"delete from responses where {where or '1'}", values)  # noqa: S608 - our own text
            with suppress(sqlite3.Error):  # somebody reads: the room is used again all the same
                connection.execute("vacuum")
    except sqlite3.OperationalError as error:
        raise RunError(f"cannot be changed: {error}", file=str(path), hint="is a run under way?") from error
    except (OSError, sqlite3.Error) as error:
        if where:
            raise RunError(
                f"cannot be read: {error}", file=str(path), hint="`surveyeval cache clear` removes the whole file"
            ) from error
        for name in (path.name, f"{path.name}-journal"):
            path.with_name(name).unlink(missing_ok=True)
        return Contents(path, before, beside=beside, problem=str(error))
    return Contents(path, before - path.stat().st_size, groups, beside=beside)


def _groups(connection: sqlite3.Connection, where: str, values: Sequence[str | float]) -> list[Group]:
    told = "sum(kind = 'block'), sum(interviews), sum(length(content)), min(asked), max(asked)"
    by = "task, string, elicitation"
    asked = f"select {by}, {told} from responses where {where} group by {by} order by {by}"  # noqa: S608 - our own text
    rows = connection.execute(asked, values)
    return [Group(*row) for row in rows]


def _beside(folder: Path) -> list[Beside]:
    """What else is made again when it is needed. What was tried (``tried.jsonl``) is a record, and never removed."""
    found = []
    with suppress(OSError):
        for path in sorted((folder / "models").iterdir()):
            size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            found.append(Beside(f"models/{path.name}", size, "a converted model"))
    with suppress(OSError):
        found.append(Beside("hashes.json", (folder / "hashes.json").stat().st_size, "hashes of weights"))
    return found
