import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import fake_llama


@pytest.fixture(autouse=True)
def _fake_engine(monkeypatch, tmp_path):
    """The fake stands in for llama-cpp-python even where that is installed: these tests need no weights."""
    from surveyeval_llamacpp.engine import open_engine

    monkeypatch.setitem(sys.modules, "llama_cpp", fake_llama)
    monkeypatch.setenv("SURVEYEVAL_CACHE", str(tmp_path / "cache"))
    open_engine.cache_clear()
    yield
    open_engine.cache_clear()


@pytest.fixture
def gguf(tmp_path):
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"GGUF and so on")
    return path


@pytest.fixture
def described(monkeypatch):
    return lambda **parts: [monkeypatch.setitem(fake_llama.DESCRIPTION, *part) for part in parts.items()]
