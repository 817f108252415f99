"""Does a submission agree with itself? What its own numbers determine is computed again; what they don't is named.

A check finds slips and clumsy forgeries. Nothing in a submission can show that its answers came from the model it names: for
that, run the command on its manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from surveyeval.board.check_columns import check_columns
from surveyeval.board.check_counts import check_counts
from surveyeval.board.check_rows import check_complete, check_tests
from surveyeval.board.check_tables import check_tables
from surveyeval.board.findings import Checked, Findings
from surveyeval.board.recompute import recompute
from surveyeval.board.references import check_references
from surveyeval.board.scrub import has_path
from surveyeval.board.small_cells import FEWEST
from surveyeval.board.submission import Submission, hashes
from surveyeval.data.files import digest
from surveyeval.engine.manifest import shown_otherwise
from surveyeval.errors import SurveyevalError

if TYPE_CHECKING:
    from surveyeval.task.task import Task

__all__ = ["check_submission"]

#: Columns that only tables about respondents have.
_ABOUT_PEOPLE = frozenset({"respondent", "respondent_id", "id", "ids", "person", "responses", "answers", "raw_text"})
_STATUSES = frozenset(
    {"ok", "not_applicable", "not_estimable", "too_small", "not_resolved", "undecidable", "skipped", "grey"}
)

#: Parts of the identity that the manifest says a second time, and how messages call them.
_REPEATED = {
    "task": "the task file",
    "profile_set": "the profile set",
    "data": "the data",
    "split": "the split",
    "test": "the test people",
    "model": "the model",
    "options": "the options",
    "plan": "the plan",
}


def check_submission(submission: Submission) -> Checked:
    """Check one submission, against itself and against what this machine knows of its task and its people.

    Parameters
    ----------
    submission : Submission
        Read, so its shape is right.
    """
    found = Findings()
    manifest, parts = submission.manifest, submission.parts
    task = _known(manifest, found)
    parts_of_it: tuple[tuple[str, Callable[[], None]], ...] = (
        ("hashes of the parts", lambda: _hashes(submission, found)),
        ("manifest, identity", lambda: _identity(manifest, parts["metrics"], found)),
        ("tables", lambda: check_columns(parts["tables"], found)),
        ("metrics, estimates", lambda: _rows(submission, found)),
        ("metrics, estimates", lambda: recompute(submission.view, found)),
        ("metrics, estimates", lambda: check_complete(parts, task, found)),
        ("metrics, tests", lambda: check_tests(parts["metrics"]["estimates"], parts["tables"], found)),
        ("tables", lambda: check_tables(parts, task, found)),
        ("manifest, counts", lambda: check_counts(manifest, parts, found)),
        ("tables", lambda: _private(submission, found)),
        ("metrics, references", lambda: check_references(parts, task, found)),
        ("card", lambda: _card(submission, found)),
    )
    for part, check in parts_of_it:
        try:
            check()
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:  # of strange values
            found.expect("what is read", False, f"{part}: {type(error).__name__}: {str(error)[:100]}")
    found.cannot("that the answers came from this model, and that the estimates follow from them: needs the answers")
    found.cannot("intervals, and p-values of label swaps: need the answers")
    return found.finished(manifest["task"]["name"], manifest["model"]["name"])


def _hashes(submission: Submission, found: Findings) -> None:
    actual = hashes(submission.parts)
    what = "hashes of the parts"
    found.expect(what, set(submission.stated) == set(actual), "not one hash for each part")
    for name, value in actual.items():
        if name in submission.stated:
            found.expect(what, submission.stated[name] == value, f"{name} is not what its hash was made from")


def _identity(manifest: Mapping[str, Any], metrics: Mapping[str, Any], found: Findings) -> None:
    parts = manifest["identity"]
    what = "identity of the run"
    found.expect(what, digest(parts) == manifest["id"], "the hash of its parts is another one")
    found.expect(what, metrics["identity"] == manifest["id"], "the estimates belong to another run")
    otherwise = shown_otherwise(manifest)
    for name, words in _REPEATED.items():
        found.expect(what, name not in otherwise, f"{words} in the identity is not what the manifest says")
    limit = parts["options"].get("limit")
    limited = manifest["limited"]
    found.expect(what, limited is None or limited == limit, "the limit in the manifest is not that of the options")
    task = manifest["task"]
    found.expect(
        "provenance",
        task["provenance"] == "human" or not task["comparable"],
        "synthetic data are said to be comparable",
    )


def _rows(submission: Submission, found: Findings) -> None:
    manifest, tables = submission.manifest, submission.parts["tables"]
    model, task = manifest["model"]["name"], manifest["task"]
    what = "rows of the table of estimates"
    people = f"{manifest['split']['test']} people, seed {manifest['options']['seed']}"
    for number, row in enumerate(submission.parts["metrics"]["estimates"]):
        place = f"row {number}, {row['quantity']} of {row['name']}"
        own = row["task"] == task["name"] and row["version"] == task["version"]
        found.expect(what, own, f"{place} is about another task or version")
        yardstick = row["quantity"] in ("reference", "floor")
        found.expect(what, yardstick or row["model"] in (model, ""), f"{place} is about another model")
        found.expect(what, row["comparison"] in (people, ""), f"{place} has another size or seed")
        found.expect(what, row["status"] in _STATUSES, f"{place} has the unknown status {row['status'][:40]!r}")
        if row["status"] == "ok":
            found.expect(what, row["value"] is not None, f"{place} is ok and has no value")
    found.expect(
        "sizes",
        tables["sizes"].get("n_human") == manifest["split"]["test"],
        "tables have another number of test people",
    )


def _private(submission: Submission, found: Findings) -> None:
    what = "nothing about respondents"
    tables = submission.parts["tables"]
    for name, rows in tables.items():
        if isinstance(rows, list):
            bad = {str(key) for row in rows if isinstance(row, dict) for key in row} & _ABOUT_PEOPLE
            found.expect(what, not bad, f"table {name!r} has the columns {', '.join(sorted(bad))}")
    for row in tables["distributions"]:
        share, n = row.get("human"), row.get("n_human")
        if isinstance(share, float) and isinstance(n, int):
            # a share of weighted people is not that of their number
            count = row["count"] if isinstance(row.get("count"), int) else round(share * n)
            found.expect(what, count == 0 or count >= FEWEST, f"a share of {row.get('item')!r} shows {count} people")
    for row in tables["groups"]:
        n = row.get("n")
        found.expect(what, not (isinstance(n, int) and 0 < n < FEWEST), f"a group of {n} people is shown")
    shown = {key: value for key, value in submission.manifest.items() if key not in ("identity", "id")}
    for place, text in _texts(shown, "manifest"):
        found.expect(what, not has_path(text), f"{place} holds a path, a private address or a key")


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _texts(one, f"{place}.{key}")
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, place)


def _known(manifest: Mapping[str, Any], found: Findings) -> Task | None:
    """The task of this machine, where it is the one of the submission; what it says of the manifest."""
    described = manifest["task"]
    try:
        from surveyeval.task.load import load_task

        task = load_task(described["name"], profile_set=described["profile_set"])
    except SurveyevalError:
        found.cannot(f"the task {described['name']!r}, which this machine does not have")
        return None
    if task.content_hash != described["hash"]:
        found.cannot(f"the task {described['name']!r}, which is another one on this machine")
        return None
    found.expect("the task file of this machine", task.version == described["version"], "has another version")
    comparable = task.spec.comparable is not False
    found.expect(
        "the task file of this machine",
        comparable or not described["comparable"],
        "says that results are not comparable",
    )
    return task


def _card(submission: Submission, found: Findings) -> None:
    from surveyeval.reporting.card import render

    try:
        card = render([submission.view])
    except Exception as error:  # whatever strange numbers do to a page
        found.expect("card", False, f"cannot be rendered from the numbers: {type(error).__name__}: {str(error)[:100]}")
        return
    same = card.html == submission.parts["card_html"] and card.markdown == submission.parts["card_markdown"]
    if same:
        found.expect("card, rendered anew", True, "")
    else:
        found.cannot(
            "the card in the file, which another version of surveyeval made, or nobody did: leaderboards render their own"
        )
