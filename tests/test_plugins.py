"""Plugins: what is found, what fails, and that one plugin's failure harms nobody else."""

from __future__ import annotations

import sys
import textwrap
from importlib import metadata
from pathlib import Path

import pytest

from surveyeval.errors import ConfigError, PluginError
from surveyeval.plugins import Registry

GOOD = """
    from surveyeval.hookspecs import hookimpl

    @hookimpl
    def surveyeval_register(register):
        register.model("parrot", "parrot_plugin:Parrot", summary="says what it hears")
        register.metric("volume", "parrot_plugin:Volume", axis="alignment", summary="how loud")

    class Parrot:
        pass
"""


@pytest.fixture
def make_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Build a registry from plugin sources, each installed as a distribution of its own."""

    def make(**sources: str) -> Registry:
        points = []
        for name, source in sources.items():
            folder = tmp_path / name
            folder.mkdir()
            (folder / f"{name}_plugin.py").write_text(textwrap.dedent(source))
            info = folder / f"{name}-1.2.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
            (info / "entry_points.txt").write_text(f"[surveyeval]\n{name} = {name}_plugin\n")
            monkeypatch.syspath_prepend(folder)
            monkeypatch.delitem(sys.modules, f"{name}_plugin", raising=False)
            points += list(metadata.Distribution.at(info).entry_points)
        return Registry(points)

    return make


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


def test_an_error_in_run_finished_is_reported_and_goes_no_further(make_registry) -> None:
    registry = make_registry(
        grumpy="from surveyeval.hookspecs import hookimpl\n@hookimpl\ndef surveyeval_run_finished(run):\n    run.missing()"
    )
    assert registry.run_finished(object()) == [
        "plugin grumpy:grumpy: AttributeError: 'object' object has no attribute 'missing'"
    ]


def test_unknown_names_get_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="did you mean 'baseline'"):
        Registry().get("model", "basline")
