"""Attention checks are asked and stored like other items, and no measure of fidelity looks at them."""

from __future__ import annotations

import numpy as np
import pytest

from surveyeval.metric.alignment import JSDistance, TotalVariation
from surveyeval.metric.energy import EnergyDistance
from surveyeval.task.task import Task
from tests.model.helpers import make_sample, make_task

CHECK = {
    "name": "check", "role": "attention", "kind": "nominal", "question": "Take b.", "expected": "b",
    "options": {"a": "A", "b": "B"},
}  # fmt: skip
ITEMS = [
    {"name": "belief", "role": "belief", "kind": "ordinal", "question": "?",
     "options": {"1": "low", "2": "middle", "3": "high"}},
    {"name": "act", "role": "action", "kind": "nominal", "question": "?", "options": {"no": "No", "yes": "Yes"}},
]  # fmt: skip


def task(*, checked: bool) -> Task:
    items = [ITEMS[0], CHECK, ITEMS[1]] if checked else ITEMS
    return make_task(items=items, arms=None)


@pytest.mark.parametrize("metric", [TotalVariation, JSDistance, EnergyDistance])
def test_measures_are_those_without_the_check(metric: type) -> None:
    rng = np.random.default_rng(4)
    people = {"belief": rng.integers(0, 3, 80).tolist(), "act": rng.integers(0, 2, 80).tolist()}
    rows = {"belief": rng.integers(0, 3, 80).tolist(), "act": rng.integers(0, 2, 80).tolist()}
    found = []
    for checked in (False, True):
        used = task(checked=checked)
        more = [{"check": [1] * 80}, {"check": [0] * 80}] if checked else [{}, {}]
        human, simulated = make_sample(used, people | more[0]), make_sample(used, rows | more[1])
        comparison = metric().compare(used, human, simulated, human, {})
        values = comparison.values(np.ones((1, 80)), np.ones((1, 80)), 0)
        found.append(
            {(key.name, key.item): repr(float(value)) for key, value in zip(values.keys, values.value[0], strict=True)}
        )
    assert found[0] == found[1]
    assert len(found[0]) > 1
