"""What is to be disclosed, as the last section of a card: folded, and filled in where the runs know."""

from __future__ import annotations

from surveyeval.reporting.blocks import Cell, Fact, Row, Section, Table
from surveyeval.reporting.context import Context
from surveyeval.reporting.disclosure import CHECKLISTS, TO_WRITE, Disclosure, Entry, disclosure
from surveyeval.reporting.disclosure_facts import Facts, contamination, most_tried, tried

__all__ = ["disclosure_section"]

_COLUMNS = ("Item", "Known from the run", TO_WRITE)


def disclosure_section(context: Context) -> Section:
    """Checklists after AAPOR and GUIDE-LLM, configurations tried, contamination, and methods paragraphs to paste.

    Parameters
    ----------
    context : Context
        What all models share is said once; where they differ there is a line for each.
    """
    found = [disclosure(run.manifest, run.tried) for run in context.runs]
    notes = ["The items are in words of surveyeval’s own; cite the checklist itself. That a run answers an item does not mean that it is satisfied."]  # fmt: skip
    tables = [
        Table(f"{title} ({_filled(found, checklist)})", _COLUMNS, _rows(context, found, checklist), notes=notes, folded=True, phone="list")
        for checklist, title in CHECKLISTS.items()
    ]  # fmt: skip
    return Section(
        "disclosure",
        "To disclose",
        "What a paper should say of these runs, filled in where they know; an author writes the rest.",
        facts=_known(context),
        tables=tables,
        code=[(name, one.methods) for name, one in zip(context.names, found, strict=True)],
        folded_code="A methods paragraph to paste" if len(found) == 1 else "Methods paragraphs to paste",
    )


def _known(context: Context) -> list[Fact]:
    facts = [Facts(run.manifest, run.tried) for run in context.runs]
    # the log grows from run to run, so the last count holds for all of them
    most = max(facts, key=lambda one: most_tried([one]))
    known = [Fact("Configurations tried", tried(most, alone=len(facts) == 1))]
    said: dict[str, list[str]] = {}
    for name, one in zip(context.names, facts, strict=True):
        if note := contamination(one):
            said.setdefault(note, []).append(name)
    for number, (note, names) in enumerate(said.items()):
        shown = note if len(context.names) == 1 else f"{', '.join(names)}: {note}"
        known.append(Fact("Contamination" if number == 0 else "", shown))
    return known


def _filled(found: list[Disclosure], checklist: str) -> str:
    """How many items are left to write, in the first run: the others leave the same."""
    own = [one for one in found[0].entries if one.checklist == checklist]
    left = sum(bool(one.left) for one in own)
    return f"{len(own)} items, {left} with something to write" if left else f"{len(own)} items"


def _rows(context: Context, found: list[Disclosure], checklist: str) -> list[Row]:
    rows = []
    for place, item in enumerate(found[0].entries):
        if item.checklist != checklist:
            continue
        answers: dict[tuple[str, str], list[int]] = {}
        for model, one in enumerate(found):
            entry: Entry = one.entries[place]
            answers.setdefault((entry.answer, entry.left), []).append(model)
        for number, ((answer, left), models) in enumerate(answers.items()):
            head = Cell(f"{item.number} {item.item}", head=True, rows=len(answers)) if number == 0 else None
            names = "" if len(answers) == 1 else ", ".join(context.names[model] for model in models)
            rows.append(Row([head, Cell(answer or "–", names), Cell(left or "–")], "first" if number == 0 else ""))
    return rows
