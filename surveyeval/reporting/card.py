"""The report card: one HTML file without outside resources, and the same content as Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from surveyeval.reporting import figures
from surveyeval.reporting.blocks import Section
from surveyeval.reporting.context import Context
from surveyeval.reporting.escaping import fenced, markdown_text, printable, prose
from surveyeval.reporting.sections import banners, facts, finding, sections
from surveyeval.reporting.use_table import answers, judgements
from surveyeval.reporting.view import RunView

__all__ = ["Card", "render", "rendered"]


@dataclass(frozen=True)
class Card:
    """A rendered card: a whole HTML document, and Markdown without the figures."""

    html: str
    markdown: str


def render(runs: Sequence[RunView]) -> Card:
    """Render the card of one run, or of several that share one test set.

    Raises
    ------
    RunError
        When the runs cannot stand side by side; the message names what differs.
    """
    context = Context(tuple(runs))
    lead, sayings = finding(context)
    shown = banners(context)
    found = judgements(context)
    content: dict[str, Any] = {
        "title": context.task["title"],
        "task": context.task,
        "models": context.names,
        "facts": facts(context),
        "lead": lead,
        "answers": answers(context, found),
        "sayings": sayings,
        "banners": shown,
        "sections": [*sections(context, found), *_plugin_sections(runs)],
        "stamps": [banner.stamp for banner in shown if banner.stamp],
        "legend": figures.legend(context.names),
        "version": context.manifest.get("surveyeval", ""),
    }
    return rendered("card", content)


def rendered(template: str, content: Mapping[str, Any]) -> Card:
    """A card from its templates.

    Parameters
    ----------
    template : str
        Name of the HTML and of the Markdown template.
    content : mapping
        What they show; everything in it that is not Markup is escaped.
    """
    environment = _environment()
    content = {"answers": [], **content, "sections": _with_distinct_keys(content["sections"])}
    html = environment.get_template(f"{template}.html.j2").render(content)
    markdown = environment.get_template(f"{template}.md.j2").render(content)
    return Card(html, re.sub(r"\n{3,}", "\n\n", markdown).strip() + "\n")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    # Autoescape is on for every template. In Markdown it also takes care of angle brackets and ampersands, since
    # Markdown may hold HTML; what Markdown itself reads is escaped by its own filter.
    environment = Environment(
        loader=PackageLoader("surveyeval.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["md"] = markdown_text
    environment.filters["fenced"] = fenced
    environment.filters["prose"] = prose
    environment.finalize = printable
    environment.globals["model_key"] = figures.model_key
    environment.globals["colours"] = figures.COLOURS
    return environment


def _with_distinct_keys(found: Sequence[Section]) -> list[Section]:
    """Sections as targets of links: two names that read alike must not share one."""
    taken: dict[str, int] = {}
    result = []
    for section in found:
        taken[section.key] = number = taken.get(section.key, 0) + 1
        result.append(section if number == 1 else replace(section, key=f"{section.key}--{number}"))
    return result


def _plugin_sections(runs: Sequence[RunView]) -> list[Section]:
    """Sections that plugins add; one that fails says so and takes nothing else with it."""
    from surveyeval.plugins import registry

    found = []
    for registration in registry().all("report_section"):
        try:
            text = str(registration.load()(runs))
        except Exception as error:  # a plugin must not cost anyone the card
            text = f"This section could not be made: {type(error).__name__}: {error}"
        key = re.sub(r"[^a-z0-9]+", "-", registration.name.lower())
        found.append(Section(f"plugin-{key}", registration.summary, code=[("", text)]))
    return found
