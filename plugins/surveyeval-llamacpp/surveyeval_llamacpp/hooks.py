"""Registers the model scheme ``llamacpp:``. Targets are strings, so that listing imports nothing."""

from __future__ import annotations

import surveyeval
from surveyeval.hookspecs import Register


@surveyeval.hookimpl
def surveyeval_register(register: Register) -> None:
    """Register the scheme."""
    register.model(
        "llamacpp",
        "surveyeval_llamacpp.model:LlamaCppModel",
        options="surveyeval_llamacpp.options:LlamaCppOptions",
        summary="a GGUF file through llama.cpp, by its path",
        capabilities={"elicitations": ("choice", "generate", "verbalized"), "log_prob": True},
    )
