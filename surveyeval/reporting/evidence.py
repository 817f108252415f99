"""What the stored estimates of a run say about one claim: checks with their result, and the smallest difference they see.

A check passes only by an equivalence test. A test of difference can fail, but it cannot pass: not telling two samples apart
is no evidence that they are equal. The rules are written down in docs/explanation/use-table.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from surveyeval.engine.closeness import too_close
from surveyeval.engine.detectable import smallest_detectable
from surveyeval.metric.resampling import FEW, FEWER_GROUPS, GROUPS
from surveyeval.reporting.numbers import difference, enumerate_words, interval, number, percent
from surveyeval.reporting.quantities import quantity

if TYPE_CHECKING:
    import pandas as pd

    from surveyeval.reporting.view import RunView

__all__ = ["ALPHA", "Check", "Evidence", "Result", "label", "place", "smallest", "unit_of", "with_span"]

#: Error rate of each test, and of each family of tests.
ALPHA = 0.05

#: Half splits below which the range of people's halves is too narrow to be a band.
FEWEST_SPLITS = 20

_NEAR = "every distance of its answers is below that of 97.5% of second samples of people; copied or leaked answers?"

_KEY = ("metric", "name", "item", "group", "arm", "regression", "term", "rule", "block")

Result = Literal["passed", "failed", "open", "undecided", "not run"]


@dataclass(frozen=True)
class Check:
    """One test that was declared before the run.

    Parameters
    ----------
    name : str
        What is tested, in words.
    result : {"passed", "failed", "open", "undecided", "not run"}
        ``failed``: shown to be otherwise. ``undecided``: so few people cannot show it. ``open``: so many people could have
        shown it, and it is neither shown nor shown to be otherwise.
    said : str
        The numbers, or why it was not run.
    """

    name: str
    result: Result
    said: str = ""


class Evidence:
    """Estimates and tables of one run.

    Parameters
    ----------
    run : RunView
    """

    def __init__(self, run: RunView) -> None:
        self.run = run
        self._by_quantity: dict[str, list[dict[str, Any]]] = {}
        self._people: dict[tuple[Any, ...], dict[str, Any]] = {}
        people = int(run.tables["sizes"]["n_human"])
        self.df = (GROUPS if people >= FEW else FEWER_GROUPS) - 1

    def rows(self, name: str, axis: str = "", **fields: Any) -> list[dict[str, Any]]:
        """Rows of one quantity that have a value; of equivalence also those that could not be tested."""
        if name not in self._by_quantity:
            table = self.run.estimates
            own = _records(table[(table["model"] == self.run.model) & (table["quantity"] == name)])
            kept = [row for row in own if name == "equivalence" or np.isfinite(row["value"])]
            self._by_quantity[name] = kept
        wanted = {**fields, **({"axis": axis} if axis else {})}
        return [row for row in self._by_quantity[name] if all(row[field] == one for field, one in wanted.items())]

    def absent(self, axis: str) -> str:
        """Why an axis does not apply to this task; empty where it does."""
        table = self.run.estimates
        own = table[(table["axis"] == axis) & table["model"].isin([self.run.model, ""])]
        if not len(own) or (own["status"] != "not_applicable").any():
            return ""
        return str(own["reason"].iloc[0])

    def reference(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """People's row of the same value."""
        if not self._people:
            table = self.run.estimates
            rows = _records(table[table["quantity"] == "reference"])
            self._people = {tuple(one[field] for field in _KEY): one for one in rows}
        return self._people.get(tuple(row[field] for field in _KEY))

    # ---- equivalence --------------------------------------------------------------------------------------------

    def within_margin(self, name: str, rows: Sequence[dict[str, Any]], missing: str, tests: int = 0) -> Check:
        """Whether every difference lies within the task's margin.

        Passed when all 90% intervals lie inside: each is a test at 5%, and claiming all of them needs all of them, so that
        nothing is to be adjusted. Failed when one lies outside by an interval that is as wide as all of them together
        need it to be (Bonferroni over `tests`, of which a row may show the worst only).
        """
        if not rows:
            return Check(name, "not run", missing)
        tested = [row for row in rows if np.isfinite(row["low"]) and np.isfinite(row["high"])]
        if not tested:
            return Check(name, "undecided", rows[0]["reason"] or "no interval")
        widened = NormalDist().inv_cdf(1 - ALPHA / max(tests, len(rows))) / NormalDist().inv_cdf(1 - ALPHA)
        beyond = [row for row in tested if abs(row["value"]) - widened * (row["high"] - row["low"]) / 2 > row["margin"]]
        inside = [row for row in tested if -row["margin"] < row["low"] and row["high"] < row["margin"]]
        far = max(tested, key=lambda row: max(abs(row["low"]), abs(row["high"])) / row["margin"])
        bounds = with_span(far)
        margins = enumerate_words(
            dict.fromkeys(f"±{difference(row['margin'], unit_of(row)).removeprefix('+')}" for row in tested)
        )
        said = f"{len(inside)} of {len(rows)} within {margins}; furthest {place(far)}, {bounds}"
        if len(inside) == len(rows):
            return Check(name, "passed", said)
        if beyond:
            return Check(name, "failed", said)
        decidable = [row for row in tested if row not in inside and row["decidable"] <= row["margin"]]
        return Check(name, "open" if decidable else "undecided", said)

    # ---- difference ---------------------------------------------------------------------------------------------

    def told_apart(self, axis: str) -> Check:
        """Whether the headlines of an axis tell the simulation from people; it can fail and cannot pass."""
        name = "no difference from people"
        swaps = self.rows("indistinguishable", axis)
        tested = [row for row in swaps if np.isfinite(row["p_adjusted"]) and row["family"] == f"difference: {axis}"]
        if tested:
            least = min(tested, key=lambda row: row["p_adjusted"])
            said = f"label swap, smallest adjusted p {number(least['p_adjusted'])} ({label(least)})"
            return Check(name, "failed" if least["p_adjusted"] <= ALPHA else "open", said)
        found = [row for row in self.rows("excess", axis, headline=True) if np.isfinite(row["low"])]
        return self.excess(name, [row for row in found if "=" not in row["group"]])

    def excess(self, name: str, rows: Sequence[dict[str, Any]]) -> Check:
        """Whether any value is further from people than a second human sample, by Bonferroni over the rows."""
        if not rows:
            return Check(name, "not run", "no difference with an interval")
        widened = _t(1 - ALPHA / 2 / len(rows), self.df) / _t(1 - ALPHA / 2, self.df)
        low = {id(row): row["value"] - widened * (row["high"] - row["low"]) / 2 for row in rows}
        further = [row for row in rows if low[id(row)] > 0]
        if further:
            worst = max(further, key=lambda row: low[id(row)] / max(row["value"], 1e-12))
            said = f"{len(further)} of {len(rows)} further from people; clearest {label(worst)}, by {with_span(worst)}"
            return Check(name, "failed", said)
        return Check(name, "open", f"none of {len(rows)} shown to be further from people")

    def inside_band(self, name: str, metrics: Iterable[str]) -> Check:
        """Whether values without an interval lie in the band of people's halves; it can fail and cannot pass.

        The band tells how halves of these people differ, which is less than how two samples of people do: outside it a
        value is withheld support, and it fails only where the label swap agrees.
        """
        splits = self.run.manifest["options"].get("splits")
        if splits is not None and splits < FEWEST_SPLITS:
            return Check(name, "not run", f"a band needs {FEWEST_SPLITS} splits, this run has {splits}")
        swaps = {(row["metric"], row["name"]): row["p_adjusted"] for row in self.rows("indistinguishable", block="")}
        compared, outside, confirmed = [], [], False
        for row in self.rows("matched", headline=True) + self.rows("matched", headline=False):
            if row["metric"] not in metrics or row["block"] or row["arm"] or row["item"]:
                continue
            people = self.reference(row)
            if people is None or not np.isfinite(people["low"]):
                continue
            compared.append(row)
            worse = {"lower": row["value"] > people["high"], "higher": row["value"] < people["low"]}
            away = worse.get(row["direction"], not people["low"] <= row["value"] <= people["high"])
            if away:
                band = interval(people["low"], people["high"], unit_of(row))
                p = swaps.get((row["metric"], row["name"]), float("nan"))
                confirmed |= p <= ALPHA
                swap = f", label swap p {number(p)}" if np.isfinite(p) else ""
                outside.append(f"{label(row)} {number(row['value'], unit_of(row))}, people {band}{swap}")
        if not compared:
            return Check(name, "not run", "no band of people's halves")
        if outside:
            said = f"outside the band of people’s halves: {'; '.join(outside)}"
            return Check(name, "failed" if confirmed else "undecided", said)
        shown = "; ".join(f"{label(row)} {number(row['value'], unit_of(row))}" for row in compared)
        return Check(name, "open", f"inside the band of people’s halves: {shown}")

    def invalid(self) -> Check:
        """Whether at most 5% of the simulated answers to every item are unusable."""
        shares = self.invalid_shares()
        where = max(shares, key=lambda item: shares[item], default="")
        worst = shares.get(where, 0.0)
        said = f"most: {where} {percent(worst, 1)}" if worst > 0 else "none"
        return Check("at most 5% invalid answers to every item", "failed" if worst > ALPHA else "passed", said)

    @cached_property
    def near(self) -> Check | None:
        """A failed check where answers are nearer to these people than people are to each other; None elsewhere."""
        if not too_close(self.run.estimates, self.run.model):
            return None
        return Check("no nearer to these people than people are to each other", "failed", _NEAR)

    def invalid_shares(self) -> dict[str, float]:
        """For each item the share of simulated answers that are unreadable or were not asked for."""
        counts: dict[str, dict[str, int]] = {}
        for row in self.run.tables["states"]:
            if row["side"] == "simulation":
                counts.setdefault(str(row["item"]), {})[str(row["state"])] = int(row["count"])
        lost = {item: states.get("invalid", 0) + states.get("not_run", 0) for item, states in counts.items()}
        return {item: lost[item] / max(lost[item] + states.get("answered", 0), 1) for item, states in counts.items()}


