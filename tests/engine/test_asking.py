"""Ways of asking in runs: what is stored and shown, draws that need no asking, and runs whose model fails."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from surveyeval import api
from surveyeval.cli.listing import run_state
from surveyeval.data.sample import Sample
from surveyeval.engine import asking
from surveyeval.engine.run import Run, find_runs
from surveyeval.errors import CapabilityError, ConfigError, ModelError
from surveyeval.task.task import Task
from tests.engine.talkers import Talker, results, run, simulated
from tests.model.scorers import WordScorer
from tests.tuning import survey


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return survey.write(tmp_path_factory.mktemp("survey"), survey.people(missing=0.05))


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Questions that do not see each other's answers."""
    rows = survey.people(missing=0.05)
    return survey.write(tmp_path_factory.mktemp("apart"), rows, interview={"mode": "independent"})


# ---- draws ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("elicitation", ["choice", "verbalized", "generate?temperature=0"])
def test_where_questions_stand_alone_further_draws_ask_nothing(
    apart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elicitation: str
) -> None:
    options: dict[str, Any] = {"elicitation": elicitation, "silent": 0.2}
    model = Talker(silent=0.2)
    (found,) = simulated(apart, tmp_path / "drawn", model, draws=3, elicitation=elicitation)
    # 10 people, 3 items, once; probabilities of their own answers are among those asked for
    assert len(model.seen) + model.written == 30
    monkeypatch.setattr(asking, "repeats", lambda elicitation: False)
    model = Talker(silent=options["silent"])
    (asked,) = simulated(apart, tmp_path / "asked", model, draws=3, elicitation=elicitation)
    assert len(model.seen) + model.written == 90
    assert results(found) == results(asked)
    codes = found.responses.pivot(index=["respondent", "item"], columns="draw", values="code").fillna("")
    assert (codes[0] != codes[1]).any() == (elicitation != "generate?temperature=0")


@pytest.mark.parametrize("elicitation", ["generate", "verbalized?temperature=1"])
def test_what_is_sampled_is_asked_again_in_every_draw(apart: Path, tmp_path: Path, elicitation: str) -> None:
    model = Talker()
    simulated(apart, tmp_path, model, draws=2, elicitation=elicitation)
    assert model.written == 60


def test_a_further_draw_of_a_sequential_interview_is_asked(task: Path, tmp_path: Path) -> None:
    model = Talker()
    (found,) = simulated(task, tmp_path, model, draws=2, elicitation="verbalized")
    # 30 places a draw, and once more along people's own answers, of which some are missing
    assert 60 < model.written <= 90
    assert len(found.responses) == 60


class Stopped(BaseException):
    """As if the process had been killed."""


