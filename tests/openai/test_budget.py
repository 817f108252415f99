"""Budgets of calls, tokens and money stop a run between calls; they are no part of what a run is."""

from __future__ import annotations

import pytest

from surveyeval.errors import BudgetError, ConfigError
from surveyeval.model.openai import OpenAIModel, OpenAIOptions
from surveyeval.model.protocol import Message, TextRequest
from tests.openai.server import FAULTS, Asked, Server, chat, model_of


def texts(n: int) -> list[TextRequest]:
    return [TextRequest(f"r{i}", (Message("user", f"Question of {i}?"),), seed=i, max_tokens=5) for i in range(n)]


def test_calls_stop_at_their_number_and_those_under_way_are_counted() -> None:
    with Server().running() as server, model_of(server, max_calls=10) as model:
        model.generate(texts(6))
        with pytest.raises(
            BudgetError, match=r"max_calls: the budget of 10 calls is used up.*on disk.*same command"
        ) as caught:
            model.generate(texts(6))
        assert caught.value.exit_code == 4
        assert len(server.asked) == 10
        with pytest.raises(BudgetError):
            model.generate(texts(1))
        assert len(server.asked) == 10
        assert "10 calls; 100 tokens read and 10 written" in str(model.usage)


def test_repeated_calls_count() -> None:
    with (
        Server(fault=lambda asked, before: FAULTS["500"]).running() as server,
        model_of(server, max_calls=4, retries=20) as model,
    ):
        with pytest.raises(BudgetError, match="4 calls, 3 of them repeated"):
            model.generate(texts(1))
        assert len(server.asked) == 4


def test_tokens_and_money_are_counted_from_what_the_server_says() -> None:
    # a call reads 10 tokens and writes 1
    with Server().running() as server, model_of(server, max_total_tokens=33, concurrency=1) as model:
        with pytest.raises(BudgetError, match="the budget of 33 tokens is used up"):
            model.generate(texts(9))
        assert len(server.asked) == 3
    prices = {"price_in": 2.0, "price_out": 30.0}  # 20 + 30 millionths a call
    with Server().running() as server, model_of(server, max_cost=2e-4, concurrency=1, **prices) as model:
        with pytest.raises(BudgetError, match=r"the budget of 0\.0002 in money.*0\.0002 in money at the prices given"):
            model.generate(texts(9))
        assert len(server.asked) == 4


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": -5, "completion_tokens": 1}, {"prompt_tokens": "x"}, [1], {"prompt_tokens": True, "completion_tokens": 1}])  # fmt: skip
def test_tokens_that_are_not_counted_by_the_server_are_estimated(usage: object) -> None:
    def reply(asked: Asked) -> dict[str, object]:
        return {**chat(asked), "usage": usage}

    with Server(reply).running() as server, model_of(server) as model:
        model.generate(texts(2))
        assert "estimated from characters in 2" in str(model.usage)
        # four characters a token, rounded up: 14 of the question, 12 of the answer
        assert "2 calls; 8 tokens read and 6 written" in str(model.usage)


def test_a_budget_in_money_needs_prices() -> None:
    with pytest.raises(ConfigError, match=r"max_cost: a budget in money needs prices.*price_in"):
        OpenAIModel("toy", OpenAIOptions(max_cost=1.0))


def test_budgets_patience_and_keys_are_no_part_of_what_a_model_is() -> None:
    plain = OpenAIModel("toy", OpenAIOptions())
    other = OpenAIModel("toy", OpenAIOptions(
        max_calls=1, max_total_tokens=1, max_cost=1, price_in=1, price_out=1, retries=0, timeout=1, backoff=9, concurrency=1,
        key_env="OTHER", send_profiles=True,
    ))  # fmt: skip
    assert plain.fingerprint() == other.fingerprint()
    assert plain.fingerprint().kind == "declared"
    for options in (
        {"top_logprobs": 5}, {"api": "completions"}, {"extra": '{"reasoning_effort": "low"}'}, {"examples": 1},
        {"base_url": "http://127.0.0.1:1/v1"}, {"calibrate": "item"}, {"scores": "top"}, {"seed": False}, {"tokenizer": "x"},
    ):  # fmt: skip
        assert OpenAIModel("toy", OpenAIOptions(**options)).fingerprint().value != plain.fingerprint().value
    assert OpenAIModel("toys", OpenAIOptions()).fingerprint().value != plain.fingerprint().value
