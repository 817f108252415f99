"""Who is no respondent in a drafted task file: people who did not consent, were screened out, or left before the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from surveyeval.task.questionnaire import Question, Questionnaire
from surveyeval.task.yaml_text import quoted, review, scalar

__all__ = ["Kept", "finished", "keep_lines", "kept_profile", "stayed"]

#: What the column Finished of Qualtrics holds -> what it means.
_FINISHED = {"1": "finished", "0": "left before the end", "true": "finished", "false": "left before the end"}
_TOLD = "told"


@dataclass(frozen=True)
class Kept:
    """A column that tells whose answers count: the code of those who stay, and all its codes with their words."""

    name: str
    column: str
    code: str
    labels: tuple[tuple[str, str], ...]
    why: str


def stayed(survey: Questionnaire, question: Question) -> frozenset[str]:
    """Keys of the options after which the survey goes on; all of them where no option ends it."""
    keys = {one.key for one in question.choices}
    gone: set[str] = set()
    for test in survey.leaving:
        if test.question == question.key and test.choice in keys:
            gone |= {test.choice} if test.operator == "==" else keys - {test.choice}
    return frozenset(keys - gone)


def finished(values: dict[str, int] | None) -> Kept | None:
    """From the codes of the column Finished and how often each is there, where some have not finished."""
    if not values or len(values) < 2 or not all(code.casefold() in _FINISHED for code in values):
        return None
    labels = tuple((code, _FINISHED[code.casefold()]) for code in sorted(values, reverse=True))
    left = sum(count for code, count in values.items() if _FINISHED[code.casefold()] != "finished")
    code = next(code for code, said in labels if said == "finished")
    return Kept("finished", "Finished", code, labels, f"{left} responses are not finished")


def keep_lines(kept: Sequence[Kept]) -> Iterator[str]:
    """Lines of ``keep:``, below ``source:``."""
    if kept:
        why = "; ".join(one.why for one in kept)
        yield from review(f"whose answers count. {why}. Without this line they count, with what they answered", 2)
        yield f"  keep: {' and '.join(f'{one.name} == {quoted(one.code)}' for one in kept)}"


def kept_profile(kept: Sequence[Kept], fields: Sequence[str]) -> Iterator[str]:
    """Lines for what ``keep`` names: fields of the profile, but of no profile set, so that no model is told."""
    for one in kept:
        yield f"  {one.name}:  # for `keep` only: it stands in no profile set"
        yield f"    column: {quoted(one.column)}"
        yield "    labels:"
        yield from (f"      {quoted(code)}: {scalar(label)}" for code, label in one.labels)
    if kept:
        yield "profile_sets:"
        yield f"  {_TOLD}: [{', '.join(fields)}]"
