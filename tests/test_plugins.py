"""Plugins: what is found, what fails, and that one plugin's failure harms nobody else."""

from __future__ import annotations

import json
import os
import sys
from importlib import metadata
from pathlib import Path

import pytest

from surveyeval import memo, plugins
from surveyeval.errors import ConfigError, PluginError
from surveyeval.plugins import Registry, installed
from tests.installed import install

GOOD = """
    from surveyeval.hookspecs import hookimpl

    @hookimpl
    def surveyeval_register(register):
        register.model("parrot", "parrot_plugin:Parrot", summary="says what it hears")
        register.metric("volume", "parrot_plugin:Volume", axis="alignment", summary="how loud")

    class Parrot:
        pass
"""


TASK = """
    from surveyeval.hookspecs import hookimpl

    @hookimpl
    def surveyeval_register(register):
        register.task("coffee", "beans:coffee/task.yaml", summary="what people drink")
"""


@pytest.fixture
def make_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Entry points of plugin sources, each installed as a distribution of its own."""

    def make(**sources: str) -> list[metadata.EntryPoint]:
        points = []
        for name, source in sources.items():
            info = install(tmp_path / name, name, {f"{name}_plugin.py": source}, f"{name}_plugin")
            monkeypatch.syspath_prepend(tmp_path / name)
            monkeypatch.delitem(sys.modules, f"{name}_plugin", raising=False)
            points += list(metadata.Distribution.at(info).entry_points)
        return points

    return make


@pytest.fixture
def make_registry(make_points):
    return lambda **sources: Registry(make_points(**sources))


@pytest.fixture
def remembering(make_points, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Install plugins, and return a function that lists them as a new process would: error and names of each."""
    monkeypatch.setenv("SURVEYEVAL_CACHE", str(tmp_path / "cache"))

    def prepare(**sources: str):
        points = make_points(**sources)
        monkeypatch.setattr(plugins, "_entry_points", lambda: points)

        def look(*, load: bool = True) -> dict[str, tuple[str | None, list[str]]]:
            plugins.registry.cache_clear()
            for name in sources:
                sys.modules.pop(f"{name}_plugin", None)
            found = installed(load=load)
            return {one.distribution: (one.error, [entry.name for entry in one.registered]) for one in found}

        return look

    yield prepare
    plugins.registry.cache_clear()


def test_built_ins_take_the_same_path() -> None:
    registry = Registry()
    assert registry.plugins[0].distribution == "surveyeval"
    assert registry.get("model", "baseline").qualified == "surveyeval/baseline"
    assert registry.get("model", "surveyeval/baseline") is registry.get("model", "baseline")


def test_every_built_in_target_loads() -> None:
    registry = Registry()
    for plugin in registry.plugins:
        for entry in plugin.registered:
            assert entry.load() is not None
            if entry.options:
                assert entry.load_options() is not None


def test_a_plugin_registers_and_its_target_is_imported_when_asked_for(make_registry) -> None:
    registry = make_registry(parrot=GOOD)
    entry = registry.get("model", "parrot")
    assert (entry.owner, entry.summary) == ("parrot", "says what it hears")
    assert entry.load().__name__ == "Parrot"
    with pytest.raises(PluginError, match="metric 'parrot/volume' points to 'parrot_plugin:Volume'"):
        registry.get("metric", "volume").load()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import not_there_at_all", "import failed: ModuleNotFoundError"),
        ("raise SystemExit(3)", "import failed: SystemExit"),
        (
            "from surveyeval.hookspecs import hookimpl\n@hookimpl\ndef surveyeval_register(register):\n    1 / 0",
            "ZeroDivisionError",
        ),
        (
            "from surveyeval.hookspecs import hookimpl\n@hookimpl\ndef surveyeval_regster(register):\n    pass",
            "did you mean 'surveyeval_register'",
        ),
        (
            "from surveyeval.hookspecs import hookimpl\n@hookimpl\ndef surveyeval_register(register):\n"
            "    register.model('baseline', 'a:B', summary='')",
            "built in and reserved",
        ),
        (
            "from surveyeval.hookspecs import hookimpl\n@hookimpl\ndef surveyeval_register(register):\n"
            "    register.model('x', 'no target', summary='')",
            "is not written 'package.module:Name'",
        ),
    ],
)
def test_a_broken_plugin_is_recorded_and_the_others_work(make_registry, source: str, message: str) -> None:
    registry = make_registry(parrot=GOOD, broken=source)
    broken = next(plugin for plugin in registry.plugins if plugin.distribution == "broken")
    assert message in (broken.error or "")
    assert broken.registered == []
    assert registry.get("model", "parrot")
    with pytest.raises(ConfigError, match="plugins that failed to load: broken"):
        registry.get("model", "no_such_model")


def test_a_clash_fails_only_when_the_bare_name_is_used(make_registry) -> None:
    other = GOOD.replace("parrot_plugin:", "other_plugin:")
    registry = make_registry(parrot=GOOD, other=other)
    assert registry.get("model", "other/parrot").owner == "other"
    with pytest.raises(PluginError, match="write one of 'other/parrot', 'parrot/parrot'"):
        registry.get("model", "parrot")
    with pytest.raises(ConfigError) as unknown:  # what is offered works when it is typed
        registry.get("model", "zebra")
    offered = str(unknown.value).rpartition("known: ")[2].split(", ")
    assert {"baseline", "other/parrot", "parrot/parrot"} <= set(offered)
    assert all(registry.get("model", name) for name in offered)


