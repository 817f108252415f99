"""Look whether a built site is whole: nothing is loaded from another host, every link leads somewhere, the search has its index.

python docs/site_check.py build/site
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["Page", "problems", "read"]

#: What makes a browser load an address; links of a person's own choice (``a``) are no such thing.
_LOADED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "object": "data",
}
_LOADED_LINKS = ("stylesheet", "icon", "preload", "modulepreload", "preconnect", "dns-prefetch", "manifest")


@dataclass
class Page:
    """Addresses and anchors of one page."""

    loaded: list[str] = field(default_factory=list)
    linked: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._style = tag == "style"
        self.page.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "link" and set(given.get("rel", "").split()) & set(_LOADED_LINKS):
            self.page.loaded.append(given.get("href", ""))
        if tag in _LOADED and _LOADED[tag] in given:
            self.page.loaded.append(given[_LOADED[tag]])
        if tag == "a" and "href" in given:
            self.page.linked.append(given["href"])

    def handle_data(self, data: str) -> None:
        if self._style:
            self.page.loaded += _of_style(data)
            self._style = False


def _of_style(text: str) -> list[str]:
    return re.findall(r"""(?:url\(|@import\s+)["']?([^"')\s;]+)""", text)


def read(text: str) -> Page:
    """Addresses and anchors of an HTML text."""
    reader = _Reader()
    reader.feed(text)
    return reader.page


def problems(site: Path) -> list[str]:
    """Everything that is wrong with a site, a sentence each."""
    site = site.resolve()
    pages = {file: read(file.read_text(encoding="utf-8")) for file in sorted(site.rglob("*.html"))}
    said = [] if pages else [f"{site} holds no page"]
    for file, page in pages.items():
        name = file.relative_to(site)
        said += [f"{name} loads {address}" for address in page.loaded if _elsewhere(address)]
        if file.name != "404.html":  # its links begin at the root of a host
            said += [
                f"{name} {problem}" for address in page.linked + page.loaded for problem in _dead(address, file, pages)
            ]
    for file in site.rglob("*.css"):
        loads = _of_style(file.read_text(encoding="utf-8"))
        said += [f"{file.relative_to(site)} loads {address}" for address in loads if _elsewhere(address)]
    if not (site / "search" / "search_index.js").exists():
        said.append("the search has no index that works from disk")
    return list(dict.fromkeys(said))


def _elsewhere(address: str) -> bool:
    return bool(urlsplit(address).netloc)


def _dead(address: str, file: Path, pages: dict[Path, Page]) -> list[str]:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return []
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not target.exists():
        return [f"leads to {address}, which is not there"]
    known = pages.get(target) if parts.fragment else None
    if known is not None and unquote(parts.fragment) not in known.anchors and not parts.fragment.startswith("__"):
        return [f"leads to {address}, where no such heading is"]
    return []


def main() -> int:
    """Print what is wrong; 1 where something is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", type=Path)
    site = parser.parse_args().site
    said = problems(site)
    print("\n".join(said) or f"{site}: whole, {sum(1 for _ in site.rglob('*.html'))} pages, nothing from elsewhere")
    return int(bool(said))


if __name__ == "__main__":
    sys.exit(main())
