"""Reading prompts with a transformers model, each token as seldom as possible.

The prompts of a block and their options make a trie. What all prompts begin with (instruction, examples) is read once and
kept for later blocks, what some of them share is read once for these, and what was read of an interview stays until the
interview is over. Every shortcut gives what one plain pass over the whole text gives, up to rounding. Where a model does
not allow them, whole texts are read, and a note says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.errors import ModelError
from surveyeval.model.hf_cache import Held, Member, Row, shared_beginning, together
from surveyeval.model.hf_passes import Mode, Passes, log_softmax, out_of_memory, picked
from surveyeval.model.hf_session import Session
from surveyeval.model.hf_trie import Trie, Unit, plan
from surveyeval.model.loaded import Loaded
from surveyeval.model.scoring import Tokens
from surveyeval.model.weights import require_torch

__all__ = ["Reader"]

FloatArray = NDArray[np.float64]
#: A prompt and the options after it.
Asked = tuple[Tokens, Sequence[Tokens]]
#: Takes nodes and the (n, V) tensor of logits after them.
Take = Callable[[list[int], Any], None]

#: What prompts begin with alike is kept in steps of so many tokens, so that blocks mostly share the very same.
STEP = 16
#: Beginnings that are kept: a block may have one for each arm.
KEPT = 4
#: Tokens of a pass, padding included. Larger ones gain nothing on a CPU.
TOKENS = {"cpu": 2048}
TOKENS_ELSEWHERE = 16384


class Reader:
    """Log-probabilities of what follows prompts.

    Parameters
    ----------
    loaded : Loaded
    adapter : str or None
        Switched on before every pass; other readers may share the weights.
    mode : Mode
        How the model may be shown texts.
    note : callable
        Takes a sentence about how prompts are read.
    """

    def __init__(self, loaded: Loaded, adapter: str | None, mode: Mode, note: Callable[[str], None]) -> None:
        self._passes, self._mode, self._note = Passes(loaded, adapter, mode), mode, note
        self._device = loaded.model.device.type
        self._budget = TOKENS.get(self._device, TOKENS_ELSEWHERE)
        self._keeping = True
        self._session: Session | None = None
        self._begun: dict[Tokens, Held] = {}
        if mode.kind == "rows":
            note(
                "this model takes no attention mask from outside: options of several tokens are read in rows of their own"
            )
        if mode.kind == "whole":
            note("this model's memory of what it read cannot be continued: every prompt is read whole")

    def score(self, asked: Sequence[Asked], keys: Sequence[str] | None = None) -> list[list[float]]:
        """Natural log-probabilities that the answer begins with each option.

        Parameters
        ----------
        asked : sequence of (prompt, options)
            Tokens.
        keys : sequence of str, optional
            Names of interviews that will go on; what was read of them is kept. Prompts under the same keys as in earlier
            calls are gone on with where these end.

        Returns
        -------
        list of list of float
            For each prompt, one for each option.
        """
        session, ends = self._enter([prompt for prompt, _ in asked], keys, scored=True)
        steps: list[list[list[tuple[int, int]]]] = []
        wanted: dict[int, dict[int, None]] = {}
        for end, (_, options) in zip(ends, asked, strict=True):
            steps.append([])
            for option in options:
                node, chain = end, []
                for place, token in enumerate(option):
                    wanted.setdefault(node, {})[token] = None
                    chain.append((node, token))
                    if place + 1 < len(option):
                        node = session.trie.add((token,), node)
                steps[-1].append(chain)
        found: dict[tuple[int, int], float] = {}

        def take(nodes: list[int], logits: Any) -> None:
            tokens = [list(wanted[node]) for node in nodes]
            for node, ids, values in zip(nodes, tokens, picked(logits, tokens), strict=True):
                found.update(zip(((node, token) for token in ids), values, strict=True))

        self._read(session, list(wanted), ends, keys is not None, take)
        return [[sum(found[step] for step in chain) for chain in chains] for chains in steps]

    def next(self, keys: Sequence[str], prompts: Sequence[Tokens]) -> FloatArray:
        """Distribution of the token after each prompt.

        Parameters
        ----------
        keys : (n,) str
            Name the interviews, as in `score`. Not every interview need go on.
        prompts : (n,) token tuples

        Returns
        -------
        (n, V) float array
            Natural log-probabilities.
        """
        session, ends = self._enter(prompts, keys, scored=False)
        found: dict[int, FloatArray] = {}

        def take(nodes: list[int], logits: Any) -> None:
            found.update(zip(nodes, log_softmax(logits), strict=True))

        self._read(session, list(dict.fromkeys(ends)), ends, True, take)
        return np.stack([found[end] for end in ends])

    def forget(self, keys: Sequence[str] | None = None) -> None:
        """Drop what was read for these interviews; None: for all."""
        session = self._session
        if session is None:
            return
        session.live = {} if keys is None else {key: held for key, held in session.live.items() if key not in set(keys)}
        if session.live:
            session.prune()
        else:
            self._session = None

    # ---- sessions ------------------------------------------------------------------------------------------------

    def _enter(
        self, prompts: Sequence[Tokens], keys: Sequence[str] | None, *, scored: bool
    ) -> tuple[Session, list[int]]:
        """The session of these prompts, and the node where each ends."""
        if not all(prompts):
            raise ModelError(
                "the model has nothing to read before an answer", hint="give the task a text before the question"
            )
        session = self._session
        if keys is None:
            session = Session()
        elif session is None or not any(map(session.later, keys, prompts)):
            # what earlier blocks left must not matter: a run that was interrupted ends in the same bytes
            session = self._session = Session()
        nodes: dict[Tokens, int] = {}
        ends = []
        for key, prompt in zip(keys or [""] * len(prompts), prompts, strict=True):
            if prompt not in nodes:
                nodes[prompt] = self._node(session, key, prompt)
            ends.append(nodes[prompt])
        if keys is not None:
            for key, prompt, end in zip(keys, prompts, ends, strict=True):
                if scored and session.later(key, prompt) and session.live[key][2] and not session.goes_on(key, prompt):
                    self._note(
                        "the chat template does not only append: interviews are read anew from where they change"
                    )
                session.live[key] = (prompt, end, scored)
        return session, ends

    def _node(self, session: Session, key: str, prompt: Tokens) -> int:
        if session.goes_on(key, prompt):
            old, node, _ = session.live[key]
            return session.trie.add(prompt[len(old) :], node)
        return session.trie.add(prompt)

    def _read(self, session: Session, wanted: list[int], ends: list[int], growing: bool, take: Take) -> None:
        """Have `take` take the logits after all wanted nodes."""
        budget, keeping = self._budget, self._keeping
        limit = self._mode.limit
        longest = max(session.trie.depth[node] for node in wanted)
        if limit is not None and longest > limit:
            self._note(
                f"this model reads texts of more than {limit} tokens otherwise than shorter ones: those are read whole"
            )
        whole = self._mode.kind == "whole" or (limit is not None and longest > limit)
        while True:
            try:
                if whole:
                    self._read_whole(session.trie, wanted, take)
                else:
                    self._read_rows(session, wanted, ends, growing and self._keeping, take)
                break
            except BaseException as error:
                session.clear()  # a cache may have grown in some layers only
                if not out_of_memory(error):
                    raise
            self._shrink()  # outside of `except`: the error holds on to what the pass held
        if self._budget < budget:
            self._note(f"out of memory: {self._budget} tokens are read at a time from here on, not {budget}")
        if keeping and not self._keeping:
            self._note("out of memory: interviews are read anew for every item from here on")
        if whole or not self._keeping:
            self._session = None if session is self._session else self._session

    def _shrink(self) -> None:
        """Drop what is kept, and read less at a time from here on."""
        torch = require_torch()
        self._begun.clear()
        if self._device == "cuda":
            torch.cuda.empty_cache()
        rows, width = self._passes.last
        if rows > 1:
            self._budget = rows * width // 2
        elif self._keeping:
            self._keeping = False
        else:
            raise ModelError(
                f"out of memory, though {width} tokens were read alone",
                hint="take a smaller model, ?dtype=bfloat16, fewer ?examples= or a shorter interview",
            )

    # ---- rows ----------------------------------------------------------------------------------------------------

    def _read_rows(self, session: Session, wanted: list[int], ends: list[int], growing: bool, take: Take) -> None:
        trie = session.trie
        if len(session.home) == 1:
            self._begin(session, [trie.tokens(end) for end in dict.fromkeys(ends)])
        for node in wanted:  # logits of what was read are not kept
            if session.home.get(node) is not None:
                del session.home[node]
        level: list[Member] = plan(
            trie, wanted, ends, session.home.get, growing=growing, branching=self._mode.kind == "packed"
        )
        open_nodes = dict.fromkeys(wanted)
        self._read_level(session, level, open_nodes, growing, take)
        if growing:
            session.prune()

    def _read_level(
        self, session: Session, level: list[Member], wanted: dict[int, None], growing: bool, take: Take
    ) -> None:
        """Read units, and at once what comes after those of one pass, so that few caches are held."""
        for held, members in together(level, session.trie, self._budget, copying=self._mode.kind == "rows"):
            sources = [row for row, _ in members]
            rows, nodes, logits = self._passes.read(session.trie, members, held, wanted)
            if nodes:
                take(nodes, logits)
            for node in nodes:
                del wanted[node]
            del logits
            following: list[Member] = []
            for source, row, (_, unit) in zip(sources, rows, members, strict=True):
                if growing:
                    session.put(row, unit.nodes, source)
                following += [(row, later) for later in unit.then]
            self._read_level(session, following, wanted, growing, take)

    def _begin(self, session: Session, prompts: list[Tokens]) -> None:
        """Let a session go on from what all its prompts begin with.

        That is read once and kept, since blocks of one run often begin alike. Only the very same beginning is taken up
        again: one made from a longer or a shorter one would differ in rounding.
        """
        tokens = prompts[0][: _shared(prompts)]
        if not tokens:
            return
        nodes = session.trie.path(session.trie.add(tokens))
        held = self._begun.pop(tokens, None)
        if held is None:
            trie = Trie()
            unit = Unit(trie.path(trie.add(tokens)), 0)
            (row,), _, _ = self._passes.read(trie, [(Row(None, 0, {}), unit)], None, ())
            assert row.held is not None
            held = row.held
            held.shared = True
        self._begun[tokens] = held  # the last one used stands last
        while len(self._begun) > KEPT:
            del self._begun[next(iter(self._begun))]
        session.begin(Row(held, 0, {node: column for column, node in enumerate(nodes)}))

    # ---- whole texts ---------------------------------------------------------------------------------------------

    def _read_whole(self, trie: Trie, wanted: list[int], take: Take) -> None:
        """Read whole texts without cache; texts of one length together, so that none is padded."""
        left = set(wanted)
        texts: list[tuple[int, list[int]]] = []
        for node in sorted(wanted, reverse=True):  # a text holds what it begins with
            if node in left:
                passed = [one for one in trie.path(node) if one in left]
                left -= set(passed)
                texts.append((node, passed))
        by_length = sorted(texts, key=lambda text: trie.depth[text[0]])
        for length, group in groupby(by_length, key=lambda text: trie.depth[text[0]]):
            members = list(group)
            rows = max(1, self._budget // length)
            for start in range(0, len(members), rows):
                chunk = members[start : start + rows]
                places = [(row, trie.depth[node] - 1) for row, (_, passed) in enumerate(chunk) for node in passed]
                logits = self._passes.whole([trie.tokens(node) for node, _ in chunk], places)
                take([node for _, passed in chunk for node in passed], logits)


def _shared(prompts: Sequence[Tokens]) -> int:
    """Tokens at the beginning that are read once for all prompts; 0 for a single prompt."""
    return shared_beginning(prompts) // STEP * STEP if len(prompts) > 1 else 0
