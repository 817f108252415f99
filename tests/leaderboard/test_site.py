"""The site: what stands together, what is said, and pages that need nothing from elsewhere."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from surveyeval import api
from surveyeval.board.boards import boards, why_apart
from surveyeval.board.content import board_content
from surveyeval.board.entries import Entry
from surveyeval.board.records import as_json, as_markdown
from surveyeval.board.site import _page
from surveyeval.board.submission import Submission, make_submission
from surveyeval.cli.main import cli
from surveyeval.engine.run import Run
from surveyeval.errors import ConfigError, DataError
from tests.leaderboard.made import changed, identified, renamed, written

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.stack):
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def call(*words: str) -> Result:
    return CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"}).invoke(cli, list(words))


def board_page(site: Path) -> str:
    (page,) = site.glob("anes96-*.html")
    return page.read_text()


def test_every_page_is_well_formed_and_asks_nobody_for_anything(site: Path) -> None:
    for path in site.glob("*.html"):
        html = path.read_text()
        page = Page(html)
        for tag in ("link", "img", "iframe", "object", "embed", "base", "form", "video", "audio"):
            assert not page.all(tag), tag
        for _, attributes in page.elements:
            assert not any(name.startswith("on") for name in attributes)
            assert not {"src", "srcset", "style", "xlink:href"} & set(attributes)
        assert "url(" not in html
        assert "@import" not in html
        assert page.all("html")[0]["lang"] == "en"
        assert len(page.all("h1")) == 1
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        for words in ("prefers-color-scheme: dark", "max-width: 44rem", "@media print", "width=device-width"):
            assert words in html


def test_every_link_leads_to_something_of_the_site(site: Path) -> None:
    for path in site.glob("*.html"):
        page = Page(path.read_text())
        ids = {attributes.get("id") for _, attributes in page.elements}
        for attributes in page.all("a"):
            target = attributes["href"] or ""
            assert target[1:] in ids if target.startswith("#") else (site / target).is_file(), target
    assert len(list((site / "cards").glob("*.html"))) == 3


def test_the_policy_allows_the_script_and_the_style_by_hash_and_nothing_else(site: Path) -> None:
    html = board_page(site)
    policy = next(one["content"] for one in Page(html).all("meta") if one.get("http-equiv")) or ""
    assert policy.startswith("default-src 'none'")
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_without_script_there_is_a_plain_table_and_no_dead_control(site: Path) -> None:
    html = board_page(site)
    page = Page(html)
    assert not page.all("button")  # the script makes them
    assert re.search(r'<div class="tools" hidden>', html)
    tables = page.all("table")
    assert len(page.all("caption")) == len(tables)
    assert all(attributes.get("scope") in ("col", "row", "rowgroup") for attributes in page.all("th"))


def test_people_floors_and_models_are_rows_of_every_measure(site: Path) -> None:
    (board,) = json.loads((site / "leaderboard.json").read_text())["boards"]
    measures = [measure for axis, own in board["axes"].items() for measure in own if axis == "alignment"]
    assert {"Total variation", "Jensen-Shannon distance", "Wasserstein distance"} <= {
        one["measure"] for one in measures
    }
    for measure in measures:
        kinds = [row["kind"] for row in measure["rows"]]
        assert kinds == ["baseline"] * 3 + ["reference"] + ["floor"] * 5
        losses = [row["excess"]["value"] for row in measure["rows"][:3]]
        assert losses == sorted(losses)
        for row in measure["rows"][:3]:
            assert row["recovered"]["status"] in ("ok", "not_resolved")
            assert 1 <= row["best_place"] <= row["worst_place"] <= 3
    assert "composite" not in json.dumps(board)


def test_differences_are_those_of_compare_where_the_answers_are_at_hand(site: Path, runs: list[Run]) -> None:
    (board,) = json.loads((site / "leaderboard.json").read_text())["boards"]
    assert "are paired, on the same people" in board["differences"]
    table = api.compare(runs).table
    row = table[table["metric"] == "joint_log_loss"].iloc[-1]
    (measure,) = board["axes"]["individual"]
    shown = next(one for one in measure["rows"] if one["row"] == row["model"])
    named = {"better": "better_than", "worse": "worse_than", "not told apart": "not_told_apart"}[row["outcome"]]
    assert row["other"] in shown[named]


def test_csv_and_markdown_hold_the_same_rows(site: Path) -> None:
    found = json.loads((site / "leaderboard.json").read_text())
    count = sum(len(one["rows"]) for board in found["boards"] for axis in board["axes"].values() for one in axis)
    rows = list(csv.DictReader(io.StringIO((site / "leaderboard.csv").read_text())))
    assert len(rows) == count
    text = (site / "leaderboard.md").read_text()
    assert text.count("\n| ") - text.count("\n| row | kind") == count


def test_the_same_runs_give_the_same_bytes(submission: Submission, tmp_path: Path) -> None:
    file = written(submission, tmp_path / "a.zip")
    sites = []
    for name in ("x", "y"):
        api.leaderboard([file], output=tmp_path / name)
        sites.append({path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")})
    assert sites[0] == sites[1]


def entries(*submissions: Submission) -> list[Entry]:
    return [Entry(one) for one in submissions]


def other(submission: Submission, **changes: object) -> Submission:
    """The same run with one thing changed: ``task_version`` means manifest["task"]["version"]."""

    def change(parts: dict[str, object]) -> None:
        for name, value in changes.items():
            section, _, field = name.partition("_")
            parts["manifest"][section][field] = value
        identified(parts)

    return changed(submission, change)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"task_version": "2.0"}, "version of the task"),
        ({"task_hash": "1" * 64}, "task file"),
        ({"data_sha256": "2" * 64}, "data differs"),
        ({"split_test_ids": "3" * 64}, "test people"),
        ({"identity_pilot": "4" * 64}, "pilot people"),
        ({"task_profile_set": "all"}, "profile set"),
        ({"split_test": 60}, "number of test people"),
    ],
)
def test_runs_that_differ_in_more_than_the_model_stand_apart_and_it_says_why(
    submission: Submission, changes: dict[str, object], words: str
) -> None:
    found = boards(entries(submission, other(submission, **changes)))
    assert len(found) == 2
    ((task, reasons),) = why_apart(found)
    assert task == "anes96"
    assert words in "; ".join(reasons)


def test_ways_of_asking_stand_apart_and_baselines_on_each(submission: Submission) -> None:
    def asked(way: str, value: str) -> Submission:
        def change(parts: dict[str, object]) -> None:
            parts["manifest"]["elicitation"] = {"name": way, "text": way, "distribution": True}
            renamed(parts, f"by {way}", value=value)

        return changed(submission, change)

    found = boards(entries(submission, asked("choice", "a" * 64), asked("generate", "b" * 64)))
    assert [[entry.model for entry in board.entries] for board in found] in (
        [["baseline:chain", "by choice"], ["baseline:chain", "by generate"]],
        [["baseline:chain", "by generate"], ["baseline:chain", "by choice"]],
    )
    ((_, reasons),) = why_apart(found)
    ways = {"the way of asking differs: choice; generate", "the way of asking differs: generate; choice"}
    assert len(ways & set(reasons)) == 1


def synthetic(parts: dict[str, object]) -> None:
    parts["manifest"]["task"] |= {"provenance": "synthetic", "comparable": False, "name": "made_up", "hash": "9" * 64}
    for row in parts["metrics"]["estimates"]:
        row["task"] = "made_up"
    identified(parts)


def test_synthetic_tasks_are_listed_apart_and_never_ranked(submission: Submission, tmp_path: Path) -> None:
    one = written(changed(submission, synthetic), tmp_path / "a.zip")
    two = written(changed(submission, lambda parts: (synthetic(parts), renamed(parts, "second"))), tmp_path / "b.zip")
    site = api.leaderboard([one, two], output=tmp_path / "site")
    assert (site.boards, site.unranked) == (0, 1)
    (board,) = json.loads((tmp_path / "site" / "leaderboard.json").read_text())["boards"]
    assert "ranks nobody" in board["unranked"]
    assert board["beaten_on_every_axis"] == {}
    assert all(row["best_place"] is None for axis in board["axes"].values() for one in axis for row in one["rows"])
    (path,) = (tmp_path / "site").glob("made_up-*.html")
    page = Page(path.read_text())
    assert "Its reference rows are synthetic" in page.words
    assert "Place" not in page.words
    assert "Several axes at once" not in page.words
    assert "Not ranked" in Page(site.index.read_text()).words


def test_a_task_that_ranks_nobody_here_ranks_nobody_whatever_a_submission_says(submission: Submission) -> None:
    from surveyeval.task.load import load_task

    known = load_task("disclosure")

    def change(parts: dict[str, object]) -> None:
        parts["manifest"]["task"] |= {
            "name": "disclosure",
            "hash": known.content_hash,
            "profile_set": known.profile_set,
        }
        identified(parts)

    (board,) = boards(entries(changed(submission, change)))
    assert board.unranked


def test_demonstration_models_and_scripts_are_labelled_and_scripts_have_no_place(
    submission: Submission, runs: list[Run], tmp_path: Path
) -> None:
    small = changed(submission, lambda parts: renamed(parts, "smollm2", "embedded:smollm2", "a" * 64))
    script = changed(submission, lambda parts: renamed(parts, "copy", "scripted:human", "b" * 64))
    files = [
        written(one, tmp_path / f"{name}.zip")
        for name, one in (("a", small), ("b", script), ("c", make_submission(runs[0])))
    ]
    api.leaderboard(files, output=tmp_path / "site")
    (board,) = json.loads((tmp_path / "site" / "leaderboard.json").read_text())["boards"]
    kinds = {one["name"]: (one["kind"], one["ranked"]) for one in board["models"]}
    assert kinds == {
        "smollm2": ("demonstration model", True),
        "copy": ("scripted check", False),
        "baseline:cell": ("baseline", True),
    }
    places = {row["row"]: row["best_place"] for row in board["axes"]["individual"][0]["rows"]}
    assert places["copy"] is None
    assert places["smollm2"] is not None
    assert "follow from their intervals" in board["differences"]
    words = Page(board_page(tmp_path / "site")).words
    assert "says nothing about models that people use" in words
    assert "some runs are submissions, without answers" in words


def test_a_model_nearer_to_people_than_people_are_is_named(submission: Submission, tmp_path: Path) -> None:
    def too_near(parts: dict[str, object]) -> None:
        renamed(parts, "suspect", "file:rows.csv", "a" * 64)
        for row in parts["metrics"]["estimates"]:
            distance = row["metric"] in ("total_variation", "js_distance", "wasserstein")
            if row["quantity"] == "indistinguishable" and distance and row["headline"]:
                row["flags"] = "too_close"

    near = Entry(changed(submission, too_near))
    assert near.nearer == "nearer to these people than people are to each other: copied or leaked answers?"
    assert near.nearer in near.remarks
    assert Entry(submission).nearer == ""
    board, *_ = boards([Entry(submission), near])
    content = board_content(board, [])
    markdown = as_markdown([content], [], [])
    assert f"**suspect is {near.nearer}**" in markdown
    assert markdown.count("copied or leaked") == 1
    models = json.loads(as_json([content], [], []))["boards"][0]["models"]
    assert {one["name"]: one["nearer_than_people"] for one in models} == {"baseline:chain": False, "suspect": True}
    words = Page(_page("board", content=content)).words
    assert f"suspect is {near.nearer} Do not go by its places" in words
    assert words.count("copied or leaked answers?") == 2  # at the head, and among the remarks


def test_other_yardsticks_under_the_same_hashes_are_left_out(submission: Submission, tmp_path: Path) -> None:
    def change(parts: dict[str, object]) -> None:
        renamed(parts, "other")
        for row in parts["metrics"]["estimates"]:
            if row["quantity"] == "reference" and row["metric"] == "coverage" and row["value"] is not None:
                row["value"], row["low"], row["high"] = 0.5, 0.4, 0.6

    files = [written(submission, tmp_path / "a.zip"), written(changed(submission, change), tmp_path / "b.zip")]
    site = api.leaderboard(files, output=tmp_path / "site")
    (note,) = site.notes
    assert note.startswith("b.zip is left out: what people and floors reach, computed again from the task's people")


def test_a_check_is_printed_as_json_and_leaves_with_the_same_code(submission: Submission, tmp_path: Path) -> None:
    good, bad = written(submission, tmp_path / "a.zip"), tmp_path / "b.zip"
    bad.write_bytes(Submission(submission.parts, {**submission.stated, "tables": "0" * 64}).to_bytes())
    done = call("leaderboard", "--check", "--json", str(good), str(bad))
    assert done.exit_code == DataError.exit_code
    first, second = json.loads(done.stdout)
    assert (first["file"], first["ok"], first["problems"]) == (str(good), True, [])
    assert second["problems"] == ["hashes of the parts: tables is not what its hash was made from"]
    assert first["open"]
    assert isinstance(call("leaderboard", "--json", str(good)).exception, ConfigError)


def test_a_run_and_its_submission_stand_once(runs: list[Run], submission: Submission, tmp_path: Path) -> None:
    site = api.leaderboard([runs[2], written(submission, tmp_path / "a.zip")], output=tmp_path / "site")
    assert any("stands once" in note for note in site.notes)


def test_the_commands_in_a_terminal(runs: list[Run], tmp_path: Path) -> None:
    file = tmp_path / "chain.zip"
    done = call("export", str(runs[2].folder), "--output", str(file))
    assert done.exit_code == 0, done.output
    assert file.is_file()
    done = call("leaderboard", "--check", str(file))
    assert done.exit_code == 0, done.output
    assert "Nothing was found that does not hold." in done.stdout
    assert "Cannot be checked from a submission" in done.stdout
    done = call("leaderboard", str(file), "--output", str(tmp_path / "site"))
    assert done.exit_code == 0, done.output
    assert "1 board with a ranking, 0 without." in done.stdout
    assert (tmp_path / "site" / "index.html").is_file()
    assert max(map(len, done.stdout.splitlines()[:-1])) <= 80


def test_a_check_that_fails_leaves_with_its_exit_code(submission: Submission, tmp_path: Path) -> None:
    bad = written(changed(submission, lambda parts: None, hashed=True), tmp_path / "a.zip")
    bad.write_bytes(Submission(submission.parts, {**submission.stated, "tables": "0" * 64}).to_bytes())
    done = call("leaderboard", "--check", str(bad))
    assert isinstance(done.exception, DataError)
    assert "tables is not what its hash was made from" in str(done.exception)


def test_folders_hold_runs_and_an_empty_board_is_an_error(runs: list[Run], tmp_path: Path) -> None:
    assert isinstance(call("leaderboard", "--check", str(runs[0].folder)).exception, ConfigError)
    site = api.leaderboard([runs[0].folder.parent], output=tmp_path / "site")
    assert site.boards == 1
