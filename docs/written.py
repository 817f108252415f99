"""What scripts that write pages have in common: write them, or say with --check what is stale."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

__all__ = ["write_or_check"]

_ROOT = Path(__file__).parents[1]


def write_or_check(
    told: str | None,
    folder: Path,
    make: Callable[[], Mapping[str, str]],
    differences: Callable[[], list[str]],
    *,
    owned: Collection[str] = (),
) -> int:
    """Read the command line, and write files or compare.

    Parameters
    ----------
    told : str
        Docstring of the script.
    folder : Path
    make : callable
        Text of every file by name.
    differences : callable
        What is stale, a sentence each.
    owned : collection of str
        Endings of files that nobody else writes there: those that are made no more are removed.

    Returns
    -------
    int
        Exit code: 1 where something is stale.
    """
    parser = argparse.ArgumentParser(description=told, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="say what is stale, and write nothing")
    where = folder.relative_to(_ROOT)
    if parser.parse_args().check:
        said = differences()
        print("\n".join(said) or f"{where} is up to date")
        return int(bool(said))
    folder.mkdir(exist_ok=True)
    made = make()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")
    for file in folder.iterdir():
        if file.name not in made and file.suffix in owned:
            file.unlink()
    print(f"{len(made)} files in {where}")
    return 0
