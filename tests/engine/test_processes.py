"""Work spread over processes: the same results in the same order, and errors that arrive."""

from __future__ import annotations

import os
import sys

import numpy as np
import pandas as pd
import pytest
from small import answered, respondents, small_task
from threadpoolctl import threadpool_info

from surveyeval import api
from surveyeval.engine.evaluate import evaluate
from surveyeval.engine.processes import one_thread, processors, spread
from surveyeval.errors import DataError, RunError


@pytest.mark.parametrize("processes", [1, 2, 5])
def test_results_come_in_order_whoever_found_them(processes):
    held = {"factor": 3}  # what this process has need not be sent
    assert list(spread(lambda number: held["factor"] * number, 11, processes)) == [3 * number for number in range(11)]
    assert list(spread(lambda number: number, 0, processes)) == []


def test_several_processes_take_part():
    found = set(spread(lambda _: os.getpid(), 20, 2))
    assert os.getpid() not in found
    assert list(spread(lambda _: os.getpid(), 3, 1)) == [os.getpid()] * 3


def test_an_error_is_the_one_that_the_work_raised():
    def work(number):
        if number == 2:
            raise DataError("no rows", hint="give some")
        return number

    results = spread(work, 6, 2)
    assert next(results) == 0
    with pytest.raises(DataError, match="no rows; give some"):
        list(results)


def test_an_error_that_cannot_be_sent_is_named():
    class OwnError(Exception):
        pass

    def work(number):
        raise OwnError("what happened")

    with pytest.raises(RuntimeError, match="OwnError: what happened"):
        list(spread(work, 2, 2))


def test_a_process_that_ends_early_is_noticed():
    with pytest.raises(RunError, match=r"ended before it was done.*OMP_NUM_THREADS=1"):
        list(spread(lambda number: os._exit(1), 3, 2))


def test_processes_end_when_nobody_wants_their_results():
    results = spread(lambda number: (number, os.getpid()), 50, 2)
    _, pid = next(results)
    results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_as_many_as_there_are_processors_unless_fewer_threads_are_wanted(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert processors() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "1000")
    most = processors()
    assert most == (len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert processors() == most


def test_work_does_not_start_processes_of_its_own(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert set(spread(lambda _: processors(), 4, 2)) == {1}


def test_one_thread_for_matrix_products():
    assert np.ones((2, 2)).sum() == 4  # the library is loaded
    with one_thread():
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}


@pytest.mark.parametrize("splits", [2, None])
def test_estimates_do_not_depend_on_the_number_of_processes(monkeypatch, splits):
    task, people, pilot = small_task(), answered(respondents(90, 1), 2, simulated=False), respondents(40, 3)
    pilot, model = answered(pilot, 4, simulated=False), answered(people.without_answers(), 5, shift=0.5)

    def table(processes):
        monkeypatch.setattr("surveyeval.engine.evaluate.processors", lambda: processes)
        monkeypatch.setattr("surveyeval.engine.label_swap.processors", lambda: processes)
        metrics = [metric for metric in api.metrics() if metric.spec.name in ("js_distance", "sign_f1", "association")]
        return evaluate(task, people, {"model": [model]}, pilot, metrics=metrics, splits=splits)

    monkeypatch.setattr("surveyeval.engine.evaluate._WORTHWHILE", 0)
    monkeypatch.setattr("surveyeval.engine.label_swap._WORTHWHILE", 0)
    pd.testing.assert_frame_equal(table(1), table(2), check_exact=True)
