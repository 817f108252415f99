"""Python code that comes with a model. It runs for models that the user names, and for no other."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["BANNER", "VARIABLE", "asks_for_code", "trusted"]

#: Names of models whose own code may run, separated by commas. An environment variable, so that no task, study, config or
#: adapter of somebody else can say it in the user's place.
VARIABLE = "SURVEYEVAL_TRUST_REMOTE_CODE"
BANNER = "Python code that came with the model was run."


def trusted(reference: str) -> bool:
    """Whether the user named this model, as it stands in its model string, in `VARIABLE`."""
    named = [one.strip() for one in os.environ.get(VARIABLE, "").split(",")]
    return bool(reference) and reference in named


def asks_for_code(folder: Path) -> bool:
    """Whether the configuration of a model names code of its own."""
    try:
        return any(
            b'"auto_map"' in path.read_bytes()
            for path in (folder / "config.json", folder / "tokenizer_config.json")
            if path.is_file()
        )
    except OSError:
        return False
