"""What a run discloses of itself: nothing is claimed that it does not know."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from surveyeval import api
from surveyeval.engine.run import Run
from surveyeval.engine.tried import tried_now
from surveyeval.errors import ConfigError
from surveyeval.reporting.card import Card, render
from surveyeval.reporting.disclosure import disclosure, markdown
from surveyeval.reporting.disclosure_facts import Facts, contamination
from surveyeval.reporting.view import RunView


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs")
    return api.run(task="anes96", model="baseline:cell", limit=60, splits=2, output=folder, cache=False)[0]


@pytest.fixture
def manifest(run: Run) -> dict[str, Any]:
    """The manifest as a language model would have written it."""
    found = deepcopy(run.manifest)
    found["model"] |= {"name": "tiny", "string": "hf:org/tiny?examples=2"}
    found["model"]["fingerprint"] = {"kind": "content", "value": "a" * 64, "details": {"dtype": "float32"}}
    found["elicitation"] = {"text": "choice", "name": "choice", "distribution": True}
    found["prompt_example"] = [{"role": "user", "content": "| a | table\n# and a heading"}]
    return found


def test_both_checklists_are_whole(manifest: dict[str, Any]) -> None:
    entries = disclosure(manifest).entries
    assert [one.number for one in entries if one.checklist == "AAPOR"] == [str(number) for number in range(1, 12)]
    guide = [one.number for one in entries if one.checklist == "GUIDE-LLM"]
    assert guide == ["A.1", "A.2", "B.1", "B.2", "B.3", "B.4", "B.5", "C.1", "C.2", "D.1", "E.1", "E.2", "F.1", "G.1"]
    assert all(one.answer or one.left for one in entries)
    known = {(one.checklist, one.number): one for one in entries}
    assert known["AAPOR", "2"].answer == ""  # no run knows the sponsor
    assert known["AAPOR", "2"].left
    assert "Pilot interviews stood in the prompt" in known["GUIDE-LLM", "B.4"].answer
    assert "surveyeval sent nothing to another machine" in known["GUIDE-LLM", "D.1"].answer
    manifest["leaves"] = {"to": "api.example.org", "profile": ["age"], "answers": ["vote"]}
    said = {one.number: one.answer for one in disclosure(manifest).entries if one.checklist == "GUIDE-LLM"}
    assert "Sent to api.example.org: age, answers to vote" in said["D.1"]


def test_what_the_task_does_not_say_is_to_write(manifest: dict[str, Any]) -> None:
    for name in ("population", "mode", "selection", "field_dates", "published", "url"):
        manifest["task"][name] = None
    known = {one.number: one for one in disclosure(manifest).entries if one.checklist == "AAPOR"}
    assert known["4"].answer == ""
    assert "None" not in markdown(disclosure(manifest)).replace("| None. |", "")
    assert "not stated when the data became public" in disclosure(manifest).contamination


def test_the_methods_paragraph_names_sizes_model_and_tries(manifest: dict[str, Any]) -> None:
    manifest["tried"] = 7
    text = disclosure(manifest).methods
    for expected in (
        "tiny (hf:org/tiny?examples=2)",
        "Of 944 people",
        "60 tested the model, a part of all",
        "7 configurations were tried",
    ):
        assert expected in text
    manifest["options"]["hidden"] = ["age", "income"]
    assert "age" not in disclosure(manifest).methods.split("was told")[1].split("and was asked")[0]


@pytest.mark.parametrize(
    ("published", "cutoff", "expected"),
    [
        ("1997", "2023-10", "memorisation is not excluded"),
        ("2024-05-01", "2023-10", "cannot have been read"),
        ("2023", "2023-10", "memorisation is not excluded"),  # the same year: nobody can tell
        ("2023-11", "2023-10", "cannot have been read"),
        ("spring", "2023-10", "not excluded"),
        (None, "2023-10", "not excluded"),
        ("2024", None, "not known"),
    ],
)
def test_contamination(published: str | None, cutoff: str | None, expected: str, manifest: dict[str, Any]) -> None:
    manifest["task"]["published"] = published
    manifest["model"]["fingerprint"]["details"]["cutoff"] = cutoff
    assert expected in contamination(Facts(manifest)).replace("Memorisation", "memorisation")


def test_a_baseline_is_no_language_model(run: Run) -> None:
    said = {one.number: one.answer for one in disclosure(run.manifest).entries if one.checklist == "GUIDE-LLM"}
    assert said["A.1"] == said["A.2"] == said["C.1"] == "No language model was used."
    assert disclosure(run.manifest).contamination == ""


def test_nothing_is_said_of_a_plugins_model_that_nobody_knows(manifest: dict[str, Any]) -> None:
    def said() -> dict[str, tuple[str, str]]:
        entries = disclosure(manifest).entries
        return {one.number: (one.answer, one.left) for one in entries if one.checklist == "GUIDE-LLM"}

    manifest["model"]["string"] = "talker:some"  # a plugin's language model: where it runs is to write
    assert said()["B.2"] == said()["B.4"] == ("", "what is asked for")
    assert said()["A.1"][0].startswith("Simulating answers")
    manifest["elicitation"] = None  # one that answers whole tables, whatever it asks
    known = said()
    for number in ("A.1", "A.2", "B.2", "B.5", "C.1", "C.2"):
        assert "whether one made these answers is not known" in known[number][0]
    assert known["B.4"] == ("", "what is asked for")
    assert "the model tiny" in disclosure(manifest).methods
    assert "memorisation is not excluded" in disclosure(manifest).contamination
    del manifest["elicitation"]  # as older runs have it
    manifest["model"]["string"] = "hf:org/tiny"
    assert "Weights run locally" in said()["B.2"][0]


@pytest.mark.parametrize(
    ("weighted", "string", "processing"),
    [
        (False, "hf:org/tiny", "No answer was replaced or weighted"),
        (True, "hf:org/tiny?calibrate=none", "No answer was replaced; states"),
        (
            False,
            "hf:org/tiny?calibrate=bias",
            "Probabilities were calibrated on the pilot before answers were drawn. No",
        ),
    ],
)
def test_what_was_done_with_answers(weighted: bool, string: str, processing: str, manifest: dict[str, Any]) -> None:
    manifest["task"]["weighted"], manifest["model"]["string"] = weighted, string
    found = {(one.checklist, one.number): one.answer for one in disclosure(manifest).entries}
    assert processing in found["AAPOR", "10"]
    assert found["GUIDE-LLM", "E.2"] == found["AAPOR", "10"]
    assert ("before answers were drawn" in found["AAPOR", "10"]) == ("bias" in string)
    assert found["GUIDE-LLM", "B.4"] == ("Probabilities were calibrated on the pilot." if "bias" in string else "None.")


def test_individuals_were_compared_with_baselines(run: Run) -> None:
    text = disclosure(run.manifest).methods
    assert "measures of the sample were compared with what a second sample of people of the same size reaches" in text
    assert "measures of individuals with baselines." in text
    assert "each measure" not in text


def test_nothing_from_a_task_becomes_markdown(manifest: dict[str, Any]) -> None:
    manifest["task"]["selection"] = "a | b\n# c <script>"
    text = markdown(disclosure(manifest))
    assert "<script>" not in text
    assert "a \\| b \\# c &lt;script&gt;" in text
    assert "\n# and" not in text  # the prompt is a code block


def test_the_command_and_the_section(run: Run, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from surveyeval.cli.main import cli

    done = CliRunner().invoke(cli, ["disclose", str(run.folder), "--json"])
    assert {"entries", "methods", "tried", "contamination"} == set(json.loads(done.output))
    done = CliRunner().invoke(cli, ["disclose", str(run.folder), "-o", str(tmp_path / "d.md")])
    assert (tmp_path / "d.md").read_text() == markdown(disclosure(run.manifest, tried_now(run.manifest)))


def test_what_was_tried_is_counted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models in one command, then one more: every run knows of all three, and of how many came before it."""
    from click.testing import CliRunner

    from surveyeval.cli.main import cli

    monkeypatch.setenv("SURVEYEVAL_CACHE", str(tmp_path / "cache"))
    shared = {"task": "anes96", "limit": 40, "splits": 2, "output": tmp_path / "runs", "cache": False}
    together = api.run(model=["baseline:cell", "baseline:uniform"], **shared)
    assert [one.manifest["tried"] for one in together] == [2, 2]  # both were logged before the first of them answered
    stored = (together[0].folder / "manifest.json").read_bytes()
    (later,) = api.run(model="baseline:mode", **shared)
    assert later.manifest["tried"] == 3
    today = datetime.now(UTC).date().isoformat()
    said = "3 configurations were tried on this task on this machine until"
    for one, before in zip([*together, later], ("none", "1", "2"), strict=True):
        done = CliRunner().invoke(cli, ["disclose", str(one.folder), "--json"])
        found = json.loads(done.output)
        expected = f"{said} {today}, {before} of them before this run; what was tried elsewhere is not counted."
        assert found["tried"] == expected
        assert expected in found["methods"]
        api.report([one.folder])
        card = " ".join(one.card.with_suffix(".md").read_text().split())
        assert expected in card
        assert "this prompt, adapter and pilot; 3 configurations were tried on this task on this machine." in card
    both = " ".join(api.report([one.folder for one in together]).with_suffix(".md").read_text().split())
    assert f"{said} {today}; what was tried elsewhere is not counted." in both  # one sentence of both
    assert (together[0].folder / "manifest.json").read_bytes() == stored  # keeps what it knew


