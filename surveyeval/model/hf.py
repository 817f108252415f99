"""Causal language models through transformers: ``hf:NAME_OR_PATH``."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from surveyeval.errors import MissingExtraError, ModelError
from surveyeval.model.chat import Chat
from surveyeval.model.loaded import Loaded, load_shared
from surveyeval.model.protocol import Capabilities, Fingerprint, OptionScores, Request
from surveyeval.model.scoring import Tokens, disjoint, option_tokens
from surveyeval.task.interview import Message

__all__ = ["HFModel", "HFOptions", "cache_folder", "content_hash", "require_torch"]


#: Tokens that prompts must begin with alike before their beginning is read once for all.
WORTH_SHARING = 16


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


def require_torch() -> Any:
    """Import torch, or say how to install it."""
    try:
        import torch
        import transformers  # noqa: F401 - only to know that it is there
    except ImportError as error:
        raise MissingExtraError(
            f"language models need torch and transformers: {error}",
            hint='pip install "surveyeval-harness[hf]" (README: a CPU build of torch)',
        ) from error
    return torch


def cache_folder() -> Path:
    """The user's cache: SURVEYEVAL_CACHE, or a folder in the home directory."""
    named = os.environ.get("SURVEYEVAL_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "surveyeval"


def content_hash(folder: Path, pattern: str = "*") -> str:
    """sha256 over the files of a model folder, memoised by path, size and time of change."""
    files = sorted(
        path
        for path in folder.glob(pattern)
        if path.is_file() and path.suffix in (".safetensors", ".bin", ".json", ".gguf", ".model", ".jinja", ".txt")
    )
    stamps = [[str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    memo_path = cache_folder() / "hashes.json"
    key = hashlib.sha256(json.dumps(stamps).encode()).hexdigest()
    try:
        memo: dict[str, str] = json.loads(memo_path.read_text())
    except (OSError, ValueError):
        memo = {}
    if key not in memo:
        digest = hashlib.sha256()
        for path in files:
            digest.update(path.name.encode())
            with path.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        memo[key] = digest.hexdigest()
        try:
            memo_path.parent.mkdir(parents=True, exist_ok=True)
            temporary = memo_path.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps(memo))
            temporary.replace(memo_path)
        except OSError:
            pass  # a memo that cannot be kept costs time only
    return memo[key]


class _Session:
    """The KV cache of one block of interviews: what each row has read so far."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self.keys = keys
        self.read: list[Tokens] = [() for _ in keys]
        self.cache: Any = None
        self.mask: Any = None


class HFModel:
    """A causal language model from a hub name or a folder."""

    capabilities = Capabilities(log_prob=True)

    def __init__(self, reference: str, options: HFOptions | None = None) -> None:
        self.reference = reference
        self.options = options or HFOptions()
        self.examples, self.calibrate = self.options.examples, self.options.calibrate
        self.notes: list[str] = []
        self._loaded: Loaded | None = None
        self._adapter: str | None = None
        self._chat: Chat | None = None
        self._session: _Session | None = None
        self._begun: tuple[Any, Any] | None = None

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
        return self._ready()

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _ready(self) -> Chat:
        if self._chat is None:
            self.load()
        assert self._chat is not None
        return self._chat

    def render(self, messages: Sequence[Message]) -> str:
        """The exact text that the model reads."""
        return self._ready().render(messages)

    # ---- scoring -------------------------------------------------------------------------------------------------

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=self._ready().plain)["input_ids"]
        return ids

    def encode(self, text: str) -> Tokens:
        """Token ids of a text as this model reads it."""
        return tuple(self._encode(text))

    def tokens(self, request: Request) -> tuple[Tokens, list[Tokens]]:
        """Token ids of a request's prompt, and those of each option after it.

        Raises
        ------
        ModelError
            When the interview is longer than the model reads, or its options cannot be told apart.
        """
        chat = self._ready()
        if chat.injected and request.messages[0].role != "system":
            self._note(f"the chat template adds a text of its own where there is no system turn: {chat.injected!r}")
        answers = [chat.answer_prefix + option for option in request.options]
        prompt, options = option_tokens(self._encode, chat.render(request.messages), answers)
        if self.options.terminator == "end":
            end = self._tokenizer.eos_token_id
            options = [(*tokens, end) for tokens in options]
        limit = getattr(self._model.config, "max_position_embeddings", None) or getattr(
            self._model.config, "n_positions", None
        )
        length = len(prompt) + max(map(len, options))
        if limit is not None and length > limit:
            raise ModelError(
                f"the interview has {length} tokens, the model reads {limit}",
                hint="shorten the task, or use another model",
            )
        return prompt, options

    def score(self, requests: Sequence[Request]) -> list[OptionScores]:
        """Score a block; interviews that grow are continued from their cache."""
        if not requests:
            return []
        self.loaded.activate(self._adapter)
        prepared = [self.tokens(request) for request in requests]
        first = self._next_log_probs(
            tuple(request.interview for request in requests), [prompt for prompt, _ in prepared]
        )
        return [self._finish(prompt, options, row) for (prompt, options), row in zip(prepared, first, strict=True)]

    def _finish(self, prompt: Tokens, options: list[Tokens], first: Any) -> OptionScores:
        """Log-probabilities of all options from the distribution of their first token; longer options need more passes."""
        inner = sorted({option[:size] for option in options for size in range(1, len(option))})
        after: dict[Tokens, Any] = {(): first}
        for start in range(0, len(inner), self.options.block):
            chunk = inner[start : start + self.options.block]
            for prefix, row in zip(chunk, self._fresh([prompt + prefix for prefix in chunk]), strict=True):
                after[prefix] = row
        begins = [sum(float(after[option[:size]][option[size]]) for size in range(len(option))) for option in options]
        return OptionScores(disjoint(begins, options))

    def _next_log_probs(self, keys: tuple[str, ...], prompts: list[Tokens]) -> Any:
        session = self._session
        grows = (
            session is not None
            and session.keys == keys
            and all(
                len(new) > len(old) and new[: len(old)] == old for old, new in zip(session.read, prompts, strict=True)
            )
        )
        if not grows:
            if session is not None and session.keys == keys:
                self._note("the chat template does not only append: interviews are read anew for every item")
            session = _Session(keys)
        assert session is not None
        self._session = session
        return self._extend(session, prompts)

    def _extend(self, session: _Session, prompts: list[Tokens]) -> Any:
        """Read what is new in each row. New tokens are padded on the left, so that every row ends in the last column."""
        torch = require_torch()
        device = self._model.device
        if session.cache is None:
            shared, cache = self._beginning(prompts)
            if shared:
                session.cache, session.read = cache, [prompts[0][:shared]] * len(prompts)
                session.mask = torch.ones((len(prompts), shared), dtype=torch.long)
        new = [prompt[len(old) :] for prompt, old in zip(prompts, session.read, strict=True)]
        width = max(map(len, new))
        rows = len(new)
        ids = torch.zeros((rows, width), dtype=torch.long)
        mask = torch.zeros((rows, width), dtype=torch.long)
        for row, tokens in enumerate(new):
            ids[row, width - len(tokens) :] = torch.tensor(tokens)
            mask[row, width - len(tokens) :] = 1
        before = session.mask if session.mask is not None else torch.zeros((rows, 0), dtype=torch.long)
        whole = torch.cat([before, mask], dim=1)
        positions = (whole.cumsum(dim=1) - 1).clamp(min=0)[:, -width:]
        with torch.inference_mode():
            output = self._model(
                input_ids=ids.to(device), attention_mask=whole.to(device), position_ids=positions.to(device),
                past_key_values=session.cache, use_cache=True, logits_to_keep=1,
            )  # fmt: skip
        session.cache, session.mask, session.read = output.past_key_values, whole, list(prompts)
        return torch.log_softmax(output.logits[:, -1].double(), dim=-1).cpu().numpy()

    def _beginning(self, prompts: Sequence[Tokens]) -> tuple[int, Any]:
        """What all prompts begin with (instruction, examples), read once: its length, and its cache for every row.

        The last one is kept, since blocks of one run often begin alike.
        """
        torch = require_torch()
        low, high = min(prompts), max(prompts)
        shared = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
        shared = min(shared, *(len(prompt) - 1 for prompt in prompts))
        if len(prompts) < 2 or shared < WORTH_SHARING:
            return 0, None
        key = (self._adapter, low[:shared])
        if self._begun is None or self._begun[0] != key:
            with torch.inference_mode():
                output = self._model(
                    input_ids=torch.tensor([low[:shared]], device=self._model.device), use_cache=True, logits_to_keep=1
                )
            self._begun = (key, output.past_key_values)
        cache = copy.deepcopy(self._begun[1])
        cache.batch_repeat_interleave(len(prompts))
        return shared, cache

    def _fresh(self, prompts: list[Tokens]) -> Any:
        return self._extend(_Session(tuple(str(number) for number in range(len(prompts)))), prompts)

    def score_paths(self, paths: Sequence[Sequence[Request]]) -> list[list[OptionScores]]:
        """Teacher-forced scores: one pass over each interview where all its options are single tokens."""
        self.loaded.activate(self._adapter)
        results: list[list[OptionScores]] = [[] for _ in paths]
        prepared = [[self.tokens(request) for request in path] for path in paths]
        simple = [index for index, steps in enumerate(prepared) if _one_pass(steps)]
        for start in range(0, len(simple), 8):
            chunk = simple[start : start + 8]
            for index, rows in zip(chunk, self._forced([prepared[index] for index in chunk]), strict=True):
                results[index] = [OptionScores(np.array([row[option[0]] for option in options]))
                                  for row, (_, options) in zip(rows, prepared[index], strict=True)]  # fmt: skip
        for index in sorted(set(range(len(paths))) - set(simple)):
            self._session = None
            results[index] = [self.score([request])[0] for request in paths[index]]
        self._session = None
        return results

    def _forced(self, batch: list[list[tuple[Tokens, list[Tokens]]]]) -> list[list[Any]]:
        torch = require_torch()
        device = self._model.device
        longest = [steps[-1][0] for steps in batch]
        shared, cache = self._beginning([steps[0][0] for steps in batch])
        width = max(map(len, longest)) - shared
        ids = torch.zeros((len(batch), width), dtype=torch.long)
        mask = torch.ones((len(batch), shared + width), dtype=torch.long)
        for row, tokens in enumerate(longest):
            ids[row, : len(tokens) - shared] = torch.tensor(tokens[shared:])
            mask[row, len(tokens) :] = 0
        wanted = [[len(prompt) - 1 - shared for prompt, _ in steps] for steps in batch]
        kept = sorted({place for places in wanted for place in places})
        positions = torch.arange(shared, shared + width)[None].expand(len(batch), -1)
        with torch.inference_mode():
            logits = self._model(
                input_ids=ids.to(device),
                attention_mask=mask.to(device),
                position_ids=positions.to(device),
                past_key_values=cache,
                use_cache=cache is not None,
                logits_to_keep=torch.tensor(kept, device=device),
            ).logits
            scores = torch.log_softmax(logits.double(), dim=-1).cpu().numpy()
        column = {place: number for number, place in enumerate(kept)}
        return [[scores[row, column[place]] for place in places] for row, places in enumerate(wanted)]

    def release(self, interviews: Sequence[str]) -> None:
        """Drop the cache of these interviews."""
        if self._session is not None and set(self._session.keys) & set(interviews):
            self._session = None


def _one_pass(steps: Sequence[tuple[Tokens, list[Tokens]]]) -> bool:
    last = steps[-1][0] if steps else ()
    return bool(steps) and all(
        last[: len(prompt)] == prompt and all(len(o) == 1 for o in options) for prompt, options in steps
    )
