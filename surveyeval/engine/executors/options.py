"""Options of the executor ``ray``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["RayOptions"]


class RayOptions(BaseModel):
    """Written ``ray?workers=4&gpus_per_worker=0.5``, or ``-E workers=4 -E gpus_per_worker=0.5``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str | None = Field(
        None,
        description="a running cluster, host:port or auto; default: RAY_ADDRESS, else Ray is started on this machine",
    )
    workers: int | None = Field(None, ge=1, description="model copies; default: as many as fit into the cluster now")
    cpus_per_worker: float = Field(1.0, ge=0, description="processors that a worker holds")
    gpus_per_worker: float = Field(0.0, ge=0, description="GPUs that a worker holds; 0.5: two workers share one")
    max_in_flight: int = Field(
        2, ge=1, description="blocks that a worker holds at a time: one in work, the others waiting"
    )
    patience: float = Field(600.0, gt=0, description="seconds that the cluster may take to place the first worker")
    object_store: int = Field(256, ge=80, description="MiB of shared memory of a Ray that is started on this machine")

    @field_validator("address")
    @classmethod
    def _on_the_cluster(cls, value: str | None) -> str | None:
        if value is not None and value.startswith("ray://"):
            raise ValueError("must be host:port or auto, and the command is run on a machine of the cluster")
        return value

    @field_validator("gpus_per_worker")
    @classmethod
    def _whole_or_a_part(cls, value: float) -> float:
        if value > 1 and value != int(value):
            raise ValueError("must be a part of one GPU or a whole number of them")
        return value

    @property
    def each(self) -> str:
        """What a worker holds, in words."""
        gpus = f" and {self.gpus_per_worker:g} GPU" if self.gpus_per_worker else ""
        return f"{self.cpus_per_worker:g} CPU{gpus}"
