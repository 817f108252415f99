"""A task with weights, strata and PSUs from its file to the table of estimates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from surveyeval import api
from surveyeval.data.sample import Sample
from surveyeval.engine.describe import describe
from surveyeval.engine.evaluate import evaluate
from surveyeval.errors import DataError
from surveyeval.task.human import HumanData, load_human
from surveyeval.task.load import load_task
from surveyeval.task.task import Task

TASK = """\
name: villages
version: "1.0"
title: Villages
source:
  use: file:rows.csv
  provenance: synthetic
  licence: none
  citation: nobody
  weight: w
  strata: region
  psu: village
profile:
  age: {column: age}
arms:
  column: arm
  levels:
    t: {label: treated, vignette: Treated.}
    c: {label: control, vignette: Control.}
items:
  - name: trust
    role: belief
    kind: ordinal
    question: Trust?
    options: {"1": none, "2": little, "3": some, "4": much}
  - name: works
    role: belief
    kind: ordinal
    question: Does it work?
    options: {"1": "no", "2": maybe, "3": "yes"}
  - name: joins
    role: action
    kind: nominal
    question: Join?
    options: {"0": "no", "1": "yes"}
derived:
  age_band: cut(age, 18, 40)
subgroups: [age_band]
cells: [age_band]
patterns: [trust, works]
coherence:
  - name: trust joins
    follows: (joins == "1") == (trust > 2)
regressions:
  - name: trust
    formula: trust ~ arm + age
    family: ols
    blocks: {treatment: [arm], demographic: [age]}
  - name: joining
    formula: joins ~ trust + age
    family: logit
    blocks: {belief: [trust], demographic: [age]}
