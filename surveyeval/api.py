"""One function for each verb. The command line calls these, so that it cannot differ from Python."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from surveyeval.engine.manifest import RunOptions
from surveyeval.engine.run import Run, find_runs
from surveyeval.errors import ConfigError
from surveyeval.progress import Progress, Silent
from surveyeval.task.load import load_task

if TYPE_CHECKING:
    import pandas as pd

    from surveyeval.board.findings import Checked
    from surveyeval.board.site import Site
    from surveyeval.deposit.written import Written
    from surveyeval.engine.cache_contents import Contents
    from surveyeval.engine.comparison import Comparison
    from surveyeval.engine.experiment import Experiment
    from surveyeval.engine.power import Power
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
    "finetune",
    "leaderboard",
    "load_task",
    "metrics",
    "power",
    "report",
    "run",
    "runs",
    "sample",
    "score",
    "study",
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
    task: str | Task,
    model: str | Iterable[str],
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
    progress: Progress | None = None,
) -> Runs:
    """Let models answer a task, score them against its people, and render a report card.

    The same call again continues what was interrupted and shows what is finished.

    Parameters
    ----------
    task : str or Task
        Name of a shipped or registered task, path of a task file, or a loaded task.
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
    progress : Progress, optional

    Returns
    -------
    Runs
        The runs, in the order of the models.

    Raises
    ------
    SurveyevalError
        See `surveyeval.errors`.

    Examples
    --------
    >>> import surveyeval
    >>> runs = surveyeval.run(task="anes96", model="baseline:marginal", limit=60, splits=4, output="runs")  # doctest: +SKIP
    >>> runs.estimates.query("quantity == 'recovered' and headline")  # doctest: +SKIP
    """
    from surveyeval.engine.cache import open_cache
    from surveyeval.engine.experiment import prepare, sending
    from surveyeval.engine.runner import own_options, simulate
    from surveyeval.engine.score import score as score_runs
    from surveyeval.model.build import build_models
    from surveyeval.model.strings import parse_elicitation_string
    from surveyeval.plugins import run_finished
    from surveyeval.task.human import load_human

    progress = progress or Silent()
    loaded = load_task(task, profile_set=profile_set) if isinstance(task, str) else task
    strings = [model] if isinstance(model, str) else list(model)
    if not strings:
        raise ConfigError("no model is given", hint="name at least one, for example baseline:marginal")
    hidden = tuple(sorted(loaded.profile if no_profile else hide))
    asking = parse_elicitation_string(elicitation).text
    options = RunOptions(limit, seed, draws, pilot, hidden, asking, splits)
    people = load_human(loaded, data=data, provenance=provenance)
    named = build_models(strings, settings)
    experiment = prepare(loaded, people, options, named, send_profiles=send_profiles)
    kept, finished = open_cache(use=cache, again=again), []
    for one in named:
        config = _config(
            task if isinstance(task, str) else loaded.file,
            [one.string],
            own_options(options, one.model),
            loaded,
            data,
            provenance,
            send_profiles and sending(one.model) is not None,
        )
        command = _command(config)
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
            )
        )
    pending = [done for done in finished if not done.scored]
    if pending:
        score_runs(experiment, pending, metrics(progress), progress)
    result = Runs(tuple(finished), report(finished))
    for fresh in pending:
        for line in run_finished(fresh):
            progress.note(line)
    return result


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

    loaded = load_task(task, profile_set=profile_set) if isinstance(task, str) else task
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
    progress : Progress, optional

    Returns
    -------
    Study
    """
    from surveyeval.data.files import write_atomically
    from surveyeval.grid.card import render_study
    from surveyeval.grid.catalogue import find_study
    from surveyeval.grid.spec import read_study
    from surveyeval.grid.study import run_study

    path = find_study(str(file))
    spec = read_study(path)
    changes: dict[str, Any] = {"crossfit": crossfit, "holdout": list(holdout) or None, "limit": limit}
    changes = {name: value for name, value in changes.items() if value is not None}
    if changes:
        import yaml

        spec = spec.model_copy(update=changes)
        if spec.crossfit is not None and spec.holdout:
            raise ConfigError("crossfit and holdout cannot go together", hint="make two studies of it")
        text = yaml.safe_dump(spec.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    else:
        text = path.read_text()
    folder = Path(output) if output is not None else Path("runs") / "studies" / spec.name
    words = ["surveyeval", "study", str(file)]
    words += ["--crossfit", str(crossfit)] if crossfit is not None else []
    for held in holdout:
        words += ["--holdout", held]
    words += ["--limit", str(limit)] if limit is not None else []
    result = run_study(spec, text, folder, metrics=metrics(), progress=progress, command=shlex.join(words))
    card = render_study(result)
    write_atomically(result.card, card.html)
    write_atomically(result.card.with_suffix(".md"), card.markdown)
    return result


def score(folders: Iterable[str | Path], *, progress: Progress | None = None) -> Runs:
    """Score finished runs again from their stored answers, without any model. Renders their card."""
    from surveyeval.engine.score import check_same_people
    from surveyeval.engine.score import score as score_runs

    opened = [Run(folder) for folder in folders]
    if not opened:
        raise ConfigError("no run is given", hint="`surveyeval ls runs` lists them")
    check_same_people(opened)
    experiment = _experiment(opened[0])
    progress = progress or Silent()
    score_runs(experiment, opened, metrics(progress), progress)
    return Runs(tuple(opened), report(opened))


def report(folders: Iterable[str | Path | Run], *, output: str | Path | None = None) -> Path:
    """Render the card of one run, or one card of several, from what is stored.

    Returns
    -------
    Path
        The HTML file; the Markdown stands beside it. By default ``report.html`` in the run directory, and for several
        runs in a directory of their own beside them.
    """
    from surveyeval.data.files import write_atomically
    from surveyeval.engine.score import check_same_people
    from surveyeval.reporting.card import render
    from surveyeval.reporting.view import RunView

    opened = [folder if isinstance(folder, Run) else Run(folder) for folder in folders]
    if not opened:
        raise ConfigError("no run is given", hint="`surveyeval ls runs` lists them")
    check_same_people(opened)
    for one in opened:
        _write_card(one.card, render([RunView(one.manifest, one.estimates, one.tables)]))
    target = Path(output) if output is not None else _card_path(opened)
    if target != opened[0].card:
        card = render([RunView(one.manifest, one.estimates, one.tables) for one in opened])
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target.with_suffix(".html"), card.html)
        write_atomically(target.with_suffix(".md"), card.markdown)
    return target


