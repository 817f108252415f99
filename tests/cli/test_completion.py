"""Shell completion of tasks, models, metrics and suites, in three shells, without anything heavy."""

from __future__ import annotations

import os
import pty
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.shell_completion import get_completion_class

from surveyeval.cli.main import cli
from surveyeval.cli.shells import register
from tests.cli.test_light import loaded


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("run --task dis", {"disclosure", "disclosure_sale"}),
        ("probe --task fram", {"framing"}),
        ("run --suite ", {"core", "full"}),
        ("run --model baseline:c", {"baseline:cell", "baseline:chain", "baseline:copula"}),
        ("run --model op", {"openai:"}),
        ("run --model vl", {"vllm:"}),
        ("show js_", {"js_distance"}),
        ("show cor", {"core"}),
        ("show baseli", {"baseline"}),
        ("run --elicitation ver", {"verbalized"}),
    ],
)
def test_names_are_completed_and_nothing_heavy_is_loaded(typed: str, expected: set[str], tmp_path: Path) -> None:
    text, heavy = loaded([], None, tmp_path, typed)
    words = {line.split(",", 1)[1] for line in text.splitlines() if "," in line}
    assert expected <= words
    assert all(word.startswith(typed.split(" ")[-1]) for word in words)
    assert heavy == set()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_its_script(shell: str) -> None:
    register()
    found = get_completion_class(shell)
    assert found is not None
    assert found.__module__ == "surveyeval.cli.shells"
    script = found(cli, {}, "surveyeval", "_SURVEYEVAL_COMPLETE")
    assert "_SURVEYEVAL_COMPLETE" in script.source_template % script.source_vars()


class Terminal:
    """bash as a person has it: keys go in, and a key of ours prints the line that is being edited."""

    def __init__(self, folder: Path) -> None:
        self.process, self.screen = pty.fork()
        if self.process == 0:
            os.chdir(folder)
            own = {"TERM": "dumb", "INPUTRC": "/dev/null", "PS1": "$ ", "SURVEYEVAL_CACHE": str(folder / "cache")}
            path = f"{folder / 'bin'}:{os.environ['PATH']}"
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], {**os.environ, **own, "PATH": path})
        self.seen = ""
        self.enter('bind -x \'"\\C-xp": printf "\\nline%s\\n" "<$READLINE_LINE>"\'')
        self.enter('eval "$(_SURVEYEVAL_COMPLETE=bash_source surveyeval)"')
        self.enter("printf 'rea%s\\n' dy")
        self.until(r"ready\r?\n")

    def enter(self, text: str) -> None:
        os.write(self.screen, f"{text}\n".encode())

    def until(self, pattern: str) -> re.Match[str]:
        """What is printed next and reads like this; readline takes keys in their order, so there is nothing to wait for."""
        while (found := re.search(pattern, self.seen)) is None:
            self.seen += os.read(self.screen, 65536).decode(errors="replace")
        self.seen = self.seen[found.end() :]
        return found

    def completed(self, typed: str, times: int = 1) -> str:
        """The line after TAB."""
        os.write(self.screen, f"{typed}{chr(9) * times}\x18p".encode())
        line = self.until(r"line<(.*)>\r?\n")[1]
        os.write(self.screen, b"\x15")
        return line

    def close(self) -> None:
        self.enter("\x15exit")
        os.waitpid(self.process, 0)
        os.close(self.screen)


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    folder = tmp_path_factory.mktemp("typed")
    for name in ("bin", "vote96", "runs"):
        (folder / name).mkdir()
    (folder / "vote96" / "task.yaml").touch()
    command = folder / "bin" / "surveyeval"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m surveyeval "$@"\n')
    command.chmod(0o755)
    terminal = Terminal(folder)
    yield terminal
    terminal.close()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("surveyeval ru", "surveyeval run "),
        ("surveyeval run --task an", "surveyeval run --task anes96 "),
        ("surveyeval run --task=an", "surveyeval run --task=anes96 "),
        ("surveyeval run --task vote96/t", "surveyeval run --task vote96/task.yaml "),
        ("surveyeval run --task=vote96/t", "surveyeval run --task=vote96/task.yaml "),
        ("surveyeval power vote96/t", "surveyeval power vote96/task.yaml "),
        ("surveyeval init task new --from vote96/t", "surveyeval init task new --from vote96/task.yaml "),
        ("surveyeval report ru", "surveyeval report runs/"),
        ("surveyeval run --model base", "surveyeval run --model baseline:"),
        ("surveyeval run --model baseline:ce", "surveyeval run --model baseline:cell "),
        ("surveyeval run --model=baseline:ce", "surveyeval run --model=baseline:cell "),
        ("surveyeval run --model mine=base", "surveyeval run --model mine=baseline:"),
        ("surveyeval run --model mine=baseline:ce", "surveyeval run --model mine=baseline:cell "),
        ("surveyeval run --model 'baseline:ce", "surveyeval run --model 'baseline:cell' "),
        ("surveyeval run --model hf", "surveyeval run --model hf:"),
        ("surveyeval run --model mine=file:vote96/t", "surveyeval run --model mine=file:vote96/task.yaml "),
        ("surveyeval run --elicitation verb", "surveyeval run --elicitation verbalized "),
    ],
)
def test_a_real_bash_completes(typed: str, expected: str, bash: Terminal) -> None:
    assert bash.completed(typed) == expected


def test_a_second_tab_after_a_colon_lists_and_adds_nothing(bash: Terminal) -> None:
    assert bash.completed("surveyeval run --model base", times=3) == "surveyeval run --model baseline:"
    assert bash.completed("surveyeval run --model hf", times=2) == "surveyeval run --model hf:"


def test_a_real_bash_completes_whatever_parts_its_words(bash: Terminal) -> None:
    """With COMP_WORDBREAKS as some have it, without the colon and the equals sign."""
    bash.enter("broken=$COMP_WORDBREAKS; COMP_WORDBREAKS=${COMP_WORDBREAKS//[:=]}")
    for typed in ("surveyeval run --model mine=baseline:ce", "surveyeval run --model=baseline:ce"):
        assert bash.completed(typed) == f"{typed}ll "
    bash.enter("COMP_WORDBREAKS=$broken")
