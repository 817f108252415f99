"""Simulated samples in other programs: what pyreadstat, pandas and pyarrow read back is what the run holds."""

from __future__ import annotations

import csv
import json
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as parquet
import pyreadstat
import pytest

from surveyeval import api
from surveyeval.data.cells import escaped
from surveyeval.deposit.simulated import FILE_LABEL, simulated_file
from surveyeval.deposit.variables import STATES, distinct_names
from surveyeval.engine.run import Run
from surveyeval.errors import ConfigError

TASK = """\
name: deposit
version: "1"
title: A survey of some & others
source: {use: "file:people.csv", provenance: synthetic, licence: none, citation: invented, id: id, weight: w, strata: st, psu: cl}
profile:
  region: {column: region, labels: {n: north, s: "=south"}}
  age: {column: age}
arms:
  column: cond
  levels: {"0": {label: no story}, "1": {label: a story}}
items:
  - {name: trust, role: belief, kind: ordinal, question: "How much do you trust_them, 100%?", options: {"1": little, "2": some, "5": much}, missing: {"9": refused}}
  - {name: Weight, role: attitude, kind: nominal, column: party, question: Which party, options: {a: "=1+1", b: "-party", c: Ünïon}}
  - {name: more, role: action, kind: binary, question: "And then?", ask_if: 'Weight == "a"', options: {"0": "No", "1": "Yes"}}
  - {name: thermometer, role: attitude, kind: numeric, question: Warmth, points: [0, 50, 100]}
subgroups: [region]
cells: [region]
"""
N = 160


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("deposit")
    rng = np.random.default_rng(0)
    party = rng.choice(["a", "b", "c"], N)
    frame = pd.DataFrame(
        {
            "id": [f"person-{number}" for number in range(N)],
            "w": rng.uniform(0.5, 2, N).round(3),
            "st": np.repeat(["east", "west"], N // 2),
            "cl": np.repeat([f"village {number}" for number in range(16)], N // 16),
            "region": rng.choice(["n", "s"], N),
            "age": rng.integers(18, 80, N),
            "cond": np.resize([0, 1], N),
            "trust": rng.choice([1, 2, 5, 9], N),
            "party": party,
            "more": np.where(party == "a", rng.choice(["0", "1"], N), ""),
            "thermometer": rng.integers(0, 101, N),
        }
    )
    frame.to_csv(folder / "people.csv", index=False)
    (folder / "task.yaml").write_text(TASK)
    done = api.run(
        task=str(folder / "task.yaml"),
        model="baseline:marginal",
        draws=2,
        splits=2,
        output=folder / "runs",
        cache=False,
    )
    return done[0]


def expected(run: Run) -> pd.DataFrame:
    """Codes and states from the stored answers, a row for each respondent and draw, by item."""
    table = run.responses
    return table.pivot(index=["respondent", "draw"], columns="item", values=["code", "state"])


def original(run: Run, path: Path, **options: str) -> Path:
    return api.sample(run, output=path, identifiers="original", **options).files[0]


CODES = {"trust": {"1": 1, "2": 2, "5": 5}, "Weight": {"a": 1, "b": 2, "c": 3}, "more": {"0": 0, "1": 1},
         "thermometer": {"0": 0, "50": 50, "100": 100}}  # fmt: skip
NAMES = {"trust": "trust", "Weight": "Weight_2", "more": "more", "thermometer": "thermometer"}
NUMBER = {state.name.lower(): number for state, (number, _, _) in STATES.items()}
LETTER = {state.name.lower(): letter for state, (_, _, letter) in STATES.items()}


@pytest.mark.parametrize("kind", ["sav", "dta", "csv", "parquet"])
def test_what_other_programs_read_is_what_the_run_holds(kind: str, run: Run, tmp_path: Path) -> None:
    path = original(run, tmp_path / f"x.{kind}")
    if kind == "sav":
        frame, about = pyreadstat.read_sav(path, user_missing=True)
    elif kind == "dta":
        frame, about = pyreadstat.read_dta(path, user_missing=True)
    else:
        frame = pd.read_csv(path) if kind == "csv" else pd.read_parquet(path)
    held = expected(run)
    assert len(frame) == len(held)
    assert (frame["simulated"] == 1).all()
    assert sorted(frame["draw"].unique()) == [1, 2]
    for row in frame.to_dict("records"):
        answers = held.loc[(row["respondent"], row["draw"] - 1)]
        for item, name in NAMES.items():
            code, state = answers["code"][item], answers["state"][item]
            absent = LETTER if kind == "dta" else NUMBER
            assert row[name] == (CODES[item][code] if state == "answered" else absent[state])
    assert {"not_asked"} <= set(held["state"]["more"])
    if kind in ("sav", "dta"):
        assert about.file_label.startswith(FILE_LABEL)
        assert about.variable_value_labels["simulated"] == {1: "simulated"}
        assert about.variable_value_labels["Weight_2"][2] == "-party"
        assert about.variable_value_labels["trust"][LETTER["refused"] if kind == "dta" else -92] == "refused"
        assert about.variable_value_labels["arm"] == {0: "no story", 1: "a story"}
        assert about.column_names_to_labels["trust"] == "How much do you trust_them, 100%?"


def test_answers_that_are_none_count_as_missing_by_default(run: Run, tmp_path: Path) -> None:
    plain, _ = pyreadstat.read_sav(original(run, tmp_path / "x.sav"))
    held = expected(run)
    assert plain["more"].isna().sum() == (held["state"]["more"] != "answered").sum() > 0
    stata, _ = pyreadstat.read_dta(original(run, tmp_path / "x.dta"))
    assert stata["more"].isna().sum() == plain["more"].isna().sum()


def test_profile_weight_and_design_are_those_of_the_person(run: Run, tmp_path: Path) -> None:
    frame = pd.read_csv(original(run, tmp_path / "x.csv"))
    people = pd.read_csv(Path(run.config["task"]).parent / "people.csv").set_index("id").loc[frame["respondent"]]
    np.testing.assert_allclose(frame["weight"], people["w"])
    assert list(frame["stratum"]) == list(people["st"])
    assert list(frame["psu"]) == list(people["cl"])
    assert list(frame["age"]) == list(people["age"])
    assert list(frame["region"]) == [{"n": 1, "s": 2}[code] for code in people["region"]]
    assert list(frame["arm"]) == list(people["cond"])


def test_pseudonyms_are_the_same_in_runs_of_a_folder_and_tell_nothing(run: Run, tmp_path: Path) -> None:
    one, two = (pd.read_csv(api.sample(run, output=tmp_path / f"{name}.csv").files[0]) for name in "ab")
    pd.testing.assert_frame_equal(one, two)
    assert one["respondent"].nunique() == len(one) / 2
    text = (tmp_path / "a.csv").read_text()
    assert not any(word in text for word in ("person-", "village", "west"))
    key = run.folder.parent / ".pseudonyms.key"
    assert key.stat().st_mode & 0o077 == 0
    true = pd.read_csv(original(run, tmp_path / "c.csv"))
    same = ["draw", "weight", "age", "trust", "more", "thermometer"]
    assert sorted(map(tuple, one[same].to_numpy())) == sorted(map(tuple, true[same].to_numpy()))
    # PSUs are renamed one by one, within the strata they were in
    assert sorted(one.groupby("psu").size()) == sorted(true.groupby("psu").size())
    assert sorted(one.groupby("stratum")["psu"].nunique()) == sorted(true.groupby("stratum")["psu"].nunique())
    anew = [list(simulated_file(run, identifiers="numbers").variables[5].values) for _ in range(3)]
    assert len({tuple(one) for one in anew}) > 1  # in another order each time
    with pytest.raises(ConfigError, match="no identifiers"):
        api.sample(run, output=tmp_path / "d.csv", identifiers="names")


def test_without_profiles(run: Run, tmp_path: Path) -> None:
    frame = pd.read_csv(api.sample(run, output=tmp_path / "x.csv", profile=False).files[0])
    assert not {"age", "region"} & set(frame)
    assert "trust" in frame


def test_no_cell_is_a_formula_unless_wanted(run: Run, tmp_path: Path) -> None:
    def cells(escape: bool) -> list[str]:
        api.sample(run, output=tmp_path / "x.csv", escape=escape)
        with (tmp_path / "x-csv-codebook.csv").open(newline="") as stream:
            return [cell for row in csv.reader(stream) for cell in row]

    assert {"'=1+1", "'=south", "'-party"} <= set(cells(True))
    assert {"=1+1", "=south", "-party"} <= set(cells(False))
    risky = [cell for cell in cells(True) if cell[:1] in ("=", "+", "-", "@")]
    assert all(float(cell) < 0 for cell in risky)  # numbers of states
    assert [escaped(one) for one in ("\t=1", "@x", "+1", "-1e5", "a=1", "")] == [
        "'\t'=1",
        "'@x",
        "+1",
        "-1e5",
        "a=1",
        "",
    ]


def test_parquet_says_what_its_columns_are(run: Run, tmp_path: Path) -> None:
    schema = parquet.read_schema(api.sample(run, output=tmp_path / "x.parquet").files[0])
    assert schema.metadata[b"simulated"] == b"true"
    about = json.loads(schema.field("trust").metadata[b"survey"])
    assert about["values"] == {"1": "little", "2": "some", "5": "much"}
    assert about["missing"]["-92"] == "refused"


@pytest.mark.parametrize("kind", ["csv", "parquet", "sav", "dta"])
def test_the_program_for_python_gives_the_weighted_mean(
    kind: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = api.sample(run, output=tmp_path / f"x.{kind}", identifiers="original").files
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(next(path for path in files if path.suffix == ".py")))
    mean, error = map(float, capsys.readouterr().out.split())
    held = run.responses[(run.responses["draw"] == 0) & (run.responses["item"] == "trust")].set_index("respondent")
    weight = pd.read_csv(Path(run.config["task"]).parent / "people.csv").set_index("id")["w"]
    answered = held[held["state"] == "answered"]
    values, weights = answered["code"].map(CODES["trust"]).astype(float), weight.loc[answered.index]
    assert mean == pytest.approx(float((values * weights).sum() / weights.sum()))
    assert 0 < error < 1


def test_the_program_for_r_names_the_design(run: Run, tmp_path: Path) -> None:
    files = api.sample(run, output=tmp_path / "x.sav").files
    text = next(path for path in files if path.suffix == ".R").read_text()
    assert "svydesign(ids = ~psu, strata = ~stratum, weights = ~weight, data = simulated, nest = TRUE)" in text
    assert "subset(simulated, draw == 1)" in text
    assert "simulated by a model" in text


def test_samples_of_one_name_in_other_formats_keep_their_companions(run: Run, tmp_path: Path) -> None:
    files = [
        file
        for kind in ("csv", "parquet", "sav", "dta")
        for file in api.sample(run, output=tmp_path / f"x.{kind}").files
    ]
    assert len(set(files)) == len(files) == len([file for file in tmp_path.iterdir() if not file.name.startswith(".")])
    for kind in ("csv", "parquet", "sav", "dta"):
        for ending in ("R", "py"):
            assert f'"x.{kind}"' in (tmp_path / f"x-{kind}-read.{ending}").read_text()


def test_names_that_programs_take() -> None:
    long = "a" * 40
    assert distinct_names([long, long, "by", "x y", "1st"]) == ["a" * 32, "a" * 30 + "_2", "by_2", "x_y", "v_1st"]


def test_a_file_of_another_kind_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="are not written"):
        api.sample(run, output=tmp_path / "x.xlsx")
    with pytest.raises(ConfigError, match="is no name of a sav file"):
        api.sample(run, output=tmp_path / "x.csv", format="sav")
