"""Dividing the people of a stored run again, as the run did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.files import digest
from surveyeval.data.sample import Sample
from surveyeval.engine.experiment import Experiment, prepare, split_people, trained_on
from surveyeval.engine.manifest import RunOptions
from surveyeval.engine.responses import read_respondents
from surveyeval.engine.run import Run
from surveyeval.errors import RunError
from surveyeval.model.build import build_model
from surveyeval.task.human import HumanData
from surveyeval.task.task import Task

__all__ = ["divided_as"]


def divided_as(stored: Run, task: Task, people: HumanData) -> Experiment:
    """Divide the people again as a run did.

    A study divides by its own file. Of its runs the test people are those who have answers, and the pilot is the first so many
    people of the split, where these are the ones; else it is nobody, since a run does not tell who they were.

    Raises
    ------
    RunError
        When the test people are not those of the run.
    """
    recorded = stored.manifest["identity"]
    options = RunOptions(**{**recorded["options"], "hidden": tuple(recorded["options"]["hidden"])})
    if "study" in stored.config:
        return _of_a_study(stored, task, people, options)
    experiment = prepare(task, people, options, [])
    if digest(list(experiment.test.respondent)) == recorded["test"]:
        return experiment
    # people on whom its adapter was trained were left out
    _, rows = experiment.split.divide(options.pilot)
    path = stored.folder / "responses.parquet"
    if path.exists():
        answered = read_respondents(path)
        rows = np.array([row for row in rows if people.sample.respondent[row] in answered], dtype=np.int64)
    else:
        trained = trained_on(build_model(stored.manifest["model"]["string"]).model, task, people)
        rows = rows[~trained[rows]][: options.limit]
    return replace(experiment, test=_test(stored, people, rows))


def _test(stored: Run, people: HumanData, rows: NDArray[np.int64]) -> Sample:
    test = people.sample.take(rows)
    if digest(list(test.respondent)) != stored.manifest["identity"]["test"]:
        raise RunError(
            "the test people are not those of this run",
            file=stored.folder.name,
            hint="were people added to the data, or was the run made by another version of surveyeval?",
        )
    return test


def _of_a_study(stored: Run, task: Task, people: HumanData, options: RunOptions) -> Experiment:
    split = split_people(task, people)
    answered = read_respondents(stored.responses_path)
    inside = [row for row in split.order if people.sample.respondent[row] in answered]
    first = people.sample.take(split.order[: int(options.pilot)])
    known = digest(list(first.respondent)) == stored.manifest["identity"]["pilot"]
    pilot = first if known else first.take(np.arange(0))
    return Experiment(task, people, split, pilot, _test(stored, people, np.array(inside, dtype=np.int64)), options)
