"""A small invented survey with everything that a metric may look at, and people who answer it by a known law.

Four arms, four regions that differ, ordered, nominal, numeric and binary items, survey weights, unanswered items, a
coherence rule, regressions and their truth. No file is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.task.schema import TaskSpec
from surveyeval.task.task import Task

__all__ = ["make_people", "make_survey"]

_SCALE = {str(code): f"point {code}" for code in range(1, 6)}
_REGIONS = {"n": "north", "s": "south", "w": "west"}
#: How far each region is from the others, in standard deviations of what its people share.
_SHIFT = {"n": 0.0, "s": 0.9, "w": -0.9}

_SURVEY: dict[str, Any] = {
    "name": "testing",
    "version": "1",
    "title": "An invented survey",
    "source": {"use": "file:none.csv", "provenance": "synthetic", "licence": "none", "citation": "none"},
    "profile": {"region": {"column": "region", "labels": _REGIONS}},
    "arms": {"column": "arm", "levels": {key: {"label": key.upper()} for key in "abcd"}},
    "items": [
        {"name": "trust", "role": "belief", "kind": "ordinal", "question": "?", "options": _SCALE},
        {"name": "place", "role": "belief", "kind": "nominal", "question": "?", "options": {"x": "x", "y": "y", "z": "z"}},
        {"name": "risk", "role": "belief", "kind": "ordinal", "question": "?",
         "options": {"1": {"label": "low", "value": 0}, "2": {"label": "some", "value": 1}, "3": {"label": "high", "value": 4}}},
        {"name": "act", "role": "action", "kind": "binary", "question": "?", "options": {"no": "no", "yes": "yes"}},
        {"name": "worth", "role": "attitude", "kind": "numeric", "question": "?", "options": {str(k): str(k) for k in range(9)}},
        {"name": "fair", "role": "attitude", "kind": "ordinal", "question": "?", "options": {str(k): str(k) for k in range(4)}},
    ],
    "subgroups": ["region"],
    "cells": ["region"],
    "patterns": ["trust", "place", "risk", "worth", "fair"],
    "coherence": [{"name": "trusting", "applies": "trust != 3", "follows": '(act == "yes") == (trust > 3)'}],
    "regressions": [
        {"name": "trust", "formula": "trust ~ arm + region + risk", "family": "ols",
         "blocks": {"treatment": ["arm"], "belief": ["risk"], "demographic": ["region"]}},
        {"name": "worth", "formula": "worth ~ trust + region", "family": "ols",
         "blocks": {"belief": ["trust"], "demographic": ["region"]}},
        {"name": "act", "formula": "act ~ trust + region", "family": "logit",
         "blocks": {"belief": ["trust"], "demographic": ["region"]}},
    ],
    "truth": {"trust": {"arm[d]": 0.3, "region[s]": 0.5, "region[w]": 0, "risk": 0}},
}  # fmt: skip


def make_survey(**changes: Any) -> Task:
    """The survey as a task.

    Parameters
    ----------
    **changes
        Fields of the task file that are replaced.
    """
    return Task(TaskSpec.model_validate(_SURVEY | changes), Path(), "testing.yaml", "0")


def make_people(
    task: Task,
    n: int,
    seed: int,
    *,
    profiles: int = 0,
    weighted: bool = False,
    missing: float = 0.0,
    groups: float = 1.0,
    prefix: str = "r",
) -> Sample:
    """People of the survey, whose answers depend on region and arm and hang together.

    Parameters
    ----------
    task : Task
        Of `make_survey`; its arms and items may be others.
    n : int
    seed : int
        Of the answers.
    profiles : int
        Seed of regions and weights: with the same one, people of different `seed` have the same profiles, row for row.
    weighted : bool
        Whether weights differ (0.5 to 2).
    missing : float
        Share of items without an answer.
    groups : float
        Multiplies the differences between regions; 1 is the law.
    prefix : str
        Of the identifiers; samples that are to be disjoint need different ones.
    """
    fixed = np.random.default_rng((profiles, n))
    region = np.array(list(_SHIFT), dtype=object)[fixed.integers(0, len(_SHIFT), n)]
    weight = fixed.uniform(0.5, 2.0, n) if weighted else np.ones(n)
    arm = np.array([task.arms[i % len(task.arms)].key for i in range(n)], dtype=object)
    rng = np.random.default_rng((seed, n, 1))
    latent = rng.normal(0, 0.5, n) + groups * np.array([_SHIFT[one] for one in region])
    number = np.arange(n) % len(task.arms)
    answers: dict[str, NDArray[np.int64]] = {}
    for j, item in enumerate(task.items):
        effect = 0.45 * np.array([0, 1, -1, 0.5])[(number + j) % 4]
        drawn = (item.k - 1) * 0.55 + (latent + effect) * item.k / 4 + rng.normal(0, item.k / 12, n)
        answer = np.clip(np.round(drawn), 0, item.k - 1).astype(np.int64)
        answers[item.name] = np.where(rng.random(n) < missing, -1, answer)
    people = Sample(
        respondent=np.array([f"{prefix}{i}" for i in range(n)], dtype=object),
        arm=arm,
        profile={"region": region},
        weight=weight,
    )
    return people.with_answers(answers, simulated=False)
