"""The laws that surveyeval has for everything that a plugin may bring, checked by one call each."""

from surveyeval.testing import check_metric, check_model, check_plugin, check_source, check_task

from surveyeval_example.metric import EndShare
from surveyeval_example.model import Satisficer
from surveyeval_example.source import Guests


def test_it_is_installed_and_everything_loads():
    assert check_plugin("surveyeval-example") == [
        "model example",
        "metric example_ends",
        "task example_canteen",
        "source example_guests",
        "report_section example_words",
    ]


def test_model():
    for reference in ("first", "last"):
        check_model(lambda reference=reference: Satisficer(reference))


def test_metric():
    check_metric(EndShare)


def test_task():
    check_task("example_canteen")


def test_source():
    check_source(Guests, "30", unknown="many")
