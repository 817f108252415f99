"""From a task and its people to an adapter on disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval import __version__
from surveyeval.data.files import digest, held
from surveyeval.data.sample import Sample
from surveyeval.data.seeds import generator
from surveyeval.data.split import Split
from surveyeval.errors import ConfigError, ModelError
from surveyeval.model.baselines import make_baseline
from surveyeval.model.build import build_model
from surveyeval.model.hf import HFModel
from surveyeval.model.lora import LoraModel
from surveyeval.model.protocol import Interviews
from surveyeval.model.weights import require_torch
from surveyeval.progress import Progress, Silent
from surveyeval.task.human import HumanData
from surveyeval.task.task import Task
from surveyeval.tuning.adapter import RECORD, add_adapter, losses, read_record, save_adapter
from surveyeval.tuning.options import PilotDesign, TuningOptions
from surveyeval.tuning.pilot import Pilot, choose_pilot, pilot_record, without_items
from surveyeval.tuning.sequences import Row, make_rows
from surveyeval.tuning.trainer import Curve, Stage, Trainer, out_of_memory

__all__ = ["Adapter", "finetune"]

#: Folds of --stop cv, and the share held out by --stop early.
FOLDS = 5
#: Below this many people a fifth is too few to choose an epoch with.
FEWEST_TO_CHOOSE = 100


@dataclass(frozen=True)
class Adapter:
    """A trained adapter: its folder, and what `surveyeval.json` says of it."""

    folder: Path
    record: Mapping[str, Any]

    @property
    def loss(self) -> list[dict[str, Any]]:
        """The loss curve, a point for each step: step, epoch, train, validation (nats per place)."""
        return list(self.record["loss"])

    @property
    def model(self) -> str:
        """Model string for `surveyeval.run`."""
        return f"lora:{self.folder}"


def finetune(
    task: Task,
    human: HumanData,
    split: Split,
    base: str,
    output: Path,
    *,
    design: PilotDesign | None = None,
    options: TuningOptions | None = None,
    again: bool = False,
    progress: Progress | None = None,
    pilot: Pilot | None = None,
    held_out: Iterable[str] = (),
) -> Adapter:
    """Fine-tune a base on a pilot.

    The same call again continues an interrupted training and shows a finished one.

    Parameters
    ----------
    task, human, split
        The survey, its people, and how they are divided.
    base : str
        Model string of a transformers model.
    output : Path
        Folder of the adapter.
    design : PilotDesign, optional
    options : TuningOptions, optional
    again : bool
        Train anew even if `output` holds a finished adapter.
    progress : Progress, optional
    pilot : Pilot, optional
        People chosen otherwise than by the design (a study's folds).
    held_out : iterable of str
        Items that are left out of the interviews, to be asked of the finished model alone.

    Raises
    ------
    ConfigError
        When `output` holds another adapter, or the pilot cannot be chosen.
    ModelError
        When the base is no transformers model, or memory runs out.
    """
    design, options, progress = design or PilotDesign(), options or TuningOptions(), progress or Silent()
    pilot = pilot or choose_pilot(task, human, split, design)
    string, model = _base(base)
    device, dtype = _device_and_dtype(options)
    identity = {
        "task": task.content_hash,
        "profile_set": task.profile_set,
        "data": human.sha256,
        "base": {"model": string, "hash": model.weights_hash()},
        "pilot": pilot_record(task, human, pilot, design),
        "options": options.model_dump(mode="json"),
        "device": device,
        "dtype": dtype,
        "held_out": sorted(held_out),
    }
    found = _found(output, identity, again=again)
    checkpoint, lock = (output.with_name(f".{output.name}.{kind}") for kind in ("checkpoint", "lock"))
    if found is not None:
        progress.note(f"found finished adapter {output}; --again trains it anew")
        for left in (checkpoint, lock):  # by a process that was killed when all was done
            left.unlink(missing_ok=True)
        return Adapter(output, found)
    people = without_items(pilot.sample(human.sample), identity["held_out"])
    progress.note(f"training on {people.n} people, {dtype} on {device}")
    rows = make_rows(model, task, people, frozenset(design.hide), _targets(task, people, options, design))
    _check_rows(rows, options)
    del model  # it holds the base's weights in memory, to score with
    wrapped = _wrapped(_base(base)[1], options, device, dtype)
    output.parent.mkdir(parents=True, exist_ok=True)
    with held(lock) as alone:
        if not alone:
            raise ModelError(
                "another process is training this adapter",
                file=str(output),
                hint="wait for it, or choose another --output",
            )
        trainer = Trainer(wrapped, rows, options, device, checkpoint, digest(identity), _Steps(progress))
        if trainer.resumed:
            progress.note("continuing from the last checkpoint")
        elif trainer.foreign:
            progress.note(f"{checkpoint.name} is the checkpoint of another training, or damaged: it is written over")
        curve, epochs = _stages(trainer, rows, options, progress)
        record = _record(task, human, identity, design, trainer, curve, epochs)
        save_adapter(output, wrapped, record, replace=again)
        checkpoint.unlink(missing_ok=True)
        lock.unlink(missing_ok=True)
    return Adapter(output, record)


def _base(base: str) -> tuple[str, HFModel]:
    """Canonical model string of the base, and the base itself."""
    named = build_model(base)
    if isinstance(named.model, LoraModel):
        raise ModelError(f"base {base!r} is an adapter itself", hint="give the base of that adapter")
    if not isinstance(named.model, HFModel):
        raise ModelError(
            f"base {base!r} is no transformers model, so it cannot be fine-tuned", hint="use embedded:... or hf:..."
        )
    return named.string, named.model


def _found(output: Path, identity: Mapping[str, Any], *, again: bool) -> dict[str, Any] | None:
    """The record of the finished adapter that is asked for; an error where the folder holds anything else."""
    if not output.exists():
        return None
    if not output.is_dir():
        raise ConfigError("is no folder", file=str(output), hint="choose another --output")
    found = read_record(output)
    if found is None:
        if any(output.iterdir()):
            raise ConfigError(f"exists and holds no {RECORD}", file=str(output), hint="choose another --output")
        return None
    if again:
        return None
    if found.get("identity") != digest(identity):
        raise ConfigError(
            f"holds another adapter: {_difference(found, identity)}",
            file=str(output),
            hint="choose another --output, or --again to replace it",
        )
    return found


def _wrapped(base: HFModel, options: TuningOptions, device: str, dtype: str) -> Any:
    """The base in the dtype of training, with a fresh adapter."""
    torch = require_torch()
    try:
        model, _ = base.read(getattr(torch, dtype))
        return add_adapter(model.to(device), options)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise ModelError(
            "memory ran out while the base was loaded", hint="use --dtype bfloat16 or a smaller base"
        ) from error


class _Steps:
    """Tells the progress of a stage; a continued one begins where it was."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.stage = progress, ""

    def __call__(self, stage: Stage, step: int, steps: int) -> None:
        if stage.name != self.stage:
            self.stage = stage.name
            self.progress.phase(f"training{'' if stage.name == 'final' else f', {stage.name}'}", steps)
            self.progress.advance(step - 1)
        self.progress.advance()
        if step == steps:
            self.progress.finish()


def _record(
    task: Task,
    human: HumanData,
    identity: Mapping[str, Any],
    design: PilotDesign,
    trainer: Trainer,
    curve: Curve,
    epochs: int,
) -> dict[str, Any]:
    """What `surveyeval.json` holds."""
    trained = trainer.finished.values()
    return {
        "format": 1,
        "surveyeval": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "identity": digest(identity),
        "task": {
            "name": task.name,
            "version": task.version,
            "hash": task.content_hash,
            "profile_set": task.profile_set,
        },
        "data": {
            "sha256": human.sha256,
            "provenance": human.provenance,
            "identifiers": "column" if task.spec.source.id else "row",
        },
        **{name: identity[name] for name in ("base", "pilot", "options", "device", "dtype")},
        "hidden": sorted(design.hide),
        "held_out": identity["held_out"],
        "epochs": epochs,
        "loss": losses(curve.points),
        "cost": {
            "tokens": sum(one.tokens for one in trained),
            "steps": sum(len(one.points) for one in trained),
            "seconds": round(sum(one.seconds for one in trained), 1),
        },
    }


def _stages(trainer: Trainer, rows: Sequence[Row], options: TuningOptions, progress: Progress) -> tuple[Curve, int]:
    """Curve and number of epochs by the way of stopping that was asked for."""
    everybody = tuple(range(len(rows)))
    if options.stop == "fixed":
        return trainer.train(Stage("final", everybody)), options.epochs
    fold = _folds(rows, options.seed)
    if options.stop == "early":
        held_out = tuple(i for i in everybody if fold[i] == 0)
        kept = tuple(i for i in everybody if fold[i] != 0)
        curve = trainer.train(Stage("final", kept, held_out, keep_best=True))
        return curve, int(np.argmin(curve.validation())) + 1
    validation = []
    for number in range(FOLDS):
        name = f"fold {number + 1} of {FOLDS}"
        if name not in trainer.finished:
            held_out = tuple(i for i in everybody if fold[i] == number)
            trainer.train(Stage(name, tuple(i for i in everybody if fold[i] != number), held_out))
        validation.append(trainer.finished[name].validation())
    mean = np.mean(validation, axis=0)
    epochs = int(mean.argmin()) + 1
    told = ", ".join(f"{value:.3f}" for value in mean)
    progress.note(f"mean loss held out after each epoch: {told}; epochs taken: {epochs}")
    curve = trainer.train(Stage("final", everybody, epochs=epochs))
    last = {point["epoch"]: point for point in curve.points}
    for number, value in enumerate(mean[:epochs], start=1):
        last[float(number)]["validation"] = float(value)
    return curve, epochs


def _folds(rows: Sequence[Row], seed: int) -> NDArray[np.int64]:
    """Fold of every row; all rows of a person are in one."""
    people = sorted({row.person for row in rows})
    dealt = generator(seed, "folds").permutation(len(people)) % FOLDS
    fold = dict(zip(people, dealt.tolist(), strict=True))
    return np.array([fold[row.person] for row in rows], dtype=np.int64)


def _check_rows(rows: Sequence[Row], options: TuningOptions) -> None:
    people = len({row.person for row in rows})
    if not people:
        raise ModelError("nobody of the pilot answered the first item, so there is nothing to learn")
    if options.stop != "fixed" and people < FEWEST_TO_CHOOSE:
        raise ConfigError(
            f"--stop {options.stop} would choose an epoch with {people // FOLDS} people held out",
            hint=f"use --stop fixed, or a pilot of {FEWEST_TO_CHOOSE} people or more",
        )


def _targets(
    task: Task, people: Sample, options: TuningOptions, design: PilotDesign
) -> dict[str, NDArray[np.float64]] | None:
    """Option distribution of each person's cell, shrunk to the arm's: those of the baseline ``cell``."""
    if options.objective == "answers":
        return None
    cell = make_baseline("cell")
    cell.fit(task, people)
    empty = np.zeros((people.n, len(task.items)))
    shown = Interviews(task, people.without_answers(), empty, hidden=frozenset(design.hide))
    return dict(cell.answer(shown).probabilities)


def _device_and_dtype(options: TuningOptions) -> tuple[str, str]:
    torch = require_torch()
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    device = options.device
    if device == "auto":
        device = "cuda" if present["cuda"] else "cpu"
    if not present[device]:
        able = ", ".join(name for name, is_there in present.items() if is_there)
        raise ModelError(f"device {device!r} is not there", hint=f"devices: {able}")
    dtype = options.dtype
    if dtype == "auto":
        fast = torch.cuda.is_bf16_supported() if device == "cuda" else torch.cpu._is_avx512_bf16_supported()
        dtype = "bfloat16" if fast and device != "mps" else "float32"
    return device, dtype


def _difference(found: Mapping[str, Any], identity: Mapping[str, Any]) -> str:
    """What of an adapter on disk differs from what is asked for."""
    stored = {
        "task": found.get("task", {}).get("hash"),
        "profile_set": found.get("task", {}).get("profile_set"),
        "data": found.get("data", {}).get("sha256"),
        **{name: found.get(name) for name in ("base", "pilot", "options", "device", "dtype")},
    }
    words = {"task": "the task file", "profile_set": "the profile set", "data": "the data", "base": "the base"}
    words |= {"pilot": "the pilot", "device": "the device", "dtype": "the dtype"}
    different = [words[name] for name in words if stored.get(name) != identity[name]]
    options = identity["options"]
    held = stored.get("options") or {}
    different += [
        f"{name} {held.get(name)} and not {options[name]}" for name in options if held.get(name) != options[name]
    ]
    return f"{', '.join(different) or 'it'} differs"
