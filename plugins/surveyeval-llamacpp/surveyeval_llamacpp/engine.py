"""llama.cpp in this process: what comes after some tokens, and texts; what was read is not read again.

One sequence is kept. Prompts are read in the order of their tokens, so that each begins with as much as possible of the one
before it: what prompts of one call have in common is read once, however they branch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from surveyeval.errors import MissingExtraError, ModelError
from surveyeval.model.protocol import TextRequest
from surveyeval.model.scoring import Tokens

from surveyeval_llamacpp.words import Words

__all__ = ["Engine", "Settings", "open_engine", "require_llama_cpp"]

FloatArray = NDArray[np.float64]
INSTALL = 'pip install "surveyeval-llamacpp[engine]" (it is compiled, which takes about ten minutes)'


@dataclass(frozen=True)
class Settings:
    """What tells one engine from another; the path is not compared, `weights` is its hash."""

    path: Path = field(compare=False)
    weights: str
    context: int
    batch: int
    threads: int | None
    gpu_layers: int


def require_llama_cpp() -> Any:
    """Import llama-cpp-python, or say how to install it.

    Raises
    ------
    MissingExtraError
    """
    try:
        import llama_cpp
    except ImportError as error:
        raise MissingExtraError(f"llama-cpp-python cannot be imported: {error}", hint=INSTALL) from error
    return llama_cpp


class Engine:
    """A loaded model.

    Parameters
    ----------
    settings : Settings

    Raises
    ------
    ModelError
        When llama.cpp does not load the file.
    """

    def __init__(self, settings: Settings) -> None:
        self._lib = require_llama_cpp()
        try:
            self.llama: Any = self._lib.Llama(
                model_path=str(settings.path), n_ctx=settings.context, n_batch=settings.batch,
                n_ubatch=settings.batch, n_threads=settings.threads, n_threads_batch=settings.threads,
                n_gpu_layers=settings.gpu_layers, seed=0, verbose=False,
            )  # fmt: skip
        except (OSError, RuntimeError, ValueError) as error:
            raise ModelError(f"llama.cpp does not load {settings.path.name!r}: {error}") from error
        self.words = Words(self.llama)
        self.read = 0

    @property
    def limit(self) -> int:
        """Tokens of an interview at most: the context, or less where the model was trained on less."""
        known: Mapping[str, str] = self.llama.metadata
        trained = known.get(f"{known.get('general.architecture')}.context_length")
        size: int = self.llama.n_ctx()
        return min(size, int(trained)) if trained else size

    def next(self, prompts: Sequence[Tokens], wanted: Sequence[Sequence[int]]) -> list[dict[int, float]]:
        """Log-probabilities of named tokens after each prompt.

        Parameters
        ----------
        prompts : (n,) token tuples
        wanted : (n,) sequences of tokens

        Returns
        -------
        (n,) list of dict of token to natural log-probability
            Of the model's own distribution over its whole vocabulary.
        """
        found: list[dict[int, float]] = [{}] * len(prompts)
        for row in sorted(range(len(prompts)), key=lambda row: prompts[row]):
            logits = self._after(prompts[row])
            top = logits.max()
            total = top + np.log(np.exp(logits - top).sum())
            found[row] = {token: float(logits[token] - total) for token in wanted[row]}
        return found

    def write(self, prompt: Tokens, request: TextRequest) -> tuple[str, str]:
        """A text after a prompt, drawn from the model's own distribution with the request's seed, and how it ended."""
        try:
            # what is not said here would cut the distribution to its 40 most probable tokens, and more
            found = self.llama.create_completion(
                prompt=list(prompt), max_tokens=request.max_tokens, temperature=request.temperature,
                seed=request.seed, top_k=0, top_p=1.0, min_p=0.0, typical_p=1.0, repeat_penalty=1.0,
            )  # fmt: skip
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"llama.cpp failed: {error}") from error
        choice = found["choices"][0]
        return choice["text"], "length" if choice["finish_reason"] == "length" else "stop"

    def forget(self) -> None:
        """Drop what was read, so that what comes next does not depend on what came before."""
        self.llama.reset()
        self._lib.llama_memory_clear(self._lib.llama_get_memory(self.llama.ctx), True)

    def _after(self, tokens: Tokens) -> FloatArray:
        """(V,) logits of what follows some tokens."""
        llama = self.llama
        held = llama.input_ids[: llama.n_tokens].tolist()
        kept = 0
        # the last token is read in any case: its logits are what is asked for
        for one, other in zip(held, tokens[:-1], strict=False):
            if one != other:
                break
            kept += 1
        if kept < len(held):
            memory = self._lib.llama_get_memory(llama.ctx)
            # a recurrent model cannot take back what it read
            if kept == 0 or not self._lib.llama_memory_seq_rm(memory, -1, kept, -1):
                self.forget()
                kept = 0
        llama.n_tokens = kept
        try:
            llama.eval(list(tokens[kept:]))
        except RuntimeError as error:
            self.forget()
            raise ModelError(
                f"llama.cpp failed: {error}", hint="a smaller ?context= or ?batch= needs less memory"
            ) from error
        self.read += len(tokens) - kept
        logits = np.ctypeslib.as_array(self._lib.llama_get_logits_ith(llama.ctx, -1), shape=(llama.n_vocab(),))
        return logits.astype(np.float64)  # a copy: llama.cpp writes the next ones to the same place


@lru_cache(maxsize=1)
def open_engine(settings: Settings) -> Engine:
    """The engine with these settings; one is kept in memory."""
    return Engine(settings)
