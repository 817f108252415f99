"""The manifest of a run: everything needed to know what was done, and to do it again."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from surveyeval import __version__
from surveyeval.data.files import digest
from surveyeval.data.sample import Sample
from surveyeval.data.split import Split
from surveyeval.engine.plan import Plan
from surveyeval.model.protocol import Fingerprint, LanguageModel, Respondent, Trained
from surveyeval.task.human import HumanData
from surveyeval.task.schema import SourceSpec
from surveyeval.task.task import Task

__all__ = [
    "RunOptions",
    "banners_of",
    "describe_task",
    "identity",
    "limited_to",
    "new_manifest",
    "run_name",
    "shown_otherwise",
]

#: Packages whose versions can change a result.
_PACKAGES = ("numpy", "pandas", "scipy", "statsmodels", "torch", "transformers", "peft", "tokenizers")


@dataclass(frozen=True)
class RunOptions:
    """Options of a run that change its result. The defaults are those of the command line.

    Parameters
    ----------
    limit : int, optional
        First N test people only; the card is stamped.
    seed : int
        Root seed of draws and resampling.
    draws : int
        Complete simulated samples.
    pilot : float
        Below 1: share of all people; 1 and more: number of people. Set aside for baselines and fine-tuning.
    hidden : tuple of str
        Profile fields that the model does not see.
    elicitation : str
        How language models are asked: ``choice``, ``generate?max_tokens=256``, ...
    splits : int, optional
        Number of random half splits; default: what each metric asks for.
    """

    limit: int | None = None
    seed: int = 0
    draws: int = 1
    pilot: float = 0.25
    hidden: tuple[str, ...] = ()
    elicitation: str = "choice"
    splits: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for manifests and identities."""
        return {**self.__dict__, "hidden": sorted(self.hidden)}


@dataclass(frozen=True, eq=False)
class Identity:
    """What makes a run the same run: its parts by name, so that a difference can be named."""

    parts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """sha256 over all parts."""
        return digest(dict(self.parts))


def identity(
    task: Task,
    human: HumanData,
    split: Split,
    test: Sample,
    pilot: Sample,
    fingerprint: Fingerprint,
    options: RunOptions,
    plan: Plan,
) -> Identity:
    """The identity of a run."""
    return Identity(
        {
            "task": task.content_hash,
            "profile_set": task.profile_set,
            "data": human.sha256,
            "split": split.hash,
            "test": digest(list(test.respondent)),
            "pilot": digest(list(pilot.respondent)),
            "model": f"{fingerprint.kind}:{fingerprint.value}",
            "options": options.to_dict(),
            "plan": plan.hash,
            "format": 1,
        }
    )


def shown_otherwise(manifest: Mapping[str, Any]) -> list[str]:
    """Parts of the identity, by name, that a manifest repeats for cards and shows otherwise.

    Parameters
    ----------
    manifest : mapping
        Of a run, or of a submission, which may do without ``plan``.
    """
    if manifest["status"] == "partial":  # it shows the part, and keeps the identity of the whole
        return []
    task, split, fingerprint = manifest["task"], manifest["split"], manifest["model"]["fingerprint"]
    shown = {
        "task": task["hash"],
        "profile_set": task["profile_set"],
        "data": manifest["data"]["sha256"],
        "split": split["hash"],
        "test": split["test_ids"],
        "model": f"{fingerprint['kind']}:{fingerprint['value']}",
        "options": manifest["options"],
    }
    if "plan" in manifest:
        plan = manifest["plan"]
        shown["plan"] = plan.get("hash") if isinstance(plan, Mapping) else plan
    return [name for name, value in shown.items() if value != manifest["identity"][name]]


def run_name(task: Task, model: str, identity_hash: str, created: datetime) -> str:
    """Directory name of a run: time, task, model, identity."""
    slug = re.sub(r"[^a-z0-9.]+", "-", model.lower()).strip("-.")[:40]
    return f"{created:%Y%m%dT%H%M%SZ}-{task.name}-{slug}-{identity_hash[:8]}"


