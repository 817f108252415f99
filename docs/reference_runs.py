"""The page of run directories: every file, and the parts of the manifest. A test holds it to the files of runs."""

from __future__ import annotations

from reference_markdown import cell, code, made, table

__all__ = ["FILES", "MANIFEST", "TABLES", "page"]

#: What a run directory may hold.
FILES = {
    "manifest.json": "what was done, and everything that makes the run what it is: see below",
    "config.yaml": "the options of the run, for `surveyeval run --config`",
    "task.yaml": "the task file as it was, with what it includes",
    "prompts.jsonl": "exact examples of what a language model read, one JSON object a line, with an invented profile",
    "responses.log": "answers as they come, a checksum and JSON for each block; gone when the run is complete",
    "responses.parquet": "all simulated answers with states, option probabilities, mass and texts, as the model gave them",
    "metrics.json": "the [estimates](estimates.md) under `estimates`",
    "tables.json": "descriptive tables of the full samples: see below",
    "report.html": "the report card; one file, nothing else is loaded",
    "report.md": "the same in Markdown",
    "seal.json": "written by `surveyeval seal`",
    ".lock": "held while a command writes to the run",
}
#: Parts of the manifest.
MANIFEST = {
    "format": "version of this layout",
    "id": "sha256 over `identity`: the same command has the same, and continues or shows the run",
    "identity": "task, profile set, data, split, test and pilot people, model, options and plan, each as a hash or in full",
    "status": "`running`, `simulated` (answered, not scored), `complete` or `failed` (no valid answer)",
    "created": "when the run began, UTC",
    "finished": "when it was complete",
    "surveyeval": "version of surveyeval",
    "command": "the command that makes this run",
    "limited": "the value of `--limit`, where it left people out",
    "task": "name, version, title, provenance, licence, citation, wording of items, interview, margins",
    "data": "sha256 and number of the human rows",
    "model": "name, model string, fingerprint, and the banners of the card",
    "split": "hash and sizes of pool, pilot and test, a hash of the identifiers of test people, how many people were left out because an adapter was trained on them",
    "options": "limit, seed, draws, pilot, hidden fields, way of asking, splits",
    "plan": "hash, number and size of blocks",
    "elicitation": "how a language model was asked",
    "leaves": "what is sent to a server, and to which",
    "counts": "interviews, and answers that were given, invalid, refused or don't know",
    "prompt_example": "the first example of what was read",
    "notes": "what the model had to say, such as text that its template adds",
    "seconds": "time that asking took",
    "tried": "configurations that had been tried on this task on this machine when the run began; cards and `surveyeval disclose` count again",
    "sha256": "of the files with answers, prompts, estimates and tables, for `surveyeval verify`",
    "environment": "versions of Python and of packages that can change a result, and the machine's kind",
    "cache": "what came from the response cache, and when that was asked",
}
#: Parts of tables.json.
TABLES = {
    "sizes": "people, effective people, simulated rows, draws, arms, strata and PSUs",
    "distributions": "share of every option, by arm, of people with its interval and of the simulation",
    "means": "means of ordered items, by arm",
    "coefficients": "coefficients of each regression on both sides, with standard errors and intervals",
    "coherence": "counts of each rule, and the belief-action gap",
    "states": "answered, refused, don't know, not asked, missing, invalid, not run",
    "states_by_group": "the same within groups",
    "bounds": "what invalid answers could change at most",
    "mass": "probability that a language model gave to the options together",
    "retest": "how far people who were asked twice agree with themselves",
    "attention": "how many pass the checks of attention",
    "groups": "sizes of groups, and whether they are shown in full",
}

_TOLD = """\
A run is one task with one model on one split, in a directory `runs/TIME-TASK-MODEL-HASH`. It holds all that is needed to score it again
(`surveyeval score`), to render its card (`surveyeval report`) and to repeat it. Nothing in it names a path of the machine but those that
stand in the command. `runs/cards` holds cards of several runs.

A directory is complete when `status` in its manifest is; a run that was interrupted is continued by the same command. Answers are written
block by block, so what was answered before an interruption is not asked again."""


def page() -> str:
    """The text of the page."""
    return made(
        "Run directories",
        _TOLD,
        table(["file", "what it holds"], ([code(name), cell(text)] for name, text in FILES.items())),
        "## manifest.json",
        table(["key", "what it holds"], ([code(name), cell(text)] for name, text in MANIFEST.items())),
        "## tables.json",
        "Each part but the first is a list of rows.",
        table(["part", "what it holds"], ([code(name), cell(text)] for name, text in TABLES.items())),
        "## Identifiers of people",
        "`responses.parquet` may hold the identifiers of the data. Share a run with `surveyeval sample` or "
        "`surveyeval export`, which leave them out: [share samples, tables and seals](../how-to/sharing.md).",
    )
