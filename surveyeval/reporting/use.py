"""The claims of the use table: what a simulation supports, by tests that were declared before it was run.

Five claims: item shares, subgroup comparisons, signs of effects, coefficients, individuals. The uses that rest on them are in
`surveyeval.reporting.uses`. The rules are written down, with their reasons, in docs/explanation/use-table.md. They are conservative:
nothing is supported without an equivalence test within the task's own margin or, for signs, without both signs being
determined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, Literal

from surveyeval.engine.rows import SKIPPED
from surveyeval.reporting.evidence import ALPHA, Check, Evidence, Result, label, place, smallest, unit_of
from surveyeval.reporting.numbers import count, difference, enumerate_words, interval, number
from surveyeval.reporting.view import RunView

__all__ = [
    "COPIED",
    "EQUIVALENCES",
    "INVALID",
    "NO_MARGIN",
    "Judgement",
    "Verdict",
    "capped",
    "equivalent",
    "judge",
    "margin_rows",
    "may_be_judged",
]

Verdict = Literal["supported", "not supported", "can't tell"]

#: Fields of a task's ``equivalence:`` in words.
EQUIVALENCES = {
    "share": "shares of all options",
    "mean_sd": "means",
    "gap": "belief-action gap",
    "sd_ratio": "spread of answers",
    "effect": "average marginal effects",
}
#: What keeps a claim open that its equivalence test would support.
INVALID = "with so many invalid answers"
#: What keeps everything open of answers that have less error than a sample of people.
COPIED = "since answers may be copied or leaked"
NO_MARGIN = "the task declares no margin for it"
_NO_TEST = "no equivalence test is stored with this run"


@dataclass(frozen=True)
class Judgement:
    """One row of the table.

    Parameters
    ----------
    key : str
        ``item_shares``, ``subgroups``, ``signs``, ``coefficients``, ``individuals``, or the name of a use.
    title : str
    verdict : {"supported", "not supported", "can't tell"}
    cause : str
        What a verdict "can't tell" lacks: ``at this n``, ``without a margin``, ``without a retest``, ...
    checks : sequence of Check
        The tests that the verdict follows from.
    smallest : str
        The smallest difference that this many people could resolve.
    """

    key: str
    title: str
    verdict: Verdict
    cause: str
    checks: Sequence[Check]
    smallest: str = ""

    @property
    def words(self) -> str:
        """The verdict as it is printed."""
        said = f"{self.verdict} {self.cause}" if self.verdict == "can't tell" else self.verdict
        return said.replace("'", "’")


def may_be_judged(run: RunView) -> bool:
    """Whether there are people to be judged by; a synthetic reference is a check of the pipeline."""
    return str(run.manifest["task"].get("provenance")) == "human"


def judge(run: RunView, evidence: Evidence | None = None) -> list[Judgement]:
    """The five claims for one run on human data; `evidence` spares reading the estimates twice."""
    evidence = evidence or Evidence(run)
    margins = run.manifest["task"].get("equivalence") or {}
    claims = [
        _item_shares(evidence, margins),
        _subgroups(evidence),
        _signs(evidence),
        _coefficients(evidence, margins),
        _individuals(evidence),
    ]
    return [capped(claim, evidence) for claim in claims]


def capped(claim: Judgement, evidence: Evidence) -> Judgement:
    """A judgement that is not "supported" where answers are nearer to these people than people are to each other."""
    if evidence.near is None:
        return claim
    checks = [*claim.checks, evidence.near]
    if claim.verdict != "supported":
        return replace(claim, checks=checks)
    return replace(claim, verdict="can't tell", cause=COPIED, checks=checks)


def equivalent(run: RunView) -> list[str]:
    """What was shown to be equivalent within the task's margins, after adjustment: what a card may claim, and no more.

    Items of which more than 5% of the simulated answers are invalid are left out. Nothing is claimed of answers that are
    nearer to these people than people are to each other.
    """
    found: dict[str, list[str]] = {}
    evidence = Evidence(run)
    if evidence.near is not None:
        return []
    for field, words in EQUIVALENCES.items():
        for row in margin_rows(evidence, field):
            unusable = evidence.invalid_shares().get(row["item"], 0.0) > ALPHA
            if "equivalent" in row["flags"].split() and not row["p_adjusted"] > ALPHA and not unusable:
                found.setdefault(words, []).append(place(row))
    return [f"{words} ({'; '.join(places)})" for words, places in found.items()]


# ---- claims ---------------------------------------------------------------------------------------------------------


def _item_shares(evidence: Evidence, margins: Mapping[str, Any]) -> Judgement:
    # In an experiment also within each arm: errors in opposite directions cancel where arms are pooled.
    every = [row for row in evidence.rows("equivalence", metric="share") if not row["group"]]
    rows = [row for row in every if not row["term"]]
    name = "every share of every item within the margin, overall and by arm" if any(
        row["arm"] for row in rows
    ) else "every share of every item within the margin"  # fmt: skip
    options = sum(bool(row["term"]) for row in every) * (1 + len({row["arm"] for row in rows if row["arm"]}))
    within = evidence.within_margin(name, rows, _missing(margins, "share"), options)
    checks = [within, evidence.told_apart("alignment"), evidence.invalid()]
    said = _margin_reach(rows) or _excess_reach(evidence, _headlines(evidence, "alignment"))
    return _decided("item_shares", "Item shares", checks, said)


def _subgroups(evidence: Evidence) -> Judgement:
    if absent := evidence.absent("subgroups"):
        return _not_asked(
            "subgroups", "Subgroup comparisons", "every share within every group within the margin", absent
        )
    rows = [row for row in margin_rows(evidence, "share") if "=" in row["group"]]
    within = evidence.within_margin(
        "every share within every group within the margin", rows, "no equivalence test within groups"
    )
    groups = [
        row
        for row in evidence.rows("excess", "subgroups", metric="group_js_distance")
        if "=" in row["group"] and _full_line(evidence, row)
    ]
    contrasts = [row for row in _headlines(evidence, "stereotyping") + _headlines(evidence, "subgroups")
                 if row["metric"] != "group_js_distance"]  # fmt: skip
    checks = [
        within,
        evidence.excess("every group and contrast as near to people as a second human sample", groups + contrasts),
    ]
    return _decided("subgroups", "Subgroup comparisons", checks, _margin_reach(rows) or _excess_reach(evidence, groups))


def _coefficients(evidence: Evidence, margins: Mapping[str, Any]) -> Judgement:
    rows = margin_rows(evidence, "effect")
    within = evidence.within_margin(
        "every average marginal effect within the margin", rows, _missing(margins, "effect")
    )
    bands = evidence.inside_band("effects neither exaggerated nor flattened", ("ame_exaggeration", "exaggeration"))
    checks = [within, evidence.told_apart("coefficients"), bands]
    headlines = [
        row
        for row in _headlines(evidence, "coefficients")
        if row["metric"] in ("ame_share_differing", "share_differing")
    ]
    return _decided(
        "coefficients", "Coefficients", checks, _margin_reach(rows) or _excess_reach(evidence, headlines[:1])
    )


def _signs(evidence: Evidence) -> Judgement:
    """Both signs determined and equal, for every term that people determine after adjustment for their number."""
    name = "every sign that people determine is the simulation’s too"
    terms = [row for row in evidence.run.tables["coefficients"] if row.get("human_se") and row.get("human") is not None]
    theirs = [_two_sided(row["human"], row["human_se"]) for row in terms]
    known = [row for row, found in zip(terms, _adjusted(theirs), strict=True) if found <= ALPHA]
    wrong, same = [], 0
    for row in known:
        own, error = row.get("simulated"), row.get("simulated_se")
        p = _two_sided(own, error) if own is not None and error else 1.0
        if p <= ALPHA and own * row["human"] > 0:
            same += 1
        elif p * len(known) <= ALPHA:  # Bonferroni: one wrong sign condemns, so that it must not be chance
            wrong.append(f"{row['regression']}: {row['term']}")
    if not known:
        check = Check(name, "undecided" if terms else "not run", "no sign is determined among people" if terms else "no regression with coefficients")  # fmt: skip
    else:
        said = f"{same} of {len(known)} the same and determined{f', wrong: {enumerate_words(wrong)}' if wrong else ''}"
        check = Check(name, "passed" if same == len(known) else "failed" if wrong else "undecided", said)
    bands = evidence.inside_band(
        "signs found as well as between halves of people, with no more false ones", ("sign_f1", "sign_fpr")
    )
    said = (
        f"effects of 2.8 standard errors among people; {count(len(known))} of {count(len(terms))} terms are determined"
    )
    verdict: Verdict = "can't tell"
    if "failed" in (check.result, bands.result):
        verdict = "not supported"
    elif check.result == "passed" and bands.result == "open":
        verdict = "supported"
    cause = "without regressions" if check.result == "not run" else "at this n"
    if check.result == "passed" and bands.result == "not run":
        cause = "without bands of people's halves"
    cause = cause if verdict == "can't tell" else ""
    return Judgement("signs", "Signs of effects", verdict, cause, [check, bands], said if terms else "")


def _individuals(evidence: Evidence) -> Judgement:
    """Worse than a baseline of the pilot is not supported; better is not enough without people's own repeat."""
    name = "joint log-loss better than what the pilot gives without a model"
    if absent := evidence.absent("individual"):
        return _not_asked("individuals", "Individuals", name, absent)
    rows = [
        row
        for row in _headline_rows(evidence, "gain_over_cell") + _headline_rows(evidence, "gain_over_floor")
        if row["metric"] == "joint_log_loss" and row["low"] < row["high"]
    ]  # a baseline has no gain over itself; fmt: skip
    retest = _retest(evidence)
    if not rows:
        bar = Check(name, "not run", "no probabilities of people’s own answers")
        return Judgement("individuals", "Individuals", "can't tell", "without probabilities", [bar, retest])
    sizes = evidence.run.tables["sizes"]
    people = float(sizes.get("n_eff") or sizes["n_human"])
    if people < SKIPPED:  # intervals of a handful of people are wrong, not wide
        bar = Check(name, "undecided", f"{people:.0f} effective people, {SKIPPED} are needed")
        return Judgement("individuals", "Individuals", "can't tell", "at this n", [bar, retest])
    said = "; ".join(f"{_bar(row)} {difference(row['value'], 'bits')} bits ({interval(row['low'], row['high'], 'bits')})"
                     for row in rows)  # fmt: skip
    worse, better = any(row["high"] < 0 for row in rows), all(row["low"] > 0 for row in rows)
    bar = Check(name, "failed" if worse else "passed" if better else "undecided", f"gain {said}")
    found = smallest(evidence, rows)
    reach = f"{number(found[0], 'bits')} bits per respondent" if found else ""
    verdict: Verdict = "not supported" if worse else "can't tell"
    if better and retest.result in ("passed", "failed"):
        verdict = "supported" if retest.result == "passed" else "not supported"
    cause = "without a retest" if better and retest.result == "not run" else "at this n"
    return Judgement(
        "individuals", "Individuals", verdict, cause if verdict == "can't tell" else "", [bar, retest], reach
    )


