"""What installed plugins registered when they were last loaded, so that listing and completion need not import them.

One JSON file in the user's cache folder. Whatever is wrong with it, it is as if it were empty: a plugin that is not
remembered is loaded again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from surveyeval import __version__

__all__ = ["cache_folder", "find_module", "key", "read", "write"]

#: Environments share the file; the oldest entries beyond this number are forgotten.
_ENTRIES = 200


def cache_folder() -> Path:
    """The user's cache: SURVEYEVAL_CACHE, or a folder in the home directory.

    Raises
    ------
    RuntimeError
        When there is neither the variable nor a home directory.
    """
    named = os.environ.get("SURVEYEVAL_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "surveyeval"


def find_module(name: str) -> tuple[Path | None, list[Path]]:
    """File of a module, and the folders of a package, without importing it or its parents.

    Parameters
    ----------
    name : str
        Dotted name of a module or package.

    Returns
    -------
    file : Path or None
        None when there is no such module, or no file that holds it.
    folders : list of Path
        Empty for a module that is no package; several for a namespace package.
    """
    top, *rest = name.split(".")
    try:
        spec = find_spec(top)  # of a top-level name, this looks for the file and imports nothing
    except Exception:  # somebody's import hook, or an empty name
        return None, []
    if spec is None:
        return None, []
    file = Path(spec.origin) if spec.has_location and spec.origin else None
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    for part in rest:
        candidates = [path for folder in folders for path in (folder / part / "__init__.py", folder / f"{part}.py")]
        file = next((path for path in candidates if path.is_file()), None)
        folders = [folder / part for folder in folders if (folder / part).is_dir()]
    return file, folders


def key(entry_point: metadata.EntryPoint) -> str:
    """What must be unchanged for a plugin to be remembered.

    Its distribution with the record of installed files, the entry point, and the file that it names with its time: an
    editable install changes that file and nothing else.
    """
    parts: list[Any] = [__version__, entry_point.name, entry_point.value]
    if entry_point.dist is not None:
        dist = entry_point.dist
        parts += [dist.name, dist.version, dist.read_text("RECORD") or dist.read_text("METADATA")]
    file, _ = find_module(entry_point.value.partition(":")[0].strip())
    if file is not None:
        try:
            parts += [str(file), file.stat().st_mtime_ns]
        except OSError:
            parts.append(str(file))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _path() -> Path:
    return cache_folder() / "plugins.json"


def read() -> dict[str, Any]:
    """Everything remembered, by key."""
    try:
        content = json.loads(_path().read_text(encoding="utf-8"))
        return dict(content["plugins"])
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):  # RuntimeError: no home, or nested too deeply
        return {}


def write(entries: Mapping[str, Any]) -> None:
    """Remember these as well."""
    known = read()
    if all(known.get(name) == entry for name, entry in entries.items()):
        return
    kept = {**{name: known[name] for name in known if name not in entries}, **entries}
    text = json.dumps({"plugins": dict(list(kept.items())[-_ENTRIES:])}, indent=0)
    try:
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".plugins.json.{os.getpid()}.tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except (OSError, RuntimeError):
        return  # listing is slower, nothing else
