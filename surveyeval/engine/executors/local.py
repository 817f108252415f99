"""One block after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from surveyeval.engine.asking import Asker
from surveyeval.engine.executor import Answering, InThisProcess
from surveyeval.model.build import NamedModel
from surveyeval.model.protocol import Fingerprint
from surveyeval.progress import Progress

__all__ = ["Local"]


class Local:
    """The executor of a command that names none."""

    name = "local"

    def fingerprint(self, named: NamedModel, progress: Progress) -> Fingerprint:
        """Of the model itself."""
        return named.model.fingerprint()

    def attach(self, asker: Asker, named: NamedModel, fingerprint: Fingerprint) -> Answering:
        """Nothing has to be made ready."""
        return InThisProcess(asker)

    def train(self, due: Mapping[Path, Callable[..., object]], progress: Progress) -> None:
        """One place: every training is done when it is needed."""

    def close(self) -> None:
        """Nothing is left."""
