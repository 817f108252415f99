"""Shell completion. Loads no plugin and nothing heavy: what plugins registered is remembered from earlier commands."""

from __future__ import annotations

import click

__all__ = ["complete_elicitation", "complete_model", "complete_task"]

_ELICITATIONS = ("choice", "generate", "verbalized")

_MODELS = (
    "baseline:uniform",
    "baseline:mode",
    "baseline:pooled",
    "baseline:marginal",
    "baseline:cell",
    "baseline:logit",
    "baseline:chain",
    "baseline:hotdeck",
    "baseline:copula",
    "embedded:smollm2",
    "hf:",
    "lora:",
    "file:",
    "scripted:human",
)


def complete_task(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of shipped tasks, and of plugins' tasks."""
    from surveyeval.task.catalogue import task_names

    return [name for name in task_names(load=False) if name.startswith(incomplete)]


def complete_elicitation(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Ways of asking."""
    from surveyeval.plugins import installed

    plugins = installed(load=False)
    others = [entry.name for plugin in plugins for entry in plugin.registered if entry.kind == "elicitation"]
    return [text for text in (*_ELICITATIONS, *others) if text.startswith(incomplete)]


def complete_model(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Beginnings of model strings."""
    from surveyeval.plugins import installed

    plugins = installed(load=False)
    schemes = [f"{entry.name}:" for plugin in plugins for entry in plugin.registered if entry.kind == "model"]
    return [text for text in (*_MODELS, *schemes) if text.startswith(incomplete)]
