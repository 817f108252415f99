"""How a model may be read is found out by trying; what it does not take is not done, and a note says so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pytest

from surveyeval.model import hf_mode
from surveyeval.model.hf import HFModel, HFOptions
from surveyeval.model.hf_mode import mode_of
from surveyeval.model.hf_passes import Mode, Passes
from surveyeval.model.hf_scoring import Reader
from surveyeval.model.loaded import Loaded
from tests.model import tiny
from tests.model.test_hf import LETTERS, WORDS, model_of
from tests.model.test_hf_scoring import block, check, passes

torch = pytest.importorskip("torch", reason="language models are an optional extra")

BOTH = (("full_attention", None), ("sliding_attention", tiny.WINDOW))


@pytest.fixture(autouse=True)
def untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models in memory are shared with other tests, and so is what was found out about them."""
    monkeypatch.setattr(hf_mode, "_FOUND", WeakKeyDictionary())


def loaded(config: Any) -> Loaded:
    """A tiny random model without a tokenizer."""
    import transformers

    torch.manual_seed(5)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)
    return Loaded(model, None)


@pytest.mark.parametrize(
    ("architecture", "mode"),
    [
        ("llama", Mode("packed")),
        ("gpt2", Mode("packed")),
        ("mistral", Mode("packed", (("", tiny.WINDOW),))),
        ("gemma2", Mode("packed", BOTH)),
        ("gemma3", Mode("packed", BOTH)),
        ("bloom", Mode("rows")),
        ("mamba", Mode("whole")),
    ],
)
def test_each_architecture_is_read_in_the_fastest_way_it_takes(tmp_path: Path, architecture: str, mode: Mode) -> None:
    model = model_of(tiny.save(architecture, tmp_path)).loaded
    before = model.model.config.to_dict()
    assert mode_of(model) == mode
    assert model.model.config.to_dict() == before


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_rounding_in_low_precision_is_no_disagreement(tmp_path: Path, dtype: str) -> None:
    model = HFModel(str(tiny.save("llama", tmp_path)), HFOptions(dtype=dtype, device="cpu"))
    assert mode_of(model.loaded) == Mode("packed")


def test_a_model_is_tried_once(tmp_path: Path) -> None:
    folder = tiny.save("llama", tmp_path)
    first, second = model_of(folder), model_of(folder)
    assert first.loaded is second.loaded
    mode_of(first.loaded)
    with passes(second) as shapes:
        mode_of(second.loaded)
    assert shapes == []


@pytest.mark.parametrize("architecture", ["llama", "gemma3"])
@pytest.mark.parametrize("fault", ["branches see each other", "everything is seen", "masks are refused"])
def test_a_model_that_takes_no_prepared_mask_reads_options_in_rows_of_their_own(
    tmp_path: Path, architecture: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Passes._additive

    def spoilt(self: Passes, seen: np.ndarray) -> Any:
        if fault == "masks are refused":
            raise ValueError("attention_mask has too many dimensions")
        if fault == "everything is seen":
            return made(self, np.ones_like(seen))
        _, width, columns = seen.shape
        before = np.arange(columns) <= np.arange(columns - width, columns)[:, None]
        return made(self, np.broadcast_to(before, seen.shape).copy())

    monkeypatch.setattr(Passes, "_additive", spoilt)
    model = model_of(tiny.save(architecture, tmp_path))
    assert mode_of(model.loaded) == Mode("rows")
    for options in (WORDS, LETTERS):
        for step in range(2):
            check(model, block(step, options))
        model.release([request.interview for request in block(0, options)])
    assert model.notes == [
        "this model takes no attention mask from outside: options of several tokens are read in rows of their own"
    ]


def test_a_window_that_the_model_looks_past_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration may name a window that layers do not use."""
    model = model_of(tiny.save("llama", tmp_path))
    monkeypatch.setattr(model.loaded.model.config, "sliding_window", tiny.WINDOW, raising=False)
    assert mode_of(model.loaded) == Mode("rows")
    check(model, block(0, WORDS))


@pytest.mark.parametrize("longer", [False, True])
def test_texts_beyond_a_change_of_frequencies_are_read_whole(longer: bool) -> None:
    import transformers

    model = loaded(
        transformers.Phi3Config(
            vocab_size=300, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=512, pad_token_id=0, original_max_position_embeddings=64,
            rope_parameters={"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0] * 4, "long_factor": [3.0] * 4},
        )
    )  # fmt: skip
    mode = mode_of(model)
    assert mode == Mode("packed", limit=64)
    notes: list[str] = []
    reader = Reader(model, None, mode, notes.append)
    generator = np.random.default_rng(3)
    shared = tuple(generator.integers(0, 300, 50).tolist())
    texts = [shared + tuple(generator.integers(0, 300, size).tolist()) for size in (4, 9, 30 if longer else 6)]
    for width in (0, 3):
        texts = [text + tuple(generator.integers(0, 300, width).tolist()) for text in texts]
        assert_plain(model, texts, reader.next(["a", "b", "c"], texts))
    assert bool(notes) is longer


def assert_plain(model: Loaded, texts: Sequence[tuple[int, ...]], found: np.ndarray) -> None:
    for text, row in zip(texts, found, strict=True):
        with torch.no_grad():
            plain = torch.log_softmax(model.model(torch.tensor([text])).logits[0, -1].double(), dim=-1)
        np.testing.assert_allclose(row, plain.numpy(), atol=1e-4)


def test_logits_are_computed_where_they_are_needed(tmp_path: Path) -> None:
    model = model_of(tiny.save("gemma2", tmp_path))  # which caps its logits after the head
    sizes: list[int] = []
    head = model.loaded.model.get_output_embeddings()
    requests = block(0, WORDS)
    with passes(model) as shapes:
        handle = head.register_forward_hook(lambda module, args, output: sizes.append(output.shape[:-1].numel()))
        model.score(requests)
        handle.remove()
    wanted = {
        prompt + option[:size]
        for prompt, options in map(model.tokens, requests)
        for option in options
        for size in range(len(option))
    }
    assert sizes == [1, len(wanted)]  # a model computes one at least, here for the beginning
    assert sum(rows * width for rows, width in shapes) > 5 * sum(sizes)


def test_a_head_that_is_called_otherwise_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(tiny.save("llama", tmp_path))
    monkeypatch.setattr(type(model.loaded.model), "get_output_embeddings", lambda self: None)
    assert mode_of(model.loaded) == Mode("packed")
    check(model, block(0, WORDS))
