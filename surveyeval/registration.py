"""One registered name, and one plugin with what it registered."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from surveyeval import memo
from surveyeval.errors import PluginError, SurveyevalError

__all__ = ["Plugin", "Registration"]


@dataclass(frozen=True)
class Registration:
    """One registered name. `load` imports the target."""

    kind: str
    name: str
    target: str
    summary: str
    owner: str
    options: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def qualified(self) -> str:
        """``distribution/name``, which always resolves."""
        return f"{self.owner}/{self.name}"

    def load(self) -> Any:
        """Import and return the target."""
        return _import(self.target, self)

    def load_options(self) -> Any:
        """Import and return the options model, or None."""
        return _import(self.options, self) if self.options else None

    def file(self) -> Path:
        """The file that a task's target ``"package:folder/task.yaml"`` names, found without importing the package.

        Raises
        ------
        PluginError
            When the package is not there, or does not hold the file.
        """
        package, _, inside = self.target.partition(":")
        _, folders = memo.find_module(package)
        for folder in folders:
            if (folder / inside).is_file():
                return folder / inside
        missing = f"the package has no file {inside!r}" if folders else f"there is no package {package!r} with files"
        raise PluginError(
            f"{self.kind} {self.qualified!r} points to {self.target!r}, but {missing}",
            hint=f"the target is written 'package:folder/task.yaml' in the plugin {self.owner!r}",
        )


@dataclass
class Plugin:
    """What was found: the distribution, where it hooks in, what it registered, and its error if it failed.

    ``key`` says under what it is remembered (`surveyeval.memo.key`).
    """

    name: str
    distribution: str
    version: str
    module: str
    registered: list[Registration] = field(default_factory=list)
    error: str | None = None
    traceback: str = ""
    key: str = ""

    def failed(self, error: BaseException, doing: str = "") -> None:
        """Record an error; a plugin that failed has registered nothing. Interrupts are passed on."""
        if isinstance(error, KeyboardInterrupt):
            raise error
        self.error = f"{doing}{type(error).__name__}: {error}"
        self.traceback = "".join(traceback.format_exception(error))
        self.registered.clear()


def _import(target: str, registration: Registration) -> Any:
    module_name, _, attribute = target.partition(":")
    try:
        loaded: Any = import_module(module_name)
        for part in attribute.split("."):
            loaded = getattr(loaded, part)
    except (KeyboardInterrupt, SurveyevalError):
        raise
    except BaseException as error:
        what = str(error) if isinstance(error, (ImportError, AttributeError)) else f"{type(error).__name__}: {error}"
        raise PluginError(
            f"{registration.kind} {registration.qualified!r} points to {target!r}, which does not load: {what}",
            hint=f"the target is written 'package.module:Name' in the plugin {registration.owner!r}",
        ) from error
    return loaded
