"""Write into pages what their commands print: ``python -m tests.pages PAGE...``; look at the difference before it is kept."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.pages.at_hand import AtHand, make
from tests.pages.blocks import blocks
from tests.pages.running import PageRun, normal

__all__ = ["rewrite"]


def rewrite(page: Path, found: AtHand, folder: Path) -> None:
    """Run a page, and put what each command of its transcripts prints below the command."""
    run = PageRun(page.resolve(), folder, found)
    for said in run.run():
        print(said.split("\n")[0])
    text = page.read_text(encoding="utf-8")
    for block in blocks(page.resolve()):
        if block.language == "console" and not {"not compared", "run by"} & set(block.marks):
            shown = "".join(f"$ {one.text}\n{normal(out)}" for one, out in run.printed if one.block.line == block.line)
            text = text.replace(f"```console\n{block.text}```", f"```console\n{shown}```")
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        prepared = make(Path(name))
        for number, one in enumerate(sys.argv[1:]):
            (Path(name) / str(number)).mkdir()
            rewrite(Path(one), prepared, Path(name) / str(number))
