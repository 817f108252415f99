"""Uses of a simulation, each with the claims that it rests on. The rules are written down in docs/explanation/use-table.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from surveyeval.reporting.adapters import adapter_of
from surveyeval.reporting.evidence import Check, Evidence, unit_of
from surveyeval.reporting.numbers import interval, number
from surveyeval.reporting.use import NO_MARGIN, Judgement, Verdict, margin_rows
from surveyeval.reporting.view import RunView

__all__ = ["informed_by_pilot", "judge_uses"]


def judge_uses(run: RunView, claims: Sequence[Judgement], evidence: Evidence | None = None) -> list[Judgement]:
    """The four uses, from the claims they rest on.

    Parameters
    ----------
    run : RunView
    claims : sequence of Judgement
        What `judge` says of the same run.
    """
    evidence, by_key = evidence or Evidence(run), {one.key: one for one in claims}
    return [
        _pretest(by_key["item_shares"], evidence),
        _screening(by_key["signs"], run),
        _rectified(evidence),
        _unrectified(by_key["item_shares"]),
    ]


def _pretest(shares: Judgement, evidence: Evidence) -> Judgement:
    spread = margin_rows(evidence, "sd_ratio")
    checks = [_as_check(shares), evidence.invalid()]
    if spread:
        checks.append(evidence.within_margin("spread of every ordered item within the margin", spread, NO_MARGIN))
    verdict, cause = _weakest(checks, shares)
    return Judgement("pretest", "Instrument pretest", verdict, cause, checks)


def _screening(signs: Judgement, run: RunView) -> Judgement:
    """A hypothesis is new: a model that has seen the pilot of this survey has not been tested on a new one."""
    checks = [_as_check(signs)]
    source = informed_by_pilot(run.manifest)
    name = "effects that the model was not shown"
    if source:
        checks.append(Check(name, "not run", f"{source}; hold out an arm or an item"))
    else:
        checks.append(Check(name, "passed", "the model took nothing from the pilot"))
    verdict, cause = signs.verdict, signs.cause
    if source and verdict == "supported":
        verdict, cause = "can't tell", "without a held-out arm or item"
    return Judgement("screening", "Hypothesis screening", verdict, cause, checks)


def _rectified(evidence: Evidence) -> Judgement:
    """Prediction-powered estimation: intervals that cover, and more precision than the people asked give alone."""
    cover = [
        row
        for row in evidence.rows("matched", metric="ppi_coverage")
        if row["name"] == "ppi_coverage" and row["headline"]
    ]
    width = [row for row in evidence.rows("matched", metric="ppi_width_ratio") if row["headline"]]
    if not (cover and width):
        missing = Check("95% intervals that cover, and are narrower", "not run", "needs the package surveyeval-ppi")
        return Judgement("rectified", "Estimation with rectification", "can't tell", "without the test", [missing])
    covers, narrower = cover[0], width[0]
    bands = [interval(row["low"], row["high"], unit_of(row)) for row in (covers, narrower)]
    checks = [
        Check(
            "95% intervals hold people’s mean in 93% of draws or more",
            "passed" if covers["value"] >= 0.93 else "failed",
            f"{number(covers['value'], 'share')} (band {bands[0]})",
        ),
        Check(
            "and are narrower than from the people asked alone",
            "passed" if narrower["high"] < 1 else "failed" if narrower["low"] >= 1 else "open",
            f"width ratio {number(narrower['value'], 'ratio')} (band {bands[1]})",
        ),
    ]
    results = {check.result for check in checks}
    verdict: Verdict = (
        "not supported" if "failed" in results else "supported" if results == {"passed"} else "can't tell"
    )
    return Judgement(
        "rectified", "Estimation with rectification", verdict, "at this n" if verdict == "can't tell" else "", checks
    )


def _unrectified(shares: Judgement) -> Judgement:
    rule = Check("none can be passed", "failed", "by rule: without people nobody knows how wrong it is elsewhere")
    return Judgement("unrectified", "Estimation without rectification", "not supported", "", [rule, _as_check(shares)])


def informed_by_pilot(manifest: Mapping[str, Any]) -> str:
    """What a model has taken from the pilot, in words; empty for a model that took nothing."""
    model = manifest["model"]
    text, details = str(model["string"]), model.get("fingerprint", {}).get("details", {})
    if text.startswith("baseline:"):
        return "it is fitted on the pilot"
    if adapter_of(manifest) is not None or text.startswith("lora:"):
        return "it was trained on the pilot"
    if details.get("calibrate", "none") != "none" or details.get("examples"):
        return "it was prepared with the pilot"
    if text.partition(":")[0] not in ("embedded", "hf", "vllm", "openai"):  # a plugin's model may be fitted on it
        return "what it was made from is not known"
    return ""


def _weakest(checks: Sequence[Check], claim: Judgement) -> tuple[Verdict, str]:
    """A use is no better supported than the claim it rests on, nor than its other checks."""
    further = {check.result for check in checks[1:]}
    if claim.verdict == "not supported" or "failed" in further:
        return "not supported", ""
    if claim.verdict == "can't tell":
        return "can't tell", claim.cause
    return ("supported", "") if further <= {"passed"} else ("can't tell", "at this n")


def _as_check(claim: Judgement) -> Check:
    open_ = "undecided" if claim.cause == "at this n" else "not run"  # else more people would not help
    result: dict[str, Any] = {"supported": "passed", "not supported": "failed", "can't tell": open_}
    return Check(claim.title.lower(), result[claim.verdict], claim.words)
