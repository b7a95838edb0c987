"""ComputeEnvironment: how much batch jobs may use at once, and on which nodes."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from longshore.api.base import Model, Quantity, Rule
from longshore.api.common import Conditions, NodeSelection


class Capacity(Model):
    """Limits on what the jobs of an environment ask for in all."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.maxCpu) || has(self.maxMemory) || has(self.maxGpus)",
            "set at least one of maxCpu, maxMemory and maxGpus",
        ),
    )
    max_cpu: Quantity | None = Field(
        default=None, description="Processor time in all, such as 64. Default: no limit."
    )
    max_memory: Quantity | None = Field(
        default=None, description="Memory in all, such as 256Gi. Default: no limit."
    )
    max_gpus: Annotated[int, Field(ge=0, le=100000)] | None = Field(
        default=None, description="Accelerators in all. Default: no limit."
    )


class ComputeEnvironmentSpec(Model):
    """What is wanted of a compute environment."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "(self.type == 'Managed') == has(self.capacity)",
            "a Managed environment needs capacity; for an Unmanaged one leave it out, its nodes give it",
        ),
        Rule("self.type == oldSelf.type", "type cannot be changed: create another ComputeEnvironment"),
    )
    type: Literal["Managed", "Unmanaged"] = Field(
        default="Managed",
        description="Managed: up to capacity. Unmanaged: up to what the nodes of placement can allocate, live. Default: Managed.",
    )
    state: Literal["Enabled", "Disabled"] = Field(
        default="Enabled",
        description="Disabled takes no more jobs; those that run go on to their end. Default: Enabled.",
    )
    capacity: Capacity | None = Field(default=None, description="What jobs may ask for in all, if Managed.")
    placement: NodeSelection = Field(
        default=NodeSelection(),
        description="On which nodes the jobs run; added to their own placement. Default: any.",
    )


class AmountsStatus(Model):
    """Amounts of each resource; one without a limit is left out."""

    cpu: Annotated[str, Field(max_length=32)] | None = Field(default=None, description="Processor time.")
    memory: Annotated[str, Field(max_length=32)] | None = Field(default=None, description="Memory.")
    gpus: int | None = Field(default=None, description="Accelerators.")


class ComputeEnvironmentStatus(Model):
    """What is known of a compute environment."""

    observed_generation: int | None = Field(
        default=None, description="The generation of the spec that this status speaks of."
    )
    conditions: Conditions = Field(default=[], description="Ready.")
    jobs: int | None = Field(default=None, description="Jobs that are admitted.")
    allocated: AmountsStatus | None = Field(default=None, description="What they ask for in all.")
    free: AmountsStatus | None = Field(default=None, description="What is left.")
    nodes: int | None = Field(default=None, description="Nodes that are counted, if Unmanaged.")
    cpu: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="Allocated of all, such as 12/16."
    )
    memory: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="Allocated of all, such as 24Gi/64Gi."
    )
    gpus: Annotated[str, Field(max_length=32)] | None = Field(
        default=None, description="Allocated of all, such as 0/4."
    )


class ComputeEnvironment(Model):
    """How much batch jobs may use at once, and on which nodes they run."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 63",
            "metadata.name: use at most 63 lower-case letters, digits and '-', beginning and ending with a letter or digit",
        ),
    )
    spec: ComputeEnvironmentSpec = Field(description="What is wanted.")
    status: ComputeEnvironmentStatus | None = Field(
        default=None, description="What is known. Written by Longshore."
    )
