"""GGUF models: ``llamacpp:model.gguf``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, cast

from surveyeval.model.chat import Chat
from surveyeval.model.endings import Endings
from surveyeval.model.local import LocalOptions, Prompts
from surveyeval.model.pilot_options import FromPilot
from surveyeval.model.protocol import Capabilities, Fingerprint, OptionScores, Request, Text, TextRequest
from surveyeval.model.vllm_scoring import score
from surveyeval.task.interview import Message

from surveyeval_llamacpp.engine import Engine, Settings, open_engine, require_llama_cpp
from surveyeval_llamacpp.files import EMBEDDED, find, hash_of
from surveyeval_llamacpp.options import LlamaCppOptions

__all__ = ["LlamaCppModel"]


class LlamaCppModel(FromPilot):
    """A language model from a GGUF file, quantised or not.

    Parameters
    ----------
    reference : str
        Path of the file (the first one of a model in several), or ``smollm2``, the embedded one.
    options : LlamaCppOptions, optional

    Raises
    ------
    ModelError
        When there is no such file.
    """

    options: LlamaCppOptions
    capabilities = Capabilities(("choice", "generate", "verbalized"), log_prob=True)
    #: One interview after the other: each is gone on with from what was read, and the engine keeps one.
    block_size = 1

    def __init__(self, reference: str, options: LlamaCppOptions | None = None) -> None:
        self.reference, self.path = reference, find(reference)
        self.options = options or LlamaCppOptions()
        self.notes: list[str] = []
        self._prompts: Prompts | None = None

    def fingerprint(self) -> Fingerprint:
        """Hash of the file, the options and the version of llama-cpp-python."""
        details: dict[str, Any] = {
            "engine": "llama.cpp", "name": self.path.name if self.reference != EMBEDDED else EMBEDDED,
            "weights": hash_of(self.path), **self.options.model_dump(),
            "llama_cpp_python": str(require_llama_cpp().__version__),
        }  # fmt: skip
        value = hashlib.sha256(json.dumps(details, sort_keys=True).encode()).hexdigest()
        return Fingerprint("content", value, details)

    def banners(self) -> Sequence[str]:
        """None for an untouched model."""
        return ()

    # ---- loading -------------------------------------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        """The engine, loaded when it is not in memory."""
        options = self.options
        return open_engine(
            Settings(self.path, hash_of(self.path), options.context, options.batch, options.threads, options.gpu_layers)
        )

    def load(self) -> None:
        """Load the weights, or share those in memory."""
        engine = self.engine
        if self._prompts is None:
            # prompts look at `template`, `terminator` and `examples` alone
            self._prompts = Prompts(engine.words, cast("LocalOptions", self.options), engine.limit, self._note)

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

    # ---- asking --------------------------------------------------------------------------------------------------

    def score(self, requests: Sequence[Request]) -> list[OptionScores]:
        """Scores for each request; wherever options branch, the engine is asked for the tokens that go on."""
        prepared = [self.prompts.tokens(request) for request in requests]
        return score(prepared, self.engine.next) if prepared else []

    def score_paths(self, paths: Sequence[Sequence[Request]]) -> list[list[OptionScores]]:
        """Teacher-forced scores: what places and paths have in common is read once."""
        scores = iter(self.score([request for path in paths for request in path]))
        return [[next(scores) for _ in path] for path in paths]

    def generate(self, requests: Sequence[TextRequest]) -> list[Text]:
        """A text for each request, one after the other."""
        endings = Endings(self.prompts.tokenizer, self.chat, None)
        texts = []
        for request in requests:
            text, ended = self.engine.write(self.prompts.written(request), request)
            text, cut = endings.cut(text)
            texts.append(Text(text.strip(), "stop" if cut else ended))
        return texts

    def release(self, interviews: Sequence[str]) -> None:
        """Forget everything: an interview is answered alike, whichever came before it."""
        if self._prompts is not None:
            self.engine.forget()
