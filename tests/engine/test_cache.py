"""The response cache: it finds what would be answered again, nothing else, and costs nobody a run."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval import api
from surveyeval.engine import cache as cache_module
from surveyeval.engine import cache_keys
from surveyeval.engine.cache import NO_CACHE, About, ResponseCache, path_of_responses
from surveyeval.engine.cache_keys import Keys
from surveyeval.errors import ConfigError, ModelError, RunError
from surveyeval.model.elicitation import Choice
from surveyeval.model.host import Preparation
from surveyeval.model.protocol import Fingerprint, Interviews
from surveyeval.progress import Silent
from tests.engine.talkers import RESULTS, Talker, results, run, simulated
from tests.tuning import survey

ABOUT = About("task", "name", "words:name", "content:x", "choice", "code")


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return survey.write(tmp_path_factory.mktemp("survey"), survey.people(missing=0.05))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(NO_CACHE)
    monkeypatch.setenv("SURVEYEVAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def ask(task: Path, tmp_path: Path) -> Callable[..., Any]:
    """A run in a folder of its own, so that only the cache can know what was answered."""
    numbers = iter(range(100))

    def ask_(model: Any, *others: str, folder: Path = task, **options: Any) -> Any:
        output = options.pop("output", tmp_path / f"runs{next(numbers)}")
        return simulated(folder, output, model, *others, **options)[0]

    return ask_


class Told(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def stored() -> list[tuple[str, bytes]]:
    with closing(sqlite3.connect(path_of_responses())) as connection:
        return list(connection.execute("select kind, content from responses order by key"))


# ---- what is found ------------------------------------------------------------------------------------------------


def check_warm(cold: Any, warm: Any, model: Talker, interviews: int) -> None:
    assert (model.loads, model.calls) == (0, 0)
    assert results(warm) == results(cold)
    different = {key for key in warm.manifest if warm.manifest[key] != cold.manifest.get(key)}
    assert different <= {"cache", "created", "finished", "seconds"}
    assert warm.manifest["cache"]["interviews"] == interviews
    assert "cache" not in cold.manifest


@pytest.mark.parametrize("elicitation", ["choice", "generate", "verbalized"])
@pytest.mark.parametrize("mode", ["sequential", "independent"])
def test_a_warm_cache_gives_the_same_bytes_and_asks_nothing(
    ask: Any, tmp_path: Path, mode: str, elicitation: str
) -> None:
    folder = survey.write(tmp_path / "survey", survey.people(missing=0.05), interview={"mode": mode})
    options = {"folder": folder, "draws": 2, "elicitation": elicitation}
    cold = ask(Talker(silent=0.1), **options)
    model = Talker(silent=0.1)
    warm = ask(model, **options)
    # where nothing is sampled and questions stand alone, the second draw is made without asking
    check_warm(cold, warm, model, 10 if mode == "independent" and elicitation != "generate" else 20)
    assert set(results(warm)) == {"responses.parquet", "prompts.jsonl"}


def test_estimates_and_tables_are_the_same_and_the_card_tells_of_the_cache(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Talker()
    cold, warm = (
        run(monkeypatch, task, tmp_path / name, one)[0] for name, one in (("cold", Talker()), ("warm", model))
    )
    check_warm(cold, warm, model, 10)
    assert set(results(warm)) == set(RESULTS)
    words = " ".join(warm.card.with_suffix(".md").read_text().split())
    assert "words: 10 of 10 interviews, asked on " in words
    assert "response cache" not in cold.card.with_suffix(".md").read_text()


def test_calibration_and_the_prompt_are_found_as_well(ask: Any) -> None:
    options: dict[str, Any] = {"examples": 1, "calibrate": "item"}
    cold = ask(Talker(**options))
    again = Talker(**options)
    warm = ask(again)
    assert (again.loads, again.calls) == (0, 0)
    assert results(warm) == results(cold)
    assert warm.manifest["model"]["calibration"] == cold.manifest["model"]["calibration"]
    assert {kind for kind, _ in stored()} == {"block", "calibration", "prompt"}


CHANGED: dict[str, Callable[[Any, Any, Path], Any]] = {
    "model": lambda ask, make, tmp: ask(make("other model")),
    "kind of fingerprint": lambda ask, make, tmp: ask(make("words", "declared")),
    "way of asking": lambda ask, make, tmp: ask(make(), elicitation="verbalized"),
    "options of asking": lambda ask, make, tmp: ask(make(), elicitation="generate?max_tokens=8"),
    "seed": lambda ask, make, tmp: ask(make(), seed=1),
    "hidden profile": lambda ask, make, tmp: ask(make(), hidden=("age",)),
    "examples": lambda ask, make, tmp: ask(make(examples=1)),
    "calibration": lambda ask, make, tmp: ask(make(calibrate="temperature")),
    "block": lambda ask, make, tmp: ask(make(block=5)),
    "question": lambda ask, make, tmp: ask(
        make(),
        folder=survey.write(
            tmp, survey.people(missing=0.05), items=[{**survey.CONTENT["items"][0], "question": "Really?"}, *survey.CONTENT["items"][1:]]
        ),
    ),
    "order of options": lambda ask, make, tmp: ask(
        make(), folder=survey.write(tmp, survey.people(missing=0.05), interview={"order": "reversed"})
    ),
    "mode": lambda ask, make, tmp: ask(
        make(), folder=survey.write(tmp, survey.people(missing=0.05), interview={"mode": "independent"})
    ),
    "people": lambda ask, make, tmp: ask(make(), folder=survey.write(tmp, survey.people(seed=1, missing=0.05))),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGED)
def test_what_differs_is_asked_and_never_found(
    ask: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    made: list[Talker] = []

    def make(*values: Any, **options: Any) -> Talker:
        made.append(Talker(*values, **options))
        return made[-1]

    ask(make(), elicitation="generate")
    ask(make())
    warm = CHANGED[what](ask, make, tmp_path / "changed")
    assert "cache" not in warm.manifest
    assert made[-1].calls > 0
    monkeypatch.setenv(NO_CACHE, "1")
    assert results(warm) == results(CHANGED[what](ask, make, tmp_path / "changed"))


def block_key(keys: Keys, task: Path, *, turned: bool = False, scored: bool = True, **parts: Any) -> str:
    """Key of ten people's block; `turned`: one of them answered otherwise."""
    loaded, human, _ = survey.load(task)
    people = human.sample.take(np.arange(10))
    if turned:
        acts = people.answers["act"].copy()
        acts[3] = 1 - acts[3]
        people = replace(people, answers={**people.answers, "act": acts})
    shown = replace(people.without_answers(), **parts)
    asked = Interviews(loaded, shown, np.full((10, 3), 0.5))
    return keys.block(asked, Preparation(), people if scored else None)


