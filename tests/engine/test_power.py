"""Plans of studies: references are the evaluator's, errors are checked by brute force, margins by closed forms."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from benchmarks.coverage_laws import World
from benchmarks.coverage_laws import task as world_task
from surveyeval import api
from surveyeval.data.sample import Sample
from surveyeval.data.split import make_split
from surveyeval.engine.evaluate import evaluate
from surveyeval.engine.experiment import split_people
from surveyeval.engine.pairs import losses
from surveyeval.engine.power import Power
from surveyeval.engine.power import plan as plan_of
from surveyeval.engine.power_errors import _crossing, excess_errors
from surveyeval.engine.power_groups import ceilings, group_sizes
from surveyeval.engine.power_laws import excess_at, floor_at, value_at
from surveyeval.engine.power_margins import margins
from surveyeval.errors import ConfigError
from surveyeval.metric.alignment import TotalVariation
from surveyeval.metric.coherence import Gap
from surveyeval.metric.resampling import jackknife_interval
from surveyeval.metric.stereotyping import Stereotyping
from surveyeval.reporting.power import _remark, lines, reading
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.task import Task

KEYS = ["metric", "name", "item", "group", "arm", "regression", "term", "rule", "block"]


@cache
def plan(task: str, people: int | None = None) -> Power:
    return api.power(task, people=people, splits=2)


def test_references_and_floors_are_those_of_every_run() -> None:
    found = plan("anes96")
    task = load_task("anes96")
    human = load_human(task)
    pilot, test = (human.sample.take(rows) for rows in split_people(task, human).divide(0.25))
    metrics = [metric for metric in api.metrics() if metric.spec.name in set(found.table["metric"])]
    copy = {"copy": [replace(test, simulated=True)]}
    table = evaluate(task, test, copy, pilot, metrics=metrics, splits=2, tests=False)
    own = found.table[found.table["axis"] != "individual"].set_index(KEYS)
    reference = table[(table["quantity"] == "reference") & table["headline"]].set_index(KEYS)
    np.testing.assert_array_equal(own["reference"], reference.loc[own.index, "value"])
    np.testing.assert_array_equal(own["high"], reference.loc[own.index, "high"])
    floors = table[(table["quantity"] == "floor") & (table["model"] == "baseline:cell")].set_index(KEYS)
    np.testing.assert_array_equal(own["cell"], floors.loc[own.index, "value"])


class _FewSplits(TotalVariation):
    spec = replace(TotalVariation.spec, splits=6)


def _one_item(tmp_path: Path) -> Task:
    file = tmp_path / "task.yaml"
    file.write_text(
        """
name: one
version: "1.0"
title: One question
source: {use: "file:answers.csv", provenance: synthetic, licence: none, citation: none}
interview: {mode: independent}
items:
  - {name: q, role: attitude, kind: nominal, question: "Which?", options: {a: A, b: B, c: C, d: D}}
