"""What a manifest tells of how a run went: what it was gone on with, what came of it, and what it ends or goes on with."""

from __future__ import annotations

import json
from dataclasses import replace

from surveyeval.data.files import write_atomically
from surveyeval.engine.asking import Asker, LanguageAsker
from surveyeval.engine.manifest import environment
from surveyeval.engine.prompts import examples
from surveyeval.engine.run import Run
from surveyeval.engine.tally import Tally, failures
from surveyeval.errors import ModelError, SurveyevalError
from surveyeval.model.build import NamedModel
from surveyeval.progress import Progress
from surveyeval.task.task import Task

__all__ = ["go_on", "record_outcome", "say_that_it_continues", "stop_if_failed", "write_prompts"]

#: Models count what they did themselves, and not what was done before or beside them.
_OF_ONE = "numbers of places and texts in these notes are those of one command and one worker, not of the whole run"


def go_on(run: Run, named: NamedModel, progress: Progress) -> None:
    """Set a run under way, and say where this is another machine than it was begun on."""
    for left in run.folder.glob(".*.tmp"):
        left.unlink(missing_ok=True)
    before, here = run.manifest["environment"], environment()
    others = [
        f"{name} {before.get(name)}, now {here.get(name)}"
        for name in {**before, **here}
        if before.get(name) != here.get(name)
    ]
    if others:
        said = f"was begun with {'; '.join(others)}: answers may differ from those of an unbroken run"
        run.manifest["environment"] = here
        run.manifest["notes"].append(said)
        progress.note(f"{named.name}: {said}")
    run.manifest["status"] = "running"


def stop_if_failed(run: Run, tally: Tally, named: NamedModel, total: int) -> None:
    """End with an error where answers failed. They keep it, and the next command tries them again and no others."""
    errors = tally.errors
    if not errors:
        return
    run.manifest["status"] = "incomplete"
    run.manifest["failed"] = failures(tally)
    run.save()
    count = sum(errors.values())
    (words, _), *others = errors.most_common()
    more = f" ({len(others)} other reasons are in manifest.json)" if others else ""
    raise ModelError(
        f"{count} answer{'s' if count > 1 else ''} of {named.name!r} could not be had: {words}{more}",
        file=run.folder.name,
        hint=f"everything else of {total} interviews is on disk, and the same command tries these again; "
        f"`surveyeval score --partial {run.folder}` scores what there is",
    )


def say_that_it_continues(error: SurveyevalError, held: int, total: int) -> None:
    """Add to the error of a run that was under way what is on disk, and how to go on."""
    if not held:
        return
    first, *others = error.problems
    said = f"{held} of {total} interviews are on disk"
    if "same command continues" not in (first.hint or ""):
        said += ", and the same command continues"
    error.problems = (replace(first, hint=f"{first.hint}; {said}" if first.hint else said), *others)
    error.args = ("\n".join(map(str, error.problems)),)


def record_outcome(
    run: Run, tally: Tally, asker: Asker, named: NamedModel, progress: Progress, *, continued: bool
) -> None:
    """Put into the manifest what came of all blocks: counts, notes, and what came from the cache.

    `continued`: this command answered what others had left.
    """
    run.manifest["counts"] |= tally.counts()
    tally.note(map(str, getattr(asker.model, "notes", ())))
    notes = list(tally.said.values())
    found = tally.cached()
    away = isinstance(asker, LanguageAsker) and asker.away is not None
    mixed = found is not None and found["interviews"] < run.manifest["counts"]["interviews"]
    if tally.counting and (continued or away or mixed):
        notes.append(_OF_ONE)
    if found is not None:
        run.manifest["cache"] = found
        said = f"{found['interviews']} of {run.manifest['counts']['interviews']} interviews"
        progress.note(f"{named.name}: {said} were answered before and are read from the response cache")
        if run.manifest["model"]["fingerprint"]["kind"] == "declared":
            first, last = found["first"][:10], found["last"][:10]
            when = f"on {first}" if first == last else f"from {first} to {last}"
            notes.append(
                f"{said} were answered by the server {when} and read from the response cache; the server may have changed "
                "since"
            )
    usage = getattr(asker.model, "usage", None)
    notes += [str(usage)] if usage else []
    known = run.manifest["notes"]
    known += [note for note in dict.fromkeys(notes) if note not in known]


def write_prompts(task: Task, asker: Asker, run: Run) -> None:
    """Store one exact example for each arm, with an invented profile: never a real person's.

    Interviews of pilot people that stand in the prompt (``?examples=``) are left out for the same reason, and counted.
    """
    if not isinstance(asker, LanguageAsker):
        return
    lines = []
    for arm, messages in examples(task, asker.experiment.hidden, asker.elicitation):
        shown = [{"role": message.role, "content": message.content} for message in messages]
        lines.append({"arm": arm, "messages": shown, "rendered": asker.rendered(messages)})
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    write_atomically(run.folder / "prompts.jsonl", text)
    run.manifest["prompt_example"] = lines[0]["messages"]
    count = getattr(asker.model, "examples", 0)
    note = f"{count} interviews of pilot people stand before each interview; the prompt example leaves them out"
    if count and note not in run.manifest["notes"]:
        run.manifest["notes"].append(note)
