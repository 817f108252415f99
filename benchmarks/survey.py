"""The survey of the scoring benchmarks: invented people, agreement items, one instruction that all prompts begin with.

The instruction is padded until the prompts of all people and items share exactly so many tokens, whatever the chat
template adds, so that the amount of shared work is the same for every model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

SHARED = 129

OPENING = (
    "You take part in a survey on everyday life in your town. Some facts about a resident follow, then one statement. "
    "Answer the way this resident would answer, not the way you would. Think of where the resident lives, how old the "
    "resident is and what the resident does all day. There are no right or wrong answers, and nobody is told who said "
    "what. Choose exactly one of the answers shown, and add no explanation."
)
#: Each word is one token for most tokenizers; sentences of filler carry no meaning for the answer.
FILLER = ("Take", "your", "time", "and", "read", "it", "all", "before", "you", "answer", ".")

STATEMENTS = (
    "Buses here run often enough",
    "Rents here are too high",
    "Our schools are good",
    "It is safe here at night",
    "We need more parks",
    "Shops here close too early",
    "The streets are kept clean",
    "People here help each other",
    "There is too much traffic",
    "The council listens to us",
    "Doctors are easy to reach",
    "I would like to move away",
)
#: No label begins like another: labels that do are cheaper for both sides, since lm-evaluation-harness reads a prompt once
#: for all options that differ in the last token alone.
LABELS = ("completely true", "mostly true", "partly true", "hardly true", "not true at all")
WORK = ("nurse", "driver", "teacher", "farmer", "clerk", "cook", "mason", "student", "baker", "lawyer", "welder")
PLACE = ("a village", "a small town", "a suburb", "the centre of a large city", "a farm", "a port", "a valley")
INSTRUCTION = {"letters": "Letter:", "text": "Answer:"}


@dataclass(frozen=True)
class Shape:
    """What is asked of whom."""

    respondents: int
    items: int
    options: str  # letters or text
    mode: str  # independent or sequential

    @property
    def questions(self) -> int:
        return self.respondents * self.items

    @property
    def label(self) -> str:
        after = " turns" if self.mode == "sequential" else ""
        return f"{self.options}, {self.respondents:,} x {self.items}{after}"


def write_task(folder: Path, shape: Shape, instruction: str) -> Path:
    """The task file and its rows."""
    import yaml

    options = {str(number): label for number, label in enumerate(LABELS, start=1)}
    task = {
        "name": "benchmark",
        "version": "1.0",
        "title": "Invented residents of an invented town",
        "source": {
            "use": "file:answers.csv",
            "provenance": "synthetic",
            "licence": "CC0-1.0",
            "citation": "made by benchmarks/survey.py; nobody answered it",
        },
        "profile": {
            "age": {"column": "age"},
            "work": {"column": "work", "labels": {name: name for name in WORK}},
            "place": {"column": "place", "labels": {name: name for name in PLACE}},
        },
        "interview": {
            "mode": shape.mode,
            "system": instruction,
            "profile": "{{ age }} years old, {{ work }}, lives in {{ place }}.",
            "instruction": INSTRUCTION[shape.options],
            "options": shape.options,
        },
        "items": [
            {"name": f"item_{number}", "role": "attitude", "kind": "ordinal", "question": text, "options": options}
            for number, text in enumerate(STATEMENTS[: shape.items], start=1)
        ],
    }
    (folder / "answers.csv").write_text(rows(shape))
    path = folder / "task.yaml"
    path.write_text(yaml.safe_dump(task, sort_keys=False))
    return path


def rows(shape: Shape) -> str:
    """One row for each invented person; all profiles differ."""
    lines = [",".join(["age", "work", "place", *(f"item_{number}" for number in range(1, shape.items + 1))])]
    for person in range(shape.respondents):
        profile = [str(18 + 37 * person % 72), WORK[person % len(WORK)], PLACE[person % len(PLACE)]]
        answers = [str((person + number) % len(LABELS) + 1) for number in range(shape.items)]
        lines.append(",".join(profile + answers))
    return "\n".join(lines) + "\n"


def load_survey(folder: Path, shape: Shape, tokens_of: Callable[[Any], Sequence[int]]) -> tuple[Any, Any]:
    """Task and people, the instruction padded; `tokens_of` gives the token ids of a conversation as the model reads it."""
    from surveyeval.task.human import load_human
    from surveyeval.task.load import load_task
    from surveyeval.task.render import interviews

    for extra in range(200):
        words = [OPENING, *(FILLER[number % len(FILLER)] for number in range(extra))]
        task = load_task(str(write_task(folder, shape, " ".join(words))))
        people = load_human(task).sample.without_answers()
        first = interviews(task, people)[:2]
        # two people and the first two questions differ wherever prompts can differ
        prompts = [tokens_of(one.messages_for(j)) for one in first for j in range(min(2, shape.items))]
        shared = common(prompts)
        if shared == SHARED:
            return task, people
        if shared > SHARED:
            break
    raise SystemExit(f"prompts cannot be made to share {SHARED} tokens with this tokenizer: they share {shared}")


def common(sequences: Sequence[Sequence[int]]) -> int:
    """Tokens that all sequences begin with."""
    low, high = min(sequences), max(sequences)
    for place, (one, other) in enumerate(zip(low, high, strict=False)):
        if one != other:
            return place
    return min(len(low), len(high))


def distinct(sequences: Sequence[Sequence[int]]) -> int:
    """Tokens that must be read when every beginning that several sequences share is read once: nodes of their trie."""
    ordered = sorted(set(map(tuple, sequences)))
    found = len(ordered[0])
    for before, after in pairwise(ordered):
        found += len(after) - common([before, after])
    return found
