"""`surveyeval ls`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from surveyeval.cli.output import one_line, plural, print_entries, say, say_json, say_whole

if TYPE_CHECKING:
    from surveyeval.engine.run import Run
    from surveyeval.registration import Plugin

__all__ = ["ls", "run_state"]

_KINDS = ("tasks", "suites", "sources", "models", "elicitations", "metrics", "studies", "plugins", "runs")


@click.command()
@click.argument("kind", default="tasks", type=click.Choice(_KINDS))
@click.option("--output", "-o", default="runs", help="Folder of run directories.  [default: runs]")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.pass_obj
def ls(obj: dict[str, bool], kind: str, output: str, as_json: bool) -> None:
    """List tasks, suites, sources, models, elicitations, metrics, studies, plugins or runs."""
    if as_json:
        from surveyeval.cli.listing_json import listed

        say_json(listed(kind, output))
    elif kind == "runs":
        _runs(output)
    elif kind == "plugins":
        _plugins(debug=obj["debug"])
    else:
        {
            "tasks": _tasks,
            "suites": _suites,
            "sources": _sources,
            "models": _models,
            "elicitations": _elicitations,
            "metrics": _metrics,
            "studies": _studies,
        }[kind]()


def _tasks() -> None:
    from surveyeval.plugins import installed
    from surveyeval.task.catalogue import summaries

    rows = []
    for task in summaries():
        facts = f"{task.version}, {plural(task.items, 'item')}" if not task.error else f"cannot be read: {task.error}"
        synthetic = "synthetic: checks the pipeline, ranks nobody" if task.provenance == "synthetic" else ""
        owner = f"from {task.owner}" if task.owner else ""
        rows.append((task.name, [task.title, "; ".join(part for part in (facts, owner, synthetic) if part)]))
    print_entries(rows)
    _failures(installed(load=False))


def _suites() -> None:
    from surveyeval.task.suites import shipped_suites

    print_entries(
        (suite.name, [suite.title, f"{suite.version}: {', '.join(f'{one.name} {one.version}' for one in suite.tasks)}"])
        for suite in shipped_suites()
    )
    say()
    say("A suite names the version of each task: `surveyeval run --suite NAME --model ...` runs all of them.")


def _sources() -> None:
    from surveyeval.plugins import BUILTIN, registry

    print_entries(
        (f"{entry.name}:", [entry.summary, "" if entry.owner == BUILTIN else f"from {entry.owner}"])
        for entry in registry().all("source")
    )
    say()
    say("Where human rows come from: a task file says `use: SOURCE:REFERENCE`; docs/how-to/data.md tells more.")
    _failures(registry().plugins)


def _studies() -> None:
    from surveyeval.grid.catalogue import summaries

    print_entries([(name, [title, f"tasks: {tasks}"]) for name, title, tasks in summaries()])


def _failures(plugins: list[Plugin]) -> None:
    failed = [plugin.distribution for plugin in plugins if plugin.error]
    if failed:
        say()
        say(f"Failed to load: {', '.join(map(one_line, failed))}. `surveyeval ls plugins` tries again and says why.")


def _models() -> None:
    from surveyeval.plugins import BUILTIN, registry

    entries = registry().all("model")
    print_entries(
        (f"{entry.name}:", [entry.summary, "" if entry.owner == BUILTIN else f"from {entry.owner}"])
        for entry in entries
    )
    say()
    say("A model is written NAME=SCHEME:REFERENCE?option=value; `surveyeval show SCHEME` tells the options.")
    _failures(registry().plugins)


def _elicitations() -> None:
    from surveyeval.plugins import BUILTIN, registry

    print_entries(
        (entry.name, [entry.summary, "" if entry.owner == BUILTIN else f"from {entry.owner}"])
        for entry in registry().all("elicitation")
    )
    say()
    say("Ways of asking language models: --elicitation NAME?option=value; `surveyeval show NAME` tells the options.")
    _failures(registry().plugins)


def _metrics() -> None:
    from surveyeval.plugins import BUILTIN, registry
    from surveyeval.reporting.quantities import AXES, axis

    entries = registry().all("metric")
    order = {one.key: number for number, one in enumerate(AXES)}
    axes = sorted(
        dict.fromkeys(str(entry.details["axis"]) for entry in entries), key=lambda key: order.get(key, len(order))
    )
    for number, key in enumerate(axes):
        if number:
            say()
        about = axis(key)
        say(f"{about.title}: {about.question}" if about.question else about.title, style="bold")
        own = [entry for entry in entries if entry.details["axis"] == key]
        print_entries(
            ((entry.name, [entry.summary, "" if entry.owner == BUILTIN else f"from {entry.owner}"]) for entry in own),
            indent=2,
        )
    _failures(registry().plugins)


def _plugins(*, debug: bool) -> None:
    from surveyeval.memo import find_module
    from surveyeval.plugins import BUILTIN, KINDS, registry

    builtin, *others = registry().plugins
    counts = Counter(entry.kind for entry in builtin.registered)
    held = ", ".join(plural(counts[kind], kind) for kind in KINDS if counts[kind])
    say(f"{BUILTIN} {builtin.version}", style="bold")
    say(f"built in: {held}", indent=2)
    if not others:
        say()
        say("No plugins are installed. A package adds one with an entry point in the group `surveyeval`.")
    for plugin in others:
        file, _ = find_module(plugin.module.partition(":")[0])
        say()
        say(f"{one_line(plugin.distribution)} {one_line(plugin.version)}", style="bold")
        say(f"entry point {one_line(plugin.name)} = {one_line(plugin.module)}", indent=2)
        say_whole(f"  {file or 'no such file'}")
        if plugin.error:
            say(f"FAILED {one_line(plugin.error)}", style="red", indent=2)
            if debug:
                say(plugin.traceback, indent=4)
        for kind in KINDS:
            own = [entry for entry in plugin.registered if entry.kind == kind]
            if own:
                say(f"{kind.replace('_', ' ')}s:" if len(own) > 1 else f"{kind.replace('_', ' ')}:", indent=2)
                print_entries(((entry.name, [entry.summary]) for entry in own), indent=4)
        if not (plugin.registered or plugin.error):
            say("registers nothing", indent=2)
    if any(plugin.error for plugin in others) and not debug:
        say()
        say("`surveyeval --debug ls plugins` shows the tracebacks.")


def _runs(folder: str) -> None:
    from pathlib import Path

    from surveyeval.engine.run import find_runs

    found = sorted(find_runs(folder), key=lambda run: (str(run.manifest.get("created", "")), run.folder.name))
    for run in found:
        synthetic = "synthetic" if run.manifest["task"].get("provenance") == "synthetic" else ""
        say_whole(run.folder, style="bold")
        say(" · ".join(one_line(part) for part in (*run_state(run), run.model, synthetic) if part), indent=2)
    if not found:
        say(f"No runs in {one_line(folder)}.")
    damaged = {path.parent.name for path in Path(folder).glob("*/manifest.json")} - {run.folder.name for run in found}
    if damaged:
        say()
        say(f"Left out, the manifest is damaged: {', '.join(map(one_line, sorted(damaged)))}.")
    if any(run_state(run)[0].startswith(("interrupted", "incomplete")) for run in found):
        say()
        say(
            "The same `surveyeval run` command continues what was interrupted, and tries again what failed; "
            "`surveyeval score --partial RUN` scores what there is."
        )


def run_state(run: Run) -> tuple[str, str]:
    """State of a run in words, and how many people or interviews it holds; nothing is changed on disk."""
    from surveyeval.engine.run import UNFINISHED

    split = run.manifest.get("split", {})
    rows = "rows" if run.manifest["task"].get("provenance") == "synthetic" else "people"
    if run.status == "incomplete" and not run.held:
        count = run.manifest.get("failed", {}).get("answers", 0)
        return f"incomplete: {plural(count, 'answer')} failed", _progress(run)
    if run.status not in UNFINISHED:
        words = {"simulated": "answered, not scored", "failed": "failed: no valid answer"}.get(run.status, run.status)
        return words, f"{split.get('test', '?')} {rows}"
    return "running" if run.held else "interrupted", _progress(run)


def _progress(run: Run) -> str:
    """Interviews on disk."""
    from surveyeval.engine.store import interviews_on_disk

    try:
        total = int(run.manifest["split"]["test"]) * int(run.manifest["options"]["draws"])
    except (KeyError, TypeError, ValueError):
        return ""
    return f"{interviews_on_disk(run.folder)} of {total} interviews"
