"""What low precision and shared reading do to answers: differences of option probabilities, and draws that change.

    python benchmarks/precision.py [--model embedded:smollm2] [--task anes96] [--interviews 16] [--dtype bfloat16]

Interviews are simulated in float32. Then every option is scored again at the very places of these interviews, in both
dtypes, as surveyeval reads (beginnings shared, options beside each other in one row) and in one plain pass for each option.
Tables of probabilities, renormalised over the options, are compared by their total variation, and a draw counts as changed
if the same uniform number chooses another option from the other table. Last, interviews are simulated in the low precision
with the same uniform numbers, where a changed answer changes all that follows it.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="embedded:smollm2", help="model string of a transformers model")
    parser.add_argument("--task", default="anes96")
    parser.add_argument("--interviews", type=int, default=16)
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float16"])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    from surveyeval.task.human import load_human
    from surveyeval.task.load import load_task

    task = load_task(options.task)
    everybody = load_human(task).sample
    rng = np.random.default_rng(options.seed)
    people = everybody.take(np.sort(rng.choice(everybody.n, options.interviews, replace=False)))
    uniforms = rng.random((people.n, len(task.items)))
    shared: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    answers: dict[str, Any] = {}
    simulated = None
    for dtype in ("float32", options.dtype):
        print(dtype, file=sys.stderr, flush=True)
        model = build(options.model, dtype)
        answers[dtype] = simulate(model, task, people, uniforms)
        simulated = people.with_answers(answers[dtype]) if simulated is None else simulated
        requests = places(task, simulated)
        shared[dtype] = [scores.log_prob for path in model.score_paths(requests) for scores in path]
        plain[dtype] = [one_by_one(model, request) for path in requests for request in path]
    drawn = uniforms.ravel()
    print(f"{options.model}, {options.task}, {people.n} interviews, {len(drawn)} answers\n")
    print(f"{'':44}{'total variation':>24}{'log-probability':>18}{'draws':>10}")
    print(f"{'':44}{'mean':>12}{'largest':>12}{'largest':>18}{'changed':>10}")
    low = options.dtype
    compare("float32, shared against one pass per option", shared["float32"], plain["float32"], drawn)
    compare(f"{low}, shared against one pass per option", shared[low], plain[low], drawn)
    compare(f"one pass per option, {low} against float32", plain[low], plain["float32"], drawn)
    compare(f"shared, {low} against float32", shared[low], shared["float32"], drawn)
    different = np.array([answers[low][item.name] != answers["float32"][item.name] for item in task.items])
    print(f"\nsimulated in {low}: {different.mean():.1%} of answers differ from those in float32.")


def build(model: str, dtype: str) -> Any:
    from surveyeval.model.build import build_model

    built: Any = build_model(f"{model}{'&' if '?' in model else '?'}dtype={dtype}").model
    built.load()
    return built


def simulate(model: Any, task: Any, people: Any, uniforms: Any) -> dict[str, Any]:
    from surveyeval.model import host
    from surveyeval.model.protocol import Interviews

    return dict(host.simulate(model, Interviews(task, people.without_answers(), uniforms)).answers)


def places(task: Any, people: Any) -> list[list[Any]]:
    """Requests of interviews as they went, a path for each person."""
    from surveyeval.model.elicitation import Place
    from surveyeval.task.render import interviews

    paths = []
    for row, interview in enumerate(interviews(task, people.without_answers())):
        chosen = [int(people.answers[item.name][row]) for item in task.items]
        given = tuple(q.answers[q.order.index(i)] for q, i in zip(interview.questions, chosen, strict=True))
        paths.append([Place(interview, j, given[:j]).request() for j in range(len(given))])
    return paths


def one_by_one(model: Any, request: Any) -> Any:
    """Scores from one plain pass over the whole text for each option; options that differ in their last token have one text."""
    import torch

    from surveyeval.model.scoring import disjoint

    prompt, tails = model.tokens(request)
    begins, read = [], {}
    for tail in tails:
        text = prompt + tail[:-1]
        if text not in read:
            with torch.inference_mode():
                ids = torch.tensor([text], device=model.loaded.model.device)
                logits = model.loaded.model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 :]
            read[text] = torch.log_softmax(logits.float(), dim=-1)
        begins.append(sum(float(row[token]) for row, token in zip(read[text], tail, strict=True)))
    return disjoint(begins, tails)


def compare(name: str, one: list[Any], other: list[Any], uniforms: Any) -> None:
    from surveyeval.model.draws import draw_options

    far, apart, changed = [], [], []
    for a, b, uniform in zip(one, other, uniforms, strict=True):
        p, q = (np.exp(log_p) / np.exp(log_p).sum() for log_p in (a, b))
        far.append(np.abs(p - q).sum() / 2)
        apart.append(np.abs(a - b).max())
        draws = [draw_options(table[None], np.array([uniform]))[0] for table in (p, q)]
        changed.append(draws[0] != draws[1])
    print(f"{name:44}{np.mean(far):12.1e}{np.max(far):12.1e}{np.max(apart):18.1e}{np.mean(changed):10.1%}")


if __name__ == "__main__":
    main()
