"""A task file written from a questionnaire, with its data where there are any."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from surveyeval.data.table import Table
from surveyeval.task.draft import (
    Draft,
    Names,
    analysis_section,
    arms_section,
    head,
    interview_section,
    left_out_section,
    profile_section,
)
from surveyeval.task.draft_arms import Arms, arms_lines, find_arms
from surveyeval.task.draft_columns import columns_of
from surveyeval.task.draft_conditions import Subject, rule_of
from surveyeval.task.draft_items import DraftItem, interview_lines, items_lines
from surveyeval.task.draft_leaving import Kept, finished, keep_lines, kept_profile, stayed
from surveyeval.task.guess import Guess, about_no, guess
from surveyeval.task.guess_words import profile_field, role_of
from surveyeval.task.questionnaire import Choice, Condition, Question, Questionnaire
from surveyeval.task.scales import missing_state, ordered, rated
from surveyeval.task.yaml_text import comment, review

__all__ = ["draft_questionnaire"]

#: What Qualtrics writes where a question was seen and not answered.
_SEEN = "-99"
_CODE = re.compile(r"[A-Za-z0-9_]+")


def draft_questionnaire(
    survey: Questionnaire, table: Table | None, *, name: str, use: str, encoding: str = "utf-8"
) -> Draft:
    """Write a task file for a questionnaire.

    Parameters
    ----------
    survey : Questionnaire
    table : Table or None
        Its answers: they decide whether codes or words are the codes of options, and hold identifier, weight and arms.
    name : str
        Of the task.
    use : str
        Where the rows come from, as the task file says it.
    encoding : str
        Of the rows' file.

    Returns
    -------
    Draft
        Wordings are those of the file, which shows them as they were on the screen; they are marked ``verbatim`` only where nothing
        in them depends on the respondent.
    """
    return _Writer(survey, table).draft(name, use, encoding)


class _Writer:
    def __init__(self, survey: Questionnaire, table: Table | None) -> None:
        self.survey, self.table = survey, table
        self.names = Names()
        self.subjects: dict[str, Subject] = {}
        self.guesses: list[Guess] = []
        self.columns: dict[str, str] = {}
        self.items: list[DraftItem] = []
        self.shown: list[str] = []
        self.kept: list[Kept] = []
        self.arms = Arms()

    def draft(self, name: str, use: str, encoding: str) -> Draft:
        self.arms = find_arms(
            self.survey,
            self._values,
            lambda column: self.names.take(Guess(column, "arm")),
            with_data=self.table is not None,
        )
        self._from_data()
        for question in self.survey.questions:
            self._question(question)
        rows = self.table or Table(pd.DataFrame(), "", self.survey.file)
        profile = [one for one in self.guesses if one.role == "profile"]
        lines = [line for line in head(rows, name, use, encoding, self.guesses) if self.table or "sha256:" not in line]
        lines[0:1] = list(
            comment(
                f"Drafted by `surveyeval init task` from {self.survey.file}"
                f"{f' and {self.table.name}' if self.table else ''}. Look through everything."
            )
        )
        if self.table is None:
            place = next(number for number, line in enumerate(lines) if line.startswith("  use:"))
            lines[place:place] = list(
                review("no answers were given: put the export here, or draft again with --data", 2)
            )
        place = next(number for number, line in enumerate(lines) if line.startswith("  citation:"))
        lines[place + 1 : place + 1] = keep_lines(self.kept)
        if self.survey.title:
            lines += comment(f"The survey's own title: {' '.join(self.survey.title.split())}")
        known = list(profile_section(profile, self.columns))
        if self.kept and known[-1] == "profile: {}":
            known[-1] = "profile:"
        lines += [*known, *kept_profile(self.kept, [self.columns[one.column] for one in profile])]
        lines += list(arms_lines(self.arms, self._before())) if self.arms.sets else list(arms_section(self.guesses))
        lines += [
            *interview_section([one.guess for one in self.items]),
            *interview_lines(self.items, self.survey, self.arms, self.shown),
        ]
        lines += [*items_lines(self.items), *analysis_section(profile, self.columns), *left_out_section(self.guesses)]
        return Draft("\n".join(lines) + "\n", tuple(self.guesses))

    # ---- what the data say -----------------------------------------------------------------------------------------------

    def _from_data(self) -> None:
        """Identifier, weight, design and arms are columns of no question."""
        if self.table is None:
            return
        own = {column for question in self.survey.questions for column in columns_of(question)}
        stems = [one.name for one in self.survey.questions]
        arms = {one.column for one in self.arms.sets}
        if (ended := finished(self._counts("Finished"))) is not None:
            self.kept.append(ended)
            own.add(ended.column)
        kept = [str(one) for one in self.table.frame.columns if str(one) not in own | arms]
        for column in [one for one in kept if any(one.startswith(f"{arm}_") for arm in arms)]:
            kept.remove(column)
            self.guesses.append(Guess(column, "left out", reasons=("a column of the randomiser",)))
        unasked = {one.name: one.notes[-1] for one in self.survey.questions if one.kind == "other" and one.notes}
        for one in guess(replace(self.table, frame=self.table.frame[kept])):
            belongs = next((stem for stem in stems if one.column.startswith((f"{stem}_", f"{stem}["))), None)
            if belongs in unasked:
                one = Guess(one.column, "left out", reasons=(unasked[belongs],))
            elif belongs is not None and one.role != "left out":
                one = Guess(one.column, "left out", reasons=(f"belongs to {belongs}",))
            elif one.role == "item":
                one = Guess(one.column, "left out", reasons=("a column of no question in the survey file",))
            if one.role == "arm" and arms:
                one = Guess(one.column, "left out", reasons=("another column of conditions",))
            if one.role == "profile":
                self.columns[one.column] = self.names.take(one)
            self.guesses.append(one)
        for column, told in self.table.withheld.items():
            self.guesses.append(Guess(column, "left out", reasons=(f"it may tell who people are: {told}",)))

    def _counts(self, column: str) -> dict[str, int] | None:
        """How often each code of a column is there; None without data, or without the column."""
        if self.table is None or column not in self.table.frame.columns:
            return None
        counts = self.table.frame[column].dropna().map(str).value_counts()
        return {str(code): int(count) for code, count in counts.items()}

    def _values(self, column: str) -> set[str] | None:
        """Codes of a column; None without data, or without the column."""
        if self.table is None or column not in self.table.frame.columns:
            return None
        return set(self.table.frame[column].dropna().map(str))

    def _coded(self, choices: Sequence[Choice], columns: Sequence[str]) -> tuple[tuple[Choice, ...], list[str], bool]:
        """Options with the codes that the data have, codes that are no option, and whether somebody saw and did not answer."""
        values: set[str] = set().union(*(self._values(column) or set() for column in columns))
        skipped = _SEEN in values and all(one.code != _SEEN for one in choices)
        values -= {_SEEN} if skipped else set()
        known = {one.code for one in choices}
        words = {" ".join(one.label.split()) for one in choices}
        if values and not values <= known and len(values & words) > len(values & known):
            choices = tuple(replace(one, code=" ".join(one.label.split())) for one in choices)
            known = words
        return tuple(choices), sorted(values - known), skipped

    # ---- one question ----------------------------------------------------------------------------------------------------

    def _question(self, question: Question) -> None:
        if question.kind == "text":
            self.shown.append(question.text)
            return
        if question.kind == "other":
            self._leave_out(question, *(question.notes[-1:] or ("no question with response options",)))
            return
        asked = [one for one in columns_of(question) if self.table is None or one in self.table.frame.columns]
        if self.table is not None and not asked:
            self._leave_out(question, "the data have no column for it")
            return
        stay = stayed(self.survey, question)
        if question.kind == "single" and question.choices and len(stay) == 1:
            self._screening(question, stay)
            return
        if len(stay) < len(question.choices):
            gone = ", ".join(repr(one.label) for one in question.choices if one.key not in stay)
            said = f"who chose {gone} has left the survey here; take these people out of the data"
            question = replace(question, notes=(*question.notes, said))
        told = profile_field(question.name, question.text) if question.kind in ("single", "number") else None
        if told is not None:
            self._profile(question, told)
        elif question.kind == "multiple":
            self._multiple(question, asked)
        elif question.kind == "number":
            self._leave_out(question, "a number: an item needs points, a profile field a name")
        else:
            self._rated(question, asked)

    def _leave_out(self, question: Question, *reasons: str) -> None:
        self.guesses.append(Guess(question.name, "left out", reasons=reasons))

    def _screening(self, question: Question, stay: frozenset[str]) -> None:
        """A question after which only people with one answer go on: no item, since of them all have it."""
        choices, _, _ = self._coded(question.choices, [question.name])
        own = Guess(question.name, "left out", reasons=("who answered otherwise has left the survey; see keep",))
        name = self.names.take(own)
        code = next(one.code for one in choices if one.key in stay)
        counts = self._counts(question.name)
        gone = [one for one in choices if one.key not in stay]
        many = f"{sum(counts.get(one.code, 0) for one in gone)} people" if counts is not None else "who"
        why = f"{many} chose {' or '.join(repr(one.label) for one in gone)} at {question.name}, which ends the survey"
        labels = tuple((one.code, one.label) for one in choices)
        self.kept.append(Kept(name, question.name, code, labels, why))
        self.guesses.append(own)
        codes = {one.key: one.code for one in choices}
        self.subjects[question.key] = Subject("code", {"": name}, codes, tuple(codes.values()))

    def _options(self, choices: Sequence[Choice]) -> tuple[list[tuple[str, str]], dict[str, str]]:
        """Options, and codes that stand for no answer with their states."""
        missing = {one.code: state for one in choices if (state := missing_state(one.label)) is not None}
        options, seen = [], set()
        for one in choices:
            label = one.label if one.label.casefold() not in seen else f"{one.label} (code {one.code})"
            seen.add(label.casefold())
            if one.code not in missing:
                options.append((one.code, label))
        return options, missing

    def _profile(self, question: Question, told: str) -> None:
        column = question.name
        if question.kind == "number":
            values = sorted(
                float(value)
                for value in self._values(column) or ()
                if re.fullmatch(r"-?\d+(\.\d+)?", value) and value != _SEEN
            )
            example = f"{values[len(values) // 2]:.0f}" if values else "40"
            missing = {_SEEN: "missing"} if _SEEN in (self._values(column) or ()) else {}
            one = Guess(
                column, "profile", "numeric", missing=missing, name=told, example=example, reasons=question.notes
            )
        else:
            choices, unknown, skipped = self._coded(question.choices, [column])
            options, missing = self._options(choices)
            if len(options) < 2:
                self._leave_out(question, "one answer only")
                return
            missing |= {_SEEN: "missing"} if skipped else {}
            numeric = all(re.fullmatch(r"-?\d+(\.\d+)?", code) for code, _ in options)
            rank = numeric and len(options) > 2 and (told in ("age", "education", "income") or _scale(options) != "")
            reasons = [*question.notes, *([_unknown(unknown)] if unknown else [])]
            if not numeric and told in ("education", "income"):
                reasons.append("its codes are words, so that their order is lost: export numeric values to keep it")
            one = Guess(column, "profile", "ordinal" if rank else "nominal", tuple(options), missing, name=told,
                        reasons=tuple(reasons))  # fmt: skip
        self.guesses.append(one)
        self.columns[column] = name = self.names.take(one)
        kind = {"numeric": "number", "ordinal": "level", "nominal": "code"}[one.kind]
        coded, _, _ = self._coded(question.choices, [column])
        codes = {
            own.key: new.code for own, new in zip(question.choices, coded, strict=True) if new.code not in one.missing
        }
        self.subjects[question.key] = Subject(kind, {"": name}, codes, tuple(code for code, _ in one.options))

    def _rated(self, question: Question, asked: Sequence[str]) -> None:
        """A single question, or a battery with an item for each statement."""
        choices, unknown, skipped = self._coded(question.choices, asked)
        unknown = [] if question.points else unknown
        options, missing = self._options(choices)
        missing |= {_SEEN: "missing"} if skipped else {}
        if not question.points and len(options) < 2:
            self._leave_out(question, "one response option only")
            return
        scale = _scale(options)
        said = f"{question.name.replace('_', ' ')} {question.text}"
        kind = "numeric" if question.points else "binary" if len(options) == 2 else "ordinal" if scale else "nominal"
        role = role_of(said) if options else _open_role(said)
        one = Guess(question.name, "item", kind, tuple(options), missing, question.points, question.text, scale, item_role=role,
                    expected=options[0][0] if role == "attention" and options else None)  # fmt: skip
        rows, names = [], {}
        for row in question.rows:
            if row.column in asked:
                own = Guess(
                    row.column, "item", kind, one.options, missing, question.points, row.statement, item_role=role
                )
                names[row.key] = self.columns[row.column] = self.names.take(own)
                rows.append((names[row.key], row.column, row.statement))
                self.guesses.append(own)
        if question.kind == "single":
            names[""] = self.columns[question.name] = self.names.take(one)
            self.guesses.append(one)
        notes = [*question.notes, *([_unknown(unknown)] if unknown else [])]
        notes += [said] if kind == "binary" and (said := about_no(options)) else []
        if (absent := [row.column for row in question.rows if row.column not in asked]) and rows:
            notes.append(f"the data have no column {', '.join(absent)}")
        when, also = self._when(question.when)
        order = "random" if question.random and question.kind == "single" else ""
        pinned = frozenset(new.code for new in choices if new.pinned) if order else frozenset()
        name = names.get("") or ""
        self.items.append(
            DraftItem(question, one, name, tuple(rows), when, (*notes, *also), order=order, pinned=pinned)
        )
        codes = {
            own.key: new.code for own, new in zip(question.choices, choices, strict=True) if new.code not in missing
        }
        subject = "rank" if kind in ("ordinal", "numeric") else "code"
        self.subjects[question.key] = Subject(subject, names, codes, tuple(code for code, _ in options))

    def _multiple(self, question: Question, asked: Sequence[str]) -> None:
        """A check-all question: a column for each option, or all codes in one."""
        one_column = self.table is not None and asked == [question.name]
        kept, notes, columns = [], list(question.notes), set(asked)
        for own in question.choices:
            column = next((name for name in (own.column, f"{question.name}_{own.code}") if name in columns), own.column)
            if not _CODE.fullmatch(own.key):
                notes.append(f"option {own.label!r} has a code that no name can hold: it is left out")
            elif one_column or self.table is None or column in columns:
                kept.append((own.code if one_column else own.key, column, own.label))
            else:
                notes.append(f"the data have no column for the option {own.label!r}")
        ticked, values = question.ticked, set[str]()
        if self.table is not None and not one_column:
            values = set().union(*(self._values(column) or set() for _, column, _ in kept))
            if values <= {"1", "0", _SEEN}:
                ticked = ("1", "0")
            elif unknown := sorted(values - {*ticked, _SEEN}):
                notes.append(
                    f"ticked, and unticked, are the codes for yes and no; the data have {', '.join(unknown[:6])}"
                )
            if ticked[1] not in values:
                notes.append("the data have no code for an option that is not ticked; blank cells count as missing")
        if one_column and kept:
            parts = {part.strip() for value in self._values(question.name) or () for part in value.split(",")}
            if parts and not parts & {code for code, _, _ in kept}:
                self._leave_out(
                    question,
                    "its answers stand in one column as words, with commas between them; export numeric values, or split "
                    "multi-value fields into columns",
                )
                return
        alone = [one.label for one in question.choices if one.exclusive]
        if alone:
            notes.append(
                f"ticking {' or '.join(map(repr, alone))} took all other ticks away; here it is a yes or no like the others"
            )
        if not kept:
            self._leave_out(question, "no options")
            return
        missing = {_SEEN: "missing"} if _SEEN in values else {}
        one = Guess(
            question.name,
            "item",
            "multiple",
            missing=missing,
            question=question.text,
            item_role=_open_role(question.text),
        )
        name = self.columns[question.name] = self.names.take(one)
        self.guesses.append(one)
        when, also = self._when(question.when)
        self.items.append(
            DraftItem(question, one, name, tuple(kept), when, (*notes, *also), "," if one_column else "", ticked)
        )
        codes = {
            key: ticked[0] for key in (own.key for own in question.choices) if any(key == item[0] for item in kept)
        }
        names = {key: f"{name}_{key}" for key in codes}
        self.subjects[question.key] = Subject("ticked", names, codes, ticked)

    def _when(self, condition: Condition | None) -> tuple[str, list[str]]:
        """The rule for who is asked, or notes of what no rule says."""
        if condition is None:
            return "", []
        text, unknown = rule_of(condition, self.subjects, self.arms.rules)
        return text, [f"who is asked could not be taken over; write ask_if: {one}" for one in dict.fromkeys(unknown)]

    def _before(self) -> list[str]:
        """Items that stand before the assignment to arms."""
        keys = set(self.arms.sets[0].before)
        inside = (one for one in self.items if one.question.key in keys)
        return [name for one in inside for name in ([one.name] if one.name else [row[0] for row in one.columns])]


def _open_role(text: str) -> str:
    """The role of a check-all question or a slider, which has no answer that shows attention."""
    role = role_of(text)
    return role_of("") if role == "attention" else role


def _scale(options: Sequence[tuple[str, str]]) -> str:
    """Name of the scale that options make in the order shown; nothing where they make none."""
    labels = [label for _, label in options]
    known = ordered(labels)
    if known is not None:
        places = known[1]
        return known[0] if list(places) in (sorted(places), sorted(places, reverse=True)) else ""
    numbers = [float(label) for label in labels if re.fullmatch(r"-?\d+(\.\d+)?", label)]
    if len(labels) > 2 and len(numbers) == len(labels):
        return "numbers" if numbers in (sorted(numbers), sorted(numbers, reverse=True)) else ""
    return "rating" if len(labels) > 2 and rated(labels) else ""


def _unknown(codes: Sequence[str]) -> str:
    shown = ", ".join(repr(code[:40]) for code in codes[:8])
    return f"the data have codes that the survey file does not: {shown}{' and more' if len(codes) > 8 else ''}"
