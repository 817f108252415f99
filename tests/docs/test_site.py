"""The site without building it: links between pages, the navigation, and the check that a built site goes through (`make site`)."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
#: Pages outside of the site that link into it.
OUTSIDE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("plugins/*/README.md"))]


@pytest.fixture(scope="module")
def script() -> Iterator[Any]:
    before = list(sys.path)
    sys.path.insert(0, str(DOCS))
    try:
        yield importlib.import_module
    finally:
        sys.path[:] = before


def links(text: str) -> list[str]:
    """Targets of links and pictures, but those in code."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`\n]*`", "", text)
    return re.findall(r"\]\(([^)\s]+)\)", text)


def headings(text: str) -> set[str]:
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", line.lower()).strip().replace(" ", "-") for line in re.findall(r"^#+ (.*)$", text, re.M)
    }


@pytest.mark.parametrize("page", [*PAGES, *OUTSIDE], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), target
        if anchor and there.suffix == ".md":
            assert anchor in headings(there.read_text(encoding="utf-8")), target


def test_pages_of_the_site_link_to_nothing_outside_of_it() -> None:
    for page in PAGES:
        for target in links(page.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:|#", target):
                assert (page.parent / target.partition("#")[0]).resolve().is_relative_to(DOCS), f"{page}: {target}"


def test_the_navigation_names_pages_that_are_there_and_leaves_none_out(script: Any) -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    script("site_hooks").on_config({"docs_dir": str(DOCS), "nav": config["nav"]})
    named = list(leaves(config["nav"]))
    assert sorted(named) == sorted({str(page.relative_to(DOCS)) for page in PAGES})


def leaves(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    else:
        for one in node.values() if isinstance(node, dict) else node:
            yield from leaves(one)


def test_every_shipped_task_has_a_page() -> None:
    for task in (ROOT / "tasks").iterdir():
        if (task / "task.yaml").exists():
            assert (
                DOCS / "reference" / "tasks" / f"{task.name}.md"
            ).read_text() == f'--8<-- "tasks/{task.name}/README.md"\n'
            assert f"(tasks/{task.name}.md)" in (DOCS / "reference" / "tasks.md").read_text()


def test_what_is_wrong_with_a_site_is_named(script: Any, tmp_path: Path) -> None:
    problems = script("site_check").problems
    assert len(problems(tmp_path)) == 2
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "search_index.js").write_text("")
    (tmp_path / "own.css").write_text(
        "a { background: url(data:image/png;base64,xyz) } b { background: url('own.png') }"
    )
    (tmp_path / "a.html").write_text(
        '<link rel="stylesheet" href="own.css"><link rel="canonical" href="https://x.org"><h1 id="one">A</h1>'
        '<a href="#one">1</a><a href="b.html#two">2</a><a href="https://elsewhere.org">out</a><style>p {color: red}</style>'
    )
    (tmp_path / "b.html").write_text('<h2 id="two">B</h2><img src="a.html">')
    assert problems(tmp_path) == []
    (tmp_path / "b.html").write_text(
        '<h2 id="too">B</h2><script src="//cdn.org/x.js"></script><a href="gone.html">3</a><style>@import "https://f.org/f.css";</style>'
    )
    (tmp_path / "own.css").write_text("@font-face { src: url(https://fonts.org/a.woff) }")
    assert problems(tmp_path) == [
        "a.html leads to b.html#two, where no such heading is",
        "b.html loads //cdn.org/x.js",
        "b.html loads https://f.org/f.css",
        "b.html leads to gone.html, which is not there",
        "own.css loads https://fonts.org/a.woff",
    ]
