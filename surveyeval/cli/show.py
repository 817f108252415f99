"""`surveyeval show`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import click

from surveyeval.cli.completion import complete_shown
from surveyeval.cli.listing import run_state
from surveyeval.cli.output import one_line, print_entries, print_problem, say, say_json, say_whole
from surveyeval.errors import ConfigError, PluginError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from surveyeval.api import Runs
    from surveyeval.engine.run import Run
    from surveyeval.registration import Registration

__all__ = ["show"]


@click.command()
@click.argument("name", shell_complete=complete_shown)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def show(name: str, as_json: bool) -> None:
    """Show a task, a suite, a model scheme, a metric or a run directory."""
    kind, found = _find(name)
    if as_json:
        from surveyeval.cli.show_json import shown

        say_json(shown(kind, found))
    else:
        {"run": _show_run, "task": _show_task, "suite": _show_suite}.get(kind, _show_registered)(found)


def _find(name: str) -> tuple[str, Any]:
    """What a name means, and what shows it: a run directory, a task, a suite, or something registered."""
    from pathlib import Path

    from surveyeval.plugins import KINDS, registry
    from surveyeval.task.catalogue import known_task, task_names
    from surveyeval.task.suites import suite_names

    if (Path(name) / "manifest.json").exists():
        return "run", name
    if known_task(name) is not None or name.endswith((".yaml", ".yml")):
        return "task", name
    if name in suite_names():
        return "suite", name
    known = registry()
    for kind in KINDS:
        entry = known.find(kind, name.rstrip(":"))
        if entry is not None:
            return kind, entry
    names = [*task_names(), *suite_names(), *(entry.name for kind in KINDS for entry in known.all(kind))]
    hint = did_you_mean(name, names) or "`surveyeval ls` lists tasks, models and metrics"
    raise ConfigError(f"nothing is named {name!r}", hint=hint)


def _show_suite(name: str) -> None:
    from surveyeval.task.suites import find_suite, synthetic_members

    suite = find_suite(name)
    synthetic = synthetic_members(suite)
    say(f"suite {suite.name} {suite.version}: {one_line(suite.title)}", style="bold")
    if suite.description:
        say(one_line(suite.description))
    say()
    print_entries(
        (
            one.name,
            [f"version {one.version}", "synthetic: checks the pipeline, ranks nobody" if one.name in synthetic else ""],
        )
        for one in suite.tasks
    )
    say()
    say_whole(f"file  {suite.path}")


def _show_task(name: str) -> None:
    from surveyeval.task.load import load_task

    task = load_task(name)
    spec, source = task.spec, task.spec.source
    say(f"{task.name} {task.version}: {one_line(task.title)}", style="bold")
    if source.provenance == "synthetic":
        say("SYNTHETIC: a pipeline check that ranks nobody.", style="bold yellow")
    if spec.description:
        say(one_line(spec.description))
    say()
    facts = [
        ("source", [f"{source.use}, {source.provenance}, {source.licence}"]),
        ("people", [source.keep or ""]),
        ("profile", [", ".join(task.profile) or "none"]),
        ("profile sets", [", ".join(spec.profile_sets)]),
        ("subgroups", [", ".join(spec.subgroups)]),
        ("file", [task.file]),
    ]
    print_entries((fact, texts) for fact, texts in facts if texts[0])
    if task.is_experiment:
        _heading("Arms")
        print_entries(((arm.key, [arm.label]) for arm in task.arms), indent=2)
    _heading("Items")
    print_entries(
        (
            (item.name, [f"{item.role}, {item.kind}", item.words, " / ".join(map(one_line, item.labels))])
            for item in task.items
        ),
        indent=2,
    )
    if spec.coherence:
        _heading("Rules")
        print_entries(((rule.name, [rule.follows]) for rule in spec.coherence), indent=2)
    if spec.associations:
        _heading("Associations")
        print_entries(((one.predictor, [", ".join(one.outcomes)]) for one in spec.associations), indent=2)
    if spec.regressions:
        _heading("Regressions")
        print_entries(((one.name, [f"{one.family}: {one.formula}"]) for one in spec.regressions), indent=2)


def _heading(text: str) -> None:
    say()
    say(text, style="bold")


def _show_run(folder: str) -> None:
    from surveyeval.cli.summary import print_summary
    from surveyeval.engine.readable import understood
    from surveyeval.engine.run import Run

    run = Run(folder)
    with understood(run.folder):
        _print_run(run, print_summary)


def _print_run(run: Run, print_summary: Callable[[Runs], None]) -> None:
    from surveyeval import api

    made = run.manifest
    say(f"{run.task} with {one_line(run.model)}: {', '.join(part for part in run_state(run) if part)}", style="bold")
    say(f"Made {made['created']} by surveyeval {made['surveyeval']}:")
    say_whole(made["command"])
    for line in (*made["model"]["banners"], *made["notes"]):
        say(f"Note: {one_line(line)}")
    found = made.get("cache")
    if found:
        said = f"{found['interviews']} of {made['counts']['interviews']} interviews"
        say(f"From the response cache: {said}, asked from {found['first']} to {found['last']}")
    if run.scored:
        print_summary(api.Runs((run,), run.card))
        say()
        say_whole(f"Report card: {run.card}")


def _show_registered(entry: Registration) -> None:
    kind = entry.kind.replace("_", " ")
    say(f"{kind} {entry.name} (from {one_line(entry.owner)}): {one_line(entry.summary)}", style="bold")
    try:
        if entry.kind in ("model", "elicitation") and entry.options:
            _options(entry)
        loaded = entry.load()
        if entry.kind == "metric":
            _metric(loaded())
            return
        documentation = inspect.getdoc(loaded)
    except PluginError as error:  # what was registered is worth showing all the same
        for problem in error.problems:
            print_problem(problem)
        return
    if documentation:
        say()
        say(documentation)


def _metric(loaded: Any) -> None:
    """Facts of the spec, then the docstring by sections: the text of the metric's page."""
    from surveyeval.reporting.metric_page import metric_page, plain

    page = metric_page(loaded)
    print_entries((name, [plain(text)]) for name, text in {"label": page.label, **page.facts}.items())
    for heading, paragraphs in {
        "": (page.documentation.summary, *page.documentation.definition),
        **page.documentation.sections,
    }.items():
        if heading:
            _heading(heading)
        for number, paragraph in enumerate(filter(None, paragraphs)):
            if number or not heading:
                say()
            say(plain(paragraph), indent=2 if heading else 0)


def _options(entry: Registration) -> None:
    rows = []
    for key, info in entry.load_options().model_fields.items():
        default = "" if info.default is None else f"  [default: {info.default}]"
        rows.append((key, [f"{one_line(info.description or '')}{default}"]))
    if rows:
        _heading("Options")
        print_entries(rows, indent=2)
