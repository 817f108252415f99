"""What a chat template does to a conversation: how it writes turns, and what it says by itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from surveyeval.model.chat import Chat
from surveyeval.task.interview import Message

__all__ = ["Template", "look_at"]

_ROLES = ("system", "user", "assistant", "model", "human", "ai", "bot", "developer")


@dataclass(frozen=True)
class Template:
    """How turns are written.

    Parameters
    ----------
    plain : bool
        There is no template, or it is not used: turns are separated by blank lines.
    system_role : bool
        False: the system text stands before the first question.
    injected : str
        What is said where the task has no system text.
    always : str
        What is said beside every system text.
    dated : bool
        Whether today's date is part of it, so that prompts differ from day to day.
    """

    plain: bool
    system_role: bool
    injected: str = ""
    always: str = ""
    dated: bool = False


def look_at(chat: Chat) -> Template:
    """How the chat template of a tokenizer writes turns."""
    if chat.plain:
        return Template(True, True)
    try:
        always = _by_itself(chat, chat.tokenizer, chat.system_role)
    except Exception:  # a template for one question only may raise what it likes at an answer
        always = ""
    now = datetime.now()
    dates = [now.strftime(form) for form in ("%d %b %Y", "%Y-%m-%d", "%B %d, %Y", "%d %B %Y")]
    said = f"{always} {chat.injected}"
    return Template(False, chat.system_role, chat.injected, always, any(date in said for date in dates))


def _by_itself(chat: Chat, tokenizer: Any, system: bool) -> str:
    """Words around turns that are neither ours, nor marks, nor names of roles."""
    marks = ["smarker", "umarker", "amarker", "vmarker"]
    first = [Message("system", marks[0])] if system else []
    turns = [Message("user", marks[1]), Message("assistant", marks[2]), Message("user", marks[3])]
    text = chat.render([*first, *turns])
    if not all(mark in text for mark in marks[0 if system else 1 :]):
        # It puts other words in the place of earlier turns, which are no words of its own around them.
        text = chat.render([*first, Message("user", marks[1])])
    known: Sequence[str] = [*map(str, tokenizer.all_special_tokens), *map(str, tokenizer.get_added_vocab()), *marks]
    for piece in sorted({one for one in known if one.strip()}, key=len, reverse=True):
        text = text.replace(piece, "\n")
    # marks that are ordinary text: <|user|>, [INST], ### User:
    text = re.sub(r"<\|?/?[\w ]+\|?>|\[/?[A-Z_]+\]|<</?[A-Z]+>>", "\n", text)
    lines = [line.strip() for line in text.split("\n")]
    kept = [line for line in lines if line.strip("#:> ").casefold() not in (*_ROLES, "")]
    return " ".join(kept)
