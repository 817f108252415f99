"""Survey files of LimeSurvey (.lss): XML tables of groups, questions, subquestions and answers.

XML can name other files and grow without limit; a survey file needs neither, so a document type is refused before anything of it
is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.parsers import expat

from surveyeval.errors import DataError
from surveyeval.task.lss_relevance import Names, relevance
from surveyeval.task.questionnaire import Choice, Question, Questionnaire, Row, plain

__all__ = ["read_lss"]

_MOST_BYTES = 50_000_000
_DEEPEST = 40
_MOST_QUESTIONS = 20_000
_SINGLE, _MULTIPLE, _ARRAYS = ("L", "!", "O", "5", "Y", "G"), ("M", "P"), ("F", "H", "A", "B", "C", "E")
_FIVE = tuple((str(n), str(n)) for n in range(1, 6))
#: Answers that come with a type of question.
_FIXED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "5": _FIVE, "A": _FIVE, "B": tuple((str(n), str(n)) for n in range(1, 11)), "Y": (("Y", "Yes"), ("N", "No")),
    "G": (("F", "Female"), ("M", "Male")), "C": (("Y", "Yes"), ("U", "Uncertain"), ("N", "No")),
    "E": (("I", "Increase"), ("S", "Same"), ("D", "Decrease")),
}  # fmt: skip
_LEFT_OUT = {
    "S": "an open question", "T": "an open question", "U": "an open question", "Q": "several open questions", "D": "a date",
    "R": "a ranking", "K": "several numbers", ";": "a table of texts", ":": "a table of numbers", "1": "a table with two scales",
    "|": "an uploaded file", "I": "the choice of a language", "*": "a computed value",
}  # fmt: skip

Record = dict[str, str]


def read_lss(path: Path) -> Questionnaire:
    """Read a survey file of LimeSurvey.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Questionnaire
        In the survey's own language, where it has several.

    Raises
    ------
    DataError
        When the file cannot be read, has a document type, or is no survey of LimeSurvey.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError("there is no such survey file", file=str(path)) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=str(path)) from error
    if len(raw) > _MOST_BYTES:
        raise DataError(f"is larger than {_MOST_BYTES // 1_000_000} MB", file=str(path))
    tables = _Tables(path).read(raw)
    if not tables.get("questions"):
        raise DataError("is no survey file of LimeSurvey: it has no questions", file=str(path))
    if len(tables["questions"]) > _MOST_QUESTIONS:
        said = f"holds {len(tables['questions']):,} questions, at most {_MOST_QUESTIONS:,} are read"
        raise DataError(said, file=str(path))
    return _Survey(path.name, tables).questionnaire()


@dataclass(eq=False)
class _Tables:
    """Rows of the tables of a document, by table: ``document/TABLE/rows/row/FIELD``."""

    path: Path
    found: dict[str, list[Record]] = field(default_factory=dict)
    _stack: list[str] = field(default_factory=list)
    _text: list[str] = field(default_factory=list)

    def read(self, raw: bytes) -> dict[str, list[Record]]:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refused
        parser.EntityDeclHandler = self._refused
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text.append
        try:
            parser.Parse(raw, True)
        except expat.ExpatError as error:
            raise DataError(
                f"is no valid XML: {expat.ErrorString(error.code)}", file=str(self.path), line=error.lineno
            ) from error
        except (ValueError, LookupError) as error:  # an encoding of several bytes, or one that nobody knows
            raise DataError(
                f"its text cannot be read: {error}",
                file=str(self.path),
                hint="LimeSurvey writes UTF-8: export it again",
            ) from error
        return self.found

    def _refused(self, *_: object) -> None:
        raise DataError(
            "has a document type, which a survey file does not need: it is not read",
            file=str(self.path),
            hint="export the survey structure (.lss) from LimeSurvey again",
        )

    def _start(self, name: str, _: Mapping[str, str]) -> None:
        self._stack.append(name)
        if len(self._stack) > _DEEPEST:
            raise DataError("is nested too deeply for a survey file", file=str(self.path))
        if len(self._stack) == 4 and self._stack[2:] == ["rows", "row"]:
            self.found.setdefault(self._stack[1], []).append({})
        self._text.clear()

    def _end(self, name: str) -> None:
        if len(self._stack) == 5 and self._stack[2:4] == ["rows", "row"]:
            self.found[self._stack[1]][-1][name] = "".join(self._text).strip()
        self._stack.pop()
        self._text.clear()


