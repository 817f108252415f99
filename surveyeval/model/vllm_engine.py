"""The vLLM engine, started in this process, quietly, and one at a time.

It runs in this process, and all prompts of a call are handed over before any is read, so that which prompts are read together
depends on the call alone. In a process of its own, it would depend on the moment they arrive, and with it the last digits.
"""

from __future__ import annotations

import atexit
import gc
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from surveyeval.errors import ModelError
from surveyeval.model.protocol import TextRequest
from surveyeval.model.scoring import Tokens
from surveyeval.model.vllm_setup import hint_for, quiet, quietly, runs_on_cpu, said
from surveyeval.model.weights import require_torch

__all__ = ["Adapter", "Engine", "Settings", "close", "open_engine", "running"]

#: Tokens of one unit of the cache. What prompts begin with alike is shared in whole units; a CPU's default is 128.
CPU_UNIT = 32
#: Ranks of adapters for which the engine has room.
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)


@dataclass(frozen=True)
class Settings:
    """What tells one engine from another.

    Parameters
    ----------
    folder : Path
        Weights and tokenizer. Not compared: `weights` is their hash.
    weights : str
    dtype : str
    max_model_len, gpu_memory_utilization, tensor_parallel_size, enforce_eager
        vLLM's options; None: its own choice, or what fits.
    rank : int
        Highest rank of an adapter; 0: none can be put on.
    """

    folder: Path = field(compare=False)
    weights: str
    dtype: str
    max_model_len: int | None = None
    gpu_memory_utilization: float | None = None
    tensor_parallel_size: int = 1
    enforce_eager: bool | None = None
    rank: int = 0


@dataclass(frozen=True)
class Adapter:
    """A PEFT adapter: its hash, and the folder where it lies."""

    key: str
    folder: Path


