"""Chat templates in the manner of known families: what of an interview reaches the model, and what the template adds.

The templates are written here; each has what is peculiar to its family.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest

from surveyeval.model.chat import Chat
from surveyeval.model.template import Template, look_at
from surveyeval.task.interview import Message
from tests.model import tiny

_TURN = "<|{{ m['role'] }}|>{{ m['content'] | trim }}<|end|>"
_ASK = "{% if add_generation_prompt %}<|assistant|>{% endif %}"

#: A dated system turn of its own before every conversation; ours is put below it.
LLAMA = (
    "{% set said = messages[0]['content'] if messages[0]['role'] == 'system' else '' %}"
    "<|system|>Knowledge ends: December 2023\nToday is {{ strftime_now('%d %b %Y') }}\n\n{{ said | trim }}<|end|>"
    "{% for m in messages if m['role'] != 'system' %}" + _TURN + "{% endfor %}" + _ASK
)
#: A system turn of its own where there is none.
QWEN = (
    "{% if messages[0]['role'] != 'system' %}<|system|>You are a helper made by somebody.<|end|>{% endif %}"
    "{% for m in messages %}" + _TURN + "{% endfor %}" + _ASK
)
#: An empty thought before the answer that is asked for, and none before earlier answers.
THINKING = (
    "{% for m in messages %}"
    + _TURN
    + "{% endfor %}{% if add_generation_prompt %}<|assistant|><thought></thought>{% endif %}"
)
#: No system turn, and turns in strict alternation.
GEMMA = (
    "{% for m in messages %}"
    "{% if m['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}"
    "<|{{ 'model' if m['role'] == 'assistant' else 'user' }}|>{{ m['content'] | trim }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|model|>{% endif %}"
)
#: The system text stands before the last question, wherever that is.
MISTRAL = (
    "{% set said = messages[0]['content'] ~ '\n\n' if messages[0]['role'] == 'system' else '' %}"
    "{% for m in messages if m['role'] != 'system' %}"
    "{% if m['role'] == 'user' %}[INST]{{ said if loop.last else '' }}{{ m['content'] }}[/INST]"
    "{% else %}{{ m['content'] }}<|end|>{% endif %}{% endfor %}"
)


@dataclass(frozen=True)
class Family:
    template: str | None
    system_role: bool
    grows: bool
    injected: str = ""
    always: str = ""
    dated: bool = False


FAMILIES = {
    # its head stands before our system text, so that nothing is added in its absence only
    "llama": Family(LLAMA, True, True, always="Knowledge ends: December 2023 Today is", dated=True),
    "qwen": Family(QWEN, True, True, injected="You are a helper made by somebody."),
    "thinking": Family(THINKING, True, False),
    "gemma": Family(GEMMA, False, True),
    "mistral": Family(MISTRAL, True, False),
    "gpt2": Family(None, True, True),
}
SYSTEM = Message("system", "You are taking part in a survey.")
TURNS = [
    Message("user", "You are 40.\n\nWhom do you trust?\nA) nobody\nB) all"), Message("assistant", "B"),
    Message("user", "Do you vote?\nA) No\nB) Yes"), Message("assistant", "A"), Message("user", "Why?\nA) so\nB) so so"),
]  # fmt: skip


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> tuple[Family, Chat]:
    one = FAMILIES[request.param]
    return one, Chat(tiny.tokenizer(one.template))


def prompts(chat: Chat) -> list[str]:
    """Prompts of an interview, question by question."""
    return [chat.render([SYSTEM, *TURNS[: 2 * number + 1]]) for number in range(3)]


def test_everything_of_an_interview_reaches_the_model_in_order(family: tuple[Family, Chat]) -> None:
    _, chat = family
    text = prompts(chat)[-1]
    said = [message.content for message in TURNS]
    places = [text.index(words) for words in said if len(words) > 1]
    assert places == sorted(places)
    assert text.count(SYSTEM.content) == 1
    assert all(text.count(words) == 1 for words in said if len(words) > 1)
    assert len(chat.tokenizer(text, add_special_tokens=False)["input_ids"]) > 20


def test_where_prompts_only_grow_and_where_they_do_not(family: tuple[Family, Chat]) -> None:
    one, chat = family
    texts = prompts(chat)
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts)) == one.grows
    if one.grows:  # an answer stands where the model is to give it, so that what was read is kept
        answered = texts[0] + chat.answer_prefix + "B"
        assert texts[1].startswith(answered)


def test_a_template_without_a_system_role_gets_the_text_before_the_first_question(family: tuple[Family, Chat]) -> None:
    one, chat = family
    assert chat.system_role == one.system_role
    first = prompts(chat)[0]
    if not one.system_role:
        assert f"<|user|>{SYSTEM.content}\n\n{TURNS[0].content}" in first
    alone = chat.render(TURNS[:1])  # a task without a system text
    assert SYSTEM.content not in alone
    assert TURNS[0].content in alone


def test_what_a_template_adds_by_itself_is_found(family: tuple[Family, Chat]) -> None:
    one, chat = family
    found = look_at(chat)
    assert isinstance(found, Template)
    assert (found.plain, found.system_role) == (one.template is None, one.system_role)
    assert chat.injected == one.injected
    assert one.always in found.always if one.always else found.always in ("", "thought")
    assert found.dated == one.dated


def test_a_base_model_reads_plain_text() -> None:
    chat = Chat(tiny.tokenizer(None))
    assert prompts(chat)[1] == (
        "You are taking part in a survey.\n\nYou are 40.\n\nWhom do you trust?\nA) nobody\nB) all\nAnswer: B\n\n"
        "Do you vote?\nA) No\nB) Yes\nAnswer:"
    )
