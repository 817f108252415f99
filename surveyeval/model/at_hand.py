"""How a model reads requests, found from its tokenizer alone: no weights are loaded."""

from __future__ import annotations

from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from surveyeval.errors import MissingExtraError, ModelError
from surveyeval.memo import cache_folder
from surveyeval.model.adapter import AdapterFolder
from surveyeval.model.embedded import PACKAGE, EmbeddedModel, gguf_file
from surveyeval.model.hf import HFModel
from surveyeval.model.local import LocalOptions, Prompts, context_length
from surveyeval.model.openai import OpenAIModel
from surveyeval.model.vllm import VLLMModel

__all__ = ["prompts_at_hand"]

#: What a hub repository's tokenizer, template and configuration are in.
_FILES = ["config.json", "tokenizer*", "special_tokens*", "added_tokens*", "vocab*", "merges*", "*.model", "*.jinja"]


def prompts_at_hand(model: object) -> Prompts:
    """How a language model's prompts are written and what their tokens are.

    Parameters
    ----------
    model : language model
        Of the schemes ``hf``, ``embedded``, ``lora``, ``vllm``, or ``openai`` with ``?tokenizer=``. Of a hub model only the
        tokenizer and the configuration are fetched, where they are not on this machine.

    Raises
    ------
    ModelError
        When the tokenizer is not at hand; the message says why.
    """
    try:
        import transformers
    except ImportError as error:
        raise MissingExtraError("tokenizers need transformers", hint='pip install "surveyeval-harness[hf]"') from error
    transformers.utils.logging.set_verbosity_error()
    if isinstance(model, OpenAIModel):
        return _of_server(model)
    options = getattr(model, "options", None)
    if not isinstance(options, LocalOptions):
        raise ModelError("its tokenizer is not at hand")
    if isinstance(model, AdapterFolder):
        files: HFModel = model.base
    elif isinstance(model, VLLMModel):
        files = model._files
    elif isinstance(model, HFModel):
        files = model
    else:
        raise ModelError("its tokenizer is not at hand")
    folder, file = _place(files)
    given: dict[str, Any] = {} if file is None else {"gguf_file": file}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False, **given)
    except Exception as error:  # whatever a broken file makes the library raise
        raise ModelError(f"its tokenizer does not load: {error}") from error
    limit = None
    with suppress(Exception):  # a model that does not say how much it reads is one without a limit
        limit = context_length(transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False, **given))
    return Prompts(tokenizer, options, limit, lambda text: None)


def _place(files: HFModel) -> tuple[Path, str | None]:
    """The folder of the tokenizer, and the GGUF file that holds it, if it is one."""
    if isinstance(files, EmbeddedModel):
        source = gguf_file()
        converted = cache_folder() / "models" / f"smollm2-{metadata.version(PACKAGE)}-{source.stat().st_size}"
        return (converted, None) if (converted / "tokenizer.json").exists() else (source.parent, source.name)
    path = Path(files.reference)
    if path.is_dir():
        return path, None
    from huggingface_hub import snapshot_download

    kept: dict[str, Any] = {"revision": files.options.revision, "allow_patterns": _FILES}
    try:
        return Path(snapshot_download(files.reference, local_files_only=True, **kept)), None
    except Exception:  # not on this machine
        try:
            return Path(snapshot_download(files.reference, **kept)), None
        except Exception as error:
            raise ModelError("its tokenizer is neither on this machine nor can it be fetched") from error


def _of_server(model: OpenAIModel) -> Prompts:
    name = model.options.tokenizer
    if name is None:
        raise ModelError(
            "the server writes and counts the prompt", hint="name its tokenizer with ?tokenizer= to see it"
        )
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except Exception as error:
        raise ModelError(f"tokenizer {name!r} does not load: {error}") from error
    return Prompts(tokenizer, LocalOptions(template=model.options.template), None, lambda text: None)
