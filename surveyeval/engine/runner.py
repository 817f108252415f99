"""The runner: pairs a task with models on one split, block by block, and can be stopped at any moment."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from surveyeval.data.files import write_atomically
from surveyeval.data.sample import Sample, State
from surveyeval.data.seeds import uniforms
from surveyeval.data.split import Split, make_split
from surveyeval.engine.manifest import RunOptions, identity, new_manifest, now, run_name
from surveyeval.engine.plan import Block, Plan, make_plan
from surveyeval.engine.run import Run, find_runs
from surveyeval.engine.store import BlockAnswers, ResponseLog, samples
from surveyeval.engine.tried import count_tried
from surveyeval.errors import CapabilityError, ConfigError, RunError, did_you_mean
from surveyeval.model import host
from surveyeval.model.build import NamedModel
from surveyeval.model.calibrate import Calibration
from surveyeval.model.prepare import check as check_pilot
from surveyeval.model.prepare import prepare as prepare_model
from surveyeval.model.protocol import Checked, Interviews, Respondent, Scorer, Trained
from surveyeval.progress import Progress
from surveyeval.task.human import HumanData
from surveyeval.task.render import composed_person, interviews
from surveyeval.task.task import Task

__all__ = ["Experiment", "prepare", "simulate", "simulated_samples", "split_people"]


@dataclass(frozen=True, eq=False)
class Experiment:
    """A task with its people divided: who informs models, who tests them.

    ``removed`` counts test people left out because an adapter was trained on them.
    """

    task: Task
    human: HumanData
    split: Split
    pilot: Sample
    test: Sample
    options: RunOptions
    removed: int = 0


def prepare(task: Task, human: HumanData, options: RunOptions, models: Sequence[NamedModel]) -> Experiment:
    """Divide the people, check that every model can do what is asked, and fit those that learn from the pilot.

    Raises
    ------
    CapabilityError
        When a model cannot do the elicitation.
    ConfigError
        When an option names something that the task does not have.
    """
    _check_options(task, options)
    for named in models:
        if options.elicitation not in named.model.capabilities.elicitations:
            able = ", ".join(named.model.capabilities.elicitations)
            raise CapabilityError(
                f"model {named.name!r} cannot do elicitation {options.elicitation!r}", hint=f"it can: {able}"
            )
        if isinstance(named.model, Checked):
            named.model.check(task, human.sample)
    split = split_people(task, human)
    pilot_rows, test_rows = split.divide(options.pilot)
    pilot, hidden = human.sample.take(pilot_rows), frozenset(options.hidden)
    trained = np.zeros(human.sample.n, dtype=bool)
    for named in models:
        own = _trained_on(named.model, task, human)
        trained |= own
        check_pilot(named.model, task, pilot, hidden, own[pilot_rows])
    kept = test_rows[~trained[test_rows]]
    if len(kept) == 0:
        raise RunError(
            "no test people are left: the adapter was trained on all of them",
            hint="train on the task's pilot pool (`--pilot` counts from it), or use other data",
        )
    test = human.sample.take(kept if options.limit is None else kept[: options.limit])
    for named in models:
        if isinstance(named.model, Respondent) and named.model.capabilities.needs_pilot:
            named.model.fit(task, pilot)
    return Experiment(task, human, split, pilot, test, options, len(test_rows) - len(kept))


def _trained_on(model: Respondent | Scorer, task: Task, human: HumanData) -> NDArray[np.bool_]:
    """(n,) mask of the people that a model was trained on."""
    return model.trained_on(task, human) if isinstance(model, Trained) else np.zeros(human.sample.n, dtype=bool)


def split_people(task: Task, human: HumanData) -> Split:
    """The split of a task's people: one for each task and data set."""
    return make_split(human.sample, f"{task.name}:{human.sha256}")


def _check_options(task: Task, options: RunOptions) -> None:
    for name in options.hidden:
        if name not in task.profile:
            hint = did_you_mean(name, task.profile) or f"the profile has {', '.join(task.profile) or 'no fields'}"
            raise ConfigError(f"cannot hide {name!r}: it is not in the profile of task {task.name!r}", hint=hint)
    for name, value, least in (("limit", options.limit, 1), ("draws", options.draws, 1), ("splits", options.splits, 2)):
        if value is not None and value < least:
            raise ConfigError(f"{name} is {value}, it must be at least {least}")


