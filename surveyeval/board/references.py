"""What people reach themselves, computed again where the task's people are on this machine.

References and floors need people, pilot, seed and number of halves, and no model: with the same data they are the same to
the last digit or so, whoever ran the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from surveyeval.board.agreement import KEY
from surveyeval.board.findings import Findings
from surveyeval.board.small_cells import suppressed_estimates
from surveyeval.errors import SurveyevalError
from surveyeval.task.task import Task

if TYPE_CHECKING:
    from surveyeval.engine.experiment import Experiment

__all__ = ["METRICS", "MOST", "check_references"]

#: Metrics whose references are computed again: those that need no regression, which would take most of the time.
METRICS = (
    "total_variation", "js_distance", "wasserstein", "group_js_distance", "unique_patterns", "structure_ratio", "coverage",
    "sd_ratio", "gap", "coherence",
)  # fmt: skip
#: Test people times halves up to which that takes some ten seconds at most.
MOST = 100_000
_CLOSE = 1e-7


def check_references(parts: Mapping[str, Any], task: Task | None, found: Findings) -> None:
    """Compare references and floors with those of the people on this machine.

    Parameters
    ----------
    parts : mapping
    task : Task, optional
        The same task on this machine.
    found : Findings
    """
    manifest, rows = parts["manifest"], parts["metrics"]["estimates"]
    if task is None:
        found.cannot("what people and floors reach: needs the task's people, which are not on this machine")
        return
    experiment = _experiment(manifest, task)
    if isinstance(experiment, str):
        found.cannot(f"what people and floors reach: needs the same people, {experiment}")
        return
    metrics = _metrics(experiment.task)
    splits = max((experiment.options.splits or one.spec.splits for one in metrics), default=0)
    if not metrics or experiment.test.n * splits > MOST:
        found.cannot(f"what people and floors reach: {experiment.test.n} people would take long")
        return
    _compare(rows, _computed(experiment, metrics), parts["tables"], found)
    found.cannot("what people and floors reach in regressions and for individuals: takes long")


def _experiment(manifest: Mapping[str, Any], task: Task) -> Experiment | str:
    """The people of a submission, or why they are not here."""
    from surveyeval.data.sources import wanting
    from surveyeval.engine.experiment import prepare
    from surveyeval.engine.manifest import RunOptions
    from surveyeval.task.human import load_human

    options = manifest["options"]
    source = task.spec.source
    try:
        if wanting(source.use, task.folder, source.sha256) is not None:
            return "which were not fetched to this machine"
        human = load_human(task)
        if human.sha256 != manifest["data"]["sha256"]:
            return "and the task's are others here"
        chosen = RunOptions(
            seed=options["seed"], pilot=options["pilot"], limit=options.get("limit"), splits=options.get("splits"),
            hidden=tuple(options["hidden"]),
        )  # fmt: skip
        experiment = prepare(task, human, chosen, [])
    except (SurveyevalError, OSError, KeyError, TypeError, ValueError) as error:
        return f"and {' '.join(str(error).split())[:120]}"
    identity = manifest["identity"]
    if _hashes(experiment) != (identity["test"], identity["pilot"]):
        return "and other people are in its test or pilot here"
    return experiment


def _hashes(experiment: Experiment) -> tuple[str, str]:
    from surveyeval.data.files import digest

    return digest(list(experiment.test.respondent)), digest(list(experiment.pilot.respondent))


def _metrics(task: Task) -> list[Any]:
    from surveyeval.plugins import registry

    made = [registry().get("metric", name).load()() for name in METRICS]
    return [metric for metric in made if metric.applicable(task) is None]


def _computed(experiment: Experiment, metrics: Sequence[Any]) -> dict[tuple[str, ...], Mapping[str, Any]]:
    from surveyeval.engine.estimates import to_records
    from surveyeval.engine.evaluate import evaluate

    options = experiment.options
    table = evaluate(
        experiment.task, experiment.test, {}, experiment.pilot, metrics=metrics, seed=options.seed,
        splits=options.splits, hidden=experiment.hidden, tests=False,
    )  # fmt: skip
    return {_key(row): row for row in to_records(table) if row["quantity"] in ("reference", "floor")}


def _key(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (str(row["quantity"]), str(row["model"]), *(str(row[name]) for name in KEY))


def _compare(
    rows: Sequence[Mapping[str, Any]],
    computed: Mapping[tuple[str, ...], Mapping[str, Any]],
    tables: Mapping[str, Any],
    found: Findings,
) -> None:
    what = "what people and floors reach, computed again from the task's people"
    names = {key[2] for key in computed}
    stated = {_key(row): row for row in rows if row["quantity"] in ("reference", "floor") and row["metric"] in names}
    for key, row in stated.items():
        again = computed.get(key)
        name = f"{'reference' if key[0] == 'reference' else f'floor {key[1]}'} of {', '.join(filter(None, key[3:]))}"
        if again is None:
            found.expect(what, False, f"{name} is nothing that these people have")
            continue
        # what is small would have been left out when it was exported; how small a group is, a submission does not tell
        small = bool(row["group"]) or suppressed_estimates([again], tables)[1] > 0
        if small and "fewer than" in row["reason"] and row["value"] is None:
            continue
        for part in ("value", "low", "high"):
            one, other = row[part], again[part]
            same = one is None and other is None
            if one is not None and other is not None:
                same = abs(one - other) <= _CLOSE * max(1.0, abs(other))
            found.expect(what, same, f"{name}: {part} is {_said(one)}, and follows to be {_said(other)}")
        found.expect(
            what, row["headline"] == again["headline"], f"{name}: is {'a' if row['headline'] else 'no'} headline"
        )
    for key in computed.keys() - stated.keys():
        found.expect(what, False, f"{key[0]} of {', '.join(filter(None, key[3:]))} ({key[1]}) is missing")


def _said(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, (int, float)) else "none"
