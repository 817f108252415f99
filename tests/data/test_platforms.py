"""Exports of survey platforms, on files made by hand: who is left out, what tells who people are, and what is ticked."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from surveyeval.data.identifying import identifying
from surveyeval.data.readers import read_table, without_identifying
from surveyeval.errors import DataError

MADE = Path(__file__).parent / "platforms"
PERSONAL = {
    "IPAddress", "RecipientLastName", "RecipientFirstName", "RecipientEmail", "ExternalReference", "LocationLatitude",
    "LocationLongitude", "PROLIFIC_PID",
}  # fmt: skip


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        return list(csv.reader(stream))


def test_a_qualtrics_export_is_known_by_its_third_row_and_previews_are_no_people() -> None:
    written = rows_of(MADE / "travel.csv")
    status = written[0].index("Status")
    people = [row for row in written[3:] if row[status] == "0"]
    table = read_table(MADE / "travel.csv")
    assert len(table.frame) == len(people) < len(written) - 3
    assert list(table.frame["ResponseId"]) == [row[written[0].index("ResponseId")] for row in people]
    assert table.questions["Car"] == "Do you own a car?"
    assert table.questions["Trust_1"] == "How much do you trust each of these? Please answer for all. - The police"
    assert "Duration (in seconds)" not in table.questions  # no question
    lines = (MADE / "travel.csv").read_text().splitlines()
    first = next(number for number, line in enumerate(lines, start=1) if "R_made0002" in line)
    assert first > 5  # cells of the heads have line breaks
    assert table.line(0) == first


def test_columns_that_tell_who_people_are_stay_out_and_are_named() -> None:
    table = read_table(MADE / "travel.csv")
    assert set(table.withheld) == PERSONAL
    assert not PERSONAL & set(table.frame.columns)
    raw = (MADE / "travel.csv").read_bytes()
    cleaned = without_identifying(raw, MADE / "travel.csv")
    assert cleaned is not None
    for text in (b"192.0.2.", b"@example.org", b"Lastname", b"5f00000000"):
        assert text in raw
        assert text not in cleaned


def test_a_cleaned_export_reads_as_the_export_did(tmp_path: Path) -> None:
    cleaned = without_identifying((MADE / "travel.csv").read_bytes(), MADE / "travel.csv")
    assert cleaned is not None
    (tmp_path / "cleaned.csv").write_bytes(cleaned)
    before, after = read_table(MADE / "travel.csv"), read_table(tmp_path / "cleaned.csv")
    pd.testing.assert_frame_equal(before.frame, after.frame)
    assert after.withheld == {}
    assert without_identifying(cleaned, tmp_path / "cleaned.csv") is None
    assert without_identifying(b"email,q\na@example.org,1\n", Path("plain.csv")) is None  # no export: nobody's guess


@pytest.mark.parametrize("name", ["travel.csv", "travel-words.csv"])
def test_an_option_that_is_not_ticked_is_a_no_of_who_ticked_another(name: str) -> None:
    written = rows_of(MADE / name)
    columns = [written[0].index(f"Modes_{number}") for number in (1, 2, 3)]
    table = read_table(MADE / name)
    by_id = {row[written[0].index("ResponseId")]: [row[place] for place in columns] for row in written[3:]}
    none = 0
    for row in table.frame.to_dict("records"):
        cells = by_id[row["ResponseId"]]
        none += not any(cells)
        expected = [("1" if cell else "0") if any(cells) else None for cell in cells]
        assert [row[f"Modes_{number}"] for number in (1, 2, 3)] == expected
    assert none  # who ticked nothing was perhaps not asked
    # a battery has blanks too, and is not touched
    assert table.frame["CarUse"].isna().any()


def export(path: Path, columns: dict[str, tuple[str, dict[str, str]]], rows: list[list[str]]) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerow([text for text, _ in columns.values()])
        writer.writerow([json.dumps(about) for _, about in columns.values()])
        writer.writerows(rows)
    return path


def test_a_battery_of_few_answers_is_no_check_all_question(tmp_path: Path) -> None:
    columns = {f"Q1_{n}": (f"Trust - row {n}", {"ImportId": f"QID1_{n}"}) for n in (1, 2)}
    made = export(tmp_path / "few.csv", columns, [["1", ""], ["", "1"], ["1", "1"]])
    assert read_table(made).frame["Q1_1"].tolist() == ["1", None, "1"]
    stated = {name: (text, {"ImportId": "QID1", "choiceId": name[-1]}) for name, (text, _) in columns.items()}
    made = export(tmp_path / "stated.csv", stated, [["1", ""], ["", "1"], ["", ""]])
    assert read_table(made).frame["Q1_1"].tolist() == ["1", "0", None]


def test_what_is_no_export_stays_a_table(tmp_path: Path) -> None:
    (tmp_path / "json.csv").write_text('a,b\nx,y\n"{""ImportId"": ""QID1""}",z\n')
    assert len(read_table(tmp_path / "json.csv").frame) == 2
    export(tmp_path / "none.csv", {"a": ("A", {"ImportId": "QID1"})}, [])
    with pytest.raises(DataError, match="without responses"):
        read_table(tmp_path / "none.csv")


def test_limesurvey_columns_before_the_answers_are_known() -> None:
    written = rows_of(MADE / "bicycles.csv")
    table = read_table(MADE / "bicycles.csv")
    assert set(table.withheld) == {"token", "ipaddr", "refurl"}
    assert len(table.frame) == len(written) - 1
    place = {name: written[0].index(name) for name in written[0]}
    for row, cells in zip(table.frame.to_dict("records"), written[1:], strict=True):
        ticks = [cells[place[f"repairs[R{n}]"]] for n in (1, 2, 3)]
        expected = [("Y" if tick else "N") if any(ticks) else None for tick in ticks]
        assert [row[f"repairs[R{n}]"] for n in (1, 2, 3)] == expected
    assert any("did not finish" in note for note in table.notes)


def test_names_of_platforms() -> None:
    assert identifying(["workerId"]) == identifying(["WORKER_ID"]) is not None
    assert identifying(["Q12", "recipientEmail"]) == "e-mail address"
    assert identifying(["ResponseId", "_recordId"]) is None
