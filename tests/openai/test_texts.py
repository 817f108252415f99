"""What is asked for in a text, and what is made of how it ended."""

from __future__ import annotations

from typing import Any

import pytest

from surveyeval.model.protocol import Message, Text, TextRequest
from tests.openai.server import Server, model_of

REQUEST = TextRequest("r", (Message("system", "A survey."), Message("user", "Agree?")), 7, 30, 0.5)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"message": {"content": "A"}, "finish_reason": "stop"}, Text("A", "stop")),
        ({"message": {"content": " A\n"}, "finish_reason": None}, Text(" A\n", "stop")),
        ({"message": {"content": "I would"}, "finish_reason": "length"}, Text("I would", "length")),
        ({"message": {"content": None, "reasoning_content": "Hm"}, "finish_reason": "length"}, Text("", "length")),
        ({"message": {"content": "A", "reasoning_content": "Hm"}, "finish_reason": "stop"}, Text("A", "stop")),
        ({"message": {"content": "<think>Hm</think>A"}, "finish_reason": "stop"}, Text("<think>Hm</think>A", "stop")),
        ({"message": {"content": "", "refusal": "I can't"}, "finish_reason": "stop"}, Text("I can't", "refused")),
        ({"message": {"content": None, "refusal": "No"}, "finish_reason": "stop"}, Text("No", "refused")),
        ({"message": {"content": None}, "finish_reason": "content_filter"}, Text("", "refused")),
        ({"message": {"content": "\ud800A"}, "finish_reason": "stop"}, Text("?A", "stop")),
    ],
)
def test_texts_end_as_the_server_says(choice: dict[str, Any], expected: Text) -> None:
    with Server(lambda asked: {"choices": [choice]}).running() as server, model_of(server) as model:
        assert model.generate([REQUEST]) == [expected]


def sent(**options: Any) -> dict[str, Any]:
    def reply(asked: dict[str, Any]) -> dict[str, Any]:
        return {"choices": [{"message": {"content": "A"}} if "messages" in asked else {"text": "A"}]}

    with Server(reply).running() as server, model_of(server, **options) as model:
        assert model.generate([REQUEST]) == [Text("A")]
        return server.asked[0]


def test_a_chat_is_sent_as_it_is_asked_for() -> None:
    assert sent() == {
        "model": "toy",
        "messages": [{"role": "system", "content": "A survey."}, {"role": "user", "content": "Agree?"}],
        "max_tokens": 30,
        "temperature": 0.5,
        "top_p": 1.0,
        "seed": 7,
    }
    other = sent(seed=False, length_field="max_completion_tokens", extra='{"reasoning_effort": "low"}')
    assert "seed" not in other
    assert "max_tokens" not in other
    assert sent(system="user")["messages"] == [{"role": "user", "content": "A survey.\n\nAgree?"}]
    assert (other["max_completion_tokens"], other["reasoning_effort"]) == (30, "low")


def test_a_completion_goes_on_from_a_plain_text_until_its_turn_ends() -> None:
    body = sent(api="completions")
    assert body["prompt"] == "A survey.\n\nAgree?\nAnswer:"
    assert (body["max_tokens"], body["stop"]) == (30, ["\n\n"])


def test_notes_tell_what_was_used_and_who_answered() -> None:
    with Server().running() as server, model_of(server) as model:
        assert (model.notes, model.usage) == ([], None)
        model.generate([REQUEST] * 3)
        notes = " ".join([*model.notes, str(model.usage)])
        assert "3 texts were drawn by the server; a seed was sent with each" in notes
        assert "the answers come from toy-2024" in notes
        assert "3 calls; 30 tokens read and 3 written" in notes


def test_what_is_sent_can_be_read() -> None:
    with Server().running() as server, model_of(server) as model:
        assert model.render(REQUEST.messages) == "system: A survey.\nuser: Agree?"
        assert server.asked == server.got == []  # the server isn't needed for it
    with Server().running() as server, model_of(server, api="completions") as model:
        assert model.render(REQUEST.messages) == "A survey.\n\nAgree?\nAnswer:"