class _Survey:
    def __init__(self, file: str, tables: Mapping[str, list[Record]]) -> None:
        self.file, self.tables = file, tables
        surveys = tables.get("surveys") or [{}]
        languages = [row.get("language", "") for row in tables["questions"]] or [""]
        self.language = surveys[0].get("language") or languages[0]
        self.questions = self._worded("questions", "question_l10ns", "qid")
        self.subquestions = self._worded("subquestions", "question_l10ns", "qid")
        self.answers = self._worded("answers", "answer_l10ns", "aid")
        self.attributes: dict[str, dict[str, str]] = {}
        for row in tables.get("question_attributes", []):
            self.attributes.setdefault(row.get("qid", ""), {})[row.get("attribute", "")] = row.get("value", "")

    def _worded(self, table: str, words: str, key: str) -> list[Record]:
        """Rows of one language; since version 4 the words stand in a table of their own."""
        rows = [row for row in self.tables.get(table, []) if row.get("language", self.language) in (self.language, "")]
        said = {row.get(key): row for row in self.tables.get(words, []) if row.get("language") == self.language}
        return [{**said.get(row.get(key), {}), **{name: text for name, text in row.items() if text}} for row in rows]

    def questionnaire(self) -> Questionnaire:
        groups = self._worded("groups", "group_l10ns", "gid")
        place = {row.get("gid"): _whole(row.get("group_order")) for row in groups}
        asked = [row for row in self.questions if row.get("parent_qid", "0") in ("", "0")]
        asked.sort(key=lambda row: (place.get(row.get("gid"), 0), _whole(row.get("question_order"))))
        made = [self._question(row) for row in asked]
        names = Names(tuple(made))
        rules = {row.get("gid"): row.get("grelevance", "") for row in groups}
        questions = []
        for row, question in zip(asked, made, strict=True):
            texts = [text for text in (rules.get(row.get("gid"), ""), row.get("relevance", "")) if text]
            questions.append(replace(question, when=relevance(texts, names)))
        titles = self.tables.get("surveys_languagesettings", [])
        title = next(
            (row.get("surveyls_title", "") for row in titles if row.get("surveyls_language") == self.language), ""
        )
        return Questionnaire(self.file, plain(title), tuple(questions), notes=tuple(self._notes(groups, asked)))

    def _notes(self, groups: Sequence[Record], asked: Sequence[Record]) -> Iterator[str]:
        for name in dict.fromkeys(row["randomization_group"] for row in groups if row.get("randomization_group")):
            yield f"the order of the groups of questions in {name!r} was random"
        mixed: dict[str, list[str]] = {}
        for row in asked:
            name = self.attributes.get(row.get("qid", ""), {}).get("random_group", "")
            if name:
                mixed.setdefault(name, []).append(row.get("title", ""))
        for name, titles in mixed.items():
            yield f"questions that changed places at random ({name}): {', '.join(titles)}; interview.shuffled can say so"

    def _question(self, row: Record) -> Question:
        qid, kind, name = row.get("qid", ""), row.get("type", ""), row.get("title", "")
        own = self.attributes.get(qid, {})
        random = own.get("random_order", "0") not in ("", "0") or own.get("answer_order") == "random"
        text = plain(row.get("question"))
        notes = ("text that depends on the person: { }",) if "{" in text else ()
        base = Question(qid, name, text, "other", random=random, notes=notes)
        below = sorted(
            (one for one in self.subquestions if one.get("parent_qid") == qid), key=lambda one: _whole(one.get("question_order"))
        )  # fmt: skip
        if kind == "X":
            return replace(base, kind="text")
        if kind in _SINGLE:
            other = ("an answer `other` was offered as well: its code is -oth-",) if row.get("other") == "Y" else ()
            return replace(base, kind="single", choices=self._choices(qid, kind), notes=(*notes, *other))
        if kind in _MULTIPLE:
            choices = tuple(
                Choice(
                    one.get("title", ""),
                    one.get("title", ""),
                    plain(one.get("question")),
                    f"{name}[{one.get('title', '')}]",
                )
                for one in below
            )
            return replace(base, kind="multiple", choices=choices, ticked=("Y", "N"))
        if kind in _ARRAYS:
            rows = tuple(
                Row(one.get("title", ""), f"{name}[{one.get('title', '')}]", plain(one.get("question")))
                for one in below
            )
            return replace(base, kind="battery", rows=rows, choices=self._choices(qid, kind), random=False)
        if kind == "N":
            return replace(base, kind="number")
        return replace(base, notes=(*notes, _LEFT_OUT.get(kind, f"a question of type {kind!r}")))

    def _choices(self, qid: str, kind: str) -> tuple[Choice, ...]:
        if kind in _FIXED:
            return tuple(Choice(code, code, label) for code, label in _FIXED[kind])
        rows = [row for row in self.answers if row.get("qid") == qid and row.get("scale_id", "0") in ("", "0")]
        rows.sort(key=lambda row: _whole(row.get("sortorder")))
        return tuple(Choice(row.get("code", ""), row.get("code", ""), plain(row.get("answer"))) for row in rows)


def _whole(text: str | None) -> int:
    return int(text) if text and re.fullmatch(r"-?[0-9]{1,18}", text) else 0
