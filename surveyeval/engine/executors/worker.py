"""What runs in a worker: one model, which is asked block by block.

A worker keeps nothing that is not made again: it may end at any moment. It writes no file of the run.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval import __version__
from surveyeval.data.sample import Sample
from surveyeval.engine.asking import LanguageAsker
from surveyeval.engine.cache import ResponseCache
from surveyeval.engine.cache_keys import own_code
from surveyeval.engine.experiment import Experiment, sending
from surveyeval.engine.journal import Journal, Replies
from surveyeval.engine.plan import Block
from surveyeval.engine.store import BlockAnswers
from surveyeval.errors import ConfigError, ModelError, SurveyevalError
from surveyeval.model.build import NamedModel, build_model
from surveyeval.model.host import Preparation
from surveyeval.model.protocol import Fingerprint, LanguageModel
from surveyeval.model.remembered import one_by_one
from surveyeval.progress import Silent
from surveyeval.task.interview import Message

__all__ = ["Answered", "Job", "Placed", "Worker", "Written", "differing", "train", "versions"]


def versions() -> dict[str, str]:
    """What must be alike where a run is planned and where it is answered."""
    return {"surveyeval": __version__, "its code": own_code()[:12], "numpy": np.__version__}


def differing(found: Mapping[str, str], node: str) -> ModelError | None:
    """What is other on a machine than here, if anything is."""
    own = versions()
    differ = [f"{name} {found.get(name)} and not {own[name]}" for name in own if found.get(name) != own[name]]
    if not differ:
        return None
    return ModelError(
        f"the worker on {node} has {', '.join(differ)}",
        hint="install the same version on every machine of the cluster as where the command runs",
    )


@dataclass(frozen=True)
class Placed:
    """How a worker introduces itself: plain data, so that any version can read it.

    Parameters
    ----------
    node : str
        Host name and process.
    versions : dict
    fingerprint : Fingerprint, optional
        None when the model could not be built.
    error : SurveyevalError, optional
        Why.
    """

    node: str
    versions: dict[str, str]
    fingerprint: Fingerprint | None = None
    error: SurveyevalError | None = None


@dataclass(frozen=True, eq=False)
class Job:
    """What is the same for all blocks of a run. The experiment holds no test people: they come with their block.

    Parameters
    ----------
    experiment : Experiment
    trained : (n,) bool array
        Which people of the pilot the model was trained on.
    preparation : Preparation, optional
        What the model takes from the pilot; None while that is to be found.
    """

    experiment: Experiment
    trained: NDArray[np.bool_]
    preparation: Preparation | None = None


@dataclass(frozen=True, eq=False)
class Written(BlockAnswers):
    """Answers with the line that is written of them, so that the one process that writes need not make it. Not to be changed."""

    text: str = ""

    @classmethod
    def of(cls, record: BlockAnswers) -> Written:
        """A block's answers, written."""
        return cls(**{part.name: getattr(record, part.name) for part in fields(record)}, text=record.to_json())

    def to_json(self) -> str:
        """The line."""
        return self.text


@dataclass(frozen=True, eq=False)
class Answered:
    """What came of a call: a value, or an error that the user is to see.

    Parameters
    ----------
    value : object
    error : SurveyevalError, optional
    seconds : float
    replies : dict
        To single requests of a block that is not whole, of models that answer requests one by one.
    """

    value: Any = None
    error: SurveyevalError | None = None
    seconds: float = 0.0
    replies: dict[str, Any] = field(default_factory=dict)


