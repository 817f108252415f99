"""Uses of a simulation, each with the claims that it rests on. The rules are written down in docs/explanation/use-table.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from surveyeval.reporting.adapters import adapter_of
from surveyeval.reporting.evidence import Check, Evidence, Result, unit_of
from surveyeval.reporting.numbers import interval, number
from surveyeval.reporting.use import COPIED, NO_MARGIN, Judgement, Verdict, capped, margin_rows
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
    uses = [_pretest(by_key["item_shares"], evidence), _screening(by_key["signs"], run), _rectified(evidence)]
    return [*(capped(use, evidence) for use in uses), _unrectified(by_key["item_shares"])]


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
    cover = [row for row in _over_items(evidence, "ppi_coverage") if row["name"] == "ppi_coverage"]
    gains = [_narrower(evidence)] if cover else []
    if not gains:
        missing = Check(
            "95% intervals that cover, and a gain over the people asked", "not run", "needs the package surveyeval-ppi"
        )
        return Judgement("rectified", "Estimation with rectification", "can't tell", "without the test", [missing])
    covers = cover[0]
    band = interval(covers["low"], covers["high"], unit_of(covers))
    checks = [
        Check(
            "95% intervals hold people’s mean in 93% of draws or more",
            "passed" if covers["value"] >= 0.93 else "failed",
            f"{number(covers['value'], 'share')} (band {band})",
        ),
        *gains,
    ]
    results = {check.result for check in checks}
    verdict: Verdict = (
        "not supported" if "failed" in results else "supported" if results == {"passed"} else "can't tell"
    )
    cause = "without the test" if "not run" in results else "at this n"
    return Judgement(
        "rectified", "Estimation with rectification", verdict, cause if verdict == "can't tell" else "", checks
    )


def _narrower(evidence: Evidence) -> Check:
    """Whether people and model together are worth more than the people asked, by the jackknife interval of their worth.

    The width of the intervals cannot tell: their tuning is set on the same people, so that it is below the classical one on
    average for predictions that are worth nothing.
    """
    name = "and people and model together are worth more than the people asked, beyond chance"
    found = {row["name"]: row for row in _over_items(evidence, "ppi_n_eff")}
    worth, asked = found.get("effective_sample_size_uncut"), found.get("people_asked")
    if worth is None or asked is None:
        return Check(name, "not run", "needs a run with the present surveyeval-ppi: `surveyeval score` makes one")
    width = [row for row in _over_items(evidence, "ppi_width_ratio") if row["name"] == "ppi_width_ratio"]
    ratio = f"; width ratio {number(width[0]['value'], 'ratio')}" if width else ""
    if worth["low"] != worth["low"]:
        return Check(name, "undecided", f"no interval{ratio}")
    n = asked["value"]
    result: Result = "passed" if worth["low"] > n else "failed" if worth["high"] <= n else "open"
    value, bounds = f"{worth['value']:,.1f}", f"{worth['low']:,.1f} to {worth['high']:,.1f}"
    return Check(
        name, result, f"{n:,.1f} people asked are worth {value} ({bounds}){ratio}".replace(".0 people", " people")
    )


def _over_items(evidence: Evidence, metric: str) -> list[dict[str, Any]]:
    return [row for row in evidence.rows("matched", metric=metric) if not row["item"]]


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
    # elsewhere than at this n more people would not help
    open_ = {"at this n": "undecided", COPIED: "open"}.get(claim.cause, "not run")
    result: dict[str, Any] = {"supported": "passed", "not supported": "failed", "can't tell": open_}
    return Check(claim.title.lower(), result[claim.verdict], claim.words)
