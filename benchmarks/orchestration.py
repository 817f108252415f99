"""What asking costs when the model costs nothing: answers per second of processor time, against EDSL and Inspect.

    python benchmarks/orchestration.py [--quick | --full] [--edsl .venv-edsl/bin/python] [--inspect .venv-inspect/bin/python]

Everybody asks the same people of `anes96` the same questions and stores the answers: surveyeval with ``scripted:noisy``
and with a scorer that gives all options the same probability, EDSL with its ``test`` model, Inspect with ``mockllm``.
Each runs in a process and, for the peers, an environment of its own, after a small run that loads what is loaded late.
What each one's figure includes: docs/explanation/speed.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from common import Row, Section, child, peak_mib, report, threads_environment, versions

TASK = "anes96"
#: People of the small run before the measured one.
WARM = 5
NAMES = {"edsl": "EDSL", "inspect": "Inspect"}
EDSL, INSPECT = ".venv-edsl/bin/python", ".venv-inspect/bin/python"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="100 people, once (default)")
    size.add_argument("--full", action="store_true", help="all test people, best of three")
    parser.add_argument("--people", type=int, help="so many people instead")
    parser.add_argument("--edsl", default=EDSL, help="interpreter of an environment with edsl")
    parser.add_argument("--inspect", default=INSPECT, help="interpreter of an environment with inspect-ai")
    parser.add_argument("--json", help="write the table's rows to this file instead of printing them")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    people = options.people or (10_000 if options.full else 100)
    if options.way:
        print(json.dumps(WAYS[options.way](Path(options.folder), people)))
        return
    report([section(options, people)], options.json)


def section(options: argparse.Namespace, people: int) -> Section:
    pythons = {"scripted": sys.executable, "scorer": sys.executable, "edsl": options.edsl, "inspect": options.inspect}
    missing = {name: path for name, path in pythons.items() if not Path(path).exists()}
    with tempfile.TemporaryDirectory() as folder:
        environment = {**threads_environment(1), "HOME": folder, "SURVEYEVAL_CACHE": str(Path(folder) / "cache")}

        def run(way: str) -> dict[str, Any]:
            print(way, file=sys.stderr, flush=True)
            words = ["--way", way, "--folder", folder, "--people", str(people)]
            return child(pythons.get(way, sys.executable), __file__, words, environment)

        asked = run("interviews")
        found: dict[str, dict[str, Any]] = {}
        for _ in range(3 if options.full else 1):  # in turns, so that a busy moment hits no one way
            for way in pythons:
                one = run(way) if way not in missing else None
                if one is not None and (way not in found or one["cpu"] < found[way]["cpu"]):
                    found[way] = one
    for way, one in found.items():
        if one["answers"] != asked["questions"]:
            raise SystemExit(f"{way} gave {one['answers']} answers to {asked['questions']} questions")
    rows = [
        row(f"{ours}, {NAMES[peer]}", found[ours], found[peer])
        for peer in ("edsl", "inspect")
        if peer in found
        for ours in ("scripted", "scorer")
    ] or [row(ours, found[ours], None) for ours in ("scripted", "scorer")]
    said = "; ".join(one["versions"] for one in found.values() if one["versions"])
    return Section(
        f"Answers per second of processor time, no model: {asked['questions']} questions to {asked['people']} people of "
        f"{TASK}, 1 thread; {said}",
        tuple(rows),
        tuple(f"{name} is not measured: there is no {path}" for name, path in missing.items()),
    )


def row(name: str, ours: dict[str, Any], peer: dict[str, Any] | None) -> Row:
    rate = ours["answers"] / ours["cpu"]
    if peer is None:
        return Row(name, rate, mib=ours["peak"])
    return Row(name, rate, peer["answers"] / peer["cpu"], mib=ours["peak"], peer_mib=peer["peak"])


def measured(answer: Callable[[int | None], int], versions_of: str = "") -> dict[str, Any]:
    """Run small, then run and measure. `answer` takes a number of people (None: all) and gives the number of answers."""
    answer(WARM)
    begun, computed = time.perf_counter(), time.process_time()
    answers = answer(None)
    return {
        "answers": answers,
        "cpu": time.process_time() - computed,
        "seconds": time.perf_counter() - begun,
        "peak": peak_mib(),
        "versions": versions_of,
    }


# ---- surveyeval -----------------------------------------------------------------------------------------------------


class Indifferent:
    """A language model that finds all options equally probable: the host renders, walks and draws as for any other."""

    block_size = 32

    def __init__(self) -> None:
        from surveyeval.model.protocol import Capabilities

        self.capabilities = Capabilities()

    def fingerprint(self) -> Any:
        from surveyeval.model.protocol import Fingerprint

        return Fingerprint("content", "indifferent")

    def banners(self) -> Sequence[str]:
        return ()

    def load(self) -> None:
        pass

    def score(self, requests: Sequence[Any]) -> list[Any]:
        import numpy as np

        from surveyeval.model.protocol import OptionScores

        found = []
        for request in requests:
            self.render(request.messages)
            found.append(OptionScores(np.full(len(request.options), -np.log(len(request.options)))))
        return found

    def score_paths(self, paths: Sequence[Sequence[Any]]) -> list[list[Any]]:
        return [self.score(path) for path in paths]

    def release(self, interviews: Sequence[str]) -> None:
        pass

    def render(self, messages: Sequence[Any]) -> str:
        return "".join(f"<{message.role}>{message.content}</{message.role}>" for message in messages)


def surveyeval(folder: Path, people: int, named: Callable[[], Any]) -> dict[str, Any]:
    """From the task's name to answers on disk: task, people, split, plan, interviews, draws, log, table."""
    from surveyeval.engine.experiment import prepare
    from surveyeval.engine.manifest import RunOptions
    from surveyeval.engine.runner import simulate
    from surveyeval.progress import Silent
    from surveyeval.task.human import load_human
    from surveyeval.task.load import load_task

    def answer(limit: int | None) -> int:
        task = load_task(TASK)
        options = RunOptions(limit=limit or people)
        model = named()
        experiment = prepare(task, load_human(task), options, [model])
        run = simulate(
            experiment, model, folder / "runs", config={}, command="benchmark", again=True, progress=Silent()
        )
        return len(run.responses)

    return measured(answer)


