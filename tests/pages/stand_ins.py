"""What stands in for commands that take long, need a GPU or a network, or change the machine; and what is not run at all.

Every command is at least parsed: an unknown command or option fails. What is parsed only stands in `NOT_RUN`, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tests.pages.blocks import ROOT

if TYPE_CHECKING:
    from tests.pages.at_hand import AtHand

__all__ = ["NOT_RUN", "Quiet", "language_models", "reason_not_to_run", "stand_in"]

#: Commands of surveyeval that are parsed only: what they look like, and why.
NOT_RUN = {
    r"^\.venv-vllm/|vllm:": "vLLM has an environment of its own; `make test-vllm` runs it",
    r"\bllamacpp:": "llama.cpp is compiled when it is installed; plugins/surveyeval-llamacpp has its tests",
    r"\bopenai:": "needs a server; tests/openai runs against one",
    r"--executor\b": "starts workers that hold models; tests/distributed runs it",
    r" study ": "takes minutes to hours; tests/grid runs studies, and files of studies are read",
    r"--stop early": "trains for minutes; tests/tuning runs it",
    r"--suite (core|full)\b": "runs every task of a suite; tests/cli and docs/how-to/suites.md run small ones",
    r"\bexample:|\bcommute:|example_canteen|commute_canteen|ppi_n_eff": "needs an installed plugin; `make plugin-test` runs it",
    r"\bdoctor\b": "says of this machine what may not hold for another; tests/engine runs it",
}
#: Words of commands -> what is run in their place.
WORDS = {"RUN": "runs/FIRST", "NAME": "name", "NAME/task.yaml": "trust/task.yaml", "answers.sav": "answers.csv"}
#: Options that make a command shorter, where nothing is compared with what it prints: the least of both is taken.
SHORT = {
    "run": {"--limit": 20, "--splits": 2},
    "power": {"--splits": 2, "--people": 200},
    "finetune": {"--pilot": 6, "--epochs": 1},
    "compare": {"--splits": 2},
    "plan": {"--limit": 20},
    "probe": {"--limit": 2},
}
#: Tasks with many items and regressions, in whose place a small one is run.
_HEAVY = ("anes96", "disclosure", "nonvoters")
_ON_A_TASK = ("run", "power", "finetune", "plan", "preview", "probe")
VOTERS = ROOT / "tests" / "pages" / "voters.yaml"
_LANGUAGE_MODEL = re.compile(r"\b(embedded:smollm2|hf:org/name|hf:NAME_OR_PATH)")


class Quiet:
    """No progress: it differs from one time to the next."""

    def phase(self, title: str, total: int) -> None:
        """Nothing."""

    def advance(self, steps: int = 1) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def finish(self) -> None:
        """Nothing."""


def reason_not_to_run(text: str) -> str:
    """Why a command is parsed only; blank where it is run."""
    return next((reason for pattern, reason in NOT_RUN.items() if re.search(pattern, text)), "")


def language_models(text: str, at_hand: AtHand) -> str:
    """A text with a tiny model in the place of language models."""
    return _LANGUAGE_MODEL.sub(f"hf:{at_hand.model}", text)


def stand_in(words: Sequence[str], at_hand: AtHand, *, shorten: bool) -> tuple[list[str], str]:
    """The words that are run, and the file that takes what they print (``> FILE``)."""
    found = [language_models(WORDS.get(word, word), at_hand) for word in words]
    target = ""
    if ">" in found:
        target = found[found.index(">") + 1]
        found = found[: found.index(">")]
    if shorten and found[0] in _ON_A_TASK and not any(word == "--data" or "file:" in word for word in found):
        found = [str(VOTERS) if word in _HEAVY else word for word in found]
    for option, most in SHORT.get(found[0], {}).items() if shorten else ():
        if option in found:
            place = found.index(option) + 1
            found[place] = str(min(float(found[place]), most)).removesuffix(".0")
        else:
            found += [option, str(most)]
    return found, target
