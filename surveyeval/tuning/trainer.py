"""The training loop: deterministic, and resumed from its last checkpoint to the same bytes.

Everything random (the adapter's first weights, the order of rows, dropout) comes from the seed and the number of the
step, never from what ran before, so a checkpoint is weights, optimiser state and the loss curve.
"""

from __future__ import annotations

import io
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from surveyeval.data.files import write_atomically
from surveyeval.data.seeds import generator
from surveyeval.errors import ModelError
from surveyeval.tuning.objective import batch_loss, collate, make_batches
from surveyeval.tuning.options import TuningOptions
from surveyeval.tuning.sequences import Row

__all__ = ["Curve", "Stage", "Trainer"]

#: Seconds between checkpoints; one is written at the end of each epoch in any case.
CHECKPOINT_EVERY = 20.0


@dataclass
class Curve:
    """The loss of a training: a point for each step, with the validation loss at the end of an epoch.

    Losses are means over places, in nats.
    """

    points: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0
    seconds: float = 0.0

    def validation(self) -> list[float]:
        """Validation loss after each epoch."""
        return [point["validation"] for point in self.points if point["validation"] is not None]


@dataclass(frozen=True)
class Stage:
    """One training: which rows, which rows are held out, and after how many epochs of the schedule it ends."""

    name: str
    rows: tuple[int, ...]
    held_out: tuple[int, ...] = ()
    epochs: int | None = None
    keep_best: bool = False


