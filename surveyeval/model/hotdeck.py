"""Hot deck: every simulated respondent gets the answers of one person of the pilot with a similar profile."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.model.draws import draw_options
from surveyeval.model.encoding import numbers
from surveyeval.model.protocol import Answers, Interviews
from surveyeval.model.tables import arm_numbers
from surveyeval.task.task import Profile, Task

__all__ = ["NEIGHBOURS", "HotDeck", "gower"]

FloatArray = NDArray[np.float64]

#: Donors to choose among. With one, everybody of a profile would get the same answers; with many, profiles would not matter.
NEIGHBOURS = 5
#: Distances that differ by less are ties.
_ROUNDING = 1e-9


class HotDeck:
    """Random hot deck within arms, nearest neighbours by Gower's distance of profiles.

    The donor is drawn, with the pilot's weights and the person's first uniform number, among everybody of the person's arm
    who is at most as far away as the `NEIGHBOURS`-th nearest (more than `NEIGHBOURS` when there are ties there, fewer when
    the arm has fewer). All items come from that one donor. An answer that the donor did not give stays absent with the
    donor's state (refused, not asked, ...), so that nonresponse and routing are those of people. Those who answered nothing
    are no donors. Where the pilot has no donor in the arm, donors of all arms stand in.

    There are no option probabilities: an answer vector that no donor gave would have probability 0, and its log-loss would
    be infinite.

    Parameters
    ----------
    hidden : frozenset of str
        Profile fields that are left out of the distance. Without any field all donors of the arm are equally near.

    References
    ----------
    Andridge and Little (2010), A review of hot deck imputation for survey non-response, International Statistical Review 78.
    """

    def __init__(self, hidden: frozenset[str] = frozenset()) -> None:
        self.hidden = hidden
        self._donors: Sample | None = None

    def fit(self, task: Task, pilot: Sample) -> None:
        """Keep the donors."""
        answered = np.any([pilot.answers[item.name] >= 0 for item in task.items], axis=0)
        self._donors = pilot.take(answered) if answered.any() else pilot

    def donors(self, task: Task, people: Sample) -> FloatArray:
        """(n, donors) weights with which each person's donor is drawn; 0 for those who are not near."""
        assert self._donors is not None
        donors = self._donors
        same_arm = arm_numbers(task, people)[:, None] == arm_numbers(task, donors)[None, :]
        same_arm[~same_arm.any(axis=1)] = True
        fields = [field for name, field in task.profile.items() if name not in self.hidden]
        distance = np.where(same_arm, gower(task, fields, people, donors), np.inf)
        last = np.minimum(same_arm.sum(axis=1), NEIGHBOURS) - 1
        reach = np.take_along_axis(np.sort(distance, axis=1), last[:, None], axis=1)
        return np.where(distance <= reach + _ROUNDING, donors.weight, 0.0)

    def answer(self, interviews: Interviews) -> Answers:
        """Draw a donor for everybody."""
        task, people = interviews.task, interviews.people
        assert self._donors is not None
        given = self._donors.take(draw_options(self.donors(task, people), interviews.uniforms[:, 0]))
        names = [item.name for item in task.items]
        return Answers({name: given.answers[name] for name in names}, {name: given.states[name] for name in names})


def gower(task: Task, fields: list[Profile], people: Sample, donors: Sample) -> FloatArray:
    """Gower's distance between profiles.

    Parameters
    ----------
    task : Task
    fields : list of Profile
        Numeric and ordinal fields count |difference| / range among donors, at most 1; nominal ones 0 or 1. A missing value
        is unlike every value, missing ones included.
    people, donors : Sample

    Returns
    -------
    (n, donors) float array
        Mean over fields, in [0, 1]; 0 without fields.

    References
    ----------
    Gower (1971), A general coefficient of similarity and some of its properties, Biometrics 27.
    """
    total = np.zeros((people.n, donors.n))
    for field in fields:
        if field.kind == "nominal":
            mine, theirs = people.profile[field.name], donors.profile[field.name]
            known = np.array([code is not None for code in mine], dtype=bool)
            total += ~((mine[:, None] == theirs[None, :]) & known[:, None])
        else:
            values = numbers(task, field, donors)
            known = ~np.isnan(values)
            # A range of 0 tells donors apart in nothing: any constant will do.
            scale = (np.ptp(values[known]) if known.any() else 0.0) or 1.0
            apart = np.abs(numbers(task, field, people)[:, None] - values[None, :]) / scale
            total += np.where(np.isnan(apart), 1.0, np.minimum(apart, 1.0))
    return total / max(len(fields), 1)
