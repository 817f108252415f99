"""The commands of the README, so that every test that runs them runs the same."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

__all__ = ["commands"]

_README = Path(__file__).resolve().parent.parent / "README.md"


def commands() -> list[list[str]]:
    """Words after ``surveyeval`` of each such line in a ``sh`` block, but those that need a language model."""
    blocks = re.findall(r"(?<!<!-- needs a model -->\n)```sh\n(.*?)```", _README.read_text(), flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("surveyeval ")]
