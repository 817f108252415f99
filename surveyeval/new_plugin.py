"""A new plugin package: the example under ``plugins/surveyeval-example`` with other names."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from surveyeval.errors import ConfigError
from surveyeval.plugins import BUILTIN, Registry

__all__ = ["NewPlugin", "init_plugin"]

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PREFIX = "surveyeval-"
#: What is copied; tools leave other files in a checkout.
_COPIED = (".py", ".toml", ".md", ".yaml", ".typed")
_MOST = 60


@dataclass(frozen=True)
class NewPlugin:
    """A package that was written.

    Parameters
    ----------
    name : str
        Of the distribution.
    short : str
        What its registered names begin with.
    folder : Path
    files : tuple of str
        Paths inside the folder.
    """

    name: str
    short: str
    folder: Path
    files: tuple[str, ...]


def init_plugin(name: str, *, output: str | Path | None = None) -> NewPlugin:
    """Write a plugin package with one model, one metric, one task, one source and one report section, and their tests.

    Parameters
    ----------
    name : str
        Of the distribution, such as ``surveyeval-commute``. What follows ``surveyeval-`` is what its registered names
        begin with.
    output : path, optional
        Folder of the package; default: a new one with its name.

    Returns
    -------
    NewPlugin

    Raises
    ------
    ConfigError
        When the name is none, would hide another package or is taken, or the folder is not empty.
    """
    short = _checked(name)
    folder = Path(output) if output is not None else Path(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError("there is something already", file=str(folder), hint="choose another folder with --output")
    package = name.replace("-", "_")
    written = []
    try:
        for path in _template():
            inside = path.relative_to(_template_folder()).as_posix().replace("surveyeval_example", package)
            target = folder / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x", encoding="utf-8", newline="\n") as stream:
                stream.write(_renamed(path.read_text(encoding="utf-8"), name, package, short))
            written.append(inside)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=str(folder)) from error
    return NewPlugin(name, short, folder, tuple(written))


def _checked(name: str) -> str:
    """What registered names begin with, if the name will do."""
    if not _NAME.fullmatch(name) or len(name) > _MOST:
        likely = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-0123456789")[:_MOST].strip("-")
        hint = f"a name has at most {_MOST} of a to z, digits and single -, and begins with a letter"
        raise ConfigError(f"{name!r} is no name of a package", hint=f"{hint}: {likely}" if likely else hint)
    package, short = name.replace("-", "_"), name.removeprefix(_PREFIX).replace("-", "_")
    better = name if name.startswith(_PREFIX) else f"{_PREFIX}{name}"
    if package in sys.stdlib_module_names or keyword.iskeyword(package) or name in (BUILTIN, "surveyeval-harness"):
        raise ConfigError(
            f"{package!r} is a name of Python or of surveyeval", hint=f"choose another, such as {better}-2"
        )
    if util.find_spec(package) is not None and not _is_plugin(name):
        raise ConfigError(f"there is a package {package!r} already, which yours would hide", hint=f"{better}, for one")
    taken = [entry for entry in Registry().all("model") if entry.name == short]
    if taken:
        raise ConfigError(
            f"the plugin's model would be called {short!r}, which is built in",
            hint=f"choose another, such as {better}-2",
        )
    return short


def _is_plugin(name: str) -> bool:
    """Whether a package of this name is an installed plugin, perhaps the very one that is written anew elsewhere."""
    return any(
        point.dist is not None and point.dist.name == name for point in metadata.entry_points(group="surveyeval")
    )


def _template_folder() -> Path:
    here = Path(__file__).resolve().parent
    beside = here.parent / "plugins" / "surveyeval-example"
    # a checkout's own folder comes first: an editable install would read a stale copy
    return beside if (beside / "pyproject.toml").is_file() else here / "_plugin"


def _template() -> list[Path]:
    found = [
        path
        for path in sorted(_template_folder().rglob("*"))
        if path.is_file()
        and (path.suffix in _COPIED or path.name == "LICENSE")
        and not any(
            part.startswith((".", "__pycache__", "build", "dist"))
            for part in path.relative_to(_template_folder()).parts
        )
    ]
    if not found:
        raise ConfigError("the example plugin is not part of this installation", hint="install surveyeval-harness anew")
    return found


def _renamed(text: str, name: str, package: str, short: str) -> str:
    """A file of the example with other names; in prose, the word example stays."""
    text = text.replace("surveyeval-example", name).replace("surveyeval_example", package)
    text = re.sub(r"\bexample(?=_(ends|canteen|guests|words)\b)", short, text)
    text = re.sub(r"\bexample(?=:(first|last)\b)", short, text)
    text = text.replace("ends (example)", f"ends ({short})")
    return re.sub(r'(?<=register\.model\(\n        ")example(?=")|(?<="model )example(?=")', short, text)
