"""Probabilities of options: from the most probable tokens, with what is missing told; and from tokens named by their ids."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import numpy as np
import pytest

from surveyeval.errors import CapabilityError, ConfigError, ModelError
from surveyeval.model.openai_walk import Walk
from surveyeval.model.protocol import Message, Request
from tests.openai.server import Asked, Fault, Server, chat, letters, messages_of, model_of

QUESTION = (Message("system", "A survey."), Message("user", "Agree?\nA) yes\nB) no\nC) never"))
ABC = Request("r", QUESTION, ("A", "B", "C"))
WORDS = ("Agree", "Agree strongly", "Disagree")
VLLM = Fault(200, json.dumps({"data": [{"id": "toy", "owned_by": "vllm"}]}))


def top(*pairs: tuple[str, float]) -> Any:
    """A chat that gives these tokens and their probabilities."""
    entries = [{"token": token, "logprob": math.log(p)} for token, p in pairs]
    reply = {"choices": [{"message": {"content": "x"}, "logprobs": {"content": [{"top_logprobs": entries}]}}]}
    return lambda asked: reply


# ---- the most probable tokens --------------------------------------------------------------------------------------


def test_letters_have_the_probabilities_that_the_server_gives_and_the_rest_is_missing_mass() -> None:
    with Server().running() as server, model_of(server) as model:
        [scores] = model.score([ABC])
        np.testing.assert_allclose(np.exp(scores.log_prob), list(letters(QUESTION).values()))
        assert scores.mass == pytest.approx(0.8)  # what the server leaves to other words
        body = server.asked[-1]
        assert (body["max_tokens"], body["logprobs"], body["top_logprobs"]) == (1, True, 20)
        assert body["temperature"] == body["top_p"] == 1
        assert "among the 20 most probable tokens at 1 places" in model.notes[0]
        assert "0.0000 on average" in model.notes[0]


def test_an_option_that_is_not_returned_has_probability_zero_and_is_told() -> None:
    reply = top(("A", 0.5), ("The", 0.2), ("B", 0.1), ("I", 0.05))
    with Server(reply).running() as server, model_of(server, top_logprobs=4) as model:
        [scores] = model.score([ABC])
        np.testing.assert_allclose(np.exp(scores.log_prob), [0.5, 0.1, 0.0])
        assert scores.mass == pytest.approx(0.6)
        # the least returned may be the token that was drawn, so the one before it is the bound: B's 0.1
        assert "had a probability of 0.1500 on average" in model.notes[0]
        assert "at 1 of these places an option was not among them" in model.notes[1]
        assert "at 1 it could have had more than 0.01, at most 0.1000" in model.notes[1]


def test_where_no_option_is_returned_there_is_no_answer() -> None:
    with Server(top(("The", 0.9), ("I", 0.05))).running() as server, model_of(server, top_logprobs=2) as model:
        [scores] = model.score([ABC])
        assert np.isnan(scores.log_prob).all()
        assert "no option was among them: invalid answers" in " ".join(model.notes)


def test_tokens_of_one_text_are_added_and_white_space_before_a_letter_is_none() -> None:
    # two tokens may bear one text; the same entry twice is one entry
    reply = top(
        ("A", 0.3), (" A", 0.1), ("A", 0.05), ("\n B", 0.2), ("\n B", 0.2), ("A)", 0.04), ("a", 0.03), (" ", 0.02)
    )
    with Server(reply).running() as server, model_of(server) as model:
        [scores] = model.score([ABC])
        np.testing.assert_allclose(np.exp(scores.log_prob), [0.45, 0.2, 0.0])
        assert "fewer tokens than asked for were returned 1 times" in model.notes


@pytest.mark.parametrize(
    "reply",
    [
        top(("A", 0.9), ("B", 0.8)),
        lambda asked: {
            "choices": [{"logprobs": {"content": [{"top_logprobs": [{"token": "A", "logprob": 3.0}] * 3}]}}]
        },
        lambda asked: {"choices": [{"logprobs": {"content": [{"top_logprobs": [{"token": 7, "logprob": -1}] * 3}]}}]},
        lambda asked: {"choices": [{"logprobs": {"content": [{"top_logprobs": ["A", "B"]}]}}]},
    ],
)
def test_what_are_no_probabilities_is_not_taken(reply: Any) -> None:
    with (
        Server(reply).running() as server,
        model_of(server, retries=1) as model,
        pytest.raises(ModelError, match=r"2 times in vain.*(sum to more than 1|no log-probability|another form)"),
    ):
        model.score([ABC])


IGNORING = {
    "nothing": {},
    "null": {"logprobs": None},
    "an empty list": {"logprobs": {"content": []}},
    "null inside": {"logprobs": {"content": None}},
    "no top": {"logprobs": {"content": [{"token": "A", "logprob": -0.1, "top_logprobs": []}]}},
    "the drawn one": {"logprobs": {"content": [{"top_logprobs": [{"token": "A", "logprob": -0.1}]}]}},
}


@pytest.mark.parametrize("kind", IGNORING)
def test_a_server_that_ignores_the_request_is_noticed_by_one_tiny_question(kind: str) -> None:
    def reply(asked: Asked) -> dict[str, Any]:
        return {"choices": [{"message": {"content": "A"}, "finish_reason": "length", **IGNORING[kind]}]}

    with Server(reply).running() as server, model_of(server) as model:
        with pytest.raises(CapabilityError, match=r"ignores the request for log-probabilities.*--elicitation generate"):
            model.score([ABC] * 40)
        assert len(server.asked) == 1


@pytest.mark.parametrize("kind", IGNORING)
def test_log_probabilities_that_fail_to_come_later_are_noticed_too(kind: str) -> None:
    def reply(asked: Asked) -> dict[str, Any]:
        content = {"choices": [{"message": {"content": "A"}, **IGNORING[kind]}]}
        return content if "Agree?" in asked["messages"][-1]["content"] else chat(asked)

    with (
        Server(reply).running() as server,
        model_of(server, retries=1) as model,
        pytest.raises(ModelError, match=r"2 times in vain.*log-probabilit.*--elicitation generate"),
    ):
        model.score([ABC])


@pytest.mark.parametrize("options", [WORDS, ("1", "2", "10")])
def test_a_chat_cannot_score_options_that_are_longer_than_a_token(options: tuple[str, ...]) -> None:
    with (
        Server().running() as server,
        model_of(server) as model,
        pytest.raises(CapabilityError, match=r"first token only.*letters.*completions.*--elicitation generate"),
    ):
        model.score([Request("r", QUESTION, options)])


# ---- completions: walks along the options -------------------------------------------------------------------------

PIECES = (
    " ",
    " A",
    " Agree",
    " Ag",
    "ree",
    "gree",
    " strongly",
    " strong",
    "ly",
    " D",
    " Dis",
    "agree",
    "is",
    ".",
    "1",
    " 1",
    "0",
    " 10",
)


def distribution(text: str) -> dict[str, float]:
    """Next tokens of a toy model: any text goes on in its own way."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return dict(zip(PIECES, np.random.default_rng(seed).dirichlet(np.full(len(PIECES), 0.7)).tolist(), strict=True))


