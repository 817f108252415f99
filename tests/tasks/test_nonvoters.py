"""The human results of nonvoters.

The file is downloaded by users and not carried by the project. Tests of the real rows run where it lies in the data cache;
what the task does with codes, weights and selection is tested on a few composed rows that are always there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from surveyeval.data.sample import Sample, State
from surveyeval.data.sources import open_source, wanting
from surveyeval.data.weights import kish
from surveyeval.task.human import HumanData, load_human
from surveyeval.task.load import load_task
from surveyeval.task.render import interviews
from surveyeval.task.task import Task
from tests.tasks.printed import assert_printed, coefficients, gap, n_patterns, printed_as, shuffled_patterns, tables

TASK = Path(__file__).parents[2] / "tasks" / "nonvoters"

#: Composed rows: the columns that the task reads, and nobody's answers.
COLUMNS = "RespId,weight,Q2_1,Q3_1,Q5,Q6,Q8_5,Q16,Q17_3,ppage,educ,race,gender,income_cat,voter_category"
ROWS = """\
a,1.5,1,2,1,3,2,1,2,34,College,White,Female,$75-125k,always
b,0.5,2,-1,2,4,-1,3,4,52,High school or less,Black,Male,Less than $40k,rarely/never
c,1.0,1,1,1,1,1,2,1,81,Some college,Hispanic,Female,$125k or more,sporadic
d,1.0,-1,4,2,2,3,4,3,67,College,Other/Mixed,Male,$40-75k,rarely/never
e,2.0,1,1,1,1,1,1,1,33,College,White,Female,$75-125k,always
f,2.0,4,4,2,4,4,4,4,22,College,White,Male,$75-125k,rarely/never
"""


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task(str(TASK))


@pytest.fixture(scope="module")
def composed(task: Task, tmp_path_factory: pytest.TempPathFactory) -> HumanData:
    path = tmp_path_factory.mktemp("composed") / "rows.csv"
    path.write_text(f"{COLUMNS}\n{ROWS}")
    return load_human(task, data=str(path), provenance="synthetic")


# ---- composed rows ---------------------------------------------------------------------------------------------------


def test_people_under_34_are_left_out_and_named(composed: HumanData) -> None:
    assert composed.sample.respondent.tolist() == ["a", "b", "c", "d"]
    (note,) = composed.notes
    assert note.message == "2 of 6 rows are left out"
    assert note.field == "source.keep"


def test_weights_are_used(task: Task, composed: HumanData) -> None:
    assert composed.sample.weight.tolist() == [1.5, 0.5, 1.0, 1.0]
    found: Any = tables(task, composed.sample)["distributions"]
    never = next(row["human"] for row in found if (row["item"], row["option"]) == ("record", "never"))
    assert never == pytest.approx(1.5 / 4)


def test_minus_one_is_refused(task: Task, composed: HumanData) -> None:
    sample = composed.sample
    assert sample.states["Q3_1"].tolist() == [0, State.REFUSED, 0, 0]
    assert sample.states["Q8_5"].tolist() == [0, State.REFUSED, 0, 0]
    assert sample.states["Q2_1"].tolist() == [0, 0, 0, State.REFUSED]
    asked = [item for item in task.items if item.name != "record"]
    assert all(item.spec.missing == {"-1": "refused"} for item in asked)
    # in these -1 is "not ticked"; none of them is an item of this task
    assert not any(item.name.startswith(("Q19", "Q28", "Q29")) for item in task.all_items)


def test_the_record_is_none_or_one_against_more(task: Task, composed: HumanData) -> None:
    item = task.item("record")
    codes = [item.codes[index] for index in composed.sample.answers["record"]]
    assert codes == ["votes", "never", "votes", "never"]
    assert item.role == "action"
    assert "according to official records" in item.question
    assert item.spec.wording == "assumed"


def test_nothing_shown_or_asked_before_states_voting_or_party(task: Task, composed: HumanData) -> None:
    told = {"Q20", "Q21", "Q22", "Q23", "Q24", "Q26", "Q27", "Q28", "Q29", "Q30", "Q31", "Q32", "Q33", "voter_category"}
    columns = {field.column for field in task.spec.profile.values()} | {
        item.spec.column or item.name for item in task.items if item.name != "record"
    }
    assert not {name.partition("_")[0] for name in columns} & (told - {"voter_category"})
    assert "voter_category" not in columns
    assert task.items[-1].name == "record"
    for interview in interviews(task, composed.sample):
        assert "vot" not in interview.opening.lower()


def test_rules_on_composed_rows(task: Task, composed: HumanData) -> None:
    whole, believers, others = (task.coherence(composed.sample, rule).tolist() for rule in task.spec.coherence)
    # a: believes, votes; b: does not, never; c: believes, votes; d: refused, but a "no" on Q5 decides
    assert whole == [1, 1, 1, 1]
    assert believers == [1, -1, 1, -1]
    assert others == [-1, 1, -1, 1]


# ---- the real file ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def people(task: Task) -> Sample:
    source = task.spec.source
    if wanting(source.use, TASK, source.sha256) is not None:
        pytest.skip("nonvoters_data.csv is not in the data cache; `surveyeval validate nonvoters` downloads it")
    return load_human(task).sample


@pytest.fixture(scope="module")
def raw(task: Task, people: Sample) -> pd.DataFrame:
    source = task.spec.source
    frame = open_source(source.use, TASK, source.encoding, source.sha256).frame
    return frame.apply(lambda column: pd.to_numeric(column, errors="coerce") if column.name[0] in "Qwp" else column)


@pytest.fixture(scope="module")
def older(raw: pd.DataFrame) -> pd.DataFrame:
    kept = raw[raw.ppage >= 34].copy()
    items = ["Q2_1", "Q5", "Q6", "Q16", "Q8_5", "Q3_1"]
    kept[items] = kept[items].where(kept[items] > 0)
    return kept.assign(
        never=(kept.voter_category == "rarely/never").astype(float),
        age10=kept.ppage / 10,
        man=(kept.gender == "Male").astype(float),
    )


@pytest.fixture(scope="module")
def found(task: Task, people: Sample) -> dict[str, Any]:
    return tables(task, people)


def test_people(task: Task, people: Sample, raw: pd.DataFrame) -> None:
    assert raw.shape == (5836, 119)
    assert people.n == 4608
    assert kish(people.weight) == pytest.approx(4121, abs=1)
    assert raw.weight.min() == printed_as(".23")
    assert raw.weight.max() == printed_as("3.04")
    group, labels = task.groups(people, "race")
    assert dict(zip(labels, np.bincount(group).tolist(), strict=True)) == {
        "White": 2936, "Black": 786, "Hispanic": 613, "of another race or of several": 273,
    }  # fmt: skip
    assert (people.answers["record"] == 1).mean() == printed_as(".19")


def test_always_is_made_by_age(raw: pd.DataFrame) -> None:
    young = raw[raw.ppage <= 25].voter_category
    assert (young == "always").mean() == printed_as(".56")
    assert (young == "rarely/never").mean() == printed_as(".44")
    assert not (young == "sporadic").any()


def test_a_record_is_no_answer(raw: pd.DataFrame) -> None:
    rare = raw[raw.voter_category == "rarely/never"]
    assert len(rare) == 1451
    assert (rare.Q26 == 1).sum() == 466
    assert (rare.Q21 == 1).mean() == printed_as(".55")


def test_minus_one_means_two_things(raw: pd.DataFrame) -> None:
    """Everybody has a code in Q19, and most of them -1; elsewhere few people have it."""
    ticks = [name for name in raw.columns if name.startswith("Q19_")]
    assert raw[ticks].isin([1, -1]).all(axis=None)
    assert (raw[ticks] == -1).mean().mean() > 0.5
    used = ["Q2_1", "Q3_1", "Q5", "Q6", "Q8_5", "Q16", "Q17_3"]
    assert ((raw[used] == -1).mean() < 0.01).all()
    # the base of Q22 is "no" in Q20, not in Q21
    assert ((raw.Q20 == 2) == raw.Q22.notna()).all()


def test_patterns(task: Task, people: Sample) -> None:
    assert np.prod([task.item(name).k for name in task.patterns]) == 512
    assert n_patterns(people, task.patterns) == 281
    assert shuffled_patterns(people, task.patterns, 50) == pytest.approx(263, abs=3)


def test_rules(task: Task, people: Sample, found: dict[str, Any]) -> None:
    whole, believers, others = (task.coherence(people, rule) for rule in task.spec.coherence)
    answered = people.answered("Q2_1") & people.answered("Q5")
    both = np.where(answered, whole, -2)
    assert gap(both) == printed_as(".215")
    assert gap(both, people.weight) == printed_as(".224")
    assert gap(np.where(answered, believers, -2)) == printed_as(".11")
    assert gap(np.where(answered, others, -2)) == printed_as(".56")
    group, _ = task.groups(people, "race")
    by_race = [gap(both[group == g]) for g in range(4)]
    assert min(by_race) == printed_as(".195")
    assert max(by_race) == printed_as(".242")
    # those with one "no" and one refusal are determined too: they move the gap by less than half a point
    row = next(r for r in found["coherence"] if r["rule"] == "believers vote")
    assert row["gap"] == pytest.approx(0.224, abs=0.005)


def test_rule_with_records_shuffled(task: Task, people: Sample) -> None:
    answered = people.answered("Q2_1") & people.answered("Q5")
    believes = task.rule(people, "believes").values[answered].astype(bool)
    never = people.answers["record"][answered] == 1
    chance = believes.mean() * never.mean() + (1 - believes.mean()) * (1 - never.mean())
    assert chance == pytest.approx(0.329, abs=0.003)
    assert 1 - 0.2151 / chance == pytest.approx(0.35, abs=0.01)


CELLS = " + age10 + C(educ, Treatment('High school or less')) + C(race, Treatment('White')) + man"
INCOME = " + C(income_cat, Treatment('Less than $40k'))"
BELIEFS = "Q2_1 + Q5 + Q6 + Q16 + Q8_5"


def of_statsmodels(name: str) -> str:
    """The term as this project calls it."""
    for column, ours in (("educ", "education"), ("race", "race"), ("income_cat", "income")):
        if name.startswith(f"C({column}"):
            return f"{ours}[{name.partition('[T.')[2]}"
    return name


@pytest.mark.parametrize(
    ("regression", "formula"),
    [
        ("never votes", f"never ~ {BELIEFS}{CELLS}{INCOME}"),
        ("never votes, without beliefs", f"never ~ 1{CELLS}{INCOME}"),
        ("never votes, linear probability", f"never ~ {BELIEFS}{CELLS}{INCOME}"),
        ("voting matters", f"Q2_1 ~ 1{CELLS}"),
        ("systemic racism", f"Q3_1 ~ 1{CELLS}"),
    ],
)
def test_regressions_are_those_of_statsmodels(
    found: dict[str, Any], older: pd.DataFrame, regression: str, formula: str
) -> None:
    needed = [name for name in (*BELIEFS.split(" + "), "Q3_1") if name in formula]
    rows = older.dropna(subset=needed)
    if "linear" in regression or not formula.startswith("never"):
        fit = smf.wls(formula, rows, weights=rows.weight).fit(cov_type="HC1")
    else:
        fit = smf.glm(formula, rows, family=sm.families.Binomial(), var_weights=rows.weight).fit(cov_type="HC0")
    ours = {term: pair for (name, term), pair in coefficients(found).items() if name == regression}
    theirs = {
        of_statsmodels(term): (fit.params[term], fit.bse[term]) for term in fit.params.index if term != "Intercept"
    }
    assert ours.keys() == theirs.keys()
    for term, (coefficient, error) in theirs.items():
        assert ours[term][0] == pytest.approx(coefficient, rel=1e-4, abs=1e-6)
        assert ours[term][1] == pytest.approx(error, rel=0.005)


def test_printed_regressions(found: dict[str, Any]) -> None:
    ours = coefficients(found)
    assert_printed(
        ours,
        "never votes",
        {
            "Q2_1": "1.20 (.09)", "Q5": ".29 (.13)", "Q6": ".11 (.06)", "Q16": ".35 (.06)", "Q8_5": ".03 (.06)",
            "age10": "-.38 (.04)", "education[College]": "-.92 (.13)", "education[Some college]": "-.39 (.11)",
            "race[Black]": "-.28 (.14)", "race[Hispanic]": "-.15 (.15)", "race[Other/Mixed]": ".20 (.18)",
            "man": ".22 (.09)", "income[$125k or more]": "-.48", "income[$75-125k]": "-.72",
        },
    )  # fmt: skip
    assert_printed(ours, "never votes, without beliefs", {"age10": "-.53 (.04)", "education[College]": "-1.20 (.12)"})
    assert_printed(ours, "voting matters", {"education[College]": "-.28 (.02)", "age10": "-.096 (.008)"})
    for race in ("Black", "Hispanic", "Other/Mixed"):
        coefficient, error = ours["voting matters", f"race[{race}]"]
        assert abs(coefficient) < error
    assert_printed(
        ours,
        "systemic racism",
        {
            "race[Black]": "-.85 (.04)",
            "race[Hispanic]": "-.30 (.05)",
            "man": ".22 (.03)",
            "education[College]": "-.25 (.04)",
        },
    )