def smallest(evidence: Evidence, rows: Sequence[dict[str, Any]]) -> tuple[float, dict[str, Any]] | None:
    """The largest, over rows with a jackknife interval, of the smallest difference that would be seen (80% power)."""
    usable = [row for row in rows if np.isfinite(row["low"]) and np.isfinite(row["high"])]
    if not usable:
        return None
    reach = _t(1 - ALPHA / 2, evidence.df)
    errors = [(row["high"] - row["low"]) / 2 / reach for row in usable]
    widest = int(np.argmax(errors))
    return smallest_detectable(errors[widest], evidence.df), usable[widest]


def with_span(row: dict[str, Any]) -> str:
    """A difference with its interval."""
    unit = unit_of(row)
    bounds = interval(row["low"], row["high"], unit)
    return f"{difference(row['value'], unit)} ({bounds.removesuffix('%')})"


def unit_of(row: dict[str, Any]) -> str:
    """Unit in which a difference is printed."""
    if row["quantity"] == "equivalence":
        return "share" if row["metric"] in ("share", "gap") else "plain"
    unit = quantity(row["metric"], row["name"]).unit
    return "ratio" if unit == "count" else unit


def label(row: dict[str, Any]) -> str:
    """What a row is about, in words."""
    said = quantity(row["metric"], row["name"]).label
    where = place(row, "")
    return f"{said}, {where}" if where else said


def place(row: dict[str, Any], default: str = "the whole") -> str:
    """Item, group, arm or term of a row."""
    group = row["group"].replace("_", " ").replace("=", ": ")
    block = f"{row['block']} terms" if row["block"] and not row["term"] else ""
    named = (row["item"], group, row["arm"], row["regression"], row["term"], block, row["rule"])
    return ", ".join(part for part in dict.fromkeys(named) if part) or default


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Plain rows; columns that an older table does not have are undefined."""
    absent = {"margin": float("nan"), "decidable": float("nan")}
    return [absent | {str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _t(probability: float, df: int) -> float:
    from scipy import stats

    return float(stats.t.ppf(probability, df))
