from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from fabricated import manifest, run
from markdown_it import MarkdownIt

from surveyeval.engine.estimates import make_table
from surveyeval.errors import RunError
from surveyeval.reporting.card import render
from surveyeval.reporting.escaping import markdown_text, printable
from surveyeval.reporting.view import RunView

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Elements with their attributes and text; complains about tags that do not close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.stack: list[str] = []
        self.feed(html)
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack, f"</{tag}> closes nothing"
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if "style" not in self.stack:
            self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def card():
    return render([run(), run("cell", "baseline:cell", 0.75), run("tuned", "lora:adapters/x", 0.95)])


@pytest.fixture(scope="module")
def page(card):
    return Page(card.html)


def test_html_is_one_well_formed_document_without_outside_resources(card, page):
    assert card.html.lstrip().startswith("<!DOCTYPE html>")
    for tag in ("script", "link", "img", "iframe", "object", "embed", "base", "form", "video", "audio"):
        assert not page.all(tag), tag
    for _, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert not {"src", "srcset", "style", "xlink:href"} & set(attributes)
        href = attributes.get("href")
        assert href is None or href.startswith(("#", "https://example.org/"))
    style = card.html[card.html.index("<style>") : card.html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_page_can_be_read_without_eyes(page):
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1
    titles = [i for i, (tag, _) in enumerate(page.elements) if tag == "svg"]
    for position in titles:
        attributes = page.elements[position][1]
        nested = attributes.get("overflow") == "visible"
        assert nested or attributes.get("aria-hidden") == "true" or page.elements[position + 1][0] == "title"
        if not nested and attributes.get("aria-hidden") != "true":
            assert attributes["role"] == "img"
    tables = page.all("table")
    assert len(tables) > 10
    assert len(page.all("caption")) == len(tables)
    assert all(attributes.get("scope") in ("col", "row", "rowgroup") for attributes in page.all("th"))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"][1:] for attributes in page.all("a") if attributes["href"].startswith("#")}
    assert targets <= set(ids)


def test_page_knows_dark_mode_phones_and_paper(card):
    for words in ("prefers-color-scheme: dark", "max-width: 44rem", "@media print", "width=device-width"):
        assert words in card.html


def test_banners_stand_before_everything_else(page):
    banners = [
        attributes["class"] for _, attributes in page.elements if (attributes.get("class") or "").startswith("banner")
    ]
    assert banners == ["banner stop", "banner stamp", "banner note"]
    words = page.words
    assert "it ranks nobody" in words
    assert "only the first 250 test rows" in words
    assert "tuned: training rows are unknown" in words
    assert words.index("ranks nobody") < words.index("In short") < words.index("At a glance")


def test_a_synthetic_or_limited_card_is_stamped_wherever_it_may_be_cut_out(card, page):
    html = card.html
    assert "<title>[Synthetic] [Limited] fabricated" in html
    for heading in re.findall(r"<h2.*?</h2>", html)[1:]:  # the first is not shown
        assert ">Synthetic</span>" in heading
        assert ">Limited</span>" in heading
    first, *rest = card.markdown.splitlines()
    assert first == r"# \[Synthetic\] \[Limited\] Disclosure of security measures"
    quoted = [line for line in rest if line.startswith("> ")]
    assert quoted[0].startswith("> **Synthetic reference: ")
    assert quoted[1].startswith("> **Limited run: ")
    assert card.markdown.index("> **Synthetic") < card.markdown.index("## In short")


def test_words_for_people_are_kept_for_people(page):
    """On a card without human data nothing of the card's own calls the reference people."""
    told = page.words
    for words in ("people, other half", "real respondents", "second human sample", "Beyond people", "closer to people"):
        assert words not in told, words
    assert "synthetic rows, other half" in told
    assert "Beyond synthetic rows" in told


def test_card_of_people_has_no_synthetic_banner_but_says_what_is_simulated():
    human = manifest("smollm2", "embedded:smollm2")
    human["task"] |= {"provenance": "human", "comparable": True}
    human["limited"] = None
    base = run()
    words = Page(render([RunView(human, base.estimates, base.tables)]).html).words
    assert "ranks nobody" not in words
    assert "They are not respondents" in words
    assert "250 real respondents" in words
    assert "smollm2 unknown" in words  # the cut-off of the model
    assert "people, other half" in words
    assert "Synthetic" not in words
    assert "Limited" not in words


def test_sentences_that_every_card_carries(card):
    for text in (card.html, card.markdown):
        words = Page(text).words if text is card.html else text.replace("\\", "")
        for sentence in (
            "standard errors computed from them describe the model",
            "effective 250",
            "Verbatim: believed",
            "paraphrased: location",
            "Field dates: not stated; population: adults in the United States; mode: web; selection: complete cases; weights: none",
            "Answers of smollm2 and tuned were obtained as probabilities of the options",
            "Answers of cell were computed from the pilot, without asking a question",
            "options as letters in fixed order",
            "The data were public since 2011; model cut-off: smollm2 unknown",
            "Memorisation is not excluded",
            "The pilot of 232 synthetic rows informed",
            "nothing here is a result on an unseen arm",
            "At this n (124 rows in each half) the following could not be decided",
            "Compared with the demographic cell of the pilot",
            "Resampling the pilot itself (hot deck) is not on this card",
            "bits per respondent",
            "Intervals are conditional on this prompt, adapter and pilot",
            "without adjustment for how many there are",
            "3 configurations were tried",
            "not perfection; passing is not evidence of equality; equivalence is claimed for nothing",
            "These results hold for this survey",
            "Pipeline check; not comparable; not rankable",
        ):
            assert sentence in words, sentence


def test_every_status_is_shown_with_its_reason(page):
    words = page.words
    assert "not resolved" in words
    assert "too small" in words
    assert "Skipped: age band: 65+ (8 effective respondents in a half, 15 are needed)." in words
    undecided = words[
        words.index("At this n (") : words.index("What the numbers cannot tell", words.index("At this n ("))
    ]
    assert (
        "Skipped Fewer than 15 effective respondents in a half. Jensen-Shannon distance within groups (age band: 65+)."
        in undecided
    )
    assert "Jensen-Shannon distance within groups (age band: 50-64)." in undecided  # grey
    assert "Distinct answer patterns, Structure ratio" in undecided  # not resolved, by name
    assert "not applicable, no item is ordinal" in words
    assert "congruent is not estimable with smollm2" in words
    assert "B1: family 'ordered' is not supported in this version" in words
    assert "none available" in words
    assert "believed invalid 10" in words


def test_full_size_estimates_never_stand_beside_reference_and_floors():
    odd = run()
    table = odd.estimates
    rows = table[(table["quantity"] == "matched")].assign(quantity="estimate", value=0.123454321)
    import pandas as pd

    both = RunView(odd.manifest, pd.concat([table, rows]), odd.tables)
    assert render([both]).html == render([odd]).html


def test_size_of_halves_stands_beside_every_table_of_estimates(card, page):
    captions = re.findall(r"<caption>([^<]+)</caption>", card.html)
    estimates = [
        caption for caption in captions if re.search(r": (overall|by item|further measures)|headline of each", caption)
    ]
    assert len(estimates) > 8
    for caption in estimates:
        size = "all 250 synthetic rows" if caption.startswith("Individuals") else "124 rows in each half"
        assert caption.endswith(f"({size})")
    assert "250 (effective 250), the first 250 only" in page.words


def test_weighted_halves_tell_their_effective_size():
    base = run()
    tables = {**base.tables, "sizes": {**base.tables["sizes"], "n_eff": 181.4}}
    words = Page(render([RunView(base.manifest, base.estimates, tables)]).html).words
    assert "124 rows in each half, effective 90" in words
    assert "250 (effective 181)" in words


def test_group_table_shows_sizes_values_and_names_what_is_skipped(card):
    table = card.markdown.split("### Subgroups: by group\n")[1].split("###")[0]
    rows = {line.split(" | ")[0].strip("| "): line for line in table.splitlines() if line.startswith("| age")}
    assert list(rows) == [
        "age band: 18-34", "age band: 35-49", "age band: 50-64 (grey: too few for more)", "age band: 65+ (skipped: too few)"
    ]  # fmt: skip
    assert "| 110 | 55 |" in rows["age band: 18-34"]
    assert rows["age band: 65+ (skipped: too few)"].count("too small") == 4  # people and three models
    # value, and how much further from people than another sample: 0.14 is people's, see fabricated.py
    own = re.search(r"\| 55 \| 0\.140 .*?\| (0\.\d{3}) \(([+−]0\.\d{3})", rows["age band: 18-34"])
    assert float(own[1]) - 0.14 == pytest.approx(float(own[2].replace("−", "-")), abs=0.0011)
    assert "Skipped: age band: 65+ (8 effective respondents in a half, 15 are needed)." in table


def test_long_parts_are_folded_and_the_main_tables_are_not(card):
    folded = set(re.findall(r"<summary>([^<]+)</summary>", card.html))
    for name in ("Alignment: by item (124 rows in each half)", "Shares of every option", "The interview, 2 turns"):
        assert name in folded
    for name in ("Subgroups: by group", "Beliefs and actions, synthetic rows and simulation", "Option mass"):
        assert name not in folded
        assert f"<caption>{name}</caption>" in card.html


def test_shares_by_arm_do_not_depend_on_the_order_of_rows():
    base = run()
    rows = base.tables["distributions"]
    by_item = sorted(rows, key=lambda row: row["item"])  # stable: arms stay in order within items
    cards = [
        render([RunView(base.manifest, base.estimates, {**base.tables, "distributions": one})]).markdown
        for one in (rows, by_item)
    ]
    table = [card.split("### Shares by arm: action")[1].split("##")[0] for card in cards]
    assert table[0] == table[1]
    assert [card.count("### Shares by arm") for card in cards] == [3, 3]


def test_models_are_compared_with_the_cell_by_size(card):
    table = card.markdown.split("### Compared with the demographic cell of the pilot")[1].split("###")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    assert "is this baseline itself" in next(row for row in rows if row.startswith("| cell"))
    tuned = next(row for row in rows if row.startswith("| tuned"))
    better = tuned.split(" | ")[1]
    assert re.search(r"Jensen-Shannon distance \(mean over items, by 0\.0\d\d\)", better)
    assert re.search(r"Joint log-loss \(by 0\.\d\d bits\)", better)


def test_no_composite_score(card):
    assert "overall score" in card.html
    assert "There is no overall score" in card.html
    assert not re.search(r"(total|average|composite) score", card.html, re.IGNORECASE)


def test_models_stand_side_by_side_with_their_own_numbers(card):
    glance = card.markdown.split("### The headline of each axis")[1].split("##")[0]
    rows = [line for line in glance.splitlines() if line.startswith("|")][2:]
    assert [row.split(" | ")[1].strip() for row in rows[:3]] == ["smollm2", "cell", "tuned"]
    values = [float(row.split(" | ")[2].split()[0]) for row in rows[:3]]
    assert values == sorted(values, reverse=True)  # better models lose fewer bits


def test_two_runs_of_one_model_are_told_apart():
    card = render([run(), run(quality=0.5)])
    assert "smollm2 #2" in card.html


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("task", "name"), "the task differs"),
        (("task", "hash"), "the task file differs"),
        (("task", "profile_set"), "the profile set differs"),
        (("data", "sha256"), "the data differs"),
        (("split", "hash"), "the split differs"),
        (("split", "test_ids"), "the test people differs"),
        (("split", "pilot"), "the number of pilot people differs"),
        (("limited",), "the limit differs"),
    ],
)
def test_runs_that_differ_are_refused_by_name(path, words):
    other = manifest("cell", "baseline:cell")
    holder = other
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = "other"
    base = run("cell", "baseline:cell")
    with pytest.raises(RunError, match=words) as error:
        render([run(), RunView(other, base.estimates, base.tables)])
    assert "'smollm2'" in str(error.value)
    assert "'cell'" in str(error.value)


