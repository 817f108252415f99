"""A small task and random samples for the tests of metrics."""

from pathlib import Path

import numpy as np

from surveyeval.data.sample import Sample
from surveyeval.task.schema import TaskSpec
from surveyeval.task.task import Task

SCALE = {str(code): f"point {code}" for code in range(1, 6)}


def make_task(**changes):
    content = {
        "name": "small",
        "version": "1",
        "title": "Small",
        "source": {"use": "file:x.csv", "provenance": "synthetic", "licence": "none", "citation": "none"},
        "profile": {"region": {"column": "region", "labels": {"n": "north", "s": "south", "w": "west"}}},
        "arms": {"column": "arm", "levels": {"a": {"label": "A"}, "b": {"label": "B"}}},
        "items": [
            {"name": "trust", "role": "belief", "kind": "ordinal", "question": "?", "options": SCALE},
            {"name": "place", "role": "belief", "kind": "nominal", "question": "?", "options": {"x": "x", "y": "y", "z": "z"}},
            {"name": "risk", "role": "belief", "kind": "ordinal", "question": "?",
             "options": {"1": {"label": "low", "value": 0}, "2": {"label": "some", "value": 1}, "3": {"label": "high", "value": 4}}},
            {"name": "act", "role": "action", "kind": "binary", "question": "?", "options": {"no": "no", "yes": "yes"}},
        ],
        "subgroups": ["region"],
        "patterns": ["trust", "place", "risk"],
        "coherence": [{"name": "trusting", "applies": "trust != 3", "follows": '(act == "yes") == (trust > 3)'}],
    }  # fmt: skip
    return Task(TaskSpec.model_validate(content | changes), Path(), "small.yaml", "0")


def make_sample(task, n, seed, *, missing=0.05, weighted=True, effect=0.0):
    rng = np.random.default_rng(seed)
    arm = np.array([task.arms[i % len(task.arms)].key for i in range(n)], dtype=object)
    region = np.array(["n", "s", "w"], dtype=object)[rng.integers(0, 3, n)]
    answers = {}
    for item in task.items:
        shift = effect * ((region == "s") - 1.0 * (region == "w")) + 0.3 * (arm == task.arms[-1].key)
        drawn = np.clip(np.round(rng.normal((item.k - 1) / 2 + shift, item.k / 4)), 0, item.k - 1).astype(np.int64)
        answers[item.name] = np.where(rng.random(n) < missing, -1, drawn)
    sample = Sample(
        respondent=np.array([f"r{i}" for i in range(n)], dtype=object),
        arm=arm,
        profile={"region": region},
        weight=rng.uniform(0.5, 2.0, n) if weighted else np.ones(n),
    )
    return sample.with_answers(answers, simulated=False)


def as_simulated(sample, seed, **kwargs):
    """Other answers for the same people."""
    task = kwargs.pop("task")
    other = make_sample(task, sample.n, seed, **kwargs)
    return sample.with_answers(other.answers)


def half_weights(sample, rows, seed):
    """(B, n) zero-one masks of disjoint halves, both sides."""
    rng = np.random.default_rng(seed)
    human = rng.random((rows, sample.n)) < 0.5
    return human.astype(float), (~human).astype(float)


def single(values, name, **where):
    """First row of one value."""
    for q, key in enumerate(values.keys):
        if key.name == name and all(getattr(key, field) == wanted for field, wanted in where.items()):
            return values.value[0, q]
    raise KeyError(name)
