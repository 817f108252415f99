"""Option scores equal plain forward passes, on several architectures; cached interviews equal fresh ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from surveyeval.errors import ModelError
from surveyeval.model.hf import HFModel, HFOptions
from surveyeval.model.protocol import Request
from surveyeval.model.scoring import disjoint, option_tokens
from surveyeval.task.interview import Message
from tests.model import tiny

torch = pytest.importorskip("torch", reason="language models are an optional extra")

ARCHITECTURES = ("llama", "qwen2", "gemma", "gpt2", "mistral", "gemma2", "gemma3")
LETTERS = ("A", "B", "C")
WORDS = ("Agree", "Agree strongly", "Disagree")


@pytest.fixture(scope="module", params=ARCHITECTURES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    template = tiny.NO_SYSTEM if request.param.startswith("gemma") else tiny.CHAT
    return tiny.save(request.param, tmp_path_factory.mktemp(request.param), template)


def model_of(folder: Path, **options: object) -> HFModel:
    model = HFModel(str(folder), HFOptions(dtype="float32", device="cpu", **options))
    model.load()
    return model


def conversation(length: int, name: str = "r") -> tuple[Message, ...]:
    turns = [Message("system", "You are in a survey."), Message("user", f"You are {name}. Very good or bad?")]
    for number in range(length):
        turns += [Message("assistant", LETTERS[number % 3]), Message("user", f"Question {number + 2}: agree?")]
    return tuple(turns)


def brute_force(model: HFModel, request: Request) -> np.ndarray:
    """One full forward pass for each option, without cache or batch; longest match by hand."""
    chat = model.chat
    prompt = chat.render(request.messages)
    special = chat.plain
    encode = lambda text: model._tokenizer(text, add_special_tokens=special)["input_ids"]  # noqa: E731
    start = len(encode(prompt))
    begins, tokens = [], []
    for option in request.options:
        ids = encode(prompt + chat.answer_prefix + option)
        assert ids[:start] == encode(prompt)
        with torch.no_grad():
            log_p = torch.log_softmax(model._model(torch.tensor([ids])).logits[0].double(), dim=-1)
        begins.append(sum(float(log_p[place - 1, ids[place]]) for place in range(start, len(ids))))
        tokens.append(tuple(ids[start:]))
    p = np.exp(begins)
    for i, own in enumerate(tokens):
        for j, other in enumerate(tokens):
            if i != j and other[: len(own)] == own:
                p[i] -= np.exp(begins[j])
    return np.log(p)


@pytest.mark.parametrize("options", [LETTERS, WORDS])
@pytest.mark.parametrize("template", ["auto", "plain"])
def test_scores_equal_a_plain_forward_pass(folder: Path, options: tuple[str, ...], template: str) -> None:
    model = model_of(folder, template=template)
    requests = [Request(f"r{n}", conversation(n, "x" * n), options) for n in range(4)]
    for request, scores in zip(requests, model.score(requests), strict=True):
        np.testing.assert_allclose(scores.log_prob, brute_force(model, request), atol=1e-4)
        assert scores.mass <= 1 + 1e-9


def test_interviews_continued_from_their_cache_equal_fresh_ones(folder: Path) -> None:
    model = model_of(folder)
    for step in range(3):
        requests = [Request(f"r{n}", conversation(step, "y" * (3 * n + 1)), LETTERS) for n in range(3)]
        for request, scores in zip(requests, model.score(requests), strict=True):
            np.testing.assert_allclose(scores.log_prob, brute_force(model, request), atol=1e-4)
    assert model.notes == []


@pytest.mark.parametrize("options", [LETTERS, WORDS])
def test_teacher_forced_scores_equal_scores_one_by_one(folder: Path, options: tuple[str, ...]) -> None:
    model = model_of(folder)
    path = [Request("r", conversation(step), options) for step in range(3)]
    forced = model.score_paths([path, path[:2]])
    for steps in forced:
        for request, scores in zip(path, steps, strict=False):
            np.testing.assert_allclose(scores.log_prob, brute_force(model, request), atol=1e-4)


def test_the_same_batch_gives_the_same_bytes(folder: Path) -> None:
    requests = [Request(f"r{n}", conversation(1, "z" * n), LETTERS) for n in range(3)]
    one, other = model_of(folder).score(requests), model_of(folder).score(requests)
    assert [scores.log_prob.tobytes() for scores in one] == [scores.log_prob.tobytes() for scores in other]


@pytest.mark.parametrize(("examples", "hint"), [(0, "shorten the task"), (3, r"ask for fewer than \?examples=3")])
def test_an_interview_longer_than_the_model_reads_is_an_error(folder: Path, examples: int, hint: str) -> None:
    request = Request("r", conversation(60), LETTERS)
    for score in (lambda m: m.score([request]), lambda m: m.score_paths([[request]])):
        with pytest.raises(ModelError, match=f"the model reads 512; {hint}"):
            score(model_of(folder, examples=examples))


def test_the_fingerprint_changes_with_what_determines_the_answers(tmp_path: Path) -> None:
    one, other = tiny.save("llama", tmp_path / "one"), tiny.save("gpt2", tmp_path / "other")
    prints = [
        HFModel(str(one), HFOptions(dtype="float32")).fingerprint(),
        HFModel(str(other), HFOptions(dtype="float32")).fingerprint(),
        HFModel(str(one), HFOptions(dtype="bfloat16")).fingerprint(),
        HFModel(str(one), HFOptions(dtype="float32", block=8)).fingerprint(),
        HFModel(str(one), HFOptions(dtype="float32", examples=1)).fingerprint(),
        HFModel(str(one), HFOptions(dtype="float32", examples=2)).fingerprint(),
        HFModel(str(one), HFOptions(dtype="float32", calibrate="item")).fingerprint(),
        HFModel(str(one), HFOptions(dtype="float32", calibrate="temperature")).fingerprint(),
    ]
    assert len({fingerprint.value for fingerprint in prints}) == len(prints)
    assert str(tmp_path) not in str(prints)


def test_a_missing_model_says_what_to_give() -> None:
    with pytest.raises(ModelError, match="give the folder of a saved model"):
        HFModel("no/such-model-anywhere", HFOptions()).fingerprint()


def test_options_are_disjoint_events() -> None:
    options = [(1,), (1, 2), (1, 2, 3), (4,)]
    begins = np.log([0.5, 0.3, 0.1, 0.2])
    np.testing.assert_allclose(np.exp(disjoint(begins, options)), [0.2, 0.2, 0.1, 0.2])


def test_merges_at_the_boundary_count_to_the_answer() -> None:
    vocabulary = {"ab": [1], "a": [2], "b": [3], "ac": [2, 4]}
    prompt, options = option_tokens(lambda text: [9, *vocabulary[text[1:]]], "pa", ["b", "c"])
    assert (prompt, options) == ((9,), [(1,), (2, 4)])


def test_scores_count_merged_tokens_to_the_answer(tmp_path: Path) -> None:
    """A prompt that ends within a word: its last token may become part of the answer's first."""
    ending = tiny.CHAT.replace("<|assistant|>{%", "<|assistant|>A{%")
    model = model_of(tiny.save("llama", tmp_path, ending))
    options = ("gree", "gree strongly", "BC")
    messages = conversation(1)
    prompt = model.chat.render(messages)
    whole = [model.encode(prompt + option) for option in options]
    start = next(place for place, tokens in enumerate(zip(*whole, strict=False)) if len(set(tokens)) > 1)
    assert start < len(model.encode(prompt))  # "Agree" is one token
    begins = []
    for ids in whole:
        with torch.no_grad():
            log_p = torch.log_softmax(model._model(torch.tensor([ids])).logits[0].double(), dim=-1)
        begins.append(sum(float(log_p[place - 1, ids[place]]) for place in range(start, len(ids))))
    p = np.exp(begins)
    p[0] -= p[1]
    (scores,) = model.score([Request("r", messages, options)])
    np.testing.assert_allclose(scores.log_prob, np.log(p), atol=1e-4)


def test_options_with_the_same_tokens_are_refused() -> None:
    with pytest.raises(ModelError, match="cannot tell these options apart"):
        option_tokens(lambda text: [1, 2, 3][: len(text.strip()) + 1], "p", ["x", "x "])
