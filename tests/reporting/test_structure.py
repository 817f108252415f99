"""The card as a document: headings, figures, links, contrast of its colours, and text that tries to break out of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fabricated import manifest, run
from markdown_it import MarkdownIt

from surveyeval.reporting.card import render
from surveyeval.reporting.figures import COLOURS, SHAPES, model_css
from surveyeval.reporting.view import RunView

SVG = "{http://www.w3.org/2000/svg}"
#: Strings that end, or begin, something in one of the contexts that a card has: element, attribute, style, SVG, Markdown.
BREAKING = (
    "</title><script>alert(1)</script>",
    "</style><style>*{display:none}</style>",
    "</svg><svg onload=alert(1)>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)",
    "<!-- open comment",
    "--><img src=x onerror=alert(1)>",
    "<![CDATA[ x ]]>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; &#x3c;b&#x3e;",
    "`code` | cell | [link](https://evil.example) ![img](https://evil.example/x.png)",
    "line\none\r\n# heading\n- list",
    "\u202eabc\u202c \u2066x\u2069 \u200fy \ufeff",
    "a\x00b\x07c\x1b[31md\x9be",
    "lone \ud800 surrogate",
)


class Document(HTMLParser):
    """Elements and attributes in order, and the text of the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def _named(name: str, quality: float = 0.5, **told) -> RunView:
    base = run(name, quality=quality)
    return RunView(manifest(name, told.get("string", "hf:x")), base.estimates, base.tables)


def _hostile(text: str) -> RunView:
    """A run in which one string stands everywhere: names, labels, groups, reasons, prompts, keys and values."""
    base = run(text.replace("\ud800", ""))
    told = manifest(text.replace("\ud800", ""), text)
    for key in ("title", "description", "licence", "citation", "population", "mode", "selection", "published", "url"):
        told["task"][key] = text
    told["task"] |= {"wording": {text: text}, "profile": [text], "profile_set": text, "name": text, "version": text}
    told["task"]["interview"] = {"mode": text, "options": text, "order": text}
    told |= {"command": text, "notes": [text], "prompt_example": [{"role": text, "content": text}]}
    told["model"]["banners"] = [text]
    adapter = {"base": text, "objective": text, "pilot": 30, "epochs": 2, "arms": [text]}
    told["model"]["fingerprint"] = {
        "kind": text,
        "value": text,
        "details": {text: text, "adapter": adapter, "cutoff": text},
    }
    told["environment"] = {text: text}
    tables = base.tables
    for row in tables["distributions"]:
        row |= {"question": text, "label": text, "role": text, "kind": text, "wording": text}
    for row in tables["coefficients"]:
        row |= {"formula": text, "regression": text, "block": text, "term": row["term"] and text + row["term"]}
    for row in tables["coherence"]:
        row["rule"] = text
    for row in tables["groups"]:
        row |= {"subgroup": text, "group": text + row["group"]}
    for row in tables["sizes"]["arms"]:
        row["label"] = text
    for row in tables["states"]:
        row |= {"item": text, "state": text}
    for row in tables["mass"]:
        row["item"] = text
    estimates = base.estimates.copy()
    text = text.replace("\ud800", "")  # no table can hold it
    for column in ("rule", "reason", "regression", "term", "block"):
        estimates[column] = [value and text for value in estimates[column]]
    estimates["group"] = [value.replace("=", f"={text}") for value in estimates["group"]]
    return RunView(told, estimates, tables)


def _drawings(html: str) -> list[str]:
    """Drawings with a name; the axes below them are hidden from readers who can't see them."""
    return re.findall(r'<svg role="img" class="strip".*?</svg>(?=</div>)', html, re.DOTALL)


@pytest.fixture(scope="module")
def safe():
    return render([_named("harmless")])


@pytest.mark.parametrize("text", BREAKING)
def test_no_text_breaks_out_of_html(text, safe):
    card = render([_hostile(text)])
    document, harmless = Document(card.html), Document(safe.html)
    assert {tag for tag, _ in document.elements} == {tag for tag, _ in harmless.elements}
    for tag, attributes in document.elements:
        assert not any(name.startswith("on") or name in ("style", "src", "srcset") for name in attributes), (
            tag,
            attributes,
        )
        assert (attributes.get("href") or "#").startswith("#")
    assert card.html.count("</style>") == 1
    card.html.encode()  # a file can hold it
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]", card.html)


@pytest.mark.parametrize("text", BREAKING)
def test_every_drawing_is_valid_xml(text):
    html = render([_hostile(text)]).html
    drawings = _drawings(html)
    assert len(drawings) > 20
    for drawing in drawings:
        ElementTree.fromstring(drawing)