def describe_task(task: Task, human: HumanData | None) -> dict[str, Any]:
    """What a card tells of a task and its data.

    Parameters
    ----------
    task : Task
    human : HumanData or None
        None where the people are the task's own and are not at hand; whether they are weighted is not known then.
    """
    spec, source = task.spec, task.spec.source
    told: HumanData | SourceSpec = human or source
    provenance = told.provenance
    comparable = spec.comparable if spec.comparable is not None else True
    return {
        "name": task.name,
        "version": task.version,
        "title": task.title,
        "description": spec.description,
        "hash": task.content_hash,
        "provenance": provenance,
        "comparable": comparable and provenance == "human",
        "licence": told.licence,
        "citation": told.citation,
        "source": source.use,
        "url": source.url,
        "published": source.published,
        "field_dates": source.field_dates,
        "population": source.population,
        "mode": source.mode,
        "selection": source.selection,
        "weighted": human is not None and human.sample.weighted,
        "wording": {item.name: item.spec.wording for item in task.items},
        "profile_set": task.profile_set,
        "profile": list(task.profile),
        "interview": spec.interview.model_dump(),
        "equivalence": spec.equivalence.model_dump() if spec.equivalence else None,
        "has_truth": spec.truth is not None,
    }


def limited_to(options: RunOptions, test: Sample, split: Split) -> int | None:
    """The limit of a run that fewer people answered than there are; None otherwise."""
    return options.limit if options.limit is not None and test.n < len(split.test) else None


def banners_of(model: Respondent | LanguageModel, task: Task, options: RunOptions) -> list[str]:
    """What a card must say of a model, asked like this."""
    cautions = model.cautions(task, frozenset(options.hidden)) if isinstance(model, Trained) else ()
    return [*model.banners(), *cautions]


def new_manifest(
    *,
    task: Task,
    human: HumanData,
    split: Split,
    test: Sample,
    pilot: Sample,
    model_name: str,
    model_string: str,
    fingerprint: Fingerprint,
    banners: Sequence[str],
    options: RunOptions,
    plan: Plan,
    run_identity: Identity,
    command: str,
    created: datetime,
    tried: int,
    removed_training_rows: int,
    elicitation: dict[str, Any] | None,
    leaves: dict[str, Any] | None,
) -> dict[str, Any]:
    """The manifest of a run that has just begun. It names no path of this machine but those that the user wrote."""
    return {
        "format": 1,
        "id": run_identity.hash,
        "identity": dict(run_identity.parts),
        "status": "running",
        "created": created.isoformat(timespec="seconds"),
        "finished": None,
        "surveyeval": __version__,
        "command": command,
        "limited": limited_to(options, test, split),
        "task": describe_task(task, human),
        "data": {"sha256": human.sha256, "n": human.sample.n},
        "model": {
            "name": model_name,
            "string": model_string,
            "fingerprint": {"kind": fingerprint.kind, "value": fingerprint.value, "details": dict(fingerprint.details)},
            "banners": list(banners),
        },
        "split": {
            "hash": split.hash,
            "pool": len(split.pool),
            "pilot": pilot.n,
            "test": test.n,
            "test_ids": digest(list(test.respondent)),
            "removed_training_rows": removed_training_rows,
        },
        "options": options.to_dict(),
        "plan": {"hash": plan.hash, "blocks": len(plan.blocks), "block_size": plan.block_size},
        "elicitation": elicitation,
        "leaves": leaves,
        "counts": {"interviews": test.n * options.draws, "answered": 0, "invalid": 0, "refused": 0, "dont_know": 0},
        "prompt_example": [],
        "notes": [],
        "seconds": 0.0,
        "tried": tried,
        "environment": environment(),
    }


def environment() -> dict[str, str]:
    """Versions of what can change a result."""
    found = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)
