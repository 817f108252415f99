"""How models were asked, what could not be used of their answers, what left this machine: as the card and the terminal say it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from surveyeval.reporting.context import Context
from surveyeval.reporting.missing import state_words
from surveyeval.reporting.numbers import count, enumerate_words, percent

__all__ = ["asked_differently", "by_item", "cached", "elicited", "sent", "unusable", "unusable_said"]

_WAYS = {
    "choice": "as probabilities of the options",
    "generate": "as free text, from which the option is read",
    "verbalized": "as percentages for the options that the model states",
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
    """How answers were obtained; named by model where the models were asked in different ways."""
    ways: dict[str, list[str]] = {}
    for name, asking in zip(context.names, context.asked, strict=True):
        if asking:
            ways.setdefault(asking, []).append(name)
    if not ways:
        return _WAYS["choice"]
    if len(ways) == 1:
        return _way(next(iter(ways)))
    return "; ".join(f"{_way(asking)}: {enumerate_words(names)}" for asking, names in ways.items())


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
