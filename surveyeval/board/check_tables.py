"""The tables of a submission, against themselves and against the estimates that were made from the same answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from surveyeval.board.findings import Findings
from surveyeval.task.task import Task

__all__ = ["check_tables"]

Row = Mapping[str, Any]

_CLOSE = 1e-9
#: Distances between shares of answers: the mean over items of the mean over arms, arms weighted by their people.
_DISTANCES = ("total_variation", "js_distance", "wasserstein")


def check_tables(parts: Mapping[str, Any], task: Task | None, found: Findings) -> None:
    """Shares, distances, gaps and coefficients.

    Parameters
    ----------
    parts : mapping
    task : Task, optional
        The same task on this machine, which knows the values of options.
    found : Findings
    """
    tables, estimates = parts["tables"], parts["metrics"]["estimates"]
    sizes = tables["sizes"]
    shares = _Shares(tables["distributions"])
    _shares(tables["distributions"], sizes, found)
    _means_over_items(estimates, found)
    _distances(shares, estimates, sizes, task, found)
    _equivalent_shares(shares, estimates, found)
    _gaps(tables["coherence"], estimates, sizes, found)
    _coefficients(tables["coefficients"], estimates, found)
    found.cannot("shares, means and states of the simulation where no estimate follows from them: need the answers")
    found.cannot("sizes and errors of coefficients: need the answers")


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= _CLOSE * max(1.0, abs(one), abs(other))


class _Shares:
    """Shares of people and simulation, by item and arm, where none was left out."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            self.rows.setdefault((str(row.get("item")), str(row.get("arm") or "")), []).append(row)

    def arms(self, item: str) -> list[str]:
        """Arms of an item, without all of them together."""
        return [arm for name, arm in self.rows if name == item and arm]

    def of(self, item: str, arm: str) -> tuple[list[float], list[float]] | None:
        """Shares among people and in the simulation, or None."""
        own = self.rows.get((item, arm), [])
        people, simulated = ([_number(row.get(side)) for row in own] for side in ("human", "simulated"))
        if not own or None in people or None in simulated:
            return None
        return [one or 0.0 for one in people], [one or 0.0 for one in simulated]

    def drawn(self, item: str) -> bool:
        """Whether simulated shares count answers, and are no means of probabilities."""
        return all(row.get("basis") == "draws" for (name, _), own in self.rows.items() if name == item for row in own)


def _shares(rows: Sequence[Row], sizes: Row, found: Findings) -> None:
    what = "shares of answers: within 0 and 1, in their intervals, adding up to 1"
    for number, row in enumerate(rows):
        place = f"distributions, row {number} ({row.get('item')}, {row.get('option')})"
        for side in ("human", "simulated"):
            share = _number(row.get(side))
            found.expect(what, share is None or -_CLOSE <= share <= 1 + _CLOSE, f"{place}: {side} is {share}")
        low, share, high = (_number(row.get(name)) for name in ("human_low", "human", "human_high"))
        if low is not None and share is not None and high is not None:
            found.expect(what, low - _CLOSE <= share <= high + _CLOSE, f"{place}: human lies outside its interval")
        count, n = _number(row.get("count")), _number(row.get("n_human"))
        if count is not None and n and share is not None and not sizes.get("weighted"):
            found.expect(
                what, _near(share, count / n), f"{place}: human is {share:.4g}, and count / n_human {count / n:.4g}"
            )
    held = _Shares(rows)
    for item, arm in held.rows:
        both = held.of(item, arm)
        for side, shares in zip(("human", "simulated"), both or (), strict=False):
            total = sum(shares)
            where = f"distributions, {item}{f', arm {arm}' if arm else ''}"
            found.expect(what, abs(total - 1) <= 1e-6, f"{where}: {side} adds up to {total:.4g}")


