"""Shell completion. Loads no plugin and nothing heavy."""

from __future__ import annotations

import click

__all__ = ["complete_model", "complete_task"]

_MODELS = (
    "baseline:uniform",
    "baseline:mode",
    "baseline:pooled",
    "baseline:marginal",
    "baseline:cell",
    "baseline:chain",
    "embedded:smollm2",
    "hf:",
    "lora:",
    "file:",
    "scripted:human",
)


def complete_task(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of shipped tasks."""
    from surveyeval.task.catalogue import task_names

    return [name for name in task_names() if name.startswith(incomplete)]


def complete_model(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Beginnings of model strings."""
    return [text for text in _MODELS if text.startswith(incomplete)]
