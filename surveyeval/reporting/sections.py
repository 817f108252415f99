"""The sections of a card, in order: the finding first, how to reproduce it last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from surveyeval.reporting import distributions, text
from surveyeval.reporting.axes import axis_section, by_arm_section, glance
from surveyeval.reporting.blocks import Banner, Cell, Fact, Row, Saying, Section, Table
from surveyeval.reporting.context import Context, plain
from surveyeval.reporting.figures import legend
from surveyeval.reporting.headlines import principal
from surveyeval.reporting.lines import Line
from surveyeval.reporting.numbers import MISSING, count, enumerate_words, number, percent, with_interval
from surveyeval.reporting.verdicts import direction, verdict, yardstick

__all__ = ["banners", "facts", "finding", "sections"]


_HOW_TO_READ = (
    "Simulated: answers simulated for one half of the people, against the people of the other half; mean over random halves.",
    "People, other half: real people of one half against those of the other, at the same size. It is a yardstick, not perfection.",
    "Naive floor: stand-ins that know everything but what the axis measures, made from the pilot and redrawn in every half.",
    "Recovered: how far from the floor (0%) to people (100%). Withheld where the two are too close at this n.",
    "Gain over cell: how much closer to people than the demographic cell of the pilot; positive is closer. Beyond people: how much "
    "further from people than a second human sample; positive is further. Pale where the interval holds 0.",
)


def finding(context: Context) -> tuple[list[str], list[Saying]]:
    """The card in plain words: what was done, and what each axis says."""
    task = context.task
    whom = "synthetic rows" if context.synthetic else "people"
    lead = [
        f"{enumerate_words(context.names)} answered the {len(task.get('wording', {}))} questions of “{task['title']}” in "
        f"place of {count(context.n)} {whom}, knowing each one’s profile{_hidden(context)}.",
        text.generated(context),
    ]
    sayings = []
    if context.joint is None:
        lead.append(
            "No model here gives probabilities of people’s own answers, so there is no joint log-loss: nothing on this card "
            "shows that profiles matter."
        )
    else:
        sayings.append(_saying(context, "Read first", context.joint))
    for one in context.axes:
        line = principal(context, one.key)
        if line is not None and line is not context.joint:
            sayings.append(_saying(context, one.title, line))
    return lead, sayings


def _saying(context: Context, title: str, line: Line) -> Saying:
    where = context.where(line)
    subject = f"{line.quantity.label}{f', {where}' if where else ''}: {line.quantity.help or direction(line)}"
    models = [(model, name, *verdict(line, model)) for model, name in enumerate(context.names)]
    return Saying(title, subject, yardstick(line), models)


def _hidden(context: Context) -> str:
    hidden = context.manifest["options"].get("hidden") or []
    return f" except {enumerate_words(plain(name) for name in hidden)}" if hidden else ""


def banners(context: Context) -> list[Banner]:
    """Sentences that nobody may miss."""
    found = []
    if context.synthetic:
        found.append(
            Banner(
                "Synthetic reference: the rows that stand for people were made by a script. This is a check of the pipeline; it ranks "
                "nobody and says nothing about people.",
                "stop",
            )
        )
    elif not context.task.get("comparable", True):
        found.append(Banner("The task declares its results not comparable with others.", "stop"))
    limited = context.manifest.get("limited")
    if limited:
        found.append(
            Banner(f"Limited run: only the first {count(limited)} test people were simulated. Not for quoting.")
        )
    for name, run in zip(context.names, context.runs, strict=True):
        found += [Banner(f"{name}: {sentence}") for sentence in run.manifest["model"].get("banners", [])]
        found += [Banner(f"{name}: {note}") for note in run.manifest.get("notes", [])]
    return found


def facts(context: Context) -> list[Fact]:
    """The line under the title."""
    task, split = context.task, context.manifest["split"]
    people = "synthetic rows" if context.synthetic else "people"
    return [
        Fact("Task", f"{task['name']} {task['version']}"),
        Fact("Test", f"{count(context.n)} {people}, effective {count(round(context.sizes['n_eff']))}"),
        Fact("Pilot", f"{count(split['pilot'])} {people}, apart"),
        Fact("Licence of the data", str(task.get("licence") or "not stated")),
        Fact("Made", str(context.manifest.get("created", ""))[:10]),
    ]


def sections(context: Context) -> Iterator[Section]:
    """Everything below the finding."""
    figure, table = glance(context)
    yield Section("glance", "At a glance", figures=[figure] if figure else [], tables=[table], points=_HOW_TO_READ)
    for one in context.axes:
        section = _with_descriptions(context, axis_section(context, one))
        yield replace(section, tables=sorted(section.tables, key=lambda table: table.folded))
        if one.key == "alignment":
            arms = by_arm_section(context)
            if arms is not None:
                yield arms
    yield _distributions(context)
    yield _validity(context)
    yield Section(
        "undecided",
        f"Undecided with {count(context.n)} people",
        "What this many people cannot tell, whatever the model.",
        points=text.undecided(context) or ["Nothing on this card is marked as undecided."],
    )
    yield Section("limits", "What the numbers cannot tell", points=text.limits(context))
    yield _provenance(context)
    yield _prompt(context)
    yield _reproduce(context)


def _with_descriptions(context: Context, section: Section) -> Section:
    """Axis sections with the descriptive tables that belong to them."""
    if section.key == "subgroups" and context.tables[0]["groups"]:
        return replace(section, tables=[*section.tables, _group_sizes(context)])
    if section.key == "coherence" and context.tables[0]["coherence"]:
        return replace(section, tables=[*section.tables, *_coherence(context)])
    if section.key == "coefficients" and context.tables[0]["coefficients"]:
        drawn = distributions.coefficient_figures(context.tables, context.names)
        tables = distributions.coefficient_tables(context.tables, context.names)
        absent = [
            f"{row['regression']}: {row['reason']}."
            for row in context.tables[0]["coefficients"]
            if row["status"] == "not_applicable"
        ]
        return replace(
            section,
            figures=[*section.figures, *drawn],
            tables=[*section.tables, *tables],
            points=[*section.points, *absent],
        )
    return section


def _group_sizes(context: Context) -> Table:
    words = {"ok": "shown", "grey": "shown grey", "skipped": "skipped"}
    rows = [
        Row(
            [
                Cell(f"{plain(row['subgroup'])}: {row['group']}", head=True),
                Cell(count(row["n"]), css="number"),
                Cell(count(round(row["n_eff"])), css="number"),
                Cell(count(round(row["half_n_eff"])), css="number"),
                Cell(words[row["status"]], css="" if row["status"] == "ok" else "chip"),
            ],
            "grey" if row["status"] != "ok" else "",
        )
        for row in context.tables[0]["groups"]
    ]
    notes = ["A cell needs 30 effective people in a half for a full line and 15 to be shown at all."]
    columns = ["Group", "People", "Effective", "In a half", "Treatment"]
    return Table("Sizes of the groups", columns, rows, frozenset({1, 2, 3}), notes, folded=True)


def _coherence(context: Context) -> list[Table]:
    """People and models by rule, overall and by arm, at full size."""
    columns = ["Rule", "Who", "Rows", "Follows", "Contradicts", "Undetermined", "Gap"]
    overall: list[Row] = []
    by_arm: list[Row] = []
    rules = list(dict.fromkeys((row["rule"], row["arm"]) for row in context.tables[0]["coherence"]))
    for rule, arm in rules:
        span = 1 + len(context.names)
        label = Cell(rule, context.arms.get(arm, arm) if arm else "", head=True, rows=span)
        people = _outcome(context.tables[0], rule, arm, "people")
        rows = [Row([label, Cell("people"), *_counts(people)], "first")]
        for model, name in enumerate(context.names):
            own = _outcome(context.tables[model], rule, arm, "simulation")
            rows.append(Row([None, Cell(name, css="model", model=model), *_counts(own)]))
        (by_arm if arm else overall).extend(rows)
    note = (
        "Full test sample. The gap is the share that contradicts among those the rule decides; its target is the people's own gap, "
        "not zero. Counts are rows, gaps are weighted."
    )
    numeric = frozenset(range(2, 7))
    tables = [Table("Beliefs and actions, people and simulation", columns, overall, numeric, [note])]
    if by_arm:
        tables.append(Table("Beliefs and actions by arm", columns, by_arm, numeric, folded=True))
    return tables


def _outcome(tables: Any, rule: str, arm: str, side: str) -> dict[str, Any]:
    for row in tables["coherence"]:
        if (row["rule"], row["arm"], row["side"]) == (rule, arm, side):
            return dict(row)
    return {}


def _counts(row: dict[str, Any]) -> list[Cell]:
    def share(name: str) -> Cell:
        total = row.get("n") or 0
        text = percent(row[name] / total, 1) if total else MISSING
        return Cell(text, count(row.get(name)), "number")

    gap = with_interval(row.get("gap"), row.get("gap_low"), row.get("gap_high"), "share").partition(" (")
    counts = [share(name) for name in ("follows", "contradicts", "undetermined")] if row else [Cell(MISSING)] * 3
    return [Cell(count(row.get("n")), css="number"), *counts, Cell(gap[0], gap[2].rstrip(")"), "number strong")]


def _distributions(context: Context) -> Section:
    paragraph = (
        "Bars are people with 95% Wilson intervals, marks are models, on the full test sample with arms pooled. Shares are of "
        "those who answered."
    )
    tables = [distributions.shares_table(context.tables, context.names)]
    if len(context.arms) > 1:
        tables += distributions.by_arm(context.tables, context.names, context.arms)
    drawn = distributions.shares(context.tables, context.names)
    marks = legend(context.names, (), "")[1:]
    return Section(
        "distributions", "Answers, item by item", "", [paragraph], drawn, tables, small_multiples=True, legend=marks
    )


def _validity(context: Context) -> Section:
    """Invalid answers and how much probability falls on the options at all."""
    rows, masses = [], []
    for model, name in enumerate(context.names):
        states = [
            row for row in context.tables[model]["states"] if row["side"] == "simulation" and row["state"] != "answered"
        ]
        worst = ", ".join(f"{row['item']} {plain(row['state'])} {count(row['count'])}" for row in states) or "none"
        cells = [
            Cell(name, head=True, css="model", model=model),
            Cell(text.invalid_share(context, model), css="number strong"),
            Cell(worst),
        ]
        rows.append(Row(cells))
        for row in context.tables[model]["mass"]:
            values = [Cell(percent(row[key], 1), css="number") for key in ("mean", "p05", "min")]
            masses.append(Row([Cell(name, head=True, css="model", model=model), Cell(row["item"]), *values]))
    tables = [Table("Answers that could not be used", ["Model", "Invalid", "By item and state"], rows, frozenset({1}))]
    if masses:
        note = "Probability that the model gave to all options together, before renormalising. A low mass means it wanted to say something else."
        columns = ["Model", "Item", "Mean", "5th percentile", "Least"]
        tables.append(Table("Option mass", columns, masses, frozenset({2, 3, 4}), [note]))
    people = [row for row in context.tables[0]["states"] if row["side"] == "people" and row["state"] != "answered"]
    said = ", ".join(f"{row['item']} {plain(row['state'])} {count(row['count'])}" for row in people)
    points = [f"People without an answer: {said}."] if said else ["All test people answered every item."]
    return Section("validity", "Invalid answers and option mass", tables=tables, points=points)


def _provenance(context: Context) -> Section:
    task: Any = context.task
    known = [
        Fact("Title", task["title"]),
        Fact("Description", task.get("description") or ""),
        Fact("Provenance", "people" if not context.synthetic else "synthetic: made by a script, not people"),
        Fact("Citation", task.get("citation") or ""),
        Fact("Address", task.get("url") or "", link=_safe_link(task.get("url"))),
        Fact("Licence", task.get("licence") or "not stated"),
        Fact("Public since", task.get("published") or "not stated"),
        Fact("Field dates", task.get("field_dates") or "not stated"),
        Fact("Population", task.get("population") or "not stated"),
        Fact("Mode", task.get("mode") or "not stated"),
        Fact("Selection", task.get("selection") or "not stated"),
        Fact("Weights", "used" if task.get("weighted") else "none in the source"),
        Fact("Profile set", task.get("profile_set") or ""),
        Fact("Profile", enumerate_words(plain(name) for name in task.get("profile", [])) or "none"),
        Fact("Hidden from the model", enumerate_words(context.manifest["options"].get("hidden") or []) or "nothing"),
        Fact("Rows in the source", count(context.manifest["data"].get("n"))),
    ]
    rows = [Row([Cell(item, head=True), Cell(kind)]) for item, kind in task.get("wording", {}).items()]
    table = Table("Wording of the items", ["Item", "Wording"], rows)
    return Section("provenance", "Provenance and wording", facts=[one for one in known if one.text], tables=[table])


def _safe_link(url: Any) -> str:
    """The address if it is one that a browser may open; a task file is data and could say ``javascript:``."""
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else ""


def _prompt(context: Context) -> Section:
    found = []
    for name, run in zip(context.names, context.runs, strict=True):
        for turn in run.manifest.get("prompt_example", []):
            found.append((f"{name} · {turn.get('role', '')}", str(turn.get("content", ""))))
    said = (
        "One interview with a composed profile, never a real person's, as the model reads it."
        if found
        else "No model on this card reads a prompt."
    )
    return Section("prompt", "Prompt", "", [said], code=found)


def _reproduce(context: Context) -> Section:
    manifest: Any = context.manifest
    versions = {**manifest.get("environment", {})}
    known = [
        Fact("surveyeval", str(manifest.get("surveyeval", ""))),
        Fact("Seed", str(manifest["options"].get("seed", ""))),
        Fact("Draws", str(manifest["options"].get("draws", ""))),
        Fact("Task file, sha256", str(context.task.get("hash") or ""), mono=True),
        Fact("Data, sha256", str(manifest["data"]["sha256"]), mono=True),
        Fact("Split", str(manifest["split"]["hash"]), mono=True),
        Fact("Versions", ", ".join(f"{name} {value}" for name, value in versions.items())),
    ]
    rows = []
    for model, (name, run) in enumerate(zip(context.names, context.runs, strict=True)):
        own: Any = run.manifest
        fingerprint = own["model"]["fingerprint"]
        details = ", ".join(f"{key} {value}" for key, value in fingerprint.get("details", {}).items())
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
    table = Table("Models", ["Name", "Model string", "Fingerprint", "Run", "Seconds"], rows, frozenset({4}))
    commands = list(dict.fromkeys(str(run.manifest.get("command", "")) for run in context.runs))
    return Section(
        "reproduce",
        "How to reproduce",
        facts=[one for one in known if one.text],
        tables=[table],
        code=[("Command", "\n".join(commands))],
    )