def completion(asked: Asked) -> dict[str, Any]:
    found = sorted(distribution(asked["prompt"]).items(), key=lambda one: -one[1])[: asked["logprobs"]]
    places = {"tokens": [found[0][0]], "top_logprobs": [{token: math.log(p) for token, p in found}]}
    return {"choices": [{"text": found[0][0], "logprobs": places}]}


def begins(prompt: str, text: str) -> float:
    """Probability that what follows the prompt begins with the text, tokens ending where it ends: over all ways."""
    if not text:
        return 1.0
    next_tokens = distribution(prompt)
    return sum(p * begins(prompt + t, text[len(t) :]) for t, p in next_tokens.items() if text.startswith(t))


def prompt_of(request: Request) -> str:
    system, user = request.messages
    return f"{system.content}\n\n{user.content}\nAnswer:"


@pytest.mark.parametrize("options", [WORDS, ("1", "2", "10"), ("A", "B")])
def test_completions_follow_options_of_several_tokens(options: tuple[str, ...]) -> None:
    request = Request("r", QUESTION, options)
    with Server(completion).running() as server, model_of(server, api="completions") as model:
        [scores] = model.score([request])
    p = [begins(prompt_of(request), f" {option}") for option in options]
    if options == WORDS:
        p[0] *= 1 - begins(f"{prompt_of(request)} Agree", " strongly")  # "Agree strongly" is not "Agree"
    elif "10" in options:
        p[0] *= 1 - begins(f"{prompt_of(request)} 1", "0")
    np.testing.assert_allclose(np.exp(scores.log_prob), p, rtol=1e-3, atol=1e-5)
    assert scores.mass <= 1


def test_completions_with_few_tokens_never_say_more_than_there_is() -> None:
    request = Request("r", QUESTION, WORDS)
    with Server(completion).running() as server, model_of(server, api="completions", top_logprobs=6) as model:
        [scores] = model.score([request])
    agree, strongly, disagree = (begins(prompt_of(request), f" {option}") for option in WORDS)
    found = np.nan_to_num(np.exp(scores.log_prob))
    assert found[0] + found[1] <= agree + 1e-12
    assert found[1] <= strongly + 1e-12
    assert found[2] <= disagree + 1e-12


