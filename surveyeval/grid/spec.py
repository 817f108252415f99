"""A study file, typed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from surveyeval.errors import ConfigError
from surveyeval.task.document import load_document
from surveyeval.task.fields import typed
from surveyeval.task.findings import Findings
from surveyeval.tuning.options import TuningOptions

__all__ = ["PilotGrid", "StudySpec", "TaskChoice", "read_study", "with_changes"]

STRICT = ConfigDict(extra="forbid", frozen=True)


def _task(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class TaskChoice(BaseModel):
    """A task with one of its profile sets; written as a name alone where the first set is meant.

    Parameters
    ----------
    name : str
        Name of the task, or path of its file.
    profile_set : str, optional
        One of its profile sets; default: the first.
    """

    model_config = STRICT

    name: str = Field(min_length=1)
    profile_set: str | None = None


class PilotGrid(BaseModel):
    """Pilot designs: every combination of size, scope, balance and profile, each with every draw.

    Parameters
    ----------
    sizes : list of str
        ``all``: everybody in scope outside the test set; below 1: share of the people in scope (of each arm); 1 and more:
        number of people.
    scopes : list of str
        ``all``, or ``arm=NAME``.
    balances : list of str
        ``random``, or a profile column with levels.
    profiles : list of str
        ``shown``, ``none``, or profile fields to hide, joined by ``+`` after ``hide:``.
    draws : int
        Orders in which people outside the test set are taken.
    full : bool
        Every combination. Otherwise sizes are crossed with draws alone, and scopes, balances and profiles are varied one
        at a time at the last size listed, beside the first of each.
    """

    model_config = STRICT

    sizes: list[str] = Field(["60"], min_length=1)
    scopes: list[str] = Field(["all"], min_length=1)
    balances: list[str] = Field(["random"], min_length=1)
    profiles: list[str] = Field(["shown"], min_length=1)
    draws: int = Field(1, ge=1)
    full: bool = True


class StudySpec(BaseModel):
    """What a study compares.

    Parameters
    ----------
    name : str
        Short name, for the folder of the study: lower case, digits, and . _ + -
    title : str
        What stands over the report.
    description : str
        A few sentences below it.
    tasks : list
        Names, or paths of task files.
    bases : list of str
        Model strings of transformers models; none for baselines alone.
    methods : list of str
        ``base``, ``calibrate=temperature``, ``calibrate=item``, ``examples=K``, ``lora``.
    baselines : list of str
        Fitted on every pilot.
    baseline_sizes : list of str
        Further sizes at which the baselines alone are fitted, for the break-even pilot.
    pilots : PilotGrid
        Pilot designs.
    seeds : list of int
        Seeds of training.
    tuning : TuningOptions
        How adapters are trained.
    test : float
        Share of all people, the last of the split, that nobody is trained on.
    limit : int, optional
        The first so many test people only.
    draws : int
        Complete simulated samples of each model.
    splits : int, optional
        Random half splits; default: what each metric asks for.
    seed : int
        Root seed of the split, draws and resampling.
    crossfit : int, optional
        So many folds: everybody is simulated by a model that was trained on the others.
    holdout : list of str
        ``arm=NAME``, ``item=NAME`` or ``group=COLUMN=LEVEL``: nobody is trained on it.
    """

    model_config = STRICT

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.+-]*$")
    title: str = Field(min_length=1)
    description: str = ""
    tasks: list[Annotated[TaskChoice, BeforeValidator(_task)]] = Field(min_length=1)
    bases: list[str] = Field(default_factory=list)
    methods: list[str] = Field(["base", "calibrate=item", "lora"])
    baselines: list[str] = Field(["uniform", "marginal", "cell", "logit", "chain", "hotdeck", "copula"], min_length=1)
    baseline_sizes: list[str] = Field(default_factory=list)
    pilots: PilotGrid = PilotGrid()
    seeds: list[int] = Field([0], min_length=1)
    tuning: TuningOptions = TuningOptions()
    test: float = Field(0.4, gt=0, lt=1)
    limit: int | None = Field(None, ge=30)
    draws: int = Field(1, ge=1)
    splits: int | None = Field(None, ge=2)
    seed: int = Field(0, ge=0)
    crossfit: int | None = Field(None, ge=2)
    holdout: list[str] = Field(default_factory=list)

    def method_kinds(self) -> list[tuple[str, str]]:
        """(method, its option) for each method."""
        return [tuple(method.partition("=")[::2]) for method in self.methods]  # type: ignore[misc]


_METHODS = "base, calibrate=temperature, calibrate=item, examples=K, lora"


def read_study(path: str | Path) -> StudySpec:
    """Read and check a study file.

    Raises
    ------
    ConfigError
        With every mistake at once, each with file, line and field.
    """
    document = load_document(Path(path))
    findings = Findings(document, document.value)
    spec = typed(findings, StudySpec)
    if spec is not None:
        _check(findings, spec)
    if findings.problems or spec is None:
        raise ConfigError(problems=findings.problems)
    return spec


def with_changes(
    spec: StudySpec, *, crossfit: int | None = None, holdout: Sequence[str] = (), limit: int | None = None
) -> tuple[StudySpec, str | None]:
    """A study with some of its fields changed.

    Parameters
    ----------
    spec : StudySpec
    crossfit : int, optional
    holdout : sequence of str
    limit : int, optional
        Each in place of the field of this name; what is not given stays.

    Returns
    -------
    StudySpec
    str or None
        A study file that says the same; None where nothing was changed.

    Raises
    ------
    ConfigError
        When both `crossfit` and `holdout` would be set.
    """
    given: dict[str, Any] = {"crossfit": crossfit, "holdout": list(holdout) or None, "limit": limit}
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        return spec, None
    changed = spec.model_copy(update=changes)
    if changed.crossfit is not None and changed.holdout:
        raise ConfigError("crossfit and holdout cannot go together", hint="make two studies of it")
    return changed, yaml.safe_dump(changed.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _check(findings: Findings, spec: StudySpec) -> None:
    """What types do not tell: spellings of methods, sizes and scopes. Tasks and models are checked when they are opened."""
    from surveyeval.model.baselines import BASELINES
    from surveyeval.task.catalogue import task_names

    for number, method in enumerate(spec.methods):
        kind, equals, value = method.partition("=")
        right = (
            (kind in ("base", "lora") and not equals)
            or (kind == "calibrate" and value in ("temperature", "item"))
            or (kind == "examples" and value.isdecimal() and int(value) > 0)
        )
        if not right:
            findings.add(("methods", number), f"{method!r} is no method", f"methods: {_METHODS}")
    for number, name in enumerate(spec.baselines):
        if name not in BASELINES:
            findings.unknown(("baselines", number), name, BASELINES, "a baseline")
    for number, task in enumerate(spec.tasks):
        if task.name not in task_names() and not _is_path(task.name):
            findings.unknown(("tasks", number), task.name, task_names(), "a task")
    for field, sizes in (("pilots", spec.pilots.sizes), ("", spec.baseline_sizes)):
        for number, size in enumerate(sizes):
            route = ("pilots", "sizes", number) if field else ("baseline_sizes", number)
            if size != "all" and not _is_number(size):
                findings.add(route, f"{size!r} is no size", "write all, a share below 1, or a number of people")
    for number, scope in enumerate(spec.pilots.scopes):
        if scope != "all" and not scope.startswith("arm="):
            findings.add(("pilots", "scopes", number), f"{scope!r} is no scope", "write all, or arm=NAME")
    for number, profile in enumerate(spec.pilots.profiles):
        if profile not in ("shown", "none") and not profile.startswith("hide:"):
            findings.add(
                ("pilots", "profiles", number), f"{profile!r} is no profile", "write shown, none or hide:FIELD+FIELD"
            )
    for number, held in enumerate(spec.holdout):
        if held.partition("=")[0] not in ("arm", "item", "group") or "=" not in held:
            findings.add(
                ("holdout", number), f"{held!r} holds nothing out", "write arm=NAME, item=NAME or group=COLUMN=LEVEL"
            )
    if spec.crossfit is not None and spec.holdout:
        findings.add(("holdout",), "cannot go with crossfit", "make two studies of it", key=True)


def _is_path(name: str) -> bool:
    return name.endswith((".yaml", ".yml")) or (Path(name) / "task.yaml").exists()


def _is_number(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False
