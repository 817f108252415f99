"""A common beginning is read once, and changes no score: against one plain forward pass for each option."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval.model import hf_trie
from surveyeval.model.hf import HFModel
from surveyeval.model.hf_scoring import STEP
from surveyeval.model.protocol import Request
from surveyeval.task.interview import Message
from tests.model import tiny
from tests.model.test_hf import LETTERS, WORDS, brute_force, conversation, model_of

torch = pytest.importorskip("torch", reason="language models are an optional extra")

WINDOWED = ("mistral", "gemma2", "gemma3")
CACHED = ("llama", "qwen2", "gemma", "gpt2", *WINDOWED)
#: Read from caches, but without branches; read whole.
PLAIN = ("bloom", "mamba")
INSTRUCTION = "You are taking part in a survey. Where would you place yourself? Answer with one letter. " * 2
#: Of unlike length, so that rows are padded.
NAMES = ("y", "yyyy", "y" * 11, "yy")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: tiny.save(name, tmp_path_factory.mktemp(name)) for name in (*CACHED, *PLAIN)}


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
    assert model._reader  # so that the trial of how the model may be read is over
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
@pytest.mark.parametrize("architecture", [*CACHED, *PLAIN])
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
@pytest.mark.parametrize("architecture", [*CACHED, *PLAIN])
def test_teacher_forced_paths_after_a_common_beginning_equal_plain_passes(
    folders: dict[str, Path], architecture: str, options: tuple[str, ...]
) -> None:
    model = model_of(folders[architecture])
    paths = [[Request(f"r{row}", talk(step, "y" * row), options) for step in range(1 + row % 3)] for row in range(11)]
    for path, steps in zip(paths, model.score_paths(paths), strict=True):
        for request, scores in zip(path, steps, strict=True):
            np.testing.assert_allclose(scores.log_prob, brute_force(model, request), atol=1e-4)


@pytest.mark.parametrize("architecture", [*CACHED, *PLAIN])
def test_answers_of_unlike_length_equal_plain_passes(folders: dict[str, Path], architecture: str) -> None:
    """Rows are padded, and with a window it is tokens of the text that count, not columns."""
    model = model_of(folders[architecture])
    growing = [list(talk(0, name)) for name in NAMES]
    for step in range(3):
        check(model, [Request(f"r{row}", tuple(turns), WORDS) for row, turns in enumerate(growing)])
        for row, turns in enumerate(growing):
            turns += [Message("assistant", "Agree " * (1 + row * step)), Message("user", "Very good?")]
    assert architecture in PLAIN or model.notes == []


@pytest.mark.parametrize("architecture", WINDOWED)
@pytest.mark.parametrize("window", [5, 24, 200])
def test_layers_with_a_window_share_beginnings(
    tmp_path: Path, architecture: str, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny, "WINDOW", window)
    model = model_of(tiny.save(architecture, tmp_path))
    shared, rest = beginning(model, block(0, LETTERS))
    with passes(model) as shapes:
        check(model, block(0, LETTERS))
        check(model, block(1, LETTERS))
    assert shapes == [(1, shared), (len(NAMES), rest), (len(NAMES), grown(model))]
    assert model.notes == []


def grown(model: HFModel) -> int:
    """Tokens by which a prompt of one letter's answer is longer than the one before."""
    one, other = (len(model.tokens(block(step, LETTERS)[0])[0]) for step in (0, 1))
    return other - one


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
    assert shapes[:3] == [(1, shared), (4, rest), (4, grown(model))]
    assert sum(rows * width for rows, width in shapes[3:]) < 2 * 4 * shared


def test_options_of_several_tokens_are_read_with_their_prompt(folders: dict[str, Path]) -> None:
    model = model_of(folders["llama"])
    requests = block(0, WORDS)
    shared, rest = beginning(model, requests)
    inner = {option[:size] for _, options in [model.tokens(requests[0])] for option in options for size in range(1, len(option))}  # fmt: skip
    with passes(model) as shapes:
        model.score(requests)
    assert shapes == [(1, shared), (4, rest + len(inner))]


def unique(model: HFModel, requests: Sequence[Request]) -> set[tuple[int, ...]]:
    """Everything that some prompt with an option begins with, but for options' last tokens: what has to be read."""
    found = set()
    for request in requests:
        prompt, options = model.tokens(request)
        for option in options:
            text = prompt + option
            found |= {text[: size + 1] for size in range(len(text) - 1)}
    return found


