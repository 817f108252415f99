"""Fabricated studies with every part that a card must show. Numbers are plausible, not measured."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from surveyeval.engine.estimates import make_table
from surveyeval.grid.plan import Design, designs, variants
from surveyeval.grid.spec import StudySpec, read_study
from surveyeval.grid.study import Study
from surveyeval.grid.task_study import AGAINST
from surveyeval.model.strings import parse_model_string

ALL = 424
#: metric, axis, direction, people, naive, extra columns
KEYS: tuple[tuple[str, str, str, float, float, dict[str, Any]], ...] = (
    ("js_distance", "alignment", "lower", 0.07, 0.28, {}),
    ("wasserstein", "alignment", "lower", 0.03, 0.17, {}),
    ("group_js_distance", "subgroups", "lower", 0.12, 0.31, {"group": "age_band"}),
    ("group_js_distance", "subgroups", "lower", 0.13, 0.32, {"group": "age_band=18-34", "headline": False}),
    ("group_js_distance", "subgroups", "lower", 0.11, 0.29, {"group": "age_band=35+", "headline": False}),
    ("unique_patterns", "heterogeneity", "target", 61.0, 93.0, {}),
    ("structure_ratio", "heterogeneity", "target", 0.81, 1.0, {}),
    ("gap", "coherence", "target", 0.13, 0.5, {"rule": "spatial vote"}),
    ("coherence", "coherence", "target", 0.75, 0.0, {"rule": "spatial vote"}),
    ("share_differing", "coefficients", "lower", 0.06, 0.24, {}),
    ("sign_f1", "coefficients", "higher", 0.56, 0.1, {}),
    ("sign_fpr", "coefficients", "lower", 0.2, 0.4, {}),
    ("joint_log_loss", "individual", "lower", 6.1, 9.5, {}),
    ("log_loss", "individual", "lower", 1.5, 2.3, {"item": "vote", "headline": False}),
    ("js_distance", "alignment", "lower", 0.06, 0.25, {"item": "vote", "headline": False}),
)
#: Methods without probabilities of people's answers.
SILENT = ("baseline:hotdeck", "baseline:copula")


def spec_of(folder: Path, **changes: Any) -> StudySpec:
    """A study file with these changes, written and read."""
    content: dict[str, Any] = {
        "name": "fabricated",
        "title": "A pilot of voters, and small models",
        "description": "Fabricated numbers.",
        "tasks": [{"name": "anes96", "profile_set": "core+pid"}],
        "bases": ["embedded:smollm2?dtype=bfloat16"],
        "methods": ["base", "calibrate=temperature", "calibrate=item", "examples=4", "lora"],
        "baseline_sizes": ["15", "240", "all"],
        "pilots": {"sizes": ["30", "60", "120"], "draws": 3},
        "seeds": [0, 1],
        **changes,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return read_study(folder / "study.yaml")


def study(folder: Path, *, provenance: str = "human", without: tuple[str, ...] = (), **changes: Any) -> Study:
    """A finished study; metrics named in `without` do not apply to its tasks."""
    spec = spec_of(folder, **changes)
    tasks = [
        {"name": one.name, "version": "1.0", "title": f"Title of {one.name}", "provenance": provenance,
         "profile_set": one.profile_set or "core", "people": 944, "licence": "CC0"}
        for one in spec.tasks
    ]  # fmt: skip
    record = {"format": 1, "surveyeval": "0.1.0", "finished": "2026-01-05T10:00:00+00:00", "tasks": tasks,
              "environment": {"python": "3.11", "numpy": "2.4"}}  # fmt: skip
    (folder / "study.json").write_text(json.dumps(record))
    tables = [
        _table(spec, str(task["name"]), str(task["profile_set"]), design, holdout, part, without)
        for task in tasks
        for holdout in ["", *spec.holdout]
        for design in designs(spec.pilots, spec.baseline_sizes)
        if not (holdout and design.baselines_only)
        for part in (["all", "seen", "unseen"] if _apart(design, holdout) else ["all"])
    ]
    return Study(spec, folder, pd.concat(tables, ignore_index=True))


def _apart(design: Design, holdout: str) -> bool:
    return design.scope != "all" or holdout.startswith(("arm=", "group="))


def people_of(design: Design) -> int:
    """People in the pilot of a design."""
    size = ALL if design.size == "all" else float(design.size)
    wanted = round(ALL * size) if size < 1 else int(size)
    return wanted if design.scope == "all" else max(wanted // 8, 1)


def quality(method: str, base: str, people: int, draw: int, seed: int | None) -> float:
    """How far from naive (0) to people (1) a method comes."""
    grows = math.log(people / 10) / math.log(50)
    level = {
        "base": -0.6, "calibrate=temperature": 0.1, "calibrate=item": 0.35, "examples=4": -0.2, "lora": 0.25 + 0.5 * grows,
        "baseline:uniform": 0.0, "baseline:marginal": 0.42 + 0.06 * grows, "baseline:cell": 0.38 + 0.14 * grows,
        "baseline:logit": 0.2 + 0.4 * grows, "baseline:chain": 0.1 + 0.7 * grows, "baseline:hotdeck": 0.3 + 0.2 * grows,
        "baseline:copula": 0.33 + 0.25 * grows,
    }[method]  # fmt: skip
    if method in ("base", "baseline:uniform"):
        return level + (0.2 if "other" in base else 0.0)
    noise = random.Random(f"{method} {people} {draw} {seed}").uniform(-0.05, 0.05)
    return level + noise + (0.08 if "other" in base else 0.0)


def _table(
    spec: StudySpec, task: str, profile_set: str, design: Design, holdout: str, part: str, without: tuple[str, ...]
) -> pd.DataFrame:  # fmt: skip
    people = people_of(design)
    chosen = variants(spec, design)
    labels = [
        f"{one.name} @ {parse_model_string(one.base).name}" if one.base and len(spec.bases) > 1 else one.name
        for one in chosen
    ]
    rows: list[dict[str, Any]] = []
    owners: list[int] = []
    for metric, axis, direction, human, naive, extra in KEYS:
        if part != "all" and axis not in ("individual", "alignment", "coherence"):
            continue
        base = {"task": task, "version": "1.0", "axis": axis, "metric": metric, "name": metric, "direction": direction,
                "headline": True, "half": 100.0, "n_eff": 100.0, "n_human": 100.0, **extra}  # fmt: skip
        if metric in without:
            rows.append(
                {**base, "quantity": "matched", "status": "not_applicable", "reason": "nothing of this kind here"}
            )
            owners.append(-1)
            continue
        worse = 0.1 if part == "unseen" else 0.0
        values = {}
        for k, one in enumerate(chosen):
            reached = quality(one.method, one.base, people, design.draw, one.seed) - worse
            values[k] = human + (naive - human) * (1 - reached)
        if axis != "individual":
            spread = abs(naive - human) * 0.06
            rows.append({**base, "quantity": "reference", "model": "human-half", "value": human, "low": human - spread,
                         "high": human + spread, "status": "ok"})  # fmt: skip
            owners.append(-1)
        for k, one in enumerate(chosen):
            if axis == "individual" and one.method in SILENT:
                reason = "the model gives no probability of people's answers"
                rows.append(
                    {**base, "quantity": "estimate", "model": labels[k], "status": "not_applicable", "reason": reason}
                )
                owners.append(k)
                continue
            found = list(_values(base, labels, values, human, k, [c.method for c in chosen]))
            rows += found
            owners += [k] * len(found)
    table = make_table(rows)
    own = [chosen[k] if k >= 0 else None for k in owners]
    return table.assign(
        part=part, profile_set=profile_set, holdout=holdout, size=design.size, n_pilot=people, scope=design.scope,
        balance=design.balance, profile=design.profile, draw=design.draw,
        method=[one.method if one else "" for one in own],
        base=[one.base if one else "" for one in own],
        tuning_seed=pd.array([one.seed if one else None for one in own], dtype="Int64"),
        seconds=[(40.0 + people if one.base else 0.0) if one else math.nan for one in own],
        tokens=[(people * 260.0 if one.method == "lora" else 0.0) if one else math.nan for one in own],
    )  # fmt: skip


def _values(
    base: dict[str, Any], labels: list[str], values: dict[int, float], human: float, k: int, methods: list[str]
) -> Iterator[dict[str, Any]]:  # fmt: skip
    individual = base["axis"] == "individual"
    scale = abs(human) * 0.05 + 0.004
    common = {**base, "model": labels[k], "status": "ok"}
    if individual:
        common["n_human"] = 200.0

    def loss(value: float) -> float:
        return {"lower": value, "higher": -value}.get(base["direction"], abs(value - human))

    def row(quantity: str, value: float, **more: Any) -> dict[str, Any]:
        return {**common, "quantity": quantity, "value": value, "low": value - scale, "high": value + scale, **more}

    yield row("estimate" if individual else "matched", values[k])
    if not individual:
        yield row("excess", loss(values[k]) - loss(human))
    if not base["headline"]:
        return
    for other, method in enumerate(methods):
        if method in AGAINST and other != k:
            yield row("gain_over", loss(values[other]) - loss(values[k]), floor_name=labels[other])
