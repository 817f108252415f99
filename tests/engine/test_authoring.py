"""Tasks from data frames, answers for profiles alone, forecasts, and how things look in a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import surveyeval
from surveyeval.engine.forecast import plan
from surveyeval.engine.profiles import simulate
from surveyeval.errors import CapabilityError, ConfigError, DataError
from surveyeval.task.frame import task_from_frame
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from tests.model import tiny

SPEC: dict[str, Any] = {
    "name": "vote", "version": 1, "title": "A <b>vote</b>",
    "source": {"provenance": "synthetic", "licence": "CC0", "citation": "nobody"},
    "profile": {"age": {"column": "age"}},
    "items": [
        {"name": "vote", "role": "action", "kind": "binary", "question": "Whom?", "options": {1: "A <i>", 2: "B"}, "missing": {9.0: "refused"}},
        {"name": "like", "role": "belief", "kind": "ordinal", "question": "Like?", "options": {"no": "No", "so": "So", "yes": "Yes"}},
    ],
}  # fmt: skip
FRAME = pd.DataFrame(
    {
        "age": np.resize([20, 30, 40, 50], 80),
        "vote": np.resize([1.0, 2.0, np.nan, 9.0, 1.0], 80),
        "like": pd.Categorical(np.resize(["no", "so", "yes"], 80)),
    }
)


def test_a_task_of_a_data_frame_runs_and_is_scored_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    task = task_from_frame(FRAME, SPEC)
    assert task.items[0].codes == ("1", "2")
    people = load_human(task).sample
    assert people.answers["vote"][:5].tolist() == [0, 1, -1, -1, 0]
    assert task_from_frame(FRAME, SPEC).folder == task.folder  # the same again
    runs = surveyeval.run(task=task, model="baseline:uniform", splits=2)
    assert len(surveyeval.score([runs[0].folder])) == 1
    for html in (runs._repr_html_(), runs[0]._repr_html_(), task._repr_html_()):
        assert "<b>vote" not in html
        assert "<i>" not in html
    assert "A &lt;i&gt; / B" in task._repr_html_()
    assert "ranks nobody" in runs._repr_html_()
    assert "baseline:uniform" in runs._repr_html_()


def test_what_a_data_frame_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="leave it out"):
        task_from_frame(FRAME, {**SPEC, "source": {**SPEC["source"], "use": "file:other.csv"}}, folder=tmp_path / "a")
    with pytest.raises(ConfigError, match="citation"):
        task_from_frame(FRAME, {**SPEC, "source": {"provenance": "human", "licence": "x"}}, folder=tmp_path / "b")
    task_from_frame(FRAME, SPEC, folder=tmp_path / "c")
    with pytest.raises(ConfigError, match=r"another answers\.csv"):
        task_from_frame(FRAME.head(70), SPEC, folder=tmp_path / "c")
    text = "name: v\nversion: 1\ntitle: V\nsource: {provenance: human, licence: a, citation: b}\nitems: [{name: vote, role: action, " \
           "kind: binary, question: Q, options: {1: a, 2: b}, missing: {9: refused}}]\n"  # fmt: skip
    assert load_human(task_from_frame(FRAME, text, folder=tmp_path / "d")).sample.n == 80


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"vote": [*[3.0] * 2, *[1.0] * 78]}, "the data frame items.vote.options: column 'vote': code '3' is not declared (2 rows), row 1"),
        ({"age": ["old", *[20] * 79]}, "the data frame profile.age: column 'age': 1 values are no numbers, the first is 'old', row 1"),
    ],
)  # fmt: skip
def test_rows_that_are_no_answers_are_refused_at_once(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        task_from_frame(FRAME.assign(**change), SPEC, folder=tmp_path / "a")
    assert said in str(caught.value)
    assert "answers.csv" not in str(caught.value)
    assert not (tmp_path / "a").exists()  # so that the mended frame can go there
    task_from_frame(FRAME, SPEC, folder=tmp_path / "a")


@pytest.mark.parametrize(("field", "column"), [("id", "ages"), ("weight", "w")])
def test_columns_that_a_data_frame_does_not_have(field: str, column: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        task_from_frame(FRAME, {**SPEC, "source": {**SPEC["source"], field: column}}, folder=tmp_path / "a")
    assert f"source.{field}: in the data frame there is no column {column!r}" in str(caught.value)
    assert ".yaml" not in str(caught.value)


def test_a_mistake_in_a_mapping_names_no_line_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        task_from_frame(FRAME, {**SPEC, "profile": {"age": {"colum": "age"}}}, folder=tmp_path / "a")
    assert "the task profile.age.colum: there is no field 'colum'" in str(caught.value)
    assert not (tmp_path / "a").exists()


def test_simulated_rows_say_so_and_are_no_people(tmp_path: Path) -> None:
    task = task_from_frame(FRAME, SPEC, folder=tmp_path / "task")
    string = f"hf:{tiny.save('llama', tmp_path / 'model')}"
    (tmp_path / "profiles.csv").write_text("age,town\n33,x\n44,y\n55,z\n")
    out = tmp_path / "out.csv"
    table = simulate(task, tmp_path / "profiles.csv", string, output=out, draws=2)
    assert table["provenance"].tolist() == ["simulated"] * 6
    assert table["respondent"].tolist() == ["1", "2", "3"] * 2
    assert set(table["vote"]) <= {"1", "2"}
    assert set(table["like"]) <= {"no", "so", "yes"}
    assert list(pd.read_csv(out).columns) == [
        "provenance",
        "task",
        "model",
        "respondent",
        "draw",
        "age",
        "vote",
        "like",
    ]
    again = simulate(task, tmp_path / "profiles.csv", string, draws=2)
    pd.testing.assert_frame_equal(table, again)
    with pytest.raises(DataError, match="they are simulated"):
        load_human(task, data=str(out), provenance="human")
    assert load_human(task, data=str(out), provenance="synthetic").sample.n == 6
    for model, what in (("baseline:cell", "a pilot"), ("scripted:human", "own answers")):
        with pytest.raises(CapabilityError, match=what):
            simulate(task, tmp_path / "profiles.csv", model)
    (tmp_path / "profiles.csv").write_text("town\nx\n")
    with pytest.raises(DataError, match="age"):
        simulate(task, tmp_path / "profiles.csv", string)
    with pytest.raises(ConfigError, match=r"\.csv or \.parquet"):
        simulate(task, tmp_path / "profiles.csv", string, output=tmp_path / "out.xlsx")


def test_a_language_model_answers_for_profiles(tmp_path: Path) -> None:
    task = task_from_frame(FRAME, SPEC, folder=tmp_path / "task")
    (tmp_path / "profiles.csv").write_text("age\n33\n44\n")
    string = f"hf:{tiny.save('llama', tmp_path / 'model')}"
    assert simulate(task, tmp_path / "profiles.csv", string)["vote"].notna().all()
    with pytest.raises(CapabilityError, match="examples"):
        simulate(task, tmp_path / "profiles.csv", f"{string}?examples=1")


def test_a_forecast_holds_what_the_run_then_asks(tmp_path: Path) -> None:
    task = task_from_frame(FRAME, SPEC, folder=tmp_path / "task")
    string = f"hf:{tiny.save('llama', tmp_path / 'model')}"
    runs = tmp_path / "runs"
    (found,) = plan(task, string, runs=runs, limit=30)
    assert (found.people, found.seconds, found.cost) == (30, None, None)
    assert found.requests == (60, 120)  # two questions each, and people's own answers again
    from surveyeval.engine.preview import preview

    turns = preview(task, model=string).turns
    whole = sum(turn.tokens or 0 for turn in turns)
    assert found.tokens_in[0] <= 30 * (turns[-1].tokens or 0) * 1.02
    assert found.tokens_in[1] == pytest.approx(60 * whole, rel=0.02)
    surveyeval.run(task=task, model=string, limit=30, splits=2, output=runs)
    (found,) = plan(task, string, runs=runs, limit=30)
    assert found.seconds is None or found.seconds[0] > 0  # a run of no tenth of a second tells nothing


def test_a_server_is_forecast_from_characters_and_prices(tmp_path: Path) -> None:
    task = load_task("anes96")
    server = "openai:x?base_url=http://127.0.0.1:9/v1"
    (found,) = plan(task, server, price_in=1.0, price_out=10.0, limit=50, runs=tmp_path)
    assert found.cost is not None
    for end in (0, 1):
        assert found.cost[end] == pytest.approx((found.tokens_in[end] + 10 * found.tokens_out[end]) / 1e6)
    assert any("characters" in line for line in found.basis)
    (more,) = plan(task, server, limit=50, draws=3, runs=tmp_path)
    assert more.cost is None
    assert more.requests[0] == 3 * found.requests[0]
    (baseline,) = plan(task, "baseline:cell", runs=tmp_path)
    assert baseline.requests == (0, 0)
    with pytest.raises(ConfigError, match="limit is 0"):
        plan(task, server, limit=0)
