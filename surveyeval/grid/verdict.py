"""What a study says in sentences: whether the fine-tuned model beats cheaper things, and what that is conditional on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from surveyeval.grid.results import told_apart
from surveyeval.grid.task_view import JOINT, Measure, Method, TaskView, at_largest
from surveyeval.reporting.numbers import count, difference, enumerate_words, interval, number

__all__ = ["draws_words", "finding", "gain_words", "missing_joint", "tuned_methods"]

#: What the first sentence compares with, in its own words.
OPPONENTS = (
    ("calibrate=item", "calibration by item"),
    ("baseline:marginal", "the pilot’s marginal"),
    ("baseline:cell", "the demographic cell"),
)


def tuned_methods(view: TaskView) -> list[Method]:
    """The fine-tuned model of each base; where nothing was fine-tuned, the last other method of each base."""
    tuned = [one for one in view.models if one.name == "lora"]
    last = {one.base: one for one in view.models}
    return tuned or list(last.values())


def finding(view: TaskView) -> list[str]:
    """For each base: whether the fine-tuned model beats calibration, the marginal and the cell on joint log-loss."""
    measure = view.first(JOINT)
    if measure is None:
        return [f"On {view.title} nothing can be said of joint log-loss: {missing_joint(view)}."]
    if not view.models:
        return [f"No language model was run on {view.title}: there are baselines alone."]
    return [_finding(view, measure, method) for method in tuned_methods(view)]


def missing_joint(view: TaskView) -> str:
    """Why there is no joint log-loss."""
    rows = view.own[
        (view.own["metric"] == JOINT) & (view.own["status"] != "ok") & (view.own["quantity"] != "reference")
    ]
    reasons = [str(reason) for reason in dict.fromkeys(rows["reason"]) if reason]
    return "; ".join(reasons) or "no method gives one"


def _finding(view: TaskView, measure: Measure, method: Method) -> str:
    own = view.value(measure, method, view.largest)
    subject = (
        f"the fine-tuned model ({method.label})"
        if method.name == "lora"
        else f"{method.label} (nothing was fine-tuned)"
    )
    start = f"With {count(view.people(view.largest))} {view.words.people} in the pilot, {subject}"
    if own is None or own["status"] != "ok":
        reason = own["reason"] if own is not None else "it was not run at this size"
        return f"{start} has no joint log-loss: {reason}."
    clauses = []
    for name, words in OPPONENTS:
        other = view.method(name, method.base) or view.method(name)
        gain = view.gain(measure, method, other, view.largest)
        clauses.append(gain_words(gain, words, other is not None and other != method))
    score = f"{number(own['value'], 'bits')} bits per {view.words.person} on joint log-loss"
    said = enumerate_words(clause for clause in clauses if clause)
    return f"{start} scores {score}: {said}. In brackets paired 95% intervals, conditional on the pilot. {_best(view, measure, method)}{draws_words(view, method, own)}"


def _best(view: TaskView, measure: Measure, method: Method) -> str:
    """The best baseline, where it is none of those compared with already."""
    values = at_largest(view, measure, view.baselines)
    best = min(values, key=lambda one: values[one], default=None)
    if best is None or best.name in dict(OPPONENTS):
        return ""
    gain = view.gain(measure, method, best, view.largest)
    against = f"; the model is {gain_words(gain, 'it')}" if gain is not None else ""
    return f"The best baseline is the {best.words} with {number(values[best], 'bits')} bits{against}. "


def gain_words(gain: Mapping[str, Any] | None, words: str, compared: bool = True) -> str:
    """A paired gain in bits: ``better than the cell by 0.31 bits (0.12 to 0.50)``."""
    if gain is None or gain["status"] != "ok":
        return f"not compared with {words}" if compared else f"{words} was not run"
    result = told_apart(gain)
    value, low, high = float(gain["value"]), float(gain["low"]), float(gain["high"])
    if result == "worse":
        return f"worse than {words} by {number(-value, 'bits')} bits ({interval(-high, -low, 'bits')})"
    if result == "better":
        return f"better than {words} by {number(value, 'bits')} bits ({interval(low, high, 'bits')})"
    bounds = interval(low, high, "bits")
    if not result:
        return f"{difference(value, 'bits')} bits over {words}, without an interval"
    split = "; pilot draws disagree" if (low > 0 or high < 0) else ""
    return f"not told apart from {words} ({difference(value, 'bits')} bits, {bounds}{split})"


def draws_words(view: TaskView, method: Method, own: Mapping[str, Any]) -> str:
    """Over how many pilots and seeds a value is a mean, and its range."""
    if own["runs"] < 2:
        return "One pilot draw and one training seed: what another pilot would give is not known."
    draws, seeds = view.spec.pilots.draws, len(view.spec.seeds) if method.name == "lora" else 1
    words = [f"{draws} pilot draws"] if draws > 1 else []
    words += [f"{seeds} training seeds"] if seeds > 1 else []
    return f"Mean over {enumerate_words(words)}; single runs range from {interval(own['least'], own['most'], 'bits')} bits."


def sayings_words(view: TaskView, measure: Measure, method: Method) -> Iterator[str]:
    """What the paired gains of one method say, in the words of its measure."""
    unit = "ratio" if measure.quantity.unit == "count" else measure.quantity.unit
    by_word: dict[str, list[str]] = {}
    for name, words in (("base", "the untouched base"), *OPPONENTS):
        other = view.method(name, method.base) or view.method(name)
        gain = view.gain(measure, method, other, view.largest)
        word = told_apart(gain)
        if gain is not None and word:
            size = "" if word == "not told apart" else f" by {difference(abs(gain['value']), unit).removeprefix('+')}"
            by_word.setdefault(word, []).append(f"{words}{size}")
    for word, link in (("better", "than"), ("worse", "than"), ("not told apart", "from")):
        if word in by_word:
            yield f"{word} {link} {enumerate_words(by_word[word])}"
