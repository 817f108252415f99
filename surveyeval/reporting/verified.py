"""The card of a run beside the same card rendered anew from what is stored."""

from __future__ import annotations

import re
from collections.abc import Iterator

from surveyeval import __version__
from surveyeval.engine.recomputed import Finding
from surveyeval.engine.run import Run
from surveyeval.engine.tried import Tried
from surveyeval.reporting.card import render
from surveyeval.reporting.view import RunView

__all__ = ["check_card"]

#: How a card says what `surveyeval.engine.tried.tried_now` found on its day (`surveyeval.reporting.disclosure_facts.tried`).
_TRIED = re.compile(
    r"([\d,]+) configurations? (?:was|were) tried on this task on this machine until (\d{4}-\d\d-\d\d)"
    r"(?:, (none|[\d,]+) of them before this run)?"
)


def check_card(run: Run) -> Iterator[Finding]:
    """Render the card of a run again, in memory, and compare.

    Parameters
    ----------
    run : Run

    Yields
    ------
    Finding
        For ``report.html`` and ``report.md``. How many configurations were tried until the day of the card is taken from the
        card, since later ones are no difference; it may not be less than the manifest says.
    """
    kept = {path.name: path for path in (run.card, run.card.with_suffix(".md")) if path.exists()}
    if not run.scored or not kept:
        yield Finding("card", "unchecked", "there is none" if run.scored else "the run is not scored")
        return
    texts = {name: path.read_bytes() for name, path in kept.items()}
    told = _tried(texts.get("report.md", b"").decode("utf-8", "replace"))
    try:
        made = render([RunView(run.manifest, run.estimates, run.tables, told)])
    except Exception as error:  # numbers that were changed may make it fail anywhere
        why = f"it cannot be made of what is stored: {type(error).__name__}: {error}"
        yield Finding("card", "unchecked", why)
        return
    version = run.manifest.get("surveyeval")
    for name, text in (("report.html", made.html), ("report.md", made.markdown)):
        if name not in texts:
            yield Finding(name, "unchecked", "there is none")
        elif texts[name] == text.encode():
            yield Finding(name, "agrees", "the card that manifest, estimates and tables make, to the last byte")
        elif version != __version__:
            yield Finding(name, "unchecked", f"made by version {version}, and this is {__version__}")
        else:
            line = _first_difference(texts[name].decode("utf-8", "replace"), text)
            said = f"is not the card that manifest, estimates and tables make (from line {line} on); is a plugin missing, or new?"
            yield Finding(name, "differs", said)
    at_least = run.manifest.get("tried")
    if told is not None and isinstance(at_least, int) and told.n < at_least:
        said = f"the card says that {told.n} were, the manifest that {at_least} were when the run began"
        yield Finding("configurations tried", "differs", said)


def _tried(markdown: str) -> Tried | None:
    found = _TRIED.search(markdown)
    if found is None:
        return None
    n, until, before = found.groups()
    return Tried(_number(n), 0 if before in (None, "none") else _number(before), until)


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def _first_difference(kept: str, made: str) -> int:
    """Number of the first line that differs, from 1."""
    ours, theirs = kept.split("\n"), made.split("\n")
    alike = (number for number, (one, other) in enumerate(zip(ours, theirs, strict=False)) if one != other)
    return next(alike, min(len(ours), len(theirs))) + 1
