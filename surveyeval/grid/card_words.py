"""Sentences that the card of a study carries: what its numbers are conditional on, and what they cannot tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from surveyeval.grid.study import Study
from surveyeval.grid.task_view import TaskView
from surveyeval.reporting.blocks import Fact
from surveyeval.reporting.numbers import count, enumerate_words

__all__ = ["configurations", "limits"]

_VARIANT = [
    "task",
    "profile_set",
    "holdout",
    "size",
    "scope",
    "balance",
    "profile",
    "draw",
    "method",
    "base",
    "tuning_seed",
]


def configurations(estimates: pd.DataFrame) -> int:
    """How many variants a study compared: methods on designs, pilot draws and training seeds."""
    held = estimates.loc[estimates["method"] != "", _VARIANT]
    return len(held.drop_duplicates())


def limits(study: Study, found: Sequence[TaskView]) -> list[Fact]:
    """Everything that the numbers cannot tell, under the heads a reader looks for."""
    return list(_limits(study, found))


def _limits(study: Study, found: Sequence[TaskView]) -> Iterator[Fact]:
    spec = study.spec
    synthetic = [view.name for view in found if view.synthetic]
    if synthetic:
        text = f"The reference of {enumerate_words(synthetic)} is not human data. Pipeline check; not comparable; not rankable."
        yield Fact("Synthetic reference", text)
    yield Fact(
        "Simulated rows",
        "Simulated rows are not respondents. Standard errors computed from them describe the model, not the population.",
    )
    for view in found:
        people = f" of {count(view.info['people'])} in the source" if view.info.get("people") else ""
        yield Fact(
            "Reference",
            f"{view.title}: {count(view.n)} test {view.words.short}{people}, halves of {count(view.half)}. A reference is "
            f"{view.words.sample} of the same size, not perfection; passing is not evidence of equality, and equivalence is not tested in studies.",
        )
    yield Fact(
        "Equal sizes",
        "Within one pilot size every method has the same pilot people (validation rows count as pilot for all), the same test people "
        "and the same random halves. Values are compared at equal size only: counts of structures, F1 and distances change with it.",
    )
    draws, seeds = spec.pilots.draws, len(spec.seeds)
    over = (
        f"The range runs over {count(draws)} pilot draw{'s' if draws != 1 else ''} and {count(seeds)} training "
        f"seed{'s' if seeds != 1 else ''}: from the smallest to the largest value, no confidence interval."
        if draws * seeds > 1
        else "With one pilot draw and one training seed nothing here tells how much another pilot or seed would change."
    )
    yield Fact(
        "Intervals",
        "95% jackknife intervals over test people, conditional on the prompt, the adapter and the pilot: what another pilot or training "
        f"seed would give is not in them. {over} No interval is adjusted for how many there are.",
    )
    yield Fact(
        "Better, worse",
        "Said where the mean paired interval lies on one side of 0 and so does every pilot draw and training seed; otherwise not told "
        "apart. Not told apart is not the same as equal.",
    )
    yield Fact(
        "Configurations",
        f"{count(configurations(study.estimates))} variants were compared in this study. Wording, elicitation, model and options are "
        "choices too, and were not varied: nothing was preregistered.",
    )
    yield Fact(
        "Break-even",
        "Interpolated between the sizes of the study, from means over draws; a baseline counts from where it first gets there. It is "
        "about these baselines: a better statistical model needs fewer people.",
    )
    if any(base.startswith("embedded:smollm2") for base in spec.bases):
        yield Fact(
            "Demonstration model", "SmolLM2 has 135 million parameters. It says nothing about models people use."
        )
    if not spec.holdout and not any(scope != "all" for scope in spec.pilots.scopes):
        yield Fact(
            "Scope",
            "Test people come from the same survey, wave and frame as the pilot, and every arm and item is in it: this is interpolation. "
            "A new question, arm or population was not tested.",
        )
    else:
        yield Fact(
            "Scope",
            "Test people come from the same survey, wave and frame as the pilot. Unseen arms, groups and items are reported apart; a new "
            "population was not tested.",
        )
    yield Fact(
        "",
        "These results hold for these surveys. Nothing here supports replacing respondents, estimating effects, or describing a "
        "subgroup that was not tested.",
    )
