"""What the manifest of a run knows, in sentences for a disclosure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from surveyeval.engine.tried import Tried
from surveyeval.reporting.numbers import count, enumerate_words

__all__ = [
    "FROM_FILE",
    "Facts",
    "asked",
    "contamination",
    "cutoff_of",
    "most_tried",
    "parameters",
    "personal",
    "prompts",
    "state_kept",
    "tried",
    "tries",
]

#: What is known of answers that nobody was asked for here.
FROM_FILE = "read from a file; how they were obtained is for its author to say"
_NOT_A_LANGUAGE_MODEL = ("baseline", "scripted")
_LOCAL = ("embedded", "hf", "vllm", "lora")


@dataclass(frozen=True, eq=False)
class Facts:
    """Sentences about one run. Empty where the manifest does not say.

    Parameters
    ----------
    manifest : mapping
    counted : Tried, optional
        What was tried on the task until now; without it, what the manifest knew when the run began.
    """

    manifest: Mapping[str, Any]
    counted: Tried | None = None

    def task(self, name: str) -> str:
        """A field of the task, or nothing."""
        return str(self.manifest["task"].get(name) or "").strip()

    @staticmethod
    def joined(*sentences: str) -> str:
        """Sentences that there are, each ended."""
        return " ".join(one if one.endswith((".", "!", "?")) else f"{one}." for one in sentences if one)

    @property
    def details(self) -> Mapping[str, Any]:
        """What the model says of itself."""
        found: Mapping[str, Any] = self.manifest["model"]["fingerprint"].get("details") or {}
        return found

    @property
    def scheme(self) -> str:
        """What kind of model the model string names; other words than those of this package are a plugin's."""
        return str(self.manifest["model"]["string"]).partition(":")[0]

    @property
    def language_model(self) -> bool:
        """Whether surveyeval asked a language model."""
        if "elicitation" in self.manifest:
            return self.manifest["elicitation"] is not None
        return self.scheme not in (*_NOT_A_LANGUAGE_MODEL, "file")  # manifests of before it was written down

    @property
    def from_file(self) -> bool:
        """Whether answers were read from a file."""
        return self.scheme == "file"

    @property
    def simulated(self) -> str:
        """How the simulated answers came about, for the mode of data collection."""
        return f"Simulated answers were {FROM_FILE}." if self.from_file else "The model's answers were simulated."

    @property
    def simulated_on(self) -> str:
        """When the simulated answers came about."""
        if self.from_file:
            return f"The file was read on {self.day}; when its answers were made is for its author to say."
        return f"The model was run on {self.day}."

    @property
    def no_language_model(self) -> str:
        """What is to be said where surveyeval asked none; empty where it did."""
        if self.language_model:
            return ""
        if self.scheme in _NOT_A_LANGUAGE_MODEL:
            return "No language model was used."
        return "surveyeval asked no language model; whether one made these answers is not known to it."

    @property
    def calibrated(self) -> bool:
        """Whether probabilities were calibrated on the pilot."""
        text = str(self.manifest["model"]["string"])
        return bool(re.search(r"[?&]calibrate=(?!none\b)", text)) or self.details.get("calibrate", "none") != "none"

    @property
    def people(self) -> str:
        """People, or synthetic rows."""
        return "people" if self.task("provenance") == "human" else "synthetic rows"

    @property
    def title(self) -> str:
        """Of the task."""
        return self.task("title").rstrip(".")

    @property
    def items(self) -> str:
        """How many items."""
        n = len(self.manifest["task"].get("wording") or {})
        return f"{n} item{'' if n == 1 else 's'}"

    @property
    def day(self) -> str:
        """The day of the run."""
        return str(self.manifest["created"])[:10]

    @property
    def wording(self) -> str:
        """How close the words are to those that people read."""
        kinds: dict[str, list[str]] = {}
        for item, kind in (self.manifest["task"].get("wording") or {}).items():
            kinds.setdefault(str(kind), []).append(str(item))
        listed = "; ".join(f"{kind}: {enumerate_words(items)}" for kind, items in kinds.items())
        return f"In the task file, {listed}. " if listed else ""

    @property
    def dates(self) -> str:
        """When people were asked."""
        return f"People were asked in: {self.task('field_dates')}" if self.task("field_dates") else ""

    @property
    def sizes(self) -> str:
        """Sizes and what precision rests on."""
        return self.joined(
            self.sizes_said,
            "Intervals follow from how people were drawn; they and the smallest differences that could be seen are on the card",
        )

    @property
    def sizes_said(self) -> str:
        """Test and pilot people."""
        split, draws = self.manifest["split"], self.manifest["options"]["draws"]
        limited = ", a part of all test people" if self.manifest.get("limited") else ""
        times = "one simulated sample" if draws == 1 else f"{draws} simulated samples"
        return (
            f"Of {count(self.manifest['data']['n'])} {self.people}, {count(split['pilot'])} were set aside as a pilot and "
            f"{count(split['test'])} tested the model{limited}, with {times}."
        )

    @property
    def weighting(self) -> str:
        """Whether the data are weighted."""
        if self.manifest["task"].get("weighted"):
            return "Survey weights of the data; each simulated row carries the weight of the person whose profile it was given."
        return "None."

    @property
    def processing(self) -> str:
        """What was done with the model's answers."""
        counts = self.manifest["counts"]
        parts = [f"{count(counts[name])} {words}" for name, words in (("answered", "answers"), ("invalid", "invalid"),
                 ("refused", "refused"), ("dont_know", "don't know")) if name in counts]  # fmt: skip
        weighted = "" if self.manifest["task"].get("weighted") else " or weighted"
        return self.joined(
            f"Of the model's answers: {', '.join(parts)}",
            "Probabilities were calibrated on the pilot before answers were drawn" if self.calibrated else "",
            f"No answer was replaced{weighted}; states are counted on the card",
        )

    @property
    def source(self) -> str:
        """Citation and licence."""
        published = self.task("published")
        return self.joined(
            self.task("citation"), f"Licence: {self.task('licence')}" if self.task("licence") else "",
            f"Public since {published}" if published else "", f"sha256 of the data {str(self.manifest['data']['sha256'])[:16]}",
        )  # fmt: skip

    @property
    def limits(self) -> str:
        """What limits the conclusions, as far as the run knows."""
        found = []
        if self.people != "people":
            found.append("The reference is synthetic: this run says nothing of people")
        if self.manifest.get("limited"):
            found.append("Only a part of the test people was simulated")
        found += [str(one) for one in self.manifest["model"].get("banners") or ()]
        found.append("What was measured holds for these items, this population and this time")
        return self.joined(*found)

    @property
    def purpose(self) -> str:
        """What the model was used for."""
        if not self.language_model:
            return self.no_language_model
        return "Simulating answers of survey respondents, to measure how faithfully they reproduce people's."

    @property
    def automated(self) -> str:
        """Whether a person took part in the simulation."""
        return "Fully automated: no person saw or changed an answer." if self.language_model else self.purpose

    @property
    def model_said(self) -> str:
        """The model in a sentence."""
        model = self.manifest["model"]
        kind = "the language model" if self.language_model else "the model"
        return (
            f"{kind} {model['name']} ({model['string']})"
            if model["name"] != model["string"]
            else f"{kind} {model['name']}"
        )

    @property
    def model(self) -> str:
        """Name, version and date."""
        model = self.manifest["model"]
        print_ = model["fingerprint"]
        known = "hash of its content" if print_["kind"] == "content" else "declared, not checked"
        return self.joined(
            f"{model['name']}, model string {model['string']}", f"Fingerprint {str(print_['value'])[:16]} ({known})",
            f"{'Asked' if self.language_model else 'Read' if self.from_file else 'Run'} on {self.day}",
        )  # fmt: skip

    @property
    def access(self) -> str:
        """Where the model ran."""
        if not self.language_model:
            return self.no_language_model
        host = (self.manifest.get("leaves") or {}).get("to")
        if host or self.scheme == "openai":
            return f"Separate calls to {host or 'a server with an OpenAI-compatible interface'}."
        if self.scheme not in _LOCAL:
            return ""
        return "Weights run locally, without a chat interface; each request is a call of its own."

    @property
    def customised(self) -> str:
        """Fine-tuning, examples, calibration."""
        text = str(self.manifest["model"]["string"])
        found = []
        if text.startswith("lora:"):
            found.append("A LoRA adapter, trained on pilot people who do not test it; see the card")
        if re.search(r"[?&]examples=0*[1-9]", text):
            found.append("Pilot interviews stood in the prompt")
        if self.calibrated:
            found.append("Probabilities were calibrated on the pilot")
        known = self.scheme in (*_LOCAL, *_NOT_A_LANGUAGE_MODEL, "openai")
        return self.joined(*found) or ("None." if known else "")

    @property
    def system(self) -> str:
        """The system text."""
        system = (self.manifest["task"].get("interview") or {}).get("system")
        if not self.language_model:
            return self.no_language_model
        return f"“{system}”" if system else "None."

    @property
    def validation(self) -> str:
        """How answers were validated."""
        if self.people != "people":
            return "None: the reference is synthetic."
        return (
            f"All answers were compared with those of the {count(self.manifest['split']['test'])} people themselves; the card has "
            "measures, references and floors."
        )

    @property
    def code(self) -> str:
        """How to run it again."""
        return f"surveyeval {self.manifest['surveyeval']}; {self.manifest['command']}"


