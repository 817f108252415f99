"""Memory does not grow with the respondents that are answered, and what does not fit is said before it starts."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from surveyeval.cli.main import cli
from surveyeval.data.sample import Sample
from surveyeval.engine import fits, runner
from surveyeval.engine.experiment import prepare
from surveyeval.engine.manifest import RunOptions
from surveyeval.engine.responses import read_samples
from surveyeval.engine.run import Run
from surveyeval.engine.runner import simulate
from surveyeval.errors import ConfigError, RunError
from surveyeval.model import host
from surveyeval.model.build import NamedModel, build_model
from surveyeval.model.protocol import Interviews
from surveyeval.progress import Silent
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from tests.engine.talkers import Talker, simulated
from tests.tuning import survey

BASELINES = ("uniform", "mode", "pooled", "marginal", "cell", "logit", "chain", "hotdeck", "copula")


def answered(folder: Path, n: int, model: Any, **options: Any) -> tuple[Run, int]:
    """A run of n people, and the bytes that Python's objects took at most beyond what was there before."""
    task = load_task(str(survey.write(folder / "survey", survey.people(n, missing=0.05))))
    named = NamedModel("model", "words:", model) if not isinstance(model, str) else build_model(model)
    experiment = prepare(task, load_human(task), RunOptions(**options), [named])
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    run = simulate(experiment, named, folder / "runs", config={"task": "x"}, command="", again=False, progress=Silent())
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return run, peak


def test_a_run_of_ten_times_the_people_takes_no_ten_times_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    monkeypatch.setattr("surveyeval.engine.responses._ROWS", 500)
    monkeypatch.setattr("surveyeval.model.baselines.Baseline.block_size", 100)
    _, small = answered(tmp_path / "small", 400, "baseline:cell")
    run, large = answered(tmp_path / "large", 4000, "baseline:cell")
    assert run.manifest["plan"]["blocks"] == 30
    # the plan itself and its hash are a line for each person
    assert large < small + 400 * 3000
    assert len(run.responses) == 3000 * 3


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_answers_in_blocks_as_it_does_at_once(name: str, tmp_path: Path) -> None:
    task = load_task(str(survey.write(tmp_path, survey.people(120, missing=0.05))))
    model, people = build_model(f"baseline:{name}").model, load_human(task).sample
    assert host.block_size(model, 4096) is None  # a table that is no larger than a block is answered at once
    assert host.block_size(model, 4097) == 4096
    model.fit(task, people.take(np.arange(60)))
    numbers = np.random.default_rng(0).random((60, 3))
    test = people.take(np.arange(60, 120)).without_answers()

    def answers(rows: Any) -> dict[str, list[int]]:
        found = model.answer(Interviews(task, _taken(test, rows), numbers[rows]))
        return {item: column.tolist() for item, column in found.answers.items()}

    whole = answers(np.arange(60))
    parts = [answers(np.arange(start, start + 20)) for start in (0, 20, 40)]
    assert whole == {item: [code for part in parts for code in part[item]] for item in whole}


def _taken(sample: Sample, rows: Any) -> Sample:
    return sample.take(rows)


def test_samples_read_in_pieces_are_those_that_were_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = answered(tmp_path, 120, Talker(block=8), draws=2, elicitation="verbalized")
    task = load_task(str(tmp_path / "survey"))
    experiment = prepare(task, load_human(task), RunOptions(), [])
    whole = read_samples(task, experiment.test, 2, run.responses_path)
    monkeypatch.setattr("surveyeval.engine.responses._ROWS", 7)
    pieces = read_samples(task, experiment.test, 2, run.responses_path)
    table = run.responses
    for draw in range(2):
        for item in task.items:
            rows = table[(table["draw"] == draw) & (table["item"] == item.name)].set_index("respondent")
            codes = [item.codes[a] if a >= 0 else None for a in whole[draw].answers[item.name]]
            assert codes == [
                None if code != code else code for code in rows.loc[list(experiment.test.respondent), "code"]
            ]
            for one in (whole, pieces):
                np.testing.assert_array_equal(one[draw].answers[item.name], whole[draw].answers[item.name])
                np.testing.assert_array_equal(one[draw].states[item.name], whole[draw].states[item.name])
                np.testing.assert_array_equal(one[draw].probabilities[item.name], whole[draw].probabilities[item.name])
                np.testing.assert_array_equal(one[draw].mass[item.name], whole[draw].mass[item.name])


