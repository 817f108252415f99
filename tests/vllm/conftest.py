"""The real engine. It runs in an environment of its own: ``make test-vllm``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from surveyeval.model.build import build_model
from surveyeval.model.hf import HFModel
from surveyeval.model.vllm import VLLMModel
from surveyeval.model.vllm_engine import close
from tests.model import tiny

os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")


@pytest.fixture(scope="session", autouse=True)
def ended() -> Iterator[None]:
    yield
    close()


@pytest.fixture(scope="session")
def smollm2() -> VLLMModel:
    model = build_model("vllm:embedded:smollm2?dtype=float32").model
    assert isinstance(model, VLLMModel)
    return model


@pytest.fixture(scope="session")
def reference() -> HFModel:
    """The same weights through transformers."""
    model = build_model("embedded:smollm2?dtype=float32&device=cpu&block=8").model
    assert isinstance(model, HFModel)
    return model


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save("llama", tmp_path_factory.mktemp("llama") / "tiny-llama", head=32)
