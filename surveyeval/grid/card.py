"""The report card of a study: the finding first, then curves, tables and what a study cannot tell."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from surveyeval.grid.card_sections import break_even_words, task_sections
from surveyeval.grid.card_tables import core
from surveyeval.grid.card_words import configurations, limits
from surveyeval.grid.plan import profile_words
from surveyeval.grid.results import BreakEven
from surveyeval.grid.spec import StudySpec
from surveyeval.grid.study import Study
from surveyeval.grid.task_view import JOINT, Measure, TaskView, methods_of, views
from surveyeval.grid.verdict import finding, sayings_words, tuned_methods
from surveyeval.reporting import figures
from surveyeval.reporting.blocks import Banner, Fact, Saying, Section
from surveyeval.reporting.card import Card, rendered
from surveyeval.reporting.context import plain
from surveyeval.reporting.numbers import count, enumerate_words, number, with_interval

__all__ = ["render_study", "study_record"]


def render_study(study: Study) -> Card:
    """Render the card of a finished study.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Card
        A whole HTML document without outside resources, and Markdown with the same tables.
    """
    record = study_record(study)
    found = views(study, record)
    shown = _banners(study, found)
    several = len(found) > 1
    sections = [_titled(section, view) if several else section for view in found for section in task_sections(view)]
    content: dict[str, Any] = {
        "name": study.spec.name,
        "title": study.spec.title,
        "description": study.spec.description,
        "banners": shown,
        "stamps": list(dict.fromkeys(banner.stamp for banner in shown if banner.stamp)),
        "legend": figures.legend([one.label for one in methods_of(study.spec) if one.mark is not None]),
        "facts": _facts(study, found),
        "lead": _lead(study, found),
        "sayings": [saying for view in found for saying in _sayings(view, several)],
        "sections": [*sections, _limits(study, found), _reproduce(study, record)],
        "version": record.get("surveyeval", ""),
    }
    return rendered("study", content)


def study_record(study: Study) -> Mapping[str, Any]:
    """What ``study.json`` says; nothing when it is not there."""
    path = study.folder / "study.json"
    record: Mapping[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return record


def _titled(section: Section, view: TaskView) -> Section:
    return replace(section, key=f"{section.key}-{view.name}", title=f"{view.name}: {section.title}")


# ---- head ----------------------------------------------------------------------------------------------------------


def _banners(study: Study, found: Sequence[TaskView]) -> list[Banner]:
    spec = study.spec
    shown = []
    synthetic = [view.name for view in found if view.synthetic]
    if synthetic:
        which = "" if len(synthetic) == len(found) else f" of {enumerate_words(synthetic)}"
        shown.append(
            Banner(
                f"Synthetic reference{which}: the rows that stand for people were made by a script. This is a check of the pipeline; it "
                "ranks nobody and says nothing about people.",
                "stop",
                "Synthetic" if not which else "Partly synthetic",
            )
        )
    if any(base.startswith("embedded:smollm2") for base in spec.bases):
        shown.append(
            Banner(
                "The base is the demonstration model, SmolLM2 with 135 million parameters. It says nothing about models people use."
            )
        )
    if spec.limit is not None:
        shown.append(
            Banner(f"Only the first {count(spec.limit)} test people of each task were simulated, as the study asks.")
        )
    if spec.crossfit:
        shown.append(
            Banner(
                f"Cross-fitted in {spec.crossfit} folds: everybody is simulated by a model that never saw them, so all people are test "
                "people, and pilot sizes are those of one fold."
            )
        )
    return shown


def _facts(study: Study, found: Sequence[TaskView]) -> list[Fact]:
    spec, tuning = study.spec, study.spec.tuning
    tested = [f"{count(view.n)} {view.words.short}{f' ({view.name})' if len(found) > 1 else ''}" for view in found]
    sizes = enumerate_words(dict.fromkeys(count(view.people(size)) for view in found for size in view.sizes))
    trained = f"{tuning.objective}, {tuning.epochs:g} epochs, rank {tuning.rank}" if "lora" in spec.methods else ""
    share = f"; the last {round(100 * spec.test)}% of each arm, fixed" if not spec.crossfit else ""
    known = [
        Fact(
            "Task" if len(found) == 1 else "Tasks", enumerate_words(f"{one.name} ({one.profile_set})" for one in found)
        ),
        Fact(
            "Test people" if not all(view.synthetic for view in found) else "Test rows", f"{'; '.join(tested)}{share}"
        ),
        Fact("Pilot sizes", sizes),
        Fact("Pilot draws × training seeds", f"{spec.pilots.draws} × {len(spec.seeds)}"),
        Fact("Base" if len(spec.bases) == 1 else "Bases", enumerate_words(spec.bases), mono=True),
        Fact("Main design", _main_design(spec)),
        Fact("Fine-tuning", trained),
        Fact("Held out", enumerate_words(spec.holdout)),
        Fact("Configurations", f"{configurations(study.estimates)} compared"),
    ]
    return [one for one in known if one.text]


def _main_design(spec: StudySpec) -> str:
    """The design of everything but the ablations, where there are any."""
    first = spec.pilots
    if max(len(first.scopes), len(first.balances), len(first.profiles)) < 2:
        return ""
    scope = "all people" if first.scopes[0] == "all" else first.scopes[0]
    balance = "random" if first.balances[0] == "random" else f"equal over {plain(first.balances[0])}"
    return f"{scope}, {balance}, {profile_words(first.profiles[0])}"


# ---- finding -------------------------------------------------------------------------------------------------------


def _lead(study: Study, found: Sequence[TaskView]) -> list[str]:
    several = len(found) > 1
    said = []
    for view in found:
        sentences = finding(view)
        said += [f"{view.name}. {text}" if several else text for text in sentences]
    for view in found:
        one = f" on {view.name}" if several else ""
        who = "real respondents’ profiles" if not view.synthetic else "synthetic profiles"
        said.append(
            f"Every method{one} simulated {count(view.n)} rows for {count(view.n)} {who}. They are not respondents; standard errors "
            "computed from them describe the model, not the population."
        )
    return said


def _sayings(view: TaskView, several: bool) -> list[Saying]:
    """The core measures and the break-even pilots in a few lines."""
    where = f"{view.name}: " if several else ""
    made: list[Saying | None] = [_saying(view, one, where) for one in core(view)]
    joint = view.first(JOINT)
    if joint is not None and view.models:
        made.insert(1, _break_even(view, joint, where))
    return [one for one in made if one is not None]


def _saying(view: TaskView, measure: Measure, where: str) -> Saying:
    unit = measure.quantity.unit
    title = "Read first" if measure.name == JOINT else measure.quantity.label
    people = count(view.people(view.largest))
    subject = f"{measure.label}{': ' + measure.quantity.help if measure.quantity.help else ''}; {measure.reading}. Pilot of {people}."
    models = []
    for method in view.models if measure.name == JOINT else tuned_methods(view):
        row = view.value(measure, method, view.largest)
        if row is None or row["status"] != "ok":
            models.append(
                (method.mark or 0, method.label, "no value", str(row["reason"]) if row is not None else "not run")
            )
            continue
        clause = "; ".join(sayings_words(view, measure, method)) or "not compared in pairs"
        models.append((method.mark or 0, method.label, number(row["value"], unit), clause))
    return Saying(f"{where}{title}", view.words.own(subject), _yardstick(view, measure), models)


def _yardstick(view: TaskView, measure: Measure) -> str:
    unit = measure.quantity.unit
    said = []
    reference = view.reference(measure)
    if reference is not None:
        said.append(f"{view.words.people} of the other half {with_interval(*reference, unit)}")
    for name in ("baseline:marginal", "baseline:cell", "baseline:chain", "baseline:uniform"):
        method = view.method(name)
        row = view.value(measure, method, view.largest) if method else None
        if method and row is not None and row["status"] == "ok":
            said.append(f"{method.label} {number(row['value'], unit)}")
    return f"Beside them: {'; '.join(said)}." if said else ""


def _break_even(view: TaskView, joint: Measure, where: str) -> Saying | None:
    found: dict[tuple[str, str], BreakEven] = {(one.method, one.base): one for one in view.break_even(joint)}
    models = []
    for method in view.models:
        one = found.get((method.name, method.base))
        if one is None:
            continue
        models.append((method.mark or 0, method.label, _short(one), break_even_words(view, one)))
    if not models:
        return None
    subject = (
        "The number of people with whom the best baseline, fitted on the pilot alone, has the joint log-loss of model and pilot together; at the "
        "largest pilot."
    )
    return Saying(f"{where}Break-even pilot", view.words.own(subject), "", models)


def _short(one: BreakEven) -> str:
    if one.people is None:
        return f"> {one.largest:.0f}"
    return f"≤ {one.people:.0f}" if one.at_most else f"{one.people:.0f}"


# ---- last sections -------------------------------------------------------------------------------------------------


def _limits(study: Study, found: Sequence[TaskView]) -> Section:
    return Section("limits", "What this study cannot tell", facts=limits(study, found))


def _reproduce(study: Study, record: Mapping[str, Any]) -> Section:
    path = study.folder / "study.yaml"
    text = path.read_text().rstrip() if path.exists() else ""
    versions = ", ".join(f"{name} {value}" for name, value in record.get("environment", {}).items())
    known = [
        Fact("surveyeval", str(record.get("surveyeval", ""))),
        Fact("Finished", str(record.get("finished", ""))),
        Fact("Seed", str(study.spec.seed)),
        Fact("Half splits", str(study.spec.splits or "as each metric asks")),
        Fact("Versions", versions),
    ]
    said = [
        "`surveyeval study study.yaml` with this file; runs, adapters and estimates of every arm lie beside this card."
    ]
    said = [one.replace("`", "") for one in said]
    code = [("study.yaml", text)] if text else []
    facts = [one for one in known if one.text]
    return Section(
        "reproduce", "How to reproduce", "", said, facts=facts, code=code, folded_code="The study file" if code else ""
    )
