"""Causal language models through vLLM: ``vllm:NAME_OR_PATH``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from surveyeval.errors import ModelError
from surveyeval.model.chat import Chat
from surveyeval.model.embedded import EmbeddedModel
from surveyeval.model.endings import Endings
from surveyeval.model.hf import HFModel, HFOptions
from surveyeval.model.local import LocalOptions, Prompts
from surveyeval.model.pilot_options import FromPilot
from surveyeval.model.protocol import Capabilities, Fingerprint, OptionScores, Request, Text, TextRequest
from surveyeval.model.scoring import Tokens
from surveyeval.model.vllm_engine import Adapter, Engine, Settings, open_engine, running
from surveyeval.model.vllm_scoring import score
from surveyeval.model.vllm_setup import engine_version, quiet, runs_on_cpu
from surveyeval.model.weights import require_torch
from surveyeval.task.interview import Message

__all__ = ["EngineOptions", "VLLMModel", "VLLMOptions"]

#: Interviews answered together unless ``?block=`` says otherwise: a GPU's cache holds that many, a CPU's does not.
BLOCK, BLOCK_ON_CPU = 256, 32


class EngineOptions(BaseModel):
    """Options of the engine itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_model_len: int | None = Field(None, ge=1, description="tokens of an interview at most; default: what fits")
    gpu_memory_utilization: float | None = Field(
        None, gt=0, le=1, description="share of the GPU's memory that vLLM takes; default: vLLM's"
    )
    tensor_parallel_size: int = Field(1, ge=1, description="GPUs that share one model")
    enforce_eager: bool | None = Field(None, description="do not compile the model; default: on a CPU only")


class VLLMOptions(EngineOptions, LocalOptions):
    """Options of models that run through vLLM."""

    block: int | None = Field(
        None, ge=1, description="interviews answered together (256; on a CPU 32); part of the run's identity"
    )