class _Carried(Journal):
    """Replies of the block in work, in memory: what is on disk is with the driver."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self._known, self.fresh = dict(known), dict[str, Any]()

    def of(self, block: int) -> Replies:
        """The replies, whichever the number: there is one block at a time."""
        return _InMemory(self._known, self.fresh)


class _InMemory(Replies):
    def __init__(self, known: dict[str, Any], fresh: dict[str, Any]) -> None:
        self._all, self._fresh = known, fresh

    def get(self, key: str) -> Any:
        return self._all.get(key)

    def put(self, replies: Mapping[str, Any]) -> None:
        self._all |= replies
        self._fresh |= replies


class Worker:
    """One copy of a model. Its methods raise nothing that was raised on purpose: errors are part of what they return.

    Parameters
    ----------
    name, string : str
        The model as the user named it.
    folder : str
        Where relative paths of a model string begin, if it is there.
    """

    def __init__(self, name: str, string: str, folder: str) -> None:
        self._name, self._string, self._folder = name, string, folder
        self._model: LanguageModel | None = None
        self._fingerprint: Fingerprint | None = None
        self._asker: LanguageAsker | None = None

    def introduce(self) -> Placed:
        """Build the model, without its weights, and tell what it is."""
        node = _node()
        _enter(self._folder)
        try:
            model = build_model(self._string).model
            assert isinstance(model, LanguageModel)
            self._model, self._fingerprint = model, model.fingerprint()
        except SurveyevalError as error:
            return Placed(node, versions(), error=error)
        return Placed(node, versions(), self._fingerprint)

    def assign(self, job: Job) -> Answered:
        """Take on a run."""
        assert self._model is not None
        assert self._fingerprint is not None
        sender = sending(self._model)
        if sender is not None and job.experiment.send_profiles:
            sender.allow_profiles()
        loaded = self._asker is not None and self._asker.loaded
        named = NamedModel(self._name, self._string, self._model)
        self._asker = LanguageAsker(
            named, self._model, self._fingerprint, job.experiment, job.trained, ResponseCache(None), Silent()
        )
        self._asker.loaded = loaded
        if job.preparation is not None:
            self._asker.take(job.preparation)
        return Answered()

    def fit(self) -> Answered:
        """The calibration on the pilot: a `Calibration`."""
        return self._answered(lambda asker: asker.preparation.calibration)

    def render(self, messages: Sequence[Message]) -> Answered:
        """The exact text that the model reads."""
        return self._answered(lambda asker: asker.rendered(messages))

    def ask(self, block: Block, people: Sample, replies: Mapping[str, Any]) -> Answered:
        """Answers of a block: a `BlockAnswers`.

        Parameters
        ----------
        block : Block
        people : Sample
            Its respondents; with their answers where the probabilities of these are asked for.
        replies : mapping
            To requests of this block that were answered before, of models that answer requests one by one.
        """
        carried = _Carried(replies)

        def asked(asker: LanguageAsker) -> BlockAnswers:
            asker.experiment = replace(asker.experiment, test=people)
            asker.journal = carried if one_by_one(asker.model) else None
            asker.load()
            return Written.of(replace(asker.ask(Block(block.number, block.draw, 0, people.n)), block=block))

        found = self._answered(asked)
        whole = isinstance(found.value, BlockAnswers) and not found.value.failed
        return found if whole else replace(found, replies=carried.fresh)

    def _answered(self, call: Callable[[LanguageAsker], Any]) -> Answered:
        assert self._asker is not None
        started = time.monotonic()
        try:
            return Answered(call(self._asker), seconds=time.monotonic() - started)
        except SurveyevalError as error:
            return Answered(error=error)


def train(call: Callable[..., object], target: Path, folder: str) -> tuple[Placed, Answered]:
    """Do a training, whose result is left on a disk that all machines share.

    Parameters
    ----------
    call : callable
    target : Path
        Folder of the result; the one above it is there.
    folder : str
        Where relative paths begin.
    """
    placed = Placed(_node(), versions())
    _enter(folder)
    try:
        if not target.parent.is_dir():
            raise ConfigError(
                f"the machine of the worker on {placed.node} has no such folder",
                file=str(target.parent),
                hint="put the study's --output on a file system that every machine of the cluster has",
            )
        call(progress=Silent())
    except SurveyevalError as error:
        return placed, Answered(error=error)
    return placed, Answered()


def _node() -> str:
    return f"{platform.node()}, process {os.getpid()}"


def _enter(folder: str) -> None:
    """Relative paths begin where the command runs, if that is there."""
    if Path(folder).is_dir():
        os.chdir(folder)
