"""Relevance equations of LimeSurvey as conditions: comparisons of answers with codes, joined by and, or and not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from surveyeval.task.qsf_logic import all_of
from surveyeval.task.questionnaire import Combined, Comparison, Condition, Question, Unknown

__all__ = ["Names", "relevance"]

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"]*"|'[^']*')|(?P<number>\d+(?:\.\d+)?)|(?P<sign>==|!=|<=|>=|<|>|\(|\)|&&|\|\||!)
    |(?P<name>[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z]+)?))""",
    re.VERBOSE,
)
_WORDS = {"and": "&&", "or": "||", "not": "!", "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_LONGEST, _DEEPEST = 2_000, 30


class _CannotSayError(ValueError):
    """An equation that no rule says."""


@dataclass(frozen=True)
class Names:
    """What a name in an equation means: a question, or one of its subquestions after ``_``."""

    questions: tuple[Question, ...]

    def find(self, text: str) -> tuple[Question, str]:
        """The question, and the code of its subquestion or nothing."""
        name, _, ending = text.partition(".")
        if ending not in ("", "NAOK", "value", "code", "valueNAOK"):
            raise _CannotSayError
        for question in self.questions:
            if question.name == name:
                return question, ""
            below = name.removeprefix(f"{question.name}_")
            if below != name and below in {*(one.key for one in question.choices), *(one.key for one in question.rows)}:
                return question, below
        raise _CannotSayError


def relevance(texts: Sequence[str], names: Names) -> Condition | None:
    """The condition that equations say together; None where everybody is asked.

    Examples
    --------
    >>> owner = Question("1", "owner", "", "single")
    >>> relevance(['owner.NAOK == "Y"'], Names((owner,)))
    Comparison(question='1', operator='==', choice='Y', row='', number=None)
    >>> relevance(["1"], Names(())) is None
    True
    """
    found: list[Condition] = []
    for text in texts:
        plain = text.strip()
        if plain in ("", "1"):
            continue
        try:
            found.append(_Parser(plain, names).parse())
        except _CannotSayError:
            found.append(Unknown(plain))
    return all_of(found)


class _Parser:
    def __init__(self, text: str, names: Names) -> None:
        self.names, self.tokens, place = names, [], 0
        if len(text) > _LONGEST:
            raise _CannotSayError
        while text[place:].strip():
            token = _TOKEN.match(text, place)
            if token is None:
                raise _CannotSayError
            kind, said = str(token.lastgroup), token[token.lastgroup or 0]
            self.tokens.append(("sign", _WORDS[said.casefold()]) if said.casefold() in _WORDS else (kind, said))
            place = token.end()
        self.place = 0

    def parse(self) -> Condition:
        found = self._either(0)
        if self.place < len(self.tokens):
            raise _CannotSayError
        return found

    def _sign(self, *signs: str) -> str | None:
        if self.place < len(self.tokens) and self.tokens[self.place] in [("sign", one) for one in signs]:
            self.place += 1
            return self.tokens[self.place - 1][1]
        return None

    def _either(self, depth: int) -> Condition:
        if depth > _DEEPEST:
            raise _CannotSayError
        parts = [self._both(depth)]
        while self._sign("||"):
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Combined("or", tuple(parts))

    def _both(self, depth: int) -> Condition:
        parts = [self._one(depth)]
        while self._sign("&&"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else Combined("and", tuple(parts))

    def _one(self, depth: int) -> Condition:
        if depth > _DEEPEST:
            raise _CannotSayError
        if self._sign("!"):
            return Combined("not", (self._one(depth + 1),))
        if self._sign("("):
            inner = self._either(depth + 1)
            if not self._sign(")"):
                raise _CannotSayError
            return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        if self.place >= len(self.tokens) or self.tokens[self.place][0] != "name":
            raise _CannotSayError
        question, below = self.names.find(self.tokens[self.place][1])
        self.place += 1
        operator = self._sign("==", "!=", "<", "<=", ">", ">=")
        if operator is None or self.place >= len(self.tokens):
            raise _CannotSayError
        kind, said = self.tokens[self.place]
        self.place += 1
        value = said[1:-1] if kind == "text" else said
        if kind not in ("text", "number"):
            raise _CannotSayError
        if question.kind == "number" and re.fullmatch(r"-?\d+(?:\.\d+)?", value):
            return Comparison(question.key, operator, number=float(value))
        if operator not in ("==", "!="):
            raise _CannotSayError
        if question.kind == "multiple":
            ticked = {"Y": "==", "": "!="}.get(value)
            if ticked is None:
                raise _CannotSayError
            if operator == "!=":
                ticked = "!=" if ticked == "==" else "=="
            return Comparison(question.key, ticked, choice=below)
        if question.kind not in ("single", "battery") or not value:
            raise _CannotSayError
        return Comparison(question.key, operator, choice=value, row=below)