class Trainer:
    """Trains fresh adapters on one base.

    Parameters
    ----------
    make : callable
        Gives the base with a fresh adapter, its first weights made from the seed.
    rows : sequence of Row
    options : TuningOptions
    device : str
    checkpoint : Path
        File that is written while training, and read when it starts again.
    identity : str
        A checkpoint of another identity is an error of the caller; it is not read.
    step_done : callable
        Called with (stage, step, steps of the stage, loss).
    """

    def __init__(
        self,
        make: Callable[[], Any],
        rows: Sequence[Row],
        options: TuningOptions,
        device: str,
        checkpoint: Path,
        identity: str,
        step_done: Callable[[Stage, int, int, float], None],
    ) -> None:
        self.make, self.rows, self.options, self.device = make, rows, options, device
        self.path, self.identity, self.step_done = checkpoint, identity, step_done
        held = self._load()
        self.resumed = held is not None
        #: Curves of the stages that are over, by name.
        self.finished: dict[str, Curve] = {}
        if held is not None:
            self.finished = {name: Curve(**curve) for name, curve in held["finished"].items()}

    def schedule(self, stage: Stage) -> list[tuple[int, list[int]]]:
        """Every batch of the stage with its epoch: the same whatever was interrupted."""
        return [
            (epoch, batch)
            for epoch in range(self.options.epochs)
            for batch in self._epoch(stage, epoch)
        ]

    def _epoch(self, stage: Stage, epoch: int) -> list[list[int]]:
        rng = generator(self.options.seed, "tuning", stage.name, str(epoch))
        order = [stage.rows[i] for i in rng.permutation(len(stage.rows))]
        batches = make_batches(self.rows, order, self.options.batch_tokens)
        return [batches[i] for i in rng.permutation(len(batches))]

    def train(self, stage: Stage) -> tuple[dict[str, Any], Curve]:
        """Train one adapter.

        Returns
        -------
        weights : dict of str to tensor
            Of the adapter, on the CPU.
        curve : Curve

        Raises
        ------
        ModelError
            When memory runs out, saying what to lower; when the loss is not finite.
        """
        import torch

        model = self.make()
        trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        optimiser = torch.optim.AdamW(
            trained.values(), lr=self.options.learning_rate, weight_decay=self.options.weight_decay
        )
        steps = self.schedule(stage)
        ending = self.options.epochs if stage.epochs is None else stage.epochs
        planned = [step for step in steps if step[0] < ending]
        positions = _positions([epoch for epoch, _ in planned])
        curve, start, best = Curve(), 0, None
        held = self._read(stage.name)
        if held is not None:
            _fill(trained, held["weights"])
            optimiser.load_state_dict(held["optimiser"])
            curve, start, best = Curve(**held["curve"]), held["step"], held["best"]
        model.train()
        written = begun = time.monotonic()
        earlier = curve.seconds
        for number in range(start, len(planned)):
            epoch, batch = planned[number]
            loss, read = self._step(model, trained, optimiser, batch, number, len(steps))
            curve.tokens += read
            last = number + 1 == len(planned) or planned[number + 1][0] != epoch
            done = number + 1
            point = {"step": done, "epoch": positions[number], "train": loss, "validation": None}
            if last and stage.held_out:
                point["validation"] = self.loss(model, stage.held_out)
            curve.points.append(point)
            if last and stage.keep_best and min(curve.validation()) == point["validation"]:
                best = {"epoch": epoch + 1, "weights": _copy(trained)}
            curve.seconds = earlier + time.monotonic() - begun
            if last or time.monotonic() - written > CHECKPOINT_EVERY:
                self._write(stage.name, done, trained, optimiser, curve, best)
                written = time.monotonic()
            self.step_done(stage, done, len(planned), loss)
        weights = best["weights"] if stage.keep_best and best is not None else _copy(trained)
        self.finished[stage.name] = curve
        return weights, curve

    def _step(
        self, model: Any, trained: dict[str, Any], optimiser: Any, batch: list[int], number: int, total: int
    ) -> tuple[float, int]:
        import torch

        # dropout of this step, whatever ran before
        torch.manual_seed(int(generator(self.options.seed, "dropout", str(number)).integers(2**62)))
        for group in optimiser.param_groups:
            group["lr"] = self.options.learning_rate * _rate(number, total, self.options.warmup)
        collated = collate([self.rows[i] for i in batch], self.device)
        try:
            loss, count = batch_loss(model, collated)
            (loss / count).backward()
            torch.nn.utils.clip_grad_norm_(trained.values(), self.options.clip)
            optimiser.step()
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise _too_large(self.options, collated.read) from error
        except RuntimeError as error:
            if "memory" not in str(error).lower():
                raise
            raise _too_large(self.options, collated.read) from error
        optimiser.zero_grad(set_to_none=True)
        value = float(loss.detach()) / count
        if not math.isfinite(value):
            raise ModelError(
                f"the loss is {value} at step {number + 1}", hint="lower --learning-rate, or use --dtype float32"
            )
        return value, collated.read

    def loss(self, model: Any, rows: Sequence[int]) -> float:
        """Mean loss over the places of some rows, without training."""
        import torch

        model.eval()
        total, count = 0.0, 0
        with torch.inference_mode():
            for batch in make_batches(self.rows, list(rows), self.options.batch_tokens):
                loss, number = batch_loss(model, collate([self.rows[i] for i in batch], self.device))
                total, count = total + float(loss), count + number
        model.train()
        return total / count

    # ---- checkpoint ---------------------------------------------------------------------------------------------

    def _load(self) -> dict[str, Any] | None:
        import torch

        if not self.path.exists():
            return None
        held: dict[str, Any] = torch.load(self.path, map_location=self.device, weights_only=True)
        return held if held.get("identity") == self.identity else None

    def _read(self, stage: str) -> dict[str, Any] | None:
        held = self._load()
        return held if held is not None and held["stage"] == stage else None

    def _write(
        self, stage: str, step: int, trained: dict[str, Any], optimiser: Any, curve: Curve, best: dict[str, Any] | None
    ) -> None:
        import torch

        stream = io.BytesIO()
        content = {
            "identity": self.identity,
            "stage": stage,
            "step": step,
            "weights": _copy(trained),
            "optimiser": optimiser.state_dict(),
            "curve": _plain(curve),
            "best": best,
            "finished": {name: _plain(done) for name, done in self.finished.items()},
        }
        torch.save(content, stream)
        write_atomically(self.path, stream.getvalue())


def _plain(curve: Curve) -> dict[str, Any]:
    return {"points": curve.points, "tokens": curve.tokens, "seconds": curve.seconds}


def _rate(number: int, total: int, warmup: float) -> float:
    """Share of the learning rate at a step: rises linearly, then falls linearly to zero after the last step."""
    rising = max(1, round(warmup * total))
    if number < rising:
        return (number + 1) / (rising + 1)
    return (total - number) / max(total - rising, 1)


def _positions(epochs: Sequence[int]) -> list[float]:
    """Epochs done after each step."""
    size = Counter(epochs)
    seen: Counter[int] = Counter()
    result = []
    for epoch in epochs:
        seen[epoch] += 1
        result.append(round(epoch + seen[epoch] / size[epoch], 4))
    return result


def _copy(trained: dict[str, Any]) -> dict[str, Any]:
    return {name: weight.detach().cpu().clone() for name, weight in trained.items()}


def _fill(trained: dict[str, Any], weights: dict[str, Any]) -> None:
    for name, weight in trained.items():
        weight.data.copy_(weights[name])


def _too_large(options: TuningOptions, read: int) -> ModelError:
    return ModelError(
        f"memory ran out in a batch of {read} tokens",
        hint=f"lower --batch-tokens (now {options.batch_tokens}), then --rank, or use --dtype bfloat16",
    )
