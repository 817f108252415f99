"""How models were asked, what could not be used of their answers, what left this machine: as the card and the terminal say it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from surveyeval.engine.closeness import NEARER, too_close
from surveyeval.reporting.context import Context
from surveyeval.reporting.disclosure_facts import FROM_FILE
from surveyeval.reporting.missing import state_words
from surveyeval.reporting.numbers import count, enumerate_words, percent

__all__ = [
    "asked_differently",
    "by_item",
    "cached",
    "elicited",
    "nearer",
    "obtained",
    "obtained_said",
    "sent",
    "unasked",
    "unusable",
    "unusable_said",
]

_WAYS = {
    "choice": "as probabilities of the options",
    "generate": "as free text, from which the option is read",
    "verbalized": "as percentages for the options that the model states",
}
#: Where answers come from that no model was asked for.
_ORIGINS = {
    "file": FROM_FILE,
    "baseline": "computed from the pilot, without asking a question",
    "scripted": "made by a script, without asking a question",
}
#: States in which a simulated row has no answer, in words.
_UNUSABLE = {
    "invalid": "invalid (no option can be read)",
    "not_run": "not run",
    "refused": "refused",
    "dont_know": "“don’t know”",
}
#: Share of answers beyond which a card may not pass over what is missing.
_MANY = 0.05


def elicited(context: Context) -> str:
    """How answers of the models that were asked were obtained; named by model where they were asked in different ways.

    Empty where none was asked.
    """
    ways: dict[str, list[str]] = {}
    for name, asking in zip(context.names, context.asked, strict=True):
        if asking:
            ways.setdefault(asking, []).append(name)
    if len(ways) < 2:
        return "".join(map(_way, ways))
    return "; ".join(f"{_way(asking)}: {enumerate_words(names)}" for asking, names in ways.items())


def unasked(context: Context) -> dict[str, list[str]]:
    """Where answers of the models come from that were not asked question by question, with their names."""
    found: dict[str, list[str]] = {}
    for name, asking, run in zip(context.names, context.asked, context.runs, strict=True):
        if not asking:
            found.setdefault(_origin(str(run.manifest["model"]["string"])), []).append(name)
    return found


def obtained(context: Context, options: str) -> str:
    """Where all answers come from, in a few words; `options` is how the options stood before models that were asked."""
    how, others = elicited(context), unasked(context)
    if not how:
        return "; ".join(_named(others, context))
    if not others:
        return f"{how}; {options}"
    asked = [name for name, asking in zip(context.names, context.asked, strict=True) if asking]
    named = how if len({one for one in context.asked if one}) > 1 else f"{how}: {enumerate_words(asked)}"
    return "; ".join([named, options, *_named(others, context)])


def obtained_said(context: Context, questions: str) -> str:
    """The same in sentences; `questions` is how items and options stood before models that were asked."""
    how, others = elicited(context), unasked(context)
    asked = [name for name, asking in zip(context.names, context.asked, strict=True) if asking]
    said = []
    if how:
        whose = f" of {enumerate_words(asked)}" if others else ""
        said.append(f"Answers{whose} were obtained {how}, {questions}.")
    for origin, names in others.items():
        whose = f" of {enumerate_words(names)}" if len(context.names) > len(names) else ""
        said.append(f"Answers{whose} were {origin}.")
    return " ".join(said)


def _named(others: Mapping[str, Sequence[str]], context: Context) -> list[str]:
    alone = len(others) == 1 and sum(map(len, others.values())) == len(context.names)
    return [origin if alone else f"{origin}: {enumerate_words(names)}" for origin, names in others.items()]


def _origin(string: str) -> str:
    return _ORIGINS.get(string.partition(":")[0], "given by a model that is not asked question by question")


def _way(asking: str) -> str:
    name, mark, options = asking.partition("?")
    words = _WAYS.get(name, f"by {name}")
    return f"{words} ({options.replace('&', ', ').replace('=', ' ').replace('_', ' ')})" if mark else words


def asked_differently(context: Context) -> str:
    """A warning where language models that stand side by side were asked in different ways, or nothing."""
    if len({asking for asking in context.asked if asking}) < 2:
        return ""
    return (
        f"The models were asked in different ways: {elicited(context)}. A difference between them may come from the way of "
        "asking; do not rank them."
    )


def unusable(context: Context, model: int) -> dict[str, float]:
    """Shares of simulated answers that are ``invalid``, ``not_run``, ``refused`` and ``dont_know``; empty when nothing was
    asked.
    """
    counts: Counter[str] = Counter()
    for row in context.tables[model]["states"]:
        if row["side"] == "simulation":
            counts[str(row["state"])] += int(row["count"])
    total = counts.total() - counts["not_asked"]
    if total <= 0:
        return {}
    return {state: counts[state] / total for state in _UNUSABLE}


def by_item(context: Context, model: int) -> str:
    """Every item's states that are no answers, with count and share."""
    return ", ".join(
        f"{row['item']} {state_words(str(row['state']))} {count(row['count'])} ({percent(row['share'], 1)})"
        for row in context.tables[model]["states"]
        if row["side"] == "simulation" and row["state"] != "answered"
    )


def unusable_said(context: Context, *, least: float = _MANY) -> Iterator[str]:
    """A sentence for each language model of whose answers more than so many are invalid or refused."""
    for model, (name, asking) in enumerate(zip(context.names, context.asked, strict=True)):
        shares = unusable(context, model)
        if not asking or not any(share > least for share in shares.values()):
            continue
        parts = [f"{percent(share, 1)} {_UNUSABLE[state]}" for state, share in shares.items() if share]
        bounded = "; bounds stand under “Missing and invalid answers”" if context.tables[model].get("bounds") else ""
        yield (
            f"{name}, of all answers: {enumerate_words(parts)}. Its figures rest on the other answers alone; what the missing ones would have "
            f"been is not known{bounded}."
        )


def nearer(context: Context) -> Iterator[str]:
    """A sentence for each model whose answers are nearer to these people than people are to each other."""
    for name, run in zip(context.names, context.runs, strict=True):
        if too_close(run.estimates, run.model):
            verdict = "" if context.synthetic else " No verdict on it is better than “can’t tell”."
            yield (
                f"{name} is {context.words.own(NEARER)} Every distance of its answers is below that of 97.5% of second samples "
                f"of {context.words.people}.{verdict}"
            )


def sent(context: Context) -> list[str]:
    """What of people left this machine, by model."""
    said = []
    for name, run in zip(context.names, context.runs, strict=True):
        leaves: Mapping[str, Any] = run.manifest.get("leaves") or {}
        kinds = (("profile", leaves.get("profile")), ("people’s answers", leaves.get("answers")))
        columns = "; ".join(f"{what}: {', '.join(names)}" for what, names in kinds if names)
        if columns:
            said.append(f"{name} was sent columns of the data at {leaves['to']} ({columns})")
    return said


def cached(context: Context) -> list[str]:
    """What was read from the response cache, by model."""
    said = []
    for name, run in zip(context.names, context.runs, strict=True):
        found: Mapping[str, Any] = run.manifest.get("cache") or {}
        if found:
            first, last = str(found["first"])[:10], str(found["last"])[:10]
            when = f"on {first}" if first == last else f"from {first} to {last}"
            said.append(
                f"{name}: {count(found['interviews'])} of {count(run.manifest['counts']['interviews'])} interviews, asked {when}"
            )
    return said
