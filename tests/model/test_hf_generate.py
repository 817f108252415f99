"""Writing with transformers models: against transformers' own generation, and against the distribution it draws from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from surveyeval.model import host
from surveyeval.model.chat import Chat
from surveyeval.model.endings import Endings
from surveyeval.model.generate import Generate, GenerateOptions
from surveyeval.model.hf import HFModel
from surveyeval.model.hf_generate import next_token, write
from surveyeval.model.protocol import Text, TextRequest
from surveyeval.model.verbalized import Verbalized, VerbalizedOptions
from tests.model import tiny
from tests.model.helpers import ask, make_sample
from tests.model.scorers import survey
from tests.model.test_hf import conversation, model_of

torch = pytest.importorskip("torch", reason="language models are an optional extra")

ARCHITECTURES = ("llama", "gpt2", "mistral", "gemma2", "mamba")
NAMES = ("y", "yyyy", "y" * 11, "yy")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: tiny.save(name, tmp_path_factory.mktemp(name)) for name in ARCHITECTURES}


def requests(step: int = 0, *, tokens: int = 8, temperature: float = 1.0, seed: int = 0) -> list[TextRequest]:
    return [
        TextRequest(f"r{number}", conversation(step, name), 1000 * seed + number, tokens, temperature)
        for number, name in enumerate(NAMES)
    ]


def greedy(model: HFModel, request: TextRequest, **options: Any) -> list[int]:
    """What transformers' own generation writes."""
    prompt = torch.tensor([model.prompts.written(request)])
    written = model.loaded.model.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        do_sample=False,
        max_new_tokens=request.max_tokens,
        pad_token_id=model.loaded.tokenizer.pad_token_id,
        **options,
    )
    return list(map(int, written[0, prompt.shape[1] :]))


def text_of(model: HFModel, request: TextRequest) -> Text:
    """What transformers' own generation writes, with the same ends."""
    stated = model.loaded.model.generation_config.eos_token_id
    ends = Endings(model.loaded.tokenizer, model.chat, stated).tokens
    tokens = greedy(model, request, eos_token_id=sorted(ends))
    stopped = tokens[-1] in ends
    return Text(decoded(model, tokens[:-1] if stopped else tokens), "stop" if stopped else "length")


def decoded(model: HFModel, tokens: Sequence[int]) -> str:
    return str(model.loaded.tokenizer.decode(tokens, skip_special_tokens=True)).strip()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("block", [32, 3])
def test_greedy_texts_equal_transformers_own(folders: dict[str, Path], architecture: str, block: int) -> None:
    model = model_of(folders[architecture], block=block)
    asked = requests(temperature=0)
    assert model.generate(asked) == [text_of(model, request) for request in asked]


def test_texts_of_unlike_length_end_where_transformers_ends_them(folders: dict[str, Path]) -> None:
    model = model_of(folders["llama"])
    asked = requests(temperature=0, tokens=12)
    whole = [greedy(model, request, eos_token_id=[]) for request in asked]
    stated = model.loaded.model.generation_config.eos_token_id
    model.loaded.model.generation_config.eos_token_id = [whole[0][2], whole[1][5]]  # what is no end becomes one
    try:
        texts, expected = model.generate(asked), [text_of(model, request) for request in asked]
    finally:
        model.loaded.model.generation_config.eos_token_id = stated
    assert texts == expected
    assert len({len(text.text) for text in texts if text.ended == "stop"}) > 1


@pytest.mark.parametrize("temperature", [1.0, 0.4])
def test_first_tokens_are_drawn_from_the_models_distribution(folders: dict[str, Path], temperature: float) -> None:
    model = model_of(folders["llama"], block=2000)
    prompt = model.prompts.written(requests()[0])
    with torch.no_grad():
        logits = model.loaded.model(torch.tensor([prompt])).logits[0, -1].double()
    p = torch.softmax(logits / temperature, dim=-1).numpy()
    drawn: Counter[str] = Counter()
    n = 4000
    asked = [TextRequest(f"i{seed}", conversation(0, NAMES[0]), seed, 1, temperature) for seed in range(n)]
    for text in model.generate(asked):
        drawn[text.text] += 1
    shares: Counter[str] = Counter()
    for token, share in enumerate(p):
        shares[decoded(model, [token])] += float(share)
    frequent = [word for word, share in shares.items() if share * n >= 10]
    observed = [drawn[word] for word in frequent]
    expected = [shares[word] * n for word in frequent]
    observed.append(n - sum(observed))
    expected.append(n - sum(expected))
    assert len(frequent) > 5
    assert chisquare(observed, expected).pvalue > 0.001


def test_a_seeds_text_depends_on_nothing_that_is_written_beside_it(folders: dict[str, Path]) -> None:
    model = model_of(folders["llama"])
    asked = requests(tokens=10)
    together = model.generate(asked)
    alone = [model_of(folders["llama"]).generate([request])[0] for request in asked]
    turned = model_of(folders["llama"], block=2).generate(asked[::-1])[::-1]
    assert together == alone == turned
    assert model.generate(requests(tokens=10, seed=1)) != together
    torch.manual_seed(3)
    np.random.default_rng(3).random()
    assert model.generate(asked) == together


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_interviews_that_go_on_are_written_as_fresh_ones(folders: dict[str, Path], architecture: str) -> None:
    model = model_of(folders[architecture])
    for step in range(3):
        fresh = model_of(folders[architecture])
        assert model.generate(requests(step, tokens=5)) == fresh.generate(requests(step, tokens=5))
    assert [note for note in model.notes if "append" in note] == []


