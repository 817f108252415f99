"""A model whose requests are answered one by one, and are asked again only where there is no reply yet.

A block of interviews is answered as a whole: it is never re-formed. Behind a server a single call can fail, though, or the
budget can run out in its middle. Replies that came are kept; when the block is answered again, the interviews take the same
course, find those replies, and ask for the others alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from surveyeval.data.files import digest
from surveyeval.errors import ModelError
from surveyeval.model.protocol import Message, OptionScores, Request, Text, TextRequest

__all__ = ["Memory", "Remembered", "one_by_one"]

R = TypeVar("R", Request, TextRequest)


class Memory(Protocol):
    """Keeps replies of one block."""

    def get(self, key: str) -> Any:
        """Plain data that was kept under a key, or None."""

    def put(self, replies: Mapping[str, Any]) -> None:
        """Keep plain data under keys."""


def one_by_one(model: object) -> bool:
    """Whether a model says that no reply depends on what else is asked at the same time."""
    return bool(getattr(model, "one_by_one", False))


class Remembered:
    """A language model as an elicitation sees it, with a memory.

    Parameters
    ----------
    model : LanguageModel
    memory : Memory
    purpose : str
        Requests for different purposes are different, even in the same words.
    """

    def __init__(self, model: Any, memory: Memory, purpose: str) -> None:
        self._model, self._memory, self._purpose = model, memory, purpose
        self._failed: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def take_failed(self) -> dict[str, str]:
        """Errors since the last time this was asked, by the name of their interview."""
        failed, self._failed = self._failed, {}
        return failed

    def score(self, requests: Sequence[Request]) -> list[OptionScores]:
        """Scores; not a number where they could not be had."""

        def nothing(request: Request) -> list[str]:
            return ["nan"] * len(request.options)

        found = self._asked(requests, self._model.score, _written, nothing)
        return [OptionScores(np.array([float.fromhex(value) for value in one])) for one in found]

    def score_paths(self, paths: Sequence[Sequence[Request]]) -> list[list[OptionScores]]:
        """As `score`, path by path."""
        scores = iter(self.score([request for path in paths for request in path]))
        return [[next(scores) for _ in path] for path in paths]

    def generate(self, requests: Sequence[TextRequest]) -> list[Text]:
        """Texts; empty where they could not be had."""
        found = self._asked(
            requests, self._model.generate, lambda text: [text.text, text.ended], lambda _: ["", "stop"]
        )
        return [Text(*one) for one in found]

    def _asked(
        self,
        requests: Sequence[R],
        ask: Callable[[list[R]], Sequence[Any]],
        write: Callable[[Any], Any],
        nothing: Callable[[R], Any],
    ) -> list[Any]:
        keys = [digest([self._purpose, type(one).__name__, _content(one)]) for one in requests]
        found = {number: reply for number, key in enumerate(keys) if (reply := self._memory.get(key)) is not None}
        due = [number for number in range(len(requests)) if number not in found]
        stopped: ModelError | None = None
        got: Mapping[int, Any] = {}
        if due:
            try:
                got = dict(enumerate(ask([requests[number] for number in due])))
            except ModelError as error:
                stopped, got = error, error.got or {}
            fresh = {due[place]: write(reply) for place, reply in got.items()}
            if fresh:
                self._memory.put({keys[number]: reply for number, reply in fresh.items()})
            found |= fresh
        if stopped is not None:
            if stopped.failed is None:
                raise stopped
            for place, words in stopped.failed.items():
                number = due[place]
                self._failed.setdefault(requests[number].interview, words)
                found[number] = nothing(requests[number])
        return [found[number] for number in range(len(requests))]


def _written(scores: OptionScores) -> list[str]:
    # every bit, so that what is read again gives the same draws
    return [float(value).hex() for value in scores.log_prob]


def _content(request: Request | TextRequest) -> list[Any]:
    turns = [_turn(message) for message in request.messages]
    if isinstance(request, Request):
        return [request.interview, turns, list(request.options)]
    return [request.interview, turns, request.seed, request.max_tokens, repr(request.temperature)]


def _turn(message: Message) -> list[str]:
    return [message.role, message.content]