def _retest(evidence: Evidence) -> Check:
    """Whether rows tell people's answers as well as people's own second answers do, on the items that were asked twice."""
    name = "as near as people are to their own repeated answers"
    rows = [row for row in evidence.rows("excess", "individual", metric="accuracy") if row["name"] == "accuracy"]
    rows = [row for row in rows if row["item"] and row["low"] == row["low"]]
    asked = {row["item"]: row for row in evidence.run.tables.get("retest") or [] if row.get("side") == "people"}
    # an interval of a handful of people who answered twice is wrong, not wide
    enough = [row for row in rows if asked.get(row["item"], {}).get("n", SKIPPED) >= SKIPPED]
    if rows and not enough:
        return Check(name, "undecided", f"fewer than {SKIPPED} people answered twice")
    rows = enough
    if not rows and asked:
        return Check(name, "undecided", "no interval on what people were asked twice")
    if not rows:
        return Check(name, "not run", "nobody was asked twice")
    # Bonferroni: one item condemns, so that it must not be chance
    behind = evidence.excess(name, rows).result == "failed"
    every = set(asked) <= {row["item"] for row in rows}
    said = "; ".join(
        f"{row['item']} {difference(-row['value'], 'share')} "
        f"({interval(-row['high'], -row['low'], 'share').removesuffix('%')})"
        for row in rows
    )
    result: Result = (
        "failed" if behind else "passed" if every and all(row["high"] <= 0 for row in rows) else "undecided"
    )
    return Check(name, result, f"probability of people’s own answer, less their own agreement: {said}")


