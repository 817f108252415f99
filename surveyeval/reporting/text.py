"""Sentences that every card carries, filled in from the run (what statistics cannot remove, and what a number is not)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from surveyeval.reporting.context import Context, plain
from surveyeval.reporting.headlines import principals
from surveyeval.reporting.lines import Line
from surveyeval.reporting.numbers import count, enumerate_words, number, percent
from surveyeval.reporting.verdicts import against_cell

__all__ = ["compared", "generated", "human_source", "limits", "undecided", "wording"]

_INTERVIEW = {
    "choice": "as probabilities of the options",
    "generate": "as free text, parsed",
    "verbalized": "as stated percentages",
}
_WEIGHTS = {True: "used", False: "none in the source: unweighted"}


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
    return (
        f"{each} were generated{per} for {count(context.n)} real respondents' profiles. They are not respondents; standard "
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
        ("test people", f"{count(context.n)} (effective {count(round(context.sizes['n_eff']))})"),
    ]
    said = "; ".join(f"{name}: {str(text).rstrip('.') if text else 'not stated'}" for name, text in known)
    return f"Source: {str(task.get('citation') or 'not stated').rstrip('.')}. {said[:1].upper()}{said[1:]}."


def wording(context: Context) -> str:
    """How close the questions are to what people were asked, and how answers were obtained."""
    task: Any = context.task
    by_kind: dict[str, list[str]] = {}
    for item, kind in task.get("wording", {}).items():
        by_kind.setdefault(kind, []).append(item)
    listed = "; ".join(f"{kind}: {enumerate_words(items)}" for kind, items in by_kind.items())
    interview = task.get("interview", {})
    elicitation = context.manifest["options"].get("elicitation", "choice")
    mode = {"sequential": "one after another, each seeing the answers before", "independent": "each on its own"}
    return (
        f"Item wording. {listed[:1].upper()}{listed[1:]}. Answers were obtained {_INTERVIEW.get(elicitation, elicitation)}, items "
        f"{mode.get(str(interview.get('mode')), 'in order')}, options as {interview.get('options', 'letters')} in "
        f"{interview.get('order', 'fixed')} order."
    )


def memorisation(context: Context) -> str:
    """Whether the model may have read the data."""
    published = context.task.get("published")
    since = f"The data were public since {published}" if published else "It is not stated when the data became public"
    cutoffs = []
    for name, run in zip(context.names, context.runs, strict=True):
        cutoff = run.manifest["model"]["fingerprint"].get("details", {}).get("cutoff")
        if not str(run.manifest["model"]["string"]).startswith(("baseline:", "scripted:")):
            cutoffs.append(f"{name}: {cutoff or 'unknown'}")
    if not cutoffs:
        return f"{since}; no language model is on this card."
    return f"{since}; model cut-off {enumerate_words(cutoffs)}: memorisation not excluded."


def informed(context: Context) -> str:
    """Who has seen the pilot."""
    split, users = context.manifest["split"], []
    for name, run in zip(context.names, context.runs, strict=True):
        text = str(run.manifest["model"]["string"])
        if text.startswith("baseline:"):
            users.append(f"{name} (a baseline fitted on it)")
        elif text.startswith("lora:"):
            users.append(f"{name} (an adapter; see its banner and fingerprint for the rows it was trained on)")
    shown = f" and {enumerate_words(users)}" if users else ""
    seen = "All arms are in the pilot: nothing here is a result on an unseen arm." if len(context.arms) > 1 else ""
    return f"The pilot of {count(split['pilot'])} people informed the naive floors{shown}; none of them is a test person. {seen}".strip()


def undecided(context: Context) -> list[str]:
    """What could not be decided at this n: not resolved, undecidable, too small; by name."""
    places: dict[tuple[str, str], dict[str, None]] = {}
    for one in context.axes:
        for line in context.lines.of(one.key, item=False):
            reason = _undecided(line)
            if reason:
                where = context.arms.get(line.arm, line.arm) if line.arm else context.where(line) or "overall"
                places.setdefault((reason, line.quantity.label), {})[where] = None
    # Measures that fail in the same places for the same reason share a line.
    measures: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (reason, label), found in places.items():
        measures.setdefault((reason, tuple(found)), []).append(label)
    said = [
        f"{reason}: {enumerate_words(labels)} ({'; '.join(where)})." for (reason, where), labels in measures.items()
    ]
    skipped = [
        f"{plain(str(row['subgroup']))}: {row['group']}"
        for row in context.tables[0].get("groups", [])
        if row["status"] == "skipped"
    ]
    if skipped:
        said.append(f"Groups skipped, with fewer than 15 effective people in a half: {'; '.join(skipped)}.")
    return said


def _undecided(line: Line) -> str:
    statuses = Counter(
        value.status for i in range(len(line.models)) for value in (line.matched(i), line.get(i, "recovered"))
    )
    if statuses["undecidable"]:
        return "Undecidable at this n"
    if statuses["not_resolved"]:
        return "Too close to tell how much is recovered"
    if statuses["too_small"]:
        return "Too few people"
    return ""


def compared(context: Context) -> list[str]:
    """Each model against the demographic cell of the same pilot, on the headline of each axis."""
    said = []
    for model, name in enumerate(context.names):
        outcome: dict[str, list[str]] = {}
        for one in context.axes:
            for line in principals(context, one.key):
                result = against_cell(line, model)
                if result:
                    where = context.where(line)
                    outcome.setdefault(result, []).append(f"{line.quantity.label}{f' ({where})' if where else ''}")
        if outcome:
            words = {"better": "better on", "worse": "worse on", "undecided": "not told apart on"}
            parts = [f"{words[key]} {'; '.join(dict.fromkeys(outcome[key]))}" for key in words if key in outcome]
            said.append(f"Compared with the demographic cell of the pilot, {name} is {'. It is '.join(parts)}.")
        else:
            said.append(f"{name} could not be compared with the demographic cell of the pilot on any headline.")
    return said


def what_profiles_add(context: Context) -> list[str]:
    """Bits per person against ignoring who the person is."""
    line = context.joint
    if line is None:
        return ["No model on this card has a joint log-loss. Nothing here shows that profiles matter: answers given to the wrong persons within an arm would pass every other axis."]  # fmt: skip
    said = []
    for model, name in enumerate(context.names):
        gain = line.get(model, "gain_over_floor")
        if not line.matched(model).ok or not gain.ok or gain.value is None:
            said.append(f"{name} has no joint log-loss: nothing here shows that profiles matter to it.")
            continue
        verb = "saves" if gain.value >= 0 else "costs"
        unsure = " (not told apart from nothing)" if (gain.low or 0) <= 0 <= (gain.high or 0) else ""
        said.append(
            f"Against ignoring who a person is (the pilot's shares within arm), {name} {verb} {number(abs(gain.value), 'bits')} bits "
            f"per respondent{unsure}. This holds profile and earlier answers together."
        )
    return said


def conditional(context: Context) -> str:
    """What an interval leaves out."""
    tried = max(int(run.manifest.get("tried") or 0) for run in context.runs)
    known = (
        f"; {count(tried)} configuration{'s were' if tried != 1 else ' was'} tried on this task on this machine"
        if tried
        else ""
    )
    return f"Intervals are conditional on this prompt, adapter and pilot{known}."


def limits(context: Context) -> list[str]:
    """Everything that the numbers cannot tell."""
    said = [generated(context)]
    if context.synthetic:
        said.append("The reference is not human data. Pipeline check; not comparable; not rankable.")
    said += [human_source(context), wording(context), memorisation(context), informed(context)]
    said += compared(context)
    said += what_profiles_add(context)
    said += [
        conditional(context),
        "A reference is a second human sample of the same size, not perfection; passing is not evidence of equality; "
        "equivalence is claimed for nothing on this card: no equivalence test was run.",
        "Test people come from the same survey, wave and frame as the pilot: a new question, arm or population was not tested.",
        "These results hold for this survey. Nothing here supports replacing respondents, estimating effects, or describing a "
        "subgroup that was not tested.",
    ]
    return said


def invalid_share(context: Context, model: int) -> str:
    """Share of simulated answers that could not be used."""
    rows = [row for row in context.tables[model]["states"] if row["side"] == "simulation"]
    total = sum(row["count"] for row in rows)
    invalid = sum(row["count"] for row in rows if row["state"] in ("invalid", "not_run"))
    return percent(invalid / total, 1) if total else "none asked"
