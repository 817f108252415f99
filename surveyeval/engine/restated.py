"""What manifest and config.yaml of a run say for readers, beside what it follows from: task, people, options and model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from surveyeval import __version__
from surveyeval.engine.asked import asked_in, leaving, way_of_asking
from surveyeval.engine.experiment import Experiment
from surveyeval.engine.invocation import config_of, run_command
from surveyeval.engine.manifest import RunOptions, banners_of, describe_task, limited_to
from surveyeval.engine.plan import make_plan
from surveyeval.engine.recomputed import Finding
from surveyeval.engine.run import Run
from surveyeval.errors import SurveyevalError
from surveyeval.model.protocol import LanguageModel, Respondent, Trained
from surveyeval.model.strings import parse_model_string
from surveyeval.task.human import HumanData
from surveyeval.task.task import Task

__all__ = ["config_finding", "manifest_findings"]

#: Parts of a manifest that other findings of a verification are about.
_ELSEWHERE = {
    "format",
    "id",
    "identity",
    "sha256",
    "status",
    "command",
    "options",
    "counts",
    "prompt_example",
    "partial",
}
_ABSENT = object()


def manifest_findings(
    run: Run,
    task: Task | None,
    human: HumanData | None,
    experiment: Experiment | None,
    model: Respondent | LanguageModel | None,
) -> Iterator[Finding]:
    """Compare what a manifest repeats with what it follows from, as far as that is at hand.

    Parameters
    ----------
    run : Run
    task : Task, optional
        That of the run's identity, and no other.
    human : HumanData, optional
        Its people.
    experiment : Experiment, optional
        Its people as the run divided them.
    model : Respondent or LanguageModel, optional
        Built, not loaded.

    Yields
    ------
    Finding
        What agrees or differs, and, as unchecked, all that only the manifest says.
    """
    manifest, differing, checked = run.manifest, list[str](), set(_ELSEWHERE)
    options = _options(run)
    same = manifest.get("surveyeval") == __version__
    for name, expected in _expected(run, options, task, human, experiment, model).items():
        checked.add(name)
        # of some parts the manifest says more, which is a matter of its own
        whole = same and name not in ("split", "plan") and (name != "task" or human is not None)
        differing += _differences(name, _plain(expected), _at(manifest, name), same, whole)
    if options.limit is None and manifest.get("limited") is not None and "limited" not in checked:
        checked.add("limited")
        differing.append(f"limited is {manifest['limited']}, and the run has no limit")
    made = manifest["model"]
    said = ", ".join(sorted(checked - _ELSEWHERE)) or "nothing"
    if differing:
        yield Finding("manifest", "differs", "; ".join(differing))
    elif checked - _ELSEWHERE:
        yield Finding("manifest", "agrees", f"what it says of {said}")
    rest = [name for name in manifest if name not in checked and name != "model"]
    rest += [
        f"model.{name}"
        for name in made
        if name not in ("string", "name", "fingerprint") and f"model.{name}" not in checked
    ]
    rest += ["model.fingerprint.details"] if made["fingerprint"].get("details") else []
    yield Finding("rest of the manifest", "unchecked", f"nothing else says it: {', '.join(rest)}")


def _options(run: Run) -> RunOptions:
    kept = run.manifest["identity"]["options"]
    return RunOptions(**{**kept, "hidden": tuple(kept["hidden"])})


def _expected(
    run: Run,
    options: RunOptions,
    task: Task | None,
    human: HumanData | None,
    experiment: Experiment | None,
    model: Respondent | LanguageModel | None,
) -> dict[str, Any]:
    """Parts of the manifest, by name, as far as they follow from what is at hand."""
    found: dict[str, Any] = {}
    own = task is not None and "data" not in (run.config if (run.folder / "config.yaml").exists() else {})
    if task is not None and (human is not None or own):
        found["task"] = describe_task(task, human)
        if human is None:  # whether weights differ is for the rows to say
            del found["task"]["weighted"]
    if human is not None:
        found["data"] = {"sha256": human.sha256, "n": human.sample.n}
    if experiment is not None and run.status != "partial":
        test = experiment.test
        found["limited"] = limited_to(options, test, experiment.split)
        found["split"] = {"test": test.n}
        if "study" not in run.config:  # a study divides people by its own file
            found["split"] |= {"pool": len(experiment.split.pool), "pilot": experiment.pilot.n}
        if model is not None and not isinstance(model, Trained):
            found["split"] |= {"removed_training_rows": 0}
        plan = make_plan(list(test.respondent), options.draws, int(run.manifest["plan"]["block_size"]))
        found["plan"] = {"hash": plan.hash, "blocks": len(plan.blocks)}
    if run.manifest.get("elicitation") is not None:
        found["elicitation"] = way_of_asking(options)
    if model is not None:
        with suppress(Exception):  # a plugin's model may raise what it likes where its weights are missing
            found["elicitation"] = asked_in(model, options)
            if task is not None:
                found["model.banners"] = banners_of(model, task, options)
            if experiment is not None:
                found["leaves"] = leaving(experiment, model)
    return found


def _at(manifest: Mapping[str, Any], name: str) -> Any:
    found: Any = manifest
    for part in name.split("."):
        found = found.get(part, _ABSENT) if isinstance(found, Mapping) else _ABSENT
    return found


def _plain(content: Any) -> Any:
    """As it comes back from a file."""
    return json.loads(json.dumps(content))


def _differences(name: str, expected: Any, found: Any, same_version: bool, whole: bool) -> list[str]:
    """What of a part is otherwise, in words. What another version did not write yet, or no longer, is no difference.

    `whole`: it has no keys but those that are expected.
    """
    if found is _ABSENT:
        return [f"{name} is missing"] if same_version else []
    if not (isinstance(expected, dict) and isinstance(found, dict)):
        return [] if expected == found else [f"{name} is {_short(found)}, and should be {_short(expected)}"]
    names = {**expected, **found} if whole else {key: None for key in expected if same_version or key in found}
    return [
        f"{name}.{key} is {_short(found.get(key, 'missing'))}, and should be {_short(expected.get(key, 'missing'))}"
        for key in names
        if expected.get(key, _ABSENT) != found.get(key, _ABSENT)
    ]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return repr(text if len(text) <= 60 else f"{text[:60]}...") if isinstance(value, str) else text[:200]


def config_finding(run: Run, task: Task) -> Finding:
    """Compare config.yaml, and the command of the manifest, with the options and the model that the run was made with.

    Parameters
    ----------
    run : Run
    task : Task
        With the run's profile set in force.
    """
    made, config = run.manifest["model"], run.config
    if "probe" in config or "study" in config:
        return Finding(
            "config.yaml", "unchecked", "the run is a part of a probe or a study, whose command makes it again"
        )
    models = config.get("models")
    if not (isinstance(models, list) and len(models) == 1 and isinstance(models[0], str)):
        return Finding("config.yaml", "differs", "it names no model, or several")
    try:
        named = parse_model_string(models[0])
    except SurveyevalError as error:
        return Finding("config.yaml", "differs", f"its model is none: {error.problems[0].message}")
    differing = []
    if (named.name, named.text) != (made["name"], made["string"]) and models[0] != made["string"]:
        differing.append(f"its model is {_short(models[0])}, that of the run {_short(made['string'])}")
    expected = config_of(
        config["task"], models, _options(run), task, config.get("data"), config.get("provenance"),
        config.get("send_profiles") is True,
    )  # fmt: skip
    differing += [
        f"{name} is {_short(config.get(name))}, that of the run {_short(expected.get(name))}"
        for name in {**expected, **config}
        if _plain(expected.get(name)) != config.get(name)
    ]
    if not differing and run.manifest.get("command") != run_command({**expected, "models": [made["string"]]}):
        differing.append("the command in the manifest is another one")
    if differing:
        return Finding("config.yaml", "differs", "; ".join(differing))
    return Finding("config.yaml", "agrees", "model and options, and the command that says the same")
