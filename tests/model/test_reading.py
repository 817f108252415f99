"""Which option a text chooses: by hand for wordings, by construction for every option of the shipped tasks."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveyeval.data.sample import State
from surveyeval.model.reading import LONGEST, read_answer
from surveyeval.task.catalogue import shipped_names
from surveyeval.task.interview import Question
from surveyeval.task.load import load_task
from surveyeval.task.render import composed_person, interviews


def question(*labels: str, answers: str = "ABCDEFGHIJ") -> Question:
    return Question("x", "", tuple(answers[: len(labels)]), tuple(range(len(labels))), "", labels)


YES_NO = question("Yes", "No")
AGREE = question("Agree strongly", "Agree", "Disagree", "Disagree strongly")
VIEWS = question(
    "extremely liberal", "liberal", "slightly liberal", "moderate", "slightly conservative", "conservative"
)
VOTE = question("Bill Clinton", "Bob Dole")
HOURS = question("0 to 9", "10 to 20", "more", answers="123")
SCALE = question(*VIEWS.labels, answers="123456")
ATTACK = question("attack A", "attack B", "do not attack")
SECRET = question("Yes", "No", "Prefer not to say")
UNSURE = question("Yes", "No", "Don't know")
NINE = question(*(f"word {letter}" for letter in "abcdefghi"))
WORDS = Question(
    "x", "", ("Agree", "Agree strongly", "Disagree"), (0, 1, 2), "", ("Agree", "Agree strongly", "Disagree")
)

CHOSEN = [
    (YES_NO, "B", 'B|b|b.|(B)|[B]|B.|B)|B:|**B**|`B`|"B"|Ｂ|Answer:B| B '),
    (YES_NO, "B", "B) No.|B. No|B: No|B - No|B No|(B) No|0: No|1. B|- B|No|no|NO!|'No'|“No”|«No»|No, because I am old"),
    (
        YES_NO,
        "B",
        "Answer: B|Answer:\nB|The answer is **B**.|My answer is B) No.|I would choose B|I'd say no.|option b",
    ),
    (YES_NO, "B", "A person like me would say no|As a voter, I choose B.|C) No|I choose option B because A is wrong"),
    (
        YES_NO,
        "B",
        "A is tempting, so my answer is B|Final answer: B\nNot A.|<answer>B</answer> rather than A|A? \\boxed{B}",
    ),
    (
        YES_NO,
        "B",
        '{"answer": "B"}|{\'choice\': \'B\'}|```json\n{"answer": "b"}\n```|{"reason": "A is bad", "answer": "No"}',
    ),
    (YES_NO, "B", "<think>A, I think: A.</think>B|A</think>\n\nB|<THINKING>A</THINKING> No"),
    (YES_NO, "B", "Some say yes. Others say no.\nB|A) Yes\nB) No\n\nB|B\n\nWhat about this?\nA) Red\nB) Blue"),
    (YES_NO, "A", "A|a|a.|a) yes|A.|A) Yes, since I like it|I'd say A.|A - Yes|Yes (A)"),
    (AGREE, "B", "Agree|agree.|I agree|B. Agree|B) Agree"),
    (AGREE, "A", "Agree strongly|AGREE STRONGLY!|A) Agree strongly|I agree strongly."),
    (AGREE, "D", "I disagree strongly with that."),
    (VIEWS, "C", "I would place myself as slightly liberal.|C) slightly liberal because of my age|slightly  liberal"),
    (VIEWS, "B", "liberal|I'm liberal.|B. Liberal because A is too far"),
    (VIEWS, "D", "a moderate|I am a moderate person."),
    (VIEWS, "F", "I'm not liberal, conservative."),
    (VOTE, "B", "I would vote for Bob Dole.|bob dole|Bob Dole!|B) Bob Dole"),
    (HOURS, "2", "2|2.|２|2: 10 to 20|2) 10 to 20|10 to 20|I'd say 2|option 2|from 1 to 3, I say 2"),
    (SCALE, "4", "4|4 - moderate|4 (moderate)|4. Moderate\n\nbecause 3 is too far|I am 45, so 4|4, moderate"),
    (ATTACK, "B", "attack B|B|B) attack B|I would attack B."),
    (ATTACK, "C", "do not attack|I do not attack.|C"),
    (SECRET, "C", "C|Prefer not to say.|I prefer not to say"),
    (UNSURE, "C", "I don't know|Don’t know|C) Don't know"),
    (NINE, "I", "I|I.|(I)|I would say I.|I) word i"),
    (WORDS, "Agree", 'Agree|agree.|I agree|"Agree"'),
    (WORDS, "Agree strongly", "Agree strongly|agree strongly."),
]
NOT_CHOSEN = [
    (YES_NO, "together", "A) No|B. Yes|Yes (B)|B (Yes)|<answer>A) No</answer>"),
    (YES_NO, "together", "A or B|B or A|A/B|A, B|yes and no|Yes/No|Final answer: A or B"),
    (YES_NO, "", "A. No wait, B|Yes? No?|My answer is A. My answer is B."),
    (YES_NO, "repeats the options", "A) Yes\nB) No"),
    (YES_NO, "percentages", "A: 20%\nB: 80%|A: 20%, B: 80%"),
    (
        YES_NO,
        "names no option",
        "My answer is not A.|I would not choose A|C|2|vitamin B|A like me|Maybe|nobody|yesterday",
    ),
    (YES_NO, "says nothing", "|  |\n|**|<think>A</think>"),
    (YES_NO, "reasoning was cut off", "<think>A or B"),
    (YES_NO, "characters", "x" * (LONGEST + 1)),
    (YES_NO, "in passing", "I read the paper. " * 40 + "No."),
    (AGREE, "together", "B. Agree strongly|A) Agree"),
    (AGREE, "names no option", "I strongly agree|Agree somewhat|I don't agree"),
    (VIEWS, "names no option", "very liberal|liberal-leaning|Liberalism|A moderat"),
    (VIEWS, "together", "C) moderate|A) Conservative fasting\nThe answer is: D) Conservative"),
    (VOTE, "names no option", "I would not vote for Bob Dole|Dole"),
    (VOTE, "several options", "Bill Clinton over Bob Dole"),
    (HOURS, "names no option", "2.5|10|-1|3.5|20 percent|12"),
    (HOURS, "together", "1-2|1 or 2"),
    (SCALE, "names no option", "4 out of 6|I have 3 children"),
    (ATTACK, "together", "B) attack A"),
    (NINE, "names no option", "I think so|I, me|I am old"),
    (WORDS, "names no option", "A|1|Agree somewhat"),
]
REFUSED = (
    "I can't answer that.|As an AI, I don't have personal views.|As an AI language model I cannot vote|I prefer not to say."
    "|I'd rather not answer|No, I can't answer that.|I'm sorry, but I cannot help with that.|I must decline."
    "|I do not have personal opinions or beliefs|I’m an AI and have no vote|I won’t share that|no comment|refused"
    "|I am not able to provide an answer to A or B.|It would be inappropriate for me to say."
)
UNKNOWN = (
    "I don't know.|I'm not sure|I have no opinion.|don’t know|I don't know which one.|Umm...don't know the answer."
)


def _cases(table: list[tuple[Question, str, str]]) -> list[tuple[Question, str, str]]:
    return [(asked, expected, text) for asked, expected, texts in table for text in texts.split("|")]


@pytest.mark.parametrize(("asked", "answer", "text"), _cases(CHOSEN))
def test_an_answer_is_read(asked: Question, answer: str, text: str) -> None:
    read = read_answer(text, asked)
    assert (read.state, read.reason) == (State.ANSWERED, "")
    assert read.option is not None
    assert asked.answers[read.option] == answer


@pytest.mark.parametrize(("asked", "reason", "text"), _cases(NOT_CHOSEN))
def test_what_is_no_answer_is_invalid_with_its_reason(asked: Question, reason: str, text: str) -> None:
    read = read_answer(text, asked)
    assert (read.state, read.option) == (State.INVALID, None)
    assert reason in read.reason


@pytest.mark.parametrize("text", REFUSED.split("|"))
@pytest.mark.parametrize("asked", [YES_NO, VIEWS, SCALE])
def test_a_refusal_is_no_format_error(asked: Question, text: str) -> None:
    assert read_answer(text, asked).state == State.REFUSED


@pytest.mark.parametrize("text", UNKNOWN.split("|"))
def test_not_knowing_is_neither_refusal_nor_format_error(text: str) -> None:
    assert read_answer(text, VIEWS).state == State.DONT_KNOW


def test_an_answer_with_a_disclaimer_is_an_answer() -> None:
    assert read_answer("As an AI I have no views, but my answer is B.", VIEWS).option == 1


def test_what_a_server_calls_a_refusal_is_one() -> None:
    assert read_answer("B", YES_NO, "refused").state == State.REFUSED


@pytest.mark.parametrize(
    ("asked", "text", "answer"),
    [
        (YES_NO, "B) No, beca", "B"), (YES_NO, "A", "A"), (VIEWS, "I am liberal. I thi", "B"), (WORDS, "Disagree", "Disagree"),
        (WORDS, "Agree", None), (WORDS, "My answer is Agree", None), (WORDS, "I have thought.\nAgree", None),
        (WORDS, "Agree.", "Agree"), (VIEWS, "I am libe", None), (VIEWS, "I am liberal", None), (VIEWS, "Well, first", None),
        (question(*map(str, range(20, 32)), answers="123456789"), "1", "1"),
        (Question("x", "", tuple(map(str, range(1, 11))), tuple(range(10)), "", tuple("abcdefghij")), "1", None),
        (Question("x", "", tuple(map(str, range(1, 11))), tuple(range(10)), "", tuple("abcdefghij")), "10", "10"),
    ],
)  # fmt: skip
def test_what_was_cut_counts_only_if_it_cannot_go_on_to_another_option(
    asked: Question, text: str, answer: str | None
) -> None:
    read = read_answer(text, asked, "length")
    assert (None if read.option is None else asked.answers[read.option]) == answer
    if answer is None:
        assert "cut off" in read.reason


# ---- every option of the shipped tasks ----------------------------------------------------------------------------

BARE = ("{a}", "{a}.", "({a})", "**{a}**", '"{a}"', "{a}\n", "Answer: {a}", "The answer is {a}.", "My answer is: {a}",
        "I would choose {a}.", "option {a}", "<answer>{a}</answer>", '{{"answer": "{a}"}}', "<think>Well, {o}?</think>\n{a}",
        "Final answer: {a}", "{o} is wrong, so my answer is {a}", "Let me think about it.\n\n{a}")  # fmt: skip
LABEL = ("{l}", "{l}.", "“{l}”", "**{l}**", "{u}", "{a}) {l}", "{a}. {l}", "({a}) {l}", "{a}: {l}.", "{a} - {l}",
         "{l} because that is how it is", "Answer: {l}", "{a}) {l}\n\nI have my reasons.", "- {l}", "I would say: {l}.",
         '{{"answer": "{a}) {l}"}}')  # fmt: skip


def _shipped() -> list[Question]:
    found = []
    for name in shipped_names():
        task = load_task(name)
        for options in ("letters", "numbers", "text"):
            for order in ("fixed", "reversed"):
                shown = task.spec.interview.model_copy(update={"options": options, "order": order})
                put = replace(task, spec=task.spec.model_copy(update={"interview": shown}))
                found += interviews(put, composed_person(put))[0].questions
    return found


SHIPPED = _shipped()


def test_every_option_of_every_shipped_item_is_read_in_every_wording() -> None:
    wrong = []
    for asked in SHIPPED:
        enumerated = asked.labels != asked.answers
        for option, (answer, label) in enumerate(zip(asked.answers, asked.labels, strict=True)):
            other = asked.answers[option - 1]
            shapes = [shape for shape in (*BARE, *LABEL) if enumerated or "{a}) " not in shape]
            shapes = [shape for shape in shapes if enumerated or not ("{a}" in shape and "{l}" in shape)]
            for shape in shapes:
                text = shape.format(a=answer, l=label, u=label.upper(), o=other)
                read = read_answer(text, asked)
                if read.option != option:
                    wrong.append((asked.answers[:2], text, read))
    assert wrong == []


# ---- properties ---------------------------------------------------------------------------------------------------

_PIECES = st.sampled_from(
    ["A", "B", "C", "a", "b", "I", "1", "2", "7", "10", ")", ".", ":", ",", " ", "\n", "-", "(", "**", '"', "{", "}", "/",
     "or", "and", "not", "Yes", "no", "Agree", "Agree strongly", "disagree", "liberal", "slightly", "moderate", "20%",
     "Answer:", "final answer", "my answer is", "I choose", "<think>", "</think>", "<answer>", "</answer>", "so", "because",
     '{"answer": "', "I can't answer", "As an AI", "I don't know", "percent", "\u200b", "ß", "İ", "ﬁ", "Ａ", "½", "\\boxed{"]
)  # fmt: skip
_TEXTS = st.one_of(st.text(), st.lists(_PIECES, max_size=30).map(" ".join), st.lists(_PIECES, max_size=30).map("".join))
_LABELS = st.lists(st.one_of(st.text(max_size=12), _PIECES), min_size=2, max_size=9)


def _spelled(text: str) -> str:
    same = unicodedata.normalize("NFKC", text.replace("*", "").replace("`", "")).casefold()
    return re.sub(r"[\W_]+", " ", re.sub(r"(\d) ?%", r"\1 percent", same)).strip()


@settings(deadline=None)
@given(_TEXTS, st.sampled_from([*SHIPPED, YES_NO, AGREE, NINE, HOURS]), st.sampled_from(["stop", "length", "refused"]))
def test_an_option_that_is_read_stands_in_the_text(text: str, asked: Question, ended: str) -> None:
    read = read_answer(text, asked, ended)
    assert (read.option is None) == (read.state != State.ANSWERED) == bool(read.reason)
    if read.option is not None:
        written = f" {_spelled(text)} "
        assert any(f" {_spelled(name)} " in written for name in (asked.answers[read.option], asked.labels[read.option]))


@settings(deadline=None)
@given(_TEXTS, _LABELS, st.sampled_from(["letters", "text"]))
def test_nothing_raises_whatever_options_say(text: str, labels: list[str], shown: str) -> None:
    answers = tuple(labels) if shown == "text" else tuple("ABCDEFGHI"[: len(labels)])
    asked = Question("x", "", answers, tuple(range(len(labels))), "", tuple(labels))
    for one in (text, *labels, *answers):
        read = read_answer(one, asked)
        assert read.option is None or 0 <= read.option < len(labels)


@pytest.mark.parametrize(
    "piece",
    [
        "A",
        "(",
        " ",
        "no ",
        "I say ",
        "\n",
        "A\n",
        "A) ",
        "<think>",
        "!",
        "my answer is ",
        "I don't know",
        "1.",
        "1 ",
        ". ",
    ],
)
def test_long_repetitions_do_no_harm(piece: str) -> None:
    text = (piece * LONGEST)[:LONGEST]
    for asked in (YES_NO, HOURS, WORDS):
        read_answer(text, asked)
        read_answer(text, asked, "length")
