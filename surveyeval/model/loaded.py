"""Language models in memory. Several adapters, and the bare base beside them, share one copy of the base's weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

__all__ = ["Loaded", "load_shared"]


class Loaded:
    """A causal language model with its tokenizer, and the adapters put on it.

    Parameters
    ----------
    model : transformers model
    tokenizer : transformers tokenizer
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        # An adapter would switch this off for the base, and torch chooses some kernels by it: the last bits would change.
        self.model = model.requires_grad_(False)
        self.tokenizer = tokenizer
        self._peft: Any = None
        self._active: str | None = None  # None: the bare base
        self._names: dict[Hashable, str] = {}
        #: An adapter was refused halfway: what it left on the base would be in the way of the next one.
        self.spoiled = False

    def add_adapter(self, key: Hashable, folder: Path) -> str:
        """Put an adapter on the base, once per key; returns the name for `activate`.

        Raises
        ------
        ValueError
            When the adapter lacks weights, or does not fit the base.
        """
        if key not in self._names:
            name = f"adapter{len(self._names)}"
            try:
                with warnings.catch_warnings():
                    # PEFT would go on with weights that do nothing
                    warnings.filterwarnings("error", "Found missing adapter keys")
                    self._put(name, folder)
            except Exception as error:
                self._refused()
                if isinstance(error, (RuntimeError, UserWarning)):
                    raise ValueError(f"it does not fit the base: {error}") from error
                raise
            self._names[key] = name
        return self._names[key]

    def _put(self, name: str, folder: Path) -> None:
        from peft import PeftModel

        if self._peft is None:
            # the base's own layers are wrapped in place, so `model` goes on to be what is called
            self._peft = PeftModel.from_pretrained(self.model, folder, adapter_name=name)
        else:
            missing = self._peft.load_adapter(folder, adapter_name=name).missing_keys
            if missing:
                raise ValueError(f"it lacks weights: {', '.join(missing[:3])}")
        self._peft.eval()
        # Layers that are new with this adapter are switched on whatever the others are: all are switched off.
        self._peft.base_model.disable_adapter_layers()
        self._active = None

    def _refused(self) -> None:
        """Keep what a refused adapter left behind out of the passes of those who hold this base."""
        from peft.tuners.tuners_utils import BaseTunerLayer

        self.spoiled = True
        for module in self.model.modules():
            if isinstance(module, BaseTunerLayer):
                module.enable_adapters(False)
        self._active = None

    def activate(self, adapter: str | None) -> None:
        """Let the next pass go through this adapter; None: through the bare base."""
        if adapter == self._active:
            return
        if adapter is None:
            self._peft.base_model.disable_adapter_layers()
        else:
            self._peft.base_model.enable_adapter_layers()
            self._peft.set_adapter(adapter)
        self._active = adapter


_LOADED: WeakValueDictionary[Hashable, Loaded] = WeakValueDictionary()


def load_shared(key: Hashable, make: Callable[[], Loaded]) -> Loaded:
    """What was loaded under this key and is still in use, or what `make` loads."""
    held = _LOADED.get(key)
    if held is None or held.spoiled:
        held = _LOADED[key] = make()
    return held
