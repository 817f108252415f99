"""The sections that say what was done: unusable answers, where the data come from, what was asked, how to do it again."""

from __future__ import annotations

from typing import Any

from surveyeval.reporting import asking, care, missing
from surveyeval.reporting.blocks import Cell, Fact, Row, Section, Table
from surveyeval.reporting.context import Context, plain
from surveyeval.reporting.numbers import MISSING, count, enumerate_words, number, percent

__all__ = ["prompt", "provenance", "reproduce", "validity"]


def validity(context: Context) -> Section:
    """Invalid answers and how much probability falls on the options at all."""
    rows, masses = [], []
    for model, name in enumerate(context.names):
        shares = asking.unusable(context, model)
        cells = [
            Cell(name, head=True, css="model", model=model),
            Cell(percent(shares["invalid"], 1) if shares else "none asked", css="number strong"),
            *(
                Cell(percent(shares[state], 1) if shares else MISSING, css="number")
                for state in ("not_run", "refused", "dont_know")
            ),
            Cell(asking.by_item(context, model) or "none"),
        ]
        rows.append(Row(cells))
        held = context.tables[model]["mass"]
        for position, row in enumerate(held):
            values = [Cell(percent(row[key], 1), css="number") for key in ("mean", "p05", "min")]
            head = Cell(name, head=True, css="model", rows=len(held), model=model) if position == 0 else None
            masses.append(Row([head, Cell(row["item"]), *values], "first" if position == 0 else ""))
    tables = [
        Table(
            "Answers that could not be used",
            ["Model", "Invalid", "Not run", "Refused", "Don’t know", "By item and state"],
            rows,
            frozenset({1, 2, 3, 4}),
            [
                "Invalid: no option can be read from the answer. Not run: the model was not asked. Refused: the model declined to answer."
            ],
            phone="list",
        )
    ]
    if masses:
        note = "Probability that the model gave to all options together, before renormalising. A low mass means it wanted to say something else. For stated percentages: what they add up to, over 100."
        columns = ["Model", "Item", "Mean", "5th percentile", "Least"]
        tables.append(Table("Option mass", columns, masses, frozenset({2, 3, 4}), [note]))
    states = (
        care.attention_table(context),
        missing.bounds_table(context),
        missing.states_by_item_table(context),
        missing.states_by_group_table(context),
    )
    tables[1:1] = [table for table in states if table is not None]
    people = [row for row in context.tables[0]["states"] if row["side"] == "people" and row["state"] != "answered"]
    said = ", ".join(f"{row['item']} {missing.state_words(str(row['state']))} {count(row['count'])}" for row in people)
    who, short = context.words.people.capitalize(), context.words.short
    states_of = context.tables[0]["states"]
    counted = {row["item"] for row in states_of if row["side"] == "people"}
    # an exported run has no counts of fewer than ten people, and no others that would give them away
    withheld = list(dict.fromkeys(row["item"] for row in states_of if row["item"] not in counted))
    points = [f"{who} without an answer: {said}."] if said else []
    if withheld:
        points.append(f"{who} without an answer are too few to be counted here: {enumerate_words(withheld)}.")
    elif not said:
        points.append(f"All test {short} answered every item.")
    tables.sort(key=lambda table: table.folded)
    return Section("validity", "Missing and invalid answers", tables=tables, points=points)


def provenance(context: Context) -> Section:
    """Source of the reference, and the items with how close their wording is."""
    task: Any = context.task
    known = [
        Fact("Description", task.get("description") or ""),
        Fact("Reference", "people" if not context.synthetic else "synthetic: made by a script, not people"),
        Fact("Citation", task.get("citation") or ""),
        Fact("Address", task.get("url") or "", link=_safe_link(task.get("url"))),
        Fact("Licence", task.get("licence") or "not stated"),
        Fact("Public since", task.get("published") or "not stated"),
        Fact("Field dates", task.get("field_dates") or "not stated"),
        Fact("Population", task.get("population") or "not stated"),
        Fact("Mode", task.get("mode") or "not stated"),
        Fact("Selection", task.get("selection") or "not stated"),
        Fact("Weights", "used" if task.get("weighted") else "none in the source"),
        Fact("Sampling design", _design(context)),
        Fact("Profile set", task.get("profile_set") or ""),
        Fact("Profile", enumerate_words(plain(name) for name in task.get("profile", [])) or "none"),
        Fact("Hidden from the model", enumerate_words(context.manifest["options"].get("hidden") or []) or "nothing"),
        Fact("Rows in the source", count(context.manifest["data"].get("n"))),
        Fact("Left this machine", "; ".join(asking.sent(context))),
    ]
    asked = {row["item"]: row for row in context.tables[0]["distributions"]}
    rows = []
    for item, kind in task.get("wording", {}).items():
        row = asked.get(item, {})
        described = [Cell(str(row.get(key, ""))) for key in ("question", "role", "kind")]
        rows.append(Row([Cell(item, head=True), *described, Cell(kind)]))
    table = Table("Items and their wording", ["Item", "Question", "Role", "Kind", "Wording"], rows, phone="list")
    return Section("provenance", "Provenance and wording", facts=[one for one in known if one.text], tables=[table])


