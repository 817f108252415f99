"""Finding an item's options in a plain text: by the letter or number shown, by what they say, or by both.

The longest match counts ("Agree strongly" is not "Agree"). What merely looks like an option is none: the article in "A
person like me", the pronoun "I", the beginning of "2.5" or of "liberal-leaning".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from surveyeval.model.plain_text import plain
from surveyeval.task.interview import Question

__all__ = ["Conflict", "Named", "OptionNames", "option_names"]

_OPEN = re.compile(r"(?:[\s\"'(\[{<|\u2022\u00b7]|[-.:](?![\d.]))*")
#: What shows that an answer is over: nothing more, a sign, or a reason.
_OVER = re.compile(
    r"[\"')\]}>]*(?:\s*$|\n|\s?[.:](?!\d)|\s?[;!?=)\]]|\s?,(?!\d)| -+(?= |$)|-+$| ?\("
    r"| (?:because|since|as|but|though|although)\b)"
)
#: The same for a letter that may be an English word: "A, like me" and "I since" are no answers.
_OVER_WORD = re.compile(r"[\"')\]}>]+|\s*$|\n|\s?[.:](?!\d)|\s?[;!?=)\]]| -+(?= |$)| because\b")
_WORDS = frozenset("AIai")
_BETWEEN = re.compile(r"(?:[\s.,;:!?\"'()\[\]{}<>=/&+-]|(?:or|and|to|maybe|then)\b)*")
_PERCENT = re.compile(r"[\s:=-]*\d+(?:\.\d+)? percent\b")
_TOKEN = re.compile(r"(?<![\w$])(?:[A-Za-z](?!\w)|\d{1,3}(?!\w)(?![.,]\d))")
_NUMBERING = re.compile(r"(?:\d{1,3}|[A-Za-z])(?:[.):] |[):](?=[A-Za-z]))")
#: Words that say little by themselves: with a word after them they belong to that ("no opinion").
_SMALL = frozenset(
    {"yes", "no", "none", "other", "both", "neither", "either", "same", "all", "some", "any", "never", "always", "often",
     "most", "true", "false", "right"}
)  # fmt: skip
_DEGREE = re.compile(
    r"\b(?:very|extremely|slightly|somewhat|strongly|moderately|fairly|quite|rather|mostly|more|less|completely|weakly"
    r"|partly|nearly|almost|half|a bit|a little|pretty|kind of|sort of|strong|weak) $",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\b(?:not|never|nor|neither|without|unlike|than|against|instead of|cannot|except)\b|n't\b", re.I)
_CLAUSE = re.compile(r"[.;:!?\n,]|\b(?:but|rather)\b")
# letters and numbers in running text
_CALLED = re.compile(r"(?:option|letter|choice|answer|number|alternative) [\"'(\[]?$", re.IGNORECASE)
_WITHIN = re.compile(r"[\w$&'-]$|\d[.,]$")
_GOES_ON = re.compile(r"[&'-]| ?percent\b|[.,]\d")
_OTHER_AFTER = re.compile(r" ?(?:/|,|or|and) ?(?:[A-Z]|\d{1,3})(?!\w)")
_OTHER_BEFORE = re.compile(r"(?<!\w)(?:[A-Z]|\d{1,3}) ?(?:/|,|or|and) ?$")
#: What stands before a letter or number that is an answer: a sign, a verb of choosing, an option's label.
_LED = re.compile(
    r"(?:^|[.,;:!?\n\0] ?|\b(?:is|be|say|saying|choose|choosing|pick|select|with|for|think|guess|prefer|then|so|would|but|not"
    r"|it's|that's|probably|definitely) )$",
    re.IGNORECASE,
)
_SENTENCE_OVER = re.compile(r"\s*$|\n|\s?[.;:!?)\"'\]=](?!\d)")


@dataclass(frozen=True)
class Named:
    """An option named in a text.

    Parameters
    ----------
    option : int
        Place among the options shown.
    start, end : int
        Where the naming begins and ends.
    words : str
        The letter or number, or what the option says, in lower case.
    by_label : bool
        Whether by what it says.
    denied : bool
        Named only to say that it is not meant.
    """

    option: int
    start: int
    end: int
    words: str
    by_label: bool
    denied: bool = False


@dataclass(frozen=True)
class Conflict:
    """An answer that cannot be taken: why."""

    reason: str


class OptionNames:
    """How the options of one question may be named.

    Parameters
    ----------
    answers : tuple of str
        What counts as an answer, in the order shown.
    labels : tuple of str
        What the options say; the same as `answers` where options are shown without letter or number.
    """

    def __init__(self, answers: tuple[str, ...], labels: tuple[str, ...]) -> None:
        self._answers = answers
        enumerated = labels != answers
        self._tokens = {answer.lower(): option for option, answer in enumerate(answers)} if enumerated else {}
        spelled = [_spelled(label) for label in labels]
        # options that say the same are told apart by their letters only
        known = [(words, option) for option, words in enumerate(spelled) if words and spelled.count(words) == 1]
        self._labels = sorted(known, key=lambda one: -len(one[0]))
        alternatives = "|".join(f"({_pattern(words)})" for words, _ in self._labels)
        self._label = re.compile(
            rf"(?<![\w$])(?<!\w[-'])(?<!\d[.,])(?:{alternatives or '(?!)'})(?![\w%])(?![-'.,]\w)", re.IGNORECASE
        )
        #: those that longer ones begin with, and those that longer ones end in
        self._beginnings = {one for one in spelled if any(two.startswith(f"{one} ") for two in spelled)}
        self._endings = {one for one in spelled if any(two.endswith(f" {one}") for two in spelled)}
        self._extended = {
            one for one in self._tokens if any(two != one and two.startswith(one) for two in self._tokens)
        }

    # ---- at one place --------------------------------------------------------------------------------------------

    def answer(self, line: str) -> Named | Conflict | None:
        """The answer that a line begins with.

        Something must show that it is over: the line's end, a sign, or a reason ("B) No, because ..."). A letter and what
        the option says may both stand there, and must agree. None where the line begins with no answer; a `Conflict` where
        it begins with several, or with percentages.
        """
        named = self._first(line)
        if named is None:
            return None
        over = self._over(line, named)
        while True:
            further = self._ref(line, _after(_BETWEEN, line, named.end))
            if _PERCENT.match(line, named.end) and not (further and further.by_label):
                return Conflict("it states percentages")
            if further is None or further.start == named.end or not self._counts(line, further, named):
                return named if over else None
            if line[named.start : further.start] == "a " and not named.by_label:
                named, over = further, self._over(line, further)  # an article
                continue
            if further.option != named.option:
                both = f"{self._answers[named.option]!r} and {self._answers[further.option]!r}"
                return Conflict(f"it names {both} together")
            over = over or self._over(line, further)
            named = Named(named.option, named.start, further.end, further.words, further.by_label)

    def alone(self, line: str) -> Named | None:
        """The answer that a line consists of."""
        found = self.answer(line)
        return found if isinstance(found, Named) and not line[found.end :].strip(" .,;:!?\"')]}>-") else None

    def references(self, text: str, place: int = 0) -> list[Named]:
        """The option named at this place, longest naming first: letter with what it says, and the letter alone."""
        named = self._ref(text, _after(_OPEN, text, place))
        if named is None:
            return []
        more = None if named.by_label else self._ref(text, _after(_BETWEEN, text, named.end))
        if more is None or not more.by_label or more.option != named.option:
            return [named]
        return [Named(named.option, named.start, more.end, more.words, by_label=True), named]

    def may_go_on(self, text: str, named: Named) -> bool:
        """Whether a text that was cut at its end may have been about to name a longer option."""
        return not text[named.end :].strip() and named.words in (
            self._beginnings if named.by_label else self._extended
        )  # fmt: skip

    # ---- anywhere ------------------------------------------------------------------------------------------------

    def mentions(self, text: str) -> Iterator[Named]:
        """Options named anywhere in a text."""
        for match in self._label.finditer(text):
            words, option = self._labels[(match.lastindex or 1) - 1]
            if not self._qualified(text, match, words):
                denied = _is_denied(text, match.start())
                yield Named(option, match.start(), match.end(), words, by_label=True, denied=denied)
        # the A in "attack A" is no letter of its own
        rest = self._label.sub(lambda match: "\0" * len(match[0]), text)
        for match in _TOKEN.finditer(rest):
            token = match[0].lower()
            if token in self._tokens and _stands_for_option(rest, match):
                denied = _is_denied(rest, match.start())
                yield Named(self._tokens[token], match.start(), match.end(), token, by_label=False, denied=denied)

    def label_of(self, option: int) -> str:
        """What an option says, as it is compared; empty where another says the same."""
        return next((words for words, known in self._labels if known == option), "")

    # ---- parts ---------------------------------------------------------------------------------------------------

    def _first(self, line: str) -> Named | None:
        start = _after(_OPEN, line, 0)
        found = self._ref(line, start)
        numbering = _NUMBERING.match(line, start) if found is None else None
        if numbering is None:
            return found
        # "0: Yes", "1. B": a numbering of the model's own, which chooses nothing
        found = self._ref(line, _after(_OPEN, line, numbering.end()))
        if found is not None and not found.by_label and found.words.isdigit() == numbering[0][0].isdigit():
            return None
        return found

    def _ref(self, text: str, place: int) -> Named | None:
        """An option named exactly here."""
        label = self._label.match(text, place)
        if label is not None:
            words, option = self._labels[(label.lastindex or 1) - 1]
            return Named(option, label.start(), label.end(), words, by_label=True)
        token = _TOKEN.match(text, place)
        option_of = self._tokens.get(token[0].lower()) if token else None
        if token is None or option_of is None:
            return None
        return Named(option_of, token.start(), token.end(), token[0].lower(), by_label=False)

    def _over(self, text: str, named: Named) -> bool:
        word = text[named.start : named.end]
        pattern = _OVER_WORD if word in _WORDS and not named.by_label else _OVER
        return pattern.match(text, named.end) is not None

    def _counts(self, text: str, further: Named, named: Named) -> bool:
        """Whether what follows an answer names an option too, and is not how an explanation happens to begin."""
        if self._over(text, further):
            return True
        # "B. No one knows", and "B. independent who leans ..." where B says so
        own = self.label_of(named.option)
        return further.by_label and further.words not in _SMALL and not own.startswith(f"{further.words} ")

    def _qualified(self, text: str, match: re.Match[str], words: str) -> bool:
        """Whether the words around make another thing of it: "very liberal", "no opinion"."""
        if (words in self._beginnings or words in _SMALL) and not _OVER.match(text, match.end()):
            return True
        before = text[max(match.start() - 12, 0) : match.start()]
        return bool(_DEGREE.search(before)) or (words in self._endings and before.endswith("ly "))


def _after(pattern: re.Pattern[str], text: str, place: int) -> int:
    skipped = pattern.match(text, place)
    return skipped.end() if skipped else place


def _stands_for_option(text: str, match: re.Match[str]) -> bool:
    """Whether a letter or number in running text stands for an option."""
    before, after = text[max(match.start() - 14, 0) : match.start()], text[match.end() : match.end() + 14]
    if _WITHIN.search(before) or _GOES_ON.match(after):
        return False
    enclosed = before[-1:] in ('"', "(", "[") and after[:1] in ('"', ")", "]")
    if enclosed or _CALLED.search(before) or _OTHER_AFTER.match(after) or _OTHER_BEFORE.search(before):
        return True
    if match[0].islower() or match[0] == "I" or not _LED.search(before):
        return False
    return _SENTENCE_OVER.match(after) is not None if match[0] == "A" or match[0].isdigit() else True


def _is_denied(text: str, place: int) -> bool:
    clause = text[max(place - 60, 0) : place]
    ends = [match.end() for match in _CLAUSE.finditer(clause)]
    return _DENIED.search(clause[ends[-1] :] if ends else clause) is not None


def _spelled(label: str) -> str:
    """A label as it is compared: one spelling, one case, without a full stop at the end."""
    words = " ".join(plain(label).split()).lower()
    return words.rstrip(".") or words


def _pattern(words: str) -> str:
    return "[ \n]".join(map(re.escape, words.split(" ")))


@lru_cache(maxsize=1024)
def _known(answers: tuple[str, ...], labels: tuple[str, ...]) -> OptionNames:
    return OptionNames(answers, labels)


def option_names(question: Question) -> OptionNames:
    """The names of a question's options."""
    return _known(question.answers, question.labels or question.answers)
