"""A small survey written to a folder: an experiment with two arms, an unbalanced profile column, and three items."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from surveyeval.data.split import Split
from surveyeval.engine.experiment import split_people
from surveyeval.model.hf import HFModel, HFOptions
from surveyeval.task.human import HumanData, load_human
from surveyeval.task.load import load_task
from surveyeval.task.task import Task
from surveyeval.tuning.sequences import Row, make_rows
from tests.model import tiny

PEOPLE = 160
GROUPS = ("Large", "Middle", "Small")

CONTENT: dict[str, Any] = {
    "name": "tiny-survey",
    "version": "1.0",
    "title": "A tiny survey",
    "source": {
        "use": "file:answers.csv",
        "provenance": "synthetic",
        "licence": "CC0-1.0",
        "citation": "nobody",
        "id": "person",
    },
    "profile": {
        "age": {"column": "age"},
        "group": {"column": "group", "labels": {name: name.lower() for name in GROUPS}},
    },
    "arms": {"column": "arm", "levels": {"c": {"label": "control"}, "t": {"label": "treated", "vignette": "Very good."}}},
    "interview": {"mode": "sequential", "system": "You are taking part in a survey.", "options": "letters"},
    "items": [
        {"name": "trust", "role": "belief", "kind": "ordinal", "question": "Very good or bad?",
         "options": {"1": "Agree strongly", "2": "Agree", "3": "Disagree"}, "missing": {"9": "refused"}},
        {"name": "mood", "role": "attitude", "kind": "ordinal", "question": "Where would you place yourself?",
         "options": {"1": "good", "2": "bad"}, "missing": {"9": "refused"}},
        {"name": "act", "role": "action", "kind": "nominal", "question": "Do you take part?",
         "options": {"no": "No", "yes": "Yes"}, "missing": {"9": "refused"}},
    ],
    "derived": {"old": "age >= 50", "agrees": "trust < 3"},
    "subgroups": ["group"],
    "cells": ["group"],
}  # fmt: skip


def people(n: int = PEOPLE, seed: int = 0, *, missing: float = 0.0) -> list[dict[str, str]]:
    """Rows of the data file; about 70, 25 and 5 per cent in the three groups, answers depend on group and arm."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        group = int(rng.choice(3, p=[0.7, 0.25, 0.05]))
        arm = "ct"[number % 2]
        answers = {
            "trust": str(1 + int(rng.choice(3, p=np.roll([0.7, 0.2, 0.1], group)))),
            "mood": str(1 + int(rng.random() < (0.8 if arm == "t" else 0.2))),
            "act": "yes" if rng.random() < 0.6 else "no",
        }
        answers = {item: "9" if rng.random() < missing else code for item, code in answers.items()}
        rows.append({"person": f"p{number:04d}", "age": str(20 + int(rng.integers(60))), "group": GROUPS[group], "arm": arm,
                     "w": f"{rng.uniform(0.5, 2):.3f}", **answers})  # fmt: skip
    return rows


def write(folder: Path, rows: list[dict[str, str]] | None = None, **parts: Any) -> Path:
    """Write task and data; `parts` replace fields of the task, whole or (source, interview) merged."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {**CONTENT, **parts}
    for name in ("source", "interview"):
        content[name] = {**CONTENT[name], **parts.get(name, {})}
    (folder / "task.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    rows = rows or people()
    with (folder / "answers.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def load(folder: Path) -> tuple[Task, HumanData, Split]:
    task = load_task(str(folder))
    human = load_human(task)
    return task, human, split_people(task, human)


def model_of(folder: Path, **options: Any) -> HFModel:
    model = HFModel(str(folder), HFOptions(dtype="float32", device="cpu", **options))
    model.load()
    return model


def rows_of(survey: Path, base: Path, n: int = 12, **options: Any) -> list[Row]:
    task, human, split = load(survey)
    chosen = human.sample.take(split.order[:n])
    return make_rows(model_of(base, **options), task, chosen, frozenset())


#: Writes an answer otherwise in earlier turns than where it is generated, so that interviews do not only append.
REWRITES = (
    "{% for m in messages %}<|{{ m['role'] }}|>{% if m['role'] == 'assistant' %}I said {% endif %}"
    "{{ m['content'] }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
#: Begins differently at every turn.
COUNTS = "{{ messages | length }}" + tiny.CHAT


def save_base(folder: Path, architecture: str = "llama", template: str | None = tiny.CHAT) -> Path:
    return tiny.save(architecture, folder, template)
