"""One function for each verb. The command line calls these, so that it cannot differ from Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from surveyeval.engine.manifest import RunOptions
from surveyeval.engine.readable import understood
from surveyeval.engine.run import Run, find_runs
from surveyeval.errors import ConfigError, RunError
from surveyeval.progress import Progress, Silent
from surveyeval.task.load import load_task

if TYPE_CHECKING:
    import pandas as pd

    from surveyeval.board.findings import Checked
    from surveyeval.board.site import Site
    from surveyeval.deposit.written import Written
    from surveyeval.engine.cache_contents import Contents
    from surveyeval.engine.comparison import Comparison
    from surveyeval.engine.executors import Executor
    from surveyeval.engine.experiment import Experiment
    from surveyeval.engine.power import Power
    from surveyeval.engine.probes import Probe
    from surveyeval.engine.verify import Verified
    from surveyeval.grid.study import Study
    from surveyeval.metric.protocol import Metric
    from surveyeval.task.task import Task
    from surveyeval.tuning.finetune import Adapter

__all__ = [
    "Runs",
    "cache_info",
    "check_submission",
    "clear_cache",
    "compare",
    "export",
    "export_tier",
    "finetune",
    "leaderboard",
    "load_task",
    "metrics",
    "power",
    "probe",
    "report",
    "run",
    "runs",
    "sample",
    "score",
    "study",
    "verify",
]


@dataclass(frozen=True, eq=False)
class Runs(Sequence[Run]):
    """The runs of one command, and the card that shows them side by side."""

    runs: tuple[Run, ...]
    card: Path

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Run]: ...
    def __getitem__(self, index: int | slice) -> Run | Sequence[Run]:
        return self.runs[index]

    def __len__(self) -> int:
        return len(self.runs)

    def _repr_html_(self) -> str:
        from surveyeval.engine.notebook import runs_html

        return runs_html(self.runs, str(self.card))

    @property
    def estimates(self) -> pd.DataFrame:
        """Estimates of all runs in long form; rows that the runs share stand once."""
        import pandas as pd

        table = pd.concat([run.estimates for run in self.runs], ignore_index=True)
        return table.drop_duplicates(ignore_index=True)


def run(
    *,
    model: str | Iterable[str],
    task: str | Task | None = None,
    suite: str | Path | None = None,
    settings: Mapping[str, Mapping[str, str]] | None = None,
    limit: int | None = None,
    seed: int = 0,
    draws: int = 1,
    pilot: float = 0.25,
    elicitation: str = "choice",
    profile_set: str | None = None,
    hide: Iterable[str] = (),
    no_profile: bool = False,
    data: str | None = None,
    provenance: str | None = None,
    splits: int | None = None,
    output: str | Path = "runs",
    again: bool = False,
    cache: bool = True,
    send_profiles: bool = False,
    executor: str | Executor = "local",
    force: bool = False,
    progress: Progress | None = None,
) -> Runs:
    """Let models answer a task, score them against its people, and render a report card.

    The same call again continues what was interrupted and shows what is finished.

    Parameters
    ----------
    task : str or Task
        Name of a shipped or registered task, path of a task file, or a loaded task.
    suite : str or Path
        In place of `task`: name of a shipped suite or path of a suite file. Every task is run in turn, and the card of the
        result is the suite's report.
    model : str or iterable of str
        Model strings such as ``embedded:smollm2``, ``baseline:cell`` or ``NAME=hf:org/name?dtype=float32``.
    settings : mapping, optional
        Further model options: model name -> option -> value.
    limit : int, optional
        Simulate the first so many test people only.
    seed : int
        Root seed of draws and resampling.
    draws : int
        Complete simulated samples per model.
    pilot : float
        People set aside for baselines and fine-tuning: share of all (below 1) or number.
    elicitation : str
        How language models are asked: ``choice``, ``generate``, ``verbalized`` or a plugin's, with options as in
        ``generate?max_tokens=64``.
    profile_set : str, optional
        One of the task's profile sets; default: the first.
    hide : iterable of str
        Profile fields that models do not see.
    no_profile : bool
        Hide all profile fields.
    data, provenance : str, optional
        Other human rows than the task's own, and what they are (``human`` or ``synthetic``).
    splits : int, optional
        Random half splits; default: what each metric asks for.
    output : path
        Folder of run directories.
    again : bool
        Run anew even if the same run exists; nothing is read from the response cache then.
    cache : bool
        Read what language models answered before from the response cache, and keep what they answer.
    send_profiles : bool
        Allow models on another machine that they are sent profiles. It is no part of the run's identity.
    executor : str or Executor
        Where language models answer: ``local``, or ``ray`` with options as in ``ray?workers=4&gpus_per_worker=0.5`` (see
        `surveyeval.engine.executors`). It is no part of the run's identity.
    force : bool
        Begin even if the run seems to have no room on the disk or in memory.
    progress : Progress, optional

    Returns
    -------
    Runs
        The runs, in the order of the models; of a suite, task by task.

    Raises
    ------
    SurveyevalError
        See `surveyeval.errors`. Of a suite, a task in another version than it names is a `ConfigError`.

    Examples
    --------
    >>> import surveyeval
    >>> runs = surveyeval.run(task="anes96", model="baseline:marginal", limit=60, splits=4, output="runs")  # doctest: +SKIP
    >>> runs.estimates.query("quantity == 'recovered' and headline")  # doctest: +SKIP
    """
    from surveyeval.engine.cache import open_cache
    from surveyeval.engine.executors import opened
    from surveyeval.engine.experiment import prepare, sending
    from surveyeval.engine.invocation import config_of, run_command
    from surveyeval.engine.run import locked, on_disk
    from surveyeval.engine.runner import own_options, register, simulate
    from surveyeval.engine.score import score as score_runs
    from surveyeval.model.build import build_models
    from surveyeval.model.strings import parse_elicitation_string
    from surveyeval.plugins import run_finished
    from surveyeval.reporting.written import write_report
    from surveyeval.task.human import load_human

    progress = progress or Silent()
    strings = [model] if isinstance(model, str) else list(model)
    if not strings:
        raise ConfigError("no model is given", hint="name at least one, for example baseline:marginal")
    if suite is not None:
        of_a_task = {
            "task": task,
            "data": data,
            "provenance": provenance,
            "profile_set": profile_set,
            "hide": tuple(hide),
        }
        return _run_suite(
            suite, {name: value for name, value in of_a_task.items() if value}, progress, model=strings, settings=settings,
            limit=limit, seed=seed, draws=draws, pilot=pilot, elicitation=elicitation, no_profile=no_profile, splits=splits,
            output=output, again=again, cache=cache, send_profiles=send_profiles, executor=executor,
            force=force,
        )  # fmt: skip
    if task is None:
        raise ConfigError("no task is given", hint="name a task or a suite; `surveyeval ls tasks` lists tasks")
    loaded = _task(task, profile_set)
    hidden = tuple(sorted(loaded.profile if no_profile else hide))
    asking = parse_elicitation_string(elicitation).text
    options = RunOptions(limit, seed, draws, pilot, hidden, asking, splits)
    people = load_human(loaded, data=data, provenance=provenance)
    named = build_models(strings, settings)
    experiment = prepare(loaded, people, options, named, send_profiles=send_profiles)
    kept, finished = open_cache(use=cache, again=again), []
    with opened(executor) as place:
        register(experiment, named, place)
        for one in named:
            config = config_of(
                task if isinstance(task, str) else loaded.file,
                [one.string],
                own_options(options, one.model),
                loaded,
                data,
                provenance,
                send_profiles and sending(one.model) is not None,
            )
            command = run_command(config)
            config["models"] = [f"{one.name}={one.string}" if one.name != one.string else one.string]
            finished.append(
                simulate(
                    experiment,
                    one,
                    Path(output),
                    config=config,
                    command=command,
                    again=again,
                    progress=progress,
                    cache=kept,
                    executor=place,
                    force=force,
                )
            )
    pending = [done for done in finished if not done.scored]
    with on_disk(Path(output)):
        if pending:
            with locked(pending):
                score_runs(experiment, pending, metrics(progress), progress)
        result = Runs(tuple(finished), write_report(finished, scored=bool(pending)))
    for fresh in pending:
        for line in run_finished(fresh):
            progress.note(line)
    return result


def _run_suite(name: str | Path, refused: Mapping[str, Any], progress: Progress, **options: Any) -> Runs:
    """Run every task of a suite, and render its report.

    Tasks, versions and people are looked at before any model works, so that a mistake does not show after hours.
    """
    from surveyeval.data.files import digest
    from surveyeval.reporting.suite import SuiteTask, render_suite
    from surveyeval.reporting.view import RunView
    from surveyeval.reporting.written import write_card
    from surveyeval.task.human import load_human
    from surveyeval.task.suites import check_version, find_suite

    if refused:
        raise ConfigError(
            f"{', '.join(refused)} cannot go with a suite", hint="run the task alone, or write a suite of your own"
        )
    suite = find_suite(name)
    for member in suite.tasks:
        loaded = load_task(suite.place(member), profile_set=member.profile_set)
        check_version(suite, member, loaded)
        load_human(loaded)
    parts = []
    for number, member in enumerate(suite.tasks, start=1):
        progress.note(f"{suite.name} {suite.version}: {member.name}, task {number} of {len(suite.tasks)}")
        parts.append(run(task=suite.place(member), profile_set=member.profile_set, progress=progress, **options))
    done = [one for part in parts for one in part]
    key = digest(sorted(one.id for one in done))[:8]
    target = Path(options["output"]) / "suites" / f"{suite.name}-{suite.version}-{key}.html"
    views = [SuiteTask([RunView.of(one) for one in part], part.card) for part in parts]
    target.parent.mkdir(parents=True, exist_ok=True)
    write_card(target, render_suite(suite.name, suite.version, suite.title, suite.description, views, target))
    return Runs(tuple(done), target)


def finetune(
    *,
    task: str | Task,
    base: str,
    output: str | Path,
    pilot: float = 60,
    scope: str | None = None,
    balance: str | None = None,
    hide: Iterable[str] = (),
    no_profile: bool = False,
    profile_set: str | None = None,
    data: str | None = None,
    provenance: str | None = None,
    again: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Adapter:
    """Fine-tune a language model on a small pilot of a task's people (LoRA).

    The pilot is taken from the people that every run sets aside, so the adapter and its base are tested on the same
    people. The same call again continues an interrupted training and shows a finished one.

    Parameters
    ----------
    task : str or Task
    base : str
        Model string of a transformers model: ``embedded:smollm2``, ``hf:NAME_OR_PATH``.
    output : path
        Folder of the adapter.
    pilot : float
        Below 1: share of the people in scope; 1 and more: number of people.
    scope : str, optional
        ``arm=NAME``: people of one arm only.
    balance : str, optional
        Profile column over whose levels the pilot is balanced.
    hide : iterable of str
        Profile fields that the prompt leaves out.
    no_profile : bool
        Leave all profile fields out.
    profile_set, data, provenance
        As in `run`.
    again : bool
        Train anew even if `output` holds a finished adapter.
    progress : Progress, optional
    **options
        Fields of `surveyeval.tuning.options.TuningOptions`: objective, rank, alpha, epochs, learning_rate, ...

    Returns
    -------
    Adapter
        Its ``model`` is the model string for `run`.
    """
    from surveyeval.engine.experiment import split_people
    from surveyeval.task.human import load_human
    from surveyeval.tuning.finetune import finetune as train
    from surveyeval.tuning.options import read_options

    loaded = _task(task, profile_set)
    hidden = tuple(sorted(loaded.profile if no_profile else hide))
    design, tuning = read_options({"pilot": pilot, "scope": scope, "balance": balance, "hide": hidden}, options)
    human = load_human(loaded, data=data, provenance=provenance)
    split = split_people(loaded, human)
    return train(
        loaded, human, split, base, Path(output), design=design, options=tuning, again=again, progress=progress
    )


def study(
    file: str | Path,
    *,
    output: str | Path | None = None,
    crossfit: int | None = None,
    holdout: Iterable[str] = (),
    limit: int | None = None,
    executor: str | Executor = "local",
    progress: Progress | None = None,
) -> Study:
    """Run a study: a grid of tasks, models, pilot designs and seeds on one fixed test set, with its card.

    The same call again continues what was interrupted and shows what is finished.

    Parameters
    ----------
    file : str or Path
        A study file, or the name of a shipped study.
    output : path, optional
        Folder of the study; default: ``runs/studies/NAME``.
    crossfit : int, optional
        So many folds: everybody is simulated by a model trained on the others. Overrides the file.
    holdout : iterable of str
        ``arm=NAME``, ``item=NAME``, ``group=COLUMN=LEVEL``: nobody is trained on it. Overrides the file.
    limit : int, optional
        The first so many test people only. Overrides the file.
    executor : str or Executor
        As in `run`.
    progress : Progress, optional

    Returns
    -------
    Study
    """
    from surveyeval.engine.executors import opened
    from surveyeval.engine.invocation import study_command
    from surveyeval.grid.card import render_study
    from surveyeval.grid.catalogue import find_study
    from surveyeval.grid.spec import read_study, with_changes
    from surveyeval.grid.study import run_study
    from surveyeval.reporting.written import write_card

    path, held = find_study(str(file)), list(holdout)
    spec, text = with_changes(read_study(path), crossfit=crossfit, holdout=held, limit=limit)
    folder = Path(output) if output is not None else Path("runs") / "studies" / spec.name
    command = study_command(file, crossfit=crossfit, holdout=held, limit=limit)
    with opened(executor) as place:
        result = run_study(
            spec, text or path.read_text(), folder, metrics=metrics(), progress=progress, command=command, executor=place
        )  # fmt: skip
    write_card(result.card, render_study(result))
    return result


def score(folders: Iterable[str | Path], *, partial: bool = False, progress: Progress | None = None) -> Runs:
    """Score runs again from their stored answers, without any model. Renders their card.

    Parameters
    ----------
    folders : iterable of path
    partial : bool
        Score what there is of one unfinished run. It stands in the directory ``partial`` of the run, and its card says so; the
        run goes on as if nothing had been scored.
    progress : Progress, optional

    Raises
    ------
    RunError
        When a run is not finished (and `partial` is not said), or another process works on it.
    """
    from surveyeval.engine.partial import partial_run
    from surveyeval.engine.run import UNFINISHED, locked, on_disk
    from surveyeval.engine.score import check_same_people
    from surveyeval.engine.score import score as score_runs
    from surveyeval.reporting.written import write_report

    opened, progress = [Run(folder) for folder in folders], progress or Silent()
    if not opened:
        raise ConfigError("no run is given", hint="`surveyeval ls runs` lists them")
    if partial and len(opened) > 1:
        raise ConfigError("of unfinished runs one is scored at a time", hint="they have answers of different people")
    if partial and opened[0].status in UNFINISHED:
        experiment, part, samples = partial_run(_experiment(opened[0], finished=False), opened[0])
        with on_disk(part.folder):
            score_runs(experiment, [part], metrics(progress), progress, {part.model: samples})
            return Runs((part,), write_report([part], scored=True))
    with understood(opened[0].folder):
        check_same_people(opened)
    experiment = _experiment(opened[0])
    with locked(opened), on_disk(opened[0].folder):
        score_runs(experiment, opened, metrics(progress), progress)
        return Runs(tuple(opened), write_report(opened, scored=True))


def verify(
    chosen: str | Path | Run,
    *,
    task: str | Task | None = None,
    data: str | None = None,
    folder: str | Path = "runs",
    progress: Progress | None = None,
) -> Verified:
    """Compute again whatever of a run can be without its model, and compare with what is stored.

    Parameters
    ----------
    chosen : str, Path or Run
        A run directory, wherever it lies now, or the beginning of a name below `folder`.
    task : str or Task, optional
        Where the task is now; default: where the run found it.
    data : str, optional
        Where the data are now, of a run on other rows than the task's own.
    folder : path
    progress : Progress, optional

    Returns
    -------
    Verified
        What agrees, what differs, and what cannot be checked and why.
    """
    from surveyeval.engine.common import find_run
    from surveyeval.engine.verify import Verified
    from surveyeval.engine.verify import verify as verify_run
    from surveyeval.reporting.verified import check_card

    run = find_run(chosen, folder)
    with understood(run.folder):
        found = verify_run(run, metrics(progress), task=task, data=data, progress=progress or Silent())
        return Verified(run, (*found.findings, *check_card(run)))


def report(folders: Iterable[str | Path | Run], *, output: str | Path | None = None) -> Path:
    """Render the card of one run, or one card of several, from what is stored.

    Returns
    -------
    Path
        The HTML file; the Markdown stands beside it. By default ``report.html`` in the run directory, and for several
        runs in a directory of their own beside them.
    """
    from surveyeval.reporting.written import write_report

    opened = [folder if isinstance(folder, Run) else Run(folder) for folder in folders]
    if not opened:
        raise ConfigError("no run is given", hint="`surveyeval ls runs` lists them")
    return write_report(opened, output)


def compare(
    chosen: Iterable[str | Path | Run],
    *,
    folder: str | Path = "runs",
    splits: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Paired differences between the models of several runs, from their stored answers, without any model.

    Parameters
    ----------
    chosen : iterable of str, Path or Run
        Two runs or more: directories, or beginnings of names below `folder`. They share task, data and pilot; only the test
        people that all of them simulated are compared.
    folder : path
    splits : int, optional
        Random half splits; default: what each metric asks for.
    progress : Progress, optional

    Returns
    -------
    Comparison
        Its ``table`` has a row for each pair of models and each headline, see `surveyeval.engine.compare`.

    Raises
    ------
    RunError
        When the runs differ in more than the model; the message names it.
    """
    from surveyeval.engine.common import find_run
    from surveyeval.engine.comparison import compare_runs

    opened = [find_run(one, folder) for one in chosen]
    return compare_runs(opened, metrics(progress), splits=splits, progress=progress)


