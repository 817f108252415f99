from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from surveyeval.grid.card import render_study
from surveyeval.grid.results import Selection
from surveyeval.grid.task_view import JOINT, methods_of, views
from tests.grid.fabricated import spec_of, study

VOID = {"meta", "link", "br", "hr", "input"}
SMALL = {"pilots": {"sizes": ["30", "60"]}, "baseline_sizes": [], "seeds": [0]}
HOSTILE = "<script>alert(1)</script> *bold* [x](http://x) | `c` \x1b[31m"


class Page(HTMLParser):
    """Elements with their attributes, and text; complains about tags that do not close in order."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.stack = [], [], []
        self.feed(html)
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if "style" not in self.stack:
            self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return study(tmp_path_factory.mktemp("full"))


@pytest.fixture(scope="module")
def card(full):
    return render_study(full)


@pytest.fixture(scope="module")
def page(card):
    return Page(card.html)


def section(markdown, title):
    """One section of the Markdown."""
    (found,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", markdown, re.DOTALL | re.MULTILINE)
    return found


def table(markdown, caption):
    """A table of the Markdown as rows of texts."""
    (found,) = re.findall(rf"^### {re.escape(caption)}\n+((?:\|.*\n+)+)", markdown, re.MULTILINE)
    lines = [line.strip().removeprefix("|").removesuffix("|") for line in found.splitlines() if line]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in lines]
    return [rows[0], *rows[2:]]


# ---- the document ----------------------------------------------------------------------------------------------------


def test_html_is_one_document_without_outside_resources(card, page):
    assert card.html.startswith("<!DOCTYPE html>")
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img", "link", "iframe", "object"}
    assert not re.search(r"url\(|@import|src=", card.html)
    targets = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links
    assert all(link[1:] in targets for link in links)
    assert len(targets) == sum("id" in attributes for _, attributes in page.elements)


def test_figures_are_told_in_words_and_their_numbers_stand_in_tables(card, page):
    plots = [ElementTree.fromstring(text) for text in re.findall(r'<div class="plot">.*?</div>', card.html, re.DOTALL)]
    assert len(plots) >= 9
    for plot in plots:
        (named,) = [one for one in plot if one.get("role") == "img"]
        assert [child.tag.rpartition("}")[2] for child in named][:2] == ["title", "desc"]
        assert all(one.get("aria-hidden") == "true" for one in plot if one is not named)
    headings = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert headings[0] == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(headings))
    for caption in ("Joint log-loss by pilot size", "Alignment: values by pilot size"):
        assert f"<summary>{caption}</summary>" in card.html


def test_markdown_is_read_back_with_the_same_tables(card):
    tokens = MarkdownIt().enable("table").parse(card.markdown)
    assert sum(token.type == "table_open" for token in tokens) == card.html.count("<table")
    assert "<svg" not in card.markdown


def test_render_is_deterministic(full, card):
    assert render_study(full) == card


def test_text_from_files_is_escaped(tmp_path):
    hostile = render_study(study(tmp_path, title=HOSTILE, description=HOSTILE, tasks=["anes96"], **SMALL))
    harmless = render_study(study(tmp_path, title="x", description="x", tasks=["anes96"], **SMALL))
    assert {tag for tag, _ in Page(hostile.html).elements} == {tag for tag, _ in Page(harmless.html).elements}
    assert "\x1b" not in hostile.html
    body = hostile.markdown.partition("## How to reproduce")[0]  # the study file itself follows as a block of code
    assert "[x](http" not in body
    assert "<script" not in body


# ---- the finding -----------------------------------------------------------------------------------------------------


def test_the_first_sentence_says_whether_fine_tuning_beats_cheaper_things(full, card, page):
    rows = full.estimates[(full.estimates["metric"] == JOINT) & (full.estimates["size"] == "120")]
    lora = rows[rows["method"] == "lora"]
    score = lora.loc[lora["quantity"] == "estimate", "value"].mean()
    said = page.words[page.words.index("With 120 people in the pilot") :][:900]
    assert said.startswith(
        f"With 120 people in the pilot, the fine-tuned model (lora) scores {score:.2f} bits per person"
    )
    for name, words in (("calibrate=item", "calibration by item"), ("baseline:marginal", "the pilot’s marginal"),
                        ("baseline:cell", "the demographic cell")):  # fmt: skip
        gains = lora[(lora["quantity"] == "gain_over") & (lora["floor_name"] == name)]
        low, high = gains["low"].mean(), gains["high"].mean()
        if min(low, gains["value"].min()) > 0:
            assert f"better than {words} by {gains['value'].mean():.2f} bits ({low:.2f} to {high:.2f})" in said
        else:
            assert f"not told apart from {words}" in said
    assert "better than" in said
    assert "not told apart" in said
    assert "Mean over 3 pilot draws and 2 training seeds" in said


def test_a_fine_tuned_model_that_loses_is_said_to_be_worse(tmp_path):
    lost = study(tmp_path, **SMALL)
    mask = (lost.estimates["method"] == "lora") & (lost.estimates["quantity"] == "gain_over")
    for column, shift in (("value", -9.0), ("low", -9.0), ("high", -9.0)):
        lost.estimates.loc[mask, column] += shift
    words = Page(render_study(lost).html).words
    assert "worse than calibration by item by " in words
    assert "better than calibration by item by" not in words.partition("Read first")[0]
    assert "One pilot draw and one training seed" in words


def test_simulated_rows_are_not_called_respondents(page):
    assert "simulated 200 rows for 200 real respondents’ profiles. They are not respondents" in page.words


@pytest.mark.parametrize("base", ["embedded:smollm2?dtype=bfloat16", "hf:org/other"])
def test_the_demonstration_model_is_named_as_such(tmp_path, base):
    words = Page(render_study(study(tmp_path, bases=[base], **SMALL)).html).words
    assert ("says nothing about models people use" in words) == base.startswith("embedded")


def test_a_synthetic_study_ranks_nobody(tmp_path):
    made = render_study(study(tmp_path, provenance="synthetic", tasks=["disclosure"], **SMALL))
    page = Page(made.html)
    assert page.words.index("it ranks nobody") < page.words.index("With 60 synthetic rows in the pilot")
    assert "Pipeline check; not comparable; not rankable." in page.words
    assert made.markdown.startswith("# \\[Synthetic\\]")
    assert made.html.count('class="stamp"') > 8
    assert not re.search(r"\bpeople in the pilot|\bpeople, other half|\breal respondents", page.words)


def test_conditions_and_configurations_are_told(full, page):
    variants = ["task", "holdout", "size", "scope", "balance", "profile", "draw", "method", "base", "tuning_seed"]
    held = full.estimates[full.estimates["method"] != ""]
    assert f"{len(held.drop_duplicates(variants))} variants were compared" in page.words
    for words in (
        "conditional on the prompt, the adapter and the pilot",
        "no confidence interval",
        "passing is not evidence of equality",
        "equal size only",
        "Nothing here supports replacing respondents",
    ):
        assert words in page.words


# ---- tables ----------------------------------------------------------------------------------------------------------


def test_every_method_stands_beside_its_paired_gains(full, card):
    rows = table(card.markdown, "Joint log-loss: paired gains with a pilot of 120")
    assert rows[0][:5] == ["Method", "Joint log-loss", "Gain over marginal", "Gain over cell", "Gain over chain"]
    assert rows[0][5] == "Gain over calibrate=item"
    assert len(rows) == 1 + 5 + 7
    named = {row[0].partition(" (")[0]: row[1:] for row in rows[1:]}
    assert named["marginal"][1] == "itself"
    assert named["hotdeck"] == ["– (not applicable)", "–", "–", "–", "–"]
    rows = full.estimates[(full.estimates["metric"] == JOINT) & (full.estimates["size"] == "120")]
    gain = rows[
        (rows["method"] == "calibrate=item")
        & (rows["quantity"] == "gain_over")
        & (rows["floor_name"] == "baseline:cell")
    ]
    expected = (
        f"−{abs(gain['value'].mean()):.2f} (−{abs(gain['low'].mean()):.2f} to −{abs(gain['high'].mean()):.2f}; draws"
    )
    assert named["calibrate=item"][2].startswith(expected)
    assert named["calibrate=item"][2].endswith("worse)")


@pytest.mark.parametrize(
    "measure", ["Jensen-Shannon distance", "Coherence beyond chance, spatial vote", "Coefficients that differ"]
)
def test_the_other_measures_have_paired_gains_too(card, measure):
    rows = table(card.markdown, f"{measure}: paired gains with a pilot of 120")
    assert len(rows) == 13
    assert all(row[1] != "–" for row in rows[1:])


def test_the_table_of_the_study_holds_people_base_and_variants(full, card):
    rows = table(card.markdown, "People, the base and each variant")
    assert rows[0] == ["Who", "Unique structures", "Belief-action gap (spatial vote)", "JS distance overall",
                       "JS distance by age band", "Sign F1", "False positive rate"]  # fmt: skip
    assert rows[1][0] == "People, other half"
    assert rows[1][1].startswith("61 (")
    assert [row[0].partition(" (")[0] for row in rows[2:7]] == [one.label for one in methods_of(full.spec)[:5]]
    groups = table(card.markdown, "JS distance within groups: age band")
    assert groups[0] == ["Who", "18-34 (100)", r"35\+ (100)"]


def test_break_even_says_where_the_model_adds_nothing(card, page):
    rows = table(card.markdown, "The pilot alone does as well with")
    assert rows[0][2:] == ["With 30 in the pilot", "With 60 in the pilot", "With 120 in the pilot"]
    assert rows[1][1:] == ["base", *["at most 15 (marginal; adds nothing)"] * 3]
    assert "the model adds nothing: the smallest pilot alone does as well" in page.words
    measures = [row[0] for row in rows[1:] if row[0]]
    assert measures == ["Joint log-loss", "Jensen-Shannon distance", "Coherence beyond chance, spatial vote"]


def test_cost_stands_by_arm(card):
    rows = table(card.markdown, "Cost of each arm of the study")
    assert rows[1][:4] == ["base", "profile shown", "none", "–"]
    lora = rows[[row[0] for row in rows].index("lora") :]
    assert [row[2:4] for row in lora] == [["30", "7,800"], ["60", "15,600"], ["120", "31,200"]]
    assert [row[5] for row in lora] == ["6", "6", "6"]  # three draws, two seeds


# ---- designs ---------------------------------------------------------------------------------------------------------


def test_ablations_stand_side_by_side(tmp_path):
    pilots = {"sizes": ["0.25", "all"], "scopes": ["all", "arm=a"], "balances": ["random", "ethnicity"],
              "profiles": ["shown", "none", "hide:age+gender"], "full": False}  # fmt: skip
    made = render_study(
        study(tmp_path, tasks=["disclosure"], methods=["base", "lora"], pilots=pilots, baseline_sizes=[])
    )
    said = section(made.markdown, "Scope, balance and profile")
    kinds = {"Scope: who is trained on": ["all people", "arm=a"],
             "Balance: how the pilot is drawn": ["random", "equal over ethnicity"],
             "Profile: what is shown of a person": ["profile shown", "no profile", "without age, gender"]}  # fmt: skip
    for caption, designs in kinds.items():
        rows = table(said, caption)
        assert [row[1] for row in rows[1 : 1 + len(designs)]] == designs
    scope = table(said, "Scope: who is trained on")
    assert [row[2] for row in scope[1:3]] == ["424", "53"]
    assert "Compare only pilots of one size" in said
    unseen = table(section(made.markdown, "Seen and unseen"), "Seen and unseen apart: trained on arm=a")
    assert [row[1] for row in unseen[1:3]] == ["seen people", "unseen people"]


def test_what_was_not_varied_is_said(tmp_path):
    pilots = {"sizes": ["30"], "profiles": ["shown", "none"]}
    made = render_study(study(tmp_path, methods=["base", "lora"], pilots=pilots, baseline_sizes=[]))
    said = section(made.markdown, "Scope, balance and profile")
    assert "Scope was not varied: all people." in said
    assert "Balance was not varied: random." in said


def test_held_out_arms_groups_and_items_are_reported_apart(tmp_path):
    held = study(tmp_path, holdout=["arm=b", "item=vote", "group=age_band=35+"], **SMALL)
    said = section(render_study(held).markdown, "Seen and unseen")
    rows = table(said, "Seen and unseen apart: held out arm=b")
    view = views(held, {})[0]
    for part, row in zip(("seen", "unseen"), rows[1:3], strict=True):
        own = Selection(JOINT, "estimate").of(view.design(part=part, holdout="arm=b"))
        own = own[(own["method"] == "base") & (own["size"] == "60")]
        assert row[3] == f"{own['value'].iloc[0]:.2f}"
    item = table(said, "Item vote: held out, and trained on")
    assert item[0][3:] == ["Log-loss", "Jensen-Shannon distance"]
    assert [row[1] for row in item[1:3]] == ["held out", "trained on"]
    assert "unseen, 200 people" in said


def test_several_bases_have_figures_and_names_of_their_own(tmp_path):
    made = study(tmp_path, bases=["embedded:smollm2", "hf:org/other-model"], **SMALL)
    page = Page(render_study(made).html)
    short = [one.label.rpartition(" @ ")[2] for one in methods_of(made.spec) if one.name == "base"]
    assert len(set(short)) == 2
    for name in short:
        assert f"Joint log-loss by people in the pilot, {name}" in page.words
        assert f"the fine-tuned model (lora @ {name}) scores" in page.words


def test_several_tasks_have_sections_of_their_own(tmp_path):
    page = Page(render_study(study(tmp_path, tasks=["anes96", "disclosure"], **SMALL)).html)
    for task in ("anes96", "disclosure"):
        assert f"{task}: Joint log-loss" in page.words
        assert f"{task}. With 60 people in the pilot" in page.words


def test_crossfit_says_that_everybody_is_tested(tmp_path):
    words = Page(render_study(study(tmp_path, crossfit=5, **SMALL)).html).words
    assert "Cross-fitted in 5 folds: everybody is simulated by a model that never saw them" in words
    assert "40% of each arm" not in words


# ---- what does not apply ---------------------------------------------------------------------------------------------


def test_a_missing_log_loss_is_said_and_the_rest_still_stands(tmp_path):
    made = render_study(study(tmp_path, without=(JOINT,), **SMALL))
    assert "nothing can be said of joint log-loss: nothing of this kind here" in made.markdown
    assert "There is no joint log-loss: nothing of this kind here" in made.markdown
    assert table(made.markdown, "Every method with a pilot of 60 people")[0][1].startswith("Jensen-Shannon")


@pytest.mark.parametrize(
    "axis", ["js_distance", "group_js_distance", "unique_patterns", "gap", "coherence", "share_differing", "sign_f1"]
)
def test_any_axis_may_be_missing(tmp_path, axis):
    made = render_study(study(tmp_path, without=(axis,), **SMALL))
    assert "not applicable, nothing of this kind here." in section(made.markdown, "Every axis, by pilot size")


def test_nothing_at_all_may_apply(tmp_path):
    everything = ("js_distance", "wasserstein", "group_js_distance", "unique_patterns", "structure_ratio", "gap", "coherence",
                  "share_differing", "sign_f1", "sign_fpr", "joint_log_loss", "log_loss")  # fmt: skip
    empty = study(tmp_path, without=everything, **SMALL)
    assert "Simulated rows are not respondents" in render_study(empty).markdown


def test_values_that_could_not_be_estimated_are_named(tmp_path):
    made = study(tmp_path, **SMALL)
    rows = (made.estimates["metric"] == "sign_f1") & (made.estimates["method"] != "")
    made.estimates.loc[rows, ["value", "low", "high"]] = math.nan
    made.estimates.loc[rows, "status"] = "not_estimable"
    made.estimates.loc[rows, "reason"] = "undefined in these halves"
    said = render_study(made).markdown
    assert "F1 of significant signs: no value, undefined in these halves." in said
    assert "Sign F1: does not apply to this task or could not be estimated." in said


@pytest.mark.parametrize("methods", [["base"], ["base", "calibrate=temperature"]])
def test_a_study_without_fine_tuning_says_so(tmp_path, methods):
    made = render_study(study(tmp_path, methods=methods, **SMALL))
    assert f"{methods[-1]} (nothing was fine-tuned) scores" in made.markdown
    assert "calibration by item was not run" in made.markdown
    assert "Not in this study: calibrate=item." in made.markdown


def test_few_baselines_will_do(tmp_path):
    made = render_study(study(tmp_path, baselines=["uniform"], **SMALL))
    assert "No break-even pilot" in made.markdown
    assert "the demographic cell was not run" in made.markdown


def test_a_folder_without_its_record_counts_as_synthetic(tmp_path):
    made = study(tmp_path, **SMALL)
    (tmp_path / "study.json").unlink()
    assert "it ranks nobody" in Page(render_study(made).html).words


def test_the_record_of_a_study_says_who_people_are(tmp_path):
    made = study(tmp_path, **SMALL)
    assert not views(made, json.loads((tmp_path / "study.json").read_text()))[0].synthetic
    assert views(made, {})[0].synthetic


def test_methods_keep_their_marks(tmp_path):
    found = methods_of(spec_of(tmp_path, bases=["hf:a/one", "hf:b/two"]))
    marks = [one.mark for one in found if one.mark is not None]
    assert marks == list(range(10))
    assert all(one.mark is None and one.base == "" for one in found[10:])