def _means_over_items(estimates: Sequence[Row], found: Findings) -> None:
    """The overall distance is the plain mean of those of the items, in halves and in the full sample."""
    what = "distances over all items, from those of the items"
    lines: dict[tuple[str, ...], dict[str, list[Row]]] = {}
    for row in estimates:
        if row["metric"] not in _DISTANCES or row["arm"] or row["group"]:
            continue
        if row["quantity"] in ("matched", "reference", "floor", "estimate"):
            key = (row["name"], row["quantity"], row["model"])
            lines.setdefault(key, {}).setdefault("item" if row["item"] else "all", []).append(row)
    for (name, quantity, model), own in lines.items():
        items, whole = own.get("item", []), own.get("all", [])
        values = [_number(row["value"]) if row["status"] == "ok" else None for row in items]
        if len(whole) != 1 or whole[0]["status"] != "ok" or not items or None in values:
            continue
        mean, value = math.fsum(one or 0.0 for one in values) / len(values), _number(whole[0]["value"])
        said = f"{quantity} of {name} ({model}) is {value}, and its items have the mean {mean:.4g}"
        found.expect(what, value is not None and _near(value, mean), said)


def _distance_of(
    metric: str, item: str, task: Task | None
) -> Callable[[Sequence[float], Sequence[float]], float] | None:
    """A distance of two lists of shares, written apart from the code that made the estimates."""
    if metric == "total_variation":
        return lambda p, q: math.fsum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2
    if metric == "js_distance":
        return _js
    if task is None:
        return None
    values = [float(value) for value in task.item(item).values]
    return lambda p, q: _wasserstein(p, q, values)


def _js(p: Sequence[float], q: Sequence[float]) -> float:
    total = 0.0
    for a, b in zip(p, q, strict=True):
        for one in (a, b):
            total += one * math.log2(2 * one / (a + b)) / 2 if one > 0 else 0.0
    return math.sqrt(max(total, 0.0))


def _wasserstein(p: Sequence[float], q: Sequence[float], values: Sequence[float]) -> float:
    order = sorted(range(len(values)), key=values.__getitem__)
    below, total = 0.0, 0.0
    for one, after in pairwise(order):
        below += p[one] - q[one]
        total += abs(below) * (values[after] - values[one])
    return total / (values[order[-1]] - values[order[0]])


def _distances(shares: _Shares, estimates: Sequence[Row], sizes: Row, task: Task | None, found: Findings) -> None:
    what = "distances of items in the full sample, from the table of shares"
    for row in estimates:
        if row["quantity"] != "estimate" or row["metric"] not in _DISTANCES or not row["item"] or row["status"] != "ok":
            continue
        value, item = _number(row["value"]), str(row["item"])
        if value is None or row["arm"] or row["group"]:
            continue
        if sizes.get("draws") != 1 or not shares.drawn(item):
            found.cannot("distances in the full sample of several draws, or of probabilities: need the answers")
            continue
        arms = [] if row["name"] != row["metric"] else shares.arms(item)
        if arms and sizes.get("weighted"):
            found.cannot("distances within arms of weighted people: need the weights of the arms")
            continue
        measure = _distance_of(str(row["metric"]), item, task)
        if measure is None:
            found.cannot("Wasserstein distances, which need the task's values of the options")
            continue
        computed = list(_within(shares, item, arms or [""], measure))
        if any(distance is None for _, distance in computed):
            found.cannot("distances in the full sample of items of which shares were left out")
            continue
        total = math.fsum(n for n, _ in computed)
        again = math.fsum(n * (distance or 0.0) for n, distance in computed) / total if total else math.nan
        said = f"{row['name']} of {item} is {value:.4g}, and follows to be {again:.4g} from the table distributions"
        found.expect(what, _near(value, again), said)


def _within(
    shares: _Shares, item: str, arms: Sequence[str], measure: Callable[[Sequence[float], Sequence[float]], float]
) -> Iterator[tuple[float, float | None]]:
    """People of each arm, and the distance there."""
    for arm in arms:
        both = shares.of(item, arm)
        n = _number(shares.rows.get((item, arm), [{}])[0].get("n_human")) or 0.0
        if n or both is not None or not arm:
            yield n or (0.0 if arm else 1.0), None if both is None else measure(*both)


