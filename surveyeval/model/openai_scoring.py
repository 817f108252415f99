"""Probabilities of options from a server.

Where a server gives log-probabilities of tokens named by their ids (vLLM), options are scored exactly as by a model at
hand. Elsewhere they are looked for among the most probable next tokens, and what is missing is told.
"""

from __future__ import annotations

from collections.abc import Sequence

from surveyeval.errors import CapabilityError, ModelError
from surveyeval.model.openai_client import Call, Client, worst
from surveyeval.model.openai_failures import GENERATE
from surveyeval.model.openai_replies import NoLogProbs, Tokens, named_tokens, top_tokens
from surveyeval.model.openai_requests import Requests
from surveyeval.model.openai_tokens import Read, TokenIds
from surveyeval.model.openai_walk import Walk
from surveyeval.model.protocol import Message, OptionScores, Request
from surveyeval.model.scoring import disjoint

__all__ = ["Scoring"]

_PROBE = (Message("user", "Answer with one letter: A or B."),)
#: An unreached option that could have had more than this is worth a word.
_MATTERS = 0.01


class Scoring:
    """Scores options with one server.

    Parameters
    ----------
    client : Client
    requests : Requests
    """

    def __init__(self, client: Client, requests: Requests) -> None:
        self._client, self._requests = client, requests
        self._tokens = TokenIds(client, requests)
        self._by_ids: bool | None = None
        self._exact = self._places = self._short = self._unreached = self._mattering = self._nothing = 0
        self._missing, self._worst = 0.0, 0.0

    def score(self, requests: Sequence[Request], *, names_tokens: bool) -> list[OptionScores | ModelError]:
        """Scores for each request, in order, or the error of a call that it needs.

        Parameters
        ----------
        requests : sequence of Request
        names_tokens : bool
            Whether the server may give log-probabilities of tokens named by their ids; this is tried once.

        Raises
        ------
        CapabilityError
            When the server gives no log-probabilities, or cannot score such options.
        """
        if not requests:
            return []
        if self._by_ids is None:
            self._by_ids = self._probe(names_tokens)
        read = self._tokens.read(requests) if self._by_ids else [None] * len(requests)
        exact = [(n, one) for n, one in enumerate(read) if one is not None and self._can_name(one)]
        scored = dict(self._score_exactly(requests, exact))
        others = [n for n in range(len(requests)) if n not in scored]
        scored |= dict(zip(others, self._score_by_top([requests[n] for n in others]), strict=True))
        return [scored[n] for n in range(len(requests))]

    # ---- by ids ----------------------------------------------------------------------------------------------------

    def _can_name(self, read: Read) -> bool:
        return not self._requests.chats or all(len(option) == 1 for option in read.options)

    def _score_exactly(
        self, requests: Sequence[Request], read: Sequence[tuple[int, Read]]
    ) -> list[tuple[int, OptionScores | ModelError]]:
        calls: list[Call[dict[int, float]]] = []
        places = []
        for number, one in read:
            for beginning in sorted({option[:size] for option in one.options for size in range(len(option))}):
                ids = tuple(sorted({o[len(beginning)] for o in one.options if _goes_on(o, beginning)}))
                prompt = None if one.prompt is None else one.prompt + beginning
                calls.append(self._named(requests[number].messages, ids, prompt))
                places.append((number, beginning))
        found: dict[tuple[int, tuple[int, ...]], dict[int, float]] = {}
        failed: dict[int, ModelError] = {}
        for place, reply in zip(places, self._client.each(calls), strict=True):
            if isinstance(reply, ModelError):
                failed[place[0]] = _graver(failed.get(place[0]), reply)
            else:
                found[place] = reply
        self._exact += len(read) - len(failed)
        result: list[tuple[int, OptionScores | ModelError]] = list(failed.items())
        for number, one in read:
            if number in failed:
                continue
            begins = [
                sum(found[number, option[:size]][option[size]] for size in range(len(option))) for option in one.options
            ]
            result.append((number, OptionScores(disjoint(begins, one.options))))
        return result

    def _named(
        self, messages: Sequence[Message], ids: tuple[int, ...], prompt: tuple[int, ...] | None = None
    ) -> Call[dict[int, float]]:
        body = self._requests.named(messages, ids, prompt)
        return Call(self._requests.path, body, lambda reply: named_tokens(reply, ids))

    # ---- by the most probable tokens -------------------------------------------------------------------------------

    def _score_by_top(self, requests: Sequence[Request]) -> list[OptionScores | ModelError]:
        chats = self._requests.chats
        for request in requests:
            if chats and any(len(option) > 1 for option in request.options):
                raise CapabilityError(
                    "a chat server tells probabilities of the answer's first token only, and these options may be longer: "
                    + ", ".join(map(repr, request.options)),
                    hint=f"use interview.options: letters, ?api=completions, or {GENERATE}",
                )
        walks = [Walk([self._requests.answer_text(o) for o in one.options], one_token=chats) for one in requests]
        failed: dict[int, ModelError] = {}
        while due := [(n, text) for n, walk in enumerate(walks) if n not in failed for text in walk.due()]:
            calls = [self._top(requests[number].messages, beginning) for number, beginning in due]
            for (number, beginning), tokens in zip(due, self._client.each(calls), strict=True):
                if isinstance(tokens, ModelError):
                    failed[number] = _graver(failed.get(number), tokens)
                    continue
                walks[number].take(beginning, tokens)
                self._short += len(tokens) < self._requests.options.top_logprobs
        for number, walk in enumerate(walks):
            if number not in failed:
                self._remember(walk)
        return [failed[number] if number in failed else walk.scores() for number, walk in enumerate(walks)]

    def _top(self, messages: Sequence[Message], beginning: str = "") -> Call[Tokens]:
        return Call(self._requests.path, self._requests.most_probable(messages, beginning), top_tokens)

    def _remember(self, walk: Walk) -> None:
        self._places += 1
        self._missing += walk.missing
        if not walk.reached_any:
            self._nothing += 1
        elif walk.outside is not None:
            self._unreached += 1
            self._mattering += walk.outside > _MATTERS
            self._worst = max(self._worst, walk.outside)

    # ---- what the server can do ------------------------------------------------------------------------------------

    def _probe(self, names_tokens: bool) -> bool:
        """One tiny question: whether tokens can be named. Raises where there are no log-probabilities at all."""
        wanted = self._requests.options.scores
        if wanted == "ids" or (wanted == "auto" and names_tokens):
            found = self._try_ids()
            if found or wanted == "ids":
                if not found:
                    raise CapabilityError(
                        "the server doesn't give log-probabilities of tokens named by their ids",
                        field="scores",
                        hint="leave ?scores=ids out",
                    )
                return True
        call = self._top(_PROBE)
        [problem] = self._client.make([Call(call.path, call.body, _problem)])
        if problem is not None:
            raise CapabilityError(
                f"server {self._client.address.shown} ignores the request for log-probabilities: {problem}",
                hint=f"{GENERATE}; or try ?api=completions",
            )
        return False

    def _try_ids(self) -> bool:
        """Whether the server gives what is asked for by id, beyond the token that it draws anyway."""
        ids = (1, 2, 3)

        def given(reply: object) -> bool:
            try:
                return bool(named_tokens(reply, ids))
            except NoLogProbs:
                return False

        call = self._named(_PROBE, ids, None)
        return self._client.make([Call(call.path, call.body, given)])[0]

    def notes(self) -> list[str]:
        """What is to be known of the scores."""
        notes = []
        if self._exact:
            notes.append(
                f"options were scored by the ids of their tokens, without anything missing, at {self._exact} places"
            )
        if self._places:
            notes.append(
                f"options were looked for among the {self._requests.options.top_logprobs} most probable tokens at "
                f"{self._places} places; tokens beyond those had a probability of {self._missing / self._places:.4f} on average"
            )
        if self._unreached:
            notes.append(
                f"at {self._unreached} of these places an option was not among them and counts as having probability 0; at "
                f"{self._mattering} it could have had more than {_MATTERS}, at most {self._worst:.4f}"
            )
        if self._nothing:
            notes.append(f"at {self._nothing} of these places no option was among them: invalid answers")
        if self._short:
            notes.append(f"fewer tokens than asked for were returned {self._short} times")
        return notes


def _graver(known: ModelError | None, new: ModelError) -> ModelError:
    return new if known is None else worst([known, new])


def _goes_on(option: tuple[int, ...], beginning: tuple[int, ...]) -> bool:
    return len(option) > len(beginning) and option[: len(beginning)] == beginning


def _problem(reply: object) -> str | None:
    try:
        top_tokens(reply)
    except NoLogProbs as problem:
        return str(problem)
    return None
