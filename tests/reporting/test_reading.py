"""Reading a card: what stands first, without a mouse, without colours, on paper, and whether every colour can be read."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from fabricated import manifest, run

from surveyeval.reporting.card import Card, render
from surveyeval.reporting.escaping import prose
from surveyeval.reporting.use import judge
from surveyeval.reporting.view import RunView

STYLE = Path("surveyeval/reporting/templates/_style.css.j2")
VOID = {"meta", "input", "br", "hr", "img", "link"}


class Element:
    def __init__(self, tag: str, attributes: dict[str, str | None], parents: tuple[Element, ...]) -> None:
        self.tag, self.attributes, self.parents = tag, attributes, parents
        self.text = ""

    def get(self, name: str) -> str:
        return self.attributes.get(name) or ""

    def within(self, *tags: str) -> bool:
        return any(one.tag in tags for one in self.parents)


class Tree(HTMLParser):
    """Elements in order, each with those it lies in and with its whole text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.open: list[Element] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        one = Element(tag, dict(attrs), tuple(self.open))
        self.elements.append(one)
        if tag not in VOID:
            self.open.append(one)

    def handle_startendtag(self, tag, attrs):
        self.elements.append(Element(tag, dict(attrs), tuple(self.open)))

    def handle_endtag(self, tag):
        assert self.open.pop().tag == tag

    def handle_data(self, data):
        for one in self.open:
            one.text += data

    def all(self, *tags: str) -> list[Element]:
        return [one for one in self.elements if one.tag in tags]


def on_people(name: str, quality: float = 0.5) -> RunView:
    """A fabricated run that counts as one on human data."""
    base, told = run(name, quality=quality), manifest(name, "hf:x")
    told["task"] |= {"provenance": "human", "comparable": True}
    return RunView(told, base.estimates, base.tables)


@pytest.fixture(scope="module", params=["people", "synthetic"])
def card(request) -> Card:
    if request.param == "synthetic":
        return render([run("some"), run("other", quality=0.9)])
    return render([on_people("some"), on_people("other", 0.9)])


@pytest.fixture(scope="module")
def tree(card) -> Tree:
    return Tree(card.html)


# ---- order ----------------------------------------------------------------------------------------------------------


def test_the_first_thing_below_the_title_is_what_it_may_be_used_for():
    runs = [on_people("some"), on_people("other", 0.9)]
    card = render(runs)
    tree = Tree(card.html)
    claims, uses = tree.all("table")[:2]
    for table, caption in ((claims, "What it supports"), (uses, "What it may be used for")):
        assert " ".join(table.text.split()).startswith(caption)
        assert not table.within("details")
    verdicts = [one for one in tree.all("td") if claims in one.parents]
    expected = [f"{one.verdict}{one.cause}".replace("'", "’") for run_ in runs for one in judge(run_)]
    assert [one.text.strip() for one in verdicts] == expected
    before = card.html.index("What it supports")
    assert before < card.html.index('class="facts"') < card.html.index('class="sayings"')
    assert card.markdown.index("can’t tell") < card.markdown.index("**Alignment.**")
    sections = [one.get("id") for one in tree.all("section")]
    assert sections[:3] == ["finding", "use", "glance"]


def test_a_synthetic_card_has_no_verdicts():
    card = render([run("some")])
    assert "What it supports" not in card.html
    assert "can’t tell" not in card.markdown


def test_long_tables_are_folded_and_headlines_are_not(tree):
    for table in tree.all("table"):
        rows = [one for one in tree.all("tr") if table in one.parents]
        assert len(rows) < 40 or table.within("details"), table.text[:80]
    assert not any(one.within("details") for one in tree.all("figure"))


# ---- structure ------------------------------------------------------------------------------------------------------


