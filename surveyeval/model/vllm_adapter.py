"""Whether an adapter fits its base. vLLM puts on what it finds: layers that are missing, or too narrow, it leaves alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

from surveyeval.errors import ModelError

__all__ = ["rank_of"]

_PART = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<part>[AB])\.weight")
_LAYER = re.compile(r"(?<=\.)\d+(?=\.)")


def rank_of(folder: Path, base: Path) -> int:
    """Highest rank of an adapter that fits its base.

    Parameters
    ----------
    folder : Path
        With adapter_config.json and adapter_model.safetensors.
    base : Path
        Folder of the base's weights.

    Raises
    ------
    ModelError
        When the adapter cannot be read, or lacks weights, or does not fit.
    """
    try:
        config = json.loads((folder / "adapter_config.json").read_text())
        ranks = [int(config["r"]), *map(int, (config.get("rank_pattern") or {}).values())]
        shapes = _shapes(folder / "adapter_model.safetensors")
        weights = {name: shape for file in base.glob("*.safetensors") for name, shape in _shapes(file).items()}
    except Exception as error:  # safetensors has errors of its own
        raise ModelError(f"adapter does not load: {error!r}", file=str(folder)) from error
    parts: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        if match := _PART.fullmatch(name):
            parts.setdefault(match["module"], {})[match["part"]] = shape
    wrong = sorted(module for module, own in parts.items() if not _fits(own, weights.get(f"{module}.weight")))
    if wrong or not parts:
        raise ModelError(
            f"adapter does not load: it does not fit the base: {', '.join(wrong[:3]) or 'no layer is known'}",
            file=str(folder),
        )
    if not any(config.get(name) for name in ("layers_to_transform", "exclude_modules")):
        kinds = {_LAYER.sub("*", module) for module in parts}
        modules = [name.removesuffix(".weight") for name in weights]
        lacking = sorted(m for m in modules if m not in parts and _LAYER.sub("*", m) in kinds)
        if lacking:
            raise ModelError(f"adapter does not load: it lacks weights: {', '.join(lacking[:3])}", file=str(folder))
    return max(ranks)


def _fits(own: dict[str, tuple[int, ...]], weight: tuple[int, ...] | None) -> bool:
    """Whether both parts are there, and their product has the shape of the base's weight, where that is known."""
    if set(own) != {"A", "B"} or own["A"][0] != own["B"][1]:
        return False
    return weight is None or (own["B"][0], own["A"][1]) == weight


def _shapes(file: Path) -> dict[str, tuple[int, ...]]:
    from safetensors import safe_open

    with safe_open(file, framework="numpy") as opened:
        return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118 - no mapping
