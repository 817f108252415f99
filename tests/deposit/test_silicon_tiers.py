"""Tiers of the Silicon Sample Benchmark: each follows from the one before, in the columns of the submission template."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats

from surveyeval import api
from surveyeval.cli.main import cli
from surveyeval.engine.profiles import simulate
from surveyeval.engine.run import Run
from surveyeval.errors import ConfigError, DataError
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs")
    return api.run(task="framing", model="baseline:cell", limit=80, draws=2, splits=2, output=folder, cache=False)[0]


def tables(run: Run | Path, tier: int, folder: Path, **options: str) -> list[pd.DataFrame]:
    written = api.export_tier(run, tier, output=folder, **options)  # type: ignore[arg-type]
    return [pd.read_csv(path) for path in written.files if path.suffix == ".csv"]


def test_columns_are_those_of_the_template(run: Run, tmp_path: Path) -> None:
    (one,) = tables(run, 1, tmp_path / "1")
    main, by = tables(run, 2, tmp_path / "2")
    (three,) = tables(run, 3, tmp_path / "3")
    assert list(one.columns[:2]) == ["profile_id", "condition"]
    assert set(one["simulated"]) == {1}
    assert one["profile_id"].is_unique
    assert list(main.columns) == ["condition", "outcome", "mean", "pi_lower", "pi_upper"]
    assert list(by.columns) == ["condition", "moderator", "moderator_level", "outcome", "mean", "pi_lower", "pi_upper"]
    assert list(three.columns) == ["condition", "outcome", "ate", "pi_lower", "pi_upper"]
    arms, items = 4, 6
    assert len(one) == 2 * 80
    assert len(main) == arms * items
    assert len(three) == (arms - 1) * items
    assert "control" in set(main["condition"])
    assert "control" not in set(three["condition"])
    assert (three["pi_lower"] <= three["pi_upper"]).all()


def test_each_tier_follows_from_the_one_before(run: Run, tmp_path: Path) -> None:
    (one,) = tables(run, 1, tmp_path / "1")
    main, by = tables(run, 2, tmp_path / "2")
    (three,) = tables(run, 3, tmp_path / "3")
    outcomes = list(dict.fromkeys(main["outcome"]))
    one["person"] = one["profile_id"].str.rpartition("-")[0]  # draws of one respondent are averaged first
    people = one.groupby(["condition", "person"])[outcomes].mean().reset_index()
    known = main.set_index(["condition", "outcome"])
    for (condition, outcome), row in known.iterrows():
        values = people.loc[people["condition"] == condition, outcome].dropna()
        assert row["mean"] == pytest.approx(values.mean())
        spread = stats.norm.ppf(0.975) * values.sem()
        assert (row["pi_lower"], row["pi_upper"]) == pytest.approx((values.mean() - spread, values.mean() + spread))
    for row in three.itertuples():
        treated, control = (
            people.loc[people["condition"] == which, row.outcome] for which in (row.condition, "control")
        )
        assert row.ate == pytest.approx(treated.mean() - control.mean())
        spread = stats.norm.ppf(0.975) * np.hypot(treated.sem(), control.sem())
        assert (row.pi_lower, row.pi_upper) == pytest.approx((row.ate - spread, row.ate + spread))
    cell = by[(by["condition"] == "control") & (by["moderator"] == "gender") & (by["moderator_level"] == "woman")]
    rows = one[(one["condition"] == "control") & (one["gender"] == "woman")]
    for row in cell.itertuples():
        assert row.mean == pytest.approx(rows.groupby("person")[row.outcome].mean().mean())


def test_metadata_has_hashes_and_attests_nothing(run: Run, tmp_path: Path) -> None:
    api.export_tier(run, 2, output=tmp_path, team="team_7", entry="secondary-1")
    found = json.loads((tmp_path / "metadata.json").read_text())
    assert [one["file"] for one in found["prediction_files"]] == [
        "predictions/team_7_T2_secondary-1_v1_cells_main.csv", "predictions/team_7_T2_secondary-1_v1_cells_moderator.csv",
    ]  # fmt: skip
    for one in found["prediction_files"]:
        assert one["sha256"] == hashlib.sha256((tmp_path / one["file"]).read_bytes()).hexdigest()
    assert found["blinding_attestation"] is False
    assert found["registration_doi"] is found["disclosure_class"] is found["contact"] is None
    assert found["coverage"] == {"interventions": 3, "outcomes": 6}
    assert "GUIDE-LLM" in (tmp_path / "registration.md").read_text()
    people = set(map(str, load_human(load_task("framing")).sample.respondent))
    (one_file,) = (
        (tmp_path / "t1" / "predictions").glob("*.csv") if api.export_tier(run, 1, output=tmp_path / "t1") else ()
    )
    assert not people & {text.partition("-")[0] for text in pd.read_csv(one_file)["profile_id"]}


def test_another_control_turns_the_sign(run: Run, tmp_path: Path) -> None:
    arms = [arm.key for arm in load_task("framing").arms]
    labels = {arm.key: arm.label for arm in load_task("framing").arms}
    (one,) = tables(run, 3, tmp_path / "a", control=arms[0])
    (other,) = tables(run, 3, tmp_path / "b", control=arms[1])
    first = one[one["condition"] == labels[arms[1]]].set_index("outcome")["ate"]
    second = other[other["condition"] == labels[arms[0]]].set_index("outcome")["ate"]
    assert first.to_numpy() == pytest.approx(-second.to_numpy())


def test_a_table_of_profiles_without_people(tmp_path: Path) -> None:
    task = load_task("disclosure_sale")
    profiles = tmp_path / "profiles.csv"
    profiles.write_text("question_class\n" + "general\npos_assumption\nneg_assumption\n" * 5)
    table = tmp_path / "simulated.csv"
    simulated = simulate("disclosure_sale", profiles, "baseline:uniform", output=table, pilot_data="task")
    (main, _) = tables(table, 2, tmp_path / "2", task="disclosure_sale")
    means = main.set_index("condition")["mean"]
    for arm in task.arms:
        expected = (simulated.loc[simulated["arm"] == arm.key, "response"] == "disclose").mean()
        assert means["control" if arm.key == "general" else arm.label] == pytest.approx(expected)
    with pytest.raises(ConfigError, match="task of the table is not given"):
        api.export_tier(table, 2, output=tmp_path / "x")
    with pytest.raises(DataError, match="holds answers to disclosure_sale"):
        api.export_tier(table, 2, output=tmp_path / "x", task="framing")
    human = tmp_path / "human.csv"
    human.write_text("question_class,response\ngeneral,hide\n")
    with pytest.raises(DataError, match="do not say that they are simulated"):
        api.export_tier(human, 1, output=tmp_path / "x", task="disclosure_sale")


LABELLED = """
name: labelled
version: "1"
title: Arms in another order
source: {use: "file:none.csv", provenance: human, licence: CC0, citation: none}
arms:
  column: arm
  levels:
    free: {label: Bus, vignette: It is free.}
    plain: {label: Control, vignette: It comes.}
    paid: {label: "bus ", vignette: It costs one.}
    far: {label: far away, vignette: It goes far.}
