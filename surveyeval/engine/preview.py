"""What a model reads, turn by turn, before any run: real words, an invented person, no weights.

The interview is walked by the same host that walks real ones, with a listener in the model's place, so that routing, the order
of options and the way of asking are what they will be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from surveyeval.data.sample import Sample
from surveyeval.engine.walk import walk
from surveyeval.errors import ConfigError, ModelError, did_you_mean
from surveyeval.model.build import NamedModel, build_elicitation, build_model, check_elicitation
from surveyeval.model.protocol import LanguageModel, Message
from surveyeval.model.template import Template, look_at
from surveyeval.task.interview import Question
from surveyeval.task.load import load_task
from surveyeval.task.render import composed_person
from surveyeval.task.routing import asked as asked_of
from surveyeval.task.task import Task

__all__ = ["OptionTokens", "Preview", "Turn", "preview"]


@dataclass(frozen=True)
class OptionTokens:
    """How one option reads.

    Parameters
    ----------
    text : str
        What counts as choosing it.
    label : str
        What it says.
    tokens : tuple of str
        Its tokens, as text.
    begins : tuple of str
        Texts of other options that begin with its tokens: an answer counts for the longest of them.
    """

    text: str
    label: str
    tokens: tuple[str, ...] = ()
    begins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Turn:
    """One place where an answer is due.

    Parameters
    ----------
    item : str
    messages : tuple of Message
        The whole conversation up to the question.
    added : str
        What the model has not read before: the exact text with its template, or without a tokenizer the new turns.
    tokens : int or None
        Of the whole prompt.
    new_tokens : int or None
        Of what was added; the whole prompt where nothing is gone on with.
    grows : bool or None
        Whether the prompt begins with the one before it, token by token; None for a first question.
    options : tuple of OptionTokens
    problem : str
        Why the model cannot be asked this, or nothing.
    """

    item: str
    messages: tuple[Message, ...]
    added: str
    tokens: int | None = None
    new_tokens: int | None = None
    grows: bool | None = None
    options: tuple[OptionTokens, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Preview:
    """What a model would read.

    Parameters
    ----------
    task, arm, mode, elicitation : str
    profile : mapping of field to words
        Of the invented respondent.
    turns : tuple of Turn
    model : str or None
        Its canonical string.
    template : Template or None
        How its chat template writes turns; None where the tokenizer is not at hand.
    limit : int or None
        Tokens that the model reads at most.
    notes : tuple of str
    """

    task: str
    arm: str
    mode: str
    elicitation: str
    profile: Mapping[str, str]
    turns: tuple[Turn, ...]
    model: str | None = None
    template: Template | None = None
    limit: int | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def only_grows(self) -> bool | None:
        """Whether every prompt extends the one before it; None where that is no question, or not known."""
        known = [turn.grows for turn in self.turns if turn.grows is not None]
        return all(known) if known else None


def preview(
    task: str | Task,
    *,
    model: str | None = None,
    settings: Mapping[str, str] | None = None,
    arm: str | None = None,
    respondent: Mapping[str, str] | None = None,
    elicitation: str = "choice",
    profile_set: str | None = None,
    hide: Sequence[str] = (),
    no_profile: bool = False,
) -> Preview:
    """Show what a model reads, before any run. No weights are loaded, and nobody's profile is shown.

    Parameters
    ----------
    task : str or Task
    model : str, optional
        Model string; without one, the words only.
    settings : mapping, optional
        Further options of the model.
    arm : str, optional
        Default: the task's first.
    respondent : mapping, optional
        Profile field -> code, for the invented respondent; other fields have the task's example, or a middle value.
    elicitation : str
        As in `surveyeval.run`.
    profile_set, hide, no_profile
        As in `surveyeval.run`.

    Returns
    -------
    Preview
        Earlier questions are answered with the first option shown, and what follows from routing is left out.

    Raises
    ------
    ConfigError
        When there is no such arm, field or code.
    CapabilityError
        When the model cannot be asked so.
    """
    loaded = load_task(task, profile_set=profile_set) if isinstance(task, str) else task
    hidden = frozenset(loaded.profile if no_profile else hide)
    if unknown := [name for name in hidden if name not in loaded.profile]:
        raise _unknown(unknown[0], loaded.profile, f"task {loaded.name!r} has no profile field")
    way = build_elicitation(elicitation)
    named = build_model(model, settings) if model is not None else None
    notes: list[str] = []
    if named is not None and not isinstance(named.model, LanguageModel):
        notes.append(f"{named.name} answers without reading words; these are what a language model would be shown")
        named = None
    if named is not None:
        check_elicitation(named, way)
    person = _person(loaded, arm, respondent or {})
    interview, places = walk(loaded, person, way, hidden)
    template, turns, limit = None, _words(places, interview.mode), None
    if named is not None:
        notes += _told(named)
        try:
            turns, template, limit = _tokens(named.model, places, interview.mode, scored=way.needs == "score")
        except ModelError as error:
            problem = error.problems[0]
            notes.append(f"Words only: {problem.message}{f'; {problem.hint}' if problem.hint else ''}.")
    skipped = [item.name for item in loaded.items if item.name not in {turn.item for turn in turns}]
    if skipped:
        notes.append(f"Not asked after the first options: {', '.join(skipped)}.")
    shown = {name: (one.labels or {}).get(str(person.profile[name][0]), str(person.profile[name][0]))
             for name, one in loaded.profile.items()
             if name not in hidden and person.profile[name][0] is not None}  # fmt: skip
    return Preview(
        loaded.name, str(person.arm[0]), interview.mode, elicitation, shown, tuple(turns),
        named.string if named is not None else model, template, limit, tuple(notes),
    )  # fmt: skip


def _unknown(name: str, known: Sequence[str] | Mapping[str, Any], message: str) -> ConfigError:
    hint = did_you_mean(name, list(known)) or f"there are {', '.join(list(known)[:20]) or 'none'}"
    return ConfigError(f"{message} {name!r}", hint=hint)


def _person(task: Task, arm: str | None, respondent: Mapping[str, str]) -> Sample:
    """The invented respondent."""
    person = composed_person(task)
    keys = [one.key for one in task.arms]
    if arm is not None and arm not in keys:
        raise _unknown(arm, keys, f"task {task.name!r} has no arm")
    profile = dict(person.profile)
    for name, code in respondent.items():
        if name not in task.profile:
            raise _unknown(name, task.profile, f"task {task.name!r} has no profile field")
        labels = task.profile[name].labels
        if labels is not None and code not in labels:
            raise _unknown(code, labels, f"profile field {name!r} has no code")
        if labels is None and task.profile[name].kind == "numeric" and not _number(code):
            raise ConfigError(f"profile field {name!r} is a number, not {code!r}")
        profile[name] = np.array([code], dtype=object)
    person = replace(person, profile=profile, arm=np.array([arm or keys[0]], dtype=object))
    for item in task.all_items:  # what is told of an item was asked of people: not of whom its filter passes over
        if item.name in person.profile and item.name not in respondent and not asked_of(task, person, item, {})[0]:
            person = replace(person, profile={**person.profile, item.name: np.array([None], dtype=object)})
    return person


def _number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _told(named: NamedModel) -> list[str]:
    count = getattr(named.model, "examples", 0)
    if count:
        return [f"{count} interviews of pilot people stand before each interview; they are left out here."]
    return []


def _words(places: Sequence[tuple[Question, tuple[Message, ...]]], mode: str) -> list[Turn]:
    """Turns without a tokenizer: what is new are whole messages."""
    turns: list[Turn] = []
    for question, messages in places:
        before = turns[-1].messages if turns and mode == "sequential" else ()
        new = messages[len(before) :] if messages[: len(before)] == before else messages
        options = tuple(map(OptionTokens, question.answers, question.labels or question.answers))
        added = "\n".join(f"[{message.role}]\n{message.content}" for message in new)
        turns.append(Turn(question.item, messages, added, options=options))
    return turns


def _tokens(
    model: object, places: Sequence[tuple[Question, tuple[Message, ...]]], mode: str, *, scored: bool
) -> tuple[list[Turn], Template, int | None]:
    from surveyeval.model.at_hand import prompts_at_hand
    from surveyeval.model.scoring import option_tokens

    prompts = prompts_at_hand(model)
    turns: list[Turn] = []
    last_text = ""
    last: tuple[int, ...] = ()
    for question, messages in places:
        text = prompts.chat.render(messages)
        ids = prompts.encode(text)
        answers = [prompts.chat.answer_prefix + answer for answer in question.answers]
        problem, options = "", tuple(map(OptionTokens, question.answers, question.labels or question.answers))
        if scored:
            try:
                ids, found = option_tokens(prompts.encode, text, answers)
                options = _options(prompts.tokenizer, question, found)
            except ModelError as error:
                problem = error.problems[0].message
        longest = max((len(one.tokens) for one in options), default=0)
        if prompts.limit is not None and len(ids) + longest > prompts.limit:
            problem = problem or f"it has {len(ids) + longest} tokens, the model reads {prompts.limit}"
        follows = mode == "sequential" and bool(turns)
        grows = ids[: len(last)] == last if follows else None
        added = text[len(last_text) :] if grows and text.startswith(last_text) else text
        new = len(ids) - len(last) if grows else len(ids)
        turns.append(Turn(question.item, messages, added, len(ids), new, grows, options, problem))
        last_text, last = text, ids
    return turns, look_at(prompts.chat), prompts.limit


def _options(tokenizer: Any, question: Question, found: Sequence[tuple[int, ...]]) -> tuple[OptionTokens, ...]:
    result = []
    for text, label, own in zip(question.answers, question.labels or question.answers, found, strict=True):
        begins = tuple(
            other for other, tokens in zip(question.answers, found, strict=True)
            if len(tokens) > len(own) and tokens[: len(own)] == own
        )  # fmt: skip
        result.append(OptionTokens(text, label, tuple(tokenizer.decode([token]) for token in own), begins))
    return tuple(result)
