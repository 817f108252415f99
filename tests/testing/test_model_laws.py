"""The check for authors of models: it passes models that are right, and names the law that one breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval.data.sample import Sample
from surveyeval.model.baselines import BASELINES, Baseline
from surveyeval.model.draws import draw_options
from surveyeval.model.protocol import Answers, Capabilities, Fingerprint, Interviews, OptionScores, Text
from surveyeval.model.scripted import SCRIPTS, Scripted
from surveyeval.testing import MODEL_LAWS, check_model
from surveyeval.testing.respondents import RESPONDENT_LAWS
from surveyeval.testing.speakers import GENERATOR_LAWS, SCORER_LAWS, SPEAKER_LAWS
from tests.model import tiny
from tests.model.scorers import WordScorer
from tests.model.writers import Writer


@pytest.mark.parametrize("name", BASELINES)
def test_baselines(name: str) -> None:
    check_model(lambda: Baseline(name))


#: Scripts that exchange people, or draw all rows at once, so that who stands beside whom matters.
TOGETHER = {"the order of interviews does not matter": "its chance is that of the whole table"}
HIDING = {"hidden fields of the profile are not read": "a script with a fault on purpose"}


@pytest.mark.parametrize("name", sorted(set(SCRIPTS) - {"swapped"}))
def test_scripts(name: str) -> None:
    check_model(lambda: Scripted(name), without={**TOGETHER, **HIDING})


# ---- mistakes of a model that answers tables ------------------------------------------------------------------------


class Coin:
    """Every option alike."""

    capabilities = Capabilities(log_prob=True)

    def __init__(self) -> None:
        self.asked = 0

    def fingerprint(self) -> Fingerprint:
        return Fingerprint("content", "coin")

    def banners(self) -> list[str]:
        return []

    def fit(self, task: Any, pilot: Sample) -> None:
        pass

    def tables(self, interviews: Interviews) -> dict[str, np.ndarray]:
        return {item.name: np.full((len(interviews), item.k), 1 / item.k) for item in interviews.task.items}

    def answer(self, interviews: Interviews) -> Answers:
        self.asked += 1
        tables = self.tables(interviews)
        answers = {
            name: draw_options(table, interviews.uniforms[:, j]) for j, (name, table) in enumerate(tables.items())
        }
        return Answers(answers, probabilities=tables)

    def log_prob(self, interviews: Interviews, answers: Sample) -> dict[str, np.ndarray]:
        found = {}
        for name, table in self.tables(interviews).items():
            chosen = answers.answers[name]
            found[name] = np.where(chosen >= 0, np.log(table[np.arange(len(table)), chosen]), np.nan)
        return found


def coin(**methods: Any) -> type:
    return type("Broken", (Coin,), methods)


def answering(change: Callable[[Coin, Interviews, Answers], Answers]) -> type:
    return coin(answer=lambda self, interviews: change(self, interviews, Coin.answer(self, interviews)))


def first_item(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Coin, Interviews, Answers], Answers]:
    return lambda self, asked, found: replace(found, answers={**found.answers, "trust": change(found.answers["trust"])})


def by_region(self: Coin, asked: Interviews, found: Answers) -> Answers:
    south = asked.people.profile["region"] == "s"
    return first_item(lambda column: np.where(south, 0, column))(self, asked, found)


def spoiling(self: Coin, asked: Interviews, found: Answers) -> Answers:
    asked.uniforms[:] = asked.uniforms / 2
    return found


def peeking(self: Coin, asked: Interviews, found: Answers) -> Answers:
    return replace(found, answers={**found.answers, **asked.people.answers})


def by_place(self: Coin, asked: Interviews, found: Answers) -> Answers:
    return first_item(lambda column: np.where(np.arange(len(column)) < 5, 0, column))(self, asked, found)


def tipsy(self: Coin, asked: Interviews, found: Answers) -> Answers:
    return first_item(lambda column: (column + self.asked) % 5)(self, asked, found)


def unfair(self: Coin, asked: Interviews, found: Answers) -> Answers:
    return first_item(lambda column: np.where(column == 4, 0, column))(self, asked, found)


def twice(self: Coin, asked: Interviews, found: Answers) -> Answers:
    return replace(found, probabilities={name: 2 * table for name, table in found.probabilities.items()})


TABLES: dict[str, Callable[[], Any]] = {
    "it says what it is": coin(banners=lambda self: [""]),
    "its fingerprint is stable": coin(fingerprint=lambda self: Fingerprint("content", f"coin {self.asked}")),
    "shapes fit and options exist": answering(first_item(lambda column: column + 1)),
    "the same random numbers give the same answers": answering(tipsy),
    "probabilities are renormalised": answering(twice),
    "answers come as often as their probabilities say": answering(unfair),
    "the order of interviews does not matter": answering(by_place),
    "hidden fields of the profile are not read": answering(by_region),
    "interviews are left as they are": answering(spoiling),
    "log-probabilities agree with probabilities": coin(
        log_prob=lambda self, asked, people: {
            name: column - 1 for name, column in Coin.log_prob(self, asked, people).items()
        }
    ),
    "what it says that it needs is what it needs": answering(peeking),
}


def test_a_coin_is_right() -> None:
    check_model(Coin)


# ---- mistakes of language models ------------------------------------------------------------------------------------


class Words(WordScorer, Writer):
    """Scores and writes; both depend on every word."""

    capabilities = Capabilities(("choice", "generate"), log_prob=True)

    def __init__(self) -> None:
        Writer.__init__(self, lambda one: "abc"[: 1 + (one.seed if one.temperature else 0) % 3][: one.max_tokens])
        WordScorer.__init__(self)
        self.calls = 0

    def generate(self, requests: Any) -> list[Text]:
        self.calls += 1
        found = Writer.generate(self, requests)
        return [
            Text(one.text, "length" if len(one.text) >= request.max_tokens else "stop")
            for request, one in zip(requests, found, strict=True)
        ]

    def score(self, requests: Any) -> list[OptionScores]:
        self.calls += 1
        # options are told by their text, whatever their place
        found = []
        for request in requests:
            in_order = sorted(range(len(request.options)), key=lambda i: request.options[i])
            (one,) = WordScorer.score(self, [replace(request, options=tuple(request.options[i] for i in in_order))])
            scores = np.empty(len(in_order))
            scores[in_order] = one.log_prob
            found.append(OptionScores(scores))
        return found

    def score_paths(self, paths: Any) -> list[list[OptionScores]]:
        return [Words.score(self, path) for path in paths]


def words(**methods: Any) -> type:
    return type("Broken", (Words,), methods)


def scoring(change: Callable[[Words, Any, np.ndarray], np.ndarray]) -> type:
    def score(self: Words, requests: Any) -> list[OptionScores]:
        found = Words.score(self, requests)
        return [OptionScores(change(self, one, scores.log_prob)) for one, scores in zip(requests, found, strict=True)]

    return words(score=score)


def writing(change: Callable[[Words, Any, int, Text], Text]) -> type:
    def generate(self: Words, requests: Any) -> list[Text]:
        found = Words.generate(self, requests)
        return [change(self, one, n, text) for n, (one, text) in enumerate(zip(requests, found, strict=True))]

    return words(generate=generate)


def stale(self: Words, request: Any, scores: np.ndarray) -> np.ndarray:
    return scores - 0.5 if request.grows and len(request.messages) > 2 else scores


def released(self: Words, interviews: Any) -> None:
    if "nobody" in interviews:
        raise AssertionError("who is that?")


SPEAKERS: dict[str, Callable[[], Any]] = {
    "it says what it is and can": words(capabilities=Capabilities(("choice", "telepathy"))),
    "its fingerprint needs no weights and is stable": words(
        load=lambda self: setattr(self, "calls", 1), fingerprint=lambda self: Fingerprint("content", f"{self.calls}!")
    ),
    "every word that is said is read": words(render=lambda self, messages: messages[-1].content),
    "it forgets whom it does not know": words(release=released),
    "every option has a score": scoring(lambda self, one, scores: scores[:-1]),
    "options are disjoint": scoring(lambda self, one, scores: scores + 1),
    "the same requests give the same scores": scoring(lambda self, one, scores: scores - self.calls),
    "the company of a request does not matter": words(
        score=lambda self, requests: [
            OptionScores(one.log_prob - n) for n, one in enumerate(Words.score(self, requests))
        ]
    ),
    "the list of options is not read": scoring(lambda self, one, scores: scores - np.arange(len(scores))),
    "a conversation gone on with is as if read anew": scoring(stale),
    "a path read at once is as its places": words(
        score_paths=lambda self, paths: [[OptionScores(one.log_prob - 1) for one in Words.score(self, path)] for path in paths]
    ),
    "every request has a text": writing(lambda self, one, n, text: replace(text, ended="tired")),
    "the same seed gives the same text": writing(lambda self, one, n, text: replace(text, text=f"{text.text}{self.calls}")),
    "the company of a text does not matter": writing(lambda self, one, n, text: replace(text, text=f"{n}{text.text}")),
    "at temperature 0 there is no chance": writing(lambda self, one, n, text: replace(text, text=f"{one.seed}")),
    "a text is no longer than asked for": writing(lambda self, one, n, text: replace(text, text="many words, " * 9 * (2 - min(one.max_tokens, 2)) + text.text)),
}  # fmt: skip


def test_words_are_right() -> None:
    check_model(Words)


def test_every_law_has_a_mistake() -> None:
    assert set(TABLES) == set(RESPONDENT_LAWS)
    assert set(SPEAKERS) == {*SPEAKER_LAWS, *SCORER_LAWS, *GENERATOR_LAWS}


@pytest.mark.parametrize("law", [*TABLES, *SPEAKERS])
def test_a_mistake_is_found_and_named(law: str) -> None:
    broken = {**TABLES, **SPEAKERS}[law]
    others = dict.fromkeys(set(MODEL_LAWS) - {law}, "another law is looked at")
    with pytest.raises(AssertionError, match=f"Broken breaks the law '{law}'"):
        check_model(broken, without=others)
    check_model(broken, without=dict.fromkeys(MODEL_LAWS, "it does not fit"))


def test_a_law_is_left_out_by_name_and_with_a_reason() -> None:
    with pytest.raises(ValueError, match="there is no law 'wisdom'; laws: it says"):
        check_model(Coin, without={"wisdom": "none"})
    with pytest.raises(ValueError, match="say why"):
        check_model(Coin, without={"its fingerprint is stable": " "})


# ---- real weights ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_a_tiny_language_model(architecture: str, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="language models are an optional extra")
    from surveyeval.model.hf import HFModel, HFOptions

    folder = tiny.save(architecture, tmp_path, tiny.CHAT if architecture == "llama" else None)
    check_model(partial(HFModel, str(folder), HFOptions(dtype="float32", device="cpu")))