class VLLMModel(FromPilot):
    """A causal language model from a hub name or a folder; ``embedded:smollm2`` for the embedded one."""

    options: VLLMOptions
    capabilities = Capabilities(elicitations=("choice", "generate", "verbalized"), log_prob=True)

    def __init__(self, reference: str, options: VLLMOptions | None = None, files: HFModel | None = None) -> None:
        quiet()
        self.reference = reference
        self.options = options or VLLMOptions()
        self.notes: list[str] = []
        scheme, _, name = reference.partition(":")
        self._files = files or (
            EmbeddedModel(name)
            if scheme == "embedded"
            else HFModel(reference, HFOptions(revision=self.options.revision))
        )
        self._prompts: Prompts | None = None
        self._adapter: Adapter | None = None
        self._rank = 0
        self._settings: Settings | None = None
        self._asked: frozenset[str] = frozenset()

    # ---- what it is --------------------------------------------------------------------------------------------

    @property
    def block_size(self) -> int:
        """Interviews answered together."""
        return self.options.block or (BLOCK_ON_CPU if runs_on_cpu() else BLOCK)

    @property
    def dtype(self) -> str:
        """Numbers that the engine computes with."""
        if self.options.dtype != "auto":
            return self.options.dtype
        return "float32" if runs_on_cpu() else "bfloat16"

    def fingerprint(self) -> Fingerprint:
        """Hash of weights, tokenizer, template, dtype, options and versions."""
        version = engine_version()
        import transformers

        details = {
            "engine": "vllm",
            "name": Path(self.reference).name if Path(self.reference).is_dir() else self.reference,
            "weights": self.weights_hash(), "dtype": self.dtype, "device": "cpu" if runs_on_cpu() else "cuda",
            "block": self.block_size, "terminator": self.options.terminator, "template": self.options.template,
            "examples": self.options.examples, "calibrate": self.options.calibrate,
            "tensor_parallel_size": self.options.tensor_parallel_size, "enforce_eager": self.options.enforce_eager,
            "vllm": version, "torch": require_torch().__version__, "transformers": transformers.__version__,
        }  # fmt: skip
        value = hashlib.sha256(json.dumps(details, sort_keys=True).encode()).hexdigest()
        return Fingerprint("content", value, details)

    def weights_hash(self) -> str:
        """sha256 over the files of the weights, tokenizer and template."""
        return self._files.weights_hash()

    def banners(self) -> Sequence[str]:
        """None for an untouched model."""
        return ()

    # ---- loading -------------------------------------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        """The engine, started when it is not running."""
        if self._settings is None:
            self._settings = Settings(
                self._files._folder(),
                self._files.weights_hash(),
                self.dtype,
                **{name: getattr(self.options, name) for name in EngineOptions.model_fields},
                rank=self._rank,
            )
        return open_engine(self._settings)

    def load(self) -> None:
        """Start the engine, or share one that runs with the same weights. Code that comes with a model is never run."""
        engine_version()  # first of all whether there is one
        engine = self.engine
        if self._prompts is None:
            from transformers import AutoTokenizer

            try:
                tokenizer = AutoTokenizer.from_pretrained(self._files._folder(), trust_remote_code=False)
            except (OSError, ValueError) as error:
                raise ModelError(f"the tokenizer of {self.reference!r} does not load: {error}") from error
            self._prompts = Prompts(tokenizer, self.options, engine.limit, self._note)

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

    def render(self, messages: Sequence[Message]) -> str:
        """The exact text that the model reads."""
        return self.chat.render(messages)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    # ---- asking ------------------------------------------------------------------------------------------------

    def score(self, requests: Sequence[Request]) -> list[OptionScores]:
        """Scores for each request; interviews that grow are continued from the engine's cache."""
        prepared = [self.prompts.tokens(request) for request in requests]
        self._watch([(one.interview, prompt) for one, (prompt, _) in zip(requests, prepared, strict=True) if one.grows])
        return self._scores(prepared)

    def score_paths(self, paths: Sequence[Sequence[Request]]) -> list[list[OptionScores]]:
        """Teacher-forced scores: all places of all interviews are handed over at once."""
        prepared = [self.prompts.tokens(request) for path in paths for request in path]
        self._forget()
        scores = iter(self._scores(prepared))
        self._forget()
        return [[next(scores) for _ in path] for path in paths]

    def generate(self, requests: Sequence[TextRequest]) -> list[Text]:
        """A text for each request, drawn with the request's seed."""
        if not requests:
            return []
        prompts = [self.prompts.written(request) for request in requests]
        endings = Endings(self.prompts.tokenizer, self.chat, self.engine.ends)
        texts = []
        for tokens, ended in self.engine.write(prompts, requests, endings.tokens, self._adapter):
            text, cut = endings.cut(endings.text(tokens))
            texts.append(Text(text.strip(), "stop" if cut else ended))
        return texts

    def release(self, interviews: Sequence[str]) -> None:
        """Empty the engine's cache: a block of interviews is answered alike, whichever block came before it."""
        self._asked = frozenset()
        self._forget()

    def _forget(self) -> None:
        engine = running(self._settings) if self._settings else None
        if engine is not None:
            engine.forget()

    def _scores(self, prepared: Sequence[tuple[Tokens, list[Tokens]]]) -> list[OptionScores]:
        if not prepared:
            return []
        return score(prepared, lambda prompts, wanted: self.engine.next(prompts, wanted, self._adapter))

    def _watch(self, grown: Sequence[tuple[str, Tokens]]) -> None:
        """Say when a block of interviews that grow is larger than the cache, since each question then costs them all."""
        prompts = [prompt for _, prompt in grown]
        if not prompts:
            return
        pairs = zip(min(prompts), max(prompts), strict=False)
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        length, capacity = sum(len(prompt) - shared for prompt in prompts) + shared, self.engine.capacity
        keys = frozenset(key for key, _ in grown)
        if keys == self._asked and length > capacity:
            self._note(
                f"vLLM's cache holds {capacity} tokens, fewer than the interviews of a block: earlier turns are read again "
                "for every question; a smaller ?block= is faster"
            )
        self._asked = keys