items:
  - {name: ride, role: action, kind: binary, question: Take it, options: {"no": "no", "yes": "yes"}}
"""


def labelled(tmp_path: Path) -> tuple[Path, Path]:
    task, profiles, table = tmp_path / "task.yaml", tmp_path / "profiles.csv", tmp_path / "simulated.csv"
    task.write_text(LABELLED)
    profiles.write_text("arm\n" + "free\nplain\npaid\nfar\n" * 4)
    simulate(str(task), profiles, "scripted:first", output=table)
    return task, table


def test_the_control_is_the_arm_that_is_called_so_and_no_name_is_given_twice(tmp_path: Path) -> None:
    task, table = labelled(tmp_path)
    (one,) = tables(table, 1, tmp_path / "1", task=str(task))
    assert list(one["condition"][:4]) == ["Bus (free)", "control", "bus  (paid)", "far away"]
    (three,) = tables(table, 3, tmp_path / "3", task=str(task))
    assert set(three["condition"]) == {"Bus (free)", "bus  (paid)", "far away"}
    assert json.loads((tmp_path / "3" / "metadata.json").read_text())["made_by"]["control"] == "plain"
    (named,) = tables(table, 1, tmp_path / "named", task=str(task), control="free")
    assert list(named["condition"][:4]) == ["control", "Control (plain)", "bus ", "far away"]


@pytest.mark.parametrize("column", ["draw", "respondent", "arm", "model", "ride"])
def test_a_column_that_was_taken_out_is_named(column: str, tmp_path: Path) -> None:
    task, table = labelled(tmp_path)
    pd.read_csv(table, dtype=str, keep_default_na=False).drop(columns=column).to_csv(table, index=False)
    with pytest.raises(DataError, match=f"has no column '{column}'"):
        api.export_tier(table, 1, output=tmp_path / "x", task=str(task))


def test_a_profile_column_that_was_taken_out_is_named(tmp_path: Path) -> None:
    task, table = tmp_path / "task.yaml", tmp_path / "simulated.csv"
    task.write_text(LABELLED.replace("arms:", "profile:\n  age: {column: age, text: 'Age {{ value }}.'}\narms:"))
    (tmp_path / "profiles.csv").write_text("arm,age\n" + "free,30\nplain,40\npaid,50\nfar,60\n")
    simulate(str(task), tmp_path / "profiles.csv", "scripted:first", output=table)
    pd.read_csv(table, dtype=str, keep_default_na=False).drop(columns="age").to_csv(table, index=False)
    with pytest.raises(DataError, match="has no column 'age'"):
        api.export_tier(table, 1, output=tmp_path / "x", task=str(task))


def test_draws_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    task, table = labelled(tmp_path)
    frame = pd.read_csv(table, dtype=str, keep_default_na=False)
    frame.assign(draw="one").to_csv(table, index=False)
    with pytest.raises(DataError, match="draw holds no whole numbers"):
        api.export_tier(table, 1, output=tmp_path / "x", task=str(task))


@pytest.mark.parametrize(
    ("options", "said"),
    [({"tier": 4}, "there is no tier 4"), ({"team": "a b"}, "team 'a b' does not fit"), ({"entry": "third"}, "secondary-1"),
     ({"control": "costs"}, "has no arm")],
)  # fmt: skip
def test_mistakes(options: dict[str, object], said: str, run: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        api.export_tier(run, **{"tier": 3, "output": tmp_path, **options})  # type: ignore[arg-type]
    assert said in str(caught.value)


def test_no_experiment_has_no_effects(tmp_path: Path) -> None:
    (run,) = api.run(task="anes96", model="baseline:uniform", limit=40, splits=2, output=tmp_path, cache=False)
    with pytest.raises(ConfigError, match="is no experiment"):
        api.export_tier(run, 3, output=tmp_path / "x")
    (main, _) = tables(run, 2, tmp_path / "2")
    assert set(main["condition"]) == {"control"}


def test_the_command(run: Run, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["export", str(run.folder), "--tier", "3", "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "nothing is attested" in " ".join(done.output.split())
    assert (tmp_path / "out" / "predictions" / "example-team_T3_primary_v1.csv").is_file()
    done = CliRunner().invoke(cli, ["export", str(run.folder), "--control", "x"])
    assert isinstance(done.exception, ConfigError)
