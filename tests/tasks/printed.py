"""Human results of a task as the engine tables them, and printed figures to hold them against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from surveyeval.data.sample import Sample
from surveyeval.engine.describe import describe
from surveyeval.task.task import Task

Coefficients = Mapping[tuple[str, str], tuple[float, float]]


def printed_as(printed: str) -> Any:
    """Within one unit of the last printed digit (printed figures are partly cut off, partly rounded)."""
    return pytest.approx(float(printed), abs=1.0001 * 10.0 ** -len(printed.partition(".")[2]))


def tables(task: Task, people: Sample) -> dict[str, Any]:
    """Descriptive tables of all people, who stand in for their own simulation too."""
    return describe(task, people, [people.with_answers(people.answers, states=people.states)], people)


def coefficients(found: dict[str, Any]) -> Coefficients:
    """(regression, term) to coefficient and standard error."""
    return {
        (row["regression"], row["term"]): (row["human"], row["human_se"])
        for row in found["coefficients"]
        if row["status"] == "ok"
    }


def assert_printed(found: Coefficients, regression: str, printed: Mapping[str, str]) -> None:
    """Terms of a regression with what is printed of them: ``".447 (.132)"`` or ``".447"``."""
    for term, text in printed.items():
        coefficient, _, error = text.partition(" ")
        ours = found[regression, term]
        assert ours[0] == printed_as(coefficient), (regression, term, ours)
        if error:
            assert ours[1] == printed_as(error.strip("()")), (regression, term, ours)


def n_patterns(sample: Sample, items: tuple[str, ...]) -> int:
    """Number of different answers to these items among those who answered all of them."""
    columns = np.column_stack([sample.answers[item] for item in items])
    return len(np.unique(columns[(columns >= 0).all(axis=1)], axis=0))


def shuffled_patterns(sample: Sample, items: tuple[str, ...], rounds: int) -> float:
    """Mean number of patterns when each item's answers are dealt out anew, among those who answered all."""
    columns = np.column_stack([sample.answers[item] for item in items])
    columns = columns[(columns >= 0).all(axis=1)]
    rng = np.random.default_rng(1)
    counts = [
        len(np.unique(np.column_stack([rng.permutation(column) for column in columns.T]), axis=0))
        for _ in range(rounds)
    ]
    return float(np.mean(counts))


def gap(outcome: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Share of contradictions among those of whom a rule says something."""
    rows = outcome >= 0
    return float(np.average(outcome[rows] == 0, weights=None if weight is None else weight[rows]))
