"""Laws that every metric obeys, whoever wrote it.

What a metric measures is its own affair; these laws are what the evaluator and readers of a card rely on. `check_metric`
checks all of them. A law that does not fit a metric is left out by name, with the reason, which then stands in the test::

    check_metric(DistinctAnswers, without={"a weight is a repetition": "distinct answers are counted without weights"})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from surveyeval.data.sample import Sample
from surveyeval.metric.protocol import Key, Metric, Values
from surveyeval.testing.case import Case, others_with_noise, own_with_noise, usual_case

__all__ = ["LAWS", "check_metric"]

_STATUSES = ("ok", "not_applicable", "not_estimable", "too_small", "not_resolved", "undecidable")
_DIRECTIONS, _INTERVALS = ("lower", "higher", "target"), ("jackknife", "band", "none")
#: Shares of answers that are replaced by noise.
_NOISE = (0.0, 0.45, 0.9)


def check_metric(
    metric_class: Callable[[], Metric],
    *,
    without: Mapping[str, str] | None = None,
    case: Case | None = None,
    weighted: bool = True,
) -> None:
    """Check that a metric obeys the laws.

    Parameters
    ----------
    metric_class : callable
        Gives the metric when called without arguments; usually its class.
    without : mapping of law to reason, optional
        Laws (names of `LAWS`) that do not fit this metric.
    case : Case, optional
        What it is tried on, for a metric that does not apply to the invented survey of `surveyeval.testing.survey`.
    weighted : bool
        Whether the people of the invented survey have weights; False for a metric that refuses them.

    Raises
    ------
    AssertionError
        Names the metric and the law it breaks.
    ValueError
        When `without` names no law, or gives no reason.
    """
    left_out = dict(without or {})
    for name, reason in left_out.items():
        if name not in LAWS:
            raise ValueError(f"there is no law {name!r}; laws: {', '.join(LAWS)}")
        if not reason.strip():
            raise ValueError(f"say why the law {name!r} does not fit")
    used = case or usual_case(weighted)
    for name, law in LAWS.items():
        if name in left_out:
            continue
        metric = metric_class()
        try:
            law(metric, used)
        except AssertionError as error:
            raise AssertionError(f"{metric.spec.name} breaks the law {name!r}: {error}") from error


# ---- laws -----------------------------------------------------------------------------------------------------------


def _says_what_it_is(metric: Metric, case: Case) -> None:
    spec = metric.spec
    assert all((spec.name, spec.axis, spec.summary)), "its spec has a name, an axis and a summary"
    assert spec.direction in _DIRECTIONS, f"direction is one of {_DIRECTIONS}, not {spec.direction!r}"
    assert spec.interval in _INTERVALS, f"interval is one of {_INTERVALS}, not {spec.interval!r}"
    assert spec.splits > 0, "it asks for at least one split"
    assert metric.applicable(case.task) is None, f"it applies to the task: {metric.applicable(case.task)}"


def _shapes_and_range(metric: Metric, case: Case) -> None:
    found, (low, high) = case.values(metric), metric.spec.range
    assert len(found.keys), "there is at least one value"
    assert all(isinstance(key, Key) for key in found.keys), "keys are of type Key"
    assert len(set(found.keys)) == len(found.keys), "no key occurs twice"
    for name, table in (("value", found.value), ("loss", found.loss), ("n_eff", found.n_eff)):
        assert table is None or table.shape == (4, len(found.keys)), f"{name} has a row per weights, a column per key"
    assert set(found.status) <= set(found.keys), "status is of its own keys"
    assert {kind for kind, _ in found.status.values()} <= set(_STATUSES), f"status is one of {_STATUSES}"
    known = found.value[np.isfinite(found.value)]
    assert known.size, "some value is known"
    own = [q for q, key in enumerate(found.keys) if key.name == metric.spec.name]
    assert own, "some value bears the metric's own name"
    known = found.value[:, own][np.isfinite(found.value[:, own])]
    assert low is None or (known >= low - 1e-12).all(), f"no value is below {low}"
    assert high is None or (known <= high + 1e-12).all(), f"no value is above {high}"


def _order_of_rows(metric: Metric, case: Case) -> None:
    order, weights = np.random.default_rng(0).permutation(case.human.n), case.weights()
    moved = case.values(
        metric, case.human.take(order), case.simulated.take(order), (weights[0][:, order], weights[1][:, order])
    )
    _same(case.values(metric), moved)


def _copy_is_the_other_half(metric: Metric, case: Case) -> None:
    if metric.spec.axis == "individual":
        return  # a copy of a person is no second person: there is no reference to be equal to
    copy = replace(case.human, simulated=True)
    reference, matched = case.values(metric, simulated=case.human), case.values(metric, simulated=copy)
    np.testing.assert_array_equal(reference.value, matched.value)
    if reference.loss is not None and matched.loss is not None:
        np.testing.assert_array_equal(reference.loss, matched.loss)


def _rows_of_weights(metric: Metric, case: Case) -> None:
    left, right = case.weights()
    together = case.values(metric)
    # what is too dear to resample is computed for the two directions of a split only
    for b in range(4 if metric.spec.interval != "none" else 2):
        alone = case.values(metric, weights=(left[b : b + 1], right[b : b + 1]))
        np.testing.assert_allclose(alone.value[0], together.value[b], rtol=1e-9, atol=1e-12)


def _scale_of_weights(metric: Metric, case: Case) -> None:
    human, simulated = (replace(sample, weight=8 * sample.weight) for sample in (case.human, case.simulated))
    _same(case.values(metric), case.values(metric, human, simulated))


def _weights_are_repetitions(metric: Metric, case: Case) -> None:
    n = case.human.n
    times, ones = np.random.default_rng(4).integers(1, 4, n), np.ones((1, n))
    human, simulated = (replace(sample, weight=ones[0]) for sample in (case.human, case.simulated))
    weighted = case.values(metric, human, simulated, (ones * times, ones * times))
    again, many = np.repeat(np.arange(n), times), np.ones((1, int(times.sum())))
    _same(weighted, case.values(metric, human.take(again), simulated.take(again), (many, many)))


def _names_of_options(metric: Metric, case: Case) -> None:
    """Nominal options have no order: exchanging their places changes nothing."""

    def renamed(sample: Sample) -> Sample:
        answers, probabilities = dict(sample.answers), dict(sample.probabilities)
        for item in case.task.items:
            if not item.ordered and item.k > 2:
                column = sample.answers[item.name]
                answers[item.name] = np.where(column >= 0, (column + 1) % item.k, column)
                if item.name in probabilities:
                    probabilities[item.name] = np.roll(probabilities[item.name], 1, axis=1)
        return replace(sample, answers=answers, probabilities=probabilities)

    moved = case.values(metric, renamed(case.human), renamed(case.simulated), pilot=renamed(case.pilot))
    _same(case.values(metric), moved)


def _seeds(metric: Metric, case: Case) -> None:
    _same(case.values(metric), case.values(metric))


def _inputs_are_kept(metric: Metric, case: Case) -> None:
    h, s = case.human, case.simulated
    weights = [one * sample.weight for one, sample in zip(case.weights(), (h, s), strict=True)]
    given = [*weights, h.weight, s.weight, *h.answers.values(), *s.answers.values()]
    kept = [array.copy() for array in given]
    metric.compare(case.task, h, s, case.pilot, {}).values(weights[0], weights[1], 11)
    for array, before in zip(given, kept, strict=True):
        np.testing.assert_array_equal(array, before)


def _without_answers(metric: Metric, case: Case) -> None:
    nothing = {name: np.full(case.human.n, -1) for name in case.human.answers}
    rows, empty = case.human.with_answers(nothing), 0 * case.weights()[0]
    for found in (case.values(metric, simulated=rows), case.values(metric, weights=(empty, empty))):
        assert not np.isinf(found.value).any(), "nothing to compare is undefined, not infinite"
    assert np.isnan(found.value).all(), "weights of nobody have no value"


def _without_pairs(metric: Metric, case: Case) -> None:
    found = case.values(metric, simulated=replace(case.simulated, paired=False))
    for q, key in enumerate(found.keys):
        kind, reason = found.status.get(key, ("ok", ""))
        if np.isnan(found.value[:2, q]).all() and not np.isnan(case.values(metric).value[:2, q]).all():
            assert (kind == "ok", bool(reason)) == (False, True), f"{key.name} says why unpaired rows have no value"


def _noise(metric: Metric, case: Case) -> None:
    """More and more answers of a human copy are replaced by uniform noise.

    The copy is a second sample of people; where persons are compared with themselves, it is their own answers, with the
    probabilities of being replaced.
    """
    person, ones = metric.spec.axis == "individual", np.ones((1, case.human.n))
    losses = []
    for share in _NOISE:
        found = []
        for seed in range(3):
            rows = own_with_noise(case, share, seed) if person else others_with_noise(case, share, seed)
            values = case.values(metric, simulated=rows, weights=(ones, ones), seed=seed)
            loss = values.loss if values.loss is not None else values.value
            sign = -1 if values.loss is None and metric.spec.direction == "higher" else 1
            q = next((q for q, key in enumerate(values.keys) if not (key.item or key.arm)), 0)
            found.append(float(sign * loss[0, q]))
        losses.append(float(np.mean(found)))
    told = f"loss at {_NOISE} noise: {', '.join(f'{loss:.4g}' for loss in losses)}"
    assert losses[0] <= losses[1] <= losses[2], told
    assert losses[0] < losses[2], told


def _same(one: Values, other: Values) -> None:
    np.testing.assert_allclose(one.value, other.value, rtol=1e-9, atol=1e-12)
    if one.loss is not None and other.loss is not None:
        np.testing.assert_allclose(one.loss, other.loss, rtol=1e-9, atol=1e-12)
    assert dict(one.status) == dict(other.status), "status is the same"


#: Every law by its name, in words.
LAWS: Mapping[str, Callable[[Metric, Case], None]] = {
    "it says what it is": _says_what_it_is,
    "shapes fit and values are in range": _shapes_and_range,
    "the same seed gives the same": _seeds,
    "the order of respondents does not matter": _order_of_rows,
    "an exact copy is the other half of the people": _copy_is_the_other_half,
    "many weights at once are the same as one by one": _rows_of_weights,
    "the scale of weights does not matter": _scale_of_weights,
    "a weight is a repetition": _weights_are_repetitions,
    "names of nominal options do not matter": _names_of_options,
    "the inputs are left as they are": _inputs_are_kept,
    "no answers are undefined and no error": _without_answers,
    "unpaired rows have a value or a reason": _without_pairs,
    "the loss grows with noise": _noise,
}
