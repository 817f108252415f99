"""Which runs may be ranked together, which are apart, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surveyeval.board.entries import Entry, known_not_comparable
from surveyeval.data.files import digest

__all__ = ["Board", "boards", "why_apart"]

Manifest = Mapping[str, Any]

#: What runs of one board share: its name, and where it is found. Baselines and files are not asked, so that they stand on
#: the boards of every way of asking.
_SHARED: tuple[tuple[str, Callable[[Manifest], Any]], ...] = (
    ("version of the task", lambda m: m["task"]["version"]),
    ("task file", lambda m: m["task"]["hash"]),
    ("profile set", lambda m: m["task"]["profile_set"]),
    ("provenance of the data", lambda m: m["task"]["provenance"]),
    ("data", lambda m: m["data"]["sha256"]),
    ("split", lambda m: m["split"]["hash"]),
    ("test people", lambda m: m["split"]["test_ids"]),
    ("number of test people", lambda m: m["split"]["test"]),
    ("pilot people", lambda m: m["identity"]["pilot"]),
    ("hidden profile fields", lambda m: ", ".join(m["options"]["hidden"]) or "none"),
    ("seed of the random halves", lambda m: m["options"]["seed"]),
    ("number of random halves", lambda m: m["options"].get("splits") or "as each measure asks for"),
)
#: Hashes say nothing to a reader.
_HASHES = ("task file", "data", "split", "test people", "pilot people")


@dataclass(frozen=True, eq=False)
class Board:
    """Runs that may be compared with each other.

    Parameters
    ----------
    entries : sequence of Entry
        At least one; all on the same test people.
    elicitation : str
        How language models were asked; empty when none is among them.
    unranked : str
        Why nothing here is ranked; empty when it is.
    disputed : bool
        Whether what its entries say of the same people differs, so that none of their numbers is shown.
    """

    entries: Sequence[Entry]
    elicitation: str
    unranked: str = ""
    disputed: bool = False

    @property
    def manifest(self) -> Manifest:
        """Of the first run; what it says of task, data and split holds for all."""
        return self.entries[0].manifest

    @property
    def key(self) -> str:
        """A short name that is the same for the same board."""
        shared = [get(self.manifest) for _, get in _SHARED]
        return digest([str(self.manifest["task"]["name"]), *map(str, shared), self.elicitation])[:8]

    @property
    def slug(self) -> str:
        """Name of its page; task names are plain words, which the schema of submissions makes sure of."""
        return f"{self.manifest['task']['name']}-{self.key}"

    @property
    def limited(self) -> int | None:
        """How many test people a limit left, where it was given."""
        limited = self.manifest.get("limited")
        return int(limited) if limited is not None else None


def boards(entries: Sequence[Entry]) -> list[Board]:
    """Divide entries into boards.

    Runs of different task versions, data, test or pilot people, profile sets, hidden fields, random halves or ways of asking
    stand on different boards.

    Returns
    -------
    list of Board
        By task; ranked ones first.
    """
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        key = (str(entry.manifest["task"]["name"]), *(str(get(entry.manifest)) for _, get in _SHARED))
        groups.setdefault(key, []).append(entry)
    found = []
    for group in groups.values():
        asked = list(dict.fromkeys(asking(entry) for entry in group if asking(entry))) or [""]
        for way in asked:
            own = [entry for entry in group if asking(entry) in ("", way)]
            found.append(Board(own, way, _unranked(own)))
    return sorted(found, key=lambda board: (bool(board.unranked), str(board.manifest["task"]["name"]), board.key))


def asking(entry: Entry) -> str:
    """How a language model was asked; empty for what is not asked."""
    elicitation = entry.manifest.get("elicitation")
    return str(elicitation["text"]) if elicitation else ""


def _unranked(entries: Sequence[Entry]) -> str:
    manifest = entries[0].manifest
    if manifest["task"]["provenance"] != "human":
        return "Its reference rows are synthetic: made by a script, not answered by people. It checks a pipeline and ranks nobody."
    if not manifest["task"]["comparable"] or known_not_comparable(manifest):
        return "The task declares that its results are not comparable, so nobody is ranked."
    return ""


def why_apart(found: Sequence[Board]) -> list[tuple[str, list[str]]]:
    """For each task with several boards, what they differ in."""
    by_task: dict[str, list[Board]] = {}
    for board in found:
        by_task.setdefault(str(board.manifest["task"]["name"]), []).append(board)
    said = []
    for task, own in by_task.items():
        if len(own) > 1:
            said.append((task, _differences(own)))
    return said


def _differences(found: Iterable[Board]) -> list[str]:
    listed = list(found)
    reasons = []
    for words, get in _SHARED:
        values = list(dict.fromkeys(str(get(board.manifest)) for board in listed))
        if len(values) > 1:
            reasons.append(f"{words} differ" if words.endswith("people") else f"the {words} differs")
            if words not in _HASHES:
                reasons[-1] += f": {'; '.join(value[:60] for value in values)}"
    ways = list(dict.fromkeys(board.elicitation for board in listed))
    if len(ways) > 1:
        reasons.append(f"the way of asking differs: {'; '.join(way or 'none asked' for way in ways)}")
    return reasons
