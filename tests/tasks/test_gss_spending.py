"""The human results of gss_spending: who answered what, associations with political views, regressions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.miscmodels.ordinal_model import OrderedModel

from surveyeval.data.sample import Sample, State
from surveyeval.data.sources import open_source
from surveyeval.metric.association import Association
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.render import interviews
from surveyeval.task.task import Task
from tests.tasks.printed import assert_printed, coefficients, n_patterns, printed_as, shuffled_patterns, tables

TASK = Path(__file__).parents[2] / "tasks" / "gss_spending"
#: Two wordings in one column, without a column that tells which: the manual of the package says so.
MIXED = {
    "natspac", "natenvir", "natheal", "natcity", "natcrime", "natdrug", "nateduc", "natrace", "natarms", "nataid", "natfare",
}  # fmt: skip


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task(str(TASK))


@pytest.fixture(scope="module")
def people(task: Task) -> Sample:
    return load_human(task).sample


@pytest.fixture(scope="module")
def raw(task: Task) -> pd.DataFrame:
    return open_source(task.spec.source.use, TASK).frame.apply(pd.to_numeric)


def test_people(task: Task, people: Sample, raw: pd.DataFrame) -> None:
    assert people.n == 2348
    assert not people.weighted
    complete = np.all([pd.notna(people.profile[name]) for name in task.profile], axis=0)
    assert complete.sum() == 2337
    group, labels = task.groups(people, "race")
    assert dict(zip(labels, np.bincount(group).tolist(), strict=True)) == {
        "White": 1693, "Black": 385, "of another race": 270,
    }  # fmt: skip
    assert raw.rincom16.isna().mean() == pytest.approx(0.42, abs=0.005)
    assert raw.news.isna().mean() == pytest.approx(0.34, abs=0.005)
    assert {field.column for field in task.spec.profile.values()}.isdisjoint(
        {"rincom16", "news", "partyid", "polviews"}
    )


def test_items_with_two_wordings_are_left_out(task: Task, raw: pd.DataFrame) -> None:
    asked = {item.spec.column or item.name for item in task.items}
    spending = {name for name in raw.columns if name.startswith("nat")}
    assert len(spending) == 18
    assert spending - asked == MIXED
    # both wordings pooled: 49 percent "too little" on welfare is the answer to neither
    assert (raw.natfare.dropna() == 1).mean() == pytest.approx(0.49, abs=0.005)


def test_minus_one_is_too_much(task: Task, people: Sample, raw: pd.DataFrame) -> None:
    for name in task.patterns:
        assert dict(zip(task.item(name).codes, task.item(name).labels, strict=True)) == {
            "-1": "too much", "0": "about the right amount", "1": "too little",
        }  # fmt: skip
        values = task.column(people, name)
        np.testing.assert_array_equal(values.valid, raw[name].notna())
        np.testing.assert_array_equal(values.values[values.valid], raw[name].dropna())
        # a blank is don't know, refused or not asked; nobody can tell, so it is called missing
        assert (people.states[name][~values.valid] == State.MISSING).all()
    assert (people.states["polviews"] == State.MISSING).sum() == 101


def test_89_is_89_or_older(task: Task, people: Sample) -> None:
    rows = [int(np.flatnonzero(people.profile["age"] == age)[0]) for age in ("89", "88")]
    openings = [interview.opening for interview in interviews(task, people.take(np.array(rows)))]
    assert "You are 89 years old or older." in openings[0]
    assert "You are 88 years old." in openings[1]
    assert not any("{" in opening or "  " in opening for opening in openings)


def test_patterns(task: Task, people: Sample) -> None:
    complete = np.all([people.answered(name) for name in task.patterns], axis=0)
    assert complete.sum() == 1886
    assert n_patterns(people, task.patterns) == 523
    assert shuffled_patterns(people, task.patterns, 30) == pytest.approx(555, abs=5)


def test_coherence_is_an_association(task: Task, people: Sample, raw: pd.DataFrame) -> None:
    printed = {"natenrgy": "-.223", "natmass": "-.224", "natchld": "-.183", "natsci": "-.177"}
    ones = np.ones((1, people.n))
    values = Association().compare(task, people, people, people, {}).values(ones, ones, 0)
    assert [(key.item, key.term) for key in values.keys[1:]] == [("polviews", name) for name in printed]
    for (name, text), ours in zip(printed.items(), values.value[0, 1:], strict=True):
        both = raw[["polviews", name]].dropna()
        assert ours == pytest.approx(stats.spearmanr(both.polviews, both[name]).statistic)
        assert ours == printed_as(text)
    assert values.value[0, 0] == pytest.approx(np.abs(values.value[0, 1:]).mean())
    assert not task.actions
    assert not task.spec.coherence


def test_regressions(task: Task, people: Sample) -> None:
    ours = coefficients(tables(task, people))
    printed = {
        "alternative energy": {
            "polviews": "-.088 (.009)", "education": ".021 (.005)", "age10": "-.015 (.007)", "female": "-.003 (.026)",
            "race[2]": "-.069 (.038)", "race[3]": "-.071 (.044)",
        },
        "childcare": {
            "polviews": "-.066 (.008)", "female": ".103 (.025)", "race[2]": ".148 (.032)", "age10": "-.025 (.007)",
        },
        "Social Security": {
            "race[2]": ".165 (.030)", "race[3]": "-.162 (.044)", "female": ".113 (.025)", "age10": ".030 (.007)",
            "education": "-.012 (.004)",
        },
        "highways and bridges": {
            "age10": ".080 (.007)", "female": "-.121 (.026)", "race[3]": "-.262 (.048)", "race[2]": "-.090 (.041)",
            "education": ".030 (.005)",
        },
        "mass transportation": {"polviews": "-.090 (.009)", "education": ".030 (.005)"},
    }  # fmt: skip
    for regression, terms in printed.items():
        assert_printed(ours, regression, terms)


def test_the_ordered_logit_is_that_of_statsmodels(task: Task, people: Sample, raw: pd.DataFrame) -> None:
    rows = raw[["natenrgy", "polviews", "educ", "age", "sex", "race"]].dropna()
    X = pd.DataFrame(
        {
            "polviews": rows.polviews, "education": rows.educ, "age10": rows.age / 10, "female": rows.sex == 1,
            "race[2]": rows.race == 2, "race[3]": rows.race == 3,
        }
    ).astype(float)  # fmt: skip
    fit = OrderedModel(rows.natenrgy.to_numpy(), X, distr="logit").fit(method="bfgs", disp=0, gtol=1e-7)
    ours = coefficients(tables(task, people))
    for term in X:
        coefficient, error = ours["alternative energy, ordered", term]
        assert coefficient == pytest.approx(fit.params[term], abs=1e-5)
        assert error == pytest.approx(fit.bse[term], rel=1e-4)
    printed = {
        "polviews": "-.303 (.031)", "education": ".076 (.016)", "age10": "-.039 (.025)", "female": "-.055 (.088)",
        "race[2]": "-.201 (.124)", "race[3]": "-.222 (.143)",
    }  # fmt: skip
    assert_printed(ours, "alternative energy, ordered", printed)