def _write_card(path: Path, card: Any) -> None:
    from surveyeval.data.files import write_atomically

    write_atomically(path.with_suffix(".html"), card.html)
    write_atomically(path.with_suffix(".md"), card.markdown)


def _card_path(opened: Sequence[Run]) -> Path:
    from surveyeval.data.files import digest

    if len(opened) == 1:
        return opened[0].card
    key = digest(sorted(one.id for one in opened))[:8]
    return opened[0].folder.parent / "cards" / f"{opened[0].task}-{len(opened)}-models-{key}.html"


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

    opened = [one if isinstance(one, Run) else find_run(one, folder) for one in chosen]
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

    return export_run(chosen if isinstance(chosen, Run) else find_run(chosen, folder), output)


def check_submission(file: str | Path) -> Checked:
    """Check a submission against itself, and compute again what follows from its own numbers.

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

    loaded = load_task(task, profile_set=profile_set) if isinstance(task, str) else task
    human = load_human(loaded, data=data, provenance=provenance)
    return plan(
        loaded, human, metrics(progress), people=people, pilot=pilot, splits=splits or SPLITS, seed=seed, progress=progress
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

    run = chosen if isinstance(chosen, Run) else find_run(chosen, folder)
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


def _experiment(stored: Run) -> Experiment:
    """Divide the people again as the run did, and refuse if anything is not as it was."""
    from surveyeval.engine.common import reopen
    from surveyeval.engine.experiment import prepare

    task, people = reopen(stored)
    recorded = stored.manifest["identity"]
    options = RunOptions(**{**recorded["options"], "hidden": tuple(recorded["options"]["hidden"])})
    experiment = prepare(task, people, options, [])
    return _without_removed(experiment, stored)


def _without_removed(experiment: Experiment, stored: Run) -> Experiment:
    """Drop test people that the run left out because its adapter was trained on them."""
    from dataclasses import replace

    import numpy as np

    answered = set(stored.responses["respondent"])
    full = experiment.human.sample
    _, test_rows = experiment.split.divide(experiment.options.pilot)
    rows = np.array([row for row in test_rows if full.respondent[row] in answered])
    return replace(experiment, test=full.take(rows))


def _config(
    task: str,
    models: list[str],
    options: RunOptions,
    loaded: Task,
    data: str | None,
    provenance: str | None,
    send_profiles: bool,
) -> dict[str, Any]:
    config: dict[str, Any] = {"task": task, "models": models, "profile_set": loaded.profile_set}
    config |= {"limit": options.limit, "seed": options.seed, "draws": options.draws, "pilot": options.pilot}
    config |= {"elicitation": options.elicitation if options.elicitation != RunOptions().elicitation else None}
    config |= {"hide": list(options.hidden), "splits": options.splits, "data": data, "provenance": provenance}
    config |= {"send_profiles": send_profiles or None}
    return {key: value for key, value in config.items() if value not in (None, [])}


def _command(config: Mapping[str, Any]) -> str:
    words = ["surveyeval", "run", "--task", str(config["task"])]
    for text in config["models"]:
        words += ["--model", text]
    defaults = RunOptions()
    for key in ("limit", "seed", "draws", "pilot", "elicitation", "splits"):
        if key in config and config[key] != getattr(defaults, key):
            words += [f"--{key}", str(config[key])]
    if config["profile_set"] != "default":
        words += ["--profile-set", config["profile_set"]]
    for name in config.get("hide", []):
        words += ["--hide", name]
    if "data" in config:
        words += ["--data", f"{config['task']}={config['data']}", "--provenance", config["provenance"]]
    if config.get("send_profiles"):
        words.append("--send-profiles")
    return shlex.join(words)
