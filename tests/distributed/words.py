"""A plugin's language model without weights, for workers: it tells where it was asked, and can be made to misbehave.

Nothing of how it misbehaves is part of its fingerprint, so that a run may be compared with one that went well.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from surveyeval.errors import ModelError
from surveyeval.hookspecs import Register, hookimpl
from surveyeval.model.protocol import Fingerprint, Message, OptionScores, Request
from tests.engine.talkers import Talker


class WordsOptions(BaseModel):
    """``folder`` is where traces are left; what is in it says how the model behaves."""

    model_config = {"extra": "forbid"}

    folder: str
    pause: float = 0.0
    block: int = 4
    calibrate: str = "none"
    examples: int = 0


class Words(Talker):
    """Answers like a `Talker`.

    In its folder, ``loads`` and ``calls`` get a file for each process that loads it and for each call. ``odd``: the first
    process to find and remove it has other weights. ``fails``, ``breaks``: it raises, on purpose or not. ``fatal``: the
    process ends at once.
    """

    def __init__(self, reference: str, options: WordsOptions) -> None:
        super().__init__(block=options.block, calibrate=options.calibrate, examples=options.examples)
        self.options, self.folder = options, Path(options.folder)

    def fingerprint(self) -> Fingerprint:
        value = "other words" if self._taken("odd") else "words"
        return Fingerprint("content", value, {"weights": value})

    def load(self) -> None:
        super().load()
        self._leave("loads", str(os.getpid()))

    def score(self, requests: Sequence[Request]) -> list[OptionScores]:
        self._leave("calls", f"{time.time_ns()}-{os.getpid()}")
        time.sleep(self.options.pause)
        if (self.folder / "fails").exists():
            raise ModelError("the words are gone", hint="find them")
        if (self.folder / "breaks").exists():
            raise ValueError("this was not foreseen")
        if (self.folder / "fatal").exists():
            os._exit(9)
        return super().score(requests)

    def render(self, messages: Sequence[Message]) -> str:
        self._leave("renders", str(os.getpid()))
        return super().render(messages)

    def _leave(self, kind: str, name: str) -> None:
        (self.folder / kind).mkdir(parents=True, exist_ok=True)
        (self.folder / kind / name).touch()

    def _taken(self, name: str) -> bool:
        try:
            (self.folder / name).unlink()
        except FileNotFoundError:
            return False
        return True


@hookimpl
def surveyeval_register(register: Register) -> None:
    register.model(
        "words", "tests.distributed.words:Words", summary="words", options="tests.distributed.words:WordsOptions"
    )
