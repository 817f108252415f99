"""The options ``--executor`` and ``-E``, which several commands have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from surveyeval.errors import ConfigError

__all__ = ["executor_options", "executor_string"]

F = TypeVar("F", bound=Callable[..., Any])


def executor_options(command: F) -> F:
    """Give a command the two options."""
    command = click.option(
        "-E",
        "executor_settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Option of the executor: -E workers=4 -E gpus_per_worker=0.5; repeat for several.",
    )(command)
    return click.option(
        "--executor",
        metavar="TEXT",
        help="Where language models answer: local, or ray with options as in ray?workers=4.  [default: local]",
    )(command)


def executor_string(text: str | None, settings: Sequence[str]) -> str:
    """The executor with the options of ``-E`` written behind it.

    Raises
    ------
    ConfigError
        When an option is not written so, is given twice, or there is no executor to have it.
    """
    from surveyeval.model.strings import parse_executor_string

    given: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise ConfigError(f"-E {setting!r} is not written KEY=VALUE", hint="for example -E workers=4")
        if given.get(key, value) != value:
            raise ConfigError(f"-E {key} is given twice with different values")
        given[key] = value
    if given and text is None:
        raise ConfigError("-E is given, and no executor", hint="write --executor ray as well")
    return parse_executor_string(text or "local", given).text