class Engine:
    """A running engine.

    Parameters
    ----------
    settings : Settings

    Raises
    ------
    ModelError
        When it does not start.
    """

    def __init__(self, settings: Settings) -> None:
        torch = require_torch()
        cpu = runs_on_cpu()
        quiet(cpu)
        eager = cpu if settings.enforce_eager is None else settings.enforce_eager
        arguments: dict[str, Any] = {
            "model": str(settings.folder), "dtype": settings.dtype, "seed": 0,
            "max_model_len": settings.max_model_len or -1,  # -1: what the model reads and the memory holds
            "tensor_parallel_size": settings.tensor_parallel_size, "enforce_eager": eager,
            "generation_config": "vllm",  # the model's own would change how texts are drawn
            "logprobs_mode": "raw_logprobs", "use_tqdm_on_load": False,
        }  # fmt: skip
        if settings.gpu_memory_utilization is not None:
            arguments["gpu_memory_utilization"] = settings.gpu_memory_utilization
        if settings.rank:
            rank = next((known for known in RANKS if known >= settings.rank), settings.rank)
            arguments |= {"enable_lora": True, "max_lora_rank": rank, "max_loras": 1, "max_cpu_loras": 8}
        if cpu:
            arguments["block_size"] = CPU_UNIT
        set_threads = torch.set_num_threads  # vLLM puts a warning in its place
        try:
            with quietly():
                from vllm import LLM

                self._llm = LLM(**arguments)
        except Exception as error:
            raise ModelError(f"vLLM does not start: {said(error)}", hint=hint_for(error)) from error
        finally:
            torch.set_num_threads = set_threads
        # Eager means nowhere compiled: a small function of vLLM's would otherwise need a C++ compiler on a CPU.
        self._stance = "force_eager" if eager else "default"
        self._adapters: dict[str, int] = {}
        config = self._llm.llm_engine.vllm_config
        self.limit: int = config.model_config.max_model_len
        self.capacity: int = (config.cache_config.num_gpu_blocks or 0) * config.cache_config.block_size
        self.ends: int | list[int] | None = config.model_config.try_get_generation_config().get("eos_token_id")
        self.read = 0
        self.reused = 0

    def next(
        self, prompts: Sequence[Tokens], wanted: Sequence[Sequence[int]], adapter: Adapter | None = None
    ) -> list[dict[int, float]]:
        """Log-probabilities of named tokens after each prompt.

        Parameters
        ----------
        prompts : (n,) token tuples
        wanted : (n,) sequences of at most 128 tokens
        adapter : Adapter, optional

        Returns
        -------
        (n,) list of dict of token to natural log-probability
            Of the model's own distribution over its whole vocabulary.
        """
        from vllm import SamplingParams

        parameters = [
            SamplingParams(
                max_tokens=1, temperature=0.0, logprob_token_ids=list(tokens), ignore_eos=True, detokenize=False
            )
            for tokens in wanted
        ]
        outputs = self._generate(prompts, parameters, adapter)
        return [
            {token: float(one.logprob) for token, one in output.outputs[0].logprobs[0].items()} for output in outputs
        ]

    def write(
        self,
        prompts: Sequence[Tokens],
        requests: Sequence[TextRequest],
        ends: Collection[int],
        adapter: Adapter | None = None,
    ) -> list[tuple[list[int], str]]:
        """Tokens that the model writes after each prompt up to one of `ends`, and how it ended: ``stop`` or ``length``."""
        from vllm import SamplingParams

        try:
            parameters = [
                SamplingParams(
                    max_tokens=request.max_tokens,
                    temperature=request.temperature,
                    seed=request.seed,
                    stop_token_ids=sorted(ends),
                    detokenize=False,
                )
                for request in requests
            ]
        except Exception as error:  # vLLM's own, of no kind that is promised
            raise ModelError(f"vLLM cannot write so: {said(error)}") from error
        found = []
        for output in self._generate(prompts, parameters, adapter):
            tokens, ended = list(output.outputs[0].token_ids), output.outputs[0].finish_reason
            found.append((tokens[:-1], "stop") if tokens and tokens[-1] in ends else (tokens, ended or "length"))
        return found

    def forget(self) -> None:
        """Empty the cache of what was read, so that what comes next does not depend on what came before."""
        with quietly():
            self._llm.reset_prefix_cache()

    def shut_down(self) -> None:
        """End the engine and give its memory back."""
        with quietly():
            from vllm.distributed import cleanup_dist_env_and_memory

            self._llm.llm_engine.engine_core.shutdown()
            del self._llm
            cleanup_dist_env_and_memory()
        gc.collect()

    def _generate(self, prompts: Sequence[Tokens], parameters: Sequence[Any], adapter: Adapter | None) -> list[Any]:
        torch = require_torch()
        request = None
        if adapter is not None:
            from vllm.lora.request import LoRARequest

            number = self._adapters.setdefault(adapter.key, len(self._adapters) + 1)
            request = LoRARequest(adapter.key, number, str(adapter.folder))
        inputs = [{"prompt_token_ids": list(prompt)} for prompt in prompts]
        try:
            with quietly(), torch.compiler.set_stance(self._stance):
                outputs = self._llm.generate(inputs, list(parameters), use_tqdm=False, lora_request=request)
        except BaseException as error:
            close(self)  # what it had not yet read would come back among the answers to the next call
            if not isinstance(error, Exception):
                raise
            raise ModelError(f"vLLM failed: {said(error)}", hint=hint_for(error)) from error
        self.read += sum(map(len, prompts))
        self.reused += sum(output.num_cached_tokens or 0 for output in outputs)
        return list(outputs)


_RUNNING: dict[Settings, Engine] = {}


def open_engine(settings: Settings) -> Engine:
    """The engine with these settings. Another one that is running is shut down first: two would not fit one GPU."""
    if settings not in _RUNNING:
        if not _RUNNING:
            atexit.unregister(close)
            atexit.register(close)
        close()
        _RUNNING[settings] = Engine(settings)
    return _RUNNING[settings]


def running(settings: Settings) -> Engine | None:
    """The engine with these settings, if it is running."""
    return _RUNNING.get(settings)


def close(engine: Engine | None = None) -> None:
    """Shut the running engine down; with `engine`, only if it is that one."""
    for settings, one in list(_RUNNING.items()):
        if engine is None or one is engine:
            del _RUNNING[settings]
            one.shut_down()
