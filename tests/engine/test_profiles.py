"""Answers for profiles alone: stopped and gone on with, kept in the cache, and with a pilot where a model needs one."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from surveyeval.cli.main import cli
from surveyeval.data.files import held
from surveyeval.engine import profile_answers
from surveyeval.engine.cache import NO_CACHE, open_cache
from surveyeval.engine.forecast import plan
from surveyeval.engine.profiles import TASK_PILOT, simulate
from surveyeval.errors import CapabilityError, ConfigError, DataError, RunError
from surveyeval.model import host
from surveyeval.progress import Silent
from surveyeval.task.frame import task_from_frame
from surveyeval.task.task import Task
from tests.engine.test_authoring import FRAME, SPEC
from tests.model import tiny


class Told(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Task:
    monkeypatch.delenv(NO_CACHE, raising=False)
    monkeypatch.setenv("SURVEYEVAL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "profiles.csv").write_text("age\n" + "".join(f"{20 + n}\n" for n in range(10)))
    return task_from_frame(FRAME, SPEC, folder=tmp_path / "task")


@pytest.fixture
def string(tmp_path: Path) -> str:
    return f"hf:{tiny.save('llama', tmp_path / 'model')}?block=4"


def counting(monkeypatch: pytest.MonkeyPatch, stop_after: int | None = None) -> list[int]:
    """Sizes of the blocks that a model is asked; stopped as by Ctrl-C after some of them."""
    asked: list[int] = []
    real = host.simulate

    def simulate_(model: Any, interviews: Any, **options: Any) -> Any:
        if stop_after is not None and len(asked) == stop_after:
            raise KeyboardInterrupt
        asked.append(len(interviews))
        return real(model, interviews, **options)

    monkeypatch.setattr(host, "simulate", simulate_)
    return asked


def test_a_stopped_command_goes_on_to_the_same_table(
    task: Task, string: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = simulate(task, tmp_path / "profiles.csv", string, draws=2)
    out = tmp_path / "out.csv"
    with monkeypatch.context() as patch:
        counting(patch, stop_after=2)
        with pytest.raises(KeyboardInterrupt):
            simulate(task, tmp_path / "profiles.csv", string, draws=2, output=out)
    assert not out.exists()
    assert (tmp_path / "out.csv.unfinished").is_dir()
    with pytest.raises(RunError, match="answers of another command"):
        simulate(task, tmp_path / "profiles.csv", string, draws=2, seed=1, output=out)
    with monkeypatch.context() as patch:
        asked, told = counting(patch), Told()
        table = simulate(task, tmp_path / "profiles.csv", string, draws=2, output=out, progress=told)
    assert asked == [2, 4, 4, 2]  # two blocks of three were there, and the second draw
    assert any("8 of 20 interviews were answered before" in note for note in told.notes)
    pd.testing.assert_frame_equal(table, whole)
    assert not (tmp_path / "out.csv.unfinished").exists()
    pd.testing.assert_frame_equal(pd.read_csv(out, dtype={"vote": str, "age": str, "respondent": str}), whole)


def test_replies_of_another_model_are_refused(task: Task, tmp_path: Path) -> None:
    """Before its first block is whole, a model behind a server leaves replies and no answers."""
    folder = tmp_path / "out.csv.unfinished"
    folder.mkdir()
    (folder / "replies.0000000.log").write_bytes(b"")
    for note in (None, '{"identity": "another"}'):
        if note is not None:
            (folder / "identity.json").write_text(note)
        with pytest.raises(RunError, match="answers of another command"):
            simulate(
                task, tmp_path / "profiles.csv", "baseline:marginal", pilot_data="task", output=tmp_path / "out.csv"
            )
    assert (folder / "replies.0000000.log").exists()


def test_a_second_command_for_an_output_is_refused(task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, folder = tmp_path / "out.csv", tmp_path / "out.csv.unfinished"
    folder.mkdir()
    with held(folder / ".lock"), pytest.raises(RunError, match="another process is answering for this output"):
        simulate(task, tmp_path / "profiles.csv", "baseline:marginal", pilot_data="task", output=out)

    def late(lock: Path) -> Any:
        """The lock of a command that has finished between its opening and its taking."""
        lock.unlink(missing_ok=True)
        return nullcontext(True)

    with monkeypatch.context() as patch:
        patch.setattr(profile_answers, "held", late)
        with pytest.raises(RunError, match="another process is answering for this output"):
            simulate(task, tmp_path / "profiles.csv", "baseline:marginal", pilot_data="task", output=out)
    assert len(simulate(task, tmp_path / "profiles.csv", "baseline:marginal", pilot_data="task", output=out)) == 10
    assert not folder.exists()


def test_answers_are_found_in_the_cache_and_forecasts_know(
    task: Task, string: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = simulate(task, tmp_path / "profiles.csv", string, cache=open_cache())
    asked, told = counting(monkeypatch), Told()
    again = simulate(task, tmp_path / "profiles.csv", string, cache=open_cache(), progress=told)
    assert asked == []
    assert any("10 of 10 interviews are read from the response cache" in note for note in told.notes)
    pd.testing.assert_frame_equal(first, again)
    simulate(task, tmp_path / "profiles.csv", string)
    assert asked == [4, 4, 2]  # no cache is used unless one is given


def test_a_forecast_takes_off_what_the_cache_holds(task: Task, string: str, tmp_path: Path) -> None:
    import surveyeval

    runs = tmp_path / "runs"
    (whole,) = plan(task, string, runs=runs, limit=10)
    surveyeval.run(task=task, model=string, limit=8, splits=2, output=runs)
    (rest,) = plan(task, string, runs=tmp_path / "none", limit=10)
    # blocks of four: the first two are the same in both runs
    for one, other in zip((*rest.requests, *rest.tokens_in), (*whole.requests, *whole.tokens_in), strict=True):
        assert one == pytest.approx(0.2 * other)
    assert rest.basis[0] == "8 of 10 interviews are in the response cache, and are taken off"
    (without,) = plan(task, string, runs=tmp_path / "none", limit=10, cache=False)
    assert without.requests == whole.requests
    (seeded,) = plan(task, string, runs=tmp_path / "none", limit=10, seed=3)
    assert seeded.requests == whole.requests  # other draws are other answers


def test_a_forecast_of_other_rows(task: Task, string: str, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    FRAME.head(60).assign(vote="1").to_csv(other, index=False)
    (found,) = plan(task, string, data=str(other), provenance="synthetic", runs=tmp_path)
    assert found.people == 30
    with pytest.raises(ConfigError, match="go together"):
        plan(task, string, data=str(other), runs=tmp_path)
    said = CliRunner().invoke(
        cli, ["plan", "-t", str(task.file), "-m", string, "--data", f"{task.file}={other}", "--provenance", "synthetic"]
    )
    assert "30 test people" in said.output, said.output
    said = CliRunner().invoke(cli, ["plan", "-t", str(task.file), "-m", string, "--hide", "height"])
    assert isinstance(said.exception, ConfigError)


@pytest.mark.parametrize("model", ["baseline:marginal", "baseline:logit", "baseline:chain"])
def test_baselines_learn_from_people_with_answers(task: Task, tmp_path: Path, model: str) -> None:
    with pytest.raises(CapabilityError, match="a pilot"):
        simulate(task, tmp_path / "profiles.csv", model)
    own = simulate(task, tmp_path / "profiles.csv", model, pilot_data="task", draws=40)
    assert own["provenance"].eq("simulated").all()
    pilot = tmp_path / "pilot.csv"
    FRAME.assign(vote="2").to_csv(pilot, index=False)
    learnt = simulate(task, tmp_path / "profiles.csv", model, pilot_data=pilot, draws=40)
    assert learnt["vote"].eq("2").mean() > 0.95 > own["vote"].eq("2").mean()


def test_a_pilot_is_for_models_that_take_one(task: Task, string: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="takes nothing from a pilot"):
        simulate(task, tmp_path / "profiles.csv", string, pilot_data="task")
    with pytest.raises(CapabilityError, match="own answers"):
        simulate(task, tmp_path / "profiles.csv", "scripted:human", pilot_data="task")
    with pytest.raises(CapabilityError, match="calibration"):
        simulate(task, tmp_path / "profiles.csv", f"{string}&calibrate=temperature")
    table = simulate(task, tmp_path / "profiles.csv", f"{string}&calibrate=temperature&examples=1", pilot_data="task")
    assert len(table) == 10
    simulated = tmp_path / "simulated.csv"
    FRAME.assign(vote="1", provenance="simulated").to_csv(simulated, index=False)
    human = task_from_frame(
        FRAME, {**SPEC, "source": {**SPEC["source"], "provenance": "human"}}, folder=tmp_path / "human"
    )
    with pytest.raises(DataError, match="they are simulated"):
        simulate(human, tmp_path / "profiles.csv", "baseline:cell", pilot_data=simulated)


def test_a_coin_needs_nobody(task: Task, tmp_path: Path) -> None:
    """Every option alike is the same law whether or not there is a pilot; all other baselines learn."""
    alone = simulate(task, tmp_path / "profiles.csv", "baseline:uniform", draws=2)
    pd.testing.assert_frame_equal(
        alone, simulate(task, tmp_path / "profiles.csv", "baseline:uniform", draws=2, pilot_data="task")
    )
    for name in ("mode", "pooled", "marginal", "cell", "logit", "chain", "hotdeck", "copula"):
        with pytest.raises(CapabilityError, match="needs the answers of a pilot"):
            simulate(task, tmp_path / "profiles.csv", f"baseline:{name}")


def test_the_command_says_how_to_give_a_pilot(task: Task, tmp_path: Path) -> None:
    out = str(tmp_path / "out.csv")
    line = [
        "simulate",
        "-t",
        str(task.file),
        "--profiles",
        str(tmp_path / "profiles.csv"),
        "-m",
        "baseline:cell",
        "-o",
        out,
    ]
    refused = CliRunner().invoke(cli, line)
    assert "--pilot-data" in str(refused.exception)
    done = CliRunner().invoke(cli, [*line, "--pilot-data", "task"])
    assert done.exit_code == 0, done.output
    assert len(pd.read_csv(out)) == 10
    assert TASK_PILOT == "task"
    assert np.isin(pd.read_csv(out)["like"], ["no", "so", "yes"]).all()
