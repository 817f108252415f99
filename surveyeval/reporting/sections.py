"""The sections of a card, in order: the finding first, what to disclose last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from surveyeval.reporting import asking, distributions, record, text
from surveyeval.reporting.adapters import adapters_section
from surveyeval.reporting.axes import axis_section, by_arm_section, glance
from surveyeval.reporting.blocks import Banner, Cell, Fact, Panels, Row, Saying, Section, Table
from surveyeval.reporting.comparison import compared
from surveyeval.reporting.context import Context, plain
from surveyeval.reporting.disclosure_section import disclosure_section
from surveyeval.reporting.figures import legend
from surveyeval.reporting.headlines import principal
from surveyeval.reporting.lines import Line
from surveyeval.reporting.numbers import MISSING, count, enumerate_words, percent, with_interval
from surveyeval.reporting.use_table import Judged, use_section
from surveyeval.reporting.verdicts import direction, verdict, yardstick
from surveyeval.reporting.view import RunView

__all__ = ["banners", "facts", "finding", "sections"]


def _how_to_read(context: Context) -> list[Fact]:
    words = context.words
    texts = (
        ("Simulated", f"Answers simulated for one half of the test {words.short}, against the {words.people} of the other half; mean over random halves ({context.half_size}). With a 95% interval."),
        (words.half[:1].upper() + words.half[1:], f"Real {words.people} of one half against those of the other, at the same size. It is a yardstick, not perfection." if not context.synthetic else "Rows of one half against those of the other, at the same size. It is a yardstick, not perfection."),
        ("Naive floor", "Stand-ins that know everything but what the axis measures, made from the pilot and redrawn in every half."),
        ("Recovered", f"How far from the floor (0%) to {words.people} (100%). Withheld where the two are too close at this n."),
        (f"Beyond {words.people}", f"How much further from {words.people} than {words.sample}; positive is further."),
        ("Gain over cell", f"How much closer to {words.people} than the demographic cell of the pilot; positive is closer."),
        ("Differences", "Of distances from the other half, not of the values printed; shares in percentage points (pp). Pale where the interval holds 0."),
    )  # fmt: skip
    return [Fact(name, said) for name, said in texts]


def finding(context: Context) -> tuple[list[str], list[Saying]]:
    """The card in plain words: what was done, and what each axis says."""
    task = context.task
    asked = len(task.get("wording", {}))
    lead = [
        f"{enumerate_words(context.names)} answered the {asked} question{'s' if asked != 1 else ''} of “{task['title']}” in "
        f"place of {count(context.n)} {context.words.people}, {_knowing(context)}.",
        text.generated(context),
        *asking.nearer(context),
    ]
    sayings = []
    if context.joint is None:
        why = (
            "The task has no profile, and there is no joint log-loss: nothing on this card is about individuals."
            if context.without_profile
            else "No model here gives probabilities of people’s own answers, so there is no joint log-loss: nothing on this card "
            "shows that profiles matter."
        )
        lead.append(why)
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
    models = [
        (model, name, *verdict(line, model, context.baselines[model])) for model, name in enumerate(context.names)
    ]
    return Saying(title, subject, yardstick(line), models)


def _knowing(context: Context) -> str:
    if not context.sizes.get("paired", True):
        return "without saying whom each row stands for"
    files = [name for name, run in zip(context.names, context.runs, strict=True) if _from_file(run)]
    if len(files) == len(context.names):
        return "paired with them by a file; what was known of them is for its author to say"
    if context.without_profile:
        arms = len(context.sizes["arms"]) > 1
        return f"knowing nothing about them{' but their experimental arm' if arms else ''}: the task has no profile"
    apart = f" (of {enumerate_words(files)} its author must say)" if files else ""
    return f"knowing each one’s profile{_hidden(context)}{apart}"


def _from_file(run: RunView) -> bool:
    return str(run.manifest["model"]["string"]).startswith("file:")


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
                "Synthetic",
            )
        )
    elif not context.task.get("comparable", True):
        found.append(Banner("The task declares its results not comparable with others.", "stop", "Not comparable"))
    limited = context.manifest.get("limited")
    if limited:
        found.append(
            Banner(
                f"Limited run: only the first {count(limited)} test {context.words.short} were simulated. Not for quoting.",
                "stamp",
                "Limited",
            )
        )
    partial = context.manifest.get("partial")
    if partial:
        found.append(
            Banner(
                f"Partial run: it is not finished. {count(partial['people'])} of {count(partial['of_people'])} test "
                f"{context.words.short} are answered, {count(partial['failed'])} answers failed. Not for quoting.",
                "stamp",
                "Partial",
            )
        )
    differently = asking.asked_differently(context)
    found += [Banner(differently)] if differently else []
    found += [Banner(said) for said in asking.unusable_said(context)]
    for name, run in zip(context.names, context.runs, strict=True):
        found += [Banner(f"{name}: {sentence}") for sentence in run.manifest["model"].get("banners", [])]
        found += [Banner(f"{name}: {note}") for note in run.manifest.get("notes", [])]
    return found


def facts(context: Context) -> list[Fact]:
    """The line under the title."""
    task, split = context.task, context.manifest["split"]
    people = context.words.people
    interview: Any = task.get("interview") or {}
    options = f"{interview.get('options', 'letters')}, {interview.get('order', 'fixed')} order"
    limited = f", the first {count(context.n)} only" if context.manifest.get("limited") else ""
    return [
        Fact("Task", f"{task['name']} {task['version']}"),
        Fact("Reference", "synthetic, not people" if context.synthetic else "people", "#provenance"),
        Fact(
            f"Test {context.words.short}",
            f"{count(context.n)} (effective {count(round(context.sizes['n_eff']))}){limited}",
        ),
        Fact("In each half", f"{count(context.half)} {people}"),
        Fact(f"Pilot {context.words.short}", f"{count(split['pilot'])}, apart from the test"),
        Fact("Answers", asking.obtained(context, options), "#prompt"),
        Fact("Licence of the data", str(task.get("licence") or "not stated")),
        Fact("Made", str(context.manifest.get("created", ""))[:10]),
    ]


def sections(context: Context, judged: Judged) -> Iterator[Section]:
    """Everything below the finding."""
    yield use_section(context, judged)
    figure, table = glance(context)
    yield Section(
        "glance", "At a glance", figures=[figure] if figure else [], tables=[table], facts=_how_to_read(context)
    )
    for one in context.axes:
        section = _with_descriptions(context, axis_section(context, one))
        yield replace(section, tables=sorted(section.tables, key=lambda table: table.folded))
        if one.key == "alignment":
            arms = by_arm_section(context)
            if arms is not None:
                yield arms
    yield _distributions(context)
    yield record.validity(context)
    yield Section(
        "undecided",
        f"Undecided with {count(context.n)} {context.words.people}",
        f"At this n ({context.half_size}) the following could not be decided.",
        facts=(unknown := text.undecided(context)),
        points=[] if unknown else ["Nothing on this card is marked as undecided."],
    )
    yield Section("limits", "What the numbers cannot tell", facts=text.limits(context), tables=[compared(context)])
    tuned = adapters_section(context)
    if tuned is not None:
        yield tuned
    yield record.provenance(context)
    yield record.prompt(context)
    yield record.reproduce(context)
    yield disclosure_section(context)


def _with_descriptions(context: Context, section: Section) -> Section:
    """Axis sections with the descriptive tables that belong to them."""
    if section.key == "coherence" and context.tables[0]["coherence"]:
        return replace(section, tables=[*section.tables, *_coherence(context)])
    if section.key == "coefficients" and context.tables[0]["coefficients"]:
        people = context.words.people
        drawn = distributions.forests(context.tables, context.names, people)
        tables = distributions.coefficient_tables(context.tables, context.names, people)
        said = (
            f"Full test sample, in standard errors of the estimate for {people}, so that terms can be compared; whiskers are 95% "
            "intervals, numbers are coefficients, arrows lie beyond the figure."
        )
        marks = legend(context.names, people=people)
        absent = [
            f"{row['regression']}: {row['reason']}."
            for row in context.tables[0]["coefficients"]
            if row["status"] == "not_applicable"
        ]
        return replace(
            section,
            panels=[Panels("Regression by regression", said, drawn, marks)] if drawn else [],
            tables=[*section.tables, *tables],
            points=[*section.points, *absent],
        )
    return section


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
        rows = [Row([label, Cell(context.words.people), *_counts(people)], "first")]
        for model, name in enumerate(context.names):
            own = _outcome(context.tables[model], rule, arm, "simulation")
            rows.append(Row([None, Cell(name, css="model", model=model), *_counts(own)]))
        (by_arm if arm else overall).extend(rows)
    note = context.words.own(
        "Full test sample. The gap is the share that contradicts among those the rule decides; its target is people's own gap, "
        "not zero. Counts are rows, gaps are weighted."
    )
    numeric = frozenset(range(2, 7))
    caption = f"Beliefs and actions, {context.words.people} and simulation"
    tables = [Table(caption, columns, overall, numeric, [note])]
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
    people = context.words.people
    said = (
        f"Bars and numbers are {people}, with 95% Wilson intervals; marks are models. Full test sample, arms pooled; shares of those "
        "who answered."
    )
    tables = [distributions.shares_table(context.tables, context.names, people)]
    means = distributions.means_table(context.tables, context.names, people)
    tables += [means] if means else []
    if len(context.arms) > 1:
        tables += distributions.by_arm(context.tables, context.names, context.arms, people)
    drawn = distributions.shares(context.tables, context.names, people)
    panels = Panels("Shares of answers", said, drawn, legend(context.names))
    return Section("distributions", "Answers, item by item", tables=tables, panels=[panels])
