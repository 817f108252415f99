"""Write the pages of metrics, docs/reference/metrics/*.md with their figures, from docstrings, specs and stored values.

    python docs/metric_pages.py            # write
    python docs/metric_pages.py --check    # say what is stale, and write nothing

Values come from docs/reference/metrics/values.json, which docs/metric_figures.py computes; this script takes seconds.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from metric_drawing import TITLES, draw, in_words
from metric_figures import LEVELS, SPLITS, TASKS, load, read, registered, stale
from written import write_or_check

from surveyeval.metric.documentation import SECTIONS
from surveyeval.reporting.metric_page import MetricPage, metric_page
from surveyeval.reporting.quantities import AXES, floor_label, quantity

FOLDER = Path(__file__).parent / "reference" / "metrics"
_MADE = "<!-- Written by docs/metric_pages.py from docstrings; change these and run it again. -->"
_WIDTH = 120

_INTRODUCTION = """\
What each metric is, and when it misleads. The text of a page is the metric's docstring; `surveyeval show NAME` prints the
same in a terminal. How values, references and floors are computed at one size, and what `recovered` is, is the same for all
of them: simulated stand-ins of one half of the test people are compared with the people of the other half (matched), and so
are these people themselves (reference) and naive stand-ins made from the pilot (floor). Simulators with one known fault, and
which metric notices it: [how the metrics can be fooled](../../explanation/fooled.md)."""

_FIGURES = """\
## Figures

Every page shows what the metric says of people's own answers when they are spoiled by degrees: the test people of `anes96`
(American National Election Study 1996, public domain) stand in for a model, and go through the evaluator like any other, in
{splits} half splits. At degree 0 they are an exact copy, whose value is the reference. A degree is the share of answers that
are replaced:

| corruption | an answer is replaced by |
|---|---|
| noise | any option, at random |
| collapse to mode | the most frequent answer of the arm |
| columns shuffled | that of somebody else in the arm; shares stay, relations between answers go |
| groups stereotyped | one that lies further from the mean, as if parties differed four times as much |
| over-coherent | for actions that contradict beliefs: the action that follows |

