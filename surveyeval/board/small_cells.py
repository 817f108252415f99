"""Tables of a run without cells that fewer than ten people stand behind.

A cell that is left out must not follow from those that are kept: shares of one item add up to 1, arms and groups add up to
everybody, and a mean tells two shares. So wherever one cell goes, what would give it away goes with it. How many people
answered an item stays, and with it how many did not.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

__all__ = ["FEWEST", "suppressed_estimates", "suppressed_tables", "too_small_arms"]

#: People that a published cell needs.
FEWEST = 10

Row = dict[str, Any]

_SHARES = ("human", "human_low", "human_high", "simulated", "count")
_AT_HALF = ("matched", "reference", "floor", "excess", "recovered", "gain_over_cell", "gain_over_floor", "gain_over")
_NUMBERS = ("value", "low", "high", "n_human", "n_simulated", "n_eff", "sd_draws", "half", "margin", "decidable")  # fmt: skip


def too_small_arms(tables: Mapping[str, Any]) -> list[str]:
    """Arms with so few people that everything by arm would tell of single ones."""
    return [str(row["arm"]) for row in tables["sizes"]["arms"] if _few(row["n"])]


def suppressed_tables(tables: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Descriptive tables without small cells.

    Parameters
    ----------
    tables : mapping
        See `surveyeval.engine.describe.describe`.

    Returns
    -------
    dict
        The same tables; shares that are left out are None, counts are gone with their rows.
    int
        How many rows were changed or left out.
    """
    found: dict[str, Any] = dict(tables)
    found["distributions"] = _distributions(tables["distributions"])
    found["coherence"] = _coherence(tables["coherence"])
    found["groups"] = _groups(tables["groups"])
    found["states"] = _states(tables["states"], lambda row: row["item"], lambda row: row["side"] == "people")
    by_group = tables.get("states_by_group", [])
    found["states_by_group"] = _states(by_group, lambda row: (row["item"], row["subgroup"]), lambda row: True)
    for name in ("means", "coefficients"):
        found[name] = [row for row in tables.get(name, []) if not _few(row.get("n_human"))]
    # a mean and the sum of the shares tell two shares that are hidden
    hidden = {(row["item"], row["arm"]) for row in found["distributions"] if row["human"] is None}
    found["means"] = [row for row in found["means"] if (row["item"], row["arm"]) not in hidden]
    if "bounds" in tables:
        found["bounds"] = [
            row for row in tables["bounds"] if row["measure"] != "share" or (row["item"], "") not in hidden
        ]
    for name in ("attention", "retest"):
        if name in tables:
            few = {row["item"] for row in tables[name] if row["side"] == "people" and _few_of(row)}
            found[name] = [row for row in tables[name] if row["item"] not in few]
    changed = sum(_changed(tables.get(name, []), rows) for name, rows in found.items() if isinstance(rows, list))
    return found, changed


def suppressed_estimates(rows: Iterable[Mapping[str, Any]], tables: Mapping[str, Any]) -> tuple[list[Row], int]:
    """Estimates without values of groups that are too small; their rows stay, and say so.

    Parameters
    ----------
    rows : iterable of mapping
        Long form, see `surveyeval.engine.estimates`.
    tables : mapping
        Descriptive tables before anything was left out.

    Returns
    -------
    list of dict
    int
        How many rows were changed.
    """
    groups = {f"{row['subgroup']}={row['group']}" for row in tables["groups"] if _few(row["n"])}
    hidden = {
        (row["item"], row["arm"], row["option"])
        for row in _distributions(tables["distributions"])
        if row["human"] is None
    }
    found, changed = [], 0
    for given in rows:
        row: Row = dict(given)
        small = row["group"] in groups or (
            row["quantity"] == "equivalence"
            and row.get("metric") == "share"
            and (row.get("item"), row["arm"], row.get("term")) in hidden
        )
        # sizes of values at half size are those of a half; the people behind them are all
        times = 2.0 if row["quantity"] in _AT_HALF and row["axis"] != "individual" else 1.0
        if small or any(_few(times * (row.get(name) or 0)) for name in ("n_human", "n_eff")):
            row |= dict.fromkeys(_NUMBERS)
            status = row["status"] if row["status"] != "ok" else "too_small"
            row |= {"status": status, "reason": f"fewer than {FEWEST} people", "flags": ""}
            changed += 1
        found.append(row)
    return found, changed


