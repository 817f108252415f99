"""Examples and calibration through `surveyeval.api.run`: identity, what is stored, and runs that are interrupted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval import api
from surveyeval.engine import runner
from surveyeval.engine.run import Run
from surveyeval.errors import ConfigError, ModelError
from surveyeval.model import host
from surveyeval.model.hf import HFModel
from surveyeval.model.prepare import choose_examples
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.render import interviews
from tests.model import tiny
from tests.tuning import survey

torch = pytest.importorskip("torch", reason="language models are an optional extra")

EXACT = "dtype=float32&device=cpu&block=16"
POSITIONS = 2048


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save("llama", tmp_path_factory.mktemp("model") / "tiny", positions=POSITIONS)


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment with two arms, whose people skipped some questions."""
    return survey.write(tmp_path_factory.mktemp("survey"), survey.people(missing=0.05))


@pytest.fixture(scope="module")
def run(task: Path) -> Callable[..., api.Runs]:
    def run_(output: Path, *models: str, **options: Any) -> api.Runs:
        return api.run(task=str(task), model=models, **{"limit": 40, "splits": 2, "output": output, **options})

    return run_


@pytest.fixture(scope="module")
def runs(folder: Path, run: Callable[..., api.Runs], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    strings = {
        "plain": f"plain=hf:{folder}?{EXACT}",
        "item": f"item=hf:{folder}?{EXACT}&calibrate=item",
        "temperature": f"temperature=hf:{folder}?{EXACT}&calibrate=temperature",
        "examples": f"examples=hf:{folder}?{EXACT}&examples=2",
        "both": f"both=hf:{folder}?{EXACT}&examples=2&calibrate=item",
    }
    found = run(tmp_path_factory.mktemp("runs"), *strings.values())
    return dict(zip(strings, found, strict=True))


def test_every_run_is_complete_and_has_an_identity_of_its_own(runs: dict[str, Run]) -> None:
    assert {one.status for one in runs.values()} == {"complete"}
    assert len({one.id for one in runs.values()}) == len(runs)
    for one in runs.values():
        assert one.manifest["counts"]["answered"] == 40 * 3
        assert np.isfinite(one.responses["log_prob"].astype(float)).sum() > 100
        for row in one.responses["probabilities"]:
            assert sum(row) == pytest.approx(1)


def test_calibration_lowers_the_loss_and_leaves_the_mass(runs: dict[str, Run]) -> None:
    """A random model is sure of what it does not know, so what 40 people say must help with 40 others."""
    loss = {name: -one.responses["log_prob"].astype(float).mean() for name, one in runs.items()}
    assert loss["item"] < loss["plain"]
    assert loss["temperature"] < loss["plain"]
    assert loss["both"] < loss["examples"]
    # the first item: before any answer was drawn, calibrated and plain models read the same words
    mass = {name: one.responses.query("item == 'trust'")["mass"].to_numpy() for name, one in runs.items()}
    np.testing.assert_array_equal(mass["item"], mass["plain"])
    np.testing.assert_array_equal(mass["temperature"], mass["plain"])
    assert np.abs(mass["examples"] - mass["plain"]).max() > 0


def test_the_manifest_tells_the_calibration(runs: dict[str, Run]) -> None:
    item = runs["item"].manifest["model"]["calibration"]
    assert {name: len(bias) for name, bias in item["bias"].items()} == {"trust": 3, "mood": 2, "act": 2}
    assert item["temperature"] == 1.0
    temperature = runs["temperature"].manifest["model"]["calibration"]
    assert temperature["bias"] == {}
    assert temperature["temperature"] > 1
    assert "calibration" not in runs["plain"].manifest["model"]
    assert "calibration" not in runs["examples"].manifest["model"]


def test_nothing_stored_shows_a_pilot_persons_interview(runs: dict[str, Run], task: Path) -> None:
    loaded, human, split = survey.load(task)
    pilot = human.sample.take(split.divide(0.25)[0])
    chosen = choose_examples(loaded, pilot, frozenset(), 2)
    openings = [interview.opening for shown, _ in chosen.values() for interview, _ in shown]
    assert len(openings) == 4
    for name in ("examples", "both"):
        stored = runs[name].folder
        for path in stored.iterdir():
            if path.suffix in (".json", ".jsonl", ".md", ".html", ".yaml", ".log"):
                text = path.read_text()
                assert not any(opening in text for opening in openings), path.name
        lines = [json.loads(line) for line in (stored / "prompts.jsonl").read_text().splitlines()]
        assert len(lines) == 2
        assert [sum(turn["role"] == "user" for turn in line["messages"]) for line in lines] == [3, 3]
        assert any("2 interviews of pilot people stand before each" in note for note in runs[name].manifest["notes"])


class Stopped(BaseException):
    """As if the process had been killed."""


def stop_after(monkeypatch: pytest.MonkeyPatch, blocks: int) -> None:
    whole: Callable[..., Any] = host.simulate
    done = 0

    def simulate(*args: Any, **options: Any) -> Any:
        nonlocal done
        if done == blocks:
            raise Stopped
        done += 1
        return whole(*args, **options)

    monkeypatch.setattr(host, "simulate", simulate)


@pytest.mark.parametrize("blocks", [1, 2])
def test_an_interrupted_run_ends_in_the_same_bytes(
    folder: Path, runs: dict[str, Run], run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: int
) -> None:
    string = f"both=hf:{folder}?{EXACT}&examples=2&calibrate=item"
    with monkeypatch.context() as patch:
        stop_after(patch, blocks)
        with pytest.raises(Stopped):
            run(tmp_path, string)
    (resumed,) = run(tmp_path, string)
    whole = runs["both"]
    assert len(list(tmp_path.glob("*/manifest.json"))) == 1
    for name in ("metrics.json", "tables.json", "prompts.jsonl"):
        assert (resumed.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    assert resumed.responses.equals(whole.responses)
    assert resumed.manifest["model"] == whole.manifest["model"]


def test_a_run_stopped_after_its_last_block_keeps_its_calibration(
    folder: Path, runs: dict[str, Run], run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*args: Any) -> None:
        raise Stopped

    string = f"item=hf:{folder}?{EXACT}&calibrate=item"
    with monkeypatch.context() as patch:
        patch.setattr(runner, "write_prompts", stop)
        with pytest.raises(Stopped):
            run(tmp_path, string)
    (resumed,) = run(tmp_path, string)
    assert resumed.manifest["model"] == runs["item"].manifest["model"]
    assert (resumed.folder / "metrics.json").read_bytes() == (runs["item"].folder / "metrics.json").read_bytes()


def test_too_many_examples_are_refused_before_a_run_begins(folder: Path, run: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="1000 are asked for") as caught:
        run(tmp_path, f"hf:{folder}?examples=1000")
    assert caught.value.problems[0].field == "examples"
    assert not list(tmp_path.iterdir())


def test_examples_beyond_what_the_model_reads_say_so(folder: Path, run: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"the model reads 2048; ask for fewer than \?examples=30"):
        run(tmp_path, f"hf:{folder}?{EXACT}&examples=30", limit=2)


def test_hidden_fields_stand_in_no_prompt(
    folder: Path, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    plain = HFModel.tokens

    def tokens(self: HFModel, request: Any) -> Any:
        seen.extend(turn.content for turn in request.messages)
        return plain(self, request)

    monkeypatch.setattr(HFModel, "tokens", tokens)
    run(tmp_path, f"hf:{folder}?{EXACT}&examples=1&calibrate=temperature", hide=["age"], limit=6)
    assert any("Group:" in text for text in seen)
    assert not any("Age:" in text for text in seen)


def test_people_trained_on_are_not_calibrated_on(
    folder: Path, run: Any, task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, human, split = survey.load(task)
    pilot_rows, _ = split.divide(0.25)
    trained = np.zeros(human.sample.n, dtype=bool)
    trained[pilot_rows[5:]] = True
    monkeypatch.setattr(HFModel, "trained_on", lambda self, task, human: trained, raising=False)
    monkeypatch.setattr(HFModel, "cautions", lambda self, task, hidden: (), raising=False)
    scored: list[set[str]] = []
    whole = host.forced

    def forced(model: Any, task: Any, people: Any, *rest: Any) -> Any:
        scored.append(set(people.respondent))
        return whole(model, task, people, *rest)

    monkeypatch.setattr("surveyeval.model.prepare.forced", forced)
    run(tmp_path, f"hf:{folder}?{EXACT}&calibrate=temperature", limit=6)
    assert set().union(*scored) == set(human.sample.respondent[pilot_rows[:5]])
    trained[pilot_rows] = True
    with pytest.raises(ConfigError, match="nobody is left to calibrate on"):
        run(tmp_path, f"hf:{folder}?{EXACT}&calibrate=item", limit=6)


@pytest.mark.slow
def test_a_shipped_survey_runs_with_examples_and_with_calibration(tmp_path: Path) -> None:
    task = load_task("anes96")
    people = load_human(task).sample.take(np.arange(200))
    text = [turn.content for one in interviews(task, people) for turn in one.messages(["A"] * (len(task.items) - 1))]
    folder = tiny.save("llama", tmp_path / "tiny", text=sorted(set(text)), size=1500, positions=4096)
    models = [f"hf:{folder}?calibrate=item", f"examples=hf:{folder}?examples=2"]
    runs = api.run(task="anes96", model=models, limit=40, splits=3, output=tmp_path / "runs")
    assert [one.status for one in runs] == ["complete", "complete"]
    assert [one.manifest["counts"]["answered"] for one in runs] == [40 * len(task.items)] * 2
    assert runs[0].manifest["model"]["calibration"]["bias"].keys() == {item.name for item in task.items}
    assert runs.card.exists()
