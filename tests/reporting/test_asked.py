"""What is said of how answers were obtained: of models that were asked, and of those that nobody asked."""

from __future__ import annotations

from typing import Any

from fabricated import run

from surveyeval.reporting.card import render
from surveyeval.reporting.view import RunView

FILE = "read from a file; how they were obtained is for its author to say"
ASKED = "as probabilities of the options"


def unasked(name: str, string: str) -> RunView:
    base = run(name, string)
    return RunView({**base.manifest, "elicitation": None}, base.estimates, base.tables)


def words(*runs: RunView) -> str:
    return render(runs).markdown.replace("\\", "")


def test_nobody_knows_how_answers_of_a_file_were_obtained() -> None:
    said = words(unasked("rows", "file:rows.csv"))
    assert f"- Answers: {FILE}\n" in said
    assert f"Answers were {FILE}." in said
    assert "options as letters" not in said
    assert ASKED not in said
    assert "knowing each one’s profile" not in said
    assert "what was known of them is for its author to say" in said
    assert f"Simulated answers were {FILE}." in said  # the checklist


def test_baselines_and_scripts_are_not_asked() -> None:
    said = words(unasked("cell", "baseline:cell"))
    assert "- Answers: computed from the pilot, without asking a question\n" in said
    assert "options as letters" not in said
    assert "Answers were made by a script, without asking a question." in words(unasked("human", "scripted:human"))
    assert "Answers were given by a model that is not asked question by question." in words(unasked("x", "talker:x"))


def test_on_a_card_of_several_each_is_told_by_name() -> None:
    said = words(run("smollm2"), unasked("rows", "file:rows.csv"), unasked("cell", "baseline:cell"))
    assert (
        f"- Answers: {ASKED}: smollm2; letters, fixed order; {FILE}: rows; "
        "computed from the pilot, without asking a question: cell\n"
    ) in said
    assert f"Answers of smollm2 were obtained {ASKED}, items one after another" in said
    assert f"Answers of rows were {FILE}. Answers of cell were computed from the pilot" in said
    assert "knowing each one’s profile (of rows its author must say)" in said


def test_models_that_were_asked_are_told_as_before() -> None:
    said = words(run("smollm2"), run("other"))
    assert f"- Answers: {ASKED}; letters, fixed order\n" in said
    assert f"Answers were obtained {ASKED}, items one after another, each seeing the answers before" in said


def test_the_methods_paragraph_of_a_file() -> None:
    from surveyeval.reporting.disclosure import disclosure

    manifest: dict[str, Any] = dict(unasked("rows", "file:rows.csv").manifest)
    found = disclosure(manifest)
    assert f"with the model rows (file:rows.csv). Its answers were {FILE}." in found.methods
    said = {(one.checklist, one.number): one.answer for one in found.entries}
    assert FILE in said["AAPOR", "6"]
    assert "The file was read on 2026-01-05" in said["AAPOR", "7"]
    assert "The model was run" not in said["AAPOR", "7"]
    assert "Asked on" not in said["GUIDE-LLM", "B.1"]
    assert "Profile fields" not in said["GUIDE-LLM", "D.1"]