def _equivalent_shares(shares: _Shares, estimates: Sequence[Row], found: Findings) -> None:
    """Simulation less people, option by option: a test of equivalence states the same difference as the shares."""
    what = "differences of shares that are tested for equivalence, from the table of shares"
    by_option = {(item, arm, str(row.get("option"))): row for (item, arm), own in shares.rows.items() for row in own}
    for row in estimates:
        if row["quantity"] != "equivalence" or row["metric"] != "share" or row["group"] or not row["term"]:
            continue
        other, value = by_option.get((row["item"], row["arm"], str(row["term"]))), _number(row["value"])
        if other is None or value is None:
            continue
        human, simulated = _number(other.get("human")), _number(other.get("simulated"))
        if human is None or simulated is None:
            continue
        said = f"{row['item']}, option {row['term']}: {value:.4g}, and the shares differ by {simulated - human:.4g}"
        found.expect(what, _near(value, simulated - human), said)


def _gaps(rows: Sequence[Row], estimates: Sequence[Row], sizes: Row, found: Findings) -> None:
    what = "gaps between belief and action, from their counts"
    stated = {
        (row["rule"], row["arm"]): row
        for row in estimates
        if row["quantity"] == "estimate" and row["name"] == "gap" and row["status"] == "ok"
    }
    for number, row in enumerate(rows):
        place = f"coherence, row {number} ({row.get('rule')}, {row.get('side')})"
        counts = [_number(row.get(name)) for name in ("follows", "contradicts", "undetermined", "n")]
        follows, contradicts, undetermined, n = (one if one is not None else math.nan for one in counts)
        found.expect(what, _near(follows + contradicts + undetermined, n), f"{place}: n is not the sum of its counts")
        gap = _number(row.get("gap"))
        if gap is None:
            continue
        single = row.get("side") == "people" or sizes.get("draws") == 1
        if single and not sizes.get("weighted"):
            again = contradicts / (follows + contradicts) if follows + contradicts > 0 else math.nan
            found.expect(what, _near(gap, again), f"{place}: gap is {gap:.4g}, and follows to be {again:.4g}")
        else:
            found.cannot("gaps of weighted people, or over several draws: need the answers")
        other = stated.get((row.get("rule"), row.get("arm") or ""))
        value = _number(other["value"]) if other is not None and row.get("side") != "people" else None
        if value is not None:
            said = f"{place}: gap is {gap:.4g}, and {value:.4g} in the estimates"
            found.expect("gaps in the table of coherence, as in the estimates", _near(gap, value), said)


def _coefficients(rows: Sequence[Row], estimates: Sequence[Row], found: Findings) -> None:
    what = "coefficients within their intervals, and differing as in the tests of terms"
    tested = {
        (row["regression"], row["term"]): row
        for row in estimates
        if row["quantity"] == "indistinguishable" and row["interval_method"] == "z" and row["status"] == "ok"
    }
    for number, row in enumerate(rows):
        place = f"coefficients, row {number} ({row.get('regression')}, {row.get('term')})"
        values = {}
        for side in ("human", "simulated"):
            low, value, high, error = (_number(row.get(f"{side}{end}")) for end in ("_low", "", "_high", "_se"))
            values[side] = value
            if low is not None and value is not None and high is not None:
                found.expect(what, low <= value <= high, f"{place}: {side} lies outside its interval")
            found.expect(what, error is None or error >= 0, f"{place}: {side}_se is below 0")
        other = tested.get((row.get("regression"), row.get("term")))
        if other is None or values["human"] is None or values["simulated"] is None or row.get("status") != "ok":
            continue
        ends = [_number(other[name]) for name in ("low", "high")]
        if None in ends or (ends[0] or 0.0) <= 0 <= (ends[1] or 0.0):
            continue  # of no sign that a penalty could not turn
        difference, tested_for = values["simulated"] - values["human"], _number(other["value"]) or 0.0
        said = f"{place}: simulated less human is {difference:.4g}, and {tested_for:.4g} in the test of the term"
        found.expect(what, difference * tested_for > 0, said)
