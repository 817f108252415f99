"""Reading prompts with a transformers model, each token as seldom as possible.

What was read stays in a key-value cache: interviews that grow are continued, and what all prompts of a block begin with
(instruction, examples) is read once. Every shortcut gives what one plain pass over the whole prompt gives, up to rounding.
Where a model does not allow that, whole prompts are read, and a note says so.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.model.hf_cache import Session, fits, rows_of, shared_beginning, window
from surveyeval.model.loaded import Loaded
from surveyeval.model.scoring import Tokens
from surveyeval.model.weights import require_torch

__all__ = ["Reader"]

FloatArray = NDArray[np.float64]

#: What prompts begin with alike is shared in steps of so many tokens, so that blocks mostly share the very same.
STEP = 16
#: Beginnings that are kept: a block may have one for each arm.
KEPT = 4
#: Whole interviews read in one pass: their logits at every answer are held at once.
FORCED_ROWS = 8


class Reader:
    """Log-probabilities of the next token, with caches.

    Parameters
    ----------
    loaded : Loaded
    adapter : str or None
        Switched on before every pass; other readers may share the weights.
    rows : int
        Prompts read in one pass.
    note : callable
        Takes a sentence about how prompts are read.
    """

    def __init__(self, loaded: Loaded, adapter: str | None, rows: int, note: Callable[[str], None]) -> None:
        self._loaded, self._adapter, self._rows, self._note = loaded, adapter, rows, note
        self._session: Session | None = None
        self._begun: dict[Tokens, Any] = {}
        self._window = window(loaded.model.config)
        known = inspect.signature(loaded.model.forward).parameters
        needed = {"past_key_values", "attention_mask", "position_ids", "logits_to_keep"}
        # a recurrent state takes in whatever it is shown: it knows no padding, and cannot be cut
        self._caches = needed <= set(known) and not getattr(loaded.model, "_is_stateful", False)
        self._last = {"logits_to_keep": 1} if "logits_to_keep" in known else {}
        if not self._caches:
            note("this model's memory of what it read cannot be continued: every prompt is read whole")

    # ---- interviews item by item ---------------------------------------------------------------------------------

    def next(self, keys: tuple[str, ...], prompts: Sequence[Tokens]) -> FloatArray:
        """Distribution of the token after each prompt.

        Parameters
        ----------
        keys : (n,) str
            Name the interviews. Prompts under the same keys as in the last call are continued if they extend those.
        prompts : (n,) token tuples

        Returns
        -------
        (n, V) float array
            Natural log-probabilities.
        """
        if not self._caches:
            self._session = Session(keys, prompts)
            return self._whole(prompts)
        self._session = session = self._going_on(keys, prompts) or self._begin(keys, prompts)
        return self._continue(session, prompts)

    def after(self, continuations: Sequence[tuple[int, Tokens]]) -> Iterator[tuple[int, Tokens, FloatArray]]:
        """Distributions after prompts of the last `next` and some tokens more.

        Parameters
        ----------
        continuations : sequence of (row, tokens)
            Row of the last call, and what follows its prompt.

        Yields
        ------
        row, tokens, (V,) float array
            In order of the number of tokens; natural log-probabilities.
        """
        session = self._session
        assert session is not None, "nothing was read before"
        # rows of one pass have equally many new tokens, so no row is padded
        for width, group in groupby(sorted(continuations, key=lambda one: len(one[1])), key=lambda one: len(one[1])):
            members = list(group)
            for start in range(0, len(members), self._rows):
                chunk = members[start : start + self._rows]
                rows = [row for row, _ in chunk]
                prompts = [session.read[row] + tokens for row, tokens in chunk]
                found = (
                    self._continue(self._branch(session, rows, width), prompts)
                    if self._caches
                    else self._whole(prompts)
                )
                for (row, tokens), values in zip(chunk, found, strict=True):
                    yield row, tokens, values

    def forget(self, keys: Sequence[str] | None = None) -> None:
        """Drop what was read for these interviews; None: for all."""
        if self._session is not None and (keys is None or set(self._session.keys) & set(keys)):
            self._session = None

    # ---- whole interviews ----------------------------------------------------------------------------------------

    def forced(self, paths: Sequence[Sequence[Tokens]]) -> Iterator[list[FloatArray]]:
        """Distributions of the token after each prompt of interviews whose prompts extend each other.

        Yields
        ------
        list of (V,) float array
            For each path, one for each of its prompts.
        """
        if not self._caches:
            yield from (list(self._whole(path)) for path in paths)
            return
        shared = _shared([path[0] for path in paths])
        for start in range(0, len(paths), FORCED_ROWS):
            yield from self._forced(paths[start : start + FORCED_ROWS], shared)

    def _forced(self, paths: Sequence[Sequence[Tokens]], shared: int) -> list[list[FloatArray]]:
        torch = require_torch()
        longest = [path[-1] for path in paths]
        cache = self._beginning(longest[0][:shared], len(paths))
        shared = shared if cache is not None else 0
        width = max(map(len, longest)) - shared
        ids = torch.zeros((len(paths), width), dtype=torch.long)
        mask = torch.ones((len(paths), shared + width), dtype=torch.long)
        for row, tokens in enumerate(longest):  # padded on the right, so that no token looks back over padding
            ids[row, : len(tokens) - shared] = torch.tensor(tokens[shared:])
            mask[row, len(tokens) :] = 0
        places = [(row, len(prompt) - 1 - shared) for row, path in enumerate(paths) for prompt in path]
        kept = sorted({place for _, place in places})
        output = self._pass(
            input_ids=ids,
            attention_mask=mask,
            position_ids=torch.arange(shared, shared + width)[None].expand(len(paths), -1),
            past_key_values=cache,
            use_cache=cache is not None,
            logits_to_keep=torch.tensor(kept, device=self._loaded.model.device),
        )
        column = {place: number for number, place in enumerate(kept)}
        found = iter(_log_softmax(output.logits[[row for row, _ in places], [column[place] for _, place in places]]))
        return [[next(found) for _ in path] for path in paths]

    # ---- passes --------------------------------------------------------------------------------------------------

    def _pass(self, **inputs: Any) -> Any:
        torch = require_torch()
        model = self._loaded.model
        self._loaded.activate(self._adapter)
        on_device = {
            name: value.to(model.device) if torch.is_tensor(value) else value for name, value in inputs.items()
        }
        with torch.inference_mode():
            return model(**on_device)

    def _continue(self, session: Session, prompts: Sequence[Tokens]) -> FloatArray:
        """Read what is new in each row. New tokens are padded on the left, so that every row ends in the last column."""
        torch = require_torch()
        new = [prompt[len(old) :] for prompt, old in zip(prompts, session.read, strict=True)]
        width = max(map(len, new))
        ids = torch.zeros((len(new), width), dtype=torch.long)
        mask = torch.zeros((len(new), width), dtype=torch.long)
        for row, tokens in enumerate(new):
            ids[row, width - len(tokens) :] = torch.tensor(tokens)
            mask[row, width - len(tokens) :] = 1
        whole = mask if session.mask is None else torch.cat([session.mask, mask], dim=1)
        positions = (whole.cumsum(dim=1) - 1).clamp(min=0)[:, -width:]
        output = self._pass(
            input_ids=ids,
            attention_mask=whole,
            position_ids=positions,
            past_key_values=session.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        session.cache, session.mask, session.read = output.past_key_values, whole, list(prompts)
        return _log_softmax(output.logits[:, -1])

    def _whole(self, prompts: Sequence[Tokens]) -> FloatArray:
        """Read whole prompts without cache; prompts of one length together, so that none is padded."""
        torch = require_torch()
        result: list[Any] = [None] * len(prompts)
        by_length = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
        for _, group in groupby(by_length, key=lambda row: len(prompts[row])):
            members = list(group)
            for start in range(0, len(members), self._rows):
                rows = members[start : start + self._rows]
                output = self._pass(input_ids=torch.tensor([prompts[row] for row in rows]), **self._last)
                for row, values in zip(rows, _log_softmax(output.logits[:, -1]), strict=True):
                    result[row] = values
        return np.stack(result)

    # ---- caches --------------------------------------------------------------------------------------------------

    def _going_on(self, keys: tuple[str, ...], prompts: Sequence[Tokens]) -> Session | None:
        """The last session, if these prompts can be read from where it stands."""
        session = self._session
        if session is None or session.keys != keys:
            return None
        pairs = list(zip(session.read, prompts, strict=True))
        if not all(len(new) > len(old) and new[: len(old)] == old for old, new in pairs):
            self._note("the chat template does not only append: interviews are read anew for every item")
            return None
        if not fits(session.mask, [len(new) - len(old) for old, new in pairs], self._window):
            self._note(f"interviews outgrow the model's window of {self._window} tokens: some are read anew")
            return None
        return session

    def _begin(self, keys: tuple[str, ...], prompts: Sequence[Tokens]) -> Session:
        torch = require_torch()
        rows, shared = len(prompts), _shared(prompts)
        mask = torch.ones((rows, shared), dtype=torch.long)
        if fits(mask, [len(prompt) - shared for prompt in prompts], self._window):
            beginning = prompts[0][:shared]
            cache = self._beginning(beginning, rows)
            if cache is not None:
                return Session(keys, [beginning] * rows, cache, mask)
        return Session(keys, [()] * rows)

    def _beginning(self, tokens: Tokens, rows: int) -> Any:
        """The cache of what all prompts begin with (instruction, examples), for every row; None where nothing is shared.

        It is read once and kept, since blocks of one run often begin alike. Only the very same beginning is taken up again:
        one made from a longer or a shorter one would differ in rounding, and a run that was interrupted would not end alike.
        """
        torch = require_torch()
        if not tokens:
            return None
        cache = self._begun.pop(tokens, None)
        if cache is None:
            cache = self._pass(input_ids=torch.tensor([tokens]), use_cache=True, logits_to_keep=1).past_key_values
        self._begun[tokens] = cache  # the last one used stands last
        while len(self._begun) > KEPT:
            del self._begun[next(iter(self._begun))]
        return self._copied(cache, [0] * rows)

    def _copied(self, cache: Any, rows: list[int]) -> Any:
        copied = rows_of(cache, rows)
        if copied is None:
            self._note("this model's cache cannot be repeated: what prompts begin with is read for each of them")
        return copied

    def _branch(self, session: Session, rows: list[int], width: int) -> Session:
        """A copy of some rows of a session that may go on by `width` tokens; empty where they must be read anew."""
        if fits(session.mask[rows], [width] * len(rows), self._window):
            cache = self._copied(session.cache, rows)
            if cache is not None:
                return Session((), [session.read[row] for row in rows], cache, session.mask[rows])
        return Session((), [()] * len(rows))


def _shared(prompts: Sequence[Tokens]) -> int:
    """Tokens at the beginning that are read once for all prompts; 0 for a single prompt."""
    return shared_beginning(prompts) // STEP * STEP if len(prompts) > 1 else 0


def _log_softmax(logits: Any) -> FloatArray:
    torch = require_torch()
    with torch.inference_mode():
        result: FloatArray = torch.log_softmax(logits.double(), dim=-1).cpu().numpy()
    return result
