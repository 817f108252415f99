"""surveyeval: can simulated survey respondents be trusted, and for what?

Public names are loaded when first used, so that importing surveyeval costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from surveyeval.api import (
        Runs,
        compare,
        export,
        finetune,
        leaderboard,
        load_task,
        power,
        report,
        run,
        runs,
        score,
        study,
    )
    from surveyeval.data.sample import Sample
    from surveyeval.engine.forecast import plan
    from surveyeval.engine.preview import preview
    from surveyeval.engine.profiles import simulate
    from surveyeval.engine.run import Run
    from surveyeval.errors import SurveyevalError
    from surveyeval.hookspecs import hookimpl
    from surveyeval.task.frame import task_from_frame
    from surveyeval.task.init import init_task
    from surveyeval.task.task import Task

_PLACES = {
    "Run": "surveyeval.engine.run",
    "Runs": "surveyeval.api",
    "Sample": "surveyeval.data.sample",
    "SurveyevalError": "surveyeval.errors",
    "Task": "surveyeval.task.task",
    "compare": "surveyeval.api",
    "export": "surveyeval.api",
    "finetune": "surveyeval.api",
    "hookimpl": "surveyeval.hookspecs",
    "init_task": "surveyeval.task.init",
    "leaderboard": "surveyeval.api",
    "load_task": "surveyeval.api",
    "plan": "surveyeval.engine.forecast",
    "power": "surveyeval.api",
    "preview": "surveyeval.engine.preview",
    "report": "surveyeval.api",
    "run": "surveyeval.api",
    "runs": "surveyeval.api",
    "score": "surveyeval.api",
    "simulate": "surveyeval.engine.profiles",
    "study": "surveyeval.api",
    "task_from_frame": "surveyeval.task.frame",
}

__all__ = [
    "Run",
    "Runs",
    "Sample",
    "SurveyevalError",
    "Task",
    "__version__",
    "compare",
    "export",
    "finetune",
    "hookimpl",
    "init_task",
    "leaderboard",
    "load_task",
    "plan",
    "power",
    "preview",
    "report",
    "run",
    "runs",
    "score",
    "simulate",
    "study",
    "task_from_frame",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'surveyeval' has no attribute {name!r}")
    value = getattr(import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
