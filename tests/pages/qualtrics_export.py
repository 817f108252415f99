"""Responses to the survey of `tests.pages.qualtrics_survey`, as Qualtrics exports them, from the answers of voters of 1996.

``python -m tests.pages.qualtrics_export FOLDER`` writes the survey and the responses, with numeric values and with choice text.

Age, school, days with news, party, the places and the vote are answers of people: the extract of the American National Election
Study 1996 in statsmodels. Everything else is made up, the texts that people are said to have read too: nobody read one.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.pages.qualtrics_survey import LADDER, SCHOOL, SOURCES, TEXTS, survey

__all__ = ["responses", "write"]

PEOPLE, _PREVIEWS, _REFUSED, _UNFINISHED = 250, 3, 4, 9
_META = (
    ("StartDate", "Start Date", "startDate"), ("EndDate", "End Date", "endDate"), ("Status", "Response Type", "status"),
    ("IPAddress", "IP Address", "ipAddress"), ("Progress", "Progress", "progress"),
    ("Duration (in seconds)", "Duration (in seconds)", "duration"), ("Finished", "Finished", "finished"),
    ("RecordedDate", "Recorded Date", "recordedDate"), ("ResponseId", "Response ID", "_recordId"),
    ("RecipientLastName", "Recipient Last Name", "recipientLastName"),
    ("RecipientFirstName", "Recipient First Name", "recipientFirstName"), ("RecipientEmail", "Recipient Email", "recipientEmail"),
    ("ExternalReference", "External Data Reference", "externalDataReference"),
    ("LocationLatitude", "Location Latitude", "locationLatitude"), ("LocationLongitude", "Location Longitude", "locationLongitude"),
    ("DistributionChannel", "Distribution Channel", "distributionChannel"), ("UserLanguage", "User Language", "userLanguage"),
)  # fmt: skip
_PARTS = (
    ("First Click", "FIRST_CLICK"),
    ("Last Click", "LAST_CLICK"),
    ("Page Submit", "PAGE_SUBMIT"),
    ("Click Count", "CLICK_COUNT"),
)
_LADDER_TEXT = (
    "We hear a lot of talk these days about liberals and conservatives.\nWhere would you place each of these? - "
)
#: Blank where a person did not get so far.
Row = dict[str, str]


def _columns() -> list[tuple[str, str, dict[str, str]]]:
    """Name, text and identifier of each column."""
    found = []
    for name, text, key in _META:
        zone = {"timeZone": "America/Denver"} if key.endswith("Date") else {}
        found.append((name, text, {"ImportId": key, **zone}))
    said = {
        one["QuestionID"]: one for one in (e["Payload"] for e in survey()["SurveyElements"] if e["Element"] == "SQ")
    }

    def add(name: str, text: str, key: str) -> None:
        found.append((name, text, {"ImportId": key}))

    for number in (1, 2, 3):
        add(
            said[f"QID{number}"]["DataExportTag"],
            said[f"QID{number}"]["QuestionText"],
            f"QID{number}{'_TEXT' if number == 2 else ''}",
        )
    add("tvnews_1", f"{said['QID4']['QuestionText']} - days", "QID4_1")
    for number in (5, 6, 7):
        add(said[f"QID{number}"]["DataExportTag"], said[f"QID{number}"]["QuestionText"], f"QID{number}")
    add("sources", "Where did you get news about the campaign? Select all that apply.", "QID8")
    for number, tag in ((10, "time_economy"), (12, "time_character")):
        for part, key in _PARTS:
            add(f"{tag}_{part}", f"Timing - {part}", f"QID{number}_{key}")
    for place, who in enumerate(("Yourself", "Bill Clinton", "Bob Dole"), 1):
        add(f"place_{place}", _LADDER_TEXT + who, f"QID13_{place}")
    add("vote", said["QID14"]["QuestionText"], "QID14")
    add("comment", said["QID15"]["QuestionText"], "QID15_TEXT")
    add("PROLIFIC_PID", "PROLIFIC_PID", "PROLIFIC_PID")
    add("FL_7_DO", "FL_7 - Block Randomizer - Display Order", "FL_7_DO")
    return found


def responses(*, words: bool) -> str:
    """The text of an export.

    Parameters
    ----------
    words : bool
        Choice text instead of numeric values.
    """
    columns = _columns()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([name for name, _, _ in columns])
    writer.writerow([said for _, said, _ in columns])
    writer.writerow([json.dumps(key, separators=(",", ":")) for _, _, key in columns])
    for row in _rows(words=words):
        writer.writerow([row.get(name, "") for name, _, _ in columns])
    return text.getvalue()


def _rows(*, words: bool) -> list[Row]:
    import statsmodels.api as sm

    drawn = sm.datasets.anes96.load_pandas().data.sample(PEOPLE + _UNFINISHED, random_state=96).astype(int)
    rng = np.random.default_rng(96)
    kinds = ["preview"] * _PREVIEWS + ["person"] * PEOPLE + ["refused"] * _REFUSED + ["unfinished"] * _UNFINISHED
    order = [*range(_PREVIEWS), *(_PREVIEWS + rng.permutation(len(kinds) - _PREVIEWS))]
    people = iter(drawn.to_dict("records"))
    return [_row(number, kinds[place], people, rng, words=words) for number, place in enumerate(order)]


def _row(number: int, kind: str, people: Any, rng: np.random.Generator, *, words: bool) -> Row:
    def said(code: int, labels: tuple[str, ...], codes: tuple[int, ...] | None = None) -> str:
        """A numeric value, or the words of the option."""
        return labels[(codes or range(1, len(labels) + 1)).index(code)] if words else str(code)

    seconds = int(rng.integers(120, 900))
    done = kind != "unfinished"
    day, minute = 3 + number // 100, number % 60
    row = {
        "StartDate": f"2024-05-{day:02} 10:{minute:02}:00", "EndDate": f"2024-05-{day:02} 10:{minute:02}:59",
        "Status": ("Survey Preview" if words else "1") if kind == "preview" else ("IP Address" if words else "0"),
        "IPAddress": f"192.0.2.{number % 250}", "Progress": "100" if done else "57", "Duration (in seconds)": str(seconds),
        "Finished": ("True" if words else "1") if done else ("False" if words else "0"),
        "RecordedDate": f"2024-05-{day + (0 if done else 7):02} 11:{minute:02}:01", "ResponseId": f"R_made{number:011}",
        "LocationLatitude": "39.7", "LocationLongitude": "-104.9", "DistributionChannel": "preview" if kind == "preview" else "anonymous",
        "UserLanguage": "EN", "consent": said(2 if kind == "refused" else 1, ("I agree", "I do not agree")),
        "PROLIFIC_PID": "" if kind == "preview" else f"5f00000000000000{number:08}",
    }  # fmt: skip
    if kind == "refused":
        return row
    draws = rng.random(4)
    reads = list(TEXTS)[int(rng.random() < 0.5)]
    person = (
        next(people)
        if kind != "preview"
        else {"age": 99, "educ": 1, "TVnews": 0, "PID": 3, "selfLR": 4, "ClinLR": 4, "DoleLR": 4, "vote": 0}
    )
    party = 2 if person["PID"] < 2 else 1 if person["PID"] > 4 else 3
    row |= {
        "age": str(person["age"]), "educ": said(person["educ"], SCHOOL), "tvnews_1": str(person["TVnews"]),
        "party": said(party, ("Republican", "Democrat", "Independent")),
    }  # fmt: skip
    if party < 3:
        row["strength"] = said(1 if person["PID"] in (0, 6) else 2, ("Strong", "Not very strong"))
    else:
        row["lean"] = said({2: 2, 3: 9, 4: 1}[person["PID"]], ("Republican", "Democrat", "Neither"), (1, 2, 9))
    ticked = [place for place, yes in ((1, person["TVnews"] > 0), (2, draws[0] < 0.5), (3, draws[1] < 0.3)) if yes] or [
        4
    ]
    row["sources"] = ",".join(said(place, SOURCES) for place in ticked)
    tag = "time_economy" if reads == "Economy text" else "time_character"
    row |= {
        f"{tag}_{part}": value
        for (part, _), value in zip(_PARTS, ("0", "0", f"{5 + 20 * draws[2]:.3f}", "0"), strict=True)
    }
    row["FL_7_DO"] = reads.replace(" ", "")
    if kind == "unfinished":
        return row
    places = {f"place_{at}": said(person[name], LADDER) for at, name in enumerate(("selfLR", "ClinLR", "DoleLR"), 1)}
    comment = "Thanks,\nthat was short." if draws[3] < 0.03 else ""
    return row | places | {"vote": said(person["vote"], ("Bill Clinton", "Bob Dole"), (0, 1)), "comment": comment}


def write(folder: Path) -> None:
    """Write ``candidates.qsf``, ``candidates.csv`` (numeric values) and ``candidates-text.csv`` (choice text)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "candidates.qsf").write_text(json.dumps(survey(), separators=(",", ":")) + "\n", encoding="utf-8")
    (folder / "candidates.csv").write_text(responses(words=False), encoding="utf-8")
    (folder / "candidates-text.csv").write_text(responses(words=True), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