"""
    )
    (tmp_path / "answers.csv").write_text("q\n" + "a\nb\nb\nc\nd\n" * 40)
    return load_task(str(file))


def _people(law: np.ndarray, n: int, rng: np.random.Generator) -> Sample:
    respondent = np.array([str(number) for number in range(n)], dtype=object)
    people = Sample(respondent, np.full(n, "all", dtype=object))
    return people.with_answers({"q": rng.choice(len(law), n, p=law)}, simulated=False)


def test_the_smallest_excess_is_found_in_about_four_of_five_studies(tmp_path: Path) -> None:
    """Studies drawn from a known law, with a simulation that is off by about the smallest detectable excess."""
    task, rng, n = _one_item(tmp_path), np.random.default_rng(11), 300
    law, metric = np.array([0.4, 0.3, 0.2, 0.1]), _FewSplits()
    pilot = _people(law, 60, rng)
    planned = []
    for _ in range(6):
        found = excess_errors(task, _people(law, n, rng), pilot, [metric])
        planned += [one.smallest for (_, key), one in found.items() if key.headline]
    smallest = float(np.mean(planned))

    def studies(shift: float, times: int) -> tuple[float, float]:
        """Mean excess, and the share of studies whose interval leaves out 0."""
        off = law + shift * np.array([-1.0, 0.0, 0.0, 1.0])
        excess, seen = [], []
        for seed in range(times):
            human, made = _people(law, n, rng), replace(_people(off, n, rng), simulated=True)
            both = losses(task, human, {"p": [human], "s": [made]}, pilot, metrics=[metric], seed=seed)
            series = (both.losses["total_variation", "s"].loss - both.losses["total_variation", "p"].loss)[:, 0]
            low, _ = jackknife_interval(series[0], series[1:], jackknife=both.jackknife)
            excess.append(series[0])
            seen.append(low > 0)
        return float(np.mean(excess)), float(np.mean(seen))

    shifts = np.array([0.06, 0.1, 0.14, 0.18])
    means = [studies(shift, 40)[0] for shift in shifts]
    excess, power = studies(float(np.interp(smallest, means, shifts)), 120)
    assert excess == pytest.approx(smallest, rel=0.2)
    assert 0.68 < power < 0.97
    assert studies(0.0, 80)[1] < 0.08


class _FewSplitsOfGap(Gap):
    spec = replace(Gap.spec, splits=6)


def test_the_smallest_excess_of_a_gap_is_found_in_about_four_of_five_studies() -> None:
    """The same for a measure that is no distance: simulated actions are turned over at random until the gap is off by so much."""
    world, rng, n, metric = World("simple"), np.random.default_rng(5), 300, _FewSplitsOfGap()

    def people(size: int) -> Sample:
        return world.answered(world.people(size, rng), "right", rng, simulated=False)

    pilot = people(80)
    found = [excess_errors(world_task(), people(n), pilot, [metric]) for _ in range(8)]
    smallest = float(np.mean([one.smallest for each in found for (_, key), one in each.items() if key.headline]))

    def studies(turned: float, times: int) -> tuple[float, float]:
        excess, seen = [], []
        for seed in range(times):
            human = people(n)
            made = world.answered(human.without_answers(), "right", rng)
            action = np.where(rng.random(n) < turned, 1 - made.answers["act"], made.answers["act"])
            made = replace(made, answers={**made.answers, "act": action})
            both = losses(world_task(), human, {"p": [human], "s": [made]}, pilot, metrics=[metric], seed=seed)
            where = next(q for q, key in enumerate(both.losses["gap", "s"].keys) if key.headline)
            series = (both.losses["gap", "s"].loss - both.losses["gap", "p"].loss)[:, where]
            low, _ = jackknife_interval(series[0], series[1:], jackknife=both.jackknife)
            excess.append(series[0])
            seen.append(low > 0)
        return float(np.mean(excess)), float(np.mean(seen))

    shares = np.array([0.2, 0.3, 0.4, 0.5])
    means = [studies(share, 40)[0] for share in shares]
    excess, power = studies(float(np.interp(smallest, means, shares)), 120)
    assert excess == pytest.approx(smallest, rel=0.2)
    assert 0.64 < power < 0.94
    assert studies(0.0, 80)[1] < 0.08


def test_decidable_margins_are_those_of_the_closed_form() -> None:
    """2.93 standard errors of a difference of two independent shares, means and gaps."""
    task = load_task("anes96")
    human = load_human(task)
    _, test = (human.sample.take(rows) for rows in split_people(task, human).divide(0.25))
    found = margins(task, test).query("group == ''").set_index(["quantity", "item", "rule"])["decidable"]
    reach = stats.norm.ppf(0.95) + stats.norm.ppf(0.9)
    share = np.mean(test.answers["vote"] == 0)
    assert found["share", "vote", ""] == pytest.approx(reach * np.sqrt(2 * share * (1 - share) / test.n), rel=0.04)
    assert found["mean_sd", "self_lr", ""] == pytest.approx(reach * np.sqrt(2 / test.n), rel=0.04)
    outcome = task.coherence(test, task.spec.coherence[0])
    gap, determined = np.mean(outcome[outcome >= 0] == 0), np.sum(outcome >= 0)
    expected = reach * np.sqrt(2 * gap * (1 - gap) / determined)
    assert found["gap", "", task.spec.coherence[0].name] == pytest.approx(expected, rel=0.1)


def test_groups_are_named_by_the_size_rules() -> None:
    task = load_task("disclosure")
    human = load_human(task)
    _, test = (human.sample.take(rows) for rows in split_people(task, human).divide(0.25))
    table = group_sizes(task, test).set_index(["kind", "label"])
    for (kind, label), row in table.iterrows():
        assert row["status"] == ("skipped" if row["n"] < 30 else "grey" if row["n"] < 60 else "ok"), (kind, label)
    assert {"skipped", "grey", "ok"} <= set(table["status"])
    assert set(table["needed"]) == {60.0}
    assert ceilings(task, test)["ceiling"].to_numpy() == pytest.approx(test.n / 3.84)
    halved = replace(test, weight=np.where(np.arange(test.n) % 2, 1.0, 0.0))
    row = group_sizes(task, halved, times=1.0).iloc[0]
    assert row["needed"] == np.ceil(60 * row["n"] / row["n_eff"])


def test_fewer_people_are_taken_at_random_and_more_are_projected() -> None:
    whole, fewer, more = plan("disclosure"), plan("disclosure", 400), plan("disclosure", 3716)
    assert [one.basis for one in (whole, fewer, more)] == ["all", "resampled", "scaled"]
    assert fewer.sizes["test"] == 300
    tables = [one.table.set_index(KEYS) for one in (whole, fewer, more)]
    row = next(key for key in tables[0].index if key[0] == "js_distance")
    times = more.sizes["test"] / whole.sizes["test"]
    for name in ("reference", "detectable"):
        assert tables[2].loc[row, name] == pytest.approx(tables[0].loc[row, name] / np.sqrt(times))
        # distances between two halves of people are sampling noise, so random subsets follow the same law
        assert tables[1].loc[row, name] == pytest.approx(tables[0].loc[row, name] * np.sqrt(697 / 300), rel=0.3)
    patterns = next(key for key in tables[0].index if key[0] == "unique_patterns")
    assert tables[2].loc[patterns, "status"] == "not_estimable"
    assert "no simple law" in tables[2].loc[patterns, "reason"]


def _real(task: str, people: int, *, at_hand: int, subsets: int) -> tuple[Power, list[Power]]:
    """The plan of so many real people, and projections to their number from random subsets of them."""
    loaded = load_task(task)
    human = load_human(loaded)
    metrics = [metric for metric in api.metrics() if metric.spec.name in _DISTANCES]
    split = partial(plan_of, loaded, metrics=metrics, splits=16, people=people)
    parts = [make_split(human.sample, f"part {number}").order[:at_hand] for number in range(subsets)]
    return split(human), [split(replace(human, sample=human.sample.take(rows))) for rows in parts]


_DISTANCES = ("total_variation", "js_distance", "wasserstein", "group_js_distance")


@pytest.mark.parametrize(
    ("task", "people", "at_hand"), [("anes96", 944, 160), ("anes96", 944, 472), ("disclosure", 929, 465)]
)
def test_projected_floors_and_what_is_detectable_are_those_of_the_real_larger_sample(
    task: str, people: int, at_hand: int
) -> None:
    """The mean of projections of random subsets: references within 20%, floors within 9%, the smallest excess within half.

    Floors within groups keep the noise of the small pilots that they are learned from: within .03.
    """
    real, projected = _real(task, people, at_hand=at_hand, subsets=3)
    keys = real.table.set_index(KEYS)
    compared = 0
    for key, row in keys.iterrows():
        own = [one.table.set_index(KEYS).loc[key] for one in projected]
        known = [one for one in own if one["status"] == "ok"]
        if len(known) < 3:  # groups that are too small in the subsets would count in the whole
            assert any("groups that are too small here" in one["reason"] for one in own)
            continue
        compared += 1
        floor = np.mean([one["floor"] for one in known])
        assert np.mean([one["reference"] for one in known]) == pytest.approx(row["reference"], rel=0.2), key
        assert floor == pytest.approx(row["floor"], rel=0.09, abs=0.03 if key[KEYS.index("group")] else 0.0), key
        smallest = np.array([one["detectable"] for one in known])
        if np.isfinite(smallest).all():
            assert smallest.mean() == pytest.approx(row["detectable"], rel=0.5), key
    assert compared >= 3


def test_distances_are_projected_as_distances_of_samples_of_that_size_are() -> None:
    """Two samples of two laws, drawn many times: the law of projection beside what the larger samples do."""
    rng, people, other = np.random.default_rng(3), np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.25, 0.25, 0.25, 0.25])

    def distance(one: np.ndarray, two: np.ndarray, n: int) -> float:
        drawn = [rng.multinomial(n, law, 4000) / n for law in (one, two)]
        return float(np.mean(jensenshannon(*drawn, base=2, axis=1)))

    small, large = 60, 360
    reference, floor = (distance(people, law, small) for law in (people, other))
    assert value_at("js_distance", reference, 6.0) == pytest.approx(distance(people, people, large), rel=0.05)
    real = distance(people, other, large)
    assert floor_at("js_distance", floor, reference, 6.0) == pytest.approx(real, rel=0.04)
    assert floor - real > 0.02  # what is not projected is further off
    excess = excess_at("js_distance", floor - reference, reference, 6.0)
    assert excess == pytest.approx(real - reference / np.sqrt(6), rel=0.06)
    # a root mean square of differences in units of error: chance gives 1, the rest grows with the people
    z = rng.standard_normal((4000, 200))
    rms = [np.sqrt(np.mean((z + np.sqrt(times) * 0.7) ** 2)) for times in (0.0, 1.0, 4.0)]
    assert excess_at("rmse_se", rms[1] - rms[0], rms[0], 4.0) == pytest.approx(rms[2] - rms[0], rel=0.02)
    assert np.isnan(floor_at("rmse_se", rms[1], rms[0], 4.0))
    assert np.isnan(floor_at("coverage", 0.5, 0.6, 4.0))
    assert floor_at("gap", 0.5, 0.1, 4.0) == 0.5
    # a target: the loss of people is noise, so the excess of what is off by .2 approaches .2
    assert excess_at("gap", 0.15, 0.05, 1e9, target=True) == pytest.approx(np.sqrt(0.2**2 - 0.05**2), rel=1e-3)


def test_what_is_reached_is_that_of_the_planned_number() -> None:
    """An excess of 2 errors of a half is told from 0 with four times the people, but not with twice as many."""
    series = np.array([[[0.05, 0.0, 0.02**2], [0.05, 0.01, 0.02**2], [0.05, 0.04, 0.02**2]]])
    few, many = (_crossing("gap", series, 2.8, times, target=True) for times in (1.0, 8.0))
    assert (few.reached, many.reached) == (False, True)
    assert many.smallest == pytest.approx(few.smallest / np.sqrt(8)) == pytest.approx(2.8 * 0.02 / np.sqrt(8))
    # no law says how excesses of this metric change
    assert _crossing("share_differing", series, 2.8, 1.0, target=False).reached is None
    unknown = _crossing("gap", np.where(series == 0.04, np.nan, series), 2.8, 8.0, target=True)
    assert (unknown.reached, np.isnan(unknown.smallest)) == (None, True)


def test_nothing_is_called_coarse_whose_floor_is_told_from_people() -> None:
    task = load_task("anes96")
    human = load_human(task)
    few = replace(human, sample=human.sample.take(make_split(human.sample, "few").order[:160]))
    metrics = [metric for metric in api.metrics() if metric.spec.name in ("gap", "coherence", "js_distance", "sd_ratio", "stereotyping")]  # fmt: skip
    for people in (160, 944, 5000):
        found = plan_of(task, few, metrics, people=people, splits=2)
        text = " ".join(reading(found))
        remarks = {cells[-1] for _, rows in lines(found) for _, cells in rows} - {""}
        for remark in remarks:
            assert f"{remark}: " in text
        for remark in {"band, no test", "not told apart", "coarse", "least unknown"} - remarks:
            assert f"{remark}: " not in text
        rows = found.table[(found.table["status"] == "ok") & (found.table["axis"] != "individual")]
        for row in rows.to_dict("records"):
            if row["detectable"] <= row["floor_distance"]:
                assert _remark(row) == ""
    assert (rows.loc[rows["metric"] == "gap", "detectable"] < 0.06).all()


def test_stereotyping_is_planned_in_the_unit_of_its_values() -> None:
    """What is least beside people's value: that of the difference of two standard deviations over people's own."""
    task = load_task("anes96")
    human = load_human(task)
    pilot, test = (human.sample.take(rows) for rows in split_people(task, human).divide(0.25))
    found = excess_errors(task, test, pilot, [Stereotyping()], splits=2)
    by_key = {(key.name, key.group): one.smallest for (_, key), one in found.items()}
    w = test.weight[None, :]
    values = Stereotyping().compare(task, test, test, pilot, {}).values(w, w, 0)
    sd = {key.group: values.value[0, q] for q, key in enumerate(values.keys) if key.name == "between_group_sd"}
    for group in ("party", "education_band"):
        expected = by_key["between_group_sd", group] / sd[group]
        assert by_key["stereotyping", group] == pytest.approx(expected, rel=0.25), group


def test_tasks_without_profile_rules_or_regressions_are_planned_too(tmp_path: Path) -> None:
    found = api.power(_one_item(tmp_path), splits=2)
    assert "the task declares no coherence rule" in found.not_applicable["coherence"]
    assert {"alignment"} <= set(found.table[found.table["status"] == "ok"]["axis"])
    assert found.margins["margin"].isna().all()
    # against exact probabilities only people's own error is left: 2.93 standard errors of a share of two fifths
    share = found.margins[found.margins["quantity"] == "share"].iloc[0]
    assert share["decidable_exact"] == pytest.approx(2.926 * np.sqrt(0.4 * 0.6 / found.sizes["test"]), rel=0.06)


def test_too_few_people_are_refused() -> None:
    with pytest.raises(ConfigError, match="70 people leave 40 test people beside a pilot of 30, 60 are needed"):
        api.power("anes96", people=70)
