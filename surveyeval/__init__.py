"""surveyeval: can simulated survey respondents be trusted, and for what?

Public names are loaded when first used, so that importing surveyeval costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from surveyeval.api import Runs, compare, finetune, load_task, power, report, run, runs, score, study
    from surveyeval.data.sample import Sample
    from surveyeval.engine.run import Run
    from surveyeval.errors import SurveyevalError
    from surveyeval.hookspecs import hookimpl
    from surveyeval.task.task import Task

_PLACES = {
    "Run": "surveyeval.engine.run",
    "Runs": "surveyeval.api",
    "Sample": "surveyeval.data.sample",
    "SurveyevalError": "surveyeval.errors",
    "Task": "surveyeval.task.task",
    "compare": "surveyeval.api",
    "finetune": "surveyeval.api",
    "hookimpl": "surveyeval.hookspecs",
    "load_task": "surveyeval.api",
    "power": "surveyeval.api",
    "report": "surveyeval.api",
    "run": "surveyeval.api",
    "runs": "surveyeval.api",
    "score": "surveyeval.api",
    "study": "surveyeval.api",
}

__all__ = [
    "Run",
    "Runs",
    "Sample",
    "SurveyevalError",
    "Task",
    "__version__",
    "compare",
    "finetune",
    "hookimpl",
    "load_task",
    "power",
    "report",
    "run",
    "runs",
    "score",
    "study",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'surveyeval' has no attribute {name!r}")
    value = getattr(import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
