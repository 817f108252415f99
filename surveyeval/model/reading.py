"""Reading which option a written answer chooses.

In this order:

1. what the text itself gives as its final answer: ``<answer>C</answer>``, ``{"answer": "C"}``, "Final answer: C",
   "so my answer is C";
2. an answer that the text begins with ("B) No, because ..."), that its last line consists of, or that it introduces ("I
   would choose C"): those that occur must agree;
3. a refusal;
4. an option named anywhere in a short text, if it is the only one;
5. "I don't know".

What is none of these is invalid, with the reason. There is never a default. Passages of reasoning are left out before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from surveyeval.data.sample import State
from surveyeval.model.nonresponse import nonresponse
from surveyeval.model.option_names import Conflict, Named, OptionNames, option_names
from surveyeval.model.plain_text import lines_of, plain, without_reasoning
from surveyeval.task.interview import Question

__all__ = ["LONGEST", "Reading", "read_answer"]

#: Characters of a text, reasoning left out, that is read at all.
LONGEST = 20_000
#: Characters of a text in which an option named in passing counts; longer ones must say what their answer is.
SHORT = 600

_MARKED = re.compile(
    r"<answer>([^<]{0,200})</answer>"
    r"|\\boxed\{(?:\\text\{)?([^{}]{0,200})\}"
    r"|[\"'](?:final[ _])?(?:answer|choice|option|response|selected|selection)[\"'] ?: ?[\"'\[]?([^\"'\n\]}]{1,200})",
    re.IGNORECASE,
)
_SAYS = (
    r"(?:(?:\b(?:my|the|your) )?(?:best |own |honest )?\b(?:answer|choice|response|selection|pick)"
    r"(?: (?:is|would be|will be)(?!\w)|(?: is)? ?[:=])"
    r"|\bI(?:'d|'ll| would| will)?(?: (?:probably|definitely|most likely|likely|personally|therefore|still))?"
    r" (?:choose|chose|pick|select|go with|answer with|answer|say|vote for|go for|opt for)(?!\w))"
)
_FINAL = re.compile(
    rf"\bfinal (?:answer|choice|response|decision)(?: is)?\b(?: ?[:=-])?"
    rf"|\b(?:so|therefore|thus|hence|overall|ultimately|finally|in conclusion|in the end),? {_SAYS}",
    re.IGNORECASE,
)
_INTRODUCED = re.compile(_SAYS, re.IGNORECASE)
_FILLING = re.compile(
    r"[\s:=-]*(?:that )?(?:(?:I am|I'm|it is|it's) )?(?:(?:the )?(?:option|letter|choice|number|answer|alternative)\b ?)?"
    r"(?:is )?(?:(?:an?|the) (?=\w{2}))?",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(
    r"\b(?:wait|correction|i mean|on second thought|or maybe|or rather|changed my mind)\b", re.IGNORECASE
)
_SENTENCE = re.compile(r"[.!?\n](?=\s|$)")


@dataclass(frozen=True)
class Reading:
    """What was read.

    Parameters
    ----------
    option : int or None
        Place among the options shown; None where there is no answer.
    state : State
        ``ANSWERED``, ``REFUSED``, ``DONT_KNOW`` or ``INVALID``.
    reason : str
        Why there is no answer; empty where there is one.
    """

    option: int | None
    state: State
    reason: str = ""


def read_answer(text: str, question: Question, ended: str = "stop") -> Reading:
    """Read which option a text chooses.

    Parameters
    ----------
    text : str
    question : Question
    ended : {"stop", "length", "refused"}
        As in `surveyeval.model.protocol.Text`. What a text that was cut has at its very end counts only if it cannot be
        the beginning of another option.

    Examples
    --------
    >>> question = Question("x", "", ("A", "B"), (0, 1), "", ("Yes", "No"))
    >>> read_answer("<think>Yes or no?</think> **B)** No.", question).option
    1
    >>> read_answer("A person like me would say no", question).option
    1
    >>> read_answer("A) No", question)
    Reading(option=None, state=<State.INVALID: 5>, reason="it names 'A' and 'B' together")
    """
    if ended == "refused":
        return Reading(None, State.REFUSED, "the model declined")
    cut = ended == "length"
    written = without_reasoning(text)
    if written is None:
        return _invalid("its reasoning was cut off")
    if len(written) > LONGEST:
        return _invalid(f"it has more than {LONGEST} characters")
    names = option_names(question)
    everything = lines_of(plain(written))
    lines = _without_list(everything, names, len(question.answers))
    if not lines:
        return _invalid(
            "it was cut off before an answer" if cut else "it repeats the options" if everything else "it says nothing"
        )
    return _read("\n".join(lines), lines, names, question.answers, cut)


def _read(whole: str, lines: list[str], names: OptionNames, answers: tuple[str, ...], cut: bool) -> Reading:
    def settled(found: list[Named | Conflict]) -> Reading | None:
        """The one option that all of these name."""
        named = {one.option for one in found if isinstance(one, Named)}
        if len(named) > 1:
            return _invalid(_several(named, answers))
        conflict = next((one for one in found if isinstance(one, Conflict)), None)
        if conflict is not None:
            return _invalid(conflict.reason)
        return Reading(named.pop(), State.ANSWERED) if named else None

    final = settled([*_marked(whole, names), *_after(_FINAL, whole, names, cut)])
    if final is not None:
        return final
    refused = nonresponse(whole)
    begun = _begun(whole, lines, names, cut)
    if isinstance(begun, Named) and begun.words in ("no", "yes") and refused == State.REFUSED:
        begun = None  # "No, I can't answer that."
    last = _last(lines, names, cut)
    introduced = _after(_INTRODUCED, whole, names, cut)
    if isinstance(begun, Conflict) and (last is not None or introduced):
        begun = None
    stated = settled([one for one in (begun, last, *introduced) if one is not None])
    if stated is not None:
        return stated

    mentioned = _mentioned(whole, names, cut)
    of_declining = {one for one in mentioned if nonresponse(names.label_of(one)) is not None}
    if refused == State.REFUSED and len(of_declining) != 1:
        return Reading(None, State.REFUSED, "the model declined")
    if len(of_declining or mentioned) == 1 and len(whole) <= SHORT:
        return Reading((of_declining or mentioned).pop(), State.ANSWERED)
    if refused is not None:
        return Reading(None, refused, "the model says that it does not know")
    if cut:
        return _invalid("it was cut off before an answer")
    if len(mentioned) > 1:
        return _invalid(_several(mentioned, answers))
    return _invalid("it names an option only in passing" if mentioned else "it names no option")


def _invalid(reason: str) -> Reading:
    return Reading(None, State.INVALID, reason)


def _several(options: set[int], answers: tuple[str, ...]) -> str:
    return f"it names several options: {', '.join(repr(answers[option]) for option in sorted(options))}"


def _marked(text: str, names: OptionNames) -> Iterator[Named | Conflict]:
    for match in _MARKED.finditer(text):
        found = names.answer(next(group for group in match.groups() if group is not None).strip())
        if found is not None:
            yield found


def _after(introduction: re.Pattern[str], text: str, names: OptionNames, cut: bool) -> list[Named | Conflict]:
    """Answers right after an introduction, on its line or the next."""
    found: list[Named | Conflict] = []
    for match in introduction.finditer(text):
        filled = _FILLING.match(text, match.end())
        # "I would say a": the letter itself may look like filling
        for start in dict.fromkeys([filled.end() if filled else match.end(), match.end()]):
            line = text[start : start + 400].lstrip().split("\n", 1)[0]
            one = names.answer(line)
            if cut and isinstance(one, Named) and names.may_go_on(text[start:].lstrip(), one):
                one = None
            if one is not None:
                found.append(one)
                break
    return found


def _begun(whole: str, lines: list[str], names: OptionNames, cut: bool) -> Named | Conflict | None:
    """The answer that the text begins with, unless it goes on with another or takes it back."""
    found = names.answer(lines[0])
    if not isinstance(found, Named):
        return found
    if cut and len(lines) == 1 and names.may_go_on(lines[0], found):
        return None
    if len(lines) > 1:
        following = names.answer(lines[1])
        if isinstance(following, Conflict) or (following is not None and following.option != found.option):
            return Conflict("it begins with several options")
    return None if _TAKEN_BACK.search(whole) else found


def _last(lines: list[str], names: OptionNames, cut: bool) -> Named | None:
    """The answer that the last line consists of, unless that line is one of a list."""
    if len(lines) == 1:
        return None
    found, before = names.alone(lines[-1]), names.alone(lines[-2])
    if found is None or (before is not None and before.option != found.option):
        return None
    return None if cut and names.may_go_on(lines[-1], found) else found


def _mentioned(text: str, names: OptionNames, cut: bool) -> set[int]:
    """Options named anywhere and not denied; of a text that was cut only whole sentences are read."""
    if cut:
        ends = [match.end() for match in _SENTENCE.finditer(text)]
        text = text[: ends[-1]] if ends else ""
    return {one.option for one in names.mentions(text) if not one.denied}


def _without_list(lines: list[str], names: OptionNames, count: int) -> list[str]:
    """Lines without a repetition of the whole list of options, which chooses none."""
    alone = [one.option if (one := names.alone(line)) is not None else -1 for line in lines]
    wanted = list(range(count))
    for start in range(len(lines) - count + 1):
        if alone[start : start + count] == wanted:
            return [*lines[:start], *lines[start + count :]]
    return lines
