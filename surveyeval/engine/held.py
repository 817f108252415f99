"""How much of a run the response cache already holds, found before the run and without the model's weights."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from surveyeval.engine.asking import LanguageAsker
from surveyeval.engine.cache import ResponseCache, connected, path_of_responses
from surveyeval.engine.experiment import Experiment, trained_in_pilot
from surveyeval.engine.plan import Block, make_plan
from surveyeval.engine.store import BlockAnswers
from surveyeval.errors import SurveyevalError
from surveyeval.model import host
from surveyeval.model.build import NamedModel
from surveyeval.model.calibrate import Calibration
from surveyeval.model.protocol import LanguageModel
from surveyeval.progress import Silent
from surveyeval.task.interview import Message

__all__ = ["interviews_held"]


class _NotFittedError(Exception):
    """The model would have to be loaded to be calibrated."""


class _Nobody:
    """Stands where workers hold the model, and works for nobody."""

    def fit(self) -> Calibration:
        raise _NotFittedError

    def render(self, messages: Sequence[Message]) -> str:
        raise _NotFittedError


def interviews_held(experiment: Experiment, named: NamedModel, cache: ResponseCache) -> tuple[int, int] | None:
    """Interviews that would be read from the response cache, and all that the run would put.

    Parameters
    ----------
    experiment : Experiment
        The run as it would be made.
    named : NamedModel
    cache : ResponseCache

    Returns
    -------
    held, all : int
        None where it cannot be told without the model, or where the cache is not used.
    """
    model = named.model
    if not isinstance(model, LanguageModel) or not cache.used or not _ever_asked(named.string):
        return None
    try:
        trained = trained_in_pilot(model, experiment)
        asker = LanguageAsker(named, model, model.fingerprint(), experiment, trained, cache, Silent())
        asker.away = _Nobody()
        size = host.block_size(model, experiment.test.n)
        plan = make_plan(list(experiment.test.respondent), experiment.options.draws, size)
        blocks = [block for block in plan.blocks if asker.first_of(block) is None]
        held = [block for block in blocks if asker.known(block, _never) is not None]
    except _NotFittedError:
        return None
    except SurveyevalError:  # the model's files are not at hand: what it would be is not known
        return None
    sizes = [sum(block.stop - block.start for block in some) for some in (held, blocks)]
    return sizes[0], sizes[1]


def _never(block: Block) -> BlockAnswers:
    raise AssertionError("blocks of draws that follow from the first are left out")


def _ever_asked(string: str) -> bool:
    """Whether the cache holds anything of a model of this name: else its weights need not even be on this machine."""
    path = path_of_responses()
    try:
        if not path.exists():
            return False
        with connected(path) as connection:
            found = connection.execute("select 1 from responses where string = ? limit 1", [string]).fetchone()
    except (sqlite3.Error, OSError):
        return False
    return found is not None
