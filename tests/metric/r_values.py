"""The respondents of r/answers.csv as samples, and what r/expected.R found on them."""

import csv
from pathlib import Path

import numpy as np
from metric_samples import make_task

from surveyeval.data.sample import Sample

FOLDER = Path(__file__).parent / "r"

TASK = make_task(
    regressions=[
        {
            "name": "trust",
            "formula": "trust ~ region + risk",
            "family": "ols",
            "blocks": {"belief": ["risk"], "demographic": ["region"]},
        }
    ]
)


def expected():
    with (FOLDER / "expected.csv").open() as lines:
        return {row["name"]: float(row["value"]) for row in csv.DictReader(lines)}


def samples(*, weighted=False):
    """Human and simulated answers of the same people."""
    with (FOLDER / "answers.csv").open() as lines:
        rows = list(csv.DictReader(lines))

    def column(name):
        return np.array([row[name] for row in rows], dtype=object)

    human = Sample(
        respondent=column("respondent"),
        arm=column("arm"),
        profile={"region": column("region")},
        weight=column("weight").astype(float) if weighted else np.ones(len(rows)),
    )

    def answers(side):
        return {
            item.name: np.array([item.codes.index(code) for code in column(f"{side}_{item.name}")])
            for item in TASK.items
        }

    return human.with_answers(answers("human"), simulated=False), human.with_answers(answers("simulated"))
