"""Entries on the same people and halves have the same yardsticks: whose differ, and which of them stand on the board.

What real people and naive floors reach depends on data, people, pilot, seed and number of halves, and on no model. Where
two entries that share all of these disagree, one of them was altered, or made by another version of surveyeval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from surveyeval.board.boards import Board
from surveyeval.board.entries import Entry

__all__ = ["KEY", "agreed", "yardsticks"]

#: What names a value of a metric.
KEY = ("metric", "name", "item", "group", "arm", "regression", "term", "rule", "block")
#: Rounding errors of sums over halves, on other processors.
_CLOSE = 1e-9
#: Entries that it takes for the most of them to outvote the others.
_FEWEST = 3

Key = tuple[str, ...]


def agreed(board: Board) -> tuple[Board, list[str]]:
    """The entries of a board whose yardsticks agree.

    Parameters
    ----------
    board : Board

    Returns
    -------
    Board
        Runs of this machine are right; without any, the majority of at least three entries is. Without a majority
        nobody is ranked, and nothing is shown of a board but its entries.
    list of str
        Who was left out, with what differs.
    """
    camps = _camps(board.entries)
    if len(camps) < 2:
        return board, []
    here = {id(camp): sum(entry.run is not None for entry in camp) for camp in camps}
    camps.sort(key=lambda camp: (-here[id(camp)], -len(camp)))
    first, second = camps[:2]
    local, voting = here[id(first)] > here[id(second)], sum(map(len, camps))
    most = not here[id(first)] and voting >= _FEWEST and 2 * len(first) > voting
    if not (local or most):
        named = " and ".join(f"{entry.model} ({entry.id[:8]})" for camp in camps for entry in camp)
        one, other = next((a, b) for a in first for b in second if _differ(a, b))
        said = f"Nobody is ranked between {named}: {_difference(one, other)}"
        return Board(board.entries, board.elicitation, said, disputed=True), [f"{board.slug}: {said}"]
    notes, kept = [], []
    why = "runs of this machine" if local else "most entries"
    for entry in board.entries:
        against = next((one for one in first if _differ(one, entry)), None)
        if against is None:
            kept.append(entry)
            continue
        said = f"{_name(entry)} is left out of {board.slug}, against {why}: {_difference(against, entry)}"
        notes.append(said)
    return Board(kept, board.elicitation, board.unranked), notes


def yardsticks(entry: Entry) -> dict[Key, Mapping[str, object]]:
    """References and floors of an entry, by what they are of."""
    return {
        (str(row["quantity"]), str(row["model"]), *(str(row[name]) for name in KEY)): row
        for row in entry.submission.parts["metrics"]["estimates"]
        if row["quantity"] in ("reference", "floor")
    }


def _name(entry: Entry) -> str:
    return f"{entry.model} ({entry.submission.file or entry.id[:8]})"


def _camps(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Entries that differ from any other, divided so that all of a camp agree with each other.

    Whoever differs from nobody, by what it left out perhaps, belongs to none and has no vote.
    """
    voting = [entry for entry in entries if any(_differ(entry, other) for other in entries)]
    camps: list[list[Entry]] = []
    for entry in sorted(voting, key=lambda one: (-_known(one), one.id)):  # in no order of the arguments
        for camp in camps:
            if not any(_differ(other, entry) for other in camp):
                camp.append(entry)
                break
        else:
            camps.append([entry])
    return camps


def _known(entry: Entry) -> int:
    """How many yardsticks have a value."""
    return sum(row["value"] is not None for row in yardsticks(entry).values())


def _differ(one: Entry, other: Entry) -> bool:
    return next(_differing(yardsticks(one), yardsticks(other)), None) is not None


def _differing(ours: Mapping[Key, Mapping[str, object]], theirs: Mapping[Key, Mapping[str, object]]) -> Iterator[Key]:
    """What both have a value of, and not the same."""
    for key in ours:
        if key in theirs and any(_apart(ours[key][name], theirs[key][name]) for name in ("value", "low", "high")):
            yield key


def _apart(one: object, other: object) -> bool:
    if not isinstance(one, (int, float)) or not isinstance(other, (int, float)):
        return False  # what one of them left out says nothing
    return abs(one - other) > _CLOSE * max(1.0, abs(one), abs(other))


def _difference(one: Entry, other: Entry) -> str:
    """What differs between two entries, in a sentence."""
    ours, theirs = yardsticks(one), yardsticks(other)
    found = list(_differing(ours, theirs))
    # what is shown on a page first, and the value before its interval
    found.sort(
        key=lambda key: (
            key[0] != "reference",
            not ours[key]["headline"],
            not _apart(ours[key]["value"], theirs[key]["value"]),
        )
    )
    key = found[0]
    name = next(name for name in ("value", "low", "high") if _apart(ours[key][name], theirs[key][name]))
    what = {"value": "", "low": "lower end of the ", "high": "upper end of the "}[name]
    whose = "human reference" if key[0] == "reference" else f"floor {key[1].removeprefix('baseline:')}"
    numbers = _said(ours[key][name], theirs[key][name])
    of = ", ".join(part for part in (key[3], *key[4:]) if part)
    more = f" (and {len(found) - 1} more values)" if len(found) > 1 else ""
    made = {str(entry.manifest["surveyeval"]) for entry in (one, other)}
    else_ = f", or made by another version of surveyeval ({' and '.join(sorted(made))})" if len(made) > 1 else ""
    if one.run is not None and other.run is not None:
        return f"their {what}{whose} of {of}{more} differs ({numbers}); `surveyeval score` computes a run anew."
    return (
        f"their {what}{whose} of {of}{more} differs ({numbers}) although data, people and halves are the same: "
        f"one of them was altered{else_}."
    )


def _said(one: object, other: object) -> str:
    """Two numbers with as many digits as it takes to tell them apart."""
    digits = next((n for n in (4, 7, 10) if f"{one:.{n}g}" != f"{other:.{n}g}"), 15)
    return f"{one:.{digits}g}, {other:.{digits}g}"