# ---- room -----------------------------------------------------------------------------------------------------------


def test_what_is_said_of_the_room_is_no_less_than_what_is_taken(tmp_path: Path) -> None:
    for number, (model, options) in enumerate(
        [
            (Talker(block=8), {}),
            (Talker(block=8), {"elicitation": "generate?max_tokens=8", "draws": 2}),
            ("baseline:cell", {}),
        ]
    ):
        folder = tmp_path / str(number)
        largest = 0
        written = runner.write_responses

        def write(where: Path, *given: Any, **more: Any) -> None:
            nonlocal largest
            written(where, *given, **more)  # noqa: B023
            largest = sum(path.stat().st_size for path in where.iterdir())

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runner, "write_responses", write)
            answered(folder, 400, model, **options)
        task = load_task(str(folder / "survey"))
        room = fits.room_of(
            task, model if not isinstance(model, str) else build_model(model).model, 300, 400, options.get("draws", 1),
            str(options.get("elicitation", "choice")),
        )  # fmt: skip
        assert largest < room.disk
        assert room.disk - 2**20 < 20 * largest


@pytest.mark.parametrize(("what", "free"), [("on the disk", "free_disk"), ("of memory", "free_memory")])
def test_a_run_that_does_not_fit_is_refused_before_anything_is_loaded(
    what: str, free: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = survey.write(tmp_path / "survey", survey.people(60))
    monkeypatch.setattr(fits, free, lambda *given: 1000)
    model = Talker()
    with pytest.raises(RunError) as caught:
        simulated(task, tmp_path / "runs", model, cache=False)
    (problem,) = caught.value.problems
    assert what in problem.message
    assert "0 MiB are free" in problem.message
    assert "--force" in str(problem.hint)
    assert model.loads == 0
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [".lock"]


def test_force_begins_all_the_same_and_plan_tells_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = survey.write(tmp_path / "survey", survey.people(80))
    monkeypatch.setattr(fits, "free_disk", lambda *given: 1000)
    words = ["run", "--task", str(task), "--model", "baseline:cell", "--splits", "2", "-o", str(tmp_path / "runs")]
    refused = CliRunner().invoke(cli, words)
    assert isinstance(refused.exception, RunError)
    assert CliRunner().invoke(cli, [*words, "--force"]).exit_code == 0
    planned = CliRunner().invoke(cli, ["plan", "--task", str(task), "--model", "baseline:cell", "--json"])
    (found,) = json.loads(planned.stdout)
    assert found["disk"] > 2**20
    assert found["memory"] > 2**28
    shown = CliRunner().invoke(cli, ["plan", "--task", str(task), "--model", "baseline:cell"]).output
    assert "MiB on disk" in shown


def test_more_draws_than_anybody_makes_are_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    task = survey.write(tmp_path / "survey", survey.people(60))
    model = Talker()
    with pytest.raises(ConfigError, match="draws is 10001, it must be at most 10000"):
        simulated(task, tmp_path / "runs", model, draws=10_001)
    assert model.loads == 0


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("anon 30000000\ninactive_file 60000000\nactive_file 5000000\n", 65_000_000),
        ("anon 90000000\n", 5_000_000),
    ],
)
def test_copies_of_files_that_make_room_count_as_free(
    told: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("memory.max", "100000000\n"), ("memory.current", "95000000\n"), ("memory.stat", told)):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(fits, "_GROUP", tmp_path)
    assert fits.free_memory() == expected
    (tmp_path / "memory.max").write_text("max\n")
    free = fits.free_memory()
    assert free is not None
    assert free > expected


def test_memory_and_disk_that_are_free_are_known_here(tmp_path: Path) -> None:
    assert fits.free_disk(tmp_path / "not" / "yet" / "there") > 0
    free = fits.free_memory()
    assert free is None or free > 0
