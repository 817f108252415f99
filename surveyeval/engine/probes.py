"""Probes of contamination: does a model answer the published form of a questionnaire otherwise than other forms of it?

Each form is a run like any other, in a folder of its own, so that an interrupted probe continues and a finished one is found;
language models' answers come from the response cache where they were given before.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surveyeval.data.sample import Sample
from surveyeval.engine.cache import open_cache
from surveyeval.engine.experiment import Experiment, prepare
from surveyeval.engine.manifest import RunOptions
from surveyeval.engine.probe_table import Answered, odd_ones, probe_table
from surveyeval.engine.run import Run
from surveyeval.engine.runner import simulate, simulated_samples
from surveyeval.errors import CapabilityError, ConfigError
from surveyeval.model.build import NamedModel, build_elicitation
from surveyeval.model.protocol import LanguageModel
from surveyeval.progress import Progress, Silent
from surveyeval.task.forms import KINDS, Form, forms_of
from surveyeval.task.human import HumanData
from surveyeval.task.task import Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CANNOT_TELL", "Probe", "probe"]

#: What no probe shows, said with every one.
CANNOT_TELL = (
    "A change beyond the reference shows that a model’s answers depend on the form, which recalling the published form would do, "
    "and so would plain sensitivity to words or marks: forms with marks share that they have some, and the published one has none. "
    "Readings are not adjusted for the number of items and kinds. No change does not show that nothing was read: a result can be recalled whatever the "
    "words. Reworded items and swapped numbers were not shown to people, who may answer them otherwise as well."
)


@dataclass(frozen=True, eq=False)
class Probe:
    """What came of a probe.

    Parameters
    ----------
    task, version, model : str
    people : int
        Test people whose profiles were used.
    exact : bool
        Whether the model gave probabilities in every form; else drawn answers were counted.
    table : DataFrame
        See `surveyeval.engine.probe_table.probe_table`.
    odd : list of dict
        For each kind with two forms or more, in how many items the published form is the odd one out
        (`surveyeval.engine.probe_table.odd_ones`).
    forms : list of dict
        Name, kind, who wrote it, and the folder of its run.
    notes : list of str
    """

    task: str
    version: str
    model: str
    people: int
    exact: bool
    table: pd.DataFrame
    odd: list[dict[str, object]]
    forms: list[dict[str, Any]]
    notes: list[str]


def probe(
    task: Task,
    human: HumanData,
    named: NamedModel,
    options: RunOptions,
    *,
    given: str | None = None,
    kinds: Sequence[str] = tuple(KINDS),
    file: Path | None = None,
    output: Path = Path("runs"),
    send_profiles: bool = False,
    cache: bool = True,
    progress: Progress | None = None,
) -> Probe:
    """Let a language model answer the published form of a task and other forms, and compare.

    Parameters
    ----------
    task, human, named, options
        As in a run.
    given : str, optional
        How the task was named, for the command that makes the runs again; default: its name.
    kinds : sequence of str
        Of `surveyeval.task.forms.KINDS`. Forms in which marks differ are always asked: they are the reference.
    file : Path, optional
        Declared forms; default: ``probes.yaml`` beside the task file.
    output : Path
        Folder of run directories; those of a probe lie in ``probes`` below it.
    send_profiles, cache, progress
        As in `surveyeval.run`.

    Raises
    ------
    CapabilityError
        When the model reads no words.
    ConfigError
        When there is nothing to ask.
    """
    if not isinstance(named.model, LanguageModel):
        raise CapabilityError(
            f"model {named.name!r} does not read the questionnaire, so no wording can matter to it",
            hint="probe a language model",
        )
    forms = forms_of(task, tuple(dict.fromkeys(("typography", *kinds))), file=file)
    if not {form.kind for form in forms} & set(kinds):
        raise ConfigError(
            f"task {task.name!r} has no form of {', '.join(kinds)}", file=task.file,
            hint="write probes.yaml beside the task file, or choose other kinds",
        )  # fmt: skip
    progress, folder, asked = progress or Silent(), output / "probes", given or task.name
    experiment = prepare(task, human, options, [named], send_profiles=send_profiles)
    kept = open_cache(use=cache, again=False)

    told = _OfRuns(progress)

    def answered(of: Experiment, label: str) -> tuple[Run, Answered]:
        progress.note(f"{named.name}: {label}")
        command = _command(asked, named, options, kinds, file)
        config = {"task": asked, "models": [named.string], "probe": label}
        run = simulate(
            of, named, folder, config=config, command=command, again=False, progress=told, cache=kept
        )  # fmt: skip
        return run, Answered.of(of.task, simulated_samples(of, run))

    fixed = task.spec.interview.mode == "independent" and build_elicitation(options.elicitation).distribution

    def of_form(form: Form, number: int) -> Experiment:
        # With the random numbers of the published form a form would be nearer to it than to any other.
        own = options if fixed else replace(options, seed=options.seed + 2 + number)
        return replace(experiment, task=form.task, options=own)

    first, published = answered(experiment, "the published form")
    again = None
    if not fixed:  # answers, or what later questions follow, are drawn
        redrawn = replace(experiment, options=replace(options, seed=options.seed + 1))
        again = answered(redrawn, "the published form, drawn anew")[1]
    done = [(form, *answered(of_form(form, number), f"{form.name} ({form.kind})")) for number, form in enumerate(forms)]
    compared = [(form, one) for form, _, one in done]
    table = probe_table(task, experiment.test, published, again, compared, options.seed)
    table = table[table["kind"].isin(kinds)].reset_index(drop=True)
    listed = [_listed("published", "published", first)]
    listed += [{**_listed(form.name, form.kind, run), "by": form.by, "note": form.note} for form, run, _ in done]
    return Probe(
        task.name, task.version, named.name, experiment.test.n, published.exact and all(one.exact for _, one in compared), table,
        odd_ones(table), listed, _notes(experiment.test, forms, kinds),
    )  # fmt: skip


class _OfRuns:
    """Progress of the runs of a probe, without what only helps somebody who calls them one by one."""

    def __init__(self, progress: Progress) -> None:
        self.phase, self.advance, self.finish = progress.phase, progress.advance, progress.finish
        self._note = progress.note

    def note(self, text: str) -> None:
        if "found finished run" not in text:
            self._note(text)


def _listed(name: str, kind: str, run: Run) -> dict[str, Any]:
    return {"name": name, "kind": kind, "by": "", "note": "", "run": str(run.folder)}


def _notes(test: Sample, forms: Sequence[Form], kinds: Sequence[str]) -> list[str]:
    notes = [CANNOT_TELL]
    absent = [kind for kind in kinds if kind not in {form.kind for form in forms}]
    if absent:
        notes.append(f"Not probed, since the task has no such form: {', '.join(absent)}.")
    notes += [f"{form.name}: {form.note}" for form in forms if form.note]
    if test.n < 30:
        notes.append(f"With {test.n} people intervals are rough.")
    return notes


def _command(task: str, named: NamedModel, options: RunOptions, kinds: Sequence[str], file: Path | None) -> str:
    words: list[str] = ["surveyeval", "probe", "--task", task, "--model", named.string]
    values: Mapping[str, object] = {
        "limit": options.limit,
        "seed": options.seed,
        "draws": options.draws,
        "pilot": options.pilot,
    }
    for name, value in values.items():
        if value != getattr(RunOptions(), name):
            words += [f"--{name}", str(value)]
    if options.elicitation != RunOptions().elicitation:
        words += ["--elicitation", options.elicitation]
    if tuple(kinds) != tuple(KINDS):
        words += [word for kind in kinds for word in ("--kind", kind)]
    return shlex.join(words + (["--forms", str(file)] if file else []))
