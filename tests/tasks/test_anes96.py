"""The human results of anes96 as published on the task's page: counts, rule, regressions (printed digits)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from statsmodels.datasets import anes96

from surveyeval.data.sample import Sample
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.render import interviews
from surveyeval.task.task import Task

TASK = Path(__file__).parents[2] / "tasks" / "anes96"


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task(str(TASK))


@pytest.fixture(scope="module")
def people(task: Task) -> Sample:
    return load_human(task).sample


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    frame = anes96.load_pandas().data
    return frame.assign(nearer=(frame.selfLR - frame.ClinLR).abs() - (frame.selfLR - frame.DoleLR).abs())


def n_patterns(sample: Sample, items: tuple[str, ...]) -> int:
    return len(np.unique(np.column_stack([sample.answers[item] for item in items]), axis=0))


def test_people(people: Sample) -> None:
    assert people.n == 944
    assert not people.weighted
    assert all((people.answers[item] >= 0).all() for item in people.items)
    assert people.items == ("pid", "self_lr", "clinton_lr", "dole_lr", "vote")


def test_profile_sets(task: Task, people: Sample) -> None:
    assert task.profile_set == "core"
    assert "pid" not in task.profile
    known = load_task(str(TASK), profile_set="core+pid")
    sample = load_human(known).sample
    assert [item.name for item in known.items] == ["self_lr", "clinton_lr", "dole_lr", "vote"]
    assert "pid" not in sample.answers
    pid = np.array(task.item("pid").codes)[people.answers["pid"]]
    assert (sample.profile["pid"] == pid).all()


def test_profiles_are_nearly_unique(task: Task, people: Sample) -> None:
    profiles = pd.DataFrame({name: people.profile[name] for name in task.profile})
    assert len(profiles.drop_duplicates()) == 942
    assert (~profiles.duplicated(keep=False)).sum() == 940
    assert (people.profile["place"] == "0").sum() == 228


def test_log_place_is_known_but_never_shown(task: Task, people: Sample) -> None:
    assert "log_place" not in task.profile
    logs, place = (task.column(people, name).values for name in ("log_place", "place"))
    np.testing.assert_allclose(logs, np.log(place + 0.1), atol=1e-6)


def test_patterns(people: Sample, task: Task) -> None:
    assert n_patterns(people, task.patterns) == 176
    assert n_patterns(people, ("pid", *task.patterns)) == 400


def test_patterns_of_shuffled_columns(people: Sample, task: Task) -> None:
    rng = np.random.default_rng(1)
    counts = [
        len(np.unique(np.column_stack([rng.permutation(people.answers[item]) for item in task.patterns]), axis=0))
        for _ in range(100)
    ]
    assert np.mean(counts) == pytest.approx(191, abs=2)


def test_spatial_rule(task: Task, people: Sample, raw: pd.DataFrame) -> None:
    (rule,) = task.spec.coherence
    outcome = task.coherence(people, rule)
    assert (outcome == -1).sum() == 127
    assert (outcome == 0).sum() == 101
    assert (outcome == 1).sum() == 716
    by_hand = np.where(raw.nearer == 0, -1, (raw.vote == (raw.nearer > 0)).astype(int))
    np.testing.assert_array_equal(outcome, by_hand)


def test_spatial_rule_with_shuffled_votes(task: Task, people: Sample) -> None:
    (rule,) = task.spec.coherence
    rng = np.random.default_rng(1)
    gaps = []
    for _ in range(50):
        outcome = task.coherence(
            people.with_answers(dict(people.answers) | {"vote": rng.permutation(people.answers["vote"])}), rule
        )
        gaps.append((outcome == 0).sum() / (outcome >= 0).sum())
    assert np.mean(gaps) == pytest.approx(0.502, abs=0.01)
    assert 1 - (101 / 817) / np.mean(gaps) == pytest.approx(0.754, abs=0.006)


def test_rule_by_party(task: Task, people: Sample) -> None:
    outcome = task.coherence(people, task.spec.coherence[0])
    group, labels = task.groups(people, "party")
    assert len(labels) == 3
    gaps = [(outcome[group == g] == 0).sum() / (outcome[group == g] >= 0).sum() for g in range(3)]
    assert np.round(gaps, 3).tolist() == [0.131, 0.197, 0.063]  # Democrats, independents, Republicans


def test_clinton_right_of_dole(task: Task, people: Sample, raw: pd.DataFrame) -> None:
    outcome = task.coherence(people, task.spec.coherence[0])
    reversed_ = (raw.ClinLR > raw.DoleLR).to_numpy()
    assert reversed_.mean() == pytest.approx(0.12, abs=0.005)
    assert (outcome[reversed_] == 0).sum() / (outcome[reversed_] >= 0).sum() == pytest.approx(0.36, abs=0.005)


@pytest.mark.parametrize(
    ("subgroup", "sizes"),
    [("age_band", [237, 342, 195, 170]), ("education_band", [313, 187, 444]), ("party", [380, 239, 325])],
)
def test_subgroups(task: Task, people: Sample, subgroup: str, sizes: list[int]) -> None:
    group, _ = task.groups(people, subgroup)
    assert np.bincount(group).tolist() == sizes


#: Regression -> the same in the formula language of statsmodels, and (coefficient, standard error) as printed.
REGRESSIONS = {
    "vote on demographics": (
        "vote ~ age + educ + income + logpopul",
        [("0.0096", "0.0043"), ("0.038", "0.046"), ("0.066", "0.013"), ("-0.104", "0.022")],
    ),
    "own position": (
        "selfLR ~ age + educ + income + logpopul + TVnews",
        [("0.0088", "0.0030"), ("-0.110", "0.031"), ("0.018", "0.008"), ("-0.050", "0.014"), ("-0.029", "0.019")],
    ),
    "Clinton's position": (
        "ClinLR ~ selfLR + age + educ + income",
        [("-0.158", "0.031"), ("-0.0048", "0.0027"), ("-0.150", "0.030"), ("-0.037", "0.009")],
    ),
    "Dole's position": (
        "DoleLR ~ selfLR + age + educ + income",
        [("-0.070", "0.028"), ("0.0008", None), ("0.114", "0.028"), ("0.020", "0.008")],
    ),
    "spatial vote": (
        "vote ~ nearer + age + educ + income",
        [("1.18", "0.076"), ("0.002", "0.007"), ("0.180", "0.073"), ("0.051", "0.020")],
    ),
}


def printed_as(printed: str) -> object:
    """Within one unit of the last printed digit (the published figures are partly cut off, partly rounded)."""
    return pytest.approx(float(printed), abs=10.0 ** -len(printed.partition(".")[2]))


@pytest.mark.parametrize("name", REGRESSIONS)
def test_regressions(task: Task, people: Sample, raw: pd.DataFrame, name: str) -> None:
    formula, printed = REGRESSIONS[name]
    (spec,) = (regression for regression in task.spec.regressions if regression.name == name)
    design = task.design(people, spec)
    assert design.valid.all()
    if spec.family == "logit":
        ours = sm.Logit(design.y, design.X).fit(disp=0)
        theirs = smf.logit(formula, raw).fit(disp=0)
    else:
        ours = sm.OLS(design.y, design.X).fit(cov_type="HC2")
        theirs = smf.ols(formula, raw).fit(cov_type="HC2")
    np.testing.assert_allclose(ours.params, theirs.params.to_numpy(), rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(ours.bse, theirs.bse.to_numpy(), rtol=1e-5, atol=1e-8)
    for position, (coefficient, error) in enumerate(printed, start=1):
        assert ours.params[position] == printed_as(coefficient)
        if error is not None:
            assert ours.bse[position] == printed_as(error)


def test_sentences(task: Task, people: Sample) -> None:
    rows = [np.flatnonzero(people.profile["place"] == place)[0] for place in ("0", "31", "7300")]
    openings = [interview.opening for interview in interviews(task, people.take(np.array(rows)), ())]
    assert "You live in the countryside or in a place with fewer than 1,000 people." in openings[0]
    assert "You live in a place with about 31,000 people." in openings[1]
    assert "You live in a city with about 7.3 million people." in openings[2]
    assert not any("{" in opening or "  " in opening for opening in openings)
