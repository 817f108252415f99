"""Commands of other programs, which are looked at and not run, and the source files that pages quote."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from tests.pages.blocks import ROOT

__all__ = ["look_at", "sources"]


def look_at(words: Sequence[str]) -> Iterator[str]:
    """What is wrong with a command of another program, as far as can be seen without running it."""
    program, *rest = words
    if program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
        yield from (f"make has no target {word!r}" for word in rest if "=" not in word and word not in targets)
    elif program in ("pip", ".venv-vllm/bin/pip") and rest[0] == "install":
        for extra in (one for word in rest for one in re.findall(r"surveyeval-harness\[([\w,]+)\]", word)):
            known = _extras(ROOT / "pyproject.toml")
            yield from (f"there is no extra {name!r}" for name in extra.split(",") if name not in known)
        for folder in (word for word in rest if word.startswith("./plugins/")):
            yield from (
                () if (ROOT / folder.partition("[")[0] / "pyproject.toml").exists() else (f"there is no {folder}",)
            )
    elif program == "pytest":
        yield from (f"there is no {word}" for word in rest if "/" in word and not (ROOT / word).exists())
    elif Path(program).name in ("python", "python3") and rest[0].endswith(".py"):
        script = ROOT / rest[0]
        text = script.read_text() if script.exists() else ""
        yield from () if text else (f"there is no {rest[0]}",)
        options = (word for word in rest if word.startswith("--") and word != "--help")
        yield from (f"{rest[0]} has no option {word}" for word in options if f'"{word}"' not in text)
    elif Path(program).name in ("python", "python3") and rest[0] == "-m":
        yield from () if rest[1] in ("venv", "llama_cpp.server") else (f"module {rest[1]} is not known here",)
    else:
        yield f"{program} is not known here: say in tests/pages/others.py how it is checked"


def _extras(file: Path) -> set[str]:
    return set(tomllib.loads(file.read_text())["project"]["optional-dependencies"])


@cache
def sources() -> tuple[str, ...]:
    """Texts of the source files that pages quote."""
    files = [*(ROOT / "plugins").rglob("*.py"), *(ROOT / "plugins").rglob("pyproject.toml")]
    return tuple(file.read_text() for file in files if "build" not in file.parts)
