"""What the checker says of tasks that are wrong in ways a schema cannot see."""

from __future__ import annotations

from pathlib import Path

import pytest

from surveyeval.task.catalogue import shipped_names
from surveyeval.task.check import check_document, check_file, notes
from surveyeval.task.document import parse_document
from surveyeval.task.load import load_task

RICH = Path(__file__).with_name("rich.yaml").read_text()
SHIPPED = Path(__file__).parents[2] / "tasks"


def check(text: str) -> list[str]:
    return [str(problem) for problem in check_document(parse_document(text, "t.yaml"))[1]]


def replaced(old: str, new: str) -> list[str]:
    """Problems after one replacement, all of which must stand in its line (or the one after)."""
    assert RICH.count(old) == 1, old
    line = RICH[: RICH.index(old)].count("\n") + 1
    changed = check(RICH.replace(old, new))
    assert any(text.startswith(tuple(f"t.yaml:{line + k}:" for k in (0, 1, 2))) for text in changed), (line, changed)
    return changed


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_tasks_are_right(name: str) -> None:
    assert check_file(SHIPPED / name / "task.yaml") == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("    kind: binary", "    kind: ordinall", "did you mean 'ordinal'"),
        ("  - predictor: trust", "  - predictor: trusd", "did you mean 'trust'"),
        ("  - predictor: trust", "  - predictor: age", "'age' is not an item"),
        ("    outcomes:\n      - vote", "    outcomes:\n      - vots", "did you mean 'vote'"),
        ("    outcomes:\n      - vote", "    outcomes:\n      - trust", "would go with itself"),
        ("    outcomes:\n      - vote", "    outcomes:\n      - vote\n      - vote", "stand together twice"),
        ("  keep: age >= 18", "  keep: trust >= 5", "would select on what is measured"),
        ("  keep: age >= 18", "  keep: age", "not true or false"),
        ("    wording: verbatim", "    wordng: verbatim", "did you mean 'wording'"),
        ('      "0": I do not vote\n', "", "two options"),
        ('{label: somewhat, value: 5}\n      "3": {label: completely, value: 10}\n    bins',
         '{label: somewhat, value: 10}\n      "3": {label: completely, value: 10}\n    bins', "value 10"),
        ('{label: somewhat, value: 5}\n      "3": {label: completely, value: 10}\n    bins',
         '{label: somewhat, value: inf}\n      "3": {label: completely, value: 10}\n    bins', "not finite"),
        ('{label: somewhat, value: 5}\n      "3": {label: completely, value: 10}\n    bins',
         '{label: Not at  all, value: 5}\n      "3": {label: completely, value: 10}\n    bins', "label"),
        ('      "8": dont_know', '      r: dont_know', "an option and a missing code"),
        ("  high: trust >= 5", "  trust: trust >= 5", "taken in line"),
        ("  high: trust >= 5", "  cut: trust >= 5", "reserved"),
        ("  distrust: 10 - trust", "  distrust: 10 - distrust", "needs itself"),
        ("  distrust: 10 - trust", "  distrust: 10 - vote", "number"),
        ("  - age_band\n  - message", "  - high\n  - message", "depends on an answer"),
        ("  - age_band\n  - gender\n  - party\ncells", "  - age\n  - gender\n  - party\ncells", "cut(age"),
        ("    follows: (trust > 5) == (vote == \"1\")", "    follows: trust - 5", "true or false"),
        ("    follows: (trust > 5) == (vote == \"1\")", "    follows: (trust > 5) == (vote == \"2\")", "'2'"),
        ("    follows: (trust > 5) == (vote == \"1\")", "    follows: age > 5", "no answer"),
        ("    formula: vote ~ message * trust", "    formula: party ~ message * trust", "two values"),
        ("        - message:trust\n", "", "no block holds message:trust"),
        ("        - message:trust\n", "        - message\n", "already in block"),
        ("    errors: model", "    errors: HC2", "does not go with family logit"),
        ("    errors: model", "    errors: CR2", "does not go with family logit"),
        ('    event: "1"', '    event: "3"', "'3'"),
        ("      factors:\n        message: B", "      factors:\n        text: B", "first arm"),
        ("  provenance: human", "  provenance: synthetic\n", "never comparable"),
        ("  psu: village", "  psu: person", "every respondent would be a PSU of one"),
        ("  psu: village", "  psu: w", "already the weight"),
        ("  strata: region\n  psu: village", "  psu: village", "there are no strata"),
        ("ask_if: age > 17", "ask_if: hours > 1", "item 'hours' is not answered before this one"),
        ("ask_if: age > 17", "ask_if: vote == '1'", "item 'vote' is not answered before this one"),
        ("ask_if: age > 17 and trust > -1", "ask_if: age", "the filter is not true or false"),
        ("    kind: ordinal\n    question: How", "    kind: ordinal\n    ask_if: party == 'd'\n    question: How", "both are in a block"),
        ("- [party, trust]", "- [party, vote]", "trust stands between these items"),
        ("- [party, trust]", "- [party]", "one item alone cannot be shuffled"),
        ("- [party, trust]", "- [party, party]", "item 'party' stands in two places"),
        ("points: [0, 5, 10]", "points: [0, 10, 5]", "the points do not ascend"),
        ("points: [0, 5, 10]", "points: [5]", "a numeric item has two points or more"),
        ("points: [0, 5, 10]", "points: [0, 5]\n    options: {a: b}", "a numeric item has points, no options"),
        ("expected: b", "expected: c", "'c' is not a code of the item"),
        ("  encoding: utf-8", "  encoding: utf-99", "no encoding"),
        ("  use: file:rich.csv", "  use: rich.csv", "names no source"),
        ('      "1": primary', '      one: primary', "no number"),
        ("    - gender\n    - party\n", "    - gender\n    - gender\n", "stands twice"),
        ("    - gender\n    - party\n", "    - party\n    - trust\n    - vote\n    - hours\n    - awake\n", "every item"),
        ("  share: 0.1", "  share: 1.5", "below 1"),
        ("  system: You take part", "  system: '{% if %}'\n  #", "template"),
    ],
)  # fmt: skip
def test_one_slip(old: str, new: str, words: str) -> None:
    # A slip that only shows elsewhere: something is missing, or two fields contradict each other.
    elsewhere = words in ("two options", "no block holds message:trust", "every item", "never comparable")
    found = check(RICH.replace(old, new)) if elsewhere else replaced(old, new)
    assert any(words in text for text in found), found


