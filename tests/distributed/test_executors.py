"""Executors: what the runner does with blocks that come twice or out of order, and how an executor is written."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from surveyeval.cli.executing import executor_string
from surveyeval.engine.asking import LanguageAsker
from surveyeval.engine.cache import ResponseCache
from surveyeval.engine.executors import Local, open_executor
from surveyeval.engine.executors.on_workers import OnWorkers
from surveyeval.engine.experiment import prepare, trained_on
from surveyeval.engine.manifest import RunOptions
from surveyeval.engine.run import Run
from surveyeval.errors import ConfigError, ModelError
from surveyeval.model.build import NamedModel
from surveyeval.model.host import Preparation
from surveyeval.progress import Silent
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from tests.engine.talkers import Talker, results, run
from tests.tuning import survey


class Careless(Local):
    """Delivers the blocks of the first draw last to first, and every block twice or three times."""

    def attach(self, asker: Any, named: Any, fingerprint: Any) -> Any:
        inner = super().attach(asker, named, fingerprint)

        class Answering:
            def finished(self, blocks: Any, first: Any, begin: Any) -> Iterator[Any]:
                early = [block for block in blocks if block.draw == 0]
                found = list(inner.finished(early[::-1], first, begin))
                for number, record in enumerate(found):
                    yield record
                    yield found[number // 2]
                    yield record
                yield from inner.finished([block for block in blocks if block.draw > 0], first, begin)

        return Answering()


@pytest.fixture(scope="module", params=["sequential", "independent"])
def task(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    return survey.write(folder, survey.people(60, missing=0.05), interview={"mode": request.param})


def test_blocks_that_come_twice_and_in_any_order_change_nothing(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (plain,) = run(monkeypatch, task, tmp_path / "plain", Talker(), draws=2, limit=14)
    (found,) = run(monkeypatch, task, tmp_path / "twice", Talker(), draws=2, limit=14, executor=Careless())
    assert results(found) == results(plain)
    assert found.id == plain.id
    assert found.manifest["counts"] == plain.manifest["counts"]


def test_an_executor_is_no_part_of_a_run(task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one executor began, another goes on with."""
    with pytest.raises(ModelError, match="the server is gone"):
        run(monkeypatch, task, tmp_path / "stopped", Talker(fails_at=3), limit=14, executor=Careless())
    (found,) = run(monkeypatch, task, tmp_path / "stopped", Talker(), limit=14)
    (plain,) = run(monkeypatch, task, tmp_path / "plain", Talker(), limit=14)
    assert results(found) == results(plain)
    assert len(list((tmp_path / "stopped").glob("*/manifest.json"))) == 1
    assert isinstance(found, Run)


def test_workers_are_told_of_no_test_person(task: Path) -> None:
    model = Talker()
    loaded = load_task(str(task))
    human = load_human(loaded)
    experiment = prepare(loaded, human, RunOptions(), [])
    trained = trained_on(model, loaded, human)[: experiment.pilot.n]
    named = NamedModel("words", "words:words", model)
    asker = LanguageAsker(named, model, model.fingerprint(), experiment, trained, ResponseCache(None), Silent())
    workers = OnWorkers(asker, model.fingerprint(), lambda: pytest.fail("no worker is needed"))
    people = re.compile(rb"p[0-9]{4}")
    assert len(people.findall(pickle.dumps(human.table.frame))) == 60  # they could be seen
    assert not people.findall(pickle.dumps(workers._job(Preparation())))
    # while the model is calibrated, the pilot is all that they get
    told = set(people.findall(pickle.dumps(workers._job(None))))
    assert told == {name.encode() for name in experiment.pilot.respondent}


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        ("rai", (), "there is no executor 'rai'; did you mean 'ray'?"),
        ("ray?worker=2", (), "executor 'ray' has no option 'worker'; did you mean 'workers'?"),
        ("ray", ("workers=0",), "option 'workers' of executor 'ray': input should be greater than or equal to 1"),
        ("ray?workers=2", ("workers=3",), "option 'workers' of executor 'ray?workers=2' is given twice"),
        ("ray", ("workers",), "-E 'workers' is not written KEY=VALUE"),
        ("ray", ("address=ray://head:10001",), "the command is run on a machine of the cluster"),
        ("ray", ("gpus_per_worker=1.5",), "a part of one GPU or a whole number"),
        ("local?workers=2", (), "executor 'local' has no options, but workers was given"),
        (None, ("workers=2",), "-E is given, and no executor"),
        ("ray ?x", (), "is not written name or name?option=value"),
    ],
)
def test_a_wrong_executor_is_named_with_what_would_be_right(text: Any, settings: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_executor(executor_string(text, settings))
    assert said in str(caught.value)


def test_options_can_be_written_behind_the_name_or_apart() -> None:
    assert executor_string("ray?workers=4", ("gpus_per_worker=0.5",)) == "ray?gpus_per_worker=0.5&workers=4"
    assert executor_string(None, ()) == "local"
