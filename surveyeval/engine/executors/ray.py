"""Blocks on Ray: language models answer in workers of their own, on this machine or a cluster.

Models that answer a whole table (baselines, files, scripts) need no worker, and answer in this process. The response cache is
looked up and written in this process as well.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from surveyeval.engine.asking import Asker, LanguageAsker
from surveyeval.engine.executor import Answering, InThisProcess
from surveyeval.engine.executors.crew import ATTEMPTS, Crew, unforeseen
from surveyeval.engine.executors.on_workers import OnWorkers
from surveyeval.engine.executors.options import RayOptions
from surveyeval.engine.executors.worker import differing, train
from surveyeval.errors import ConfigError, MissingExtraError, SurveyevalError
from surveyeval.model.build import NamedModel
from surveyeval.model.protocol import Fingerprint, LanguageModel
from surveyeval.progress import Progress, Silent

__all__ = ["Ray"]

#: Set before Ray is imported: it tells nobody that it is used, leaves the environment of a worker without GPU alone, and
#: does not print that a worker died, which is told here.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": "A worker died or was killed",
}
#: Options of a model that count what the whole command may use.
_BUDGETS = ("max_calls", "max_total_tokens", "max_cost")


class Ray:
    """The executor ``ray``.

    Parameters
    ----------
    options : RayOptions
    """

    name = "ray"

    def __init__(self, options: RayOptions | None = None) -> None:
        self.options = options or RayOptions()
        self._ray: Any = None
        self._started = False
        self._crew: Crew | None = None
        self._of: NamedModel | None = None
        self._progress: Progress = Silent()

    # ---- the cluster ----------------------------------------------------------------------------------------------

    def connect(self) -> Any:
        """Ray, connected. Where no cluster is named, one is started on this machine, and stopped by `close`.

        Raises
        ------
        MissingExtraError, ConfigError
        """
        if self._ray is not None:
            return self._ray
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            ray: Any = import_module("ray")
        except ImportError as error:
            raise MissingExtraError(
                "executor 'ray' needs Ray, which is not installed", hint='pip install "surveyeval-harness[ray]"'
            ) from error
        if not ray.is_initialized():  # else somebody has connected already, and ends the connection
            address = self.options.address or os.environ.get("RAY_ADDRESS")
            self._init(ray, address)
            self._started = True
        self._ray = ray
        if self.options.gpus_per_worker > 0 and self._local and not ray.cluster_resources().get("GPU"):
            self.close()
            raise ConfigError(
                f"a worker is to hold {self.options.gpus_per_worker:g} GPU, and Ray finds none on this machine",
                hint="leave gpus_per_worker out, or name a cluster with -E address=",
            )
        return ray

    @property
    def _local(self) -> bool:
        return self._started and not (self.options.address or os.environ.get("RAY_ADDRESS"))

    def _init(self, ray: Any, address: str | None) -> None:
        quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False, "configure_logging": True}
        if address is None:
            each = max(self.options.cpus_per_worker, 1e-9)
            wanted = int(np.ceil((self.options.workers or 1) * each))
            quiet |= {
                "address": "local", "include_dashboard": False, "_node_ip_address": "127.0.0.1",
                "num_cpus": max(os.cpu_count() or 1, wanted), "object_store_memory": self.options.object_store * 2**20,
            }  # fmt: skip
        else:
            quiet["address"] = address
        try:
            ray.init(**quiet)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            where = f"the Ray cluster {address!r}" if address else "Ray on this machine"
            said = " ".join(str(error).split())
            raise ConfigError(
                f"{where} cannot be reached: {said}" if address else f"{where} does not start: {said}",
                hint="`ray status` on the machine of the command shows the cluster; address=auto finds the one that it is part of",
            ) from error

    def _size(self, ray: Any) -> int:
        """Workers that fit, unless the user says how many."""
        if self.options.workers is not None:
            return self.options.workers
        there = ray.cluster_resources()
        fits = [
            int(there.get(kind, 0) / each + 1e-9)
            for kind, each in (("CPU", self.options.cpus_per_worker), ("GPU", self.options.gpus_per_worker))
            if each > 0
        ]
        return max(1, min(fits, default=1))

    def workers(self, named: NamedModel, progress: Progress) -> Crew:
        """The workers of a model; those of the model before are ended first."""
        if self._crew is None or self._of is not named:
            self._end_crew()
            ray = self.connect()
            self._crew = Crew(ray, named, self.options, self._size(ray), str(Path.cwd()), progress)
            self._of = named
        return self._crew

    # ---- the executor ---------------------------------------------------------------------------------------------

    def fingerprint(self, named: NamedModel, progress: Progress) -> Fingerprint:
        """Of the model; where workers have GPUs, of the first worker: device and precision are part of it."""
        if not isinstance(named.model, LanguageModel) or self.options.gpus_per_worker == 0:
            return named.model.fingerprint()
        progress.phase(f"{named.name}: starting workers", 0)
        try:
            return self.workers(named, progress).reference()
        finally:
            progress.finish()

    def attach(self, asker: Asker, named: NamedModel, fingerprint: Fingerprint) -> Answering:
        """Put workers in the place of a language model.

        Raises
        ------
        ConfigError
            When the model has a budget, which one process alone can keep.
        """
        if not isinstance(asker, LanguageAsker):
            return InThisProcess(asker)
        options = getattr(named.model, "options", None)
        limits = [name for name in _BUDGETS if getattr(options, name, None) is not None]
        if limits:
            raise ConfigError(
                f"model {named.name!r} has a budget ({', '.join(limits)}), and each worker would count for itself",
                hint="leave --executor out: requests to a server are many at a time in one process too",
            )
        asker.away = away = OnWorkers(asker, fingerprint, lambda: self.workers(named, asker.progress))
        return away

    def train(self, due: Mapping[Path, Callable[..., object]], progress: Progress) -> None:
        """Every training is a task of its own; one that fails is raised when the others are done.

        Raises
        ------
        SurveyevalError
        """
        if not due:
            return
        ray = self.connect()
        self._end_crew()
        resources = {"num_cpus": self.options.cpus_per_worker, "num_gpus": self.options.gpus_per_worker}
        remote = ray.remote(train).options(max_retries=ATTEMPTS, **resources)
        here = str(Path.cwd())
        refs = [remote.remote(call, target, here) for target, call in due.items()]
        progress.phase("training on workers", len(refs))
        errors: list[SurveyevalError] = []
        try:
            while refs:
                (done,), refs = ray.wait(refs, num_returns=1)
                try:
                    placed, answered = ray.get(done)
                    error = answered.error or differing(placed.versions, placed.node)
                except ray.exceptions.RayError as failed:
                    error = unforeseen("a worker that trained", failed)
                    error.__cause__ = failed
                errors += [] if error is None else [error]
                progress.advance()
        finally:
            for ref in refs:
                ray.cancel(ref, force=True)
        progress.finish()
        if errors:
            raise errors[0]

    def _end_crew(self) -> None:
        if self._crew is not None:
            self._crew.end()
        self._crew = self._of = None

    def close(self) -> None:
        """End the workers, and the connection if it was made here."""
        self._end_crew()
        if self._ray is not None and self._started:
            self._ray.shutdown()
        self._ray, self._started = None, False
