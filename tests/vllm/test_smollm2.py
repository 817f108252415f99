"""SmolLM2 answers alike through both engines, and vLLM reads again as little as it may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval.model import host
from surveyeval.model.build import build_model
from surveyeval.model.hf import HFModel
from surveyeval.model.protocol import Interviews, Request
from surveyeval.model.vllm import VLLMModel
from surveyeval.model.vllm_engine import CPU_UNIT
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from tests.vllm.helpers import BOUND, LETTERS, WORDS, assert_alike, conversation, requests, total_variation

VOTERS = Path(__file__).parents[2] / "tasks" / "anes96" / "task.yaml"
PEOPLE = 2


@pytest.mark.parametrize("options", ["letters", "text"])
@pytest.mark.parametrize("mode", ["sequential", "independent"])
def test_voters_are_simulated_alike(
    mode: str, options: str, smollm2: VLLMModel, reference: HFModel, tmp_path: Path
) -> None:
    """A whole survey: what the host draws from, for every person and item, and what people's own answers are given."""
    text = (
        VOTERS.read_text()
        .replace("mode: sequential", f"mode: {mode}")
        .replace("options: letters", f"options: {options}")
    )
    (tmp_path / "task.yaml").write_text(text)
    task = load_task(str(tmp_path / "task.yaml"))
    assert (task.spec.interview.mode, task.spec.interview.options) == (mode, options)
    people = load_human(task).sample.take(np.arange(PEOPLE))
    names = [item.name for item in task.items]
    drawn = np.random.default_rng(5).random((people.n, len(names)))
    asked = Interviews(task, people.without_answers(), drawn)
    answers = [host.simulate(model, asked) for model in (smollm2, reference)]
    same, compared = np.ones(people.n, dtype=bool), 0
    for item in names:
        p, q = (one.probabilities[item] * one.mass[item][:, None] for one in answers)
        r, s = (one.probabilities[item] for one in answers)
        for row in np.flatnonzero(same | (mode == "independent")):
            assert total_variation(p[row], q[row]) <= BOUND
            assert total_variation(r[row], s[row]) <= BOUND
            compared += 1
        same &= answers[0].answers[item] == answers[1].answers[item]  # a draw on the border may fall either way
    assert compared >= 0.9 * people.n * len(names)
    forced = [host.forced(model, task, people, frozenset(), host.Preparation()) for model in (smollm2, reference)]
    for item in names:
        for p, q in zip(forced[0][item], forced[1][item], strict=True):
            assert total_variation(p, q) <= BOUND


@pytest.mark.parametrize("options", [LETTERS, WORDS])
@pytest.mark.parametrize("terminator", ["none", "end"])
@pytest.mark.parametrize("template", ["auto", "plain"])
def test_every_way_of_writing_is_scored_alike(options: tuple[str, ...], terminator: str, template: str) -> None:
    query = f"?dtype=float32&terminator={terminator}&template={template}"
    models: list[Any] = [build_model(f"{name}{query}").model for name in ("vllm:embedded:smollm2", "embedded:smollm2")]
    assert models[0].render(conversation(1)) == models[1].render(conversation(1))
    assert_alike(*(model.score(requests(1, options, n=2)) for model in models))


def test_what_was_read_is_not_read_again(smollm2: VLLMModel) -> None:
    smollm2.release([])
    engine = smollm2.engine

    def reused(asked: list[Request]) -> int:
        before = engine.reused
        smollm2.score(asked)
        return engine.reused - before

    length = len(smollm2.prompts.tokens(requests(3, n=1)[0])[0])
    assert length > 2 * CPU_UNIT
    assert reused(requests(3, n=1)) == 0
    # the interview goes on: all of it that fills units of the cache
    assert reused(requests(4, n=1)) == length // CPU_UNIT * CPU_UNIT
    smollm2.release([])
    assert reused(requests(3, n=1)) == 0
    # options of several tokens: each beginning reads what it adds
    smollm2.release([])
    words = requests(3, WORDS, n=1)
    places = len({option[:size] for option in smollm2.prompts.tokens(words[0])[1] for size in range(len(option))})
    assert places > 3
    assert reused(words) >= (places - 1) * (length // CPU_UNIT * CPU_UNIT)


def test_a_block_is_answered_alike_whichever_came_before(smollm2: VLLMModel) -> None:
    def answered(*blocks: int) -> bytes:
        for block in blocks:
            rows = [Request(f"b{block}r{n}", conversation(3, f"{'y' * (block + 1)}{'z' * n}"), WORDS) for n in range(3)]
            last = smollm2.score(rows)
            smollm2.release([row.interview for row in rows])
        return b"".join(scores.log_prob.tobytes() for scores in last)

    alone = answered(1)
    assert answered(0, 1) == answered(2, 0, 1) == answered(1) == alone