def test_runs_scored_on_other_random_halves_are_refused():
    other = run("cell", "baseline:cell")
    other.estimates["value"] = other.estimates["value"] + 0.01
    with pytest.raises(RunError, match="random halves"):
        render([run(), other])


def test_no_run_is_refused():
    with pytest.raises(RunError, match="at least one run"):
        render([])


NASTY = "<script>alert(1)</script> \"q\" 'a' & | `x` *b* _c_ [l](javascript:1) \x1b[31mred\x1b[0m \u202egnp"


def _nasty() -> RunView:
    """A run in which every text that comes from files is hostile."""
    base = run()
    told = manifest(NASTY, NASTY)
    task = told["task"]
    for key in ("title", "description", "licence", "citation", "published", "population", "mode", "selection"):
        task[key] = NASTY
    task["url"] = "javascript:alert(1)"
    task["wording"] = {NASTY: "assumed"}
    task["profile"] = [NASTY]
    told["model"]["banners"] = [NASTY]
    told["command"] = f"surveyeval {NASTY}"
    told["prompt_example"] = [{"role": NASTY, "content": f"{NASTY}\n</pre>\n```\n{NASTY}"}]
    tables = base.tables
    for row in tables["distributions"]:
        row |= {"question": NASTY, "label": NASTY, "item": NASTY + row["item"]}
    for row in tables["coefficients"]:
        row |= {"formula": NASTY, "regression": NASTY, "reason": NASTY if row["reason"] else ""}
        row["term"] = row["term"] and NASTY + row["term"]
    for row in tables["coherence"]:
        row["rule"] = NASTY
    for row in tables["groups"]:
        row["group"] = NASTY + row["group"]
    for row in tables["sizes"]["arms"]:
        row["label"] = NASTY
    records = base.estimates.to_dict("records")
    for row in records:
        row["item"] = row["item"] and NASTY + row["item"]
        row["rule"] = row["rule"] and NASTY
        row["reason"] = row["reason"] and NASTY
        row["group"] = row["group"].replace("=", "=" + NASTY)
        row["model"] = row["model"].replace("smollm2", NASTY)
    return RunView(told, make_table(records), tables)


