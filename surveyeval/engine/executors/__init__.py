"""Where blocks are answered: in this process, or by workers elsewhere.

An executor yields finished blocks, in any order and each at least once. The runner alone writes, and drops what it holds
already; draws depend on the seed, the respondent and the item. So the results are the same whatever the executor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from surveyeval.engine.asking import Asker
from surveyeval.engine.executor import Answering
from surveyeval.engine.executors.local import Local
from surveyeval.errors import ConfigError, did_you_mean
from surveyeval.model.build import NamedModel
from surveyeval.model.protocol import Fingerprint
from surveyeval.model.strings import build_options, parse_executor_string
from surveyeval.progress import Progress

__all__ = ["NAMES", "Executor", "Local", "open_executor", "opened"]

#: What can be written before the options.
NAMES = ("local", "ray")


class Executor(Protocol):
    """Where the blocks of runs are answered. One model at a time; `close` ends what is left."""

    name: str

    def fingerprint(self, named: NamedModel, progress: Progress) -> Fingerprint:
        """What the model is where it will answer, from which the run's identity is made."""

    def attach(self, asker: Asker, named: NamedModel, fingerprint: Fingerprint) -> Answering:
        """Get ready to answer for this asker, with a model of this fingerprint and no other."""

    def train(self, due: Mapping[Path, Callable[..., object]], progress: Progress) -> None:
        """Do trainings that know nothing of each other at the same time, if there is more than one place for them.

        Parameters
        ----------
        due : mapping of folder to callable
            Where a training leaves its result, and what does it, with the argument ``progress``. Every call goes on with
            what an earlier one left; what is not done here is done when it is needed.
        progress : Progress
        """

    def close(self) -> None:
        """End all workers."""


def open_executor(text: str, settings: Mapping[str, str] | None = None) -> Executor:
    """Build an executor from ``local`` or ``ray?workers=4&gpus_per_worker=0.5``. Nothing is started yet.

    Parameters
    ----------
    text : str
    settings : mapping, optional
        Further options, as from ``-E key=value``.

    Raises
    ------
    ConfigError
        When the name or an option is wrong.
    MissingExtraError
        When Ray is not installed.
    """
    parsed = parse_executor_string(text, settings)
    if parsed.name not in NAMES:
        hint = did_you_mean(parsed.name, NAMES) or f"executors: {', '.join(NAMES)}"
        raise ConfigError(f"there is no executor {parsed.name!r}", hint=hint)
    if parsed.name == "local":
        build_options(None, parsed)
        return Local()
    from surveyeval.engine.executors.options import RayOptions
    from surveyeval.engine.executors.ray import Ray

    return Ray(build_options(RayOptions, parsed))


@contextmanager
def opened(executor: str | Executor) -> Iterator[Executor]:
    """An executor that is closed at the end if it was given as a string; one that is there already stays open."""
    if not isinstance(executor, str):
        yield executor
        return
    own = open_executor(executor)
    try:
        yield own
    finally:
        own.close()
