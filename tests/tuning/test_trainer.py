"""The loop: stopped at any step it ends as if it had not been; epochs are chosen as they should be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval.errors import ModelError
from surveyeval.tuning import trainer as trainer_module
from surveyeval.tuning.adapter import add_adapter
from surveyeval.tuning.finetune import _stages
from surveyeval.tuning.objective import batch_loss, collate
from surveyeval.tuning.options import TuningOptions
from surveyeval.tuning.sequences import Row
from surveyeval.tuning.trainer import Stage, Trainer
from tests.model import tiny
from tests.tuning import survey

torch = pytest.importorskip("torch", reason="language models are an optional extra")


class Killed(BaseException):
    """Not an Exception, as a signal is none."""


class Notes:
    """Progress that keeps its notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.counted: list[tuple[str, int]] = []

    def phase(self, title: str, total: int) -> None:
        self.counted.append((title, total))

    def advance(self, steps: int = 1) -> None:
        pass

    def note(self, text: str) -> None:
        self.notes.append(text)

    def finish(self) -> None:
        pass


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save("gpt2", tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def rows(base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    return survey.rows_of(survey.write(tmp_path_factory.mktemp("survey")), base, 20)


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer_module, "CHECKPOINT_EVERY", 0.0)


OPTIONS = {"epochs": 3, "batch_tokens": 600, "dropout": 0.2, "rank": 2, "learning_rate": 0.01}


def fresh(base: Path, options: TuningOptions) -> Any:
    from transformers import AutoModelForCausalLM

    return add_adapter(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), options)


def trainer_of(
    base: Path, rows: list[Row], file: Path, *, stop_at: int = -1, identity: str = "one", **options: Any
) -> Trainer:
    """A trainer that is killed when it has done so many steps."""
    chosen = TuningOptions(**{**OPTIONS, **options})
    done = 0

    def step_done(stage: Stage, step: int, steps: int) -> None:
        nonlocal done
        done += 1
        if done == stop_at:
            raise Killed

    return Trainer(fresh(base, chosen), rows, chosen, "cpu", file, identity, step_done)


def weights(trainer: Trainer) -> dict[str, bytes]:
    return {name: weight.detach().numpy().tobytes() for name, weight in trainer.trained.items()}


def losses(points: list[dict[str, Any]]) -> list[Any]:
    return [(point["step"], point["epoch"], point["train"], point["validation"]) for point in points]


@pytest.mark.parametrize("checkpoints", ["every step", "every epoch"])
def test_stopped_at_any_step_and_continued_it_ends_the_same(
    checkpoints: str, base: Path, rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer_module, "CHECKPOINT_EVERY", 0.0 if checkpoints == "every step" else 1e9)
    stage = Stage("final", tuple(range(20)))
    unbroken = trainer_of(base, rows, tmp_path / "unbroken")
    curve = unbroken.train(stage)
    steps = len(curve.points)
    assert steps >= 12
    for stop_at in range(1, steps + 1):
        file = tmp_path / f"killed{stop_at}"
        with pytest.raises(Killed):
            trainer_of(base, rows, file, stop_at=stop_at).train(stage)
        torch.manual_seed(stop_at)  # whatever ran before
        again = trainer_of(base, rows, file)
        per_epoch = steps // 3
        assert again.resumed == (checkpoints == "every step" or stop_at >= per_epoch)
        continued = again.train(stage)
        assert losses(continued.points) == losses(curve.points)
        assert continued.tokens == curve.tokens
        assert weights(again) == weights(unbroken)


@pytest.mark.parametrize("stop", ["early", "cv"])
@pytest.mark.usefixtures("every_step")
def test_stopped_again_and_again_the_same_epoch_is_chosen(
    stop: str, base: Path, rows: list[Row], tmp_path: Path
) -> None:
    options = TuningOptions(**OPTIONS, stop=stop)
    unbroken = trainer_of(base, rows, tmp_path / "unbroken", stop=stop)
    curve, epochs = _stages(unbroken, rows, options, Notes())
    file = tmp_path / "killed"
    for _ in range(100):  # seven steps at a time
        broken = trainer_of(base, rows, file, stop_at=7, stop=stop)
        try:
            result = _stages(broken, rows, options, Notes())
        except Killed:
            continue
        break
    assert result[1] == epochs
    assert losses(result[0].points) == losses(curve.points)
    assert weights(broken) == weights(unbroken)
    assert [len(one.points) for one in broken.finished.values()] == [
        len(one.points) for one in unbroken.finished.values()
    ]


