"""Shell completion. Loads no plugin and nothing heavy: what plugins registered is remembered from earlier commands."""

from __future__ import annotations

import click

__all__ = [
    "complete_elicitation",
    "complete_metric",
    "complete_model",
    "complete_shown",
    "complete_suite",
    "complete_task",
]

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
    "vllm:",
    "openai:",
    "file:",
    "scripted:human",
)


def complete_task(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of shipped tasks, and of plugins' tasks."""
    from surveyeval.task.catalogue import task_names

    return [name for name in task_names(load=False) if name.startswith(incomplete)]


def complete_elicitation(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Ways of asking."""
    return [name for name in _registered("elicitation") if name.startswith(incomplete)]


def complete_model(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Beginnings of model strings, after ``NAME=`` too."""
    from surveyeval.plugins import installed

    name, equals, text = incomplete.partition("=")
    if not equals or ":" in name:  # a name has no colon; the = of an option comes after one
        name, equals, text = "", "", incomplete
    plugins = installed(load=False)
    schemes = [f"{entry.name}:" for plugin in plugins for entry in plugin.registered if entry.kind == "model"]
    return [f"{name}{equals}{known}" for known in (*_MODELS, *schemes) if known.startswith(text)]


def complete_metric(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of metrics, built-in ones and those of plugins."""
    return [name for name in _registered("metric") if name.startswith(incomplete)]


def complete_suite(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of shipped suites."""
    from surveyeval.task.suites import suite_names

    return [name for name in suite_names() if name.startswith(incomplete)]


def complete_shown(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """What `surveyeval show` knows: tasks, suites, schemes of models, metrics, ways of asking, sources."""
    from surveyeval.task.catalogue import task_names

    kinds = ("model", "metric", "elicitation", "source")
    names = [
        *task_names(load=False),
        *complete_suite(ctx, param, ""),
        *(name for kind in kinds for name in _registered(kind)),
    ]
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


def _registered(kind: str) -> list[str]:
    """Names of a kind: the built-in ones, then what is remembered of plugins."""
    from surveyeval.plugins import Registry, installed

    entries = [*Registry().all(kind), *(entry for one in installed(load=False) for entry in one.registered)]
    return [entry.name for entry in entries if entry.kind == kind]
