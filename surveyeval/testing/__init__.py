"""Fixtures and conformance checks for plugin authors.

A metric of a plugin is checked in its own tests by one call, see `surveyeval.testing.metrics`::

    from surveyeval.testing import check_metric

    def test_conformance():
        check_metric(MyMetric)
"""

from surveyeval.testing.case import Case
from surveyeval.testing.metrics import LAWS, check_metric
from surveyeval.testing.survey import make_people, make_survey

__all__ = ["LAWS", "Case", "check_metric", "make_people", "make_survey"]
