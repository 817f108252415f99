"""Passes of a transformers model: rows that hold branching texts, and logits only where they are asked for.

A row's tokens get the position they have in their own text, and an attention mask under which each sees what stands before
it in that text and nothing else of the row.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from surveyeval.model.hf_cache import Held, Member, Row, gather
from surveyeval.model.hf_trie import Trie
from surveyeval.model.loaded import Loaded
from surveyeval.model.scoring import Tokens
from surveyeval.model.weights import require_torch

__all__ = ["WHOLE", "Mode", "Passes", "log_softmax", "out_of_memory", "picked"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: Positions whose logits are turned into log-probabilities at once.
CHUNK = 128
#: How torch says that memory is out where it has no error of its own for that.
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


@dataclass(frozen=True)
class Mode:
    """How a model may be shown texts.

    Parameters
    ----------
    kind : {"packed", "rows", "whole"}
        ``packed``: rows with branches under a mask made here. ``rows``: lines of tokens that go on from a cache. ``whole``:
        whole texts without a cache.
    masks : tuple of (str, int or None)
        Of ``packed``: type of layer, and how many tokens it looks back at most. One mask for all layers has no type.
    limit : int or None
        Longer texts are read whole.
    """

    kind: Literal["packed", "rows", "whole"]
    masks: tuple[tuple[str, int | None], ...] = (("", None),)
    limit: int | None = None


WHOLE = Mode("whole")


class Passes:
    """Runs a model.

    Parameters
    ----------
    loaded : Loaded
    adapter : str or None
        Switched on before every pass; others may share the weights.
    mode : Mode
    """

    def __init__(self, loaded: Loaded, adapter: str | None, mode: Mode) -> None:
        self._loaded, self._adapter, self._mode = loaded, adapter, mode
        self._known = set(inspect.signature(loaded.model.forward).parameters)
        #: Rows and columns that the last pass was to read.
        self.last = (0, 0)

    def read(
        self, trie: Trie, members: Sequence[Member], held: Held | None, wanted: Collection[int]
    ) -> tuple[list[Row], list[int], Any]:
        """Read what is new in each row.

        Parameters
        ----------
        trie : Trie
        members : sequence of (Row, Unit)
        held : Held or None
            A cache that grows in place, the members' own; None: their rows are copied.
        wanted : collection of int
            Nodes whose logits are needed.

        Returns
        -------
        rows : list of Row
            For each member.
        nodes : list of int
            The wanted nodes that were read, each once.
        logits : (len(nodes), V) tensor
        """
        torch = require_torch()
        width = max(len(unit.nodes) for _, unit in members)
        self.last = (len(members) if held is None else held.rows, width)
        if held is not None:
            cache, old, rows = held.cache, held.positions, [row for row, _ in members]
        else:
            cache, old, rows = self._copied(trie, members)
        places = [row.index for row in rows]
        start = old.shape[1]
        ids = np.zeros((old.shape[0], width), dtype=np.int64)
        positions = np.full((old.shape[0], width), -1, dtype=np.int64)
        seen = np.zeros((old.shape[0], width, start + width), dtype=bool)
        for place, row, (_, unit) in zip(places, rows, members, strict=True):
            for column, node in enumerate(unit.nodes):
                above = row.columns.get(trie.parent[node], -1)
                if above >= start:
                    seen[place, column] = seen[place, above - start]
                elif above >= 0:
                    seen[place, column, row.sight(trie, trie.parent[node])] = True
                seen[place, column, start + column] = True
                row.columns[node] = start + column
            ids[place, : len(unit.nodes)] = [trie.token[node] for node in unit.nodes]
            positions[place, : len(unit.nodes)] = [trie.depth[node] - 1 for node in unit.nodes]
        columns = np.concatenate([old, positions], axis=1)
        found: dict[int, tuple[int, int]] = {}
        for place, (_, unit) in zip(places, members, strict=True):
            found.update({node: (place, column) for column, node in enumerate(unit.nodes) if node in wanted})
        output, logits = self._pass(
            torch.from_numpy(ids),
            list(found.values()),
            attention_mask=self._mask(seen, positions, columns),
            position_ids=torch.from_numpy(np.maximum(positions, 0)),
            past_key_values=cache,
            use_cache=True,
        )
        grown = held if held is not None else Held(None, columns)
        grown.cache, grown.positions = output.past_key_values, columns
        for row in rows:
            row.held = grown
        return rows, list(found), logits

    def whole(self, texts: Sequence[Tokens], places: Sequence[tuple[int, int]]) -> Any:
        """Logits at some (row, column) places of texts of one length, read without a cache."""
        torch = require_torch()
        self.last = (len(texts), len(texts[0]))
        return self._pass(torch.tensor(texts), places, use_cache=False)[1]

    def _copied(self, trie: Trie, members: Sequence[Member]) -> tuple[Any, NDArray[np.int64], list[Row]]:
        """A cache of what stands before each member's new tokens, and rows that hold just that."""
        from transformers.cache_utils import DynamicCache

        before = [_before(trie, unit.nodes) for _, unit in members]
        if not any(before):
            # no configuration is given, so that layers with a window keep everything, and all layers have the same columns
            return (
                DynamicCache(),
                np.zeros((len(members), 0), dtype=np.int64),
                [Row(None, n, {}) for n in range(len(members))],
            )
        sources = [
            (row, np.array([row.columns[node] for node in nodes], dtype=np.int64))
            for (row, _), nodes in zip(members, before, strict=True)
        ]
        cache, positions = gather(sources)
        width = positions.shape[1]
        rows = [
            Row(None, number, {node: width - len(nodes) + place for place, node in enumerate(nodes)})
            for number, nodes in enumerate(before)
        ]
        return cache, positions, rows

    def _mask(self, seen: BoolArray, positions: NDArray[np.int64], columns: NDArray[np.int64]) -> Any:
        torch = require_torch()
        rows, width, _ = seen.shape
        if self._mode.kind == "rows":  # the last token of a line sees the whole line
            last = np.maximum((positions >= 0).sum(axis=1) - 1, 0)
            return torch.from_numpy(seen[np.arange(rows), last].astype(np.int64))
        # padding sees itself, since a token that sees nothing is no number in low precision
        own = np.arange(width)
        seen[:, own, columns.shape[1] - width + own] = True
        masks = {}
        for kind, window in self._mode.masks:
            near = seen if window is None else seen & (positions[:, :, None] - columns[:, None, :] < window)
            masks[kind] = self._additive(near)
        return masks.get("", masks)

    def _additive(self, seen: BoolArray) -> Any:
        torch = require_torch()
        model = self._loaded.model
        hidden = torch.from_numpy(~seen).to(model.device)[:, None]
        mask = torch.zeros(hidden.shape, dtype=model.dtype, device=model.device)
        return mask.masked_fill_(hidden, torch.finfo(model.dtype).min)

    def _pass(self, ids: Any, places: Sequence[tuple[int, int]], **inputs: Any) -> tuple[Any, Any]:
        torch = require_torch()
        model = self._loaded.model
        self._loaded.activate(self._adapter)
        given = {
            name: value.to(model.device) if torch.is_tensor(value) else value
            for name, value in inputs.items()
            if name in self._known
        }
        with torch.inference_mode(), _only(model, places) as narrowed:
            output = model(input_ids=ids.to(model.device), **given)
            logits = output.logits
            return output, logits[0] if narrowed else logits[_index(places, logits.device)]


