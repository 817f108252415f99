"""The whole extension surface.

A plugin is a module (or object) with these functions, marked ``@surveyeval.hookimpl``, named by an entry point in the
group ``surveyeval``::

    [project.entry-points.surveyeval]
    my_plugin = "my_package.my_module"

Everything is registered as a *string* ``"package.module:Name"``, so registering imports nothing. A plugin that raises
is recorded with its error, shown by ``surveyeval ls plugins``, and harms nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import pluggy

__all__ = ["Register", "hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("surveyeval")
hookimpl = pluggy.HookimplMarker("surveyeval")


class Register(Protocol):
    """What a plugin may register. ``name`` is what users type; built-in names are reserved."""

    def model(
        self, name: str, target: str, *, summary: str, options: str = "", capabilities: Mapping[str, Any] | None = None
    ) -> None:
        """Register a model scheme: users write ``name:reference?option=value``.

        `target` is called as ``target(reference, options)`` and must give a `surveyeval.model.protocol.Respondent` or
        `Scorer`. `options` is a pydantic model of its options. `capabilities` are the fields of
        `surveyeval.model.protocol.Capabilities` that differ from the default, so that what a model cannot do is known
        before it loads.
        """

    def metric(self, name: str, target: str, *, axis: str, summary: str) -> None:
        """Register a metric: `target` is called without arguments and must give a `surveyeval.metric.protocol.Metric`."""

    def task(self, name: str, target: str, *, summary: str) -> None:
        """Register a task: `target` is ``"package:folder/task.yaml"``, a file inside an installed package."""

    def source(self, name: str, target: str, *, summary: str) -> None:
        """Register a source of human rows: tasks write ``use: name:reference``.

        `target` is called without arguments and must have ``read(reference, folder, encoding)`` returning a
        `surveyeval.data.sources.Table`.
        """

    def elicitation(self, name: str, target: str, *, summary: str) -> None:
        """Register a way of asking (reserved: listed, not yet used)."""

    def report_section(self, name: str, target: str, *, summary: str) -> None:
        """Register a section of the report card: `target` is called with the runs of a card and returns Markdown text,
        which is shown escaped under the section's summary.
        """


@hookspec
def surveyeval_register(register: Register) -> None:
    """Register models, metrics, tasks, sources and report sections. Called once, when a name is first looked up."""


@hookspec
def surveyeval_run_finished(run: Any) -> None:
    """Called after a run is complete and scored, with its `surveyeval.Run`. Errors are reported and do not fail the run."""
