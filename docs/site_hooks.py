"""What the site adds to the navigation of mkdocs.yml: pages of metrics by axis, and pages that nobody has put there yet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["metric_pages", "on_config"]

METRICS = "reference/metrics"


def on_config(config: Any) -> Any:
    """Add metrics below their index, and to the end of each section what lies in its folder and is not named."""
    docs = Path(config["docs_dir"])
    lists = list(_lists(config["nav"]))
    named = {entry for entries in lists for one in entries for entry in (one.values() if isinstance(one, dict) else [one])
             if isinstance(entry, str)}  # fmt: skip
    for entries in lists:
        if f"{METRICS}/index.md" in entries:
            entries += metric_pages((docs / METRICS / "index.md").read_text(encoding="utf-8"))
        for folder in ("how-to", "reference", "explanation"):
            if f"{folder}/index.md" in entries:
                found = sorted(f"{folder}/{file.name}" for file in (docs / folder).glob("*.md"))
                entries += [page for page in found if page not in named]
    return config


def metric_pages(index: str) -> list[dict[str, list[dict[str, str]]]]:
    """Title of each axis, with titles and files of its metrics."""
    found = []
    for part in index.split("\n## ")[1:]:
        pages = [{title: f"{METRICS}/{file}"} for title, file in re.findall(r"^\| \[(.*?)\]\((\w+\.md)\)", part, re.M)]
        if pages:
            found.append({part.partition("\n")[0]: pages})
    return found


def _lists(node: Any) -> Iterator[list[Any]]:
    """Every list in the navigation, from outside to inside."""
    if isinstance(node, list):
        yield node
        for entry in node:
            yield from _lists(entry)
    elif isinstance(node, dict):
        for value in node.values():
            yield from _lists(value)
