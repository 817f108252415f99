"""What metrics say of people's answers that are spoiled by degrees: the values of docs/reference/metrics/values.json.

    python docs/metric_figures.py            # some minutes; docs/metric_pages.py then draws and writes

Test people of `anes96` stand in for the simulation, their answers spoiled in five ways and four degrees
(benchmarks/corrupt.py), and go through the evaluator like any model, in half splits, without intervals. Metrics that say
nothing about `anes96` are computed on `disclosure`, whose rows are synthetic and have arms and a known truth. Metrics of
the package surveyeval-ppi are computed where ppi-python is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
VALUES = HERE / "reference" / "metrics" / "values.json"
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "plugins" / "surveyeval-ppi")]

from corrupt import KINDS  # noqa: E402 (the folder is no package)

#: Degrees of corruption; the first is an exact copy, and the same for all kinds.
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
#: Tasks in the order in which they are asked for a figure, with the groups that are stereotyped.
TASKS = {"anes96": "party", "disclosure": ""}
#: Metrics that score the probabilities of answers; the others see answers alone, as of any file of rows.
SCORED = ("joint_log_loss", "log_loss")
SPLITS = 6
SEED = 7
#: Rounding errors are below it.
_NOTHING = 1e-9
#: What the evaluator says of an infinite loss.
_IMPOSSIBLE = "a person's answer has probability 0"


def registered() -> dict[str, str]:
    """Targets ``package.module:Class`` of all metrics by name: built-in ones, then those of the plugin in this repository."""
    import surveyeval_ppi.hooks

    import surveyeval.builtins

    class Register:
        """Writes down metrics."""

        def __init__(self) -> None:
            self.found: dict[str, str] = {}

        def metric(self, name: str, target: str, **_: Any) -> None:
            self.found[name] = target

        def __getattr__(self, kind: str) -> Any:
            return lambda *_, **__: None

    register = Register()
    for module in (surveyeval.builtins, surveyeval_ppi.hooks):
        module.surveyeval_register(register)
    return register.found


def load(target: str) -> Any:
    """The class that a target names."""
    from importlib import import_module

    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


@cache
def _tasks() -> str:
    """What values depend on in the tasks: not their texts, nor what was left at its default."""
    from surveyeval.task.load import load_task

    parts = {
        "source",
        "arms",
        "items",
        "derived",
        "subgroups",
        "cells",
        "patterns",
        "coherence",
        "regressions",
        "truth",
    }
    told = []
    for name in TASKS:
        spec = load_task(name).spec.model_dump(mode="json", include=parts, exclude_defaults=True)
        told.append(json.dumps(spec, sort_keys=True))
    return "".join(told)


def inputs(name: str, metric: Any) -> str:
    """Hash of what the values of a metric are made from: tasks, corruption, this recipe and the metric's spec.

    Code of metrics is not in it, as it changes for other reasons than results; ``--check`` compares numbers.
    """
    spec = metric.spec
    told = [name, spec.direction, spec.floor, spec.interval, LEVELS, SPLITS, SEED, sorted(TASKS.items())]
    found = hashlib.sha256(repr(told).encode())
    found.update((ROOT / "benchmarks" / "corrupt.py").read_bytes())
    found.update(_tasks().encode())
    return found.hexdigest()[:16]


def compute(wanted: Sequence[str], say: Any = print) -> dict[str, Any]:
    """Values of metrics by name; those that nothing can be said of here have a ``reason``."""
    targets = registered()
    result: dict[str, Any] = {}
    rest = {name: load(targets[name]) for name in wanted}
    for task in TASKS:
        found = _on_task(task, rest, say)
        reasons = {name: one for name, one in found.items() if "reason" in one}
        result |= {name: one for name, one in found.items() if name not in reasons or name not in result}
        rest = {name: rest[name] for name in reasons}
    return {name: result[name] | {"inputs": inputs(name, load(targets[name]))} for name in wanted}


def _on_task(name: str, classes: Mapping[str, Any], say: Any) -> dict[str, Any]:
    from corrupt import corrupt

    from surveyeval.data.split import make_split
    from surveyeval.engine.evaluate import evaluate
    from surveyeval.task.human import load_human
    from surveyeval.task.load import load_task

    if not classes:
        return {}
    task = load_task(name)
    data = load_human(task)
    pilot_rows, test_rows = make_split(data.sample, f"{name}:{data.sha256}").divide(0.25)
    pilot, people = data.sample.take(pilot_rows), data.sample.take(test_rows)
    found = {}
    for scored in (False, True):
        metrics = []
        for one in (one for metric, one in classes.items() if (metric in SCORED) == scored):
            metric = one()
            # Nothing is resampled for a figure.
            metric.spec = replace(metric.spec, interval="none", recoverable=False)
            metrics.append(metric)
        if not metrics:
            continue
        how = {"subgroup": TASKS[name], "scored": scored, "seed": SEED}
        simulated = {"copy": [corrupt(task, people, KINDS[0], 0.0, **how)]}
        for kind in KINDS:
            for level in LEVELS[1:]:
                simulated[f"{kind} {level}"] = [corrupt(task, people, kind, level, **how)]
        say(f"{name}: {len(metrics)} metrics, {people.n} people, {len(simulated)} samples, {SPLITS} splits")
        table = evaluate(task, people, simulated, pilot, metrics=metrics, seed=SEED, splits=SPLITS)
        found |= {metric.spec.name: _of_metric(name, table[table["metric"] == metric.spec.name]) for metric in metrics}
    return found


def _of_metric(task: str, rows: Any) -> dict[str, Any]:
    """The value that a figure shows: the first headline that is known, or else the first value."""
    where = ["name", "item", "group", "arm", "regression", "term", "rule", "block"]
    shown = "estimate" if (rows["axis"] == "individual").any() else "matched"
    of_models = rows[rows["quantity"] == shown]
    copies = of_models[of_models["model"] == "copy"]
    if copies.empty:
        reason = str(rows.iloc[0]["reason"])
        if "metric failed" in reason:
            raise SystemExit(f"{rows.iloc[0]['metric']}: {reason} (metrics on worth need ppi-python)")
        return {"reason": reason}
    known = copies[copies["value"].notna() & (copies["arm"] == "")]
    if known.empty:
        return {"reason": str(copies.iloc[0]["reason"])}
    groups = known[known["group"] == TASKS[task]] if TASKS[task] else known
    best = next(part for part in (groups[groups["headline"]], groups, known[known["headline"]], known) if len(part))
    overall = best[best["item"] == ""]
    key = (
        overall.iloc[0] if len(overall) else best.iloc[-1]
    )  # otherwise the last item, which is an action in both tasks
    mine = rows[(rows[where] == key[where]).all(axis=1)]
    values = {
        (row.quantity, row.model): math.inf if row.reason == _IMPOSSIBLE else row.value for row in mine.itertuples()
    }
    named = next((row.floor_name for row in mine.itertuples() if row.quantity == "floor"), "")
    path = {
        kind: [_rounded(values.get((shown, f"{kind} {level}" if level else "copy"))) for level in LEVELS]
        for kind in KINDS
    }
    return {
        "task": task,
        **{field: str(key[field]) for field in where if key[field]},
        "headline": bool(copies["headline"].any()),
        "reference": _rounded(values.get(("reference", "human-half"))),
        "floor_name": str(named),
        "floor": _rounded(values.get(("floor", f"baseline:{named}"))),
        "values": path,
    }


def _rounded(value: float | None) -> float | str | None:
    """Four digits; infinity as a word, and None where there is no value."""
    if value is None or math.isnan(value):
        return None
    if math.isinf(value):
        return "infinite"
    return float(f"{value:.4g}") if abs(value) > _NOTHING else 0.0


def stale(stored: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Metrics whose stored values were made from something else than what is here."""
    targets = registered()
    return [name for name in names if stored.get(name, {}).get("inputs") != inputs(name, load(targets[name]))]


