"""One task of a study: trains, simulates and compares, design by design. What is finished is read, not done again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from surveyeval.data.files import digest, write_atomically
from surveyeval.data.sample import Sample, concatenate
from surveyeval.data.seeds import uniforms
from surveyeval.engine.cache import open_cache
from surveyeval.engine.estimates import from_records, to_records
from surveyeval.engine.evaluate import FLOORS, evaluate
from surveyeval.engine.executors import Executor
from surveyeval.engine.experiment import Experiment
from surveyeval.engine.manifest import RunOptions
from surveyeval.engine.run import Run
from surveyeval.engine.runner import simulate, simulated_samples
from surveyeval.grid.crossfit import CrossFitted
from surveyeval.grid.people import Holdout, StudyPeople
from surveyeval.grid.plan import Design, Variant, variants
from surveyeval.grid.spec import StudySpec
from surveyeval.metric.protocol import Metric
from surveyeval.model.baselines import make_baseline
from surveyeval.model.build import NamedModel, build_model
from surveyeval.model.protocol import Interviews, Respondent
from surveyeval.model.strings import parse_model_string
from surveyeval.progress import Progress
from surveyeval.task.human import HumanData
from surveyeval.task.task import Task
from surveyeval.tuning.adapter import RECORD
from surveyeval.tuning.finetune import Adapter, finetune
from surveyeval.tuning.options import PilotDesign
from surveyeval.tuning.pilot import Pilot

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AGAINST", "TaskStudy"]

#: Simulated samples that every other one is compared with in pairs.
AGAINST = ("baseline:marginal", "baseline:cell", "baseline:chain", "base", "calibrate=item")
#: Axes that are computed again for seen and unseen people apart.
_APART = ("individual", "alignment", "coherence")


@dataclass(frozen=True, eq=False)
class _Part:
    """The people of one fold (or of the whole study), and the pilot of one design among them."""

    people: StudyPeople
    pilot: Pilot

    @property
    def trained(self) -> Sample:
        return self.people.trained(self.pilot)


class TaskStudy:
    """The study of one task.

    Parameters
    ----------
    spec : StudySpec
    task : Task
    given : str
        The task as the study names it, for the configurations of its runs.
    human : HumanData
    folder : Path
        Where runs, adapters and estimates of the study are kept.
    metrics : sequence of Metric
    progress : Progress
    command : str
        What makes the study, for the manifests of its runs.
    holdout : Holdout, optional
    executor : Executor, optional
        Where language models answer; default: in this process.
    """

    def __init__(
        self,
        spec: StudySpec,
        task: Task,
        given: str,
        human: HumanData,
        folder: Path,
        *,
        metrics: Sequence[Metric],
        progress: Progress,
        command: str,
        holdout: Holdout | None = None,
        executor: Executor | None = None,
    ) -> None:
        self.spec, self.task, self.given, self.human, self.folder = spec, task, given, human, folder
        self.metrics, self.progress, self.command, self.holdout = metrics, progress, command, holdout
        self.executor = executor
        self._fold_numbers = range(spec.crossfit) if spec.crossfit else (None,)
        self._kept: list[NamedModel] = []  # models hold their base in memory, so that the next one finds it there

    # ---- people ---------------------------------------------------------------------------------------------------

    def parts(self, design: Design) -> list[_Part]:
        """The folds of the study (one without cross-fitting), each with the pilot of a design."""
        found = []
        for number in self._fold_numbers:
            fold = None if number is None else (number, self.spec.crossfit or 0)
            people = StudyPeople(self.task, self.human, self.spec.test, self.spec.limit, self.holdout, fold)
            found.append(_Part(people, people.pilot(design)))
        return found

    # ---- one design -----------------------------------------------------------------------------------------------

    def run(self, design: Design) -> pd.DataFrame:
        """Estimates of all variants of a design, with the columns of the grid; read from disk when they are there."""
        parts = self.parts(design)
        hidden = design.hidden(self.task)
        chosen = variants(self.spec, design)
        samples: dict[str, list[Sample]] = {}
        costs: dict[str, dict[str, Any]] = {}
        for variant in chosen:
            name = self.label(variant)
            samples[name], costs[name] = self._simulated(variant, parts, hidden)
        human = concatenate([part.people.test for part in parts])
        tables = [self._compared(design, parts, human, samples, "all", np.ones(human.n, dtype=bool))]
        unseen = np.concatenate([part.people.unseen(part.pilot) for part in parts])
        if unseen.any() and not unseen.all():
            tables += [
                self._compared(design, parts, human, samples, name, mask)
                for name, mask in (("seen", ~unseen), ("unseen", unseen))
            ]
        return self._labelled(tables, design, chosen, parts, costs)

    def label(self, variant: Variant) -> str:
        """Name of a variant among those of its design; the base is named where there are several."""
        if variant.base and len(self.spec.bases) > 1:
            return f"{variant.name} @ {parse_model_string(variant.base).name}"
        return variant.name

    # ---- simulated samples ----------------------------------------------------------------------------------------

    def _simulated(
        self, variant: Variant, parts: Sequence[_Part], hidden: tuple[str, ...]
    ) -> tuple[list[Sample], dict[str, Any]]:
        """A variant's samples, one for each draw, over all folds; and what it cost."""
        by_part: list[list[Sample]] = []
        cost = {"tokens": 0, "seconds": 0.0}
        for part in parts:
            if variant.base == "":
                by_part.append(self._baseline(variant, part, hidden))
                continue
            run, trained = self._run(variant, part, hidden)
            experiment = self._experiment(part, hidden)
            by_part.append(simulated_samples(experiment, run))
            # what was answered before was not free then
            cost["seconds"] += run.manifest["seconds"] + (run.manifest.get("cache") or {"seconds": 0.0})["seconds"]
            cost["seconds"] += trained.record["cost"]["seconds"] if trained else 0.0
            cost["tokens"] += trained.record["cost"]["tokens"] if trained else 0
        return [concatenate(draws) for draws in zip(*by_part, strict=True)], cost

    def _experiment(self, part: _Part, hidden: tuple[str, ...]) -> Experiment:
        options = RunOptions(
            None, self.spec.seed, self.spec.draws, len(part.pilot.rows), hidden, splits=self.spec.splits
        )
        people = part.people
        return Experiment(self.task, self.human, people.split, part.trained, people.test, options)

    def _baseline(self, variant: Variant, part: _Part, hidden: tuple[str, ...]) -> list[Sample]:
        model = make_baseline(variant.method.removeprefix("baseline:"))
        model.fit(self.task, part.trained)
        test = part.people.test
        names = [item.name for item in self.task.items]
        samples = []
        for draw in range(self.spec.draws):
            numbers = uniforms(self.spec.seed, list(test.respondent), names, draw, "draw")
            asked = Interviews(self.task, test.without_answers(), numbers, draw, frozenset(hidden))
            answers = model.answer(asked)
            scores = model.log_prob(asked, test) if draw == 0 and model.capabilities.log_prob else {}
            filled = test.without_answers().with_answers(answers.answers, states=answers.states, log_prob=scores)
            samples.append(filled)
        return samples

    def _run(self, variant: Variant, part: _Part, hidden: tuple[str, ...]) -> tuple[Run, Adapter | None]:
        """The run of a language model; an adapter is trained first. The untouched base is run once for all designs."""
        adapter = None
        if variant.method == "lora":
            adapter = self._adapter(variant, part, hidden)
            text = self._with(f"lora:{adapter.folder}", variant.base)
        elif variant.method == "base":
            text = variant.base
        else:
            key, _, value = variant.method.partition("=")
            text = self._with(variant.base, "", **{key: value})
        named = replace(build_model(text), name=self.label(variant))
        self._kept = [*self._kept[-3:], named]
        experiment = self._experiment(part, hidden)
        if variant.method == "base":
            # knows no pilot: the same run serves every design
            experiment = replace(experiment, pilot=experiment.pilot.take(np.arange(0)))
            experiment = replace(experiment, options=replace(experiment.options, pilot=1))
        run = simulate(
            experiment,
            named,
            self.folder / "runs",
            config={
                "study": self.spec.name,
                "task": self.given,
                "profile_set": self.task.profile_set,
                "models": [text],
            },
            command=self.command,
            again=False,
            progress=self.progress,
            cache=open_cache(),
            executor=self.executor,
        )
        return run, adapter

    def _with(self, text: str, like: str, **options: str) -> str:
        """A model string with further options, those of another model string among them."""
        parsed = parse_model_string(text)
        known = dict(parse_model_string(like).options) if like else {}
        return replace(parsed, options={**known, **parsed.options, **options}).text

    def trainings(self, design: Design) -> dict[Path, Callable[..., Adapter]]:
        """Calls that train the adapters of a design which are not there yet, by their folder. They know nothing of each other."""
        due, hidden = {}, design.hidden(self.task)
        for part in self.parts(design):
            for variant in variants(self.spec, design):
                if variant.method == "lora":
                    folder, train = self._training(variant, part, hidden)
                    if not (folder / RECORD).exists():
                        due[folder] = train
        return due

    def _adapter(self, variant: Variant, part: _Part, hidden: tuple[str, ...]) -> Adapter:
        _, train = self._training(variant, part, hidden)
        return train(progress=self.progress)

    def _training(self, variant: Variant, part: _Part, hidden: tuple[str, ...]) -> tuple[Path, Callable[..., Adapter]]:
        design = variant.design
        pilot_design = PilotDesign(
            size=len(part.pilot.rows),
            scope=None if design.scope == "all" else design.scope,
            balance=None if design.balance == "random" else design.balance,
            hide=hidden,
        )
        options = self.spec.tuning.model_copy(update={"seed": variant.seed or 0})
        skipped = (
            frozenset([self.holdout.name]) if self.holdout is not None and self.holdout.kind == "item" else frozenset()
        )
        key = digest(
            [self.task.content_hash, self.task.profile_set, variant.base, options.model_dump(mode="json"), hidden,
             sorted(skipped), list(self.human.sample.respondent[part.pilot.rows])]
        )  # fmt: skip
        words = re.sub(r"[^a-z0-9.]+", "-", f"{self.task.name} {design.label} seed {variant.seed}".lower()).strip("-")
        folder = self.folder / "adapters" / f"{words[:60]}-{key[:8]}"
        return folder, partial(
            finetune,
            self.task,
            self.human,
            part.people.split,
            variant.base,
            folder,
            design=pilot_design,
            options=options,
            pilot=part.pilot,
            held_out=skipped,
        )

    # ---- comparison -----------------------------------------------------------------------------------------------

    def _compared(
        self,
        design: Design,
        parts: Sequence[_Part],
        human: Sample,
        samples: Mapping[str, Sequence[Sample]],
        part_name: str,
        mask: np.ndarray[Any, np.dtype[np.bool_]],
    ) -> pd.DataFrame:
        metrics = [m for m in self.metrics if part_name == "all" or m.spec.axis in _APART]
        identity = digest(
            {
                "task": self.task.content_hash,
                "profile_set": self.task.profile_set,
                "data": self.human.sha256,
                "test": list(human.respondent[mask]),
                "pilots": [[list(p.trained.respondent), np.round(p.trained.weight, 12).tolist()] for p in parts],
                "samples": {name: [_fingerprint(s.take(mask)) for s in draws] for name, draws in samples.items()},
                "metrics": [metric.spec.name for metric in metrics],
                "hidden": design.hidden(self.task),
                "splits": self.spec.splits,
                "seed": self.spec.seed,
                "format": 2,
            }
        )
        path = self.folder / "estimates" / f"{identity[:16]}.json"
        if path.exists():
            table = from_records(json.loads(path.read_text())["estimates"])
        else:
            table = self._evaluate(design, parts, human.take(mask), samples, mask, metrics)
            path.parent.mkdir(parents=True, exist_ok=True)
            content = {"identity": identity, "estimates": to_records(table)}
            write_atomically(path, json.dumps(content, allow_nan=False) + "\n")
        return table.assign(part=part_name)

    def _evaluate(
        self,
        design: Design,
        parts: Sequence[_Part],
        human: Sample,
        samples: Mapping[str, Sequence[Sample]],
        mask: np.ndarray[Any, np.dtype[np.bool_]],
        metrics: Sequence[Metric],
    ) -> pd.DataFrame:
        pilot = concatenate([part.trained for part in parts])
        floors: dict[str, Respondent] = {}
        if len(parts) > 1:
            fold_of = {str(name): k for k, part in enumerate(parts) for name in part.people.test.respondent}
            for name in FLOORS:
                members = []
                for part in parts:
                    member = make_baseline(name)
                    member.fit(self.task, part.trained)
                    members.append(member)
                floors[name] = CrossFitted(members, fold_of)
        told = _Told(self.progress, f"comparing, {design.label}, draw {design.draw + 1}")
        table = evaluate(
            self.task,
            human,
            {name: [sample.take(mask) for sample in draws] for name, draws in samples.items()},
            pilot,
            metrics=metrics,
            seed=self.spec.seed,
            splits=self.spec.splits,
            against=[name for name in samples if name in AGAINST or name.partition(" @ ")[0] in AGAINST],
            floors=floors,
            hidden=frozenset(design.hidden(self.task)),
            tests=False,  # a study compares models over pilots and seeds; tests of one simulation belong to its run
            progress=told,
        )
        self.progress.finish()
        return table

    def _labelled(
        self,
        tables: Sequence[pd.DataFrame],
        design: Design,
        chosen: Sequence[Variant],
        parts: Sequence[_Part],
        costs: Mapping[str, Mapping[str, Any]],
    ) -> pd.DataFrame:
        import pandas as pd

        table = pd.concat(tables, ignore_index=True)
        by_name = {self.label(variant): variant for variant in chosen}
        own = [by_name.get(name) for name in table["model"]]
        return table.assign(
            profile_set=self.task.profile_set,
            holdout=self.holdout.label if self.holdout else "",
            size=design.size,
            n_pilot=round(float(np.mean([len(part.pilot.rows) for part in parts]))),
            scope=design.scope,
            balance=design.balance,
            profile=design.profile,
            draw=design.draw,
            method=[variant.method if variant else "" for variant in own],
            base=[variant.base if variant else "" for variant in own],
            tuning_seed=pd.array([variant.seed if variant else None for variant in own], dtype="Int64"),
            seconds=[costs.get(name, {}).get("seconds", np.nan) for name in table["model"]],
            tokens=[costs.get(name, {}).get("tokens", np.nan) for name in table["model"]],
        )


class _Told:
    """Progress of an evaluation, as `evaluate` reports it."""

    def __init__(self, progress: Progress, title: str) -> None:
        self.progress, self.title, self.done = progress, title, -1

    def __call__(self, done: int, total: int) -> None:
        if self.done < 0:
            self.progress.phase(self.title, total)
            self.done = 0
        self.progress.advance(done - self.done)
        self.done = done


def _fingerprint(sample: Sample) -> str:
    """Hash of what was answered, and of the scores of people's answers."""
    columns: Iterator[tuple[str, Any]] = (
        (f"{kind}.{name}", np.asarray(column).tobytes().hex())
        for kind in ("answers", "states", "log_prob")
        for name, column in sorted(getattr(sample, kind).items())
    )
    return digest(dict(columns))
