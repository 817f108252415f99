"""PEFT adapters: ``lora:PATH``. The adapter's surveyeval.json says on which base and on whom it was trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from surveyeval.errors import ConfigError, MissingExtraError, ModelError
from surveyeval.model.adapter import AdapterFolder
from surveyeval.model.hf import HFModel, HFOptions
from surveyeval.model.protocol import Fingerprint
from surveyeval.model.vllm import EngineOptions, VLLMModel, VLLMOptions
from surveyeval.model.vllm_adapter import rank_of
from surveyeval.model.vllm_engine import Adapter

__all__ = ["LoraModel", "LoraOptions", "VLLMLoraModel", "adapter_model"]

#: Options that an adapter takes from its base's model string.
INHERITED = ("dtype", "device", "block", "template", "terminator")


class LoraOptions(EngineOptions, HFOptions):
    """Options of adapters. How texts are read, block, dtype and device are the base's unless given."""

    base: str | None = Field(None, description="model string of the base, if the adapter does not name it")
    engine: Literal["hf", "vllm"] = Field("hf", description="hf: through transformers and PEFT; vllm: through vLLM")


def adapter_model(reference: str, options: LoraOptions | None = None) -> LoraModel | VLLMLoraModel:
    """An adapter on its base, run by the engine that the options name. Options of the other engine are refused."""
    options = options or LoraOptions()
    other = {"device"} if options.engine == "vllm" else set(EngineOptions.model_fields)
    for name in sorted(other & options.model_fields_set):
        raise ConfigError(
            f"option {name!r} means nothing to engine {options.engine!r}",
            hint="vLLM runs where its build runs" if name == "device" else "add ?engine=vllm, or leave it out",
        )
    return (VLLMLoraModel if options.engine == "vllm" else LoraModel)(reference, options)


class LoraModel(AdapterFolder, HFModel):
    """A base model with an adapter, through transformers and PEFT."""

    def __init__(self, reference: str, options: LoraOptions | None = None) -> None:
        options = options or LoraOptions()
        AdapterFolder.__init__(self, reference, options.base)
        # Training read the base with its template and its ending, so what is scored is what was trained.
        inherited = {
            name: getattr(self.base.options, name) for name in INHERITED if name not in options.model_fields_set
        }
        HFModel.__init__(self, reference, options.model_copy(update=inherited))

    def banners(self) -> Sequence[str]:
        """Warnings when nobody knows on whom the adapter was trained, and when its base is another one."""
        return AdapterFolder.banners(self)

    def fingerprint(self) -> Fingerprint:
        """That of the base with the adapter's hash; the details tell how it was trained."""
        return self.told(super().fingerprint())

    def _folder(self) -> Path:
        return self.base._folder()

    def weights_hash(self) -> str:
        """sha256 of base and adapter together."""
        return self.tuned_hash()

    def _base_hash(self) -> str:
        return self.base_hash

    def read(self, dtype: Any) -> tuple[Any, Any]:
        """The base's weights and tokenizer."""
        return self.base.read(dtype)

    def load(self) -> None:
        """Load the base, or share it, and put the adapter on it."""
        if self._adapter is not None:
            return
        try:
            import peft  # noqa: F401 - only to know that it is there
        except ImportError as error:
            raise MissingExtraError("adapters need peft", hint='pip install "surveyeval-harness[hf]"') from error
        super().load()
        try:
            self._adapter = self.loaded.add_adapter(self.adapter_hash(), self.folder)
        except (OSError, ValueError) as error:
            raise ModelError(f"adapter does not load: {error}", file=str(self.folder)) from error


class VLLMLoraModel(AdapterFolder, VLLMModel):
    """A base model with an adapter, through vLLM. Adapters of one rank on one base share the engine."""

    def __init__(self, reference: str, options: LoraOptions) -> None:
        AdapterFolder.__init__(self, reference, options.base)
        base = self.base.options
        # the base's default number of interviews is made for another engine; one that was given is kept
        inherited = {"dtype", "template", "terminator", *(base.model_fields_set & {"block"})}
        chosen = {
            name: getattr(options if name in options.model_fields_set else base, name)
            for name in VLLMOptions.model_fields
            if name in options.model_fields_set | inherited
        }
        VLLMModel.__init__(self, reference, VLLMOptions(**chosen), self.base)
        self._adapter = Adapter(self.adapter_hash(), self.folder)

    def banners(self) -> Sequence[str]:
        """Warnings when nobody knows on whom the adapter was trained, and when its base is another one."""
        return AdapterFolder.banners(self)

    def fingerprint(self) -> Fingerprint:
        """That of the base with the adapter's hash; the details tell how it was trained."""
        return self.told(super().fingerprint())

    def weights_hash(self) -> str:
        """sha256 of base and adapter together."""
        return self.tuned_hash()

    def load(self) -> None:
        """Check that the adapter fits its base, and start the engine or share one."""
        self._rank = rank_of(self.folder, self.base._folder())
        super().load()