def test_a_run_that_the_log_does_not_know_says_what_it_knew(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SURVEYEVAL_CACHE", str(tmp_path))
    n = run.manifest["tried"]
    assert tried_now(run.manifest) is None  # there is no log
    log = tmp_path / "tried.jsonl"
    other = json.dumps({"task": "anes96", "identity": "f" * 64})
    log.write_text(f"{other}\n")
    assert tried_now(run.manifest) is None  # made elsewhere
    said = disclosure(run.manifest, tried_now(run.manifest)).tried
    assert said.startswith(f"{n} configuration")
    assert "on the machine of this run, all models of its command included" in said
    own = json.dumps({"task": "anes96", "identity": run.id})
    unlike = json.dumps({"task": "framing", "identity": "a" * 64})
    log.write_text(f"{other}\n{{damaged\n[1]\n{unlike}\n{own}\n{other}\n{own}\n")
    found = tried_now(run.manifest)
    assert found is not None
    assert (found.n, found.before) == (2, 1)  # other tasks, what is damaged and what is there twice do not count


def card_of(*manifests: dict[str, Any], run: Run) -> Card:
    return render([RunView(one, run.estimates, run.tables) for one in manifests])


def test_the_card_ends_with_what_to_disclose(run: Run, manifest: dict[str, Any]) -> None:
    manifest["tried"] = 7
    card = card_of(manifest, run=run)
    last = card.html[card.html.rindex("<section ") :]
    assert 'id="disclosure"' in last
    assert last.count("<details>") == 3  # two checklists and the paragraph: folded until asked for
    assert "11 items, 5 with something to write" in last
    assert "14 items, 4 with something to write" in last
    assert disclosure(manifest).methods in unescape(last)
    assert "7 configurations were tried" in last
    assert "cut-off is not known" in last
    text = card.markdown[card.markdown.rindex("\n## ") :]
    assert text.startswith("\n## To disclose")
    for expected in ("AAPOR", "GUIDE-LLM", "sponsor, and who collected and who simulated the data"):
        assert expected in text


def test_models_of_a_card_share_what_they_share(run: Run, manifest: dict[str, Any]) -> None:
    second = deepcopy(manifest)
    second["model"] |= {"name": "other", "string": "hf:org/other?cutoff=1990-01"}
    second["tried"] = manifest["tried"] + 1
    text = card_of(manifest, second, run=run).markdown
    text = text[text.rindex("\n## ") :]
    assert text.count("| 2 Who sponsored") == 1  # the same for both
    assert "Pilot interviews stood in the prompt. (tiny)" in text
    assert "None. (other)" in text
    assert "other: The data were public since 1997, after the model’s" in text.replace("'", "’")
    assert str(second["tried"]) in text


def test_a_declared_cutoff_is_no_part_of_what_a_model_is() -> None:
    from surveyeval.model.build import build_model

    assert "cutoff=2024-06" in build_model("openai:m?cutoff=2024-06&base_url=http://127.0.0.1:1/v1").string
    prints = [
        build_model(f"openai:m?base_url=http://127.0.0.1:1/v1{more}").model.fingerprint()
        for more in ("", "&cutoff=2024-06")
    ]
    assert prints[0].value == prints[1].value
    with pytest.raises(ConfigError, match="cutoff"):
        build_model("openai:m?cutoff=spring")
