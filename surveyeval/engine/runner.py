"""The runner: pairs a task with models on one split, block by block, and can be stopped at any moment."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import yaml

from surveyeval.data.files import file_hashes
from surveyeval.data.sample import Sample
from surveyeval.engine.asked import asked_in, leaving
from surveyeval.engine.asking import Asker, LanguageAsker, RespondentAsker
from surveyeval.engine.cache import ResponseCache
from surveyeval.engine.executor import Answering
from surveyeval.engine.executors import Executor, Local
from surveyeval.engine.experiment import Experiment, trained_in_pilot
from surveyeval.engine.fits import check_room, room_of
from surveyeval.engine.journal import Journal
from surveyeval.engine.manifest import Identity, RunOptions, banners_of, identity, new_manifest, now, run_name
from surveyeval.engine.opening import check_plan, create, existing, making, others_interrupted
from surveyeval.engine.outcome import go_on, record_outcome, say_that_it_continues, stop_if_failed, write_prompts
from surveyeval.engine.plan import Block, Plan, make_plan
from surveyeval.engine.responses import read_samples, write_responses
from surveyeval.engine.run import Run, on_disk
from surveyeval.engine.store import BlockAnswers, ResponseLog
from surveyeval.engine.tally import Tally
from surveyeval.engine.tried import count_tried, log_tried
from surveyeval.errors import RunError, SurveyevalError
from surveyeval.model import host
from surveyeval.model.build import NamedModel
from surveyeval.model.calibrate import Calibration
from surveyeval.model.protocol import Fingerprint, LanguageModel, Respondent
from surveyeval.progress import Progress
from surveyeval.task.expand import whole_text

__all__ = ["own_options", "register", "simulate", "simulated_samples"]


def own_options(options: RunOptions, model: Respondent | LanguageModel) -> RunOptions:
    """Options as they matter to a model: one that is not asked question by question is the same whatever the elicitation."""
    return options if isinstance(model, LanguageModel) else replace(options, elicitation=RunOptions().elicitation)


def register(experiment: Experiment, models: Sequence[NamedModel], executor: Executor | None = None) -> None:
    """Log all models of one command as tried before the first of them answers, so that each run knows of the others.

    Parameters
    ----------
    experiment : Experiment
    models : sequence of NamedModel
    executor : Executor, optional
        As for `simulate`. Where language models answer elsewhere, each is logged when its turn comes: what it is there is not
        known before its workers are started.
    """
    identities = []
    for named in models:
        if isinstance(named.model, LanguageModel) and not isinstance(executor or Local(), Local):
            continue
        try:
            fingerprint = named.model.fingerprint()
        except SurveyevalError:  # it is said when the turn of this model comes
            continue
        identities.append(_planned(_own(experiment, named), named, fingerprint)[1].hash)
    log_tried(experiment.task.name, identities)


def _own(experiment: Experiment, named: NamedModel) -> Experiment:
    return replace(experiment, options=own_options(experiment.options, named.model))


def _planned(experiment: Experiment, named: NamedModel, fingerprint: Fingerprint) -> tuple[Plan, Identity]:
    task, options, test = experiment.task, experiment.options, experiment.test
    plan = make_plan(list(test.respondent), options.draws, host.block_size(named.model, test.n))
    return plan, identity(task, experiment.human, experiment.split, test, experiment.pilot, fingerprint, options, plan)


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
    executor: Executor | None = None,
    force: bool = False,
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
    executor : Executor, optional
        Where blocks are answered; default: in this process. It is no part of the run's identity.
    force : bool
        Begin even if the run seems to have no room on the disk or in memory.

    Raises
    ------
    RunError
        When there is no room for the run, the model gave no valid answer, or another process works on the run.
    ModelError
        When the model fails on the way. What was answered is on disk.
    """
    model, executor = named.model, executor or Local()
    experiment = _own(experiment, named)
    task, options, test = experiment.task, experiment.options, experiment.test
    fingerprint = executor.fingerprint(named, progress)
    plan, run_identity = _planned(experiment, named, fingerprint)

    def new() -> Run:
        if not force:
            room = room_of(task, model, test.n, experiment.human.sample.n, options.draws, options.elicitation)
            check_room(room, output, name=named.name)
        for said in others_interrupted(
            output, task.name, named.name, run_identity, string=named.string, fingerprint=fingerprint
        ):
            progress.note(f"{named.name}: {said}")
        created = now()
        manifest = new_manifest(
            task=task,
            human=experiment.human,
            split=experiment.split,
            test=test,
            pilot=experiment.pilot,
            model_name=named.name,
            model_string=named.string,
            fingerprint=fingerprint,
            banners=banners_of(model, task, options),
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
        files = {
            "task.yaml": whole_text(task),
            "config.yaml": yaml.safe_dump(config, sort_keys=False, allow_unicode=True),
        }
        return create(output, run_name(task, named.name, run_identity.hash, created), manifest, files)

    with on_disk(output), ExitStack() as held:
        with making(output):
            run = None if again else existing(output, run_identity.hash)
            if run is not None and run.status in ("simulated", "complete"):
                progress.note(f"{named.name}: found finished run {run.folder.name}; --again repeats it")
                return run
            if run is None:
                run = new()
            else:
                progress.note(f"{named.name}: continuing {run.folder.name}")
            held.enter_context(run.locked())
            run.reload()
            if run.status in ("simulated", "complete"):  # by another process, until a moment ago
                return run
        go_on(run, named, progress)
        asker = _asker(experiment, named, fingerprint, cache, progress, Journal(run.folder))
        answering = executor.attach(asker, named, fingerprint)
        _answer_blocks(experiment, asker, answering, named, run, plan, progress)
    return run


def _asker(
    experiment: Experiment,
    named: NamedModel,
    fingerprint: Fingerprint,
    cache: ResponseCache | None,
    progress: Progress,
    journal: Journal,
) -> Asker:
    model = named.model
    if not isinstance(model, LanguageModel):
        return RespondentAsker(model, experiment)
    trained = trained_in_pilot(model, experiment)
    return LanguageAsker(
        named, model, fingerprint, experiment, trained, cache or ResponseCache(None), progress, journal
    )


def _answer_blocks(
    experiment: Experiment,
    asker: Asker,
    answering: Answering,
    named: NamedModel,
    run: Run,
    plan: Plan,
    progress: Progress,
) -> None:
    log, tally, journal = ResponseLog(run.folder), Tally(), Journal(run.folder)
    planned = {block.number: block for block in plan.blocks}

    def known(record: BlockAnswers) -> None:
        check_plan(
            run,
            astuple(record.block),
            astuple(planned[record.block.number]) if record.block.number in planned else None,
        )
        tally.add(record)

    dropped = log.open(known)
    if dropped:
        run.manifest["notes"].append(dropped)
        progress.note(f"{named.name}: {dropped}")
    pending = [block for block in plan.blocks if block.number not in log or tally.failed(block.number)]
    continued = bool(pending) and (len(pending) < len(plan.blocks) or journal.begun)
    started = time.monotonic()
    total, asking = experiment.test.n * experiment.options.draws, False
    by_draw = len(plan.blocks) // max(experiment.options.draws, 1)

    def first(block: Block) -> BlockAnswers:
        return log.record(block.number % by_draw)

    def begin() -> None:
        """Tell that the model is asked, once."""
        nonlocal asking
        if not asking:
            progress.phase(f"{named.name}: interviews", total)
            progress.advance(total - sum(block.stop - block.start for block in pending))
            asking = True

    try:
        if pending and isinstance(asker, LanguageAsker) and asker.preparation.calibration != Calibration():
            run.manifest["model"]["calibration"] = asker.preparation.calibration.to_dict()
            run.save()  # a run that is stopped after its last block is not prepared again
        for record in answering.finished(pending, first, begin):
            number = record.block.number
            if number in log and not tally.failed(number):
                continue  # somebody answered it twice
            log.append(record)
            tally.add(record)
            if not record.failed:
                journal.of(number).forget()
            if asking:
                progress.advance(record.block.stop - record.block.start)
        progress.finish()
        write_prompts(experiment.task, asker, run)
    except SurveyevalError as error:
        say_that_it_continues(error, tally.interviews, total)
        raise
    run.manifest["seconds"] = round(run.manifest["seconds"] + time.monotonic() - started, 1)
    record_outcome(run, tally, asker, named, progress, continued=continued)
    stop_if_failed(run, tally, named, total)
    run.manifest.pop("failed", None)
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
    write_responses(run.folder, experiment.task, experiment.test, plan, log.record, texts=tally.written)
    run.manifest["status"] = "simulated"
    run.manifest["finished"] = now().isoformat(timespec="seconds")
    run.manifest["sha256"] = file_hashes(run.folder, "responses.parquet", "prompts.jsonl")
    run.save()
    # only now: until the manifest says that the table is whole, the log is what a next command goes by
    journal.clear()
    log.remove()


def simulated_samples(experiment: Experiment, run: Run) -> list[Sample]:
    """The simulated samples of a finished run, one for each draw."""
    return read_samples(experiment.task, experiment.test, experiment.options.draws, run.responses_path)
