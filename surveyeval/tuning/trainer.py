"""The training loop: deterministic, and resumed from its last checkpoint to the same bytes.

Everything random (the adapter's first weights, the order of rows, dropout) comes from the seed and the number of the
step, never from what ran before, so a checkpoint is weights, optimiser state and the loss curve.
"""

from __future__ import annotations

import io
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from surveyeval.data.files import write_atomically
from surveyeval.data.seeds import generator
from surveyeval.errors import ModelError
from surveyeval.tuning.objective import batch_loss, collate, make_batches
from surveyeval.tuning.options import TuningOptions
from surveyeval.tuning.sequences import Row

__all__ = ["Curve", "Stage", "Trainer", "out_of_memory"]

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
    """Trains an adapter, several times over from the same first weights where stages ask for it.

    Parameters
    ----------
    model : PEFT model
        The base with a fresh adapter, its first weights made from the seed.
    rows : sequence of Row
    options : TuningOptions
    device : str
    checkpoint : Path
        File that is written while training, and read when it starts again.
    identity : str
        Of the training. A checkpoint of another one is not read, and is written over.
    step_done : callable
        Called with (stage, step, steps of the stage).

    Attributes
    ----------
    resumed : bool
        Whether a checkpoint of this training was found.
    foreign : bool
        Whether a checkpoint that is no use was found: another training's, or a damaged one.
    finished : dict of str to Curve
        Curves of the stages that are over, by name.
    """

    def __init__(
        self,
        model: Any,
        rows: Sequence[Row],
        options: TuningOptions,
        device: str,
        checkpoint: Path,
        identity: str,
        step_done: Callable[[Stage, int, int], None],
    ) -> None:
        self.model, self.rows, self.options, self.device = model, rows, options, device
        self.path, self.identity, self.step_done = checkpoint, identity, step_done
        self.trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self._first = _copy(self.trained)
        self._held = self._read()
        self.resumed = self._held is not None
        self.foreign = self._held is None and checkpoint.exists()
        finished = self._held["finished"] if self._held is not None else {}
        self.finished: dict[str, Curve] = {name: Curve(**curve) for name, curve in finished.items()}

    def schedule(self, stage: Stage) -> list[tuple[int, list[int]]]:
        """Every batch of the stage with its epoch: the same whatever was interrupted."""
        return [(epoch, batch) for epoch in range(self.options.epochs) for batch in self._epoch(stage, epoch)]

    def _epoch(self, stage: Stage, epoch: int) -> list[list[int]]:
        rng = generator(self.options.seed, "tuning", stage.name, str(epoch))
        order = [stage.rows[i] for i in rng.permutation(len(stage.rows))]
        batches = make_batches(self.rows, order, self.options.batch_tokens)
        return [batches[i] for i in rng.permutation(len(batches))]

    def train(self, stage: Stage) -> Curve:
        """Train the adapter from its first weights, or go on where the checkpoint of this stage ends.

        Afterwards the model holds the result: the last weights, or the best ones where the stage keeps them.

        Raises
        ------
        ModelError
            When memory runs out, saying what to lower; when loss or gradient are not finite.
        """
        import torch

        _fill(self.trained, self._first)
        optimiser = torch.optim.AdamW(
            self.trained.values(), lr=self.options.learning_rate, weight_decay=self.options.weight_decay
        )
        steps = self.schedule(stage)
        ending = self.options.epochs if stage.epochs is None else stage.epochs
        planned = [step for step in steps if step[0] < ending]
        positions = _positions([epoch for epoch, _ in planned])
        curve, start, best = Curve(), 0, None
        if self._held is not None and self._held["stage"] == stage.name:
            held, self._held = self._held, None
            _fill(self.trained, held["weights"])
            optimiser.load_state_dict(held["optimiser"])
            curve, start, best = Curve(**held["curve"]), held["step"], held["best"]
        _switch_dropout(self.model, on=True)
        written = begun = time.monotonic()
        earlier = curve.seconds
        for number in range(start, len(planned)):
            epoch, batch = planned[number]
            loss, read = self._step(optimiser, batch, number, len(steps))
            curve.tokens += read
            last = number + 1 == len(planned) or planned[number + 1][0] != epoch
            done = number + 1
            point = {"step": done, "epoch": positions[number], "train": loss, "validation": None}
            if last and stage.held_out:
                point["validation"] = self.loss(stage.held_out)
                if stage.keep_best and (best is None or point["validation"] < best["loss"]):
                    best = {"loss": point["validation"], "weights": _copy(self.trained)}
            curve.points.append(point)
            curve.seconds = earlier + time.monotonic() - begun
            if last or time.monotonic() - written > CHECKPOINT_EVERY:
                self._write(stage.name, done, optimiser, curve, best)
                written = time.monotonic()
            self.step_done(stage, done, len(planned))
        if best is not None:
            _fill(self.trained, best["weights"])
        self.finished[stage.name] = curve
        return curve

    def _step(self, optimiser: Any, batch: list[int], number: int, total: int) -> tuple[float, int]:
        import torch

        # dropout of this step, whatever ran before
        torch.manual_seed(int(generator(self.options.seed, "dropout", str(number)).integers(2**62)))
        for group in optimiser.param_groups:
            group["lr"] = self.options.learning_rate * _rate(number, total, self.options.warmup)
        collated = collate([self.rows[i] for i in batch], self.device)
        try:
            loss, count = batch_loss(self.model, collated)
            (loss / count).backward()
            norm = float(torch.nn.utils.clip_grad_norm_(self.trained.values(), self.options.clip))
            value = float(loss.detach()) / count
            if not (math.isfinite(value) and math.isfinite(norm)):
                raise ModelError(
                    f"at step {number + 1} the loss is {value:g} and its gradient {norm:g}",
                    hint="lower --learning-rate, or use --dtype float32",
                )
            optimiser.step()
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            raise self._too_large(len(batch), collated.read) from error
        optimiser.zero_grad(set_to_none=True)
        return value, collated.read

    def loss(self, rows: Sequence[int]) -> float:
        """Mean loss over the places of some rows, without training."""
        import torch

        _switch_dropout(self.model, on=False)
        total, count = 0.0, 0
        with torch.no_grad():
            for batch in make_batches(self.rows, list(rows), self.options.batch_tokens):
                collated = collate([self.rows[i] for i in batch], self.device)
                try:
                    loss, number = batch_loss(self.model, collated)
                except (MemoryError, RuntimeError) as error:
                    if not out_of_memory(error):
                        raise
                    raise self._too_large(len(batch), collated.read) from error
                total, count = total + float(loss), count + number
        _switch_dropout(self.model, on=True)
        return total / count

    def _too_large(self, rows: int, read: int) -> ModelError:
        lower = f"lower --batch-tokens (now {self.options.batch_tokens}), then --rank" if rows > 1 else "lower --rank"
        return ModelError(
            f"memory ran out in a batch of {read} tokens", hint=f"{lower}, or use --dtype bfloat16 or a smaller base"
        )

    # ---- checkpoint ---------------------------------------------------------------------------------------------

    def _read(self) -> dict[str, Any] | None:
        import torch

        try:
            held: dict[str, Any] = torch.load(self.path, map_location=self.device, weights_only=True)
            return held if held["identity"] == self.identity else None
        except Exception:  # absent, or a file of something else: torch and pickle raise whatever they like
            return None

    def _write(self, stage: str, step: int, optimiser: Any, curve: Curve, best: dict[str, Any] | None) -> None:
        import torch

        stream = io.BytesIO()
        content = {
            "identity": self.identity,
            "stage": stage,
            "step": step,
            "weights": _copy(self.trained),
            "optimiser": optimiser.state_dict(),
            "curve": asdict(curve),
            "best": best,
            "finished": {name: asdict(done) for name, done in self.finished.items()},
        }
        torch.save(content, stream)
        write_atomically(self.path, stream.getvalue())


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out, of the computer or of a GPU; torch has no one class for it."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(
        words in said for words in ("out of memory", "not enough memory", "allocate memory", "alloc_failed")
    )


def _switch_dropout(model: Any, *, on: bool) -> None:
    """Dropout is the adapter's alone: a base that drops out by its own configuration (GPT-2) is read as it is scored."""
    model.eval()
    for name, module in model.named_modules():
        if "lora_dropout" in name:
            module.train(on)


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


def _copy(trained: Mapping[str, Any]) -> dict[str, Any]:
    return {name: weight.detach().cpu().clone() for name, weight in trained.items()}


def _fill(trained: Mapping[str, Any], weights: Mapping[str, Any]) -> None:
    for name, weight in trained.items():
        weight.data.copy_(weights[name])