def test_an_error_in_run_finished_is_reported_and_goes_no_further(make_registry) -> None:
    registry = make_registry(
        grumpy="from surveyeval.hookspecs import hookimpl\n@hookimpl\ndef surveyeval_run_finished(run):\n    run.missing()"
    )
    assert registry.run_finished(object()) == [
        "plugin grumpy:grumpy: AttributeError: 'object' object has no attribute 'missing'"
    ]


def test_leaving_in_run_finished_is_an_error_like_any_other(make_registry) -> None:
    registry = make_registry(
        rude="from surveyeval.hookspecs import hookimpl\n@hookimpl\ndef surveyeval_run_finished(run):\n    raise SystemExit(7)"
    )
    assert registry.run_finished(object()) == ["plugin rude:rude: SystemExit: 7"]


def test_a_target_that_fails_in_any_way_is_an_error_that_names_it(make_registry, tmp_path: Path) -> None:
    registry = make_registry(parrot=GOOD.replace("parrot_plugin:Volume", "angry:Volume"))
    (tmp_path / "parrot" / "angry.py").write_text("raise ValueError('not today')")
    with pytest.raises(PluginError, match="points to 'angry:Volume', which does not load: ValueError: not today"):
        registry.get("metric", "volume").load()


def test_the_file_of_a_task_is_found_without_importing_its_package(make_registry, tmp_path: Path) -> None:
    registry = make_registry(
        cafe=TASK, far=TASK.replace("beans:", "beans.deep:"), nowhere=TASK.replace("beans", "nopackage")
    )
    package = tmp_path / "cafe" / "beans"
    for folder in (package / "coffee", package / "deep" / "coffee"):
        folder.mkdir(parents=True)
        (folder / "task.yaml").write_text("name: coffee")
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    assert registry.get("task", "cafe/coffee").file() == package / "coffee" / "task.yaml"
    assert registry.get("task", "far/coffee").file() == package / "deep" / "coffee" / "task.yaml"
    with pytest.raises(PluginError, match="there is no package 'nopackage'"):
        registry.get("task", "nowhere/coffee").file()
    (package / "coffee" / "task.yaml").unlink()
    with pytest.raises(PluginError, match=r"the package has no file 'coffee/task\.yaml'"):
        registry.get("task", "cafe/coffee").file()


def test_what_was_registered_is_remembered_and_not_imported_again(remembering) -> None:
    look = remembering(cafe=TASK, broken="import not_there_at_all")
    assert look(load=False) == {}
    first = look()
    assert first["cafe"] == (None, ["coffee"])
    assert "not_there_at_all" in (first["broken"][0] or "")
    for load in (True, False):
        assert look(load=load) == first
        assert not {"cafe_plugin", "broken_plugin"} & set(sys.modules)


def test_a_changed_plugin_is_loaded_again(remembering, tmp_path: Path) -> None:
    look = remembering(cafe=TASK)
    look()
    module = tmp_path / "cafe" / "cafe_plugin.py"
    module.write_text(module.read_text().replace('"coffee"', '"tea"'))
    os.utime(module, ns=(10**18, 10**18))
    assert look()["cafe"] == (None, ["tea"])


def test_a_full_load_tries_again_what_had_failed(remembering, tmp_path: Path) -> None:
    look = remembering(cafe="import needed_by_cafe" + TASK.replace("\n    ", "\n"))
    assert "needed_by_cafe" in (look()["cafe"][0] or "")
    (tmp_path / "cafe" / "needed_by_cafe.py").write_text("")
    assert "needed_by_cafe" in (look()["cafe"][0] or "")
    sys.modules.pop("cafe_plugin", None)
    plugins.registry()
    assert look(load=False)["cafe"] == (None, ["coffee"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"plugins": 3}',
        b'{"plugins": [1]}',
        b"[" * 100_000,
        b'{"plugins": {}}',
    ],
)
def test_a_corrupt_memo_is_as_good_as_none(remembering, tmp_path: Path, content: bytes) -> None:
    look = remembering(cafe=TASK)
    expected = look()
    (tmp_path / "cache" / "plugins.json").write_bytes(content)
    assert look(load=False) == {}
    assert look() == expected == look(load=False)


@pytest.mark.parametrize("record", [None, 1, [], {}, {"error": None}, {"error": None, "registered": [["task"]]}])
def test_a_corrupt_entry_of_the_memo_is_as_good_as_none(remembering, tmp_path: Path, record: object) -> None:
    look = remembering(cafe=TASK)
    expected = look()
    path = tmp_path / "cache" / "plugins.json"
    known = json.loads(path.read_text())["plugins"]
    path.write_text(json.dumps({"plugins": dict.fromkeys(known, record)}))
    assert look(load=False) == {}
    assert look() == expected


def test_a_memo_that_cannot_be_written_is_no_error(
    remembering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    look = remembering(cafe=TASK)
    monkeypatch.setenv("SURVEYEVAL_CACHE", str(tmp_path / "file"))
    assert look()["cafe"] == (None, ["coffee"])
    monkeypatch.delenv("SURVEYEVAL_CACHE")

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert look()["cafe"] == (None, ["coffee"])


def test_the_memo_does_not_grow_without_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURVEYEVAL_CACHE", str(tmp_path))
    for number in range(50):
        memo.write({f"{number}-{k}": {} for k in range(10)})
    assert "49-9" in memo.read()
    assert len(memo.read()) < 300


def test_unknown_names_get_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="did you mean 'baseline'"):
        Registry().get("model", "basline")
