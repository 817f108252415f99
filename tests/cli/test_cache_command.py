"""`surveyeval cache`, and the options of `surveyeval run` for asking, from the command line."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from surveyeval.engine.cache import NO_CACHE, About, ResponseCache
from tests.installed import install, path_of
from tests.tuning import survey

CHATTER = """
    from pathlib import Path

    import numpy as np

    from surveyeval import hookimpl
    from surveyeval.errors import ConfigError
    from surveyeval.model.protocol import Capabilities, Fingerprint, OptionScores, Text


    @hookimpl
    def surveyeval_register(register):
        register.model("chatter", "chatter_plugin:Chatter", summary="says A, and now and then nothing",
                       capabilities={"elicitations": ("choice", "generate"), "log_prob": True})


    class Chatter:
        capabilities = Capabilities(("choice", "generate"), log_prob=True)
        block_size = 8

        def __init__(self, reference, options):
            self.reference, self.allowed = reference, False

        def fingerprint(self):
            return Fingerprint("declared", self.reference)

        def banners(self):
            return ()

        def allow_profiles(self):
            self.allowed = True

        def destination(self):
            return "far.example.org" if self.reference == "far" else None

        def check(self, task, everybody, hidden=frozenset()):
            if self.destination() and not self.allowed:
                raise ConfigError("profiles would leave this machine", hint="say --send-profiles")

        def load(self):
            with Path("loaded.txt").open("a") as stream:
                stream.write(f"{self.reference} ")

        def score(self, requests):
            return [OptionScores(np.log(np.full(len(r.options), 0.9 / len(r.options)))) for r in requests]

        def score_paths(self, paths):
            return [self.score(path) for path in paths]

        def generate(self, requests):
            return [Text("A" if request.seed % 10 else "Hm.") for request in requests]

        def release(self, interviews):
            pass

        def render(self, messages):
            return str(messages)
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    install(tmp_path / "site", "chatter", {"chatter_plugin.py": CHATTER}, "chatter_plugin")
    survey.write(tmp_path / "survey")
    return tmp_path


