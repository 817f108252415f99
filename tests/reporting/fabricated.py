"""Fabricated runs with every shape and status that a card must show. Numbers are plausible, not measured."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from surveyeval.engine.estimates import make_table
from surveyeval.reporting.view import RunView

ITEMS = {
    "believed": ("How believable is the statement?", ["not at all", "a little", "somewhat", "rather", "completely"]),
    "location": ("Where are the new measures?", ["at A", "at B", "at both", "at neither"]),
    "action": ("What do you do?", ["attack A", "attack B", "do not attack"]),
}
ARMS = {"a": "message A, verified", "b": "message B, unverified"}
FLOORS = {"uniform": 1.0, "mode": 1.2, "pooled": 0.35, "marginal": 0.3, "cell": 0.28}
BASE: dict[str, Any] = {"task": "fabricated", "version": "1.0", "comparison": "250 people, seed 0"}


def _values(
    rng: random.Random, model: str, quality: float, key: dict[str, Any], people: float, naive: float, half: float, individual: bool
) -> Iterator[dict[str, Any]]:  # fmt: skip
    width = abs(naive - people) * 0.12 + 0.004
    base = {
        **BASE,
        **key,
        "half": 125,
        "n_human": 125,
        "n_simulated": 125,
        "n_eff": half,
        "level": 0.95,
        "interval_method": "jackknife",
    }
    flags = "grey" if half < 30 else ""

    def row(quantity: str, who: str, value: float, spread: float = width, **more: Any) -> dict[str, Any]:
        return {**base, "quantity": quantity, "model": who, "value": value, "low": value - spread, "high": value + spread,
                "status": "ok", "flags": flags, **more}  # fmt: skip

    if half < 15:
        reason = f"{half:.0f} effective respondents in a half, 15 are needed"
        empty = {**base, "status": "too_small", "reason": reason}
        for quantity, who in (("reference", "human-half"), ("matched", model), ("excess", model), ("recovered", model)):
            yield {**empty, "quantity": quantity, "model": who}
        return
    if individual:
        yield {
            **base,
            "quantity": "reference",
            "model": "human-half",
            "status": "not_applicable",
            "reason": "none available",
        }
    else:
        yield row("reference", "human-half", people)
    for name, share in FLOORS.items():
        if not (individual and name == "mode"):
            yield row("floor", f"baseline:{name}", people + (naive - people) * share)
    value = people + (naive - people) * (1 - quality) + rng.uniform(-width, width) / 2
    yield row("estimate" if individual else "matched", model, value)
    cell = people + (naive - people) * FLOORS["cell"]
    sign = 1 if key["direction"] != "higher" else -1
    yield row("gain_over_cell", model, sign * (cell - value))
    if individual:
        yield row("gain_over_floor", model, sign * (people + (naive - people) * FLOORS["marginal"] - value))
        return
    yield row("excess", model, sign * (value - people))
    named = people + (naive - people) * FLOORS[key["floor_name"]]
    if abs(named - people) < 2.5 * width or half < 30:
        status = "too_small" if half < 30 else "not_resolved"
        yield {
            **base,
            "quantity": "recovered",
            "model": model,
            "status": status,
            "reason": "the floor is not told from real people",
        }
    elif key.get("band"):
        return
    else:
        share = (named - value) / (named - people)
        yield row("recovered", model, share, 0.09)


def _keys() -> Iterator[tuple[dict[str, Any], float, float, float]]:
    """Key, value of people, value of naive answers, effective size of a half."""
    for metric, people, naive in (
        ("total_variation", 0.06, 0.29),
        ("js_distance", 0.07, 0.28),
        ("wasserstein", 0.03, 0.17),
    ):
        head = {"axis": "alignment", "metric": metric, "name": metric, "direction": "lower", "floor_name": "uniform"}
        yield {**head, "headline": True}, people, naive, 125
        for item in ITEMS:
            yield {**head, "item": item}, people * 0.9, naive * 1.1, 125
        for arm in ARMS:
            yield {**head, "arm": arm, "floor_name": "pooled"}, people * 1.6, naive, 62
    head = {
        "axis": "subgroups",
        "metric": "group_js_distance",
        "name": "group_js_distance",
        "direction": "lower",
        "floor_name": "marginal",
    }
    yield {**head, "group": "age_band", "headline": True}, 0.11, 0.30, 125
    for group, half in (("18-34", 55), ("35-49", 40), ("50-64", 22), ("65+", 8)):
        yield {**head, "group": f"age_band={group}"}, 0.14, 0.31, half
    head = {"axis": "heterogeneity", "direction": "target", "floor_name": "marginal"}
    for metric, people, naive in (
        ("unique_patterns", 61.0, 96.0),
        ("structure_ratio", 0.81, 1.0),
        ("coverage", 0.7, 0.3),
    ):
        yield {**head, "metric": metric, "name": metric, "headline": metric != "coverage"}, people, naive, 125
    yield {**head, "metric": "sd_ratio", "name": "sd_ratio", "floor_name": "mode", "headline": True}, 1.0, 0.0, 125
    head = {
        "axis": "coherence",
        "direction": "target",
        "floor_name": "marginal",
        "rule": "best response",
        "headline": True,
    }
    yield {**head, "metric": "gap", "name": "gap"}, 0.245, 0.57, 125
    yield {**head, "metric": "coherence", "name": "coherence"}, 0.57, 0.0, 125
    for arm in ARMS:
        yield {**head, "metric": "gap", "name": "gap", "arm": arm, "headline": False}, 0.25, 0.56, 62
    head = {"axis": "coefficients", "floor_name": "marginal"}
    yield (
        {**head, "metric": "share_differing", "name": "share_differing", "direction": "lower", "headline": True},
        0.06,
        0.24,
        125,
    )
    for block in ("treatment", "belief", "demographic"):
        yield (
            {**head, "metric": "exaggeration", "name": "exaggeration", "block": block, "direction": "target"},
            1.0,
            0.0,
            125,
        )
    head = {
        "axis": "individual",
        "metric": "joint_log_loss",
        "name": "joint_log_loss",
        "direction": "lower",
        "floor_name": "marginal",
    }
    yield {**head, "headline": True}, 4.1, 6.2, 125
    for item in ITEMS:
        yield {**head, "item": item}, 1.2, 2.1, 125


def estimates(model: str, quality: float) -> Any:
    rng = random.Random(7)
    rows = [
        row
        for key, people, naive, half in _keys()
        for row in _values(rng, model, quality, key, people, naive, half, key["axis"] == "individual")
    ]
    skipped = {
        **BASE,
        "axis": "heterogeneity",
        "metric": "stereotyping",
        "name": "stereotyping",
        "quantity": "matched",
        "model": "",
    }
    rows.append({**skipped, "status": "not_applicable", "reason": "no item is ordinal"})
    return make_table(rows)


def tables(quality: float) -> dict[str, Any]:
    rng = random.Random(3)
    distributions = []
    for arm in ("", *ARMS):
        for item, (question, labels) in ITEMS.items():
            raw = [rng.uniform(0.5, 2) for _ in labels]
            for k, label in enumerate(labels):
                human = raw[k] / sum(raw)
                simulated = human * quality + (1 - quality) * (k == 0)
                distributions.append(
                    {
                        "item": item, "question": question, "role": "action" if item == "action" else "belief",
                        "kind": "ordinal" if item == "believed" else "nominal", "wording": "assumed", "arm": arm, "option": str(k),
                        "label": label, "human": human, "human_low": max(0, human - 0.06), "human_high": human + 0.06,
                        "simulated": simulated, "n_human": 250, "n_simulated": 250, "basis": "draws",
                    }
                )  # fmt: skip
    coefficients: list[dict[str, Any]] = []
    for term, block, b, se in (
        ("unequal", "treatment", 0.34, 0.12),
        ("believed", "belief", -0.1, 0.04),
        ("age", "demographic", 0.004, 0.003),
    ):
        own = b * (2 - quality)
        coefficients.append(
            {
                "regression": "B3", "formula": "detect ~ unequal + believed + age", "family": "ols", "term": term, "block": block,
                "human": b, "human_se": se, "human_low": b - 2 * se, "human_high": b + 2 * se, "n_human": 250, "errors_human": "HC2",
                "simulated": own, "simulated_se": se, "simulated_low": own - 2 * se, "simulated_high": own + 2 * se,
                "n_simulated": 250, "errors_simulated": "HC2", "truth": b * 0.9, "status": "ok", "reason": "",
            }
        )  # fmt: skip
    lost = dict.fromkeys(("simulated", "simulated_se", "simulated_low", "simulated_high"))
    coefficients.append(
        {
            **coefficients[-1],
            **lost,
            "term": "congruent",
            "status": "not_estimable",
            "reason": "simulation: does not vary in this sample",
        }
    )
    coefficients.append(
        {
            "regression": "B1",
            "formula": "believed ~ age",
            "family": "ordered",
            "term": "",
            "block": "",
            "status": "not_applicable",
            "reason": "family 'ordered' is not supported in this version",
        }
    )
    coherence = []
    for arm in ("", *ARMS):
        for side, gap in (("people", 0.245), ("simulation", 0.245 + 0.3 * (1 - quality))):
            row: dict[str, Any] = {
                "rule": "best response",
                "side": side,
                "arm": arm,
                "n": 250.0,
                "follows": 250 * (1 - gap),
            }
            row |= {"contradicts": 250 * gap, "undetermined": 0.0, "missing": 0.0, "gap": gap}
            coherence.append(row | ({"gap_low": gap - 0.05, "gap_high": gap + 0.05} if side == "people" else {}))
    groups = [("18-34", 110), ("35-49", 80), ("50-64", 44), ("65+", 16)]
    return {
        "sizes": {
            "n_human": 250, "n_eff": 250.0, "n_pilot": 232, "n_simulated": 250, "draws": 1, "paired": True,
            "arms": [{"arm": arm, "label": label, "n": 125, "n_eff": 125.0} for arm, label in ARMS.items()],
        },
        "distributions": distributions,
        "coefficients": coefficients,
        "coherence": coherence,
        "states": [
            {"item": "believed", "side": "people", "state": "answered", "count": 250, "share": 1.0},
            {"item": "believed", "side": "simulation", "state": "answered", "count": 240, "share": 0.96},
            {"item": "believed", "side": "simulation", "state": "invalid", "count": 10, "share": 0.04},
        ],
        "mass": [{"item": item, "mean": 0.86, "p05": 0.51, "min": 0.2} for item in ITEMS],
        "groups": [
            {"subgroup": "age_band", "group": label, "n": n, "n_eff": float(n), "half_n_eff": n / 2,
             "status": "skipped" if n < 30 else "grey" if n < 60 else "ok"} for label, n in groups
        ],
    }  # fmt: skip


def manifest(model: str, string: str) -> dict[str, Any]:
    return {
        "id": "ab" * 32, "created": "2026-01-05T10:00:00+00:00", "surveyeval": "0.1.0",
        "command": f"surveyeval run --task fabricated --model {string} --limit 250", "limited": 250, "notes": [],
        "task": {
            "name": "fabricated", "version": "1.0", "title": "Disclosure of security measures", "description": "An experiment.",
            "hash": "12" * 32, "provenance": "synthetic", "comparable": False, "licence": "CC0", "citation": "Nobody (2026)",
            "url": "https://example.org/data", "published": "2011", "field_dates": None, "population": "adults in the United States",
            "mode": "web", "selection": "complete cases", "weighted": False, "profile_set": "default", "profile": ["age", "gender"],
            "wording": {"believed": "verbatim", "location": "paraphrased", "action": "assumed"},
            "interview": {"mode": "sequential", "options": "letters", "order": "fixed"},
        },
        "data": {"sha256": "cd" * 32, "n": 929},
        "model": {
            "name": model, "string": string, "banners": ["training rows are unknown"] if "lora" in string else [],
            "fingerprint": {"kind": "content", "value": "ef" * 32, "details": {"dtype": "bfloat16"}},
        },
        "split": {"hash": "aa" * 32, "pool": 232, "pilot": 232, "test": 250, "test_ids": "bb" * 32},
        "options": {"seed": 0, "draws": 1, "hidden": [], "elicitation": "choice"},
        "counts": {"interviews": 250, "answered": 240, "invalid": 10}, "seconds": 61.2, "tried": 3,
        "prompt_example": [{"role": "system", "content": "You take part in a study."}, {"role": "user", "content": "You are 44.\n\nHow believable?\nA. no"}],
        "environment": {"python": "3.11", "numpy": "2.4"},
    }  # fmt: skip


def run(model: str = "smollm2", string: str = "embedded:smollm2", quality: float = 0.3) -> RunView:
    """A run whose every value lies so far from naive (0) to human (1)."""
    return RunView(manifest(model, string), estimates(model, quality), tables(quality))
