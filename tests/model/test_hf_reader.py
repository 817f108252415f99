"""Whatever is asked in whatever order, what a reader says is what one plain pass over each text says."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surveyeval.model import hf_scoring, hf_trie
from surveyeval.model.hf_mode import mode_of
from surveyeval.model.hf_passes import WHOLE, Mode
from surveyeval.model.hf_scoring import Reader
from surveyeval.model.loaded import Loaded

torch = pytest.importorskip("torch", reason="language models are an optional extra")

VOCABULARY = 40
#: Few tokens, so that texts share beginnings by chance as well.
text = st.lists(st.integers(0, 3), min_size=1, max_size=7).map(tuple)
options = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=3).map(tuple), min_size=1, max_size=4)
#: Key, what is said to it, what may be answered; whether only the next token is asked for.
calls = st.lists(
    st.tuples(st.dictionaries(st.sampled_from("abcdef"), st.tuples(text, options), min_size=1), st.booleans()),
    min_size=1,
    max_size=6,
)


@cache
def model(architecture: str) -> Loaded:
    import transformers as t

    common = {"vocab_size": VOCABULARY, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
              "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 256}  # fmt: skip
    layers = ["sliding_attention", "full_attention"]
    configs = {
        "llama": lambda: t.LlamaConfig(**common),
        "gemma3": lambda: t.Gemma3TextConfig(**common, head_dim=8, sliding_window=9, layer_types=layers),
        "bloom": lambda: t.BloomConfig(vocab_size=VOCABULARY, hidden_size=16, n_layer=2, n_head=2),
    }
    torch.manual_seed(11)
    made = t.AutoModelForCausalLM.from_config(configs[architecture](), dtype=torch.float32).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(4)
    return Loaded(made, None)


@cache
def after(architecture: str, tokens: tuple[int, ...]) -> np.ndarray:
    """Log-probabilities after a text, from one pass over it."""
    with torch.no_grad():
        logits = model(architecture).model(torch.tensor([tokens])).logits[0, -1]
    return torch.log_softmax(logits.double(), dim=-1).numpy()


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    """Limits so low that small texts reach them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hf_trie, "WIDTH", 8)
        patch.setattr(hf_trie, "JOINED", 6)
        patch.setattr(hf_trie, "SAVED", 4)
        patch.setattr(hf_scoring, "STEP", 2)
        patch.setattr(hf_scoring, "TOKENS", {"cpu": 48})
        yield


def check(architecture: str, mode: Mode, asked: list[Any], *, keep: bool) -> None:
    reader = Reader(model(architecture), None, mode, lambda note: None)
    said: dict[str, tuple[int, ...]] = {}
    for turns, only_next in asked:
        for key, (more, _) in turns.items():
            said[key] = (*said.get(key, (7, 8, 9)), *more)
        keys = list(turns)
        if only_next and keep:
            for key, found in zip(keys, reader.next(keys, [said[key] for key in keys]), strict=True):
                np.testing.assert_allclose(found, after(architecture, said[key]), atol=1e-4)
            continue
        scores = reader.score([(said[key], turns[key][1]) for key in keys], keys if keep else None)
        for key, begins in zip(keys, scores, strict=True):
            for option, begin in zip(turns[key][1], begins, strict=True):
                steps = [after(architecture, said[key] + option[:size])[token] for size, token in enumerate(option)]
                np.testing.assert_allclose(begin, sum(steps), atol=1e-4)


@pytest.mark.parametrize("architecture", ["llama", "gemma3", "bloom"])
@given(asked=calls, keep=st.booleans())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_calls_in_any_order_equal_plain_passes(architecture: str, asked: list[Any], keep: bool) -> None:
    mode = mode_of(model(architecture))
    assert mode.kind == ("rows" if architecture == "bloom" else "packed")
    check(architecture, mode, asked, keep=keep)


@given(asked=calls, keep=st.booleans())
@settings(max_examples=10, deadline=None)
def test_whole_texts_equal_plain_passes(asked: list[Any], keep: bool) -> None:
    check("llama", WHOLE, asked, keep=keep)