def test_text_from_data_is_escaped_in_html_and_svg():
    html = render([_nasty()]).html
    assert html.count("<style>") == html.count("</style>") == 1
    assert html.count("<title>") - html.count("<svg") <= 1  # names of figures and of the page, none closed early
    page = Page(html)
    assert not page.all("script")
    assert not page.all("b") or all(not attributes for attributes in page.all("b"))
    assert "javascript:" not in {a["href"][:11] for a in page.all("a")}
    for _, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
    assert "<script>alert(1)</script>" in page.words  # as text
    for character in ("\x1b", "\u202e"):
        assert character not in html


def test_text_from_data_is_escaped_in_markdown():
    markdown = render([_nasty()]).markdown
    prose = "\n".join(line for line in markdown.splitlines() if not line.startswith("    "))
    assert "<script" not in prose
    assert not re.search(r"(?<!\\)\[l(?<!\\)\]\(", prose)
    assert not re.search(r"(?<!\\)`", prose)
    for character in ("\x1b", "\u202e"):
        assert character not in markdown
    widths: dict[int, int] = {}
    for number, line in enumerate(markdown.splitlines()):
        if line.startswith("|"):
            widths[number] = len(re.findall(r"(?<!\\)\|", line))
            assert widths[number] == widths.get(number - 1, widths[number]), line


