"""`surveyeval preview`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from surveyeval.cli.completion import complete_elicitation, complete_model, complete_task
from surveyeval.errors import ConfigError

if TYPE_CHECKING:
    from surveyeval.engine.preview import Preview, Turn
    from surveyeval.model.template import Template

__all__ = ["pairs", "preview"]


@click.command()
@click.option("--task", "-t", required=True, help="Task name, or path of a task file.", shell_complete=complete_task)
@click.option("--model", "-m", help="Model string; without one, the words only.", shell_complete=complete_model)
@click.option("-M", "settings", multiple=True, metavar="KEY=VALUE", help="Further option of the model.")
@click.option("--arm", help="Arm of an experiment.  [default: the first]")
@click.option("--respondent", multiple=True, metavar="FIELD=CODE",
              help="Of the invented respondent's profile; repeat for several.")  # fmt: skip
@click.option("--elicitation", metavar="TEXT", default="choice", shell_complete=complete_elicitation,
              help="How it is asked: choice, generate or verbalized.  [default: choice]")  # fmt: skip
@click.option("--profile-set", help="One of the task's profile sets.  [default: the first]")
@click.option("--hide", multiple=True, metavar="FIELD", help="Profile field that models do not see.")
@click.option("--no-profile", is_flag=True, help="Models see no profile at all.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def preview(
    task: str, model: str | None, settings: Sequence[str], arm: str | None, respondent: Sequence[str], elicitation: str,
    profile_set: str | None, hide: Sequence[str], no_profile: bool, as_json: bool,
) -> None:  # fmt: skip
    """Show what a model reads, turn by turn, before any run.

    The respondent is invented, never a person of the data. No weights are loaded: the exact text and its tokens
    come from the model's tokenizer.
    """
    from surveyeval.engine.preview import preview as look

    shown = look(
        task, model=model, settings=pairs("-M", settings), arm=arm, respondent=pairs("--respondent", respondent),
        elicitation=elicitation, profile_set=profile_set, hide=hide, no_profile=no_profile,
    )  # fmt: skip
    if as_json:
        from dataclasses import asdict

        from surveyeval.cli.output import say_json

        say_json({**asdict(shown), "only_grows": shown.only_grows})
    else:
        _print(shown)


def pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """``NAME=VALUE`` texts of an option as a mapping."""
    found = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not (separator and key):
            raise ConfigError(f"{option} {text!r} is not written NAME=VALUE")
        found[key] = value
    return found


def _print(shown: Preview) -> None:
    from surveyeval.cli.output import one_line, print_entries, say

    arm = f", arm {shown.arm}" if shown.arm != "all" else ""
    say(one_line(f"{shown.task}{arm}, {shown.mode}, {shown.elicitation}"), style="bold")
    profile = "; ".join(f"{name}: {words}" for name, words in shown.profile.items())
    facts = [("respondent", [f"invented. {profile}" if profile else "without a profile"])]
    if shown.model is not None:
        facts.append(("model", [shown.model]))
    if shown.template is not None:
        facts += [("template", list(_template(shown.template, shown))), ("prompts", list(_growth(shown)))]
    print_entries(facts)
    for note in shown.notes:
        say(one_line(note))
    for number, turn in enumerate(shown.turns, start=1):
        _print_turn(number, turn, after=shown.mode == "sequential" and number > 1)


def _template(template: Template, shown: Preview) -> Iterator[str]:
    if template.plain:
        yield "none: turns stand in plain text, each answer after `Answer:`"
        return
    yield "the model's chat template"
    system = any(message.role == "system" for turn in shown.turns for message in turn.messages)
    if not template.system_role:
        yield "it takes no system turn: the system text stands before the first question"
    elif template.injected and not system:
        yield f"it adds a system text of its own, since the task has none: {template.injected!r}"
    elif template.injected:
        yield "it would add a text of its own if the task had no system text"
    if template.always:
        yield f"it always adds: {template.always!r}"
    if template.dated:
        yield "today's date is part of it: prompts differ from day to day"


def _growth(shown: Preview) -> Iterator[str]:
    sizes = [turn.tokens for turn in shown.turns if turn.tokens is not None]
    limit = f" of {shown.limit:,} that the model reads" if shown.limit is not None else ""
    low, high = min(sizes, default=0), max(sizes, default=0)
    yield f"{len(sizes)}, of {low:,}{f' to {high:,}' if high > low else ''} tokens{limit}"
    if shown.only_grows:
        yield "each begins with the one before it, so that what was read can be kept"
    elif shown.only_grows is False:
        yield "not each begins with the one before it: the model reads them whole (correct, and slower)"


def _print_turn(number: int, turn: Turn, *, after: bool) -> None:
    from surveyeval.cli.output import one_line, print_entries, say

    said = f"{number}. {turn.item}"
    if turn.tokens is not None:
        said += f": {turn.tokens:,} tokens" + (f", {turn.new_tokens:,} of them new" if turn.grows else "")
    say()
    say(said, style="bold")
    if after and turn.grows is False:
        say("does not begin with the prompt before it; shown whole")
    for line in turn.added.split("\n"):
        say(line, indent=2 if line.strip() else 0)
    if turn.problem:
        say(f"This cannot be asked: {one_line(turn.problem)}", style="bold red")
    if any(one.tokens for one in turn.options):
        several = [one for one in turn.options if len(one.tokens) > 1 or one.begins]
        single = [one.text for one in turn.options if one not in several]
        if single:
            say(f"One token each: {', '.join(single)}" if len(single) > 1 else f"One token: {single[0]}")
        print_entries(((one.text, list(_spelled(one.tokens, one.begins))) for one in several), indent=2)


def _spelled(tokens: Sequence[str], begins: Sequence[str]) -> Iterator[str]:
    count = f"{len(tokens)} tokens" if len(tokens) != 1 else "one token"
    yield f"{count}: {' '.join(map(repr, tokens))}"
    if begins:
        yield f"begins {', '.join(begins)}: an answer counts for the longest"
