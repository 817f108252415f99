"""What names of columns and words of questions tell: the role of an item, a field of the profile, the number in a form."""

from __future__ import annotations

import re

__all__ = ["named", "profile_field", "role_of", "unnumbered"]


def named(words: str) -> re.Pattern[str]:
    """Matches these words as parts of a column's name; digits may follow."""
    return re.compile(rf"(?:^|[_\W]|(?<=[a-z])(?=[A-Z]))(?:{words})\d*(?:$|[_\W]|(?<=[a-z\d])(?=[A-Z]))", re.IGNORECASE)


#: The numbers at the beginning of a question in a form.
_NUMBERED = re.compile(r"^\s*(?:(?:Q(?:uestion)?\s*)?\d+[a-z]?\s*[.):]|Q\d+[a-z]?(?=\s))\s*(?=\S)", re.IGNORECASE)
#: Name in the task file, and how columns of this kind are called.
_PROFILE = tuple((name, named(words)) for name, words in (
    ("age", r"age|age_?years|alter|agea"), ("birth_year", r"birth_?ye?a?r|year_?of_?birth|yob|born|yrbrn"),
    ("gender", r"gender|sex|gndr"),
    ("education", r"education|educ|edu|eisced|degree|schooling|highest_?qualification|edlevel"),
    ("income", r"income|hh_?income|household_?income|earnings|salary|hinctnta|rincome?|rincom"),
    ("race", r"race|ethnicity|ethnic|ethnic_?group|race_?ethnicity"), ("religion", r"religion|relig|denomination|rlgdnm"),
    ("region", r"region|state|province|county|area|bundesland"), ("country", r"country|cntry|nation"),
    ("place", r"urban|rural|urbanicity|place_?size|settlement|town_?size|domicil"),
    ("marital_status", r"marital|marital_?status|married|maritl|relationship_?status"),
    ("employment", r"employment|employed|employ|work_?status|wrkstat|job_?status|occupation|occup"),
    ("household_size", r"household_?size|hh_?size|hhmmb|hhsize"), ("children", r"children|childs|kids|n_?children"),
    ("class", r"social_?class"), ("first_language", r"language|mother_?tongue"), ("citizenship", r"citizen|citizenship|ctzcntr"),
))  # fmt: skip
#: The same where the head of a column, or its label, is the question.
_ASKED = tuple((name, re.compile(words, re.IGNORECASE)) for name, words in (
    ("age", r"how old are you|(?:what is|what's) your age"), ("birth_year", r"year (?:were you|of your) (?:born|birth)|\byear of birth\b"),
    ("gender", r"(?:what is|what's) your (?:gender|sex)|are you (?:a )?(?:male|man|woman|female)"),
    ("education", r"your (?:highest )?(?:level of )?education|highest (?:level of )?(?:education|degree|qualification)"),
    ("income", r"your (?:household |personal |total |annual |yearly )*income"), ("race", r"your (?:race|ethnicity|ethnic)"),
    ("region", r"which (?:region|state|county) do you live|where do you live"), ("marital_status", r"your marital status"),
    ("employment", r"your (?:employment|work) (?:status|situation)"), ("religion", r"your religion"),
))  # fmt: skip
_ACTION = re.compile(
    r"\b(?:vote[sd]?|voting|voted|turnout|donat\w*|bought|buy|purchase\w*|sign(?:ed)?|petition|volunteer\w*|participat\w*|protest\w*"
    r"|did you|would you|will you|have you ever|choose|chose|choice|share[sd]?|send|sent|click\w*|action|behaviou?r)\b",
    re.IGNORECASE,
)
_BELIEF = re.compile(
    r"\b(?:how many|how likely|percent\w*|chances?|probab\w*|do you (?:think|believe)|belie\w*|expect\w*|perceiv\w*|guess"
    r"|true or false|place yourself|how would you place)\b",
    re.IGNORECASE,
)
_ATTENTION = re.compile(
    r"\b(?:attention|attn|imc|trap|manipulation check)\b|please (?:select|choose|tick|mark)"
    # how to answer, and not which answer to give
    r"(?!\s+(?:all|any|up to|as many|every|each|one|your|which|from|how|the (?:ones?|options?|answers?|statements?|responses?|category|"
    r"categories|best|most))\b)",
    re.I,
)


def role_of(said: str) -> str:
    """The role of an item, by the words of its name and question.

    Examples
    --------
    >>> role_of("Did you vote?"), role_of("How likely is rain?"), role_of("I like rain")
    ('action', 'belief', 'attitude')
    """
    if _ATTENTION.search(said):
        return "attention"
    return "action" if _ACTION.search(said) else "belief" if _BELIEF.search(said) else "attitude"


def profile_field(column: str, question: str) -> str | None:
    """What a question tells of a person before the first item, by the column's name or its own words; None for nothing.

    Examples
    --------
    >>> profile_field("Q1", "How old are you?"), profile_field("gender", ""), profile_field("Q2", "Do you vote?")
    ('age', 'gender', None)
    """
    found = next((name for name, pattern in _PROFILE if pattern.search(column)), None)
    return found or next((name for name, pattern in _ASKED if pattern.search(question)), None)


def unnumbered(question: str) -> str:
    """A question without the number that a form gave it."""
    return _NUMBERED.sub("", question) or question
