"""The runner: pairs a task with models on one split, block by block, and can be stopped at any moment."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from surveyeval.data.files import write_atomically
from surveyeval.data.sample import Sample, State
from surveyeval.engine.asked import asked_in, cached_part, leaving
from surveyeval.engine.asking import Asker, LanguageAsker, RespondentAsker
from surveyeval.engine.cache import ResponseCache
from surveyeval.engine.experiment import Experiment, trained_on
from surveyeval.engine.manifest import RunOptions, identity, new_manifest, now, run_name
from surveyeval.engine.plan import Plan, make_plan
from surveyeval.engine.prompts import examples
from surveyeval.engine.run import Run, find_runs
from surveyeval.engine.store import BlockAnswers, ResponseLog, samples
from surveyeval.engine.tried import count_tried
from surveyeval.errors import RunError, SurveyevalError
from surveyeval.model import host
from surveyeval.model.build import NamedModel
from surveyeval.model.calibrate import Calibration
from surveyeval.model.protocol import Fingerprint, LanguageModel, Respondent, Trained
from surveyeval.progress import Progress
from surveyeval.task.expand import whole_text
from surveyeval.task.task import Task

__all__ = ["own_options", "simulate", "simulated_samples"]


def own_options(options: RunOptions, model: Respondent | LanguageModel) -> RunOptions:
    """Options as they matter to a model: one that is not asked question by question is the same whatever the elicitation."""
    return options if isinstance(model, LanguageModel) else replace(options, elicitation=RunOptions().elicitation)


def simulate(
    experiment: Experiment,
    named: NamedModel,
    output: Path,
    *,
    config: dict[str, Any],
    command: str,
    again: bool,
    progress: Progress,
    cache: ResponseCache | None = None,
) -> Run:
    """Answer all interviews of one model and store them; continue an unfinished run of the same identity.

    Parameters
    ----------
    experiment : Experiment
    named : NamedModel
    output : Path
        Folder of run directories.
    config, command
        What repeats the run, for its directory.
    again : bool
        Run anew even if the same run exists.
    progress : Progress
    cache : ResponseCache, optional
        Where language models' answers are looked up and kept; default: none.

    Raises
    ------
    RunError
        When the model gave no valid answer, or another process works on the run.
    ModelError
        When the model fails on the way. What was answered is on disk.
    """
    model = named.model
    experiment = replace(experiment, options=own_options(experiment.options, model))
    task, options, test = experiment.task, experiment.options, experiment.test
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
            elicitation=asked_in(model, options),
            leaves=leaving(experiment, model),
        )
        write_atomically(folder / "task.yaml", whole_text(task))
        write_atomically(folder / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
        write_atomically(folder / "manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
        run = Run(folder)
    else:
        progress.note(f"{named.name}: continuing {run.folder.name}")
        run.manifest["status"] = "running"
    with run.locked():
        _answer_blocks(experiment, _asker(experiment, named, fingerprint, cache, progress), named, run, plan, progress)
    return run


def _cautions(model: Respondent | LanguageModel, task: Task, options: RunOptions) -> Sequence[str]:
    return model.cautions(task, frozenset(options.hidden)) if isinstance(model, Trained) else ()


def _existing(output: Path, identity_hash: str) -> Run | None:
    matching = [run for run in find_runs(output) if run.id == identity_hash and run.status != "failed"]
    return matching[-1] if matching else None


def _asker(
    experiment: Experiment,
    named: NamedModel,
    fingerprint: Fingerprint,
    cache: ResponseCache | None,
    progress: Progress,
) -> Asker:
    model = named.model
    if not isinstance(model, LanguageModel):
        return RespondentAsker(model, experiment)
    # by identifier: the pilot of a study's design is not the front of the split
    known = set(experiment.human.sample.respondent[trained_on(model, experiment.task, experiment.human)])
    trained = np.array([name in known for name in experiment.pilot.respondent], dtype=bool)
    return LanguageAsker(named, model, fingerprint, experiment, trained, cache or ResponseCache(None), progress)


def _answer_blocks(
    experiment: Experiment, asker: Asker, named: NamedModel, run: Run, plan: Plan, progress: Progress
) -> None:
    log = ResponseLog(run.folder)
    done, dropped = log.read()
    if dropped:
        run.manifest["notes"].append(dropped)
        progress.note(f"{named.name}: {dropped}")
    pending = [block for block in plan.blocks if block.number not in done]
    started = time.monotonic()
    total, asking = experiment.test.n * experiment.options.draws, False

    def begin() -> None:
        """Tell that the model is asked, once."""
        nonlocal asking
        if not asking:
            progress.phase(f"{named.name}: interviews", total)
            progress.advance(sum(record.block.stop - record.block.start for record in done.values()))
            asking = True

    try:
        if pending and isinstance(asker, LanguageAsker) and asker.preparation.calibration != Calibration():
            run.manifest["model"]["calibration"] = asker.preparation.calibration.to_dict()
            run.save()  # a run that is stopped after its last block is not prepared again
        for block in pending:
            record = asker.answer(block, done, begin)
            log.append(record)
            done[block.number] = record
            if asking:
                progress.advance(block.stop - block.start)
        progress.finish()
        _write_prompts(experiment.task, asker, run)
    except SurveyevalError as error:
        _say_that_it_continues(error, done, total)
        raise
    run.manifest["seconds"] = round(run.manifest["seconds"] + time.monotonic() - started, 1)
    _record(run, [done[block.number] for block in plan.blocks], asker, named, progress)
    if run.manifest["counts"]["answered"] == 0:
        run.manifest["status"] = "failed"
        run.save()
        counts = run.manifest["counts"]
        raise RunError(
            f"model {named.name!r} gave no valid answer in {experiment.test.n} interviews "
            f"({counts['invalid']} invalid, {counts['refused']} refused)",
            file=run.folder.name,
            hint="look at prompts.jsonl in the run directory, and at the states and texts in responses.log",
        )
    log.compact(experiment.task, experiment.test, plan, done)
    run.manifest["status"] = "simulated"
    run.manifest["finished"] = now().isoformat(timespec="seconds")
    run.save()


def _say_that_it_continues(error: SurveyevalError, done: Mapping[int, BlockAnswers], total: int) -> None:
    """Add to the error of a run that was under way what is on disk, and how to go on."""
    held = sum(record.block.stop - record.block.start for record in done.values())
    if not held:
        return
    first, *others = error.problems
    said = f"{held} of {total} interviews are on disk"
    if "same command continues" not in (first.hint or ""):
        said += ", and the same command continues"
    error.problems = (replace(first, hint=f"{first.hint}; {said}" if first.hint else said), *others)
    error.args = ("\n".join(map(str, error.problems)),)


def _record(run: Run, records: Sequence[BlockAnswers], asker: Asker, named: NamedModel, progress: Progress) -> None:
    """Put into the manifest what came of all blocks: counts, notes, and what came from the cache."""
    states = np.concatenate([state for record in records for state in record.states.values()])
    for state in (State.ANSWERED, State.INVALID, State.REFUSED, State.DONT_KNOW):
        run.manifest["counts"][state.name.lower()] = int((states == state).sum())
    notes = [note for record in records for note in record.notes]
    notes += map(str, getattr(asker.model, "notes", ()))
    # a note that counts is told anew with every block: the last one holds
    notes = list({re.sub(r"\d[\d,.]*", "0", note): note for note in notes}.values())
    found = cached_part(records)
    if found is not None:
        run.manifest["cache"] = found
        said = f"{found['interviews']} of {run.manifest['counts']['interviews']} interviews"
        progress.note(f"{named.name}: {said} were answered before and are read from the response cache")
        if run.manifest["model"]["fingerprint"]["kind"] == "declared":
            first, last = found["first"][:10], found["last"][:10]
            when = f"on {first}" if first == last else f"from {first} to {last}"
            notes.append(
                f"{said} were answered by the server {when} and read from the response cache; the server may have changed "
                "since"
            )
    usage = getattr(asker.model, "usage", None)
    notes += [str(usage)] if usage else []
    known = run.manifest["notes"]
    known += [note for note in dict.fromkeys(notes) if note not in known]


def _write_prompts(task: Task, asker: Asker, run: Run) -> None:
    """Store one exact example for each arm, with an invented profile: never a real person's.

    Interviews of pilot people that stand in the prompt (``?examples=``) are left out for the same reason, and counted.
    """
    if not isinstance(asker, LanguageAsker):
        return
    lines = []
    for arm, messages in examples(task, asker.experiment.hidden, asker.elicitation):
        shown = [{"role": message.role, "content": message.content} for message in messages]
        lines.append({"arm": arm, "messages": shown, "rendered": asker.rendered(messages)})
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    write_atomically(run.folder / "prompts.jsonl", text)
    run.manifest["prompt_example"] = lines[0]["messages"]
    count = getattr(asker.model, "examples", 0)
    note = f"{count} interviews of pilot people stand before each interview; the prompt example leaves them out"
    if count and note not in run.manifest["notes"]:
        run.manifest["notes"].append(note)


def simulated_samples(experiment: Experiment, run: Run) -> list[Sample]:
    """The simulated samples of a finished run, one for each draw."""
    return samples(experiment.task, experiment.test, experiment.options.draws, run.responses)