def scripted(folder: Path, people: int) -> dict[str, Any]:
    from surveyeval.model.build import build_model

    return surveyeval(folder, people, lambda: build_model("scripted:noisy"))


def scorer(folder: Path, people: int) -> dict[str, Any]:
    from surveyeval.model.build import NamedModel

    return surveyeval(folder, people, lambda: NamedModel("scorer", "benchmark:indifferent", Indifferent()))


def interviews(folder: Path, people: int) -> dict[str, Any]:
    """The words of the interviews, for the peers."""
    from surveyeval.engine.experiment import prepare
    from surveyeval.engine.manifest import RunOptions
    from surveyeval.task.human import load_human
    from surveyeval.task.load import load_task
    from surveyeval.task.render import interviews as rendered

    task = load_task(TASK)
    test = prepare(task, load_human(task), RunOptions(limit=people), []).test.without_answers()
    questions = [{"name": item.name, "question": item.question, "options": list(item.labels)} for item in task.items]
    persons = [
        {
            "respondent": one.key,
            "system": one.system,
            "opening": one.opening,
            "traits": {name: str(column[row]) for name, column in test.profile.items()},
        }
        for row, one in enumerate(rendered(task, test))
    ]
    (folder / "interviews.json").write_text(json.dumps({"questions": questions, "people": persons}))
    return {"questions": len(questions) * len(persons), "people": len(persons)}


# ---- peers ----------------------------------------------------------------------------------------------------------


def edsl(folder: Path, _people: int) -> dict[str, Any]:
    """Agents with traits, a survey of multiple-choice questions, the test model, results in memory."""
    from edsl import Agent, AgentList, Cache, Model, QuestionMultipleChoice, Survey

    asked = json.loads((folder / "interviews.json").read_text())

    def answer(limit: int | None) -> int:
        survey = Survey(
            [
                QuestionMultipleChoice(
                    question_name=one["name"], question_text=one["question"], question_options=one["options"]
                )
                for one in asked["questions"]
            ]
        )
        agents = AgentList([Agent(name=one["respondent"], traits=one["traits"]) for one in asked["people"][:limit]])
        canned = {one["name"]: one["options"][0] for one in asked["questions"]}
        model = Model("test", service_name="test", canned_response=canned)
        results = (
            survey.by(agents)
            .by(model)
            .run(
                disable_remote_inference=True,
                disable_remote_cache=True,
                cache=Cache(),
                progress_bar=False,
                stop_on_exception=True,
            )
        )
        return sum(row.answer[name] == said for row in results for name, said in canned.items())

    return measured(answer, versions("edsl"))


def inspect(folder: Path, _people: int) -> dict[str, Any]:
    """One sample for each question, `multiple_choice`, scored by `choice`, the log on disk.

    The model states its token usage: without it, mockllm counts tokens, which takes longer and needs a download.
    """
    from inspect_ai import Task, eval
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ModelOutput, ModelUsage, get_model
    from inspect_ai.scorer import choice
    from inspect_ai.solver import multiple_choice, system_message

    asked = json.loads((folder / "interviews.json").read_text())

    def said(*_: Any) -> ModelOutput:
        output = ModelOutput.from_content("mockllm/model", "ANSWER: A")
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    def answer(limit: int | None) -> int:
        samples = [
            Sample(
                id=f"{person['respondent']}-{one['name']}",
                input=f"{person['opening']}\n\n{one['question']}",
                choices=one["options"],
                target="A",
            )
            for person in asked["people"][:limit]
            for one in asked["questions"]
        ]
        task = Task(
            dataset=MemoryDataset(samples),
            solver=[system_message(asked["people"][0]["system"]), multiple_choice()],
            scorer=choice(),
        )
        model = get_model("mockllm/model", custom_outputs=said, memoize=False)
        (log,) = eval(task, model=model, display="none", log_dir=str(folder / "logs"), log_realtime=False)
        if log.status != "success":
            raise SystemExit(str(log.error))
        return sum(sample.scores["choice"].value == "C" for sample in log.samples or [])

    return measured(answer, versions("inspect-ai"))


WAYS = {"interviews": interviews, "scripted": scripted, "scorer": scorer, "edsl": edsl, "inspect": inspect}

if __name__ == "__main__":
    main()