def with_validation(trainer: Trainer, told: dict[str, list[float]], monkeypatch: pytest.MonkeyPatch) -> dict[str, list]:
    """Lets the held-out losses be what is told, and keeps the weights that stood after each epoch."""
    seen: dict[str, list[Any]] = {name: [] for name in told}
    current = {"stage": ""}
    train = trainer.train

    def follow(stage: Stage) -> Any:
        current["stage"] = stage.name
        return train(stage)

    def loss(held_out: Any) -> float:
        name = current["stage"]
        seen[name].append((weights(trainer), tuple(held_out)))
        return told[name][len(seen[name]) - 1]

    monkeypatch.setattr(trainer, "train", follow)
    monkeypatch.setattr(trainer, "loss", loss)
    return seen


@pytest.mark.parametrize(
    ("told", "best"), [([3.0, 1.0, 2.0], 2), ([1.0, 2.0, 3.0], 1), ([3.0, 2.0, 1.0], 3), ([2.0, 1.0, 1.0], 2)]
)
def test_early_stopping_keeps_the_weights_of_the_best_epoch(
    told: list[float], best: int, base: Path, rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_of(base, rows, tmp_path / "x", stop="early")
    seen = with_validation(trainer, {"final": told}, monkeypatch)["final"]
    curve, epochs = _stages(trainer, rows, TuningOptions(**OPTIONS, stop="early"), Notes())
    assert epochs == best
    assert weights(trainer) == seen[best - 1][0]
    assert curve.validation() == told
    assert len(seen[0][1]) == 4  # a fifth of twenty
    held_out = set(seen[0][1])
    assert all(
        not held_out & set(batch) for _, batch in trainer.schedule(Stage("final", tuple(set(range(20)) - held_out)))
    )


def test_cross_validation_takes_the_epoch_of_the_least_mean_loss(
    base: Path, rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {f"fold {k} of 5": values for k, values in enumerate(
        [[5.0, 1.0, 6.0], [1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [4.0, 3.0, 9.0], [2.0, 1.5, 2.0]], start=1)}  # fmt: skip
    assert int(np.mean(list(told.values()), axis=0).argmin()) == 1
    trainer = trainer_of(base, rows, tmp_path / "x", stop="cv")
    seen = with_validation(trainer, told, monkeypatch)
    notes = Notes()
    curve, epochs = _stages(trainer, rows, TuningOptions(**OPTIONS, stop="cv"), notes)
    assert epochs == 2
    assert curve.points[-1]["epoch"] == 2
    assert curve.validation() == pytest.approx([3.0, 1.9])
    assert "3.000, 1.900, 4.200; epochs taken: 2" in notes.notes[0]
    folds = [set(points[0][1]) for points in seen.values()]
    assert sorted(i for fold in folds for i in fold) == list(range(20))  # everybody is held out once
    assert list(trainer.finished) == [*told, "final"]


def test_the_first_loss_is_that_of_the_base_and_losses_fall(base: Path, rows: list[Row], tmp_path: Path) -> None:
    """A fresh adapter does nothing; the base's own dropout (GPT-2's) does not act either."""
    from transformers import AutoModelForCausalLM

    trainer = trainer_of(base, rows, tmp_path / "x", epochs=12)
    curve = trainer.train(Stage("final", tuple(range(20))))
    batch = trainer.schedule(Stage("final", tuple(range(20))))[0][1]
    with torch.no_grad():
        plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
        loss, count = batch_loss(plain, collate([rows[i] for i in batch], "cpu"))
    assert curve.points[0]["train"] == pytest.approx(float(loss) / count, rel=1e-6)
    assert curve.points[-1]["train"] < 0.7 * curve.points[0]["train"]


def test_the_schedule_reads_everybody_once_an_epoch_in_other_orders(
    base: Path, rows: list[Row], tmp_path: Path
) -> None:
    trainer = trainer_of(base, rows, tmp_path / "x")
    stage = Stage("final", tuple(range(2, 20)))
    schedule = trainer.schedule(stage)
    orders = [[i for epoch, batch in schedule if epoch == number for i in batch] for number in range(3)]
    assert all(sorted(order) == list(range(2, 20)) for order in orders)
    assert orders[0] != orders[1] != orders[2]
    assert schedule == trainer_of(base, rows, tmp_path / "y").schedule(stage)
    assert schedule != trainer_of(base, rows, tmp_path / "y", seed=1).schedule(stage)


def test_a_checkpoint_of_another_training_is_not_used_and_a_damaged_one_neither(
    base: Path, rows: list[Row], tmp_path: Path
) -> None:
    file = tmp_path / "checkpoint"
    stage = Stage("final", tuple(range(20)))
    expected = trainer_of(base, rows, tmp_path / "other")
    assert (expected.resumed, expected.foreign) == (False, False)
    expected.train(stage)
    trainer_of(base, rows, file, identity="another", seed=5).train(stage)
    for content in (file.read_bytes(), b"nothing", file.read_bytes()[:1000], b""):
        file.write_bytes(content)
        trainer = trainer_of(base, rows, file)
        assert (trainer.resumed, trainer.foreign) == (False, True)
        trainer.train(stage)
        assert weights(trainer) == weights(expected)
        assert (again := trainer_of(base, rows, file)).resumed
        assert not again.foreign


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 99 bytes."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes. Error code 12"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"),
        MemoryError(),
        "torch",
    ],
    ids=str,
)
@pytest.mark.parametrize("held_out", [False, True])
def test_out_of_memory_says_what_to_lower(
    error: Any, held_out: bool, base: Path, rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 99 GiB") if error == "torch" else error

    def fail(model: Any, batch: Any) -> Any:
        if held_out and torch.is_grad_enabled():
            return batch_loss(model, batch)
        raise raised

    monkeypatch.setattr(trainer_module, "batch_loss", fail)
    trainer = trainer_of(base, rows, tmp_path / "x")
    with pytest.raises(
        ModelError,
        match=r"memory ran out in a batch of \d+ tokens; lower --batch-tokens \(now 600\), then --rank, or use --dtype bfloat16",
    ):
        trainer.train(Stage("final", tuple(range(15)), tuple(range(15, 20)) if held_out else ()))
    monkeypatch.setattr(trainer_module, "batch_loss", batch_loss)


def test_a_single_row_is_not_made_smaller_by_fewer_tokens(
    base: Path, rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(model: Any, batch: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(trainer_module, "batch_loss", fail)
    with pytest.raises(ModelError, match="tokens; lower --rank, or use"):
        trainer_of(base, rows, tmp_path / "x", batch_tokens=16).train(Stage("final", (0, 1)))


def test_other_errors_are_not_taken_for_a_lack_of_memory(
    base: Path, rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(model: Any, batch: Any) -> Any:
        raise RuntimeError("expected a contiguous memory format")

    monkeypatch.setattr(trainer_module, "batch_loss", fail)
    with pytest.raises(RuntimeError, match="contiguous memory format"):
        trainer_of(base, rows, tmp_path / "x").train(Stage("final", (0, 1)))


def test_a_loss_that_is_not_finite_stops_before_the_weights_are_changed(
    base: Path, rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def explode(model: Any, batch: Any) -> Any:
        nonlocal calls
        calls += 1
        loss, count = batch_loss(model, batch)
        return loss * (float("nan") if calls == 3 else 1.0), count

    monkeypatch.setattr(trainer_module, "batch_loss", explode)
    trainer = trainer_of(base, rows, tmp_path / "x")
    with pytest.raises(ModelError, match=r"at step 3 the loss is nan.*lower --learning-rate"):
        trainer.train(Stage("final", tuple(range(20))))
    assert all(bool(torch.isfinite(weight).all()) for weight in trainer.trained.values())
