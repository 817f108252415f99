"""Conditions of an experiment in a drafted task file: from what a questionnaire assigns at random, as the data call it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from surveyeval.task.questionnaire import ArmSet, Comparison, Questionnaire
from surveyeval.task.yaml_text import quoted, review, template_text

__all__ = ["Arms", "arms_lines", "find_arms"]

#: Parts of one randomiser, and combinations of several, that may be conditions; more are rather stimuli, of which each sees some.
_MOST = 16


@dataclass(frozen=True)
class Arms:
    """What people were assigned to.

    Parameters
    ----------
    sets : tuple of ArmSet
        With the codes of the data. Two or more are crossed.
    factors : tuple of str
        A name for each, where there are several.
    rules : mapping of (str, str) to (str, str)
        Column and code, as the questionnaire has them -> name and code in rules.
    notes : tuple of str
        What could not be said.
    """

    sets: tuple[ArmSet, ...] = ()
    factors: tuple[str, ...] = ()
    rules: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def shows(self, text: str) -> bool:
        """Whether a text is what people of some arm were shown."""
        return any(text in vignette for one in self.sets for _, _, vignette in one.levels)


def find_arms(
    survey: Questionnaire, values: Callable[[str], set[str] | None], name: Callable[[str], str], *, with_data: bool
) -> Arms:
    """Choose what can be arms.

    Parameters
    ----------
    survey : Questionnaire
    values : callable
        Codes of a column of the data; None where there is none.
    name : callable
        Makes a name that is not taken from a column.
    with_data : bool
        Whether there are data at all: without, everything is taken as the questionnaire has it.
    """
    found: list[tuple[ArmSet, ArmSet]] = []
    notes = []
    for one in survey.assignments:
        said = "; ".join(label for _, label, _ in one.levels)
        if len(one.levels) > _MOST or prod([len(other.levels) for other, _ in found], start=len(one.levels)) > _MOST:
            notes.append(f"people were assigned to one of these at random, too many to be arms: {said[:300]}")
            continue
        codes = values(one.column)
        if with_data and not codes:
            notes.append(
                f"people were assigned to one of these at random: {said}. The data have no column {one.column!r}, so that nobody "
                "knows who got which: export again with the order of randomised parts (More options: viewing order)"
            )
            continue
        coded = _coded(one, codes) if codes else one
        if coded is None:
            notes.append(
                f"people were assigned to one of these at random: {said}; column {one.column!r} names none of them"
            )
            continue
        found.append((one, replace(coded, levels=tuple(_shown(survey, one, coded)))))
    factors = tuple(name(one.column) for one, _ in found) if len(found) > 1 else ()
    rules = {}
    for number, (one, coded) in enumerate(found):
        for own, new in zip(one.levels, coded.levels, strict=True):
            rules[one.column, own[0]] = (factors[number] if factors else "arm", new[0])
    return Arms(tuple(coded for _, coded in found), factors, rules, tuple(notes))


def arms_lines(arms: Arms, before: Sequence[str]) -> Iterator[str]:
    """Lines of ``arms:``.

    Parameters
    ----------
    arms : Arms
    before : sequence of str
        Items that people answered before they were assigned.
    """
    yield ""
    yield from review(
        "conditions of the experiment, from the randomiser; the vignette is what people of the arm were shown"
    )
    if before and any(vignette for one in arms.sets for _, _, vignette in one.levels):
        yield from review(
            f"people answered {', '.join(before)} before they read it, and a simulated respondent reads it first: name these items in a "
            "profile set, with a `text` each, and they are told and not asked; or leave them out"
        )
    yield "arms:"
    if not arms.factors:
        yield from _levels(arms.sets[0], "  ", vignettes=True)
        return
    yield "  factors:"
    for factor, one in zip(arms.factors, arms.sets, strict=True):
        yield f"    {factor}:"
        yield from _levels(one, "      ", vignettes=False)
    shown = [_chosen(factor, one) for factor, one in zip(arms.factors, arms.sets, strict=True)]
    if any(shown):
        yield f"  vignette: {quoted(' '.join(text for text in shown if text))}"


def _levels(one: ArmSet, indent: str, *, vignettes: bool) -> Iterator[str]:
    yield f"{indent}column: {quoted(one.column)}"
    yield f"{indent}levels:"
    for code, label, vignette in one.levels:
        if not vignettes:
            yield f"{indent}  {quoted(code)}: {quoted(label)}"
            continue
        yield f"{indent}  {quoted(code)}:"
        yield f"{indent}    label: {quoted(label)}"
        if vignette:
            yield f"{indent}    vignette: {quoted(template_text(vignette))}"


def _chosen(factor: str, one: ArmSet) -> str:
    """A template that shows the text of the level that a person was assigned to."""
    parts = [
        f"{factor} == {json.dumps(code, ensure_ascii=False)} %}}{template_text(vignette)}"
        for code, _, vignette in one.levels
        if vignette
    ]
    return "{% if " + "{% elif ".join(parts) + "{% endif %}" if parts else ""


def _coded(one: ArmSet, codes: set[str]) -> ArmSet | None:
    """Levels with the codes of the data; None where the data know none of them."""
    folded = {_fold(code): code for code in codes}
    levels, known = [], 0
    for number, (code, label, vignette) in enumerate(one.levels):
        ways = (code, *(one.also[number] if one.also else ()))
        own = next((folded[_fold(way)] for way in ways if _fold(way) in folded), None)
        known += own is not None
        levels.append((code if own is None else own, label, vignette))
    return replace(one, levels=tuple(levels)) if known else None


def _fold(text: str) -> str:
    """A name without what platforms leave out of names: blanks, signs, case."""
    return re.sub(r"[\W_]+", "", text.casefold()) or text


def _shown(survey: Questionnaire, one: ArmSet, coded: ArmSet) -> Iterator[tuple[str, str, str]]:
    """Levels with what their people were shown, also where a branch or display logic shows it further down."""
    for (own, _, _), (code, label, vignette) in zip(one.levels, coded.levels, strict=True):
        test = Comparison("", "==", choice=own, row=one.column)
        texts: Sequence[str] = [
            question.text for question in survey.questions if question.kind == "text" and question.when == test
        ]
        further = [text for text in texts if text not in vignette]
        yield code, label, " ".join([*([vignette] if vignette else []), *further])
