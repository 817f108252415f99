"""The cross-half recipe on the shipped tasks: what must hold for an exact copy, floors and known faults."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from surveyeval import api
from surveyeval.data.split import make_split
from surveyeval.engine.estimates import COLUMNS, from_records, to_records
from surveyeval.engine.evaluate import evaluate
from surveyeval.metric.protocol import MetricSpec
from surveyeval.model.build import build_model
from surveyeval.model.protocol import Interviews
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task

KEYS = ["metric", "name", "item", "group", "arm", "regression", "term", "rule", "block"]
MODELS = ("scripted:human", "scripted:shuffled", "scripted:constant", "scripted:coherent", "baseline:uniform",
          "baseline:chain", "scripted:swapped?inner=baseline:chain", "baseline:marginal", "baseline:pooled",
          "baseline:mode")  # fmt: skip


@cache
def estimates(name: str) -> pd.DataFrame:
    task = load_task(name, profile_set="core+pid" if name == "anes96" else None)
    people = load_human(task)
    pilot_rows, test_rows = make_split(people.sample, f"{name}:{people.sha256}").divide(0.25)
    human, pilot = people.sample.take(test_rows), people.sample.take(pilot_rows)
    simulated = {}
    for text in MODELS:
        model = build_model(text).model
        model.fit(task, pilot)
        uniforms = np.random.default_rng(5).random((human.n, len(task.items)))
        shown = human if model.capabilities.needs_answers else human.without_answers()
        interviews = Interviews(task, shown, uniforms)
        answers = model.answer(interviews)
        scores = model.log_prob(interviews, human) if model.capabilities.log_prob else {}
        simulated[text] = [
            human.without_answers().with_answers(answers.answers, states=answers.states, log_prob=scores)
        ]
    return evaluate(task, human, simulated, pilot, metrics=api.metrics(), splits=3)


@pytest.fixture(params=["anes96", "disclosure"])
def table(request: pytest.FixtureRequest) -> pd.DataFrame:
    return estimates(request.param)


def head(table: pd.DataFrame, quantity: str, model: str, metric: str, block: str = "") -> pd.Series:
    rows = table[
        (table["quantity"] == quantity) & (table["model"] == model) & (table["metric"] == metric) & table["headline"]
    ]
    rows = rows[rows["block"] == block]
    assert len(rows)
    return rows.iloc[0]


def test_an_exact_copy_has_matched_equal_to_reference_everywhere(table: pd.DataFrame) -> None:
    matched = table[(table["quantity"] == "matched") & (table["model"] == "scripted:human")].set_index(KEYS)["value"]
    reference = table[table["quantity"] == "reference"].set_index(KEYS)["value"]
    shared = matched.index.intersection(reference.index)
    assert len(shared) > 50
    np.testing.assert_array_equal(matched[shared].to_numpy(), reference[shared].to_numpy())


def test_an_exact_copy_recovers_everything_that_is_resolved(table: pd.DataFrame) -> None:
    rows = table[(table["quantity"] == "recovered") & (table["model"] == "scripted:human") & (table["status"] == "ok")]
    assert len(rows) > 10
    np.testing.assert_allclose(rows["value"], 1)


def test_uniform_recovers_nothing_of_alignment(table: pd.DataFrame) -> None:
    for metric in ("js_distance", "total_variation", "wasserstein"):
        row = head(table, "recovered", "baseline:uniform", metric)
        assert row["low"] < 0.1
        assert abs(row["value"]) < 0.25


def test_the_floor_of_each_axis_recovers_nothing_of_it(table: pd.DataFrame) -> None:
    """A model that is the floor, drawn once, against the floor drawn anew in every split: 0 up to the noise of one draw."""
    rows = table[(table["quantity"] == "recovered") & (table["status"] == "ok") & table["headline"]]
    own = rows[rows["model"] == "baseline:" + rows["floor_name"]]
    assert {"alignment", "coherence"} <= set(own["axis"])
    assert (own["value"].abs() < 0.35).all(), own[["metric", "group", "rule", "model", "value"]]
    low, high = own["low"] - 0.1, own["high"] + 0.1
    assert ((low <= 0) & (high >= 0)).all(), own[["metric", "group", "rule", "model", "value", "low", "high"]]


def test_known_faults_are_told_apart(table: pd.DataFrame) -> None:
    human = head(table, "reference", "human-half", "gap")["value"]
    assert head(table, "matched", "scripted:coherent", "gap")["value"] == pytest.approx(0, abs=1e-9)
    assert head(table, "matched", "scripted:shuffled", "gap")["value"] > human + 0.2
    assert abs(head(table, "matched", "scripted:shuffled", "coherence")["value"]) < 0.15
    assert head(table, "matched", "scripted:constant", "unique_patterns")["value"] == 1
    assert head(table, "matched", "scripted:constant", "sd_ratio")["value"] == 0


def test_swapped_personas_are_seen_by_the_joint_log_loss() -> None:
    table = estimates("anes96")
    swapped = head(table, "estimate", "scripted:swapped?inner=baseline:chain", "joint_log_loss")
    honest = head(table, "estimate", "baseline:chain", "joint_log_loss")
    assert swapped["value"] > honest["high"]


def test_the_joint_log_loss_has_no_human_reference(table: pd.DataFrame) -> None:
    row = head(table, "reference", "human-half", "joint_log_loss")
    assert (row["status"], row["reason"]) == ("not_applicable", "none available")
    row = head(table, "estimate", "scripted:human", "joint_log_loss")
    assert row["status"] == "not_applicable"


def test_two_halves_of_people_give_the_published_size_of_the_coefficient_metrics() -> None:
    """Halves of 472 and 236 people have F1 .72 and .56 and false positive rates .34 and .29; here halves have 354."""
    table = estimates("anes96")
    assert 0.45 < head(table, "reference", "human-half", "sign_f1")["value"] < 0.8
    assert 0.2 < head(table, "reference", "human-half", "sign_fpr")["value"] < 0.45
    assert head(table, "reference", "human-half", "share_differing")["value"] < 0.12
    assert head(table, "reference", "human-half", "rmse_se")["value"] == pytest.approx(np.sqrt(2), abs=0.25)


def test_groups_that_are_too_small_are_named(table: pd.DataFrame) -> None:
    small = estimates("disclosure")
    rows = small[
        (small["quantity"] == "matched") & (small["group"].str.startswith("gender=")) & (small["status"] == "too_small")
    ]
    assert len(rows)
    assert rows["reason"].str.contains("15 are needed").all()


def test_every_row_says_what_it_is(table: pd.DataFrame) -> None:
    assert list(table.columns) == list(COLUMNS)
    known = {"ok", "not_applicable", "not_estimable", "too_small", "not_resolved", "undecidable"}
    assert set(table["status"]) <= known
    missing = table[table["value"].isna()]
    assert (missing["status"] != "ok").all() or missing["quantity"].isin(["estimate"]).all()
    assert (table.loc[table["status"].isin(["not_resolved", "undecidable"]), "reason"] != "").all()


def test_the_table_survives_json(table: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(from_records(to_records(table)), table)


def test_a_seed_gives_the_same_table() -> None:
    task = load_task("disclosure")
    people = load_human(task)
    pilot_rows, test_rows = make_split(people.sample, "x").divide(0.25)
    human, pilot = people.sample.take(test_rows[:120]), people.sample.take(pilot_rows)
    copy = replace(human, simulated=True)
    metrics = [metric for metric in api.metrics() if metric.spec.axis == "alignment"]
    one, other = (evaluate(task, human, {"m": [copy]}, pilot, metrics=metrics, splits=2, seed=4) for _ in range(2))
    pd.testing.assert_frame_equal(one, other)


class Raises:
    """A metric as a plugin might have it."""

    spec = MetricSpec("broken", "alignment", "always fails", "lower", "uniform")

    def applicable(self, task: object) -> str | None:
        return None

    def compare(self, *args: object) -> object:
        raise ZeroDivisionError("no luck")


def test_a_metric_of_a_plugin_that_raises_costs_only_its_own_rows() -> None:
    task = load_task("disclosure")
    people = load_human(task)
    pilot_rows, test_rows = make_split(people.sample, "x").divide(0.25)
    human, pilot = people.sample.take(test_rows[:120]), people.sample.take(pilot_rows)
    metrics = [Raises(), *(metric for metric in api.metrics() if metric.spec.name == "js_distance")]
    found = evaluate(task, human, {"m": [replace(human, simulated=True)]}, pilot, metrics=metrics, splits=2)
    broken = found[found["metric"] == "broken"]
    assert broken["status"].tolist() == ["not_applicable"]
    assert broken["reason"].tolist() == ["the metric failed: ZeroDivisionError: no luck"]
    assert (found[found["metric"] == "js_distance"]["status"] == "ok").any()


def test_paired_differences_between_models_are_those_of_their_losses(table: pd.DataFrame) -> None:
    task = load_task("disclosure")
    people = load_human(task)
    pilot_rows, test_rows = make_split(people.sample, "x").divide(0.25)
    human, pilot = people.sample.take(test_rows[:150]), people.sample.take(pilot_rows)
    copy = replace(human, simulated=True)
    shuffled = human.take(np.random.default_rng(2).permutation(human.n))
    noise = copy.with_answers(shuffled.answers)
    metrics = [metric for metric in api.metrics() if metric.spec.name in ("js_distance", "coherence")]
    found = evaluate(
        task, human, {"copy": [copy], "noise": [noise]}, pilot, metrics=metrics, splits=3, against=["noise"]
    )
    gains = found[(found["quantity"] == "gain_over") & (found["model"] == "copy")]
    assert set(gains["floor_name"]) == {"noise"}
    excess = found[(found["quantity"] == "excess") & found["headline"]].set_index(["metric", "model"])["value"]
    for row in gains.to_dict("records"):
        assert row["value"] == pytest.approx(excess[row["metric"], "noise"] - excess[row["metric"], "copy"])
        assert row["low"] < row["value"] < row["high"]
