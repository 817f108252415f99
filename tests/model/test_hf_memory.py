"""Where memory runs out, less is read at a time; nothing half read is gone on with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from surveyeval.errors import ModelError
from surveyeval.model.hf import HFModel
from tests.model import tiny
from tests.model.test_hf import WORDS, model_of
from tests.model.test_hf_scoring import block, check, passes

torch = pytest.importorskip("torch", reason="language models are an optional extra")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: tiny.save(name, tmp_path_factory.mktemp(name)) for name in ("llama", "bloom", "mamba")}


@contextmanager
def refusing(
    model: HFModel, refuse: Callable[[int, int], bool], error: RuntimeError | None = None
) -> Iterator[list[int]]:
    """Passes of some shapes run out of memory; yields the rows of those that did."""
    assert model._reader
    refused: list[int] = []

    def count(module: Any, args: Any, inputs: dict[str, Any]) -> None:
        if "input_ids" in inputs and refuse(*inputs["input_ids"].shape):
            refused.append(inputs["input_ids"].shape[0])
            raise error or torch.OutOfMemoryError("out of memory")

    handle = model.loaded.model.register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield refused
    finally:
        handle.remove()


def test_memory_that_runs_out_splits_the_block_and_is_noted(folders: dict[str, Path]) -> None:
    model = model_of(folders["llama"])
    names = tuple("y" * (number % 9) + str(number) for number in range(12))
    with refusing(model, lambda rows, width: rows > 3) as refused, passes(model) as shapes:
        for step in range(3):
            check(model, block(step, WORDS, names))
    assert refused[0] > 3
    assert all(rows <= 3 for rows, _ in shapes[-4:])
    assert len(model.notes) == 1
    assert re.fullmatch(r"out of memory: \d+ tokens are read at a time from here on, not 2048", model.notes[0])
    assert len(refused) <= 3  # later blocks do not try again


@pytest.mark.parametrize("architecture", ["llama", "bloom", "mamba"])
@pytest.mark.parametrize("words", ["DefaultCPUAllocator: can't allocate memory", "MPS backend out of memory"])
def test_a_block_split_for_want_of_memory_equals_plain_passes(
    folders: dict[str, Path], architecture: str, words: str
) -> None:
    model = model_of(folders[architecture])
    with refusing(model, lambda rows, width: rows > 1, RuntimeError(words)):
        check(model, block(0, WORDS))
    assert any("out of memory" in note for note in model.notes)


def test_where_caches_fill_the_memory_interviews_are_read_anew(folders: dict[str, Path]) -> None:
    model = model_of(folders["llama"])
    with refusing(model, lambda rows, width: model._reader._keeping):
        for step in range(2):
            check(model, block(step, WORDS))
    assert model.notes[-1] == "out of memory: interviews are read anew for every item from here on"


def test_a_single_row_that_does_not_fit_is_an_error(folders: dict[str, Path]) -> None:
    model = model_of(folders["llama"])
    with (
        refusing(model, lambda rows, width: True),
        pytest.raises(ModelError, match=r"out of memory, though \d+ tokens were read alone; take a smaller model"),
    ):
        model.score(block(0, WORDS))
    check(model, block(0, WORDS))  # nothing half read is gone on with


def test_an_error_in_the_middle_of_a_pass_leaves_nothing_half_read(folders: dict[str, Path]) -> None:
    model = model_of(folders["llama"])
    check(model, block(0, WORDS))
    layer = model.loaded.model.model.layers[1]
    handle = layer.register_forward_pre_hook(lambda module, args: exec("raise KeyboardInterrupt"))
    with pytest.raises(KeyboardInterrupt):
        model.score(block(1, WORDS))
    handle.remove()
    check(model, block(1, WORDS))