def test_markdown_is_read_back_as_the_same_text():
    for text in (
        NASTY,
        "a|b",
        "1. list",
        "- list",
        "+ list",
        "---",
        "# heading",
        "-0.2",
        "**x**",
        "a\\b",
        "<b>",
        "&amp;",
        "~~s~~",
    ):
        html = MarkdownIt("commonmark").enable("table").render(str(markdown_text(text)))
        page = Page(html)
        assert {tag for tag, _ in page.elements} == {"p"}, text
        assert page.words == " ".join(printable(text).split())


def test_prompt_cannot_end_its_code_block():
    view = _nasty()
    markdown = render([view]).markdown
    block = markdown.split("## Prompt")[1].split("##")[0]
    assert "    </pre>" in block
    assert "    ```" in block


def test_card_without_optional_parts():
    """A task with one item, no profile, arms, groups, rules or regressions, and a model without probabilities."""
    base = run()
    keep = (base.estimates["axis"] == "alignment") & (base.estimates["arm"] == "")
    tables = {
        **base.tables,
        "coefficients": [], "coherence": [], "groups": [], "mass": [], "states": [],
        "distributions": [row for row in base.tables["distributions"] if row["arm"] == "" and row["item"] == "action"],
        "sizes": {**base.tables["sizes"], "arms": [{"arm": "all", "label": "all respondents", "n": 250, "n_eff": 250.0}]},
    }  # fmt: skip
    card = render([RunView(base.manifest, base.estimates[keep], tables)])
    words = Page(card.html).words
    assert "Nothing here shows that profiles matter" in words
    assert "By experimental arm" not in words


def test_render_is_deterministic(card):
    again = render([run(), run("cell", "baseline:cell", 0.75), run("tuned", "lora:adapters/x", 0.95)])
    assert again == card
