"""Causal language models through transformers: ``hf:NAME_OR_PATH``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from surveyeval.errors import ModelError
from surveyeval.model.chat import Chat
from surveyeval.model.endings import Endings
from surveyeval.model.hf_generate import write
from surveyeval.model.hf_mode import mode_of
from surveyeval.model.hf_scoring import Reader
from surveyeval.model.loaded import Loaded, load_shared
from surveyeval.model.local import LocalOptions, Prompts, context_length
from surveyeval.model.pilot_options import FromPilot
from surveyeval.model.protocol import Capabilities, Fingerprint, OptionScores, Request, Text, TextRequest
from surveyeval.model.remote_code import BANNER, VARIABLE, asks_for_code, trusted
from surveyeval.model.scoring import Tokens, disjoint
from surveyeval.model.weights import content_hash, require_torch
from surveyeval.task.interview import Message

__all__ = ["HFModel", "HFOptions"]


_FILES = ("*.safetensors", "*.json", "*.model", "*.jinja", "*.txt")


class HFOptions(LocalOptions):
    """Options of models that run through transformers."""

    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="auto: a GPU if there is one")
    block: int = Field(32, ge=1, description="interviews answered together; part of the run's identity")


class HFModel(FromPilot):
    """A causal language model from a hub name or a folder."""

    options: HFOptions
    capabilities = Capabilities(("choice", "generate", "verbalized"), log_prob=True)

    def __init__(self, reference: str, options: HFOptions | None = None) -> None:
        self.reference = reference
        self.options = options or HFOptions()
        self.notes: list[str] = []
        self._loaded: Loaded | None = None
        self._adapter: str | None = None
        self._prompts: Prompts | None = None
        self._read: Reader | None = None

    # ---- what it is --------------------------------------------------------------------------------------------

    @property
    def block_size(self) -> int:
        """Interviews answered together."""
        return self.options.block

    def _folder(self) -> Path:
        """The folder with weights; a hub name is resolved through the local hub cache or downloaded."""
        path = Path(self.reference)
        if path.is_dir():
            return path
        require_torch()
        from huggingface_hub import snapshot_download

        try:
            return Path(
                snapshot_download(
                    self.reference,
                    revision=self.options.revision,
                    allow_patterns=[*_FILES, *(["*.py"] if trusted(self.reference) else [])],
                )
            )
        except Exception as error:
            raise ModelError(
                f"model {self.reference!r} is no folder and cannot be fetched: {error}",
                hint="give the folder of a saved model, or a hub name while online",
            ) from error

    def _device_and_dtype(self) -> tuple[str, str]:
        torch = require_torch()
        device = self.options.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = self.options.dtype
        if dtype == "auto":
            dtype = "bfloat16" if device == "cuda" else "float32"
        return device, dtype

    def fingerprint(self) -> Fingerprint:
        """Hash of weights, tokenizer, template, dtype, options and versions."""
        import transformers

        torch = require_torch()
        device, dtype = self._device_and_dtype()
        details = {
            "name": Path(self.reference).name if Path(self.reference).is_dir() else self.reference,
            "weights": self.weights_hash(), "dtype": dtype, "device": device, "block": self.options.block,
            "terminator": self.options.terminator, "template": self.options.template,
            "examples": self.options.examples, "calibrate": self.options.calibrate,
            "torch": torch.__version__, "transformers": transformers.__version__,
        }  # fmt: skip
        value = hashlib.sha256(json.dumps(details, sort_keys=True).encode()).hexdigest()
        return Fingerprint("content", value, details)

    def weights_hash(self) -> str:
        """sha256 over the files of the weights, tokenizer and template."""
        return content_hash(self._folder(), code=trusted(self.reference))

    def banners(self) -> Sequence[str]:
        """None for an untouched model, unless its own code runs."""
        return (BANNER,) if trusted(self.reference) and asks_for_code(self._folder()) else ()

    # ---- loading -------------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Load weights and tokenizer, or share what is in memory already.

        Code that comes with a model runs only where the user named the model (`surveyeval.model.remote_code`).
        """
        if self._loaded is not None:
            return
        torch = require_torch()
        device, dtype = self._device_and_dtype()

        def read() -> Loaded:
            model, tokenizer = self.read(getattr(torch, dtype))
            return Loaded(model.to(device).eval(), tokenizer)

        try:
            self._loaded = load_shared((self._base_hash(), dtype, device), read)
        except (OSError, ValueError) as error:
            if "custom code" in str(error) or "trust_remote_code" in str(error):
                hint = (
                    f"code that comes with a model is not run; to run it, name the model in {VARIABLE}={self.reference}"
                )
                raise ModelError(f"model {self.reference!r} needs Python code of its own", hint=hint) from error
            raise ModelError(f"model {self.reference!r} does not load: {error}") from error
        self._prompts = Prompts(self._tokenizer, self.options, context_length(self._model.config), self._note)

    def _base_hash(self) -> str:
        """Hash of the base's weights: models with the same one share them in memory."""
        return self.weights_hash()

    def read(self, dtype: Any) -> tuple[Any, Any]:
        """Weights (in a torch dtype) and tokenizer, read anew."""
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()  # progress is told by the runner
        folder = self._folder()
        code = trusted(self.reference)
        # weights in pickles are not read: a pickle is a program
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, trust_remote_code=code, use_safetensors=True)
        return model, AutoTokenizer.from_pretrained(folder, trust_remote_code=code)

    @property
    def _model(self) -> Any:
        return self.loaded.model

    @property
    def _tokenizer(self) -> Any:
        return self.loaded.tokenizer

    @property
    def loaded(self) -> Loaded:
        """Weights and tokenizer, loaded when first asked for."""
        if self._loaded is None:
            self.load()
        assert self._loaded is not None
        return self._loaded

    @property
    def prompts(self) -> Prompts:
        """How this model reads requests."""
        if self._prompts is None:
            self.load()
        assert self._prompts is not None
        return self._prompts

    @property
    def chat(self) -> Chat:
        """How this model's conversations are written."""
        return self.prompts.chat

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def render(self, messages: Sequence[Message]) -> str:
        """The exact text that the model reads."""
        return self.chat.render(messages)

    # ---- scoring -------------------------------------------------------------------------------------------------

    def encode(self, text: str) -> Tokens:
        """Token ids of a text as this model reads it."""
        return self.prompts.encode(text)

    def tokens(self, request: Request) -> tuple[Tokens, list[Tokens]]:
        """Token ids of a request's prompt, and those of each option after it.

        Raises
        ------
        ModelError
            When the interview is longer than the model reads, or its options cannot be told apart.
        """
        return self.prompts.tokens(request)

    @property
    def _reader(self) -> Reader:
        if self._read is None:
            self._read = Reader(self.loaded, self._adapter, mode_of(self.loaded), self._note)
        return self._read

    def score(self, requests: Sequence[Request]) -> list[OptionScores]:
        """Score a block; interviews that grow are gone on with from their cache, until they are released."""
        found: list[OptionScores] = [OptionScores(np.empty(0))] * len(requests)
        for grows in (True, False):
            rows = [row for row, request in enumerate(requests) if request.grows is grows]
            if rows:
                keys = [requests[row].interview for row in rows] if grows else None
                scores = self._scored([requests[row] for row in rows], keys)
                for row, one in zip(rows, scores, strict=True):
                    found[row] = one
        return found

    def score_paths(self, paths: Sequence[Sequence[Request]]) -> list[list[OptionScores]]:
        """Teacher-forced scores: what the requests of a path, and paths, have in common is read once."""
        scores = iter(self._scored([request for path in paths for request in path], None))
        return [[next(scores) for _ in path] for path in paths]

    def _scored(self, requests: Sequence[Request], keys: Sequence[str] | None) -> list[OptionScores]:
        if not requests:
            return []
        prepared = [self.tokens(request) for request in requests]
        begins = self._reader.score(prepared, keys)
        return [OptionScores(disjoint(one, options)) for one, (_, options) in zip(begins, prepared, strict=True)]

    # ---- writing -------------------------------------------------------------------------------------------------

    def generate(self, requests: Sequence[TextRequest]) -> list[Text]:
        """Write a text for each request, as many side by side as interviews are answered together."""
        prompts = [self.prompts.written(request) for request in requests]
        endings = Endings(self._tokenizer, self.chat, getattr(self._model.generation_config, "eos_token_id", None))
        return write(self._reader, endings, requests, prompts, self.options.block)

    def release(self, interviews: Sequence[str]) -> None:
        """Drop the cache of these interviews."""
        if self._read is not None:
            self._read.forget(interviews)
