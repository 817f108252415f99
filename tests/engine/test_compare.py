"""Paired differences between models: the recipe is that of the evaluator, p and its adjustment those of scipy and of a count."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from surveyeval import api
from surveyeval.data.sample import Sample
from surveyeval.data.split import make_split
from surveyeval.engine.common import find_run
from surveyeval.engine.compare import compare_samples
from surveyeval.engine.detectable import smallest_detectable
from surveyeval.engine.evaluate import evaluate
from surveyeval.engine.run import Run
from surveyeval.errors import RunError
from surveyeval.metric.resampling import jackknife_groups
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task

NAMES = ("js_distance", "coherence", "gap", "sign_f1")


@cache
def compared() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Differences of three simulators, and the evaluator's table of the same."""
    task = load_task("anes96")
    people = load_human(task)
    pilot_rows, test_rows = make_split(people.sample, "x").divide(0.25)
    human, pilot = people.sample.take(test_rows[:220]), people.sample.take(pilot_rows)
    rng = np.random.default_rng(3)
    copy = replace(human, simulated=True)
    simulated = {
        "copy": [copy],
        "shuffled": [_shuffled(copy, rng) for _ in range(2)],
        "constant": [
            copy.with_answers({name: np.zeros(human.n, dtype=np.int64) for name in copy.answers}, states=copy.states)
        ],
    }
    metrics = [metric for metric in api.metrics() if metric.spec.name in NAMES]
    table = compare_samples(task, human, simulated, pilot, metrics=metrics, splits=3, seed=5)
    return table, evaluate(
        task, human, simulated, pilot, metrics=metrics, splits=3, seed=5, against=list(simulated), tests=False
    )  # fmt: skip


def _shuffled(sample: Sample, rng: np.random.Generator) -> Sample:
    return sample.with_answers({name: rng.permutation(column) for name, column in sample.answers.items()})


def test_differences_are_those_of_the_evaluator() -> None:
    table, evaluated = compared()
    tested = table[table["interval_method"] == "jackknife"]
    assert set(tested["metric"]) == {"js_distance", "coherence", "gap"}
    gains = evaluated[evaluated["quantity"] == "gain_over"].set_index(["metric", "model", "floor_name"])
    for row in tested.to_dict("records"):
        gain = gains.loc[(row["metric"], row["model"], row["other"])]
        np.testing.assert_allclose(
            [row["value"], row["low"], row["high"]], gain[["value", "low", "high"]].astype(float)
        )


def test_every_pair_stands_once_and_positive_favours_the_first() -> None:
    table, _ = compared()
    pairs = {(row["model"], row["other"]) for row in table.to_dict("records")}
    assert pairs == {("copy", "shuffled"), ("copy", "constant"), ("shuffled", "constant")}
    row = table[(table["metric"] == "coherence") & (table["model"] == "copy") & (table["other"] == "shuffled")].iloc[0]
    assert row["value"] > 0
    assert row["outcome"] == "better"


def test_p_is_that_of_t_and_adjusted_within_a_metric_over_all_pairs() -> None:
    table, _ = compared()
    groups = int(jackknife_groups(np.full(220, "all", dtype=object), 5).max()) + 1
    for metric, rows in table[table["interval_method"] == "jackknife"].groupby("metric"):
        assert set(rows["family"]) == {f"models: {metric}"}
        t = rows["value"] / rows["se"]
        np.testing.assert_allclose(rows["p"], 2 * stats.t.sf(t.abs(), groups - 1))
        # Benjamini and Hochberg by their definition: smallest p(j) m / j over j >= i
        p = np.sort(rows["p"].to_numpy())
        m = len(p)
        by_hand = [min(min(p[j] * m / (j + 1) for j in range(i, m)), 1.0) for i in range(m)]
        np.testing.assert_allclose(np.sort(rows["p_adjusted"]), by_hand)
        decided = rows["p_adjusted"] <= 0.05
        assert (rows["outcome"].isin(["better", "worse"]) == decided).all()


