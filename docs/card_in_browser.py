"""Look at a report card in a real browser: check that it reads well, or take its picture.

    python docs/card_in_browser.py check CARD.html ...
    python docs/card_in_browser.py picture CARD.html docs/card.png

`check` opens each card at desktop, tablet and phone width, in light and dark, folded and unfolded, and fails when the page
scrolls sideways, when text has less contrast than 4.5:1 (WCAG 2.2, success criterion 1.4.3), when a number or word of a
figure leaves the page, or when the page asks for anything from outside. It needs Chromium (`--browser` names another
one), so it is no part of the tests.
"""

from __future__ import annotations

import argparse
import base64
import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

WIDTHS = {"desktop": 1200, "tablet": 800, "phone": 390}
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip

#: Runs inside the card and returns what is wrong with it.
MEASURE = r"""
(frame, unfold) => {
  const win = frame.contentWindow, doc = frame.contentDocument, found = [];
  if (unfold) doc.querySelectorAll("details").forEach((one) => { one.open = true; });
  const root = doc.documentElement;
  if (root.scrollWidth > win.innerWidth) {
    const wide = [...doc.querySelectorAll("main *, header *")].filter((one) =>
      !one.closest(".scroll") && one.getBoundingClientRect().right > win.innerWidth + 1);
    found.push(`page is ${root.scrollWidth} wide in a window of ${win.innerWidth}: ` +
      wide.slice(0, 3).map((one) => one.tagName + "." + (one.getAttribute("class") || "")).join(", "));
  }
  const parse = (text) => { const n = text.match(/[\d.]+/g).map(Number); return [n[0], n[1], n[2], n[3] ?? 1]; };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const backdrop = (one) => { const layers = [];
    for (let at = one; at; at = at.parentElement) layers.push(parse(win.getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]); };
  let least = 99, texts = 0;
  const walker = doc.createTreeWalker(doc.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const one = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
    if (!text || ["TITLE", "DESC", "STYLE"].includes(one.tagName.toUpperCase()) || !one.getClientRects().length) continue;
    const style = win.getComputedStyle(one), svg = one.namespaceURI.endsWith("svg");
    let color = parse(svg ? style.fill : style.color);
    for (let at = one; at; at = at.parentElement) color[3] *= Number(win.getComputedStyle(at).opacity);
    const behind = backdrop(one), a = light(over(color, behind)), b = light(behind);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    least = Math.min(least, ratio); texts += 1;
    if (ratio < 4.5) found.push(`contrast ${ratio.toFixed(2)} of "${text.slice(0, 40)}"`);
    if (one.closest("figure") && !one.closest(".scroll")) {
      const box = one.getBoundingClientRect();
      if (box.right > win.innerWidth + 1 || box.left < -1) found.push(`"${text.slice(0, 40)}" leaves the page`);
    }
  }
  win.performance.getEntriesByType("resource").forEach((one) => found.push(`loads ${one.name}`));
  return { found: [...new Set(found)].slice(0, 12), least, texts, height: root.scrollHeight };
}
"""


def browse(browser: str, page: Path, *flags: str) -> str:
    """Open a page without a window and return its document once its scripts are done."""
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, *FLAGS, f"--user-data-dir={profile}", "--virtual-time-budget=20000", *flags, page.as_uri()]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout  # noqa: S603


def measure(browser: str, card: Path, width: int, scheme: str, unfold: bool) -> dict[str, Any]:
    """What is wrong with a card at one width.

    The card lies in a frame of that width, since a window has a least width of its own, and a frame takes light or dark
    from the page around it.
    """
    content = base64.b64encode(card.read_bytes()).decode()
    page = f"""<!doctype html><meta charset="utf-8"><style>iframe {{ width: {width}px; height: 900px; border: 0;
    color-scheme: {scheme}; }}</style><iframe id="card"></iframe><pre id="result"></pre><script>
    const frame = document.getElementById("card");
    const bytes = Uint8Array.from(atob("{content}"), (one) => one.charCodeAt(0));
    frame.onload = () => {{ const told = ({MEASURE})(frame, {str(unfold).lower()});
      told.dark = frame.contentWindow.matchMedia("(prefers-color-scheme: dark)").matches;
      document.getElementById("result").textContent = JSON.stringify(told); }};
    frame.srcdoc = new TextDecoder().decode(bytes);</script>"""
    with tempfile.TemporaryDirectory() as folder:
        around = Path(folder) / "around.html"
        around.write_text(page)
        dom = browse(browser, around, "--window-size=1400,1000", "--dump-dom")
    told = re.search(r'<pre id="result">(.*?)</pre>', dom, re.DOTALL)
    if not told or not told[1]:
        sys.exit(f"{card}: the browser gave no result")
    result: dict[str, Any] = json.loads(html.unescape(told[1]))
    if result["dark"] != (scheme == "dark"):
        sys.exit(f"this browser does not show a frame in {scheme} mode; a newer Chromium does")
    return result


def check(browser: str, cards: list[Path]) -> int:
    """Print what each card looks like everywhere; 1 when something is wrong."""
    failed = 0
    for card in cards:
        for name, width in WIDTHS.items():
            for scheme in ("light", "dark"):
                for unfold in (False, True):
                    told = measure(browser, card, width, scheme, unfold)
                    state = f"{name} {width}, {scheme}, {'unfolded' if unfold else 'folded'}"
                    size = f"{told['height']:,} px high, {told['texts']:,} texts, least contrast {told['least']:.2f}"
                    print(f"{card.name}: {state}: {size}: {'fails' if told['found'] else 'good'}")
                    for problem in told["found"]:
                        print(f"    {problem}")
                    failed += len(told["found"])
    return 1 if failed else 0


def picture(browser: str, card: Path, target: Path, sections: list[str], width: int, height: int) -> int:
    """Head and some sections of a card as a PNG file; what stands between them is left out."""
    kept = ", ".join(f"#{section}" for section in sections)
    hidden = f"<style>.facts, .contents, .known, details, main > section:not({kept}) {{ display: none }} .page {{ padding: 2rem }}</style>"
    with tempfile.TemporaryDirectory() as folder:
        excerpt = Path(folder) / "card.html"
        excerpt.write_text(card.read_text().replace("</head>", f"{hidden}</head>", 1))
        flags = [*FLAGS, f"--user-data-dir={folder}/profile", f"--window-size={width},{height}"]
        command = [browser, *flags, f"--screenshot={target.resolve()}", excerpt.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603
    print(f"{target}: {target.stat().st_size / 1000:.0f} KB")
    return 0


def main() -> int:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--browser", default=shutil.which("chromium") or shutil.which("google-chrome") or "chromium")
    verbs = parser.add_subparsers(dest="verb", required=True)
    checked = verbs.add_parser("check", help="fail when a card does not read well")
    checked.add_argument("cards", nargs="+", type=Path)
    taken = verbs.add_parser("picture", help="take the picture of the README")
    taken.add_argument("card", type=Path)
    taken.add_argument("target", type=Path)
    taken.add_argument("--sections", default="glance,alignment", help="what is shown below the head")
    taken.add_argument("--width", type=int, default=1060)
    taken.add_argument("--height", type=int, default=1435)
    given = parser.parse_args()
    if given.verb == "check":
        return check(given.browser, given.cards)
    return picture(given.browser, given.card, given.target, given.sections.split(","), given.width, given.height)


if __name__ == "__main__":
    sys.exit(main())
