"""The check for authors of metrics: it passes a metric that is right, and names the law that one breaks."""

from dataclasses import replace

import numpy as np
import pytest

from surveyeval.metric.alignment import JSDistance
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.testing import LAWS, Case, check_metric, make_people, make_survey


class Middle:
    """Difference of the shares of the third of the five answers to one item."""

    spec = MetricSpec("middle", "habits", "third answers", "target", "uniform", unit="share", range=(0.0, 1.0))

    def applicable(self, task):
        return None

    def compare(self, task, human, simulated, pilot, cache):
        return _Bound(self, *(np.equal(one.answers["trust"], 2) * 1.0 for one in (human, simulated)), human, simulated)

    def value(self, bound, human, simulated):
        with np.errstate(invalid="ignore"):
            own = simulated @ bound.simulated / (simulated @ bound.answered)
            other = human @ bound.human / (human @ (bound.people.answers["trust"] >= 0))
        return own, np.abs(own - other)


class _Bound:
    def __init__(self, metric, human, simulated, people, rows):
        self.metric, self.human, self.simulated, self.people, self.rows = metric, human, simulated, people, rows
        self.answered = (rows.answers["trust"] >= 0) * 1.0

    def values(self, human, simulated, seed):
        value, loss = self.metric.value(self, human, simulated)
        return Values([Key(self.metric.spec.name, headline=True)], value[:, None], loss[:, None])


def broken(change, **spec):
    """The metric with another value."""

    class Broken(Middle):
        def value(self, bound, human, simulated):
            return change(bound, human, simulated, *Middle.value(self, bound, human, simulated))

    Broken.spec = replace(Middle.spec, **spec)
    return Broken


def test_a_metric_that_is_right_passes():
    check_metric(Middle)
    check_metric(JSDistance)


def spoil(bound, human, simulated, value, loss):
    simulated *= 2
    return value, loss


MISTAKES = {
    "it says what it is": broken(lambda b, h, s, v, loss: (v, loss), direction="up"),
    "shapes fit and values are in range": broken(lambda b, h, s, v, loss: (v + 2, loss)),
    "the same seed gives the same": broken(lambda b, h, s, v, loss: (v, loss + np.random.default_rng().random())),
    "the order of respondents does not matter": broken(
        lambda b, h, s, v, loss: (v, loss + b.simulated @ np.arange(len(b.simulated)))
    ),
    "an exact copy is the other half of the people": broken(lambda b, h, s, v, loss: (v, loss + b.rows.simulated)),
    "many weights at once are the same as one by one": broken(
        lambda b, h, s, v, loss: (v * len(v) / (1 + len(v)), loss)
    ),
    "the scale of weights does not matter": broken(lambda b, h, s, v, loss: (v, loss + s.sum(axis=1))),
    "a weight is a repetition": broken(lambda b, h, s, v, loss: (v, loss + 1 / (s > 0).sum(axis=1).clip(1))),
    "names of nominal options do not matter": broken(
        lambda b, h, s, v, loss: (v, loss + np.mean(b.rows.answers["place"] == 0))
    ),
    "the inputs are left as they are": broken(spoil),
    "no answers are undefined and no error": broken(lambda b, h, s, v, loss: (np.nan_to_num(v), np.nan_to_num(loss))),
    "unpaired rows have a value or a reason": broken(
        lambda b, h, s, v, loss: (v if b.rows.paired else v * np.nan, loss)
    ),
    "the loss grows with noise": broken(lambda b, h, s, v, loss: (v, -loss)),
}


def test_every_law_has_a_mistake():
    assert set(MISTAKES) == set(LAWS)


@pytest.mark.parametrize("law", MISTAKES)
def test_a_mistake_is_found_and_named(law):
    others = dict.fromkeys(set(LAWS) - {law}, "another law is looked at")
    with pytest.raises(AssertionError, match=f"breaks the law '{law}'"):
        check_metric(MISTAKES[law], without=others)
    left_out = dict.fromkeys(LAWS, "it does not fit")
    check_metric(MISTAKES[law], without=left_out)


def test_a_law_is_left_out_by_name_and_with_a_reason():
    with pytest.raises(ValueError, match="there is no law 'fairness'; laws: it says"):
        check_metric(Middle, without={"fairness": "none"})
    with pytest.raises(ValueError, match="say why"):
        check_metric(Middle, without={"the loss grows with noise": " "})


def test_a_case_of_ones_own():
    task = make_survey()
    human, rows, second = (make_people(task, 500, seed) for seed in (1, 2, 3))
    pilot = make_people(task, 30, 4, prefix="pilot")
    case = Case(task, human, human.with_answers(rows.answers), pilot, second)
    check_metric(Middle, case=case, without={"the loss grows with noise": "one share is too little to tell here"})
