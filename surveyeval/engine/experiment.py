"""A task with its people divided, and models that can do what is asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.design import design_of
from surveyeval.data.sample import Sample
from surveyeval.data.split import Split, make_split
from surveyeval.engine.manifest import RunOptions
from surveyeval.engine.readable import MOST_DRAWS
from surveyeval.errors import ConfigError, DataError, RunError, did_you_mean
from surveyeval.model.build import NamedModel, build_elicitation, check_elicitation
from surveyeval.model.prepare import check as check_pilot
from surveyeval.model.protocol import Checked, LanguageModel, Respondent, Trained
from surveyeval.task.human import HumanData
from surveyeval.task.task import Task

__all__ = [
    "Experiment",
    "SendsProfiles",
    "check_model",
    "check_options",
    "prepare",
    "sending",
    "split_people",
    "trained_in_pilot",
    "trained_on",
]


@runtime_checkable
class SendsProfiles(Protocol):
    """A model that may live on another machine, and sends nobody's profile there before it is allowed to."""

    def allow_profiles(self) -> None:
        """From now on profiles may be sent."""

    def destination(self) -> str | None:
        """The machine that interviews are sent to, or None when they stay on this one."""

    def check(self, task: Task, everybody: Sample, hidden: frozenset[str] = frozenset()) -> None:
        """Raise a SurveyevalError that names the columns that would leave, unless that is allowed."""


def sending(model: object) -> SendsProfiles | None:
    """The model, if it is one that may send profiles."""
    return model if isinstance(model, SendsProfiles) else None


@dataclass(frozen=True, eq=False)
class Experiment:
    """A task with its people divided: who informs models, who tests them.

    ``removed`` counts test people left out because an adapter was trained on them. ``send_profiles``: the user allowed
    that profiles leave this machine.
    """

    task: Task
    human: HumanData
    split: Split
    pilot: Sample
    test: Sample
    options: RunOptions
    removed: int = 0
    send_profiles: bool = False

    @property
    def hidden(self) -> frozenset[str]:
        """Profile fields that models must not see."""
        return frozenset(self.options.hidden)


def prepare(
    task: Task,
    human: HumanData,
    options: RunOptions,
    models: Sequence[NamedModel],
    *,
    send_profiles: bool = False,
) -> Experiment:
    """Divide the people, check that every model can do what is asked, and fit those that learn from the pilot.

    Parameters
    ----------
    task : Task
    human : HumanData
    options : RunOptions
        The elicitation is that of language models; other models have no need of one.
    models : sequence of NamedModel
    send_profiles : bool
        Allow models behind a server that it is sent profiles.

    Raises
    ------
    CapabilityError
        When a language model cannot be asked so.
    ConfigError
        When an option names something that the task does not have, or there is no such elicitation.
    """
    check_options(task, options)
    elicitation = build_elicitation(options.elicitation)
    for named in models:
        if isinstance(named.model, LanguageModel):
            check_elicitation(named, elicitation)
        check_model(named.model, task, human.sample, frozenset(options.hidden), send_profiles)
    split = split_people(task, human)
    pilot_rows, test_rows = split.divide(options.pilot)
    pilot, hidden = human.sample.take(pilot_rows), frozenset(options.hidden)
    trained = np.zeros(human.sample.n, dtype=bool)
    for named in models:
        own = trained_on(named.model, task, human)
        trained |= own
        check_pilot(named.model, task, pilot, hidden, own[pilot_rows], elicitation)
    kept = test_rows[~trained[test_rows]]
    if len(kept) == 0:
        raise RunError(
            "no test people are left: the adapter was trained on all of them",
            hint="train on the task's pilot pool (`--pilot` counts from it), or use other data",
        )
    everybody = human.sample.take(kept)
    test = everybody if options.limit is None else human.sample.take(kept[: options.limit])
    _check_design(task, test, everybody)  # refused before any model has worked
    for named in models:
        if isinstance(named.model, Respondent) and named.model.capabilities.needs_pilot:
            named.model.fit(task, pilot)
    return Experiment(task, human, split, pilot, test, options, len(test_rows) - len(kept), send_profiles)


def _check_design(task: Task, test: Sample, everybody: Sample) -> None:
    """Refuse strata with one PSU; where only a limit makes them so, the task is not to be changed for it.

    Raises
    ------
    DataError
    """
    rule = task.spec.source.lonely_psu
    try:
        design_of(test, rule, file=task.file)
    except DataError as error:
        if test.n == everybody.n:
            raise
        design_of(everybody, rule, file=task.file)  # what holds without a limit is said as it is
        first = f"a larger --limit avoids it: these are {test.n} of {everybody.n} test people, and among all of them it is not so"
        raise DataError(
            problems=[replace(one, hint=f"{first}. Otherwise {one.hint}") for one in error.problems]
        ) from error


def check_model(model: object, task: Task, everybody: Sample, hidden: frozenset[str], send_profiles: bool) -> None:
    """Refuse a model that cannot have these people: their profiles would leave this machine, or it has its own reason."""
    sender = sending(model)
    if sender is not None:
        if send_profiles:
            sender.allow_profiles()
        sender.check(task, everybody, hidden)
    elif isinstance(model, Checked):
        model.check(task, everybody)


def trained_on(model: Respondent | LanguageModel, task: Task, human: HumanData) -> NDArray[np.bool_]:
    """(n,) mask of the people that a model was trained on."""
    return model.trained_on(task, human) if isinstance(model, Trained) else np.zeros(human.sample.n, dtype=bool)


def trained_in_pilot(model: Respondent | LanguageModel, experiment: Experiment) -> NDArray[np.bool_]:
    """(n,) mask of the pilot people that a model was trained on."""
    # by identifier: the pilot of a study's design is not the front of the split
    known = set(experiment.human.sample.respondent[trained_on(model, experiment.task, experiment.human)])
    return np.array([name in known for name in experiment.pilot.respondent], dtype=bool)


def split_people(task: Task, human: HumanData) -> Split:
    """The split of a task's people: one for each task and data set."""
    return make_split(human.sample, f"{task.name}:{human.sha256}")


def check_options(task: Task, options: RunOptions) -> None:
    """Refuse options that name what the task does not have, or numbers that are too small or too large."""
    for name in options.hidden:
        if name not in task.profile:
            hint = did_you_mean(name, task.profile) or f"the profile has {', '.join(task.profile) or 'no fields'}"
            raise ConfigError(f"cannot hide {name!r}: it is not in the profile of task {task.name!r}", hint=hint)
    for name, value, least in (("limit", options.limit, 1), ("draws", options.draws, 1), ("splits", options.splits, 2)):
        if value is not None and value < least:
            raise ConfigError(f"{name} is {value}, it must be at least {least}")
    if options.draws > MOST_DRAWS:
        raise ConfigError(f"draws is {options.draws}, it must be at most {MOST_DRAWS}")