@pytest.mark.parametrize("text", BREAKING)
def test_no_text_breaks_out_of_markdown(text, safe):
    def shape(markdown: str) -> list[str]:
        tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown)
        kinds = [token.type for token in tokens]
        kinds += [child.type for token in tokens for child in token.children or []]
        return kinds

    markdown = render([_hostile(text)]).markdown
    markdown.encode()  # a file can hold it
    kinds = shape(markdown)
    assert not {"html_block", "html_inline", "image", "link_open", "code_inline", "fence"} & set(kinds)
    assert kinds.count("heading_open") == shape(safe.markdown).count("heading_open") + 2  # fine-tuning, and its table


def test_headings_descend_one_step_at_a_time(safe):
    levels = [int(tag[1]) for tag, _ in Document(safe.html).elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


def test_figures_tell_their_content_in_words(safe):
    root = [ElementTree.fromstring(found) for found in _drawings(safe.html)]
    assert len(root) > 20
    for drawing in root:
        assert drawing.attrib["role"] == "img"
        assert (drawing.findtext(f"{SVG}title") or "").strip()
        assert (drawing.findtext(f"{SVG}desc") or "").strip()
    said = " ".join(drawing.findtext(f"{SVG}desc") or "" for drawing in root)
    assert re.search(r"harmless 0\.\d{3} \(0\.\d{3} to 0\.\d{3}\); synthetic rows, other half 0\.\d{3}", said)
    assert safe.html.count("<figure") == safe.html.count("<figcaption>")


def test_tables_name_rows_and_columns(safe):
    tables = re.findall(r"<table.*?</table>", safe.html, re.DOTALL)
    assert len(tables) > 15
    for table in tables:
        assert re.search(r"<caption>[^<]+</caption>", table)
        assert '<th scope="col"' in table
        assert re.search(r'<th scope="row(group)?"', table), table[:200]


def test_links_stay_on_the_page_and_lead_somewhere(safe):
    document = Document(safe.html)
    ids = [attributes["id"] for _, attributes in document.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [str(attributes["href"]) for tag, attributes in document.elements if tag == "a"]
    assert {target[1:] for target in targets if target.startswith("#")} <= set(ids)
    assert [target for target in targets if not target.startswith("#")] == ["https://example.org/data"]  # the source's


def test_nothing_is_loaded_from_elsewhere(safe):
    addresses = set(re.findall(r"https?://[^\s\"'<>)]+", safe.html))
    assert addresses == {"https://example.org/data", "http://www.w3.org/2000/svg"}  # a link and a name, not loads
    assert not re.search(r"url\(|@import|@font-face|<script|<link|<img|<iframe|<object|<embed|http-equiv", safe.html)


def test_axes_of_plugins_get_targets_of_their_own():
    base = run()
    estimates = base.estimates.copy()
    estimates["axis"] = estimates["axis"].replace({"coherence": "limits", "heterogeneity": 'my "axis" #1'})
    ids = re.findall(r'<section id="([^"]+)"', render([RunView(base.manifest, estimates, base.tables)]).html)
    assert len(ids) == len(set(ids))
    assert {"limits", "axis-limits", "axis-my-axis-1"} <= set(ids)


def test_eight_models_have_marks_of_their_own_and_full_names():
    names = [f"organisation/model-with-a-long-name-{k}|*_`<b>" for k in range(8)]
    card = render([_named(name, 0.1 * k) for k, name in enumerate(names)])
    assert len({(SHAPES[k % len(SHAPES)], model_css(k)) for k in range(24)}) == 24
    words = " ".join(" ".join(Document(card.html).text).split())
    for name in names:
        assert words.count(name) > 8
    header = next(line for line in card.markdown.splitlines() if line.startswith("| Group"))
    assert len(re.findall(r"(?<!\\)\|", header)) == 4 + 8 + 1


# ---- colours ---------------------------------------------------------------------------------------------------------


def _palettes() -> list[dict[str, str]]:
    """Colours of the light and of the dark style sheet, the second where it differs from the first."""
    style = Path("surveyeval/reporting/templates/_style.css.j2").read_text()
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", part)) for part in style.split("prefers-color-scheme: dark")[:2]
    )
    return [light, {**light, **dark}]


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance and contrast ratio."""

    def luminance(colour: str) -> float:
        channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_formula_agrees_with_published_values():
    assert _contrast("#000000", "#ffffff") == pytest.approx(21)
    assert _contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)  # the well-known lightest grey that passes


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_read_in_light_and_dark(theme):
    palette = _palettes()[theme]
    for text, paper in [
        *[(text, "paper") for text in ("ink", "soft", "faint", "accent")],
        ("ink", "raised"), ("stop", "stop-paper"), ("note", "note-paper"),
    ]:  # fmt: skip
        assert _contrast(palette[text], palette[paper]) >= 4.5, (text, paper)
    for mark in ("people", "floor", *(f"m{k}" for k in range(COLOURS))):
        assert _contrast(palette[mark], palette["paper"]) >= 3, mark  # graphics: success criterion 1.4.11
