"""Nothing that is printed steers a terminal, whoever wrote it: tables, JSON, errors, tracebacks, names of plugins."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from surveyeval.cli.main import cli
from surveyeval.cli.output import clean, harmless_json, say_json
from surveyeval.engine.run import Run
from tests.hostile.limits import apart

EVIL = "evil\x1b[2J\x1b]0;x\x07\x9b31m\r\u202e\u2066\u200f\u061c\ufeff\x00\x08\U000e0041"
STEERING = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)


@pytest.fixture
def evil(run: Run, tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "evil"
    shutil.copytree(run.folder, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    old = manifest["model"]["name"]
    manifest["model"] |= {"name": EVIL, "string": f"hf:{EVIL}", "banners": [EVIL]}
    manifest |= {"command": EVIL, "notes": [EVIL], "created": EVIL, "surveyeval": EVIL}
    manifest["task"] |= {"title": EVIL, "citation": EVIL, "licence": EVIL, "url": EVIL, "version": EVIL}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    metrics = json.loads((folder / "metrics.json").read_text())
    for row in metrics["estimates"]:
        row["model"] = EVIL if row["model"] == old else row["model"]
        row |= {name: EVIL for name in ("reason", "term", "rule", "item") if row[name]}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    other = shutil.copytree(folder, tmp_path / "other")
    manifest["id"], manifest["model"]["name"] = "0" * len(manifest["id"]), f"x{EVIL}"
    (other / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ["ls", "runs", "-o", "{runs}"],
        ["ls", "runs", "-o", "{runs}", "--json"],
        ["show", "{run}"],
        ["show", "{run}", "--json"],
        ["report", "{run}"],
        ["estimates", "{run}"],
        ["estimates", "{run}", "--format", "latex"],
        ["disclose", "{run}"],
        ["disclose", "{run}", "--json"],
        ["compare", "{run}", "{other}"],
        ["leaderboard", "{run}", "-o", "{runs}/site"],
        ["verify", "{run}"],
    ],
    ids=lambda words: " ".join(words),
)
def test_commands_about_a_run_of_somebody_else(words: list[str], evil: Path) -> None:
    done = CliRunner().invoke(
        cli,
        [one.format(run=evil, other=evil.parents[1] / "other", runs=evil.parent) for one in words],
        obj={"debug": False},
        catch_exceptions=True,
    )
    said = done.output
    assert said
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    assert not STEERING.search(said), STEERING.search(said)


def test_json_that_is_printed_says_the_same_without_steering() -> None:
    content = {EVIL: [EVIL, "ordinary ä 漢字"]}
    said = harmless_json(json.dumps(content, ensure_ascii=False))
    assert json.loads(said) == content
    assert not STEERING.search(said)
    assert "漢字" in said


def test_json_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    content = {EVIL: [EVIL, "ordinary ä 漢字"]}
    say_json(content)
    said = capsys.readouterr().out
    assert json.loads(said) == content
    assert not STEERING.search(said)
    with pytest.raises(ValueError, match="JSON compliant"):
        say_json([float("nan")], allow_nan=False)


def test_every_json_of_the_command_line_is_printed_so() -> None:
    for path in Path("surveyeval/cli").glob("*.py"):
        text = path.read_text()
        if "json.dumps(" in text and path.name != "schema.py":  # the schema is our own text
            assert "harmless_json(" in text, path
        if '"--json"' in text:
            assert "say_json(" in text or "harmless_json(" in text, path


def test_tracebacks_and_errors_are_clean(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(f"name: {json.dumps(EVIL)}\n{json.dumps(EVIL)}: 1\n")
    for words in (["--debug", "validate", "x.yaml"], ["validate", "x.yaml"], ["--debug", "show", EVIL.replace("\0", "")],
                  ["run", "--task", "anes96", "--model", f"hf:{EVIL}".replace("\0", "")]):  # fmt: skip
        done = apart(words, tmp_path)
        assert done.code not in (0, -9)
        assert not STEERING.search(done.said.replace("\n", "")), words


def test_summaries_of_plugins_are_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    from surveyeval import plugins
    from surveyeval.registration import Plugin, Registration

    registry = plugins.registry()
    bad = Plugin(EVIL, EVIL, EVIL, f"{EVIL}:hook")
    bad.registered.append(Registration("model", "evil", "x:y", EVIL, EVIL))
    bad.error, bad.traceback = EVIL, EVIL
    monkeypatch.setattr(registry, "plugins", [*registry.plugins, bad])
    for words in (["ls", "plugins"], ["ls", "models"], ["--debug", "ls", "plugins"], ["ls", "plugins", "--json"]):
        done = CliRunner().invoke(cli, words)
        assert not STEERING.search(done.output.replace("\n", "")), words


def test_progress_and_notes_are_clean(capsys: pytest.CaptureFixture[str]) -> None:
    from surveyeval.cli.progress import progress_for_terminal

    progress = progress_for_terminal()
    progress.phase(EVIL, 3)
    progress.note(EVIL)
    progress.advance()
    progress.finish()
    said = capsys.readouterr()
    assert not STEERING.search((said.out + said.err).replace("\n", "").replace("\r", ""))


def test_clean_leaves_ordinary_text_of_any_language() -> None:
    text = "naïve – 漢字 العربية עברית हिन्दी 👍🏽 a\tb\nc"
    assert clean(text) == text
    assert sys.getdefaultencoding() == "utf-8"
