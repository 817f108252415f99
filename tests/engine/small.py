"""A task of one arm with few answers, and samples of a known law, for tests of tests."""

from pathlib import Path

import numpy as np

from surveyeval.data.sample import NO_ARM, Sample
from surveyeval.task.schema import TaskSpec
from surveyeval.task.task import Task

SCALE = {str(code): f"point {code}" for code in range(1, 5)}


def small_task(**changes):
    content = {
        "name": "tiny",
        "version": "1",
        "title": "Tiny",
        "source": {"use": "file:x.csv", "provenance": "synthetic", "licence": "none", "citation": "none"},
        "profile": {"region": {"column": "region", "labels": {"n": "north", "s": "south"}}},
        "items": [
            {"name": "trust", "role": "belief", "kind": "ordinal", "question": "?", "options": SCALE},
            {"name": "act", "role": "action", "kind": "binary", "question": "?", "options": {"no": "no", "yes": "yes"}},
        ],
        "subgroups": ["region"],
        "cells": ["region"],
        "patterns": ["trust", "act"],
        "coherence": [{"name": "trusting", "follows": '(act == "yes") == (trust > 2)'}],
        "regressions": [
            {"name": "acting", "formula": "act ~ trust + region", "family": "logit", "blocks": {"belief": ["trust"], "demographic": ["region"]}},
            {"name": "trusting", "formula": "trust ~ region", "family": "ols", "blocks": {"demographic": ["region"]}},
        ],
    }  # fmt: skip
    return Task(TaskSpec.model_validate(content | changes), Path(), "tiny.yaml", "0")


def respondents(n, seed, *, weight=None, psu=None, stratum=None):
    """People without answers, half of them in the south."""
    region = np.array(["n", "s"], dtype=object)[np.random.default_rng(seed).integers(0, 2, n)]
    return Sample(
        respondent=np.array([f"r{i}" for i in range(n)], dtype=object),
        arm=np.full(n, NO_ARM, dtype=object),
        profile={"region": region},
        weight=np.ones(n) if weight is None else weight,
        psu=psu,
        stratum=stratum,
    )


def answered(people, seed, *, shift=0.0, missing=0.0, simulated=True):
    """Answers of one law given the region; `shift` moves trust upwards."""
    rng = np.random.default_rng(seed)
    south = people.profile["region"] == "s"
    trust = np.clip(np.round(rng.normal(1.2 + 0.8 * south + shift, 1.0)), 0, 3).astype(np.int64)
    act = (rng.random(people.n) < 0.2 + 0.18 * trust).astype(np.int64)
    answers = {"trust": np.where(rng.random(people.n) < missing, -1, trust), "act": act}
    return people.with_answers(answers, simulated=simulated)