def leaderboard(
    chosen: Iterable[str | Path | Run],
    *,
    output: str | Path = "site",
    folder: str | Path = "runs",
    progress: Progress | None = None,
) -> Site:
    """Make a static site of runs and submissions: a board for all that may be ranked together. Needs no model.

    Parameters
    ----------
    chosen : iterable of str, Path or Run
        Run directories, folders of them, beginnings of names of runs below `folder`, or files that `export` made.
    output : path
        Folder of the site.
    folder : path
    progress : Progress, optional

    Returns
    -------
    Site
        Its ``index`` is the page to begin with; JSON, CSV and Markdown stand beside it.

    Raises
    ------
    SurveyevalError
        When something cannot be opened, or nothing is left to show.
    """
    from surveyeval.board.entries import open_entries
    from surveyeval.board.site import make_site

    entries, notes = open_entries(chosen, folder)
    return make_site(entries, output, metrics(progress), notes=notes, progress=progress)


def export(chosen: str | Path | Run, *, output: str | Path | None = None, folder: str | Path = "runs") -> Path:
    """Write a submission of a run: what a leaderboard needs of it, without respondent-level data.

    Parameters
    ----------
    chosen : str, Path or Run
        A run directory, or the beginning of a name below `folder`.
    output : path, optional
        A ``.zip`` or ``.json`` file; default: ``TASK-MODEL-ID.zip``.
    folder : path

    Raises
    ------
    RunError
        When the run is not scored.
    ConfigError
        When `output` is another kind of file.
    """
    from surveyeval.board.submission import export_run
    from surveyeval.engine.common import find_run

    return export_run(find_run(chosen, folder), output)


