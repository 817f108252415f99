"""A survey file as Qualtrics exports it, of a survey that was never fielded: what voters of 1996 were asked, put into today's frame.

The questions are those of the National Election Study in other words; consent, news sources, and the two texts are made up.
The layout follows public survey files: blocks as a list, two identifiers of a block in the flow, ``Conjuction`` so spelled.
"""

from __future__ import annotations

from typing import Any

__all__ = ["LADDER", "SCHOOL", "SOURCES", "TEXTS", "survey"]

_ID = "SV_0made4docs96Vote"
SCHOOL = ("8 grades or less", "some high school", "high school diploma", "some college", "junior college degree", "bachelor's degree", "advanced degree")  # fmt: skip
LADDER = ("Extremely liberal", "Liberal", "Slightly liberal", "Moderate", "Slightly conservative", "Conservative", "Extremely conservative")  # fmt: skip
SOURCES = ("Television", "Newspapers, in print", "Radio", "None of these")
#: Name of a block -> what its people read.
TEXTS = {
    "Economy text": "Please read this note.<br><br>Unemployment has fallen to 5.2 percent, and <b>prices</b> rise slowly.",
    "Character text": "Please read this note.<br><br>Some papers ask how far the candidates&#39; <b>word</b> can be relied upon.",
}


def survey() -> dict[str, Any]:
    """The content of the survey file."""
    questions = _questions()
    elements = [
        _element("BL", "Survey Blocks", None, _blocks()),
        _element("FL", "Survey Flow", None, _flow()),
        _element("PL", "Preview Link", None, {"PreviewType": "Brand", "PreviewID": "00000000-0000-0000-0000-000000000000"}),
        _element("SO", "Survey Options", None, {"BackButton": "false", "SaveAndContinue": "true", "SurveyProtection": "PublicSurvey",
            "BallotBoxStuffingPrevention": "false", "NoIndex": "Yes", "SurveyExpiration": "None", "SurveyTermination": "DefaultMessage",
            "Header": "", "Footer": "", "ProgressBarDisplay": "Text", "PartialData": "+1 week", "Skin": {"brandingId": None}}),
        _element("SCO", "Scoring", None, {"ScoringCategories": [], "ScoringCategoryGroups": [], "DefaultScoringCategory": None}),
        _element("PROJ", "CORE", None, {"ProjectCategory": "CORE", "SchemaVersion": "1.1.0"}) | {"TertiaryAttribute": "1.1.0"},
        _element("STAT", "Survey Statistics", None, {"MobileCompatible": True, "ID": "Survey Statistics"}),
        _element("QC", "Survey Question Count", str(len(questions)), None),
        _element("RS", "RS_0made4docs96Vote", "Default Response Set", None),
        *(_element("SQ", one["QuestionID"], one["QuestionDescription"], one) for one in questions),
    ]  # fmt: skip
    entry = {
        "SurveyID": _ID, "SurveyName": "Candidates 1996", "SurveyDescription": None, "SurveyOwnerID": "UR_0made4docs96Vote",
        "SurveyBrandID": "made", "DivisionID": None, "SurveyLanguage": "EN", "SurveyActiveResponseSet": "RS_0made4docs96Vote",
        "SurveyStatus": "Inactive", "SurveyStartDate": "0000-00-00 00:00:00", "SurveyExpirationDate": "0000-00-00 00:00:00",
        "SurveyCreationDate": "2024-04-22 09:12:40", "CreatorID": "UR_0made4docs96Vote", "LastModified": "2024-05-02 16:40:11",
        "LastAccessed": "0000-00-00 00:00:00", "LastActivated": "2024-05-03 07:55:02", "Deleted": None,
    }  # fmt: skip
    return {"SurveyEntry": entry, "SurveyElements": elements}


def _element(kind: str, first: str, second: str | None, payload: object) -> dict[str, Any]:
    return {
        "SurveyID": _ID, "Element": kind, "PrimaryAttribute": first, "SecondaryAttribute": second, "TertiaryAttribute": None,
        "Payload": payload,
    }  # fmt: skip


def _question(number: int, tag: str, text: str, kind: str, selector: str, **more: object) -> dict[str, Any]:
    forced = {"ForceResponse": "ON", "ForceResponseType": "ON", "Type": "None"} if kind != "DB" else {"Type": "None"}
    made: dict[str, Any] = {
        "QuestionText": text, "DefaultChoices": False, "DataExportTag": tag, "QuestionType": kind, "Selector": selector,
        "DataVisibility": {"Private": False, "Hidden": False}, "Configuration": {"QuestionDescriptionOption": "UseText"},
        "QuestionDescription": text.partition("<br>")[0][:100], "Validation": {"Settings": forced}, "GradingData": [], "Language": [],
        "NextChoiceId": 9, "NextAnswerId": 1, "QuestionID": f"QID{number}",
    }  # fmt: skip
    return made | more


