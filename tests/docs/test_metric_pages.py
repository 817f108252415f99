"""Pages of metrics: every metric documents itself in full, and what lies in docs/reference/metrics is what docstrings say."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from surveyeval.metric.documentation import SECTIONS, documentation, parse
from surveyeval.metric.protocol import MetricSpec
from surveyeval.plugins import BUILTIN, registry
from surveyeval.reporting import quantities
from surveyeval.reporting.metric_page import metric_page, plain

ROOT = Path(__file__).parents[2]
NAMES = [one.name for one in registry().all("metric") if one.owner == BUILTIN]


@pytest.fixture(scope="module")
def scripts():
    """The scripts that write the pages, which are no package; the path is put back."""
    before = list(sys.path)
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        yield importlib.import_module("metric_pages")
    finally:
        sys.path[:] = before


# ---- docstrings taken apart ---------------------------------------------------------------------------------------


DOCSTRING = """Share of hits.

    ``hits / n`` over
    two lines.

    A second paragraph.

    Range
    -----
    0 to 1.

    When it misleads
    ----------------
    Always,

    and twice.

    - a list
      goes on

    Notes
    -----
    >>> 1 + 1
    2
    """


def test_a_docstring_is_taken_apart():
    found = parse(DOCSTRING)
    assert found.summary == "Share of hits."
    assert found.definition == ("``hits / n`` over two lines.", "A second paragraph.")
    assert list(found.sections) == ["Range", "When it misleads", "Notes"]
    assert found.sections["Range"] == ("0 to 1.",)
    assert found.sections["When it misleads"] == ("Always,", "and twice.", "- a list\n  goes on")
    assert found.sections["Notes"] == (">>> 1 + 1\n2",)


def test_what_is_missing_is_named():
    assert parse("").missing == ("summary", "definition", *SECTIONS)
    wanting = {"Direction and target", "Assumptions", "Interval and estimand", "References"}
    assert set(parse(DOCSTRING).missing) == wanting
    assert "Range" in parse("Summary.\n\nRange\n-----\n\nNotes\n-----\nSomething.").missing


@pytest.mark.parametrize("text", ["One line.", "One line.\n", "\n    Indented.\n    ", "A table\n--\nof two dashes."])
def test_docstrings_without_sections_have_none(text):
    assert parse(text).sections == {}


def test_a_heading_that_stands_twice_has_both_texts():
    assert parse("S.\n\nRange\n-----\n0.\n\nRange\n-----\n1.").sections == {"Range": ("0.", "1.")}


def test_an_inherited_docstring_is_not_a_metrics_own():
    class Own:
        """Something."""

    class Other(Own):
        pass

    assert documentation(Own()).summary == documentation(Own).summary == "Something."
    assert documentation(Other).summary == ""


def test_marks_of_code_are_left_out_in_a_terminal():
    assert plain("``a * b`` and `Other`, but a ` alone") == "a * b and Other, but a ` alone"


# ---- every metric -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_documents_itself(name):
    found = documentation(registry().get("metric", name).load())
    assert found.missing == ()
    assert any("``" in text for text in found.definition), "the definition holds no formula"


def test_metrics_of_the_plugin_in_this_repository_do_so_as_well(scripts):
    figures = importlib.import_module("metric_figures")
    others = {name: target for name, target in figures.registered().items() if name not in NAMES}
    assert others
    for target in others.values():
        one = figures.load(target)
        assert documentation(one).missing == ()
        assert one.spec.label
        assert one.spec.help


def test_nothing_here_is_stale(scripts):
    """If this fails, run docs/metric_pages.py (and before it docs/metric_figures.py, where values are named)."""
    assert scripts.differences() == []


def test_what_is_stale_is_named(scripts, tmp_path, monkeypatch):
    for name, text in scripts.pages().items():
        (tmp_path / name).write_text(text + ("!" if name == "gap.md" else ""), encoding="utf-8")
    (tmp_path / "gone.md").write_text("")
    monkeypatch.setattr(scripts, "FOLDER", tmp_path)
    monkeypatch.setattr(scripts, "read", dict)
    said = "\n".join(scripts.differences())
    assert "docs/reference/metrics/gap.md is stale" in said
    assert "docs/reference/metrics/gone.md belongs to no metric" in said
    assert "values of sd_ratio in docs/reference/metrics/values.json are stale" in said


def test_links_lead_somewhere(scripts):
    import re

    made = scripts.pages()
    for name, text in made.items():
        if name.endswith(".md"):
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
                there = (
                    target in made
                    if "/" not in target
                    else (ROOT / "docs" / "reference" / "metrics" / target).resolve().exists()
                )
                assert there, f"{name} links to {target}"


# ---- the command --------------------------------------------------------------------------------------------------


def test_show_prints_the_page_in_80_columns():
    command = [sys.executable, "-m", "surveyeval", "show", "coherence"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=_environment(), cwd=ROOT)
    words = " ".join(done.stdout.split())
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "``" not in done.stdout
    page = metric_page(registry().get("metric", "coherence").load())
    for heading, paragraphs in page.documentation.sections.items():
        assert heading in done.stdout.splitlines()
        for paragraph in paragraphs:
            assert " ".join(plain(paragraph).split()) in words
    assert "pilot shares within arm (used in recovered)" in words


def _environment():
    import os

    return {**os.environ, "COLUMNS": "80"}


# ---- labels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({"label": "My share", "help": "how to read it"}, ("My share", "how to read it")),
        ({}, ("Some share", "one line")),
    ],
)
def test_a_metric_of_a_plugin_names_itself_on_cards(monkeypatch, own, expected):
    class Metric:
        spec = MetricSpec("some_share", "alignment", "one line", "lower", "uniform", unit="share", **own)

    class Entry:
        @staticmethod
        def load():
            return Metric

    class Registry:
        @staticmethod
        def get(kind, name):
            return Entry

    monkeypatch.setattr("surveyeval.plugins.registry", Registry)
    quantities._spec.cache_clear()
    try:
        found = quantities.quantity("some_share", "some_share")
        other = quantities.quantity("some_share", "some_share_low")
    finally:
        quantities._spec.cache_clear()
    assert (found.label, found.help, found.unit) == (*expected, "share")
    assert (other.label, other.help) == ("Some share low", "")


# ---- figures ------------------------------------------------------------------------------------------------------


def test_a_figure_holds_every_value(scripts):
    drawing = importlib.import_module("metric_drawing")
    values = {kind: [0.1, 0.2, None, 0.4, "infinite"] for kind in drawing.TITLES}
    drawn = drawing.draw("A & B", {"values": values, "reference": 0.1, "floor": 0.3}, "uniform answers")
    assert drawn.count("<circle") == 1 + 5 * 3  # one in the legend
    assert "A &amp; B" in drawn
    assert "infinite" in drawn
    assert "undefined" in drawn
    assert "floor: uniform answers" in drawn
    nobody = drawing.draw("A", {"values": values, "reference": None, "floor": 0.3}, "uniform answers")
    assert "people of the other half" not in nobody
