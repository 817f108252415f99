"""Telling that a text declines to answer, or says that it does not know, from a text that is merely no answer.

The wordings are English: in other languages what is neither an option nor one of these is told as ``INVALID``.
"""

from __future__ import annotations

import re

from surveyeval.data.sample import State

__all__ = ["nonresponse"]

_CANNOT = (
    r"(?:can ?not|can't|could not|couldn't|will not|won't|am not able to|'m not able to|am unable to|'m unable to"
    r"|do not want to|don't want to|am not going to|'m not going to|do not wish to|don't wish to"
    r"|am not comfortable|'m not comfortable|do not feel comfortable|don't feel comfortable)"
)
_TELL = (
    r"(?:answer|answering|respond|responding|reply|say|tell|choose|choosing|select|pick|provide|providing|give|giving"
    r"|share|sharing|disclose|help|assist|comment|participate|take part|express|state|vote|pretend|engage|discuss"
    r"|discussing|fulfill|comply|role-?play|complete|make a|form)"
)
_REFUSED = (
    rf"\bI {_CANNOT}(?: \w+){{0,2}}? {_TELL}\b",
    r"\bI (?:must |have to )?(?:refuse|decline|abstain)\b",
    r"\bI(?: would|'d)? (?:rather|prefer|choose) not\b",
    r"\b(?:rather|prefer) not (?:to )?(?:say|answer|respond|tell|disclose|state)\b",
    r"\bas an? (?:\w+ )?(?:AI|artificial intelligence|language model|large language model|virtual assistant)\b",
    r"\bI(?:'m| am) (?:just |only |merely )?an? (?:AI|artificial|language model|large language model|chatbot"
    r"|computer program|virtual assistant|machine)\b",
    r"\bI (?:do not|don't) (?:have|hold|possess) (?:any |my own )?(?:personal|political|own)\b",
    r"\bno comment\b|\bnone of your business\b",
    r"\b(?:not|in)appropriate for me\b",
    r"^\W*(?:refused?|i refuse|declined?|pass|skip|no answer|no response)\W*$",
)
_UNKNOWN = (
    r"(?:\bI |(?:^|[.,;!?\n]) ?)(?:really )?(?:do not|don't|dont) (?:really )?know(?= (?:the answer|how|what|which|who|where|enough)\b|\W*$"
    r"| ?[.,;!?\n])",
    r"\bI(?:'m| am) (?:not (?:really |quite |entirely )?sure|unsure|uncertain|undecided)\b",
    r"\b(?:have|of) no (?:opinion|idea|preference)\b",
    r"\bI (?:do not|don't) have an? (?:\w+ )?(?:opinion|preference)\b",
    r"\b(?:can't|cannot|can not) (?:decide|say for sure|make up my mind)\b",
    r"^\W*(?:do not know|don't know|dont know|d\.?k\.?|not sure|unsure|no opinion|no idea|undecided)\W*$",
)
_PATTERNS = (
    (State.REFUSED, re.compile("|".join(_REFUSED), re.IGNORECASE)),
    (State.DONT_KNOW, re.compile("|".join(_UNKNOWN), re.IGNORECASE)),
)


def nonresponse(text: str) -> State | None:
    """``REFUSED`` or ``DONT_KNOW`` where a plain text says so, else None.

    Examples
    --------
    >>> nonresponse("As an AI, I don't have personal views.").name
    'REFUSED'
    >>> nonresponse("I am not sure.").name
    'DONT_KNOW'
    """
    for state, pattern in _PATTERNS:
        if pattern.search(text):
            return state
    return None
