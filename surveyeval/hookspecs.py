"""The whole extension surface.

A plugin is a module (or object) with these functions, marked ``@surveyeval.hookimpl``, named by an entry point in the
group ``surveyeval``::

    [project.entry-points.surveyeval]
    my_plugin = "my_package.my_module"

Everything is registered as a *string* ``"package.module:Name"``, so registering imports nothing. A plugin that raises
is recorded with its error, shown by ``surveyeval ls plugins``, and harms nobody else. What it registered is remembered
until its installed files change, so that ``surveyeval ls tasks`` and completion need not import it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import pluggy

__all__ = ["Register", "hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("surveyeval")
hookimpl = pluggy.HookimplMarker("surveyeval")


class Register(Protocol):
    """What a plugin may register. ``name`` is what users type; built-in names are reserved.

    A name that another plugin has too fails when it is used bare; ``distribution/name`` always resolves.
    """

    def model(
        self, name: str, target: str, *, summary: str, options: str = "", capabilities: Mapping[str, Any] | None = None
    ) -> None:
        """Register a model scheme: users write ``name:reference?option=value``.

        `target` is called as ``target(reference, options)`` and must give a `surveyeval.model.protocol.Respondent`,
        `Scorer` or `Generator`. `options` is a pydantic model of its options; without one, `target` is given None. `capabilities` are
        the fields of `surveyeval.model.protocol.Capabilities` that differ from the default, for listings; what a run
        goes by is the model's own attribute ``capabilities``.
        """

    def metric(self, name: str, target: str, *, axis: str, summary: str) -> None:
        """Register a metric: `target` is called without arguments and must give a `surveyeval.metric.protocol.Metric`.

        It is computed in every run of every task to which it says that it is applicable.
        """

    def task(self, name: str, target: str, *, summary: str) -> None:
        """Register a task: `target` is ``"package:folder/task.yaml"``, a file inside an installed package.

        The package is not imported. A shipped task of the same name keeps the bare name.
        """

    def source(self, name: str, target: str, *, summary: str) -> None:
        """Register a source of human rows: tasks write ``use: name:reference``.

        `target` is called without arguments and must have ``read(reference, folder, encoding)`` returning a
        `surveyeval.data.readers.Table`; `folder` is where the task file lies. A source that fetches what it reads has
        ``read_checked(reference, folder, encoding, sha256)`` as well, called where the task gives a checksum.
        """

    def elicitation(self, name: str, target: str, *, summary: str, options: str = "") -> None:
        """Register a way of asking language models: users write ``--elicitation name?option=value``.

        `target` must give a `surveyeval.model.elicitation.Elicitation`. `options` is a pydantic model of its options, an
        instance of which `target` is called with; without one, `target` is called without arguments. A model can be asked
        so when it has the method that the elicitation's ``needs`` names; that is checked before weights load.
        """

    def report_section(self, name: str, target: str, *, summary: str) -> None:
        """Register a section of the report card: `target` is called with the runs of a card, a sequence of
        `surveyeval.reporting.view.RunView`, and returns text.

        The text is shown as it is, escaped and with its line breaks, under the section's summary; it is not read as
        Markdown or HTML. If `target` raises, the section says so.
        """


@hookspec
def surveyeval_register(register: Register) -> None:
    """Register models, metrics, tasks, sources, elicitations and report sections.

    Called when a name is first looked up, and possibly again: it must do nothing but register.
    """


@hookspec
def surveyeval_run_finished(run: Any) -> None:
    """Called by `surveyeval run` with each `surveyeval.Run` that it has newly scored, once its card is written.

    Not called for a run that was found finished, nor by `surveyeval score`. An error is told to the run's progress (in
    a terminal, one line) and fails nothing.
    """
