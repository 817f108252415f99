"""A server that misbehaves: no answer is lost, doubled or given to somebody else; what cannot be had is said."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from datetime import UTC, datetime

import numpy as np
import pytest

from surveyeval.errors import ModelError
from surveyeval.model import host
from surveyeval.model.openai_failures import LONGEST_WAIT, seconds_to_wait
from surveyeval.model.protocol import Message, Request, TextRequest
from tests.model.helpers import ask, make_sample
from tests.model.scorers import MASS, WordScorer, survey
from tests.openai.server import FAULTS, HTML, Asked, Fault, Server, letters, model_of, sentence, sometimes


def texts(n: int) -> list[TextRequest]:
    return [TextRequest(f"r{i}", (Message("user", f"Question of {i}?"),), seed=i, max_tokens=5) for i in range(n)]


def choices(n: int) -> list[Request]:
    return [
        Request(f"r{i}", (Message("user", f"Person {i}.\nA) yes\nB) no\nC) never"),), ("A", "B", "C")) for i in range(n)
    ]


def first(fault: Fault, times: int = 1):  # type: ignore[no-untyped-def]
    return lambda asked, before: fault if before < times else None


@pytest.mark.parametrize("kind", FAULTS)
def test_what_may_pass_is_tried_again(kind: str) -> None:
    stalls = FAULTS[kind].stall
    with (
        Server(fault=first(FAULTS[kind], 1 if stalls else 2)).running() as server,
        model_of(server, timeout=0.5 if stalls else 20.0) as model,
    ):
        [written] = model.generate(texts(1))
        assert written.text == sentence(texts(1)[0].messages, 0)
        assert len(server.asked) == (2 if stalls else 3)
        assert "repeated after a failure" in str(model.usage)


@pytest.mark.parametrize("kind", sorted(set(FAULTS) - {"a stall", "null content"}))
def test_scores_are_tried_again_as_texts_are(kind: str) -> None:
    with Server(fault=first(FAULTS[kind])).running() as server, model_of(server) as model:
        for request, scores in zip(choices(3), model.score(choices(3)), strict=True):
            expected = np.log(list(letters(request.messages).values()))
            np.testing.assert_allclose(scores.log_prob, expected, atol=1e-12)


def test_with_a_fault_in_five_calls_every_interview_keeps_its_own_answers() -> None:
    task = survey()
    people = make_sample(
        task, {"belief": [0] * 24, "trust": [1] * 24, "act": [1] * 24}, age=[str(20 + i) for i in range(24)]
    )
    kinds = [fault for fault in FAULTS.values() if not fault.stall]
    batch = ask(task, people)
    expected = host.simulate(WordScorer(), batch)
    forced = host.log_prob(WordScorer(), batch, people)
    with Server(fault=sometimes(0.2, kinds)).running() as server, model_of(server, concurrency=16) as model:
        found = host.simulate(model, batch)
        log_prob = host.log_prob(model, batch, people)
        assert len(server.asked) > 24 * 3 * 2 * 1.1  # there were faults
    assert found.states is not None
    for item in task.items:
        assert found.answers[item.name].tolist() == expected.answers[item.name].tolist()
        np.testing.assert_allclose(found.probabilities[item.name], expected.probabilities[item.name], atol=1e-12)
        np.testing.assert_allclose(found.mass[item.name], MASS)
        np.testing.assert_allclose(log_prob[item.name], forced[item.name], atol=1e-9)


def test_texts_under_faults_belong_to_their_requests() -> None:
    kinds = [fault for fault in FAULTS.values() if not fault.stall]
    requests = texts(60)
    with Server(fault=sometimes(0.2, kinds, seed=1)).running() as server, model_of(server) as model:
        written = model.generate(requests)
    assert [one.text for one in written] == [sentence(one.messages, one.seed) for one in requests]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("500", "status 500: .*The server had an error"),
        ("a stall", r"did not answer in 0\.2 seconds"),
        ("a cut body", "connection failed"),
        ("HTML", r"sent no JSON: '<html><body>\\x1b\[31m<h1>502"),
        ("no choices", "0 choices where one was asked for"),
        ("two choices", "2 choices where one was asked for"),
        ("null content", "no text"),
        ("a list", "no JSON object"),
    ],
)
def test_what_does_not_pass_is_named(kind: str, said: str) -> None:
    fault = FAULTS[kind]
    with (
        Server(fault=lambda asked, before: fault).running() as server,
        model_of(server, retries=2, timeout=0.2 if fault.stall else 20.0) as model,
    ):
        with pytest.raises(ModelError, match=said) as caught:
            model.generate(texts(1))
        assert "3 times in vain" in str(caught.value)
        assert "on disk" in str(caught.value)
        assert "\x1b" not in str(caught.value)
        assert len(server.asked) == 3


def test_long_replies_are_cut_in_messages() -> None:
    fault = Fault(500, "x" * 5000)
    with (
        Server(fault=lambda asked, before: fault).running() as server,
        model_of(server, retries=0) as model,
        pytest.raises(ModelError, match="asked once in vain") as caught,
    ):
        model.generate(texts(1))
    assert "x" * 200 in str(caught.value)
    assert "x" * 201 not in str(caught.value)
    assert HTML not in str(caught.value)


def test_a_server_is_not_asked_before_the_time_that_it_named() -> None:
    fault = Fault(429, "slow down", {"Retry-After": "0.3"})
    with Server(fault=first(fault)).running() as server, model_of(server) as model:
        model.generate(texts(1))
        assert server.arrived[1] - server.arrived[0] >= 0.3


def test_seconds_to_wait_are_read_from_numbers_and_dates_and_have_a_limit() -> None:
    now = datetime(2030, 1, 1, 12, 0, 0, tzinfo=UTC)

    def wait(value: str) -> float | None:
        return seconds_to_wait({"retry-after": value}, now)

    assert wait("7") == 7
    assert wait("Tue, 01 Jan 2030 12:00:30 GMT") == 30
    assert wait("Tue, 01 Jan 2030 11:00:00 GMT") == 0  # it is over
    assert wait("86400") == wait("Wed, 02 Jan 2030 12:00:00 GMT") == wait("inf") == LONGEST_WAIT
    assert wait("-3") == wait("nan") == 0
    assert wait("soon") is None
    assert seconds_to_wait({}) is None


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(401, '{"error": {"message": "Incorrect key"}}'), r"401.*Incorrect key.*OPENAI_API_KEY.*key_env"),
        (Fault(403, "no"), "403.*OPENAI_API_KEY"),
        (Fault(400, '{"error": {"message": "Unknown field: seed"}}'), "400.*Unknown field: seed.*seed=false"),
        (
            Fault(400, '{"object": "error", "message": "maximum context length is 8"}'),
            "context length.*shorten the task",
        ),
        (Fault(400, '{"error": {"message": "logprobs are not supported"}}'), "not supported.*--elicitation generate"),
        (Fault(429, '{"error": {"message": "No money", "code": "insufficient_quota"}}'), "No money.*no money left"),
        (Fault(307, "", {"Location": "http://127.0.0.2:1/v1"}), "307.*not followed"),
    ],
)
def test_what_does_not_pass_is_not_tried_again(fault: Fault, said: str) -> None:
    with Server(fault=lambda asked, before: fault).running() as server, model_of(server) as model:
        with pytest.raises(ModelError, match=said):
            model.generate(texts(1))
        assert len(server.asked) == 1


def test_a_name_that_the_server_does_not_know_is_answered_with_those_that_it_does() -> None:
    listed = Fault(200, json.dumps({"data": [{"id": "toy-large"}, {"id": "toys"}]}))
    unknown = Fault(404, '{"error": {"message": "no such model"}}')
    with (
        Server(fault=lambda asked, before: unknown, models=listed).running() as server,
        model_of(server) as model,
        pytest.raises(ModelError, match="has no model 'toy'; did you mean 'toys'"),
    ):
        model.generate(texts(1))


@pytest.mark.parametrize("listing", [Fault(404, "none"), Fault(200, HTML), Fault(200, "{}"), Fault(405, "")])
def test_a_server_need_not_list_its_models(listing: Fault) -> None:
    with Server(models=listing).running() as server, model_of(server, retries=1) as model:
        assert model.generate(texts(1))


def test_a_server_that_is_not_there_is_named_at_once() -> None:
    with Server().running() as server, model_of(server) as model:
        pass
    with pytest.raises(ModelError, match=r"127\.0\.0\.1:\d+/v1 cannot be reached.*is it running"):
        model.load()
    model.close()


def test_an_error_ends_the_other_calls() -> None:
    def fault(asked: Asked, before: int) -> Fault:
        return Fault(401, "no") if "of 0?" in asked["messages"][0]["content"] else Fault(stall=True)

    with (
        Server(fault=fault).running() as server,
        model_of(server, timeout=60) as model,
        pytest.raises(ModelError, match="401"),
    ):
        model.generate(texts(8))


def test_an_interruption_ends_the_calls_under_way() -> None:
    with (
        Server(fault=lambda asked, before: Fault(stall=True)).running() as server,
        model_of(server, timeout=60) as model,
    ):
        model.load()
        # a shell starts jobs in the background with interruptions switched off
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        timer = threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT])
        timer.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                model.generate(texts(20))
        finally:
            signal.signal(signal.SIGINT, before)
        timer.join()
        server.fault = lambda asked, before: None
        assert len(server.asked) <= model.options.concurrency
        assert model.generate(texts(1))  # it can go on


def test_it_works_where_a_loop_is_running() -> None:
    async def notebook() -> str:
        with Server().running() as server, model_of(server) as model:
            return model.generate(texts(1))[0].text

    assert asyncio.run(notebook()) == sentence(texts(1)[0].messages, 0)