def _before(trie: Trie, nodes: Sequence[int]) -> list[int]:
    """What stands before nodes without being among them, in order."""
    own = set(nodes)
    found: set[int] = set()
    for top in nodes:
        node = trie.parent[top]
        while node and node not in own and node not in found:
            found.add(node)
            node = trie.parent[node]
    return sorted(found)


def _index(places: Sequence[tuple[int, int]], device: Any) -> tuple[Any, Any]:
    torch = require_torch()
    table = torch.tensor(places or [(0, 0)], device=device)
    return table[:, 0], table[:, 1]


@contextmanager
def _only(model: Any, places: Sequence[tuple[int, int]]) -> Iterator[list[bool]]:
    """Let the model compute logits at these (row, column) places only, as a table with one row.

    Yields
    ------
    list
        Empty as long as that did not happen.
    """
    narrowed: list[bool] = []
    head = model.get_output_embeddings()
    if head is None:
        yield narrowed
        return

    def narrow(module: Any, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if not args or args[0].dim() != 3:
            return None
        narrowed.append(True)
        return (args[0][_index(places, args[0].device)][None], *args[1:])

    handle = head.register_forward_pre_hook(narrow)
    try:
        yield narrowed
    finally:
        handle.remove()


def picked(logits: Any, tokens: Sequence[Sequence[int]]) -> list[list[float]]:
    """Natural log-probabilities of some tokens in each row of an (n, V) tensor."""
    torch = require_torch()
    found: list[list[float]] = []
    with torch.inference_mode():
        for start in range(0, len(tokens), CHUNK):
            part = logits[start : start + CHUNK].float()
            rows = [row for row, ids in enumerate(tokens[start : start + CHUNK]) for _ in ids]
            ids = [token for ids in tokens[start : start + CHUNK] for token in ids]
            chosen = part[rows, ids].cpu().double() - torch.logsumexp(part, dim=-1).cpu().double()[rows]
            values = iter(chosen.tolist())
            found += [[next(values) for _ in ids] for ids in tokens[start : start + CHUNK]]
    return found


def log_softmax(logits: Any) -> FloatArray:
    """Natural log-probabilities of all tokens, (n, V)."""
    torch = require_torch()
    with torch.inference_mode():
        # Apple's GPUs have no double precision
        exact = (logits.cpu() if logits.device.type == "mps" else logits).double()
        result: FloatArray = torch.log_softmax(exact, dim=-1).cpu().numpy()
    return result


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch says that memory is out."""
    torch = require_torch()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY)
    )