def asked(facts: Facts) -> str:
    """How the model was asked, in a sentence."""
    if not facts.language_model:
        return f"Its answers were {FROM_FILE}." if facts.from_file else ""
    interview = facts.manifest["task"].get("interview") or {}
    way = (
        (facts.manifest.get("elicitation") or {}).get("text")
        or facts.manifest["options"].get("elicitation")
        or "choice"
    )
    mode = {
        "sequential": "one after another, each with the simulated answers before it",
        "independent": "each on its own",
    }.get(str(interview.get("mode")), "in order")
    profile = facts.manifest["task"].get("profile") or []
    hidden = set(facts.manifest["options"].get("hidden") or ())
    shown = [str(one).replace("_", " ") for one in profile if one not in hidden]
    told = f"was told each person's {enumerate_words(shown)}" if shown else "was told nothing of the person"
    return (
        f"The model {told} and was asked the items {mode}, with options as {interview.get('options', 'letters')} in "
        f"{interview.get('order', 'fixed')} order (elicitation: {way})."
    )


def parameters(facts: Facts) -> str:
    """Parameters, seed and draws."""
    options = facts.manifest["options"]
    known = {
        name: value
        for name, value in facts.details.items()
        if isinstance(value, (str, int, float)) and name != "weights"
    }
    listed = ", ".join(f"{name} {value}" for name, value in sorted(known.items()))
    seeds = f"Seed {options['seed']}, {options['draws']} draw{'' if options['draws'] == 1 else 's'}"
    return facts.joined(seeds, listed[:1].upper() + listed[1:] if listed else "")


