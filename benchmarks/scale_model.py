"""A language model that costs nothing, for measuring everything else: the plugin that `scale.py` installs for its workers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from surveyeval.hookspecs import Register, hookimpl
from surveyeval.model.protocol import Capabilities, Fingerprint, Message, OptionScores, Request

#: What makes it a distribution with an entry point, in a folder for PYTHONPATH.
METADATA = {
    "METADATA": "Metadata-Version: 2.1\nName: scale-model\nVersion: 1.0\n",
    "entry_points.txt": "[surveyeval]\nscale = scale_model\n",
}


class Nothing:
    """All options are equally probable."""

    capabilities = Capabilities(log_prob=True)
    block_size = 32

    def __init__(self, reference: str, options: None = None) -> None:
        self._scores = {k: OptionScores(np.full(k, np.log(0.9 / k))) for k in range(1, 50)}

    def fingerprint(self) -> Fingerprint:
        return Fingerprint("content", "nothing")

    def banners(self) -> Sequence[str]:
        return ()

    def load(self) -> None:
        pass

    def score(self, requests: Sequence[Request]) -> list[OptionScores]:
        return [self._scores[len(request.options)] for request in requests]

    def score_paths(self, paths: Sequence[Sequence[Request]]) -> list[list[OptionScores]]:
        return [self.score(path) for path in paths]

    def release(self, interviews: Sequence[str]) -> None:
        pass

    def render(self, messages: Sequence[Message]) -> str:
        return "\n".join(message.content for message in messages)


def install(folder: Path) -> None:
    """Write the metadata."""
    info = folder / "scale_model-1.0.dist-info"
    info.mkdir(parents=True)
    for name, text in METADATA.items():
        (info / name).write_text(text)


@hookimpl
def surveyeval_register(register: Register) -> None:
    register.model("nothing", "scale_model:Nothing", summary="a model that costs nothing")
