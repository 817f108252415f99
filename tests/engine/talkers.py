"""Language models without weights that score options and write texts, and runs with them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval import api
from surveyeval.engine.cache import open_cache
from surveyeval.engine.experiment import prepare
from surveyeval.engine.manifest import RunOptions
from surveyeval.engine.run import Run
from surveyeval.engine.runner import simulate
from surveyeval.errors import ModelError
from surveyeval.model.build import NamedModel, build_model
from surveyeval.model.protocol import Capabilities, Fingerprint, OptionScores, Request, Text, TextRequest
from surveyeval.progress import Silent
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from tests.model.scorers import WordScorer

#: Files of a run that must not depend on where its answers came from.
RESULTS = ("responses.parquet", "metrics.json", "tables.json", "prompts.jsonl")


class Talker(WordScorer):
    """Writes what depends on every word of the conversation, and on the seed where it may sample.

    Parameters
    ----------
    value, kind : str
        Of the fingerprint; another value is another model, which answers otherwise.
    silent, declines : float
        Shares of texts that name no option, and that decline.
    fails_at : int, optional
        Number of the call (from 1) at which it fails.
    """

    capabilities = Capabilities(("choice", "generate", "verbalized"), log_prob=True)

    def __init__(
        self,
        value: str = "words",
        kind: str = "content",
        *,
        silent: float = 0.0,
        declines: float = 0.0,
        fails_at: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.value, self.kind, self.silent, self.declines, self.fails_at = value, kind, silent, declines, fails_at
        self.loads = self.calls = self.written = 0
        self.notes: list[str] = []

    def fingerprint(self) -> Fingerprint:
        return Fingerprint(self.kind, self.value)

    def load(self) -> None:
        self.loads += 1

    def _called(self) -> None:
        self.calls += 1
        if self.fails_at is not None and self.calls >= self.fails_at:
            raise ModelError("the server is gone", hint="start it again")

    def probabilities(self, request: Request) -> np.ndarray:
        return np.roll(super().probabilities(request), len(self.value))

    def score(self, requests: Sequence[Request]) -> list[OptionScores]:
        self._called()
        return super().score(requests)

    def generate(self, requests: Sequence[TextRequest]) -> list[Text]:
        self._called()
        self.written += len(requests)
        return [self._text(request) for request in requests]

    def _text(self, request: TextRequest) -> Text:
        said = repr([(turn.role, turn.content) for turn in request.messages]) + self.value
        sampled = request.seed if request.temperature else 0
        rng = np.random.default_rng(
            [int.from_bytes(hashlib.sha256(said.encode()).digest()[:8], "big"), sampled]
        )  # fmt: skip
        names = re.findall(r"^([A-Z])\) ", request.messages[-1].content, re.MULTILINE)
        if "%" in request.messages[-1].content:
            shares = rng.multinomial(100, np.ones(len(names)) / len(names))
            return Text("\n".join(f"{name}: {share}%" for name, share in zip(names, shares, strict=True)))
        chance = rng.random()
        if chance < self.silent:
            return Text("Well, that depends.")
        if chance < self.silent + self.declines:
            return Text("I'm sorry, but I cannot answer that question.")
        return Text(str(rng.choice(names)))


def run(
    monkeypatch: pytest.MonkeyPatch, task: Path, output: Path, models: Any, *others: str, **options: Any
) -> api.Runs:
    """`api.run` with models that are there already, under the string ``words:NAME``, and others by their string."""
    given = models if isinstance(models, dict) else {"words": models}
    named = [NamedModel(name, f"words:{name}", model) for name, model in given.items()]
    monkeypatch.setattr(
        "surveyeval.model.build.build_models",
        lambda texts, settings=None: [*named, *(build_model(text) for text in texts if not text.startswith("words:"))],
    )
    strings = [*(one.string for one in named), *others]
    defaults: dict[str, Any] = {"limit": 10, "splits": 2, "output": output}
    return api.run(task=str(task), model=strings, **{**defaults, **options})


def simulated(task: Path, output: Path, models: Any, *others: str, cache: bool = True, again: bool = False,
              progress: Any = None, **options: Any) -> list[Run]:  # fmt: skip
    """Answers alone, without scoring and card, which take longer than models like these."""
    given = models if isinstance(models, dict) else {"words": models}
    named = [*(NamedModel(name, f"words:{name}", model) for name, model in given.items()), *map(build_model, others)]
    loaded = load_task(str(task))
    asked = RunOptions(**{"limit": 10, **options})
    experiment = prepare(loaded, load_human(loaded), asked, named)
    kept = open_cache(use=cache, again=again)
    return [
        simulate(experiment, one, output, config={"task": str(task)}, command="", again=again,
                 progress=progress or Silent(), cache=kept)
        for one in named
    ]  # fmt: skip


def results(one: Any) -> dict[str, bytes]:
    """The bytes of a run's results; those of metrics without the run's identity."""
    return {name: (one.folder / name).read_bytes() for name in RESULTS if (one.folder / name).exists()}
