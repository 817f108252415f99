"""Plugin manager and registry.

Built-ins and entry points take the same path: each plugin's hook is called with a registrar bound to its owner, and an
error is kept with the plugin that made it. Nothing is loaded until a name is looked up; what listing and completion
show of plugins is remembered from the last time (`surveyeval.memo`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module, metadata
from typing import Any

import pluggy

from surveyeval import __version__, hookspecs, memo
from surveyeval.errors import ConfigError, PluginError, did_you_mean
from surveyeval.registration import Plugin, Registration

__all__ = ["BUILTIN", "KINDS", "Plugin", "Registration", "Registry", "installed", "registry", "run_finished"]

#: What can be registered.
KINDS = ("model", "metric", "task", "source", "elicitation", "report_section")
#: Distribution of what comes with surveyeval.
BUILTIN = "surveyeval"
_NAME = re.compile(r"[a-z0-9][a-z0-9_.+-]*")


class _Registrar:
    """Implements `hookspecs.Register` for one plugin."""

    def __init__(self, plugin: Plugin, reserved: Mapping[tuple[str, str], Registration]) -> None:
        self._plugin = plugin
        self._reserved = reserved

    def _add(self, kind: str, name: str, target: str, summary: str, options: str = "", **details: Any) -> None:
        if not _NAME.fullmatch(name):
            raise PluginError(f"{kind} name {name!r} may hold a-z, 0-9, '_', '.', '+' and '-' only")
        if not re.fullmatch(r"[\w.]+:[\w./-]+", target):
            raise PluginError(f"{kind} {name!r}: target {target!r} is not written 'package.module:Name'")
        if not isinstance(summary, str):
            raise PluginError(f"{kind} {name!r}: the summary is no text")
        if (kind, name) in self._reserved and self._plugin.distribution != BUILTIN:
            raise PluginError(f"{kind} name {name!r} is built in and reserved; choose another")
        if any((kind, name) == (other.kind, other.name) for other in self._plugin.registered):
            raise PluginError(f"{kind} {name!r} is registered twice")
        owner = self._plugin.distribution
        self._plugin.registered.append(Registration(kind, name, target, summary, owner, options, details))

    def model(
        self, name: str, target: str, *, summary: str, options: str = "", capabilities: Mapping[str, Any] | None = None
    ) -> None:
        self._add("model", name, target, summary, options, capabilities=dict(capabilities or {}))

    def metric(self, name: str, target: str, *, axis: str, summary: str) -> None:
        self._add("metric", name, target, summary, axis=axis)

    def task(self, name: str, target: str, *, summary: str) -> None:
        self._add("task", name, target, summary)

    def source(self, name: str, target: str, *, summary: str) -> None:
        self._add("source", name, target, summary)

    def elicitation(self, name: str, target: str, *, summary: str, options: str = "") -> None:
        self._add("elicitation", name, target, summary, options)

    def report_section(self, name: str, target: str, *, summary: str) -> None:
        self._add("report_section", name, target, summary)


class Registry:
    """All registered names, built from the built-ins and the entry points given."""

    def __init__(self, entry_points: Iterable[metadata.EntryPoint] = ()) -> None:
        self._manager = pluggy.PluginManager("surveyeval")
        self._manager.add_hookspecs(hookspecs)
        self.plugins: list[Plugin] = []
        self._builtin: dict[tuple[str, str], Registration] = {}
        builtin = Plugin(BUILTIN, BUILTIN, __version__, "surveyeval.builtins")
        self._load(builtin, import_module("surveyeval.builtins"))
        if builtin.error:
            raise PluginError(builtin.error)
        self._builtin = {(entry.kind, entry.name): entry for entry in builtin.registered}
        found = [(_plugin(entry_point), entry_point) for entry_point in entry_points]
        for plugin, entry_point in sorted(found, key=lambda pair: _order(pair[0])):
            try:
                module = entry_point.load()
            except BaseException as error:
                plugin.failed(error, "import failed: ")
                self.plugins.append(plugin)
                continue
            self._load(plugin, module)

    def _load(self, plugin: Plugin, module: Any) -> None:
        self.plugins.append(plugin)
        unique = f"{plugin.distribution}:{plugin.name}"
        try:
            self._manager.register(module, name=unique)
            self._check_hook_names(module)
            for implementation in self._manager.hook.surveyeval_register.get_hookimpls():
                if implementation.plugin_name == unique:
                    implementation.function(register=_Registrar(plugin, self._builtin))
        except BaseException as error:
            plugin.failed(error)
            if self._manager.has_plugin(unique):
                self._manager.unregister(name=unique)

    def _check_hook_names(self, module: Any) -> None:
        known = [name for name in dir(hookspecs) if name.startswith("surveyeval_")]
        for name in dir(module):
            marked = getattr(getattr(module, name, None), "surveyeval_impl", None)
            if marked is not None and name not in known:
                hint = did_you_mean(name, known) or f"hooks are {', '.join(known)}"
                raise PluginError(f"{name!r} is marked as a hook, but there is no such hook; {hint}")

    def all(self, kind: str) -> list[Registration]:
        """Every registration of a kind, built-ins first, then by distribution."""
        return [entry for plugin in self.plugins for entry in plugin.registered if entry.kind == kind]

    def find(self, kind: str, name: str) -> Registration | None:
        """The registration of a bare or qualified name; None when unknown.

        Raises
        ------
        PluginError
            When two plugins claim the bare name.
        """
        matches = [entry for entry in self.all(kind) if name in (entry.name, entry.qualified)]
        if len(matches) > 1 and "/" not in name:
            owners = ", ".join(repr(entry.qualified) for entry in matches)
            raise PluginError(f"{kind} {name!r} is registered by several plugins", hint=f"write one of {owners}")
        return matches[0] if matches else None

    def get(self, kind: str, name: str) -> Registration:
        """Like `find`, but an unknown name is an error that lists near names and the plugins that failed to load."""
        found = self.find(kind, name)
        if found is None:
            entries = self.all(kind)
            claims = Counter(entry.name for entry in entries)  # what works when it is typed: a bare name twice does not
            names = [entry.name if claims[entry.name] == 1 else entry.qualified for entry in entries]
            failed = [f"{plugin.distribution} ({plugin.error})" for plugin in self.plugins if plugin.error]
            hint = did_you_mean(name, names) or f"known: {', '.join(names)}"
            if failed:
                hint += f"; plugins that failed to load: {'; '.join(failed)}"
            raise ConfigError(f"there is no {kind.replace('_', ' ')} {name!r}", hint=hint)
        return found

    def run_finished(self, run: Any) -> list[str]:
        """Call ``surveyeval_run_finished`` of every plugin; return a line for each that raised."""
        errors = []
        for implementation in self._manager.hook.surveyeval_run_finished.get_hookimpls():
            try:
                implementation.function(run=run)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                errors.append(f"plugin {implementation.plugin_name}: {type(error).__name__}: {error}")
        return errors


def _plugin(entry_point: metadata.EntryPoint) -> Plugin:
    dist = entry_point.dist
    name, version = (dist.name, dist.version) if dist else ("", "")
    found = Plugin(entry_point.name, name or "unknown", version or "", entry_point.value)
    found.key = memo.key(entry_point)
    return found


def _order(plugin: Plugin) -> tuple[str, str]:
    return plugin.distribution, plugin.name


def _entry_points() -> Iterable[metadata.EntryPoint]:
    return metadata.entry_points(group="surveyeval")


@cache
def registry() -> Registry:
    """The registry of this process: built-ins and installed plugins."""
    known = Registry(_entry_points())
    _remember(known.plugins[1:])
    return known


def installed(*, load: bool = True) -> list[Plugin]:
    """Installed plugins without the built-ins, as they are remembered; only those not remembered are loaded.

    Registrations are complete but for their details.

    Parameters
    ----------
    load : bool
        False: load nothing, and leave out what is not remembered.
    """
    if load and registry.cache_info().currsize:
        return registry().plugins[1:]
    memory = memo.read()
    found, unknown = [], []
    for entry_point in _entry_points():
        plugin = _plugin(entry_point)
        if _recall(plugin, memory.get(plugin.key)):
            found.append(plugin)
        else:
            unknown.append(entry_point)
    if load and unknown:
        loaded = Registry(unknown).plugins[1:]
        _remember(loaded)
        found += loaded
    return sorted(found, key=_order)


_REMEMBERED = ("kind", "name", "target", "summary", "options")


def _remember(loaded: Iterable[Plugin]) -> None:
    records = {}
    for plugin in loaded:
        registered = [[getattr(entry, name) for name in _REMEMBERED] for entry in plugin.registered]
        records[plugin.key] = {"error": plugin.error, "registered": registered}
    memo.write(records)


def _recall(plugin: Plugin, record: Any) -> bool:
    """Fill in what is remembered of a plugin, if it is."""
    try:
        registered = []
        for entry in record["registered"]:
            fields: dict[str, Any] = {name: str(value) for name, value in zip(_REMEMBERED, entry, strict=True)}
            registered.append(Registration(**fields, owner=plugin.distribution))
        plugin.error = None if record["error"] is None else str(record["error"])
    except (KeyError, TypeError, ValueError):
        return False
    plugin.registered = registered
    return True


def run_finished(run: Any) -> list[str]:
    """Tell every plugin that a run has finished."""
    return registry().run_finished(run)