def _not_asked(key: str, title: str, name: str, reason: str) -> Judgement:
    """A claim of which this task says nothing."""
    return Judgement(key, title, "can't tell", "from this task", [Check(name, "not run", reason)])


# ---- rules ----------------------------------------------------------------------------------------------------------


def _decided(key: str, title: str, checks: Sequence[Check], said: str) -> Judgement:
    """The verdict of a claim from its equivalence test (first), tests of difference and conditions."""
    within, *others = checks
    differs = any(
        check.result == "failed" for check in others if check.name != "at most 5% invalid answers to every item"
    )
    unusable = any(check.result == "failed" and check.name.startswith("at most 5%") for check in others)
    verdict: Verdict = "can't tell"
    cause = "at this n"
    if within.result == "failed" or (within.result in ("open", "not run") and differs):
        verdict, cause = "not supported", ""
    elif within.result == "passed" and not unusable:
        verdict, cause = "supported", ""
    elif within.result == "passed":
        cause = INVALID
    elif within.result == "not run":
        cause = "without a margin" if within.said == NO_MARGIN else "without an equivalence test"
    return Judgement(key, title, verdict, cause, checks, said)


def _missing(margins: Mapping[str, Any], name: str) -> str:
    return NO_MARGIN if margins.get(name) is None else _NO_TEST


