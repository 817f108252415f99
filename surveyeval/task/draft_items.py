"""Questions of a questionnaire as lines of a drafted task file: items, and the order of the interview."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from surveyeval.task.draft import missing_codes
from surveyeval.task.draft_arms import Arms
from surveyeval.task.guess import Guess
from surveyeval.task.questionnaire import Question, Questionnaire
from surveyeval.task.yaml_text import quoted, review, scalar, template_text

__all__ = ["DraftItem", "interview_lines", "items_lines"]


@dataclass(frozen=True)
class DraftItem:
    """One question as it will stand in the file: a guess for each column, and how they belong together.

    Parameters
    ----------
    question : Question
    guess : Guess
        Of the question as a whole.
    name : str
        Of the item; nothing for a battery, whose items have names of their own.
    columns : tuple of (name or code, column, words)
        Statements of a battery, or options of a check-all question.
    when : str
        Rule for who is asked.
    notes : tuple of str
        What a person should look at.
    separator : str
        Between the codes of a check-all question that stand in one column.
    ticked : (str, str)
        Codes of an option that was ticked, and of one that was not.
    order : str
        Of the options: ``random``, or nothing.
    pinned : frozenset of str
        Codes of options that stay in their places.
    """

    question: Question
    guess: Guess
    name: str
    columns: tuple[tuple[str, str, str], ...] = ()
    when: str = ""
    notes: tuple[str, ...] = ()
    separator: str = ""
    ticked: tuple[str, str] = ("1", "0")
    order: str = ""
    pinned: frozenset[str] = field(default_factory=frozenset)


def interview_lines(
    items: Sequence[DraftItem], survey: Questionnaire, arms: Arms, shown: Sequence[str]
) -> Iterator[str]:
    """What follows in the section of the interview: blocks that were shuffled, what people were shown, and notes.

    Parameters
    ----------
    items : sequence of DraftItem
    survey : Questionnaire
    arms : Arms
        What people of an arm were shown stands there already.
    shown : sequence of str
        Texts without a question.
    """
    names = {one.question.key: [one.name] if one.name else [row[0] for row in one.columns] for one in items}
    routed = {one.question.key for one in items if one.when}
    taken = {key for block in survey.shuffled for key in block}
    blocks = [
        ", ".join(row[0] for row in one.columns)
        for one in items
        if one.question.random and one.question.rows and len(one.columns) > 1 and one.question.key not in taken
    ]
    for block in survey.shuffled:
        inside = [name for key in block for name in names.get(key, [])]
        batteries = any(len(names.get(key, [])) > 1 for key in block)
        multiple = any(one.question.kind == "multiple" for one in items if one.question.key in block)
        said = ", ".join(inside)
        if len(inside) < 2:
            continue
        if batteries or multiple or routed & set(block):
            yield from review(f"these were shuffled, in a way that no block of items says: {said}", 2)
        else:
            blocks.append(said)
    if blocks:
        yield f"  shuffled: [{', '.join(f'[{said}]' for said in blocks)}]"
    others = [text for text in shown if text and not arms.shows(text)]
    for text in others[:12]:
        yield from review(f"people were also shown: {text[:600]}", 2)
    for note in (*survey.notes, *arms.notes):
        yield from review(note, 2)


def items_lines(items: Sequence[DraftItem]) -> Iterator[str]:
    """The section of the items."""
    yield ""
    yield from review(
        "of each item: its role (belief, attitude, action), its kind (nominal, ordinal, binary, numeric), and its words, which may "
        "have depended on the person or the page"
    )
    if not items:
        yield 'items: "FILL IN: no question has response options; write the items"'
        return
    yield "items:"
    for item in items:
        yield from _item_lines(item)


def _item_lines(item: DraftItem) -> Iterator[str]:
    one, question = item.guess, item.question
    battery = bool(question.rows)
    first = [] if battery else [f"name: {item.name}"]
    first += [f"role: {one.item_role}", f"kind: {one.kind}"]
    if not battery and one.kind != "multiple" and item.name != one.column:
        first.append(f"column: {quoted(one.column)}")
    if item.separator:
        first += [f"column: {quoted(one.column)}", f"separator: {quoted(item.separator)}"]
    for number, line in enumerate(first):
        yield f"  {'-' if number == 0 else ' '} {line}"
    for note in item.notes:
        yield from review(note, 4)
    text = template_text(question.text) or "FILL IN: the question"
    yield f"    question: {quoted(text)}"
    yield f"    wording: {'paraphrased' if question.notes or not question.text else 'verbatim'}"
    if item.when:
        yield from review(
            "who is asked, from the survey file; people without an answer to what it names are not asked", 4
        )
        yield f"    ask_if: {quoted(item.when)}"
    if item.order:
        yield f"    order: {item.order}"
    if one.kind == "multiple":
        if item.ticked != ("1", "0"):
            yield f"    ticked: {quoted(item.ticked[0])}"
            yield f"    unticked: {quoted(item.ticked[1])}"
        yield "    options:"
        for code, column, label in item.columns:
            if item.separator:
                yield f"      {quoted(code)}: {scalar(label)}"
            else:
                yield f"      {quoted(code)}: {{label: {quoted(label)}, column: {quoted(column)}}}"
    elif one.points:
        yield from review("points: the numbers that are offered; people's count as the nearest of them", 4)
        yield f"    points: [{', '.join(f'{point:g}' for point in one.points)}]"
    else:
        yield "    options:"
        for code, label in one.options:
            said = f"{{label: {quoted(label)}, pinned: true}}" if code in item.pinned else scalar(label)
            yield f"      {quoted(code)}: {said}"
    if one.item_role == "attention" and one.expected is not None:
        yield from review("the answer that shows attention", 4)
        yield f"    expected: {quoted(one.expected)}"
    yield from missing_codes(one, 4)
    if battery:
        yield "    items:"
        for name, column, statement in item.columns:
            own = quoted(template_text(statement) or name)
            yield (
                f"      {name}: {own}"
                if name == column
                else f"      {name}: {{statement: {own}, column: {quoted(column)}}}"
            )
