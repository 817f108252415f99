"""Where a turn that a model writes ends, the same for every engine on this machine."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any

from surveyeval.model.chat import Chat
from surveyeval.task.interview import Message

__all__ = ["Endings"]

_MARK = "an-answer"
#: In the plain form a blank line ends a turn, and ``Answer:`` would begin another.
_PLAIN = re.compile(r"\n[^\S\n]*\n|\n[^\S\n]*Answer:")


class Endings:
    """Ends of turns of one model.

    Parameters
    ----------
    tokenizer : transformers tokenizer
    chat : Chat
    stated : int, sequence of int or None
        What the model's generation configuration names as its ends.
    """

    def __init__(self, tokenizer: Any, chat: Chat, stated: int | Sequence[int] | None) -> None:
        self._tokenizer, self._chat = tokenizer, chat
        self._stated = [stated] if isinstance(stated, int) else list(stated or ())

    @cached_property
    def tokens(self) -> frozenset[int]:
        """Ids of tokens that end a turn: those stated, the tokenizer's own, and what the chat template ends turns with."""
        found = {*self._stated, self._tokenizer.eos_token_id, self._of_template()}
        return frozenset(token for token in found if token is not None)

    def cut(self, text: str) -> tuple[str, bool]:
        """A text without what comes after its end, and whether there was one; with chat templates only tokens end it."""
        text = text.lstrip()
        end = _PLAIN.search(text) if self._chat.plain else None
        return (text[: end.start()], True) if end else (text, False)

    def text(self, tokens: Sequence[int]) -> str:
        """The words of some tokens, without what ends them or stands for no words."""
        written: str = self._tokenizer.decode(list(tokens), skip_special_tokens=True)
        return written

    def _of_template(self) -> int | None:
        if self._chat.plain:
            return None
        whole = self._chat.finished([Message("user", "a-question")], _MARK)
        _, _, after = whole.rpartition(_MARK)
        ids: Collection[int] = self._tokenizer(after, add_special_tokens=False)["input_ids"]
        added = {number for number, token in self._tokenizer.added_tokens_decoder.items() if token.special}
        return next((number for number in ids if number in added), None)