def test_peoples_own_answers_matter_where_their_probability_is_asked_for(task: Path) -> None:
    keys = Keys(Talker(), Fingerprint("content", "words"), Choice(), "choice")
    plain, unscored = block_key(keys, task), block_key(keys, task, scored=False)
    assert len({plain, unscored, block_key(keys, task, turned=True)}) == 3
    assert block_key(keys, task, turned=True, scored=False) == unscored
    assert block_key(keys, task) == plain
    # what reaches no prompt and no draw is no part of it
    assert block_key(keys, task, weight=np.full(10, 2.0)) == plain


def test_language_models_that_differ_never_share_a_key(task: Path, tmp_path: Path) -> None:
    """Weights, precision, template, terminator, block, adapters and their training: each is another model."""
    pytest.importorskip("torch", reason="language models are an optional extra")
    from surveyeval.model.build import build_model

    base = survey.save_base(tmp_path / "base")
    other = survey.save_base(tmp_path / "other", "qwen2")
    retold = survey.save_base(tmp_path / "retold", template=survey.COUNTS)
    adapters = []
    for seed in (0, 1):
        api.finetune(task=str(task), base=f"hf:{base}", output=tmp_path / f"adapter{seed}", pilot=10, epochs=1, seed=seed,
                     dtype="float32", progress=Silent())  # fmt: skip
        adapters.append(f"lora:{tmp_path / f'adapter{seed}'}")
    strings = [
        f"hf:{base}", f"hf:{base}?dtype=bfloat16", f"hf:{base}?template=plain", f"hf:{base}?terminator=end",
        f"hf:{base}?block=7", f"hf:{other}", f"hf:{retold}", *adapters, f"{adapters[0]}?dtype=bfloat16",
    ]  # fmt: skip
    keys = set()
    for string in strings:
        model = build_model(string).model
        keys.add(block_key(Keys(model, model.fingerprint(), Choice(), "choice"), task))
    assert len(keys) == len(strings)


