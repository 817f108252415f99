"""`surveyeval ls` and `surveyeval show`."""

from __future__ import annotations

import click

from surveyeval.cli.completion import complete_task
from surveyeval.cli.output import clean, console, print_table
from surveyeval.errors import ConfigError, did_you_mean

__all__ = ["ls", "show"]

_KINDS = ("tasks", "models", "metrics", "plugins", "runs")


@click.command()
@click.argument("kind", default="tasks", type=click.Choice(_KINDS))
@click.option("--output", "-o", default="runs", help="Folder of run directories.  [default: runs]")
def ls(kind: str, output: str) -> None:
    """List tasks, models, metrics, plugins or runs."""
    {"tasks": _tasks, "models": _models, "metrics": _metrics, "plugins": _plugins}.get(kind, lambda: _runs(output))()


def _tasks() -> None:
    from surveyeval.task.catalogue import summaries

    rows = []
    for task in summaries():
        synthetic = " (synthetic: pipeline check, ranks nobody)" if task.provenance == "synthetic" else ""
        rows.append([task.name, task.version, str(task.items), task.title + synthetic])
    print_table(["task", "version", "items", "title"], rows, right=["items"])


def _models() -> None:
    from surveyeval.plugins import registry

    rows = [[f"{entry.name}:", entry.summary, entry.owner] for entry in registry().all("model")]
    print_table(["model", "what it is", "from"], rows)


def _metrics() -> None:
    from surveyeval.plugins import registry

    rows = [[entry.details["axis"], entry.name, entry.summary] for entry in registry().all("metric")]
    print_table(["axis", "metric", "what it is"], rows)


def _plugins() -> None:
    from surveyeval.plugins import registry

    rows = []
    for plugin in registry().plugins:
        names = ", ".join(f"{entry.kind} {entry.name}" for entry in plugin.registered)
        state = f"FAILED: {plugin.error}" if plugin.error else names or "registers nothing"
        if plugin.distribution == "surveyeval" and not plugin.error:
            state = f"{len(plugin.registered)} names (built in)"
        rows.append([plugin.name, f"{plugin.distribution} {plugin.version}".strip(), plugin.module, state])
    print_table(["plugin", "distribution", "module", "registers"], rows)


def _runs(folder: str) -> None:
    from surveyeval.engine.run import find_runs

    found = find_runs(folder)
    if not found:
        click.echo(f"No runs in {folder}.")
        return
    rows = []
    for run in found:
        made = run.manifest
        note = "synthetic" if made["task"]["provenance"] == "synthetic" else ""
        rows.append([run.folder.name, run.status, str(made["split"]["test"]), run.model, note])
    print_table(["run", "state", "people", "model", ""], rows, right=["people"])


@click.command()
@click.argument("name", shell_complete=complete_task)
def show(name: str) -> None:
    """Show a task, a model scheme, a metric or a run directory."""
    from pathlib import Path

    from surveyeval.task.catalogue import task_names

    if (Path(name) / "manifest.json").exists():
        _show_run(name)
    elif name in task_names() or name.endswith((".yaml", ".yml")) or (Path(name) / "task.yaml").exists():
        _show_task(name)
    else:
        _show_registered(name)


def _show_task(name: str) -> None:
    from surveyeval.task.load import load_task

    task = load_task(name)
    out = console()
    out.print(clean(f"{task.name} {task.version}: {task.title}"), style="bold", markup=False)
    source = task.spec.source
    out.print(clean(f"Source: {source.use}, {source.provenance}, {source.licence}"), markup=False)
    if source.provenance == "synthetic":
        out.print("SYNTHETIC: a pipeline check that ranks nobody.", style="bold yellow")
    out.print(clean(f"Profile: {', '.join(task.profile) or 'none'}"), markup=False)
    if task.spec.profile_sets:
        out.print(clean(f"Profile sets: {', '.join(task.spec.profile_sets)}"), markup=False)
    if task.is_experiment:
        print_table(["arm", "what it is"], [[arm.key, arm.label] for arm in task.arms])
    print_table(
        ["item", "role", "kind", "question", "options"],
        [[item.name, item.role, item.kind, item.question, " / ".join(item.labels)] for item in task.items],
    )
    rows = [[rule.name, rule.follows] for rule in task.spec.coherence]
    rows += [[regression.name, f"{regression.family}: {regression.formula}"] for regression in task.spec.regressions]
    if rows:
        print_table(["rule or regression", "specification"], rows)


def _show_run(folder: str) -> None:
    from surveyeval import api
    from surveyeval.cli.summary import print_summary
    from surveyeval.engine.run import Run

    run = Run(folder)
    made, out = run.manifest, console()
    out.print(clean(f"{run.task} with {run.model}: {run.status}"), style="bold", markup=False)
    out.print(clean(f"Made {made['created']} by surveyeval {made['surveyeval']}: {made['command']}"), markup=False)
    for line in (*made["model"]["banners"], *made["notes"]):
        out.print(clean(f"Note: {line}"), markup=False)
    if run.scored:
        print_summary(api.Runs((run,), run.card))
        out.print(f"Report card: {run.card}", markup=False, soft_wrap=True)


def _show_registered(name: str) -> None:
    from surveyeval.plugins import KINDS, registry
    from surveyeval.task.catalogue import task_names

    known = registry()
    for kind in KINDS:
        entry = known.find(kind, name.rstrip(":"))
        if entry is None:
            continue
        out = console()
        out.print(clean(f"{kind} {entry.name} (from {entry.owner}): {entry.summary}"), style="bold", markup=False)
        if kind == "model" and entry.options:
            fields = entry.load_options().model_fields
            rows = [[key, str(info.default), info.description or ""] for key, info in fields.items()]
            if rows:
                print_table(["option", "default", "what it does"], rows)
        documentation = entry.load().__doc__
        if documentation:
            out.print(clean(documentation.strip()), markup=False)
        return
    names = [*task_names(), *(entry.name for kind in KINDS for entry in known.all(kind))]
    raise ConfigError(
        f"nothing is named {name!r}",
        hint=did_you_mean(name, names) or "`surveyeval ls` lists tasks, models and metrics",
    )