def _displayed(labels: tuple[str, ...]) -> dict[str, Any]:
    return {
        "Choices": {str(place): {"Display": label} for place, label in enumerate(labels, 1)},
        "ChoiceOrder": [str(place) for place in range(1, len(labels) + 1)],
    }


def _single(number: int, tag: str, text: str, labels: tuple[str, ...], **more: object) -> dict[str, Any]:
    return _question(number, tag, text, "MC", "SAVR", SubSelector="TX", **_displayed(labels), **more)


def _timing(number: int, tag: str) -> dict[str, Any]:
    parts = ("First Click", "Last Click", "Page Submit", "Click Count")
    return _question(number, tag, "Timing", "Timing", "PageTimer", **_displayed(parts))


def _only_if(*options: str) -> dict[str, Any]:
    """The display logic of a question: any of some options of QID5 was chosen."""
    expressions: dict[str, Any] = {}
    for place, option in enumerate(options):
        locator = f"q://QID5/SelectableChoice/{option}"
        expressions[str(place)] = {
            "LogicType": "Question", "QuestionID": "QID5", "QuestionIsInLoop": "no", "ChoiceLocator": locator, "Operator": "Selected",
            "QuestionIDFromLocator": "QID5", "LeftOperand": locator, "Type": "Expression",
            "Description": '<span class="ConjDesc">If</span> <span class="QuestionDesc">Generally speaking</span> <span '
            f'class="LeftOpDesc">{option}</span> <span class="OpDesc">Is Selected</span> ',
        } | ({"Conjuction": "Or"} if place else {})  # fmt: skip
    return {"0": {**expressions, "Type": "If"}, "Type": "BooleanExpression", "inPage": False}


def _questions() -> list[dict[str, Any]]:
    number = {
        "Type": "ContentType",
        "ContentType": "ValidNumber",
        "ValidNumber": {"Min": "18", "Max": "110", "NumDecimals": "0"},
    }
    school = _displayed(SCHOOL)
    matrix = {
        **_displayed(("Yourself", "Bill Clinton", "Bob Dole")),
        "Answers": {str(place): {"Display": label} for place, label in enumerate(LADDER, 1)},
        "AnswerOrder": list(range(1, 8)), "ChoiceDataExportTags": False, "SubSelector": "SingleAnswer",
        "Randomization": {"Advanced": None, "Type": "All", "TotalRandSubset": ""},
    }  # fmt: skip
    sources = _displayed(SOURCES)
    sources["Choices"]["4"]["ExclusiveAnswer"] = True
    fixed = {
        "Advanced": {"FixedOrder": ["{~Randomized~}", "{~Randomized~}", "{~Randomized~}", "4"], "RandomizeAll": ["1", "2", "3"],
                     "RandomSubSet": [], "Undisplayed": [], "TotalRandSubset": 0, "QuestionsPerPage": 0},
        "Type": "Advanced", "TotalRandSubset": "",
    }  # fmt: skip
    days = {
        "QuestionDescriptionOption": "UseText", "CSSliderMin": 0, "CSSliderMax": 7, "GridLines": 7, "SnapToGrid": True,
        "NumDecimals": "0", "ShowValue": True, "CustomStart": False, "NotApplicable": False, "MobileFirst": True,
    }  # fmt: skip
    return [
        _single(1, "consent", "Do you agree to take part in this study?", ("I agree", "I do not agree")),
        _question(2, "age", "How old are you?", "TE", "SL", Validation={"Settings": {"ForceResponse": "ON", **number}},
                  SearchSource={"AllowFreeResponse": "false"}),
        _question(3, "educ", "What is the highest level of school that you have completed?", "MC", "DL", **school),
        _question(4, "tvnews", "On how many days of the past week did you watch the news on television?", "Slider", "HSLIDER",
                  **_displayed(("days",)), Configuration=days, Labels=[]),
        _single(5, "party", "Generally speaking, do you think of yourself as a Republican, a Democrat, or an independent?",
                ("Republican", "Democrat", "Independent"), RecodeValues={"1": "1", "2": "2", "3": "3"}),
        _single(6, "strength", "Would you call yourself a strong or a not very strong supporter?", ("Strong", "Not very strong"),
                DisplayLogic=_only_if("1", "2")),
        _single(7, "lean", "Do you think of yourself as closer to one of the parties?", ("Republican", "Democrat", "Neither"),
                RecodeValues={"1": "1", "2": "2", "3": "9"}, DisplayLogic=_only_if("3")),
        _question(8, "sources", "Where did you get news about the campaign? <i>Select all that apply.</i>", "MC", "MAVR",
                  SubSelector="TX", **sources, Randomization=fixed),
        _question(9, "read_economy", TEXTS["Economy text"], "DB", "TB"),
        _timing(10, "time_economy"),
        _question(11, "read_character", TEXTS["Character text"], "DB", "TB"),
        _timing(12, "time_character"),
        _question(13, "place", "We hear a lot of talk these days about liberals and conservatives.<br>Where would you place each of these?",
                  "Matrix", "Likert", **matrix),
        _single(14, "vote", "Who do you vote for in the election for President?", ("Bill Clinton", "Bob Dole"),
                RecodeValues={"1": "0", "2": "1"}, Randomization={"Advanced": None, "Type": "All", "TotalRandSubset": ""}),
        _question(15, "comment", "Is there anything that you want to tell us?", "TE", "ML",
                  Validation={"Settings": {"ForceResponse": "OFF", "Type": "None"}}),
        _single(16, "old_income", "A question that was never asked", ("Less", "More")),
    ]  # fmt: skip


