"""Everything that can be wrong in a task file, found at once, each thing with its line.

Three passes over one document: fields and their types (pydantic), what refers to what (`check_references`), and rules,
formulas and templates (`check_language`). The later passes read the plain values, not the typed task, so that they
also speak when fields failed; what depends on a failed field is left out.
"""

from __future__ import annotations

from pathlib import Path

from surveyeval.errors import ConfigError, Problem
from surveyeval.task.check_language import check_interviews, check_language
from surveyeval.task.check_references import check_references
from surveyeval.task.check_repeats import check_repeats
from surveyeval.task.document import Document, load_document, parse_document
from surveyeval.task.expand import expand
from surveyeval.task.fields import typed
from surveyeval.task.findings import Findings
from surveyeval.task.placeholders import check_placeholders
from surveyeval.task.schema import TaskSpec
from surveyeval.task.task import Task

__all__ = ["check_document", "check_file", "notes"]


def check_file(path: Path) -> list[Problem]:
    """Problems of a task file; empty when it is right."""
    try:
        return check_document(expand(load_document(path), path.parent))[1]
    except ConfigError as error:
        return list(error.problems)


def check_document(document: Document) -> tuple[TaskSpec | None, list[Problem]]:
    """The typed task (None when a field failed) and every problem, in the order of the file. The document is expanded."""
    findings = Findings(document, document.value)
    spec = typed(findings, TaskSpec)
    check_references(findings)
    check_repeats(findings)
    check_language(findings)
    check_placeholders(findings)
    if spec is not None and not findings.problems:
        check_interviews(findings, spec)
    problems = dict.fromkeys(findings.problems)
    return spec, sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0))


def notes(task: Task) -> list[Problem]:
    """What the task file says that this version does not use, with its place."""
    document = expand(parse_document(task.text, task.file), task.folder)
    found = []
    for number, regression in enumerate(task.spec.regressions):
        if regression.family == "ols" and regression.errors == "model":
            message = "model-based errors of ols are not supported in this version; HC2 errors are used"
            found.append(document.problem(("regressions", number, "errors"), message))
        if regression.errors == "HC2" and (task.spec.source.psu or task.spec.source.strata):
            message = "HC2 errors do not fit the sampling design; errors that do are used"
            found.append(document.problem(("regressions", number, "errors"), message))
    for number, item in enumerate(task.spec.items):
        if item.bins is not None and item.name not in task.spec.patterns:
            message = "bins group answers in patterns, and the item is in none: they have no effect"
            found.append(document.problem(("items", number, "bins"), message, "name it under `patterns:`", key=True))
    return found