def test_landmarks_language_and_headings(tree):
    assert tree.all("html")[0].get("lang") == "en"
    assert len(tree.all("main")) == 1
    assert [one.tag for one in tree.all("header", "footer") if not one.within("section")] == ["header", "footer"]
    assert all(one.get("aria-label") for one in tree.all("nav"))
    levels = [int(one.tag[1]) for one in tree.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    ids = {one.get("id"): one for one in tree.elements if one.get("id")}
    assert len(ids) == sum(bool(one.get("id")) for one in tree.elements)
    for section in tree.all("section"):
        assert ids[section.get("aria-labelledby")].text.strip()
    for link in tree.all("a"):
        assert link.text.strip()
        if link.get("href").startswith("#"):
            assert link.get("href")[1:] in ids
    first = next(one for one in tree.elements if one.parents and one.parents[-1].tag == "body")
    assert (first.tag, first.get("class"), first.get("href")) == ("a", "skip", "#finding")


def test_tables_have_captions_and_heads_with_a_scope(tree):
    for table in tree.all("table"):
        inside = [one for one in tree.elements if table in one.parents]
        assert [one.tag for one in inside].count("caption") == 1
        assert next(one for one in inside if one.tag == "caption").text.strip()
        heads = [one for one in inside if one.tag == "th"]
        assert {one.get("scope") for one in heads} <= {"col", "row", "rowgroup"}
        columns = [one for one in heads if one.get("scope") == "col"]
        assert all(one.text.strip() for one in columns)
        assert len(heads) > len(columns)


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name(tree):
    boxes = [one for one in tree.elements if "scroll" in one.get("class").split()]
    assert len(boxes) == len(tree.all("table"))
    for box in boxes:
        assert box.get("tabindex") == "0"
        assert box.get("role") == "region"
        assert box.get("aria-label").strip()
    for table in tree.all("table"):
        assert table.parents[-1] in boxes


def test_drawings_have_a_name_and_a_description_or_are_hidden(tree):
    outer = [one for one in tree.all("svg") if not one.within("svg")]
    assert len(outer) > 50
    for drawing in outer:
        if drawing.get("aria-hidden") == "true":
            continue
        assert drawing.get("role") == "img"
        for part in ("title", "desc"):
            told = [one for one in tree.all(part) if one.parents[-1] is drawing]
            assert len(told) == 1
            assert told[0].text.strip()


def test_nothing_needs_a_script_or_another_file(card, tree):
    assert not tree.all("script", "link", "img", "iframe", "object", "embed", "video", "audio", "form", "base")
    assert not re.search(r"url\(|@import|@font-face|http-equiv", card.html)


def test_size_is_bounded():
    one, four = (len(render([on_people(f"m{k}") for k in range(n)]).html) for n in (1, 4))
    assert one < 350_000
    assert four < 800_000


# ---- colours and marks ----------------------------------------------------------------------------------------------


def _schemes() -> dict[str, dict[str, str]]:
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6}|rgba\([^)]+\))", part))
        for part in STYLE.read_text().split("prefers-color-scheme: dark")[:2]
    )
    assert {name for name in light if not name.startswith(("serif", "sans", "mono"))} == set(dark)
    return {"light": light, "dark": dark}


def _rgb(colour: str, below: str = "") -> tuple[float, float, float]:
    """Channels from 0 to 1; a translucent colour lies on another."""
    if colour.startswith("#"):
        red, green, blue = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
        return red, green, blue
    *channels, alpha = (float(part) for part in re.findall(r"[\d.]+", colour))
    under = _rgb(below)
    red, green, blue = (alpha * one / 255 + (1 - alpha) * other for one, other in zip(channels, under, strict=True))
    return red, green, blue


