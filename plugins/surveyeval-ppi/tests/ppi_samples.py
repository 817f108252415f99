"""Small tasks, and people and simulated rows with a known relation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from surveyeval.data.sample import NO_ARM, Sample
from surveyeval.task.schema import TaskSpec
from surveyeval.task.task import Task

SCALE = {str(code): f"point {code}" for code in range(1, 6)}
MIXED = (
    {"name": "trust", "role": "belief", "kind": "ordinal", "question": "?", "options": SCALE},
    {"name": "place", "role": "belief", "kind": "nominal", "question": "?", "options": {"x": "x", "y": "y", "z": "z"}},
    {"name": "act", "role": "action", "kind": "binary", "question": "?", "options": {"no": "no", "yes": "yes"}},
)


def make_task(items=MIXED, arms=()):
    content = {
        "name": "small", "version": "1", "title": "Small", "items": list(items),
        "source": {"use": "file:x.csv", "provenance": "synthetic", "licence": "none", "citation": "none"},
        "profile": {"region": {"column": "region", "labels": {"n": "north", "s": "south"}}},
    }  # fmt: skip
    if arms:
        content["arms"] = {"column": "arm", "levels": {key: {"label": key.upper()} for key in arms}}
    return Task(TaskSpec.model_validate(content), Path(), "small.yaml", "0")


def scales(count, points=5):
    options = {str(code): f"point {code}" for code in range(1, points + 1)}
    return [
        {"name": f"q{j}", "role": "belief", "kind": "ordinal", "question": "?", "options": options}
        for j in range(count)
    ]


def make_people(task, n, seed, *, missing=0.0, weighted=False, latent=None):
    """People whose answers follow a standard normal variable each, cut at equal steps."""
    rng = np.random.default_rng(seed)
    arm = np.array(
        [task.arms[i % len(task.arms)].key if task.is_experiment else NO_ARM for i in range(n)], dtype=object
    )
    drawn = rng.normal(size=(n, len(task.items))) if latent is None else latent
    answers = {}
    for j, item in enumerate(task.items):
        chosen = cut(drawn[:, j], item.k)
        answers[item.name] = np.where(rng.random(n) < missing, -1, chosen)
    people = Sample(
        respondent=np.array([f"r{i}" for i in range(n)], dtype=object), arm=arm,
        profile={"region": np.array(["n", "s"], dtype=object)[rng.integers(0, 2, n)]},
        weight=rng.uniform(0.5, 2.0, n) if weighted else np.ones(n),
    )  # fmt: skip
    return people.with_answers(answers, simulated=False)


def cut(latent, k):
    return np.clip(np.floor(latent * k / 4 + k / 2), 0, k - 1).astype(np.int64)


def copy_of(people, **changes):
    """Simulated rows with the very answers of the people."""
    return people.with_answers({**people.answers, **changes})


def shuffled(people, seed):
    """Simulated rows with other people's answers: the right distribution, and nothing known of anybody."""
    order = np.random.default_rng(seed).permutation(people.n)
    return people.with_answers({name: column[order] for name, column in people.answers.items()})


def value(values, name, item="", row=0):
    for q, key in enumerate(values.keys):
        if (key.name, key.item) == (name, item):
            return values.value[row, q]
    raise KeyError((name, item))


def status(values, name, item=""):
    return next((found for key, found in values.status.items() if (key.name, key.item) == (name, item)), ("ok", ""))


def full(metric, task, people, rows, pilot=None, seed=3, cache=None):
    """Values with everybody's own weight on both sides."""
    bound = metric().compare(
        task, people, rows, people.take(np.arange(0)) if pilot is None else pilot, {} if cache is None else cache
    )
    return bound.values(people.weight[None, :], rows.weight[None, :], seed)