def test_other_code_is_another_key(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(Talker())
    monkeypatch.setattr(cache_keys, "own_code", lambda: "another version")
    model = Talker()
    assert "cache" not in ask(model).manifest
    assert model.calls > 0


def test_the_code_of_a_plugins_model_is_in_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "from tests.engine.talkers import Talker\nclass Theirs(Talker):\n    pass\n"
    codes = []
    for number, more in enumerate(("", "    # another version\n")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / f"theirs{number}.py").write_text(source + more)
        monkeypatch.syspath_prepend(str(folder))
        model = __import__(f"theirs{number}").Theirs()
        codes.append([code for _, name, code in cache_keys._code_of(model) if name == "Theirs"])
    assert len(codes[0]) == len(codes[1]) == 1
    assert codes[0] != codes[1]


def test_blocks_that_are_the_same_are_found_in_a_longer_run(ask: Any) -> None:
    ask(Talker(), limit=8)
    model = Talker()
    longer = ask(model, limit=18)
    assert longer.manifest["cache"]["interviews"] == 8
    assert longer.manifest["plan"]["blocks"] == 5
    assert {request.interview for request in model.seen} == set(longer.responses["respondent"].unique()[8:])
    fresh = Talker()
    shorter = ask(fresh, limit=16)
    assert shorter.manifest["cache"]["interviews"] == 16
    assert (fresh.loads, fresh.calls) == (0, 0)


def test_again_asks_anew_and_keeps_what_it_hears(ask: Any) -> None:
    ask(Talker())
    before = {asked for _, asked in kept()}
    model = Talker()
    assert "cache" not in ask(model, again=True).manifest
    assert model.calls > 0
    after = {asked for _, asked in kept()}
    assert len(kept()) == len(before)
    assert min(after) > max(before)


def kept() -> list[tuple[str, float]]:
    with closing(sqlite3.connect(path_of_responses())) as connection:
        return list(connection.execute("select key, asked from responses where kind = 'block'"))


def test_without_the_cache_nothing_is_read_or_kept(ask: Any, own_cache: Path) -> None:
    ask(Talker(), cache=False)
    assert not (own_cache / "responses.sqlite").exists()
    ask(Talker())
    model = Talker()
    ask(model, cache=False)
    assert model.calls > 0


def test_only_language_models_are_cached(ask: Any, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask({}, "baseline:cell")
    assert not (own_cache / "responses.sqlite").exists()


def test_a_run_of_a_server_warns_that_it_may_have_changed(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated(task, tmp_path / "cold", Talker(kind="declared"))
    (warm,) = run(monkeypatch, task, tmp_path / "warm", Talker(kind="declared"))
    (note,) = warm.manifest["notes"]
    assert note.startswith("10 of 10 interviews were answered by the server on 20")
    assert "may have changed since" in " ".join(warm.card.with_suffix(".md").read_text().split())


def test_notes_of_the_model_come_with_its_answers(ask: Any) -> None:
    model = Talker()
    model.notes.append("the template adds a text of its own")
    cold = ask(model)
    warm = ask(Talker())
    assert warm.manifest["notes"] == cold.manifest["notes"] == ["the template adds a text of its own"]


def test_an_interrupted_run_remembers_what_came_from_the_cache(ask: Any, tmp_path: Path) -> None:
    ask(Talker(), limit=4)
    with pytest.raises(ModelError, match="the server is gone"):
        ask(Talker(fails_at=1), output=tmp_path / "broken")
    resumed = ask(Talker(), output=tmp_path / "broken")
    assert resumed.manifest["cache"]["interviews"] == 4
    assert results(resumed) == results(ask(Talker(), cache=False))


def test_answers_none_of_which_is_valid_are_not_kept(ask: Any) -> None:
    with pytest.raises(RunError, match=r"no valid answer in 10 interviews \(30 invalid, 0 refused\)"):
        ask(Talker(silent=1.0), elicitation="generate")
    assert not any(kind == "block" for kind, _ in stored()) if path_of_responses().exists() else True


# ---- what is kept ---------------------------------------------------------------------------------------------------


def test_no_identifier_and_no_profile_is_in_the_file(ask: Any, task: Path) -> None:
    ask(Talker(examples=1, calibrate="item"))
    text = path_of_responses().read_bytes() + b"".join(zlib.decompress(c) for kind, c in stored() if kind != "prompt")
    people = {row["person"].encode() for row in survey.people(missing=0.05)}
    assert not [name for name in people if name in text]
    assert b"Age:" not in text
    assert stat.S_IMODE(path_of_responses().stat().st_mode) == 0o600


# ---- when it fails --------------------------------------------------------------------------------------------------


@contextmanager
def damaged() -> Iterator[None]:
    path_of_responses().write_bytes(b"this is no database, it is a text that is long enough to be read as one" * 20)
    yield


@contextmanager
def of_another_format() -> Iterator[None]:
    path_of_responses().unlink()
    with closing(sqlite3.connect(path_of_responses())) as connection:
        connection.execute("pragma user_version = 99")
    yield


@contextmanager
def locked() -> Iterator[None]:
    with closing(sqlite3.connect(path_of_responses())) as connection:
        connection.execute("begin exclusive")
        yield


@contextmanager
def without_a_folder() -> Iterator[None]:
    path_of_responses().unlink()
    path_of_responses().parent.rmdir()
    path_of_responses().parent.write_text("in the way")
    yield


@contextmanager
def without_its_table() -> Iterator[None]:
    with closing(sqlite3.connect(path_of_responses())) as connection:
        connection.execute("drop table responses")
    yield


@pytest.mark.parametrize("trouble", [damaged, of_another_format, locked, without_a_folder, without_its_table])
def test_a_cache_that_cannot_be_used_is_said_once_and_costs_nobody_the_run(
    ask: Any, monkeypatch: pytest.MonkeyPatch, trouble: Any
) -> None:
    cold = ask(Talker())
    (path_of_responses().parent / "tried.jsonl").unlink()
    monkeypatch.setattr(cache_module, "PATIENCE", 0.05)
    told = Told()
    with trouble():
        found = ask(Talker(), progress=told)
    assert results(found) == results(cold)
    assert "cache" not in found.manifest
    (note,) = [note for note in told.notes if "response cache" in note]
    assert "the run goes on without it" in note


def test_a_full_disk_costs_nobody_the_run(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(Talker(), limit=4)
    whole = cache_module.connected

    @contextmanager
    def full(path: Path) -> Iterator[sqlite3.Connection]:
        with whole(path) as connection:
            (pages,) = connection.execute("pragma page_count").fetchone()
            connection.execute(f"pragma max_page_count = {pages}")
            yield connection

    monkeypatch.setattr(cache_module, "connected", full)
    told = Told()
    # the first block is found all the same
    found = ask(Talker(block=4), progress=told, limit=60)
    assert found.manifest["cache"]["interviews"] == 4
    (note,) = [note for note in told.notes if "written to" in note]
    assert "full" in note


def test_a_damaged_entry_is_answered_again_and_replaced(ask: Any) -> None:
    cold = ask(Talker())
    with closing(sqlite3.connect(path_of_responses())) as connection, connection:
        connection.execute("update responses set content = substr(content, 1, length(content) - 7)")
    model = Talker()
    repaired = ask(model)
    assert model.calls > 0
    assert results(repaired) == results(cold)
    fresh = Talker()
    assert results(ask(fresh)) == results(cold)
    assert fresh.calls == 0


def test_two_processes_keep_entries_at_the_same_time(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom surveyeval.engine.cache import About, ResponseCache, path_of_responses\n"
        "said = []\n"
        "cache = ResponseCache(path_of_responses()).telling(said.append)\n"
        "about = About('task', 'name', 'words:name', 'content:x', 'choice', 'code')\n"
        "for number in range(40):\n"
        "    cache.put(f'{sys.argv[1]}-{number}', 'block', about, {'n': number}, interviews=1, seconds=0)\n"
        "assert not said, said\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, name], stderr=subprocess.PIPE) for name in "ab"]
    for one in running:
        _, error = one.communicate()
        assert one.returncode == 0, error
    cache = ResponseCache(path_of_responses())
    for name in "ab":
        for number in range(40):
            found = cache.get(f"{name}-{number}")
            assert found is not None
            assert found["n"] == number


# ---- looking and clearing -------------------------------------------------------------------------------------------


def test_contents_and_what_clearing_removes(ask: Any, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert api.cache_info().groups == ()
    assert not own_cache.exists()
    first, second = Talker("a"), Talker("b")
    ask({"first": first, "second": second})
    ask({"second": Talker("b")}, elicitation="generate")
    held = api.cache_info()
    assert [(one.task, one.model, one.elicitation) for one in held.groups] == [
        ("tiny-survey", "words:first", "choice"),
        ("tiny-survey", "words:second", "choice"),
        ("tiny-survey", "words:second", "generate"),
    ]
    assert [(one.blocks, one.interviews) for one in held.groups] == [(3, 10)] * 3
    assert held.size == path_of_responses().stat().st_size
    assert (held.blocks, held.interviews, held.outdated) == (9, 30, 0)

    assert api.clear_cache(task="another").blocks == 0
    assert api.clear_cache(older_than=1).blocks == 0
    assert api.clear_cache(model="words").blocks == 0
    assert api.clear_cache(model="first").blocks == 3
    assert api.clear_cache(task="tiny-survey", model="words:second", older_than=0).blocks == 6
    assert api.cache_info().groups == []
    assert path_of_responses().exists()


def test_a_model_string_is_matched_with_any_options(own_cache: Path) -> None:
    cache = ResponseCache(path_of_responses())
    for number, string in enumerate(("hf:a", "hf:a?block=2", "hf:ab", "hf:a%3Fb")):
        about = About("task", f"n{number}", string, "content:x", "choice", "code")
        cache.put(string, "block", about, {}, interviews=1, seconds=0)
    assert [group.model for group in api.clear_cache(model="hf:a").groups] == ["hf:a", "hf:a?block=2"]
    assert [group.model for group in api.clear_cache(model="n2").groups] == ["hf:ab"]


def test_what_other_code_asked_for_can_be_cleared_alone(ask: Any, own_cache: Path) -> None:
    ask(Talker())
    ResponseCache(path_of_responses()).put("old", "block", ABOUT, {}, interviews=4, seconds=0)
    assert api.cache_info().outdated == 1
    assert api.clear_cache(outdated=True).interviews == 4
    assert (api.cache_info().outdated, api.cache_info().blocks) == (0, 3)


def test_everything_takes_models_and_hashes_but_no_record(own_cache: Path) -> None:
    (own_cache / "models" / "converted").mkdir(parents=True)
    (own_cache / "models" / "converted" / "model.safetensors").write_bytes(b"x" * 1000)
    (own_cache / "hashes.json").write_text("{}")
    (own_cache / "tried.jsonl").write_text("")
    held = api.cache_info()
    assert [(one.name, one.size) for one in held.beside] == [("models/converted", 1000), ("hashes.json", 2)]
    with pytest.raises(ConfigError, match="everything"):
        api.clear_cache(everything=True, task="x")
    api.clear_cache()
    assert len(api.cache_info().beside) == 2
    assert len(api.clear_cache(everything=True).beside) == 2
    assert sorted(path.name for path in own_cache.iterdir()) == ["models", "tried.jsonl"]
    assert not list((own_cache / "models").iterdir())


def test_a_file_that_cannot_be_read_is_told_and_removed_whole(own_cache: Path) -> None:
    own_cache.mkdir()
    path_of_responses().write_bytes(b"no database" * 200)
    assert "not a database" in api.cache_info().problem
    with pytest.raises(RunError, match="cannot be read"):
        api.clear_cache(task="x")
    assert api.clear_cache().size == 2200
    assert not path_of_responses().exists()


def test_a_file_in_use_is_not_cleared(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ResponseCache(path_of_responses()).put("key", "block", ABOUT, {}, interviews=1, seconds=0)
    monkeypatch.setattr(cache_module, "PATIENCE", 0.05)
    with locked(), pytest.raises(RunError, match="is a run under way"):
        api.clear_cache()
    assert api.cache_info().blocks == 1
