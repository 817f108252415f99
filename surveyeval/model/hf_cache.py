"""Key-value caches of transformers models: what was read, whether it may be continued, and copies of it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from surveyeval.model.scoring import Tokens
from surveyeval.model.weights import require_torch

__all__ = ["Session", "fits", "rows_of", "shared_beginning", "window"]

#: How configurations name the number of tokens that some layers look back at most.
_WINDOWS = ("sliding_window", "attention_chunk_size", "window_size")


class Session:
    """What each row of one block has read so far.

    Parameters
    ----------
    keys : tuple of str
        Names of the interviews.
    read : sequence of token tuples
        What each row has read.
    cache : transformers cache, optional
        None where nothing was read.
    mask : (rows, columns) int tensor, optional
        1 where a column of the cache holds a token of the row, 0 where it holds padding.
    """

    def __init__(self, keys: tuple[str, ...], read: Sequence[Tokens], cache: Any = None, mask: Any = None) -> None:
        self.keys = keys
        self.read = list(read)
        self.cache = cache
        self.mask = mask


def window(config: Any) -> int | None:
    """The number of tokens that some layer looks back at most; None where every layer sees everything."""
    text = config.get_text_config()
    found = [getattr(text, name, None) for name in _WINDOWS]
    return min((size for size in found if isinstance(size, int) and size > 0), default=None)


def fits(mask: Any, widths: Sequence[int], limit: int | None) -> bool:
    """Whether rows may go on from a cache by so many tokens each, padded on the left to the same width.

    Layers with a window count columns, not tokens: beyond the window there must be no padding between tokens.

    Parameters
    ----------
    mask : (rows, columns) int tensor
        Of the cache.
    widths : (rows,) int
        New tokens of each row.
    limit : int or None
        Size of the window.
    """
    if limit is None or mask.shape[1] + max(widths) <= limit:
        return True
    return len(set(widths)) == 1 and not bool((mask.diff(dim=1) < 0).any())


def rows_of(cache: Any, rows: Sequence[int]) -> Any:
    """A copy of a cache with these rows, which may repeat; None when the cache cannot be copied so."""
    torch = require_torch()
    try:
        with torch.inference_mode():
            chosen = copy.copy(cache)
            # a layer that grows takes new tensors and leaves the old ones as they are, so these need no copy
            chosen.layers = [copy.copy(layer) for layer in cache.layers]
            chosen.batch_select_indices(torch.tensor(rows, device=cache.layers[0].keys.device))
    except (AttributeError, NotImplementedError, TypeError):
        return None
    return chosen


def shared_beginning(prompts: Sequence[Tokens]) -> int:
    """Length of what all prompts begin with; the last token of every prompt is left to be read."""
    low, high = min(prompts), max(prompts)
    shared = next((place for place, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return min(shared, *(len(prompt) - 1 for prompt in prompts))