def export_tier(
    chosen: str | Path | Run,
    tier: int,
    *,
    output: str | Path | None = None,
    task: str | Task | None = None,
    control: str | None = None,
    team: str = "example-team",
    entry: str = "primary",
    folder: str | Path = "runs",
) -> Written:
    """Write predictions in a tier of the Silicon Sample Benchmark.

    Parameters
    ----------
    chosen : str, Path or Run
        A run directory, the beginning of a name below `folder`, or a table that `simulate` wrote.
    tier : {1, 2, 3}
        Simulated respondents; means of conditions, overall and by subgroup; effects against the control.
    output : path, optional
        A folder; default: ``TASK-tier-N``.
    task : str or Task, optional
        Of a table.
    control : str, optional
        Arm that effects are measured against; default: the one called control, else the first.
    team, entry : str
        As the benchmark names submissions.
    folder : path

    Returns
    -------
    Written
        The files.

    Raises
    ------
    SurveyevalError
        When the run is not complete, a table is not of the task, or a name does not fit.
    """
    from surveyeval.deposit.silicon_files import write_tier
    from surveyeval.engine.common import find_run

    source = Path(chosen) if not isinstance(chosen, Run) and Path(chosen).is_file() else find_run(chosen, folder)
    target = Path(output) if output is not None else None
    return write_tier(source, tier, output=target, task=task, team=team, entry=entry, control=control)


