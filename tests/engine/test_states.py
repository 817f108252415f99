"""Counts of states by group: every row is counted once, on its own side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from surveyeval.data.sample import Sample, State
from surveyeval.engine.states import states_by_group
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.task import Task


@pytest.fixture(scope="module")
def people() -> tuple[Task, Sample]:
    task = load_task("anes96")
    return task, load_human(task).sample.take(np.arange(200))


def _some_of_each(sample: Sample, item: str) -> Sample:
    states = {name: column.copy() for name, column in sample.states.items()}
    answers = {name: column.copy() for name, column in sample.answers.items()}
    states[item][: len(State)] = list(State)
    answers[item][1 : len(State)] = -1
    return sample.with_answers(answers, states=states)


def test_counts_are_those_of_a_cross_tabulation(people: tuple[Task, Sample]) -> None:
    task, human = people
    simulated = _some_of_each(human, "vote")
    rows = [row for row in states_by_group(task, human, [simulated, simulated]) if row["item"] == "vote"]
    assert {row["state"] for row in rows if row["side"] == "simulation"} == {one.name.lower() for one in State}
    index, labels = task.groups(human, "age_band")
    expected = pd.crosstab(np.array(labels)[index], simulated.states["vote"])
    for row in rows:
        if row["subgroup"] == "age_band" and row["side"] == "simulation":
            count = expected.loc[row["group"], State[row["state"].upper()]]
            assert row["count"] == 2 * count  # two draws
            assert row["share"] == pytest.approx(count / expected.loc[row["group"]].sum())


def test_people_are_never_invalid_and_rows_for_nobody_have_no_group(people: tuple[Task, Sample]) -> None:
    task, human = people
    unpaired = replace(_some_of_each(human, "vote"), paired=False)
    rows = list(states_by_group(task, human, [unpaired]))
    assert {row["side"] for row in rows} == {"people"}  # no arms in this task
    assert not {row["state"] for row in rows} & {"invalid", "not_run"}


def test_arms_are_counted_too() -> None:
    task = load_task("disclosure")
    human = load_human(task).sample.take(np.arange(100))
    rows = [row for row in states_by_group(task, human, [human]) if not row["subgroup"]]
    item = task.items[0].name
    total = sum(row["count"] for row in rows if row["item"] == item and row["side"] == "people")
    assert total == human.n
    assert {row["group"] for row in rows} <= {arm.key for arm in task.arms}
