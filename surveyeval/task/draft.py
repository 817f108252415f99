"""A task file written from a data file: every guess stands there with a mark for the person who knows the survey."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from surveyeval.data.table import Table
from surveyeval.task.check_references import LETTERS, RESERVED
from surveyeval.task.guess import Guess, guess
from surveyeval.task.placeholders import MARK
from surveyeval.task.yaml_text import REVIEW, WIDTH, comment, quoted, review, scalar, template_text

__all__ = ["REVIEW", "Draft", "draft"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")
_AGE = "cut(age, 18, 35, 50, 65)"


@dataclass(frozen=True)
class Draft:
    """A drafted task file.

    Parameters
    ----------
    text : str
        YAML.
    guesses : tuple of Guess
        What each column was taken for.
    """

    text: str
    guesses: tuple[Guess, ...]

    def count(self, role: str) -> int:
        """Number of columns taken for this."""
        return sum(one.role == role for one in self.guesses)

    @property
    def reviews(self) -> int:
        """Marks in the file for what was guessed."""
        return self.text.count(REVIEW) - 1  # the first one explains them

    @property
    def blanks(self) -> int:
        """Texts that only a person can write."""
        return len(re.findall(rf'"{MARK}', self.text))


def draft(table: Table, *, name: str, use: str, encoding: str = "utf-8") -> Draft:
    """Write a task file for a table.

    Parameters
    ----------
    table : Table
    name : str
        Of the task.
    use : str
        Where the rows come from, as the task file says it: ``file:answers.csv``.
    encoding : str
        Of the rows' file.

    Returns
    -------
    Draft
        What the file says of wordings is never ``verbatim``: ``paraphrased`` where the data have a text for the question,
        else ``assumed``.
    """
    guesses = guess(table)
    names = Names()
    columns = {one.column: names.take(one) for one in guesses if one.role in ("profile", "item")}
    lines = [*head(table, name, use, encoding, guesses), *profile_section(guesses, columns), *arms_section(guesses)]
    lines += [
        *interview_section(guesses),
        *_items(guesses, columns),
        *analysis_section(guesses, columns),
        *left_out_section(guesses),
    ]
    return Draft("\n".join(lines) + "\n", tuple(guesses))


class Names:
    """Names of columns in rules and formulas, each once."""

    def __init__(self) -> None:
        self._taken = {word.casefold() for word in RESERVED} | {"age_band", "statement"}

    def take(self, one: Guess) -> str:
        """A name for a column, which nothing else has."""
        text = one.name or one.column.strip()
        if _NAME.fullmatch(text) and text.casefold() not in self._taken:
            self._taken.add(text.casefold())
            return text
        plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
        words = re.findall(r"[a-z0-9]+", plain)
        while len(words) > 1 and (len(words) > 5 or len("_".join(words)) > 30):
            words.pop()
        name = "_".join(words)[:50].strip("_") or "item"
        name = name if name[0].isalpha() else f"q_{name}"
        found, number = name, 2
        while found in self._taken:
            found, number = f"{name}_{number}", number + 1
        self._taken.add(found)
        return found


# ---- the sections --------------------------------------------------------------------------------------------------------


def head(table: Table, name: str, use: str, encoding: str, guesses: Sequence[Guess]) -> Iterator[str]:
    """Lines from the name to the source."""
    yield from comment(
        f"Drafted by `surveyeval init task` from {table.name}. Everything here is guessed from the data."
    )
    yield "#"
    yield from comment(
        f"What begins with {MARK} only you can write; `surveyeval validate` reports it until it is written. Lines with "
        f"`{REVIEW}` mark guesses: look at each and take the line out. docs/how-to/own-survey.md explains all fields."
    )
    yield f"name: {name}"
    yield 'version: "0.1"'
    yield f"title: {quoted(MARK + ': what the survey is about, who answered, and when')}"
    yield "source:"
    yield f"  use: {scalar(use) if ' #' not in use else quoted(use)}"
    yield from review("synthetic, if nobody answered", 2)
    yield "  provenance: human"
    yield f"  licence: {quoted(MARK + ': what may be done with the data, such as CC-BY-4.0')}"
    yield f"  citation: {quoted(MARK + ': who collected the data, and where they are described')}"
    yield from comment('published: "2024"  field_dates: ...  population: ...  mode: ...  selection: ...', 2)
    yield from comment(f"sha256: {table.sha256}  (these rows and no others)", 2)
    if encoding.casefold() not in ("utf-8", "utf8"):
        yield f"  encoding: {scalar(encoding)}"
    chosen = {one.role: one.column for one in guesses}
    if "id" in chosen:
        yield from review("a number for each person, without a meaning of its own", 2)
        yield f"  id: {quoted(chosen['id'])}"
    if "weight" in chosen:
        yield from review("the survey weight; leave it out if it is something else", 2)
        yield f"  weight: {quoted(chosen['weight'])}"
    else:
        yield from comment("weight: COLUMN", 2)
    for role, what in (("strata", "strata"), ("psu", "clusters that were drawn, primary sampling units")):
        if role in chosen:
            yield from review(f"uncomment it if the column holds {what}", 2)
            yield from comment(f"{role}: {quoted(chosen[role])}", 2)


def profile_section(guesses: Sequence[Guess], columns: dict[str, str]) -> Iterator[str]:
    """Lines of ``profile:``."""
    fields = [one for one in guesses if one.role == "profile"]
    if not fields:
        yield ""
        yield from review(
            "no column looks like what is known of a person before the first question; without a profile all simulated "
            "respondents of an arm are the same"
        )
        yield "profile: {}"
        return
    yield ""
    yield from review("what a simulated respondent is told of itself. Nothing that states an answer may stand here")
    yield "profile:"
    for one in fields:
        name = columns[one.column]
        yield f"  {name}:"
        yield f"    column: {quoted(one.column)}"
        for reason in one.reasons:
            yield from review(reason, 4)
        if one.kind == "numeric":
            yield "    kind: numeric"
            yield f"    example: {quoted(one.example or '40')}"
            if name == "age":
                yield '    text: "You are {{ value }} years old."'
        else:
            if one.kind == "ordinal":
                yield from review("kind ordinal: the labels go up, or down, from first to last", 4)
            yield f"    kind: {one.kind}"
            yield "    labels:"
            yield from options_of(one, 6)
        if one.kind == "numeric" and name != "age":
            yield from review('say it in a sentence, with {{ value }}: text: "..."', 4)
        yield from missing_codes(one, 4)


def options_of(one: Guess, indent: int) -> Iterator[str]:
    """Lines with a code and its words each."""
    # two numbers, or a bare number in a profile, say nothing to anybody; a scale of five or seven does
    silent = one.role == "profile" or len(one.options) == 2
    for code, label in one.options:
        bare = silent and code == label and code.lstrip("-").isdigit()
        yield f"{' ' * indent}{quoted(code)}: {quoted(f'{MARK}: what {code} means') if bare else scalar(label)}"


def missing_codes(one: Guess, indent: int) -> Iterator[str]:
    """Lines of ``missing:``."""
    if one.missing:
        said = "; ".join(f"{code} is {label!r}" for code, label in one.missing_labels.items())
        told = f" In the file {said}" if said else ""
        yield from review(f"dont_know, refused, not_asked or missing?{told}", indent)
        pairs = ", ".join(f"{quoted(code)}: {state}" for code, state in one.missing.items())
        if len(pairs) + indent < WIDTH - 12:
            yield f"{' ' * indent}missing: {{{pairs}}}"
        else:
            yield f"{' ' * indent}missing:"
            yield from (f"{' ' * indent}  {quoted(code)}: {state}" for code, state in one.missing.items())


def arms_section(guesses: Sequence[Guess]) -> Iterator[str]:
    """Lines of ``arms:``."""
    one = next((one for one in guesses if one.role == "arm"), None)
    if one is None:
        return
    yield ""
    yield from review(
        "an experiment's conditions? If it is none, leave `arms` out. Else write what people of each arm were shown: vignette"
    )
    yield "arms:"
    yield f"  column: {quoted(one.column)}"
    yield "  levels:"
    for code, label in one.options:
        yield f"    {quoted(code)}:"
        yield f"      label: {scalar(label)}"


def interview_section(guesses: Sequence[Guess]) -> Iterator[str]:
    """Lines of ``interview:``."""
    most = max([len(one.options) for one in guesses if one.role == "item"], default=0)
    yield ""
    yield "interview:"
    yield from review("say where and when, as people knew it: `a survey in Norway in 2018`", 2)
    yield "  system: You are taking part in a survey. Answer as the person described would."
    yield from comment(
        "mode: sequential (questions see earlier answers) or independent; order: fixed, reversed or random", 2
    )
    yield f"  options: {'letters' if most <= LETTERS else 'numbers'}"


def _items(guesses: Sequence[Guess], columns: dict[str, str]) -> Iterator[str]:
    items = [one for one in guesses if one.role == "item"]
    shared = _scales(items)
    if shared:
        yield ""
        yield from review("these options are shared by several items: their order, and what their codes mean")
        yield "scales:"
        for options, name in shared.items():
            yield f"  {name}:"
            yield from (f"    {quoted(code)}: {scalar(label)}" for code, label in options)
    yield ""
    yield from review(
        "of each item: its role (belief, attitude, action), its kind (nominal, ordinal, binary, numeric), and the order of its "
        "options, of which those that nobody chose may be missing; wording: verbatim once the question stands here word for word"
    )
    if not items:
        yield f"items: {quoted(MARK + ': no column looks like a question with response options; write the items')}"
        return
    yield "items:"
    for one in items:
        yield f"  - name: {columns[one.column]}"
        yield f"    role: {one.item_role}"
        yield f"    kind: {one.kind}"
        if columns[one.column] != one.column and not one.members:
            yield f"    column: {quoted(one.column)}"
        if one.question:
            yield from review("the label in the file, which may be shortened", 4)
            yield f"    question: {quoted(template_text(one.question))}"
            yield "    wording: paraphrased"
        else:
            yield f"    question: {quoted(f'{MARK}: the question of column {one.column}, as people were asked it')}"
            yield "    wording: assumed"
        for reason in one.reasons:
            yield from review(reason, 4)
        if one.points:
            yield from review(
                "points: the numbers that are offered; people's count as the nearest of them. unit: ...", 4
            )
            yield f"    points: [{', '.join(f'{point:g}' for point in one.points)}]"
        elif one.members:
            yield from _members(one)
        elif one.options in shared:
            yield f"    options: {shared[one.options]}"
        else:
            yield "    options:"
            yield from options_of(one, 6)
        if one.item_role == "attention":
            yield from review("the answer that shows attention; most people gave this one", 4)
            yield f"    expected: {quoted(one.expected or '')}"
        yield from missing_codes(one, 4)


def _members(one: Guess) -> Iterator[str]:
    """Lines of a check-all question with a column for each option."""
    if one.ticked != "1":
        yield f"    ticked: {quoted(one.ticked)}"
    if one.unticked:
        yield f"    unticked: {quoted(one.unticked)}"
    else:
        yield from review(
            "a blank is taken for no tick where a person ticked another option, and for no answer where nothing is ticked; "
            "write not_ticked if everybody was asked",
            4,
        )
        yield "    blank: not_ticked_if_any"
    yield "    options:"
    for code, label, column in one.members:
        yield f"      {quoted(code)}: {{label: {quoted(label)}, column: {quoted(column)}}}"


def _scales(items: Sequence[Guess]) -> dict[tuple[tuple[str, str], ...], str]:
    """Options that several items have, with a name each."""
    every = [
        one.options for one in items if len(one.options) > 2 or (one.options and one.options[0][0] != one.options[0][1])
    ]
    found: dict[tuple[tuple[str, str], ...], str] = {}
    for one in items:
        if every.count(one.options) > 1 and one.options not in found:
            stem = f"{one.scale or 'scale'}_{len(one.options)}"
            names = [stem, *(f"{stem}_{letter}" for letter in "bcdefghijklmnopqrstuvwxyz")]
            name = next((name for name in names if name not in found.values()), f"{stem}_{len(found)}")
            found[one.options] = name
    return found


def analysis_section(guesses: Sequence[Guess], columns: dict[str, str]) -> Iterator[str]:
    """Lines of groups, and hints to what else is compared."""
    groups = [columns[one.column] for one in guesses if one.role == "profile" and 2 <= len(one.options) <= 8]
    age = any(columns.get(one.column) == "age" and one.kind == "numeric" for one in guesses if one.role == "profile")
    yield ""
    if age:
        yield f"derived:\n  age_band: {_AGE}"
        groups = ["age_band", *groups]
    if groups:
        yield from review("groups whose answers are compared; cells are what the baseline `cell` knows of a person")
        yield f"subgroups: [{', '.join(groups)}]"
        yield f"cells: [{', '.join(groups[:2])}]"
    beliefs = [columns[one.column] for one in guesses if one.role == "item" and one.item_role == "belief"]
    yield from comment(f"patterns: [{', '.join(beliefs[:4]) or 'ITEM, ITEM'}]   beliefs whose combinations are counted")
    yield from comment("coherence, associations, regressions, equivalence: see docs/how-to/own-survey.md")


def left_out_section(guesses: Sequence[Guess]) -> Iterator[str]:
    """Comments with the columns that are left out."""
    left = [one for one in guesses if one.role == "left out"]
    if left:
        yield ""
        yield from review("columns that are left out")
        for one in left:
            yield from comment(f"  {one.column}: {'; '.join(one.reasons)}")
