"""Elicitations that plugins bring."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from surveyeval import plugins
from surveyeval.data.sample import State
from surveyeval.errors import CapabilityError, ConfigError, PluginError
from surveyeval.model import host
from surveyeval.model.build import NamedModel, build_elicitation, check_elicitation
from tests.installed import PLUGINS, install
from tests.model.helpers import ask, make_sample
from tests.model.scorers import WordScorer, survey
from tests.model.writers import Writer

HOLLOW = """
    from surveyeval import hookimpl

    @hookimpl
    def surveyeval_register(register):
        register.elicitation("hollow", "hollow_plugin:Hollow", summary="lacks what it needs")
        register.elicitation("gone", "hollow_plugin:Gone", summary="is not there")

    class Hollow:
        name = "hollow"
"""


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SURVEYEVAL_CACHE", str(tmp_path / "cache"))
    shutil.copytree(PLUGINS / "example", tmp_path / "site")
    infos = [
        install(tmp_path / "site", "example-plugin", {}, "example_plugin.hooks"),
        install(tmp_path / "site", "hollow", {"hollow_plugin.py": HOLLOW}, "hollow_plugin"),
    ]
    monkeypatch.syspath_prepend(tmp_path / "site")
    points = [point for info in infos for point in metadata.Distribution.at(info).entry_points]
    monkeypatch.setattr(plugins, "_entry_points", lambda: points)
    plugins.registry.cache_clear()
    yield
    plugins.registry.cache_clear()


def test_a_plugins_elicitation_asks_in_its_own_words() -> None:
    elicitation = build_elicitation("shout?marks=3")
    task = survey()
    people = make_sample(task, {"belief": [0, 1], "trust": [0, 1], "act": [0, 1]})
    model = Writer(lambda request: "I SAID MIDDLE!" if "MIDDLE" in request.messages[-1].content else "WHAT?")
    check_elicitation(NamedModel("w", "w:w", model), elicitation)
    found = host.simulate(model, ask(task, people), elicitation=elicitation)
    assert model.asked[0].messages[-1].content.endswith("BELIEF?\nA) LOW\nB) MIDDLE\nC) HIGH!!!")
    assert found.states is not None
    assert found.answers["belief"].tolist() == [1, 1]
    assert found.states["trust"].tolist() == [State.INVALID] * 2
    assert host.log_prob(model, ask(task, people), people, elicitation=elicitation) == {}


def test_the_bare_and_the_qualified_name_are_the_same() -> None:
    assert type(build_elicitation("example-plugin/shout")) is type(build_elicitation("shout"))


def test_a_model_without_the_method_that_it_needs_is_refused() -> None:
    with pytest.raises(CapabilityError, match=r"cannot do elicitation 'shout'.*it needs a model that writes texts"):
        check_elicitation(NamedModel("s", "s:s", WordScorer()), build_elicitation("shout"))


def test_a_plugins_options_are_checked() -> None:
    with pytest.raises(ConfigError, match="elicitation 'shout' has no option 'mark'"):
        build_elicitation("shout?mark=3")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hollow", "elicitation 'hollow/hollow' has no 'needs', 'distribution', 'ask'"),
        ("gone", "elicitation 'hollow/gone' points to 'hollow_plugin:Gone', which does not load"),
    ],
)
def test_a_plugin_that_brings_no_elicitation_is_named(name: str, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        build_elicitation(name)


def test_plugins_are_listed_with_their_elicitations() -> None:
    found = {
        entry.name: entry.summary
        for one in plugins.installed()
        for entry in one.registered
        if entry.kind == "elicitation"
    }
    assert found == {"shout": "asks loudly for one word", "hollow": "lacks what it needs", "gone": "is not there"}
