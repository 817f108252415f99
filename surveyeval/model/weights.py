"""Files of weights on this machine: the libraries that read them, and a hash of what they hold."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from surveyeval.errors import MissingExtraError
from surveyeval.memo import cache_folder

__all__ = ["content_hash", "require_torch"]

#: Endings of files that determine what a model answers.
_READ = (".safetensors", ".bin", ".json", ".gguf", ".model", ".jinja", ".txt")


def require_torch() -> Any:
    """Import torch, or say how to install it.

    Returns
    -------
    module
        torch; transformers is installed as well.

    Raises
    ------
    MissingExtraError
        When either of the two is not installed.
    """
    try:
        import torch
        import transformers  # noqa: F401 - only to know that it is there
    except ImportError as error:
        raise MissingExtraError(
            f"language models need torch and transformers: {error}",
            hint='pip install "surveyeval-harness[hf]" (README: a CPU build of torch)',
        ) from error
    return torch


def content_hash(folder: Path, pattern: str = "*", *, code: bool = False) -> str:
    """sha256 over the files of a model folder, memoised by path, size and time of change.

    Parameters
    ----------
    folder : Path
    pattern : str
        Glob of the files that count; of these, weights, configuration, tokenizer and template.
    code : bool
        Whether Python files count too, since they are run.
    """
    read = (*_READ, ".py") if code else _READ
    files = sorted(path for path in folder.glob(pattern) if path.is_file() and path.suffix in read)
    stamps = [[str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    memo_path = cache_folder() / "hashes.json"
    key = hashlib.sha256(json.dumps(stamps).encode()).hexdigest()
    try:
        memo: dict[str, str] = json.loads(memo_path.read_text())
    except (OSError, ValueError):
        memo = {}
    if key not in memo:
        digest = hashlib.sha256()
        for path in files:
            digest.update(path.name.encode())
            with path.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        memo[key] = digest.hexdigest()
        try:
            memo_path.parent.mkdir(parents=True, exist_ok=True)
            temporary = memo_path.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps(memo))
            temporary.replace(memo_path)
        except OSError:
            pass  # a memo that cannot be kept costs time only
    return memo[key]
