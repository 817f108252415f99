"""Small tasks and samples written out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from surveyeval.data.sample import NO_ARM, Sample, State
from surveyeval.model.protocol import Interviews
from surveyeval.task.schema import TaskSpec
from surveyeval.task.task import Task


def make_task(**parts: Any) -> Task:
    """Two arms, two profile fields, an ordinal belief and a nominal action; `parts` replace fields of the file."""
    content: dict[str, Any] = {
        "name": "small",
        "version": "1",
        "title": "Small",
        "source": {"use": "file:x.csv", "provenance": "human", "licence": "none", "citation": "none"},
        "profile": {
            "age": {"column": "age"},
            "sex": {"column": "sex", "labels": {"f": "woman", "m": "man"}},
        },
        "arms": {"column": "arm", "levels": {"c": {"label": "control"}, "t": {"label": "treated"}}},
        "items": [
            {"name": "belief", "role": "belief", "kind": "ordinal", "question": "?",
             "options": {"1": "low", "2": "middle", "3": "high"}, "missing": {"9": "refused"}},
            {"name": "act", "role": "action", "kind": "nominal", "question": "?", "options": {"no": "No", "yes": "Yes"}},
        ],
        "derived": {"young": "age < 40"},
        "subgroups": ["sex"],
        "cells": ["sex", "young"],
        "patterns": ["belief"],
        "coherence": [{"name": "rule", "applies": "belief != 2", "follows": '(act == "yes") == (belief > 2)'}],
    }  # fmt: skip
    return Task(TaskSpec.model_validate({**content, **parts}), Path(), "small.yaml", "0")


def make_sample(
    task: Task,
    answers: Mapping[str, Sequence[int]],
    *,
    arm: Sequence[str] | None = None,
    age: Sequence[str | None] | None = None,
    sex: Sequence[str | None] | None = None,
    weight: Sequence[float] | None = None,
    missing: State = State.REFUSED,
) -> Sample:
    """People with these option indices; -1 is an absent answer of state `missing`."""
    n = len(next(iter(answers.values())))
    columns = {name: np.array(column, dtype=np.int64) for name, column in answers.items()}
    people = Sample(
        np.array([f"p{number}" for number in range(n)], dtype=object),
        np.array(arm or [NO_ARM if not task.is_experiment else task.arms[0].key] * n, dtype=object),
        profile={
            "age": np.array(age or ["50"] * n, dtype=object),
            "sex": np.array(sex or ["f"] * n, dtype=object),
        },
        weight=np.ones(n) if weight is None else np.array(weight, dtype=float),
    )
    states = {name: np.where(column >= 0, State.ANSWERED, missing).astype(np.int8) for name, column in columns.items()}
    return people.with_answers(columns, states=states, simulated=False)


def ask(task: Task, people: Sample, *, seed: int = 0, draw: int = 0, hidden: Sequence[str] = ()) -> Interviews:
    """Interviews with random numbers of their own."""
    uniforms = np.random.default_rng(seed).random((people.n, len(task.items)))
    return Interviews(task, people, uniforms, draw, frozenset(hidden))
