"""Task files from survey files of Qualtrics and LimeSurvey, made by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval.data.sample import State
from surveyeval.errors import ConfigError, DataError
from surveyeval.task.check import check_file
from surveyeval.task.human import load_human
from surveyeval.task.init import init_task
from surveyeval.task.load import load_task
from surveyeval.task.lss import read_lss
from surveyeval.task.lss_relevance import Names, relevance
from surveyeval.task.placeholders import MARK
from surveyeval.task.qsf import read_qsf
from surveyeval.task.qsf_logic import display_logic
from surveyeval.task.questionnaire import Choice, Combined, Comparison, Question, Unknown, plain
from surveyeval.task.task import Task

MADE = Path(__file__).parents[1] / "data" / "platforms"


def drafted(folder: Path, survey: str, data: str | None) -> tuple[Task, str]:
    made = init_task("made", MADE / survey, data=None if data is None else MADE / data, output=folder)
    count = iter(range(1000))
    text = re.sub(rf'"{MARK}(?:\\.|[^"\\])*"', lambda _: f'"written {next(count)}"', made.file.read_text())
    made.file.write_text(text)
    assert check_file(made.file) == []
    return load_task(made.file), text


@pytest.mark.parametrize("data", ["travel.csv", "travel-words.csv", None])
def test_a_qsf_becomes_a_task(data: str | None, tmp_path: Path) -> None:
    task, text = drafted(tmp_path / "made", "travel.qsf", data)
    assert [item.name for item in task.items] == [
        "Car", "CarUse", "Trust_1", "Trust_2", "Trust_3", "Modes_1", "Modes_2", "Modes_3", "BusWhy", "Party", "Strength",
        "Tolls", "Share_1", "Bus1", "Bus2",
    ]  # fmt: skip
    assert list(task.profile) == ["age", "gender"]
    words = data == "travel-words.csv"
    assert task.item("Car").codes == (("Yes", "No") if words else ("1", "0"))  # recoded in the survey file
    use = task.item("CarUse")
    assert (use.kind, use.labels) == ("ordinal", ("Never", "Sometimes", "Often", "Always"))  # in the order shown
    assert use.spec.ask_if == f'Car == "{"Yes" if words else "1"}"'
    assert task.item("Trust_2").words == "How much do you trust each of these? Please answer for all. The railways"
    assert task.item("Modes_2").spec.part_of == "Modes"
    assert task.item("BusWhy").spec.ask_if == f'Modes_2 == "1" and Car != "{"Yes" if words else "1"}"'
    party = task.item("Party")
    assert (party.kind, party.spec.order, [one.pinned for one in party.options]) == (
        "nominal",
        "random",
        [False, False, False, True],
    )
    none = "None of these" if words else "4"
    assert task.item("Strength").spec.ask_if == f'Party != "{none}"'  # jumped over by skip logic
    assert task.item("Tolls").spec.ask_if == "age >= 21"
    assert task.item("Tolls").spec.wording == "paraphrased"  # of piped text
    assert task.item("Car").spec.wording == "verbatim"
    assert task.item("Share_1").kind == "numeric"
    assert task.spec.interview.shuffled == [["Bus1", "Bus2"]]
    assert [(arm.key, arm.vignette) for arm in task.arms] == [
        ("illness", "A newspaper writes: traffic makes people ill."), ("weather", "A newspaper writes: the weather was fine."),
    ]  # fmt: skip
    assert "piped text: ${e://Field/price}" in text
    assert "left out: Old" in text  # in the trash
    assert "#   Comments: an open question" in text
    assert "Welcome to our survey on getting around." in text
    if data is not None:
        people = load_human(task)
        assert people.sample.n == 40
        asked = people.sample.states["CarUse"] == State.ANSWERED
        owns = people.sample.answers["Car"] == 0
        assert np.array_equal(asked, owns)
        assert (people.sample.states["CarUse"][~owns] == State.NOT_ASKED).all()
        assert any("IPAddress" in str(note) for note in people.notes) == (people.table.withheld != {})


def test_the_copy_of_the_data_holds_nothing_that_tells_who_people_are(tmp_path: Path) -> None:
    made = init_task("made", MADE / "travel.qsf", data=MADE / "travel.csv", output=tmp_path / "made")
    assert made.copied is not None
    content = made.copied.read_text()
    assert "192.0.2." not in content
    assert "example.org" not in content
    assert any("IPAddress" in note and "PROLIFIC_PID" in note for note in made.notes)
    import hashlib

    assert hashlib.sha256(made.copied.read_bytes()).hexdigest() in made.file.read_text()


def test_data_of_another_survey_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "bicycles.csv"
    other.write_text("Bicycle,Helmet\n1,2\n2,1\n")
    with pytest.raises(DataError, match=r"no question of travel\.qsf has a column in bicycles\.csv") as caught:
        init_task("bad", MADE / "travel.qsf", data=other, output=tmp_path / "bad")
    assert "its columns are Bicycle, Helmet" in str(caught.value)
    assert not (tmp_path / "bad").exists()


@pytest.mark.parametrize(("kept", "said"), [(["Car", "CarUse"], True), (None, False)])
def test_data_that_lack_most_questions_are_said_to(kept: list[str] | None, said: bool, tmp_path: Path) -> None:
    names = {one.name for one in read_qsf(MADE / "travel.qsf").questions if one.kind not in ("text", "other")}
    some = tmp_path / "some.csv"
    some.write_text("Car,CarUse,Note\n1,2,x\n1,1,y\n")
    data = some if kept else MADE / "travel.csv"
    notes = init_task("made", MADE / "travel.qsf", data=data, output=tmp_path / "made").notes
    found = [one for one in notes if "have no column" in one]
    assert len(found) == said
    if kept:
        assert (
            f"{len(names) - len(kept)} of {len(names)} questions of travel.qsf have no column in some.csv" in found[0]
        )
        assert set(found[0].rpartition(": ")[2].split(", ")) == names - set(kept)


def test_a_task_that_names_a_withheld_column_is_told_why(tmp_path: Path) -> None:
    _, text = drafted(tmp_path / "made", "travel.qsf", "travel.csv")
    (tmp_path / "made" / "travel.csv").write_bytes((MADE / "travel.csv").read_bytes())
    Path(tmp_path / "made" / "task.yaml").write_text(text.replace('id: "ResponseId"', "id: PROLIFIC_PID"))
    with pytest.raises(DataError, match=r"'PROLIFIC_PID' of travel\.csv is not read: identifier of a panel"):
        load_human(load_task(tmp_path / "made" / "task.yaml"))


def test_a_limesurvey_file_becomes_a_task(tmp_path: Path) -> None:
    task, text = drafted(tmp_path / "made", "bicycles.lss", "bicycles.csv")
    assert task.item("owner").labels == ("Yes", "No")  # by sort order, not as they stand in the file
    assert task.item("often").spec.ask_if == 'owner == "A1"'
    assert task.item("repairs_R1").spec.ask_if == 'owner == "A1" and age >= 18'
    assert task.item("helmet").spec.ask_if == '(repairs_R2 == "Y" or not (owner != "A1"))'
    assert task.item("rate").spec.ask_if is None
    assert "write ask_if: is_empty(owner)" in text
    assert task.item("agree_s1").spec.column == "agree[S1]"
    assert task.profile["gender"].labels == {"F": "Female", "M": "Male"}
    people = load_human(task).sample
    assert people.n == 30
    assert (people.states["repairs_R1"] == State.ANSWERED).any()


LAUGHS = """<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<document><questions><rows><row><qid>&b;</qid></row></rows></questions></document>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>
<document><questions><rows><row><qid>&x;</qid></row></rows></questions></document>"""


@pytest.mark.parametrize("text", [LAUGHS, OUTSIDE, LAUGHS.replace('<?xml version="1.0"?>', "")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_with_a_document_type_is_not_read(text: str, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "evil.lss").write_bytes(text.encode(encoding))
    with pytest.raises(DataError, match="has a document type"):
        read_lss(tmp_path / "evil.lss")


def test_broken_survey_files_are_errors_with_their_names(tmp_path: Path) -> None:
    for name, content, match in (
        ("a.qsf", "{", "is no JSON"),
        ("b.qsf", "[]", "no SurveyElements"),
        ("c.qsf", '{"SurveyElements": [1, {"Element": "SQ"}]}', "holds no questions"),
        ("d.qsf", "[" * 100_000, "is no JSON"),
        ("a.lss", "<document>", "is no valid XML"),
        ("b.lss", "<document/>", "it has no questions"),
        ("c.lss", "<a>" * 60, "nested too deeply"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(DataError, match=match) as caught:
            init_task("made", tmp_path / name, output=tmp_path / "made")
        assert name in str(caught.value)
    with pytest.raises(DataError, match="there is no such survey file"):
        init_task("made", tmp_path / "absent.qsf", output=tmp_path / "made")
    with pytest.raises(ConfigError, match="--data goes with a survey file"):
        init_task("made", MADE / "travel.csv", data=MADE / "travel.csv", output=tmp_path / "made")


JUNK: tuple[Any, ...] = (None, 1, "x", [], {}, [1], {"a": 1}, [None], {"1": None}, True, -1.5, "\ud800")


def test_whatever_a_part_of_a_qsf_holds_reading_ends_in_a_questionnaire_or_an_error(tmp_path: Path) -> None:
    content = json.loads((MADE / "travel.qsf").read_text())
    rng = np.random.default_rng(0)

    def spoil(value: Any, share: float) -> Any:
        if rng.random() < share:
            return JUNK[rng.integers(len(JUNK))]
        if isinstance(value, dict):
            return {key: spoil(one, share) for key, one in value.items()}
        return [spoil(one, share) for one in value] if isinstance(value, list) else value

    read = 0
    for number in range(150):
        spoiled = {"SurveyElements": [spoil(one, 0.02) for one in content["SurveyElements"]]}
        folder = tmp_path / str(number)
        (tmp_path / "spoiled.qsf").write_text(json.dumps(spoiled))
        try:
            made = init_task("made", tmp_path / "spoiled.qsf", data=MADE / "travel.csv", output=folder)
        except DataError:
            continue
        if made.draft.count("item") == 0:
            continue  # there is nothing to ask; the file says so
        read += 1
        text = made.file.read_text()
        assert {problem.message for problem in check_file(made.file)} <= {"is not filled in yet"}, text
    assert read > 100


def selected(choice: str, conjunction: str | None = None) -> dict[str, str]:
    found = {"LogicType": "Question", "QuestionID": "QID1", "Operator": "Selected", "Type": "Expression",
             "ChoiceLocator": f"q://QID1/SelectableChoice/{choice}"}  # fmt: skip
    return found | ({"Conjuction": conjunction} if conjunction else {})


def test_display_logic_joins_groups_and_expressions() -> None:
    one, two, three = (Comparison("QID1", "==", choice=choice) for choice in "123")
    logic = {
        "0": {"0": selected("1"), "1": selected("2", "Or"), "Type": "If"},
        "1": {"0": selected("3"), "Type": "AndIf"},
    }
    assert display_logic(logic) == Combined("and", (Combined("or", (one, two)), three))
    quota = {"LogicType": "Quota", "Description": "<b>If</b> quota is met", "Operator": "QuotaMet"}
    assert display_logic({"0": {"0": quota, "Type": "If"}}) == Unknown("If quota is met")
    assert display_logic(None) is None


def test_relevance_equations() -> None:
    names = Names((
        Question("1", "q", "", "single", (Choice("A1", "A1", "a"),)), Question("2", "n", "", "number"),
        Question("3", "m", "", "multiple", (Choice("X", "X", "x"),)),
    ))  # fmt: skip
    q, n = Comparison("1", "==", choice="A1"), Comparison("2", ">", number=3.0)
    assert relevance(['q == "A1" && n.NAOK > 3'], names) == Combined("and", (q, n))
    assert relevance(["q eq 'A1' or not (n > 3)"], names) == Combined("or", (q, Combined("not", (n,))))
    assert relevance(['m_X.NAOK != "Y"'], names) == Comparison("3", "!=", choice="X")
    assert relevance(['m_X == ""'], names) == Comparison("3", "!=", choice="X")
    for text in (
        'q > "A1"',
        "count(q)",
        "q ==",
        "(q == 'A1'",
        "q.question == 'x'",
        "other == 1",
        "(" * 500,
        "q == 'A1' q",
    ):
        assert relevance([text], names) == Unknown(text)


def test_the_words_of_markup() -> None:
    assert plain("<div>A &amp; B<style>p{}</style></div><br/>C<script>x</script>") == "A & B C"
    assert plain("1 < 2") == "1 < 2"
    assert plain(read_qsf(MADE / "travel.qsf").title) == "Getting around"
