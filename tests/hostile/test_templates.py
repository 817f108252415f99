"""Templates of task files: nothing of Python can be reached, and nothing takes long."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from surveyeval.data.sample import NO_ARM, Sample
from surveyeval.errors import ConfigError
from surveyeval.task.render import check_template, composed_person, interviews
from tests.engine.small import small_task
from tests.hostile.limits import capped

KNOWN = {"age", "region"}


@pytest.mark.parametrize(
    "text",
    [
        "{{ age.__class__ }}",
        "{{ age['__class__'] }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ age|attr('__class__') }}",
        "{{ '%s'|format(age) }}",
        "{{ '{0.__class__}'.format(age) }}",
        "{{ 'x' % age }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ lipsum.__globals__ }}",
        "{{ request }}",
        "{{ range(10**9) }}",
        "{% for i in range(1000000000) %}x{% endfor %}",
        "{% for c in age %}{{ c }}{% endfor %}",
        "{{ age * 1000000000 }}",
        "{{ 'x' * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ age|center(1000000000) }}",
        "{{ age|replace('', 'xxxxxxxxxx') }}",
        "{% set x = 1 %}",
        "{% set x %}{{ age }}{% endset %}",
        "{% macro f() %}{{ f() }}{% endmacro %}",
        "{% include '/etc/passwd' %}",
        "{% import '/etc/passwd' as x %}",
        "{% extends '/etc/passwd' %}",
        "{% call age() %}{% endcall %}",
        "{% with x = age %}{% endwith %}",
        "{% filter upper %}x{% endfilter %}",
        "{{ namespace(x=1) }}",
        "{{ dict(x=1) }}",
        "{{ age|map('attr', 'x') }}",
        "{{ age|tojson|safe }}",
        "{{ age is eval }}",
        "{{ " + "9" * 5_000 + " }}",
        "{{ 0x" + "f" * 5_000 + " }}",
        "{{ " + "(" * 5_000 + "age" + ")" * 5_000 + " }}",
        "{{ " + "not " * 4_000 + "age }}",
        "{% if age %}" * 600 + "{% endif %}" * 600,
        "x" * 20_001,
    ],
)
def test_what_reaches_further_is_refused_before_anything_runs(text: str) -> None:
    with capped():
        assert list(check_template(text, KNOWN))


@pytest.mark.parametrize(
    "text",
    [
        "{{ 1.5|round(10000000, 'ceil') }}",
        "{{ 1.5|round(9999999999, 'floor') }}",
        "{{ 1.5|round(precision=999999999, method='ceil') }}",
        "{{ '1.5'|float|round(age|int * 1, 'ceil') }}".replace(" * 1", ""),
    ],
)
def test_rounding_to_a_billion_decimals_takes_no_time(text: str) -> None:
    with capped(2.0):
        assert not list(check_template(text, KNOWN))
        task = small_task(
            profile={"age": {"column": "age", "example": "999999999"}}, interview={"profile": text}, regressions=[], subgroups=[], cells=[]
        )  # fmt: skip
        with pytest.raises(ConfigError, match="rounded to at most 20 decimals"):
            interviews(task, composed_person(task))


def test_rounding_still_rounds() -> None:
    task = small_task(
        interview={"profile": "{{ '1.256'|float|round(2) }} {{ 2.5|round(0, 'ceil') }} {{ 2.5|round|int }}"}
    )
    assert interviews(task, composed_person(task))[0].opening == "1.26 3.0 2"


def test_halves_of_characters_are_refused_in_words() -> None:
    task = small_task(interview={"profile": "{{ '\\ud800' }}"})
    with pytest.raises(ConfigError, match="halves of characters"):
        interviews(task, composed_person(task))


def people(value: str) -> Sample:
    return Sample(
        np.array(["a"], dtype=object),
        np.array([NO_ARM], dtype=object),
        profile={"region": np.array([value], dtype=object)},
    )


def test_values_are_text_and_never_templates() -> None:
    task = small_task(interview={"profile": "From {{ region }}."})
    evil = "{{ 7 * 7 }}{% for i in x %}"
    assert interviews(task, people(evil))[0].opening == f"From {evil}."


def test_a_value_that_is_repeated_cannot_fill_the_memory() -> None:
    task = small_task(interview={"profile": "{{ region" + " ~ region" * 1_500 + " }}"})
    with capped(3.0, megabytes=400), pytest.raises(ConfigError, match="characters"):
        interviews(task, people("x" * 1_000_000))
    with capped(3.0, megabytes=400), pytest.raises(ConfigError, match="template makes"):
        interviews(task, people("x" * 10_000))


def test_templates_of_a_task_file_are_checked_when_it_is_read(tmp_path: Path) -> None:
    from surveyeval.task.load import load_task

    (tmp_path / "task.yaml").write_text(
        "name: evil\nversion: '1'\ntitle: t\n"
        "source: {use: 'file:x.csv', provenance: synthetic, licence: none, citation: none}\n"
        "profile: {age: {column: age}}\n"
        'interview: {profile: "{{ age.__class__ }}", system: "{{ range(10**9) }}"}\n'
        "items: [{name: a, role: belief, kind: binary, question: \"{{ ''.__class__ }}\", options: {'0': 'no', '1': 'yes'}}]\n"
    )
    with capped(), pytest.raises(ConfigError) as caught:
        load_task(tmp_path / "task.yaml")
    fields = {problem.field for problem in caught.value.problems}
    assert {"interview.profile", "interview.system", "items[0].question"} <= fields
