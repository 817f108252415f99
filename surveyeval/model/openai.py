"""Models behind an OpenAI-compatible server: ``openai:MODEL?base_url=http://127.0.0.1:8000/v1``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from surveyeval.data.files import digest
from surveyeval.data.sample import Sample
from surveyeval.errors import ConfigError, MissingExtraError, ModelError, did_you_mean
from surveyeval.model.chat import Chat
from surveyeval.model.openai_address import read_address
from surveyeval.model.openai_client import Call, Client, worst
from surveyeval.model.openai_failures import GivenUpError, RefusedError
from surveyeval.model.openai_options import OpenAIOptions, check_options
from surveyeval.model.openai_replies import Garbage, models, text
from surveyeval.model.openai_requests import Requests
from surveyeval.model.openai_scoring import Scoring
from surveyeval.model.pilot_options import FromPilot
from surveyeval.model.protocol import Capabilities, Fingerprint, Message, OptionScores, Request, Text, TextRequest
from surveyeval.model.sending import leaving
from surveyeval.task.task import Task

__all__ = ["OpenAIModel", "OpenAIOptions"]

T = TypeVar("T")

#: Options that change what is answered. Budgets, patience and keys do not, so that a run continues with others.
_IDENTITY = (
    "api", "template", "system", "scores", "top_logprobs", "extra", "seed", "length_field", "block", "examples", "calibrate",
)  # fmt: skip
#: Endings of files that a tokenizer and its template may be in.
_TOKENIZER = (".json", ".model", ".jinja", ".txt")
#: vLLM takes defaults of sampling from the model's files unless it is told otherwise.
_NEUTRAL = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}


class OpenAIModel(FromPilot):
    """A model behind a server, by the name that the server gives it.

    Parameters
    ----------
    reference : str
        The name.
    options : OpenAIOptions, optional

    Raises
    ------
    ConfigError
        When options do not go together, or the address is none or holds credentials.
    """

    options: OpenAIOptions
    #: No reply depends on what else is asked at the same time, so that one can fail alone.
    one_by_one = True
    capabilities = Capabilities(("choice", "generate", "verbalized"), log_prob=True)

    def __init__(self, reference: str, options: OpenAIOptions | None = None) -> None:
        self.reference, self.options = reference, options or OpenAIOptions()
        check_options(self.options)
        self.address = read_address(self.options.base_url)
        self._client = Client(self.address, self.options)
        self._allowed = self.options.send_profiles
        self._names_tokens = self._loaded = False
        self._texts = 0
        self._parts: tuple[Requests, Scoring] | None = None

    # ---- what it is ----------------------------------------------------------------------------------------------

    @property
    def block_size(self) -> int:
        """Interviews answered together."""
        return self.options.block

    def fingerprint(self) -> Fingerprint:
        """Server, name and options; what stands behind the name is for the server to know. Asks the server nothing."""
        details: dict[str, Any] = {"server": self.address.shown, "name": self.reference}
        details |= {name: getattr(self.options, name) for name in _IDENTITY}
        if self.options.tokenizer is not None:
            details["tokenizer"] = _tokenizer_identity(self.options.tokenizer)
        value = digest(details)
        return Fingerprint("declared", value, details)

    def banners(self) -> Sequence[str]:
        """A name is all that is known of it."""
        return (
            f"{self.reference} is what the server {self.address.shown} calls this model; what stands behind the name may change.",
        )

    @property
    def notes(self) -> list[str]:
        """What is to be known of the answers."""
        notes = self._parts[1].notes() if self._parts else []
        if self._texts:
            sent = "a seed was sent with each" if self.options.seed else "no seed was sent, so they cannot be repeated"
            notes.append(f"{self._texts} texts were drawn by the server; {sent}")
        if self._client.answered_by:
            notes.append(f"the server says that the answers come from {', '.join(self._client.answered_by)}")
        return notes

    @property
    def usage(self) -> str | None:
        """What was used: of this command, while notes belong to the answers, also when these are read from a cache."""
        if not self._client.meter.calls:
            return None
        return f"server {self.address.shown}: {self._client.meter.sentence()}"

    # ---- what leaves this machine ----------------------------------------------------------------------------------

    def destination(self) -> str | None:
        """The machine to which conversations are sent, or None when they stay on this one."""
        return None if self.address.loopback else self.address.host

    def allow_profiles(self) -> None:
        """Allow that profiles are sent to another machine."""
        self._allowed = True

    def check(self, task: Task, everybody: Sample, hidden: frozenset[str] = frozenset()) -> None:
        """Refuse to send rows of people to another machine without permission, before anything is sent.

        Parameters
        ----------
        task : Task
        everybody : Sample
        hidden : frozenset of str
            Profile fields that are not shown.

        Raises
        ------
        ConfigError
            With the columns that would leave.
        """
        if self.address.loopback or self._allowed:
            return
        columns = leaving(task, hidden, examples=self.options.examples > 0)
        if columns:
            raise ConfigError(
                f"{self.address.host} is another machine, and rows of people would be sent to it ({columns})",
                hint="if that is allowed, say --send-profiles (or ?send_profiles=true)",
            )

    # ---- what it answers -------------------------------------------------------------------------------------------

    def score(self, requests: Sequence[Request]) -> list[OptionScores]:
        """Scores of options, several requests at the same time.

        Raises
        ------
        CapabilityError
            When the server gives no log-probabilities, or none for such options.
        BudgetError, ModelError
        """
        self.load()
        with self._explained():
            return self._whole(self._scoring.score(requests, names_tokens=self._names_tokens))

    def score_paths(self, paths: Sequence[Sequence[Request]]) -> list[list[OptionScores]]:
        """Teacher-forced scores: every place of every path is a call of its own."""
        scores = iter(self.score([request for path in paths for request in path]))
        return [[next(scores) for _ in path] for path in paths]

    def generate(self, requests: Sequence[TextRequest]) -> list[Text]:
        """Texts, several at the same time.

        Raises
        ------
        BudgetError, ModelError
        """
        self.load()
        calls = [Call(self._requests.path, self._requests.text(request), text) for request in requests]
        with self._explained():
            found = self._client.each(calls)
            self._texts += sum(isinstance(one, Text) for one in found)
            return self._whole(found)

    def _whole(self, found: Sequence[T | ModelError]) -> list[T]:
        """Replies to all requests, or the error of some with the replies to the others."""
        errors = {number: one for number, one in enumerate(found) if isinstance(one, ModelError)}
        got = {number: one for number, one in enumerate(found) if not isinstance(one, ModelError)}
        if errors:
            error = worst(list(errors.values()))
            error.got = got
            passes = isinstance(error, GivenUpError) and not self._client.gone
            error.failed = {number: one.problems[0].message for number, one in errors.items()} if passes else None
            raise error
        return [got[number] for number in range(len(found))]

    def release(self, interviews: Sequence[str]) -> None:
        """Nothing is kept here of an interview; servers have caches of their own."""

    def render(self, messages: Sequence[Message]) -> str:
        """What is sent: turns with their roles, or the prompt of completions."""
        return self._requests.render(messages)

    # ---- the server ------------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Reach the server and see what it is.

        Raises
        ------
        MissingExtraError, ConfigError
            When a package or a key is missing.
        ModelError
            When the server is not there, or refuses the key.
        """
        if self._loaded:
            return
        found = self._models()
        # an adapter behind vLLM has the same owner
        self._names_tokens = "vllm" in found.values()
        if self._names_tokens:
            self._requests.neutral = dict(_NEUTRAL)
        self._loaded = True

    def close(self) -> None:
        """End connections; they are made again when needed."""
        self._client.close()

    def _models(self) -> dict[str, str]:
        """Models that the server lists, with their owners; none where it lists nothing."""
        try:
            return self._client.make([Call("/models", None, models, counted=False)], patient=False)[0]
        except RefusedError as error:
            if error.status in (401, 403):
                raise
        except GivenUpError as error:
            if not isinstance(error.last.cause, Garbage | ValueError):
                raise ModelError(
                    f"server {self.address.shown} cannot be reached: {error.last}",
                    hint="is it running, and is ?base_url= its address up to /v1?",
                ) from error
        return {}

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say which models there are when there is none of this name."""
        try:
            yield
        except RefusedError as error:
            listed = self._models() if error.status in (400, 404) else {}
            if not listed or self.reference in listed:
                raise
            hint = did_you_mean(self.reference, listed) or f"it has {', '.join(list(listed)[:10])}"
            raise ModelError(f"server {self.address.shown} has no model {self.reference!r}", hint=hint) from error

    @property
    def _requests(self) -> Requests:
        return self._made()[0]

    @property
    def _scoring(self) -> Scoring:
        return self._made()[1]

    def _chat(self) -> Chat:
        """How conversations are written where the server does not do it."""
        if self.options.tokenizer is None:
            return Chat(None, plain=True)
        try:
            from transformers import AutoTokenizer
        except ImportError as error:
            raise MissingExtraError(
                "?tokenizer= needs transformers", hint='pip install "surveyeval-harness[hf]"'
            ) from error
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.options.tokenizer, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"tokenizer {self.options.tokenizer!r} does not load: {error}", field="tokenizer"
            ) from error
        return Chat(tokenizer, plain=self.options.template == "plain")

    def _made(self) -> tuple[Requests, Scoring]:
        if self._parts is None:
            requests = Requests(self.reference, self.address, self.options, self._chat())
            self._parts = requests, Scoring(self._client, requests)
        return self._parts


def _tokenizer_identity(name: str) -> str:
    """Name of a tokenizer, with a hash where it is a folder: no path of the user's machine."""
    folder = Path(name)
    if not folder.is_dir():
        return name
    files = sorted(path for path in folder.iterdir() if path.suffix in _TOKENIZER and path.is_file())
    return (
        f"{folder.name} {digest([[path.name, hashlib.sha256(path.read_bytes()).hexdigest()] for path in files])[:16]}"
    )