def margin_rows(evidence: Evidence, field: str) -> list[dict[str, Any]]:
    """Equivalence tests by one margin: a row for each item, rule or term; options and arms are parts of these."""
    rows = evidence.rows("equivalence", metric=field)
    return [row for row in rows if not row["arm"] and (field == "effect" or not row["term"])]


def _headline_rows(evidence: Evidence, name: str) -> list[dict[str, Any]]:
    return evidence.rows(name, "individual", headline=True)


def _headlines(evidence: Evidence, axis: str) -> list[dict[str, Any]]:
    return [row for row in evidence.rows("excess", axis, headline=True) if row["low"] == row["low"]]


def _full_line(evidence: Evidence, row: Mapping[str, Any]) -> bool:
    """Whether a group is large enough for more than a look."""
    people = evidence.reference(dict(row))
    return people is not None and "grey" not in people["flags"] and row["low"] == row["low"]


def _margin_reach(rows: Sequence[Mapping[str, Any]]) -> str:
    """Smallest margin that could have been decided everywhere."""
    known = [row for row in rows if row["decidable"] == row["decidable"]]
    if not known:
        return ""
    widest = max(known, key=lambda row: row["decidable"])
    return f"±{difference(widest['decidable'], unit_of(dict(widest))).removeprefix('+')} ({place(dict(widest))})"


def _excess_reach(evidence: Evidence, rows: Sequence[dict[str, Any]]) -> str:
    found = smallest(evidence, rows)
    if found is None:
        return ""
    size, row = found
    return f"{difference(size, unit_of(row)).removeprefix('+')} beyond people ({label(row)})"


def _bar(row: Mapping[str, Any]) -> str:
    return "over the cell" if row["quantity"] == "gain_over_cell" else "over the shares within arm"


def _two_sided(value: float, error: float) -> float:
    return 2 * NormalDist().cdf(-abs(value / error))


def _adjusted(p: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg."""
    if not p:
        return []
    from scipy import stats

    return [float(one) for one in stats.false_discovery_control(p)]