A line that stays on that of people means that the metric does not see the fault; others must. It may end up a little on the
good side of people: shuffled answers come from all test people, those of the other half among them. Metrics that need arms
or a known truth are shown on `disclosure`, whose rows are synthetic, where groups are those of its first subgroup."""


def pages() -> dict[str, str]:
    """Text of every file by name, figures included."""
    values, found = read(), {}
    classes = {name: load(target) for name, target in registered().items()}
    names = {one.__name__: name for name, one in classes.items() if one.__module__.startswith("surveyeval.")}
    plugin = {one.__name__: name for name, one in classes.items() if name not in names.values()}
    described = {name: metric_page(one) for name, one in classes.items()}
    for name, page in described.items():
        links = names if name in names.values() else names | plugin
        shown = values.get(name, {})
        found[f"{name}.md"] = _page(page, classes[name], shown, links)
        if "values" in shown:
            found[f"{name}.svg"] = draw(_title(page, shown), shown, floor_label(shown["floor_name"]))
    found["index.md"] = _index(described)
    return found


def _title(page: MetricPage, shown: Mapping[str, Any]) -> str:
    label = page.label if shown["name"] == page.name else quantity(page.name, shown["name"]).label
    where = ", ".join(str(shown[key]) for key in ("item", "group", "regression", "term", "rule") if key in shown)
    return f"{label} ({where})" if where else label


def _index(described: Mapping[str, MetricPage]) -> str:
    titles = list(dict.fromkeys([one.title for one in AXES] + [page.axis for page in described.values()]))
    questions = {one.title: one.question for one in AXES}
    parts = [_MADE, "# Metrics", _INTRODUCTION]
    for title in titles:
        mine = [page for page in described.values() if page.axis == title]
        if not mine:
            continue
        rows = [
            f"| [{page.label}]({page.name}.md) | `{page.name}` | {_cell(page.summary)} | {_best(page)} |"
            for page in mine
        ]
        if title == "Worth":
            questions[title] = "What are simulated rows worth in people? From the package `plugins/surveyeval-ppi`."
        parts += [
            f"## {title}",
            questions.get(title, ""),
            "\n".join(["| metric | name | in one line | best |", "|---|---|---|---|", *rows]),
        ]
    parts.append(_FIGURES.format(splits=SPLITS))
    return "\n\n".join(part for part in parts if part) + "\n"


def _best(page: MetricPage) -> str:
    return page.facts["best"].split(" ")[0].replace("best", "target")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _page(page: MetricPage, one: Any, shown: Mapping[str, Any], links: Mapping[str, str]) -> str:
    told = page.documentation
    parts = [
        _MADE,
        f"# {page.label}",
        f"`{page.name}` · [{page.axis}](index.md#{page.axis.lower().replace(' ', '-')}) · {page.summary}",
        *(_markdown(text, links) for text in (told.summary, *told.definition)),
    ]
    for name in SECTIONS[:-1]:
        if name == "Interval and estimand":  # the figure stands where it says most
            parts += ["## Under corruption", *_figure(page, shown)]
        parts += [f"## {name}", *(_markdown(text, links) for text in told.sections.get(name, ()))]
    facts = {key: text for key, text in page.facts.items() if key not in ("axis", "best", "range")}
    if "headline" in shown:
        facts["headline"] = "yes" if shown["headline"] else "no: shown beside the headlines of its axis"
    parts.append("\n".join(["| | |", "|---|---|", *(f"| {key} | {_cell(text)} |" for key, text in facts.items())]))
    parts += ["## References", *(_markdown(text, links) for text in told.sections.get("References", ()))]
    for name in (name for name in told.sections if name not in SECTIONS):
        parts += [f"## {name}", *(_markdown(text, links) for text in told.sections[name])]
    file = f"{one.__module__.replace('.', '/')}.py"
    folder = "" if file.startswith("surveyeval/") else "plugins/surveyeval-ppi/"
    parts.append(f"Code: `{folder}{file}`. In a terminal: `surveyeval show {page.name}`.")
    return "\n\n".join(parts) + "\n"


def _figure(page: MetricPage, shown: Mapping[str, Any]) -> list[str]:
    if "values" not in shown:
        return [f"No figure: {shown.get('reason', 'values are not computed')}."]
    synthetic = "" if shown["task"] == next(iter(TASKS)) else f" Rows of `{shown['task']}` are synthetic."
    heads = ["corruption", *(f"{level:g}" for level in LEVELS)]
    rows = [
        [TITLES[kind], *("–" if value is None else "∞" if value == "infinite" else f"{value:.3g}" for value in path)]
        for kind, path in shown["values"].items()
    ]
    told = [f"people of the other half {shown['reference']:.3g}"] if isinstance(shown["reference"], float) else []
    told += (
        [f"floor ({floor_label(shown['floor_name'])}) {shown['floor']:.3g}"]
        if isinstance(shown["floor"], float)
        else []
    )
    table = "\n".join([f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows)])
    return [
        f"![{_title(page, shown)}. {in_words(shown)}]({page.name}.svg)",
        f"Task `{shown['task']}`; [what is done to the answers](index.md#figures).{synthetic}",
        f"<details><summary>Values ({'; '.join(told)})</summary>\n\n{table}\n\n</details>",
    ]


def _markdown(text: str, links: Mapping[str, str]) -> str:
    """A paragraph of a docstring: code in single backticks, names of metrics' classes as links."""
    if "\n" in text:
        return text.replace("``", "`")

    def mark(found: re.Match[str]) -> str:
        if found[1] is not None:
            return f"`{found[1]}`"
        linked = links.get(found[2].rpartition(".")[2])
        return f"[`{linked}`]({linked}.md)" if linked else f"`{found[2]}`"

    marked = re.sub(r"``([^`]*)``|`([^`]*)`", mark, text)
    # Stars and underscores outside code would be emphasis in some readers.
    return textwrap.fill(marked, _WIDTH, break_long_words=False, break_on_hyphens=False)


def differences() -> list[str]:
    """What is stale, a sentence each."""
    made = pages()
    said = [
        f"docs/reference/metrics/{name} is stale: run python docs/metric_pages.py"
        for name, text in made.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text(encoding="utf-8") != text
    ]
    there = {file.name for file in FOLDER.iterdir()} if FOLDER.exists() else set()
    said += [
        f"docs/reference/metrics/{name} belongs to no metric" for name in sorted(there - set(made) - {"values.json"})
    ]
    said += [
        f"values of {name} in docs/reference/metrics/values.json are stale: run python docs/metric_figures.py {name}"
        for name in stale(read(), registered())
    ]
    return said


if __name__ == "__main__":
    raise SystemExit(write_or_check(__doc__, FOLDER, pages, differences, owned=(".md", ".svg")))
