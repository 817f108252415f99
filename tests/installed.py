"""Distributions that are installed as far as Python can tell: a folder for ``sys.path`` with a ``.dist-info``."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping
from pathlib import Path

__all__ = ["PLUGINS", "install", "path_of"]

#: Source trees of plugins that tests install.
PLUGINS = Path(__file__).with_name("plugins")


def install(folder: Path, name: str, files: Mapping[str, str], entry: str, version: str = "1.2") -> Path:
    """Write modules and the metadata of a distribution whose entry point is `entry`; returns its ``.dist-info``."""
    for path, source in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(textwrap.dedent(source))
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[surveyeval]\n{name} = {entry}\n")
    return info


def path_of(*folders: Path) -> str:
    """PYTHONPATH with these folders in front."""
    return os.pathsep.join([*map(str, folders), *filter(None, [os.environ.get("PYTHONPATH")])])
