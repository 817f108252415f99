"""What was asked of a model, put to the peer word for word, and compared.

The first side is run as a user's run does it, by the host, block after block, and everything it asked is written down:
rendered prompts, options, log-probabilities. The peer scores the same prompts and options.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from survey import Shape, distinct, load_survey

#: Prompts on which the two sides are compared to the last factor.
SPREAD = 16


def run_ours(build: Callable[[], Any], tokenizer: Any, shape: Shape, folder: Path) -> dict[str, Any]:
    """Seconds of a run that starts without any cache, and what it asked, as a file in `folder`.

    `build` makes a model without caches; weights may be shared. Rendering, tokenization, scoring, drawing and
    book-keeping are all in the time; loading is not, nor is a first block of two people that wakes everything up.
    """
    import numpy as np

    from surveyeval.data.seeds import uniforms
    from surveyeval.model.chat import Chat
    from surveyeval.model.host import block_size, simulate
    from surveyeval.model.protocol import Interviews

    chat = Chat(tokenizer)

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer(text, add_special_tokens=chat.plain)["input_ids"]
        return ids

    task, people = load_survey(folder, shape, lambda messages: encode(chat.render(messages)))
    numbers = uniforms(0, list(people.respondent), [item.name for item in task.items], 0, "draw")

    def answer(model: Any, rows: Any) -> None:
        simulate(model, Interviews(task, people.take(rows), numbers[rows]))

    answer(build(), np.arange(min(2, people.n)))
    model = build()
    asked: list[tuple[Any, Any]] = []
    score = model.score

    def noting(requests: Sequence[Any]) -> Any:
        found = score(requests)
        asked.extend(zip(requests, found, strict=True))
        return found

    model.score = noting
    size = block_size(model) or people.n
    begun, computed = time.perf_counter(), time.process_time()
    for start in range(0, people.n, size):
        answer(model, np.arange(start, min(start + size, people.n)))
    seconds, cpu = time.perf_counter() - begun, time.process_time() - computed
    prompts = [
        {
            "respondent": request.interview.split("/")[0],
            "prompt": chat.render(request.messages),
            "options": [chat.answer_prefix + option for option in request.options],
            "log_prob": scores.log_prob.tolist(),
        }
        for request, scores in asked
    ]
    (folder / "asked.json").write_text(json.dumps(prompts))
    return {"seconds": seconds, "cpu": cpu, "questions": len(prompts), **token_counts(encode, prompts)}


def token_counts(encode: Callable[[str], Sequence[int]], prompts: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Tokens that must be read at least, and those that are read when every prompt is read anew.

    An option's last token need not be read: its probability stands at the token before. ``theirs`` counts a prompt once
    for all options that differ in the last token alone, as lm-evaluation-harness reads it with transformers; ``given``
    counts every prompt with every whole option, as it reads them with vLLM.
    """
    from surveyeval.model.scoring import option_tokens

    sequences: list[Sequence[int]] = []
    theirs = given = places = 0
    for one in prompts:
        prompt, options = option_tokens(encode, one["prompt"], one["options"])
        own = {(*prompt, *tokens[:-1]) for tokens in options}
        theirs += sum(map(len, own))
        given += sum(len(prompt) + len(tokens) for tokens in options)
        places += len({tokens[:size] for tokens in options for size in range(len(tokens))})
        sequences += own
    return {
        "distinct": distinct(sequences),
        "theirs": theirs,
        "given": given,
        "sequences": len(sequences),
        "places": places,
    }


def first_respondents(prompts: Sequence[dict[str, Any]], respondents: int) -> list[dict[str, Any]]:
    """Prompts of the first so many respondents."""
    kept = set(list(dict.fromkeys(one["respondent"] for one in prompts))[:respondents])
    return [one for one in prompts if one["respondent"] in kept]


def run_peer(loglikelihood: Callable[[list[tuple[str, str]]], list[float]], prompts: Sequence[Any]) -> dict[str, Any]:
    """Seconds of the peer on these prompts, and how far its log-probabilities are from those written down.

    ``differs`` is the largest difference between log-probabilities of the options of a prompt, after the prompt's mean is
    taken off both sides, and ``differs_mean`` the mean of its size. lm-evaluation-harness moves white space at the end of a
    prompt to the option, so its figures hold one more factor, the same for all options of a prompt. For
    `SPREAD` prompts that factor is asked for and taken off, and ``differs`` covers these as they are: it would tell if one
    side were off by the same for all options. None of this is in the time.
    """
    pairs = [(one["prompt"], option) for one in prompts for option in one["options"]]
    loglikelihood(pairs[: len(prompts[0]["options"])])
    begun, computed = time.perf_counter(), time.process_time()
    found = loglikelihood(pairs)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - computed
    owners = [number for number, one in enumerate(prompts) for _ in one["options"]]
    theirs = [
        [value for _, value in group] for _, group in groupby(zip(owners, found, strict=True), lambda pair: pair[0])
    ]
    absolute: list[float] = []
    apart = [
        value for values, one in zip(theirs, prompts, strict=True) for value in _differences(values, one["log_prob"])
    ]
    # spread over all prompts, the first and the last among them
    chosen = sorted({round(place * (len(prompts) - 1) / (SPREAD - 1)) for place in range(SPREAD)})
    moved = {number: prompts[number]["prompt"][len(prompts[number]["prompt"].rstrip()) :] for number in chosen}
    asked = [(prompts[number]["prompt"].rstrip(), space) for number, space in moved.items() if space]
    factors = iter(loglikelihood(asked) if asked else [])
    for number, space in moved.items():
        factor = next(factors) if space else 0.0
        absolute += [
            abs(value - factor - own) for value, own in zip(theirs[number], prompts[number]["log_prob"], strict=True)
        ]
    return {
        "seconds": seconds,
        "cpu": cpu,
        "questions": len(prompts),
        "differs": largest(apart + absolute),
        "differs_mean": sum(apart) / len(apart),
    }


def largest(values: Sequence[float]) -> float:
    """The largest; infinite where one is no number, which `max` would pass over."""
    return math.inf if any(map(math.isnan, values)) else max(values)


def _differences(one: Sequence[float], other: Sequence[float]) -> list[float]:
    differences = [a - b for a, b in zip(one, other, strict=True)]
    mean = sum(differences) / len(differences)
    return [abs(value - mean) for value in differences]


def count_positions(model: Any) -> Callable[[], int]:
    """Watch a torch model; tells how many positions, padding included, went through it so far."""
    seen = [0]

    def hook(_module: Any, inputs: Any, _output: Any) -> None:
        seen[0] += inputs[0].numel()

    model.get_input_embeddings().register_forward_hook(hook)
    return lambda: seen[0]
