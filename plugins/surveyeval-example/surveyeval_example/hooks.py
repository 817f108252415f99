"""What this plugin brings. Delete what yours does not need, here and in the module that is named."""

from __future__ import annotations

import surveyeval
from surveyeval.hookspecs import Register


@surveyeval.hookimpl
def surveyeval_register(register: Register) -> None:
    """Register everything by its name, which users type, and its place, which is imported when it is used."""
    register.model(
        "example",  # --model example:first
        "surveyeval_example.model:Satisficer",
        options="surveyeval_example.model:SatisficerOptions",
        summary="gives the first or last option with some probability, else what the pilot answered",
        capabilities={"needs_pilot": True, "log_prob": True},
    )
    register.metric(
        "example_ends",  # computed in every run of a task that it applies to
        "surveyeval_example.metric:EndShare",
        axis="response style",
        summary="share of answers at the ends of scales",
    )
    register.task(
        "example_canteen",  # --task example_canteen
        "surveyeval_example:canteen/task.yaml",
        summary="invented guests of a canteen",
    )
    register.source(
        "example_guests",  # use: example_guests:240, in a task file
        "surveyeval_example.source:Guests",
        summary="invented guests of a canteen, as many as the reference says",
    )
    register.report_section(
        "example_words",  # on every card
        "surveyeval_example.section:section",
        summary="How often scales are answered at their ends",
    )
