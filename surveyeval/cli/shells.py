"""Completion in shells as click has it, with two additions: model strings in bash, which parts words at ``:`` and ``=``, and files."""

from __future__ import annotations

import os

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

__all__ = ["Bash", "Fish", "Zsh", "register"]

#: bash tells the line up to the cursor, and what of it will be replaced; the words are parted by us.
_BASH = """\
%(complete_func)s() {
    local response type value
    COMPREPLY=()
    response=$(env SURVEYEVAL_LINE="${COMP_LINE:0:COMP_POINT}" SURVEYEVAL_REPLACED="$2" %(complete_var)s=bash_complete "$1")
    while IFS=',' read -r type value; do
        case "$type" in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                COMPREPLY+=("$value")
                case "$value" in *:|*=) compopt -o nospace ;; esac
                ;;
        esac
    done <<< "$response"
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""
#: How click's script for zsh hands over names, and how ours does.
_ZSH_ADDS = "compadd -U -V unsorted -a completions"
_ZSH_ADDS_OPEN = """local -a begun=(${(M)completions:#*[:=]})
        completions=(${completions:#*[:=]})
        compadd -U -V unsorted -S '' -a begun
        compadd -U -V unsorted -a completions"""


class _WithFiles(ShellComplete):
    """Where no name fits, a path may: of a task file, a data file, a run."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """What click finds, or else files; for the name of a command and for options there are none."""
        found = super().get_completions(args, incomplete)
        if found or not args or (incomplete.startswith("-") and "=" not in incomplete):
            return found
        return [CompletionItem(incomplete, type="file")]


class Bash(_WithFiles, BashComplete):
    """bash, with any ``COMP_WORDBREAKS``.

    It replaces what follows the last of these characters only, so what stands before is taken off every completion.
    """

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """The whole words before the cursor, and what there is of the one at the cursor."""
        line = os.environ.get("SURVEYEVAL_LINE")
        if line is None:  # a script that an earlier version wrote
            return super().get_completion_args()
        words = split_arg_string(f"{line}_")  # so that a word that is not begun is one too
        return words[1:-1], words[-1][:-1]

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Completions of what bash replaces, and files where there is nothing to add."""
        found, replaced = super().get_completions(args, incomplete), os.environ.get("SURVEYEVAL_REPLACED")
        if replaced is None:
            return found
        option, kept = _option(incomplete), len(incomplete) - len(replaced)
        added = [
            CompletionItem(f"{option}{one.value}"[kept:]) if one.type == "plain" else one
            for one in found
            if one.type != "plain" or not (one.value.endswith(":") and incomplete.endswith(one.value))
        ]
        return added or ([CompletionItem("", type="file")] if found else [])


class _WholeWords(_WithFiles):
    """Shells that replace the whole word: an option that is written with ``=`` stays in front."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Completions of the whole word."""
        found, option = super().get_completions(args, incomplete), _option(incomplete)
        return [CompletionItem(f"{option}{one.value}") if one.type == "plain" and option else one for one in found]


class Zsh(_WholeWords, ZshComplete):
    """zsh, without a space after what only begins a word."""

    source_template = ZshComplete.source_template.replace(_ZSH_ADDS, _ZSH_ADDS_OPEN)


class Fish(_WholeWords, FishComplete):
    """fish."""


def register() -> None:
    """Put these in the place of click's."""
    for shell in (Bash, Zsh, Fish):
        add_completion_class(shell)


def _option(word: str) -> str:
    """``--task=`` of ``--task=an``: click completes what follows."""
    name, equals, _ = word.partition("=")
    return f"{name}=" if equals and name.startswith("-") else ""
