"""What a manifest counts: answers, interviews, people and times, against each other and against the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from surveyeval.board.findings import Findings

__all__ = ["check_counts"]

#: States that a manifest counts.
_COUNTED = ("answered", "invalid", "refused", "dont_know")
#: Clocks differ.
_SLACK = timedelta(days=1)


def check_counts(manifest: Mapping[str, Any], parts: Mapping[str, Any], found: Findings) -> None:
    """Counts of answers, numbers of people, times and tries."""
    _answers(manifest, parts["tables"], found)
    _people(manifest, parts, found)
    _times(manifest, found)


def _answers(manifest: Mapping[str, Any], tables: Mapping[str, Any], found: Findings) -> None:
    counts = manifest.get("counts")
    what = "counts of answers in the manifest"
    if not isinstance(counts, Mapping):
        found.cannot("counts of answers, which the manifest does not hold")
        return
    named: dict[str, Any] = {name: counts.get(name) for name in ("interviews", *_COUNTED)}
    if lacking := [name for name in named if name not in counts]:
        found.cannot(f"counts of answers ({', '.join(lacking)}), which an earlier version did not keep")
        return
    bad = [name for name, count in named.items() if not isinstance(count, int) or isinstance(count, bool) or count < 0]
    found.expect(what, not bad, f"{', '.join(bad)} is no number of answers")
    if bad:
        return
    interviews = manifest["split"]["test"] * manifest["options"]["draws"]
    found.expect(
        what,
        named["interviews"] == interviews,
        f"{named['interviews']} interviews, and people x draws are {interviews}",
    )
    most, total = interviews * len(manifest["task"]["wording"]), sum(named[name] for name in _COUNTED)
    said = f"{total} answered, invalid, refused and don't know, of {most} (interviews x items)"
    found.expect(what, total <= most, said)
    # the table of states counts the same answers item by item, where nothing of it was left out
    by_state: Counter[str] = Counter()
    items = set()
    for row in tables["states"]:
        if row["side"] == "simulation" and isinstance(row["count"], int):
            by_state[str(row["state"])] += row["count"]
            items.add(row["item"])
    if items != set(manifest["task"]["wording"]) or sum(by_state.values()) != most:
        found.expect("counts of states", sum(by_state.values()) <= most, f"{sum(by_state.values())}, of {most} at most")
        found.cannot("counts of answers against the table of states, of which rows were left out")
        return
    for name in _COUNTED:
        found.expect(what, by_state[name] == named[name], f"{named[name]} {name}, and {by_state[name]} in the states")


def _people(manifest: Mapping[str, Any], parts: Mapping[str, Any], found: Findings) -> None:
    what = "people behind each number, at most the test people"
    test, tables = manifest["split"]["test"], parts["tables"]
    for number, row in enumerate(parts["metrics"]["estimates"]):
        place = f"estimates, row {number}, {row['quantity']} of {row['name']}"
        for name in ("n_human", "n_simulated", "n_eff", "half"):
            size = row[name]
            most = test / 2 if name == "half" else test
            fine = size is None or (isinstance(size, (int, float)) and -1e-9 <= size <= most + 1e-6 * most)
            found.expect(what, fine, f"{place}: {name} is {size:g}, of {test} test people" if size is not None else "")
    for table in ("distributions", "means", "coefficients", "coherence", "groups"):
        for number, row in enumerate(tables.get(table, ())):
            for name in ("n_human", "n_simulated", "n"):
                size = row.get(name)
                fine = not isinstance(size, (int, float)) or 0 <= size <= test
                found.expect(what, fine, f"{table}, row {number}: {name} is {size}, of {test} test people")


def _times(manifest: Mapping[str, Any], found: Findings) -> None:
    what = "times and tries in the manifest"
    tried, seconds = manifest.get("tried"), manifest.get("seconds")
    if tried is not None:
        found.expect(what, isinstance(tried, int) and tried >= 1, f"tried is {tried!r}: a run is one try at least")
    if seconds is not None:
        fine = isinstance(seconds, (int, float)) and seconds >= 0
        found.expect(what, fine, f"seconds is {seconds!r}, and must be 0 or more")
    times = {}
    for name in ("created", "finished"):
        if manifest.get(name) is None:
            continue
        try:
            times[name] = datetime.fromisoformat(str(manifest[name]))
        except ValueError:
            found.expect(what, False, f"{name} is no date and time")
            continue
        if times[name].tzinfo is None:
            times[name] = times[name].replace(tzinfo=UTC)
        found.expect(what, times[name] <= datetime.now(UTC) + _SLACK, f"{name} lies in the future")
    if len(times) == 2:
        found.expect(what, times["created"] <= times["finished"], "finished before it was created")
