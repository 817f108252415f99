"""Losses equal those of plain forward passes, and do not depend on padding or company."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveyeval.tuning.adapter import add_adapter
from surveyeval.tuning.objective import batch_loss, collate, make_batches
from surveyeval.tuning.options import TuningOptions
from surveyeval.tuning.sequences import Choice, Row, make_rows
from tests.model import tiny
from tests.tuning import survey

torch = pytest.importorskip("torch", reason="language models are an optional extra")

ARCHITECTURES = ("llama", "qwen2", "gemma", "gpt2")


@pytest.fixture(scope="module", params=ARCHITECTURES)
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    template = tiny.NO_SYSTEM if request.param == "gemma" else tiny.CHAT
    return tiny.save(request.param, tmp_path_factory.mktemp(request.param), template)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return survey.write(tmp_path_factory.mktemp("survey"), interview={"options": "text"})


@pytest.fixture(scope="module")
def lettered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return survey.write(tmp_path_factory.mktemp("letters"))


def fresh(base: Path, **options: Any) -> Any:
    """The base in float32 with an adapter that does something."""
    from transformers import AutoModelForCausalLM

    model = add_adapter(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), TuningOptions(**options))
    generator = torch.Generator().manual_seed(3)
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = 0.2 * torch.randn(weight.shape, generator=generator)
    return model.eval()


def padded(rows: list[Row]) -> tuple[Any, Any, Any]:
    """Inputs and labels as transformers takes them: -100 where nothing is learned."""
    width = max(len(row.tokens) for row in rows)
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for number, row in enumerate(rows):
        ids[number, : len(row.tokens)] = torch.tensor(row.tokens)
        mask[number, : len(row.tokens)] = 1
        for place, token in row.labels:
            labels[number, place + 1] = token
    return ids, mask, labels


def gradient(model: Any, loss: Any) -> list[Any]:
    return list(torch.autograd.grad(loss, [weight for weight in model.parameters() if weight.requires_grad]))


def test_loss_and_gradient_are_those_of_transformers(base: Path, folder: Path) -> None:
    rows, model = survey.rows_of(folder, base, 7), fresh(base)
    loss, count = batch_loss(model, collate(rows, "cpu"))
    ids, mask, labels = padded(rows)
    whole = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    assert count == int((labels >= 0).sum()) == sum(len(row.labels) for row in rows)
    assert float(loss.detach()) / count == pytest.approx(float(whole.detach()), abs=1e-5)
    for one, other in zip(gradient(model, loss / count), gradient(model, whole), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_the_distribution_loss_is_a_divergence_plus_the_entropy_of_the_target(base: Path, lettered: Path) -> None:
    model, rng = fresh(base), np.random.default_rng(1)
    task, human, split = survey.load(lettered)
    people = human.sample.take(split.order[:5])
    targets = {item.name: rng.dirichlet(np.ones(item.k), people.n) for item in task.items}
    rows = make_rows(survey.model_of(base), task, people, frozenset(), targets)
    loss, count = batch_loss(model, collate(rows, "cpu"))
    expected = 0.0
    for row in rows:
        for item, choice in zip(task.items, row.choices, strict=True):
            with torch.no_grad():  # the prompt alone, in full
                logits = model(torch.tensor([row.tokens[: choice.place + 1]])).logits[0, -1].double()
            q = torch.softmax(logits, dim=-1)[list(choice.tokens)].numpy()
            p = targets[item.name][row.person]
            expected += float((p * np.log(p / q)).sum() - (p * np.log(p)).sum())
    assert count == 15
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)


def test_an_option_with_no_probability_is_fine_and_certainty_is_cross_entropy(base: Path, lettered: Path) -> None:
    model = fresh(base)
    row = survey.rows_of(lettered, base, 1)[0]
    labelled = [place for place, _ in row.labels][::2]
    certain = [Choice(place, (row.tokens[place + 1], 7), (1.0, 0.0)) for place in labelled]
    loss, _ = batch_loss(model, collate([Row(row.tokens, (), tuple(certain), 0)], "cpu"))
    plain, _ = batch_loss(model, collate([Row(row.tokens, row.labels[::2], (), 0)], "cpu"))
    assert float(loss.detach()) == pytest.approx(float(plain.detach()), rel=1e-6)


def test_padding_and_company_do_not_change_a_loss(base: Path, folder: Path) -> None:
    rows, model = survey.rows_of(folder, base, 9), fresh(base)
    with torch.no_grad():
        alone = [batch_loss(model, collate([row], "cpu")) for row in rows]
        for company in ([0, 1], [2, 0, 5], list(range(9)), list(range(8, -1, -1))):
            loss, count = batch_loss(model, collate([rows[i] for i in company], "cpu"))
            assert count == sum(alone[i][1] for i in company)
            assert float(loss) == pytest.approx(sum(float(alone[i][0]) for i in company), rel=1e-5)


def test_the_model_is_left_as_it_was(base: Path, folder: Path) -> None:
    rows, model = survey.rows_of(folder, base, 2), fresh(base)
    ids = torch.tensor([rows[0].tokens])
    with torch.no_grad():
        before = model(ids).logits
        batch_loss(model, collate(rows, "cpu"))
        with pytest.raises(IndexError):
            batch_loss(model, collate([Row(rows[0].tokens, ((3, 10**6),), (), 0)], "cpu"))
        after = model(ids).logits
    assert before.shape == after.shape
    assert torch.equal(before, after)


def row_of(length: int) -> Row:
    return Row((5,) * (length + 1), ((length - 1, 5),), (), 0)


@given(
    lengths=st.lists(st.integers(1, 400), min_size=1, max_size=80),
    budget=st.integers(16, 1000),
    seed=st.integers(0, 10),
)
def test_batches_hold_every_row_once_and_keep_to_the_budget(lengths: list[int], budget: int, seed: int) -> None:
    rows = [row_of(length) for length in lengths]
    order = np.random.default_rng(seed).permutation(len(rows)).tolist()
    batches = make_batches(rows, order, budget)
    assert sorted(i for batch in batches for i in batch) == list(range(len(rows)))
    for batch in batches:
        assert batch
        assert len(batch) == 1 or len(batch) * max(rows[i].length for i in batch) <= budget
        assert collate([rows[i] for i in batch], "cpu").read == len(batch) * max(rows[i].length for i in batch)
    assert batches == make_batches(rows, order, budget)


def test_rows_of_like_length_are_read_together() -> None:
    rows = [row_of(10 if number % 2 else 100) for number in range(40)]
    batches = make_batches(rows, list(range(40)), 400)
    read = sum(len(batch) * max(rows[i].length for i in batch) for batch in batches)
    assert read <= 1.2 * sum(row.length for row in rows)
