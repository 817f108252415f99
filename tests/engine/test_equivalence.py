"""Two one-sided tests against statsmodels, closed forms and the jackknife."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from small import answered, respondents, small_task
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.weightstats import DescrStatsW, ttost_ind, ttost_paired

from surveyeval.engine.equivalence import equivalence_rows, smallest_decidable, two_one_sided_tests
from surveyeval.engine.estimates import make_table
from surveyeval.engine.rows import Rows

MARGINS = {"share": 0.1, "mean_sd": 0.2, "gap": 0.06, "sd_ratio": 0.25, "effect": 0.2, "reason": "a test"}
TASK = small_task(equivalence=MARGINS)


def rows_of(human, draws, task=TASK, **where) -> pd.DataFrame:
    draws = draws if isinstance(draws, list) else [draws]
    table = make_table(equivalence_rows(Rows(task, human, 0), "m", draws))
    for name, wanted in where.items():
        table = table[table[name] == wanted]
    return table


@pytest.fixture(scope="module")
def pair():
    human = answered(respondents(300, 1), 2, simulated=False)
    return human, answered(human.without_answers(), 3, shift=0.05)


def test_shares_and_gaps_of_complete_answers_are_those_of_statsmodels(pair):
    human, simulated = pair
    needed = stats.t.ppf(0.95, 299) + stats.t.ppf(0.90, 299)
    for k in range(4):
        one, other = ((sample.answers["trust"] == k).astype(float) for sample in (simulated, human))
        row = rows_of(human, simulated, metric="share", item="trust", term=str(k + 1)).iloc[0]
        assert row["value"] == pytest.approx(one.mean() - other.mean())
        assert row["p"] == pytest.approx(ttost_paired(one, other, -0.1, 0.1)[0])
        assert (row["low"], row["high"]) == pytest.approx(DescrStatsW(one - other).tconfint_mean(0.10))
        assert row["decidable"] == pytest.approx(needed * DescrStatsW(one - other).std_mean)
    one, other = (
        ((sample.answers["act"] == 1) != (sample.answers["trust"] > 1)).astype(float) for sample in (simulated, human)
    )
    row = rows_of(human, simulated, metric="gap").iloc[0]
    assert row["p"] == pytest.approx(ttost_paired(one, other, -0.06, 0.06)[0])
    assert row["family"] == "equivalence: coherence"


def test_an_item_is_equivalent_where_all_its_options_are(pair):
    human, simulated = pair
    options = rows_of(human, simulated, metric="share", item="trust", group="")
    whole = options[options["headline"]].iloc[0]
    options = options[~options["headline"]]
    assert len(options) == 4
    assert whole["p"] == options["p"].max()
    assert whole["value"] == options.loc[options["p"].idxmax(), "value"]
    assert whole["decidable"] == options["decidable"].max()
    assert ("equivalent" in whole["flags"]) == options["flags"].str.contains("equivalent").all()
    assert (options["family"] == "").all()
    assert whole["family"] == "equivalence: alignment"


@pytest.mark.parametrize(("n", "drawn", "exact"), [(200, 0.147, 0.104), (400, 0.104, 0.073), (900, 0.069, 0.049)])
def test_the_smallest_decidable_margins_are_those_of_the_published_formula(n, drawn, exact):
    """2.94 standard errors of a difference of shares of one half: sqrt(0.5 / n), or sqrt(0.25 / n) without draws."""
    people = respondents(n, 1)
    quarter = np.arange(n) % 4
    human = people.with_answers({"trust": quarter % 2, "act": quarter % 2}, simulated=False)
    simulated = people.with_answers({"trust": quarter // 2, "act": quarter // 2})
    row = rows_of(human, simulated, metric="share", item="act", headline=True).iloc[0]
    assert row["decidable"] == pytest.approx(drawn, abs=0.0008)
    independent = small_task(equivalence=MARGINS, interview={"mode": "independent"})
    halves = {"act": np.full((n, 2), 0.5), "trust": np.full((n, 4), 0.25)}
    known = replace(simulated, probabilities=halves)
    row = rows_of(human, known, task=independent, metric="share", item="act", headline=True).iloc[0]
    assert row["decidable"] == pytest.approx(exact, abs=0.0008)
    # where answers depend on earlier ones, probabilities are no law of the sample
    row = rows_of(human, known, metric="share", item="act", headline=True).iloc[0]
    assert row["decidable"] == pytest.approx(drawn, abs=0.0008)


@pytest.mark.parametrize("df", [1, 2, 4, 10, 39, 700])
def test_what_is_decidable_is_shown_in_four_of_five_studies_at_any_degrees_of_freedom(df):
    """Studies without a true difference: a normal estimate, and a standard error from a chi-squared variance."""
    rng = np.random.default_rng(df)
    value, error = rng.standard_normal(100_000), np.sqrt(rng.chisquare(df, 100_000) / df)
    margin = two_one_sided_tests(0.0, 1.0, df, 1.0).decidable
    assert margin == smallest_decidable(1.0, df)
    within = np.abs(value) + stats.t.ppf(0.95, df) * error < margin
    assert 0.795 < within.mean() < 0.84


def test_margins_of_a_few_clusters_need_more_standard_errors_than_those_of_many_people():
    psu = np.array([f"u{i % 12}" for i in range(300)], dtype=object)
    human = answered(respondents(300, 1, psu=psu), 2, simulated=False)
    simulated = answered(human.without_answers(), 3)
    row = rows_of(human, simulated, metric="share", item="act", headline=True).iloc[0]
    error = (row["high"] - row["low"]) / 2 / stats.t.ppf(0.95, 11)
    assert row["decidable"] == pytest.approx((stats.t.ppf(0.95, 11) + stats.t.ppf(0.90, 11)) * error)


def test_a_margin_below_what_can_be_decided_is_undecidable_and_not_failed():
    human = answered(respondents(100, 1), 2, simulated=False)
    row = rows_of(human, answered(human.without_answers(), 7), metric="share", item="act", headline=True).iloc[0]
    assert row["decidable"] > row["margin"] == 0.1
    assert row["status"] == "undecidable"
    assert "no margin below 0." in row["reason"]
    assert row["flags"] == ""


def test_a_difference_beyond_the_margin_is_decided_at_any_size():
    human = answered(respondents(100, 1), 2, simulated=False)
    never = human.without_answers().with_answers({**human.answers, "act": np.zeros(100, dtype=np.int64)})
    row = rows_of(human, never, metric="share", item="act", headline=True).iloc[0]
    assert row["high"] < -0.1
    assert (row["status"], row["flags"]) == ("ok", "")


def test_equivalence_is_flagged_where_the_interval_is_within_the_margin():
    human = answered(respondents(3000, 1), 2, simulated=False)
    table = rows_of(human, answered(human.without_answers(), 3))
    for _, row in table[np.isfinite(table["p"])].iterrows():
        inside = -row["margin"] < row["low"] and row["high"] < row["margin"]
        assert inside == ("equivalent" in row["flags"]) == (row["p"] < 0.05)
        assert row["level"] == 0.9
    assert table["flags"].str.contains("equivalent").sum() > 8


def test_pairs_that_all_agree_are_bounded_by_the_pairs_that_might_not():
    human = answered(respondents(150, 1), 2, simulated=False)
    row = rows_of(human, replace(human, simulated=True), metric="share", item="act", headline=True).iloc[0]
    assert row["p"] == pytest.approx(0.9**150)
    # the exact upper limit of a proportion with no case among 150 (Clopper and Pearson)
    assert row["high"] == pytest.approx(1 - 0.05 ** (1 / 150))
    assert "equivalent" in row["flags"]


def _jackknife(human, draws, task, **where):
    """Delete-one-unit standard error, strata apart."""
    unit = human.units()
    stratum = (
        np.zeros(human.n, dtype=int) if human.stratum is None else np.unique(human.stratum, return_inverse=True)[1]
    )
    total = 0.0
    for h in np.unique(stratum):
        own = np.unique(unit[stratum == h])
        found = []
        for one in own:
            rest = unit != one
            factor = np.where(stratum == h, len(own) / (len(own) - 1), 1.0)[rest]
            sides = [
                replace(s.take(rest), weight=s.weight[rest] * factor, psu=None, stratum=None) for s in (human, *draws)
            ]
            found.append(rows_of(sides[0], sides[1:], task=task, **where)["value"].iloc[0])
        total += (len(own) - 1) / len(own) * np.sum((np.array(found) - np.mean(found)) ** 2)
    return np.sqrt(total)


@pytest.mark.parametrize("metric", ["mean_sd", "sd_ratio", "share", "gap"])
@pytest.mark.parametrize("design", ["plain", "weights and missing answers", "clusters in strata", "draws"])
def test_errors_are_those_of_the_jackknife(metric, design):
    rng = np.random.default_rng(4)
    n = 120
    weight = rng.uniform(0.5, 2, n) if design != "plain" else None
    psu = np.array([f"u{i // 4}" for i in range(n)], dtype=object) if design == "clusters in strata" else None
    stratum = np.array(["a", "b"], dtype=object)[(np.arange(n) >= 60).astype(int)] if psu is not None else None
    missing = 0.15 if design == "weights and missing answers" else 0.0
    human = answered(respondents(n, 1, weight=weight, psu=psu, stratum=stratum), 2, missing=missing, simulated=False)
    seeds = (3, 4, 5) if design == "draws" else (3,)
    draws = [answered(human.without_answers(), seed, shift=0.4, missing=missing) for seed in seeds]
    where = {
        "metric": metric,
        **({} if metric == "gap" else {"item": "trust"}),
        **({"term": "2"} if metric == "share" else {}),
    }
    task = small_task(equivalence={metric: MARGINS[metric], "reason": "a test"})
    row = rows_of(human, draws, task=task, **where).iloc[0]
    assert row["decidable"] / 2.926 == pytest.approx(_jackknife(human, draws, task, **where), rel=0.06)


def test_draws_are_averaged_and_never_taken_for_more_people(pair):
    human, simulated = pair
    columns = ["value", "low", "high", "p", "decidable"]
    one, same = rows_of(human, simulated), rows_of(human, [simulated, simulated])
    pd.testing.assert_frame_equal(one[columns], same[columns])


def test_rows_of_nobody_are_compared_as_an_independent_sample(pair):
    human, simulated = pair
    strangers = np.array([f"x{i}" for i in range(human.n)], dtype=object)
    crowd = replace(simulated, respondent=strangers, paired=False)
    one, other = ((sample.answers["act"] == 1).astype(float) for sample in (simulated, human))
    row = rows_of(human, crowd, metric="share", item="act", term="yes").iloc[0]
    assert row["p"] == pytest.approx(ttost_ind(one, other, -0.1, 0.1, usevar="unequal")[0], rel=1e-6)
    effects = rows_of(human, crowd, metric="effect")
    assert effects["reason"].str.contains("not paired").all()


def test_effects_are_differences_of_coefficients_with_errors_near_the_analytic_ones(pair):
    human, simulated = pair
    row = rows_of(human, simulated, metric="effect", regression="trusting").iloc[0]
    fits = []
    for sample in pair:
        X = np.column_stack([np.ones(sample.n), sample.profile["region"] == "s"]).astype(float)
        fits.append(OLS(sample.answers["trust"] + 1.0, X).fit(cov_type="HC2"))
    assert row["value"] == pytest.approx(fits[1].params[1] - fits[0].params[1])
    assert row["decidable"] / 2.926 == pytest.approx(np.hypot(fits[0].bse[1], fits[1].bse[1]), rel=0.35)
    assert row["family"] == "equivalence: coefficients"
    assert len(rows_of(human, simulated, metric="effect")) == 3


def test_an_item_that_people_do_not_differ_on_has_no_standardised_mean():
    human = answered(respondents(100, 1), 2, simulated=False)
    flat = human.with_answers({**human.answers, "trust": np.ones(100, dtype=np.int64)}, simulated=False)
    row = rows_of(flat, answered(human.without_answers(), 3), metric="mean_sd").iloc[0]
    assert (row["status"], row["reason"]) == ("not_estimable", "people do not differ")
    row = rows_of(human, replace(flat, simulated=True), metric="sd_ratio").iloc[0]
    assert (row["status"], row["reason"]) == ("not_estimable", "simulated answers do not differ within arms")


def test_arms_are_tested_apart_so_that_errors_do_not_cancel():
    arms = {"column": "arm", "levels": {"a": {"label": "A"}, "b": {"label": "B"}}}
    task = small_task(equivalence={"share": 0.1, "reason": "a test"}, arms=arms)
    arm = np.array(["a", "b"] * 1000, dtype=object)
    human = replace(answered(respondents(2000, 1), 2, simulated=False), arm=arm)
    act = human.answers["act"].copy()
    for key, answer in (("a", 1), ("b", 0)):  # a fifth of each arm gives the other answer, in opposite directions
        act[np.flatnonzero((arm == key) & (act != answer))[:200]] = answer
    table = rows_of(
        human,
        human.with_answers({**human.answers, "act": act}),
        task=task,
        metric="share",
        item="act",
        group="",
        term="",
    )
    assert "equivalent" in table[table["arm"] == ""]["flags"].item()
    by_arm = table[table["arm"] != ""]
    assert list(by_arm["flags"]) == ["", ""]
    assert set(by_arm["family"]) == {"equivalence: alignment, by arm"}
    assert not by_arm["headline"].any()


def test_shares_within_groups_are_those_of_the_people_in_them(pair):
    human, simulated = pair
    south = human.profile["region"] == "s"
    one, other = ((sample.answers["act"][south] == 1).astype(float) for sample in (simulated, human))
    row = rows_of(human, simulated, metric="share", item="act", group="region=south").iloc[0]
    assert abs(row["value"]) == pytest.approx(abs(one.mean() - other.mean()))
    assert row["n_human"] == south.sum()
    # people outside the group stay in the design, which changes (n - 1) / n of the variance only
    assert row["p"] == pytest.approx(ttost_paired(one, other, -0.1, 0.1)[0], rel=0.05)
    assert (row["axis"], row["family"]) == ("subgroups", "equivalence: subgroups")


def test_no_margin_no_test():
    human = answered(respondents(50, 1), 2, simulated=False)
    assert rows_of(human, replace(human, simulated=True), task=small_task()).empty


def test_the_larger_of_the_two_tests_decides():
    found = two_one_sided_tests(0.08, 0.02, 50, 0.1)
    assert found.p == pytest.approx(two_one_sided_tests(-0.08, 0.02, 50, 0.1).p)
    assert found.p > 0.05
    assert found.high > 0.1


def test_an_option_without_a_test_decides_against_the_item():
    """People all say the first option, the simulation always the last: as unlike as can be, and without any error."""
    people = respondents(60, 1)
    human = people.with_answers({"trust": np.zeros(60, int), "act": np.arange(60) % 2}, simulated=False)
    simulated = people.with_answers({"trust": np.full(60, 3), "act": np.arange(60) % 2})
    whole = rows_of(human, simulated, metric="share", item="trust", headline=True, group="").iloc[0]
    assert whole["status"] == "not_estimable"
    assert abs(whole["value"]) == 1.0
    assert "equivalent" not in whole["flags"]
    assert "nobody differs" not in whole["reason"]


def clustered(n: int = 60, psus: int = 6):
    people = respondents(n, 1)
    return replace(people, psu=np.array([f"v{i // (n // psus)}" for i in range(n)], dtype=object))


def test_pairs_that_all_differ_are_not_alike_where_their_differences_cancel_within_psus():
    people = clustered()
    answers = np.arange(60) % 2
    human = people.with_answers({"trust": answers, "act": answers}, simulated=False)
    simulated = people.with_answers({"trust": 1 - answers, "act": 1 - answers})
    rows = rows_of(human, simulated, metric="share", item="act", group="")
    assert not rows["flags"].str.contains("equivalent").any()
    assert (rows["interval_method"] != "exact, no pair differs").all()


def test_the_exact_bound_counts_psus():
    """No pair differs in 6 PSUs: a share of differing PSUs up to 1 - .05 ** (1 / 6) cannot be excluded at 5%."""
    people = clustered()
    answers = np.arange(60) % 2
    human = people.with_answers({"trust": answers, "act": answers}, simulated=False)
    simulated = people.with_answers({"trust": answers, "act": answers})
    row = rows_of(human, simulated, metric="share", item="act", headline=True, group="").iloc[0]
    assert row["high"] == pytest.approx(1 - 0.05 ** (1 / 6))
    assert row["p"] == pytest.approx((1 - 0.1) ** 6)
    assert "equivalent" not in row["flags"]
