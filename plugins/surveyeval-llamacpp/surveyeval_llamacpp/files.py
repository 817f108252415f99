"""Which file a reference names, and a hash of what it holds."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from surveyeval.errors import ModelError
from surveyeval.model.weights import content_hash

__all__ = ["EMBEDDED", "find", "hash_of"]

#: The small model that comes with a package of its own; see `surveyeval.model.embedded`.
EMBEDDED = "smollm2"
_PART = re.compile(r"-\d{5}-of-(\d{5})\.gguf$")


def find(reference: str) -> Path:
    """The GGUF file of a reference.

    Raises
    ------
    ModelError
        When there is none.
    """
    if reference == EMBEDDED:
        from surveyeval.model.embedded import gguf_file

        return gguf_file()
    path = Path(reference).expanduser()
    if path.suffix != ".gguf":
        raise ModelError(f"{reference!r} is no GGUF file", hint=f"llamacpp:PATH.gguf, or llamacpp:{EMBEDDED}")
    if not path.is_file():
        raise ModelError(f"there is no file {reference!r}", hint="give the path of a .gguf file on this machine")
    return path


def hash_of(path: Path) -> str:
    """sha256 of the weights; of a model in several files, of all of them."""
    pattern = glob.escape(path.name)
    part = _PART.search(path.name)
    if part:
        pattern = f"{glob.escape(path.name[: part.start()])}-*-of-{part[1]}.gguf"
    return content_hash(path.parent, pattern)
