"""What a PEFT adapter's folder says: on which base and on whom it was trained. The engine that runs it plays no part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.errors import MissingExtraError, ModelError, SurveyevalError
from surveyeval.model.hf import HFModel
from surveyeval.model.protocol import Fingerprint
from surveyeval.model.strings import parse_model_string
from surveyeval.model.weights import content_hash
from surveyeval.task.human import HumanData
from surveyeval.task.task import Task

__all__ = ["AdapterFolder"]

UNKNOWN = "Training rows unknown: the adapter has no surveyeval.json, so test people may have been trained on."
OTHER_BASE = "The base given with ?base= is not the one that the adapter was trained on."


def _check_types(record: dict[str, Any]) -> None:
    """Texts where texts are used; raises TypeError."""
    texts = [
        *(record["base"][name] for name in ("model", "hash")), record["pilot"]["salt"], record["task"]["name"],
        record["data"]["sha256"], record["data"]["identifiers"],
    ]  # fmt: skip
    hashes = record["pilot"]["hashes"]
    if not isinstance(hashes, list) or not all(isinstance(text, str) for text in [*texts, *hashes]):
        raise TypeError("a text is needed")


class AdapterFolder:
    """An adapter with its record and its base.

    Parameters
    ----------
    reference : str
        The folder.
    base : str, optional
        Model string of the base, where it is not the one that the adapter names.

    Raises
    ------
    ModelError
        When the folder holds no adapter, the record is damaged, or the base is missing or another one.
    """

    def __init__(self, reference: str, base: str | None) -> None:
        self.folder = Path(reference)
        if not (self.folder / "adapter_config.json").is_file():
            raise ModelError("is no adapter folder: it has no adapter_config.json", file=reference)
        if not (self.folder / "adapter_model.safetensors").is_file() and any(self.folder.glob("*.bin")):
            raise ModelError(
                "its weights are a pickle, which is a program and is not read",
                file=reference,
                hint="save the adapter with safetensors (adapter_model.safetensors)",
            )
        self.record: dict[str, Any] | None = self._read_record()
        self.base = self._base(base)

    def _read_record(self) -> dict[str, Any] | None:
        path = self.folder / "surveyeval.json"
        if not path.exists():
            return None
        try:
            record: dict[str, Any] = json.loads(path.read_text())
            record["base"]["model"], record["base"]["hash"], record["pilot"]["salt"], record["pilot"]["hashes"][0]
            record["task"]["name"], record["data"]["sha256"], record["data"]["identifiers"]
            _check_types(record)
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise ModelError(
                f"is damaged: {error!r}",
                file=str(path),
                hint="it needs base.model, base.hash, pilot.salt, pilot.hashes, task.name, data.sha256 and data.identifiers",
            ) from error
        return record

    def trained_on(self, task: Task, human: HumanData) -> NDArray[np.bool_]:
        """(n,) mask of the people that the adapter was trained on.

        Raises
        ------
        ModelError
            When the adapter was trained on this task with other data, or on these data by another task, and either knows
            people by row number only, or when some of its people are not among these: then nobody can say who may test it.
        """
        people = human.sample
        if self.record is None:
            return np.zeros(people.n, dtype=bool)
        same_data = self.record["data"]["sha256"] == human.sha256
        if not same_data and self.record["task"]["name"] != task.name:
            return np.zeros(people.n, dtype=bool)
        kinds = {self.record["data"]["identifiers"], "row" if task.spec.source.id is None else "column"}
        if kinds != {"column"} and not (same_data and kinds == {"row"}):
            raise ModelError(
                f"was trained on {'these data' if same_data else 'other data of this task'}, and people cannot be told "
                "apart: one of the two has no column of identifiers",
                file=self.folder.name,
                hint="use the task and data it was trained on, or give the source a column of identifiers",
            )
        salt, hashes = self.record["pilot"]["salt"], set(self.record["pilot"]["hashes"])
        own = [hashlib.sha256(f"{salt}:{name}".encode()).hexdigest() for name in people.respondent]
        if same_data and not hashes <= set(own):
            raise ModelError(
                f"{len(hashes - set(own))} of the {len(hashes)} people it was trained on are not in these data",
                file=self.folder.name,
                hint="its surveyeval.json does not fit the data; train it again",
            )
        return np.array([one in hashes for one in own], dtype=bool)

    def _base(self, given: str | None) -> HFModel:
        from surveyeval.model.build import build_model

        named = given or (self.record["base"]["model"] if self.record else None)
        if named is None:
            try:
                name = json.loads((self.folder / "adapter_config.json").read_text()).get("base_model_name_or_path")
            except (OSError, ValueError, AttributeError, RecursionError) as error:
                raise ModelError("adapter_config.json is damaged", file=str(self.folder)) from error
            if not name or not isinstance(name, str):
                raise ModelError(
                    "the adapter does not name its base model", file=str(self.folder), hint="add ?base=hf:NAME"
                )
            named = name if ":" in name else f"hf:{name}"
        if parse_model_string(named).scheme == "lora":  # perhaps this very folder, without end
            raise ModelError("its base is an adapter", file=str(self.folder), hint="give its base with ?base=hf:PATH")
        try:
            model = build_model(named).model
            if not isinstance(model, HFModel) or isinstance(model, AdapterFolder):
                raise ModelError("is no transformers model")
            self.base_hash = model.weights_hash()
        except MissingExtraError:
            raise
        except SurveyevalError as error:
            raise ModelError(
                f"its base {named!r} cannot be used: {error}",
                file=str(self.folder),
                hint="where the base lies elsewhere, give it with ?base=hf:PATH",
            ) from error
        if self.record is not None and given is None and self.base_hash != self.record["base"]["hash"]:
            raise ModelError(
                f"base {named!r} is not the one the adapter was trained on: hash {self.base_hash[:12]}, "
                f"trained on {self.record['base']['hash'][:12]}",
                file=str(self.folder),
                hint="install the same version of the base, or give it with ?base=hf:PATH",
            )
        return model

    def banners(self) -> Sequence[str]:
        """Warnings when nobody knows on whom the adapter was trained, and when its base is another one."""
        if self.record is None:
            return (UNKNOWN,)
        return () if self.base_hash == self.record["base"]["hash"] else (OTHER_BASE,)

    def cautions(self, task: Task, hidden: frozenset[str]) -> Sequence[str]:
        """Sentences for the card where it is asked otherwise than it was trained."""
        record = self.record
        if record is None:
            return ()
        if record["task"]["name"] != task.name:
            return (f"The adapter was trained on another task, {record['task']['name']}.",)
        said = []
        if record["task"].get("hash", task.content_hash) != task.content_hash:
            said.append("The adapter was trained on another version of this task file.")
        trained_set = record["task"].get("profile_set", task.profile_set)
        if trained_set != task.profile_set:
            said.append(
                f"The adapter was trained with profile set {trained_set}, and is asked with {task.profile_set}."
            )
        trained = frozenset(record.get("hidden", ()))
        for names, words in (
            (trained - hidden, "shown, but not in training"),
            (hidden - trained, "hidden, but not in training"),
        ):
            if names and trained_set == task.profile_set:
                said.append(f"Profile fields {words}: {', '.join(sorted(names))}.")
        if record.get("held_out"):
            said.append(f"Nobody was asked {', '.join(record['held_out'])} in training.")
        return tuple(said)

    def told(self, known: Fingerprint) -> Fingerprint:
        """A fingerprint whose details tell how the adapter was trained as well."""
        if self.record is None:
            return known
        record = self.record
        adapter = {
            "base": parse_model_string(record["base"]["model"]).name,
            "pilot": record["pilot"].get("people", len(record["pilot"]["hashes"])),
            "arms": list(record["pilot"]["arms"]) if "arms" in record["pilot"] else None,
            "design": record["pilot"].get("design", {}),
            "trained_on": record["task"]["name"],
            "objective": record.get("options", {}).get("objective", ""),
            "epochs": record.get("epochs"),
            "options": record.get("options", {}),
            "cost": record.get("cost", {}),
            "loss": record.get("loss", []),
        }
        return Fingerprint(known.kind, known.value, {**known.details, "adapter": adapter})

    def adapter_hash(self) -> str:
        """sha256 of the adapter."""
        return content_hash(self.folder, "adapter_*")

    def tuned_hash(self) -> str:
        """sha256 of base and adapter together."""
        return hashlib.sha256(f"{self.base_hash}:{self.adapter_hash()}".encode()).hexdigest()
