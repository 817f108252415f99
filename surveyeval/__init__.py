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
        cache_info,
        check_submission,
        clear_cache,
        compare,
        export,
        export_tier,
        finetune,
        leaderboard,
        load_task,
        metrics,
        power,
        probe,
        report,
        run,
        runs,
        sample,
        score,
        study,
        verify,
    )
    from surveyeval.data.sample import Sample
    from surveyeval.engine.doctor import doctor
    from surveyeval.engine.forecast import plan
    from surveyeval.engine.preview import preview
    from surveyeval.engine.profiles import simulate
    from surveyeval.engine.run import Run
    from surveyeval.engine.seal import check_seal, make_seal
    from surveyeval.errors import SurveyevalError
    from surveyeval.hookspecs import hookimpl
    from surveyeval.reporting.disclosure import disclosure
    from surveyeval.task.frame import task_from_frame
    from surveyeval.task.init import init_task
    from surveyeval.task.task import Task

_PLACES = {
    "Run": "surveyeval.engine.run",
    "Runs": "surveyeval.api",
    "Sample": "surveyeval.data.sample",
    "SurveyevalError": "surveyeval.errors",
    "Task": "surveyeval.task.task",
    "cache_info": "surveyeval.api",
    "check_seal": "surveyeval.engine.seal",
    "check_submission": "surveyeval.api",
    "clear_cache": "surveyeval.api",
    "compare": "surveyeval.api",
    "disclosure": "surveyeval.reporting.disclosure",
    "doctor": "surveyeval.engine.doctor",
    "export": "surveyeval.api",
    "export_tier": "surveyeval.api",
    "finetune": "surveyeval.api",
    "hookimpl": "surveyeval.hookspecs",
    "init_task": "surveyeval.task.init",
    "leaderboard": "surveyeval.api",
    "load_task": "surveyeval.api",
    "make_seal": "surveyeval.engine.seal",
    "metrics": "surveyeval.api",
    "plan": "surveyeval.engine.forecast",
    "power": "surveyeval.api",
    "preview": "surveyeval.engine.preview",
    "probe": "surveyeval.api",
    "report": "surveyeval.api",
    "run": "surveyeval.api",
    "runs": "surveyeval.api",
    "sample": "surveyeval.api",
    "score": "surveyeval.api",
    "simulate": "surveyeval.engine.profiles",
    "study": "surveyeval.api",
    "task_from_frame": "surveyeval.task.frame",
    "verify": "surveyeval.api",
}

__all__ = [
    "Run",
    "Runs",
    "Sample",
    "SurveyevalError",
    "Task",
    "__version__",
    "cache_info",
    "check_seal",
    "check_submission",
    "clear_cache",
    "compare",
    "disclosure",
    "doctor",
    "export",
    "export_tier",
    "finetune",
    "hookimpl",
    "init_task",
    "leaderboard",
    "load_task",
    "make_seal",
    "metrics",
    "plan",
    "power",
    "preview",
    "probe",
    "report",
    "run",
    "runs",
    "sample",
    "score",
    "simulate",
    "study",
    "task_from_frame",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'surveyeval' has no attribute {name!r}")
    value = getattr(import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