def state_kept(facts: Facts) -> str:
    """Whether one answer could see another."""
    if not facts.language_model:
        return facts.no_language_model
    if str((facts.manifest["task"].get("interview") or {}).get("mode")) == "independent":
        return "No: each item was asked in a conversation of its own."
    return "Within one simulated interview only: each item was asked after the answers before it. Interviews share nothing."


def prompts(facts: Facts) -> str:
    """Where the prompts are."""
    if not facts.language_model:
        return facts.no_language_model
    return "An example for an invented respondent is below; all templates are in the task.yaml of the run directory."


def personal(facts: Facts) -> str:
    """What of people the model was given, and where that went."""
    leaves = facts.manifest.get("leaves")
    profile = [
        one for one in facts.manifest["task"].get("profile") or [] if one not in facts.manifest["options"]["hidden"]
    ]
    given = f"Profile fields: {', '.join(map(str, profile))}" if profile else "No profile"
    if facts.from_file:
        given = "What was given to whatever answered is for the author of the file to say"
    if not leaves:
        return facts.joined(given, "surveyeval sent nothing to another machine")
    sent = [*map(str, leaves.get("profile") or ()), *(f"answers to {one}" for one in leaves.get("answers") or ())]
    return facts.joined(
        given, f"Sent to {leaves.get('to') or 'another machine'}: {', '.join(sent) or 'questions only'}"
    )


def tried(facts: Facts, *, alone: bool = True) -> str:
    """How many configurations were tried on the task, on this machine.

    Parameters
    ----------
    facts : Facts
    alone : bool
        Whether to say how many of them came before this run; not where the sentence is about several runs.
    """
    elsewhere = "what was tried elsewhere is not counted."
    if (now := facts.counted) is not None:
        before = (
            f", {count(now.before) if now.before else 'none'} of them before this run" if alone and now.n > 1 else ""
        )
        return f"{tries(now.n)} tried on this task on this machine until {now.until}{before}; {elsewhere}"
    n = int(facts.manifest.get("tried") or 0)
    if not n:
        return "How many configurations were tried on this task is not recorded."
    return f"{tries(n)} tried on this task on the machine of this run, all models of its command included; what was tried later, or elsewhere, is not counted."


def most_tried(runs: Iterable[Facts]) -> int:
    """The largest number that runs of one task know of; 0 where none does."""
    return max(
        (one.counted.n if one.counted is not None else int(one.manifest.get("tried") or 0) for one in runs), default=0
    )


def tries(n: int) -> str:
    """``1 configuration was``, ``7 configurations were``."""
    return f"{count(n)} configuration{' was' if n == 1 else 's were'}"


def cutoff_of(manifest: Mapping[str, Any]) -> str:
    """When a model's training data end, as the user declared it (``?cutoff=``) or the model says; empty where unknown."""
    model = manifest["model"]
    declared = re.search(r"[?&]cutoff=([\d-]+)", str(model["string"]))
    details = model["fingerprint"].get("details") or {}
    return declared[1] if declared else str(details.get("cutoff") or "").strip()


def contamination(facts: Facts) -> str:
    """The model's cut-off against the publication of the data; empty where no language model can have read them."""
    if facts.scheme in _NOT_A_LANGUAGE_MODEL:
        return ""
    published, cutoff = facts.task("published"), cutoff_of(facts.manifest)
    since = f"The data were public since {published}" if published else "It is not stated when the data became public"
    if not cutoff:
        return f"{since}; the model's training cut-off is not known, so memorisation is not excluded."
    years = [re.match(r"\d{4}(?:-\d\d)?(?:-\d\d)?", text) for text in (published, cutoff)]
    if years[0] and years[1]:
        length = min(len(years[0][0]), len(years[1][0]))
        public, trained = years[0][0][:length], years[1][0][:length]
        if public > trained:
            return f"{since}, after the model's training cut-off ({cutoff}): the rows cannot have been read, reports before them may have."
        return f"{since}, not after the model's training cut-off ({cutoff}): memorisation is not excluded."
    return f"{since}; the model's training cut-off is {cutoff}. Memorisation is not excluded."
