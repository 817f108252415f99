"""Registers one of everything, and tells when a run has finished."""

from pathlib import Path

import surveyeval


@surveyeval.hookimpl
def surveyeval_register(register):
    register.model("parrot", "example_plugin.model:Parrot", summary="repeats one option to every question")
    register.metric("first_share", "example_plugin.metric:FirstShare", axis="habits", summary="first options chosen")
    register.task("coffee", "example_plugin:coffee/task.yaml", summary="what colleagues drink")
    register.source("canteen", "example_plugin.source:Canteen", summary="rows made on the spot")
    register.report_section("canteen", "example_plugin.section:section", summary="From the <canteen>")
    register.elicitation(
        "shout",
        "example_plugin.elicitation:Shout",
        options="example_plugin.elicitation:ShoutOptions",
        summary="asks loudly for one word",
    )


@surveyeval.hookimpl
def surveyeval_run_finished(run):
    Path("finished.txt").write_text(f"{run.task} {run.model} {run.status}")
    raise RuntimeError("the example plugin always complains")
