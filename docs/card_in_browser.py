"""Look at a report card in a real browser: check that it reads well, or take its pictures.

    python docs/card_in_browser.py check CARD.html ...
    python docs/card_in_browser.py screens CARD.html FOLDER
    python docs/card_in_browser.py picture CARD.html docs/card.png

`check` opens each card at desktop, tablet and phone width, in light and dark, folded and unfolded, and fails when the page
scrolls sideways, when text has less contrast than 4.5:1 (WCAG 2.2, success criterion 1.4.3), when a number or word of a
figure leaves the page, or when the page asks for anything from outside. `screens` saves the first screens at every width,
in light and dark, and what a printer would print. It needs Chromium (`--browser` names another one), so it is no part of
the tests.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from browser import Browser

WIDTHS = {"desktop": 1200, "tablet": 800, "phone": 390}
SCHEMES = ("light", "dark")

#: Runs inside the card and returns what is wrong with it.
MEASURE = r"""
((unfold) => {
  const found = [];
  if (unfold) document.querySelectorAll("details").forEach((one) => { one.open = true; });
  const root = document.documentElement;
  if (root.scrollWidth > innerWidth) {
    const wide = [...document.querySelectorAll("main *, header *")].filter((one) =>
      !one.closest(".scroll") && one.getBoundingClientRect().right > innerWidth + 1);
    found.push(`page is ${root.scrollWidth} wide in a window of ${innerWidth}: ` +
      wide.slice(0, 3).map((one) => one.tagName + "." + (one.getAttribute("class") || "")).join(", "));
  }
  const parse = (text) => { const n = text.match(/[\d.]+/g).map(Number); return [n[0], n[1], n[2], n[3] ?? 1]; };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const backdrop = (one) => { const layers = [];
    for (let at = one; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]); };
  let least = 99, texts = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const one = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
    if (!text || ["TITLE", "DESC", "STYLE"].includes(one.tagName.toUpperCase()) || !one.getClientRects().length) continue;
    const style = getComputedStyle(one), svg = one.namespaceURI.endsWith("svg");
    let color = parse(svg ? style.fill : style.color);
    for (let at = one; at; at = at.parentElement) color[3] *= Number(getComputedStyle(at).opacity);
    const behind = backdrop(one), a = light(over(color, behind)), b = light(behind);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    least = Math.min(least, ratio); texts += 1;
    if (ratio < 4.5) found.push(`contrast ${ratio.toFixed(2)} of "${text.slice(0, 40)}"`);
    if (one.closest("figure") && !one.closest(".scroll")) {
      const range = document.createRange(); range.selectNodeContents(walker.currentNode);
      const box = range.getBoundingClientRect();
      if (box.right > innerWidth + 1 || box.left < -1) found.push(`"${text.slice(0, 40)}" leaves the page`);
    }
  }
  performance.getEntriesByType("resource").forEach((one) => found.push(`loads ${one.name}`));
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return { found: [...new Set(found)].slice(0, 12), least, texts, dark, height: root.scrollHeight };
})
"""


def check(browser: Browser, cards: list[Path]) -> int:
    """Print what each card looks like everywhere; 1 when something is wrong."""
    failed = 0
    for card in cards:
        for name, width in WIDTHS.items():
            for scheme in SCHEMES:
                browser.show(width, scheme)
                browser.open(card)
                for unfold in (False, True):
                    told: dict[str, Any] = browser.run(f"{MEASURE}({str(unfold).lower()})")
                    if told["dark"] != (scheme == "dark"):
                        sys.exit(f"this browser does not show a page in {scheme} mode")
                    state = f"{name} {width}, {scheme}, {'unfolded' if unfold else 'folded'}"
                    size = f"{told['height']:,} px high, {told['texts']:,} texts, least contrast {told['least']:.2f}"
                    print(f"{card.name}: {state}: {size}: {'fails' if told['found'] else 'good'}")
                    for problem in told["found"]:
                        print(f"    {problem}")
                    failed += len(told["found"])
    return 1 if failed else 0


def screens(browser: Browser, card: Path, folder: Path, height: int) -> int:
    """Save the first `height` pixels at every width, in light and dark, and the printed pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, width in WIDTHS.items():
        for scheme in SCHEMES:
            browser.show(width, scheme)
            browser.open(card)
            browser.picture(folder / f"{name}-{scheme}.png", height=height)
    browser.paper(folder / "print.pdf")
    print(f"{folder}: {len(WIDTHS) * len(SCHEMES)} pictures and print.pdf")
    return 0


def picture(browser: Browser, card: Path, target: Path, sections: list[str], width: int, height: int) -> int:
    """Head and some sections of a card as a PNG file; what stands between them is left out."""
    kept = ", ".join(f"#{section}" for section in sections)
    hidden = f"<style>.facts, .sayings, .contents, .known, details, main > section:not(#finding, {kept}) {{ display: none }} .page {{ padding: 2rem }}</style>"
    with tempfile.TemporaryDirectory() as folder:
        excerpt = Path(folder) / "card.html"
        excerpt.write_text(card.read_text().replace("</head>", f"{hidden}</head>", 1))
        browser.show(width)
        browser.open(excerpt)
        browser.picture(target, height=height)
    print(f"{target}: {target.stat().st_size / 1000:.0f} KB")
    return 0


def main() -> int:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--browser", default=shutil.which("chromium") or shutil.which("google-chrome") or "chromium")
    verbs = parser.add_subparsers(dest="verb", required=True)
    checked = verbs.add_parser("check", help="fail when a card does not read well")
    checked.add_argument("cards", nargs="+", type=Path)
    seen = verbs.add_parser("screens", help="save how it looks everywhere")
    seen.add_argument("card", type=Path)
    seen.add_argument("folder", type=Path)
    seen.add_argument("--height", type=int, default=1800)
    taken = verbs.add_parser("picture", help="take the picture of the README")
    taken.add_argument("card", type=Path)
    taken.add_argument("target", type=Path)
    taken.add_argument("--sections", default="glance,alignment", help="what is shown below the head")
    taken.add_argument("--width", type=int, default=1060)
    taken.add_argument("--height", type=int, default=1435)
    given = parser.parse_args()
    with Browser(given.browser) as browser:
        if given.verb == "check":
            return check(browser, given.cards)
        if given.verb == "screens":
            return screens(browser, given.card, given.folder, given.height)
        return picture(browser, given.card, given.target, given.sections.split(","), given.width, given.height)


if __name__ == "__main__":
    sys.exit(main())