def test_the_bound_of_an_unreached_option_holds() -> None:
    """Against the whole distribution, for every number of tokens returned."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        p = np.sort(rng.dirichlet(np.full(12, 0.4)))[::-1]
        names = list(rng.permutation(list("ABCDEFGHIJKL")))
        for count in range(2, 12):
            walk = Walk(names, one_token=True)
            walk.take("", [(name, math.log(value)) for name, value in zip(names[:count], p[:count], strict=True)])
            assert walk.outside is not None
            assert walk.outside >= p[count:].max() - 1e-12
            assert walk.missing == pytest.approx(p[count:].sum(), abs=1e-12)


# ---- tokens named by their ids ------------------------------------------------------------------------------------


def by_characters(asked: Asked) -> dict[str, Any]:
    """How a server reads: one token for each character, a conversation turn by turn."""
    if "prompt" in asked:
        return {"tokens": [ord(c) for c in asked["prompt"]]}
    closed = "".join(f"<{one['role'][0]}>{one['content']}" for one in asked["messages"])
    return {
        "tokens": [ord(c) for c in closed + ("<a>" if asked["add_generation_prompt"] else "").replace("<a><a>", "<a>")]
    }


def id_log_prob(prompt: list[int], token: int) -> float:
    """A toy model over characters: 60 of them."""
    seed = int.from_bytes(hashlib.sha256(repr(prompt).encode()).digest()[:8], "big")
    table = np.random.default_rng(seed).dirichlet(np.full(60, 0.5))
    return float(np.log(table[token % 60]))


def naming(asked: Asked) -> dict[str, Any]:
    """Gives the token drawn and what is named, in the form of either API."""
    ids = [7, *asked["logprob_token_ids"]]
    if "messages" in asked:
        prompt = by_characters({"messages": asked["messages"], "add_generation_prompt": True})["tokens"]
    else:
        prompt = asked["prompt"] if isinstance(asked["prompt"], list) else [ord(c) for c in asked["prompt"]]
    pairs = [(f"token_id:{one}", id_log_prob(prompt, one)) for one in ids]
    if "messages" in asked:
        entries = [{"token": token, "logprob": value} for token, value in pairs]
        return {"choices": [{"message": {"content": "x"}, "logprobs": {"content": [{"top_logprobs": entries}]}}]}
    return {"choices": [{"text": "x", "logprobs": {"top_logprobs": [dict(pairs)]}}]}


def vllm(answer: Any = naming, reading: Any = by_characters) -> Server:
    return Server(answer, models=VLLM, others={"/tokenize": reading})


def test_letters_are_scored_by_their_ids_where_the_server_can() -> None:
    with vllm().running() as server, model_of(server) as model:
        [scores] = model.score([ABC])
        prompt = by_characters({"messages": server.asked[-1]["messages"], "add_generation_prompt": True})["tokens"]
        np.testing.assert_allclose(scores.log_prob, [id_log_prob(prompt, ord(c)) for c in "ABC"])
        assert "without anything missing, at 1 places" in model.notes[0]


@pytest.mark.parametrize("options", [WORDS, ("1", "2", "10")])
def test_options_of_several_tokens_are_scored_by_their_ids_in_completions(options: tuple[str, ...]) -> None:
    request = Request("r", QUESTION, options)
    with vllm().running() as server, model_of(server, api="completions") as model:
        [scores] = model.score([request])
    prompt = [ord(c) for c in prompt_of(request)]
    p = []
    for option in options:
        ids = [ord(c) for c in f" {option}"]
        p.append(math.exp(sum(id_log_prob(prompt + ids[:n], one) for n, one in enumerate(ids))))
    p[0] -= p[1] if options == WORDS else p[2]
    np.testing.assert_allclose(np.exp(scores.log_prob), p, rtol=1e-9)


def test_a_server_that_ignores_named_tokens_is_asked_for_the_most_probable() -> None:
    def reply(asked: Asked) -> dict[str, Any]:
        return chat({**asked, "top_logprobs": asked.get("top_logprobs", 1)})

    with vllm(reply).running() as server, model_of(server) as model:
        [scores] = model.score([ABC])
        np.testing.assert_allclose(np.exp(scores.log_prob), list(letters(QUESTION).values()))
    with (
        vllm(reply).running() as server,
        model_of(server, scores="ids") as model,
        pytest.raises(CapabilityError, match="scores: the server doesn't give"),
    ):
        model.score([ABC])


def test_tokens_are_not_named_where_an_answer_changes_how_the_prompt_is_read() -> None:
    def reading(asked: Asked) -> dict[str, Any]:
        # an answer makes the template put something before it
        found: list[int] = by_characters(asked)["tokens"]
        return {"tokens": found if asked.get("add_generation_prompt") else [1, *found]}

    def reply(asked: Asked) -> dict[str, Any]:
        return naming(asked) if "logprob_token_ids" in asked else chat(asked)

    with vllm(reply, reading).running() as server, model_of(server) as model:
        [scores] = model.score([ABC])
        np.testing.assert_allclose(np.exp(scores.log_prob), list(letters(messages_of(server.asked[-1])).values()))
        assert "most probable tokens" in model.notes[0]


def test_without_a_way_to_learn_token_ids_the_most_probable_tokens_are_asked_for() -> None:
    def reply(asked: Asked) -> dict[str, Any]:
        return naming(asked) if "logprob_token_ids" in asked else chat(asked)

    with Server(reply, models=VLLM).running() as server, model_of(server) as model:
        [scores] = model.score([ABC])
        np.testing.assert_allclose(np.exp(scores.log_prob), list(letters(QUESTION).values()))
        assert "most probable tokens" in model.notes[0]


def test_options_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ConfigError, match="'top_logprobs' is filled in"), Server().running() as server:
        model_of(server, extra='{"top_logprobs": 3}').__enter__()
    with pytest.raises(ConfigError, match="api=completions"), Server().running() as server:
        model_of(server, template="plain").__enter__()