def _design(context: Context) -> str:
    """Strata and clusters of the test people."""
    named = (("n_strata", "strata"), ("n_psu", "clusters (PSUs)"))
    known = [f"{count(context.sizes[key])} {words}" for key, words in named if context.sizes.get(key)]
    if not known:
        return "no strata or clusters in the source: every respondent counts as drawn alone"
    return f"{enumerate_words(known)} among the test {context.words.short}; splits, intervals and tests keep to them"


def _safe_link(url: Any) -> str:
    """The address if it is one that a browser may open; a task file is data and could say ``javascript:``."""
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else ""


def prompt(context: Context) -> Section:
    """The example interview of each model; models that read the same share it."""
    examples: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name, run in zip(context.names, context.runs, strict=True):
        turns = tuple(
            (str(turn.get("role", "")), str(turn.get("content", ""))) for turn in run.manifest.get("prompt_example", [])
        )
        if turns:
            examples.setdefault(turns, []).append(name)
    found = [
        (f"{enumerate_words(names)} · {role}", content) for turns, names in examples.items() for role, content in turns
    ]
    said = (
        "One interview with a composed profile, never a real person's, as the model reads it. The answers in it are examples too."
        if found
        else "No model on this card reads a prompt."
    )
    how = asking.elicited(context)
    said = f"{said} Answers are taken {how}." if found and how else said
    folded = f"The interview, {len(found)} turns" if found else ""
    return Section("prompt", "Prompt", "", [said], code=found, folded_code=folded)


def reproduce(context: Context) -> Section:
    """Commands, hashes and versions."""
    manifest: Any = context.manifest
    versions = {**manifest.get("environment", {})}
    known = [
        Fact("surveyeval", str(manifest.get("surveyeval", ""))),
        Fact("Seed", str(manifest["options"].get("seed", ""))),
        Fact("Draws", str(manifest["options"].get("draws", ""))),
        Fact("Task file, sha256", str(context.task.get("hash") or ""), mono=True),
        Fact("Data, sha256", str(manifest["data"]["sha256"]), mono=True),
        Fact("Split", str(manifest["split"]["hash"]), mono=True),
        Fact("From the response cache", "; ".join(asking.cached(context))),
        Fact("Versions", ", ".join(f"{name} {value}" for name, value in versions.items())),
    ]
    rows = []
    for model, (name, run) in enumerate(zip(context.names, context.runs, strict=True)):
        own: Any = run.manifest
        fingerprint = own["model"]["fingerprint"]
        details = ", ".join(
            f"{key} {value}"
            for key, value in fingerprint.get("details", {}).items()
            if not isinstance(value, (dict, list))
        )
        rows.append(
            Row(
                [
                    Cell(name, head=True, css="model", model=model),
                    Cell(str(own["model"]["string"]), css="mono"),
                    Cell(f"{fingerprint['kind']} {str(fingerprint['value'])[:16]}", details, "mono"),
                    Cell(str(own["id"])[:16], css="mono"),
                    Cell(number(own.get("seconds"), "count"), css="number"),
                ]
            )
        )
    table = Table(
        "Models", ["Name", "Model string", "Fingerprint", "Run", "Seconds"], rows, frozenset({4}), phone="list"
    )
    commands = list(dict.fromkeys(str(run.manifest.get("command", "")) for run in context.runs))
    return Section(
        "reproduce",
        "How to reproduce",
        facts=[one for one in known if one.text],
        tables=[table],
        code=[("Command", "\n".join(commands))],
    )