def _few(number: Any) -> bool:
    """Whether a count of people is small and not zero; nobody is nobody's secret."""
    return isinstance(number, (int, float)) and 0 < number < FEWEST - 1e-9


def _few_of(row: Row) -> bool:
    """Whether few people passed, failed or skipped an attention check, or gave the same or another answer twice."""
    if "passed" in row:
        parts = (row["passed"], row["answered"] - row["passed"], row["unanswered"])
    else:
        same = round((row["agreement"] or 0) * row["n"])
        parts = (row["n"], same, row["n"] - same)
    return any(map(_few, parts))


def _changed(before: Iterable[Row], after: Iterable[Row]) -> int:
    """Rows that are not among those kept as they were."""
    kept = {id(row) for row in after}
    return sum(id(row) not in kept for row in before)


def _by(rows: Iterable[Row], key: Callable[[Row], Hashable]) -> dict[Hashable, list[Row]]:
    found: dict[Hashable, list[Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found


def _people(row: Row) -> float | None:
    """People behind an option's share, as near as a share tells."""
    if row.get("count") is not None:
        return float(row["count"])
    share, n = row.get("human"), row.get("n_human")
    return None if share is None or n is None else float(round(share * n))


def _distributions(rows: Iterable[Row]) -> list[Row]:
    hidden: set[int] = set()
    for item_rows in _by(rows, lambda row: row["item"]).values():
        by_arm = _by(item_rows, lambda row: row["arm"])
        arms = [row for arm, own in by_arm.items() if arm != "" for row in own]
        if any(_few(row["n_human"]) or _few(_people(row)) for row in arms):
            hidden |= {id(row) for row in arms}
        overall = by_arm.get("", [])
        if any(_few(row["n_human"]) for row in overall):
            hidden |= {id(row) for row in overall}
        few = [row for row in overall if _few(_people(row))]
        if len(few) == 1:  # the others would tell it
            rest = sorted(
                (row for row in overall if row is not few[0] and _people(row)), key=lambda row: _people(row) or 0
            )
            few += rest[:1]
        hidden |= {id(row) for row in few}
    return [{**row, **dict.fromkeys(_SHARES)} if id(row) in hidden else row for row in rows]


def _coherence(rows: Iterable[Row]) -> list[Row]:
    kept: list[Row] = []
    for by_rule in _by(rows, lambda row: row["rule"]).values():
        for own in _by(by_rule, lambda row: row["arm"] != "").values():
            people = (row for row in own if row["side"] == "people")
            counts = ("n", "follows", "contradicts", "undetermined", "missing")
            if not any(_few(row.get(name)) for row in people for name in counts):
                kept += own
    return kept


def _groups(rows: Iterable[Row]) -> list[Row]:
    kept: list[Row] = []
    for own in _by(rows, lambda row: row["subgroup"]).values():
        few = [row for row in own if _few(row["n"])]
        if len(few) == 1:
            few += sorted((row for row in own if row is not few[0]), key=lambda row: float(row["n"]))[:1]
        kept += [row for row in own if not any(row is one for one in few)]
    return kept


def _states(rows: Iterable[Row], key: Callable[[Row], Hashable], goes: Callable[[Row], bool]) -> list[Row]:
    kept: list[Row] = []
    for own in _by(rows, key).values():
        small = any(row["side"] == "people" and _few(row["count"]) for row in own)
        kept += [row for row in own if not (small and goes(row))]
    return kept
