"""Every command, YAML block and piece of Python on every page is run or checked; what a page shows as printed is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages import stand_ins
from tests.pages.at_hand import AtHand, make
from tests.pages.blocks import ROOT, blocks, commands, pages
from tests.pages.running import PageRun, normal, parse

WITH_BLOCKS = [page for page in pages() if any(True for _ in blocks(page))]


@pytest.fixture(scope="module")
def at_hand(tmp_path_factory: pytest.TempPathFactory) -> AtHand:
    return make(tmp_path_factory.mktemp("at-hand"))


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_is_right(page: Path, at_hand: AtHand, tmp_path: Path) -> None:
    wrong = PageRun(page, tmp_path, at_hand).run()
    assert not wrong, "\n".join(wrong)


def test_every_reason_not_to_run_is_needed() -> None:
    """A reason that no command has any more is taken away, so that the list tells how much is parsed only."""
    said = {
        stand_ins.reason_not_to_run(command.text)
        for page in WITH_BLOCKS
        for block in blocks(page)
        if block.language in ("sh", "console")
        for command in commands(block)
    }
    assert said - {""} == set(stand_ins.NOT_RUN.values())


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["run", "--task", "anes96", "--model", "baseline:cell"], ""),
        (["rum"], "there is no command 'rum'"),
        (["run", "--lmit", "3"], "No such option"),
        (["run", "--limit", "none"], "Invalid value"),
        (["cache", "inform"], "No such command"),
        (["init", "task", "NAME", "--frm", "x"], "No such option"),
    ],
)
def test_commands_are_parsed(words: list[str], wrong: str) -> None:
    said = list(parse(words))
    assert [wrong in one for one in said] == ([True] if wrong else [])


def test_a_transcript_may_leave_lines_out_and_forgets_the_time() -> None:
    shown = "one\n...\nRun: runs/20260101T000000Z-anes96-baseline-cell-00000000\n"
    printed = "one\ntwo\nthree\nRun: runs/20261126T032723Z-anes96-baseline-cell-6a27cc7c\n"
    from tests.pages.running import _matches

    assert _matches(normal(shown), normal(printed))
    assert not _matches(normal(shown.replace("one", "none")), normal(printed))
    assert not _matches("one\n", normal(printed))
