"""Distances and scores against popfidelity, an independent implementation (popfidelity/expected.py beside this file)."""

import csv
from pathlib import Path

import numpy as np
import pytest
from r_values import TASK, samples

from surveyeval.metric.alignment import JSDistance, TotalVariation, Wasserstein
from surveyeval.metric.dispersion import SDRatio
from surveyeval.metric.scores import Representativeness, SimBenchScore
from surveyeval.task.task import Task

METRICS = {
    metric.spec.name: metric
    for metric in (TotalVariation, JSDistance, Wasserstein, Representativeness, SDRatio, SimBenchScore)
}


def expected():
    with (Path(__file__).parent / "popfidelity" / "expected.csv").open() as lines:
        return {row["name"]: float(row["value"]) for row in csv.DictReader(lines)}


def of(metric, arm, task=TASK):
    """Values of the respondents of one arm, by key name and item."""
    human, simulated = samples()
    weights = (human.arm == arm)[None, :].astype(float)
    found = metric().compare(task, human, simulated, human, {}).values(weights, weights, 0)
    return {(key.name, key.item): found.value[0, q] for q, key in enumerate(found.keys) if not key.arm}


@pytest.mark.parametrize("arm", ["a", "b"])
@pytest.mark.parametrize("name", METRICS)
def test_values(name, arm):
    found, compared = of(METRICS[name], arm), 0
    for key, value in expected().items():
        metric, place, *item = key.split()
        if (metric, place) == (name, arm) and (name, "".join(item)) in found:
            assert found[name, "".join(item)] == pytest.approx(value, abs=1e-6), key
            compared += 1
    assert compared >= {"simbench_score": 1, "total_variation": 4, "js_distance": 4, "representativeness": 3}.get(
        name, 2
    )
    assert np.isfinite(list(expected().values())).all()


@pytest.mark.parametrize("arm", ["a", "b"])
@pytest.mark.parametrize("item", [item.name for item in TASK.items])
def test_simbench_score_of_one_item(item, arm):
    """The ratio of means is then the ratio that popfidelity forms from its own distances."""
    nothing = {"coherence": [], "patterns": [], "items": [one for one in TASK.spec.items if one.name == item]}
    task = Task(TASK.spec.model_copy(update=nothing), Path(), "one.yaml", "0")
    assert of(SimBenchScore, arm, task)["simbench_score", ""] == pytest.approx(
        expected()[f"simbench_score {arm} {item}"], abs=1e-6
    )
