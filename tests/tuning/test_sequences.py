"""What is trained: the tokens that are scored, at the places where they are scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from surveyeval.errors import CapabilityError
from surveyeval.model import host
from surveyeval.model.protocol import Request
from surveyeval.task.render import interviews
from surveyeval.tuning.sequences import make_rows
from tests.model import tiny
from tests.tuning import survey

torch = pytest.importorskip("torch", reason="language models are an optional extra")

#: Name, chat template of the tokenizer, options of the model string.
WAYS = [
    ("chat", tiny.CHAT, {}),
    ("no system role", tiny.NO_SYSTEM, {}),
    ("plain", None, {}),
    ("plain asked for", tiny.CHAT, {"template": "plain"}),
    ("with the end", tiny.CHAT, {"terminator": "end"}),
    ("rewrites", survey.REWRITES, {}),
    ("counts", survey.COUNTS, {}),
]


@pytest.mark.parametrize("options", ["letters", "numbers", "text"])
@pytest.mark.parametrize("mode", ["sequential", "independent"])
@pytest.mark.parametrize(("way", "template", "given"), WAYS, ids=[way for way, _, _ in WAYS])
def test_trained_tokens_are_the_scored_ones(
    way: str, template: str | None, given: dict[str, str], mode: str, options: str, tmp_path: Path
) -> None:
    folder = survey.write(tmp_path / "survey", interview={"mode": mode, "options": options})
    model = survey.model_of(survey.save_base(tmp_path / "base", template=template), **given)
    task, human, split = survey.load(folder)
    people = human.sample.take(split.order[:4])
    rows = make_rows(model, task, people, frozenset())
    for person, interview in enumerate(interviews(task, people.without_answers())):
        expected = []
        given_answers: list[str] = []
        for j, question in enumerate(interview.questions):
            messages = interview.messages(given_answers) if mode == "sequential" else interview.messages_for(j)
            prompt, tokens = model.tokens(Request("r", messages, question.answers))
            shown = question.order.index(int(people.answers[question.item][person]))
            given_answers.append(question.answers[shown])
            expected.append((prompt, tokens[shown]))
        own = [row for row in rows if row.person == person]
        assert len(own) == (1 if mode == "sequential" and way not in ("rewrites", "counts") else len(expected))
        for j, (prompt, answer) in enumerate(expected):
            row = own[j] if len(own) > 1 else own[0]
            labels = dict(row.labels)
            start = len(prompt)
            assert row.tokens[: start + len(answer)] == prompt + answer
            assert tuple(labels[start - 1 + k] for k in range(len(answer))) == answer
            # a label is the token that stands next in the row
            assert all(row.tokens[place + 1] == token for place, token in row.labels)
        # nothing else is learned but the end of each turn, where the template has one
        end = set(model.encode("\n\n" if template is None or "template" in given else "<|end|>"))
        wanted = sum(len(answer) for _, answer in expected)
        # the ending is an option's own, or cannot be told where the template rewrites what was said
        extra = 0 if way in ("with the end", "rewrites", "counts") else len(expected)
        assert sum(len(row.labels) for row in own) == wanted + extra
        if extra:
            ends = [row.labels[-1][1] for row in own]
            assert set(ends) <= end
        assert all(row.length == max(place for place, _ in row.labels) + 1 < len(row.tokens) for row in own)


def test_decoded_labels_are_answers_and_turn_ends(tmp_path: Path) -> None:
    folder = survey.write(tmp_path / "survey", interview={"options": "text"})
    base = survey.save_base(tmp_path / "base")
    task, human, split = survey.load(folder)
    words = survey.model_of(base)._tokenizer
    for row in survey.rows_of(folder, base):
        person = split.order[row.person]
        said = [item.labels[int(human.sample.answers[item.name][person])] for item in task.items]
        assert words.decode([token for _, token in row.labels]) == "".join(f"{text}<|end|>" for text in said)


def test_a_teacher_forced_pass_over_a_row_gives_the_scores_of_a_run(tmp_path: Path) -> None:
    """Cross-entropy of the answer tokens, renormalised over options, is the log-probability that a card reports."""
    folder = survey.write(tmp_path / "survey")
    model = survey.model_of(survey.save_base(tmp_path / "base"))
    task, human, split = survey.load(folder)
    people = human.sample.take(split.order[:6])
    tables = host.forced(model, task, people, frozenset(), host.Preparation())
    for row in make_rows(model, task, people, frozenset()):
        with torch.no_grad():
            log_p = torch.log_softmax(model.loaded.model(torch.tensor([row.tokens])).logits[0].double(), dim=-1).numpy()
        for j, item in enumerate(task.items):
            place, token = row.labels[2 * j]
            letters = [model.encode(letter)[0] for letter in "ABC"[: item.k]]
            index = int(people.answers[item.name][row.person])
            assert token == letters[index]
            p = np.exp(log_p[place, letters])
            np.testing.assert_allclose(tables[item.name][row.person], p / p.sum(), atol=1e-5)


def test_an_interview_ends_where_a_person_did_not_answer(tmp_path: Path) -> None:
    rows = survey.people(20)
    rows[0]["mood"] = rows[1]["trust"] = "9"
    base = survey.save_base(tmp_path / "base")
    for mode, counts in (("sequential", {0: 1, 1: 0, 2: 3}), ("independent", {0: 2, 1: 2, 2: 3})):
        folder = survey.write(tmp_path / mode, rows, interview={"mode": mode})
        task, human, _ = survey.load(folder)
        made = make_rows(survey.model_of(base), task, human.sample, frozenset())
        for person, count in counts.items():
            assert sum(len(row.labels) for row in made if row.person == person) == 2 * count


def test_hidden_fields_are_not_in_the_tokens(tmp_path: Path) -> None:
    folder = survey.write(tmp_path / "survey")
    model = survey.model_of(survey.save_base(tmp_path / "base"))
    task, human, _ = survey.load(folder)
    people = human.sample.take(np.arange(5))
    text = [model._tokenizer.decode(row.tokens) for row in make_rows(model, task, people, frozenset({"age"}))]
    assert all("Age:" not in one and "Group:" in one for one in text)
    text = [model._tokenizer.decode(row.tokens) for row in make_rows(model, task, people, frozenset({"age", "group"}))]
    assert all("Age:" not in one and "Group:" not in one for one in text)


@pytest.mark.parametrize("order", ["fixed", "reversed"])
@pytest.mark.parametrize("template", [tiny.CHAT, survey.REWRITES, survey.COUNTS])
def test_targets_stand_with_the_tokens_of_their_options(order: str, template: str, tmp_path: Path) -> None:
    folder = survey.write(tmp_path / "survey", interview={"order": order})
    model = survey.model_of(survey.save_base(tmp_path / "base", template=template))
    task, human, _ = survey.load(folder)
    people = human.sample.take(np.arange(3))
    rng = np.random.default_rng(0)
    targets = {item.name: rng.dirichlet(np.ones(item.k), people.n) for item in task.items}
    rows = make_rows(model, task, people, frozenset(), targets)
    choices = [(row, choice) for row in rows for choice in row.choices]
    assert len(rows) == (9 if template == survey.COUNTS else 3)  # prompts grow even where answers are rewritten
    assert len(choices) == 9
    for number, (row, choice) in enumerate(choices):
        item = task.items[number % 3]
        letters = [model.encode(letter)[0] for letter in "ABC"[: item.k]]
        assert list(choice.tokens) == letters
        shown = np.arange(item.k)[::-1] if order == "reversed" else np.arange(item.k)
        np.testing.assert_allclose(choice.target, targets[item.name][row.person][shown])
        assert row.tokens[choice.place] == model.encode("<|assistant|>")[0]
        assert not row.labels


def test_distributions_over_long_options_are_refused(tmp_path: Path) -> None:
    folder = survey.write(tmp_path / "survey", interview={"options": "text"})
    model = survey.model_of(survey.save_base(tmp_path / "base"))
    task, human, _ = survey.load(folder)
    targets = {item.name: np.full((human.sample.n, item.k), 1 / item.k) for item in task.items}
    with pytest.raises(CapabilityError, match=r"options of one token.*item 'trust'.*interview.options: letters"):
        make_rows(model, task, human.sample, frozenset(), targets)
