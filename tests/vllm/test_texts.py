"""Texts depend on their prompt and seed alone."""

from __future__ import annotations

import pytest

from surveyeval.errors import ModelError
from surveyeval.model.hf import HFModel
from surveyeval.model.protocol import TextRequest
from surveyeval.model.vllm import VLLMModel
from tests.vllm.helpers import conversation


def asked(seed: int, *, step: int = 0, max_tokens: int = 12, temperature: float = 1.0) -> TextRequest:
    return TextRequest(f"r{seed}", conversation(step), seed, max_tokens, temperature)


def test_a_seed_gives_its_text_whatever_is_written_beside_it(smollm2: VLLMModel) -> None:
    together = smollm2.generate([asked(seed) for seed in range(5)])
    assert len({one.text for one in together}) > 1
    assert smollm2.generate([asked(seed) for seed in reversed(range(5))])[::-1] == together
    assert [smollm2.generate([asked(seed)])[0] for seed in (1, 4)] == [together[1], together[4]]
    assert smollm2.generate([]) == []


def test_the_most_probable_text_is_that_of_transformers(smollm2: VLLMModel, reference: HFModel) -> None:
    greedy = [asked(0, step=step, temperature=0.0) for step in range(2)]
    assert smollm2.generate(greedy) == reference.generate(greedy)


def test_a_text_ends_where_the_turn_ends_or_the_tokens_do(smollm2: VLLMModel) -> None:
    cut = smollm2.generate([asked(seed, max_tokens=2) for seed in range(6)])
    long = smollm2.generate([asked(seed, max_tokens=40) for seed in range(6)])
    for short, whole in zip(cut, long, strict=True):
        assert whole.text.startswith(short.text)
        assert "<|im_end|>" not in whole.text
    assert "length" in {one.ended for one in cut}
    assert "stop" in {one.ended for one in long}


@pytest.mark.parametrize("temperature", [0.2, 1.5])
def test_temperature_spreads_texts(temperature: float, smollm2: VLLMModel) -> None:
    texts = {one.text for one in smollm2.generate([asked(s, max_tokens=4, temperature=temperature) for s in range(20)])}
    assert (len(texts) > 10) == (temperature > 1)


def test_what_the_engine_cannot_do_is_an_error(smollm2: VLLMModel) -> None:
    with pytest.raises(ModelError, match=r"vLLM cannot write so: temperature must be in \[0, 2\]"):
        smollm2.generate([asked(0, temperature=2.5)])
