"""How a transformers model may be shown texts: found out by trying, once for each model in memory."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from surveyeval.model.hf_passes import WHOLE, Mode
from surveyeval.model.hf_scoring import STEP, Reader
from surveyeval.model.loaded import Loaded
from surveyeval.model.scoring import Tokens
from surveyeval.model.weights import require_torch

__all__ = ["mode_of"]

#: How configurations name other bounds on how far some layers look back than `sliding_window`.
_BOUNDS = ("attention_chunk_size", "window_size")
#: A window for the trial, shorter than its texts.
_NARROW = 6
#: Largest difference in float32, in nats; noise of the tests' models is a hundredth of it.
_CLOSE = 1e-3
#: In lower precision, the mean difference as a share of the mean difference between texts with other endings.
_CLOSE_SHARE = 0.15

_FOUND: WeakKeyDictionary[Any, Mode] = WeakKeyDictionary()


def mode_of(loaded: Loaded) -> Mode:
    """The fastest mode in which a model gives what it gives for whole texts.

    Each mode is tried on short texts with branches that are gone on with; layers with a window get a narrow one for that.
    """
    model = loaded.model
    if model not in _FOUND:
        _FOUND[model] = _find(loaded)
    return _FOUND[model]


def _find(loaded: Loaded) -> Mode:
    known = set(inspect.signature(loaded.model.forward).parameters)
    # a recurrent state takes in whatever it is shown: it knows no padding, and cannot be cut
    if not {"past_key_values", "attention_mask"} <= known or getattr(loaded.model, "_is_stateful", False):
        return WHOLE
    config = loaded.model.config.get_text_config()
    limit = _limit(config)
    window = getattr(config, "sliding_window", None)
    kinds = sorted(set(getattr(config, "layer_types", None) or ()))
    with _narrowed(config):
        wanted = _trial(loaded, WHOLE)
        # bounds of other kinds may count columns, which branches take up as well
        bounded = "position_ids" not in known or any(getattr(config, name, None) for name in _BOUNDS)
        for number, mask in enumerate([] if bounded else _masks(kinds, window and _NARROW)):
            if _agrees(loaded, Mode("packed", mask), wanted):
                return Mode("packed", _masks(kinds, window)[number], limit)
        if _agrees(loaded, Mode("rows"), wanted):
            return Mode("rows", limit=limit)
    return WHOLE


def _masks(kinds: list[str], window: int | None) -> list[tuple[tuple[str, int | None], ...]]:
    """Ways of masking that may be those of the model."""
    if window is None or kinds == ["full_attention"]:
        return [(("", None),)]
    if not set(kinds) <= {"full_attention", "sliding_attention"}:
        return []
    by_kind = tuple((kind, window if kind == "sliding_attention" else None) for kind in kinds)
    return [by_kind, (("", window),)] if kinds == ["sliding_attention"] else [by_kind] if kinds else [(("", window),)]


def _limit(config: Any) -> int | None:
    """Length from which on a text is not read as its beginning was; None where there is none."""
    bounds = [getattr(config, name, None) for name in _BOUNDS]
    rope = getattr(config, "rope_parameters", None) or {}
    for one in (rope, *(part for part in rope.values() if isinstance(part, dict))):
        kind = str(one.get("rope_type", ""))
        if "dynamic" in kind or kind == "longrope":  # frequencies depend on the length of the text
            bounds.append(one.get("original_max_position_embeddings") or config.max_position_embeddings)
    return min((bound for bound in bounds if isinstance(bound, int) and bound > 0), default=None)


@contextmanager
def _narrowed(config: Any) -> Iterator[None]:
    """Let layers with a window look back a few tokens only."""
    window = getattr(config, "sliding_window", None)
    if window is None:
        yield
        return
    config.sliding_window = _NARROW
    try:
        yield
    finally:
        config.sliding_window = window


def _trial(loaded: Loaded, mode: Mode) -> list[list[float]]:
    """Log-probabilities after some texts that share beginnings, and after longer ones that go on from these."""
    vocabulary = loaded.model.config.get_text_config().vocab_size

    def text(first: int, length: int) -> Tokens:
        return tuple((first * 7919 + place * 104729) % vocabulary for place in range(first, first + length))

    reader = Reader(loaded, None, mode, lambda text: None)
    probed = text(900, 24)
    options = [*((token,) for token in probed), (*text(700, 3), probed[0]), (*text(700, 2), *text(800, 2))]
    beginning = text(0, STEP)
    going_on = {
        "a": beginning + text(100, 5),
        "b": beginning + text(200, 8),
        "c": beginning + text(100, 3) + text(300, 6),
    }
    found = reader.score([(prompt, options) for prompt in going_on.values()], list(going_on))
    going_on = {key: going_on[key] + text(400, width) for key, width in (("b", 2), ("c", 5))}
    return found + reader.score([(prompt, options) for prompt in going_on.values()], list(going_on))


def _agrees(loaded: Loaded, mode: Mode, wanted: list[list[float]]) -> bool:
    torch = require_torch()
    try:
        found = _trial(loaded, mode)
    except Exception:  # models refuse what they cannot read in ways of their own
        return False
    differences = [
        abs(a - b) for one, other in zip(found, wanted, strict=True) for a, b in zip(one, other, strict=True)
    ]
    if not all(map(math.isfinite, differences)):
        return False
    if loaded.model.dtype in (torch.float32, torch.float64):
        return max(differences) < _CLOSE
    apart = [abs(a - b) for one, other in pairwise(wanted) for a, b in zip(one, other, strict=False)]
    return float(np.mean(differences)) < _CLOSE_SHARE * float(np.mean(apart))
