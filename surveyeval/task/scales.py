"""Rating scales that surveys use again and again, in words: their order is known, whatever the data say."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["missing_state", "ordered", "rated"]

_BETWEEN = r"neither.*|neutral|undecided|in between|(?:about )?the same|mixed feelings|no difference"
#: Name, and patterns from one end to the other. A set of labels is a scale when each label fits one pattern and no two the
#: same.
_SCALES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("agreement", (
        r"(?:strongly|completely|totally|fully) disagree|disagree (?:strongly|completely)", "disagree",
        r"(?:somewhat|slightly|tend to|rather|mostly) disagree|disagree (?:somewhat|slightly)", _BETWEEN,
        r"(?:somewhat|slightly|tend to|rather|mostly) agree|agree (?:somewhat|slightly)", "agree",
        r"(?:strongly|completely|totally|fully) agree|agree (?:strongly|completely)",
    )),
    ("support", (
        r"(?:strongly|completely) oppose|oppose strongly", "oppose", r"(?:somewhat|slightly) oppose|oppose somewhat", _BETWEEN,
        r"(?:somewhat|slightly) (?:support|favou?r)|(?:support|favou?r) somewhat", r"support|favou?r",
        r"(?:strongly|completely) (?:support|favou?r)|(?:support|favou?r) strongly",
    )),
    ("satisfaction", (
        r"(?:very|extremely|completely) dissatisfied", "dissatisfied", r"(?:somewhat|fairly|rather) dissatisfied", _BETWEEN,
        r"(?:somewhat|fairly|rather) satisfied", "satisfied", r"(?:very|extremely|completely) satisfied",
    )),
    ("likelihood", (
        r"(?:very|extremely|highly) unlikely|definitely not", r"unlikely|probably not", r"(?:somewhat|rather) unlikely",
        _BETWEEN + r"|maybe|perhaps", r"(?:somewhat|rather) likely", r"likely|probably(?: yes)?",
        r"(?:very|extremely|highly) likely|definitely(?: yes)?",
    )),
    ("frequency", (
        "never", r"almost never|hardly ever", r"rarely|seldom", r"occasionally|now and then", "sometimes|from time to time",
        r"often|frequently", r"very often|usually|most of the time", r"almost always|nearly always", "always|all the time",
    )),
    ("degree", (
        r"not at all(?: \w+)?|none(?: at all)?", r"(?:not very|not much|hardly)(?: \w+)?|very little", r"(?:a little|slightly)(?: \w+)?|a bit|some",
        r"(?:somewhat|moderately|fairly)(?: \w+)?|a moderate amount", r"quite(?: a bit| a lot|(?: \w+))?",
        r"(?:very|a lot|very much|a great deal|great deal)(?: \w+)?", r"(?:extremely|completely)(?: \w+)?",
    )),
    ("quality", (
        r"very (?:poor|bad)|terrible|awful", r"poor|bad", r"fair|average|acceptable|so-so", "good", r"very good", r"excellent|outstanding",
    )),
    ("education", (
        r"none|no (?:formal )?(?:education|schooling|qualifications?)", r"(?:some )?(?:primary|elementary)(?: school)?(?: or less)?|grade school",
        r"(?:less|lower) than high school(?: diploma)?|some high school|no high school(?: diploma)?|lower secondary(?: school)?",
        r"high school(?: (?:graduate|diploma|degree))?(?: or (?:equivalent|ged))?|(?:upper )?secondary(?: school)?|ged",
        r"vocational(?: (?:school|training|degree))?|trade school|apprenticeship",
        r"some college(?:,? (?:but )?no degree)?|some university",
        r"associate'?s?(?: degree)?|two-?year (?:college )?degree|college",
        r"bachelor'?s?(?: degree)?|four-?year (?:college )?degree|(?:college|university) (?:degree|graduate)|undergraduate(?: degree)?",
        r"master'?s?(?: degree)?|post-?graduate(?: degree)?|graduate(?: or professional)?(?: (?:degree|school))?|professional degree",
        r"doctorate|doctoral(?: degree)?|phd|ph\.d\.?",
    )),
    ("level", (
        "very low", "low", r"(?:rather|somewhat) low", r"medium|middle|moderate|average", r"(?:rather|somewhat) high", "high", "very high",
    )),
)  # fmt: skip
_COMPILED = tuple((name, tuple(re.compile(one) for one in patterns)) for name, patterns in _SCALES)
#: Words that only labels of ordered options hold; one is enough where the codes are numbers.
_RATED = re.compile(
    r"\b(?:agree|disagree|satisfied|dissatisfied|likely|unlikely|never|always|often|rarely|sometimes|not at all|important"
    r"|strongly|extremely|somewhat|slightly|completely|very|a lot|a great deal|better|worse|excellent|poor|left|right"
    r"|conservative|liberal|high|low|more|less)\b"
)
_STATES = (
    ("not_asked", r"not asked|not applicable|inapplicable|inap|iap|(?:legitimate )?skip(?:ped)?|filter(?:ed)?(?: out)?"),
    ("refused", r"refus(?:ed|al)(?: to answer)?|(?:i )?prefer not to (?:say|answer|disclose)|(?:i'd |i would )?rather not (?:say|answer)"
                r"|no answer|declined(?: to answer)?|not stated"),
    ("dont_know", r"(?:i )?(?:don'?t|do not|does ?n[o']t) know(?: enough to say)?|dk|can'?t (?:say|choose)|cannot (?:say|choose)"),
    ("missing", r"missing(?: data| value)?|n/?a|#n/a|nan|null|\.|system missing|no data|-"),
)  # fmt: skip
#: The same where a label goes on: "Not applicable, lives alone", "Don't know / no answer", "Refused (spontaneous)".
_BEGIN = (
    ("not_asked", r"not asked|not applicable|inapplicable"),
    ("refused", r"refus(?:ed|al)(?! to (?!answer|say|respond|disclose|state))|prefer not to (?:say|answer|disclose)|no answer"
                r"|declined to answer|not stated"),
    ("dont_know", r"(?:don'?t|do not|does ?n[o']t) know|can'?t (?:say|choose)|cannot (?:say|choose)"),
)  # fmt: skip
_NUMBER = re.compile(r"^\W*(?:under|below|less than|up to|over|above|more than)?\W*(\d[\d,.]*)", re.IGNORECASE)


def ordered(labels: Sequence[str]) -> tuple[str, tuple[int, ...]] | None:
    """The scale that labels make, and their places from its one end to the other; None where they are none that is known.

    Examples
    --------
    >>> ordered(["Agree", "Disagree", "Neutral"])
    ('agreement', (1, 2, 0))
    >>> ordered(["65 and over", "18-34", "35-64"])
    ('ranges', (1, 2, 0))
    >>> ordered(["Labour", "Conservatives"]) is None
    True
    """
    said = [" ".join(label.casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split()) for label in labels]
    if len(said) < 3:
        return None
    for name, patterns in _COMPILED:
        places = [next((n for n, one in enumerate(patterns) if one.fullmatch(text)), -1) for text in said]
        if -1 not in places and len(set(places)) == len(places):
            return name, tuple(sorted(range(len(said)), key=places.__getitem__))
    numbers = [_NUMBER.match(text) for text in said]
    if all(numbers) and not all(text.isdigit() for text in said):
        found = [float(one[1].replace(",", "").rstrip(".") or 0) for one in numbers if one and one[1].count(".") < 2]
        below = [0 if re.match(r"\W*(?:under|below|less|up to)", text) else 1 for text in said]
        if len(set(found)) == len(found) == len(said) or len({*zip(found, below, strict=False)}) == len(said) == len(
            found
        ):
            return "ranges", tuple(sorted(range(len(said)), key=lambda n: (found[n], below[n])))
    return None


def rated(labels: Sequence[str]) -> bool:
    """Whether the words of labels say that they are ordered, at one end at least."""
    return sum(bool(_RATED.search(label.casefold())) for label in labels) >= 2


def missing_state(label: str) -> str | None:
    """The state that a label stands for where it is no answer; None where it is one.

    Of a label that goes on, the first words count.

    Examples
    --------
    >>> missing_state("Not applicable, lives alone"), missing_state("Refused to pay")
    ('not_asked', None)
    >>> missing_state("Don't know"), missing_state("Prefer not to say"), missing_state("No")
    ('dont_know', 'refused', None)
    """
    said = (
        " ".join(label.casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split()).strip("() .")
        or label.strip()
    )
    whole = next((state for state, pattern in _STATES if re.fullmatch(pattern, said)), None)
    return whole or next((state for state, pattern in _BEGIN if re.match(rf"(?:i )?(?:{pattern})\b", said)), None)