@contextmanager
def counted(model: HFModel) -> Iterator[list[int]]:
    """Number of tokens of every pass, padding left out: it sees nothing but itself, as else only a first token does."""
    assert model._reader
    counts: list[int] = []

    def count(module: Any, args: Any, inputs: dict[str, Any]) -> None:
        if "input_ids" in inputs:
            seen = (inputs["attention_mask"][:, 0] == 0).sum(dim=-1)
            first = inputs["past_key_values"].get_seq_length() == 0
            counts.append(int((seen > 1).sum()) + (len(seen) if first else 0))

    handle = model.loaded.model.register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield counts
    finally:
        handle.remove()


def independent(names: Sequence[str], items: int, options: tuple[str, ...]) -> list[Request]:
    """Several questions to each person, which do not see each other's answers."""
    texts = [f"{'Where would you place yourself? ' * (1 + item)}Very good?" for item in range(items)]
    return [
        Request(
            f"{name}/{item}",
            (Message("system", INSTRUCTION), Message("user", f"You are {name}. {text}")),
            options,
            grows=False,
        )
        for name in names
        for item, text in enumerate(texts)
    ]


@pytest.mark.parametrize("options", [LETTERS, WORDS])
@pytest.mark.parametrize("names", [5, 40])
def test_every_token_of_a_block_is_read_once(
    folders: dict[str, Path], options: tuple[str, ...], names: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hf_trie, "SAVED", 1)  # short beginnings, too
    model = model_of(folders["llama"])
    requests = independent([f"{number}{'y' * (number % 7)}" for number in range(names)], 3, options)
    with counted(model) as counts, passes(model) as shapes:
        model.score(requests)
    assert sum(counts) == len(unique(model, requests))
    assert sum(rows * width for rows, width in shapes) < 1.2 * sum(counts)


@pytest.mark.parametrize("options", [LETTERS, WORDS])
def test_short_beginnings_cost_little(folders: dict[str, Path], options: tuple[str, ...]) -> None:
    model = model_of(folders["llama"])
    requests = independent([f"{number}{'y' * (number % 7)}" for number in range(40)], 3, options)
    with passes(model) as shapes:
        check(model, requests)
    assert sum(rows * width for rows, width in shapes) < 1.2 * len(unique(model, requests))


@pytest.mark.parametrize("architecture", [*CACHED, *PLAIN])
def test_independent_questions_equal_plain_passes(folders: dict[str, Path], architecture: str) -> None:
    model = model_of(folders[architecture])
    check(model, independent(NAMES, 3, WORDS))
    check(model, independent(NAMES, 1, LETTERS) + block(0, WORDS))


