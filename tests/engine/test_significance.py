"""Rows of tests beside the estimates, against statsmodels, scikit-learn's folds done by hand, and laws that must hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from small import answered, respondents, small_task
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.multitest import multipletests

from surveyeval import api
from surveyeval.engine.closeness import too_close
from surveyeval.engine.evaluate import evaluate
from surveyeval.engine.exchange import Pool, exchanged_within_units
from surveyeval.engine.multiplicity import adjust
from surveyeval.metric._tabulate import Bound
from surveyeval.metric.classifier import ClassifierAUC
from surveyeval.metric.classifier_swap import swapped_areas
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.metric.structure import structure_tests

TASK = small_task()
KEYS = ["metric", "name", "item", "group", "arm", "regression", "term", "rule", "block"]


def estimates(human, simulated, pilot=None, metrics=None, **options):
    pilot = pilot or answered(respondents(60, 50), 51, simulated=False)
    draws = {name: one if isinstance(one, list) else [one] for name, one in simulated.items()}
    return evaluate(TASK, human, draws, pilot, metrics=metrics or api.metrics(), splits=2, **options)


@pytest.fixture(scope="module")
def people():
    return answered(respondents(160, 1), 2, simulated=False)


@pytest.fixture(scope="module")
def table(people) -> pd.DataFrame:
    bare = people.without_answers()
    simulated = {
        "same law": answered(bare, 3),
        "shifted": answered(bare, 4, shift=1.0),
        "copy": replace(people, simulated=True),
        "draws": [answered(bare, seed) for seed in (5, 6)],
    }
    return estimates(people, simulated)


def found_in(table, model, **where):
    rows = table[(table["quantity"] == "indistinguishable") & (table["model"] == model)]
    for name, wanted in where.items():
        rows = rows[rows[name] == wanted]
    return rows


def test_every_headline_of_a_population_metric_has_a_test(table):
    headlines = table[(table["quantity"] == "matched") & table["headline"] & (table["status"] == "ok")]
    tested = table[(table["quantity"] == "indistinguishable") & table["headline"]]
    assert len(headlines) > 40
    assert set(map(tuple, headlines[["model", *KEYS]].values)) <= set(map(tuple, tested[["model", *KEYS]].values))
    rows = tested[tested["status"] == "ok"]
    assert rows["p"].between(0, 1, inclusive="right").all()
    assert set(rows["interval_method"]) == {"label swap"}
    assert (rows["family"] == "difference: " + rows["axis"]).all()
    estimate = table[table["quantity"] == "estimate"].set_index(["model", *KEYS])["value"]
    swaps = table[(table["interval_method"] == "label swap")].set_index(["model", *KEYS])["value"]
    np.testing.assert_array_equal(swaps.to_numpy(), estimate[swaps.index].to_numpy())


def test_a_shift_is_found_and_a_second_sample_of_the_law_is_not(table):
    for metric in ("js_distance", "total_variation", "wasserstein"):
        assert found_in(table, "shifted", metric=metric, headline=True)["p"].item() == pytest.approx(1 / 100)
        assert found_in(table, "same law", metric=metric, headline=True)["p"].item() > 0.05
        assert found_in(table, "draws", metric=metric, headline=True)["p"].item() > 0.05
    # nothing changes when rows change places with their copies
    assert (found_in(table, "copy", interval_method="label swap")["p"].dropna() == 1).sum() > 20


def test_a_copy_is_too_close(table):
    flagged = table[table["flags"].str.contains("too_close")]
    copied = flagged[flagged["model"] == "copy"]
    assert {"js_distance", "total_variation", "wasserstein"} == set(copied["metric"])
    assert copied["reason"].str.contains("answers of these people were copied").all()
    assert not flagged["model"].isin(["same law", "shifted"]).any()
    assert [model for model in ("copy", "same law", "shifted", "draws") if too_close(table, model)] == ["copy"]


def test_second_samples_of_people_are_rarely_too_close():
    names = ("js_distance", "total_variation", "wasserstein")
    metrics = [one for one in api.metrics() if one.spec.name in names]
    flagged, together, repeats = 0, 0, 60
    for seed in range(repeats):
        human = answered(respondents(60, seed), 1000 + seed, simulated=False)
        other = answered(respondents(60, 500 + seed), 2000 + seed)
        found = estimates(human, {"m": human.without_answers().with_answers(other.answers)}, metrics=metrics)
        flagged += "too_close" in set(found.loc[found["metric"] == "js_distance", "flags"])
        together += too_close(found, "m")
    assert flagged <= stats.binom.ppf(0.9999, repeats, 0.025)
    # what caps verdicts is all of them together, which is no more frequent than one
    assert together <= stats.binom.ppf(0.9999, repeats, 0.025)
    assert together <= flagged


def test_families_are_adjusted_apart_as_statsmodels_does(table):
    tested = table[np.isfinite(table["p"]) & (table["family"] != "")]
    families = list(tested.groupby(["model", "family"]))
    assert len(families) > 30
    for _, rows in families:
        np.testing.assert_allclose(rows["p_adjusted"], multipletests(rows["p"], method="fdr_bh")[1])
    assert table.loc[~table.index.isin(tested.index), "p_adjusted"].isna().all()
    pd.testing.assert_frame_equal(adjust(table), table)


def test_terms_of_least_squares_are_those_of_statsmodels(table, people):
    rows = found_in(table, "shifted", metric="share_differing", regression="trusting", interval_method="z")
    fits = []
    for sample in (people, answered(people.without_answers(), 4, shift=1.0)):
        X = np.column_stack([np.ones(sample.n), sample.profile["region"] == "s"]).astype(float)
        fits.append(OLS(sample.answers["trust"] + 1.0, X).fit(cov_type="HC2"))
    z = (fits[1].params[1] - fits[0].params[1]) / np.hypot(fits[0].bse[1], fits[1].bse[1])
    assert rows["value"].item() == pytest.approx(fits[1].params[1] - fits[0].params[1])
    assert rows["p"].item() == pytest.approx(2 * stats.norm.sf(abs(z)))
    counted = found_in(table, "shifted", name="terms_differing")
    every = found_in(table, "shifted", interval_method="z")
    assert counted["value"].item() == (every["p_adjusted"] <= 0.05).sum()
    assert f"of {len(every)} terms" in counted["reason"].item()


def test_joint_tests_of_slopes_and_of_personas_have_their_p(table, people):
    for test in structure_tests(TASK, people, answered(people.without_answers(), 4, shift=1.0)):
        row = found_in(table, "shifted", metric="structure_wald", regression=test.regression)
        assert row["p"].item() == pytest.approx(stats.chi2.sf(test.statistic, test.df))
        assert row["value"].item() == pytest.approx(test.statistic / test.df)
    personas = table[(table["metric"] == "persona_swap") & (table["quantity"] == "estimate")].set_index("model")
    assert personas.loc["same law", "p"] == personas.loc["same law", "value"]
    assert personas.loc["draws", "p"] == min(1, 2 * personas.loc["draws", "value"])
    assert personas.loc["draws", "draws"] == 2


@pytest.mark.parametrize("together", [1, 5])
def test_areas_after_exchanges_are_those_of_the_classifier_on_exchanged_answers(table, people, together):
    if together > 1:  # people of a PSU are in one fold, and change places together
        people = replace(people, psu=(np.arange(people.n) // together).astype(str).astype(object))
    simulated = answered(people.without_answers(), 4, shift=1.0, missing=0.1)
    swapped = (np.random.default_rng(0).random((5, people.n // together)) < 0.5).repeat(together, axis=1)
    for number, with_profile in enumerate((False, True)):
        found = swapped_areas(TASK, people, simulated, swapped, 3, with_profile=with_profile)
        for mask, area in zip(swapped, found, strict=True):
            sides = [
                {name: np.where(mask, b.answers[name], a.answers[name]) for name in a.answers}
                for a, b in ((people, simulated), (simulated, people))
            ]
            one, other = people.with_answers(sides[0], simulated=False), simulated.with_answers(sides[1])
            values = ClassifierAUC().compare(TASK, one, other, people, {}).values(
                one.weight[None], other.weight[None], 3
            )  # fmt: skip
            assert area == pytest.approx(values.value[0, number], abs=1e-9)
    assert found_in(table, "shifted", name="classifier_auc")["p"].item() < 0.1
    assert found_in(table, "same law", name="classifier_auc")["p"].item() > 0.05


def test_individual_values_are_means_over_draws(table, people):
    draws = [answered(people.without_answers(), seed) for seed in (5, 6)]
    for item in ("trust", "act"):
        hits = np.mean([np.mean(one.answers[item] == people.answers[item]) for one in draws])
        rows = table[(table["model"] == "draws") & (table["name"] == "accuracy") & (table["item"] == item)]
        assert rows.loc[rows["quantity"] == "estimate", "value"].item() == pytest.approx(hits)


class _OnProbabilities:
    """A metric that looks at what cannot be exchanged."""

    spec = MetricSpec("probable", "alignment", "mean probability", "lower", "uniform", recoverable=False)

    def applicable(self, task):
        return None

    def compare(self, task, human, simulated, pilot, cache):
        given = simulated.probabilities.get("act")
        mean = 0.0 if given is None else float(np.nanmean(given[:, 1]))

        def compute(human_weights, simulated_weights, seed):
            return Values([Key("probable", headline=True)], np.full((len(human_weights), 1), mean))

        return Bound(compute)


class _Raises(_OnProbabilities):
    """A metric that knows no respondent twice."""

    spec = MetricSpec("fussy", "alignment", "fussy", "lower", "uniform", recoverable=False)

    def compare(self, task, human, simulated, pilot, cache):
        if len(set(human.respondent)) < human.n:
            raise ValueError("a respondent occurs twice")
        return super().compare(task, human, simulated, pilot, cache)


def test_what_cannot_be_exchanged_is_named_and_what_a_plugin_raises_costs_its_own_test(people):
    certain = np.tile([0.2, 0.8], (people.n, 1))
    simulated = replace(answered(people.without_answers(), 3), probabilities={"act": certain})
    metrics = [_OnProbabilities(), _Raises(), *(one for one in api.metrics() if one.spec.name == "js_distance")]
    table = estimates(people, {"m": simulated}, metrics=metrics)
    row = found_in(table, "m", metric="probable")
    assert row["status"].item() == "not_applicable"
    assert row["reason"].item() == "it looks at more than answers, which alone can be exchanged"
    assert (found_in(table, "m", metric="js_distance")["status"] == "ok").all()


def test_rows_of_nobody_are_permuted_and_with_clusters_nothing_is_claimed(people):
    strangers = np.array([f"x{i}" for i in range(people.n)], dtype=object)
    crowd = replace(answered(people.without_answers(), 3, shift=1.0), respondent=strangers, paired=False)
    metrics = [one for one in api.metrics() if one.spec.name in ("js_distance", "classifier_auc")]
    row = found_in(estimates(people, {"m": crowd}, metrics=metrics), "m", metric="js_distance", headline=True)
    assert row["p"].item() == pytest.approx(1 / 100)
    assert "permutations within arms" in row["estimand"].item()
    psu = np.array([f"u{i // 4}" for i in range(people.n)], dtype=object)
    table = estimates(replace(people, psu=psu), {"m": crowd}, metrics=metrics)
    row = found_in(table, "m", metric="js_distance", headline=True)
    assert row["status"].item() == "not_applicable"
    assert "clusters" in row["reason"].item()


def test_tests_can_be_left_out_and_do_not_depend_on_chance(people):
    simulated = {"m": answered(people.without_answers(), 3)}
    metrics = [one for one in api.metrics() if one.spec.name in ("js_distance", "gap")]
    one, other = (estimates(people, simulated, metrics=metrics, seed=4) for _ in range(2))
    pd.testing.assert_frame_equal(one, other)
    without = estimates(people, simulated, metrics=metrics, seed=4, tests=False)
    assert not without["quantity"].isin(["indistinguishable", "equivalence"]).any()
    pd.testing.assert_frame_equal(one.iloc[: len(without)], without)


def test_the_exchanges_are_as_many_as_said(people):
    pool = Pool(people, [answered(people.without_answers(), 3)])
    assert sum(len(roles) for roles in exchanged_within_units(pool, 999, 0)) == 999
