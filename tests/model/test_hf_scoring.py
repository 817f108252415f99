"""A common beginning is read once, and changes no score: against one plain forward pass for each option."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval.model.hf import HFModel
from surveyeval.model.hf_scoring import STEP
from surveyeval.model.protocol import Request
from surveyeval.task.interview import Message
from tests.model import tiny
from tests.model.test_hf import LETTERS, WORDS, brute_force, conversation, model_of

torch = pytest.importorskip("torch", reason="language models are an optional extra")

WINDOWED = ("mistral", "gemma2", "gemma3")
CACHED = ("llama", "qwen2", "gemma", "gpt2", *WINDOWED)
INSTRUCTION = "You are taking part in a survey. Where would you place yourself? Answer with one letter. " * 2
#: Of unlike length, so that rows are padded.
NAMES = ("y", "yyyy", "y" * 11, "yy")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: tiny.save(name, tmp_path_factory.mktemp(name)) for name in (*CACHED, "mamba")}


def talk(step: int, name: str) -> tuple[Message, ...]:
    return (Message("system", INSTRUCTION), *conversation(step, name)[1:])


def block(step: int, options: tuple[str, ...], names: tuple[str, ...] = NAMES) -> list[Request]:
    return [Request(f"r{number}", talk(step, name), options) for number, name in enumerate(names)]


def check(model: HFModel, requests: list[Request]) -> None:
    for request, scores in zip(requests, model.score(requests), strict=True):
        np.testing.assert_allclose(scores.log_prob, brute_force(model, request), atol=1e-4)
        assert scores.mass <= 1 + 1e-9


@contextmanager
def passes(model: HFModel) -> Iterator[list[tuple[int, int]]]:
    """Shape of the token table of every pass."""
    shapes: list[tuple[int, int]] = []

    def count(module: Any, args: Any, inputs: dict[str, Any]) -> None:
        if "input_ids" in inputs:  # plain passes of the tests give them by position
            shapes.append(tuple(inputs["input_ids"].shape))

    handle = model.loaded.model.register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield shapes
    finally:
        handle.remove()


def beginning(model: HFModel, requests: list[Request]) -> tuple[int, int]:
    """Length of what the prompts begin with, in whole steps, and the most that a row has beyond it."""
    prompts = [model.tokens(request)[0] for request in requests]
    shared = 0
    while len({prompt[: shared + STEP] for prompt in prompts}) == 1:
        shared += STEP
    return shared, max(map(len, prompts)) - shared


@pytest.mark.parametrize("options", [LETTERS, WORDS])
@pytest.mark.parametrize("architecture", [*CACHED, "mamba"])
def test_scores_after_a_common_beginning_and_growth_equal_plain_passes(
    folders: dict[str, Path], architecture: str, options: tuple[str, ...]
) -> None:
    model = model_of(folders[architecture])
    shared, _ = beginning(model, block(0, options))
    assert shared >= STEP
    assert architecture not in WINDOWED or shared > tiny.WINDOW
    for step in range(3):
        check(model, block(step, options))


@pytest.mark.parametrize("options", [LETTERS, WORDS])
@pytest.mark.parametrize("architecture", [*CACHED, "mamba"])
def test_teacher_forced_paths_after_a_common_beginning_equal_plain_passes(
    folders: dict[str, Path], architecture: str, options: tuple[str, ...]
) -> None:
    model = model_of(folders[architecture])
    paths = [[Request(f"r{row}", talk(step, "y" * row), options) for step in range(1 + row % 3)] for row in range(11)]
    for path, steps in zip(paths, model.score_paths(paths), strict=True):
        for request, scores in zip(path, steps, strict=True):
            np.testing.assert_allclose(scores.log_prob, brute_force(model, request), atol=1e-4)


@pytest.mark.parametrize("architecture", WINDOWED)
def test_answers_of_unlike_length_under_a_window_equal_plain_passes(
    folders: dict[str, Path], architecture: str
) -> None:
    """Padding between tokens would push them out of the window."""
    model = model_of(folders[architecture])
    growing = [list(talk(0, name)) for name in NAMES]
    for step in range(3):
        check(model, [Request(f"r{row}", tuple(turns), WORDS) for row, turns in enumerate(growing)])
        for row, turns in enumerate(growing):
            turns += [Message("assistant", "Agree " * (1 + row * step)), Message("user", "Very good?")]
    assert any("window of 24" in note for note in model.notes)


@pytest.mark.parametrize("architecture", ["mistral", "gemma3"])
def test_interviews_within_the_window_share_their_beginning(
    tmp_path: Path, architecture: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr(tiny, "WINDOW", 200)
    model = model_of(tiny.save(architecture, tmp_path))
    shared, rest = beginning(model, block(0, LETTERS))
    with passes(model) as shapes:
        model.score(block(0, LETTERS))
    assert shapes == [(1, shared), (len(NAMES), rest)]


def test_a_block_reads_its_beginning_once_and_the_next_block_not_at_all(folders: dict[str, Path]) -> None:
    model = model_of(folders["llama"])
    shared, rest = beginning(model, block(0, LETTERS))
    others = ("y" * 3, "y" * 6, "y" * 9, "y" * 13)
    assert beginning(model, block(0, LETTERS, others))[0] == shared
    with passes(model) as shapes:
        model.score(block(0, LETTERS))
        model.score(block(1, LETTERS))
        model.release([f"r{row}" for row in range(len(NAMES))])
        model.score(block(0, LETTERS, others))
        model.score_paths([[request] for request in block(0, LETTERS)])
    grown = len(model.tokens(block(1, LETTERS)[0])[0]) - len(model.tokens(block(0, LETTERS)[0])[0])
    assert shapes[:3] == [(1, shared), (4, rest), (4, grown)]
    assert [rows for rows, _ in shapes[3:]] == [4, 4]
    assert all(width < shared for _, width in shapes[3:])


def test_options_of_several_tokens_read_no_prompt_again(folders: dict[str, Path]) -> None:
    model = model_of(folders["llama"])
    requests = block(0, WORDS)
    shared, rest = beginning(model, requests)
    inner = {option[:size] for _, options in [model.tokens(requests[0])] for option in options for size in range(1, len(option))}  # fmt: skip
    with passes(model) as shapes:
        model.score(requests)
    assert shapes[:2] == [(1, shared), (4, rest)]
    assert sum(rows * width for rows, width in shapes[2:]) == len(requests) * sum(map(len, inner))


@pytest.mark.parametrize("mode", ["sequential", "independent"])
def test_the_examples_of_each_arm_are_read_once(tmp_path: Path, mode: str) -> None:
    from surveyeval.model import host
    from surveyeval.model.prepare import prepare
    from surveyeval.progress import Silent
    from tests.model.helpers import ask, make_sample
    from tests.model.scorers import survey

    task = survey(mode)
    model = model_of(tiny.save("llama", tmp_path, positions=2048), examples=2)
    answers = {"belief": [0, 1, 2, 1] * 2, "trust": [3, 2, 1, 0] * 2, "act": [0, 1, 1, 0] * 2}
    people = make_sample(task, answers, arm=["c", "t"] * 4, age=[str(20 + row) for row in range(8)])
    preparation = prepare(model, task, people, frozenset(), Silent())
    batch = ask(task, people)
    tokens = sum(
        len(model.tokens(Request("", interview.messages(), ("A", "B")))[0])
        for interview in preparation.render(task, people, frozenset())
    )
    with passes(model) as shapes:
        host.simulate(model, batch, preparation=preparation)
        host.log_prob(model, batch, people, preparation)
    alone = [width for rows, width in shapes if rows == 1]
    beginnings = 2 if mode == "sequential" else 2 * 3 * 2  # for each arm; for each item, in simulation and scoring
    assert len(alone) == beginnings
    assert all(width > 48 for width in alone)
    assert all(rows == 4 for rows, _ in shapes if rows != 1)
    if mode == "sequential":  # reading whole prompts would take more for the first item alone
        assert sum(rows * width for rows, width in shapes) < tokens * 1.5


@pytest.mark.parametrize("architecture", ["mistral", "gemma2"])
def test_under_a_window_interviews_of_one_pace_are_continued(folders: dict[str, Path], architecture: str) -> None:
    model = model_of(folders[architecture])
    model.score(block(0, LETTERS))
    with passes(model) as shapes:
        check(model, block(1, LETTERS))
    grown = len(model.tokens(block(1, LETTERS)[0])[0]) - len(model.tokens(block(0, LETTERS)[0])[0])
    assert shapes[0] == (len(NAMES), grown)
    assert model.notes == []


@pytest.mark.parametrize("options", [LETTERS, WORDS])
def test_scores_do_not_depend_on_the_blocks_before(folders: dict[str, Path], options: tuple[str, ...]) -> None:
    """An interrupted run starts in the middle, and must end in the same bytes."""
    first = [Request(f"q{row}", talk(0, f"good {row}"), options) for row in range(3)]
    second = block(0, options)
    whole, resumed = model_of(folders["llama"]), model_of(folders["llama"])
    whole.score_paths([[request] for request in first])
    whole.score(first)
    whole.release([request.interview for request in first])
    for one, other in zip(whole.score(second), resumed.score(second), strict=True):
        assert one.log_prob.tobytes() == other.log_prob.tobytes()
    for one, other in zip(whole.score_paths([second]), resumed.score_paths([second]), strict=True):
        assert [s.log_prob.tobytes() for s in one] == [s.log_prob.tobytes() for s in other]


def test_a_released_interview_is_read_anew(folders: dict[str, Path]) -> None:
    model = model_of(folders["gpt2"])
    check(model, block(0, LETTERS))
    model.release(["r0"])
    with passes(model) as shapes:
        check(model, block(1, LETTERS))
    assert shapes[0][1] > beginning(model, block(1, LETTERS))[1] - 1
    assert model.notes == []


@pytest.mark.parametrize("options", [LETTERS, WORDS])
def test_a_cache_that_cannot_be_repeated_is_noted_and_changes_nothing(
    folders: dict[str, Path], options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.cache_utils import DynamicCache

    def refuse(self: Any, indices: Any) -> None:
        raise NotImplementedError

    monkeypatch.setattr(DynamicCache, "batch_select_indices", refuse)
    model = model_of(folders["llama"])
    for step in range(2):
        check(model, block(step, options))
    for path in model.score_paths([[request] for request in block(0, options)]):
        assert np.isfinite(path[0].log_prob).all()
    assert model.notes == ["this model's cache cannot be repeated: what prompts begin with is read for each of them"]


def test_a_recurrent_model_reads_whole_prompts_and_says_so(folders: dict[str, Path]) -> None:
    model = model_of(folders["mamba"])
    with passes(model) as shapes:
        check(model, block(0, LETTERS))
    lengths = sorted(len(model.tokens(request)[0]) for request in block(0, LETTERS))
    assert sum(rows * width for rows, width in shapes[: len(set(lengths))]) == sum(lengths)
    assert model.notes == ["this model's memory of what it read cannot be continued: every prompt is read whole"]


def test_adapters_in_turns_take_up_no_cache_of_each_other(folders: dict[str, Path], tmp_path: Path) -> None:
    from peft import LoraConfig, PeftModel, get_peft_model
    from transformers import AutoModelForCausalLM

    from surveyeval.model.build import build_model

    base = folders["llama"]
    references = [AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)]
    models = [model_of(base)]
    for number in range(2):
        plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        wrapped = get_peft_model(plain, LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj", "v_proj"]))
        generator = torch.Generator().manual_seed(number)
        for weight in wrapped.parameters():
            if weight.requires_grad:
                weight.data = torch.randn(weight.shape, generator=generator)
        wrapped.save_pretrained(tmp_path / f"a{number}")
        fresh = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        references.append(PeftModel.from_pretrained(fresh, tmp_path / f"a{number}").merge_and_unload())
        adapted = build_model(f"lora:{tmp_path / f'a{number}'}?base=hf:{base}&dtype=float32&device=cpu").model
        assert isinstance(adapted, HFModel)
        models.append(adapted)
    found = []
    for step in range(2):  # each goes on where it was, after the others have been at the same weights
        requests = block(step, LETTERS)
        for model, reference in zip(models, references, strict=True):
            scores = model.score(requests)
            for request, one in zip(requests, scores, strict=True):
                prompt, options = model.tokens(request)
                with torch.no_grad():
                    log_p = torch.log_softmax(reference.eval()(torch.tensor([prompt])).logits[0, -1].double(), dim=-1)
                np.testing.assert_allclose(one.log_prob, [float(log_p[option[0]]) for option in options], atol=1e-4)
            found.append(scores[0].log_prob)
    assert models[0].loaded is models[1].loaded is models[2].loaded
    assert np.abs(found[0] - found[1]).max() > 0.01
    assert np.abs(found[1] - found[2]).max() > 0.01