def test_nothing_is_kept_of_what_does_not_grow(folders: dict[str, Path]) -> None:
    model = model_of(folders["llama"])
    with passes(model) as shapes:
        for _ in range(2):
            model.score(independent(NAMES, 3, LETTERS))
    assert shapes[0][0] == 1
    assert shapes[1:] == shapes[1 + len(shapes) // 2 :] * 2  # the instruction alone is not read again


@pytest.mark.parametrize("architecture", ["llama", "gemma3", "mamba"])
def test_identical_requests_are_read_once(folders: dict[str, Path], architecture: str) -> None:
    def read(names: Sequence[str]) -> tuple[int, list[np.ndarray]]:
        model = model_of(folders[architecture])
        with passes(model) as shapes:
            scores = model.score([Request(f"r{row}", talk(1, name), WORDS) for row, name in enumerate(names)])
        return sum(rows * width for rows, width in shapes), [one.log_prob for one in scores]

    twice, once = read(("y", "yyyy", "y", "y")), read(("y", "yyyy"))
    assert twice[0] == once[0]
    assert [one.tobytes() for one in twice[1]] == [once[1][row].tobytes() for row in (0, 1, 0, 0)]


@pytest.mark.parametrize("architecture", [*CACHED, *PLAIN])
def test_interviews_that_begin_alike_part_where_their_answers_do(folders: dict[str, Path], architecture: str) -> None:
    model = model_of(folders[architecture])
    turns = [list(talk(0, "y")) for _ in range(5)]
    said = [["Agree"] * 5, ["Agree", "Agree", "Disagree", "Agree strongly", "Disagree"], list("ABCAB")]
    with passes(model) as shapes:
        for answers in said:
            check(model, [Request(f"r{row}", tuple(one), WORDS) for row, one in enumerate(turns)])
            for one, answer in zip(turns, answers, strict=True):
                one += [Message("assistant", answer), Message("user", "Very good?")]
        check(model, [Request(f"r{row}", tuple(one), WORDS) for row, one in enumerate(turns)])
    if architecture not in PLAIN:
        assert [rows for rows, _ in shapes] == [1, 1, 3, 5]
        assert all(width < 40 for _, width in shapes[1:])


@pytest.mark.parametrize("architecture", [*CACHED, *PLAIN])
@pytest.mark.parametrize("options", [LETTERS, WORDS])
def test_some_interviews_of_a_block_may_go_on(
    folders: dict[str, Path], architecture: str, options: tuple[str, ...]
) -> None:
    model = model_of(folders[architecture])
    for step, rows in enumerate(((0, 1, 2, 3), (3, 1), (1, 0, 2), (0, 1, 2, 3))):
        check(model, [Request(f"r{row}", talk(step, NAMES[row]), options) for row in rows])


@pytest.mark.parametrize("architecture", [*CACHED, *PLAIN])
def test_texts_that_grow_by_a_token_equal_plain_passes(folders: dict[str, Path], architecture: str) -> None:
    """As texts are written: fewer and fewer go on."""
    model = model_of(folders[architecture])
    texts = {f"r{row}": model.tokens(Request("", talk(0, name), LETTERS))[0] for row, name in enumerate(NAMES * 3)}
    texts = {key: (*text, 50 + number) for number, (key, text) in enumerate(texts.items())}
    with passes(model) as shapes:
        for step in range(7):
            found = model._reader.next(list(texts), list(texts.values()))
            for text, row in zip(texts.values(), found, strict=True):
                with torch.no_grad():
                    plain = torch.log_softmax(model._model(torch.tensor([text])).logits[0, -1].double(), dim=-1)
                np.testing.assert_allclose(row, plain.numpy(), atol=1e-4)
            texts = {
                key: (*text, int(row.argsort()[-1 - number % 3]))
                for number, ((key, text), row) in enumerate(zip(texts.items(), found, strict=True))
                if number != step
            }
    if architecture not in PLAIN:
        assert all(width == 1 and rows <= 12 for rows, width in shapes[2:])
        assert len(shapes) == 8


def test_a_prompt_that_was_read_is_scored_again(folders: dict[str, Path]) -> None:
    model = model_of(folders["llama"])
    requests = block(0, WORDS)
    model._reader.next([one.interview for one in requests], [model.tokens(one)[0] for one in requests])
    for _ in range(2):
        check(model, requests)
    check(model, block(1, WORDS))


def test_a_template_that_rewrites_earlier_turns_is_noted(tmp_path: Path) -> None:
    """As templates do that leave out earlier reasoning."""
    rewriting = tiny.CHAT.replace(
        "{{ m['content'] }}", "{{ m['content'] if loop.last or m.role == 'system' else 'good' }}"
    )
    model = model_of(tiny.save("llama", tmp_path, rewriting))
    for step in range(3):
        check(model, block(step, WORDS))
    assert model.notes == ["the chat template does not only append: interviews are read anew from where they change"]


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
    asked: list[list[Request]] = []
    score = model.score

    def record(requests: Sequence[Request]) -> list[Any]:
        asked.append(list(requests))
        return score(requests)

    model.score = record  # type: ignore[method-assign]
    with passes(model) as shapes:
        host.simulate(model, batch, preparation=preparation)
    requests = [request for block in asked for request in block]
    needed = len(unique(model, requests))
    whole = sum(len(model.tokens(request)[0]) for request in requests)
    read = sum(rows * width for rows, width in shapes)
    assert read < 1.35 * needed
    assert 2 * needed < whole
    with passes(model) as shapes:
        host.log_prob(model, batch, people, preparation)
    assert sum(rows * width for rows, width in shapes) < 1.35 * needed  # the people's own answers instead of drawn ones


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
    assert max(width for _, width in shapes) > grown(model)
    assert model.notes == []


def test_a_recurrent_model_reads_whole_prompts_and_says_so(folders: dict[str, Path]) -> None:
    model = model_of(folders["mamba"])
    with passes(model) as shapes:
        check(model, block(0, LETTERS))
    assert sum(rows * width for rows, width in shapes) == sum(
        len(model.tokens(request)[0]) for request in block(0, LETTERS)
    )
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
