"""The synthetic reference: the file is what generate.py writes, and its figures are those it was made for."""

from __future__ import annotations

import hashlib
import importlib.util
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from statsmodels.miscmodels.ordinal_model import OrderedModel

from surveyeval.data.sample import Sample
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.task import Task
from tests.tasks.printed import assert_printed, coefficients, tables

TASK = Path(__file__).parents[2] / "tasks" / "disclosure"


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task(str(TASK))


@pytest.fixture(scope="module")
def people(task: Task) -> Sample:
    return load_human(task).sample


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("disclosure_generate", TASK / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    """The file with every derived column written out by hand."""
    return derived(pd.read_csv(TASK / "answers.csv", keep_default_na=False))


def derived(frame: pd.DataFrame) -> pd.DataFrame:
    chance = {1: 0.1, 2: 0.3, 3: 0.5, 4: 0.7, 5: 0.9}
    message_a, unequal = frame.arm.str.startswith("a-"), frame.arm.str.contains("-unequal-")
    columns = {
        "message_a": message_a,
        "unequal": unequal,
        "verified": frame.arm.str.endswith("-verified"),
        "congruent": message_a & unequal,
        "incongruent": ~message_a & unequal,
        "man": frame.gender == "Man",
        "college": frame.education.isin(["Bachelor's degree", "Graduate degree"]),
        "announced": frame.location == np.where(message_a, "a", "b"),
        "attack": frame.action != "none",
    }
    numbers = {name: column.astype(float) for name, column in columns.items()}
    numbers |= {
        "trust": frame.believed - 3.0,
        "age10": (frame.age - 40) / 10,
        "p_a": frame.detect_a.map(chance),
        "p_b": frame.detect_b.map(chance),
    }
    return frame.assign(**numbers)


def printed_as(printed: str) -> object:
    """Within one unit of the last printed digit."""
    return pytest.approx(float(printed), abs=10.0 ** -len(printed.partition(".")[2]))


def test_file_is_what_the_script_writes(task: Task, generator: ModuleType) -> None:
    content = generator.to_csv(generator.generate())
    assert content == (TASK / "answers.csv").read_bytes()
    assert hashlib.sha256(content).hexdigest() == task.spec.source.sha256


def test_is_never_comparable(task: Task) -> None:
    assert task.spec.source.provenance == "synthetic"
    assert task.spec.comparable is False


def test_arms(task: Task, people: Sample) -> None:
    assert people.n == 929
    sizes = [(people.arm == arm.key).sum() for arm in task.arms]
    assert sorted(sizes) == [116] * 7 + [117]
    factors = {tuple(arm.factors[name] for name in ("message", "valuation", "statement")) for arm in task.arms}
    assert factors == set(product("ab", ("equal", "unequal"), ("unverified", "verified")))
    for arm in task.arms:
        assert arm.key == "-".join(arm.factors[name] for name in ("message", "valuation", "statement"))
        assert arm.vignette is not None
        assert f'measures are at {arm.factors["message"].upper()}."' in arm.vignette
        assert ("180 points" in arm.vignette) == (arm.factors["valuation"] == "unequal")
        assert ("has confirmed" in arm.vignette) == (arm.factors["statement"] == "verified")


def test_items(task: Task) -> None:
    assert [item.name for item in task.items] == ["believed", "location", "detect_a", "detect_b", "priority", "action"]
    assert task.patterns == ("believed", "location", "detect_a", "detect_b", "priority")
    assert np.prod([task.item(name).k for name in task.patterns]) == 1500


def test_unique_belief_structures(task: Task, people: Sample) -> None:
    beliefs = np.column_stack([people.answers[item] for item in task.patterns])
    assert len(np.unique(beliefs, axis=0)) == 340
    rng = np.random.default_rng(1)
    counts = []
    for _ in range(30):
        shuffled = beliefs.copy()
        for arm in np.unique(people.arm.astype(str)):
            rows = np.flatnonzero(people.arm == arm)
            for column in range(beliefs.shape[1]):
                shuffled[rows, column] = beliefs[rng.permutation(rows), column]
        counts.append(len(np.unique(shuffled, axis=0)))
    assert np.mean(counts) == pytest.approx(423, abs=5)


def best_response(raw: pd.DataFrame, action: np.ndarray) -> np.ndarray:
    """Whether the action is among the best, in whole points: chances are tenths."""
    tenths_a, tenths_b = 2 * raw.detect_a - 1, 2 * raw.detect_b - 1
    gain_a, gain_b = np.where(raw.unequal == 1, 180, 120), np.where(raw.unequal == 1, 60, 120)
    points = {
        "a": (10 - tenths_a) * gain_a - 100 * tenths_a,
        "b": (10 - tenths_b) * gain_b - 100 * tenths_b,
        "none": 0 * tenths_a,
    }
    table = np.column_stack([points[name] for name in ("a", "b", "none")])
    chosen = np.select([action == "a", action == "b"], [table[:, 0], table[:, 1]], table[:, 2])
    return chosen == table.max(axis=1)


def test_rule(task: Task, people: Sample, raw: pd.DataFrame) -> None:
    (rule,) = task.spec.coherence
    outcome = task.coherence(people, rule)
    assert set(outcome) == {0, 1}
    assert (outcome == 0).sum() == 229
    np.testing.assert_array_equal(outcome == 1, best_response(raw, raw.action.to_numpy()))
    by_arm = [(outcome[people.arm == arm.key] == 0).mean() for arm in task.arms]
    assert round(min(by_arm), 2) == 0.17
    assert round(max(by_arm), 2) == 0.29


def test_rule_with_actions_shuffled_within_arm(task: Task, people: Sample, raw: pd.DataFrame) -> None:
    codes = np.array(task.item("action").codes)
    rng = np.random.default_rng(1)
    gaps = []
    for _ in range(30):
        actions = people.answers["action"].copy()
        for arm in task.arms:
            rows = np.flatnonzero(people.arm == arm.key)
            actions[rows] = actions[rng.permutation(rows)]
        shuffled = people.with_answers(dict(people.answers) | {"action": actions})
        outcome = task.coherence(shuffled, task.spec.coherence[0])
        np.testing.assert_array_equal(outcome == 1, best_response(raw, codes[shuffled.answers["action"]]))
        gaps.append((outcome == 0).mean())
    assert np.mean(gaps) == pytest.approx(0.570, abs=0.01)


def test_shares(raw: pd.DataFrame) -> None:
    assert round((raw.action == "none").mean(), 3) == 0.288
    a = np.where(raw.unequal == 1, 180, 120) - raw.p_a * np.where(raw.unequal == 1, 280, 220)
    b = np.where(raw.unequal == 1, 60, 120) - raw.p_b * np.where(raw.unequal == 1, 160, 220)
    ties = np.isclose(a, b) & (a > 0)
    assert ties.mean() == pytest.approx(0.05, abs=0.015)


def fitted(formula: str, family: str, data: pd.DataFrame) -> object:
    return smf.ols(formula, data).fit(cov_type="HC2") if family == "ols" else smf.logit(formula, data).fit(disp=0)


#: Regression -> formula for statsmodels and the printed sample values (SE) of some terms.
REGRESSIONS = {
    "announced location": (
        "announced ~ trust + congruent + incongruent + verified + age10 + man + college",
        {"trust": ("0.76", "0.08"), "congruent": ("0.67", "0.19"), "incongruent": ("-0.51", "0.18")},
    ),
    "caught at A": (
        "detect_a ~ message_a + trust + message_a:trust + unequal + verified + age10 + man + college",
        {
            "message_a": ("0.46", "0.07"),
            "trust": ("-0.10", "0.04"),
            "message_a:trust": ("0.43", "0.06"),
            "unequal": ("0.13", "0.06"),
            "age10": ("0.05", "0.02"),
            "man": ("-0.14", "0.06"),
        },
    ),
    "attack": (
        "attack ~ message_a * unequal * verified + age10 + man + college + C(ethnicity, Treatment('White'))",
        {
            "message_a:unequal": ("-0.75", "0.42"),
            "unequal": ("0.24", "0.31"),
            "age10": ("-0.10", "0.05"),
            "man": ("0.46", "0.15"),
        },
    ),
}


@pytest.mark.parametrize("name", REGRESSIONS)
def test_regressions(task: Task, people: Sample, raw: pd.DataFrame, name: str) -> None:
    formula, printed = REGRESSIONS[name]
    (spec,) = (regression for regression in task.spec.regressions if regression.name == name)
    design = task.design(people, spec)
    assert design.valid.all()
    theirs = fitted(formula, spec.family, raw)
    ours = (
        sm.OLS(design.y, design.X).fit(cov_type="HC2")
        if spec.family == "ols"
        else sm.Logit(design.y, design.X).fit(disp=0)
    )
    place = {term: position for position, term in enumerate(design.terms, start=1)}
    for term in set(place) & set(theirs.params.index):
        assert ours.params[place[term]] == pytest.approx(theirs.params[term], abs=1e-5)
        assert ours.bse[place[term]] == pytest.approx(theirs.bse[term], abs=1e-5)
    for term, (coefficient, error) in printed.items():
        assert ours.params[place[term]] == printed_as(coefficient)
        assert ours.bse[place[term]] == printed_as(error)
    # Ethnicity has no effect, so its sample coefficients are noise around 0.
    for term in place:
        if term.startswith("ethnicity["):
            assert abs(ours.params[place[term]] / ours.bse[place[term]]) < 3


def test_ordered_logit_of_believed(raw: pd.DataFrame) -> None:
    ethnicity = pd.get_dummies(raw.ethnicity, dtype=float).drop(columns="White")
    covariates = raw[["verified", "congruent", "incongruent", "age10", "man", "college"]].join(ethnicity)
    fit = OrderedModel(raw.believed, covariates, distr="logit").fit(method="bfgs", disp=0)
    printed = {
        "verified": ("0.87", "0.12"),
        "congruent": ("0.17", "0.15"),
        "incongruent": ("-0.49", "0.15"),
        "age10": ("0.14", "0.04"),
    }
    for term, (coefficient, error) in printed.items():
        assert fit.params[term] == printed_as(coefficient)
        assert fit.bse[term] == printed_as(error)
    assert (fit.pvalues[["man", "college", *ethnicity]] > 0.05).all()


def test_multinomial_logit_of_action_recovers_the_mechanism(raw: pd.DataFrame) -> None:
    terms = raw[["p_a", "p_b", "unequal", "age10", "man", "college", "verified"]].assign(
        **{"p_a:unequal": raw.p_a * raw.unequal, "p_b:unequal": raw.p_b * raw.unequal}
    )
    outcome = raw.action.map({"none": 0, "a": 1, "b": 2})
    fit = sm.MNLogit(outcome, sm.add_constant(terms)).fit(disp=0, maxiter=100)
    zero = dict.fromkeys(["const", *terms.columns], 0.0) | {"const": 5.79, "age10": -0.15, "man": 0.30}
    exact = {
        0: zero | {"p_a": -10.34, "unequal": 2.82, "p_a:unequal": -2.82},
        1: zero | {"p_b": -10.34, "unequal": -2.82, "p_b:unequal": 2.82},
    }
    distance = [
        abs(fit.params.loc[t, side] - v) / fit.bse.loc[t, side] for side in exact for t, v in exact[side].items()
    ]
    assert max(distance) < 2.1


def test_tables_of_both_logits_are_the_printed_ones(task: Task, people: Sample, raw: pd.DataFrame) -> None:
    found = coefficients(tables(task, people))
    assert_printed(
        found,
        "believed",
        {
            "verified": ".87 (.12)",
            "congruent": ".17 (.15)",
            "incongruent": "-.49 (.15)",
            "age10": ".14 (.04)",
        },
    )
    assert task.spec.truth is not None
    declared = {term: value for term, value in task.spec.truth["action"].items() if "intercept" not in term}
    assert declared.keys() == {term for regression, term in found if regression == "action"}
    for term, value in declared.items():
        coefficient, error = found["action", term]
        assert abs(coefficient - value) < 2.1 * error, term


def test_truth_of_the_ordered_logit_is_structural(task: Task, generator: ModuleType) -> None:
    population = derived(pd.DataFrame(generator.generate(seed=1, n=60_000)))
    assert task.spec.truth is not None
    terms = population[["verified", "congruent", "incongruent", "age10", "man", "college"]]
    fit = OrderedModel(population.believed, terms, distr="logit").fit(method="newton", disp=0, maxiter=50)
    for term in terms:
        assert abs(fit.params[term] - task.spec.truth["believed"][term]) < 4 * fit.bse[term]


def test_truth_is_what_a_large_population_gives(task: Task, generator: ModuleType) -> None:
    """Population values, from 60,000 fresh people: within four standard errors plus rounding."""
    columns = generator.generate(seed=1, n=60_000)
    population = derived(pd.DataFrame(columns))
    assert task.spec.truth is not None
    for name, (formula, _) in REGRESSIONS.items():
        (spec,) = (regression for regression in task.spec.regressions if regression.name == name)
        fit = fitted(formula, spec.family, population)
        for term, value in task.spec.truth[name].items():
            found = (
                term if term in fit.params.index else term.replace("ethnicity[", "C(ethnicity, Treatment('White'))[T.")
            )
            # "0" stands for "about 0" in the attack regression, whose arms act through beliefs and gains only
            slack = 0.1 if name == "attack" and value == 0 else 0.011
            assert abs(fit.params[found] - value) < 4 * fit.bse[found] + slack, (name, term, fit.params[found])


def test_ethnicity_has_no_effect(generator: ModuleType) -> None:
    frame = pd.DataFrame(generator.generate(seed=2, n=40_000))
    for item in ("believed", "location", "detect_a", "detect_b", "priority", "action"):
        table = pd.crosstab(frame.ethnicity, frame[item], normalize="index")
        assert (table - table.loc["White"]).abs().to_numpy().max() < 0.04
