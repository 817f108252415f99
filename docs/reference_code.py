"""Pages of errors, hooks and Python names, from the code."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import reference_markdown as markdown
from reference_markdown import cell, code, made, table

import surveyeval
from surveyeval import errors, hookspecs, testing

__all__ = ["errors_page", "hooks_page", "python_page"]

_ERRORS = """\
Every error that surveyeval raises on purpose is a `SurveyevalError`. A message says what was wrong, where, and what would be right; the
command line prints it without a traceback (`surveyeval --debug` shows that) and leaves with the exit code of its kind. All mistakes that can
be found at once are reported at once.

For example, a task that does not exist:

<!-- exit code: 2 -->
```console
$ surveyeval validate anes69
there is no task 'anes69'
  did you mean 'anes96'?
1 problem.
```

In Python `error.problems` holds the located problems, each with `message`, `file`, `line`, `column`, `field` and `hint`, as far as they are
known."""


def errors_page() -> str:
    """The tree of errors with exit codes."""
    tree = (errors.__doc__ or "").split("\n\n")[1]
    classes = [getattr(errors, name) for name in errors.__all__]
    kinds = [one for one in classes if isinstance(one, type) and issubclass(one, errors.SurveyevalError)]
    ordered = sorted(kinds, key=lambda one: re.search(rf"\b{one.__name__}\b", tree).start())  # type: ignore[union-attr]
    rows = [[code(one.__name__), str(one.exit_code), cell(markdown.summary(one))] for one in ordered]
    codes = [
        ["0", "done"],
        *([str(one.exit_code), f"`{one.__name__}`"] for one in ordered if one.__base__ is errors.SurveyevalError),
        ["1", "`surveyeval doctor` found what will not work"],
        ["2", "an unknown option, or a value that does not fit it"],
        ["130", "interrupted (Ctrl-C); what was answered is on disk, and the same command continues"],
    ]
    merged: dict[str, list[str]] = {}
    for number, text in sorted(codes, key=lambda pair: int(pair[0])):
        merged.setdefault(number, []).append(text)
    return made(
        "Errors",
        _ERRORS,
        "## Exit codes",
        table(["code", "when"], ([number, "; ".join(texts)] for number, texts in merged.items())),
        "## The tree",
        "```text\n" + inspect.cleandoc(tree) + "\n```",
        "## Each error",
        table(["error", "exit code", "raised when"], rows),
    )


_HOOKS = """\
A plugin is an installed package with an entry point in the group `surveyeval`; [write a plugin](../how-to/plugins.md) makes one. It has one or
both of these functions, marked `@surveyeval.hookimpl`. Everything is registered as text `"package.module:Name"`, so that registering
imports nothing."""


def hooks_page() -> str:
    """Every hook with its signature, and what can be registered."""
    parts = [_HOOKS]
    for name, function in inspect.getmembers(hookspecs, inspect.isfunction):
        if name.startswith("surveyeval_"):
            parts += [f"## {name}", _signature(name, function), markdown.docstring(function)]
    parts += ["## What can be registered", markdown.docstring(hookspecs.Register)]
    for name, function in hookspecs.Register.__dict__.items():
        if inspect.isfunction(function) and not name.startswith("_"):
            parts += [f"### register.{name}", _signature(f"register.{name}", function), markdown.docstring(function)]
    return made("Hooks", *parts)


def _signature(name: str, function: Any) -> str:
    found = inspect.signature(function)
    kept = [one for key, one in found.parameters.items() if key != "self"]
    shown = re.sub(r"'([^']+)'", r"\1", str(found.replace(parameters=kept)))  # annotations are quoted
    return f"<!-- signature -->\n```python\n{name}{shown}\n```"


#: Heading -> public names, in the order of use.
_PYTHON = {
    "Asking and scoring": [
        "run",
        "score",
        "verify",
        "report",
        "compare",
        "power",
        "plan",
        "study",
        "finetune",
        "simulate",
        "probe",
    ],
    "Runs": ["Run", "Runs", "runs", "cache_info", "clear_cache"],
    "Tasks and samples": ["load_task", "Task", "Sample", "task_from_frame", "init_task", "preview", "metrics"],
    "Handing on": [
        "leaderboard",
        "export",
        "check_submission",
        "sample",
        "disclosure",
        "export_tier",
        "make_seal",
        "check_seal",
    ],
    "Installation, plugins and errors": ["doctor", "hookimpl", "SurveyevalError"],
}
_PROTOCOLS = {
    "surveyeval.model.protocol": "Protocols of models",
    "surveyeval.metric.protocol": "Protocol of metrics",
    "surveyeval.model.elicitation": "Protocol of ways of asking",
}
_NAMES = """\
Public names of the package. `import surveyeval` loads none of them: each is loaded when it is first used. The command line calls the same
functions, so the two cannot differ."""


def python_page() -> str:
    """Every public name, for mkdocstrings."""
    stated = {name for names in _PYTHON.values() for name in names}
    others = sorted(set(surveyeval.__all__) - {"__version__"} - stated)
    parts = [_NAMES]
    for heading, names in {**_PYTHON, **({"Others": others} if others else {})}.items():
        parts += [f"## {heading}", *(_insert(f"{surveyeval._PLACES[name]}.{name}") for name in names)]
    parts += [
        "## For plugins",
        "What the parts of a plugin must have, and the checks of `surveyeval.testing` that say whether they do.",
    ]
    for module, title in _PROTOCOLS.items():
        parts += [f"### {title}", *(_insert(f"{module}.{name}", 4) for name in _exported(module))]
    parts += [
        "### Conformance checks",
        *(_insert(f"{_home(name)}.{name}", 4) for name in testing.__all__ if name.startswith("check_")),
    ]
    return made("Python", *parts)


def _insert(path: str, level: int = 3) -> str:
    return f"::: {path}\n    options:\n      heading_level: {level}"


def _exported(module: str) -> Iterator[str]:
    import importlib

    found = importlib.import_module(module)
    for name in found.__all__:
        if inspect.isclass(getattr(found, name)) and getattr(found, name).__module__ == module:
            yield name


def _home(name: str) -> str:
    return str(getattr(testing, name).__module__)
