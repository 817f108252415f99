"""From messages to the exact text a model reads.

With a chat template, the tokenizer's own. A template without a system role (Gemma's) gets the system text before the
first user turn. A tokenizer without a template gets a plain form: turns separated by blank lines, each question followed
by ``Answer:``, each answer by a blank.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from surveyeval.task.interview import Message

__all__ = ["Chat", "merged"]


class Chat:
    """Renders messages for one tokenizer.

    Parameters
    ----------
    tokenizer : transformers tokenizer
    plain : bool
        Use the plain form even if there is a template.
    """

    def __init__(self, tokenizer: Any, *, plain: bool = False) -> None:
        self.tokenizer = tokenizer
        self.plain = plain or not getattr(tokenizer, "chat_template", None)
        self.system_role = True
        self.injected = ""
        if not self.plain:
            self.system_role = self._takes_system()
            self.injected = self._injected()

    @property
    def answer_prefix(self) -> str:
        """What stands between the prompt and the text of an answer."""
        return " " if self.plain else ""

    def render(self, messages: Sequence[Message]) -> str:
        """Text up to the place where the answer begins."""
        if self.plain:
            return self._plain(messages)
        return self._template(messages if self.system_role else merged(messages))

    def finished(self, messages: Sequence[Message], answer: str) -> str:
        """Text of the conversation with this answer given and its turn ended, as earlier turns stand in later prompts."""
        turns = [*messages, Message("assistant", answer)]
        if self.plain:
            return self._plain(turns)
        turns = turns if self.system_role else merged(turns)
        return str(
            self.tokenizer.apply_chat_template(
                [{"role": turn.role, "content": turn.content} for turn in turns], tokenize=False
            )
        )

    def _template(self, messages: Sequence[Message]) -> str:
        turns = [{"role": message.role, "content": message.content} for message in messages]
        text: str = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return text

    def _plain(self, messages: Sequence[Message]) -> str:
        parts = []
        for message in messages:
            parts.append(
                f" {message.content}\n\n"
                if message.role == "assistant"
                else f"{message.content}\n\n"
                if message.role == "system"
                else f"{message.content}\nAnswer:"
            )
        return "".join(parts)

    def _takes_system(self) -> bool:
        try:
            text = self._template([Message("system", "s-marker"), Message("user", "u-marker")])
        except Exception:  # templates raise whatever their author chose
            return False
        return "s-marker" in text

    def _injected(self) -> str:
        """What the template adds by itself when no system turn is given, beyond what it adds around turns."""
        alone = self._template([Message("user", "u-marker")])
        if not self.system_role:
            return ""
        empty = self._template([Message("system", "s-marker"), Message("user", "u-marker")])
        head, given = alone.split("u-marker")[0], empty.split("u-marker")[0]
        before, _, after = given.partition("s-marker")
        if not head.startswith(before):
            return ""
        # what stands around a system turn of ours stands around the template's own as well
        return head.removeprefix(before).removesuffix(after).strip()


def merged(messages: Sequence[Message]) -> list[Message]:
    """Messages with the system text before the first user turn."""
    if not messages or messages[0].role != "system":
        return list(messages)
    system, first, *rest = messages
    return [Message("user", f"{system.content}\n\n{first.content}"), *rest]