def differing(stored: Mapping[str, Any], made: Mapping[str, Any]) -> list[str]:
    """Metrics whose values differ beyond rounding."""

    def same(one: Any, other: Any) -> bool:
        if isinstance(one, dict) and isinstance(other, dict):
            return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
        if isinstance(one, list) and isinstance(other, list):
            return len(one) == len(other) and all(map(same, one, other))
        if isinstance(one, float) and isinstance(other, float):
            return math.isclose(one, other, rel_tol=2e-3, abs_tol=2e-4)
        return bool(one == other)

    return [name for name in made if not same(stored.get(name), made[name])]


def read() -> dict[str, Any]:
    """Stored values."""
    found: dict[str, Any] = json.loads(VALUES.read_text()) if VALUES.exists() else {}
    return found


def write(values: Mapping[str, Any]) -> None:
    """Store values, a line for each metric, so that a change is seen as one."""
    lines = [f"{json.dumps(name)}: {json.dumps(values[name])}" for name in sorted(values)]
    VALUES.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main() -> int:
    """Compute, and store or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("metrics", nargs="*", help="only these")
    parser.add_argument("--check", action="store_true", help="compare with what is stored and write nothing")
    options = parser.parse_args()
    made = compute(options.metrics or list(registered()))
    stored = read()
    if options.check:
        for name in (found := differing(stored, made)):
            print(
                f"{name}: values differ from docs/reference/metrics/values.json; run python docs/metric_figures.py {name}"
            )
        return int(bool(found))
    write({name: one for name, one in (stored | made).items() if name in registered()})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
