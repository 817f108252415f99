"""What the columns of a data file may be: a guess for each, for a person to look through.

Guesses follow names, value labels, question texts and the kind of codes. None looks at how columns go together, and none is
used by anything but a drafted task file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from surveyeval.data.table import Table
from surveyeval.task.guess_words import named, profile_field, role_of, unnumbered
from surveyeval.task.scales import missing_state, ordered, rated

__all__ = ["Guess", "about_no", "guess"]

Role = Literal["id", "weight", "strata", "psu", "arm", "profile", "item", "left out"]

#: More codes than this, without value labels, are no response options.
MOST_CODES = 12
MOST_LABELLED = 26
MOST_LEVELS = 60

_ID = re.compile(
    r"^(?:id|.*_id|.*id|idno|case_?(?:no|number)|respondent|serial|record|uuid|token|participant|subject)$", re.I
)
_WEIGHT = named(r"weights?|wgt|wt|[a-z]*wght|[a-z]*wgt|[a-z]{0,3}weight|wtss\w*|pw|survey_?weight")
#: The same in a column's label.
_WEIGHING = re.compile(r"^(?:[\w-]+ ){0,3}weight(?:ing)?(?: factor| variable)?$", re.IGNORECASE)
_STRATA, _PSU = named(r"strat(?:um|a)|vstrat|strat"), named(r"psu|vpsu|cluster|sampling_?unit")
_ARM = named(r"treat|treatment|treated|cond|condition|arm|experimental_?group|vignette|assignment|study_?arm")
_DATE_NAME = named(r"date|start_?date|end_?date|recorded_?date|timestamp|time_?stamp|submitted|submit_?date")
_PERSON = named(
    r"ip|ip_?address|e[_-]?mail|phone|telephone|first_?name|last_?name|surname|full_?name|postal_?address|latitude|longitude|location_?l\w*"
    r"|recipient\w*|external_?reference|prolific_?\w*|worker_?\w*"
)
_ABOUT = named(
    r"duration|duration_in_seconds|progress|finished|status|distribution_?channel|user_?language|interview_?time|minutes|seconds|browser|device"
)
#: What else an arm may be called; the words of its levels decide.
_GROUP, _CONTROL = (
    named(r"group|version|form|split|cell|block|exp"),
    re.compile(r"\b(?:control|treatments?|treated|placebo|baseline)\b", re.I),
)
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
#: Why a column is left out that may tell who people are, and of one that holds ticks or blanks.
PERSONAL, TICKED = "it may tell who people are", "or blank: if it is a tick, write 0 where there is none"
#: Of an item with two bare codes.
_ASSIGNED = (
    "everybody has one of two codes, each about as often: if people were assigned to them by chance, it is a factor under "
    "`arms:` and no item"
)
#: How a label begins that says no.
_NO = re.compile(r"(?:no|not|never|none|false|didn't|did not|don't|do not|nei|nej|nein|non|nee)\b", re.IGNORECASE)
#: Labels of an option that was ticked, and of one that was not.
_MENTIONED = re.compile(r"(?:mentioned|selected|checked|ticked|marked|chosen|quoted)", re.IGNORECASE)
_UNMENTIONED = re.compile(
    r"(?:(?:not|un)[ -]?(?:mentioned|selected|checked|ticked|marked|chosen|quoted))", re.IGNORECASE
)
#: What stands at the end of the columns of a check-all question: ``[car]``, ``(car)``, ``- car``, ``: car``, ``_2``.
_MEMBER = re.compile(
    r"^(?P<stem>.*?)(?:\s*[\[(](?P<inside>[^\[\]()]+)[\])]\s*|\s*(?: - | \u2013 |: )(?P<after>\S.*?)\s*|[_.](?P<number>\w+))$"
)
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?:[T ].*)?|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}(?: .*)?|\d{1,2}:\d{2}(?::\d{2})?")
_NUMBER = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
#: Codes beside a scale that mostly mean that there is no answer, with what they mean most often.
_BESIDE = {
    **dict.fromkeys(("8", "88", "98", "888", "998", "-8", "-88", "-98"), "dont_know"),
    **dict.fromkeys(("9", "99", "999", "9999", "-9", "-99", "-999"), "refused"),
    **dict.fromkeys(("-1", "-2", "-3", "-4", "-5", "-6", "-7", "7", "77", "97", "997", "6", "66", "96"), "missing"),
}  # fmt: skip


@dataclass(frozen=True)
class Guess:
    """What one column may be.

    Parameters
    ----------
    column : str
    role : str
        What it is taken for.
    kind : str
        Of an item or profile field.
    options : tuple of (code, label)
        In the order shown; also levels of arms, and labels of profile fields.
    missing : mapping of code to state
    points : tuple of float
        Of a numeric item.
    question : str or None
        The file's own text, where it has one.
    scale : str
        Name of the known scale that the options make, or nothing.
    name : str
        For a profile field whose kind is known: age, gender, ...
    item_role : str
        Of an item.
    expected : str or None
        Of an attention check.
    example : str or None
        Of a number in a profile: one in the middle.
    reasons : tuple of str
        What a person should look at; of a column that is left out, why.
    members : tuple of (code, label, column)
        Of a check-all question whose options have a column each; `column` is then how the question is called.
    ticked, unticked : str
        Of such a question: what stands in a cell that was ticked, and what in others; nothing where they are blank.
    missing_labels : mapping of code to label
        What the file says of codes in `missing`.
    """

    column: str
    role: Role
    kind: str = ""
    options: tuple[tuple[str, str], ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    points: tuple[float, ...] = ()
    question: str | None = None
    scale: str = ""
    name: str = ""
    item_role: str = "attitude"
    expected: str | None = None
    example: str | None = None
    reasons: tuple[str, ...] = ()
    members: tuple[tuple[str, str, str], ...] = ()
    ticked: str = ""
    unticked: str = ""
    missing_labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Column:
    """One column as the guessing sees it. `counts` is without blanks and missing codes, in order of appearance."""

    name: str
    n: int
    blanks: int
    counts: Mapping[str, int]
    labels: Mapping[str, str]
    missing: Mapping[str, str]
    unsure: tuple[str, ...]
    question: str | None
    measure: str = ""

    @property
    def codes(self) -> list[str]:
        return list(self.counts)

    @property
    def numeric(self) -> bool:
        return bool(self.counts) and all(_NUMBER.fullmatch(code) for code in self.counts)

    @property
    def complete(self) -> bool:
        return not self.blanks and not self.missing

    @property
    def is_question(self) -> bool:
        """Whether the name is a sentence, so that single words in it say little."""
        return self.name.rstrip().endswith("?") or len(self.name.split()) > 3

    @property
    def said(self) -> str:
        """Name and question, for words that tell what it is about."""
        return f"{self.name.replace('_', ' ').replace('.', ' ')} {self.question or ''}"


def guess(table: Table) -> list[Guess]:
    """A guess for every column of a table, in its order.

    Parameters
    ----------
    table : Table
        With the labels, question texts and user-missing codes of its file, where it has them.
    """
    found: list[Guess] = []
    for name in map(str, table.frame.columns):
        column = _column(table, name)
        taken = {one.role for one in found}
        found.append(next(one for judge in _JUDGES if (one := judge(column, taken)) is not None))
    found = _check_all(found)
    checks = [one for one in found if one.role == "item" and one.item_role == "attention"]
    if checks and all(one.item_role == "attention" for one in found if one.role == "item"):
        # A survey of nothing but attention checks is none: the words mean something else in it.
        found = [replace(one, item_role="attitude", expected=None) if one in checks else one for one in found]
    return found


def _check_all(guesses: Sequence[Guess]) -> list[Guess]:
    """Neighbouring columns that are options of one check-all question, joined: a tick and blanks, or "mentioned" and not.

    Their names, or their labels, begin alike.
    """
    groups: list[tuple[tuple[str, str, str], list[tuple[str, Guess]]]] = []
    for one in guesses:
        ticks = _ticks(one)
        part = next((part for text in (one.question, one.column) if text and (part := _MEMBER.match(text))), None)
        if ticks is None or part is None or not part["stem"].strip():
            groups.append((("", "", ""), [("", one)]))
            continue
        key, label = (part["stem"].strip(), *ticks), part["inside"] or part["after"] or part["number"]
        if groups and groups[-1][0] == key:
            groups[-1][1].append((label.strip(), one))
        else:
            groups.append((key, [(label.strip(), one)]))
    found: list[Guess] = []
    for (stem, ticked, unticked), members in groups:
        if len(members) > 1:
            found.append(_joined(stem, ticked, unticked, members))
        else:
            found.append(Guess(**{**members[0][1].__dict__, "ticked": ""}))
    return found


def _ticks(one: Guess) -> tuple[str, str] | None:
    """What is ticked and what is not in a column that may be one option of several; None where it is something else."""
    if one.ticked:
        return one.ticked, ""
    if one.role == "item" and len(one.options) == 2 and not one.missing:
        (low, first), (high, second) = one.options
        if _UNMENTIONED.fullmatch(first) and _MENTIONED.fullmatch(second):
            return high, low
        if _MENTIONED.fullmatch(first) and _UNMENTIONED.fullmatch(second):
            return low, high
    return None


def _joined(stem: str, ticked: str, unticked: str, options: Sequence[tuple[str, Guess]]) -> Guess:
    """One check-all question from the columns of its options."""
    members: list[tuple[str, str, str]] = []
    for label, one in options:
        plain = "_".join(re.findall(r"[A-Za-z0-9]+", label))[:20].strip("_").casefold() or "other"
        taken = {code for code, _, _ in members}
        members.append((plain if plain not in taken else f"{plain}_{len(members) + 1}", label, one.column))
    role = role_of(stem.replace("_", " "))
    return Guess(
        stem, "item", "multiple", question=unnumbered(stem) if len(stem.split()) > 2 else None, members=tuple(members),
        item_role="action" if role == "attention" else role, ticked=ticked, unticked=unticked,
    )  # fmt: skip


def _column(table: Table, name: str) -> _Column:
    values = [value for value in table.frame[name] if value is not None]
    counts, labels = Counter(values), table.labels.get(name, {})
    user_missing = table.user_missing.get(name, frozenset())
    question = table.questions.get(name)
    if question is None and (name.rstrip().endswith("?") or len(name.split()) > 4):
        question = unnumbered(name)  # forms write the question at the head of the column
    if question is not None and question.casefold().startswith(f"{name.casefold()} "):
        question = question[len(name) :].lstrip(" .:-)") or question  # labels repeat the name of their column
    missing: dict[str, str] = {}
    unsure: list[str] = []
    for code in dict.fromkeys([*counts, *labels, *sorted(user_missing)]):
        state = missing_state(labels.get(code, code))
        if state is not None and (code in labels or not _NUMBER.fullmatch(code)):
            missing[code] = state
        elif code in user_missing:
            # a label that is not understood says more than what the code mostly means elsewhere
            missing[code] = "missing" if code in labels else _BESIDE.get(code, "missing")
            unsure.append(f"{code!r}, which the file counts as missing")
    if not labels:
        for code in _beside([code for code in counts if code not in missing]):
            missing[code] = _BESIDE[code]
            unsure.append(f"{code!r}, which lies outside the other codes")
    kept = {code: count for code, count in counts.items() if code not in missing}
    return _Column(
        name, len(table.frame), len(table.frame) - len(values), kept, labels, missing, tuple(unsure), question,
        table.measures.get(name, ""),
    )  # fmt: skip


def _beside(codes: Sequence[str]) -> list[str]:
    """Codes that look like missing ones and lie apart from a run of whole numbers."""
    numbers = {code: float(code) for code in codes if _NUMBER.fullmatch(code)}
    if len(numbers) < len(codes):
        return []
    if not all(number.is_integer() for number in numbers.values()):
        below = [code for code, number in numbers.items() if number < 0]
        return below if set(below) <= set(_BESIDE) and len(numbers) - len(below) > 1 else []
    positive = sorted(number for number in numbers.values() if number >= 0)
    negative = {code: number for code, number in numbers.items() if number < 0}
    outside: list[str] = []
    # -2 to 2 is a scale
    if (
        len(positive) >= 2
        and set(negative) <= set(_BESIDE)
        and (len(negative) < 2 or -min(negative.values()) != positive[-1])
    ):
        outside += negative
    if len(numbers) - len(negative) > MOST_CODES:
        # 77 or 99 can be an age: among many numbers only what lies far above the others
        usual = [number for number in positive if number < 777 and f"{number:g}" not in ("888", "998", "999")]
        far = 1.25 * max(usual, default=float("inf"))
        return outside + [code for code, number in numbers.items() if code in _BESIDE and number > far]
    for place in range(2, len(positive)):
        above = [f"{number:.0f}" for number in positive[place:]]
        if positive[place] - positive[place - 1] > 1 and set(above) <= set(_BESIDE):
            return outside + [code for code in numbers if code in above]
    return outside


# ---- one judgement after the other; the last one always has something to say -------------------------------------------


def _nothing(column: _Column, taken: set[Role]) -> Guess | None:
    if not column.counts:
        return Guess(column.name, "left out", reasons=("no answers",))
    addresses = sum(count for code, count in column.counts.items() if _MAIL.fullmatch(code))
    if (not column.is_question and _PERSON.search(column.name)) or addresses > 0.5 * sum(column.counts.values()):
        return Guess(column.name, "left out", reasons=(PERSONAL,))
    if len(column.counts) == 1 and not column.labels and role_of(column.said) != "attention":
        one = _short(column.codes[0])
        if column.complete or column.missing:
            return Guess(column.name, "left out", reasons=(f"everybody has {one}",))
        return Guess(column.name, "left out", reasons=(f"{one} {TICKED}",), ticked=column.codes[0])
    return None


def _identifier(column: _Column, taken: set[Role]) -> Guess | None:
    unique = len(column.counts) == column.n and column.complete and column.n > 1
    counted = unique and column.numeric and sorted(map(float, column.codes)) in (
        [float(number) for number in range(column.n)], [float(number) for number in range(1, column.n + 1)]
    )  # fmt: skip
    named = _ID.match(column.name) is not None
    if unique and "id" not in taken and (named or (counted and column.n > MOST_CODES)):
        return Guess(column.name, "id")
    if unique and named:
        return Guess(column.name, "left out", reasons=("another identifier",))
    return None


def _design(column: _Column, taken: set[Role]) -> Guess | None:
    if column.is_question:
        return None
    alone = column.name.casefold() == "w"
    weighing = (
        alone or _WEIGHT.search(column.name) or (column.question is not None and _WEIGHING.search(column.question))
    )
    if column.numeric and weighing and len(column.counts) > 2 and not column.labels:
        numbers = [float(code) for code in column.counts]
        mean = sum(float(code) * count for code, count in column.counts.items()) / sum(column.counts.values())
        whole = all(number.is_integer() for number in numbers)
        # kilograms and pounds, and waves, are whole
        if column.complete and min(numbers) >= 0 and not (whole and (alone or 20 < mean < 500)):
            if "weight" not in taken:
                return Guess(column.name, "weight")
            return Guess(column.name, "left out", reasons=("another weight: a task uses one",))
    for role, pattern in (("strata", _STRATA), ("psu", _PSU)):
        if pattern.search(column.name) and column.complete and role not in taken:
            return Guess(column.name, role)  # type: ignore[arg-type]
    return None


def _arms(column: _Column, taken: set[Role]) -> Guess | None:
    told = sum(bool(_CONTROL.search(column.labels.get(code, code))) for code in column.counts)
    if (
        not column.is_question
        and (_ARM.search(column.name) or (_GROUP.search(column.name) and told))
        and 2 <= len(column.counts) <= MOST_CODES
        and column.complete
        and "arm" not in taken
    ):
        codes = _sorted(column.codes)
        return Guess(column.name, "arm", options=tuple((code, column.labels.get(code) or code) for code in codes))
    return None


def _not_asked(column: _Column, taken: set[Role]) -> Guess | None:
    dates = sum(count for code, count in column.counts.items() if _DATE.fullmatch(code))
    if dates >= 0.9 * sum(column.counts.values()) or (
        _DATE_NAME.search(column.name) and not column.labels and not column.is_question
    ):
        return Guess(column.name, "left out", reasons=("dates or times",))
    if _ABOUT.search(column.name) and column.question in (None, column.name):
        return Guess(column.name, "left out", reasons=("about the interview, not about the person",))
    return None


def _profile(column: _Column, taken: set[Role]) -> Guess | None:
    name = profile_field("" if column.is_question else column.name, column.question or "")
    if name is None:
        return None
    labelled = [code for code in column.labels if code not in column.missing]
    many = len(column.counts) > MOST_CODES and len(labelled) < len(column.counts) / 2
    counted = name in ("age", "birth_year", "children", "household_size") or len(column.counts) > MOST_CODES
    if column.numeric and (many or (not labelled and counted)):
        middle = sorted(code for code, count in column.counts.items() for _ in range(count))
        numbers = sorted(map(float, middle))
        example = f"{round(numbers[len(numbers) // 2]):d}"
        return _marked(
            column, Guess(column.name, "profile", "numeric", missing=column.missing, name=name, example=example)
        )
    if len(set(column.codes) | set(labelled)) > MOST_LEVELS:
        return Guess(column.name, "left out", reasons=(f"{len(column.counts)} different codes without labels",))
    options, scale = _options(column)
    if len(options) < 2:
        return Guess(column.name, "left out", reasons=("everybody has the same",))
    rank = name in ("education", "income", "age") or scale or column.measure == "ordinal"
    numeric = all(_NUMBER.fullmatch(code) for code, _ in options)
    kind = "ordinal" if rank and numeric and len(options) > 2 else "nominal"
    return _marked(column, Guess(column.name, "profile", kind, options, column.missing, name=name))


def _item(column: _Column, taken: set[Role]) -> Guess | None:
    labelled = [code for code in column.labels if code not in column.missing]
    codes = set(column.codes) | set(labelled)
    if column.numeric and len(column.counts) > MOST_CODES and len(labelled) < len(codes) / 2:
        return _numbers(column)
    if len(codes) > (MOST_LABELLED if labelled else MOST_CODES) or any(len(code) > 80 for code in codes):
        what = "free text" if not column.numeric and not labelled else "too many codes for response options"
        return Guess(column.name, "left out", reasons=(f"{what}: {len(column.counts)} different",))
    if not column.numeric and not labelled and len(codes) == sum(column.counts.values()) > 5:
        return Guess(column.name, "left out", reasons=("free text: everybody wrote something else",))
    options, scale = _options(column)
    if len(options) < 2:
        return Guess(column.name, "left out", reasons=("one answer only",))
    role, expected = _role(column), None
    if role == "attention":
        expected = max(column.counts, key=lambda code: column.counts[code])
    if not labelled and _apart(options):
        role = "attitude" if role == "attention" else role
        points = tuple(float(code) for code, _ in options)
        made = Guess(
            column.name,
            "item",
            "numeric",
            missing=column.missing,
            points=points,
            question=column.question,
            item_role=role,
        )
        return _marked(column, made)
    kind, reasons = _kind(column, options, labelled, scale)
    made = Guess(
        column.name, "item", kind, options, column.missing, question=column.question, scale=scale, item_role=role,
        expected=expected, reasons=reasons,
    )  # fmt: skip
    return _marked(column, made)


def _kind(
    column: _Column, options: Sequence[tuple[str, str]], labelled: Sequence[str], scale: str
) -> tuple[str, tuple[str, ...]]:
    """The kind of an item with options, and what a person should look at."""
    if len(options) == 2:
        said = about_no(options)
        return "binary", (*([said] if said else []), *([_ASSIGNED] if _assigned(column, labelled) else []))
    if scale or (_ranks(options, labelled) and not (column.measure == "nominal" and not labelled)):
        return "ordinal", ()
    if column.measure == "ordinal":
        return "ordinal", ("kind: ordinal, since the file says so; look at the order of the options",)
    return "nominal", ()


def about_no(options: Sequence[tuple[str, str]]) -> str:
    """What to look at where the last of two options says no, which a logit would be about; empty elsewhere.

    Examples
    --------
    >>> about_no([("1", "Yes"), ("2", "No")])
    "event: a regression (logit) of it is about 'No', the last option, unless it says `event: '1'`"
    >>> about_no([("0", "No"), ("1", "Yes")])
    ''
    """
    (code, first), (_, last) = options
    if not _NO.match(last) or _NO.match(first):
        return ""
    return f"event: a regression (logit) of it is about {last!r}, the last option, unless it says `event: {code!r}`"


def _assigned(column: _Column, labelled: Sequence[str]) -> bool:
    """Whether two bare codes may be what people were assigned to: everybody has one, and each is held by about half."""
    if labelled or column.question or not column.complete or set(column.counts) not in ({"0", "1"}, {"1", "2"}):
        return False
    half = sum(column.counts.values()) / 2
    return column.n >= 20 and abs(min(column.counts.values()) - half) <= 1.5 * half**0.5


_JUDGES: tuple[Callable[[_Column, set[Role]], Guess | None], ...] = (
    _nothing, _identifier, _design, _arms, _not_asked, _profile, _item,
)  # fmt: skip


def _role(column: _Column) -> str:
    return role_of(column.said)


def _numbers(column: _Column) -> Guess:
    """A scale from 0 to 100 becomes a numeric item; of other numbers nobody can guess the points."""
    numbers = [float(code) for code in column.counts]
    if 0 <= min(numbers) <= 10 and 90 <= max(numbers) <= 100:
        points = tuple(float(point) for point in range(0, 101, 10))
        made = Guess(column.name, "item", "numeric", missing=column.missing, points=points, question=column.question,
                     item_role=_role(column))  # fmt: skip
        return _marked(column, made)
    span = f"{min(numbers):g} to {max(numbers):g}"
    return Guess(
        column.name, "left out", reasons=(f"numbers from {span}: an item needs points, a profile field a name",)
    )


def _options(column: _Column) -> tuple[tuple[tuple[str, str], ...], str]:
    """Codes with labels in the order shown, and the name of the known scale that they make."""
    codes = _sorted([code for code in dict.fromkeys([*column.labels, *column.codes]) if code not in column.missing])
    numbers = [int(code) for code in codes if re.fullmatch(r"-?\d{1,4}", code)]
    labelled = [code for code in codes if code in column.labels]
    if 2 <= len(labelled) < len(codes) or (len(labelled) == 2 and len(numbers) == len(codes)):
        # labels at the ends only: what lies between them is offered as well
        low, high = min(numbers, default=0), max(numbers, default=0)
        if len(numbers) == len(codes) and 2 < high - low < MOST_CODES:
            codes = [code for code in map(str, range(low, high + 1)) if code not in column.missing]
    labels = [column.labels.get(code, "").strip() or code for code in codes]
    known = ordered(labels)
    if known is not None and not all(_NUMBER.fullmatch(code) for code in codes):
        codes, labels = [codes[place] for place in known[1]], [labels[place] for place in known[1]]
    seen: Counter[str] = Counter()
    options = []
    for code, label in zip(codes, labels, strict=True):
        while seen[folded := " ".join(label.casefold().split())]:
            label = f"{label} (code {code})"  # labels of an item differ
        options.append((code, label))
        seen[folded] += 1
    return tuple(options), known[0] if known is not None else ""


def _apart(options: Sequence[tuple[str, str]]) -> bool:
    """Whether codes are numbers too far apart to be ranks: hours, amounts, percentages."""
    if len(options) < 3 or not all(_NUMBER.fullmatch(code) for code, _ in options):
        return False
    numbers = [float(code) for code, _ in options]
    return min(numbers) >= 0 and max(numbers) > MOST_CODES and max(numbers) - min(numbers) > 2 * len(numbers)


def _ranks(options: Sequence[tuple[str, str]], labelled: Sequence[str]) -> bool:
    """Whether codes that are numbers stand for ranks: a run of whole numbers that no label contradicts."""
    codes = [code for code, _ in options]
    if not all(re.fullmatch(r"-?\d{1,4}", code) for code in codes):
        return False
    numbers = [int(code) for code in codes]
    run = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    if not labelled:
        return run
    return rated([label for _, label in options]) or len(labelled) < len(options)


def _marked(column: _Column, made: Guess) -> Guess:
    """With what a person should look at."""
    reasons = list(made.reasons)
    if column.unsure:
        reasons.append(f"missing: {', '.join(column.unsure)}")
    bare = [code for code, label in made.options if code == label]
    if bare and all(_NUMBER.fullmatch(code) for code in bare):
        reasons.append("labels: the file says nothing of what these numbers mean" if len(bare) == len(made.options)
                       else f"labels: the file has none for {', '.join(bare)}")  # fmt: skip
    said = {code: column.labels[code] for code in made.missing if column.labels.get(code, code) != code}
    return replace(made, reasons=tuple(reasons), missing_labels=said)


def _sorted(codes: Sequence[str]) -> list[str]:
    """Numbers by size, other codes by the alphabet after them."""
    return sorted(
        codes, key=lambda code: (0, float(code), code) if _NUMBER.fullmatch(code) else (1, 0.0, code.casefold())
    )


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