def test_values_that_jump_have_a_band_and_no_p() -> None:
    table, evaluated = compared()
    rows = table[table["metric"] == "sign_f1"]
    assert set(rows["interval_method"]) == {"band over splits"}
    assert rows[["p", "p_adjusted", "se", "detectable"]].isna().all(axis=None)
    assert set(rows["outcome"]) == {"band"}
    matched = evaluated[(evaluated["quantity"] == "matched") & evaluated["headline"]].set_index(["metric", "model"])
    for row in rows.to_dict("records"):
        ours, theirs = (matched.loc[("sign_f1", row[name]), "value"] for name in ("model", "other"))
        assert row["value"] == pytest.approx(ours - theirs)  # higher is better


def test_what_is_called_detectable_is_detected_in_four_of_five_studies() -> None:
    """Normal estimates with a known error: the share of intervals that leave out 0 at the smallest detectable difference."""
    rng, df, times = np.random.default_rng(0), 39, 40_000
    estimate = smallest_detectable(1.0, df) + rng.standard_normal(times)
    error = np.sqrt(rng.chisquare(df, times) / df)
    found = np.mean(np.abs(estimate) > stats.t.ppf(0.975, df) * error)
    assert found == pytest.approx(0.8, abs=0.02)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    made = {}
    for name, given in {
        "cell": {"model": "baseline:cell", "limit": 90},
        "marginal": {"model": "baseline:marginal", "limit": 60},
        "pilot": {"model": "baseline:cell", "limit": 90, "pilot": 0.1},
        "other": {"model": "baseline:cell", "limit": 60, "task": "disclosure"},
    }.items():
        (run,) = api.run(**{"task": "anes96", "splits": 2, "output": folder, **given})
        made[name] = run.folder
    return made


def test_runs_are_compared_on_the_people_that_all_simulated(runs: dict[str, Path]) -> None:
    result = api.compare([runs["cell"], runs["marginal"]])
    assert result.people == 60
    assert any("Only the 60 test people that all runs simulated" in note for note in result.notes)
    first = result.table.iloc[0]
    assert first["metric"] == "joint_log_loss"
    rows = {name: api.Run(runs[name]).responses for name in ("cell", "marginal")}
    people = set(rows["marginal"]["respondent"])
    bits = {
        name: -frame[frame["respondent"].isin(people)]["log_prob"].sum() / np.log(2) / 60
        for name, frame in rows.items()
    }
    assert first["value"] == pytest.approx(bits["marginal"] - bits["cell"])
    by_name = api.compare([runs["cell"].name[:-2], runs["marginal"].name], folder=runs["cell"].parent)
    pd.testing.assert_frame_equal(by_name.table, result.table)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("cell", "pilot"), "the number of pilot people differs, 236 in .* and 94 in"),
        (("cell", "other"), "the task differs, anes96 in .* and disclosure in"),
        (("cell",), "at least two different runs"),
        (("cell", "cell"), "at least two different runs"),
    ],
)
def test_runs_that_differ_in_more_than_the_model_are_refused(
    runs: dict[str, Path], names: tuple[str, ...], said: str
) -> None:
    with pytest.raises(RunError, match=said):
        api.compare([runs[name] for name in names])


def test_a_run_is_found_by_its_directory_its_name_and_itself(runs: dict[str, Path]) -> None:
    folder = runs["cell"]
    for named in (folder, str(folder), folder.name, Run(folder)):
        assert find_run(named, folder.parent).folder == folder
    opened = Run(folder)
    assert find_run(opened, "no folder") is opened


def test_a_name_that_fits_several_runs_or_none_is_refused(runs: dict[str, Path]) -> None:
    folder = runs["cell"].parent
    with pytest.raises(RunError, match="names 3 runs"):
        api.compare(["anes96", runs["cell"]], folder=folder)
    with pytest.raises(RunError, match="there is no run 'nothing'"):
        api.compare(["nothing", runs["cell"]], folder=folder)
