"""Fixtures and conformance checks for plugin authors.

What a plugin brings is checked in its own tests by one call each::

    from surveyeval.testing import check_metric, check_model, check_plugin, check_task

    def test_conformance():
        check_plugin("my-distribution")
        check_metric(MyMetric)
        check_model(lambda: MyModel("reference"))
        check_task("my_task")

Each check goes through named laws. A law that does not fit is left out by name, with the reason, which then stands in the
test: ``check_metric(MyMetric, without={"a weight is a repetition": "it counts answers, not people"})``.
"""

from surveyeval.testing.case import Case
from surveyeval.testing.elicitations import ELICITATION_LAWS, check_elicitation
from surveyeval.testing.metrics import LAWS, check_metric
from surveyeval.testing.models import MODEL_LAWS, check_model
from surveyeval.testing.packages import check_plugin
from surveyeval.testing.sources import SOURCE_LAWS, check_source
from surveyeval.testing.survey import make_people, make_survey
from surveyeval.testing.tasks import TASK_LAWS, check_task

__all__ = [
    "ELICITATION_LAWS",
    "LAWS",
    "MODEL_LAWS",
    "SOURCE_LAWS",
    "TASK_LAWS",
    "Case",
    "check_elicitation",
    "check_metric",
    "check_model",
    "check_plugin",
    "check_source",
    "check_task",
    "make_people",
    "make_survey",
]
