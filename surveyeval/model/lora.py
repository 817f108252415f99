"""PEFT adapters: ``lora:PATH``. The adapter's surveyeval.json says on which base and on whom it was trained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from surveyeval.errors import CapabilityError, MissingExtraError, ModelError
from surveyeval.model.hf import HFModel, HFOptions, content_hash

__all__ = ["LoraModel", "LoraOptions", "PilotHashes"]

UNKNOWN = "Training rows unknown: the adapter has no surveyeval.json, so test people may have been trained on."


class LoraOptions(HFOptions):
    """Options of adapters."""

    base: str | None = Field(None, description="model string of the base, if the adapter does not name it")
    engine: str = Field("hf", description="hf; other engines are not supported in this version")


@dataclass(frozen=True)
class PilotHashes:
    """Salted hashes of the identifiers of the people trained on."""

    salt: str
    hashes: frozenset[str]

    def contains(self, respondent: str) -> bool:
        """Whether this respondent was trained on."""
        return hashlib.sha256(f"{self.salt}:{respondent}".encode()).hexdigest() in self.hashes


class LoraModel(HFModel):
    """A base model with an adapter."""

    def __init__(self, reference: str, options: LoraOptions | None = None) -> None:
        options = options or LoraOptions()
        if options.engine != "hf":
            raise CapabilityError(
                f"engine {options.engine!r} is not supported in this version", hint="leave ?engine= out"
            )
        super().__init__(reference, options)
        self.folder = Path(reference)
        if not (self.folder / "adapter_config.json").is_file():
            raise ModelError("is no adapter folder: it has no adapter_config.json", file=reference)
        self.record: dict[str, Any] | None = self._read_record()
        self.pilot_hashes = self._pilot()
        self.base = self._base(options)

    def _read_record(self) -> dict[str, Any] | None:
        path = self.folder / "surveyeval.json"
        if not path.exists():
            return None
        try:
            record: dict[str, Any] = json.loads(path.read_text())
            record["base"]["model"], record["base"]["hash"], record["pilot"]["salt"], record["pilot"]["hashes"]
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"is damaged: {error!r}",
                file=str(path),
                hint="it needs base.model, base.hash, pilot.salt and pilot.hashes",
            ) from error
        return record

    def _pilot(self) -> PilotHashes | None:
        if self.record is None:
            return None
        return PilotHashes(self.record["pilot"]["salt"], frozenset(self.record["pilot"]["hashes"]))

    def _base(self, options: LoraOptions) -> HFModel:
        from surveyeval.model.build import build_model

        named = options.base or (self.record["base"]["model"] if self.record else None)
        if named is None:
            config = json.loads((self.folder / "adapter_config.json").read_text())
            name = config.get("base_model_name_or_path")
            if not name:
                raise ModelError(
                    "the adapter does not name its base model", file=str(self.folder), hint="add ?base=hf:NAME"
                )
            named = f"hf:{name}"
        model = build_model(named).model
        if not isinstance(model, HFModel):
            raise ModelError(f"base {named!r} is no transformers model", file=str(self.folder))
        if self.record is not None and options.base is None:
            found, expected = model.weights_hash(), self.record["base"]["hash"]
            if found != expected:
                raise ModelError(
                    f"base {named!r} is not the one the adapter was trained on: hash {found[:12]}, trained on {expected[:12]}",
                    file=str(self.folder),
                    hint="install the same version of the base, or give ?base=...",
                )
        return model

    def banners(self) -> Sequence[str]:
        """A warning when nobody knows on whom the adapter was trained."""
        return () if self.record is not None else (UNKNOWN,)

    def _folder(self) -> Path:
        return self.base._folder()

    def weights_hash(self) -> str:
        """sha256 of base and adapter together."""
        return hashlib.sha256(f"{self.base.weights_hash()}:{self._adapter_hash()}".encode()).hexdigest()

    def _adapter_hash(self) -> str:
        return content_hash(self.folder, "adapter_*")

    def _base_hash(self) -> str:
        return self.base.weights_hash()

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
        self._adapter = self.loaded.add_adapter(self._adapter_hash(), self.folder)
