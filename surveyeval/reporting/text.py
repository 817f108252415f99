"""Sentences that every card carries, filled in from the run (what statistics cannot remove, and what a number is not)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from surveyeval.engine.closeness import too_close
from surveyeval.engine.known_coverage import COVERAGE_FLAGS
from surveyeval.reporting.adapters import adapter_of, arms_said
from surveyeval.reporting.asking import nearer, obtained_said
from surveyeval.reporting.blocks import Fact
from surveyeval.reporting.comparison import resampled, what_profiles_add
from surveyeval.reporting.context import Context, plain
from surveyeval.reporting.disclosure_facts import Facts, cutoff_of, most_tried, tries
from surveyeval.reporting.evidence import Evidence, place
from surveyeval.reporting.lines import Line
from surveyeval.reporting.numbers import count, enumerate_words
from surveyeval.reporting.quantities import axis, quantity
from surveyeval.reporting.use import EQUIVALENCES, equivalent

__all__ = ["generated", "human_source", "limits", "undecided", "wording"]

_NEARNESS = (
    "A sample has an error of its own, which these answers lack: they may hold the answers of these very respondents, or follow "
    "from a profile that nearly determines them. The numbers cannot tell which."
)
_WEIGHTS = {True: "used", False: "none in the source, unweighted"}


def generated(context: Context) -> str:
    """What the simulated rows are, and what they are not."""
    n, draws = int(context.sizes["n_simulated"]), int(context.sizes["draws"])
    each = f"{count(n)} simulated rows" if draws == 1 else f"{count(draws)} samples of {count(n)} simulated rows"
    per = f" by each of {len(context.names)} models" if len(context.names) > 1 else ""
    if not context.sizes.get("paired", True):
        return (
            f"{each} were supplied{per} without saying whose profiles they answer for. They are not respondents; standard "
            "errors computed from them describe the model, not the population."
        )
    whom = "real respondents" if context.without_profile else "real respondents’ profiles"
    return (
        f"{each} were generated{per} for {count(context.n)} {whom}. They are not respondents; standard "
        "errors computed from them describe the model, not the population."
        if not context.synthetic
        else f"{each} were generated{per} for {count(context.n)} synthetic profiles. Neither side is people; standard errors "
        "computed from them describe the model, not a population."
    )


def human_source(context: Context) -> str:
    """Where the people come from."""
    task = context.task
    known = [
        ("field dates", task.get("field_dates")),
        ("population", task.get("population")),
        ("mode", task.get("mode")),
        ("selection", task.get("selection")),
        ("weights", _WEIGHTS[bool(task.get("weighted"))]),
        (
            f"test {context.words.short}",
            f"{count(context.n)} (effective {count(round(context.sizes['n_eff']))}), {context.half_size}",
        ),
    ]
    said = "; ".join(f"{name}: {str(text).rstrip('.') if text else 'not stated'}" for name, text in known)
    return f"{str(task.get('citation') or 'Not stated').rstrip('.')}. {said[:1].upper()}{said[1:]}."


def wording(context: Context) -> str:
    """How close the questions are to what people were asked, and how answers were obtained."""
    task: Any = context.task
    by_kind: dict[str, list[str]] = {}
    for item, kind in task.get("wording", {}).items():
        by_kind.setdefault(kind, []).append(item)
    listed = "; ".join(f"{kind}: {enumerate_words(items)}" for kind, items in by_kind.items())
    interview = task.get("interview", {})
    mode = {"sequential": "one after another, each seeing the answers before", "independent": "each on its own"}
    questions = (
        f"items {mode.get(str(interview.get('mode')), 'in order')}, options as {interview.get('options', 'letters')} in "
        f"{interview.get('order', 'fixed')} order"
    )
    return f"{listed[:1].upper()}{listed[1:]}. {obtained_said(context, questions)}"


def memorisation(context: Context) -> str:
    """Whether the model may have read the data."""
    published = context.task.get("published")
    since = f"The data were public since {published}" if published else "It is not stated when the data became public"
    cutoffs = []
    for name, run in zip(context.names, context.runs, strict=True):
        cutoff = cutoff_of(run.manifest)
        if not str(run.manifest["model"]["string"]).startswith(("baseline:", "scripted:")):
            cutoffs.append(f"{name} {cutoff or 'unknown'}")
    if not cutoffs:
        return f"{since}; no language model is on this card."
    return f"{since}; model cut-off: {'; '.join(cutoffs)}. Memorisation is not excluded."


def informed(context: Context) -> list[str]:
    """Who has seen the pilot, and which arms are in it."""
    split, users, more, baselines = context.manifest["split"], [], [], []
    for name, run in zip(context.names, context.runs, strict=True):
        text = str(run.manifest["model"]["string"])
        adapter = adapter_of(run.manifest)
        if text.startswith("baseline:"):
            baselines.append(name)
        elif adapter is not None:
            size = f" trained on {count(adapter.pilot)} {context.words.people}" if adapter.pilot is not None else ""
            users.append(f"{name} (an adapter{size}; see Fine-tuning)")
            arms = arms_said(context, adapter)
            more += [f"{name}. {arms} Results by arm say which arms it had not seen."] if arms else []
        elif text.startswith("lora:"):
            users.append(f"{name} (an adapter; see its banner and fingerprint for the rows it was trained on)")
        users += _prepared(name, run.manifest)
    if baselines:
        fitted = "baselines fitted on it" if len(baselines) > 1 else "a baseline fitted on it"
        users.insert(
            0,
            f"{enumerate_words(baselines)} ({fitted})"
            if len(baselines) < 4
            else f"{len(baselines)} baselines fitted on it",
        )
    shown = f" and {enumerate_words(users)}" if users else ""
    apart = f"none of them is a test {context.words.person}"
    said = f"The pilot of {count(split['pilot'])} {context.words.people} informed the naive floors{shown}; {apart}."
    if len(context.arms) > 1 and not more:
        more.append("All arms are in the pilot: nothing here is a result on an unseen arm.")
    return [said, *more]


def _prepared(name: str, manifest: Mapping[str, Any]) -> list[str]:
    """What a language model took from the pilot besides training."""
    details = manifest["model"].get("fingerprint", {}).get("details", {})
    said = []
    if details.get("calibrate", "none") != "none":
        said.append(f"{name} (calibrated on it, {details['calibrate']})")
    if details.get("examples"):
        said.append(f"{name} (interviews of it in the prompt: {details['examples']})")
    return said


def undecided(context: Context) -> list[Fact]:
    """What could not be decided at this n: undecidable, not resolved, not estimable, too small; by name."""
    places: dict[tuple[str, str], dict[str, None]] = {}
    for one in context.axes:
        for line in context.lines.of(one.key):
            reason = _undecided(line)
            if reason and not (line.item and (line.group or line.arm)):
                where = context.arms.get(line.arm, line.arm) if line.arm else context.where(line) or "overall"
                places.setdefault((reason, line.quantity.label), {})[where] = None
    # Measures that fail in the same places for the same reason share a line.
    measures: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (reason, label), found in places.items():
        measures.setdefault((reason, tuple(found)), []).append(label)
    found_by_reason: dict[str, list[str]] = {}
    for (reason, sites), labels in measures.items():
        found_by_reason.setdefault(reason, []).append(f"{enumerate_words(labels)} ({'; '.join(sites)}).")
    drawn = {line.group for line in context.lines.lines if "=" in line.group}
    skipped = [
        f"{plain(str(row['subgroup']))}: {row['group']}"
        for row in context.tables[0].get("groups", [])
        if row["status"] == "skipped" and f"{row['subgroup']}={row['group']}" not in drawn
    ]
    if skipped:
        found_by_reason.setdefault("Skipped", []).append(f"All measures within groups ({'; '.join(skipped)}).")
    margins = _undecidable_margins(context)
    if margins:
        found_by_reason.setdefault("Undecidable", []).extend(margins)
    facts = []
    for reason, explained in _REASONS.items():
        if reason in found_by_reason:
            facts += _facts(reason, [explained, *found_by_reason[reason]])
    return facts


_REASONS = {
    "Undecidable": "The declared margin is smaller than what this many can show.",
    "Not resolved": "The other half and the naive floor, or the other half and zero, are too close to tell how much is recovered.",
    "Not estimable": "Undefined in halves of this size.",
    "Shown grey": "Fewer than 30 effective respondents in a half: the value only, without recovered and without ranking.",
    "Skipped": "Fewer than 15 effective respondents in a half.",
}


def _undecided(line: Line) -> str:
    matched = [line.matched(i) for i in range(len(line.models))]
    statuses = Counter(
        value.status
        for i, own in enumerate(matched)
        for value in (own, line.get(i, "recovered"), line.get(i, "excess"))
    )
    if statuses["undecidable"]:
        return "Undecidable"
    if statuses["not_resolved"]:
        return "Not resolved"
    if statuses["too_small"]:
        return "Skipped" if line.skipped else "Shown grey"
    if line.reference is not None and line.reference.status == "not_estimable":
        return "Not estimable"  # for a model alone it is the model's doing, not that of n
    return ""


def conditional(context: Context) -> str:
    """What an interval leaves out."""
    known_of = most_tried(Facts(run.manifest, run.tried) for run in context.runs)
    known = f"; {tries(known_of)} tried on this task on this machine" if known_of else ""
    return (
        f"Intervals are conditional on this prompt, adapter and pilot{known}. What another wording, way of asking, training seed or "
        "pilot would change is not in them. They are 95% intervals for one number each, without adjustment for how many there are."
    )


def limits(context: Context) -> list[Fact]:
    """Everything that the numbers cannot tell, under the heads a reader looks for."""
    return list(_limits(context))


def _limits(context: Context) -> Iterator[Fact]:
    if context.synthetic:
        yield Fact(
            "Synthetic reference", "The reference is not human data. Pipeline check; not comparable; not rankable."
        )
    yield Fact("Simulated rows", generated(context))
    yield Fact("Reference rows" if context.synthetic else "People", human_source(context))
    yield Fact("Wording and interview", wording(context))
    yield Fact("Memorisation", memorisation(context))
    yield from _facts("Nearer than people", [f"{said} {_NEARNESS}" for said in nearer(context)])
    yield from _facts("Pilot", informed(context))
    yield Fact(
        "Against the pilot",
        f"Each model is compared with the demographic cell of the pilot below. {resampled(context)}",
    )
    yield from _facts("What the profile adds", what_profiles_add(context))
    yield Fact("Intervals", conditional(context))
    yield Fact(
        "",
        f"Where a simulation is nearly as near as {context.words.sample}, the interval of its difference from one is about twice as "
        "wide as it need be: “not told apart” is reached easily there, and is no evidence of equality.",
    )
    yield Fact(
        "Bands",
        "Where values jump (F1, false positive rate, slopes, worst group) the range of 95% of the half splits is shown. It is no "
        f"confidence interval and no test: {context.words.sample} can fall outside it far more often than one time in twenty.",
    )
    yield from _facts("Known coverage", covered(context))
    yield from _facts("Does not apply", absent_axes(context))
    yield Fact(
        "Reference",
        f"A reference is {context.words.sample} of the same size, not perfection; passing is not evidence of equality; equivalence "
        f"is claimed {claimed(context)}",
    )
    yield Fact(
        "Scope",
        f"Test {context.words.short} come from the same survey, wave and frame as the pilot: a new question, arm or population was "
        "not tested.",
    )
    yield Fact(
        "",
        "These results hold for this survey. Nothing here supports replacing respondents, estimating effects, or describing a "
        "subgroup that was not tested.",
    )


def covered(context: Context) -> list[str]:
    """Intervals on the card that are known to miss their level, see `surveyeval.engine.known_coverage`."""
    kinds: dict[str, None] = {}
    for run in context.runs:
        for row in run.tables["coefficients"]:
            if row.get("coverage"):  # runs before there was a simulation have no such field
                kinds[f"Coefficients of the full sample, {row['family']}: {row['coverage']}."] = None
        flagged = run.estimates[run.estimates["flags"].str.contains(COVERAGE_FLAGS)]
        for row in flagged.to_dict("records"):
            words = f"{quantity(row['metric'], row['name']).label}, {row['quantity'].replace('_', ' ')}"
            kinds[f"{words}: {row['reason'].rpartition('; ')[2]}."] = None
    return list(kinds)


def claimed(context: Context) -> str:
    """For what equivalence is claimed: what passed a test within a margin that the task declared, by model."""
    if context.synthetic:
        return "for nothing on this card, whose reference is not human data."
    margins = context.task.get("equivalence") or {}
    if not any(value for name, value in margins.items() if name != "reason"):
        return "for nothing on this card: the task declares no margins."
    tested = any((run.estimates["quantity"] == "equivalence").any() for run in context.runs)
    if not tested:
        return "for nothing on this card: no equivalence test was run."
    found = {name: equivalent(run) for name, run in zip(context.names, context.runs, strict=True)}
    said = [f"{name}: {'; '.join(shown)}" for name, shown in found.items() if shown]
    near = [name for name, run in zip(context.names, context.runs, strict=True) if too_close(run.estimates, run.model)]
    apart = (
        f" Nothing is claimed of {enumerate_words(near)}, nearer to people than people are to each other."
        if near
        else ""
    )
    if not said:
        others = "" if len(near) == len(found) else ": no test within the task’s margins passed"
        return f"for nothing on this card{others}.{apart}"
    reason = f" Margins: {str(margins['reason']).rstrip('.')}." if margins.get("reason") else ""
    return f"only for: {'. '.join(said)}.{reason}{apart}"


def _undecidable_margins(context: Context) -> list[str]:
    """Declared margins that so many people cannot decide, with the smallest that they could."""
    places: dict[str, dict[str, None]] = {}
    for evidence in map(Evidence, context.runs):
        for field, words in EQUIVALENCES.items():
            for row in evidence.rows("equivalence", metric=field):
                if row["status"] == "undecidable" and not row["arm"] and (field == "effect" or not row["term"]):
                    places.setdefault(words, {})[place(row)] = None
    return [f"Equivalence of {words} ({'; '.join(found)})." for words, found in places.items()]


def absent_axes(context: Context) -> list[str]:
    """Axes of which nothing applies to this task, with the reasons."""
    shown = {one.key for one in context.axes}
    reasons: dict[str, dict[str, None]] = {}
    for line, reason in context.lines.inapplicable():
        if line.axis not in shown:
            reasons.setdefault(line.axis, {})[reason] = None
    return [f"{axis(key).title}: {'; '.join(found)}." for key, found in reasons.items()]


def _facts(name: str, said: Sequence[str]) -> list[Fact]:
    return [Fact(name if position == 0 else "", text) for position, text in enumerate(said)]
