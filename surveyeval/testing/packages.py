"""The check of a plugin as it is installed."""

from __future__ import annotations

from importlib import metadata

from surveyeval.metric.protocol import Metric
from surveyeval.plugins import KINDS, Plugin, Registry

__all__ = ["check_plugin"]


def check_plugin(distribution: str) -> list[str]:
    """Check that an installed distribution is found as a plugin, and that everything it registers is there.

    Parameters
    ----------
    distribution : str
        Name of the installed package, as in its ``pyproject.toml``.

    Returns
    -------
    list of str
        What it registers, as ``kind name``.

    Raises
    ------
    AssertionError
        When it is not found, failed to load, registers nothing, or names something that does not load.
    """
    known = Registry(metadata.entry_points(group="surveyeval"))
    own = [plugin for plugin in known.plugins if _same(plugin, distribution)]
    names = ", ".join(plugin.distribution for plugin in known.plugins[1:]) or "none"
    assert own, f"no plugin {distribution!r} is installed; plugins: {names}"
    for plugin in own:
        assert plugin.error is None, f"plugin {distribution!r} failed to load: {plugin.error}\n{plugin.traceback}"
    registered = [entry for plugin in own for entry in plugin.registered]
    assert registered, f"plugin {distribution!r} registers nothing of {', '.join(KINDS)}"
    for entry in registered:
        assert entry.summary.strip(), f"{entry.kind} {entry.name!r} has a summary"
        if entry.kind == "task":
            entry.file()
            continue
        target = entry.load()
        entry.load_options()
        assert callable(target), f"{entry.kind} {entry.name!r}: {entry.target!r} can be called"
        if entry.kind == "metric":
            metric: Metric = target()
            assert metric.spec.name == entry.name, f"metric {entry.name!r} calls itself {metric.spec.name!r}"
            assert metric.spec.axis == entry.details["axis"], f"metric {entry.name!r} is of axis {metric.spec.axis!r}"
    return [f"{entry.kind} {entry.name}" for entry in registered]


def _same(plugin: Plugin, distribution: str) -> bool:
    return plugin.distribution.replace("_", "-").casefold() == distribution.replace("_", "-").casefold()
