"""Text of strangers on pages: what it says is shown, what it does is nothing."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from surveyeval.engine.notebook import runs_html
from surveyeval.engine.run import Run
from surveyeval.grid.card import render_study
from surveyeval.grid.study import Study
from surveyeval.reporting.escaping import fenced, markdown_text, printable
from surveyeval.task.notebook import task_html
from tests.engine.small import SCALE, small_task
from tests.grid import fabricated

EVIL = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    '"><b onmouseover="alert(1)">',
    "]]><script>x</script>",
    "<!-- --><style>*{display:none}</style>",
    "\u202e\x1b]8;;http://evil.example\x07click\x1b]8;;\x07",
    "| a | b |\n|---|---|\n# x\n```\n![x](http://evil.example)",
)


class Page(HTMLParser):
    """Names of elements, and attributes that would run or load something."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.bad: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name.startswith("on") or (
                name in ("href", "src") and not (value or "").startswith(("#", "https://example.org"))
            ):
                self.bad.append((tag, name))


def harmless(html: str, *, but: frozenset[str] = frozenset()) -> None:
    page = Page(html)
    assert page.tags.isdisjoint({"script", "img", "iframe", "object", "embed", "link", "base", "form"} - but), page.tags
    assert page.bad == []
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)


def test_study_cards(tmp_path: Path) -> None:
    text = " ".join(EVIL)
    made = fabricated.study(tmp_path)
    table = made.estimates.copy()
    for column in ("reason", "rule", "term", "group"):
        if column in table:
            table[column] = [value and text for value in table[column]]
    record = json.loads((tmp_path / "study.json").read_text())
    for task in record["tasks"]:
        task |= {"title": text, "licence": text, "version": text}
    (tmp_path / "study.json").write_text(json.dumps(record | {"environment": {text: text}}))
    spec = made.spec.model_copy(update={"title": text, "description": text})
    card = render_study(Study(spec, made.folder, table))
    harmless(card.html)
    assert "<script" not in card.markdown
    assert "<img" not in card.markdown
    assert "\x1b" not in card.markdown


@pytest.mark.parametrize("text", EVIL)
def test_tables_in_notebooks(text: str, run: Run) -> None:
    task = small_task(title=text, items=[
        {"name": "trust", "role": "belief", "kind": "ordinal", "question": text, "options": {**SCALE, "5": text}},
        {"name": "act", "role": "action", "kind": "binary", "question": "?", "options": {"no": text, "yes": "yes"}},
    ])  # fmt: skip
    opened = Run(run.folder)
    opened.manifest["model"]["name"] = text
    for html in (task_html(task), runs_html([opened], card=text)):
        page = Page(html)
        assert page.tags <= {"table", "caption", "thead", "tbody", "tr", "th", "td", "p", "strong"}
        assert page.bad == []


@pytest.mark.parametrize("text", EVIL)
def test_metric_pages(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin's docstring, as `show` prints it."""
    from click.testing import CliRunner

    from surveyeval.cli.main import cli
    from surveyeval.metric.accuracy import Accuracy

    line = text.splitlines()[0]
    monkeypatch.setattr(Accuracy, "__doc__", f"{line}\n\n    Notes\n    -----\n    {line}\n")
    for words in (["show", "accuracy"], ["show", "accuracy", "--json"]):
        done = CliRunner().invoke(cli, words, catch_exceptions=False)
        assert done.exit_code == 0
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", done.output)


@pytest.mark.parametrize("text", EVIL)
def test_text_for_markdown_and_code_blocks_is_inert(text: str) -> None:
    line = str(markdown_text(text))
    assert "\n" not in line
    assert "<" not in line
    assert not re.search(r"(?<!\\)[`*_\[\]|#]", line)
    assert all(one.startswith("    ") for one in str(fenced(text)).split("\n"))
    assert not re.search(r"[\x1b\u202e]", printable(text))


def test_pages_of_leaderboards_hold_no_data_in_scripts() -> None:
    """The only script is a file of ours, allowed by its hash; what is sorted stands in attributes, which are escaped."""
    folder = Path("surveyeval/board/templates")
    scripts = [path for path in folder.iterdir() if "<script" in path.read_text()]
    for path in scripts:
        assert re.findall(r"<script>([^<]*)</script>", path.read_text()) == ["{{ script }}"], path
    assert "{{" not in (folder / "_board.js.j2").read_text()


def test_no_template_switches_escaping_off() -> None:
    for path in Path("surveyeval").rglob("*.j2"):
        text = path.read_text()
        assert not re.search(r"\|\s*safe\b|autoescape", text), path
        assert not re.search(r"=\{\{", text), f"{path}: an attribute without quotes"