def _ratio(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """Contrast ratio of WCAG 2.2."""

    def luminance(colour: tuple[float, float, float]) -> float:
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _rules() -> list[tuple[str, str]]:
    style = re.sub(r"\{%.*?%\}|@media[^{]*\{|@page \{[^}]*\}", "", STYLE.read_text())
    return re.findall(r"([^{}]+)\{([^{}]*)\}", style)


def _variable(body: str, name: str) -> str:
    found = re.search(rf"(?:^|[;\s]){name}: var\(--([\w-]+)\)", body)
    return found[1] if found else ""


#: Backgrounds of rules that leave their text in the colour of the page.
INHERITED = {"paper", "raised"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_on_what_it_lies_on(scheme):
    colours = _schemes()[scheme]
    texts, pairs = set(), set()
    for selector, body in _rules():
        text, behind = _variable(body, "color"), _variable(body, "background")
        if not text and re.search(r"svg text", selector):
            text = _variable(body, "fill")
        texts |= {text} - {""}
        if behind and text:
            pairs.add((text, behind))
        elif behind:
            assert behind in INHERITED, f"{selector.strip()} has a background and no colour of its own"
            pairs.add(("ink", behind))
    assert {"ink", "soft", "faint", "accent", "stop", "note", "go"} <= texts
    assert {("stop", "stop-paper"), ("note", "note-paper"), ("ink", "paper")} <= pairs
    own = {text for text, behind in pairs if behind not in INHERITED}
    pairs |= {(text, "paper") for text in texts | own}
    for text, behind in sorted(pairs):
        assert _ratio(_rgb(colours[text]), _rgb(colours[behind])) >= 4.5, (text, behind)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_mark_stands_out_from_the_page_and_from_the_band_of_people(scheme):
    colours = _schemes()[scheme]
    paper = _rgb(colours["paper"])
    band = _rgb(colours["band"], colours["paper"])
    marks = [name for name in colours if re.fullmatch(r"m\d|people|floor|accent", name)]
    assert len(marks) == 11
    for mark in marks:
        assert _ratio(_rgb(colours[mark]), paper) >= 3, mark  # graphics: success criterion 1.4.11
        assert _ratio(_rgb(colours[mark]), band) >= 2.5, mark  # the band is a hint behind marks that have an edge


def test_colour_is_never_the_only_sign():
    tree = Tree(render([on_people(f"m{k}", 0.1 * k) for k in range(6)]).html)
    legend = [one for one in tree.all("path") if re.fullmatch(r"model m\d", one.get("class"))]
    shapes = {one.get("class"): {other.get("d") for other in legend if other.get("class") == one.get("class")}
              for one in legend}  # fmt: skip
    marks = [frozenset(found - {"M-7-4.5L0 0L-7 4.5z", "M7-4.5L0 0L7 4.5z"}) for found in shapes.values()]  # arrows
    assert len(marks) == 6
    assert len(set(marks)) == 6
    for verdict in (one for one in tree.all("td") if "verdict" in one.get("class").split()):
        assert re.match(r"(supported|not supported|can’t tell)", verdict.text.strip())
    for banner in (one for one in tree.elements if "banner" in one.get("class").split()):
        assert banner.text.strip()
    greys = [one for one in tree.all("tr") if "grey" in one.get("class").split()]
    assert greys
    signs = re.findall(r'td\.verdict\.(\w+) > span::before \{ content: "(.)"', STYLE.read_text())
    assert len(dict(signs)) == len({sign for _, sign in signs}) == 3


# ---- paper ----------------------------------------------------------------------------------------------------------


def test_paper_shows_what_is_folded_and_breaks_between_things():
    paper = STYLE.read_text().partition("@media print")[2]
    assert "details::details-content { content-visibility: visible" in paper
    assert re.search(r"figure, [^{}]*\btr\b[^{}]*\{ break-inside: avoid; \}", paper, re.DOTALL)
    assert "thead { display: table-header-group; }" in paper
    assert "#short:checked" in paper
    assert "@media screen and (prefers-color-scheme: dark)" in STYLE.read_text()  # paper stays white


# ---- numbers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "set_as"),
    [
        ("0.031 (0.021 to 0.043)", "0.031 (0.021\xa0to\xa00.043)"),
        ("78 to 125%", "78\xa0to\xa0125%"),
        ("−0.4 to −0.1 bits", "−0.4\xa0to\xa0−0.1\xa0bits"),
        ("+3.1 pp over people's", "+3.1\xa0pp over people’s"),
        ("1 to a few", "1 to a few"),
        ("the family 'ordered' is new", "the family 'ordered' is new"),
    ],
)
def test_intervals_and_units_are_not_broken(text, set_as):
    assert prose(text) == set_as


def test_minus_is_a_minus_in_every_number(tree):
    shown = [one.text for one in tree.all("td", "small", "strong", "text") if not one.within("pre")]
    assert any("−" in text for text in shown)
    assert not [text for text in shown if re.search(r"(?:^|[\s(])-\d", text)]


# ---- design ---------------------------------------------------------------------------------------------------------


def test_strata_clusters_and_means_of_the_design_are_told():
    base = run("some")
    sizes = base.tables["sizes"] | {"n_strata": 12, "n_psu": 87, "n_eff": 181.4}
    means = [{"item": "believed", "arm": "", "human": 3.25, "human_se": 0.1, "human_low": 3.05, "human_high": 3.45,
              "simulated": 2.75, "n_human": 250, "degrees_of_freedom": 75},
             {"item": "believed", "arm": "a", "human": 1.0, "human_se": 0.1, "human_low": 0.8, "human_high": 1.2,
              "simulated": 1.5, "n_human": 125, "degrees_of_freedom": 60}]  # fmt: skip
    text = render([RunView(base.manifest, base.estimates, base.tables | {"sizes": sizes, "means": means})]).markdown
    assert "Sampling design: 12 strata and 87 clusters (PSUs) among the test rows" in text
    assert "effective 181" in text
    table = text.partition("### Means of ordered and numeric items")[2].partition("###")[0]
    (row,) = [line for line in table.splitlines() if line.startswith("| believed")]
    assert [cell.strip() for cell in row.strip("| ").split("|")][1:] == ["3.25 (3.05 to 3.45)", "75", "2.75"]
    plain = render([base]).markdown
    assert "Sampling design: no strata or clusters in the source" in plain
    assert "Means of ordered and numeric items" not in plain


def test_errors_of_coefficients_are_named_as_they_were_taken():
    base = run("some")
    rows = [row | {"errors_human": "CR2"} if "errors_human" in row else row for row in base.tables["coefficients"]]
    text = render([RunView(base.manifest, base.estimates, base.tables | {"coefficients": rows})]).markdown
    assert "Least squares, CR2 errors (clusters)." in text
    assert "Least squares, HC2 errors." in render([base]).markdown
