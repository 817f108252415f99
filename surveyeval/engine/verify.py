"""Computing a run again from what is stored, without its model, and comparing.

Everything that follows from the task, the people and the stored answers is computed anew: hashes, the division of people, the
plan, prompts, estimates and tables. What only the model can tell is named as such.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surveyeval import __version__
from surveyeval.data.files import digest, file_hashes
from surveyeval.engine.divided import divided_as
from surveyeval.engine.experiment import Experiment
from surveyeval.engine.manifest import environment, shown_otherwise
from surveyeval.engine.plan import make_plan
from surveyeval.engine.prompts import examples
from surveyeval.engine.recomputed import Finding, Outcome, compare_estimates, compare_tables
from surveyeval.engine.responses import read_samples
from surveyeval.engine.restated import config_finding, manifest_findings
from surveyeval.engine.run import Run
from surveyeval.engine.score import scored
from surveyeval.engine.stored_answers import stored_answers
from surveyeval.errors import RunError, SurveyevalError
from surveyeval.metric.protocol import Metric
from surveyeval.model.build import build_elicitation, build_model
from surveyeval.model.protocol import LanguageModel, Respondent
from surveyeval.progress import Progress, Silent
from surveyeval.task.human import HumanData, load_human
from surveyeval.task.load import load_task
from surveyeval.task.task import Task

__all__ = ["Verified", "verify"]


@dataclass(frozen=True)
class Verified:
    """What became of a verification.

    Parameters
    ----------
    run : Run
    findings : tuple of Finding
    """

    run: Run
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing differs. What cannot be checked is no difference."""
        return all(one.outcome != "differs" for one in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        found = [{"part": one.part, "outcome": one.outcome, "said": one.said} for one in self.findings]
        return {"run": self.run.folder.name, "id": self.run.id, "ok": self.ok, "findings": found}


def verify(
    run: Run,
    metrics: Sequence[Metric],
    *,
    task: str | Task | None = None,
    data: str | None = None,
    progress: Progress | None = None,
) -> Verified:
    """Verify a run; nothing is written.

    Parameters
    ----------
    run : Run
        Finished or not, wherever it lies.
    metrics : sequence of Metric
    task : str or Task, optional
        Where the task is now; default: where the run found it.
    data : str, optional
        Where the data are now, of a run on other rows than the task's own.
    progress : Progress, optional
    """
    return Verified(run, tuple(_Verification(run, metrics, task, data, progress or Silent()).findings()))


class _Verification:
    def __init__(
        self, run: Run, metrics: Sequence[Metric], task: str | Task | None, data: str | None, progress: Progress
    ) -> None:
        self.run, self.metrics, self.given, self.data, self.progress = run, metrics, task, data, progress
        self.manifest, self.identity = run.manifest, run.manifest["identity"]
        self.environment = _others(self.manifest)

    def findings(self) -> Iterator[Finding]:
        shown = shown_otherwise(self.manifest)
        if shown:
            said = f"the manifest shows other {', '.join(shown)} than the run was made with"
            yield Finding("identity", "differs", said)
        else:
            what = "sha256 of all that makes the run what it is"
            yield self._compared("identity", what, self.run.id, digest(self.identity))
        yield from self._files()
        stored = self._stored_task()
        yield self._hashed_task("stored task", stored, "differs")
        yield from self._prompts(stored)
        current = self._current_task(stored)
        if current is stored and isinstance(stored, Task):
            said = "the task is not where it was, or cannot be read; the run's own copy is used"
            yield Finding("task", "unchecked", said)
        elif isinstance(current, Task) and self._is_form(current):
            said = "the run is of another form of it, which `surveyeval probe` makes and divides people for"
            yield Finding("task", "unchecked", said)
        else:
            yield self._hashed_task("task", current, "unchecked")
        people = self._people(current)
        if not isinstance(people, HumanData):
            yield Finding("data", "unchecked", people)
        else:
            yield self._compared("data", "sha256 of the rows of people", self.identity["data"], people.sha256)
        experiment = self._experiment(current, people)
        if isinstance(experiment, Finding):
            yield experiment
            yield from (
                Finding(part, "unchecked", "needs the task and the people of the run")
                for part in ("plan", "answers", "estimates", "tables")
            )
        else:
            yield from self._division(experiment)
            yield from stored_answers(self.run, experiment)
            yield from self._scores(experiment)
        model = self._built()
        yield from self._restated(stored, current, people, experiment, model)
        yield from self._model(experiment, model)
        if self.environment:
            yield Finding("versions", "unchecked", f"other versions than then: {self.environment}")

    # ---- what is stored -------------------------------------------------------------------------------------------

    def _files(self) -> Iterator[Finding]:
        recorded: Mapping[str, str] = self.manifest.get("sha256") or {}
        if not recorded:
            yield Finding(
                "files", "unchecked", "the manifest holds no hashes of files: the run is not finished, or old"
            )
        found = file_hashes(self.run.folder, *recorded)
        for name, expected in recorded.items():
            yield self._compared(name, "sha256 of the file", expected, found.get(name, "no such file"))

    def _stored_task(self) -> Task | str:
        try:
            return load_task(str(self.run.folder / "task.yaml"), profile_set=self.identity["profile_set"])
        except (SurveyevalError, OSError) as error:
            return f"task.yaml of the run cannot be read: {error}"

    def _hashed_task(self, part: str, task: Task | str, otherwise: Outcome) -> Finding:
        if isinstance(task, str):
            return Finding(part, otherwise, task)
        return self._compared(part, "sha256 of the task file", self.identity["task"], task.content_hash)

    def _prompts(self, task: Task | str) -> Iterator[Finding]:
        path = self.run.folder / "prompts.jsonl"
        asking = (self.manifest.get("elicitation") or {}).get("text")
        if asking is None or not path.exists():
            why = "the model is not asked question by question" if asking is None else "the run has none yet"
            yield Finding("prompts", "unchecked", why)
            return
        if isinstance(task, str):
            yield Finding("prompts", "unchecked", task)
            return
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        kept = [(line["arm"], [(turn["role"], turn["content"]) for turn in line["messages"]]) for line in lines]
        hidden = frozenset(self.identity["options"]["hidden"])
        made = [(arm, [(turn.role, turn.content) for turn in messages])
                for arm, messages in examples(task, hidden, build_elicitation(asking))]  # fmt: skip
        said = f"conversations of {len(made)} arm{'s' if len(made) != 1 else ''}, word for word"
        yield Finding("prompts", "agrees" if kept == made else "differs", said)
        if self.manifest.get("prompt_example") and lines and self.manifest["prompt_example"] != lines[0]["messages"]:
            yield Finding("prompt example", "differs", "the manifest shows another one than prompts.jsonl")
        yield Finding(
            "rendered prompts", "unchecked", "what the chat template makes of them needs the model's tokenizer"
        )

    # ---- task and people ------------------------------------------------------------------------------------------

    def _current_task(self, stored: Task | str) -> Task | str:
        if isinstance(self.given, Task):
            return self.given
        where = self.given or self.run.config["task"]
        try:
            return load_task(where, profile_set=self.identity["profile_set"])
        except SurveyevalError as error:
            why = str(error.problems[0])
        # the stored file is the same task, if what it needs is not looked up beside it
        if isinstance(stored, Task) and not stored.spec.source.use.startswith("file:"):
            return stored
        return f"the task is not where it was; say where with --task ({why})"

    def _is_form(self, task: Task) -> bool:
        """Whether a task is the one that a probe varied, and the run is of a variant."""
        return "probe" in self.run.config and self.manifest["task"]["name"].startswith(f"{task.name}.")

    def _people(self, task: Task | str) -> HumanData | str:
        if isinstance(task, str):
            return "needs the task"
        config = self.run.config
        try:
            return load_human(task, data=self.data or config.get("data"), provenance=config.get("provenance"))
        except SurveyevalError as error:
            return f"the rows of people cannot be had: {error.problems[0]}"

    def _experiment(self, task: Task | str, people: HumanData | str) -> Experiment | Finding:
        if isinstance(task, str) or isinstance(people, str):
            return Finding("split", "unchecked", "needs the task and the people of the run")
        if task.content_hash != self.identity["task"] or people.sha256 != self.identity["data"]:
            return Finding("split", "unchecked", "task or data are not those of the run, so nothing follows from them")
        try:
            return divided_as(self.run, task, people)
        except RunError as error:
            return Finding("split", "differs", error.problems[0].message)
        except SurveyevalError as error:
            return Finding("split", "unchecked", str(error))

    def _division(self, experiment: Experiment) -> Iterator[Finding]:
        identity, test = self.identity, experiment.test
        pilot = digest(list(experiment.pilot.respondent))
        if "study" in self.run.config:
            said = "the file of the study divides people; `surveyeval study` makes the run again"
            yield Finding("split", "unchecked", said)
        else:
            yield self._compared("split", "permutation of people", identity["split"], experiment.split.hash)
        if pilot == identity["pilot"] or "study" not in self.run.config:
            yield self._compared("pilot", "who informs models", identity["pilot"], pilot)
        else:
            yield Finding("pilot", "unchecked", "the file of the study says who informs models")
        yield self._compared("test people", "who tests models", identity["test"], digest(list(test.respondent)))
        plan = make_plan(list(test.respondent), experiment.options.draws, int(self.manifest["plan"]["block_size"]))
        yield self._compared("plan", "which interviews are answered together", identity["plan"], plan.hash)

    # ---- scores ---------------------------------------------------------------------------------------------------

    def _scores(self, experiment: Experiment) -> Iterator[Finding]:
        if not self.run.scored or self.run.status != "complete":
            yield Finding("estimates", "unchecked", "the run is not scored")
            return
        try:
            simulated = {
                self.run.model: read_samples(
                    experiment.task, experiment.test, experiment.options.draws, self.run.responses_path
                )
            }
        except RunError as error:
            yield Finding("estimates", "differs", f"cannot be made of these answers: {error.problems[0].message}")
            return
        _, estimates, tables = next(scored(experiment, [self.run], self.metrics, self.progress, simulated))
        for part, name, text, look in (
            ("estimates", "metrics.json", estimates, compare_estimates),
            ("tables", "tables.json", tables, compare_tables),
        ):
            kept = (self.run.folder / name).read_text()
            if kept == text:
                yield Finding(part, "agrees", f"{name} to the last byte")
                continue
            outcome, said = look(json.loads(kept), json.loads(text))
            if outcome == "differs" and self.environment:
                said += f"; other versions than then: {self.environment}"
            yield Finding(part, outcome, said)

    # ---- the model ------------------------------------------------------------------------------------------------

    def _built(self) -> Respondent | LanguageModel | str:
        made = self.manifest["model"]
        try:
            model = build_model(made["string"]).model
            if made["fingerprint"]["kind"] != "declared" or model.fingerprint().value == made["fingerprint"]["value"]:
                return model
        except Exception as error:  # a plugin's model may raise what it likes where its weights are missing
            return f"the model is not here: {error}"
        return "its string stands for another server, or for other options, here than then"

    def _restated(
        self, stored: Task | str, current: Task | str, people: HumanData | str, experiment: Experiment | Finding,
        model: Respondent | LanguageModel | str,
    ) -> Iterator[Finding]:  # fmt: skip
        """What manifest and config.yaml repeat, from the task that the identity names."""
        its = [one for one in (current, stored) if isinstance(one, Task) and one.content_hash == self.identity["task"]]
        task = its[0] if its else None
        human = people if isinstance(people, HumanData) and people.sha256 == self.identity["data"] else None
        yield from manifest_findings(
            self.run,
            task,
            human if task is not None else None,
            experiment if isinstance(experiment, Experiment) else None,
            None if isinstance(model, str) else model,
        )
        if task is None:
            yield Finding("config.yaml", "unchecked", "it, and the command in the manifest, need the task")
        else:
            yield config_finding(self.run, task)

    def _model(self, experiment: Experiment | Finding, model: Respondent | LanguageModel | str) -> Iterator[Finding]:
        made = self.manifest["model"]
        kind, value = made["fingerprint"]["kind"], made["fingerprint"]["value"]
        if kind == "declared":
            said = model if isinstance(model, str) else "what stands behind a server's name is for the server to know"
            yield Finding("model", "unchecked", said)
        else:
            yield self._fingerprint(model, value, experiment)
        yield Finding(
            "simulation", "unchecked", "whether the model gives these answers: `surveyeval run --again` asks it"
        )

    def _fingerprint(
        self, model: Respondent | LanguageModel | str, value: str, experiment: Experiment | Finding
    ) -> Finding:
        if isinstance(model, str):
            return Finding("model", "unchecked", model)
        try:
            if isinstance(model, LanguageModel) and not hasattr(model, "weights_hash"):
                return Finding("model", "unchecked", "needs the model")
            if isinstance(model, Respondent) and model.capabilities.needs_pilot:
                if isinstance(experiment, Finding):
                    return Finding("model", "unchecked", "needs the pilot people")
                model.fit(experiment.task, experiment.pilot)
            found = model.fingerprint().value
        except Exception as error:  # as above
            return Finding("model", "unchecked", f"the model is not here: {error}")
        if found != value and self.environment:
            return Finding(
                "model", "unchecked", f"the fingerprint holds versions, and these are others: {self.environment}"
            )
        return self._compared("model", "fingerprint", value, found)

    def _compared(self, part: str, what: str, expected: str, found: str) -> Finding:
        if expected == found:
            return Finding(part, "agrees", f"{what}: {_short(expected)}")
        return Finding(part, "differs", f"{what}: stored {_short(expected)}, now {_short(found)}")


def _short(value: str) -> str:
    return value if len(value) < 40 or " " in value else value[:12]


def _others(manifest: Mapping[str, Any]) -> str:
    """Versions that are others than those of the run, in words."""
    then = {**manifest.get("environment", {}), "surveyeval": manifest.get("surveyeval")}
    here = {**environment(), "surveyeval": __version__}
    return ", ".join(
        f"{name} {here.get(name, 'missing')} (then {then.get(name, 'missing')})"
        for name in dict.fromkeys([*then, *here])
        if then.get(name) != here.get(name)
    )