def simulate(
    experiment: Experiment,
    named: NamedModel,
    output: Path,
    *,
    config: dict[str, Any],
    command: str,
    again: bool,
    progress: Progress,
) -> Run:
    """Answer all interviews of one model and store them; continue an unfinished run of the same identity."""
    task, options, test, model = experiment.task, experiment.options, experiment.test, named.model
    plan = make_plan(list(test.respondent), options.draws, host.block_size(model))
    fingerprint = model.fingerprint()
    run_identity = identity(
        task, experiment.human, experiment.split, test, experiment.pilot, fingerprint, options, plan
    )
    run = None if again else _existing(output, run_identity.hash)
    if run is not None and run.status in ("simulated", "complete"):
        progress.note(f"{named.name}: found finished run {run.folder.name}; --again repeats it")
        return run
    if run is None:
        created = now()
        folder = output / run_name(task, named.name, run_identity.hash, created)
        folder.mkdir(parents=True, exist_ok=False)
        manifest = new_manifest(
            task=task,
            human=experiment.human,
            split=experiment.split,
            test=test,
            pilot=experiment.pilot,
            model_name=named.name,
            model_string=named.string,
            fingerprint=fingerprint,
            banners=[*model.banners(), *_cautions(model, task, options)],
            options=options,
            plan=plan,
            run_identity=run_identity,
            command=command,
            created=created,
            tried=count_tried(task.name, run_identity.hash),
            removed_training_rows=experiment.removed,
        )
        write_atomically(folder / "task.yaml", task.text)
        write_atomically(folder / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
        write_atomically(folder / "manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
        run = Run(folder)
    else:
        progress.note(f"{named.name}: continuing {run.folder.name}")
        run.manifest["status"] = "running"
    with run.locked():
        _answer_blocks(experiment, named, run, plan, progress)
    return run


def _cautions(model: Respondent | Scorer, task: Task, options: RunOptions) -> Sequence[str]:
    return model.cautions(task, frozenset(options.hidden)) if isinstance(model, Trained) else ()


def _existing(output: Path, identity_hash: str) -> Run | None:
    matching = [run for run in find_runs(output) if run.id == identity_hash and run.status != "failed"]
    return matching[-1] if matching else None


def _answer_blocks(experiment: Experiment, named: NamedModel, run: Run, plan: Plan, progress: Progress) -> None:
    model, task = named.model, experiment.task
    log = ResponseLog(run.folder)
    done, dropped = log.read()
    if dropped:
        run.manifest["notes"].append(dropped)
        progress.note(f"{named.name}: {dropped}")
    pending = [block for block in plan.blocks if block.number not in done]
    started = time.monotonic()
    if pending:
        total = experiment.test.n * experiment.options.draws
        if isinstance(model, Scorer):
            progress.phase(f"{named.name}: loading", 0)
            model.load()
            progress.finish()
        hidden = frozenset(experiment.options.hidden)
        # by identifier: the pilot of a study's design is not the front of the split
        known = set(experiment.human.sample.respondent[_trained_on(model, task, experiment.human)])
        trained = np.array([name in known for name in experiment.pilot.respondent], dtype=bool)
        preparation = prepare_model(model, task, experiment.pilot, hidden, progress, trained)
        if preparation.calibration != Calibration():
            run.manifest["model"]["calibration"] = preparation.calibration.to_dict()
            run.save()  # a run that is stopped after its last block is not prepared again
        progress.phase(f"{named.name}: interviews", total)
        progress.advance(total - sum(block.stop - block.start for block in pending))
        for block in pending:
            done[block.number] = _answer(experiment, model, block, preparation)
            log.append(done[block.number])
            progress.advance(block.stop - block.start)
        progress.finish()
    _write_prompts(task, model, run, frozenset(experiment.options.hidden))
    run.manifest["seconds"] = round(run.manifest["seconds"] + time.monotonic() - started, 1)
    run.manifest["notes"] += list(getattr(model, "notes", ()))
    states = np.concatenate([state for record in done.values() for state in record.states.values()])
    run.manifest["counts"]["answered"] = int((states == State.ANSWERED).sum())
    run.manifest["counts"]["invalid"] = int((states == State.INVALID).sum())
    if not (states == State.ANSWERED).any():
        run.manifest["status"] = "failed"
        run.save()
        raise RunError(
            f"model {named.name!r} gave no valid answer in {experiment.test.n} interviews",
            file=run.folder.name,
            hint="look at prompts.jsonl in the run directory, and at the states in responses.log",
        )
    log.compact(task, experiment.test, plan, done)
    run.manifest["status"] = "simulated"
    run.manifest["finished"] = now().isoformat(timespec="seconds")
    run.save()


def _answer(
    experiment: Experiment, model: Respondent | Scorer, block: Block, preparation: host.Preparation
) -> BlockAnswers:
    task, options = experiment.task, experiment.options
    people = experiment.test.take(np.arange(block.start, block.stop))
    numbers = uniforms(options.seed, list(people.respondent), [item.name for item in task.items], block.draw, "draw")
    shown = people if model.capabilities.needs_answers else people.without_answers()
    batch = Interviews(task, shown, numbers, block.draw, frozenset(options.hidden))
    answers = host.simulate(model, batch, preparation=preparation)
    scores = host.log_prob(model, batch, people, preparation) if block.draw == 0 and model.capabilities.log_prob else {}
    filled = people.without_answers().with_answers(answers.answers, states=answers.states)
    return BlockAnswers(
        block,
        filled.answers,
        filled.states,
        answers.probabilities,
        answers.mass,
        scores,
        answers.paired,
    )


def _write_prompts(task: Task, model: Respondent | Scorer, run: Run, hidden: frozenset[str]) -> None:
    """Store one exact example for each arm, with an invented profile: never a real person's.

    Interviews of pilot people that stand in the prompt (``?examples=``) are left out for the same reason, and counted.
    """
    if not isinstance(model, Scorer):
        return
    person = composed_person(task)
    lines = []
    for arm in task.arms:
        interview = interviews(task, replace(person, arm=np.array([arm.key], dtype=object)), hidden)[0]
        answers = [question.answers[0] for question in interview.questions]
        alone = interview.mode == "independent"
        messages = interview.messages_for(0) if alone else interview.messages(answers[:-1])
        lines.append(
            {
                "arm": arm.key,
                "messages": [{"role": message.role, "content": message.content} for message in messages],
                "rendered": model.render(messages),
            }
        )
    write_atomically(
        run.folder / "prompts.jsonl", "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    )
    run.manifest["prompt_example"] = lines[0]["messages"]
    shown = getattr(model, "examples", 0)
    if shown:
        run.manifest["notes"].append(
            f"{shown} interviews of pilot people stand before each interview; the prompt example leaves them out"
        )


def simulated_samples(experiment: Experiment, run: Run) -> list[Sample]:
    """The simulated samples of a finished run, one for each draw."""
    return samples(experiment.task, experiment.test, experiment.options.draws, run.responses)
