"""The conformance check that surveyeval has for every metric."""

import numpy as np
import pytest
from ppi_samples import make_people, make_task, scales
from surveyeval.testing import Case, check_metric

from surveyeval_ppi.intervals import Coverage, WidthRatio
from surveyeval_ppi.k_hat import KHat
from surveyeval_ppi.people import PeopleEquivalent
from surveyeval_ppi.sample_size import EffectiveSampleSize

SIZE = {"a weight is a repetition": "the number of people is what these metrics are about"}
PAIRS = {
    "an exact copy is the other half of the people": "a person and somebody else are no pair, so people have no reference"
}


@pytest.mark.parametrize("metric", [EffectiveSampleSize, WidthRatio, Coverage])
def test_pairs(metric):
    check_metric(metric, without=SIZE | PAIRS)


def test_people_equivalent():
    check_metric(PeopleEquivalent, without=SIZE)


def test_k_hat_of_a_task_with_enough_items():
    task = make_task(scales(40), arms=("a", "b"))
    latent = np.random.default_rng(1).normal(size=(160, 40))

    def people(seed, share):
        noise = np.random.default_rng(seed).normal(size=latent.shape)
        return make_people(task, 160, 1, latent=np.sqrt(share) * latent + np.sqrt(1 - share) * noise, weighted=True)

    human = people(1, 1.0)
    rows = human.with_answers(people(2, 0.4).answers)
    check_metric(KHat, without=SIZE, case=Case(task, human, rows, make_people(task, 60, 9), second=people(3, 0.8)))
