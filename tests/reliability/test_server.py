"""A server that fails: every answer is had once, failed ones keep their error, and only they are asked for again."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from surveyeval.cli.listing import run_state
from surveyeval.engine.run import Run, find_runs
from surveyeval.errors import BudgetError, ModelError
from surveyeval.model.openai import OpenAIModel, OpenAIOptions
from tests.engine.talkers import results, simulated
from tests.openai.server import FAULTS, Asked, Fault, Server, chat, next_tokens, sometimes
from tests.tuning import survey

BROKEN = Fault(500, '{"error": {"message": "The server had an error"}}')
PEOPLE, ITEMS = 24, 3


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return survey.write(tmp_path_factory.mktemp("survey"), survey.people(80))


def answer(asked: Asked) -> dict[str, Any]:
    """Good answers: to requests for texts a letter, which the seed chooses."""
    reply = chat(asked)
    if not asked.get("logprobs"):
        found = [token for token, _ in next_tokens(asked) if len(token) == 1 and token.isupper() and token != "I"]
        reply["choices"][0]["message"]["content"] = random.Random(f"{asked.get('seed')}").choice(sorted(found))
    return reply


def go(task: Path, output: Path, server: Server, *, model: dict[str, Any] | None = None, **options: Any) -> Run:
    named = OpenAIModel(
        "toy",
        OpenAIOptions(
            **{"base_url": server.url, "backoff": 0.0, "retries": 0, "block": 8, "concurrency": 4, **(model or {})}
        ),
    )
    # the port is part of what the model is, and differs between servers of these tests
    named.fingerprint = lambda: OpenAIModel(
        "toy", OpenAIOptions(base_url="http://127.0.0.1:1/v1", block=8)
    ).fingerprint()  # type: ignore[method-assign]
    try:
        return simulated(task, output, named, **{"limit": PEOPLE, "cache": False, **options})[0]
    finally:
        named.close()


def once(run: Run, draws: int = 1) -> None:
    """Every (respondent, item, draw) is there once."""
    table = run.responses
    seen = Counter(zip(table["respondent"], table["item"], table["draw"], strict=True))
    assert set(seen.values()) == {1}
    assert len(seen) == PEOPLE * ITEMS * draws
    assert set(table["state"]) == {"answered"}


def by_request(share: float, seed: int, rounds: int) -> Callable[[Asked, int], Fault | None]:
    """A share of all requests fails, each the first `rounds` times that it is made at most."""

    def fault(asked: Asked, before: int) -> Fault | None:
        chance = random.Random(f"{seed} {before} {json.dumps(asked, sort_keys=True)}")
        return BROKEN if before < rounds and chance.random() < share else None

    return fault


@pytest.mark.parametrize("elicitation", ["choice", "generate"])
@pytest.mark.parametrize("mode", ["sequential", "independent"])
def test_with_a_fault_in_five_calls_no_answer_is_lost_or_doubled(mode: str, elicitation: str, tmp_path: Path) -> None:
    folder = survey.write(tmp_path / "survey", survey.people(80), interview={"mode": mode})
    kinds = [fault for fault in FAULTS.values() if not fault.stall]
    options: dict[str, Any] = {"draws": 2, "elicitation": elicitation}
    with Server(answer).running() as server:
        whole = go(folder, tmp_path / "whole", server, **options)
        calls = len(server.asked)
    with Server(answer, sometimes(0.2, kinds)).running() as server:
        run = go(folder, tmp_path / "faulty", server, model={"retries": 6}, **options)
        assert len(server.asked) > 1.1 * calls  # there were faults
    once(run, draws=2)
    assert results(run) == results(whole)


@pytest.mark.parametrize("elicitation", ["choice", "generate"])
def test_only_failed_answers_are_asked_for_again(elicitation: str, task: Path, tmp_path: Path) -> None:
    """Without a single new try of a call, commands are given until all is answered: each asks for what failed, no more."""
    options: dict[str, Any] = {"draws": 2, "elicitation": elicitation}
    with Server(answer).running() as server:
        whole = go(task, tmp_path / "whole", server, **options)
        needed = Counter(json.dumps(asked, sort_keys=True) for asked in server.asked)
    with Server(answer, by_request(0.2, 1, rounds=4)).running() as server:
        for _ in range(12):
            try:
                run = go(task, tmp_path / "faulty", server, **options)
                break
            except ModelError as error:
                (run,) = find_runs(tmp_path / "faulty")
                if "could not be had" in str(error):
                    assert run.status == "incomplete"
                else:  # what a command asks first, to see what the server can do
                    assert elicitation == "choice"
        asked = Counter(json.dumps(one, sort_keys=True) for one in server.asked)
        probes = 12
        # every request once more for each time that it failed; what a new command looks at first apart
        fault = by_request(0.2, 1, rounds=4)
        for text, count in asked.items():
            failures = sum(fault(json.loads(text), before) is not None for before in range(count))
            assert count <= needed[text] + failures + (
                probes if needed[text] and "Answer with one letter: A or B." in text else 0
            )
    assert run.status == "simulated"
    once(run, draws=2)
    assert results(run) == results(whole)
    assert not list(run.folder.glob("replies.*"))


def test_failed_answers_keep_their_error_and_the_rest_goes_on(task: Path, tmp_path: Path) -> None:
    names: list[str] = []

    def fault(asked: Asked, before: int) -> Fault | None:
        """The second question of whoever comes first is never answered."""
        turns = [turn for turn in asked["messages"] if turn["role"] == "user"]
        if len(turns) == 2 and asked["messages"][-1]["content"].startswith("Where") and asked.get("seed") is not None:
            names.extend([json.dumps(asked["messages"][1])] if not names else [])
            return BROKEN if json.dumps(asked["messages"][1]) == names[0] else None
        return None

    with Server(answer, fault).running() as server, pytest.raises(ModelError) as caught:
        go(task, tmp_path, server, elicitation="generate")
    (problem,) = caught.value.problems
    assert "1 answer of 'words' could not be had: server" in problem.message
    assert "status 500" in problem.message
    assert f"everything else of {PEOPLE} interviews is on disk, and the same command tries these again" in str(
        problem.hint
    )
    (run,) = find_runs(tmp_path)
    assert run.manifest["failed"]["answers"] == 1
    assert "The server had an error" in run.manifest["failed"]["errors"][0][0]
    assert run.manifest["counts"]["answered"] == PEOPLE * ITEMS - 2  # and the question that would have followed
    assert run_state(run)[0] == "incomplete: 1 answer failed"
    with Server(answer).running() as server:
        again = go(task, tmp_path, server, elicitation="generate")
        assert len(server.asked) == 2
    assert again.folder == run.folder
    once(again)
    assert "failed" not in again.manifest


def test_a_call_that_always_fails_is_no_server_that_is_gone(task: Path, tmp_path: Path) -> None:
    """Even where calls are made one after the other, and the first of them fails."""
    first: list[str] = []

    def fault(asked: Asked, before: int) -> Fault | None:
        text = json.dumps(asked["messages"])
        first.extend([text] if not first else [])
        return BROKEN if text == first[0] else None

    with Server(answer, fault).running() as server, pytest.raises(ModelError, match="1 answer of 'words' could not"):
        go(task, tmp_path, server, elicitation="generate", model={"concurrency": 1})
    (run,) = find_runs(tmp_path)
    assert run.status == "incomplete"
    assert run.manifest["failed"]["answers"] == 1
    assert run.manifest["counts"]["answered"] == (PEOPLE - 1) * ITEMS


def test_notes_of_a_run_that_was_gone_on_with(task: Path, tmp_path: Path) -> None:
    """Names with numbers stay apart, and counts are said to be of one command."""

    def by(name: str) -> Callable[[Asked], dict[str, Any]]:
        return lambda asked: {**answer(asked), "model": name}

    caution = "numbers of places and texts in these notes are those of one command and one worker, not of the whole run"
    with Server(by("gpt-4o-2024-05-13")).running() as server:
        whole = go(task, tmp_path / "whole", server, elicitation="generate")
        assert caution not in whole.manifest["notes"]
        assert any(note.startswith(f"{PEOPLE * ITEMS} texts were drawn") for note in whole.manifest["notes"])
        with pytest.raises(BudgetError):
            go(task, tmp_path / "two", server, elicitation="generate", model={"max_calls": 8 * ITEMS + 1})
    with Server(by("gpt-4o-2024-08-06")).running() as server:
        run = go(task, tmp_path / "two", server, elicitation="generate")
    notes = run.manifest["notes"]
    for name in ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06"):
        assert f"the server says that the answers come from {name}" in notes
    assert notes.count(caution) == 1
    assert sum("texts were drawn" in note for note in notes) == 1
    assert results(run) == results(whole)


def test_a_budget_that_runs_out_in_a_block_costs_none_of_its_calls(task: Path, tmp_path: Path) -> None:
    with Server(answer).running() as server:
        whole = go(task, tmp_path / "whole", server, elicitation="generate")
        calls = len(server.asked)
    made = 0
    for _ in range(20):
        with Server(answer).running() as server:
            try:
                run = go(task, tmp_path / "poor", server, elicitation="generate", model={"max_calls": 7})
                made += len(server.asked)
                break
            except BudgetError:
                made += len(server.asked)
    assert made == calls
    assert results(run) == results(whole)


def test_a_server_that_goes_away_stops_the_run_at_once(task: Path, tmp_path: Path) -> None:
    def fault(asked: Asked, before: int) -> Fault | None:
        return BROKEN if len(server.asked) > 30 else None

    server = Server(answer, fault)
    with (
        server.running(),
        pytest.raises(ModelError, match=r"in vain.*the same command continues.*interviews are on disk"),
    ):
        go(task, tmp_path, server, elicitation="generate")
    assert len(server.asked) <= 30 + 2 * 4 + 1
    (run,) = find_runs(tmp_path)
    assert run_state(run) == ("interrupted", f"8 of {PEOPLE} interviews")
    with Server(answer).running() as server:
        again = go(task, tmp_path, server, elicitation="generate")
        assert len(server.asked) == PEOPLE * ITEMS - 30
    once(again)


def test_what_a_kill_left_of_a_reply_is_asked_for_again(task: Path, tmp_path: Path) -> None:
    with Server(answer).running() as server:
        whole = go(task, tmp_path / "whole", server, elicitation="generate")
    with (
        Server(answer, lambda asked, before: BROKEN if len(server.asked) > 20 else None).running() as server,
        pytest.raises(ModelError),
    ):
        go(task, tmp_path / "broken", server, elicitation="generate")
    (run,) = find_runs(tmp_path / "broken")
    (journal,) = run.folder.glob("replies.*.log")
    content = journal.read_bytes()
    for cut in (len(content) - 1, len(content) - 30, len(content) // 2, 1):
        journal.write_bytes(content[:cut] + b"\x00" * (cut % 2))
        with Server(answer, lambda asked, before: BROKEN).running() as server, pytest.raises(ModelError):
            go(task, tmp_path / "broken", server, elicitation="generate")
    with Server(answer).running() as server:
        assert results(go(task, tmp_path / "broken", server, elicitation="generate")) == results(whole)