"""


def rows(*, nested: bool = False, people: int = 480, seed: int = 3) -> pd.DataFrame:
    """People of 4 regions with 10 villages each, who resemble their neighbours."""
    rng = np.random.default_rng(seed)
    village = np.sort(rng.permutation(np.arange(people) % 40))
    arm = village // 4 % 2 if nested else rng.integers(0, 2, people)
    latent = rng.normal(size=40)[village] + rng.normal(size=people) + 0.3 * arm
    return pd.DataFrame(
        {
            "region": village % 4,
            "village": village // 4,  # numbered anew in each region
            "w": rng.uniform(0.5, 2, people).round(2),
            "age": rng.integers(18, 80, people),
            "arm": np.where(arm == 1, "t", "c"),
            "trust": np.clip(np.round(2.5 + latent), 1, 4).astype(int),
            "works": np.clip(np.round(2 + latent / 2 + rng.normal(size=people) / 2), 1, 3).astype(int),
            "joins": (latent + rng.normal(size=people) > 0).astype(int),
        }
    )


def loaded(folder: Path, frame: pd.DataFrame, text: str = TASK) -> tuple[Task, HumanData]:
    (folder / "task.yaml").write_text(text)
    frame.to_csv(folder / "rows.csv", index=False)
    task = load_task(str(folder / "task.yaml"))
    return task, load_human(task)


def divided(sample: Sample) -> tuple[Sample, Sample]:
    """Pilot and test people; whole villages are in neither."""
    pilot = np.arange(sample.n) % 4 == 0
    return sample.take(pilot), sample.take(~pilot)


@pytest.mark.parametrize("nested", [False, True], ids=["crossed", "nested"])
def test_every_metric_works_in_clusters_and_a_copy_is_at_the_reference(tmp_path: Path, nested: bool) -> None:
    task, data = loaded(tmp_path, rows(nested=nested))
    pilot, human = divided(data.sample)
    assert human.stratum is not None
    assert human.psu is not None
    assert len(np.unique(human.units())) == 40
    copy = human.without_answers().with_answers(human.answers)
    np.testing.assert_array_equal(copy.units(), human.units())
    table = evaluate(task, human, {"copy": [copy]}, pilot, metrics=api.metrics(), splits=2)
    keys = ["metric", "name", "item", "group", "arm", "regression", "term", "rule", "block"]
    matched = table[table["quantity"] == "matched"].set_index(keys)["value"].dropna()
    reference = table[table["quantity"] == "reference"].set_index(keys)["value"].dropna()
    shared = matched.index.intersection(reference.index)
    assert len(shared) > 30
    np.testing.assert_array_equal(matched[shared].to_numpy(), reference[shared].to_numpy())
    excess = table[(table["quantity"] == "excess") & (table["status"] == "ok")]
    assert (excess["value"].abs() < 1e-12).all()
    intervals = table[(table["quantity"] == "matched") & (table["interval_method"] == "jackknife")]
    assert (intervals["low"] <= intervals["value"]).all()
    assert (intervals["half"].dropna() <= human.n / 2).all()


def test_what_has_no_proper_form_in_clusters_is_refused(tmp_path: Path) -> None:
    task, data = loaded(tmp_path, rows())
    pilot, human = divided(data.sample)
    copy = human.without_answers().with_answers(human.answers)
    metrics = api.metrics(["structure_wald", "stereotyping", "f1", "unique_patterns"])
    table = evaluate(task, human, {"copy": [copy]}, pilot, metrics=metrics, splits=2)
    refused = table[table["status"] == "not_applicable"].set_index("metric")["reason"]
    for name in ("structure_wald", "stereotyping"):
        assert "drawn in clusters" in str(refused[name])
    f1 = table[(table["metric"] == "f1") & (table["quantity"] == "matched")]
    assert f1["reason"].str.contains("weights and strata and clusters rule out Firth's logit").all()
    patterns = table[(table["metric"] == "unique_patterns") & (table["quantity"] == "matched")]
    assert patterns["estimand"].str.contains("counted without weights").all()


def test_villages_of_twins_know_no_more_than_one_of_them(tmp_path: Path) -> None:
    text = TASK.replace("  strata: region\n", "").replace("  weight: w\n", "")
    single = rows(people=240)
    single["village"] = np.arange(len(single))
    tripled = single.loc[np.repeat(np.arange(len(single)), 3)].reset_index(drop=True)
    metrics = api.metrics(["joint_log_loss"])
    found = {}
    for name, frame, words in (
        ("single", single, text),
        ("tripled", tripled, text),
        ("naive", tripled, text.replace("  psu: village\n", "")),
    ):
        (tmp_path / name).mkdir()
        task, data = loaded(tmp_path / name, frame, words)
        # A model whose probability of a person's answers depends on their age.
        bits = np.log(0.2 + 0.6 * (data.sample.profile["age"].astype(float) - 18) / 62)
        model = data.sample.without_answers().with_answers(
            data.sample.answers, log_prob={item.name: bits for item in task.items}
        )
        table = evaluate(task, data.sample, {"m": [model]}, data.sample, metrics=metrics, splits=2)
        row = table[(table["model"] == "m") & (table["quantity"] == "estimate") & table["headline"]].iloc[0]
        found[name] = np.array([row["value"], row["high"] - row["low"]])
    np.testing.assert_allclose(found["tripled"], found["single"], rtol=1e-9)
    assert found["naive"][1] < 0.75 * found["single"][1]


def test_tables_have_errors_of_the_design(tmp_path: Path) -> None:
    task, data = loaded(tmp_path, rows())
    pilot, human = divided(data.sample)
    tables = describe(task, human, [human.with_answers(human.answers)], pilot)
    sizes = tables["sizes"]
    assert isinstance(sizes, dict)
    assert (sizes["n_strata"], sizes["n_psu"], sizes["weighted"]) == (4, 40, True)
    assert {row["errors_human"] for row in tables["coefficients"]} == {"linearised"}
    mean = next(row for row in tables["means"] if row["item"] == "trust" and row["arm"] == "")
    w, y = human.weight, human.answers["trust"] + 1.0
    assert mean["human"] == pytest.approx(w @ y / w.sum())
    assert mean["degrees_of_freedom"] == 36
    naive = np.sqrt(np.sum((w * (y - mean["human"])) ** 2)) / w.sum()
    assert mean["human_se"] > 1.3 * naive
    plain = replace(human, stratum=None, psu=None, weight=np.ones(human.n))
    plain_mean = next(
        row for row in describe(task, plain, [plain], pilot)["means"] if row["item"] == "trust" and row["arm"] == ""
    )
    assert plain_mean["human_se"] == pytest.approx(y.std(ddof=1) / np.sqrt(human.n))


def test_a_stratum_left_with_one_village_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    task, data = loaded(tmp_path, rows())
    kept = ~((data.sample.stratum == "1") & (data.sample.psu != "0"))
    human = data.sample.take(kept)
    with pytest.raises(DataError, match=r"stratum '1' of 4 has one PSU .*lonely_psu: collapse"):
        evaluate(task, human, {"copy": [human]}, human, metrics=[])
    (tmp_path / "joined").mkdir()
    joined, data = loaded(
        tmp_path / "joined",
        rows().loc[kept],
        TASK.replace("  psu: village\n", "  psu: village\n  lonely_psu: collapse\n"),
    )
    pilot, human = divided(data.sample)
    copy = human.without_answers().with_answers(human.answers)
    table = evaluate(joined, human, {"copy": [copy]}, pilot, metrics=api.metrics(["total_variation"]), splits=2)
    assert (table["status"] == "ok").any()


def test_a_limit_that_leaves_a_stratum_with_one_village_is_what_to_change(tmp_path: Path) -> None:
    task, _ = loaded(tmp_path, rows())
    with pytest.raises(DataError) as caught:
        api.run(task=task, model="baseline:mode", limit=3, splits=2, output=tmp_path / "runs", cache=False)
    said = str(caught.value)
    assert " one PSU among 3 respondents; a larger --limit avoids it: these are 3 of " in said
    assert said.index("--limit") < said.index("lonely_psu: collapse")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows.assign(village=rows["village"].where(rows.index != 5)), r"rows.csv:7 source.psu: column 'village' is blank \(1 row\)"),
        (lambda rows: rows.assign(region=1), "source.strata: column 'region' has one value, '1'; leave it out"),
        (lambda rows: rows.drop(columns="village"), r"task.yaml:11:\d+ source.psu: in rows.csv there is no column 'village'"),
        (lambda rows: rows[(rows["region"] != 2) | (rows["village"] == 0)], r"task.yaml:10:\d+ source.strata: rows.csv: stratum '2' of 4 has one PSU"),
    ],
)  # fmt: skip
def test_mistakes_in_the_columns_of_the_design_are_located(tmp_path: Path, change, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=words):
        loaded(tmp_path, change(rows()))
