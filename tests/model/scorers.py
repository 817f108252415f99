"""A scorer without weights, whose probabilities depend on every word of the conversation, and a task for it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from surveyeval.model.protocol import Capabilities, Fingerprint, Message, OptionScores, Request
from surveyeval.task.task import Task
from tests.model.helpers import make_task

MASS = 0.8


class WordScorer:
    """Probabilities are drawn with the messages as the seed; they sum to `MASS`."""

    capabilities = Capabilities(log_prob=True)

    def __init__(self, *, examples: int = 0, calibrate: str = "none", block: int = 4) -> None:
        self.examples, self.calibrate, self.block_size = examples, calibrate, block
        self.seen: list[Request] = []
        self.batches: list[int] = []
        self.released: list[str] = []
        self.impossible: set[str] = set()
        self.broken: set[str] = set()

    def fingerprint(self) -> Fingerprint:
        return Fingerprint("content", "words")

    def banners(self) -> Sequence[str]:
        return ()

    def load(self) -> None:
        pass

    def probabilities(self, request: Request) -> np.ndarray:
        text = repr([(message.role, message.content) for message in request.messages])
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        found = np.random.default_rng(seed).dirichlet(np.ones(len(request.options))) * MASS
        return np.where([option in self.impossible for option in request.options], 0.0, found)

    def score(self, requests: Sequence[Request]) -> list[OptionScores]:
        self.seen += requests
        self.batches.append(len(requests))
        with np.errstate(divide="ignore"):
            scores = [np.log(self.probabilities(request)) for request in requests]
        return [
            OptionScores(np.full(len(row), np.nan) if request.interview in self.broken else row)
            for request, row in zip(requests, scores, strict=True)
        ]

    def score_paths(self, paths: Sequence[Sequence[Request]]) -> list[list[OptionScores]]:
        return [self.score(path) for path in paths]

    def release(self, interviews: Sequence[str]) -> None:
        self.released += interviews

    def render(self, messages: Sequence[Message]) -> str:
        return "\n".join(message.content for message in messages)


def survey(mode: str = "sequential", order: str = "fixed", **parts: Any) -> Task:
    """Two arms, two profile fields, three items."""
    items = [
        {"name": "belief", "role": "belief", "kind": "ordinal", "question": "Belief?",
         "options": {"1": "low", "2": "middle", "3": "high"}, "missing": {"9": "refused"}},
        {"name": "trust", "role": "belief", "kind": "ordinal", "question": "Trust?",
         "options": {"1": "little", "2": "some", "3": "much", "4": "full"}, "missing": {"9": "refused"}},
        {"name": "act", "role": "action", "kind": "nominal", "question": "Act?", "options": {"no": "No", "yes": "Yes"}},
    ]  # fmt: skip
    interview = {"mode": mode, "order": order, "system": "A survey.", "instruction": "One letter."}
    return make_task(items=items, interview=interview, **parts)