def surveyeval(*words: str, site: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "80", "PYTHONPATH": path_of(site / "site")}
    environment["SURVEYEVAL_CACHE"] = str(site / "cache")
    environment.pop(NO_CACHE, None)
    done = subprocess.run(
        [sys.executable, "-m", "surveyeval", *words],
        cwd=site,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert all(len(line) <= 80 for line in done.stdout.splitlines() if "/" not in line and "surveyeval run" not in line)
    return done


def words_of(text: str) -> str:
    return " ".join(text.split())


def test_a_second_run_reads_the_cache_and_clearing_tells_what_was_removed(site: Path) -> None:
    words = ["run", "--task", "survey", "--model", "chatter:near", "--limit", "20", "--splits", "2"]
    assert "No answers are kept yet." in surveyeval("cache", "info", site=site).stdout
    first = surveyeval(*words, "-o", "first", "--elicitation", "generate", site=site)
    said = words_of(first.stdout)
    assert "Answers were obtained as free text, from which the option is read." in said
    assert "invalid (no option can be read). Its figures rest on the other answers alone" in said
    second = surveyeval(*words, "-o", "second", "--elicitation", "generate", site=site)
    assert "20 of 20 interviews were answered before and are read from the response cache" in words_of(second.stderr)
    assert (site / "loaded.txt").read_text() == "near "
    folders = [next((site / name).glob("*-chatter-near-*")) for name in ("first", "second")]
    for name in ("responses.parquet", "metrics.json", "tables.json", "prompts.jsonl"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    shown = words_of(surveyeval("show", str(folders[1].relative_to(site)), site=site).stdout)
    assert "From the response cache: 20 of 20 interviews, asked" in shown
    assert "the server may have changed since" in shown

    told = words_of(surveyeval("cache", "info", site=site).stdout)
    assert "3 blocks of 20 interviews, asked on 20" in told
    assert "tiny-survey chatter:near asked by generate 3 blocks, 20 interviews," in told
    printed = json.loads(surveyeval("cache", "info", "--json", site=site).stdout)
    assert printed["path"] == str(site / "cache" / "responses.sqlite")
    assert printed["size"] == (site / "cache" / "responses.sqlite").stat().st_size
    assert (printed["blocks"], printed["interviews"], printed["problem"]) == (3, 20, None)
    (group,) = printed["groups"]
    assert group["model"] == "chatter:near"
    assert (group["elicitation"], group["blocks"], group["interviews"]) == ("generate", 3, 20)
    assert group["first"] <= group["last"]
    assert group["first"].endswith("+00:00")
    assert "No such answers are kept." in surveyeval("cache", "clear", "--task", "anes96", site=site).stdout
    assert "No such answers are kept." in surveyeval("cache", "clear", "--older-than", "0.5", site=site).stdout
    cleared = words_of(surveyeval("cache", "clear", "--model", "chatter:near", site=site).stdout)
    assert cleared.startswith("Removed 3 blocks of 20 interviews, ")
    assert "No answers are kept yet." in surveyeval("cache", "info", site=site).stdout

    # the configuration repeats the way of asking; without the cache the model is loaded
    again = surveyeval("run", "--config", str(folders[0] / "config.yaml"), "-o", "first", site=site)
    assert "found finished run" in again.stderr
    (site / "options.yaml").write_text(f"{(folders[0] / 'config.yaml').read_text()}no_cache: true\noutput: third\n")
    surveyeval("run", "--config", "options.yaml", site=site)
    assert (site / "loaded.txt").read_text() == "near near "
    with closing(sqlite3.connect(site / "cache" / "responses.sqlite")) as connection:
        assert connection.execute("select count(*) from responses").fetchone() == (0,)


def test_profiles_are_sent_when_that_is_said(site: Path) -> None:
    words = ["run", "--task", "survey", "--model", "chatter:far", "--limit", "10", "--splits", "2"]
    refused = surveyeval(*words, site=site, code=2)
    assert "profiles would leave this machine say --send-profiles" in words_of(refused.stderr)
    surveyeval(*words, "--send-profiles", site=site)
    (path,) = site.glob("runs/*/manifest.json")
    manifest = json.loads(path.read_text())
    assert manifest["leaves"]["to"] == "far.example.org"
    assert manifest["leaves"]["profile"] == ["age", "group"]
    assert manifest["command"].endswith(" --send-profiles")


def test_mistakes_in_asking_say_what_would_be_right(site: Path) -> None:
    words = ["run", "--task", "survey", "--model", "chatter:near", "--elicitation"]
    for text, code, said in (
        ("chioce", 2, "did you mean 'choice'"),
        ("generate?max_token=5", 2, "did you mean 'max_tokens'"),
        ("verbalized", 4, "cannot do elicitation 'verbalized' it can: choice, generate"),
    ):
        assert said in words_of(surveyeval(*words, text, site=site, code=code).stderr)
    assert "did you mean 'clear'" in words_of(surveyeval("cache", "cler", site=site, code=2).stderr).lower()


def test_ways_of_asking_are_listed_and_shown(site: Path) -> None:
    listed = words_of(surveyeval("ls", "elicitations", site=site).stdout)
    assert "choice probabilities of the options" in listed
    shown = words_of(surveyeval("show", "generate", site=site).stdout)
    assert "max_tokens tokens written at most" in shown


def test_a_long_listing_stays_within_the_terminal(site: Path) -> None:
    cache = ResponseCache(site / "cache" / "responses.sqlite")
    for number in range(30):
        string = f"hf:organisation/a-model-with-a-rather-long-name-{number}?block={number}&dtype=bfloat16"
        about = About(f"task-{number % 3}", f"m{number}", string, "content:x", "generate?max_tokens=8", "other code")
        cache.put(str(number), "block", about, {"text": "x" * 100_000}, interviews=4, seconds=0.0)
    (site / "cache" / "models" / "one").mkdir(parents=True)
    (site / "cache" / "models" / "one" / "model.safetensors").write_bytes(b"x" * 1_234_567)
    told = surveyeval("cache", "info", site=site).stdout
    assert "another version of surveyeval asked for 30 blocks of them" in words_of(told)
    assert "a converted model, 1.2 MB" in words_of(told)
    assert words_of(told).count("asked by generate?max_tokens=8") == 30
    gone = surveyeval("cache", "clear", "--outdated", site=site).stdout
    assert words_of(gone).startswith("Removed 30 blocks of 120 interviews")
    assert "Removed models/one, a converted model, 1.2 MB." in surveyeval("cache", "clear", "--all", site=site).stdout
    assert not (site / "cache" / "models" / "one").exists()


def test_a_file_that_cannot_be_read_is_told_and_removed(site: Path) -> None:
    (site / "cache").mkdir()
    (site / "cache" / "responses.sqlite").write_bytes(b"no database" * 100)
    told = words_of(surveyeval("cache", "info", site=site).stdout)
    assert "cannot be read: file is not a database. Runs go on without it." in told
    assert "cannot be read" in surveyeval("cache", "clear", "--task", "x", site=site, code=1).stderr
    assert "Removed a file that could not be read" in surveyeval("cache", "clear", site=site).stdout
    assert not (site / "cache" / "responses.sqlite").exists()
