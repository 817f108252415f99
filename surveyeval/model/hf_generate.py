"""Writing with a transformers model: one token at a time, each text with random numbers of its own.

A text depends on its prompt and its seed alone, up to rounding: neither on what is written beside it nor on the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from surveyeval.model.endings import Endings
from surveyeval.model.hf_scoring import Reader
from surveyeval.model.protocol import Text, TextRequest
from surveyeval.model.scoring import Tokens

__all__ = ["next_token", "write"]


def next_token(log_prob: NDArray[np.float64], temperature: float, uniform: float) -> int | None:
    """The next token, drawn by inverting the cumulative distribution in the order of token ids.

    Parameters
    ----------
    log_prob : (V,) float array
        Natural log-probabilities.
    temperature : float
        0: the most probable token, of several the first.
    uniform : float
        In [0, 1).

    Returns
    -------
    int or None
        None where the log-probabilities are no numbers.
    """
    highest = log_prob.max()
    if not np.isfinite(highest):
        return None
    if temperature == 0:
        return int(log_prob.argmax())
    cumulative = np.cumsum(np.exp((log_prob - highest) / temperature))
    place = int(np.searchsorted(cumulative, uniform * cumulative[-1], side="right"))
    return min(place, int(np.flatnonzero(np.isfinite(log_prob))[-1]))


@dataclass
class _Turn:
    """A text that is being written."""

    request: TextRequest
    prompt: Tokens
    key: str
    random: np.random.Generator
    tokens: list[int] = field(default_factory=list)
    text: str = ""
    ended: str = ""

    def add(self, log_prob: NDArray[np.float64], endings: Endings) -> None:
        token = next_token(log_prob, self.request.temperature, self.random.random())
        if token is None:
            self.ended = "length"  # nothing more can be had
        elif token in endings.tokens:
            self.ended = "stop"
        else:
            self.tokens.append(token)
            self.text, stopped = endings.cut(endings.text(self.tokens))
            if stopped:
                self.ended = "stop"
            elif len(self.tokens) >= self.request.max_tokens:
                self.ended = "length"


def write(
    reader: Reader, endings: Endings, requests: Sequence[TextRequest], prompts: Sequence[Tokens], rows: int
) -> list[Text]:
    """Write a text for each request.

    Parameters
    ----------
    reader : Reader
    endings : Endings
    requests : (n,) TextRequest
    prompts : (n,) token tuples
        Of the requests.
    rows : int
        Texts written side by side.
    """
    turns: list[_Turn] = []
    seen: set[str] = set()
    for number, (request, prompt) in enumerate(zip(requests, prompts, strict=True)):
        # several places of one interview may be asked at once; only one of them can go on
        key = request.interview if request.interview not in seen else f"{request.interview}\x00{number}"
        seen.add(key)
        turns.append(_Turn(request, prompt, key, np.random.default_rng(request.seed)))
    for start in range(0, len(turns), rows):
        open_turns = turns[start : start + rows]
        while open_turns:
            keys = [turn.key for turn in open_turns]
            found = reader.next(keys, [(*turn.prompt, *turn.tokens) for turn in open_turns])
            for turn, log_prob in zip(open_turns, found, strict=True):
                turn.add(log_prob, endings)
            open_turns = [turn for turn in open_turns if not turn.ended]
    reader.forget([turn.key for turn in turns if turn.key != turn.request.interview])
    return [Text(turn.text.strip(), turn.ended) for turn in turns]