def check_submission(file: str | Path) -> Checked:
    """Check a submission against itself, and compute again what follows from its own numbers.

    What people and floors reach is computed again as well, where the task's people are on this machine.

    Parameters
    ----------
    file : path

    Returns
    -------
    Checked
        What does not hold, what does, and what nobody can tell from a submission.

    Raises
    ------
    DataError
        When the file is no submission.
    """
    from surveyeval.board import check
    from surveyeval.board.submission import open_submission

    return check.check_submission(open_submission(file))


def power(
    task: str | Task,
    *,
    people: int | None = None,
    pilot: float = 0.25,
    profile_set: str | None = None,
    data: str | None = None,
    provenance: str | None = None,
    splits: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Power:
    """What a task's people can decide, before any model runs.

    Parameters
    ----------
    task : str or Task
    people : int, optional
        Plan for so many people, pilot and test people together; default: as many as there are.
    pilot : float
        As in `run`.
    profile_set, data, provenance
        As in `run`.
    splits : int, optional
        Random half splits; default: 10.
    seed : int
    progress : Progress, optional

    Returns
    -------
    Power
        Tables, see `surveyeval.engine.power`.

    Raises
    ------
    SurveyevalError
        When the task or its data cannot be read, or there are too few people.
    """
    from surveyeval.engine.power import SPLITS, plan
    from surveyeval.task.human import load_human

    loaded = _task(task, profile_set)
    human = load_human(loaded, data=data, provenance=provenance)
    return plan(
        loaded, human, metrics(progress), people=people, pilot=pilot, splits=splits or SPLITS, seed=seed, progress=progress
    )  # fmt: skip


def probe(
    *,
    task: str | Task,
    model: str,
    settings: Mapping[str, str] | None = None,
    kinds: Iterable[str] | None = None,
    forms: str | Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    draws: int = 1,
    pilot: float = 0.25,
    elicitation: str = "choice",
    profile_set: str | None = None,
    data: str | None = None,
    provenance: str | None = None,
    output: str | Path = "runs",
    cache: bool = True,
    send_profiles: bool = False,
    progress: Progress | None = None,
) -> Probe:
    """Look whether a language model answers the published form of a questionnaire otherwise than other forms of it.

    Parameters
    ----------
    task : str or Task
    model : str
        Model string of a language model.
    settings : mapping, optional
        Further options of the model.
    kinds : iterable of str, optional
        Of ``typography``, ``labels``, ``order``, ``reworded`` and ``numbers``; default: all that the task has.
    forms : path, optional
        File with reworded forms and other numbers; default: ``probes.yaml`` beside the task file.
    limit, seed, draws, pilot, elicitation, profile_set, data, provenance, output, cache, send_profiles, progress
        As in `run`.

    Returns
    -------
    Probe
        Its ``table`` has a row for each item and kind, see `surveyeval.engine.probe_table.probe_table`.

    Raises
    ------
    CapabilityError
        When the model reads no words.
    ConfigError
        When there is no such form, or a declared one does not fit the task.
    """
    from surveyeval.engine.probes import probe as compare_forms
    from surveyeval.model.build import build_model
    from surveyeval.model.strings import parse_elicitation_string
    from surveyeval.task.forms import KINDS
    from surveyeval.task.human import load_human

    loaded = _task(task, profile_set)
    named = build_model(model, settings)
    options = RunOptions(limit, seed, draws, pilot, (), parse_elicitation_string(elicitation).text, None)
    human = load_human(loaded, data=data, provenance=provenance)
    return compare_forms(
        loaded, human, named, options, given=task if isinstance(task, str) else loaded.file, kinds=tuple(kinds or KINDS), file=Path(forms) if forms is not None else None,
        output=Path(output), send_profiles=send_profiles, cache=cache, progress=progress,
    )  # fmt: skip


def sample(
    chosen: str | Path | Run,
    *,
    format: str | None = None,
    output: str | Path | None = None,
    identifiers: str = "pseudonyms",
    profile: bool = True,
    escape: bool = True,
    programs: bool = True,
    folder: str | Path = "runs",
) -> Written:
    """Write the simulated sample of a run as a file of a statistics program; every row is marked as simulated.

    Parameters
    ----------
    chosen : str, Path or Run
        A run directory, or the beginning of a name below `folder`.
    format : {"csv", "parquet", "sav", "dta"}, optional
        Default: what the ending of `output` says, else csv.
    output : path, optional
        Default: ``TASK-MODEL-simulated.csv``.
    identifiers : {"pseudonyms", "numbers", "original"}
        See `surveyeval.deposit.simulated.simulated_file`.
    profile : bool
        Whether the profiles are written, which are those of people.
    escape : bool
        Whether texts of a CSV that a spreadsheet would take for formulas are made harmless.
    programs : bool
        Whether programs for R (survey) and Python (statsmodels) that read the file are written beside it.
    folder : path

    Returns
    -------
    Written
        The files.

    Raises
    ------
    SurveyevalError
        When the run is not complete, its task or data have changed, or nothing can be written.
    """
    from surveyeval.deposit.written import write_sample
    from surveyeval.engine.common import find_run

    run = find_run(chosen, folder)
    return write_sample(
        run, format=format, output=output, identifiers=identifiers, profile=profile, escape=escape, programs=programs
    )


def runs(folder: str | Path = "runs") -> list[Run]:
    """Runs below a folder, oldest first."""
    return find_runs(folder)


def metrics(progress: Progress | None = None) -> list[Metric]:
    """Every registered metric, built-ins first; a plugin's metric that does not load is left out and noted."""
    from surveyeval.plugins import BUILTIN, registry

    found: list[Metric] = []
    for registration in registry().all("metric"):
        try:
            found.append(registration.load()())
        except Exception as error:
            if registration.owner == BUILTIN:
                raise
            (progress or Silent()).note(f"metric {registration.qualified!r} is left out: {error}")
    return found


def cache_info() -> Contents:
    """What the response cache holds, and what else surveyeval keeps in the same folder."""
    from surveyeval.engine.cache_contents import contents

    return contents()


def clear_cache(
    *,
    model: str | None = None,
    task: str | None = None,
    older_than: float | None = None,
    outdated: bool = False,
    everything: bool = False,
) -> Contents:
    """Remove answers from the response cache.

    Parameters
    ----------
    model : str, optional
        Those of one model only: its name on cards, or its model string, with or without options.
    task : str, optional
        Those to one task only.
    older_than : float, optional
        Those that are at least so many days old only.
    outdated : bool
        Those that another version of surveyeval asked for only; they are not used any more.
    everything : bool
        Converted models and the hashes of weights as well, which are made again when they are needed.

    Returns
    -------
    Contents
        What was removed.

    Raises
    ------
    ConfigError
        When `everything` goes with a choice of answers.
    RunError
        When the file cannot be changed.
    """
    from surveyeval.engine.cache_contents import clear

    return clear(model=model, task=task, older_than=older_than, outdated=outdated, everything=everything)


def _experiment(stored: Run, *, finished: bool = True) -> Experiment:
    """Divide the people again as the run did, and refuse if anything is not as it was."""
    from surveyeval.engine.common import reopen
    from surveyeval.engine.divided import divided_as

    if finished:
        stored.responses_path  # noqa: B018 - raises where there is none
    if "study" in stored.config:
        raise RunError(
            f"the run is a part of the study {stored.config['study']!r}, which scores its runs together",
            file=str(stored.folder),
            hint="`surveyeval study FILE` goes on with a study and writes its card",
        )
    task, people = reopen(stored)
    with understood(stored.folder):
        return divided_as(stored, task, people)


def _task(task: str | Task, profile_set: str | None) -> Task:
    return load_task(task, profile_set=profile_set) if isinstance(task, str) else task
