"""What the numbers of the engine are, and what it does where it fails; on tiny random models."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval.errors import ModelError
from surveyeval.model.build import build_model
from surveyeval.model.protocol import Request
from surveyeval.model.vllm import VLLMModel
from surveyeval.model.vllm_engine import running
from tests.model import tiny
from tests.vllm.helpers import LETTERS, WORDS, assert_alike, conversation, requests

torch = pytest.importorskip("torch", reason="vLLM needs it")


def of(folder: Path, **options: Any) -> VLLMModel:
    query = "&".join(f"{name}={value}" for name, value in {"dtype": "float32", **options}.items())
    model = build_model(f"vllm:{folder}?{query}").model
    assert isinstance(model, VLLMModel)
    return model


def whole_vocabulary(folder: Path, prompt: tuple[int, ...]) -> np.ndarray:
    """Log-probabilities of the next token, by transformers alone."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        found: np.ndarray = torch.log_softmax(model(torch.tensor([prompt])).logits[0, -1].double(), dim=-1).numpy()
    return found


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "gpt2", "gemma2"])
def test_architectures_are_scored_alike(architecture: str, tmp_path: Path) -> None:
    folder = tiny.save(architecture, tmp_path, tiny.NO_SYSTEM if architecture == "gemma2" else tiny.CHAT, head=32)
    found, expected = of(folder), build_model(f"hf:{folder}?dtype=float32&device=cpu").model
    for options in (LETTERS, WORDS):
        for step in range(3):
            assert_alike(*(model.score(requests(step, options)) for model in (found, expected)))
        path = [Request("r", conversation(step), options) for step in range(3)]
        for one, other in zip(*(model.score_paths([path, path[:2]]) for model in (found, expected)), strict=True):
            assert_alike(one, other)


def test_scores_are_those_of_the_model_itself_whatever_shapes_what_is_drawn(llama: Path, tmp_path: Path) -> None:
    """Log-softmax over the whole vocabulary; neither the model's generation configuration nor a request's changes it."""
    from vllm import SamplingParams

    folder = Path(shutil.copytree(llama, tmp_path / "configured"))
    shaping = {"do_sample": True, "temperature": 0.3, "top_k": 2, "top_p": 0.5, "repetition_penalty": 1.7}
    (folder / "generation_config.json").write_text(json.dumps({**shaping, "eos_token_id": 0}))
    model = of(folder)
    prompt, _ = model.prompts.tokens(requests(1)[1])
    expected = whole_vocabulary(folder, prompt)
    ids = list(range(len(expected)))
    chunks = [ids[start : start + 128] for start in range(0, len(ids), 128)]
    found = {k: v for one in model.engine.next([prompt] * len(chunks), chunks) for k, v in one.items()}
    np.testing.assert_allclose([found[k] for k in ids], expected, atol=1e-3)
    assert np.exp(list(found.values())).sum() == pytest.approx(1, abs=1e-5)
    least = np.argsort(expected)[:5].tolist()
    for shape in (
        {"temperature": 0.2},
        {"temperature": 2.0, "seed": 1},
        {"top_k": 1, "temperature": 1.0},
        {"top_p": 0.01, "temperature": 1.0},
        {"min_p": 0.9, "temperature": 1.0},
        {"presence_penalty": 2.0, "frequency_penalty": 2.0, "repetition_penalty": 2.0},
        {"logit_bias": dict.fromkeys(least, 50.0)},
        {"allowed_token_ids": least},
    ):
        parameters = SamplingParams(max_tokens=1, logprob_token_ids=least, detokenize=False, **shape)
        output = model.engine._llm.generate([{"prompt_token_ids": list(prompt)}], parameters, use_tqdm=False)
        given = output[0].outputs[0].logprobs[0]
        np.testing.assert_allclose([given[token].logprob for token in least], expected[least], atol=1e-3)


def test_more_options_than_may_be_named_at_once(llama: Path) -> None:
    model = of(llama)
    words = model.prompts.tokenizer
    single = [words.decode([number]) for number in range(4, len(words))]
    options = tuple(sorted({text for text in single if text.strip() == text and len(words(text)["input_ids"]) == 1}))
    request = Request("r", conversation(1), options)
    prompt, tokens = model.prompts.tokens(request)
    assert len({option[0] for option in tokens}) > 128
    expected = whole_vocabulary(llama, prompt)
    alone = [k for k, option in enumerate(tokens) if not any(o[:1] == option for o in tokens if len(o) > 1)]
    found = model.score([request])[0].log_prob
    np.testing.assert_allclose(found[alone], [expected[tokens[k][0]] for k in alone], atol=1e-3)


def test_an_interview_that_is_too_long_is_refused_before_it_is_sent(llama: Path) -> None:
    sent = of(llama, max_model_len=64).engine.read
    for options, limit in (({}, 512), ({"max_model_len": 64}, 64)):
        model = of(llama, **options)
        with pytest.raises(
            ModelError, match=rf"the interview has \d+ tokens, the model reads {limit}; shorten the task"
        ):
            model.score([Request("r", conversation(60), LETTERS)])
    assert sent == model.engine.read == 0


def test_an_engine_that_does_not_start_says_why(llama: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"vLLM does not start: .*max_model_len"):
        of(llama, max_model_len=100_000).load()
    broken = Path(shutil.copytree(llama, tmp_path / "broken"))
    (broken / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="vLLM does not start"):
        of(broken).load()
    with pytest.raises(ModelError, match="give the folder of a saved model"):
        build_model("vllm:no/such-model-anywhere").model.fingerprint()


@pytest.mark.parametrize(
    "error", [RuntimeError("not enough memory: you tried to allocate 1 byte"), KeyboardInterrupt()]
)
def test_an_engine_that_fails_is_ended_and_started_anew(
    error: BaseException, llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = of(llama)
    expected = model.score(requests(0))
    first = model.engine

    def fails(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(first._llm, "generate", fails)
        with pytest.raises((ModelError, KeyboardInterrupt)) as caught:
            model.score(requests(0))
    if isinstance(error, RuntimeError):
        assert "vLLM failed: not enough memory" in str(caught.value)
        assert "?gpu_memory_utilization=" in str(caught.value)
    assert model._settings is not None
    assert running(model._settings) is None
    model.release(["r0"])  # nothing is started for it
    assert running(model._settings) is None
    assert_alike(model.score(requests(0)), expected)


def test_one_engine_runs_at_a_time_and_models_with_the_same_weights_share_it(llama: Path, tmp_path: Path) -> None:
    one, plain = of(llama), of(llama, template="plain", examples=1)
    for model in (one, plain):
        model.load()
    assert one.engine is plain.engine
    other = of(tiny.save("qwen2", tmp_path, head=32))
    expected = one.score(requests(0))
    other.score(requests(0))
    assert one._settings is not None
    assert running(one._settings) is None
    assert_alike(one.score(requests(0)), expected)


def test_a_cache_that_is_too_small_for_a_block_is_told(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = of(llama)
    monkeypatch.setattr(model.engine, "capacity", 100)
    for step in range(2):
        model.score(requests(step, grows=False))
    assert model.notes == []
    for step in range(2):
        model.score(requests(step))
    assert [note[:31] for note in model.notes] == ["vLLM's cache holds 100 tokens, "]
