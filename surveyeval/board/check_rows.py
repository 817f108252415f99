"""Rows that must be there, and tests that follow from what stands beside them.

Whoever leaves out what speaks against a model must not look better for it: for every value there are its yardsticks, and
for everything that the task makes applicable there is a value, or the reason why there is none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from scipy import stats

from surveyeval.board.agreement import KEY
from surveyeval.board.findings import Findings
from surveyeval.board.small_cells import FEWEST
from surveyeval.engine.rows import LEVEL
from surveyeval.metric.protocol import MetricSpec
from surveyeval.task.task import Task

__all__ = ["check_complete", "check_tests"]

Row = Mapping[str, Any]

_CLOSE = 1e-9
#: Rounding of numbers that are kept with all their digits, in tails of distributions.
_TAIL = 1e-6
#: Metrics whose headlines always have a test of difference.
_TESTED = ("total_variation", "js_distance", "gap", "coherence", "unique_patterns")
#: Distances of answers, which everybody has who answers.
_DISTANCES = ("total_variation", "js_distance", "wasserstein")
#: Metrics that every task has which fills a table.
_MEASURED = {
    "distributions": ("total_variation", "js_distance", "accuracy"),
    "groups": ("group_js_distance",),
    "coherence": ("gap", "coherence"),
    "coefficients": ("share_differing", "structure_wald"),
}
_EXPECTED = ("reference", "excess", "gain_over_cell", "floor baseline:cell")


def check_complete(parts: Mapping[str, Any], task: Task | None, found: Findings) -> None:
    """Nothing that belongs to a line is missing, and no line that the task makes applicable."""
    rows = parts["metrics"]["estimates"]
    lines: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in rows:
        if row["quantity"] in ("equivalence", "indistinguishable", "gain_over"):
            continue
        quantity = f"floor {row['model']}" if row["quantity"] == "floor" else str(row["quantity"])
        lines.setdefault(tuple(str(row[name]) for name in KEY), {})[quantity] = row
    for key, line in lines.items():
        _line(", ".join(part for part in key[1:] if part), line, found)
    _left_out(lines, parts["tables"], found)
    _margins(parts, found)
    _described(parts, found)
    if task is None:
        found.cannot(
            "that no measure was left out altogether: needs the task, which this machine does not have as it was"
        )
        return
    _applicable(rows, task, parts["tables"]["sizes"], found)


def _line(name: str, line: Mapping[str, Row], found: Findings) -> None:
    what = "rows that belong together"
    some = next(iter(line.values()))
    if not some["model"] and some["status"] == "not_applicable":
        return  # says that a metric does not apply, and has no other rows
    if some["axis"] == "individual":
        wanted: tuple[str, ...] = ("estimate", "reference", "gain_over_floor", "gain_over_cell")
    else:
        wanted = ("matched", *_EXPECTED)
    for quantity in wanted:
        found.expect(what, quantity in line, f"{name} has no {quantity.replace('floor baseline:cell', 'floor (cell)')}")
    heads = {bool(row["headline"]) for quantity, row in line.items() if quantity in ("matched", "reference")}
    found.expect(what, len(heads) < 2, f"{name} is a headline in one of its rows and none in another")
    axes = {row["axis"] for row in line.values()}
    found.expect(what, len(axes) == 1, f"{name} stands on several axes")
    matched, excess = line.get("matched"), line.get("excess")
    if matched is not None and excess is not None and matched["status"] != "too_small" != excess["status"]:
        known = [row["status"] == "ok" and row["value"] is not None for row in (matched, excess)]
        reference = line.get("reference", matched)
        lacking = known[0] and not known[1] and reference["status"] == "ok"
        found.expect(what, not lacking, f"{name} has a value, and people have one, and no excess")


def _left_out(lines: Mapping[tuple[str, ...], Mapping[str, Row]], tables: Mapping[str, Any], found: Findings) -> None:
    """A distance that people have among themselves is one that a model has which answered as often as they did."""
    what = "distances of a model that answered every item as often as people"
    found.cannot("that other values without a number rest on too few people, or cannot be estimated: needs the answers")
    shares = [row for row in tables["distributions"] if not row["arm"]]
    if not shares or any(row["n_simulated"] < row["n_human"] for row in shares):
        return
    for key, line in lines.items():
        reference, matched = line.get("reference"), line.get("matched")
        if key[0] not in _DISTANCES or reference is None or matched is None or reference["group"] or reference["arm"]:
            continue
        if reference["value"] is not None and reference["status"] == "ok" and (reference["n_eff"] or FEWEST) >= FEWEST:
            name = ", ".join(part for part in key[1:] if part)
            fine = matched["status"] == "ok" and matched["value"] is not None
            found.expect(what, fine, f"{name} is {matched['status']}, and people have a value")


def _margins(parts: Mapping[str, Any], found: Findings) -> None:
    """A declared margin is tested on what it is declared for."""
    margins = parts["manifest"]["task"].get("equivalence")
    if not isinstance(margins, Mapping):
        return
    what = "tests of equivalence for the margins that the task declares"
    rows = [row for row in parts["metrics"]["estimates"] if row["quantity"] == "equivalence"]
    items = dict.fromkeys(
        str(row["item"]) for row in parts["tables"]["distributions"] if row.get("role") != "attention"
    )
    for name in ("share", "mean_sd", "gap", "sd_ratio", "effect"):
        if margins.get(name) is None:
            continue
        own = [row for row in rows if row["metric"] == name]
        if name == "share":
            measured = [item for item in items if any(row["item"] == item for row in parts["metrics"]["estimates"])]
            lacking = [item for item in measured if not any(row["item"] == item for row in own)]
            found.expect(what, not lacking, f"no test of shares of {', '.join(lacking)}")
        elif name in ("mean_sd", "gap") and not (name == "gap" and not parts["tables"]["coherence"]):
            found.expect(what, bool(own), f"the margin {name} is declared, and nothing is tested against it")
        margin = {row["margin"] for row in own if row["margin"] is not None}
        stated = float(margins[name])
        same = margin <= {stated} or (name == "sd_ratio" and all(math.isclose(m, math.log1p(stated)) for m in margin))
        found.expect(what, same, f"the margin of {name} in the rows is not the one that the task declares")


def _described(parts: Mapping[str, Any], found: Findings) -> None:
    """What the tables describe is measured too; and a structure is not, where there is one pattern."""
    what = "measures of what the tables describe"
    rows = parts["metrics"]["estimates"]
    present = {row["metric"] for row in rows if row["quantity"] in ("matched", "estimate")}
    for table, metrics in _MEASURED.items():
        for metric in metrics if parts["tables"].get(table) else ():
            found.expect(what, metric in present, f"{metric} is missing, and the table {table} is there")
    heads = {row["name"]: row for row in rows if row["quantity"] == "matched" and row["headline"]}
    patterns, structure = heads.get("unique_patterns"), heads.get("structure_ratio")
    if patterns is not None and structure is not None and patterns["status"] == "ok" and patterns["value"] is not None:
        said = "structure_ratio has a value, and every simulated respondent gives the same answers"
        found.expect(what, patterns["value"] > 1 + _CLOSE or structure["status"] != "ok", said)


def _applicable(rows: Sequence[Row], task: Task, sizes: Row, found: Findings) -> None:
    """Metrics of this package that say something about the task must have rows."""
    from surveyeval.plugins import BUILTIN, registry

    what = "measures that the task makes applicable"
    present = {row["metric"] for row in rows if row["quantity"] in ("matched", "estimate")}
    tested = {row["metric"] for row in rows if row["quantity"] == "indistinguishable"}
    for entry in registry().all("metric"):
        if entry.owner != BUILTIN:
            continue
        metric = entry.load()()
        spec: MetricSpec = metric.spec
        if spec.weights == "refused" and sizes.get("weighted"):
            continue
        if spec.clusters == "refused" and sizes.get("n_psu") is not None:
            continue
        if metric.applicable(task) is not None:
            continue
        found.expect(what, spec.name in present, f"{spec.name} ({spec.axis}) is missing")
        heads = [row for row in rows if row["metric"] == spec.name and row["quantity"] == "matched" and row["headline"]]
        if spec.name in _TESTED and any(row["status"] == "ok" for row in heads):
            found.expect(what, spec.name in tested, f"the test of difference of {spec.name} is missing")


def check_tests(rows: Sequence[Row], tables: Mapping[str, Any], found: Findings) -> None:
    """p-values that intervals and statistics determine."""
    full = {tuple(str(row[name]) for name in KEY): row for row in rows if row["quantity"] == "estimate"}
    for row in rows:
        name = ", ".join(str(row[part]) for part in KEY[1:] if row[part])
        p, value = row["p"], row["value"]
        if row["quantity"] == "equivalence":
            _tost(row, name, found)
        if row["quantity"] != "indistinguishable" or p is None or value is None or row["status"] != "ok":
            continue
        estimate = full.get(tuple(str(row[part]) for part in KEY))
        if estimate is not None and estimate["value"] is not None and row["interval_method"] in ("label swap", "Wald"):
            same = abs(estimate["value"] - value) <= _CLOSE * max(1.0, abs(value))
            what = "values of tests of difference, as in the estimates"
            found.expect(
                what, same, f"{name} is {value:.4g} where it is tested, and {estimate['value']:.4g} as an estimate"
            )
        if row["interval_method"] == "z" and row["low"] is not None and row["high"] is not None:
            error = (row["high"] - row["low"]) / 2 / float(stats.norm.ppf(0.5 + LEVEL / 2))
            again = float(2 * stats.norm.sf(abs(value) / error)) if error > 0 else math.nan
            _p("p-values of single terms, from their intervals", p, again, name, found)
        elif row["interval_method"] == "Wald" and tables["sizes"].get("draws") == 1:
            df = _degrees(str(row["estimand"]))
            if df:
                _p(
                    "p-values of slopes together, from their statistic",
                    p,
                    float(stats.chi2.sf(value * df, df)),
                    name,
                    found,
                )
        elif row["interval_method"] == "label swap":
            times = _exchanges(str(row["estimand"]))
            if times:
                what = "p-values of label swaps: a number of exchanges out of all"
                count = p * (times + 1)
                whole = abs(count - round(count)) < 1e-6 and 1 <= round(count) <= times + 1
                found.expect(what, whole, f"{name}: p is {p:.6g}, which {times} exchanges cannot give")


def _tost(row: Row, name: str, found: Findings) -> None:
    """The larger of two one-sided p-values is below .05 where the 90% interval lies within the margin."""
    numbers = [row[part] for part in ("p", "low", "high", "margin")]
    if None in numbers or row["status"] not in ("ok", "undecidable"):
        return
    p, low, high, margin = map(float, numbers)
    inside = -margin < low and high < margin
    edge = min(abs(low + margin), abs(high - margin)) < 1e-9
    what = "p-values of equivalence, from interval and margin"
    found.expect(what, edge or inside == (p < 0.05), f"{name}: p is {p:.3g} against its 90% interval")


def _p(what: str, stated: float, computed: float, name: str, found: Findings) -> None:
    same = math.isfinite(computed) and abs(stated - computed) <= _TAIL * max(stated, computed) + 1e-300
    found.expect(what, same, f"{name}: p is {stated:.3g}, and follows to be {computed:.3g}")


def _degrees(said: str) -> int | None:
    """From "chi-squared over 3 degrees of freedom in the full test sample"."""
    words = said.split()
    return next((int(one) for one, after in pairwise(words) if after == "degrees" and one.isdigit()), None)


def _exchanges(said: str) -> int | None:
    """From "value in the full test sample; p: 999 exchanges within respondents"."""
    words = said.replace(",", "").split()
    return next((int(one) for one, after in pairwise(words) if after == "exchanges" and one.isdigit()), None)