@pytest.mark.parametrize("stop", [1, 3, 4, 8])
def test_draws_go_on_where_a_killed_run_stopped(
    apart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    whole = asking.LanguageAsker.answer
    done = 0

    def answer(*arguments: Any) -> Any:
        nonlocal done
        if done == stop:
            raise Stopped
        done += 1
        return whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(asking.LanguageAsker, "answer", answer)
        with pytest.raises(Stopped):
            simulated(apart, tmp_path / "broken", Talker(), draws=3)
    (resumed,) = simulated(apart, tmp_path / "broken", Talker(), draws=3)
    (plain,) = simulated(apart, tmp_path / "whole", Talker(), draws=3)
    assert results(resumed) == results(plain)


# ---- texts and states -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def written(task: Path, tmp_path_factory: pytest.TempPathFactory) -> api.Runs:
    """A model that writes nonsense now and then, beside one that only scores and a baseline that is not asked."""
    with pytest.MonkeyPatch.context() as patch:
        return run(patch, task, tmp_path_factory.mktemp("runs"), Talker(silent=0.2, declines=0.1), "baseline:cell",
                   limit=60, elicitation="generate?max_tokens=8")  # fmt: skip


def test_texts_are_stored_with_what_was_read_from_them(written: api.Runs) -> None:
    table = written[0].responses
    assert table["text"].notna().all()
    assert set(table[table["state"] == "invalid"]["text"]) == {"Well, that depends."}
    assert set(table[table["state"] == "refused"]["text"]) == {"I'm sorry, but I cannot answer that question."}
    answered = table[table["state"] == "answered"]
    letters = {"trust": {"1": "A", "2": "B", "3": "C"}, "mood": {"1": "A", "2": "B"}, "act": {"no": "A", "yes": "B"}}
    assert [letters[item][code] for item, code in zip(answered["item"], answered["code"], strict=True)] == list(answered["text"])  # fmt: skip
    assert table["probabilities"].isna().all()
    assert "text" not in written[1].responses
    counts = Counter(table["state"])
    stored = written[0].manifest["counts"]
    assert {state: stored[state] for state in ("answered", "invalid", "refused")} == dict(counts)
    assert counts["invalid"] > 9
    assert counts["refused"] > 9


def test_the_card_says_how_answers_were_obtained_and_hides_no_failure(written: api.Runs) -> None:
    words = " ".join(written.card.with_suffix(".md").read_text().replace("\\", "").split())
    assert "as free text, from which the option is read (max tokens 8)" in words
    states = Counter(zip(written[0].responses["item"], written[0].responses["state"], strict=True))
    total = sum(states.values())
    for item in ("trust", "mood", "act"):
        for state in ("invalid", "refused"):
            assert f"{item} {state} {states[item, state]} ({100 * states[item, state] / 60:.1f}%)" in words
    invalid = sum(count for (_, state), count in states.items() if state == "invalid")
    refused = sum(count for (_, state), count in states.items() if state == "refused")
    said = f"words, of all answers: {100 * invalid / total:.1f}% invalid (no option can be read) and {100 * refused / total:.1f}% refused"
    assert said in words
    assert "Its figures rest on the other answers alone" in words
    assert "asked in different ways" not in words


def test_a_log_loss_that_cannot_be_had_blames_the_way_of_asking(written: api.Runs) -> None:
    rows = written[0].estimates
    own = rows[rows["metric"].isin(["joint_log_loss", "log_loss"]) & (rows["model"] == "words")]
    assert set(own["status"]) == {"not_applicable"}
    assert set(own["reason"]) >= {"answers were obtained by generate, which gives no probability of people's answers"}
    assert not own["reason"].str.contains("the model gives no").any()
    theirs = written[1].estimates
    assert (theirs[theirs["metric"] == "joint_log_loss"]["status"] == "ok").any()


def test_a_baseline_is_the_same_run_whatever_language_models_are_asked(
    written: api.Runs, task: Path, tmp_path: Path
) -> None:
    (alone,) = simulated(task, tmp_path, {}, "baseline:cell", limit=60, splits=2)
    assert alone.id == written[1].id
    assert alone.manifest["elicitation"] is written[1].manifest["elicitation"] is None
    assert written[0].manifest["elicitation"] == {
        "text": "generate?max_tokens=8", "name": "generate", "distribution": False,
    }  # fmt: skip
    assert "--elicitation" not in written[1].manifest["command"]


def test_the_command_and_the_configuration_repeat_the_way_of_asking(written: api.Runs) -> None:
    assert "--elicitation 'generate?max_tokens=8'" in written[0].manifest["command"]
    assert written[0].config["elicitation"] == "generate?max_tokens=8"
    assert "elicitation" not in written[1].config
    assert "send_profiles" not in written[0].config


def test_scoring_again_needs_no_model_and_changes_nothing(written: api.Runs) -> None:
    before = [(one.folder / "metrics.json").read_bytes() for one in written]
    again = api.score([one.folder for one in written])
    assert [(one.folder / "metrics.json").read_bytes() for one in again] == before


def test_runs_that_were_asked_in_different_ways_are_not_to_be_ranked(
    written: api.Runs, task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = run(monkeypatch, task, tmp_path, {"other": Talker("x")}, limit=60)
    card = api.report([written[0], other[0]], output=tmp_path / "both.html")
    words = " ".join(card.with_suffix(".md").read_text().replace("\\", "").split())
    assert (
        "The models were asked in different ways: as free text, from which the option is read (max tokens 8): words; as "
        "probabilities of the options: other." in words
    )
    assert "do not rank them" in words


def test_the_stored_prompt_is_what_the_way_of_asking_puts(task: Path, tmp_path: Path) -> None:
    lines = {}
    for elicitation in ("choice", "verbalized"):
        (found,) = simulated(task, tmp_path / elicitation, Talker(), elicitation=elicitation)
        text = (found.folder / "prompts.jsonl").read_text()
        lines[elicitation] = [json.loads(line)["messages"] for line in text.splitlines()]
    for plain, stated in zip(lines["choice"], lines["verbalized"], strict=True):
        assert plain[:-1] == stated[:-1]
        assert "Answer with one letter." in plain[-1]["content"]
        assert "percentage" in stated[-1]["content"]


# ---- what cannot be -------------------------------------------------------------------------------------------------


def test_a_model_that_cannot_be_asked_so_is_refused_before_it_loads(task: Path, tmp_path: Path) -> None:
    with pytest.raises(CapabilityError, match="cannot do elicitation 'generate'"):
        simulated(task, tmp_path, {"words": WordScorer()}, elicitation="generate")
    with pytest.raises(ConfigError, match=r"no elicitation .chioce.*did you mean .choice."):
        simulated(task, tmp_path, Talker(), elicitation="chioce")
    with pytest.raises(ConfigError, match="calibrat"):
        simulated(task, tmp_path, Talker(calibrate="item"), elicitation="verbalized")
    assert not list(tmp_path.iterdir())


# ---- models that fail -----------------------------------------------------------------------------------------------


def test_a_run_whose_model_fails_says_that_it_continues_and_does(task: Path, tmp_path: Path) -> None:
    # a block of 4 people takes 3 calls for their answers, and one for each person's own
    model = Talker(fails_at=9)
    with pytest.raises(ModelError) as caught:
        simulated(task, tmp_path / "broken", model)
    (problem,) = caught.value.problems
    assert problem.message == "the server is gone"
    assert problem.hint == "start it again; 4 of 10 interviews are on disk, and the same command continues"
    assert problem.hint in str(caught.value)
    (stopped,) = find_runs(tmp_path / "broken")
    assert run_state(stopped) == ("interrupted", "4 of 10 interviews")
    with stopped.locked():
        assert run_state(stopped)[0] == "running"
    (resumed,) = simulated(task, tmp_path / "broken", Talker())
    assert resumed.folder == stopped.folder
    assert results(resumed) == results(simulated(task, tmp_path / "whole", Talker())[0])


def test_a_model_that_fails_at_once_fails_with_its_own_words(task: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        simulated(task, tmp_path, Talker(fails_at=1))
    assert caught.value.problems[0].hint == "start it again"


# ---- what leaves this machine ---------------------------------------------------------------------------------------


class Elsewhere(Talker):
    """Behind a server on another machine."""

    allowed = False

    def allow_profiles(self) -> None:
        self.allowed = True

    def destination(self) -> str | None:
        return "models.example.org"

    def check(self, task: Task, everybody: Sample, hidden: frozenset[str] = frozenset()) -> None:
        if not self.allowed and set(task.profile) - hidden:
            raise ConfigError("profiles would leave this machine", hint="--send-profiles allows it")


def test_profiles_leave_this_machine_only_when_that_is_allowed(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="would leave"):
        run(monkeypatch, task, tmp_path, Elsewhere())
    (hidden,) = run(monkeypatch, task, tmp_path, Elsewhere(), no_profile=True)
    found = run(monkeypatch, task, tmp_path, Elsewhere(), "baseline:cell", send_profiles=True)
    assert found[0].manifest["leaves"] == {
        "to": "models.example.org", "profile": ["age", "group"], "answers": ["trust", "mood", "act"],
    }  # fmt: skip
    assert hidden.manifest["leaves"]["profile"] == []
    assert found[1].manifest["leaves"] is None
    assert found[0].manifest["command"].endswith("--send-profiles")
    assert found[0].config["send_profiles"] is True
    assert "send_profiles" not in found[1].config
    words = " ".join(found.card.with_suffix(".md").read_text().replace("\\", "").split())
    assert "words was sent columns of the data at models.example.org (profile: age, group; " in words
    # allowed or not, it is the same run: what was answered is there
    model = Elsewhere()
    (again,) = run(monkeypatch, task, tmp_path, model, send_profiles=True)
    assert again.folder == found[0].folder
    assert model.calls == 0


def test_older_runs_are_read(task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that were made before there was more than one way of asking."""
    (made,) = run(monkeypatch, task, tmp_path, Talker())
    manifest = {key: value for key, value in made.manifest.items() if key not in ("elicitation", "leaves")}
    manifest["counts"] = {key: manifest["counts"][key] for key in ("interviews", "answered", "invalid")}
    (made.folder / "manifest.json").write_text(json.dumps(manifest))
    before = (made.folder / "metrics.json").read_bytes()
    api.score([made.folder])
    assert (made.folder / "metrics.json").read_bytes() == before
    assert "as probabilities of the options" in Run(made.folder).card.read_text()
    assert isinstance(Run(made.folder).responses, pd.DataFrame)


def test_a_run_of_very_few_people_is_scored(task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With some of them left out, people and floor may be exactly as far from people: nothing is recovered between them."""
    (made,) = run(monkeypatch, task, tmp_path, Talker(), limit=4)
    assert made.status == "complete"
