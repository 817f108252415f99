"""What a paper should disclose of a run: two published checklists, filled in where the run knows, and a methods paragraph.

The items follow AAPOR's transparency items for surveys (Survey Disclosure Checklist of the Transparency Initiative, American
Association for Public Opinion Research, April 2021: 11 items) and the 14 core items of GUIDE-LLM (a reporting checklist for language
models in behavioural and social science, llm-checklist.com/checklist), in words of our own. What a run cannot know is left to write,
and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from surveyeval.engine.tried import Tried
from surveyeval.reporting.disclosure_facts import (
    Facts,
    asked,
    contamination,
    parameters,
    personal,
    prompts,
    state_kept,
    tried,
)
from surveyeval.reporting.escaping import fenced, markdown_text

__all__ = ["CHECKLISTS", "TO_WRITE", "Disclosure", "Entry", "disclosure", "markdown"]

#: What stands where only a person can answer.
TO_WRITE = "To write"
#: The checklists, and how they are headed.
CHECKLISTS = {
    "AAPOR": "After the transparency items of AAPOR, for the survey",
    "GUIDE-LLM": "After the core items of GUIDE-LLM, for the language model",
}


@dataclass(frozen=True)
class Entry:
    """One item of a checklist.

    Parameters
    ----------
    checklist : str
        ``AAPOR`` or ``GUIDE-LLM``.
    number : str
        Of the item, as its checklist counts.
    item : str
        What is asked for.
    answer : str
        What the run knows; empty where it knows nothing.
    left : str
        What a person has to add; empty where nothing is left.
    """

    checklist: str
    number: str
    item: str
    answer: str
    left: str


@dataclass(frozen=True)
class Disclosure:
    """Checklists, a paragraph to paste, how many configurations were tried, and a note on contamination."""

    entries: tuple[Entry, ...]
    methods: str
    tried: str
    contamination: str
    prompt: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        entries = [one.__dict__ for one in self.entries]
        said = {name: getattr(self, name) for name in ("methods", "tried", "contamination")}
        return {"entries": entries, **said}


_Answer = Callable[[Facts], str]
#: Number, what is asked for, what the run knows, and what is left to write (empty: nothing where the run knows something).
_AAPOR: tuple[tuple[str, str, _Answer, str], ...] = (
    ("1", "Data collection strategy", lambda f: f.source, ""),
    ("2", "Who sponsored and who conducted the research", lambda f: "", "sponsor, and who collected and who simulated the data"),
    ("3", "Instrument: exact wording and order of questions and options", lambda f: f.wording, ""),
    ("4", "Population", lambda f: f.task("population"), "population, geography and language"),
    ("5", "How people were sampled and recruited", lambda f: f.task("selection"), "frame, recruitment, quotas, incentives"),
    ("6", "Methods and modes of data collection", lambda f: f.joined(f.task("mode"), f.simulated), ""),
    ("7", "Dates of data collection", lambda f: f.joined(f.dates, f.simulated_on), ""),
    ("8", "Sample sizes and precision", lambda f: f.sizes, ""),
    ("9", "Weighting", lambda f: f.weighting, ""),
    ("10", "Processing and quality checks", lambda f: f.processing, "quality checks of the human data"),
    ("11", "Limitations", lambda f: f.limits, "what else limits the conclusions"),
)  # fmt: skip
_GUIDE: tuple[tuple[str, str, _Answer, str], ...] = (
    ("A.1", "What the language model was used for", lambda f: f.purpose, ""),
    ("A.2", "Human in the loop, or automated", lambda f: f.automated, ""),
    ("B.1", "Name, provider, size, version, date of access, source", lambda f: f.model, "provider and size"),
    ("B.2", "Access: interface, local or remote; chat or single calls", lambda f: f.access, ""),
    ("B.3", "Parameters, seed, number of runs", parameters, ""),
    ("B.4", "Fine-tuning and other customisation", lambda f: f.customised, ""),
    ("B.5", "Whether state was kept between calls", state_kept, ""),
    ("C.1", "Exact prompts", prompts, ""),
    ("C.2", "Instructions to the system", lambda f: f.system, ""),
    ("D.1", "Personal and sensitive data", personal, "legal basis or ethics approval"),
    ("E.1", "Validation against people", lambda f: f.validation, ""),
    ("E.2", "Filtering and other processing of the model's answers", lambda f: f.processing, ""),
    ("F.1", "Code that calls the model", lambda f: f.code, "where run directory and task file are published"),
    ("G.1", "Funding, support and relationships", lambda f: "", "funding, and relations to the model's provider"),
)  # fmt: skip


def disclosure(manifest: Mapping[str, Any], counted: Tried | None = None) -> Disclosure:
    """Fill in the checklists for a run.

    Parameters
    ----------
    manifest : mapping
        Of the run.
    counted : Tried, optional
        What the log of this machine says now of configurations tried, see `surveyeval.engine.tried.tried_now`; default: what
        the run knew when it began.

    Returns
    -------
    Disclosure
    """
    facts = Facts(manifest, counted)
    entries = []
    for checklist, items in (("AAPOR", _AAPOR), ("GUIDE-LLM", _GUIDE)):
        for number, item, answer, left in items:
            said = answer(facts).strip()
            entries.append(Entry(checklist, number, item, said, left or ("" if said else "what is asked for")))
    shown = "\n\n".join(f"{one['role']}:\n{one['content']}" for one in manifest.get("prompt_example") or ())
    return Disclosure(tuple(entries), methods(facts), tried(facts), contamination(facts), shown)


def methods(facts: Facts) -> str:
    """A paragraph for the methods section of a paper."""
    sentences = [
        f"We simulated answers to {facts.items} of {facts.title} ({facts.task('citation').rstrip('.') or 'source to write'}) with "
        f"{facts.model_said}.",
        asked(facts),
        f"{facts.sizes_said} Fidelity was measured with surveyeval {facts.manifest['surveyeval']} (task {facts.task('name')} "
        f"{facts.task('version')}, run {facts.manifest['id'][:12]}): measures of the sample were compared with what a second sample "
        f"of {facts.people} of the same size reaches, and with naive floors; measures of individuals with baselines.",
        tried(facts),
        contamination(facts),
    ]
    return " ".join(one for one in sentences if one)


def markdown(found: Disclosure) -> str:
    """The disclosure as Markdown."""
    lines = ["# Disclosure", ""]
    lines += ["## Methods paragraph", "", str(markdown_text(found.methods)), ""]
    for checklist, title in CHECKLISTS.items():
        lines += [f"## {title}", "", "| Item | Known from the run | To write |", "|---|---|---|"]
        for one in found.entries:
            if one.checklist == checklist:
                cells = (f"{one.number} {one.item}", one.answer or "–", one.left or "–")
                lines.append("| " + " | ".join(str(markdown_text(cell)) for cell in cells) + " |")
        lines.append("")
    lines += [
        "## Configurations and contamination",
        "",
        f"{markdown_text(found.tried)} {markdown_text(found.contamination)}",
        "",
    ]
    if found.prompt:
        lines += ["## One prompt, of an invented respondent", "", str(fenced(found.prompt)), ""]
    lines += [
        "The items are in words of surveyeval's own; the checklists themselves are the ones to cite. An answer from a run is not a "
        "statement that the item is satisfied.",
    ]
    return "\n".join(lines) + "\n"