def _block(kind: str, key: str, name: str, *parts: int | None) -> dict[str, Any]:
    """A block; None is a page break."""
    elements = [
        {"Type": "Page Break"} if one is None else {"Type": "Question", "QuestionID": f"QID{one}"} for one in parts
    ]
    return {
        "Type": kind, "SubType": "", "Description": name, "ID": key, "BlockElements": elements,
        "Options": {"BlockLocking": "false", "RandomizeQuestions": "false", "BlockVisibility": "Expanded"},
    }  # fmt: skip


def _blocks() -> list[dict[str, Any]]:
    return [
        _block("Default", "BL_consent", "Consent", 1),
        {"Type": "Trash", "Description": "Trash / Unused Questions", "ID": "BL_trash",
         "BlockElements": [{"Type": "Question", "QuestionID": "QID16"}]},
        _block("Standard", "BL_you", "About you", 2, 3, 4, None, 5, None, 6, 7, None, 8),
        _block("Standard", "BL_economy", "Economy text", 9, 10),
        _block("Standard", "BL_character", "Character text", 11, 12),
        _block("Standard", "BL_vote", "Candidates", 13, None, 14, None, 15),
    ]  # fmt: skip


def _flow() -> dict[str, Any]:
    refused = "q://QID1/SelectableChoice/2"
    logic = {
        "0": {"0": {"LogicType": "Question", "QuestionID": "QID1", "QuestionIsInLoop": "no", "ChoiceLocator": refused,
                    "Operator": "Selected", "QuestionIDFromLocator": "QID1", "LeftOperand": refused, "Type": "Expression",
                    "Description": '<span class="ConjDesc">If</span> <span class="QuestionDesc">Do you agree to take part in this '
                    'study?</span> <span class="LeftOpDesc">I do not agree</span> <span class="OpDesc">Is Selected</span> '},
              "Type": "If"},
        "Type": "BooleanExpression",
    }  # fmt: skip
    person = {"Description": "PROLIFIC_PID", "Type": "Recipient", "Field": "PROLIFIC_PID", "VariableType": "String",
              "DataVisibility": [], "AnalyzeText": False}  # fmt: skip
    steps: list[dict[str, Any]] = [
        {"Type": "EmbeddedData", "FlowID": "FL_2", "EmbeddedData": [person]},
        {"Type": "Block", "ID": "BL_consent", "FlowID": "FL_3", "Autofill": []},
        {"Type": "Branch", "FlowID": "FL_4", "Description": "New Branch", "BranchLogic": logic,
         "Flow": [{"Type": "EndSurvey", "FlowID": "FL_5"}]},
        {"Type": "Standard", "ID": "BL_you", "FlowID": "FL_6", "Autofill": []},
        {"Type": "BlockRandomizer", "FlowID": "FL_7", "SubSet": 1, "EvenPresentation": True, "Flow": [
            {"Type": "Standard", "ID": "BL_economy", "FlowID": "FL_8", "Autofill": []},
            {"Type": "Standard", "ID": "BL_character", "FlowID": "FL_9", "Autofill": []}]},
        {"Type": "Standard", "ID": "BL_vote", "FlowID": "FL_10", "Autofill": []},
        {"Type": "EndSurvey", "FlowID": "FL_11", "EndingType": "Advanced",
         "Options": {"Advanced": "true", "SurveyTermination": "Redirect", "EOSRedirectURL": "https://app.example.org/complete"}},
    ]  # fmt: skip
    return {"Type": "Root", "FlowID": "FL_1", "Flow": steps, "Properties": {"Count": 11, "RemovedFieldsets": []}}
