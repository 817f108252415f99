"""Attention checks are asked and stored like other items, and no measure of fidelity looks at them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from surveyeval.metric.alignment import JSDistance, TotalVariation
from surveyeval.metric.energy import EnergyDistance
from surveyeval.metric.individual import JointLogLoss
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


def test_a_check_without_an_answer_ends_a_scored_interview_for_every_model() -> None:
    """Language models cannot be led past it; baselines could, and are not scored there either."""
    used = task(checked=True)
    human = make_sample(used, {"belief": [0, 1, 2], "check": [1, 1, -1], "act": [0, 1, 1]})
    law = {"belief": np.log([0.5, 0.25, 0.25]), "act": np.log([0.5, 0.5, 0.5])}
    led_past = replace(human, simulated=True, log_prob=law)
    stopped = replace(led_past, log_prob={**law, "act": np.where([True, True, False], law["act"], np.nan)})
    for rows in (led_past, stopped):
        comparison = JointLogLoss().compare(used, human, rows, human, {})
        # bits: 1 + 1, 2 + 1, and 2 of the third person, who is scored up to the check
        assert comparison.values(np.ones((1, 3)), np.ones((1, 3)), 0).value.item() == pytest.approx((2 + 3 + 2) / 3)
