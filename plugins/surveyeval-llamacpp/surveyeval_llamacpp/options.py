"""Options of models that run through llama.cpp."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from surveyeval.model.pilot_options import PilotOptions

__all__ = ["LlamaCppOptions"]


class LlamaCppOptions(PilotOptions):
    """What stands after the question mark of ``llamacpp:model.gguf?...``."""

    context: int = Field(4096, ge=1, description="tokens of an interview at most; memory grows with it")
    batch: int = Field(512, ge=1, description="tokens that are read at once")
    threads: int | None = Field(None, ge=1, description="default: llama.cpp's own choice")
    gpu_layers: int = Field(0, ge=-1, description="layers on the GPU, where llama.cpp was built for one; -1: all")
    terminator: Literal["none", "end"] = Field(
        "none", description="end: an option counts only with the turn's end after it"
    )
    template: Literal["auto", "plain"] = Field("auto", description="plain: no chat template")