def test_more_options_than_letters() -> None:
    options = "".join(f'      "{n}": option {n}\n' for n in range(10, 40))
    text = RICH.replace("      d: Democrats\n", "      d: Democrats\n" + options)
    assert any("letters" in one for one in check(text))
    assert check(text.replace("options: letters", "options: numbers")) == []


def test_circles_are_named_once_and_what_hangs_on_them_is_left_out() -> None:
    text = RICH.replace("  distrust: 10 - trust", "  distrust: 1 - other\n  other: 1 - distrust")
    found = check(text)
    assert len(found) == 2
    assert all("needs itself through" in one for one in found)


def test_all_problems_at_once_in_order_of_the_file() -> None:
    text = (
        RICH.replace("title: A", "titel: A")
        .replace("kind: binary", "kind: binry")
        .replace("  - trust\nco", "  - trusd\nco")
    )
    found = check_document(parse_document(text, "t.yaml"))[1]
    assert len(found) == 3
    assert [one.line for one in found] == sorted(one.line or 0 for one in found)
    assert [one.hint for one in found] == ["did you mean 'title'?", "did you mean 'binary'?", "did you mean 'trust'?"]


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("  mode: sequential", "  mode: independent", "items[2].ask_if", "cannot depend on them"),
        ("    points: [0, 5, 10]\n", "", "items[3]", "a numeric item has two points or more"),
        ("    expected: b\n", "", "items[4].role", "an attention check says which answer passes"),
        ("role: attention", "role: attitude", "items[4].expected", "has no right answer"),
        ("  column: condition\n", "", "arms", "'column' is missing"),
    ],
)
def test_what_lacks_something_is_reported_where_it_stands(old: str, new: str, place: str, message: str) -> None:
    assert old in RICH
    (found,) = check(RICH.replace(old, new))
    assert f" {place}: " in found
    assert message in found


def test_what_has_no_effect_is_a_note(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(RICH.replace("family: ols\n    errors: CR2", "family: ols\n    errors: model"))
    (found,) = notes(load_task(str(path)))
    text = path.read_text()
    assert found.line == 1 + text[: text.index("    errors: model", text.index("family: ols"))].count("\n")
    assert "not supported in this version" in found.message
    path.write_text(RICH.replace("patterns:\n  - party\n  - trust\n", "patterns:\n  - party\n"))
    (found,) = notes(load_task(str(path)))
    assert found.line == next(n for n, line in enumerate(path.read_text().splitlines(), 1) if "bins" in line)
    assert "have no effect" in found.message


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ("    reference: r\n", "    reference: x\n", "regressions[2].reference", "'party'"),
        ("    family: multinomial\n    reference: r\n", "    family: ordered\n", "regressions[2].family", "options in an order"),
        ("family: ols\n    errors: CR2", "family: ols\n    reference: '1'", "regressions[1].reference", "no reference outcome"),
        ("formula: party ~ school", "formula: gender ~ school", "regressions[2].family", "three outcomes or more"),
        ("    school[o]: 0.2", "    school[r]: 0.2", "truth.party model.school[r]", "no term of the regression"),
        ("    school[o]: 0.2", "    school: 0.2", "truth.party model.school", "no term of the regression"),
        ("family: ols\n    errors: CR2", "family: multinomial", "truth.trust model.age", "no term of the regression"),
    ],
)  # fmt: skip
def test_what_does_not_go_with_several_outcomes_is_reported(old: str, new: str, field: str, message: str) -> None:
    assert old in RICH
    found = check(RICH.replace(old, new))
    assert any(f" {field}: " in one and message in one for one in found), found


def test_true_intercepts_may_be_declared_for_each_outcome_and_none_for_cuts() -> None:
    assert not check(RICH.replace("    school[o]: 0.2", "    intercept[o]: 0.2"))
    text = RICH.replace("family: ols\n    errors: CR2", "family: ordered")
    assert not check(text)
    assert check(text.replace("    age: 0.1\n    message", "    intercept: 0.1\n    message"))
