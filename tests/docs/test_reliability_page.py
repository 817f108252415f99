"""The commands of the page about reliability collect tests that are about what their rows say."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path("docs/explanation/reliability.md")

#: How a row of faults begins: parts of the names of tests that its command must collect.
FITS: dict[str, tuple[str, ...]] = {
    "stopped at any step on the disk": ("stopped_at_any_step_it_ends_in_the_same_bytes[kill]",),
    "power lost at any of these steps": ("stopped_at_any_step_it_ends_in_the_same_bytes[power]",),
    "the disk is full from any": ("stopped_at_any_step_it_ends_in_the_same_bytes[full]", "a_full_disk_is_said"),
    "no room for what any other command writes": ("a_full_disk_is_one_sentence", "an_adapter_on_a_full_disk"),
    "the log cut at every byte": ("a_log_cut_at_any_byte_loses_only_the_cut_record",),
    "the log cut within its last two records": ("a_log_cut_at_any_byte_of_its_last_two_records",),
    "a log of another plan, a changed record": ("log_is_of_another_plan_is_refused", "a_damaged_record_before_the_last_is_refused"),
    "SIGKILL of a real run": ("a_real_model_killed_at_random_moments",),
    "a second process, and a process that is killed": ("the_second_of_two_processes_is_refused",),
    "two commands that begin": ("two_commands_that_begin_together",),
    "task, data, model, seed": ("what_changed_since_is_named", "the_option_of_a_model_that_changed"),
    "a server that answers one call in five": ("with_a_fault_in_five_calls",),
    "a server whose errors outlast": ("only_failed_answers_are_asked_for_again",),
    "a budget that runs out": ("a_budget_that_runs_out", "a_server_that_goes_away"),
    "a study stopped at its steps": ("a_study_stopped_at_any_step", "a_study_killed_again_and_again"),
    "a training stopped at any step": ("a_training_stopped_at_any_step", "trained_anew_is_the_old_one_or_the_new_one",
                                       "killed_by_the_system_at_random_steps"),
}  # fmt: skip


def rows() -> dict[str, str]:
    """First and last cell of the table of faults."""
    lines = PAGE.read_text().splitlines()
    begins = lines.index("| fault | what is shown | command |") + 2
    found = {}
    for line in lines[begins:]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        found[cells[0]] = cells[-1].strip("`")
    return found


def commands() -> dict[str, tuple[list[str], list[str]]]:
    """Files, and words of ``-k``, of every command that is one of pytest."""
    found = {}
    for fault, command in rows().items():
        if not command.startswith("pytest "):
            assert command.startswith("make "), command
            continue
        words = shlex.split(command)[1:]
        chosen = words[words.index("-k") + 1].split(" or ") if "-k" in words else [""]
        assert all(re.fullmatch(r"\w*", one) for one in chosen), "written so that this test can read it"
        files = words[: words.index("-k")] if "-k" in words else words
        assert words[len(files) :] in ([], ["-k", " or ".join(chosen)]), (
            f"{command}: files come before -k, which is about all of them"
        )
        found[fault] = (files, chosen)
    return found


@pytest.fixture(scope="module")
def collected() -> dict[str, list[str]]:
    """Names of the tests of every file that the page names."""
    files = sorted({file for files, _ in commands().values() for file in files})
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", *files], capture_output=True, text=True, check=False
    )
    found: dict[str, list[str]] = {file: [] for file in files}
    for line in done.stdout.splitlines():
        file, colons, name = line.partition("::")
        if colons and file in found:
            found[file].append(name)
    assert all(found.values()), done.stdout[-2000:]
    return found


def test_every_row_is_known_here() -> None:
    for fault in commands():
        assert sum(fault.startswith(begin) for begin in FITS) == 1, fault
    assert len(commands()) == len(FITS)


@pytest.mark.parametrize("begin", FITS)
def test_the_command_of_a_row_collects_tests_about_it(begin: str, collected: dict[str, list[str]]) -> None:
    ((files, chosen),) = [found for fault, found in commands().items() if fault.startswith(begin)]
    names = {
        file: [name for name in collected[file] if any(word in name for word in chosen)] for file in files
    }  # -k looks at file names too, which hold no word of a fault
    for file, those in names.items():
        assert those, f"{file}: no test is chosen"
    every = [name for those in names.values() for name in those]
    for part in FITS[begin]:
        assert any(part in name for name in every), part
