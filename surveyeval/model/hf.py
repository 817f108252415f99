"""Causal language models through transformers: ``hf:NAME_OR_PATH``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from surveyeval.errors import ModelError
from surveyeval.model.chat import Chat
from surveyeval.model.hf_scoring import Reader
from surveyeval.model.loaded import Loaded, load_shared
from surveyeval.model.protocol import Capabilities, Fingerprint, OptionScores, Request
from surveyeval.model.scoring import Tokens, disjoint, option_tokens
from surveyeval.model.weights import content_hash, require_torch
from surveyeval.task.interview import Message

__all__ = ["HFModel", "HFOptions"]


class HFOptions(BaseModel):
    """Options of models that run through transformers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto: bfloat16 on a GPU, float32 on a CPU"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="auto: a GPU if there is one")
    block: int = Field(32, ge=1, description="interviews answered together; part of the run's identity")
    terminator: Literal["none", "end"] = Field(
        "none", description="end: an option counts only with the turn's end after it"
    )
    template: Literal["auto", "plain"] = Field("auto", description="plain: no chat template")
    examples: int = Field(0, ge=0, description="complete interviews of pilot people shown before each interview")
    calibrate: Literal["none", "temperature", "item"] = Field(
        "none", description="on the pilot's answers: one temperature, or a bias for every option of every item"
    )
    revision: str | None = Field(None, description="commit of a hub model")


class HFModel:
    """A causal language model from a hub name or a folder."""

    capabilities = Capabilities(log_prob=True)

    def __init__(self, reference: str, options: HFOptions | None = None) -> None:
        self.reference = reference
        self.options = options or HFOptions()
        self.notes: list[str] = []
        self._loaded: Loaded | None = None
        self._adapter: str | None = None
        self._chat: Chat | None = None
        self._read: Reader | None = None

    # ---- what it is --------------------------------------------------------------------------------------------

    @property
    def block_size(self) -> int:
        """Interviews answered together."""
        return self.options.block

    @property
    def examples(self) -> int:
        """Interviews of pilot people shown before each interview."""
        return self.options.examples

    @property
    def calibrate(self) -> str:
        """What is fitted on the pilot's answers: ``none``, ``temperature`` or ``item``."""
        return self.options.calibrate

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
                    allow_patterns=["*.safetensors", "*.json", "*.model", "*.jinja", "*.txt"],
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
        return content_hash(self._folder())

    def banners(self) -> Sequence[str]:
        """None for an untouched model."""
        return ()

    # ---- loading -------------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Load weights and tokenizer, or share what is in memory already. Code that comes with a model is never run."""
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
            raise ModelError(f"model {self.reference!r} does not load: {error}") from error
        self._chat = Chat(self._tokenizer, plain=self.options.template == "plain")

    def _base_hash(self) -> str:
        """Hash of the base's weights: models with the same one share them in memory."""
        return self.weights_hash()

    def read(self, dtype: Any) -> tuple[Any, Any]:
        """Weights (in a torch dtype) and tokenizer, read anew."""
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()  # progress is told by the runner
        folder = self._folder()
        return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype), AutoTokenizer.from_pretrained(folder)

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
    def chat(self) -> Chat:
        """How this model's conversations are written."""
        if self._chat is None:
            self.load()
        assert self._chat is not None
        return self._chat

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def render(self, messages: Sequence[Message]) -> str:
        """The exact text that the model reads."""
        return self.chat.render(messages)

    # ---- scoring -------------------------------------------------------------------------------------------------

    def encode(self, text: str) -> Tokens:
        """Token ids of a text as this model reads it."""
        return tuple(self._tokenizer(text, add_special_tokens=self.chat.plain)["input_ids"])

    def tokens(self, request: Request) -> tuple[Tokens, list[Tokens]]:
        """Token ids of a request's prompt, and those of each option after it.

        Raises
        ------
        ModelError
            When the interview is longer than the model reads, or its options cannot be told apart.
        """
        chat = self.chat
        if chat.injected and request.messages[0].role != "system":
            self._note(f"the chat template adds a text of its own where there is no system turn: {chat.injected!r}")
        answers = [chat.answer_prefix + option for option in request.options]
        prompt, options = option_tokens(self.encode, chat.render(request.messages), answers)
        if self.options.terminator == "end":
            end = self._tokenizer.eos_token_id
            options = [(*tokens, end) for tokens in options]
        config = self._model.config.get_text_config()
        limit = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
        length = len(prompt) + max(map(len, options))
        if limit is not None and length > limit:
            fewer = f"ask for fewer than ?examples={self.examples}" if self.examples else "shorten the task"
            raise ModelError(
                f"the interview has {length} tokens, the model reads {limit}", hint=f"{fewer}, or use another model"
            )
        return prompt, options

    @property
    def _reader(self) -> Reader:
        if self._read is None:
            self._read = Reader(self.loaded, self._adapter, self.options.block, self._note)
        return self._read

    def score(self, requests: Sequence[Request]) -> list[OptionScores]:
        """Score a block; interviews that grow are continued from their cache."""
        if not requests:
            return []
        prepared = [self.tokens(request) for request in requests]
        keys = tuple(request.interview for request in requests)
        first = self._reader.next(keys, [prompt for prompt, _ in prepared])
        begins = [
            [float(row[option[0]]) for option in options] for row, (_, options) in zip(first, prepared, strict=True)
        ]
        # options of several tokens: the distributions after each of their proper beginnings
        inner = [
            (row, beginning)
            for row, (_, options) in enumerate(prepared)
            for beginning in sorted({option[:size] for option in options for size in range(1, len(option))})
        ]
        for row, beginning, values in self._reader.after(inner):
            size = len(beginning)
            for k, option in enumerate(prepared[row][1]):
                if len(option) > size and option[:size] == beginning:
                    begins[row][k] += values[option[size]]
        return [OptionScores(disjoint(one, options)) for one, (_, options) in zip(begins, prepared, strict=True)]

    def score_paths(self, paths: Sequence[Sequence[Request]]) -> list[list[OptionScores]]:
        """Teacher-forced scores: one pass over each interview where all its options are single tokens.

        Other interviews are read item by item, a block of them together.
        """
        self._reader.forget()
        results: list[list[OptionScores]] = [[] for _ in paths]
        prepared = [[self.tokens(request) for request in path] for path in paths]
        simple = [index for index, steps in enumerate(prepared) if _one_pass(steps)]
        forced = self._reader.forced([[prompt for prompt, _ in prepared[index]] for index in simple])
        for index, rows in zip(simple, forced, strict=True):
            results[index] = [
                OptionScores(np.array([row[option[0]] for option in options]))
                for row, (_, options) in zip(rows, prepared[index], strict=True)
            ]
        others = sorted(set(range(len(paths))) - set(simple))
        for start in range(0, len(others), self.options.block):
            chunk = others[start : start + self.options.block]
            for step in range(max(len(paths[index]) for index in chunk)):
                asked = [index for index in chunk if step < len(paths[index])]
                for index, scores in zip(asked, self.score([paths[index][step] for index in asked]), strict=True):
                    results[index].append(scores)
            self._reader.forget()
        return results

    def release(self, interviews: Sequence[str]) -> None:
        """Drop the cache of these interviews."""
        if self._read is not None:
            self._read.forget(interviews)


def _one_pass(steps: Sequence[tuple[Tokens, list[Tokens]]]) -> bool:
    last = steps[-1][0] if steps else ()
    return bool(steps) and all(
        last[: len(prompt)] == prompt and all(len(o) == 1 for o in options) for prompt, options in steps
    )
