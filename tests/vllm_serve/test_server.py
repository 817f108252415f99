"""A real server of vLLM on loopback with SmolLM2: its probabilities are those of the same weights at hand.

Runs in an environment with vLLM (`make test-vllm`).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval.errors import BudgetError, CapabilityError, ModelError
from surveyeval.model.embedded import EmbeddedModel
from surveyeval.model.hf import HFModel, HFOptions
from surveyeval.model.openai import OpenAIModel, OpenAIOptions
from surveyeval.model.protocol import Message, Request, TextRequest

NAME = "smollm2"
LETTERS = ("A", "B", "C")
WORDS = ("Agree", "Agree strongly", "Disagree", "Neither agree nor disagree")
NUMBERS = ("1", "2", "3", "10")
#: Total variation between two ways of computing the same probabilities in float32.
CLOSE = 1e-3


@pytest.fixture(scope="module")
def folder() -> Path:
    return EmbeddedModel("smollm2")._folder()


@pytest.fixture(scope="module")
def url(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("vllm") / "log"
    # the console script looks for a package called vllm, which builds for a CPU are not called
    line = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)]
    line += ["--served-model-name", NAME, "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32"]
    line += ["--max-model-len", "2048", "--generation-config", "vllm", "--enforce-eager"]
    environment = {
        **os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    }  # fmt: skip
    with log.open("w") as stream:
        server = subprocess.Popen(line, env=environment, stdout=stream, stderr=stream, start_new_session=True)
    try:
        _wait_for(server, f"http://127.0.0.1:{port}/health", log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)  # a group of its own: the server and its children
            server.wait()


def _wait_for(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    for _ in range(600):
        if server.poll() is not None:
            pytest.fail(f"the server ended with {server.returncode}:\n{log.read_text()[-3000:]}")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    pytest.fail(f"the server did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture
def ask(url: str) -> Iterator[Any]:
    made: list[OpenAIModel] = []

    def make(name: str = NAME, **options: Any) -> OpenAIModel:
        made.append(OpenAIModel(name, OpenAIOptions(base_url=url, timeout=300, **options)))
        return made[-1]

    yield make
    for model in made:
        model.close()


def at_hand(folder: Path, template: str) -> HFModel:
    return HFModel(str(folder), HFOptions(dtype="float32", device="cpu", template=template))


def conversations(options: tuple[str, ...]) -> list[Request]:
    """Several people, with no, one and two answers before the question."""
    shown = "\n".join(f"{one}) view {n}" for n, one in enumerate(options))
    question = f"What do you say?\n{shown}\nAnswer with one of these."
    requests = []
    for person in range(3):
        turns = [
            Message("system", "You take part in a survey."),
            Message("user", f"You are {20 + 25 * person}. {question}"),
        ]
        for step in range(2):
            requests.append(Request(f"p{person}-{step}", tuple(turns), options))
            turns += [
                Message("assistant", options[(person + step) % len(options)]),
                Message("user", f"And now? {question}"),
            ]
    return requests


def distances(found: list[Any], expected: list[Any]) -> list[float]:
    """Total variation of each place, what is no option counting as one."""
    result = []
    for one, other in zip(found, expected, strict=True):
        p, q = (np.append(np.exp(scores.log_prob), 1 - scores.mass) for scores in (one, other))
        result.append(float(np.abs(p - q).sum() / 2))
    return result


def test_letters_in_a_chat_by_their_ids_equal_the_weights_at_hand(folder: Path, ask: Any) -> None:
    requests, model = conversations(LETTERS), ask()
    found = model.score(requests)
    assert max(distances(found, at_hand(folder, "auto").score(requests))) < CLOSE
    assert all(0.01 < scores.mass < 1 for scores in found)
    assert "by the ids of their tokens" in model.notes[0]


def test_letters_in_a_chat_by_a_tokenizer_at_hand_are_the_same(folder: Path, ask: Any) -> None:
    requests = conversations(LETTERS)
    assert max(distances(ask(tokenizer=str(folder)).score(requests), ask().score(requests))) < CLOSE


def test_letters_among_the_most_probable_tokens_are_the_same_where_all_are_there(folder: Path, ask: Any) -> None:
    requests, model = conversations(LETTERS), ask(scores="top")
    pairs = zip(model.score(requests), at_hand(folder, "auto").score(requests), strict=True)
    inside = [(one, other) for one, other in pairs if np.isfinite(one.log_prob).all()]
    assert len(inside) >= 3
    for one, other in inside:
        # renormalised: a letter with white space before it is the letter here
        p, q = np.exp(one.log_prob) / one.mass, np.exp(other.log_prob) / other.mass
        assert np.abs(p - q).sum() / 2 < CLOSE
    assert "among the 20 most probable tokens" in model.notes[0]


@pytest.mark.parametrize("options", [LETTERS, WORDS, NUMBERS])
def test_completions_equal_the_weights_at_hand(folder: Path, ask: Any, options: tuple[str, ...]) -> None:
    requests = conversations(options)
    plain = ask(api="completions").score(requests)
    assert max(distances(plain, at_hand(folder, "plain").score(requests))) < CLOSE
    chat = ask(api="completions", tokenizer=str(folder)).score(requests)
    assert max(distances(chat, at_hand(folder, "auto").score(requests))) < CLOSE


def test_a_walk_along_texts_finds_the_words_too(folder: Path, ask: Any) -> None:
    requests = conversations(WORDS)
    walked = ask(api="completions", scores="top").score(requests)
    exact = ask(api="completions").score(requests)
    for one, other in zip(walked, exact, strict=True):
        # the walk sums over all ways of cutting an option into tokens, and leaves out what is not returned
        p, q = np.nan_to_num(np.exp(one.log_prob)), np.exp(other.log_prob)
        assert (np.abs(p - q)[p > 0] < 0.02).all()
        assert (q[p == 0] < 0.05).all()


def test_words_in_a_chat_are_refused(ask: Any) -> None:
    with pytest.raises(CapabilityError, match="first token only"):
        ask().score(conversations(WORDS))


def test_paths_are_scored_as_places_are(ask: Any) -> None:
    requests, model = conversations(LETTERS), ask()
    paths = [requests[start : start + 2] for start in range(0, len(requests), 2)]
    found = [scores for path in model.score_paths(paths) for scores in path]
    assert max(distances(found, model.score(requests))) < CLOSE


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_texts_depend_on_their_seed_and_end_where_they_must(ask: Any, api: str) -> None:
    messages = (Message("user", "Tell me about your day."),)
    requests = [TextRequest("r", messages, seed, 12, 1.0) for seed in (1, 2, 3, 1)]
    model = ask(api=api)
    texts = model.generate(requests)
    assert texts[0] == texts[3]
    assert len({text.text for text in texts}) > 1
    assert all(text.ended in ("stop", "length") for text in texts)
    assert any(text.ended == "length" for text in texts)
    greedy = [TextRequest("r", messages, seed, 12, 0.0) for seed in (1, 2)]
    assert len({text.text for text in model.generate(greedy)}) == 1


def test_the_server_is_told_from_others_and_its_counts_are_used(ask: Any) -> None:
    model = ask(max_total_tokens=60, concurrency=1)
    requests = [TextRequest("r", (Message("user", "Say something."),), seed, 5) for seed in range(50)]
    with pytest.raises(BudgetError, match="the budget of 60 tokens"):
        model.generate(requests)
    assert "estimated" not in str(model.usage)


def test_a_name_that_the_server_does_not_know_is_corrected(ask: Any) -> None:
    with pytest.raises(ModelError, match="has no model 'smolm2'; did you mean 'smollm2'"):
        ask("smolm2").generate([TextRequest("r", (Message("user", "Hello"),), 1, 3)])


def test_a_prompt_that_is_too_long_is_named(ask: Any) -> None:
    with pytest.raises(ModelError, match=r"context length.*shorten the task"):
        ask().generate([TextRequest("r", (Message("user", "word " * 3000),), 1, 3)])


@pytest.mark.parametrize("elicitation", ["choice", "generate"])
def test_a_run_from_the_command_line(url: str, tmp_path: Path, elicitation: str) -> None:
    words = ["run", "--task", "anes96", "--limit", "4", "--splits", "2", "--elicitation", elicitation]
    words += ["--model", f"openai:{NAME}?base_url={url}&timeout=300&block=2"]
    environment = {**os.environ, "SURVEYEVAL_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    code = "from surveyeval.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, env=environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    [path] = (tmp_path / "runs").glob("*/manifest.json")
    manifest = json.loads(path.read_text())
    assert manifest["status"] == "complete"
    notes = " ".join(manifest["notes"])
    assert ("by the ids of their tokens" if elicitation == "choice" else "texts were drawn by the server") in notes
    assert "calls" in notes