def test_several_places_of_one_interview_may_be_asked_at_once(folders: dict[str, Path]) -> None:
    model = model_of(folders["llama"])
    asked = [TextRequest("same", conversation(step), step, 6) for step in (0, 1, 2)]
    found = model.generate(asked)
    assert found == [model_of(folders["llama"]).generate([request])[0] for request in asked]
    model.release(["same"])
    assert model._reader._session is None


@pytest.mark.parametrize(
    "elicitation", [Generate(GenerateOptions(max_tokens=6)), Verbalized(VerbalizedOptions(max_tokens=6))]
)
@pytest.mark.parametrize("mode", ["sequential", "independent"])
def test_whole_surveys_are_asked_and_nothing_is_kept(
    folders: dict[str, Path], elicitation: Generate | Verbalized, mode: str
) -> None:
    task = survey(mode)
    people = make_sample(task, {"belief": [0, 1, 2], "trust": [0, 1, 2], "act": [0, 1, 1]})
    model = model_of(folders["llama"])
    found = host.simulate(model, ask(task, people), elicitation=elicitation)
    assert set(found.texts) == {"belief", "trust", "act"}
    assert all(isinstance(text, str) for column in found.texts.values() for text in column)
    host.log_prob(model, ask(task, people), people, elicitation=elicitation)
    assert model._reader._session is None


# ---- drawing one token ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_uniform_numbers_divide_among_tokens_by_their_probability(temperature: float) -> None:
    p = np.array([0.1, 0.0, 0.5, 0.4, 0.0])
    with np.errstate(divide="ignore"):
        log_p = np.log(p)
    raised = p ** (1 / temperature)
    grid = (np.arange(4000) + 0.5) / 4000
    drawn = [next_token(log_p, temperature, uniform) for uniform in grid]
    counts = np.bincount(np.array(drawn, dtype=int), minlength=5)
    np.testing.assert_allclose(counts / 4000, raised / raised.sum(), atol=1 / 4000)


def test_the_limits_of_drawing() -> None:
    log_p = np.array([-1.0, -0.5, -0.5, -np.inf])
    assert next_token(log_p, 0.0, 0.9) == 1
    assert next_token(log_p, 1e-9, 0.1) == 1
    assert next_token(log_p, 1.0, 1 - 2**-53) == 2
    assert next_token(log_p, 1.0, 0.0) == 0
    assert next_token(np.full(4, np.nan), 1.0, 0.5) is None
    assert next_token(np.full(4, -np.inf), 0.0, 0.5) is None


# ---- where a turn ends ----------------------------------------------------------------------------------------------


class Script:
    """A reader after whose prompts given tokens follow."""

    def __init__(self, vocabulary: int, tokens: dict[str, list[int]]) -> None:
        self.vocabulary, self.tokens = vocabulary, tokens
        self.begun: dict[str, int] = {}
        self.steps = 0

    def next(self, keys: Sequence[str], prompts: Sequence[tuple[int, ...]]) -> np.ndarray:
        self.steps += 1
        found = np.full((len(keys), self.vocabulary), -np.inf)
        for row, (key, prompt) in enumerate(zip(keys, prompts, strict=True)):
            start = self.begun.setdefault(key, len(prompt))
            found[row, self.tokens[key][len(prompt) - start]] = 0
        return found

    def forget(self, keys: Sequence[str] | None = None) -> None:
        pass


def written(texts: dict[str, str], *, template: str | None, tokens: int = 40) -> tuple[list[Text], int]:
    words = tiny.tokenizer(template)
    reader: Any = Script(len(words), {key: words(text)["input_ids"] + [9] * 40 for key, text in texts.items()})
    endings = Endings(words, Chat(words), words.eos_token_id)
    asked = [TextRequest(key, (), 1, tokens) for key in texts]
    return write(reader, endings, asked, [(5,)] * len(asked), 8), reader.steps


def test_a_turn_ends_with_its_token_and_a_cut_text_says_so() -> None:
    found, steps = written(
        {"a": " B<|end|>more", "b": "\n\nYes, B\n\nBecause<|end|>", "c": "<|end|>"}, template=tiny.CHAT
    )
    assert found == [Text("B"), Text("Yes, B\n\nBecause"), Text("")]
    cut, _ = written({"a": "B, because of everything"}, template=tiny.CHAT, tokens=2)
    assert cut[0].ended == "length"
    assert cut[0].text.startswith("B")
    assert steps == len(tiny.tokenizer()("\n\nYes, B\n\nBecause<|end|>")["input_ids"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" B\n\nWhat next?", "B"),
        ("\n\nB\n \nmore", "B"),
        (" B\nAnswer: C", "B"),
        (" B\nbecause\n\n", "B\nbecause"),
        (" B<|end|>", "B"),
    ],
)
def test_the_plain_form_ends_at_a_blank_line_or_another_answer(text: str, expected: str) -> None:
    (found,), _ = written({"a": text}, template=None)
    assert found == Text(expected, "stop")


def test_the_templates_end_of_turn_counts_beside_the_tokenizers() -> None:
    words = tiny.tokenizer(tiny.CHAT.replace("<|end|>", "<|system|>"))
    both = {words.convert_tokens_to_ids(one) for one in ("<|end|>", "<|system|>")}
    assert Endings(words, Chat(words), None).tokens == both
    assert Endings(words, Chat(words, plain=True), [3, 4]).tokens == {words.eos_token_id, 3, 4}
