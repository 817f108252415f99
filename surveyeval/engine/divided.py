"""Dividing the people of a stored run again, as the run did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from surveyeval.data.files import digest
from surveyeval.engine.experiment import Experiment, prepare, trained_on
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

    Raises
    ------
    RunError
        When the test people are not those of the run.
    """
    recorded = stored.manifest["identity"]
    options = RunOptions(**{**recorded["options"], "hidden": tuple(recorded["options"]["hidden"])})
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
    test = people.sample.take(rows)
    if digest(list(test.respondent)) != recorded["test"]:
        raise RunError(
            "the test people are not those of this run",
            file=stored.folder.name,
            hint="were people added to the data, or was the run made by another version of surveyeval?",
        )
    return replace(experiment, test=test)
