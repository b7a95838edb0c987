"""JobQueue: in which order, and where, batch jobs are admitted."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from longshore.api.base import DnsLabel, ListMap, ListType, MapValues, Model, Rule
from longshore.api.common import Conditions

Pattern = Annotated[
    str,
    Field(min_length=1, max_length=64),
    Rule(
        "self.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?|([a-z0-9][-a-z0-9]*)?[*])$')",
        "write a name of lower-case letters, digits and '-'; a '*' at its end stands for any ending",
    ),
]
"""A name, or with a trailing `*` all names that begin so."""


class Share(Model):
    """A part of the queue."""

    name: Pattern = Field(
        description="What jobs write in spec.share. With a * at the end each share that begins so gets this weight."
    )
    weight: Annotated[int, Field(ge=1, le=1000)] = Field(
        description="Its part in relation to the others', from 1 to 1000: 2 gets twice as much as 1."
    )


class FairShare(Model):
    """Divides what the queue runs between shares."""

    half_life_seconds: Annotated[int, Field(ge=1, le=2592000)] = Field(
        default=3600,
        description="Seconds after which what a share has used counts half. Default: 3600, an hour.",
    )
    shares: Annotated[list[Share], Field(max_length=100), ListMap(("name",))] = Field(
        default=[],
        description="Weights by share, at most 100; the longest name that matches counts. Default: 1 for each.",
    )


NamespaceLabels = Annotated[
    dict[str, str],
    MapValues(max_entries=10, max_value=63),
    Rule("size(self) > 0", "write at least one label, or leave out namespaceSelector"),
    Rule(
        "self.all(k, size(k) <= 316 && k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$')"
        " && self[k].matches('^([a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?)?$'))",
        "write labels as the namespace carries them, such as example.com/team: research",
    ),
]


class NamespaceSelector(Model):
    """Namespaces by their labels."""

    match_labels: NamespaceLabels = Field(
        description="Labels that a namespace must carry, all of them, at most 10."
    )


class JobQueueSpec(Model):
    """What is wanted of a queue."""

    priority: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=0,
        description="Where queues use the same compute environment, the higher goes first; from 0 to 1000. Default: 0.",
    )
    state: Literal["Open", "Draining", "Stopped"] = Field(
        default="Open",
        description="Open; Draining: runs what it holds and takes nothing new; Stopped: starts nothing, what runs goes on. Default: Open.",
    )
    compute_environments: Annotated[
        list[DnsLabel], Field(min_length=1, max_length=10), ListType("atomic")
    ] = Field(
        description="Names of ComputeEnvironments, at most 10. A job gets into the first that has room for it."
    )
    max_running_jobs: Annotated[int, Field(ge=1, le=100000)] | None = Field(
        default=None, description="Jobs that are admitted at once. Default: no limit of its own."
    )
    max_waiting_jobs: Annotated[int, Field(ge=1, le=100000)] | None = Field(
        default=None,
        description="Jobs in line at once; later ones get into the line as it shortens. Default: no limit.",
    )
    backfill: bool = Field(
        default=True,
        description="Jobs behind the one that is next, and for which there is no room, are admitted beside what is kept for it. false: none passes it. Default: true.",
    )
    fair_share: FairShare | None = Field(
        default=None,
        description="Divide between shares. Default: one line, by priority and time of submission.",
    )
    allowed_namespaces: Annotated[list[Pattern], Field(max_length=100), ListType("set")] = Field(
        default=[],
        description="Namespaces whose jobs are taken, at most 100; a * at the end stands for any ending. Default: all.",
    )
    namespace_selector: NamespaceSelector | None = Field(
        default=None,
        description="Namespaces whose jobs are taken, by their labels; those of allowedNamespaces as well, if that is set. Default: none by labels.",
    )


class JobQueueStatus(Model):
    """What is known of a queue."""

    observed_generation: int | None = Field(
        default=None, description="The generation of the spec that this status speaks of."
    )
    conditions: Conditions = Field(default=[], description="Ready.")
    waiting: int | None = Field(default=None, description="Jobs that wait.")
    running: int | None = Field(default=None, description="Jobs that are admitted.")
    oldest_waiting: Annotated[str, Field(max_length=8)] | None = Field(
        default=None,
        description="How long the oldest has waited, roughly: <1m, 1m, 5m, 15m, 1h, 6h, 1d, 7d and more.",
    )
    draining_since: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = Field(
        default=None, description="Jobs submitted later than this are not taken."
    )


class JobQueue(Model):
    """A line for batch jobs: in which order, and where, they are admitted."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 63",
            "metadata.name: use at most 63 lower-case letters, digits and '-', beginning and ending with a letter or digit",
        ),
    )
    spec: JobQueueSpec = Field(description="What is wanted.")
    status: JobQueueStatus | None = Field(default=None, description="What is known. Written by Longshore.")
